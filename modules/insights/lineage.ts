import type { LineageContributor } from '@rapport/tags';
import type { InsightCampaigns } from './insights.deps.ts';

/** What insights add to the lineage graph: the messages of a campaign flow into its conversions. */
export function insightsLineage(campaigns: Pick<InsightCampaigns, 'list'>): LineageContributor {
  return async () => {
    const nodes: { id: string; kind: string; title: string }[] = [];
    const edges: { from: string; to: string }[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await campaigns.list({ limit: 200, ...(cursor === undefined ? {} : { cursor }) });
      for (const { id, name, kpi, launchedAt } of page.items) {
        if (!kpi || launchedAt === undefined) continue;
        nodes.push({ id: `conversion:${id}`, kind: 'conversion', title: `${kpi.event} · ${name}` });
        edges.push({ from: `message:${id}`, to: `conversion:${id}` });
      }
      cursor = page.nextCursor;
      if (cursor === undefined) return { nodes, edges };
    }
  };
}
