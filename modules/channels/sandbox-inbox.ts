import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Actor, type Clock, type Component, type Log, newId, systemActor, toIso } from '@rapport/kernel';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { channelsProblems } from './channels.problems.ts';
import type { Providers } from './channels.ts';
import {
  type Channel,
  type ProviderBody,
  type Receipt,
  SandboxMessage,
  type SandboxMessageView,
} from './contract.ts';
import { isSignature, SIGNATURE_WINDOW_MS, signatureOf } from './signing.ts';

const LOOPBACK = '127.0.0.1';
const RECEIPTS_AT_ONCE = 500;
const RECEIPT_PAUSE_MS = 200;
const SmsRequest = Type.Object({
  deliveryId: Type.String(),
  from: Type.String(),
  to: Type.String(),
  text: Type.String(),
});

export interface SandboxInbox extends Component {
  /** Newest first. */
  list(query: {
    channel?: Channel;
    limit: number;
    before?: string;
  }): Promise<{ items: SandboxMessageView[]; nextCursor?: string }>;
  /** @throws channels.sandbox_message_not_found */
  get(messageId: string): Promise<SandboxMessage>;
  /** Where it listens; only while it runs. */
  addresses(): { smtpPort: number; smsUrl: string };
  /** Makes or renews the two providers that send here, and answers `delivered` receipts to them from now on. */
  connect(providers: Providers, receiptsBaseUrl: string): Promise<void>;
}

/**
 * The world in a box: a real SMTP server and a real signed SMS provider on the loopback interface. What the platform
 * sends there arrives in a folder instead of at a customer, and is answered with signed receipts. The last
 * `maxMessages` are kept.
 */
export function createSandboxInbox(deps: {
  /** Folder for the messages. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** @default 0 (any free port) */
  readonly smtpPort?: number;
  readonly smsPort?: number;
  /** @default 5,000 */
  readonly maxMessages?: number;
  /** Who makes the providers. @default the system */
  readonly actor?: Actor;
}): SandboxInbox {
  const { directory, clock, log, maxMessages = 5_000, actor = systemActor } = deps;
  const messages = new Map<string, SandboxMessageView>();
  const pending = new Map<string, Receipt[]>();
  let smtp: SMTPServer | undefined;
  let http: Server | undefined;
  let signingKey = '';
  /** Messages by idempotency key; as many are known as are kept. */
  const taken = new Map<string, string>();
  let connected: { baseUrl: string; byChannel: Readonly<Partial<Record<Channel, string>>> } | undefined;
  let stopping = new AbortController();
  let posting: Promise<void> = Promise.resolve();

  const fileOf = (id: string): string => join(directory, `${id}.json`);

  const keep = async (message: SandboxMessage): Promise<void> => {
    // Written aside and renamed, so that a message is there as a whole or not at all.
    await writeFile(`${fileOf(message.id)}.part`, JSON.stringify(message), { mode: 0o600 });
    await rename(`${fileOf(message.id)}.part`, fileOf(message.id));
    const { html: _html, text: _text, headers: _headers, ...view } = message;
    messages.set(message.id, view);
    while (messages.size > maxMessages) {
      const oldest = messages.keys().next().value;
      if (oldest === undefined) break;
      messages.delete(oldest);
      await rm(fileOf(oldest), { force: true });
    }
    noteDelivered(view);
  };

  const noteDelivered = ({ channel, deliveryId }: SandboxMessageView): void => {
    const providerId = connected?.byChannel[channel];
    if (deliveryId === undefined || providerId === undefined) return;
    const receipt: Receipt = {
      id: `sandbox-${deliveryId}`,
      kind: 'delivered',
      deliveryId,
      at: toIso(clock.now()),
    };
    const waiting = pending.get(providerId);
    if (waiting) waiting.push(receipt);
    else pending.set(providerId, [receipt]);
  };

  const takeMail = async (mail: ParsedMail, to: readonly string[], from: string): Promise<void> => {
    const deliveryId = /dlv_\w{26}/.exec(mail.messageId ?? '')?.[0];
    await keep({
      id: newId('sbx'),
      channel: 'email',
      to: to.join(', '),
      from,
      subject: mail.subject ?? '',
      receivedAt: toIso(clock.now()),
      ...(deliveryId === undefined ? {} : { deliveryId }),
      ...(typeof mail.html === 'string' ? { html: mail.html } : {}),
      text: mail.text ?? '',
      headers: Object.fromEntries(
        mail.headerLines.map(({ key, line }) => [key, line.slice(line.indexOf(':') + 1).trim()]),
      ),
    });
  };

  const startSmtp = async (): Promise<void> => {
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['AUTH', 'STARTTLS'],
      logger: false,
      onData(stream, session, callback) {
        const { mailFrom, rcptTo } = session.envelope;
        simpleParser(stream)
          .then((mail) =>
            takeMail(
              mail,
              rcptTo.map(({ address }) => address),
              mailFrom ? mailFrom.address : '',
            ),
          )
          .then(
            () => callback(),
            (error: Error) => callback(error),
          );
      },
    });
    server.on('error', (error) => log.debug({ err: error }, 'the sandbox mail server reports'));
    await new Promise<void>((resolve, reject) => {
      server.server.once('error', reject);
      server.listen(deps.smtpPort ?? 0, LOOPBACK, resolve);
    });
    smtp = server;
  };

  const takeSms = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const header = (name: string): string => String(request.headers[name] ?? '');
    const timestamp = header('x-rapport-timestamp');
    const isFresh = Math.abs(Date.now() - Number(timestamp) * 1000) <= SIGNATURE_WINDOW_MS;
    if (!isFresh || !isSignature(header('x-rapport-signature'), signingKey, timestamp, body)) {
      return answer(response, 401, { code: 'bad_signature' });
    }
    const key = header('idempotency-key');
    const known = taken.get(key);
    if (known !== undefined) return answer(response, 202, { messageId: known });
    const sms: unknown = JSON.parse(body.toString('utf8'));
    if (Value.Check(Type.Object({ test: Type.Literal(true) }), sms))
      return answer(response, 200, { detail: 'ready' });
    if (!Value.Check(SmsRequest, sms)) return answer(response, 400, { code: 'bad_request' });
    const id = newId('sbx');
    taken.set(key, id);
    if (taken.size > maxMessages) taken.delete(taken.keys().next().value ?? '');
    const { deliveryId, from, to, text } = sms;
    await keep({
      id,
      channel: 'sms',
      to,
      from,
      receivedAt: toIso(clock.now()),
      deliveryId,
      text,
      headers: { 'idempotency-key': key },
    });
    return answer(response, 202, { messageId: id });
  };

  const startSms = async (): Promise<void> => {
    const server = createServer((request, response) => {
      takeSms(request, response).catch((error: unknown) => {
        log.error({ err: error }, 'the sandbox could not take an SMS');
        answer(response, 500, { code: 'internal' });
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(deps.smsPort ?? 0, LOOPBACK, resolve);
    });
    http = server;
  };

  const load = async (): Promise<void> => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const names = (await readdir(directory)).sort();
    messages.clear();
    taken.clear();
    for (const name of names) {
      if (name.endsWith('.part')) await rm(join(directory, name), { force: true });
      if (!/^sbx_\w+\.json$/.test(name)) continue;
      const message: unknown = JSON.parse(await readFile(join(directory, name), 'utf8'));
      if (!Value.Check(SandboxMessage, message)) continue;
      const { html: _html, text: _text, headers, ...view } = message;
      messages.set(view.id, view);
      const key = headers['idempotency-key'];
      if (key !== undefined) taken.set(key, view.id);
    }
    signingKey = await readOrMakeKey(join(directory, 'signing-key'));
  };

  /** Receipts are kept until the platform has taken them, in memory: a restart forgets those of its last moment. */
  const postReceipts = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await sleep(RECEIPT_PAUSE_MS, undefined, { signal }).catch(() => undefined);
      for (const [providerId, receipts] of pending) {
        const some = receipts.slice(0, RECEIPTS_AT_ONCE);
        if (some.length === 0 || connected === undefined || signal.aborted) continue;
        const body = JSON.stringify({ receipts: some });
        const timestamp = String(Math.floor(clock.now() / 1000));
        const isTaken = await fetch(`${connected.baseUrl}/api/v1/receipts/${providerId}`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'x-rapport-timestamp': timestamp,
            'x-rapport-signature': signatureOf(signingKey, timestamp, body),
          },
          body,
          signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
        }).then(
          (response) => response.ok,
          () => false,
        );
        if (isTaken) receipts.splice(0, some.length);
        else await sleep(1_000, undefined, { signal }).catch(() => undefined);
      }
    }
  };

  const addresses = (): { smtpPort: number; smsUrl: string } => {
    const [mail, sms] = [smtp?.server.address(), http?.address()];
    if (typeof mail !== 'object' || mail === null || typeof sms !== 'object' || sms === null)
      throw new Error('the sandbox does not run');
    return { smtpPort: mail.port, smsUrl: `http://${LOOPBACK}:${sms.port}/messages` };
  };

  return {
    name: 'sandbox-inbox',
    addresses,
    async start() {
      await load();
      await startSmtp();
      await startSms();
      stopping = new AbortController();
      posting = postReceipts(stopping.signal);
    },
    async stop() {
      stopping.abort();
      await posting;
      await new Promise<void>((resolve) => (smtp ? smtp.close(() => resolve()) : resolve()));
      await new Promise<void>((resolve) => {
        http?.closeAllConnections();
        if (http) http.close(() => resolve());
        else resolve();
      });
      smtp = undefined;
      http = undefined;
    },
    async list({ channel, limit, before }) {
      const found = [...messages.values()]
        .filter(
          (message) =>
            (channel === undefined || message.channel === channel) &&
            (before === undefined || message.id < before),
        )
        .sort((a, b) => (a.id < b.id ? 1 : -1))
        .slice(0, limit + 1);
      const items = found.slice(0, limit);
      const last = items.at(-1);
      return found.length > limit && last ? { items, nextCursor: last.id } : { items };
    },
    async get(messageId) {
      if (!messages.has(messageId))
        throw channelsProblems.sandbox_message_not_found({
          detail: `There is no message ${messageId} in the sandbox.`,
        });
      const message: unknown = JSON.parse(await readFile(fileOf(messageId), 'utf8'));
      if (!Value.Check(SandboxMessage, message))
        throw channelsProblems.sandbox_message_not_found({ detail: `${messageId} is damaged.` });
      return message;
    },
    async connect(providers, receiptsBaseUrl) {
      const { smtpPort, smsUrl } = addresses();
      const wanted: readonly ProviderBody[] = [
        {
          kind: 'smtp',
          name: 'Sandbox mail',
          ratePerSecond: 500,
          enabled: true,
          settings: {
            host: LOOPBACK,
            port: smtpPort,
            secure: false,
            requireTls: false,
            fromAddress: 'service@rapport-demo.example',
            fromName: 'Rapport Demo Bank',
            connections: 8,
          },
          secrets: { signingKey },
        },
        {
          kind: 'sms_http',
          name: 'Sandbox SMS',
          ratePerSecond: 500,
          enabled: true,
          settings: { url: smsUrl, sender: 'DEMOBANK', timeoutMs: 10_000, idempotent: true, connections: 16 },
          secrets: { signingKey },
        },
      ];
      const existing = await providers.list();
      const byChannel: Partial<Record<Channel, string>> = {};
      for (const provider of wanted) {
        const found = existing.find(({ name, kind }) => name === provider.name && kind === provider.kind);
        // Whoever switched it off or slowed it down meant it.
        const kept: ProviderBody = found
          ? { ...provider, enabled: found.enabled, ratePerSecond: found.ratePerSecond }
          : provider;
        const view = found
          ? await providers.replace(found.id, kept, actor)
          : await providers.create(kept, actor);
        byChannel[view.channel] = view.id;
      }
      connected = { baseUrl: receiptsBaseUrl, byChannel };
    },
  };
}

async function readOrMakeKey(path: string): Promise<string> {
  if (
    await stat(path).then(
      () => true,
      () => false,
    )
  )
    return readFile(path, 'utf8');
  const key = randomBytes(32).toString('hex');
  const file = await open(path, 'wx', 0o600);
  await file.writeFile(key);
  await file.sync();
  await file.close();
  return key;
}

function answer(response: ServerResponse, status: number, body: Readonly<Record<string, string>>): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
