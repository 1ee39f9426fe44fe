import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** One message as the provider took it. */
export interface ProviderSms {
  readonly messageId: string;
  readonly idempotencyKey: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly receivedAt: number;
}

/**
 * What happens to a request with a right signature: `accept` 202 · `throttle` 429 with Retry-After · `fail` 500, not
 * taken · `refuse` 400, never · `drop` taken, but the connection breaks before the answer · `lose` not taken and the
 * connection breaks · `hang` taken, and never answered.
 */
export type ProviderBehaviour = 'accept' | 'throttle' | 'fail' | 'refuse' | 'drop' | 'lose' | 'hang';

export interface SmsProviderOptions {
  readonly signingKey: string;
  readonly behave?: (request: {
    readonly idempotencyKey: string;
    readonly body: Readonly<Record<string, unknown>>;
  }) => ProviderBehaviour;
  /** Waits this long before it answers. */
  readonly delayMs?: number;
  /** Where `sendReceipts` posts to. */
  readonly receiptsUrl?: string;
}

export interface SmsProvider {
  /** Address of the send endpoint. */
  readonly url: string;
  /** Messages taken, each idempotency key once. */
  readonly messages: readonly ProviderSms[];
  /** Every request, also refused and repeated ones. */
  readonly requests: number;
  /** Requests whose key had been taken before; they were answered alike and not taken again. */
  readonly repeats: number;
  /** Requests with a wrong or old signature. */
  readonly forgeries: number;
  configure(options: Partial<SmsProviderOptions>): void;
  clear(): void;
  /** Posts signed receipts to `receiptsUrl`. */
  sendReceipts(receipts: readonly Readonly<Record<string, unknown>>[]): Promise<Response>;
  stop(): Promise<void>;
}

export const SIGNATURE_HEADER = 'x-rapport-signature';
export const TIMESTAMP_HEADER = 'x-rapport-timestamp';
const SIGNATURE_WINDOW_SECONDS = 300;

/**
 * A real HTTP provider on the loopback interface. A request is a JSON body with `Idempotency-Key`, and
 * `X-Rapport-Signature: v1=<hex HMAC-SHA256 over timestamp.body>` beside `X-Rapport-Timestamp` in seconds. The
 * verification is written anew here on purpose: it checks the sender rather than sharing its code.
 */
export async function startSmsProvider(initial: SmsProviderOptions): Promise<SmsProvider> {
  let options = initial;
  let requests = 0;
  let repeats = 0;
  let forgeries = 0;
  let made = 0;
  const messages: ProviderSms[] = [];
  const byKey = new Map<string, ProviderSms>();

  const take = (idempotencyKey: string, body: Readonly<Record<string, unknown>>): ProviderSms => {
    const known = byKey.get(idempotencyKey);
    if (known) {
      repeats++;
      return known;
    }
    const message: ProviderSms = { messageId: `sms-${++made}`, idempotencyKey, body, receivedAt: Date.now() };
    byKey.set(idempotencyKey, message);
    messages.push(message);
    return message;
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests++;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    if (options.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, options.delayMs));
    if (!isSignedBy(options.signingKey, request, bytes)) {
      forgeries++;
      return answer(response, 401, { error: 'bad signature' });
    }
    const idempotencyKey = String(request.headers['idempotency-key'] ?? '');
    if (idempotencyKey === '') return answer(response, 400, { error: 'Idempotency-Key is missing' });
    const body: Record<string, unknown> = JSON.parse(bytes.toString('utf8'));
    switch (options.behave?.({ idempotencyKey, body }) ?? 'accept') {
      case 'accept':
        return answer(response, 202, { messageId: take(idempotencyKey, body).messageId });
      case 'throttle':
        response.setHeader('Retry-After', '1');
        return answer(response, 429, { error: 'too many requests' });
      case 'fail':
        return answer(response, 500, { error: 'internal' });
      case 'refuse':
        return answer(response, 400, { error: 'unknown subscriber' });
      case 'drop':
        take(idempotencyKey, body);
        response.destroy();
        return;
      case 'lose':
        response.destroy();
        return;
      case 'hang':
        take(idempotencyKey, body);
        return;
    }
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('The SMS provider has no address.');

  return {
    url: `http://127.0.0.1:${address.port}/messages`,
    messages,
    get requests() {
      return requests;
    },
    get repeats() {
      return repeats;
    },
    get forgeries() {
      return forgeries;
    },
    configure(next) {
      options = { ...options, ...next };
    },
    clear() {
      messages.length = 0;
      byKey.clear();
      requests = repeats = forgeries = 0;
    },
    sendReceipts(receipts) {
      if (options.receiptsUrl === undefined) throw new Error('Set receiptsUrl first.');
      const body = JSON.stringify({ receipts });
      return fetch(options.receiptsUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...signedHeaders(options.signingKey, body) },
        body,
      });
    },
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** The headers a signed request or receipt carries. */
export function signedHeaders(
  key: string,
  body: string | Buffer,
  nowMs: number = Date.now(),
): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000));
  return { [TIMESTAMP_HEADER]: timestamp, [SIGNATURE_HEADER]: sign(key, timestamp, body) };
}

const sign = (key: string, timestamp: string, body: string | Buffer): string =>
  `v1=${createHmac('sha256', key).update(`${timestamp}.`).update(body).digest('hex')}`;

function isSignedBy(key: string, request: IncomingMessage, body: Buffer): boolean {
  const timestamp = String(request.headers[TIMESTAMP_HEADER] ?? '');
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= SIGNATURE_WINDOW_SECONDS)) return false;
  const expected = Buffer.from(sign(key, timestamp, body));
  const given = Buffer.from(String(request.headers[SIGNATURE_HEADER] ?? ''));
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function answer(response: ServerResponse, status: number, body: Record<string, unknown>): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(body));
}
