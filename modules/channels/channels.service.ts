import { channelsProblems } from './channels.problems.ts';
import type { Channels, ChannelsDeps, OpenProvider } from './channels.ts';
import { createConsents } from './consents.service.ts';
import type { ProviderTest } from './contract.ts';
import { createDeliveryStore, presentDelivery } from './deliveries.store.sql.ts';
import { createLinkTokens, type LinkPurpose } from './link-token.ts';
import { openAdapter } from './open-adapter.ts';
import { createOutbox } from './outbox.store.sql.ts';
import { createProviders } from './providers.service.ts';
import { createReceipts } from './receipts.service.ts';
import { createStops } from './stops.service.ts';
import { visiblePage } from './visible-page.ts';

/** Channels 渠道: the durable outbox, its providers, consent, receipts, and the ledger of what became of every message. */
export function createChannels(deps: ChannelsDeps): Channels {
  const { clock, audit, customers, relational } = deps;
  const outbox = createOutbox(relational);
  const store = createDeliveryStore(relational);
  const tokens = createLinkTokens(deps.secrets.linkKey);
  const providers = createProviders({ ...deps, tryOut });
  const consents = createConsents(deps);
  const stops = createStops(deps);
  const receipts = createReceipts({ relational, clock, customers, providers, outbox, consents });

  const read = (purpose: LinkPurpose, token: string) => {
    const found = tokens.read(purpose, token);
    if (!found) throw channelsProblems.bad_link();
    return found;
  };
  const messageOf = async (purpose: LinkPurpose, token: string) => {
    const message = await store.find(read(purpose, token).deliveryId);
    if (!message) throw channelsProblems.bad_link();
    return message;
  };
  const isOptedOut = async (customerId: string, channel: 'email' | 'sms'): Promise<boolean> =>
    (await consents.obstacles([customerId], channel, 'marketing')).get(customerId) === 'opted_out';

  return {
    providers,
    consents,
    stops,
    enqueue: async (batch) => ({
      inserted: batch.recipients.length === 0 ? 0 : await outbox.enqueue(batch, clock.now()),
    }),
    cancel: async (campaignId) => ({ cancelled: await outbox.cancel(campaignId, clock.now()) }),
    async pause(campaignId) {
      await outbox.setCampaign(campaignId, 'paused');
    },
    async resume(campaignId) {
      await outbox.setCampaign(campaignId, 'running');
    },
    progress: store.progress,
    outcomes: store.outcomes,
    deliveries: ({ campaignId, state, customerId, ...page }, actor) =>
      visiblePage({
        query: page,
        actor,
        customers,
        idOf: (row) => row.id,
        customerOf: (row) => row.customer_id,
        cidOf: (row) => row.cid,
        present: presentDelivery,
        read: (before, limit) =>
          store.page({
            before,
            limit,
            ...(campaignId === undefined ? {} : { campaignId }),
            ...(state === undefined ? {} : { state }),
            ...(customerId === undefined ? {} : { customerId }),
          }),
      }),
    async delivery(deliveryId, actor) {
      const row = await store.find(deliveryId);
      const isVisible =
        row && (actor.orgScope === undefined || (await customers.visible(actor, [row.cid])).has(row.cid));
      if (!row || !isVisible)
        throw channelsProblems.delivery_not_found({ detail: `There is no delivery ${deliveryId}.` });
      return presentDelivery(row);
    },
    receive: receipts.receive,
    async follow(token) {
      const { deliveryId, linkId } = read('track', token);
      const found = await relational.pool.query<{ url: string }>(
        'select l.url from channels.link l where l.id = $1',
        [linkId],
      );
      const url = found.rows[0]?.url;
      if (url === undefined) throw channelsProblems.bad_link();
      await outbox.settle([{ id: deliveryId, event: 'click', at: clock.now() }]);
      return url;
    },
    async noteOpen(token) {
      const found = tokens.read('open', token);
      if (found) await outbox.settle([{ id: found.deliveryId, event: 'open', at: clock.now() }]);
    },
    async readUnsubscribe(token) {
      const { customer_id: customerId, channel } = await messageOf('unsubscribe', token);
      return { channel, optedOut: await isOptedOut(customerId, channel) };
    },
    async unsubscribe(token, evidence) {
      const { id, cid, customer_id: customerId, channel } = await messageOf('unsubscribe', token);
      if (!(await isOptedOut(customerId, channel))) {
        await consents.append([
          {
            customerId,
            cid,
            channel,
            purpose: 'marketing',
            granted: false,
            at: clock.now(),
            evidence,
            source: 'unsubscribe',
            deliveryId: id,
          },
        ]);
        const actor = {
          kind: 'system' as const,
          id: customerId,
          displayName: 'Customer',
          permissions: new Set<string>(),
          orgScope: undefined,
        };
        await audit.record({
          actor,
          action: 'consent.withdrawn',
          subject: customerId,
          details: { channel, deliveryId: id, evidence },
        });
      }
      return { channel };
    },
  };
}

async function tryOut(provider: OpenProvider): Promise<ProviderTest> {
  const adapter = openAdapter(provider);
  try {
    return await adapter.test();
  } finally {
    await adapter.close();
  }
}
