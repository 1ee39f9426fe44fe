import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startSmsProvider, startSmtpSink, waitFor } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorld, SIGNING_KEY, smsProvider, smtpProvider, type World } from './testing/world.ts';

const SCRIPT = fileURLToPath(new URL('./testing/dispatcher-process.ts', import.meta.url));
const MESSAGES = 700;
const KILLS = 5;

let world: World;
const children = new Set<ChildProcess>();
beforeAll(async () => {
  world = await createWorld();
}, 60_000);
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await world.stop();
});

function startProcess(): ChildProcess {
  const { host, port, user, password, database } = world.stores.relational.pool.options;
  const connection = JSON.stringify({ host, port, user, password, database });
  const child = spawn(process.execPath, ['--import', 'tsx', SCRIPT, connection], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  return child;
}

/** Lets a dispatcher run until `count` grew by some, kills it with -9, and again; the last one may finish. */
async function killInMidDispatch(count: () => number, isDone: () => Promise<boolean>): Promise<number> {
  let kills = 0;
  for (; kills < KILLS; kills++) {
    const before = count();
    const child = startProcess();
    await waitFor(() => count() > before + 40 + kills * 17, {
      withinMs: 60_000,
      what: 'some messages to arrive',
    });
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    children.delete(child);
  }
  const last = startProcess();
  await waitFor(isDone, { withinMs: 90_000, what: 'all messages to end' });
  last.kill('SIGTERM');
  children.delete(last);
  return kills;
}

describe('a dispatcher killed with -9 in mid-dispatch', () => {
  it('sends no mail twice, loses none, and calls unknown exactly what may or may not have arrived', async () => {
    const server = await startSmtpSink({ delayMs: 4 });
    await world.addProvider(smtpProvider(server.port, { connections: 8 }));
    await world.enqueue({ campaignId: 'cmp_crash', count: MESSAGES });
    const isDone = async (): Promise<boolean> => {
      const { queued = 0, sending = 0 } = await world.states('cmp_crash');
      return queued + sending === 0;
    };
    await killInMidDispatch(() => server.mails.length, isDone);

    const received = server.mails.map(({ mail }) => /dlv_\w{26}/.exec(mail.messageId ?? '')?.[0] ?? '');
    expect(new Set(received).size).toBe(received.length);
    const states = new Map<string, string>();
    const rows = await world.stores.relational.pool.query<{ id: string; state: string }>(
      'select m.id, m.state from channels.message m',
    );
    for (const { id, state } of rows.rows) states.set(id, state);
    expect(new Set(states.values())).toEqual(new Set(['sent', 'unknown']));
    expect(states.size).toBe(MESSAGES);
    const arrived = new Set(received);
    const sent = [...states].filter(([, state]) => state === 'sent').map(([id]) => id);
    const unknown = [...states].filter(([, state]) => state === 'unknown').map(([id]) => id);
    expect(sent.filter((id) => !arrived.has(id))).toEqual([]);
    expect(received.filter((id) => !states.has(id))).toEqual([]);
    expect(unknown.length).toBeGreaterThan(0);
    expect(unknown.length).toBeLessThanOrEqual(KILLS * 16);
    await server.stop();
  }, 300_000);

  it('asks an SMS provider that knows repeated keys again, so that nothing stays unknown and nothing is taken twice', async () => {
    const server = await startSmsProvider({ signingKey: SIGNING_KEY, delayMs: 4 });
    await world.addProvider(smsProvider(server.url));
    await world.enqueue({ campaignId: 'cmp_crash_sms', channel: 'sms', count: MESSAGES });
    await killInMidDispatch(
      () => server.messages.length,
      async () => (await world.states('cmp_crash_sms')).sent === MESSAGES,
    );
    expect(server.messages).toHaveLength(MESSAGES);
    expect(server.repeats).toBeGreaterThan(0);
    expect(server.repeats).toBeLessThanOrEqual(KILLS * 16);
    await server.stop();
  }, 300_000);
});
