import type { EpochMs } from '@rapport/kernel';
import { Value } from 'typebox/value';
import { channelsProblems } from './channels.problems.ts';
import type { ChannelsDeps, Providers } from './channels.ts';
import type { ConsentEntry, ConsentLedger } from './consents.service.ts';
import { type Channel, type Receipt, ReceiptBatch, type ReceiptResult } from './contract.ts';
import type { Happening, Outbox } from './outbox.store.sql.ts';
import { isSignature, SIGNATURE_WINDOW_MS } from './signing.ts';

/** Replies that mean "no more", in any case and width, alone or before other words. */
const STOP_WORDS = /^\s*(stop|unsubscribe|td|t|r|退訂|退订|取消)\s*[.!。!]?\s*$/i;
export const isStopWord = (text: string): boolean => STOP_WORDS.test(text.normalize('NFKC'));

interface Known {
  readonly id: string;
  readonly customer_id: string;
  readonly cid: number;
  readonly channel: Channel;
}

/**
 * Receipts of providers. Each is verified, taken once (by the provider's receipt id) and applied in the order given;
 * what belongs to no message is kept and counted, never guessed.
 */
export function createReceipts(deps: {
  readonly relational: Pick<ChannelsDeps['relational'], 'pool'>;
  readonly clock: ChannelsDeps['clock'];
  readonly customers: Pick<ChannelsDeps['customers'], 'findByAddress'>;
  readonly providers: Pick<Providers, 'open'>;
  readonly outbox: Pick<Outbox, 'settle'>;
  readonly consents: Pick<ConsentLedger, 'append' | 'suppressAll'>;
}): {
  receive(
    providerId: string,
    request: { timestamp: string; signature: string; body: Buffer },
  ): Promise<ReceiptResult>;
} {
  const { clock, customers, providers, outbox, consents } = deps;
  const { pool } = deps.relational;

  const verify = async (
    providerId: string,
    request: { timestamp: string; signature: string; body: Buffer },
  ): Promise<ReceiptBatch> => {
    const provider = await providers.open(providerId);
    const key = provider?.signingKey;
    // The same answer for an unknown provider, so that nobody learns which exist.
    if (key === undefined || !isSignature(request.signature, key, request.timestamp, request.body))
      throw channelsProblems.bad_signature();
    const age = clock.now() - Number(request.timestamp) * 1000;
    if (!(Math.abs(age) <= SIGNATURE_WINDOW_MS))
      throw channelsProblems.stale_signature({ detail: 'The timestamp is more than five minutes off.' });
    let batch: unknown;
    try {
      batch = JSON.parse(request.body.toString('utf8'));
    } catch (cause) {
      throw channelsProblems.bad_receipts({ detail: 'The body is not JSON.', cause });
    }
    if (!Value.Check(ReceiptBatch, batch)) {
      const [first] = Value.Errors(ReceiptBatch, batch);
      throw channelsProblems.bad_receipts({
        detail: `${first?.instancePath ?? ''} ${first?.message ?? 'does not fit'}`,
      });
    }
    return batch;
  };

  return {
    async receive(providerId, request) {
      const { receipts } = await verify(providerId, request);
      const messages = await find(providerId, receipts);
      const now = clock.now();
      const isNew = await unseen(providerId, receipts);
      const fresh = receipts.filter(
        (receipt, index) =>
          isNew.has(receipt.id) && receipts.findIndex((other) => other.id === receipt.id) === index,
      );
      const happenings: Happening[] = [];
      const withdrawals: ConsentEntry[] = [];
      const dead: { customerId: string; channel: Channel; reason: string; source: string }[] = [];
      let unmatched = 0;
      for (const receipt of fresh) {
        const message = messageOf(receipt, messages);
        const sender = message ?? (await senderOf(receipt));
        if (!sender) {
          unmatched += 1;
          continue;
        }
        // A provider's clock may be ahead; nothing happens in the future.
        const at = Math.min(Date.parse(receipt.at), now);
        if (message) happenings.push(...happeningsOf(receipt, message.id, at));
        if (receipt.kind === 'replied' && isStopWord(receipt.text ?? ''))
          withdrawals.push(withdrawal(receipt, sender, message?.id, now));
        if (receipt.kind === 'bounced' && receipt.permanent === true)
          dead.push({
            customerId: sender.customer_id,
            channel: sender.channel,
            reason: 'bounced',
            source: providerId,
          });
      }
      await consents.append(withdrawals);
      await consents.suppressAll(dead);
      await outbox.settle(happenings);
      // Written down last: after a crash before this the provider sends them again, and applying twice changes nothing.
      await remember(providerId, fresh, messages, now);
      return { accepted: fresh.length - unmatched, repeated: receipts.length - fresh.length, unmatched };
    },
  };

  async function senderOf(receipt: Receipt): Promise<Known | undefined> {
    if (receipt.kind !== 'replied' || receipt.from === undefined) return undefined;
    const channel: Channel = receipt.from.includes('@') ? 'email' : 'sms';
    const found = await customers.findByAddress(channel, receipt.from);
    return found && { id: '', customer_id: found.customerId, cid: found.cid, channel };
  }

  async function find(
    providerId: string,
    receipts: readonly Receipt[],
  ): Promise<{ byId: Map<string, Known>; byProviderId: Map<string, Known> }> {
    const ids = receipts.flatMap((receipt) => receipt.deliveryId ?? []);
    const providerIds = receipts.flatMap((receipt) => receipt.providerMessageId ?? []);
    const found = await pool.query<Known & { provider_message_id: string | null }>(
      `select m.id, m.customer_id, m.cid, m.channel, m.provider_message_id from channels.message m where m.id = any($1) and m.provider_id = $3
       union select m.id, m.customer_id, m.cid, m.channel, m.provider_message_id from channels.message m where m.provider_id = $3 and m.provider_message_id = any($2)`,
      [ids, providerIds, providerId],
    );
    const byProviderId = new Map<string, Known>();
    for (const row of found.rows)
      if (row.provider_message_id !== null) byProviderId.set(row.provider_message_id, row);
    return { byId: new Map(found.rows.map((row) => [row.id, row])), byProviderId };
  }

  async function unseen(providerId: string, receipts: readonly Receipt[]): Promise<Set<string>> {
    const ids = receipts.map((receipt) => receipt.id);
    const seen = await pool.query<{ receipt_id: string }>(
      'select r.receipt_id from channels.receipt r where r.provider_id = $1 and r.receipt_id = any($2)',
      [providerId, ids],
    );
    const known = new Set(seen.rows.map((row) => row.receipt_id));
    return new Set(ids.filter((id) => !known.has(id)));
  }

  async function remember(
    providerId: string,
    receipts: readonly Receipt[],
    messages: { byId: Map<string, Known>; byProviderId: Map<string, Known> },
    now: EpochMs,
  ): Promise<void> {
    await pool.query(
      `insert into channels.receipt (provider_id, receipt_id, kind, message_id, at, detail, received_at)
       select $1, i.receipt_id, i.kind, i.message_id, i.at, i.detail, $7
       from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[]) as i (receipt_id, kind, message_id, at, detail)
       on conflict (provider_id, receipt_id) do nothing`,
      [
        providerId,
        receipts.map((receipt) => receipt.id),
        receipts.map((receipt) => receipt.kind),
        receipts.map((receipt) => messageOf(receipt, messages)?.id ?? null),
        receipts.map((receipt) => new Date(receipt.at)),
        receipts.map((receipt) => receipt.detail ?? null),
        new Date(now),
      ],
    );
  }
}

const messageOf = (
  receipt: Receipt,
  messages: { byId: Map<string, Known>; byProviderId: Map<string, Known> },
): Known | undefined =>
  (receipt.deliveryId === undefined ? undefined : messages.byId.get(receipt.deliveryId)) ??
  (receipt.providerMessageId === undefined
    ? undefined
    : messages.byProviderId.get(receipt.providerMessageId));

function happeningsOf(receipt: Receipt, id: string, at: EpochMs): Happening[] {
  const { detail } = receipt;
  switch (receipt.kind) {
    case 'delivered':
      return [{ id, event: 'deliver', at }];
    case 'opened':
      return [{ id, event: 'open', at }];
    case 'clicked':
      return [{ id, event: 'click', at }];
    case 'bounced':
      return [
        {
          id,
          event: 'bounce',
          at,
          reason: receipt.permanent === true ? 'hard_bounce' : 'soft_bounce',
          detail,
        },
      ];
    case 'failed':
      return [{ id, event: 'bounce', at, reason: 'provider_failed', detail }];
    case 'replied':
      return [{ id, event: 'deliver', at }];
  }
}

const withdrawal = (
  receipt: Receipt,
  sender: Known,
  deliveryId: string | undefined,
  now: EpochMs,
): ConsentEntry => ({
  customerId: sender.customer_id,
  cid: sender.cid,
  channel: sender.channel,
  purpose: 'marketing',
  granted: false,
  at: now,
  evidence: `reply “${(receipt.text ?? '').trim().slice(0, 100)}” (receipt ${receipt.id})`,
  source: 'reply',
  ...(deliveryId === undefined ? {} : { deliveryId }),
});
