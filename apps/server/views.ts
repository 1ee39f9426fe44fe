import { businessCalendar, CALENDARS, type Calendar } from '@rapport/calendar';
import type { Campaigns } from '@rapport/campaigns';
import type { Channels } from '@rapport/channels';
import { CHANNELS, type ConsentBody, DELIVERY_PURPOSES } from '@rapport/channels/contract';
import type { Content } from '@rapport/content';
import type { ProfileConsent } from '@rapport/customers/contract';
import type { AumMetric, Insights } from '@rapport/insights';
import type { HomeReport } from '@rapport/insights/contract';
import { type Actor, Problem, systemActor, toIso } from '@rapport/kernel';
import type { Metrics } from '@rapport/metrics';
import type { ConsentRow } from '@rapport/sources';
import type { SourceView } from '@rapport/sources/contract';
import type { Tags } from '@rapport/tags';
import type { LineageGraph } from '@rapport/tags/contract';

/* How one module's words read in another's; nothing is decided here. */

/** Consent rows of a source as ledger entries; channels and purposes that the ledger does not know are left out. */
export async function* consentBodies(
  rows: AsyncIterable<readonly ConsentRow[]>,
): AsyncIterable<ConsentBody[]> {
  for await (const batch of rows) {
    yield batch.flatMap((row) => {
      const channel = CHANNELS.find((known) => known === row.channel);
      const purpose = DELIVERY_PURPOSES.find((known) => known === row.purpose);
      if (channel === undefined || purpose === undefined) return [];
      return [
        {
          customerId: row.customerId,
          channel,
          purpose,
          granted: row.granted,
          at: toIso(row.atMs),
          evidence: row.evidence || 'source',
        },
      ];
    });
  }
}

/** What a customer allows now, by channel and purpose: the latest entry of the ledger counts. */
export async function currentConsents(
  channels: Pick<Channels, 'consents'>,
  customerId: string,
  actor: Actor,
): Promise<ProfileConsent[]> {
  const { items } = await channels.consents.list({ customerId, limit: 500 }, actor);
  const latest = new Map<string, ProfileConsent>();
  for (const { channel, purpose, granted, at, evidence } of items.toSorted((a, b) =>
    a.at < b.at ? -1 : 1,
  )) {
    latest.set(`${channel} ${purpose}`, { channel, purpose, granted, at, evidence });
  }
  return [...latest.values()];
}

export function lastLoads(sources: { readonly items: readonly SourceView[] }): HomeReport['loads'] {
  return sources.items
    .flatMap(({ id, title, lastLoad }) => {
      if (!lastLoad) return [];
      const files = lastLoad.tables.filter((table) => !table.derived);
      return [
        {
          sourceId: id,
          name: title.en,
          loadedAt: lastLoad.finishedAt ?? lastLoad.startedAt,
          state: lastLoad.state,
          rows: files.reduce((sum, table) => sum + table.loaded, 0),
          quarantined: files.reduce((sum, table) => sum + table.quarantined, 0),
        },
      ];
    })
    .toSorted((a, b) => (a.loadedAt < b.loadedAt ? 1 : -1));
}

/** Whom launched campaigns with one of these offers reached, and how many of them converted. */
export async function offerResults(
  platform: { readonly campaigns: Pick<Campaigns, 'list'>; readonly insights: Pick<Insights, 'report'> },
  offerIds: readonly string[],
): Promise<{ campaignId: string; offerId: string; delivered: number; converted: number }[]> {
  const results: { campaignId: string; offerId: string; delivered: number; converted: number }[] = [];
  for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
    const page = await platform.campaigns.list({ limit: 200, ...(cursor === undefined ? {} : { cursor }) });
    for (const { id, content, launchedAt } of page.items) {
      const offerId = content?.offerId;
      if (launchedAt === undefined || offerId === undefined || !offerIds.includes(offerId)) continue;
      const { deliveredOnly } = await platform.insights.report(id, systemActor);
      results.push({
        campaignId: id,
        offerId,
        delivered: deliveredOnly.customers,
        converted: deliveredOnly.conversions,
      });
    }
    cursor = page.nextCursor;
  }
  return results;
}

/** Names of the templates that campaigns send, for the lineage graph. */
export async function templateLineage(content: Pick<Content, 'list'>) {
  const templates = await content.list({ limit: 500 });
  return {
    nodes: templates.map(({ id, name }) => ({ id: `template:${id}`, kind: 'template', title: name })),
    edges: [],
  };
}

/** What uses a column of a source, by the lineage, nearest first; columns themselves are left out. */
export async function dependantsOf(
  lineage: Pick<Tags['lineage'], 'graph' | 'impact'>,
  column: { readonly sourceId: string; readonly table: string; readonly column: string },
): Promise<{ kind: string; id: string; name: string }[]> {
  const id = `source_column:${column.sourceId}/${column.table}.${column.column}`;
  const impact = await lineage.impact(id).catch((error: unknown) => {
    // A column that is not in the graph has nothing that depends on it.
    if (error instanceof Problem) return { dependants: [] };
    throw error;
  });
  return impact.dependants
    .filter((node) => !/column|table$/.test(node.kind))
    .map((node) => ({ kind: node.kind, id: node.id.slice(node.id.indexOf(':') + 1), name: node.title }));
}

/** The calendars of business days by their ids, checked once. */
export function calendarOf(): (id: string) => Calendar | undefined {
  const known = new Map<string, Calendar>(CALENDARS.map((data) => [data.id, businessCalendar(data)]));
  return (id) => known.get(id);
}

const AUM = 'aum';

/** The bank's metric `aum` in money, as the home page shows it; `undefined` while there is none, or no data. */
export async function aumMetric(
  metrics: Pick<Metrics, 'get' | 'values' | 'trend'>,
  actor: Actor,
): Promise<AumMetric | undefined> {
  try {
    const { definition, version } = await metrics.get(AUM, actor);
    const { unit, format, title } = definition;
    if (format !== 'money' || unit === undefined) return undefined;
    const [now, trend] = await Promise.all([metrics.values(AUM, {}, actor), metrics.trend(AUM, {}, actor)]);
    return {
      metric: { id: AUM, title, version },
      currency: unit,
      day: now.day,
      totalMinor: now.total ?? 0,
      customers: now.items[0]?.customers ?? 0,
      kept: trend.items.flatMap(({ day, value }) =>
        value === undefined ? [] : [{ day, totalMinor: value }],
      ),
    };
  } catch (error) {
    if (error instanceof Problem && ['metrics.not_found', 'metrics.no_data'].includes(error.code))
      return undefined;
    throw error;
  }
}

/** Which tags are computed from which. */
export const tagEdges = ({ edges }: LineageGraph): { from: string; to: string }[] => {
  const tagOf = (node: string): string | undefined =>
    node.startsWith('tag:') ? node.slice('tag:'.length) : undefined;
  return edges.flatMap((edge) => {
    const [from, to] = [tagOf(edge.from), tagOf(edge.to)];
    return from === undefined || to === undefined ? [] : [{ from, to }];
  });
};
