import { type Actor, type Clock, silentLog, systemClock } from '@rapport/kernel';
import { startTestStores, type TestStores, testActor } from '@rapport/testkit';
import { channelsMigrations } from '../channels.migrations.ts';
import { createChannels } from '../channels.service.ts';
import type { Channels, ContactLedgerPort, DispatcherDeps, MessageBatch } from '../channels.ts';
import type { Channel, ProviderBody } from '../contract.ts';
import { createDispatcher } from '../dispatcher.ts';

export const KEYS = { dataKey: Buffer.alloc(32, 7), linkKey: Buffer.alloc(32, 9) };
export const SIGNING_KEY = 'a-signing-key-of-enough-length';
export const PUBLIC_URL = 'https://rapport.bank.example';

/** Customers 1 … n, whose bank id, address and branch follow from the number. */
export const idOf = (cid: number): string => `C${String(cid).padStart(7, '0')}`;
const cidOf = (customerId: string): number => Number(customerId.slice(1));
export const addressOf = (cid: number, channel: Channel): string =>
  channel === 'email' ? `c${cid}@example.org` : `+88691${String(cid).padStart(7, '0')}`;

/** A contact ledger that grants everything but what `withhold` names, and remembers what it was told. */
export function rememberingLedger(
  withhold: (cid: number) => { because: string; until?: number } | undefined = () => undefined,
) {
  const held = new Set<string>();
  const confirmed = new Set<string>();
  const ledger: ContactLedgerPort = {
    async reserve(requests) {
      return requests.map(({ cid, deliveryId }) => {
        const refusal = withhold(cid);
        if (refusal) return { deliveryId, outcome: 'withheld' as const, ...refusal };
        held.add(deliveryId);
        return { deliveryId, outcome: 'granted' as const };
      });
    },
    async release(ids) {
      for (const id of ids) held.delete(id);
    },
    async confirm(ids) {
      for (const id of ids) confirmed.add(id);
    },
  };
  return { ledger, held, confirmed };
}

export interface World {
  readonly stores: TestStores;
  readonly channels: Channels;
  readonly actor: Actor;
  readonly clock: Clock;
  dispatcher(more?: Partial<DispatcherDeps>): ReturnType<typeof createDispatcher>;
  addProvider(provider: ProviderBody): Promise<string>;
  /** Messages to customers `from` … `from + count − 1`. */
  enqueue(batch: Partial<MessageBatch> & { campaignId: string; from?: number; count: number }): Promise<void>;
  states(campaignId: string): Promise<Record<string, number>>;
  stop(): Promise<void>;
}

/** Real stores and the channels service over made-up customers who all consented. */
export async function createWorld(
  options: { consentModel?: 'opt_in' | 'opt_out'; clock?: Clock } = {},
): Promise<World> {
  const stores = await startTestStores([channelsMigrations]);
  const actor = testActor();
  const clock = options.clock ?? systemClock;
  const consentModel = async () => options.consentModel ?? 'opt_out';
  const channels = createChannels({
    relational: stores.relational,
    clock,
    log: silentLog,
    audit: { record: async () => undefined },
    customers: {
      visible: async (who, cids) =>
        new Set(who.orgScope === undefined ? cids : cids.filter((cid) => cid % 2 === 0)),
      cidsOf: async (ids) => new Map(ids.filter((id) => /^C\d{7}$/.test(id)).map((id) => [id, cidOf(id)])),
      findByAddress: async (channel, address) => {
        const cid = Number(
          /(\d+)@|\+88691(\d+)/
            .exec(address)
            ?.slice(1)
            .find((part) => part !== undefined),
        );
        return Number.isInteger(cid) && addressOf(cid, channel) === address
          ? { cid, customerId: idOf(cid) }
          : undefined;
      },
    },
    secrets: KEYS,
    consentModel,
  });
  return {
    stores,
    channels,
    actor,
    clock,
    dispatcher: (more = {}) =>
      createDispatcher({
        relational: stores.relational,
        clock,
        log: silentLog,
        channels,
        content: plainContent,
        customers: {
          contactPoints: async (cids, channel) =>
            cids.map((cid) => ({ cid, customerId: idOf(cid), address: addressOf(cid, channel) })),
        },
        contacts: rememberingLedger().ledger,
        secrets: KEYS,
        consentModel,
        publicUrl: PUBLIC_URL,
        ...more,
        settings: { idleMs: 20, backoffMs: 50, ...more.settings },
      }),
    addProvider: async (provider) => (await channels.providers.create(provider, actor)).id,
    async enqueue({ from = 1, count, ...batch }) {
      await channels.enqueue({
        campaignName: 'Test',
        node: 'send',
        wave: 1,
        channel: 'email',
        purpose: 'marketing',
        templateId: 'tpl_test',
        templateVersion: 1,
        ...batch,
        recipients: Array.from({ length: count }, (_, index) => ({
          cid: from + index,
          customerId: idOf(from + index),
        })),
      });
    },
    async states(campaignId) {
      const counts = await channels.progress(campaignId);
      return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
    },
    stop: () => stores.stop(),
  };
}

/** Content that says who it is for and links to a page. */
export const plainContent: DispatcherDeps['content'] = {
  render: async (requests) =>
    requests.map(({ recipient, unsubscribeUrl }) => ({
      ok: true,
      variantId: 'all',
      subject: `For ${recipient.customerId}`,
      html: `<html><body><a href="https://bank.example/offer?a=1&amp;b=2">see</a> <a href="${unsubscribeUrl}">stop</a></body></html>`,
      text: `See https://bank.example/offer?a=1&b=2. Stop: ${unsubscribeUrl}`,
    })),
};

export const smtpProvider = (
  port: number,
  more: { ratePerSecond?: number; connections?: number } = {},
): Extract<ProviderBody, { kind: 'smtp' }> => ({
  kind: 'smtp',
  name: 'Test mail',
  ratePerSecond: more.ratePerSecond ?? 10_000,
  enabled: true,
  settings: {
    host: '127.0.0.1',
    port,
    secure: false,
    fromAddress: 'service@bank.example',
    fromName: 'Harbour Bank',
    connections: more.connections ?? 4,
  },
  secrets: { signingKey: SIGNING_KEY },
});

export const smsProvider = (
  url: string,
  more: { idempotent?: boolean; timeoutMs?: number; ratePerSecond?: number } = {},
): ProviderBody => ({
  kind: 'sms_http',
  name: 'Test SMS',
  ratePerSecond: more.ratePerSecond ?? 10_000,
  enabled: true,
  settings: {
    url,
    sender: 'HARBOUR',
    timeoutMs: more.timeoutMs ?? 2_000,
    idempotent: more.idempotent ?? true,
    connections: 8,
  },
  secrets: { signingKey: SIGNING_KEY },
});
