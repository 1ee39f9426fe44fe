import { audiencesIn, type Condition, tagsIn } from '@rapport/conditions';
import type { Relational } from '@rapport/stores';
import { campaignsInStates } from './campaigns.store.sql.ts';
import { CAMPAIGN_STATES } from './contract.ts';

interface LineagePart {
  readonly nodes: readonly { readonly id: string; readonly kind: string; readonly title: string }[];
  readonly edges: readonly { readonly from: string; readonly to: string }[];
}

/**
 * What campaigns add to the lineage graph: audiences, tags, templates, offers and earlier campaigns flow into a
 * campaign, and the campaign into its messages. Nodes are called `<kind>:<id>`.
 */
export function campaignLineage(deps: {
  readonly relational: Pick<Relational, 'pool'>;
  readonly offers: {
    active(): Promise<readonly { id: string; name: { en: string }; eligibility?: Condition }[]>;
  };
}): () => Promise<LineagePart> {
  return async () => {
    const nodes = new Map<string, LineagePart['nodes'][number]>();
    const edges = new Map<string, LineagePart['edges'][number]>();
    const node = (kind: string, id: string, title: string): string => {
      nodes.set(`${kind}:${id}`, { id: `${kind}:${id}`, kind, title });
      return `${kind}:${id}`;
    };
    const edge = (from: string, to: string): void => {
      edges.set(`${from}\n${to}`, { from, to });
    };
    const named = (condition: Condition | undefined, to: string): void => {
      if (condition === undefined) return;
      for (const tag of tagsIn(condition)) edge(`tag:${tag}`, to);
      for (const { id } of audiencesIn(condition)) edge(`audience:${id}`, to);
    };
    for (const offer of await deps.offers.active())
      named(offer.eligibility, node('offer', offer.id, offer.name.en));
    for (const row of await campaignsInStates(deps.relational.pool, CAMPAIGN_STATES)) {
      const campaign = node('campaign', row.id, row.name);
      const { audience, content, channel } = row.document;
      if (audience?.audienceId !== undefined) edge(`audience:${audience.audienceId}`, campaign);
      named(audience?.condition, campaign);
      for (const id of audience?.exclude?.audienceIds ?? []) edge(`audience:${id}`, campaign);
      for (const id of audience?.exclude?.convertedIn ?? []) edge(`campaign:${id}`, campaign);
      if (row.parent_campaign_id !== null) edge(`campaign:${row.parent_campaign_id}`, campaign);
      if (content) edge(`template:${content.templateId}`, campaign);
      if (content?.offerId !== undefined) edge(`offer:${content.offerId}`, campaign);
      if (row.launched_at !== null)
        edge(campaign, node('message', row.id, `${channel ?? 'message'} · ${row.name}`));
    }
    return { nodes: [...nodes.values()], edges: [...edges.values()] };
  };
}
