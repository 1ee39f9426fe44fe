import type { TagCost, TagUsage, TagView } from '@rapport/tags/contract';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { tagCostQuery, tagUsageQuery } from '../../api/tags.queries.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { Badge } from '../../ui/badge.tsx';
import { BarsChart } from '../../ui/charts.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Figure, Num, Percent, useFormats, When } from '../../ui/figures.tsx';
import { Alert } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';

/** What depends on a tag, and how often it was counted. */
export function UseTab({ tag }: { readonly tag: TagView }) {
  const usage = useQuery(tagUsageQuery(tag.id));
  return <Answer query={usage}>{(data) => <Usage usage={data} />}</Answer>;
}

function Usage({ usage }: { readonly usage: TagUsage }) {
  const t = useText();
  const dynamic = useDynamicText();
  const formats = useFormats();
  const kinds = [...new Set(usage.uses.map(({ kind }) => kind))];
  return (
    <div className="stack gap-m">
      <Panel>
        <div className="grid" style={cells(150)}>
          <Figure
            label={t('market.u.counted')}
            value={<Num value={usage.counted} />}
            note={t('market.u.days', { days: usage.days })}
          />
          <Figure
            label={t('market.u.last')}
            value={usage.lastCountedOn ? formats.day(usage.lastCountedOn) : '—'}
          />
          <Figure label={t('market.u.views')} value={<Num value={usage.views} />} />
          <Figure label={t('market.u.dependants')} value={<Num value={usage.uses.length} />} />
        </div>
      </Panel>
      <Alert
        showIcon
        type={usage.mayRetire ? 'info' : 'warning'}
        title={usage.mayRetire ? t('market.u.mayRetire') : t('market.u.mayNotRetire')}
      />
      {usage.byDay.length > 1 ? (
        <Panel title={t('market.u.byDay')}>
          <BarsChart
            label={t('market.u.byDay')}
            categories={usage.byDay.map(({ day }) => formats.day(day))}
            series={[{ name: t('market.u.counted'), values: usage.byDay.map(({ counted }) => counted) }]}
            height={200}
          />
        </Panel>
      ) : null}
      {usage.uses.length === 0 ? (
        <Panel>
          <Nothing title={t('tags.noUses')} />
        </Panel>
      ) : (
        kinds.map((kind) => (
          <Panel
            key={kind}
            title={dynamic(`tags.lineage.kind.${kind}`, kind)}
            note={t('market.u.things', { shown: usage.uses.filter((use) => use.kind === kind).length })}
          >
            <ul className="list-plain list-rows">
              {usage.uses
                .filter((use) => use.kind === kind)
                .map((use) => (
                  <li key={use.id} className="row gap-m">
                    <UseLink kind={use.kind} id={use.id} title={use.title} />
                    {use.distance > 1 ? (
                      <Badge tone="calm">{t('market.u.through', { steps: use.distance - 1 })}</Badge>
                    ) : null}
                  </li>
                ))}
            </ul>
          </Panel>
        ))
      )}
    </div>
  );
}

function UseLink({
  kind,
  id,
  title,
}: {
  readonly kind: string;
  readonly id: string;
  readonly title: string;
}) {
  switch (kind) {
    case 'tag':
      return (
        <Link to="/tags/$tagId" params={{ tagId: id }}>
          {title}
        </Link>
      );
    case 'audience':
      return (
        <Link to="/audiences/$audienceId" params={{ audienceId: id }}>
          {title}
        </Link>
      );
    case 'campaign':
      return (
        <Link to="/campaigns/$campaignId" params={{ campaignId: id }}>
          {title}
        </Link>
      );
    case 'template':
      return (
        <Link to="/templates/$templateId" params={{ templateId: id }}>
          {title}
        </Link>
      );
    case 'metric':
      return (
        <Link to="/insights/metrics/$metricId" params={{ metricId: id }}>
          {title}
        </Link>
      );
    default:
      return <span>{title}</span>;
  }
}

/** What a tag costs, refresh by refresh. */
export function CostTab({ tag }: { readonly tag: TagView }) {
  const cost = useQuery(tagCostQuery(tag.id));
  return <Answer query={cost}>{(data) => <Cost cost={data} />}</Answer>;
}

function Cost({ cost }: { readonly cost: TagCost }) {
  const t = useText();
  const dynamic = useDynamicText();
  const formats = useFormats();
  if (cost.history.length === 0)
    return (
      <Panel>
        <Nothing title={t('market.c.none')} />
      </Panel>
    );
  const worked = cost.history.filter(({ tookMs }) => tookMs !== undefined).toReversed();
  return (
    <div className="stack gap-m">
      <Panel note={t('market.c.note')} title={t('market.cost')}>
        <div className="grid" style={cells(150)}>
          <Figure
            label={t('market.c.time')}
            value={formats.duration(cost.tookMs)}
            note={t('market.u.days', { days: cost.days })}
          />
          <Figure
            label={t('market.costShare')}
            value={<Percent ratio={cost.share} digits={2} />}
            note={cost.rank > 0 ? t('market.c.rank', { rank: cost.rank }) : undefined}
          />
          <Figure
            label={t('market.c.computed')}
            value={`${cost.computed} / ${cost.refreshes}`}
            note={t('market.c.computedNote')}
          />
          <Figure label={t('market.c.rows')} value={<Num compact value={cost.rowsRead} />} />
        </div>
      </Panel>
      {worked.length > 1 ? (
        <Panel title={t('market.c.perRefresh')}>
          <BarsChart
            label={t('market.c.perRefresh')}
            categories={worked.map(({ at }) => formats.instant(at))}
            series={[{ name: t('market.c.time'), values: worked.map(({ tookMs }) => tookMs) }]}
            format={(value) => formats.duration(value)}
            height={200}
          />
        </Panel>
      ) : null}
      <Panel flush title={t('market.q.history')}>
        <DataTable<TagCost['history'][number]>
          label={t('market.q.history')}
          rows={cost.history}
          rowKey={(each) => each.refreshId}
          pageSize={15}
          columns={[
            { title: t('tags.refreshed'), render: (_, each) => <When at={each.at} /> },
            {
              title: t('market.c.outcome'),
              render: (_, each) => dynamic(`market.outcome.${each.outcome}`, each.outcome),
            },
            {
              title: t('market.c.because'),
              render: (_, each) => dynamic(`market.because.${each.because}`, each.because),
            },
            {
              title: t('market.c.time'),
              align: 'right',
              render: (_, each) => (each.tookMs === undefined ? '—' : formats.duration(each.tookMs)),
            },
            { title: t('market.c.rows'), align: 'right', render: (_, each) => <Num value={each.rowsRead} /> },
          ]}
        />
      </Panel>
    </div>
  );
}
