import type { ProblemBody } from '@rapport/kernel';
import type { Static } from 'typebox';

export type ProblemDetails = Static<typeof ProblemBody>;

/** A refused request: what the server said (RFC 9457), or that it could not be reached. */
export class ApiProblem extends Error {
  readonly problem: ProblemDetails;
  constructor(problem: ProblemDetails) {
    super(problem.detail);
    this.name = 'ApiProblem';
    this.problem = problem;
  }
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface RequestOptions {
  readonly query?: Query;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

export const api = {
  get: <Answer>(path: string, options?: RequestOptions) => call<Answer>('GET', path, options),
  post: <Answer>(path: string, options?: RequestOptions) => call<Answer>('POST', path, options),
  put: <Answer>(path: string, options?: RequestOptions) => call<Answer>('PUT', path, options),
  patch: <Answer>(path: string, options?: RequestOptions) => call<Answer>('PATCH', path, options),
  delete: <Answer>(path: string, options?: RequestOptions) => call<Answer>('DELETE', path, options),
  /** Fetches a file, for a download or a preview. */
  blob: async (path: string, options?: RequestOptions): Promise<Blob> =>
    (await send('GET', path, { accept: '*/*' }, options)).blob(),
  /** The same for an answer to a posted question. */
  postBlob: async (path: string, options?: RequestOptions): Promise<Blob> =>
    (await send('POST', path, { accept: '*/*' }, options)).blob(),
};

export function addressOf(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return `/api/v1${path}${text ? `?${text}` : ''}`;
}

async function call<Answer>(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
  const response = await send(method, path, { accept: 'application/json' }, options);
  const text = response.status === 204 ? '' : await response.text();
  const answer: Answer = text === '' ? undefined : JSON.parse(text);
  return answer;
}

async function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  options: RequestOptions = {},
): Promise<Response> {
  const init: RequestInit = { method, headers: { ...headers }, credentials: 'same-origin' };
  if (options.signal) init.signal = options.signal;
  if (options.body !== undefined) {
    init.body = JSON.stringify(options.body);
    init.headers = { ...init.headers, 'content-type': 'application/json' };
  }
  // A POST may be repeated by the network or an impatient hand; with the same key it takes effect once.
  if (method === 'POST') init.headers = { ...init.headers, 'idempotency-key': crypto.randomUUID() };
  let response: Response;
  try {
    response = await fetch(addressOf(path, options.query), init);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiProblem(unreachable(error));
  }
  if (!response.ok) throw new ApiProblem(await problemOf(response));
  return response;
}

/** What the server said about a refused request, also when a proxy answered in its place. */
export async function problemOf(response: Response): Promise<ProblemDetails> {
  const text = await response.text();
  try {
    const body: ProblemDetails = JSON.parse(text);
    if (typeof body === 'object' && body !== null && typeof body.code === 'string') return body;
  } catch {
    // Not from us: a proxy or a gateway answered.
  }
  return {
    type: 'about:blank',
    title: response.statusText || `HTTP ${response.status}`,
    status: response.status,
    detail: text.slice(0, 300) || `HTTP ${response.status}`,
    code: 'console.unexpected_answer',
  };
}

export function unreachable(error: unknown): ProblemDetails {
  return {
    type: 'about:blank',
    title: 'The server cannot be reached.',
    status: 0,
    detail: error instanceof Error ? error.message : String(error),
    code: 'console.unreachable',
  };
}
