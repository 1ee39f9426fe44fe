import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { ChannelAdapter, HandOver } from './adapter.ts';
import type { SmsHttpSettings } from './contract.ts';
import { signatureOf } from './signing.ts';

const Answer = Type.Object({
  messageId: Type.Optional(Type.String()),
  code: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
});

/** Errors that happen before a request leaves this machine. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * SMS over signed HTTP (docs/channels.md). A lost answer is asked for again with the same Idempotency-Key when the
 * provider drops repeated keys; otherwise it stays unknown.
 */
export function createSmsHttpAdapter(settings: SmsHttpSettings, signingKey: string): ChannelAdapter {
  const lost = (detail: string): HandOver => ({
    outcome: settings.idempotent ? 'lost_repeatable' : 'lost',
    detail,
  });

  const post = async (body: string, idempotencyKey: string): Promise<Response> => {
    const timestamp = String(Math.floor(Date.now() / 1000));
    return fetch(settings.url, {
      method: 'POST',
      redirect: 'error',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': idempotencyKey,
        'x-rapport-timestamp': timestamp,
        'x-rapport-signature': signatureOf(signingKey, timestamp, body),
      },
      body,
      signal: AbortSignal.timeout(settings.timeoutMs),
    });
  };

  return {
    concurrency: settings.connections,
    async send(message) {
      const body = JSON.stringify({
        deliveryId: message.id,
        from: settings.sender,
        to: message.to,
        text: message.text,
      });
      let response: Response;
      let text: string;
      try {
        response = await post(body, message.id);
        text = await response.text();
      } catch (error) {
        const code = causeCode(error);
        const detail = `${code ?? (error instanceof Error ? error.message : String(error))}`;
        return code !== undefined && NOT_SENT.has(code) ? { outcome: 'outage', detail } : lost(detail);
      }
      const answer = parse(text);
      const detail = `${response.status}${answer.code === undefined ? '' : ` ${answer.code}`}${answer.detail === undefined ? '' : ` ${answer.detail}`}`;
      if (response.ok)
        return { outcome: 'accepted', providerMessageId: answer.messageId ?? message.id, detail };
      if (response.status === 429 || response.status === 503) {
        const seconds = Number(response.headers.get('retry-after'));
        return {
          outcome: 'outage',
          detail,
          ...(seconds > 0 ? { retryAfterMs: Math.min(seconds, 3600) * 1000 } : {}),
        };
      }
      if (response.status >= 500) return lost(detail);
      // Wrong credentials are our fault and may be put right.
      if (response.status === 401 || response.status === 403) return { outcome: 'outage', detail };
      return { outcome: answer.code === 'invalid_address' ? 'bounced' : 'refused', detail };
    },
    async test() {
      const startedAt = performance.now();
      const took = (): number => Math.round(performance.now() - startedAt);
      try {
        const response = await post(JSON.stringify({ test: true }), 'test');
        await response.text();
        const detail = `The provider answered ${response.status}.`;
        return { ok: response.ok, detail, tookMs: took() };
      } catch (error) {
        return { ok: false, detail: causeCode(error) ?? String(error), tookMs: took() };
      }
    },
    close: async () => undefined,
  };
}

function parse(text: string): { messageId?: string; code?: string; detail?: string } {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(Answer, value) ? value : {};
  } catch {
    return {};
  }
}

function causeCode(error: unknown): string | undefined {
  for (let at: unknown = error; typeof at === 'object' && at !== null; at = Reflect.get(at, 'cause')) {
    const code: unknown = Reflect.get(at, 'code');
    if (typeof code === 'string') return code;
    const name: unknown = Reflect.get(at, 'name');
    if (name === 'TimeoutError') return 'TIMEOUT';
  }
  return undefined;
}
