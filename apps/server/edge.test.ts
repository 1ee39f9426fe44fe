import { readFileSync } from 'node:fs';
import { createRapportClient } from '@rapport/client';
import { permissionsOf } from '@rapport/governance';
import { mayDo } from '@rapport/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientTypes } from './client-types.ts';
import { readConfig } from './config.ts';
import { errorDocs } from './error-docs.ts';
import { startTestServer, type TestServer } from './testing.ts';

/** Properties of objects, lists and choices are described by their parts. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly examples?: unknown;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly $ref?: string;
}

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly description?: string;
    readonly schema?: Schema;
  }[];
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> };
  readonly responses?: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> }>
  >;
}

describe('the HTTP edge', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(async () => {
    await server.stop();
  });

  it('describes every operation and every property, with an example', async () => {
    const answer = await fetch(`${server.url}/api/v1/openapi.json`);
    const document: { openapi: string; paths: Record<string, Record<string, Operation>> } =
      await answer.json();
    expect(document.openapi).toBe('3.1.0');
    const faults: string[] = [];
    const ids = new Map<string, string>();
    const visit = (schema: Schema | undefined, place: string): void => {
      if (!schema) return;
      for (const [name, property] of Object.entries(schema.properties ?? {})) {
        const isComposite =
          property.type === 'object' ||
          property.type === 'array' ||
          property.anyOf ||
          property.allOf ||
          property.$ref;
        if (!property.description) faults.push(`${place}.${name} has no description`);
        if (
          !isComposite &&
          property.examples === undefined &&
          property.default === undefined &&
          property.const === undefined
        ) {
          faults.push(`${place}.${name} has no example`);
        }
        visit(property, `${place}.${name}`);
      }
      visit(schema.items, `${place}[]`);
      for (const part of [...(schema.anyOf ?? []), ...(schema.allOf ?? [])]) visit(part, place);
    };
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [verb, operation] of Object.entries(operations)) {
        const place = `${verb.toUpperCase()} ${path}`;
        if (!operation.operationId || !operation.summary || !operation.tags?.length)
          faults.push(`${place} has no id, summary or tag`);
        const twin = ids.get(operation.operationId ?? '');
        if (twin !== undefined) faults.push(`${place} has the operationId of ${twin}`);
        ids.set(operation.operationId ?? '', place);
        for (const { name, description, schema } of operation.parameters ?? []) {
          if (!description && !schema?.description) faults.push(`${place}?${name} has no description`);
        }
        for (const { schema } of Object.values(operation.requestBody?.content ?? {})) visit(schema, place);
        for (const { content } of Object.values(operation.responses ?? {})) {
          for (const { schema } of Object.values(content ?? {})) visit(schema, place);
        }
      }
    }
    expect(faults).toEqual([]);
    expect(ids.size).toBeGreaterThan(100);
  });

  it('is what the generated client was made from', async () => {
    const generated = readFileSync(new URL('../../packages/client/api.gen.ts', import.meta.url), 'utf8');
    expect(await clientTypes(server.url)).toBe(generated);
    const credentials: { users: { username: string; password: string }[] } = JSON.parse(
      readFileSync(`${server.home}/credentials.json`, 'utf8'),
    );
    const { username = '', password = '' } =
      credentials.users.find((user) => user.username === 'analyst') ?? {};
    const signedIn = await createRapportClient({ baseUrl: server.url, token: '' }).POST('/api/v1/session', {
      body: { username, password },
    });
    const client = createRapportClient({ baseUrl: server.url, token: signedIn.data?.token ?? '' });
    const tags = await client.GET('/api/v1/tags');
    expect(tags.data?.items).toEqual([]);
  });

  it('refuses who is not signed in, and who lacks the permission, and records the latter', async () => {
    expect((await fetch(`${server.url}/api/v1/audiences`)).status).toBe(401);
    const executive = await server.as('executive');
    const refused = await executive('POST', '/audiences', { name: 'x', condition: { always: true } });
    expect(refused.status).toBe(403);
    expect(refused.body.code).toBe('http.forbidden');
    const admin = await server.as('admin');
    const audit = await admin('GET', '/audit?limit=5');
    expect(JSON.stringify(audit.body)).toContain('access.refused');
  });

  it('answers a malformed request with the pointer of every fault', async () => {
    const admin = await server.as('admin');
    const refused = await admin('POST', '/users', { username: 'NO SPACES', roles: [] });
    expect(refused.status).toBe(400);
    expect(refused.body.code).toBe('http.invalid_request');
    expect(JSON.stringify(refused.body.faults)).toContain('/body/username');
  });

  it('does a POST with the same Idempotency-Key once and refuses another body under it', async () => {
    const file: { users: { username: string; password: string }[] } = JSON.parse(
      readFileSync(`${server.home}/credentials.json`, 'utf8'),
    );
    const admin = file.users.find((user) => user.username === 'admin');
    const session = await fetch(`${server.url}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: admin?.username, password: admin?.password }),
    });
    const { token }: { token: string } = await session.json();
    const post = (body: unknown) =>
      fetch(`${server.url}/api/v1/api-keys`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'idempotency-key': 'once-only',
        },
        body: JSON.stringify(body),
      });
    const key = { name: 'feed', scopes: ['customers.read'] };
    const [first, second] = [await post(key), await post(key)];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(await second.json()).toEqual(await first.json());
    expect((await post({ ...key, name: 'other' })).status).toBe(422);
  });

  it('tells liveness, readiness and metrics', async () => {
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    const ready = await fetch(`${server.url}/ready`);
    expect(await ready.json()).toMatchObject({
      status: 'ready',
      stores: { relational: 'up', warehouse: 'up' },
    });
    expect(await (await fetch(`${server.url}/metrics`)).text()).toContain('rapport_http_request_seconds');
  });

  it('keeps users, sessions’ passwords and the audit trail over a restart', async () => {
    await server.restart();
    const admin = await server.as('admin');
    const check = await admin('GET', '/audit/check');
    expect(check.body.intact).toBe(true);
  });
});

describe('settings', () => {
  it('name themselves when they are not valid', () => {
    expect(() => readConfig({ PORT: 'eighty' }, '/')).toThrow(/PORT/);
    expect(() => readConfig({ RAPPORT_ROLES: 'api,typo' }, '/')).toThrow(/typo/);
    expect(readConfig({ RAPPORT_ROLES: 'api,deliver' }, '/').roles).toEqual(new Set(['api', 'deliver']));
  });
});

describe('docs/errors.md', () => {
  it('lists every problem that the modules declare, and no other', () => {
    expect(readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')).toBe(errorDocs());
  });
});

describe('roles', () => {
  it('deny what nobody granted, and let only checkers and administrators decide', () => {
    const may = (role: Parameters<typeof permissionsOf>[0][number], permission: string): boolean =>
      mayDo(
        { kind: 'user', id: 'u', displayName: 'u', permissions: permissionsOf([role]), orgScope: undefined },
        permission,
      );
    expect(may('marketer', 'approvals.decide')).toBe(false);
    expect(may('checker', 'approvals.decide')).toBe(true);
    expect(may('executive', 'customers.pii')).toBe(false);
    expect(may('analyst', 'campaigns.launch')).toBe(false);
  });
});
