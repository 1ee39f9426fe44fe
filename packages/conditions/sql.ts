import type { EpochMs } from '@rapport/kernel';
import type { ConditionCatalog, EventEntry, PropertyEntry, ValueType } from './catalog.ts';
import {
  aggregateType,
  type Comparison,
  comparisonOf,
  instantRange,
  type Operand,
  valueTest,
} from './comparison.ts';
import {
  type Aggregate,
  aggregateParts,
  type Condition,
  type ConditionLeaf,
  type EventLeaf,
  type PropertyCondition,
  type SequenceLeaf,
} from './condition.ts';
import { conditionProblems } from './problems.ts';
import { walkCondition } from './relatives.ts';
import { windowStart } from './window.ts';

export type SqlValue = string | number | readonly (string | number)[];

export interface SqlOptions {
  /** The instant of the evaluation; every window of the condition ends here. */
  readonly now: EpochMs;
  /** Only customers of these org units exist for this evaluation; absent = the whole bank. */
  readonly orgUnits?: readonly string[];
}

export interface CompiledSql {
  readonly sql: string;
  readonly params: Readonly<Record<string, SqlValue>>;
}

/** A node of `compileCounts`, with the columns its numbers stand in. */
export interface CountedNode {
  readonly pointer: string;
  readonly parent: string | undefined;
  readonly depth: number;
  readonly node: Condition;
  /** Customers it holds for. */
  readonly countColumn: string;
  /** Customers that reach it. */
  readonly reachedColumn: string;
  /** Of those, the ones it holds for. */
  readonly keptColumn: string;
  /** Inside an `any`: kept and by no alternative before it. */
  readonly addedColumn: string | undefined;
}

export interface CompiledCounts extends CompiledSql {
  readonly totalColumn: string;
  readonly nodes: readonly CountedNode[];
}

/**
 * A query answering, in one row and column, the bitmap state (`AggregateFunction(groupBitmap, UInt32)`) of the
 * customers a checked condition holds for.
 * @throws conditions.invalid when a name is no longer in the catalog, or audiences contain each other
 */
export function compileCids(
  condition: Condition,
  catalog: ConditionCatalog,
  options: SqlOptions,
): CompiledSql {
  const builder = createBuilder(catalog, options);
  const set = builder.within(builder.fuse(builder.lower(condition)));
  return builder.finish([`${set} AS cids`]);
}

/** A query answering `count` and `total`: the customers the condition holds for, and all there are. */
export function compileCount(
  condition: Condition,
  catalog: ConditionCatalog,
  options: SqlOptions,
): CompiledSql {
  const builder = createBuilder(catalog, options);
  const set = builder.within(builder.fuse(builder.lower(condition)));
  return builder.finish([
    `bitmapCardinality(${set}) AS count`,
    `bitmapCardinality(${builder.universe()}) AS total`,
  ]);
}

/**
 * A query answering many conditions at once, sharing what they have in common: one row with an array of `cid`s,
 * ascending, in the columns `c0`, `c1`, … Each condition may have its own instant.
 */
export function compileMembers(
  conditions: readonly { readonly condition: Condition; readonly now: EpochMs }[],
  catalog: ConditionCatalog,
  options: Omit<SqlOptions, 'now'> = {},
): CompiledSql {
  const bag = createBag();
  const columns: string[] = [];
  for (const { condition, now } of conditions) {
    const builder = createBuilder(catalog, { ...options, now }, bag);
    columns.push(
      `bitmapToArray(${builder.within(builder.fuse(builder.lower(condition)))}) AS c${columns.length}`,
    );
  }
  return bag.finish(columns);
}

/**
 * A test over one row of an event's table, never NULL, for callers that aggregate rows themselves: true where the
 * property condition holds. Placeholders are named `p1`, `p2`, ….
 */
export function compileProperties(
  condition: PropertyCondition,
  entry: EventEntry,
  options: { readonly now: EpochMs },
): CompiledSql {
  const bag = createBag();
  return { sql: propertyTest({ now: options.now, bag }, entry, condition), params: bag.finish([]).params };
}

/** One statement of `compileLeaves`. */
export interface CompiledLeaves extends CompiledSql {
  /** What its columns are, in order: the place of a leaf, and whether the column holds everybody else instead. */
  readonly columns: readonly { readonly leaf: number; readonly complement: boolean }[];
}

/**
 * Queries answering leaves by themselves, each one row of bitmap states. Leaves over one table of tags share a scan;
 * any other leaf is a statement of its own. Members may be no customers, and a complement is over all customers.
 * @throws conditions.invalid when a name is no longer in the catalog
 */
export function compileLeaves(
  leaves: readonly ConditionLeaf[],
  catalog: ConditionCatalog,
  options: Omit<SqlOptions, 'orgUnits'>,
): CompiledLeaves[] {
  const statements: CompiledLeaves[] = [];
  const scans = new Map<
    string,
    { bag: Bag; columns: string[]; leaves: CompiledLeaves['columns'][number][] }
  >();
  leaves.forEach((leaf, index) => {
    const own = createBag();
    const table =
      'tag' in leaf ? catalog.tag(leaf.tag)?.table : 'bucket' in leaf ? catalog.customers : undefined;
    const scan =
      table === undefined ? undefined : (scans.get(table) ?? { bag: own, columns: [], leaves: [] });
    if (scan && table !== undefined) scans.set(table, scan);
    const builder = createBuilder(catalog, options, scan?.bag ?? own);
    const set = builder.lower(leaf);
    if (set.kind === 'row' && scan) {
      scan.columns.push(`groupBitmapStateIf(cid, ${set.missing ? `NOT ${set.test}` : set.test})`);
      scan.leaves.push({ leaf: index, complement: set.missing });
      return;
    }
    const complement = set.kind === 'query' && set.complement;
    const sql =
      set.kind === 'query'
        ? `SELECT groupBitmapState(cid) FROM (${set.query})`
        : builder.finish([builder.within(set)]).sql;
    statements.push({ sql, params: builder.finish([]).params, columns: [{ leaf: index, complement }] });
  });
  for (const [table, { bag, columns, leaves: columnsOf }] of scans) {
    if (columns.length > 0)
      statements.push({
        sql: `SELECT ${columns.join(', ')} FROM ${quoteTable(table)}`,
        params: bag.finish([]).params,
        columns: columnsOf,
      });
  }
  return statements;
}

/**
 * A tag's value as a key of `decideValues`: text, or a double (days and milliseconds since 1970, minor units, 0 and 1);
 * NULL exactly where the value is unknown. Of lists it is the array of members.
 */
export function keySql(type: ValueType, column: string): string {
  const value = quoteName(column);
  switch (type) {
    case 'text':
      return valueSql('text', `toString(${value})`);
    case 'number':
      return valueSql('number', value);
    case 'date':
      return `toFloat64(toInt32(${value}))`;
    case 'instant':
      return `toFloat64(${millisSql(value)})`;
    case 'money':
    case 'boolean':
      return `toFloat64(${value})`;
    case 'list':
      return value;
  }
}

/** A query answering, in one row, what every node of a condition counts, keeps and removes. */
export function compileCounts(
  condition: Condition,
  catalog: ConditionCatalog,
  options: SqlOptions,
): CompiledCounts {
  const builder = createBuilder(catalog, options);
  const universe = builder.universe();
  const columns = [`bitmapCardinality(${universe}) AS total`];
  const nodes: CountedNode[] = [];
  const reached = new Map<string, { input: string; before: string | undefined }>([
    ['', { input: universe, before: undefined }],
  ]);
  const setOf = (node: Condition): string => builder.within(builder.lower(node));
  walkCondition(condition, (node, { pointer, parent, depth }) => {
    const set = setOf(node);
    const place = reached.get(pointer) ?? { input: universe, before: undefined };
    const index = nodes.length;
    const kept = `bitmapAnd(${place.input}, ${set})`;
    columns.push(
      `bitmapCardinality(${set}) AS count${index}`,
      `bitmapCardinality(${place.input}) AS reached${index}`,
      `bitmapCardinality(${kept}) AS kept${index}`,
    );
    if (place.before !== undefined)
      columns.push(`bitmapCardinality(bitmapAndnot(${kept}, ${place.before})) AS added${index}`);
    nodes.push({
      pointer,
      parent,
      depth,
      node,
      countColumn: `count${index}`,
      reachedColumn: `reached${index}`,
      keptColumn: `kept${index}`,
      addedColumn: place.before === undefined ? undefined : `added${index}`,
    });
    if ('all' in node) {
      node.all.forEach((_, part) => {
        const earlier = node.all.slice(0, part).map(setOf);
        reached.set(`${pointer}/all/${part}`, {
          input: balanced('bitmapAnd', [place.input, ...earlier]),
          before: undefined,
        });
      });
    } else if ('any' in node) {
      node.any.forEach((_, part) => {
        const earlier = node.any.slice(0, part).map(setOf);
        reached.set(`${pointer}/any/${part}`, {
          input: place.input,
          before: earlier.length === 0 ? builder.empty() : balanced('bitmapOr', earlier),
        });
      });
    } else if ('not' in node) reached.set(`${pointer}/not`, { input: place.input, before: undefined });
  });
  return { ...builder.finish(columns), totalColumn: 'total', nodes };
}

/**
 * A query over the events of one name in `(after, until]` that fulfil `where`: `cid`, `at`, and each named property
 * in the columns `v0`, `v1`, … (NULL when unknown, money in minor units, instants as they are).
 * @throws conditions.invalid when a name is not in the catalog
 */
export function compileEvents(
  question: {
    readonly event: string;
    readonly where?: PropertyCondition;
    readonly after: EpochMs;
    readonly until: EpochMs;
    readonly properties?: readonly string[];
  },
  catalog: ConditionCatalog,
): CompiledSql {
  const bag = createBag();
  const context: Context = { catalog, now: question.until, bag, customers: quoteTable(catalog.customers) };
  const entry = catalog.event(question.event) ?? missing('event', question.event);
  const values = (question.properties ?? []).map((name, index) => {
    const property = propertyOf(entry, question.event, name);
    return `, ${valueSql(property.type, `(${property.sql})`)} AS v${index}`;
  });
  const tests = [
    ...(entry.filter === undefined ? [] : [`(${entry.filter})`]),
    comparisonSql(bag, 'instant', entry.at, instantRange(question.after + 1, question.until + 1)),
    ...(question.where ? [propertyTest(context, entry, question.where)] : []),
  ];
  const sql = `SELECT cid, ${entry.at} AS at${values.join('')} FROM ${fromSql(entry.from)} WHERE ${tests.join(' AND ')}`;
  return { sql, params: bag.finish([]).params };
}

/* ── from conditions to sets ─────────────────────────────────────────────────────────────────────────── */

/**
 * A set in the making. `row` is a test over a table with one row a customer at most, never NULL; `missing` says
 * what holds for customers without a row there. `query` answers `cid`s; with `complement` the set is all others.
 */
type Lowered =
  | { readonly kind: 'universe' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'row'; readonly table: string; readonly test: string; readonly missing: boolean }
  | { readonly kind: 'query'; readonly query: string; readonly complement: boolean }
  | { readonly kind: 'all' | 'any'; readonly parts: readonly Lowered[] }
  | { readonly kind: 'not'; readonly part: Lowered };

/** Parameters and scalar subqueries of one statement; equal ones are shared. */
interface Bag {
  bind(type: string, value: SqlValue): string;
  /** Names a query that answers one bitmap state. */
  bitmap(query: string): string;
  finish(columns: readonly string[]): CompiledSql;
}

function createBag(): Bag {
  const params: Record<string, SqlValue> = {};
  const placeholders = new Map<string, string>();
  const scalars = new Map<string, string>();
  return {
    bind(type, value) {
      const key = `${type} ${JSON.stringify(value)}`;
      const known = placeholders.get(key);
      if (known !== undefined) return known;
      const name = `p${placeholders.size + 1}`;
      params[name] = value;
      const placeholder = `{${name}:${type}}`;
      placeholders.set(key, placeholder);
      return placeholder;
    },
    bitmap(query) {
      const known = scalars.get(query);
      if (known !== undefined) return known;
      const name = `n${scalars.size}`;
      scalars.set(query, name);
      return name;
    },
    finish(columns) {
      const shared = [...scalars].map(([query, name]) => `(${query}) AS ${name}`);
      const prefix = shared.length === 0 ? '' : `WITH\n  ${shared.join(',\n  ')}\n`;
      return { sql: `${prefix}SELECT\n  ${columns.join(',\n  ')}`, params };
    },
  };
}

interface Builder {
  lower(condition: Condition): Lowered;
  /** Joins tests over the same table into one, so that a tree of tags is one scan. */
  fuse(lowered: Lowered): Lowered;
  /** A bitmap expression of the members that are customers (of the scope). */
  within(lowered: Lowered): string;
  universe(): string;
  empty(): string;
  finish(columns: readonly string[]): CompiledSql;
}

function createBuilder(catalog: ConditionCatalog, options: SqlOptions, bag: Bag = createBag()): Builder {
  const { now, orgUnits } = options;
  const customers = quoteTable(catalog.customers);
  const scope = orgUnits ? ` WHERE org_unit IN ${bag.bind('Array(String)', orgUnits)}` : '';
  const context: Context = { catalog, now, bag, customers };
  const lowered = new Map<Condition, Lowered>();
  const inside: string[] = [];

  const lower = (condition: Condition): Lowered => {
    const known = lowered.get(condition);
    if (known) return known;
    const made = lowerNew(condition);
    lowered.set(condition, made);
    return made;
  };
  const lowerNew = (condition: Condition): Lowered => {
    if ('all' in condition) return { kind: 'all', parts: condition.all.map(lower) };
    if ('any' in condition) return { kind: 'any', parts: condition.any.map(lower) };
    if ('not' in condition) return { kind: 'not', part: lower(condition.not) };
    if ('tag' in condition) {
      const tag = catalog.tag(condition.tag) ?? missing('tag', condition.tag);
      const comparison = comparisonOf(tag.type, condition.op, condition.value, now);
      return {
        kind: 'row',
        table: quoteTable(tag.table),
        test: comparisonSql(bag, tag.type, quoteName(tag.column), comparison),
        missing: comparison.test === 'unknown',
      };
    }
    if ('event' in condition) return lowerEvent(context, condition);
    if ('sequence' in condition) return lowerSequence(context, condition);
    if ('audience' in condition) {
      if (inside.includes(condition.audience)) cyclic([...inside, condition.audience]);
      const audience = catalog.audience(condition.audience) ?? missing('audience', condition.audience);
      inside.push(condition.audience);
      const set = lower(audience);
      inside.pop();
      return set;
    }
    if ('list' in condition) {
      const list = catalog.list(condition.list) ?? missing('list', condition.list);
      return { kind: 'query', query: `SELECT cid FROM (${list.cidQuery})`, complement: false };
    }
    if ('bucket' in condition) {
      const { salt, from, to } = condition.bucket;
      const bucket = `murmurHash3_32(concat(${bag.bind('String', salt)}, ':', customer_id)) % 10000`;
      const test = `(${bucket} >= ${bag.bind('UInt32', from)} AND ${bucket} < ${bag.bind('UInt32', to)})`;
      return { kind: 'row', table: customers, test, missing: false };
    }
    return { kind: 'universe' };
  };

  const universe = (): string => bag.bitmap(`SELECT groupBitmapState(cid) FROM ${customers}${scope}`);
  const empty = (): string => bag.bitmap(`SELECT groupBitmapState(cid) FROM ${customers} WHERE 0`);
  /** Members may lie outside the universe; complements never do. */
  const emit = (set: Lowered): string => {
    switch (set.kind) {
      case 'universe':
        return universe();
      case 'empty':
        return empty();
      case 'row': {
        const from = `SELECT groupBitmapState(cid) FROM ${set.table} WHERE`;
        return set.missing
          ? `bitmapAndnot(${universe()}, ${bag.bitmap(`${from} NOT ${set.test}`)})`
          : bag.bitmap(`${from} ${set.test}`);
      }
      case 'query': {
        const members = bag.bitmap(`SELECT groupBitmapState(cid) FROM (${set.query})`);
        return set.complement ? `bitmapAndnot(${universe()}, ${members})` : members;
      }
      case 'all':
        return set.parts.length === 0 ? universe() : balanced('bitmapAnd', set.parts.map(emit));
      case 'any':
        return set.parts.length === 0 ? empty() : balanced('bitmapOr', set.parts.map(emit));
      case 'not':
        return `bitmapAndnot(${universe()}, ${emit(set.part)})`;
    }
  };
  return {
    lower,
    fuse,
    within: (set) => (set.kind === 'universe' ? universe() : `bitmapAnd(${universe()}, ${emit(set)})`),
    universe,
    empty,
    finish: (columns) => bag.finish(columns),
  };
}

function fuse(set: Lowered): Lowered {
  if (set.kind === 'not') {
    const part = fuse(set.part);
    if (part.kind === 'row') return { ...part, test: `(NOT ${part.test})`, missing: !part.missing };
    if (part.kind === 'query') return { ...part, complement: !part.complement };
    return part.kind === 'not' ? part.part : { kind: 'not', part };
  }
  if (set.kind !== 'all' && set.kind !== 'any') return set;
  const wanted = set.kind;
  const parts: Lowered[] = [];
  const places = new Map<string, number>();
  for (const each of set.parts.map(fuse)) {
    for (const part of each.kind === wanted ? each.parts : [each]) {
      const place = part.kind === 'row' ? places.get(part.table) : undefined;
      const beside = place === undefined ? undefined : parts[place];
      if (part.kind !== 'row' || place === undefined || beside?.kind !== 'row') {
        if (part.kind === 'row') places.set(part.table, parts.length);
        parts.push(part);
        continue;
      }
      const joined =
        wanted === 'all'
          ? { test: `(${beside.test} AND ${part.test})`, missing: beside.missing && part.missing }
          : { test: `(${beside.test} OR ${part.test})`, missing: beside.missing || part.missing };
      parts[place] = { kind: 'row', table: part.table, ...joined };
    }
  }
  const [first] = parts;
  return parts.length === 1 && first ? first : { kind: wanted, parts };
}

/** Combines many sets pairwise, so that the expression stays shallow however many there are. */
function balanced(join: 'bitmapAnd' | 'bitmapOr', sets: readonly string[]): string {
  if (sets.length <= 1) return sets[0] ?? '';
  const half = Math.ceil(sets.length / 2);
  return `${join}(${balanced(join, sets.slice(0, half))}, ${balanced(join, sets.slice(half))})`;
}

/* ── events ──────────────────────────────────────────────────────────────────────────────────────────── */

interface Context {
  readonly catalog: ConditionCatalog;
  readonly now: EpochMs;
  readonly bag: Bag;
  readonly customers: string;
}

function lowerEvent(context: Context, leaf: EventLeaf): Lowered {
  const { catalog, now, bag } = context;
  const entry = catalog.event(leaf.event) ?? missing('event', leaf.event);
  const rows = eventRows(context, entry, leaf.where, leaf.within);
  const aggregate = aggregateParts(leaf.aggregate);
  const property = aggregate.name === 'count' ? undefined : propertyOf(entry, leaf.event, aggregate.property);
  const type = aggregateType(aggregate.name, property?.type ?? 'number');
  const comparison = comparisonOf(type, leaf.op, leaf.value, now);
  const zeroCounts = aggregate.name === 'count' || aggregate.name === 'distinct';
  // Over no events a count is 0: when 0 passes, everybody passes but those whose count does not.
  const complement = zeroCounts
    ? comparison.test === 'known' || (comparison.test !== 'unknown' && valueTest(type, comparison)(0))
    : comparison.test === 'unknown';
  if (!complement && aggregate.name === 'count' && atLeastOne(leaf))
    return { kind: 'query', query: `SELECT cid FROM ${rows}`, complement: false };
  const value = aggregateSql(leaf.aggregate, entry, property);
  const test = comparisonSql(bag, type, value, comparison);
  const query = `SELECT cid FROM ${rows} GROUP BY cid HAVING ${complement ? `NOT ${test}` : test}`;
  return { kind: 'query', query, complement };
}

const atLeastOne = (leaf: EventLeaf): boolean =>
  (leaf.op === '>=' && leaf.value === 1) || (leaf.op === '>' && leaf.value === 0);

/** `FROM` part with its filter: the events of one name in the window that fulfil `where`. */
function eventRows(
  context: Context,
  entry: EventEntry,
  where: PropertyCondition | undefined,
  within: string | undefined,
): string {
  const tests = [
    ...(entry.filter === undefined ? [] : [`(${entry.filter})`]),
    timeSql(context, entry.at, within),
    ...(where ? [propertyTest(context, entry, where)] : []),
  ];
  return `${fromSql(entry.from)} WHERE ${tests.join(' AND ')}`;
}

function timeSql({ bag, now }: Context, at: string, within: string | undefined): string {
  const range = instantRange(windowStart(now, within) + 1, now + 1);
  return comparisonSql(bag, 'instant', at, range);
}

function propertyTest(
  context: Pick<Context, 'now' | 'bag'>,
  entry: EventEntry,
  condition: PropertyCondition,
): string {
  const joined = (parts: readonly PropertyCondition[], join: string, none: string): string =>
    parts.length === 0
      ? none
      : `(${parts.map((part) => propertyTest(context, entry, part)).join(` ${join} `)})`;
  if ('all' in condition) return joined(condition.all, 'AND', '1');
  if ('any' in condition) return joined(condition.any, 'OR', '0');
  if ('not' in condition) return `(NOT ${propertyTest(context, entry, condition.not)})`;
  const property = propertyOf(entry, 'event', condition.property);
  const comparison = comparisonOf(property.type, condition.op, condition.value, context.now);
  return comparisonSql(context.bag, property.type, `(${property.sql})`, comparison);
}

function propertyOf(entry: EventEntry, event: string, name: string): PropertyEntry {
  const property = Object.hasOwn(entry.properties, name) ? entry.properties[name] : undefined;
  return property ?? missing('property', `${event}.${name}`);
}

function aggregateSql(
  aggregate: Aggregate | undefined,
  entry: EventEntry,
  property: PropertyEntry | undefined,
): string {
  if (!property) return 'count()';
  const { name } = aggregateParts(aggregate);
  const value = valueSql(property.type, `(${property.sql})`);
  switch (name) {
    case 'count':
      return 'count()';
    case 'distinct':
      return `uniqExact(${value})`;
    case 'min':
    case 'max':
      return property.type === 'instant'
        ? `fromUnixTimestamp64Milli(${name}(${millisSql(value)}), 'UTC')`
        : `${name}(${value})`;
    case 'last': {
      // The latest event, whether its value is known or not; of several at that instant the greatest known value.
      const latest = `max(tuple(${millisSql(entry.at)}, isNotNull(${value}), assumeNotNull(${value})))`;
      return `if(${latest}.2, ${latest}.3, NULL)`;
    }
    case 'sum':
    case 'avg': {
      if (property.type === 'money') {
        const total = name === 'sum' ? `sum(${value})` : `sum(${value}) / count(${value})`;
        return `if(count(${value}) = 0, NULL, ${total})`;
      }
      // Doubles do not add up the same in every order, and engines add in any order: sorted they always do.
      const values = `arraySort(groupArray(${value}))`;
      const total = name === 'sum' ? `arraySum(${values})` : `arraySum(${values}) / length(${values})`;
      return `if(empty(${values}), NULL, ${total})`;
    }
  }
}

/* ── sequences ───────────────────────────────────────────────────────────────────────────────────────── */

/**
 * Customers with distinct events for every step, at instants that do not decrease, all inside the window. Steps are
 * done greedily in time: whoever has done more steps by an instant is never worse off. Only among events of one
 * instant does it matter which event serves which step.
 */
function lowerSequence(context: Context, leaf: SequenceLeaf): Lowered {
  const { catalog } = context;
  const steps = leaf.sequence.map((step, index) => ({
    ...step,
    entry: catalog.event(step.event) ?? missing('event', step.event),
    bit: 2 ** index,
  }));
  /** Steps over the same rows are one scan. */
  const scans = new Map<string, { readonly entry: EventEntry; readonly served: typeof steps }>();
  for (const step of steps) {
    const key = `${step.entry.at} of ${step.entry.from}`;
    const scan = scans.get(key) ?? { entry: step.entry, served: [] };
    scan.served.push(step);
    scans.set(key, scan);
  }
  const rows = [...scans.values()].map(({ entry, served }) => {
    const filters = served.map((step) => (step.entry.filter === undefined ? '1' : `(${step.entry.filter})`));
    const bits = served.map((step, index) => {
      const tests = [filters[index], ...(step.where ? [propertyTest(context, step.entry, step.where)] : [])];
      return `if(${tests.join(' AND ')}, ${step.bit}, 0)`;
    });
    const ofThem = `(${[...new Set(filters)].join(' OR ')})`;
    return `SELECT cid, ${millisSql(entry.at)} AS seq_at, toUInt8(${bits.join(' + ')}) AS seq_mask FROM ${fromSql(entry.from)} WHERE ${ofThem} AND ${timeSql(context, entry.at, leaf.within)} AND seq_mask != 0`;
  });
  const disjoint = new Set(steps.map((step) => step.event)).size === steps.length;
  return {
    kind: 'query',
    query: `SELECT cid FROM (${rows.join(' UNION ALL ')}) GROUP BY cid HAVING groupBitOr(seq_mask) = ${2 ** steps.length - 1} AND ${sequenceTest(steps.length, disjoint)}`,
    complement: false,
  };
}

function sequenceTest(count: number, disjoint: boolean): string {
  if (disjoint && count === 2) return 'minIf(seq_at, seq_mask = 1) <= maxIf(seq_at, seq_mask = 2)';
  // An event is one integer, its instant above its eight step bits: these sort several times faster than pairs.
  const events = 'arraySort(groupArray(seq_at * 256 + seq_mask))';
  if (disjoint) {
    // No event serves two steps, so within an instant the order of the steps is the best order.
    const next = 'if(bitAnd(event, 255) = done, done * 2, done)';
    return `arrayFold((done, event) -> ${next}, ${events}, toInt64(1)) = ${2 ** count}`;
  }
  return `arrayFold((state, event) -> ${overlappingStep(count)}, ${events}, (toInt64(-9000000000000000), ${wide(count, '1')})).2 ${doneTest(count)}`;
}

/**
 * The state is an instant and, as one wide integer, the sets of steps that can have been done: bit `s` stands for
 * the set whose members are the one-bits of `s`. An event adds one of its steps to any set that lacks it; a new
 * instant keeps only the longest run of first steps, so that order is kept between instants and free within one.
 */
function overlappingStep(count: number): string {
  const instant = '(event - bitAnd(event, 255))';
  const start = `if(${instant} = state.1, state.2, ${collapse(count, 'state.2')})`;
  const grown = Array.from({ length: count }, (_, step) => {
    const lacking = setMask(count, (set) => (set & (2 ** step)) === 0);
    return `if(bitAnd(event, ${2 ** step}) = 0, ${wide(count, '0')}, bitShiftLeft(bitAnd(start, ${wide(count, lacking)}), ${2 ** step}))`;
  });
  const joined = grown.reduce((left, right) => `bitOr(${left}, ${right})`, 'start');
  // A lambda over a one-element array names the start once.
  return `(${instant}, arrayElement(arrayMap(start -> ${joined}, [${start}]), 1))`;
}

/** Keeps, of all sets, only the longest one that is a run of first steps. */
function collapse(count: number, state: string): string {
  const branches: string[] = [];
  for (let done = count; done >= 1; done--) {
    const bit = wide(count, (1n << BigInt(2 ** done - 1)).toString());
    branches.push(`bitAnd(${state}, ${bit}) != 0, ${bit}`);
  }
  return `multiIf(${branches.join(', ')}, ${wide(count, '1')})`;
}

function doneTest(count: number): string {
  return `>= ${wide(count, (1n << BigInt(2 ** count - 1)).toString())}`;
}

function setMask(count: number, member: (set: number) => boolean): string {
  let mask = 0n;
  for (let set = 0; set < 2 ** count; set++) if (member(set)) mask |= 1n << BigInt(set);
  return mask.toString();
}

/** One bit for each of the 2^count sets of steps. */
const wide = (count: number, literal: string): string =>
  count <= 6 ? `toUInt64('${literal}')` : `toUInt256('${literal}')`;

/* ── values ──────────────────────────────────────────────────────────────────────────────────────────── */

const PARAMETER_TYPE: Readonly<Record<ValueType, string>> = {
  text: 'String',
  list: 'String',
  number: 'Float64',
  money: 'Int64',
  boolean: 'UInt8',
  date: 'Date32',
  instant: "DateTime64(3, 'UTC')",
};

/** A value expression that is NULL exactly when the value is unknown; doubles without infinities, NaN and −0. */
function valueSql(type: ValueType, expression: string): string {
  switch (type) {
    case 'text':
      return `nullIf(${expression}, '')`;
    case 'number':
      return `if(isFinite(toFloat64(${expression})), toFloat64(${expression}) + 0., NULL)`;
    default:
      return expression;
  }
}

/**
 * An instant as epoch milliseconds. Aggregates take these: once the engine has compiled `min` or `max` of a
 * `DateTime64` to machine code (after a few runs), it takes instants before 1970 for the latest of all.
 */
const millisSql = (expression: string): string =>
  `toUnixTimestamp64Milli(toDateTime64(${expression}, 3, 'UTC'))`;

/** A test that is never NULL: false for unknown, but for `unknown`. */
function comparisonSql(bag: Bag, type: ValueType, expression: string, comparison: Comparison): string {
  const parameterType = PARAMETER_TYPE[type];
  const bound = (operand: Operand): string => bag.bind(parameterType, bindable(type, operand));
  const value = valueSql(type, expression);
  switch (comparison.test) {
    case 'known':
      return type === 'list' ? `notEmpty(${expression})` : `isNotNull(${value})`;
    case 'unknown':
      return type === 'list' ? `empty(${expression})` : `isNull(${value})`;
    case 'in':
    case 'not in': {
      const members = bag.bind(
        `Array(${parameterType})`,
        comparison.operands.map((operand) => bindable(type, operand)),
      );
      return `ifNull(${value} ${comparison.test === 'in' ? 'IN' : 'NOT IN'} ${members}, 0)`;
    }
    case 'range': {
      const ends = [
        ...(comparison.from === undefined ? [] : [`${value} >= ${bound(comparison.from)}`]),
        ...(comparison.to === undefined ? [] : [`${value} < ${bound(comparison.to)}`]),
      ];
      return ends.length === 0 ? `isNotNull(${value})` : `ifNull(${ends.join(' AND ')}, 0)`;
    }
    case 'contains':
      return type === 'list'
        ? `has(${expression}, ${bound(comparison.operand)})`
        : `ifNull(position(${value}, ${bound(comparison.operand)}) > 0, 0)`;
    case 'starts with':
      return `ifNull(startsWith(${value}, ${bound(comparison.operand)}), 0)`;
    case 'anniversary': {
      const keys = bag.bind('Array(UInt16)', [...comparison.monthDays]);
      return `ifNull((toMonth(${value}) * 100 + toDayOfMonth(${value})) IN ${keys}, 0)`;
    }
    default:
      return `ifNull(${value} ${comparison.test} ${bound(comparison.operand)}, 0)`;
  }
}

/** Instants travel as text, which the engine reads exactly. */
function bindable(type: ValueType, operand: Operand): string | number {
  if (type !== 'instant') return operand;
  return new Date(Number(operand)).toISOString().replace('T', ' ').slice(0, -1);
}

/* ── names ───────────────────────────────────────────────────────────────────────────────────────────── */

/** Quotes a name of the catalog; the catalog is ours, and still nothing but plain names gets through. */
function quoteName(name: string): string {
  if (!/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name)) throw new Error(`"${name}" cannot be a warehouse name`);
  return `\`${name}\``;
}

const quoteTable = (name: string): string => name.split('.').map(quoteName).join('.');
const fromSql = (from: string): string => (from.startsWith('(') ? from : quoteTable(from));

function missing(noun: string, name: string): never {
  throw conditionProblems.invalid({ detail: `There is no ${noun} "${name}" any more.` });
}

function cyclic(path: readonly string[]): never {
  throw conditionProblems.invalid({ detail: `Audiences contain each other: ${path.join(' → ')}.` });
}

/**
 * A value of the warehouse as JSON carries it, for the predicate: `readValue` of the answer is the value that the
 * conditions of `compileCids` see. Instants are epoch milliseconds, dates and money text.
 */
export function readableSql(type: ValueType, expression: string): string {
  switch (type) {
    case 'instant':
      return millisSql(expression);
    case 'money':
    case 'date':
      return `toString(${expression})`;
    case 'boolean':
      return `toUInt8(${expression})`;
    default:
      return valueSql(type, expression);
  }
}

/** Rows of an event, with its fixed filter; made of the catalog alone. */
export function eventFrom(entry: EventEntry): string {
  return entry.filter === undefined
    ? fromSql(entry.from)
    : `(SELECT * FROM ${fromSql(entry.from)} WHERE ${entry.filter})`;
}

/** A table or column name of the catalog, quoted. */
export function quoted(name: string): string {
  return quoteTable(name);
}
