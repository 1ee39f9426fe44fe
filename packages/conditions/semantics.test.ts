import { startTestStores, type TestStores } from '@rapport/testkit';
import fc from 'fast-check';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConditionCatalog, EventEntry, PropertyEntry, TagEntry, ValueType } from './catalog.ts';
import { comparisonOf, valueTest } from './comparison.ts';
import type { Condition } from './condition.ts';
import { type CustomerState, compilePredicate } from './predicate.ts';
import { compileCids, compileMembers } from './sql.ts';
import { requireCondition } from './validate.ts';
import { compareText, propertySql, readValue, type TagValue } from './values.ts';

const NOW = Date.UTC(2026, 1, 27, 12);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const title = { en: 'x' };

interface Given {
  readonly tags?: Readonly<Record<string, TagValue>>;
  readonly events?: readonly (readonly [
    name: string,
    at: number,
    properties?: Readonly<Record<string, string>>,
  ])[];
  readonly list?: boolean;
}

let stores: TestStores;
let worlds = 0;
beforeAll(async () => {
  stores = await startTestStores();
});
afterAll(() => stores?.stop());

const TAGS: Readonly<Record<string, { type: ValueType; column: string }>> = {
  text: { type: 'text', column: 'Nullable(String)' },
  number: { type: 'number', column: 'Nullable(Float64)' },
  money: { type: 'money', column: 'Nullable(Int64)' },
  flag: { type: 'boolean', column: 'Nullable(Bool)' },
  date: { type: 'date', column: 'Nullable(Date32)' },
  instant: { type: 'instant', column: "Nullable(DateTime64(3, 'UTC'))" },
  list: { type: 'list', column: 'Array(String)' },
};
const PROPERTIES: Readonly<Record<string, PropertyEntry>> = Object.fromEntries(
  Object.entries({
    text: 'text',
    number: 'number',
    money: 'money',
    flag: 'boolean',
    date: 'date',
    instant: 'instant',
  } as const).map(([name, type]) => [name, { title, type, sql: propertySql(type, `properties['${name}']`) }]),
);
const instantText = (at: number): string => new Date(at).toISOString().replace('T', ' ').slice(0, -1);

/** Stores customers under their names; answers whom a condition holds for, by both readers, which must agree. */
async function world(customers: Readonly<Record<string, Given>>) {
  const index = ++worlds;
  const { warehouse } = stores;
  const names = Object.keys(customers);
  const columns = Object.entries(TAGS).map(([id, { column }]) => `${id} ${column}`);
  await warehouse.command(
    `CREATE TABLE sem_customers_${index} (cid UInt32, customer_id String, org_unit String) ENGINE = Memory`,
  );
  await warehouse.command(
    `CREATE TABLE sem_tags_${index} (cid UInt32, ${columns.join(', ')}) ENGINE = Memory`,
  );
  await warehouse.command(
    `CREATE TABLE sem_events_${index} (cid UInt32, name String, at DateTime64(3, 'UTC'), properties Map(String, String)) ENGINE = Memory`,
  );
  await warehouse.command(`CREATE TABLE sem_list_${index} (cid UInt32) ENGINE = Memory`);
  await warehouse.insert(
    `sem_customers_${index}`,
    names.map((name, cid) => ({ cid, customer_id: name, org_unit: '' })),
  );
  await warehouse.insert(
    `sem_tags_${index}`,
    names.flatMap((name, cid) => {
      const tags = customers[name]?.tags;
      if (!tags) return [];
      const { instant, ...rest } = tags;
      return [
        {
          cid,
          list: [],
          ...rest,
          ...(instant === undefined ? {} : { instant: instantText(Number(instant)) }),
        },
      ];
    }),
  );
  await warehouse.insert(
    `sem_events_${index}`,
    names.flatMap((name, cid) =>
      (customers[name]?.events ?? []).map(([event, at, properties]) => ({
        cid,
        name: event,
        at: instantText(at),
        properties: properties ?? {},
      })),
    ),
  );
  await warehouse.insert(
    `sem_list_${index}`,
    names.flatMap((name, cid) => (customers[name]?.list ? [{ cid }] : [])),
  );

  const tags = new Map<string, TagEntry>(
    Object.entries(TAGS).map(([id, { type }]) => [
      id,
      { title, type, table: `sem_tags_${index}`, column: id },
    ]),
  );
  const event = (name: string): EventEntry | undefined =>
    ['a', 'b', 'c'].includes(name)
      ? { title, from: `sem_events_${index}`, filter: `name = '${name}'`, at: 'at', properties: PROPERTIES }
      : undefined;
  const catalog: ConditionCatalog = {
    customers: `sem_customers_${index}`,
    tag: (id) => tags.get(id),
    event,
    audience: () => undefined,
    list: () => ({ cidQuery: `SELECT cid FROM sem_list_${index}` }),
    tagIds: () => [...tags.keys()],
    eventNames: () => ['a', 'b', 'c'],
    listIds: () => ['lst'],
  };
  const states = names.map(
    (customerId, cid): CustomerState => ({
      customerId,
      cid,
      tags: customers[customerId]?.tags ?? {},
      events: (customers[customerId]?.events ?? []).map(([name, at, properties]) => ({
        name,
        at,
        properties: properties ?? {},
      })),
      lists: new Set(customers[customerId]?.list ? ['lst'] : []),
    }),
  );
  return async (given: Condition, now: number = NOW): Promise<string[]> => {
    const condition = requireCondition(given, catalog);
    const { sql, params } = compileCids(condition, catalog, { now });
    const set = await warehouse.queryCids(sql, params);
    const bySql = names.filter((_, cid) => set.has(cid));
    const holds = compilePredicate(condition, catalog);
    expect(states.filter((state) => holds(state, now)).map(({ customerId }) => customerId)).toEqual(bySql);
    return bySql;
  };
}

describe('unknown', () => {
  it('makes every operator false but unknown, also without a row', async () => {
    const who = await world({
      known: { tags: { text: 'x', number: 1 } },
      hole: { tags: { money: 5 } },
      rowless: {},
    });
    expect(await who({ tag: 'text', op: '=', value: 'x' })).toEqual(['known']);
    expect(await who({ tag: 'text', op: '!=', value: 'y' })).toEqual(['known']);
    expect(await who({ tag: 'text', op: 'not in', value: ['y'] })).toEqual(['known']);
    expect(await who({ tag: 'text', op: 'known' })).toEqual(['known']);
    expect(await who({ tag: 'text', op: 'unknown' })).toEqual(['hole', 'rowless']);
    expect(await who({ not: { tag: 'text', op: '=', value: 'x' } })).toEqual(['hole', 'rowless']);
    expect(await who({ not: { tag: 'text', op: '!=', value: 'y' } })).toEqual(['hole', 'rowless']);
    expect(
      await who({
        all: [
          { tag: 'text', op: 'unknown' },
          { tag: 'number', op: 'unknown' },
        ],
      }),
    ).toEqual(['hole', 'rowless']);
    expect(
      await who({
        any: [
          { tag: 'text', op: 'unknown' },
          { tag: 'number', op: '=', value: 1 },
        ],
      }),
    ).toEqual(['known', 'hole', 'rowless']);
    expect(
      await who({
        not: {
          all: [
            { tag: 'text', op: 'unknown' },
            { tag: 'money', op: 'unknown' },
          ],
        },
      }),
    ).toEqual(['known', 'hole']);
  });
  it('is what empty text, empty lists, NaN and infinity are', async () => {
    const who = await world({
      empty: { tags: { text: '', list: [] } },
      nan: { tags: { text: 'x', list: ['y'], number: 1 } },
    });
    for (const tag of ['text', 'list']) expect(await who({ tag, op: 'unknown' })).toEqual(['empty']);
    expect(await who({ tag: 'text', op: '!=', value: 'z' })).toEqual(['nan']);
    expect(readValue('number', Number.NaN)).toBeUndefined();
    expect(readValue('number', Number.POSITIVE_INFINITY)).toBeUndefined();
  });
});

describe('all, any, not', () => {
  it('hold for everybody and nobody when empty', async () => {
    const who = await world({ one: {}, two: {} });
    expect(await who({ all: [] })).toEqual(['one', 'two']);
    expect(await who({ any: [] })).toEqual([]);
    expect(await who({ not: { any: [] } })).toEqual(['one', 'two']);
    expect(await who({ always: true })).toEqual(['one', 'two']);
    expect(await who({ not: { not: { all: [{ any: [] }] } } })).toEqual([]);
  });
});

describe('values', () => {
  it('compare text by code points', async () => {
    const who = await world({
      halfwidth: { tags: { text: '\uff61' } },
      emoji: { tags: { text: '😀' } },
      han: { tags: { text: '中' } },
    });
    expect(await who({ tag: 'text', op: '>', value: '\uff61' })).toEqual(['emoji']);
    expect(await who({ tag: 'text', op: 'between', value: ['中', '😀'] })).toEqual(['halfwidth', 'han']);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (left, right) => {
        expect(Math.sign(compareText(left, right))).toBe(
          Buffer.compare(Buffer.from(left), Buffer.from(right)),
        );
      }),
      { numRuns: 5_000 },
    );
  });
  it('find parts of texts and elements of lists', async () => {
    const who = await world({
      a: { tags: { text: '100%_理財', list: ['gold', 'fund'] } },
      b: { tags: { text: '100', list: ['golden'] } },
    });
    expect(await who({ tag: 'text', op: 'contains', value: '%_理' })).toEqual(['a']);
    expect(await who({ tag: 'text', op: 'starts with', value: '100' })).toEqual(['a', 'b']);
    expect(await who({ tag: 'list', op: 'contains', value: 'gold' })).toEqual(['a']);
  });
  it('keep ranges half-open and money whole', async () => {
    const who = await world({
      low: { tags: { money: 100, number: 0.1 } },
      high: { tags: { money: 200, number: 0.3 } },
    });
    expect(await who({ tag: 'money', op: 'between', value: [100, 200] })).toEqual(['low']);
    expect(await who({ tag: 'money', op: 'between', value: [200, 100] })).toEqual([]);
    expect(await who({ tag: 'number', op: '<', value: 0.30000000000000004 })).toEqual(['low', 'high']);
    expect(await who({ tag: 'number', op: '=', value: 0.30000000000000004 })).toEqual([]);
  });
  it('take minus zero for zero', async () => {
    const who = await world({ minus: { tags: { number: -0 } }, plus: { tags: { number: 0 } } });
    expect(await who({ tag: 'number', op: 'in', value: [-0] })).toEqual(['minus', 'plus']);
    expect(await who({ tag: 'number', op: '=', value: 0 })).toEqual(['minus', 'plus']);
  });
  it('of raw texts are read the same by the warehouse', { timeout: 60_000 }, async () => {
    const digits = fc.stringMatching(/^[+-]?\d{0,18}(\.\d{0,4})?([eE][+-]?\d{0,3})?$/);
    const days = fc.stringMatching(/^(18|19|20|22|23)\d\d-[01]\d-[0-3]\d$/);
    const instants = fc.stringMatching(
      /^(19|20)\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d(\.\d{1,9})?(Z|[+-][01]\d:[0-6]\d)$/,
    );
    const lists = fc.json({ maxDepth: 2 });
    const samples: Readonly<Record<ValueType, readonly string[]>> = {
      text: fc.sample(fc.string({ unit: 'grapheme' }), { numRuns: 300, seed: 1 }),
      number: fc.sample(fc.oneof(digits, fc.double().map(String), fc.string()), { numRuns: 1500, seed: 2 }),
      money: fc.sample(fc.oneof(digits, fc.maxSafeInteger().map(String), fc.bigInt().map(String)), {
        numRuns: 1500,
        seed: 3,
      }),
      boolean: ['true', 'false', '1', '0', 'True', 'yes', '', '01', '1 '],
      date: fc.sample(fc.oneof(days, fc.string()), { numRuns: 1500, seed: 4 }),
      instant: fc.sample(
        fc.oneof(
          instants,
          fc
            .date({ min: new Date('1900-01-01'), max: new Date('2299-12-31'), noInvalidDate: true })
            .map((date) => date.toISOString()),
        ),
        { numRuns: 1500, seed: 5 },
      ),
      list: fc.sample(
        fc.oneof(
          lists,
          fc.array(fc.string({ unit: 'grapheme' })).map((items) => JSON.stringify(items)),
        ),
        { numRuns: 500, seed: 6 },
      ),
    };
    const Row = Type.Object({ raw: Type.String(), value: Type.Unknown() });
    for (const [type, texts] of Object.entries(samples)) {
      if (!isValueType(type)) throw new Error(type);
      const value = propertySql(type, "map['k']");
      const readable =
        type === 'instant'
          ? `toUnixTimestamp64Milli(${value})`
          : type === 'date' || type === 'money'
            ? `toString(${value})`
            : value;
      const rows = await stores.warehouse.query(
        Row,
        `SELECT raw, ${readable} AS value FROM (SELECT raw, map('k', raw) AS map FROM (SELECT arrayJoin({texts:Array(String)}) AS raw))`,
        { texts: [...texts] },
      );
      expect(rows).toHaveLength(texts.length);
      for (const row of rows) {
        const seen = type === 'instant' && typeof row.value === 'string' ? Number(row.value) : row.value;
        expect({ raw: row.raw, value: readValue(type, seen ?? undefined) }).toEqual({
          raw: row.raw,
          value: readValue(type, row.raw),
        });
      }
      if (type !== 'text' && type !== 'list')
        expect(texts.some((text) => readValue(type, text) !== undefined)).toBe(true);
    }
  });
});

const isValueType = (name: string): name is ValueType =>
  ['text', 'number', 'money', 'boolean', 'date', 'instant', 'list'].includes(name);

describe('dates and instants', () => {
  it('count days whole, today inside both windows', async () => {
    const day = (ahead: number): Given => ({
      tags: { date: new Date(NOW + ahead * DAY).toISOString().slice(0, 10) },
    });
    const who = await world({
      weekAgo: day(-7),
      sixDaysAgo: day(-6),
      yesterday: day(-1),
      today: day(0),
      inSixDays: day(6),
      inAWeek: day(7),
    });
    expect(await who({ tag: 'date', op: 'in last', value: 'P7D' })).toEqual([
      'sixDaysAgo',
      'yesterday',
      'today',
    ]);
    expect(await who({ tag: 'date', op: 'in next', value: 'P7D' })).toEqual(['today', 'inSixDays']);
    expect(await who({ tag: 'date', op: 'in next', value: 'P1D' })).toEqual(['today']);
    expect(await who({ tag: 'date', op: 'before', value: '2026-02-27' })).toEqual([
      'weekAgo',
      'sixDaysAgo',
      'yesterday',
    ]);
    expect(await who({ tag: 'date', op: 'after', value: '2026-02-27' })).toEqual(['inSixDays', 'inAWeek']);
  });
  it('take instants to the millisecond, the far end outside', async () => {
    const at = (ms: number): Given => ({ tags: { instant: NOW + ms } });
    const who = await world({
      old: at(-DAY),
      edge: at(-DAY + 1),
      now: at(0),
      soon: at(DAY - 1),
      late: at(DAY),
    });
    expect(await who({ tag: 'instant', op: 'in last', value: 'P1D' })).toEqual(['edge', 'now']);
    expect(await who({ tag: 'instant', op: 'in next', value: 'PT24H' })).toEqual(['now', 'soon']);
    expect(await who({ tag: 'instant', op: 'in last', value: 'P1D' }, NOW - 1)).toEqual(['old', 'edge']);
  });
  it('find birthdays over the end of a year and of February', async () => {
    const born = (date: string): Given => ({ tags: { date } });
    const who = await world({
      leap: born('2000-02-29'),
      feb28: born('1990-02-28'),
      mar1: born('1990-03-01'),
      newYear: born('1970-01-01'),
    });
    const next = (value: string): Condition => ({ tag: 'date', op: 'anniversary in next', value });
    expect(await who(next('P2D'), Date.UTC(2026, 1, 27))).toEqual(['leap', 'feb28']);
    expect(await who(next('P2D'), Date.UTC(2028, 1, 27))).toEqual(['feb28']);
    expect(await who(next('P3D'), Date.UTC(2028, 1, 27))).toEqual(['leap', 'feb28']);
    expect(await who(next('P1D'), Date.UTC(2028, 1, 29))).toEqual(['leap']);
    expect(await who(next('P2D'), Date.UTC(2026, 11, 31, 23, 59))).toEqual(['newYear']);
    expect(await who(next('P1Y'), Date.UTC(2026, 5, 1))).toEqual(['leap', 'feb28', 'mar1', 'newYear']);
  });
  it('find anniversaries as looking at each day of the window would', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 40_000 }),
        fc.integer({ min: 1, max: 800 }),
        fc.integer({ min: 0, max: 40_000 }),
        (today, days, born) => {
          const birth = new Date(born * DAY).toISOString().slice(0, 10);
          const test = valueTest(
            'date',
            comparisonOf('date', 'anniversary in next', `P${days}D`, today * DAY),
          );
          const naive = Array.from({ length: days }, (_, ahead) => new Date((today + ahead) * DAY)).some(
            (day) => {
              const year = day.getUTCFullYear();
              // The day in this year, or the last of February when there is no 29th.
              const anniversary = new Date(
                Date.UTC(year, Number(birth.slice(5, 7)) - 1, Number(birth.slice(8))),
              );
              const kept =
                anniversary.getUTCMonth() === Number(birth.slice(5, 7)) - 1
                  ? anniversary
                  : new Date(Date.UTC(year, 1, 28));
              return kept.getTime() === day.getTime();
            },
          );
          expect(test(birth)).toBe(naive);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('events', () => {
  it('count in (now − within, now], never later', async () => {
    const who = await world({
      edge: { events: [['a', NOW - DAY]] },
      inside: { events: [['a', NOW - DAY + 1]] },
      now: { events: [['a', NOW]] },
      future: { events: [['a', NOW + 1]] },
      never: {},
    });
    const did: Condition = { event: 'a', within: 'P1D', op: '>=', value: 1 };
    expect(await who(did)).toEqual(['inside', 'now']);
    expect(await who(did, NOW - 1)).toEqual(['edge', 'inside']);
    expect(await who({ event: 'a', op: '>=', value: 1 })).toEqual(['edge', 'inside', 'now']);
    expect(await who({ event: 'a', within: 'P1D', op: '<', value: 1 })).toEqual(['edge', 'future', 'never']);
  });
  it('are zero in number and in different values when there are none, and unknown in all else', async () => {
    const who = await world({
      some: { events: [['a', NOW, { money: '5' }]] },
      blank: { events: [['a', NOW, {}]] },
      none: {},
    });
    const everybody = ['some', 'blank', 'none'];
    expect(await who({ event: 'a', op: '=', value: 0 })).toEqual(['none']);
    expect(await who({ event: 'a', op: '!=', value: 7 })).toEqual(everybody);
    expect(await who({ event: 'a', op: 'in', value: [0, 9] })).toEqual(['none']);
    expect(await who({ event: 'a', op: 'between', value: [0, 1] })).toEqual(['none']);
    expect(await who({ event: 'a', op: 'known' })).toEqual(everybody);
    expect(await who({ event: 'a', op: 'unknown' })).toEqual([]);
    expect(await who({ event: 'a', aggregate: { distinct: 'money' }, op: '<', value: 1 })).toEqual([
      'blank',
      'none',
    ]);
    expect(await who({ event: 'a', aggregate: { distinct: 'money' }, op: '>=', value: 1 })).toEqual(['some']);
    for (const aggregate of [
      { sum: 'money' },
      { avg: 'money' },
      { min: 'money' },
      { max: 'money' },
      { last: 'money' },
    ] as const) {
      expect(await who({ event: 'a', aggregate, op: 'unknown' })).toEqual(['blank', 'none']);
      expect(await who({ event: 'a', aggregate, op: '!=', value: 9 })).toEqual(['some']);
      expect(await who({ event: 'a', aggregate, op: '=', value: 5 })).toEqual(['some']);
    }
  });
  it('aggregate what passes the filter', async () => {
    const paid = (...amounts: string[]): Given => ({
      events: amounts.map((money, index) => ['a', NOW - index, { money, text: index === 0 ? 'new' : 'old' }]),
    });
    const who = await world({ x: paid('100', '200', '301'), y: paid('50'), z: paid('abc', '-1') });
    expect(await who({ event: 'a', aggregate: { sum: 'money' }, op: '=', value: 601 })).toEqual(['x']);
    expect(
      await who({ event: 'a', aggregate: { avg: 'money' }, op: 'between', value: [200.3, 200.4] }),
    ).toEqual(['x']);
    expect(await who({ event: 'a', aggregate: { min: 'money' }, op: '<', value: 60 })).toEqual(['y', 'z']);
    expect(
      await who({
        event: 'a',
        where: { property: 'text', op: '=', value: 'old' },
        aggregate: { max: 'money' },
        op: '>=',
        value: -1,
      }),
    ).toEqual(['x', 'z']);
    expect(
      await who({ event: 'a', where: { not: { property: 'money', op: 'known' } }, op: '>=', value: 1 }),
    ).toEqual(['z']);
    expect(await who({ event: 'a', where: { any: [] }, op: '>=', value: 1 })).toEqual([]);
    expect(await who({ event: 'a', where: { all: [] }, op: '>=', value: 1 })).toEqual(['x', 'y', 'z']);
  });
  it('add money exactly beyond 2^53 and doubles the same in any order', async () => {
    const huge = String(Number.MAX_SAFE_INTEGER);
    const doubles = ['1e16', '1', '-1e16', '0.1', '0.2', '3', '1e-3'];
    const given = (values: readonly string[], property: string): Given => ({
      events: values.map((value, index) => ['a', NOW - index, { [property]: value }]),
    });
    const who = await world({
      rich: given([huge, huge, '1'], 'money'),
      forward: given(doubles, 'number'),
      backward: given(doubles.toReversed(), 'number'),
    });
    expect(
      await who({ event: 'a', aggregate: { sum: 'money' }, op: '>', value: Number.MAX_SAFE_INTEGER }),
    ).toEqual(['rich']);
    const total = doubles
      .map(Number)
      .sort((a, b) => a - b)
      .reduce((sum, each) => sum + each, 0);
    expect(await who({ event: 'a', aggregate: { sum: 'number' }, op: '=', value: total })).toEqual([
      'forward',
      'backward',
    ]);
  });
  it('are last by their instant, then by the greatest known value', async () => {
    const who = await world({
      plain: {
        events: [
          ['a', NOW - 2, { text: 'old' }],
          ['a', NOW - 1, { text: 'new' }],
          ['a', NOW + 1, { text: 'future' }],
        ],
      },
      tied: {
        events: [
          ['a', NOW, { text: 'm' }],
          ['a', NOW, { text: 'z' }],
          ['a', NOW, {}],
          ['a', NOW, { text: 'a' }],
        ],
      },
      blank: {
        events: [
          ['a', NOW - 1, { text: 'x' }],
          ['a', NOW, {}],
        ],
      },
    });
    expect(await who({ event: 'a', aggregate: { last: 'text' }, op: '=', value: 'new' })).toEqual(['plain']);
    expect(await who({ event: 'a', aggregate: { last: 'text' }, op: '=', value: 'z' })).toEqual(['tied']);
    expect(await who({ event: 'a', aggregate: { last: 'text' }, op: 'unknown' })).toEqual(['blank']);
  });
  it('before 1970 are early, however often they are asked for', async () => {
    const old = Date.UTC(1969, 11, 31);
    const who = await world({
      x: {
        events: [
          ['a', old, { instant: '1965-01-01T00:00:00Z' }],
          ['b', NOW],
          ['a', NOW + 1],
        ],
      },
    });
    for (let round = 0; round < 8; round++) {
      expect(await who({ sequence: [{ event: 'a' }, { event: 'b' }], within: 'P100Y' })).toEqual(['x']);
      expect(
        await who({ event: 'a', aggregate: { max: 'instant' }, op: 'before', value: '1970-01-01T00:00:00Z' }),
      ).toEqual(['x']);
    }
  });
});

describe('sequences', () => {
  it('keep the order, all inside the window', async () => {
    const who = await world({
      inOrder: {
        events: [
          ['a', NOW - 3 * HOUR],
          ['b', NOW - HOUR],
        ],
      },
      reversed: {
        events: [
          ['b', NOW - 3 * HOUR],
          ['a', NOW - HOUR],
        ],
      },
      tied: {
        events: [
          ['b', NOW - HOUR],
          ['a', NOW - HOUR],
        ],
      },
      tooOld: {
        events: [
          ['a', NOW - DAY],
          ['b', NOW],
        ],
      },
      future: {
        events: [
          ['a', NOW],
          ['b', NOW + 1],
        ],
      },
      between: {
        events: [
          ['a', NOW - 5],
          ['c', NOW - 4],
          ['b', NOW - 3],
        ],
      },
    });
    const steps: Condition = { sequence: [{ event: 'a' }, { event: 'b' }], within: 'P1D' };
    expect(await who(steps)).toEqual(['inOrder', 'tied', 'between']);
    expect(await who({ sequence: [{ event: 'a' }, { event: 'c' }, { event: 'b' }], within: 'P1D' })).toEqual([
      'between',
    ]);
  });
  it('need an event of its own for each step', async () => {
    const big = { money: '500' };
    const who = await world({
      once: { events: [['a', NOW, big]] },
      twiceTied: {
        events: [
          ['a', NOW, big],
          ['a', NOW, { money: '1' }],
        ],
      },
      wrongOrder: {
        events: [
          ['a', NOW - 1, big],
          ['a', NOW, { money: '1' }],
        ],
      },
      bigLast: {
        events: [
          ['a', NOW - 1, { money: '1' }],
          ['a', NOW, big],
        ],
      },
    });
    const large = { property: 'money', op: '>=', value: 100 } as const;
    expect(await who({ sequence: [{ event: 'a' }, { event: 'a' }], within: 'P1D' })).toEqual([
      'twiceTied',
      'wrongOrder',
      'bigLast',
    ]);
    expect(await who({ sequence: [{ event: 'a' }, { event: 'a', where: large }], within: 'P1D' })).toEqual([
      'twiceTied',
      'bigLast',
    ]);
  });
  it('are found as by trying every assignment', { timeout: 60_000 }, async () => {
    const kinds: Readonly<Record<string, string>>[] = [
      {},
      { text: 'p' },
      { money: '5' },
      { text: 'p', money: '5' },
    ];
    const filters = [
      undefined,
      { property: 'text', op: 'known' },
      { property: 'money', op: 'known' },
    ] as const;
    const cases = fc.sample(
      fc.record({
        events: fc.array(
          fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 0, max: 3 }), fc.constantFrom(...kinds)),
          { maxLength: 6 },
        ),
        steps: fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom(...filters)), {
          minLength: 2,
          maxLength: 5,
        }),
      }),
      { numRuns: 120, seed: 7 },
    );
    const customers = Object.fromEntries(
      cases.map(({ events }, index): [string, Given] => [
        `c${index}`,
        { events: events.map(([name, at, properties]) => [name, NOW - 10 + at, properties]) },
      ]),
    );
    const who = await world(customers);
    for (const { steps } of cases.slice(0, 40)) {
      const sequence = steps.map(([event, where]) => (where ? { event, where } : { event }));
      const expected = cases.flatMap(({ events }, index) => {
        const serves = (step: number, at: number): boolean => {
          const [name, , properties] = events[at] ?? ['', 0, {}];
          const [event, where] = steps[step] ?? ['', undefined];
          return name === event && (!where || where.property in properties);
        };
        const tryFrom = (step: number, used: readonly number[], from: number): boolean =>
          step === steps.length ||
          events.some(
            ([, at], each) =>
              at >= from &&
              !used.includes(each) &&
              serves(step, each) &&
              tryFrom(step + 1, [...used, each], at),
          );
        return tryFrom(0, [], 0) ? [`c${index}`] : [];
      });
      expect(await who({ sequence, within: 'P1D' })).toEqual(expected);
    }
  });
});

describe('lists and buckets', () => {
  it('hold for members and for a stable share', async () => {
    const who = await world(
      Object.fromEntries(
        Array.from({ length: 400 }, (_, index): [string, Given] => [`C${index}`, { list: index < 3 }]),
      ),
    );
    expect(await who({ list: 'lst' })).toEqual(['C0', 'C1', 'C2']);
    const half = await who({ bucket: { salt: 's', from: 0, to: 5000 } });
    const rest = await who({ bucket: { salt: 's', from: 5000, to: 10_000 } });
    expect(half.length + rest.length).toBe(400);
    expect(Math.abs(half.length - 200)).toBeLessThan(50);
    expect(await who({ bucket: { salt: 's', from: 0, to: 0 } })).toEqual([]);
    expect(
      await who({
        all: [{ bucket: { salt: 's', from: 0, to: 5000 } }, { bucket: { salt: 't', from: 0, to: 5000 } }],
      }),
    ).not.toEqual(half);
  });
});

describe('compiled statements', () => {
  it('scan a table once for a whole tree of tags, and share equal leaves', () => {
    const tag = (id: string): TagEntry => ({ title, type: 'number', table: 'wide', column: id });
    const catalog: ConditionCatalog = {
      customers: 'customer',
      tag,
      event: () => ({ title, from: 'event', at: 'at', properties: {} }),
      audience: () => undefined,
      list: () => undefined,
      tagIds: () => [],
      eventNames: () => [],
      listIds: () => [],
    };
    const leaf = (id: string): Condition => ({ tag: id, op: '>', value: 1 });
    const tree: Condition = {
      any: [{ all: [leaf('a'), { not: leaf('b') }] }, { not: { any: [leaf('c'), leaf('d')] } }],
    };
    const count = (text: string, part: string): number => text.split(part).length - 1;
    const { sql } = compileCids(tree, catalog, { now: NOW });
    expect(count(sql, 'FROM `wide`')).toBe(1);
    const event: Condition = { event: 'x', op: '>=', value: 2 };
    const shared = compileMembers(
      [
        { condition: { all: [event, leaf('a')] }, now: NOW },
        { condition: { not: event }, now: NOW },
      ],
      catalog,
    );
    expect(count(shared.sql, 'FROM `event`')).toBe(1);
    expect(count(shared.sql, 'FROM `customer`')).toBe(1);
  });
  it('bind every value, so that none is read as SQL', async () => {
    const who = await world({
      "o'x') OR 1=1 --": { tags: { text: "') OR 1=1 --" } },
      plain: { tags: { text: 'x' } },
    });
    expect(await who({ tag: 'text', op: '=', value: "') OR 1=1 --" })).toEqual(["o'x') OR 1=1 --"]);
    expect(await who({ bucket: { salt: "') OR 1=1 --", from: 0, to: 0 } })).toEqual([]);
  });
  it('refuse names that are no identifiers', () => {
    const catalog: ConditionCatalog = {
      customers: 'customer',
      tag: () => ({ title, type: 'number', table: 'wide', column: 'a` OR 1' }),
      event: () => undefined,
      audience: () => undefined,
      list: () => undefined,
      tagIds: () => [],
      eventNames: () => [],
      listIds: () => [],
    };
    expect(() => compileCids({ tag: 'a', op: 'known' }, catalog, { now: NOW })).toThrow(
      'cannot be a warehouse name',
    );
  });
});
