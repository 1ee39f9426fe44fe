import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningServer } from '@rapport/server';

/** The platform's HTTP API, of a running server or of one started for this command. */
export interface Platform {
  readonly baseUrl: string;
  /** Answers the JSON body; a refusal is thrown as `ApiFailure`. */
  call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<unknown>;
  /** The raw answer, for downloads. */
  download(path: string): Promise<string>;
  close(): Promise<void>;
}

/** A refusal of the API, with its RFC 9457 fields. */
export class ApiFailure extends Error {
  override readonly name = 'ApiFailure';
  readonly code: string;
  readonly faults: readonly { readonly pointer: string; readonly message: string }[];

  constructor(status: number, body: unknown) {
    const read = (field: string): unknown =>
      typeof body === 'object' && body !== null
        ? Object.entries(body).find(([key]) => key === field)?.[1]
        : undefined;
    const detail = read('detail');
    const code = read('code');
    super(typeof detail === 'string' ? detail : `The server answered ${status}.`);
    this.code = typeof code === 'string' ? code : `http.${status}`;
    const faults = read('faults');
    this.faults = Array.isArray(faults)
      ? faults.flatMap((fault: unknown) =>
          typeof fault === 'object' && fault !== null && 'pointer' in fault && 'message' in fault
            ? [{ pointer: String(fault.pointer), message: String(fault.message) }]
            : [],
        )
      : [];
  }
}

/**
 * Finds the server of this home folder (`server.json`), or starts one in this process on a free port, and signs in
 * with `credentials.json` or the key in `RAPPORT_API_KEY`.
 */
export async function openPlatform(env: Readonly<Record<string, string | undefined>>): Promise<Platform> {
  const home = env.RAPPORT_HOME ?? './data';
  const running = env.RAPPORT_URL ?? (await runningServer(home));
  let own: RunningServer | undefined;
  if (running === undefined) {
    // Only now: a command against a running server need not load the whole platform.
    const { startServer } = await import('@rapport/server');
    own = await startServer({
      env: { ...env, PORT: '0', LOG_LEVEL: env.LOG_LEVEL ?? 'error' },
      withDemo: false,
      announce: () => undefined,
    });
  }
  const baseUrl = running ?? own?.url ?? '';
  const token = env.RAPPORT_API_KEY ?? (await signIn(baseUrl, home));
  return connect(baseUrl, token, async () => own?.stop());
}

/** A client of the API at this address with this bearer token. */
export function connect(
  baseUrl: string,
  token: string,
  close: () => Promise<void> = async () => undefined,
): Platform {
  const request = async (method: string, path: string, body?: unknown): Promise<Response> =>
    fetch(`${baseUrl}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  return {
    baseUrl,
    async call(method, path, body) {
      const response = await request(method, path, body);
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json') === true;
      const parsed: unknown = isJson && text !== '' ? JSON.parse(text) : text;
      if (!response.ok) throw new ApiFailure(response.status, parsed);
      return parsed;
    },
    async download(path) {
      const response = await request('GET', path);
      const text = await response.text();
      if (!response.ok) throw new ApiFailure(response.status, JSON.parse(text));
      return text;
    },
    close,
  };
}

async function runningServer(home: string): Promise<string | undefined> {
  const text = await readFile(join(home, 'server.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const url = field(JSON.parse(text), 'url');
  if (typeof url !== 'string') return undefined;
  const alive = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  return alive?.ok === true ? url : undefined;
}

async function signIn(baseUrl: string, home: string): Promise<string> {
  const path = join(home, 'credentials.json');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) throw new Error(`There is no ${path}; set RAPPORT_API_KEY to sign in.`);
  const users = field(JSON.parse(text), 'users');
  const administrator = Array.isArray(users)
    ? users.find((user: unknown) => field(user, 'username') === 'admin')
    : undefined;
  const response = await fetch(`${baseUrl}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      username: field(administrator, 'username'),
      password: field(administrator, 'password'),
    }),
  });
  const body: unknown = await response.json();
  if (!response.ok) throw new ApiFailure(response.status, body);
  const token = field(body, 'token');
  if (typeof token !== 'string') throw new Error('The server answered a session without a token.');
  return token;
}

/** A member of a JSON object, or `undefined`. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}
