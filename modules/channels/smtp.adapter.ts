import { Readable } from 'node:stream';
import MailComposer from 'nodemailer/lib/mail-composer';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { ChannelAdapter, HandOver, OutgoingMessage } from './adapter.ts';
import type { SmtpSettings } from './contract.ts';

const CONNECT_TIMEOUT_MS = 15_000;
const ANSWER_TIMEOUT_MS = 60_000;
/** Idle connections are closed after this long; many servers cut them at a minute. */
const IDLE_MS = 20_000;
const MESSAGES_PER_CONNECTION = 200;
const CHUNK_BYTES = 16_384;

interface Line {
  readonly connection: SMTPConnection;
  used: number;
  isOpen: boolean;
  idleTimer: NodeJS.Timeout | undefined;
}

interface SmtpFailure {
  readonly code: string | undefined;
  readonly responseCode: number | undefined;
  readonly command: string | undefined;
  readonly message: string;
}

/**
 * E-mail by SMTP over pooled connections. What matters is to know, for every failure, whether the server may have
 * taken the message: before the whole text was passed to the socket it can not have, after an answer it is told,
 * and in between it is `lost`.
 */
export function createSmtpAdapter(settings: SmtpSettings, password: string | undefined): ChannelAdapter {
  const idle: Line[] = [];
  const lines = new Set<Line>();
  let isClosed = false;

  const drop = (line: Line): void => {
    line.isOpen = false;
    clearTimeout(line.idleTimer);
    lines.delete(line);
    line.connection.close();
  };

  const connect = async (): Promise<Line> => {
    const connection = new SMTPConnection({
      host: settings.host,
      port: settings.port,
      secure: settings.secure,
      requireTLS: settings.requireTls ?? !isLocal(settings.host),
      connectionTimeout: CONNECT_TIMEOUT_MS,
      greetingTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: ANSWER_TIMEOUT_MS,
      name: domainOf(settings.fromAddress),
    });
    const line: Line = { connection, used: 0, isOpen: true, idleTimer: undefined };
    lines.add(line);
    connection.on('end', () => {
      line.isOpen = false;
    });
    try {
      await new Promise<void>((resolve, reject) => {
        connection.on('error', (error) => {
          line.isOpen = false;
          reject(error);
        });
        connection.connect((error) => (error ? reject(error) : resolve()));
      });
      if (settings.username !== undefined) {
        const credentials = { user: settings.username, pass: password ?? '' };
        await new Promise<void>((resolve, reject) => {
          connection.login(credentials, (error) => (error ? reject(error) : resolve()));
        });
      }
      return line;
    } catch (error) {
      drop(line);
      throw error;
    }
  };

  const borrow = async (): Promise<Line> => {
    for (let line = idle.pop(); line; line = idle.pop()) {
      clearTimeout(line.idleTimer);
      if (line.isOpen) return line;
      drop(line);
    }
    return connect();
  };
  const giveBack = (line: Line): void => {
    line.used += 1;
    if (!line.isOpen || isClosed || line.used >= MESSAGES_PER_CONNECTION) {
      if (line.isOpen) line.connection.quit();
      drop(line);
      return;
    }
    idle.push(line);
    line.idleTimer = setTimeout(() => {
      idle.splice(idle.indexOf(line), 1);
      line.connection.quit();
      drop(line);
    }, IDLE_MS);
    line.idleTimer.unref();
  };

  return {
    concurrency: settings.connections,
    async send(message) {
      let raw: Buffer;
      try {
        raw = await compose(message, settings);
      } catch (error) {
        return { outcome: 'refused', detail: failureOf(error).message };
      }
      let line: Line;
      try {
        line = await borrow();
      } catch (error) {
        return beforeData(failureOf(error));
      }
      const { stream, wasPassed } = tracked(raw);
      try {
        const answer = await new Promise<string>((resolve, reject) => {
          line.connection.send({ from: settings.fromAddress, to: [message.to] }, stream, (error, info) =>
            error ? reject(error) : resolve(info.response),
          );
        });
        giveBack(line);
        return { outcome: 'accepted', providerMessageId: messageIdOf(message.id, settings), detail: answer };
      } catch (error) {
        drop(line);
        const failure = failureOf(error);
        if (wasPassed() && failure.responseCode === undefined)
          return { outcome: 'lost', detail: failure.message };
        return beforeData(failure);
      }
    },
    async test() {
      const startedAt = performance.now();
      try {
        giveBack(await connect());
        const detail = settings.username === undefined ? 'Connected.' : 'Connected and signed in.';
        return { ok: true, detail, tookMs: Math.round(performance.now() - startedAt) };
      } catch (error) {
        return {
          ok: false,
          detail: failureOf(error).message,
          tookMs: Math.round(performance.now() - startedAt),
        };
      }
    },
    async close() {
      isClosed = true;
      for (const line of [...lines]) {
        if (line.isOpen) line.connection.quit();
        drop(line);
      }
    },
  };
}

/** `<delivery id@sender domain>`: a message of unknown fate can be looked for in the server's log. */
export const messageIdOf = (deliveryId: string, settings: SmtpSettings): string =>
  `<${deliveryId}@${domainOf(settings.fromAddress)}>`;

function compose(message: OutgoingMessage, settings: SmtpSettings): Promise<Buffer> {
  const composer = new MailComposer({
    from: { name: settings.fromName, address: settings.fromAddress },
    to: { name: '', address: message.to },
    ...(settings.replyTo === undefined ? {} : { replyTo: settings.replyTo }),
    subject: message.subject ?? '',
    text: message.text,
    ...(message.html === undefined ? {} : { html: message.html }),
    messageId: messageIdOf(message.id, settings),
    headers: { ...message.headers },
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return new Promise((resolve, reject) => {
    composer
      .compile()
      .build((error, raw) => (error || !raw ? reject(error ?? new Error('empty mail')) : resolve(raw)));
  });
}

/** The mail as a stream that knows whether its end was asked for, that is, whether all of it went to the socket. */
function tracked(raw: Buffer): { stream: Readable; wasPassed: () => boolean } {
  let at = 0;
  let isPassed = false;
  const stream = new Readable({
    highWaterMark: CHUNK_BYTES,
    read() {
      if (at >= raw.length) {
        isPassed = true;
        this.push(null);
        return;
      }
      const chunk = raw.subarray(at, at + CHUNK_BYTES);
      at += chunk.length;
      this.push(chunk);
    },
  });
  return { stream, wasPassed: () => isPassed };
}

function beforeData(failure: SmtpFailure): HandOver {
  const { responseCode: code, message: detail } = failure;
  // Wrong credentials are our fault, not the receiver's; they may be put right.
  if (code === undefined || code === 421 || code === 530 || code === 534 || code === 535)
    return { outcome: 'outage', detail };
  if (code < 500) return { outcome: 'deferred', detail };
  const isAddress = failure.command === 'RCPT TO' && (code === 550 || code === 551 || code === 553);
  return { outcome: isAddress ? 'bounced' : 'refused', detail };
}

function failureOf(error: unknown): SmtpFailure {
  const read = (name: string): unknown =>
    typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
  const [code, responseCode, command] = [read('code'), read('responseCode'), read('command')];
  return {
    code: typeof code === 'string' ? code : undefined,
    responseCode: typeof responseCode === 'number' ? responseCode : undefined,
    command: typeof command === 'string' ? command : undefined,
    message: error instanceof Error ? error.message : String(error),
  };
}

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1);
const isLocal = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');
