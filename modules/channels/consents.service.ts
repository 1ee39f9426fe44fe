import { newId, toIso } from '@rapport/kernel';
import { channelsProblems } from './channels.problems.ts';
import type { ChannelsDeps, Consents } from './channels.ts';
import type { Channel, ConsentBody, ConsentView, DeliveryPurpose, SuppressionView } from './contract.ts';
import { visiblePage } from './visible-page.ts';

interface ConsentRow {
  readonly id: string;
  readonly customer_id: string;
  readonly channel: Channel;
  readonly purpose: DeliveryPurpose;
  readonly granted: boolean;
  readonly at: Date;
  readonly evidence: string;
  readonly source: string;
  readonly recorded_at: Date;
}

interface SuppressionRow {
  readonly id: string;
  readonly customer_id: string;
  readonly channel: SuppressionView['channel'];
  readonly applies_to: SuppressionView['appliesTo'];
  readonly reason: string;
  readonly source: string;
  readonly until: Date | null;
  readonly created_at: Date;
}

const CONSENT =
  'c.id, c.customer_id, c.channel, c.purpose, c.granted, c.at, c.evidence, c.source, c.recorded_at';
const SUPPRESSION = 's.id, s.customer_id, s.channel, s.applies_to, s.reason, s.source, s.until, s.created_at';

export interface ConsentEntry {
  readonly customerId: string;
  readonly cid: number | undefined;
  readonly channel: Channel;
  readonly purpose: DeliveryPurpose;
  readonly granted: boolean;
  readonly at: number;
  readonly evidence: string;
  readonly source: 'api' | 'source' | 'unsubscribe' | 'reply' | 'receipt';
  /** Message it came from. */
  readonly deliveryId?: string;
}

export interface ConsentLedger extends Consents {
  /** Writes entries and the news of them in one transaction. */
  append(entries: readonly ConsentEntry[]): Promise<void>;
  /** Suppresses without an actor, because a provider said so. */
  suppressAll(
    rows: readonly { customerId: string; channel: Channel; reason: string; source: string }[],
  ): Promise<void>;
}

/** The append-only consent ledger 授權 and the suppressions 屏蔽. Both are read at the last instant before a hand-over. */
export function createConsents(
  deps: Pick<ChannelsDeps, 'relational' | 'clock' | 'audit' | 'customers' | 'consentModel'>,
): ConsentLedger {
  const { clock, audit, customers } = deps;
  const { pool, transaction } = deps.relational;

  const append: ConsentLedger['append'] = async (entries) => {
    if (entries.length === 0) return;
    const now = new Date(clock.now());
    await transaction(async (client) => {
      await client.query(
        `with added as (
           insert into channels.consent (id, customer_id, channel, purpose, granted, at, evidence, source, recorded_at)
           select i.id, i.customer_id, i.channel, i.purpose, i.granted, i.at, i.evidence, i.source, $9
           from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::timestamptz[], $7::text[], $8::text[])
             as i (id, customer_id, channel, purpose, granted, at, evidence, source)
           on conflict (customer_id, channel, purpose, at, granted) do nothing
           returning id, channel, purpose, granted, at, source
         )
         insert into channels.contact_event (id, cid, name, at, properties)
         select a.id, k.cid, case when a.granted then 'opted_in' else 'opted_out' end, a.at,
           jsonb_strip_nulls(jsonb_build_object('channel', a.channel, 'purpose', a.purpose, 'source', a.source,
             'delivery_id', k.delivery_id, 'campaign_id', k.campaign_id))
         from added a join (
           select u.id, u.cid, u.delivery_id, m.campaign_id
           from unnest($1::text[], $10::int[], $11::text[]) as u (id, cid, delivery_id)
           left join channels.message m on m.id = u.delivery_id
         ) k on k.id = a.id where k.cid is not null`,
        [
          entries.map(() => newId('cns')),
          entries.map((entry) => entry.customerId),
          entries.map((entry) => entry.channel),
          entries.map((entry) => entry.purpose),
          entries.map((entry) => entry.granted),
          entries.map((entry) => new Date(entry.at)),
          entries.map((entry) => entry.evidence),
          entries.map((entry) => entry.source),
          now,
          entries.map((entry) => entry.cid ?? null),
          entries.map((entry) => entry.deliveryId ?? null),
        ],
      );
    });
  };
  const cidOf = async (customerId: string): Promise<number> => {
    const cid = (await customers.cidsOf([customerId])).get(customerId);
    if (cid === undefined)
      throw channelsProblems.customer_not_found({ detail: `There is no customer ${customerId}.` });
    return cid;
  };
  const refuseUnseen = async (
    customerId: string,
    actor: Parameters<Consents['record']>[1],
  ): Promise<number> => {
    const cid = await cidOf(customerId);
    const visible = await customers.visible(actor, [cid]);
    if (!visible.has(cid))
      throw channelsProblems.customer_not_found({ detail: `There is no customer ${customerId}.` });
    return cid;
  };

  return {
    append,
    async record(consent, actor) {
      const cid = await refuseUnseen(consent.customerId, actor);
      const at = consent.at === undefined ? clock.now() : Date.parse(consent.at);
      await append([{ ...consent, cid, at, source: 'api' }]);
      const found = await pool.query<ConsentRow>(
        `select ${CONSENT} from channels.consent c
         where c.customer_id = $1 and c.channel = $2 and c.purpose = $3 and c.granted = $4 and c.at = $5`,
        [consent.customerId, consent.channel, consent.purpose, consent.granted, new Date(at)],
      );
      const row = found.rows[0];
      if (!row) throw new Error('the consent was not written');
      const { channel, purpose, granted, evidence } = consent;
      await audit.record({
        actor,
        action: granted ? 'consent.granted' : 'consent.withdrawn',
        subject: consent.customerId,
        details: { channel, purpose, evidence },
      });
      return presentConsent(row);
    },
    list: (query, actor) =>
      visiblePage({
        query,
        actor,
        customers,
        idOf: (row) => row.id,
        customerOf: (row) => row.customer_id,
        present: presentConsent,
        async read(before, limit) {
          const found = await pool.query<ConsentRow>(
            `select ${CONSENT} from channels.consent c
             where ($1::text is null or c.customer_id = any(channels.ids_of($1))) and ($2::text is null or c.id < $2) order by c.id desc limit $3`,
            [query.customerId ?? null, before ?? null, limit],
          );
          return found.rows;
        },
      }),
    async importAll(batches) {
      let inserted = 0;
      for await (const rows of batches) inserted += await importBatch(rows);
      return { inserted };
    },
    async suppress(suppression, actor) {
      await refuseUnseen(suppression.customerId, actor);
      const written = await pool.query<SuppressionRow>(
        `insert into channels.suppression as s (id, customer_id, channel, applies_to, reason, source, until, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8) returning ${SUPPRESSION}`,
        [
          newId('sup'),
          suppression.customerId,
          suppression.channel,
          suppression.appliesTo,
          suppression.reason,
          actor.id,
          suppression.until === undefined ? null : new Date(suppression.until),
          new Date(clock.now()),
        ],
      );
      const row = written.rows[0];
      if (!row) throw new Error('the suppression was not written');
      await audit.record({
        actor,
        action: 'suppression.created',
        subject: suppression.customerId,
        details: { channel: suppression.channel, reason: suppression.reason },
      });
      return presentSuppression(row);
    },
    async unsuppress(suppressionId, actor) {
      const found = await pool.query<SuppressionRow>(
        `select ${SUPPRESSION} from channels.suppression s where s.id = $1 and s.ended_at is null`,
        [suppressionId],
      );
      const row = found.rows[0];
      if (!row)
        throw channelsProblems.suppression_not_found({
          detail: `There is no suppression ${suppressionId} in force.`,
        });
      await refuseUnseen(row.customer_id, actor);
      await pool.query('update channels.suppression s set ended_at = $2 where s.id = $1', [
        suppressionId,
        new Date(clock.now()),
      ]);
      await audit.record({
        actor,
        action: 'suppression.ended',
        subject: row.customer_id,
        details: { suppressionId, reason: row.reason },
      });
    },
    suppressions: (query, actor) =>
      visiblePage({
        query,
        actor,
        customers,
        idOf: (row) => row.id,
        customerOf: (row) => row.customer_id,
        present: presentSuppression,
        async read(before, limit) {
          const found = await pool.query<SuppressionRow>(
            `select ${SUPPRESSION} from channels.suppression s
             where s.ended_at is null and ($1::text is null or s.customer_id = any(channels.ids_of($1))) and ($2::text is null or s.id < $2)
             order by s.id desc limit $3`,
            [query.customerId ?? null, before ?? null, limit],
          );
          return found.rows;
        },
      }),
    async suppressAll(rows) {
      if (rows.length === 0) return;
      await pool.query(
        `insert into channels.suppression (id, customer_id, channel, applies_to, reason, source, created_at)
         select i.id, i.customer_id, i.channel, 'all', i.reason, i.source, $6
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) as i (id, customer_id, channel, reason, source)
         where not exists (select 1 from channels.suppression s where s.customer_id = i.customer_id and s.channel = i.channel
           and s.reason = i.reason and s.ended_at is null)`,
        [
          rows.map(() => newId('sup')),
          rows.map((row) => row.customerId),
          rows.map((row) => row.channel),
          rows.map((row) => row.reason),
          rows.map((row) => row.source),
          new Date(clock.now()),
        ],
      );
    },
    async sameCustomers(ids) {
      await transaction(async (client) => {
        await client.query('lock table channels.alias in exclusive mode');
        await client.query(
          `delete from channels.alias a where not exists (
             select 1 from unnest($1::text[], $2::text[]) as i (customer_id, of) where i.customer_id = a.customer_id and i.of = a.of)`,
          [ids.map(({ customerId }) => customerId), ids.map(({ of }) => of)],
        );
        await client.query(
          `insert into channels.alias (customer_id, of) select i.customer_id, i.of from unnest($1::text[], $2::text[]) as i (customer_id, of)
           on conflict do nothing`,
          [ids.map(({ customerId }) => customerId), ids.map(({ of }) => of)],
        );
      });
    },
    async obstacles(customerIds, channel, purpose) {
      const found = await pool.query<{ customer_id: string; obstacle: string }>(
        `select o.customer_id, o.obstacle from (
           select i.customer_id, channels.may_send(i.customer_id, $2, $3, $4, $5) as obstacle from unnest($1::text[]) as i (customer_id)
         ) o where o.obstacle is not null`,
        [customerIds, channel, purpose, new Date(clock.now()), (await deps.consentModel()) === 'opt_in'],
      );
      return new Map(
        found.rows.map((row) => [row.customer_id, row.obstacle.slice(row.obstacle.indexOf(':') + 1)]),
      );
    },
  };

  /** Sources deliver their whole state again and again, so entries that are there already must cost little. */
  async function importBatch(rows: readonly ConsentBody[]): Promise<number> {
    let inserted = 0;
    for (let from = 0; from < rows.length; from += 10_000) {
      const some = rows.slice(from, from + 10_000);
      const now = new Date(clock.now());
      const done = await pool.query(
        `insert into channels.consent (id, customer_id, channel, purpose, granted, at, evidence, source, recorded_at)
         select i.id, i.customer_id, i.channel, i.purpose, i.granted, i.at, i.evidence, 'source', $8
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::timestamptz[], $7::text[])
           as i (id, customer_id, channel, purpose, granted, at, evidence)
         on conflict (customer_id, channel, purpose, at, granted) do nothing`,
        [
          some.map(() => newId('cns')),
          some.map((row) => row.customerId),
          some.map((row) => row.channel),
          some.map((row) => row.purpose),
          some.map((row) => row.granted),
          some.map((row) => (row.at === undefined ? now : new Date(row.at))),
          some.map((row) => row.evidence),
          now,
        ],
      );
      inserted += done.rowCount ?? 0;
    }
    return inserted;
  }
}

const presentConsent = (row: ConsentRow): ConsentView => ({
  id: row.id,
  customerId: row.customer_id,
  channel: row.channel,
  purpose: row.purpose,
  granted: row.granted,
  at: toIso(row.at.getTime()),
  evidence: row.evidence,
  source: row.source,
  recordedAt: toIso(row.recorded_at.getTime()),
});

const presentSuppression = (row: SuppressionRow): SuppressionView => ({
  id: row.id,
  customerId: row.customer_id,
  channel: row.channel,
  appliesTo: row.applies_to,
  reason: row.reason,
  source: row.source,
  createdAt: toIso(row.created_at.getTime()),
  ...(row.until ? { until: toIso(row.until.getTime()) } : {}),
});
