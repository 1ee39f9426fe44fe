import type { LifecycleBoard, LifecycleStage } from '@rapport/insights/contract';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { lifecycleQuery } from '../../api/insights.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { Figure, Meter, Num, Percent, useFormats } from '../../ui/figures.tsx';
import { Segmented, Select } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { CampaignStateBadge } from '../campaigns/campaign-state.tsx';

const PERIODS = [30, 90, 180] as const;
const DAY = 86_400_000;

type MovesRow = NonNullable<LifecycleBoard['moves']>['rows'][number];

/** Stages of life: who is where, what reaches them, and who moved. */
export function LifecyclePage() {
  const t = useText();
  const { tag, days = 30 } = useSearch({ from: '/signed-in/insights/lifecycle' });
  const from = new Date(Date.now() - days * DAY).toISOString().slice(0, 10);
  const board = useQuery(lifecycleQuery({ tag, from }));
  return (
    <Page
      title={t('lifecycle.title')}
      intro={t('lifecycle.intro')}
      actions={board.data ? <Choices board={board.data} days={days} /> : undefined}
    >
      <Answer query={board} rows={10}>
        {(data) => (
          <div className="stack gap-m">
            <div className="grid" style={cells(260)}>
              {data.stages.map((stage) => (
                <StageCard key={stage.stage ?? ''} stage={stage} />
              ))}
            </div>
            <MovesPanel board={data} days={days} />
          </div>
        )}
      </Answer>
    </Page>
  );
}

function Choices({ board, days }: { readonly board: LifecycleBoard; readonly days: number }) {
  const t = useText();
  const localized = useLocalized();
  const navigate = useNavigate({ from: '/insights/lifecycle' });
  return (
    <>
      {board.tags.length > 1 ? (
        <Select<string>
          aria-label={t('lifecycle.tag')}
          style={{ minWidth: 180 }}
          value={board.tagId}
          options={board.tags.map(({ id, title }) => ({ value: id, label: localized(title) }))}
          onChange={(tag) => navigate({ search: (before) => ({ ...before, tag }) })}
        />
      ) : null}
      <Segmented<number>
        aria-label={t('lifecycle.period')}
        value={days}
        options={PERIODS.map((count) => ({ value: count, label: t('lifecycle.days', { count }) }))}
        onChange={(count) => navigate({ search: (before) => ({ ...before, days: count }) })}
      />
    </>
  );
}

function useStageName(): (stage: string | null, title?: LifecycleStage['title']) => string {
  const t = useText();
  const localized = useLocalized();
  return (stage, title) => (stage === null ? t('lifecycle.unknown') : title ? localized(title) : stage);
}

function StageCard({ stage }: { readonly stage: LifecycleStage }) {
  const t = useText();
  const formats = useFormats();
  const nameOf = useStageName();
  const missed = stage.customers - stage.reached;
  return (
    <Panel>
      <div className="stack gap-s">
        <Figure
          label={nameOf(stage.stage, stage.title)}
          value={<Num value={stage.customers} />}
          note={t('lifecycle.share', { share: formats.percent(stage.share, 1) })}
        />
        <Meter share={stage.share} />
        {stage.programmes.length === 0 ? (
          <p className="faint">{t('lifecycle.noProgrammes')}</p>
        ) : (
          <ul className="list-plain stack gap-s">
            {stage.programmes.map(({ campaignId, name, state, customers }) => (
              <li key={campaignId} className="row gap-s">
                <Link to="/campaigns/$campaignId" params={{ campaignId }}>
                  {name}
                </Link>
                <CampaignStateBadge state={state} />
                <span className="num faint">{formats.number(customers)}</span>
              </li>
            ))}
            <li className="faint">{t('lifecycle.missed', { count: formats.number(missed) })}</li>
          </ul>
        )}
      </div>
    </Panel>
  );
}

function MovesPanel({ board, days }: { readonly board: LifecycleBoard; readonly days: number }) {
  const t = useText();
  const formats = useFormats();
  const nameOf = useStageName();
  const { moves } = board;
  const titles = new Map(board.stages.map(({ stage, title }) => [stage, title]));
  const name = (stage: string | null): string => nameOf(stage, titles.get(stage));
  return (
    <Panel
      title={t('lifecycle.moves')}
      note={moves ? t('lifecycle.movesNote', { from: formats.day(moves.from), count: days }) : undefined}
    >
      {moves ? (
        <DataTable<MovesRow>
          label={t('lifecycle.moves')}
          rows={moves.rows}
          rowKey={({ state }) => state ?? ''}
          columns={[
            {
              title: t('lifecycle.before'),
              fixed: 'left',
              render: (_, row) => <strong>{name(row.state)}</strong>,
            },
            {
              title: t('lifecycle.customers'),
              align: 'right',
              render: (_, row) => <Num value={row.customers} />,
            },
            ...moves.states.map((state, at) => ({
              key: state ?? '',
              title: name(state),
              align: 'right' as const,
              onCell: (row: MovesRow) => ({
                style: tint(row.shares[at] ?? 0, state === row.state),
                title: t('lifecycle.move', {
                  count: formats.number(row.to[at] ?? 0),
                  from: name(row.state),
                  to: name(state),
                }),
              }),
              render: (_: unknown, row: MovesRow) =>
                row.to[at] ? <Percent ratio={row.shares[at]} digits={1} /> : <span className="faint">·</span>,
            })),
          ]}
        />
      ) : (
        <Nothing title={t('lifecycle.noMoves')} hint={t('lifecycle.noMovesHint')} />
      )}
    </Panel>
  );
}

/** Those who stayed in the colour of the bank, those who moved in the accent, darker for a larger share. */
function tint(share: number, stayed: boolean): { background: string } {
  const percent = Math.round(Math.sqrt(share) * 42);
  return {
    background: `color-mix(in srgb, ${stayed ? 'var(--primary)' : 'var(--accent)'} ${percent}%, transparent)`,
  };
}
