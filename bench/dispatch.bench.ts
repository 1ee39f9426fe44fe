// `npm run bench:dispatch [-- messages …]`: from a filled outbox through the dispatcher to an SMTP server and to an SMS
// provider that checks signatures, both on this machine in processes of their own, against nodemailer's pool and
// Node's fetch handing the same messages to the same receivers over as many connections in the same run. PostgreSQL
// and LMDB sync every commit, as in production; the contact ledger is the real one, contents and addresses are made
// without a query. Figures below 10,000 messages are the better of two runs.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createContactLedger } from '@rapport/decisions';
import { signedHeaders } from '@rapport/testkit';
import nodemailer from 'nodemailer';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import {
  addressOf,
  createWorld,
  idOf,
  PUBLIC_URL,
  plainContent,
  SIGNING_KEY,
  smsProvider,
  smtpProvider,
} from '../modules/channels/testing/world.ts';
import { type Figure, measure, report, round, sizesOr } from './harness.ts';

const RUNS = 2;
const CONNECTIONS = 8;
const POLL_MS = 100;
const RATE = 100_000;

const Ready = Type.Object({ port: Type.Optional(Type.Integer()), url: Type.Optional(Type.String()) });
const Taken = Type.Object({ taken: Type.Integer() });

const sizes = sizesOr([5_000, 20_000]);
const figures: Figure[] = [];
const world = await createWorld();
const ledger = createContactLedger({
  keyValue: world.stores.keyValue,
  policy: async () => ({
    rules: [{ id: 'week', channel: 'any' as const, max: 3, window: 'P7D', purpose: 'marketing' as const }],
  }),
});
const pids = [world.stores.enginePids().postgres];
let nextCid = 1;
try {
  await bench('SMTP', 'email', await startSink('smtp'));
  await bench('SMS', 'sms', await startSink('sms'));
} finally {
  await world.stop();
}
report('dispatch', figures);

async function bench(
  name: string,
  channel: 'email' | 'sms',
  sink: Awaited<ReturnType<typeof startSink>>,
): Promise<void> {
  const providerId = await world.addProvider(
    channel === 'email'
      ? smtpProvider(sink.port, { connections: CONNECTIONS, ratePerSecond: RATE })
      : smsProvider(sink.url, { ratePerSecond: RATE, timeoutMs: 30_000 }),
  );
  const send = channel === 'email' ? mailDirectly(sink.port) : smsDirectly(sink.url);
  await dispatch(channel, 200);
  await directly(send, channel, 200);
  for (const size of sizes) {
    const ours: Awaited<ReturnType<typeof dispatch>>[] = [];
    const raw: Awaited<ReturnType<typeof directly>>[] = [];
    for (let run = 0; run < (size < 10_000 ? RUNS : 1); run++) {
      const before = await sink.taken();
      ours.push(await dispatch(channel, size));
      raw.push(await directly(send, channel, size));
      const taken = (await sink.taken()) - before;
      if (taken !== 2 * size) throw new Error(`The ${name} receiver took ${taken} instead of ${2 * size}.`);
    }
    const perSecond = (all: readonly { tookMs: number }[]): number =>
      round(size / (Math.min(...all.map(({ tookMs }) => tookMs)) / 1000));
    const cpu = (all: readonly { cpuSeconds: number }[]): number =>
      round((Math.min(...all.map(({ cpuSeconds }) => cpuSeconds)) / size) * 1000);
    const peer = channel === 'email' ? "nodemailer's pool" : "Node's fetch";
    figures.push({
      name: `${name}: dispatch from the outbox`,
      value: perSecond(ours),
      unit: 'messages/s',
      size,
      against: { name: peer, value: perSecond(raw), ratio: round(perSecond(ours) / perSecond(raw)) },
      note: `${CONNECTIONS} connections`,
    });
    figures.push({
      name: `${name}: CPU of process and PostgreSQL`,
      value: cpu(ours),
      unit: 'ms a message',
      size,
      against: { name: peer, value: cpu(raw), ratio: round(cpu(ours) / cpu(raw)) },
    });
    figures.push({
      name: `${name}: peak memory of the process`,
      value: Math.max(...ours.map(({ peakMiB }) => peakMiB)),
      unit: 'MiB',
      size,
    });
  }
  await send.close();
  await world.stores.relational.pool.query('update channels.provider set enabled = false where id = $1', [
    providerId,
  ]);
  sink.stop();
}

/** Fills the outbox, and measures from the dispatcher's start until the last message is down as sent. */
async function dispatch(channel: 'email' | 'sms', count: number) {
  const campaignId = `cmp_${nextCid}`;
  const from = nextCid;
  nextCid += count;
  for (let at = 0; at < count; at += 5_000)
    await world.enqueue({ campaignId, channel, from: from + at, count: Math.min(5_000, count - at) });
  await world.stores.relational.pool.query('analyze');
  const dispatcher = world.dispatcher({
    contacts: ledger,
    settings: { idleMs: 250, backoffMs: 15_000 },
  });
  try {
    return await measure(pids, async () => {
      await dispatcher.start();
      for (;;) {
        const states = await world.states(campaignId);
        if (states.sent === count) return;
        if (Object.keys(states).some((state) => !['queued', 'sending', 'sent'].includes(state)))
          throw new Error(`Messages ended otherwise: ${JSON.stringify(states)}`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    });
  } finally {
    await dispatcher.stop();
  }
}

interface Direct {
  send(cid: number, content: { subject: string; html: string; text: string }): Promise<unknown>;
  close(): Promise<void>;
}

/** The same texts, with as many hand-overs under way, but nothing written down. */
async function directly(direct: Direct, channel: 'email' | 'sms', count: number) {
  const from = nextCid;
  nextCid += count;
  const contents = await plainContent.render(
    Array.from({ length: count }, (_, at) => ({
      recipient: { cid: from + at, customerId: idOf(from + at) },
      templateId: 'tpl_test',
      version: 1,
      campaign: { id: 'cmp', name: 'Bench' },
      unsubscribeUrl: `${PUBLIC_URL}/u/${'x'.repeat(44)}`,
    })),
  );
  return measure(pids, async () => {
    let next = 0;
    const line = async (): Promise<void> => {
      for (let at = next++; at < count; at = next++) {
        const content = contents[at];
        if (!content?.ok) throw new Error(`no content for ${addressOf(from + at, channel)}`);
        await direct.send(from + at, {
          subject: content.subject ?? '',
          html: content.html ?? '',
          text: content.text,
        });
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, line));
  });
}

function mailDirectly(port: number): Direct {
  const transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port,
    secure: false,
    ignoreTLS: true,
    pool: true,
    maxConnections: CONNECTIONS,
    maxMessages: 200,
  });
  return {
    send: (cid, { subject, html, text }) =>
      transport.sendMail({
        from: { name: 'Harbour Bank', address: 'service@bank.example' },
        to: addressOf(cid, 'email'),
        subject,
        html,
        text,
        headers: {
          'List-Unsubscribe': `<${PUBLIC_URL}/u/${'x'.repeat(44)}>`,
          'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
        },
      }),
    close: async () => transport.close(),
  };
}

function smsDirectly(url: string): Direct {
  return {
    async send(cid, { text }) {
      const id = `direct_${cid}`;
      const body = JSON.stringify({ deliveryId: id, from: 'HARBOUR', to: addressOf(cid, 'sms'), text });
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'idempotency-key': id,
          ...signedHeaders(SIGNING_KEY, body),
        },
        body,
      });
      await response.text();
      if (!response.ok) throw new Error(`the provider answered ${response.status}`);
    },
    close: async () => undefined,
  };
}

async function startSink(kind: 'smtp' | 'sms') {
  const child = fork(fileURLToPath(new URL('./sink.ts', import.meta.url)), [kind, SIGNING_KEY]);
  const [ready]: unknown[] = await once(child, 'message');
  const { port = 0, url = '' } = Value.Parse(Ready, ready);
  return {
    port,
    url,
    async taken(): Promise<number> {
      child.send('count');
      const [answer]: unknown[] = await once(child, 'message');
      return Value.Parse(Taken, answer).taken;
    },
    stop(): void {
      child.disconnect();
    },
  };
}
