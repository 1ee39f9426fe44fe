import type { AlertView } from '@rapport/catalog/contract';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { acknowledgeAlert, alertsQuery } from '../../api/catalog.queries.ts';
import { useDynamicText, useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';
import { Ago } from '../../ui/figures.tsx';
import { Button, Segmented, Select } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { CatalogFrame } from './catalog-frame.tsx';
import { ReasonModal } from './reason-modal.tsx';

const STATES = ['open', 'acknowledged', 'resolved'] as const;
const KINDS = ['quality', 'drift', 'arrival', 'load', 'stream', 'tag'] as const;
const tones: Readonly<Record<AlertView['severity'], Tone>> = { info: 'info', warn: 'warn', critical: 'bad' };

/** What somebody should look at, of data and of monitored tags. */
export function AlertsPage() {
  const t = useText();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { state = 'open', kind } = useSearch({ from: '/signed-in/catalog/alerts' });
  const alerts = useInfiniteQuery(
    alertsQuery({ ...(state === 'all' ? {} : { state }), ...(kind ? { kind } : {}) }),
  );
  const [asked, setAsked] = useState<AlertView | undefined>(undefined);
  const take = useMutation({
    mutationFn: ({ id, note }: { id: string; note: string }) => acknowledgeAlert(id, note || undefined),
    onSuccess: async () => {
      setAsked(undefined);
      await queries.invalidateQueries({ queryKey: ['catalog', 'alerts'] });
    },
  });
  const narrow = (change: { state?: string; kind?: string | undefined }): void => {
    const next = Object.fromEntries(
      Object.entries({ state, kind, ...change }).filter(([, value]) => value !== undefined),
    );
    void navigate({ to: '/catalog/alerts', search: next, replace: true });
  };
  return (
    <CatalogFrame>
      <div className="row gap-s">
        <Segmented<string>
          value={state}
          onChange={(next) => narrow({ state: next })}
          options={[
            ...STATES.map((one) => ({ value: one, label: t(`catalog.alertState.${one}`) })),
            { value: 'all', label: t('common.all') },
          ]}
        />
        <Select<string | undefined>
          allowClear
          style={{ minWidth: 140 }}
          placeholder={t('catalog.kindTitle')}
          aria-label={t('catalog.kindTitle')}
          value={kind}
          onChange={(next) => narrow({ kind: next })}
          options={KINDS.map((one) => ({ value: one, label: t(`catalog.alertKind.${one}`) }))}
        />
      </div>
      <Answer query={alerts} rows={8}>
        {(data) => {
          const items = data.pages.flatMap((page) => page.items);
          const counts = data.pages[0]?.open;
          return (
            <Panel
              title={t('catalog.tab.alerts')}
              note={
                counts ? t('catalog.openCounts', { critical: counts.critical, warn: counts.warn }) : undefined
              }
            >
              {items.length === 0 ? (
                <Nothing title={t('catalog.noAlerts')} hint={t('catalog.noAlertsHint')} />
              ) : (
                <ul className="list-plain list-rows">
                  {items.map((alert) => (
                    <AlertRow key={alert.id} alert={alert} onTake={setAsked} />
                  ))}
                </ul>
              )}
              <MoreButton query={alerts} />
            </Panel>
          );
        }}
      </Answer>
      {asked ? (
        <ReasonModal
          isOptional
          title={t('catalog.take2')}
          action={t('catalog.take2')}
          label={t('catalog.takeNote')}
          isPending={take.isPending}
          error={take.error}
          onConfirm={(note) => take.mutate({ id: asked.id, note })}
          onClose={() => setAsked(undefined)}
        />
      ) : null}
    </CatalogFrame>
  );
}

function AlertRow({
  alert,
  onTake,
}: {
  readonly alert: AlertView;
  readonly onTake: (alert: AlertView) => void;
}) {
  const t = useText();
  const may = useMay();
  const localized = useLocalized();
  const dynamic = useDynamicText();
  return (
    <li className="row between gap-m">
      <div className="stack gap-xs grow" style={{ minWidth: 220 }}>
        <span className="row gap-s">
          <Badge tone={tones[alert.severity]}>{t(`catalog.alertSeverity.${alert.severity}`)}</Badge>
          <Badge tone="calm">{dynamic(`catalog.alertKind.${alert.kind}`, alert.kind)}</Badge>
          <Subject subject={alert.subject} />
        </span>
        <span>{localized(alert.message)}</span>
        <span className="faint">
          {t('catalog.seen', { shown: alert.seen })} <Ago at={alert.lastSeenAt} />
          {alert.acknowledgedBy ? ` · ${t('catalog.takenBy', { who: alert.acknowledgedBy })}` : ''}
          {alert.note ? `: ${alert.note}` : ''}
        </span>
      </div>
      {alert.state === 'open' && may('alerts.write') ? (
        <Button onClick={() => onTake(alert)}>{t('catalog.take2')}</Button>
      ) : (
        <Badge tone="calm">{t(`catalog.alertState.${alert.state}`)}</Badge>
      )}
    </li>
  );
}

/** What an alert is about, leading there. */
function Subject({ subject }: { readonly subject: string }) {
  if (subject.startsWith('tag:'))
    return (
      <Link to="/tags/$tagId" params={{ tagId: subject.slice(4) }} search={{ tab: 'quality' }}>
        <code>{subject.slice(4)}</code>
      </Link>
    );
  if (subject.includes('/'))
    return (
      <Link to="/catalog/table" search={{ name: subject }}>
        <code>{subject}</code>
      </Link>
    );
  return (
    <Link to="/sources/$sourceId" params={{ sourceId: subject }}>
      <code>{subject}</code>
    </Link>
  );
}
