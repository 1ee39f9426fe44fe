import { createHttp, mountRoutes } from '@rapport/http';
import { type Actor, fixedClock, silentLog } from '@rapport/kernel';
import { signedHeaders, type TestHttp, testActor, waitFor } from '@rapport/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { channelsRoutes } from './channels.routes.ts';
import { CONTACT_TOPIC, createContactProjector, createContactPublisher } from './contact-events.ts';
import type { DeliveryState, Receipt } from './contract.ts';
import { createLinkTokens } from './link-token.ts';
import { MESSAGE_EVENTS, type MessageEvent, nextState } from './message-state.ts';
import { createOutbox } from './outbox.store.sql.ts';
import { publicRoutes } from './public-pages.ts';
import { isStopWord } from './receipts.service.ts';
import { createWorld, idOf, KEYS, SIGNING_KEY, smsProvider, type World } from './testing/world.ts';

const NOW = Date.parse('2026-11-23T09:00:00Z');
const clock = fixedClock(NOW);
let world: World;
let edge: TestHttp;
let caller: Actor | undefined = testActor();
let providerId: string;
beforeAll(async () => {
  world = await createWorld({ clock });
  const http = await createHttp({ log: silentLog, version: 'test', authenticate: async () => caller });
  await mountRoutes(http, channelsRoutes(world.channels));
  await publicRoutes(http, world.channels);
  await http.ready();
  edge = {
    http,
    signInAs(next) {
      caller = next;
    },
    stop: () => http.close(),
  };
  providerId = await world.addProvider(smsProvider('http://127.0.0.1:59999/none'));
}, 60_000);
afterAll(async () => {
  await edge.stop();
  await world.stop();
});

let receiptNumber = 0;
const receipt = (more: Partial<Receipt>): Receipt => ({
  id: `r${++receiptNumber}`,
  kind: 'delivered',
  at: new Date(NOW).toISOString(),
  ...more,
});
const post = async (
  receipts: readonly Receipt[],
  options: { key?: string; at?: number; body?: string } = {},
) => {
  const body = options.body ?? JSON.stringify({ receipts });
  const headers = {
    'content-type': 'application/json',
    ...signedHeaders(options.key ?? SIGNING_KEY, body, options.at ?? NOW),
  };
  const response = await edge.http.inject({
    method: 'POST',
    url: `/api/v1/receipts/${providerId}`,
    headers,
    payload: body,
  });
  return { status: response.statusCode, body: response.json() };
};
/** Messages that were handed over, as the dispatcher would leave them. */
const sent = async (campaignId: string, count: number, from = 1): Promise<string[]> => {
  await world.enqueue({ campaignId, channel: 'sms', count, from });
  const found = await world.stores.relational.pool.query<{ id: string }>(
    'select m.id from channels.message m where m.campaign_id = $1 order by m.cid',
    [campaignId],
  );
  const ids = found.rows.map(({ id }) => id);
  await world.stores.relational.pool.query(
    `update channels.message m set provider_id = $2, state = 'sending', lease_owner = 'me', attempts = 1 where m.id = any($1)`,
    [ids, providerId],
  );
  const outbox = createOutbox(world.stores.relational);
  await outbox.settle(
    ids.map((id, index) => ({ id, event: 'accept', at: NOW, providerMessageId: `p-${campaignId}-${index}` })),
  );
  return ids;
};
const stateOf = async (id: string): Promise<string> => (await world.channels.delivery(id, world.actor)).state;

describe('receipts', () => {
  it('are applied once, by our id or the provider’s', async () => {
    const [first = '', second = ''] = await sent('cmp_r1', 2);
    const receipts = [
      receipt({ deliveryId: first }),
      receipt({
        providerMessageId: 'p-cmp_r1-1',
        kind: 'bounced',
        permanent: true,
        detail: 'unknown subscriber',
      }),
    ];
    expect(await post(receipts)).toEqual({ status: 200, body: { accepted: 2, repeated: 0, unmatched: 0 } });
    expect(await post(receipts)).toEqual({ status: 200, body: { accepted: 0, repeated: 2, unmatched: 0 } });
    expect(await stateOf(first)).toBe('delivered');
    expect(await world.channels.delivery(second, world.actor)).toMatchObject({
      state: 'bounced',
      reason: 'hard_bounce',
      detail: 'unknown subscriber',
    });
    expect(await world.channels.consents.obstacles([idOf(2)], 'sms', 'service')).toEqual(
      new Map([[idOf(2), 'bounced']]),
    );
  });

  it('in any order and all at once end in the same state', async () => {
    const [id = ''] = await sent('cmp_r2', 1);
    await post([
      receipt({ deliveryId: id, kind: 'clicked' }),
      receipt({ deliveryId: id, kind: 'delivered' }),
      receipt({ deliveryId: id, kind: 'opened' }),
    ]);
    const view = await world.channels.delivery(id, world.actor);
    expect(view).toMatchObject({ state: 'clicked', deliveredAt: view.clickedAt, openedAt: view.clickedAt });
  });

  it('tell what became of an unknown message', async () => {
    const [id = ''] = await sent('cmp_r3', 1);
    await world.stores.relational.pool.query(
      `update channels.message m set state = 'unknown', sent_at = null where m.id = $1`,
      [id],
    );
    await post([receipt({ deliveryId: id })]);
    expect(await stateOf(id)).toBe('delivered');
  });

  it('are refused when forged, old, unsigned or not in the documented form', async () => {
    const [id = ''] = await sent('cmp_r4', 1);
    expect(await post([receipt({ deliveryId: id })], { key: 'another-key-of-enough-length' })).toMatchObject({
      status: 401,
      body: { code: 'channels.bad_signature' },
    });
    expect(await post([receipt({ deliveryId: id })], { at: NOW - 301_000 })).toMatchObject({
      status: 401,
      body: { code: 'channels.stale_signature' },
    });
    expect(await post([], { body: '{"receipts":[{"id":1}]}' })).toMatchObject({
      status: 400,
      body: { code: 'channels.bad_receipts' },
    });
    const unsigned = await edge.http.inject({
      method: 'POST',
      url: `/api/v1/receipts/${providerId}`,
      payload: { receipts: [] },
    });
    expect(unsigned.statusCode).toBe(401);
    expect(await stateOf(id)).toBe('sent');
  });

  it('count what belongs to no message and do not guess', async () => {
    expect(await post([receipt({ deliveryId: 'dlv_00000000000000000000000000' })])).toMatchObject({
      body: { accepted: 0, unmatched: 1 },
    });
  });

  it('take a reply of STOP or 退訂 as an opt-out at once, also by phone number alone', async () => {
    expect(['STOP', ' stop. ', 'TD', 't', 'T', 'R', '退訂', '退订', 'ＳＴＯＰ'].every(isStopWord)).toBe(true);
    expect(['Please stop by', 'td deposit?', 'thanks', ''].some(isStopWord)).toBe(false);
    const [id = ''] = await sent('cmp_r5', 1, 21);
    await post([
      receipt({ deliveryId: id, kind: 'replied', text: '退訂' }),
      receipt({ from: '+886910000022', kind: 'replied', text: 'STOP' }),
      receipt({ from: '+886910000023', kind: 'replied', text: 'hello' }),
    ]);
    const obstacles = await world.channels.consents.obstacles(
      [idOf(21), idOf(22), idOf(23)],
      'sms',
      'marketing',
    );
    expect(obstacles).toEqual(
      new Map([
        [idOf(21), 'opted_out'],
        [idOf(22), 'opted_out'],
      ]),
    );
    expect((await world.channels.consents.list({ customerId: idOf(22) }, world.actor)).items).toMatchObject([
      { granted: false, source: 'reply' },
    ]);
  });
});

describe('the public pages', () => {
  const tokens = createLinkTokens(KEYS.linkKey);

  it('ask before they opt out, in the reader’s language first, and a GET changes nothing', async () => {
    const [id = ''] = await sent('cmp_u1', 1, 31);
    const url = `/u/${tokens.sign('unsubscribe', { deliveryId: id, linkId: 0 })}`;
    const page = await edge.http.inject({ url, headers: { 'accept-language': 'zh-TW,zh;q=0.9' } });
    expect(page.body).toContain('<html lang="zh-Hant">');
    expect(page.body).toContain('您要停止接收我們的行銷簡訊嗎');
    expect(page.body).toContain('Stop receiving');
    expect((await world.channels.consents.obstacles([idOf(31)], 'sms', 'marketing')).size).toBe(0);
    const done = await edge.http.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: 'List-Unsubscribe=One-Click',
    });
    expect(done.statusCode).toBe(200);
    expect((await world.channels.consents.obstacles([idOf(31)], 'sms', 'marketing')).get(idOf(31))).toBe(
      'opted_out',
    );
    expect(
      (await world.channels.consents.list({ customerId: idOf(31) }, world.actor)).items[0]?.evidence,
    ).toBe('one-click opt-out of a mail reader');
    expect((await edge.http.inject({ url })).body).toContain('Done.');
  });

  it('hold for every bank id of one customer, until the ids are two customers again', async () => {
    const { consents } = world.channels;
    const [own, absorbed, other] = [idOf(91), idOf(92), idOf(93)];
    const blocked = async (): Promise<string[]> =>
      [...(await consents.obstacles([own, absorbed, other], 'sms', 'marketing')).keys()].sort();
    expect(await blocked()).toEqual([]);
    await consents.suppress(
      { customerId: absorbed, channel: 'sms', appliesTo: 'all', reason: 'complaint' },
      world.actor,
    );
    expect(await blocked()).toEqual([absorbed]);
    await consents.sameCustomers([
      { customerId: absorbed, of: own },
      { customerId: other, of: own },
    ]);
    expect(await blocked()).toEqual([own, absorbed, other]);
    await consents.sameCustomers([{ customerId: other, of: own }]);
    expect(await blocked()).toEqual([absorbed]);
    await consents.sameCustomers([]);
    expect(await blocked()).toEqual([absorbed]);
  });

  it('refuse a token made for something else, or by someone else', async () => {
    const [id = ''] = await sent('cmp_u2', 1, 32);
    for (const token of [
      tokens.sign('open', { deliveryId: id, linkId: 0 }),
      createLinkTokens(Buffer.alloc(32, 1)).sign('unsubscribe', { deliveryId: id, linkId: 0 }),
      'x',
      'A'.repeat(44),
    ]) {
      expect((await edge.http.inject({ method: 'POST', url: `/u/${token}` })).statusCode).toBe(404);
      expect((await edge.http.inject({ url: `/t/${token}` })).statusCode).toBe(404);
    }
    const pixel = await edge.http.inject({
      url: `/o/${tokens.sign('open', { deliveryId: id, linkId: 0 })}.gif`,
    });
    expect(pixel.headers['content-type']).toBe('image/gif');
    expect(await stateOf(id)).toBe('opened');
  });
});

describe('the API', () => {
  it('shows deliveries of customers in the caller’s org scope only, page by page', async () => {
    await sent('cmp_scope', 9, 101);
    edge.signInAs(testActor(['deliveries.read'], ['B01']));
    const first = (await edge.http.inject({ url: '/api/v1/deliveries?campaignId=cmp_scope&limit=3' })).json();
    const second = (
      await edge.http.inject({
        url: `/api/v1/deliveries?campaignId=cmp_scope&limit=3&cursor=${first.nextCursor}`,
      })
    ).json();
    const seen = [...first.items, ...second.items].map((item: { customerId: string }) => item.customerId);
    expect(first.items).toHaveLength(3);
    expect(new Set(seen)).toEqual(new Set([102, 104, 106, 108].map(idOf)));
    expect(seen).toHaveLength(4);
    expect(second.nextCursor).toBeUndefined();
    const hidden = await sent('cmp_hidden', 1, 111);
    expect((await edge.http.inject({ url: `/api/v1/deliveries/${hidden[0]}` })).statusCode).toBe(404);
    edge.signInAs(testActor());
    expect((await edge.http.inject({ url: `/api/v1/deliveries/${hidden[0]}` })).json()).toMatchObject({
      state: 'sent',
    });
  });

  it('adds and replaces providers, suppressions and emergency stops', async () => {
    const created = await edge.http.inject({
      method: 'POST',
      url: '/api/v1/providers',
      payload: smsProvider('http://127.0.0.1:59999/x'),
    });
    expect(created.statusCode).toBe(201);
    const { id } = created.json();
    const tried = (await edge.http.inject({ method: 'POST', url: `/api/v1/providers/${id}/test` })).json();
    expect(tried).toMatchObject({ ok: false, detail: 'ECONNREFUSED' });
    const stop = await edge.http.inject({
      method: 'POST',
      url: '/api/v1/emergency-stops',
      payload: { scope: { kind: 'channel', channel: 'sms' }, reason: 'Drill' },
    });
    expect(stop.statusCode).toBe(201);
    expect(
      (await edge.http.inject({ method: 'DELETE', url: `/api/v1/emergency-stops/${stop.json().id}` })).json(),
    ).toHaveProperty('liftedAt');
    const suppression = await edge.http.inject({
      method: 'POST',
      url: '/api/v1/suppressions',
      payload: { customerId: idOf(41), channel: '*', appliesTo: 'all', reason: 'deceased' },
    });
    expect(
      (await edge.http.inject({ url: `/api/v1/suppressions?customerId=${idOf(41)}` })).json().items,
    ).toHaveLength(1);
    expect(
      (await edge.http.inject({ method: 'DELETE', url: `/api/v1/suppressions/${suppression.json().id}` }))
        .statusCode,
    ).toBe(204);
    expect(
      (await edge.http.inject({ url: `/api/v1/suppressions?customerId=${idOf(41)}` })).json().items,
    ).toEqual([]);
    expect(
      (
        await edge.http.inject({
          method: 'POST',
          url: '/api/v1/consents',
          payload: {
            customerId: 'nobody',
            channel: 'sms',
            purpose: 'marketing',
            granted: true,
            evidence: 'x',
          },
        })
      ).statusCode,
    ).toBe(404);
  });
});

describe('consent', () => {
  it('is what was said last, not what was written last', async () => {
    const say = (granted: boolean, at: string) =>
      world.channels.consents.importAll([
        [{ customerId: idOf(51), channel: 'email', purpose: 'marketing', granted, at, evidence: 'file' }],
      ]);
    await say(false, '2026-05-01T00:00:00Z');
    await say(true, '2026-04-01T00:00:00Z');
    expect((await world.channels.consents.obstacles([idOf(51)], 'email', 'marketing')).get(idOf(51))).toBe(
      'opted_out',
    );
    expect(await say(true, '2026-06-01T00:00:00Z')).toEqual({ inserted: 1 });
    expect(await say(true, '2026-06-01T00:00:00Z')).toEqual({ inserted: 0 });
    expect((await world.channels.consents.obstacles([idOf(51)], 'email', 'marketing')).size).toBe(0);
    await expect(
      world.stores.relational.pool.query(`update channels.consent set granted = true`),
    ).rejects.toThrow(/append-only/);
  });
});

describe('the outbox', () => {
  it('moves messages exactly as the state machine says', async () => {
    const outbox = createOutbox(world.stores.relational);
    let campaign = 0;
    const anyEvent = fc.constantFrom(...MESSAGE_EVENTS);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(anyEvent, { maxLength: 6 }), { minLength: 20, maxLength: 20 }),
        async (histories) => {
          const campaignId = `cmp_model_${++campaign}`;
          await world.enqueue({ campaignId, count: histories.length });
          const { rows } = await world.stores.relational.pool.query<{ id: string }>(
            `update channels.message m set lease_owner = 'me' where m.campaign_id = $1 returning m.id`,
            [campaignId],
          );
          const expected = new Map<string, DeliveryState>(rows.map(({ id }) => [id, 'queued']));
          for (let step = 0; step < 6; step++) {
            for (const [index, { id }] of rows.entries()) {
              const event: MessageEvent | undefined = histories[index]?.[step];
              if (event === undefined) continue;
              expected.set(id, nextState(expected.get(id) ?? 'queued', event));
              if (event === 'begin')
                await outbox.begin({
                  owner: 'me',
                  providerId,
                  now: NOW,
                  needsConsent: false,
                  messages: [{ id, variantId: 'all' }],
                });
              else await outbox.settle([{ id, event, at: NOW }]);
              await world.stores.relational.pool.query(
                `update channels.message m set lease_owner = 'me' where m.id = $1`,
                [id],
              );
            }
          }
          const actual = await world.stores.relational.pool.query<{ id: string; state: DeliveryState }>(
            'select m.id, m.state from channels.message m where m.campaign_id = $1',
            [campaignId],
          );
          expect(new Map(actual.rows.map(({ id, state }) => [id, state]))).toEqual(expected);
        },
      ),
      { numRuns: 6 },
    );
  }, 180_000);

  it('takes tens of thousands of messages a second', async () => {
    const startedAt = performance.now();
    await world.enqueue({ campaignId: 'cmp_many', count: 40_000 });
    const perSecond = 40_000 / ((performance.now() - startedAt) / 1000);
    await world.enqueue({ campaignId: 'cmp_many', count: 40_000 });
    expect(await world.states('cmp_many')).toEqual({ queued: 40_000 });
    expect(perSecond).toBeGreaterThan(1_000);
    expect(await world.channels.cancel('cmp_many')).toEqual({ cancelled: 40_000 });
    console.log(`enqueued ${Math.round(perSecond)} messages/s`);
  }, 180_000);
});

it('carries every state change to collected events, once, also what was left behind by a crash', async () => {
  const { stream } = world.stores;
  const collected = new Map<string, { name: string; properties: Readonly<Record<string, string>> }>();
  const { rows } = await world.stores.relational.pool.query<{ ids: number }>(
    'select count(distinct e.id)::int as ids from channels.contact_event e',
  );
  const publisher = createContactPublisher({ relational: world.stores.relational, stream, log: silentLog });
  const projector = createContactProjector({
    stream,
    log: silentLog,
    collectEvents: async (events) => {
      for (const { eventId, name, properties } of events) collected.set(eventId, { name, properties });
    },
  });
  await projector.start();
  await publisher.flush();
  await publisher.flush();
  const [id = ''] = await sent('cmp_events', 1, 61);
  await post([receipt({ deliveryId: id, kind: 'clicked' })]);
  await publisher.flush();
  await waitFor(() => collected.size === (rows[0]?.ids ?? 0) + 4, { withinMs: 30_000 });
  for (const state of ['sent', 'delivered', 'opened', 'clicked']) {
    expect(collected.get(`${id}:${state}`)).toMatchObject({
      name: `message_${state}`,
      properties: { campaign_id: 'cmp_events', channel: 'sms', wave: '1', template_id: 'tpl_test' },
    });
  }
  expect([...collected.values()].filter(({ name }) => name === 'opted_out').length).toBeGreaterThan(0);
  await waitFor(async () => (await stream.lag(CONTACT_TOPIC, 'channels.contact_projector')) === 0);
  await projector.stop();
}, 60_000);
