import { toIso } from '@rapport/kernel';
import { type CidSet, cidSetOf, type Relational } from '@rapport/stores';
import type { CampaignOutcomes, OutcomeGroup } from './channels.ts';
import {
  type Channel,
  DELIVERY_STATES,
  type DeliveryPurpose,
  type DeliveryState,
  type DeliveryView,
} from './contract.ts';

export interface DeliveryRow {
  readonly id: string;
  readonly cid: number;
  readonly customer_id: string;
  readonly campaign_id: string;
  readonly node: string;
  readonly wave: number;
  readonly channel: Channel;
  readonly purpose: DeliveryPurpose;
  readonly template_id: string;
  readonly template_version: number;
  readonly variant_id: string | null;
  readonly offer_id: string | null;
  readonly state: DeliveryState;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly attempts: number;
  readonly provider_id: string | null;
  readonly provider_message_id: string | null;
  readonly not_before: Date;
  readonly expires_at: Date | null;
  readonly queued_at: Date;
  readonly sent_at: Date | null;
  readonly delivered_at: Date | null;
  readonly opened_at: Date | null;
  readonly clicked_at: Date | null;
  readonly ended_at: Date | null;
}

const COLUMNS = `m.id, m.cid, m.customer_id, m.campaign_id, m.node, m.wave, m.channel, m.purpose, m.template_id, m.template_version,
  m.variant_id, m.offer_id, m.state, m.reason, m.detail, m.attempts, m.provider_id, m.provider_message_id, m.not_before,
  m.expires_at, m.queued_at, m.sent_at, m.delivered_at, m.opened_at, m.clicked_at, m.ended_at`;

export type DeliveryStore = ReturnType<typeof createDeliveryStore>;

/** Reads of the delivery ledger 觸達記錄. */
export function createDeliveryStore({ pool }: Pick<Relational, 'pool'>) {
  const cidsWhere = async (
    campaignId: string,
    milestone: 'sent_at' | 'delivered_at' | 'opened_at' | 'clicked_at',
  ): Promise<CidSet> => {
    const found = await pool.query<{ cids: Buffer | null }>(
      `select string_agg(int4send(m.cid), ''::bytea) as cids from channels.message m where m.campaign_id = $1 and m.${milestone} is not null`,
      [campaignId],
    );
    return decodeCids(found.rows[0]?.cids ?? null);
  };
  return {
    async find(id: string): Promise<DeliveryRow | undefined> {
      const found = await pool.query<DeliveryRow>(
        `select ${COLUMNS} from channels.message m where m.id = $1`,
        [id],
      );
      return found.rows[0];
    },
    async page(query: {
      campaignId?: string;
      state?: DeliveryState;
      customerId?: string;
      before: string | undefined;
      limit: number;
    }): Promise<DeliveryRow[]> {
      const found = await pool.query<DeliveryRow>(
        `select ${COLUMNS} from channels.message m
         where ($1::text is null or m.campaign_id = $1) and ($2::text is null or m.state = $2)
           and ($3::text is null or m.customer_id = $3) and ($4::text is null or m.id < $4)
         order by m.id desc limit $5`,
        [
          query.campaignId ?? null,
          query.state ?? null,
          query.customerId ?? null,
          query.before ?? null,
          query.limit,
        ],
      );
      return found.rows;
    },
    async progress(campaignId: string): Promise<Record<DeliveryState, number>> {
      const found = await pool.query<{ state: DeliveryState; count: number }>(
        'select m.state, count(*)::int as count from channels.message m where m.campaign_id = $1 group by m.state',
        [campaignId],
      );
      const counts: Record<DeliveryState, number> = {
        queued: 0,
        sending: 0,
        sent: 0,
        delivered: 0,
        opened: 0,
        clicked: 0,
        bounced: 0,
        failed: 0,
        suppressed: 0,
        expired: 0,
        cancelled: 0,
        unknown: 0,
      };
      for (const { state, count } of found.rows) counts[state] = count;
      return counts;
    },
    /** The customer numbers come as one byte string a group: a list of ten million would not fit as rows. */
    async outcomes(campaignId: string): Promise<CampaignOutcomes> {
      const found = await pool.query<{
        node: string;
        wave: number;
        channel: Channel;
        variant_id: string | null;
        state: DeliveryState;
        reason: string | null;
        count: number;
        cids: Buffer;
      }>(
        `select m.node, m.wave, m.channel, m.variant_id, m.state, m.reason, count(*)::int as count,
           string_agg(int4send(m.cid), ''::bytea) as cids
         from channels.message m where m.campaign_id = $1 group by 1, 2, 3, 4, 5, 6`,
        [campaignId],
      );
      const groups = found.rows.map(
        (row): OutcomeGroup => ({
          node: row.node,
          wave: row.wave,
          channel: row.channel,
          variantId: row.variant_id ?? undefined,
          state: row.state,
          reason: row.reason ?? undefined,
          count: row.count,
          cids: decodeCids(row.cids),
        }),
      );
      groups.sort((a, b) => DELIVERY_STATES.indexOf(a.state) - DELIVERY_STATES.indexOf(b.state));
      return {
        groups,
        milestones: {
          sent: await cidsWhere(campaignId, 'sent_at'),
          delivered: await cidsWhere(campaignId, 'delivered_at'),
          opened: await cidsWhere(campaignId, 'opened_at'),
          clicked: await cidsWhere(campaignId, 'clicked_at'),
        },
      };
    },
  };
}

function decodeCids(bytes: Buffer | null): CidSet {
  const cids = new Uint32Array((bytes?.length ?? 0) / 4);
  for (let at = 0; at < cids.length; at++) cids[at] = bytes?.readUInt32BE(at * 4) ?? 0;
  return cidSetOf(cids);
}

export function presentDelivery(row: DeliveryRow): DeliveryView {
  const when = <Name extends string>(name: Name, at: Date | null): { [N in Name]?: string } | undefined =>
    at === null ? undefined : nameIt(name, toIso(at.getTime()));
  const text = <Name extends string>(
    name: Name,
    value: string | null,
  ): { [N in Name]?: string } | undefined => (value === null ? undefined : nameIt(name, value));
  return {
    id: row.id,
    campaignId: row.campaign_id,
    node: row.node,
    wave: row.wave,
    channel: row.channel,
    purpose: row.purpose,
    customerId: row.customer_id,
    templateId: row.template_id,
    templateVersion: row.template_version,
    ...text('variantId', row.variant_id),
    ...text('offerId', row.offer_id),
    state: row.state,
    ...text('reason', row.reason),
    ...text('detail', row.detail),
    attempts: row.attempts,
    ...text('providerId', row.provider_id),
    ...text('providerMessageId', row.provider_message_id),
    notBefore: toIso(row.not_before.getTime()),
    ...when('expiresAt', row.expires_at),
    queuedAt: toIso(row.queued_at.getTime()),
    ...when('sentAt', row.sent_at),
    ...when('deliveredAt', row.delivered_at),
    ...when('openedAt', row.opened_at),
    ...when('clickedAt', row.clicked_at),
    ...when('endedAt', row.ended_at),
  };
}

function nameIt<Name extends string>(name: Name, value: string): { [N in Name]?: string } {
  const named: { [N in Name]?: string } = {};
  named[name] = value;
  return named;
}
