import type { MessageBatch } from '@rapport/channels';
import { quietUntil } from '@rapport/decisions';
import type { CidSet } from '@rapport/stores';
import { kpiWindowEnd } from './audience-plan.ts';
import type { CampaignsDeps } from './campaigns.deps.ts';
import { type CampaignRow, type Client, type ExpansionRow, readSets } from './campaigns.store.sql.ts';

/** A batch campaign is a journey of one wave with one sending node. */
export const JOURNEY_WAVE = 1;
export const JOURNEY_NODE = 'send';

/** Messages between two commits of the cursor: what a crash repeats, and what a pause or stop may have to wait for. */
const CHUNK = 2_000;
/** Chunks of one campaign before the others get their turn. */
const CHUNKS_A_ROUND = 25;

export interface Expansion {
  /** Notes, in the launch's transaction, that the queued set waits to be expanded. */
  open(client: Client, campaignId: string): Promise<void>;
  /** Turns more of the queued set into messages; at most one process works on a campaign at a time. */
  advance(row: CampaignRow): Promise<void>;
  isDone(campaignId: string): Promise<boolean>;
  /** Customers whose messages stand in the outbox. */
  expanded(campaignId: string): Promise<number>;
}

/**
 * Expands journey sets into messages. Chunk by chunk in the order of the customer numbers: first the messages go to
 * the outbox, which ignores those it has, then the cursor is committed. A crash between the two repeats one chunk,
 * which changes nothing.
 */
export function createExpansion(
  deps: Pick<CampaignsDeps, 'relational' | 'clock'> & {
    readonly channels: Pick<CampaignsDeps['channels'], 'enqueue'>;
    readonly customerIds: (cids: readonly number[]) => Promise<readonly string[]>;
    /** @default 2,000 messages */
    readonly chunk?: number;
  },
): Expansion {
  const { relational, clock, channels, chunk = CHUNK } = deps;

  const expansionOf = async (campaignId: string): Promise<ExpansionRow | undefined> => {
    const found = await relational.pool.query<ExpansionRow>(
      `select e.cursor, e.expanded, e.done from campaigns.expansion e
       where e.campaign_id = $1 and e.wave = $2 and e.node = $3`,
      [campaignId, JOURNEY_WAVE, JOURNEY_NODE],
    );
    return found.rows[0];
  };

  const expandChunk = (row: CampaignRow, queued: CidSet): Promise<'more' | 'enough'> =>
    relational.transaction(async (client) => {
      // The share lock makes a pause or stop wait for this chunk, so that nothing is queued after it.
      const state = await client.query<{ state: string }>(
        'select c.state from campaigns.campaign c where c.id = $1 for share',
        [row.id],
      );
      if (state.rows[0]?.state !== 'running') return 'enough';
      const found = await client.query<ExpansionRow>(
        `select e.cursor, e.expanded, e.done from campaigns.expansion e
         where e.campaign_id = $1 and e.wave = $2 and e.node = $3 for update skip locked`,
        [row.id, JOURNEY_WAVE, JOURNEY_NODE],
      );
      const expansion = found.rows[0];
      if (!expansion || expansion.done) return 'enough';
      const cids = queued.slice(expansion.cursor ?? undefined, chunk);
      if (cids.length > 0) await channels.enqueue(await batchOf(row, [...cids]));
      const done = cids.length < chunk;
      await client.query(
        `update campaigns.expansion e set cursor = $4, expanded = e.expanded + $5, done = $6
         where e.campaign_id = $1 and e.wave = $2 and e.node = $3`,
        [row.id, JOURNEY_WAVE, JOURNEY_NODE, cids.at(-1) ?? expansion.cursor, cids.length, done],
      );
      return done ? 'enough' : 'more';
    });

  const batchOf = async (row: CampaignRow, cids: readonly number[]): Promise<MessageBatch> => {
    const { document, frozen, launched_at: launchedAt } = row;
    const { channel, kpi } = document;
    if (!frozen || channel === undefined || launchedAt === null) {
      throw new Error(`campaign ${row.id} runs without a frozen plan`);
    }
    const window = document.schedule?.window;
    // Outside the window is quiet time: from its end to its next beginning.
    const notBefore =
      window && quietUntil({ from: window.to, to: window.from, zone: window.zone }, clock.now());
    const customerIds = await deps.customerIds(cids);
    return {
      campaignId: row.id,
      campaignName: row.name,
      wave: JOURNEY_WAVE,
      node: JOURNEY_NODE,
      channel,
      purpose: document.purpose ?? 'marketing',
      templateId: frozen.template.id,
      templateVersion: frozen.template.version,
      ...(frozen.offer ? { offerId: frozen.offer.id } : {}),
      ...(document.providerId === undefined ? {} : { providerId: document.providerId }),
      ...(notBefore === undefined ? {} : { notBefore }),
      // A message after the end of the measurement could not count, so it is not sent.
      ...(kpi ? { expiresAt: kpiWindowEnd(launchedAt.getTime(), kpi.within) } : {}),
      recipients: cids.map((cid, index) => ({ cid, customerId: customerIds[index] ?? '' })),
    };
  };

  return {
    async open(client, campaignId) {
      await client.query(
        `insert into campaigns.expansion (campaign_id, wave, node, cursor) values ($1, $2, $3, null)`,
        [campaignId, JOURNEY_WAVE, JOURNEY_NODE],
      );
    },
    async advance(row) {
      const expansion = await expansionOf(row.id);
      if (!expansion || expansion.done) return;
      const [set] = await readSets(relational.pool, row.id, ['queued']);
      if (!set) return;
      for (let done = 0; done < CHUNKS_A_ROUND; done++) {
        if ((await expandChunk(row, set.cids)) === 'enough') return;
      }
    },
    isDone: async (campaignId) => (await expansionOf(campaignId))?.done ?? false,
    expanded: async (campaignId) => (await expansionOf(campaignId))?.expanded ?? 0,
  };
}
