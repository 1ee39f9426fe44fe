import { type Random, seededRandom } from '@rapport/kernel';
import type { Placement, Release, SegmentInfo } from '@rapport/stores';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Computation, createComputation, type TagWorld, worldOf } from './compute.ts';
import type { StatisticalDefinition, TagAggregate, TagDefinition } from './contract.ts';
import { changeOf, edgesOf, type TagInputs } from './inputs.ts';
import { withPrefix } from './plan.ts';
import type { Registry } from './registry.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 5, 1);
/** Chains of changes, each checked after every step; set it higher to search longer. */
const CHAINS = Number(process.env.RAPPORT_REFRESH_CHAINS ?? 8);
const STEPS = 5;
const SETTINGS = 'index_granularity = 64';
const COLUMNS = {
  customer: 'cid UInt32, customer_id String',
  transaction:
    "cid UInt32, transaction_id String, account_id String, at DateTime64(3, 'UTC'), amount_minor Int64, direction LowCardinality(String), currency LowCardinality(String), kind LowCardinality(String), channel LowCardinality(String), mcc LowCardinality(String), counterparty String, balance_minor Nullable(Int64), attributes Map(String, String), source LowCardinality(String)",
} as const;
const AnyRow = Type.Record(Type.String(), Type.Unknown());

describe('what changed between two lists of segments', () => {
  const infos = new Map<string, SegmentInfo>([
    ['m', { name: 'm', rows: 1, madeOf: ['a', 'b'] }],
    ['w', { name: 'w', rows: 1, madeOf: ['a'], withdrawn: 'gone' }],
  ]);
  it('is the segments that were added', () => {
    expect(changeOf(['a'], ['a', 'b'], infos)).toEqual({ added: ['b'], withdrawn: [] });
  });
  it('is nothing when segments were merged, and the new part when more was merged into them', () => {
    expect(changeOf(['a', 'b'], ['m'], infos)).toEqual({ added: [], withdrawn: [] });
    expect(changeOf(['a'], ['m'], infos)).toEqual({ added: ['b'], withdrawn: [] });
  });
  it('is the rows that were withdrawn', () => {
    expect(changeOf(['a'], ['w'], infos)).toEqual({ added: [], withdrawn: ['gone'] });
  });
  it('cannot be told when a segment went away', () => {
    expect(changeOf(['a', 'b'], ['b'], infos)).toBeUndefined();
    expect(changeOf(['a'], ['x'], infos)).toBeUndefined();
  });
  it('is told by windows that moved at both of their edges', () => {
    const edges = edgesOf([{ start: 10, end: 20 }], [{ start: 12, end: 22 }]);
    expect(edges).toEqual([
      { start: 10, end: 12 },
      { start: 20, end: 22 },
    ]);
    expect(edgesOf([{ start: undefined, end: 20 }], [{ start: undefined, end: 20 }])).toEqual([]);
  });
});

describe('an incremental refresh', () => {
  let stores: TestStores;
  let computation: Computation;
  beforeAll(async () => {
    stores = await startTestStores([]);
    computation = createComputation(stores);
  });
  afterAll(() => stores?.stop());

  const property = { name: '', count: 1, lastMs: undefined, properties: { score: 'number' as const } };
  const registry: Registry = {
    released: new Map(),
    collected: new Map(),
    transaction: property,
    account: undefined,
    holding: undefined,
    customer: undefined,
  };

  const fill = async (
    name: 'customer' | 'transaction',
    rows: readonly Readonly<Record<string, string | number | null | Readonly<Record<string, string>>>>[],
  ): Promise<string> => {
    const table = stores.releases.newTableName(name);
    await stores.warehouse.createTable({
      name: table,
      columns: COLUMNS[name],
      orderBy: name === 'customer' ? 'cid' : 'cid, at',
      settings: SETTINGS,
      spread: 'cid',
    });
    await stores.warehouse.insert(table, rows);
    return table;
  };

  it('gives what all rows give, whatever came, went, moved or was defined anew', async () => {
    const outcomes = { kept: 0, patched: 0, merged: 0, computed: 0 };
    for (let chain = 0; chain < CHAINS; chain++) {
      const random = seededRandom(4_200 + chain);
      let definitions = Array.from({ length: 10 }, (_, at) => randomTag(random, at));
      let asOf = NOW;
      let people = 40;
      const segments: string[] = [];
      let customer = await fill('customer', peopleTo(people));
      segments.push(await fill('transaction', rowsOf(random, people, 160, asOf)));
      let standing = new Map<string, TagInputs>();
      const placements = new Map<string, Placement>();
      for (let step = 0; step < STEPS; step++) {
        if (step > 0)
          for (let change = 0; change < 1 + random.integer(2); change++)
            switch (random.integer(7)) {
              case 0:
              case 1:
                asOf += random.integer(3) * DAY + random.integer(DAY);
                break;
              case 2:
                segments.push(await fill('transaction', rowsOf(random, 6, 1 + random.integer(6), asOf)));
                break;
              case 3: {
                // Late rows, months old, of somebody.
                segments.push(await fill('transaction', rowsOf(random, 3, 2, asOf - 100 * DAY)));
                break;
              }
              case 4: {
                const at = random.integer(definitions.length);
                definitions = definitions.map((each, index) => (index === at ? randomTag(random, at) : each));
                standing.delete(`t_${at}`);
                break;
              }
              case 5: {
                people += 1 + random.integer(3);
                customer = await fill('customer', peopleTo(people));
                break;
              }
              default:
                asOf -= random.integer(2) * DAY;
            }
        const view = stores.releases.newTableName('transaction');
        await stores.warehouse.createView(
          view,
          segments.map((name) => `SELECT * FROM ${name}`).join(' UNION ALL '),
        );
        placements.set('customer', { table: customer });
        placements.set('transaction', { table: view, segments: [...segments] });
        const release: Release = { number: step + 1, placements: new Map(placements) };
        const world = worldOf({
          release,
          registry,
          asOf,
          definitions: new Map(definitions.map((each) => [each.id, each])),
        });
        const done = await computation.compute(
          world,
          definitions.map((tag) => ({ tag, level: 0 })),
          { standing },
        );
        expect([...done.failed]).toEqual([]);
        for (const [id, { table, column, segments: own, patched }] of done.places) {
          placements.set(`tag/${id}`, { table, column, ...(own ? { segments: own } : {}) });
          outcomes[patched === undefined ? 'computed' : own === undefined ? 'merged' : 'patched']++;
        }
        outcomes.kept += done.kept.size;
        standing = new Map(done.inputs);
        await expectSame(world, definitions, placements, `chain ${chain} step ${step}`);
      }
    }
    console.info(`${CHAINS * STEPS} states: ${JSON.stringify(outcomes)}`);
    expect(outcomes.kept).toBeGreaterThan(CHAINS);
    expect(outcomes.patched).toBeGreaterThan(CHAINS);
    expect(outcomes.merged).toBeGreaterThan(CHAINS);
  }, 1_200_000);

  /** Compares every stored value with one unfused expression a tag over all rows. */
  const expectSame = async (
    world: TagWorld,
    definitions: readonly TagDefinition[],
    placements: ReadonlyMap<string, Placement>,
    where: string,
  ): Promise<void> => {
    const customers = world.release.placements.get('customer')?.table ?? '';
    const plans = definitions.map((tag) => computation.planRows(world, tag));
    const params = {};
    const values = plans.map((plan, at) => {
      const part = withPrefix(plan.value, plan.params, `w${at}_`);
      Object.assign(params, part.params);
      return `${part.sql} AS ${plan.tag.id}`;
    });
    const from = plans[0]?.from ?? '';
    const expected = await stores.warehouse.query(
      AnyRow,
      `SELECT c.cid AS cid, ${plans.map(({ tag, isZeroWithoutRows }) => (isZeroWithoutRows ? `ifNull(v.${tag.id}, 0) AS ${tag.id}` : `v.${tag.id}`)).join(', ')} FROM ${customers} AS c LEFT JOIN (SELECT cid, ${values.join(', ')} FROM ${from} GROUP BY cid) AS v ON v.cid = c.cid ORDER BY cid SETTINGS join_use_nulls = 1`,
      params,
    );
    const tables = [...new Set(definitions.map(({ id }) => placements.get(`tag/${id}`)?.table ?? ''))];
    const found = await stores.warehouse.query(
      AnyRow,
      `SELECT c.cid AS cid, ${definitions.map(({ id }) => `x${tables.indexOf(placements.get(`tag/${id}`)?.table ?? '')}.${id} AS ${id}`).join(', ')} FROM ${customers} AS c ${tables.map((table, at) => `LEFT JOIN ${table} AS x${at} ON x${at}.cid = c.cid`).join(' ')} ORDER BY cid SETTINGS join_use_nulls = 1`,
    );
    const plainRow = (row: Readonly<Record<string, unknown>>): Record<string, unknown> =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name.replace(/^[a-z]\./, ''), value]));
    expect(found.map(plainRow), where).toEqual(expected.map(plainRow));
  };
});

const peopleTo = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ cid: at + 1, customer_id: `C${at + 1}` }));

function rowsOf(random: Random, people: number, count: number, until: number) {
  return Array.from({ length: count }, () => {
    // Few have many rows, many have few, some have none; instants tie, some lie ahead.
    const cid = 1 + Math.floor((people - 1) * random.next() ** 2);
    const at = until - random.integer(120) * DAY + random.integer(4) * 8 * 3_600_000;
    const score: Record<string, string> =
      random.next() < 0.7 ? { score: String(Math.round(random.normal() * 1e4) / 1e4) } : {};
    return {
      cid,
      transaction_id: `T${random.integer(1_000_000_000)}`,
      account_id: 'A',
      at: new Date(at).toISOString().replace('T', ' ').slice(0, -1),
      amount_minor: random.integer(20_000) - 4_000,
      direction: random.next() < 0.5 ? 'debit' : 'credit',
      currency: 'TWD',
      kind: ['card', 'cash', 'transfer', ''][random.integer(4)] ?? '',
      channel: ['app', 'web', ''][random.integer(3)] ?? '',
      mcc: '',
      counterparty: `M${random.integer(5)}`,
      balance_minor: random.next() < 0.5 ? random.integer(1_000_000) : null,
      attributes: score,
      source: 'core',
    };
  });
}

function randomTag(random: Random, at: number): TagDefinition {
  const one = <Item>(items: readonly Item[]): Item => {
    const chosen = random.integer(items.length);
    for (const [index, item] of items.entries()) if (index === chosen) return item;
    throw new Error('nothing to choose from');
  };
  const [aggregate, valueType] = one<readonly [TagAggregate, TagDefinition['valueType']]>([
    ['count', 'number'],
    ['count', 'number'],
    [{ sum: 'amount_minor' }, 'money'],
    [{ avg: 'amount_minor' }, 'money'],
    [{ avg: 'balance_minor' }, 'number'],
    [{ max: 'amount_minor' }, 'money'],
    [{ min: 'at' }, 'instant'],
    [{ last: 'kind' }, 'text'],
    [{ first: 'amount_minor' }, 'money'],
    [{ distinct: 'counterparty' }, 'number'],
    [{ top: 'channel' }, 'text'],
    [{ top: 'score' }, 'number'],
    [{ sum: 'score' }, 'number'],
    [{ change: 'count' }, 'number'],
    [{ recency: 'days' }, 'number'],
    [
      {
        ratio: {
          of: { aggregate: 'count', where: { property: 'channel', op: '=', value: 'app' } },
          to: { aggregate: 'count' },
        },
      },
      'number',
    ],
  ]);
  const needsWindow = typeof aggregate === 'object' && 'change' in aggregate;
  const within = needsWindow ? 'P30D' : one([undefined, 'P7D', 'P30D', 'P30D', 'P90D']);
  const offset = one([undefined, undefined, 'P10D']);
  const where = one<StatisticalDefinition['where']>([
    undefined,
    undefined,
    { property: 'direction', op: '=', value: 'debit' },
    {
      any: [
        { property: 'kind', op: '=', value: 'card' },
        { property: 'score', op: '>', value: 0 },
      ],
    },
    { not: { property: 'kind', op: 'in', value: ['cash', 'card'] } },
    { property: 'at', op: 'in last', value: 'P20D' },
  ]);
  return {
    id: `t_${at}`,
    title: { en: `t ${at}` },
    category: 'test/some',
    valueType,
    definition: {
      kind: 'statistical',
      over: 'transaction',
      aggregate,
      ...(within ? { within } : {}),
      ...(offset ? { offset } : {}),
      ...(where ? { where } : {}),
    },
  };
}
