import { readFile } from 'node:fs/promises';
import { customersMigrations } from '@rapport/customers';
import { type Actor, fixedClock, parseDuration, shiftInstant, silentLog, systemActor } from '@rapport/kernel';
import { startTestStores, type TestStores } from '@rapport/testkit';
import fc from 'fast-check';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadBank, type SmallBank, smallBank } from './bank.test-support.ts';
import type { TagAggregate, TagDefinition, TagValue } from './contract.ts';
import { EXPRESSION_FUNCTIONS } from './expression.ts';
import { createTags, type Tags, tagsMigrations } from './index.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const author: Actor = { ...systemActor, id: 'usr_author' };

function tag(
  id: string,
  valueType: TagDefinition['valueType'],
  definition: TagDefinition['definition'],
  over: Partial<TagDefinition> = {},
): TagDefinition {
  return { id, title: { en: id }, category: 'test/some', valueType, definition, ...over };
}

describe('tags', () => {
  let stores: TestStores;
  let tags: Tags;
  let bank: SmallBank;
  let cids: Map<string, number>;

  beforeAll(async () => {
    stores = await startTestStores([customersMigrations, tagsMigrations]);
    bank = smallBank(7, 60, NOW);
    const clock = fixedClock(NOW);
    const customers = await loadBank(stores, bank, clock);
    cids = await customers.cidsOf(bank.customers.map(({ id }) => id));
    tags = createTags({
      ...stores,
      clock,
      log: silentLog,
      audit: { record: async () => undefined },
      customers,
      manifests: async () => [],
    });
  });
  afterAll(() => stores?.stop());

  const refresh = async (tagIds?: string[]) => {
    const job = await stores.jobs.wait(await tags.refresh(tagIds ? { tagIds } : {}));
    return job.result;
  };
  const tagValueOf = async (customerId: string, tagId: string): Promise<TagValue | undefined> => {
    const cid = cids.get(customerId) ?? 0;
    return (await tags.valuesOf([cid], [tagId])).get(cid)?.get(tagId);
  };

  it('computes fact, statistical, rule and derived tags in one refresh', async () => {
    const yaml = `
tags:
  - id: gender
    title: { en: Gender, zh-Hant: 性別 }
    category: profile/basic
    valueType: text
    values: [{ value: female, title: { en: Woman } }, { value: male, title: { en: Man } }]
    definition: { kind: fact, from: customer, value: gender }
  - id: age
    title: { en: Age }
    category: profile/basic
    valueType: number
    definition: { kind: fact, from: customer, value: yearsSince(birth_date) }
  - id: tier
    title: { en: Tier }
    category: profile/basic
    valueType: text
    definition: { kind: fact, from: customer, value: "attributes['tier']" }
  - id: holding_kinds
    title: { en: Kinds held }
    category: asset/holdings
    valueType: list
    definition: { kind: fact, from: holding, value: kind, pick: list }
  - id: txn_count_90d
    title: { en: Bookings in 90 days }
    category: behaviour/transactions
    valueType: number
    definition: { kind: statistical, over: transaction, aggregate: count, within: P90D }
  - id: debit_sum_90d
    title: { en: Debits in 90 days }
    category: behaviour/transactions
    valueType: money
    unit: TWD
    definition:
      kind: statistical
      over: transaction
      where: { property: direction, op: '=', value: debit }
      aggregate: { sum: amount_minor }
      within: P90D
  - id: wealth_views
    title: { en: Wealth pages seen }
    category: behaviour/app
    valueType: number
    definition: { kind: statistical, over: event, event: wealth_viewed, aggregate: count }
  - id: debit_per_booking
    title: { en: Debit a booking }
    category: behaviour/transactions
    valueType: number
    definition: { kind: derived, expression: 'debit_sum_90d / nullIf(txn_count_90d, 0)' }
  - id: activity
    title: { en: Activity }
    category: behaviour/level
    valueType: text
    definition:
      kind: rule
      cases:
        - when: { all: [{ tag: txn_count_90d, op: '>=', value: 6 }, { event: wealth_viewed, op: '>=', value: 1 }] }
          value: high
        - when: { tag: txn_count_90d, op: '>=', value: 1 }
          value: low
      otherwise: none
  - id: active_woman
    title: { en: Active woman }
    category: behaviour/level
    valueType: boolean
    definition:
      kind: rule
      cases: [{ when: { all: [{ tag: activity, op: '=', value: high }, { tag: gender, op: '=', value: female }] }, value: true }]
`;
    expect(await tags.importYaml(yaml, { dryRun: true }, author)).toMatchObject({
      applied: false,
      changed: [],
      unchanged: [],
    });
    expect((await tags.list({})).items).toEqual([]);
    expect((await tags.importYaml(yaml, {}, author)).created).toHaveLength(10);
    expect((await tags.importYaml(await tags.exportYaml(), {}, author)).unchanged).toHaveLength(10);
    expect(await refresh()).toMatchObject({ tags: 10, failed: [] });
    const listed = await tags.list({});
    expect(listed.items.map(({ state }) => state)).toEqual(Array.from({ length: 10 }, () => 'fresh'));

    for (const customer of bank.customers) {
      const rows = bank.transactions.filter(
        (row) => row.customer === customer.id && row.atMs > NOW - 90 * 86_400_000 && row.atMs <= NOW,
      );
      const debits = rows.filter((row) => row.direction === 'debit');
      const debit = debits.length === 0 ? undefined : debits.reduce((sum, row) => sum + row.amount, 0);
      const views = bank.events.filter(
        (row) => row.customer === customer.id && row.name === 'wealth_viewed' && row.atMs <= NOW,
      ).length;
      const kinds = [
        ...new Set(bank.holdings.filter((row) => row.customer === customer.id).map((row) => row.kind)),
      ].toSorted();
      const activity = rows.length >= 6 && views >= 1 ? 'high' : rows.length >= 1 ? 'low' : 'none';
      expect(
        await tags.valuesOf(
          [cids.get(customer.id) ?? 0],
          [
            'gender',
            'tier',
            'holding_kinds',
            'txn_count_90d',
            'debit_sum_90d',
            'wealth_views',
            'debit_per_booking',
            'activity',
            'active_woman',
          ],
        ),
      ).toEqual(
        new Map([
          [
            cids.get(customer.id),
            new Map(
              Object.entries({
                gender: customer.gender || undefined,
                tier: customer.tier || undefined,
                holding_kinds: kinds.length > 0 ? kinds : undefined,
                txn_count_90d: rows.length,
                debit_sum_90d: debit,
                wealth_views: views,
                debit_per_booking: debit === undefined ? undefined : debit / rows.length,
                activity,
                active_woman: activity === 'high' && customer.gender === 'female' ? true : undefined,
              }).filter(([, value]) => value !== undefined),
            ),
          ],
        ]),
      );
    }
  });

  it('shows coverage, distribution, categories and the catalog for conditions', async () => {
    const gender = await tags.get('gender');
    const women = bank.customers.filter((row) => row.gender === 'female').length;
    const men = bank.customers.filter((row) => row.gender === 'male').length;
    expect(gender.statistics).toMatchObject({ known: women + men, customers: 60, distinct: 2 });
    expect(gender.statistics?.distribution.top).toContainEqual({ value: 'female', customers: women });
    expect(gender.uses.map(({ id }) => id)).toEqual(['active_woman']);
    const debit = await tags.get('debit_sum_90d');
    expect(debit.statistics?.distribution.quantiles?.p50).toBeGreaterThan(0);
    expect((await tags.categories()).find(({ path }) => path === 'behaviour')).toMatchObject({ tags: 6 });
    const view = await tags.catalogView();
    expect(view.tags.map(({ id }) => id)).toContain('activity');
    expect(view.events.map(({ name }) => name)).toEqual(['login', 'transaction', 'wealth_viewed']);
    expect(view.events[2]?.properties).toContainEqual({ name: 'seconds', type: 'number' });
    const catalog = await tags.catalog();
    expect(catalog.event('transaction')?.properties.score?.type).toBe('number');
    expect(catalog.tag('debit_sum_90d')).toMatchObject({ type: 'money', currency: 'TWD', currencyDigits: 2 });
    const profile = await tags.profileOf({ cid: cids.get('C0000') ?? 0, customerId: 'C0000' });
    expect(profile.map(({ tagId }) => tagId)).toContain('txn_count_90d');
  });

  it('explains a value: the rows, the recomputed value, the case that held', async () => {
    const evidence = await tags.evidence('txn_count_90d', 'C0003', systemActor);
    expect(evidence).toMatchObject({
      agrees: true,
      stored: await tagValueOf('C0003', 'txn_count_90d'),
      table: 'transaction',
    });
    expect(evidence.rows).toHaveLength(Number(evidence.recomputed));
    expect(evidence.rows[0]).toHaveProperty('amount_minor', expect.any(Number));
    const rule = await tags.evidence('activity', 'C0003', systemActor);
    expect(rule).toMatchObject({
      agrees: true,
      inputs: [{ tagId: 'txn_count_90d', value: evidence.stored }],
    });
    await expect(tags.evidence('gender', 'nobody', systemActor)).rejects.toMatchObject({
      code: 'tags.unknown_customer',
    });
  });

  it('recomputes every stored value from rows', async () => {
    const ids = (await tags.list({})).items.map(({ id }) => id);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...ids),
        fc.constantFrom(...bank.customers.map(({ id }) => id)),
        async (tagId, customerId) => {
          const evidence = await tags.evidence(tagId, customerId, systemActor);
          expect(evidence.recomputed, `${tagId} of ${customerId}`).toEqual(evidence.stored);
          expect(evidence.agrees).toBe(true);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('computes statistical tags as a plain reference does', async () => {
    const aggregates: TagAggregate[] = [
      'count',
      ...(['sum', 'avg', 'min', 'max', 'last', 'first', 'distinct'] as const).flatMap(
        (name): TagAggregate[] => [
          { [name]: 'amount_minor' } as TagAggregate,
          { [name]: 'score' } as TagAggregate,
        ],
      ),
      { top: 'kind' },
      { last: 'kind' },
      { distinct: 'kind' },
    ];
    const duration = fc.constantFrom(undefined, 'P30D', 'P90D', 'P2M', 'P1Y');
    const where = fc.constantFrom(
      undefined,
      { property: 'direction', op: '=', value: 'debit' } as const,
      {
        any: [
          { property: 'score', op: '>', value: 0 },
          { property: 'kind', op: 'unknown' },
        ],
      } as const,
      { not: { property: 'kind', op: '=', value: 'card' } } as const,
    );
    const definitions = fc.sample(
      fc.record({ aggregate: fc.constantFrom(...aggregates), within: duration, offset: duration, where }),
      { numRuns: 60, seed: 11 },
    );
    const made = definitions.map(({ aggregate, within, offset, where: filter }, at) => {
      const property = aggregate === 'count' ? undefined : Object.values(aggregate)[0];
      const name = aggregate === 'count' ? 'count' : Object.keys(aggregate)[0];
      const valueType = property === 'kind' && name !== 'distinct' ? 'text' : 'number';
      return tag(`ref_${at}`, valueType, {
        kind: 'statistical',
        over: 'transaction',
        aggregate,
        ...(within ? { within } : {}),
        ...(offset ? { offset } : {}),
        ...(filter ? { where: filter } : {}),
      });
    });
    for (const each of made) await tags.create(each, author);
    expect(await refresh(made.map(({ id }) => id))).toMatchObject({ tags: 60, failed: [] });
    const values = await tags.valuesOf(
      [...cids.values()],
      made.map(({ id }) => id),
    );
    for (const each of made) {
      for (const customer of bank.customers) {
        const expected = reference(bank, customer.id, each);
        expect(
          values.get(cids.get(customer.id) ?? 0)?.get(each.id),
          `${JSON.stringify(each.definition)} of ${customer.id}`,
        ).toEqual(expected);
      }
    }
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...made.map(({ id }) => id)),
        fc.constantFrom(...bank.customers.map(({ id }) => id)),
        async (tagId, customerId) => {
          expect((await tags.evidence(tagId, customerId, systemActor)).agrees).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('refuses what cannot work, and says where', async () => {
    const refused = async (definition: TagDefinition): Promise<string[]> => {
      const fault: unknown = await tags.create(definition, author).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(fault).toMatchObject({ code: expect.stringMatching(/^tags\./) });
      const { faults = [], code = '' } = fault as {
        faults?: { pointer: string; message: string }[];
        code?: string;
      };
      return [code, ...faults.map(({ pointer, message }) => `${pointer} ${message}`)];
    };
    expect(
      (
        await refused(
          tag('bad_1', 'text', {
            kind: 'fact',
            from: 'customer',
            value: '(SELECT value_hash FROM identity)',
          }),
        )
      )[1],
    ).toMatch(/definition\/value.*SELECT/);
    expect(
      (await refused(tag('bad_2', 'text', { kind: 'fact', from: 'customer', value: 'sleep(3)' })))[1],
    ).toMatch(/no function "sleep"/);
    expect(
      (await refused(tag('bad_3', 'text', { kind: 'fact', from: 'customer', value: 'gender) FROM x' })))[1],
    ).toMatch(/closes nothing/);
    expect(
      (
        await refused(
          tag('bad_4', 'number', { kind: 'statistical', over: 'event', event: 'nope', aggregate: 'count' }),
        )
      )[1],
    ).toMatch(/no event "nope"/);
    expect(
      (
        await refused(
          tag('bad_5', 'money', { kind: 'statistical', over: 'transaction', aggregate: { sum: 'kind' } }),
        )
      )[1],
    ).toMatch(/cannot be taken/);
    expect(
      (
        await refused(
          tag('bad_6', 'text', { kind: 'rule', cases: [{ when: { tag: 'nope', op: 'known' }, value: 'x' }] }),
        )
      )[1],
    ).toMatch(/no tag "nope"/);
    expect(
      (
        await refused(
          tag('bad_7', 'number', { kind: 'rule', cases: [{ when: { always: true }, value: 'x' }] }),
        )
      )[1],
    ).toMatch(/cases\/0\/value "x" is not number/);
    expect(
      (
        await refused(
          tag('bad_8', 'number', { kind: 'fact', from: 'customer', value: 'gender + birth_date' }),
        )
      )[1],
    ).toMatch(/warehouse cannot compute/);
    await tags.create(tag('loop_a', 'number', { kind: 'derived', expression: 'age + 1' }), author);
    const cycle: unknown = await tags
      .replace(tag('loop_a', 'number', { kind: 'derived', expression: 'loop_a + 1' }), author)
      .catch((error: unknown) => error);
    expect(cycle).toMatchObject({ code: 'tags.cyclic', details: { path: ['loop_a', 'loop_a'] } });
    await expect(tags.remove('gender', author)).rejects.toMatchObject({ code: 'tags.in_use' });
    await tags.remove('loop_a', author);
    await expect(tags.get('loop_a')).rejects.toMatchObject({ code: 'tags.not_found' });
    await expect(tags.importYaml('tags:\n  - id: A b\n', {}, author)).rejects.toMatchObject({
      code: 'tags.invalid_file',
    });
  });

  it('previews a definition without saving anything', async () => {
    const before = await tableCount();
    const preview = await tags.preview({
      valueType: 'text',
      definition: { kind: 'statistical', over: 'transaction', aggregate: { top: 'kind' } },
    });
    expect(preview).toMatchObject({ customers: 60 });
    expect(preview.distribution.top.reduce((sum, { customers }) => sum + customers, 0)).toBe(preview.known);
    expect(await tableCount()).toBe(before);
  });

  it('keeps the earlier values when a definition stops working, and says why', async () => {
    const before = await tagValueOf('C0001', 'txn_count_90d');
    // A definition that was sound once names an event that the data no longer have.
    await stores.relational.pool.query(
      "update tags.definition set document = jsonb_set(document, '{definition,event}', '\"gone\"') where id = 'wealth_views'",
    );
    expect(await refresh()).toMatchObject({
      failed: [{ tagId: 'wealth_views', error: expect.stringContaining('gone') }],
    });
    expect((await tags.get('wealth_views')).state).toBe('failed');
    expect(await tagValueOf('C0001', 'txn_count_90d')).toBe(before);
    await stores.relational.pool.query(
      "update tags.definition set document = jsonb_set(document, '{definition,event}', '\"wealth_viewed\"') where id = 'wealth_views'",
    );
    expect(await refresh(['wealth_views'])).toMatchObject({ failed: [] });
  });

  it('forgets values of another type and marks changed definitions', async () => {
    const age = await tags.get('age');
    await tags.replace(
      {
        ...tag('age', 'number', { kind: 'fact', from: 'customer', value: 'monthsSince(birth_date)' }),
        category: age.category,
      },
      author,
    );
    expect((await tags.get('age')).state).toBe('stale');
    await tags.replace(
      tag('age', 'text', { kind: 'fact', from: 'customer', value: 'toText(birth_date)' }),
      author,
    );
    expect((await tags.get('age')).state).toBe('new');
    expect((await tags.catalog()).tag('age')).toBeUndefined();
  });

  it('sees collected events beside released ones', async () => {
    const cid = cids.get('C0002') ?? 0;
    await stores.warehouse.insert('collected_event', [
      {
        cid,
        event_id: 'x1',
        name: 'message_opened',
        at: '2026-05-30 10:00:00.000',
        properties: { campaign_id: 'cmp_1' },
        source: 'rapport',
        inserted_at: '2026-05-30 10:00:00.000',
      },
    ]);
    await new Promise((resolve) => setTimeout(resolve, 3_100));
    await tags.create(
      tag('opens', 'number', {
        kind: 'statistical',
        over: 'event',
        event: 'message_opened',
        aggregate: 'count',
      }),
      author,
    );
    await refresh(['opens']);
    expect(await tagValueOf('C0002', 'opens')).toBe(1);
    expect(await tagValueOf('C0003', 'opens')).toBe(0);
  });

  it('joins lineage of other modules and finds all that depends on a column', async () => {
    tags.lineage.register(async () => ({
      nodes: [{ id: 'audience:aud_1', kind: 'audience', title: 'Active women' }],
      edges: [{ from: 'tag:active_woman', to: 'audience:aud_1' }],
    }));
    const impact = await tags.lineage.impact('canonical_column:customer.gender');
    expect(impact.dependants.map(({ id, distance }) => `${distance} ${id}`)).toEqual([
      '1 tag:gender',
      '2 tag:active_woman',
      '3 audience:aud_1',
    ]);
    const graph = await tags.lineage.graph('tag:activity');
    expect(graph.nodes.map(({ id }) => id)).toContain('canonical_column:transaction.at');
    expect(graph.nodes.map(({ id }) => id)).toContain('audience:aud_1');
    await expect(tags.remove('active_woman', author)).rejects.toMatchObject({ code: 'tags.in_use' });
    await expect(tags.lineage.impact('tag:nothing')).rejects.toMatchObject({ code: 'tags.unknown_node' });
  });

  it('takes the scores of a model as a tag', async () => {
    const table = stores.releases.newTableName('score');
    await stores.warehouse.command(
      `CREATE TABLE ${table} (cid UInt32, value Nullable(Float64)) ENGINE = MergeTree ORDER BY cid`,
    );
    await stores.warehouse.command(
      `INSERT INTO ${table} SELECT cid, cid / 100 FROM ${(await tags.catalog()).customers}`,
    );
    const scores = {
      tagId: 'churn_score',
      modelId: 'mdl_1',
      title: 'Churn',
      description: 'Chance',
      placement: { table, column: 'value' },
      note: 'test',
    };
    await tags.publishScores(scores);
    await tags.publishScores(scores);
    expect(await tags.get('churn_score')).toMatchObject({
      kind: 'model',
      version: 1,
      state: 'fresh',
      statistics: { known: 60, coverage: 1 },
    });
    expect((await tags.catalog()).tag('churn_score')).toMatchObject({
      type: 'number',
      table,
      column: 'value',
    });
    await expect(tags.publishScores({ ...scores, tagId: 'gender' })).rejects.toMatchObject({
      code: 'tags.exists',
    });
    await expect(tags.evidence('churn_score', 'C0001', systemActor)).rejects.toMatchObject({
      code: 'tags.of_model',
    });
    expect(await refresh(['churn_score'])).toMatchObject({ tags: 0, failed: [] });
    expect(await tags.exportYaml()).not.toContain('churn_score');
  });

  it('works as docs/tags.md says', async () => {
    const page = await readFile(new URL('../../docs/tags.md', import.meta.url), 'utf8');
    const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = '']) => yaml);
    expect(examples.length).toBeGreaterThanOrEqual(5);
    const ids: string[] = [];
    for (const yaml of examples) {
      const { created, changed } = await tags.importYaml(yaml, {}, author);
      ids.push(...created, ...changed.map(({ id }) => id));
    }
    expect(await refresh(ids)).toMatchObject({ failed: [] });
    for (const id of ids) expect((await tags.get(id)).statistics?.known, id).toBeGreaterThan(0);
    const functions = page.split('functions -->')[1] ?? '';
    const documented = [...functions.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    expect(documented).toEqual([...EXPRESSION_FUNCTIONS]);
  });

  const tableCount = async (): Promise<number> => {
    const [row] = await stores.warehouse.query(
      Type.Object({ n: Type.Integer() }),
      'SELECT count() AS n FROM system.tables WHERE database = currentDatabase()',
    );
    return row?.n ?? 0;
  };
});

/** What a statistical tag over transactions is, computed row by row. */
function reference(bank: SmallBank, customerId: string, each: TagDefinition): TagValue | undefined {
  const { definition } = each;
  if (definition.kind !== 'statistical') throw new Error('not statistical');
  const duration = (text: string | undefined) => (text === undefined ? undefined : parseDuration(text));
  const offset = duration(definition.offset);
  const end = offset ? shiftInstant(NOW, offset, -1) : NOW;
  const within = duration(definition.within);
  const start = within ? shiftInstant(end, within, -1) : Number.NEGATIVE_INFINITY;
  const holds = (row: SmallBank['transactions'][number]): boolean => {
    const filter = definition.where;
    if (!filter) return true;
    if ('property' in filter) return row.direction === 'debit';
    if ('any' in filter) return (row.score !== undefined && row.score > 0) || row.kind === '';
    return row.kind !== 'card';
  };
  const rows = bank.transactions.filter(
    (row) => row.customer === customerId && row.atMs > start && row.atMs <= end && holds(row),
  );
  if (definition.aggregate === 'count') return rows.length;
  const [name, property] = Object.entries(definition.aggregate)[0] ?? [];
  const read = (row: SmallBank['transactions'][number]): number | string | undefined =>
    property === 'score' ? row.score : property === 'kind' ? row.kind || undefined : row.amount;
  const known = rows.flatMap((row) => read(row) ?? []);
  const numbers = known.filter((value) => typeof value === 'number');
  const sum = numbers.toSorted((a, b) => a - b).reduce((total, value) => total + value, 0);
  switch (name) {
    case 'distinct':
      return new Set(known).size;
    case 'sum':
      return numbers.length === 0 ? undefined : sum;
    case 'avg':
      return numbers.length === 0 ? undefined : sum / numbers.length;
    case 'min':
      return numbers.length === 0 ? undefined : Math.min(...numbers);
    case 'max':
      return numbers.length === 0 ? undefined : Math.max(...numbers);
    case 'top': {
      const counts = new Map<string | number, number>();
      for (const value of known) counts.set(value, (counts.get(value) ?? 0) + 1);
      return [...counts].toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))[0]?.[0];
    }
    default: {
      const edge =
        name === 'last' ? Math.max(...rows.map((row) => row.atMs)) : Math.min(...rows.map((row) => row.atMs));
      const at = rows.filter((row) => row.atMs === edge).flatMap((row) => read(row) ?? []);
      return at.toSorted((a, b) => (a < b ? 1 : -1))[0];
    }
  }
}
