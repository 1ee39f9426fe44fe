import createClient, { type Client } from 'openapi-fetch';
import type { paths } from './api.gen.ts';

export type { components, operations, paths } from './api.gen.ts';

export type RapportClient = Client<paths>;

/**
 * A client of the HTTP API, typed by the OpenAPI document it was generated from (`npm run generate:client`).
 * @param options.token a session token or the secret of an API key
 */
export function createRapportClient(options: {
  readonly baseUrl: string;
  readonly token: string;
}): RapportClient {
  return createClient<paths>({
    baseUrl: options.baseUrl,
    headers: { authorization: `Bearer ${options.token}` },
  });
}
