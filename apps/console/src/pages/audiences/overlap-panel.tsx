import type { OverlapRequest, OverlapResult, Vocabulary } from '@rapport/audiences/contract';
import type { Condition } from '@rapport/conditions';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { overlapQuery } from '../../api/audiences.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { Figure, Meter, Num, Percent, useFormats } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Alert, Button, Segmented, Select, Spin, Tooltip } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { UpsetChart, VennChart } from '../../ui/overlap-chart.tsx';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import type { OverlapRegion } from '../../ui/upset-layout.ts';
import { conditionOfId, conditionOfRegion } from './audience-search.ts';

interface OverlapPanelProps {
  /** `undefined` while something is missing in it. */
  readonly condition: Condition | undefined;
  readonly name: string;
  readonly audienceId: string | undefined;
  readonly vocabulary: Vocabulary | undefined;
  /** Audiences and lists compared with, by comma. */
  readonly compared: string | undefined;
  readonly isPast: boolean;
  readonly onCompare: (ids: string | undefined) => void;
}

const MOST_OTHERS = 7;

/** How the audience overlaps with others and with lists, and audiences made of what is found. */
export function OverlapPanel(props: OverlapPanelProps) {
  const { condition, vocabulary, compared, onCompare } = props;
  const t = useText();
  const localized = useLocalized();
  const ids = (compared ?? '').split(',').filter((id) => id !== '');
  const audiences = (vocabulary?.audiences ?? []).filter(({ id }) => id !== props.audienceId);
  const lists = vocabulary?.lists ?? [];
  const nameOf = (id: string): string =>
    audiences.find((one) => one.id === id)?.name ??
    localized(lists.find((one) => one.id === id)?.title ?? id);
  const sets: OverlapRequest['sets'] = [
    { name: props.name === '' ? t('insight.overlap.this') : props.name, condition: condition ?? { all: [] } },
    ...ids.map((id) => ({ name: nameOf(id).slice(0, 200), condition: conditionOfId(id) })),
  ];
  const overlap = useQuery({
    ...overlapQuery(sets),
    enabled: condition !== undefined && ids.length > 0 && vocabulary !== undefined,
  });
  const groups = [
    {
      label: t('insight.profile.audiences'),
      options: audiences.map(({ id, name }) => ({ value: id, label: name })),
    },
    {
      label: t('insight.profile.lists'),
      options: lists.map(({ id, title }) => ({ value: id, label: localized(title) })),
    },
  ].filter(({ options }) => options.length > 0);
  return (
    <div className="stack gap-m">
      <div className="row gap-s">
        <span className="faint">{t('insight.overlap.with')}</span>
        <Select<string[]>
          mode="multiple"
          maxCount={MOST_OTHERS}
          style={{ flex: '1 1 280px', minWidth: 0 }}
          aria-label={t('insight.overlap.with')}
          placeholder={t('insight.overlap.choose')}
          showSearch={{ optionFilterProp: 'label' }}
          loading={vocabulary === undefined}
          value={vocabulary === undefined ? [] : ids}
          options={groups}
          onChange={(next) => onCompare(next.length === 0 ? undefined : next.join(','))}
        />
        {overlap.isFetching ? <Spin size="small" /> : null}
      </div>
      {props.isPast ? <Alert type="info" showIcon title={t('insight.asOf.presentOnly')} /> : null}
      {condition === undefined ? (
        <Panel>
          <Nothing title={t('audiences.incomplete')} />
        </Panel>
      ) : ids.length === 0 ? (
        <Panel>
          <Nothing title={t('insight.overlap.start')} hint={t('insight.overlap.startHint')} />
        </Panel>
      ) : (
        <Answer query={overlap} rows={8}>
          {(data) => (
            <div style={{ opacity: overlap.isPlaceholderData ? 0.55 : 1 }} aria-busy={overlap.isFetching}>
              <OverlapView overlap={data} conditions={sets.map((set) => set.condition ?? { all: [] })} />
            </div>
          )}
        </Answer>
      )}
    </div>
  );
}

interface OverlapViewProps {
  readonly overlap: OverlapResult;
  readonly conditions: readonly Condition[];
}

function OverlapView({ overlap, conditions }: OverlapViewProps) {
  const t = useText();
  const formats = useFormats();
  const { sets, regions } = overlap;
  const [view, setView] = useState<'upset' | 'venn'>('upset');
  const [chosen, setChosen] = useState<OverlapRegion | undefined>(undefined);
  // A region chosen before the sets changed is none of these.
  const region = regions.find(({ members }) => members.join() === chosen?.members.join());
  const mayVenn = sets.length === 2 || sets.length === 3;
  const isVenn = mayVenn && view === 'venn';
  const namesOf = ({ members }: OverlapRegion): string =>
    members.map((at) => sets[at]?.name ?? '').join(t('insight.comma'));
  const say = (one: OverlapRegion): string =>
    `${t('insight.overlap.region', { names: namesOf(one) })} · ${formats.number(one.size)}`;
  const Chart = isVenn ? VennChart : UpsetChart;
  return (
    <div className="stack gap-m">
      <Panel
        title={t('insight.overlap.title')}
        note={t(isVenn ? 'insight.overlap.vennNote' : 'insight.overlap.note')}
        actions={
          mayVenn ? (
            <Segmented<'upset' | 'venn'>
              value={view}
              onChange={setView}
              options={[
                { value: 'upset', label: t('insight.overlap.upset') },
                { value: 'venn', label: t('insight.overlap.venn') },
              ]}
            />
          ) : null
        }
      >
        {overlap.union === 0 ? (
          <Nothing title={t('insight.overlap.empty')} />
        ) : (
          <div className="stack gap-m">
            <div className="grid" style={cells(140)}>
              <Figure label={t('insight.overlap.union')} value={<Num value={overlap.union} />} />
              <Figure
                label={t('insight.overlap.outside')}
                value={<Num value={overlap.total - overlap.union} />}
                note={t('common.took', { time: formats.duration(overlap.tookMs) })}
              />
            </div>
            <Chart
              label={t('insight.overlap.title')}
              sets={sets}
              regions={regions}
              chosen={region}
              onChoose={setChosen}
              say={say}
            />
            <RegionChosen
              region={region}
              names={region ? namesOf(region) : ''}
              condition={region ? conditionOfRegion(conditions, region.members) : undefined}
              isVenn={isVenn}
            />
          </div>
        )}
      </Panel>
      <Pairs overlap={overlap} />
    </div>
  );
}

interface RegionChosenProps {
  readonly region: OverlapRegion | undefined;
  readonly names: string;
  readonly condition: Condition | undefined;
  readonly isVenn: boolean;
}

function RegionChosen({ region, names, condition, isVenn }: RegionChosenProps) {
  const t = useText();
  const may = useMay();
  const formats = useFormats();
  const navigate = useNavigate();
  if (!region)
    return <p className="faint">{t(isVenn ? 'insight.overlap.pickRegion' : 'insight.overlap.pick')}</p>;
  return (
    <div className="proposal row between gap-s" aria-live="polite">
      <div>
        <strong>{t('insight.overlap.regionCount', { count: formats.number(region.size) })}</strong>
        <div className="soft">{t('insight.overlap.region', { names })}</div>
      </div>
      {may('audiences.write') ? (
        <Button
          icon={<AddIcon />}
          onClick={() =>
            void navigate({ to: '/audiences/new', search: { condition: JSON.stringify(condition) } })
          }
        >
          {t('insight.overlap.make')}
        </Button>
      ) : null}
    </div>
  );
}

function Pairs({ overlap }: { readonly overlap: OverlapResult }) {
  const t = useText();
  const { sets, pairs } = overlap;
  const set = (at: number) => sets[at] ?? { name: '', size: 0 };
  const shareOf = (both: number, at: number): number => (set(at).size === 0 ? 0 : both / set(at).size);
  return (
    <Panel flush title={t('insight.overlap.pairs')}>
      <DataTable
        label={t('insight.overlap.pairs')}
        rows={[...pairs].sort((a, b) => b.jaccard - a.jaccard)}
        rowKey={({ one, other }) => `${one} ${other}`}
        columns={[
          {
            title: t('insight.overlap.pair'),
            render: (_, { one, other }) => (
              <div style={{ maxWidth: 420 }}>
                <div className="ellipsis">{set(one).name}</div>
                <div className="ellipsis soft">{set(other).name}</div>
              </div>
            ),
          },
          {
            title: t('insight.overlap.both'),
            align: 'right',
            render: (_, pair) => <Num value={pair.both} />,
          },
          {
            title: t('insight.overlap.ofOne'),
            align: 'right',
            render: (_, { one, both }) => <Percent ratio={shareOf(both, one)} />,
          },
          {
            title: t('insight.overlap.ofOther'),
            align: 'right',
            render: (_, { other, both }) => <Percent ratio={shareOf(both, other)} />,
          },
          {
            title: (
              <Tooltip title={t('insight.overlap.jaccardHint')}>
                <span>{t('insight.overlap.jaccard')}</span>
              </Tooltip>
            ),
            render: (_, pair) => (
              <div style={{ width: 130 }}>
                <div className="num">{pair.jaccard.toFixed(2)}</div>
                <Meter share={pair.jaccard} label={t('insight.overlap.jaccard')} />
              </div>
            ),
          },
        ]}
      />
    </Panel>
  );
}
