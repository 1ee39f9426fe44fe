import { join } from 'node:path';
import { createHttp, mountRoutes } from '@rapport/http';
import { silentLog, systemClock } from '@rapport/kernel';
import { testActor, waitFor } from '@rapport/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { channelsRoutes, sandboxRoutes } from './channels.routes.ts';
import { createSandboxInbox } from './sandbox-inbox.ts';
import { createWorld, type World } from './testing/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
}, 60_000);
afterAll(() => world.stop());

it('takes what is really sent, answers signed receipts, and keeps its last messages over a restart', async () => {
  const settings = {
    directory: join(world.stores.home, 'sandbox'),
    clock: systemClock,
    log: silentLog,
    maxMessages: 30,
  };
  const sandbox = createSandboxInbox(settings);
  await sandbox.start();
  const http = await createHttp({ log: silentLog, version: 'test', authenticate: async () => testActor() });
  await mountRoutes(http, channelsRoutes(world.channels));
  await mountRoutes(http, sandboxRoutes(sandbox));
  const baseUrl = await http.listen({ host: '127.0.0.1', port: 0 });
  await sandbox.connect(world.channels.providers, baseUrl);
  for (const { id } of await world.channels.providers.list()) {
    expect(await world.channels.providers.test(id)).toMatchObject({ ok: true });
  }
  await world.enqueue({ campaignId: 'cmp_mail', count: 20 });
  await world.enqueue({ campaignId: 'cmp_text', channel: 'sms', count: 20 });
  const dispatcher = world.dispatcher();
  await dispatcher.start();
  await waitFor(
    async () =>
      (await world.states('cmp_mail')).delivered === 20 && (await world.states('cmp_text')).delivered === 20,
    { withinMs: 20_000, what: 'all messages delivered' },
  );
  await dispatcher.stop();

  const list = (await http.inject({ url: '/api/v1/sandbox/messages?limit=500' })).json();
  expect(list.items).toHaveLength(30);
  const sms = (await http.inject({ url: '/api/v1/sandbox/messages?channel=sms&limit=1' })).json().items[0];
  const full = (await http.inject({ url: `/api/v1/sandbox/messages/${sms.id}` })).json();
  expect(full.text).toContain('See https://rapport.bank.example/t/');
  const mail = list.items.find((item: { channel: string }) => item.channel === 'email');
  if (mail)
    expect((await http.inject({ url: `/api/v1/sandbox/messages/${mail.id}` })).json().html).toContain(
      '<html>',
    );
  expect((await http.inject({ url: '/api/v1/sandbox/messages/sbx_none' })).statusCode).toBe(404);
  await http.close();
  await sandbox.stop();

  const again = createSandboxInbox(settings);
  await again.start();
  expect((await again.list({ limit: 100 })).items).toHaveLength(30);
  await again.connect(world.channels.providers, baseUrl);
  expect(await world.channels.providers.list()).toHaveLength(2);
  await again.stop();
}, 60_000);
