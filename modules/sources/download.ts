import { createWriteStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostPolicy } from './host-policy.ts';
import { LoadRefused, refuse } from './refusal.ts';

export interface DownloadLimits {
  readonly maxBytes: number;
  /** A transfer that brings nothing for so long is broken off. */
  readonly idleMs: number;
  readonly attempts: number;
  /** Wait before the second attempt; doubled for each after it. */
  readonly backoffMs: number;
}

export const DOWNLOAD_LIMITS: DownloadLimits = {
  maxBytes: 200 * 1024 ** 3,
  idleMs: 60_000,
  attempts: 5,
  backoffMs: 500,
};

export interface Fetched {
  readonly bytes: number;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** How the server packed the bytes on its way, though it was asked not to; S3 answers what was stored. */
  readonly encoding: string | undefined;
}

export interface RequestOptions {
  readonly policy: HostPolicy;
  readonly limits: DownloadLimits;
  readonly signal: AbortSignal;
  /** For messages: table and file. */
  readonly place: string;
  /** Headers of one request to one address; credentials are made anew for each, and for the own host only. */
  readonly headersFor: (url: URL, extra: Readonly<Record<string, string>>) => Record<string, string>;
}

const MAX_REDIRECTS = 5;

/** A failure that another attempt may not have. */
class Transient extends Error {
  override readonly name = 'Transient';
}

/**
 * Downloads an address into a file. A transfer that breaks is taken up where it broke, if the file is still the same
 * (by its ETag or date), else begun again. Redirects are followed within the allowed hosts.
 * @throws LoadRefused `not_delivered`, `too_large`, `host_not_allowed`, …
 */
export async function download(address: URL, path: string, options: RequestOptions): Promise<Fetched> {
  const { limits, place } = options;
  const partial = `${path}.partial`;
  let known: Fetched | undefined;
  let held = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      const version = known?.etag ?? known?.lastModified;
      const isResumed = held > 0 && version !== undefined && !version.startsWith('W/');
      const range: Record<string, string> = isResumed ? { range: `bytes=${held}-`, 'if-range': version } : {};
      const { response } = await send('GET', address, range, options);
      await refuseStatus(response, address, place);
      const isRest = response.statusCode === 206;
      if (isRest && !response.headers['content-range']?.startsWith(`bytes ${held}-`)) {
        response.destroy();
        known = undefined;
        held = 0;
        throw new Transient('the server answers another part than was asked for');
      }
      const begins = isRest ? held : 0;
      const length = Number(response.headers['content-length'] ?? Number.NaN);
      if (begins + length > limits.maxBytes) {
        response.destroy();
        refuse(
          'too_large',
          place,
          `${shown(address)} has ${begins + length} bytes; at most ${limits.maxBytes} are taken.`,
        );
      }
      known = {
        bytes: 0,
        etag: response.headers.etag,
        lastModified: response.headers['last-modified'],
        encoding: response.headers['content-encoding'],
      };
      let taken = begins;
      held = begins;
      response.setTimeout(limits.idleMs, () =>
        response.destroy(new Transient(`nothing came for ${limits.idleMs} ms`)),
      );
      const file = createWriteStream(partial, { flags: isRest ? 'a' : 'w' });
      try {
        await pipeline(
          response,
          async function* (chunks: AsyncIterable<Buffer>) {
            for await (const chunk of chunks) {
              taken += chunk.length;
              if (taken > limits.maxBytes)
                refuse('too_large', place, `${shown(address)} has more than ${limits.maxBytes} bytes.`);
              yield chunk;
            }
          },
          file,
          { signal: options.signal },
        );
      } catch (error) {
        // A write that is still under way would land behind what the next attempt appends.
        if (!file.closed) await new Promise<void>((resolve) => file.once('close', () => resolve()));
        options.signal.throwIfAborted();
        if (error instanceof LoadRefused) throw error;
        held = (await stat(partial).catch(() => undefined))?.size ?? 0;
        throw new Transient(error instanceof Error ? error.message : String(error));
      }
      if (!Number.isNaN(length) && taken !== begins + length) {
        held = taken;
        throw new Transient(`${taken} of ${begins + length} bytes came`);
      }
      await rename(partial, path);
      return { ...known, bytes: taken };
    } catch (error) {
      await again(error, attempt, address, options);
    }
  }
}

/** Reads a small answer as text. */
export async function fetchText(
  address: URL,
  options: RequestOptions & { readonly maxText?: number },
): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { response } = await send('GET', address, {}, options);
      await refuseStatus(response, address, options.place);
      response.setTimeout(options.limits.idleMs, () => response.destroy(new Transient('nothing came')));
      const pieces: Buffer[] = [];
      let size = 0;
      for await (const chunk of response) {
        if (!Buffer.isBuffer(chunk)) continue;
        pieces.push(chunk);
        size += chunk.length;
        if (size > (options.maxText ?? 64 * 1024 * 1024))
          refuse('too_large', options.place, 'The answer is too long.');
      }
      return Buffer.concat(pieces).toString('utf8');
    } catch (error) {
      await again(error, attempt, address, options);
    }
  }
}

/** Waits before another attempt, or throws when there is none. */
async function again(error: unknown, attempt: number, address: URL, options: RequestOptions): Promise<void> {
  options.signal.throwIfAborted();
  if (error instanceof LoadRefused) throw error;
  if (attempt < options.limits.attempts) {
    await sleep(options.limits.backoffMs * 2 ** (attempt - 1), undefined, { signal: options.signal });
    return;
  }
  const why = error instanceof Error ? error.message : String(error);
  refuse(
    'not_delivered',
    options.place,
    `${shown(address)} could not be read in ${attempt} attempts: ${why}. Load again when it can be reached.`,
  );
}

/** An address without what may be secret in it. */
export const shown = (address: URL): string => `${address.protocol}//${address.host}${address.pathname}`;

async function refuseStatus(response: IncomingMessage, address: URL, place: string): Promise<void> {
  const status = response.statusCode ?? 0;
  if (status === 200 || status === 206) return;
  const answer = [status, await codeIn(response)].filter((part) => part !== undefined).join(' ');
  if (status === 429 || status >= 500 || status === 408) throw new Transient(`the server answers ${answer}`);
  if (status === 404 || status === 410) {
    refuse(
      'missing_file',
      place,
      `There is nothing at ${shown(address)} (${answer}). Has it been delivered?`,
    );
  }
  if (status === 401 || status === 403) {
    refuse(
      'not_authorised',
      place,
      `The server refuses to deliver ${shown(address)} (${answer}). Check the secret and the rights of the connection.`,
    );
  }
  if (status === 416) throw new Transient('the file changed while it was read');
  refuse('not_delivered', place, `The server answers ${answer} for ${shown(address)}.`);
}

const MAX_REASON_BYTES = 16 * 1024;

/** The code with which S3 says why, such as `NoSuchBucket`; of the rest of an answer nothing is shown. */
async function codeIn(response: IncomingMessage): Promise<string | undefined> {
  let text = '';
  try {
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > MAX_REASON_BYTES) break;
    }
  } catch {
    // The status alone says enough.
  }
  return /<Code>(\w{1,60})<\/Code>/.exec(text)?.[1];
}

/** What a server answers when it is asked whether something is there: its status. */
export async function probe(address: URL, options: RequestOptions): Promise<number> {
  const { response } = await send('HEAD', address, {}, options).catch((error: unknown) => {
    if (error instanceof LoadRefused) throw error;
    const why = error instanceof Error ? error.message : String(error);
    return refuse('not_delivered', options.place, `${shown(address)} does not answer: ${why}.`);
  });
  response.resume();
  return response.statusCode ?? 0;
}

async function send(
  method: 'GET' | 'HEAD',
  address: URL,
  extra: Readonly<Record<string, string>>,
  options: RequestOptions,
): Promise<{ readonly response: IncomingMessage }> {
  let url = address;
  for (let hop = 0; ; hop++) {
    const response = await sendOnce(method, url, extra, {
      ...options,
      // A redirect to another host never gets the credentials of this one.
      headersFor: url.host === address.host ? options.headersFor : (_, rest) => ({ ...rest }),
    });
    const status = response.statusCode ?? 0;
    const { location } = response.headers;
    if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return { response };
    response.resume();
    if (hop >= MAX_REDIRECTS)
      refuse('not_delivered', options.place, `${shown(address)} redirects without end.`);
    const next = new URL(location, url);
    if (next.protocol !== 'https:' && next.protocol !== url.protocol) {
      refuse(
        'host_not_allowed',
        options.place,
        `${shown(address)} redirects to ${next.protocol}, which is not allowed.`,
      );
    }
    url = next;
  }
}

async function sendOnce(
  method: 'GET' | 'HEAD',
  url: URL,
  extra: Readonly<Record<string, string>>,
  options: RequestOptions,
): Promise<IncomingMessage> {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return refuse('host_not_allowed', options.place, `Only http and https are read, not ${url.protocol}`);
  }
  const isTls = url.protocol === 'https:';
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port);
  const { address, family } = await options.policy.resolve(url.hostname, port, options.place);
  // The address that was checked is the one that is connected to.
  const pinned: LookupFunction = (_host, asked, answer) => {
    if (asked.all) answer(null, [{ address, family }]);
    else answer(null, address, family);
  };
  return new Promise((resolve, reject) => {
    const request = (isTls ? requestHttps : requestHttp)(url, {
      method,
      lookup: pinned,
      signal: options.signal,
      headers: { 'user-agent': 'Rapport', 'accept-encoding': 'identity', ...options.headersFor(url, extra) },
    });
    request.setTimeout(options.limits.idleMs, () => request.destroy(new Transient('no answer')));
    request.on('response', resolve);
    request.on('error', (error) => reject(new Transient(error.message)));
    request.end();
  });
}
