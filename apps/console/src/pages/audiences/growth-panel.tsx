import type { Audience, FlowResult, GrowthPoint } from '@rapport/audiences/contract';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { flowQuery, growthQuery, recordSize, snapshotsQuery } from '../../api/audiences.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Figure, Num, useFormats, When } from '../../ui/figures.tsx';
import { GrowthChart } from '../../ui/growth-chart.tsx';
import { Button, Checkbox, Segmented, Select, Spin } from '../../ui/kit.ts';
import { cells, side } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { changeAt } from './growth-words.ts';
import { PolicyPanel } from './policy-panel.tsx';

const PERIODS = [30, 90, 365] as const;
const BACKCAST = 12;

/** How the saved audience grew, who came and went, and when it is recorded. */
export function GrowthPanel({ audience }: { readonly audience: Audience }) {
  return (
    <div className="split" style={side(360)}>
      <div className="stack gap-m">
        <SizePanel audienceId={audience.id} />
        <FlowPanel audienceId={audience.id} />
      </div>
      <PolicyPanel audienceId={audience.id} />
    </div>
  );
}

function SizePanel({ audienceId }: { readonly audienceId: string }) {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const queries = useQueryClient();
  const [days, setDays] = useState<number>(90);
  const [isBackcast, setIsBackcast] = useState(false);
  const growth = useQuery(growthQuery(audienceId, days, isBackcast ? BACKCAST : 0));
  const record = useMutation({
    mutationFn: () => recordSize(audienceId),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['audiences', 'one', audienceId] }),
    onError: notify.problem,
  });
  return (
    <Panel
      title={t('insight.growth.title')}
      note={t('insight.growth.note')}
      actions={
        may('audiences.write') ? (
          <Button loading={record.isPending} onClick={() => record.mutate()}>
            {t('insight.growth.record')}
          </Button>
        ) : null
      }
    >
      <div className="stack gap-m">
        <div className="row gap-m">
          <Segmented<number>
            aria-label={t('insight.growth.period')}
            value={days}
            onChange={setDays}
            options={PERIODS.map((period) => ({
              value: period,
              label: t('insight.growth.days', { count: period }),
            }))}
          />
          <Checkbox checked={isBackcast} onChange={(event) => setIsBackcast(event.target.checked)}>
            {t('insight.growth.backcast')}
          </Checkbox>
          {growth.isFetching ? <Spin size="small" /> : null}
        </div>
        <Answer
          query={growth}
          rows={7}
          isEmpty={({ points }) => points.length === 0}
          empty={<Nothing title={t('insight.growth.empty')} hint={t('insight.growth.emptyHint')} />}
        >
          {({ points }) => <Points points={points} />}
        </Answer>
      </div>
    </Panel>
  );
}

function Points({ points }: { readonly points: readonly GrowthPoint[] }) {
  const t = useText();
  const formats = useFormats();
  const shown = useMemo(
    () =>
      points.map(({ at, count, entered, left, source }) => ({
        at,
        count,
        entered,
        left,
        isRecorded: source === 'recorded',
      })),
    [points],
  );
  const words = useMemo(
    () => ({
      recorded: t('insight.growth.recorded'),
      asOf: t('insight.growth.asOf'),
      entered: t('insight.growth.entered'),
      left: t('insight.growth.left'),
    }),
    [t],
  );
  const rows = points.map((point, at) => ({ ...point, change: changeAt(points, at) })).reverse();
  return (
    <>
      {points.length > 1 ? (
        <GrowthChart label={t('insight.growth.title')} points={shown} words={words} />
      ) : null}
      <DataTable
        label={t('insight.growth.table')}
        rows={rows}
        rowKey={(point) => `${point.at} ${point.source}`}
        pageSize={8}
        columns={[
          { title: t('insight.growth.at'), render: (_, point) => <When at={point.at} /> },
          {
            title: t('insight.growth.customers'),
            align: 'right',
            render: (_, point) => (
              <>
                <Num value={point.count} />{' '}
                {point.change === undefined ? null : (
                  <span className="faint num">{formats.change(point.change)}</span>
                )}
              </>
            ),
          },
          {
            title: t('insight.growth.entered'),
            align: 'right',
            render: (_, point) => <Num value={point.entered} />,
          },
          {
            title: t('insight.growth.left'),
            align: 'right',
            render: (_, point) => <Num value={point.left} />,
          },
          {
            title: t('insight.growth.source'),
            render: (_, point) =>
              t(point.source === 'recorded' ? 'insight.growth.recorded' : 'insight.growth.asOf'),
          },
          {
            title: t('insight.growth.definition'),
            align: 'right',
            render: (_, point) => <Num value={point.version} />,
          },
          {
            title: t('insight.growth.alerts'),
            render: (_, point) => (
              <span className="row gap-xs">
                {(point.alerts ?? []).map((alert) => (
                  <Badge key={alert} tone="warn">
                    {t(`insight.growth.alert.${alert}`)}
                  </Badge>
                ))}
              </span>
            ),
          },
        ]}
      />
    </>
  );
}

const TODAY = 'today';

function FlowPanel({ audienceId }: { readonly audienceId: string }) {
  const t = useText();
  const formats = useFormats();
  const snapshots = useInfiniteQuery(snapshotsQuery(audienceId));
  const items = snapshots.data ? itemsOf(snapshots.data) : [];
  const [from, setFrom] = useState<string | undefined>(undefined);
  const [to, setTo] = useState(TODAY);
  const earlier = from ?? items[0]?.id;
  const flow = useQuery({
    ...flowQuery(audienceId, earlier ?? '', to === TODAY ? undefined : to),
    enabled: earlier !== undefined,
  });
  const options = items.map((snapshot) => ({
    value: snapshot.id,
    label: `${formats.instant(snapshot.createdAt)} · ${formats.number(snapshot.size)}`,
  }));
  return (
    <Panel title={t('insight.growth.flow')} note={t('insight.growth.flowNote')}>
      <Answer
        query={snapshots}
        rows={3}
        isEmpty={() => items.length === 0}
        empty={<Nothing title={t('insight.growth.flowEmpty')} hint={t('insight.growth.flowEmptyHint')} />}
      >
        {() => (
          <div className="stack gap-m">
            <div className="row gap-s">
              <span className="faint">{t('insight.growth.from')}</span>
              <Select<string>
                style={{ minWidth: 220, maxWidth: '100%' }}
                aria-label={t('insight.growth.from')}
                value={earlier ?? ''}
                options={options}
                onChange={setFrom}
              />
              <span className="faint">{t('insight.growth.to')}</span>
              <Select<string>
                style={{ minWidth: 220, maxWidth: '100%' }}
                aria-label={t('insight.growth.to')}
                value={to}
                options={[{ value: TODAY, label: t('insight.growth.today') }, ...options]}
                onChange={setTo}
              />
            </div>
            <Answer query={flow} rows={2}>
              {(data) => <Flow flow={data} />}
            </Answer>
          </div>
        )}
      </Answer>
    </Panel>
  );
}

function Flow({ flow }: { readonly flow: FlowResult }) {
  const t = useText();
  const parts = [
    { part: 'left', count: flow.left },
    { part: 'stayed', count: flow.stayed },
    { part: 'entered', count: flow.entered },
  ] as const;
  return (
    <div className="stack gap-m" aria-live="polite">
      <div className="flow-bar" aria-hidden="true">
        {parts.map(({ part, count }) => (
          <span key={part} data-flow={part} style={{ flexGrow: count }} />
        ))}
      </div>
      <div className="grid" style={cells(110)}>
        <Figure label={t('insight.growth.before')} value={<Num value={flow.before} />} />
        {parts.map(({ part, count }) => (
          <Figure
            key={part}
            label={
              <span className="flow-label" data-flow={part}>
                {t(`insight.growth.${part}`)}
              </span>
            }
            value={<Num value={count} />}
          />
        ))}
        <Figure label={t('insight.growth.after')} value={<Num value={flow.after} />} />
      </div>
    </div>
  );
}
