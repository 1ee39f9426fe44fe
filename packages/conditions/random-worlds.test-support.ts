import { type EpochMs, type Random, seededRandom } from '@rapport/kernel';
import type { ConditionCatalog, EventEntry, PropertyEntry, TagEntry, ValueType } from './catalog.ts';
import { AGGREGATES_OF, aggregateType, OPERATORS_OF, operandKind } from './comparison.ts';
import type {
  Aggregate,
  Condition,
  Operator,
  PropertyAggregateName,
  PropertyCondition,
  Scalar,
  Value,
} from './condition.ts';
import type { CustomerEvent, CustomerState } from './predicate.ts';
import { propertySql, type TagValue } from './values.ts';

/** A small random bank: few customers, many ties, unknowns of every kind, values made to collide. */
export interface World {
  readonly catalog: ConditionCatalog;
  readonly customers: readonly CustomerState[];
  readonly tables: readonly {
    readonly name: string;
    readonly columns: string;
    readonly rows: readonly Row[];
  }[];
  /** Instants worth evaluating at. */
  readonly instants: readonly EpochMs[];
  condition(): Condition;
}

type Row = Readonly<
  Record<string, string | number | boolean | null | readonly string[] | Readonly<Record<string, string>>>
>;

const TEXTS = [
  'a',
  'b',
  'ab',
  'A',
  'é',
  'e\u0301',
  '中',
  '中文',
  '😀',
  '\uff61',
  '\ue000x',
  "o'x",
  'a\\b',
  'a\tb',
  'a\nb',
  '%_',
  ' ',
  'null',
  'NULL',
  '\\N',
  '{p1:String}',
  '"',
  'a\u0000b',
];
const NUMBERS = [
  0, -0, 1, -1, 0.1, 0.2, 0.30000000000000004, 1e21, 1e-7, -5.5, 3, 2.5, 1e308, 9007199254740992,
];
const MONEY = [0, 1, -1, 100, 250, 500000, -99, 9007199254740991, -9007199254740991];
const BASE = Date.UTC(2024, 1, 28, 12, 0, 0);
const DAY = 86_400_000;
const DAYS = [
  '1900-01-01',
  '1960-02-29',
  '1984-02-28',
  '2000-02-29',
  '2023-03-01',
  '2024-01-31',
  '2024-02-27',
  '2024-02-28',
  '2024-02-29',
  '2024-03-01',
  '2024-03-06',
  '2024-03-31',
  '2025-02-28',
  '2299-12-31',
  '1999-12-31',
  '2000-01-01',
];
const DURATIONS = ['P1D', 'P7D', 'P30D', 'P1M', 'P1Y', 'P2W', 'P100Y', 'P366D'];
const TIME_DURATIONS = [...DURATIONS, 'PT1S', 'PT12H', 'P1DT1H', 'PT1M'];
const INSTANTS: readonly EpochMs[] = [
  BASE,
  BASE - 1,
  BASE + 1,
  BASE - 1000,
  BASE - DAY,
  BASE - DAY + 1,
  BASE - DAY - 1,
  BASE - 7 * DAY,
  BASE - 30 * DAY,
  BASE + DAY,
  BASE + 12 * 3_600_000,
  BASE - 12 * 3_600_000,
  BASE + 7 * DAY,
  Date.UTC(2024, 0, 28, 12),
  Date.UTC(2024, 1, 29),
  Date.UTC(1969, 11, 31, 23, 59, 59, 999),
  Date.UTC(1903, 5, 6),
  Date.UTC(2290, 0, 1),
];
/** Texts as they stand in event maps, good and bad for each type. */
const RAW: Readonly<Record<ValueType, readonly string[]>> = {
  text: ['', ...TEXTS],
  number: [
    '0',
    '-0',
    '1',
    '+1',
    '-1',
    '0.1',
    '0.2',
    '3',
    '2.5',
    '1e3',
    '1E-7',
    '007',
    'abc',
    '',
    ' 1',
    '1 ',
    '1.',
    '.5',
    '0x10',
    'inf',
    'nan',
    '1e400',
    '-1e400',
    '1_0',
    '٣',
    '1e-400',
  ],
  money: [
    '0',
    '-0',
    '1',
    '-1',
    '100',
    '250',
    '00100',
    '9007199254740991',
    '9007199254740992',
    '99999999999999999',
    '1.5',
    '+1',
    'abc',
    '',
    ' 1',
  ],
  boolean: ['true', 'false', '1', '0', 'TRUE', 'yes', ''],
  date: [
    ...DAYS,
    '2023-02-29',
    '2024-13-01',
    '2024-00-10',
    '1899-12-31',
    '2300-01-01',
    '2024-2-1',
    '2024-02-28T00:00:00Z',
    '',
  ],
  instant: [
    '2024-02-28T12:00:00Z',
    '2024-02-28T12:00:00.000Z',
    '2024-02-28T20:00:00+08:00',
    '2024-02-28T11:59:59.999999Z',
    '2024-02-27T12:00:00.001Z',
    '2024-02-28T12:00:00',
    '2024-02-30T12:00:00Z',
    '2024-02-28',
    '2024-02-28T25:00:00Z',
    '2024-02-28 12:00:00Z',
    '1850-01-01T00:00:00Z',
    '2300-01-01T00:00:00Z',
    'x',
    '',
    '2024-02-28T12:00:00.1Z',
    '1960-01-01T00:00:00.5-05:30',
  ],
  list: [
    '["a","b"]',
    '["中"]',
    '[]',
    '["a",1]',
    '{"a":1}',
    'a',
    '',
    '["a\\nb"]',
    '[1]',
    '["a"',
    'null',
    '[null]',
    '["a"] x',
  ],
};
const TYPES: readonly ValueType[] = ['text', 'number', 'money', 'boolean', 'date', 'instant', 'list'];
const title = { en: 'x' };

export function randomWorld(index: number, seed: number): World {
  const random = seededRandom(seed * 1_000 + index);
  const pick = <Item>(items: readonly Item[]): Item => {
    const item = items[random.integer(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  };
  const chance = (share: number): boolean => random.next() < share;
  const some = <Item>(count: number, make: (at: number) => Item): Item[] =>
    Array.from({ length: count }, (_, at) => make(at));

  const count = index % 17 === 0 ? 0 : random.integer(12) + 1;
  const offset = pick([0, 1, 65_530, 4_294_967_200]);
  const ids = some(count, (at) => `${pick(['C', '客', "o'", ''])}${index}-${at}`);
  const cids = ids.map((_, at) => offset + at * 2);
  /** Numbers nobody has: rows of theirs must count for nothing. */
  const ghosts = [offset + 1, offset + 41];

  const tagTypes: Readonly<Record<string, ValueType>> = {
    text: 'text',
    code: 'text',
    number: 'number',
    money: 'money',
    boolean: 'boolean',
    date: 'date',
    instant: 'instant',
    list: 'list',
    score: 'number',
  };
  const wide: Readonly<Record<string, readonly string[]>> = {
    a: ['text', 'number', 'money', 'list'],
    b: ['code', 'boolean', 'date', 'instant', 'score'],
  };
  const columnTypes: Readonly<Record<string, string>> = {
    text: 'Nullable(String)',
    code: 'LowCardinality(Nullable(String))',
    number: 'Nullable(Float64)',
    money: 'Nullable(Int64)',
    boolean: 'Nullable(Bool)',
    date: 'Nullable(Date32)',
    instant: "Nullable(DateTime64(3, 'UTC'))",
    list: 'Array(String)',
    score: 'Nullable(Int32)',
  };
  const drawTag = (id: string): TagValue | undefined => {
    if (chance(0.25)) return undefined;
    if (id === 'score') return random.integer(5) - 2;
    switch (tagTypes[id]) {
      case 'number':
        return chance(0.1)
          ? pick([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
          : pick(NUMBERS);
      case 'money':
        return pick(MONEY);
      case 'boolean':
        return chance(0.5);
      case 'date':
        return pick(DAYS);
      case 'instant':
        return pick(INSTANTS);
      case 'list':
        return some(random.integer(3), () => pick(TEXTS));
      default:
        return chance(0.1) ? '' : pick(TEXTS);
    }
  };
  const tagValues = new Map<number, Record<string, TagValue | undefined>>();
  const tagTables = Object.entries(wide).map(([group, columns]) => ({
    name: `tags_${group}_${index}`,
    columns: `cid UInt32, ${columns.map((id) => `${id} ${columnTypes[id]}`).join(', ')}`,
    rows: [...cids, ...ghosts]
      .filter(() => chance(0.75))
      .map((cid): Row => {
        const values = Object.fromEntries(columns.map((id) => [id, drawTag(id)]));
        tagValues.set(cid, { ...tagValues.get(cid), ...values });
        return { cid, ...Object.fromEntries(columns.map((id) => [id, stored(tagTypes[id], values[id])])) };
      }),
  }));

  const eventNames = ['e1', 'e2', 'e3'];
  const rawProperties: Readonly<Record<string, ValueType>> = Object.fromEntries(
    TYPES.map((type) => [`p_${type}`, type]),
  );
  const busy = index % 3 === 0 ? 30 : 8;
  const events = new Map<number, CustomerEvent[]>();
  const keep = (cid: number, event: CustomerEvent): void =>
    void events.set(cid, [...(events.get(cid) ?? []), event]);
  const eventRows: Row[] = [];
  const bookingRows: Row[] = [];
  const times = index % 2 === 0 ? INSTANTS.slice(0, 6) : INSTANTS;
  for (const cid of [...cids, ...ghosts]) {
    for (let left = random.integer(busy); left > 0; left--) {
      const at = pick(times);
      if (chance(0.7)) {
        const name = pick(eventNames);
        const properties = Object.fromEntries(
          Object.entries(rawProperties)
            .filter(() => chance(0.7))
            .map(([key, type]) => [key, pick(chance(0.7) ? RAW[type].slice(0, 6) : RAW[type])]),
        );
        eventRows.push({ cid, name, at: warehouseInstant(at), properties });
        keep(cid, { name, at, properties });
      } else {
        const amount = pick(MONEY);
        const balance = chance(0.3) ? null : pick(MONEY);
        const kind = chance(0.2) ? '' : pick(['fee', 'pay', '中']);
        const rate = pick(NUMBERS);
        bookingRows.push({
          cid,
          at: warehouseInstant(at),
          amount_minor: String(amount),
          balance_minor: balance === null ? null : String(balance),
          kind,
          rate,
        });
        keep(cid, { name: 'transaction', at, properties: { amount, balance, kind, rate } });
      }
    }
  }

  const lists = ['lst_a', 'lst_b'];
  const listRows: Row[] = lists.flatMap((list) =>
    [...cids, ...ghosts].filter(() => chance(0.4)).map((cid) => ({ list, cid })),
  );
  const onList = new Map(
    cids.map((cid) => [
      cid,
      new Set(listRows.filter((row) => row.cid === cid).map((row) => String(row.list))),
    ]),
  );

  const property = (type: ValueType, sql: string): PropertyEntry => ({ title, type, sql });
  const mapProperties = Object.fromEntries(
    Object.entries(rawProperties).map(([name, type]) => [
      name,
      property(type, propertySql(type, `properties['${name}']`)),
    ]),
  );
  const entries = new Map<string, EventEntry>(
    eventNames.map((name) => [
      name,
      {
        title,
        from: name === 'e3' ? `(SELECT * FROM events_${index})` : `events_${index}`,
        filter: `name = '${name}'`,
        at: 'at',
        properties: mapProperties,
      },
    ]),
  );
  entries.set('transaction', {
    title,
    from: `bookings_${index}`,
    at: 'at',
    properties: {
      amount: property('money', 'amount_minor'),
      balance: property('money', 'balance_minor'),
      kind: property('text', 'kind'),
      rate: property('number', 'rate'),
    },
  });
  const tags = new Map<string, TagEntry>(
    Object.entries(wide).flatMap(([group, columns]) =>
      columns.map((id) => [
        id,
        { title, type: tagTypes[id] ?? 'text', table: `tags_${group}_${index}`, column: id },
      ]),
    ),
  );
  const audiences = new Map<string, Condition>();
  const catalog: ConditionCatalog = {
    customers: `customers_${index}`,
    tag: (id) => tags.get(id),
    event: (name) => entries.get(name),
    audience: (id) => audiences.get(id),
    list: (id) =>
      lists.includes(id) ? { cidQuery: `SELECT cid FROM lists_${index} WHERE list = '${id}'` } : undefined,
    tagIds: () => [...tags.keys()],
    eventNames: () => [...entries.keys()],
    listIds: () => lists,
  };

  const condition = randomConditions({ random, pick, chance, some, catalog, audiences });
  audiences.set('aud_1', condition(2));
  audiences.set('aud_2', condition(2));
  audiences.set('aud_3', { any: [{ audience: 'aud_1' }, { not: { audience: 'aud_2' } }] });

  return {
    catalog,
    customers: cids.map((cid, at) => ({
      customerId: ids[at] ?? '',
      cid,
      tags: tagValues.get(cid) ?? {},
      events: events.get(cid) ?? [],
      lists: onList.get(cid) ?? new Set(),
    })),
    tables: [
      {
        name: `customers_${index}`,
        columns: 'cid UInt32, customer_id String, org_unit LowCardinality(String)',
        rows: cids.map((cid, at) => ({
          cid,
          customer_id: ids[at] ?? '',
          org_unit: at % 2 === 0 ? 'B1' : 'B2',
        })),
      },
      ...tagTables,
      {
        name: `events_${index}`,
        columns:
          "cid UInt32, name LowCardinality(String), at DateTime64(3, 'UTC'), properties Map(LowCardinality(String), String)",
        rows: eventRows,
      },
      {
        name: `bookings_${index}`,
        columns:
          "cid UInt32, at DateTime64(3, 'UTC'), amount_minor Int64, balance_minor Nullable(Int64), kind LowCardinality(String), rate Float64",
        rows: bookingRows,
      },
      { name: `lists_${index}`, columns: 'list String, cid UInt32', rows: listRows },
    ],
    instants: [
      ...INSTANTS.slice(0, 12),
      Date.UTC(2024, 1, 29, 0, 0),
      Date.UTC(2023, 1, 26, 23, 59, 59, 999),
      Date.UTC(2024, 2, 31),
    ],
    condition: () => condition(1 + random.integer(4)),
  };
}

interface Drawing {
  readonly random: Random;
  readonly pick: <Item>(items: readonly Item[]) => Item;
  readonly chance: (share: number) => boolean;
  readonly some: <Item>(count: number, make: (at: number) => Item) => Item[];
  readonly catalog: ConditionCatalog;
  readonly audiences: ReadonlyMap<string, Condition>;
}

function randomConditions({
  random,
  pick,
  chance,
  some,
  catalog,
  audiences,
}: Drawing): (depth: number) => Condition {
  const scalar = (type: ValueType): Scalar => {
    switch (type) {
      case 'number':
        return pick(NUMBERS);
      case 'money':
        return pick(MONEY);
      case 'boolean':
        return chance(0.5);
      case 'date':
        return pick(DAYS);
      case 'instant':
        return new Date(pick(INSTANTS)).toISOString();
      default:
        return pick(TEXTS);
    }
  };
  const operand = (type: ValueType, op: Operator): Value | undefined => {
    switch (operandKind(op)) {
      case 'none':
        return undefined;
      case 'many':
        return some(random.integer(4) + 1, () => scalar(type));
      case 'pair':
        return [scalar(type), scalar(type)];
      case 'duration':
        return pick(type === 'date' || op === 'anniversary in next' ? DURATIONS : TIME_DURATIONS);
      case 'one':
        return type === 'number' && chance(0.5) ? random.integer(4) : scalar(type);
    }
  };
  const comparison = (type: ValueType): { op: Operator; value?: Value } => {
    const op = pick(OPERATORS_OF[type]);
    const value = operand(type, op);
    return value === undefined ? { op } : { op, value };
  };
  const where = (entry: EventEntry, depth: number): PropertyCondition => {
    const form = depth <= 0 ? 3 : random.integer(6);
    if (form === 0) return { all: some(random.integer(3), () => where(entry, depth - 1)) };
    if (form === 1) return { any: some(random.integer(3), () => where(entry, depth - 1)) };
    if (form === 2) return { not: where(entry, depth - 1) };
    const [property, { type }] = pick(Object.entries(entry.properties));
    return { property, ...comparison(type) };
  };
  const maybeWhere = (entry: EventEntry, share: number): { where?: PropertyCondition } =>
    chance(share) ? { where: where(entry, 2) } : {};
  const aggregate = (name: PropertyAggregateName, property: string): Aggregate => {
    switch (name) {
      case 'sum':
        return { sum: property };
      case 'avg':
        return { avg: property };
      case 'min':
        return { min: property };
      case 'max':
        return { max: property };
      case 'last':
        return { last: property };
      case 'distinct':
        return { distinct: property };
    }
  };
  const event = (): Condition => {
    const name = pick(catalog.eventNames());
    const entry = catalog.event(name);
    if (!entry) throw new Error(name);
    const within = chance(0.6) ? { within: pick(TIME_DURATIONS) } : {};
    const usable = Object.entries(entry.properties).filter(([, { type }]) => AGGREGATES_OF[type].length > 0);
    if (chance(0.35)) return { event: name, ...maybeWhere(entry, 0.4), ...within, ...comparison('number') };
    const [property, { type }] = pick(usable);
    const kind = pick(AGGREGATES_OF[type]);
    const result = aggregateType(kind, type);
    return {
      event: name,
      ...maybeWhere(entry, 0.3),
      ...within,
      aggregate: aggregate(kind, property),
      ...comparison(result),
    };
  };
  const sequence = (): Condition => {
    const length = chance(0.1) ? 7 + random.integer(2) : 2 + random.integer(4);
    const names = chance(0.4) ? [pick(catalog.eventNames())] : catalog.eventNames();
    const steps = some(length, () => {
      const name = pick(names);
      const entry = catalog.event(name);
      if (!entry) throw new Error(name);
      return { event: name, ...maybeWhere(entry, 0.3) };
    });
    return { sequence: steps, within: pick(TIME_DURATIONS) };
  };
  const leaf = (): Condition => {
    const form = random.integer(20);
    if (form < 9) {
      const tag = pick(catalog.tagIds());
      return { tag, ...comparison(catalog.tag(tag)?.type ?? 'text') };
    }
    if (form < 14) return event();
    if (form < 15) return sequence();
    if (form < 17) return { list: pick(catalog.listIds()) };
    if (form < 19) {
      const from = random.integer(10_001);
      return { bucket: { salt: pick(TEXTS), from, to: from + random.integer(10_001 - from) } };
    }
    return { always: true };
  };
  /** Trees share most of their leaves, as the conditions of one bank do; the warehouse answers each once a batch. */
  const pool = some(60, leaf);
  const node = (depth: number): Condition => {
    const form = depth <= 0 ? 9 : random.integer(10);
    if (form < 3) return { all: some(random.integer(4), () => node(depth - 1)) };
    if (form < 6) return { any: some(random.integer(4), () => node(depth - 1)) };
    if (form < 8) return { not: node(depth - 1) };
    return audiences.size > 0 && chance(0.03)
      ? { audience: pick([...audiences.keys()]) }
      : chance(0.05)
        ? leaf()
        : pick(pool);
  };
  return node;
}

const warehouseInstant = (at: EpochMs): string => new Date(at).toISOString().replace('T', ' ').slice(0, -1);

function stored(type: ValueType | undefined, value: TagValue | undefined): Row[string] {
  if (type === 'list') return typeof value === 'object' ? value : [];
  if (value === undefined) return null;
  if (type === 'instant') return warehouseInstant(Number(value));
  if (type === 'money') return String(value);
  if (typeof value === 'number' && !Number.isFinite(value))
    return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  return value;
}
