import { type EpochMs, newId } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import type { MessageBatch } from './channels.ts';
import type { Channel, DeliveryPurpose, DeliveryState } from './contract.ts';
import { type MessageEvent, MILESTONES, TRANSITIONS } from './message-state.ts';

export interface ClaimedMessage {
  readonly id: string;
  readonly cid: number;
  readonly customer_id: string;
  readonly campaign_id: string;
  readonly campaign_name: string;
  readonly channel: Channel;
  readonly purpose: DeliveryPurpose;
  readonly template_id: string;
  readonly template_version: number;
  readonly variant_id: string | null;
  readonly offer_id: string | null;
  readonly expires_at: Date | null;
  readonly ambiguous: boolean;
  readonly attempts: number;
  /** `<what>:<why>` when it may not be sent now; `hold:` passes, everything else is an end. */
  readonly obstacle: string | null;
}

/** One thing that happened to one message. */
export interface Happening {
  readonly id: string;
  readonly event: Exclude<MessageEvent, 'begin'>;
  readonly at: EpochMs;
  readonly reason?: string | undefined;
  readonly detail?: string | undefined;
  readonly providerMessageId?: string | undefined;
  /** `retry`: not again before. */
  readonly notBefore?: EpochMs | undefined;
  /** `retry`: the provider may have taken it. */
  readonly ambiguous?: boolean | undefined;
  /** `retry`: the provider was down, so this try does not count. */
  readonly uncounted?: boolean | undefined;
}

export interface Settled {
  readonly id: string;
  readonly state: DeliveryState;
  readonly customer_id: string;
  readonly cid: number;
  readonly channel: Channel;
}

const INSERT_ROWS = 5_000;
const CANCEL_ROWS = 10_000;

export type Outbox = ReturnType<typeof createOutbox>;

/** The outbox in PostgreSQL: the only writer of `channels.message`. */
export function createOutbox({ pool, transaction }: Pick<Relational, 'pool' | 'transaction'>) {
  return {
    /** Idempotent by (campaign, customer, node, wave, channel). */
    async enqueue(batch: MessageBatch, now: EpochMs): Promise<number> {
      let inserted = 0;
      for (let from = 0; from < batch.recipients.length || from === 0; from += INSERT_ROWS) {
        const rows = batch.recipients.slice(from, from + INSERT_ROWS);
        inserted += await transaction(async (client) => {
          // The row lock holds back a cancel, which would otherwise miss messages that are not committed yet.
          const campaign = await client.query<{ state: string }>(
            `insert into channels.campaign as c (id, name) values ($1, $2)
             on conflict (id) do update set name = excluded.name, has_queued = c.state <> 'stopped' returning c.state`,
            [batch.campaignId, batch.campaignName],
          );
          const isStopped = campaign.rows[0]?.state === 'stopped';
          const done = await client.query(ENQUEUE, [
            rows.map(() => newId('dlv')),
            rows.map((row) => row.cid),
            rows.map((row) => row.customerId),
            rows.map((row) => row.variantId ?? null),
            rows.map((row) => row.offerId ?? batch.offerId ?? null),
            batch.campaignId,
            batch.node,
            batch.wave,
            batch.channel,
            batch.purpose,
            batch.templateId,
            batch.templateVersion,
            batch.priority ?? 0,
            new Date(batch.notBefore ?? now),
            batch.expiresAt === undefined ? null : new Date(batch.expiresAt),
            new Date(now),
            isStopped,
            batch.providerId ?? null,
          ]);
          return done.rowCount ?? 0;
        });
      }
      return inserted;
    },

    /**
     * Leases up to `limit` messages that are due and may go by this provider, highest priority first. What may
     * have been taken by a provider is only ever given to that one again.
     */
    async claim(query: {
      channel: Channel;
      providerId: string;
      owner: string;
      leaseMs: number;
      limit: number;
      now: EpochMs;
      needsConsent: boolean;
    }): Promise<ClaimedMessage[]> {
      const { channel, providerId, owner, leaseMs, limit, now, needsConsent } = query;
      const claimed = await pool.query<ClaimedMessage>(CLAIM, [
        channel,
        new Date(now),
        limit,
        owner,
        leaseMs,
        needsConsent,
        providerId,
      ]);
      return claimed.rows;
    },

    /**
     * Write-ahead of hand-overs, with the last check in the same statement: committed as `sending` when it
     * resolves. Answers the obstacle of each message (`null` = go); a message that is no longer ours is absent.
     */
    async begin(query: {
      owner: string;
      providerId: string;
      now: EpochMs;
      needsConsent: boolean;
      messages: readonly { id: string; variantId: string }[];
    }): Promise<Map<string, string | null>> {
      const begun = await transaction((client) =>
        client.query<{ id: string; obstacle: string | null }>(BEGIN, [
          query.messages.map((message) => message.id),
          query.messages.map((message) => message.variantId),
          query.owner,
          new Date(query.now),
          query.needsConsent,
          query.providerId,
        ]),
      );
      return new Map(begun.rows.map((row) => [row.id, row.obstacle]));
    },

    /**
     * Applies what happened, each where the state machine allows it, and notes the news for the stream in the
     * same transaction. A message may occur more than once; its happenings are applied in order.
     * @param owner only messages that this dispatcher holds, save for milestones, which are true whoever says so
     */
    async settle(happenings: readonly Happening[], owner?: string): Promise<Settled[]> {
      const settled: Settled[] = [];
      for (const round of roundsOf(happenings)) {
        const done = await transaction((client) =>
          client.query<Settled>(SETTLE, [
            round.map((one) => one.id),
            round.map((one) => TRANSITIONS[one.event].to),
            round.map((one) => fromStates(one.event).join(',')),
            round.map((one) => one.reason ?? null),
            round.map((one) => one.detail?.slice(0, 500) ?? null),
            round.map((one) => one.providerMessageId ?? null),
            round.map((one) => (one.notBefore === undefined ? null : new Date(one.notBefore))),
            round.map((one) => new Date(one.at)),
            round.map((one) => one.ambiguous ?? false),
            owner ?? null,
            round.map((one) => one.uncounted ?? false),
          ]),
        );
        settled.push(...done.rows);
      }
      return settled;
    },

    /** Gives leases back, for messages that were not begun; they wait until `notBefore`. */
    async unlease(owner: string, messages: readonly { id: string; notBefore?: EpochMs }[]): Promise<void> {
      if (messages.length === 0) return;
      await pool.query(
        `update channels.message m set lease_owner = null, lease_until = null, not_before = coalesce(i.not_before, m.not_before)
         from unnest($2::text[], $3::timestamptz[]) as i (id, not_before)
         where m.id = i.id and m.lease_owner = $1 and m.state = 'queued'`,
        [
          owner,
          messages.map((one) => one.id),
          messages.map((one) => (one.notBefore === undefined ? null : new Date(one.notBefore))),
        ],
      );
    },

    /** `false` when the campaign is stopped for good or not known. */
    async setCampaign(campaignId: string, state: 'running' | 'paused'): Promise<boolean> {
      const done = await pool.query(
        `update channels.campaign c set state = $2 where c.id = $1 and c.state <> 'stopped'`,
        [campaignId, state],
      );
      return done.rowCount === 1;
    },

    /** Stops hand-overs at once, then ends what is queued, in pieces. */
    async cancel(campaignId: string, now: EpochMs): Promise<number> {
      await pool.query(
        `insert into channels.campaign as c (id, name, state) values ($1, $1, 'stopped') on conflict (id) do update set state = 'stopped'`,
        [campaignId],
      );
      let cancelled = 0;
      for (;;) {
        const found = await pool.query<{ id: string }>(
          `select m.id from channels.message m where m.campaign_id = $1 and m.state = 'queued' limit $2`,
          [campaignId, CANCEL_ROWS],
        );
        if (found.rows.length === 0) break;
        const done = await this.settle(
          found.rows.map(({ id }) => ({ id, event: 'cancel', at: now, reason: 'campaign_stopped' })),
        );
        cancelled += done.length;
      }
      await pool.query('update channels.campaign c set has_queued = false where c.id = $1', [campaignId]);
      return cancelled;
    },

    /** Campaigns with nothing queued are no longer looked at; stopped ones that still have messages are answered. */
    async tidyCampaigns(): Promise<string[]> {
      return transaction(async (client) => {
        const open = await client.query<{ id: string; state: string }>(
          'select c.id, c.state from channels.campaign c where c.has_queued for update skip locked',
        );
        const ids = open.rows.map((row) => row.id);
        // A second statement, so that it sees what was committed before the locks were taken.
        const emptied = await client.query<{ id: string }>(
          `update channels.campaign c set has_queued = false where c.id = any($1)
             and not exists (select 1 from channels.message m where m.campaign_id = c.id and m.state = 'queued') returning c.id`,
          [ids],
        );
        const empty = new Set(emptied.rows.map((row) => row.id));
        return open.rows.filter((row) => row.state === 'stopped' && !empty.has(row.id)).map((row) => row.id);
      });
    },

    async heartbeat(id: string, host: string, process: string): Promise<void> {
      await pool.query(
        `insert into channels.dispatcher as d (id, host, process, seen_at) values ($1, $2, $3, now())
         on conflict (id) do update set seen_at = now()`,
        [id, host, process],
      );
    },
    async dispatchers(): Promise<{ id: string; host: string; process: string; ageMs: number }[]> {
      const found = await pool.query<{ id: string; host: string; process: string; age_ms: number }>(
        'select d.id, d.host, d.process, (extract(epoch from now() - d.seen_at) * 1000)::float8 as age_ms from channels.dispatcher d',
      );
      return found.rows.map(({ age_ms, ...row }) => ({ ...row, ageMs: age_ms }));
    },
    async forgetDispatchers(ids: readonly string[]): Promise<void> {
      await pool.query('delete from channels.dispatcher d where d.id = any($1)', [ids]);
    },
    /** Messages that a dispatcher left in `sending` when it died. */
    async orphans(living: readonly string[]): Promise<{ id: string; provider_id: string | null }[]> {
      const found = await pool.query<{ id: string; provider_id: string | null }>(
        `select m.id, m.provider_id from channels.message m
         where m.state = 'sending' and (m.lease_owner is null or not m.lease_owner = any($1)) order by m.id limit 5000`,
        [living],
      );
      return found.rows;
    },
    /** Leases of the dead are freed at once instead of when they run out. */
    async freeLeases(owners: readonly string[]): Promise<void> {
      if (owners.length === 0) return;
      await pool.query(
        `update channels.message m set lease_owner = null, lease_until = null where m.state = 'queued' and m.lease_owner = any($1)`,
        [owners],
      );
    },
  };
}

/** Milestones also "apply" to later milestones, where they only fill in what is not known yet. */
function fromStates(event: MessageEvent): readonly string[] {
  const { from, to } = TRANSITIONS[event];
  return MILESTONES.some((milestone) => milestone === to) ? [...from, ...MILESTONES] : from;
}

/** Each message at most once a round, in the order given. */
function roundsOf(happenings: readonly Happening[]): Happening[][] {
  const rounds: Happening[][] = [];
  const seen = new Map<string, number>();
  for (const one of happenings) {
    const round = seen.get(one.id) ?? 0;
    seen.set(one.id, round + 1);
    const own = rounds[round];
    if (own) own.push(one);
    else rounds[round] = [one];
  }
  return rounds;
}

const PROPERTIES = (message: string): string => `jsonb_strip_nulls(jsonb_build_object(
  'delivery_id', ${message}.id, 'campaign_id', ${message}.campaign_id, 'node', ${message}.node, 'wave', ${message}.wave::text,
  'channel', ${message}.channel, 'template_id', ${message}.template_id, 'variant', ${message}.variant_id,
  'offer_id', ${message}.offer_id, 'reason', ${message}.reason))`;

const ENQUEUE = `
with added as (
  insert into channels.message (id, cid, customer_id, variant_id, offer_id, campaign_id, node, wave, channel, purpose,
    template_id, template_version, priority, not_before, expires_at, queued_at, state, reason, ended_at, wanted_provider_id)
  select i.id, i.cid, i.customer_id, i.variant_id, i.offer_id, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
    case when $17 then 'cancelled' else 'queued' end, case when $17 then 'campaign_stopped' end, case when $17 then $16::timestamptz end, $18
  from unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[]) as i (id, cid, customer_id, variant_id, offer_id)
  on conflict (campaign_id, cid, node, wave, channel) do nothing
  returning id, cid, campaign_id, node, wave, channel, template_id, variant_id, offer_id, reason, ended_at
), told as (
  insert into channels.contact_event (id, cid, name, at, properties)
  select a.id || ':cancelled', a.cid, 'message_cancelled', a.ended_at, ${PROPERTIES('a')} from added a where a.ended_at is not null
)
select a.id from added a`;

const CLAIM = `
with picked as materialized (
  select due.id
  from channels.campaign c
  cross join lateral (
    select m.id, m.priority, m.not_before from channels.message m
    where m.campaign_id = c.id and m.channel = $1 and m.state = 'queued' and m.not_before <= $2
      and coalesce(case when m.ambiguous then m.provider_id end, m.wanted_provider_id, $7) = $7
      and (m.lease_until is null or m.lease_until < now())
    order by m.priority desc, m.not_before limit $3
    for update skip locked
  ) due
  where c.has_queued and c.state = 'running'
    and not exists (select 1 from channels.emergency_stop s where s.lifted_at is null and (s.kind = 'global'
      or (s.kind = 'channel' and s.subject = $1) or (s.kind = 'campaign' and s.subject = c.id)))
  order by due.priority desc, due.not_before limit $3
)
update channels.message m set lease_owner = $4, lease_until = now() + $5::float8 * interval '1 millisecond'
from picked p, channels.campaign c
where m.id = p.id and c.id = m.campaign_id
returning m.id, m.cid, m.customer_id, m.campaign_id, c.name as campaign_name, m.channel, m.purpose, m.template_id,
  m.template_version, m.variant_id, m.offer_id, m.expires_at, m.ambiguous, m.attempts,
  channels.obstacle(m.customer_id, m.campaign_id, m.channel, m.purpose, m.expires_at, $2, $6) as obstacle`;

const BEGIN = `
with i as (
  select * from unnest($1::text[], $2::text[]) as i (id, variant_id)
), checked as (
  select m.id, i.variant_id,
    channels.obstacle(m.customer_id, m.campaign_id, m.channel, m.purpose, m.expires_at, $4, $5) as obstacle
  from channels.message m join i on i.id = m.id
  where m.state = 'queued' and m.lease_owner = $3
  order by m.id for update of m
), begun as (
  update channels.message m set state = 'sending', attempts = m.attempts + 1, provider_id = $6,
    variant_id = checked.variant_id
  from checked where m.id = checked.id and checked.obstacle is null
)
select checked.id, checked.obstacle from checked`;

const SETTLE = `
with i as (
  select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[], $9::bool[], $11::bool[])
    as i (id, to_state, from_states, reason, detail, provider_message_id, not_before, at, ambiguous, uncounted)
), prior as (
  select m.id, m.state, m.ambiguous, m.sent_at, m.delivered_at, m.opened_at, m.clicked_at, i.to_state, i.reason, i.detail,
    i.provider_message_id, i.not_before, i.at, i.ambiguous as now_ambiguous, i.uncounted
  from channels.message m join i on i.id = m.id
  where m.state = any(string_to_array(i.from_states, ','))
    and ($10::text is null or m.lease_owner = $10 or i.to_state in ('sent','delivered','opened','clicked'))
  order by m.id for update of m
), n as (
  select p.*,
    case
      when array_position(array['sent','delivered','opened','clicked'], p.state) >= array_position(array['sent','delivered','opened','clicked'], p.to_state) then p.state
      when p.ambiguous and p.to_state in ('suppressed', 'expired', 'cancelled', 'failed') then 'unknown'
      else p.to_state
    end as new_state
  from prior p
), changed as (
  update channels.message m set
    state = n.new_state,
    reason = case when n.new_state = 'queued' then n.reason when n.new_state in ('bounced','failed','suppressed','expired','cancelled','unknown') then coalesce(n.reason, m.reason) end,
    detail = coalesce(n.detail, m.detail),
    ambiguous = case when n.new_state = 'queued' then n.ambiguous or n.now_ambiguous else m.ambiguous end,
    provider_message_id = coalesce(n.provider_message_id, m.provider_message_id),
    not_before = coalesce(n.not_before, m.not_before),
    attempts = m.attempts - case when n.uncounted then 1 else 0 end,
    lease_owner = case when n.new_state = 'sending' then m.lease_owner end,
    lease_until = null,
    sent_at = case when n.to_state in ('sent','delivered','opened','clicked') then coalesce(m.sent_at, n.at) else m.sent_at end,
    delivered_at = case when n.to_state in ('delivered','opened','clicked') then coalesce(m.delivered_at, n.at) else m.delivered_at end,
    opened_at = case when n.to_state in ('opened','clicked') then coalesce(m.opened_at, n.at) else m.opened_at end,
    clicked_at = case when n.to_state = 'clicked' then coalesce(m.clicked_at, n.at) else m.clicked_at end,
    ended_at = case when n.new_state in ('bounced','failed','suppressed','expired','cancelled','unknown') then n.at end
  from n where m.id = n.id
  returning m.id, m.cid, m.customer_id, m.campaign_id, m.node, m.wave, m.channel, m.template_id, m.variant_id, m.offer_id,
    m.reason, m.state, m.sent_at, m.delivered_at, m.opened_at, m.clicked_at, n.at,
    n.state as old_state, n.sent_at as was_sent, n.delivered_at as was_delivered, n.opened_at as was_opened, n.clicked_at as was_clicked
), told as (
  insert into channels.contact_event (id, cid, name, at, properties)
  select c.id || ':' || k.name, c.cid, 'message_' || k.name, k.at, ${PROPERTIES('c')}
  from changed c cross join lateral (values
    ('sent', c.sent_at, c.was_sent is null), ('delivered', c.delivered_at, c.was_delivered is null),
    ('opened', c.opened_at, c.was_opened is null), ('clicked', c.clicked_at, c.was_clicked is null),
    (c.state, c.at, c.state <> c.old_state and c.state in ('bounced','failed','suppressed','expired','cancelled','unknown'))
  ) as k (name, at, is_new)
  where k.is_new and k.at is not null
)
select c.id, c.state, c.customer_id, c.cid, c.channel from changed c`;
