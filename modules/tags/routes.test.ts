import { customersMigrations, customersRoutes } from '@rapport/customers';
import { fixedClock, silentLog, systemActor } from '@rapport/kernel';
import { startTestHttp, startTestStores, type TestHttp, type TestStores } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadBank, smallBank } from './bank.test-support.ts';
import { createTags, tagsMigrations, tagsRoutes } from './index.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const definition = {
  id: 'bookings',
  title: { en: 'Bookings' },
  category: 'behaviour/transactions',
  valueType: 'number',
  definition: { kind: 'statistical', over: 'transaction', aggregate: 'count' },
};

describe('the HTTP interface of customers and tags', () => {
  let stores: TestStores;
  let edge: TestHttp;

  beforeAll(async () => {
    stores = await startTestStores([customersMigrations, tagsMigrations]);
    const clock = fixedClock(NOW);
    const customers = await loadBank(stores, smallBank(1, 20, NOW), clock);
    const tags = createTags({
      ...stores,
      clock,
      log: silentLog,
      audit: { record: async () => undefined },
      customers,
      manifests: async () => [],
    });
    edge = await startTestHttp([customersRoutes(customers), tagsRoutes(tags)], systemActor);
  });
  afterAll(async () => {
    await edge?.stop();
    await stores?.stop();
  });

  const ask = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, payload?: object) => {
    const answer = await edge.http.inject({ method, url: `/api/v1${url}`, ...(payload ? { payload } : {}) });
    return { status: answer.statusCode, body: answer.body === '' ? undefined : answer.json() };
  };

  it('defines, computes, explains, exports and deletes a tag', async () => {
    expect(await ask('POST', '/tags', definition)).toMatchObject({
      status: 201,
      body: { state: 'new', version: 1 },
    });
    expect(await ask('POST', '/tags', definition)).toMatchObject({
      status: 409,
      body: { code: 'tags.exists' },
    });
    const started = await ask('POST', '/tags/refresh', {});
    expect(started.status).toBe(202);
    await stores.jobs.wait(started.body.jobId);
    expect(await ask('GET', '/tags/bookings')).toMatchObject({
      status: 200,
      body: { state: 'fresh', statistics: { customers: 20 } },
    });
    expect(await ask('GET', '/tags?q=book&category=behaviour&kind=statistical')).toMatchObject({
      body: { items: [{ id: 'bookings', coverage: 1 }] },
    });
    expect(await ask('GET', '/tags/bookings/evidence?customerId=C0001')).toMatchObject({
      body: { agrees: true },
    });
    expect(await ask('GET', '/tags/bookings/lineage')).toMatchObject({
      body: { edges: [{ to: 'tag:bookings' }] },
    });
    expect(await ask('GET', '/tags/refreshes')).toMatchObject({
      body: { items: [{ state: 'done', tags: 1 }] },
    });
    expect(await ask('GET', '/tag-categories')).toMatchObject({
      body: { items: [{ path: 'behaviour', tags: 1 }, { parent: 'behaviour' }] },
    });
    const { title, category, valueType } = definition;
    expect(
      await ask('PUT', '/tags/bookings', {
        title,
        category,
        valueType,
        definition: { ...definition.definition, within: 'P30D' },
      }),
    ).toMatchObject({ body: { version: 2, state: 'stale' } });
    const exported = await ask('GET', '/tags/export');
    expect(await ask('POST', '/tags/import', { yaml: exported.body.yaml, dryRun: true })).toMatchObject({
      body: { unchanged: ['bookings'], applied: false },
    });
    expect(
      await ask('POST', '/tags/preview', { valueType: 'number', definition: definition.definition }),
    ).toMatchObject({ status: 200, body: { customers: 20 } });
    expect(await ask('GET', '/tags/catalog')).toMatchObject({ body: { tags: [{ id: 'bookings' }] } });
    expect((await ask('GET', '/lineage')).status).toBe(200);
    expect(await ask('GET', '/lineage/impact?node=canonical_column:transaction.at')).toMatchObject({
      body: { dependants: [{ id: 'tag:bookings' }] },
    });
    expect((await ask('DELETE', '/tags/bookings')).status).toBe(204);
    expect(await ask('GET', '/tags/bookings')).toMatchObject({
      status: 404,
      body: { code: 'tags.not_found' },
    });
  });

  it('refuses what has not the documented form', async () => {
    expect(await ask('POST', '/tags', { ...definition, id: 'No Good' })).toMatchObject({
      status: 400,
      body: { code: 'http.invalid_request' },
    });
    expect(
      await ask('POST', '/tags', { ...definition, definition: { kind: 'sql', sql: 'select 1' } }),
    ).toMatchObject({ status: 400 });
  });

  it('answers customers, their timeline and the units', async () => {
    const list = await ask('GET', '/customers?limit=3');
    expect(list.body.items).toHaveLength(3);
    expect((await ask('GET', '/customers/C0001')).body).toMatchObject({
      customerId: 'C0001',
      piiClear: true,
    });
    expect((await ask('GET', '/customers/C0001/timeline?limit=2&kind=transaction')).status).toBe(200);
    expect(await ask('GET', '/customers/C0001/timeline?cursor=x')).toMatchObject({
      status: 400,
      body: { code: 'customers.invalid_cursor' },
    });
    expect(await ask('GET', '/customers/nobody')).toMatchObject({
      status: 404,
      body: { code: 'customers.not_found' },
    });
    expect((await ask('GET', '/org-units')).body).toEqual({ items: [] });
  });
});
