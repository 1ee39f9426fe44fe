import type { EmergencyStopBody, EmergencyStopView, StopScope } from '@rapport/channels/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { emergencyStopsQuery, liftEmergencyStop, startEmergencyStop } from '../../api/channels.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { useConfirm } from '../../ui/confirm.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { When } from '../../ui/figures.tsx';
import { StopIcon } from '../../ui/icons.ts';
import { Button, Input, Select } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';

type ScopeChoice = 'global' | 'email' | 'sms';

export function EmergencyPage() {
  const t = useText();
  const may = useMay();
  const queries = useQueryClient();
  const notify = useNotify();
  const confirm = useConfirm();
  const stops = useQuery({ ...emergencyStopsQuery, refetchInterval: 5000 });
  const [choice, setChoice] = useState<ScopeChoice>('global');
  const [reason, setReason] = useState('');
  const refresh = () => queries.invalidateQueries({ queryKey: emergencyStopsQuery.queryKey });
  const start = useMutation({
    mutationFn: (body: EmergencyStopBody) => startEmergencyStop(body),
    onSuccess: async () => {
      setReason('');
      await refresh();
    },
    onError: notify.problem,
  });
  const lift = useMutation({ mutationFn: liftEmergencyStop, onSuccess: refresh, onError: notify.problem });
  const handleStart = async (): Promise<void> => {
    const sure = await confirm({
      title: t('governance.emergency.sure'),
      text: t('governance.emergency.sureText'),
      action: t('governance.emergency.start'),
      danger: true,
    });
    const scope: StopScope = choice === 'global' ? { kind: 'global' } : { kind: 'channel', channel: choice };
    if (sure) start.mutate({ scope, reason });
  };
  const handleLift = async (stop: EmergencyStopView): Promise<void> => {
    const sure = await confirm({
      title: t('governance.emergency.liftSure'),
      text: t('governance.emergency.liftText'),
      action: t('governance.emergency.lift'),
    });
    if (sure) lift.mutate(stop.id);
  };
  const scopeText = (scope: StopScope) => {
    if (scope.kind === 'global') return t('governance.emergency.global');
    if (scope.kind === 'channel') return t(`common.channel.${scope.channel}`);
    return (
      <Link to="/campaigns/$campaignId" params={{ campaignId: scope.campaignId }}>
        {scope.campaignId}
      </Link>
    );
  };
  return (
    <Page title={t('governance.emergency.title')} intro={t('governance.emergency.intro')}>
      {may('emergency_stops.write') ? (
        <Panel title={t('governance.emergency.newTitle')}>
          <div className="row gap-s">
            <Select<ScopeChoice>
              style={{ width: 200 }}
              aria-label={t('governance.emergency.scope')}
              value={choice}
              onChange={setChoice}
              options={[
                { value: 'global', label: t('governance.emergency.global') },
                { value: 'email', label: t('common.channel.email') },
                { value: 'sms', label: t('common.channel.sms') },
              ]}
            />
            <Input
              className="grow"
              style={{ minWidth: 220 }}
              aria-label={t('governance.emergency.reason')}
              placeholder={t('governance.emergency.reason')}
              value={reason}
              onChange={(event) => setReason(event.target.value)}
            />
            <Button
              danger
              type="primary"
              icon={<StopIcon />}
              disabled={reason.trim() === ''}
              loading={start.isPending}
              onClick={() => void handleStart()}
            >
              {t('governance.emergency.start')}
            </Button>
          </div>
        </Panel>
      ) : null}
      <Panel flush title={t('governance.emergency.history')}>
        <Answer query={stops}>
          {({ items }) => (
            <DataTable<EmergencyStopView>
              label={t('governance.emergency.history')}
              rows={items}
              rowKey={(stop) => stop.id}
              empty={<Nothing title={t('governance.emergency.empty')} />}
              columns={[
                {
                  title: t('common.state'),
                  render: (_, stop) =>
                    stop.liftedAt ? (
                      <Badge tone="calm">{t('governance.emergency.lifted')}</Badge>
                    ) : (
                      <Badge tone="bad" live>
                        {t('governance.emergency.inForce')}
                      </Badge>
                    ),
                },
                { title: t('governance.emergency.scope'), render: (_, stop) => scopeText(stop.scope) },
                { title: t('governance.emergency.reason'), dataIndex: 'reason' },
                {
                  title: t('governance.emergency.startedAt'),
                  render: (_, stop) => <When at={stop.startedAt} />,
                },
                {
                  title: t('governance.emergency.liftedAt'),
                  render: (_, stop) => <When at={stop.liftedAt} />,
                },
                {
                  title: '',
                  align: 'right',
                  render: (_, stop) =>
                    !stop.liftedAt && may('emergency_stops.write') ? (
                      <Button size="small" onClick={() => void handleLift(stop)}>
                        {t('governance.emergency.lift')}
                      </Button>
                    ) : null,
                },
              ]}
            />
          )}
        </Answer>
      </Panel>
    </Page>
  );
}
