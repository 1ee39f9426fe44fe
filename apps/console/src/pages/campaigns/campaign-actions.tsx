import type { Campaign, CampaignState } from '@rapport/campaigns/contract';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import {
  actOnCampaign,
  type CampaignAction,
  campaignQuery,
  cloneCampaign,
  deleteCampaign,
} from '../../api/campaigns.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { useConfirm } from '../../ui/confirm.ts';
import {
  ChartIcon,
  CopyIcon,
  EditIcon,
  PauseIcon,
  PlayIcon,
  RemoveIcon,
  SendIcon,
  StopIcon,
} from '../../ui/icons.ts';
import { Button } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';

const editable: ReadonlySet<CampaignState> = new Set(['draft', 'rejected', 'in_review', 'approved']);
const removable: ReadonlySet<CampaignState> = new Set(['draft', 'rejected']);
const stoppable: ReadonlySet<CampaignState> = new Set(['scheduled', 'running', 'paused']);

/** What may be done with a campaign in its state, by this user. */
export function CampaignActions({ campaign }: { readonly campaign: Campaign }) {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const confirm = useConfirm();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { id, state } = campaign;
  const act = useMutation({
    mutationFn: (action: CampaignAction) => actOnCampaign(id, action),
    onSuccess: async (changed) => {
      queries.setQueryData(campaignQuery(id).queryKey, changed);
      await queries.invalidateQueries({ queryKey: ['campaigns'] });
      await queries.invalidateQueries({ queryKey: ['approvals'] });
    },
    onError: notify.problem,
  });
  const clone = useMutation({
    mutationFn: () => cloneCampaign(id),
    onSuccess: async (copy) => {
      await queries.invalidateQueries({ queryKey: ['campaigns', 'list'] });
      await navigate({ to: '/campaigns/$campaignId/edit', params: { campaignId: copy.id } });
    },
    onError: notify.problem,
  });
  const remove = useMutation({
    mutationFn: () => deleteCampaign(id),
    onSuccess: async () => {
      await navigate({ to: '/campaigns' });
      await queries.invalidateQueries({ queryKey: ['campaigns', 'list'] });
    },
    onError: notify.problem,
  });
  const handleAct = async (action: CampaignAction): Promise<void> => {
    const needsConfirm = action === 'launch' || action === 'stop';
    const sure =
      !needsConfirm ||
      (await confirm({
        title: t(`campaigns.confirm.${action}`),
        text: t(`campaigns.confirm.${action}Text`),
        action: t(`campaigns.do.${action}`),
        danger: action === 'stop',
      }));
    if (sure) act.mutate(action);
  };
  const handleRemove = async (): Promise<void> => {
    const sure = await confirm({
      title: t('campaigns.confirm.delete', { name: campaign.name }),
      action: t('common.delete'),
      danger: true,
    });
    if (sure) remove.mutate();
  };
  const button = (
    action: CampaignAction,
    options: { primary?: boolean; danger?: boolean; icon: React.ReactNode },
  ) => (
    <Button
      type={options.primary ? 'primary' : 'default'}
      danger={options.danger === true}
      icon={options.icon}
      loading={act.isPending && act.variables === action}
      onClick={() => void handleAct(action)}
    >
      {t(`campaigns.do.${action}`)}
    </Button>
  );
  return (
    <>
      {removable.has(state) && may('campaigns.write') ? (
        <Button
          danger
          type="text"
          icon={<RemoveIcon />}
          aria-label={t('campaigns.delete')}
          onClick={() => void handleRemove()}
        />
      ) : null}
      {may('campaigns.write') ? (
        <Button icon={<CopyIcon />} loading={clone.isPending} onClick={() => clone.mutate()}>
          {t('campaigns.clone')}
        </Button>
      ) : null}
      {editable.has(state) && may('campaigns.write') ? (
        <Button
          type={state === 'draft' || state === 'rejected' ? 'primary' : 'default'}
          icon={<EditIcon />}
          onClick={() => void navigate({ to: '/campaigns/$campaignId/edit', params: { campaignId: id } })}
        >
          {t('common.edit')}
        </Button>
      ) : null}
      {(state === 'in_review' || state === 'approved') && may('campaigns.submit')
        ? button('withdraw', { icon: <EditIcon /> })
        : null}
      {(state === 'approved' || state === 'scheduled') && may('campaigns.launch')
        ? button('launch', { primary: true, icon: <SendIcon /> })
        : null}
      {state === 'running' && may('campaigns.pause') ? button('pause', { icon: <PauseIcon /> }) : null}
      {state === 'paused' && may('campaigns.launch')
        ? button('resume', { primary: true, icon: <PlayIcon /> })
        : null}
      {stoppable.has(state) && may('campaigns.stop')
        ? button('stop', { danger: true, icon: <StopIcon /> })
        : null}
      {campaign.launchedAt && may('reports.read') ? (
        <Button
          type={state === 'finished' || state === 'stopped' ? 'primary' : 'default'}
          icon={<ChartIcon />}
          onClick={() => void navigate({ to: '/campaigns/$campaignId/report', params: { campaignId: id } })}
        >
          {t('campaigns.report')}
        </Button>
      ) : null}
    </>
  );
}
