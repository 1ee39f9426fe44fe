import { setImmediate as yieldToLoop } from 'node:timers/promises';
import type { Condition } from '@rapport/conditions';
import { type ConditionCatalog, quoted, type Scalar, type TagEntry } from '@rapport/conditions';
import { toIso } from '@rapport/kernel';
import type { CidSet, Release, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { Resolved, ResolveOptions } from './audiences.ts';
import {
  bucketCondition,
  type CodedBucket,
  type CodedPair,
  type CodedTag,
  packPair,
  totalBytes,
} from './coded-tag.ts';

/** Codes of tags, two to a byte. */
export interface CodedTags {
  /**
   * The pairs that hold these tags, one after another. What was read is kept up to a budget of memory and stays true as
   * long as the tag's table does; beyond the budget pairs are read and let go.
   */
  pairs(
    tagIds: readonly string[],
    catalog: ConditionCatalog,
    release: Release,
    signal?: AbortSignal,
  ): AsyncGenerator<CodedPair & { readonly totals: Float64Array }>;
  /**
   * After new data: lets go what is no more, and reads what took its place, so that the next question need not wait.
   * Does nothing where nobody asked yet.
   */
  renew(catalog: ConditionCatalog, release: Release, signal?: AbortSignal): Promise<void>;
  /**
   * The commonest members of a list tag with their customers, who may be in several; `undefined` when the tag is no
   * list, or its members are not indexed.
   */
  members(
    tagId: string,
    catalog: ConditionCatalog,
    release: Release,
    signal?: AbortSignal,
  ): Promise<readonly ListMember[] | undefined>;
  /** A tag's buckets alone. */
  buckets(
    tagId: string,
    catalog: ConditionCatalog,
    release: Release,
    signal?: AbortSignal,
  ): Promise<readonly CodedBucket[]>;
}

/** A member of a list tag and the customers who have it. */
export interface ListMember {
  readonly bucket: CodedBucket;
  readonly cids: CidSet;
}

interface CodedTagsDeps {
  readonly warehouse: Warehouse;
  /** The set engine's codes of several tags; those that are not indexed are left out. */
  readonly indexed: (
    tagIds: readonly string[],
    catalog: ConditionCatalog,
    release: Release,
    signal: AbortSignal | undefined,
  ) => Promise<ReadonlyMap<string, CodedTag>>;
  /** The commonest members of a list tag; `undefined` where it is not indexed. */
  readonly indexedMembers: (
    tagId: string,
    most: number,
    catalog: ConditionCatalog,
    release: Release,
    signal: AbortSignal | undefined,
  ) => Promise<readonly { readonly label: string; readonly cids: CidSet }[] | undefined>;
  /** The buckets of an indexed tag. */
  readonly indexedBuckets: (
    tagId: string,
    catalog: ConditionCatalog,
    release: Release,
    signal: AbortSignal | undefined,
  ) => Promise<readonly CodedBucket[] | undefined>;
  /** Evaluates the buckets of tags that are not. */
  readonly resolve: (condition: Condition, options?: ResolveOptions) => Promise<Resolved>;
  /** Bytes kept: ten million customers take five megabytes a tag. */
  readonly memoryBytes: number;
}

const MOST_VALUES = 14;
/** Pairs read together: a statement costs more than the bytes of a small bank, and the bytes of a large one are held twice. */
const PAIRS_AT_ONCE = 4;
const DAY_MS = 86_400_000;
type Pair = CodedPair & { readonly totals: Float64Array };
/** Pairs that are asked for together: those found in memory, and those that are being read. */
interface Group {
  readonly keys: readonly string[];
  readonly missing: readonly string[];
  readonly found: Map<string, Pair>;
  readonly fresh: Promise<Pair[]>;
}
const TopRow = Type.Object({ value: Type.Unknown(), n: Type.Integer() });
const EdgeRow = Type.Object({ edges: Type.Array(Type.Number()) });

export function createCodedTags(deps: CodedTagsDeps): CodedTags {
  const { warehouse, memoryBytes } = deps;
  const kept = new Map<string, { pair: Pair; usedIn: number }>();
  let keptBytes = 0;

  /** By one condition a bucket: slow, and right for whatever evaluates conditions. */
  const byEvaluation = async (tagId: string, entry: TagEntry): Promise<CodedTag> => {
    const buckets = await bucketsOf(warehouse, entry);
    const sets: CidSet[] = [];
    for (const bucket of buckets) sets.push((await deps.resolve(bucketCondition(tagId, entry, bucket))).cids);
    const last = Math.max(0, ...sets.map(lastOf));
    const codes = new Uint8Array(last + 1);
    sets.forEach((set, index) => {
      const code = buckets[index]?.code ?? 0;
      for (const cid of set.toArray()) codes[cid] = code;
    });
    return { codes, buckets };
  };

  const read = async (
    pairs: readonly (readonly string[])[],
    ...[catalog, release, signal]: [ConditionCatalog, Release, AbortSignal | undefined]
  ): Promise<Pair[]> => {
    if (pairs.length === 0) return [];
    const indexed = await deps.indexed(pairs.flat(), catalog, release, signal);
    const packed: Pair[] = [];
    for (const ids of pairs) {
      const coded: { tag: string; found: CodedTag }[] = [];
      for (const tag of ids) {
        const entry = catalog.tag(tag);
        if (entry) coded.push({ tag, found: indexed.get(tag) ?? (await byEvaluation(tag, entry)) });
      }
      const [low, high] = coded;
      const bytes = low ? packPair(low.found.codes, high?.found.codes) : new Uint8Array();
      packed.push({
        bytes,
        totals: totalBytes(bytes),
        tags: coded.map(({ tag, found }, at) => ({ tag, shift: at === 0 ? 0 : 4, buckets: found.buckets })),
      });
      await yieldToLoop();
    }
    return packed;
  };

  const forget = (key: string): void => {
    keptBytes -= kept.get(key)?.pair.bytes.length ?? 0;
    kept.delete(key);
  };
  /** What no present question used makes room first; then what was just read, for pushing out the others gains nothing. */
  const keep = (key: string, pair: Pair, present: number): void => {
    if (kept.has(key)) return;
    kept.set(key, { pair, usedIn: present });
    keptBytes += pair.bytes.length;
    const stale = [...kept].filter(([, { usedIn }]) => usedIn < present).map(([each]) => each);
    for (const each of [...stale, key]) {
      if (keptBytes <= memoryBytes) return;
      forget(each);
    }
  };

  async function* pairs(
    tagIds: readonly string[],
    catalog: ConditionCatalog,
    release: Release,
    signal?: AbortSignal,
  ): AsyncGenerator<Pair> {
    const wanted = new Set(tagIds);
    const asked = keyedPairs(catalog).filter(({ ids }) => ids.some((id) => wanted.has(id)));
    const start = (from: number): Group => {
      const group = asked.slice(from, from + PAIRS_AT_ONCE);
      const missing = group.filter(({ key }) => !kept.has(key));
      // Held by itself from here on: what is read next may push what is kept out.
      const found = new Map<string, Pair>();
      for (const { key } of group) {
        const known = kept.get(key);
        if (!known) continue;
        known.usedIn = release.number;
        found.set(key, known.pair);
      }
      const fresh = read(
        missing.map(({ ids }) => ids),
        catalog,
        release,
        signal,
      );
      // Whoever stops asking in between does not wait for what was begun.
      fresh.catch(() => undefined);
      return { keys: group.map(({ key }) => key), missing: missing.map(({ key }) => key), found, fresh };
    };
    // The warehouse reads the next ones while these are looked at.
    let next: Group | undefined = start(0);
    for (let from = PAIRS_AT_ONCE; next; from += PAIRS_AT_ONCE) {
      const { keys, missing, found, fresh }: Group = next;
      const pairsRead = await fresh;
      next = from < asked.length ? start(from) : undefined;
      for (const [at, key] of missing.entries()) {
        const pair = pairsRead[at];
        if (!pair) continue;
        found.set(key, pair);
        keep(key, pair, release.number);
      }
      for (const key of keys) {
        const pair = found.get(key);
        if (pair) yield { ...pair, tags: pair.tags.filter(({ tag }) => wanted.has(tag)) };
      }
    }
  }

  return {
    async buckets(tagId, catalog, release, signal) {
      const entry = catalog.tag(tagId);
      if (!entry || entry.type === 'list') return [];
      return (await deps.indexedBuckets(tagId, catalog, release, signal)) ?? bucketsOf(warehouse, entry);
    },
    async members(tagId, catalog, release, signal) {
      if (catalog.tag(tagId)?.type !== 'list') return undefined;
      const found = await deps.indexedMembers(tagId, MOST_VALUES, catalog, release, signal);
      return found?.map(({ label, cids }, at) => ({ bucket: { code: at + 1, values: [label] }, cids }));
    },
    pairs,
    async renew(catalog, release, signal) {
      if (kept.size === 0) return;
      const all = keyedPairs(catalog);
      const present = new Set(all.map(({ key }) => key));
      for (const key of [...kept.keys()]) if (!present.has(key)) forget(key);
      const reading = pairs(
        all.flatMap(({ ids }) => ids),
        catalog,
        release,
        signal,
      );
      for await (const { bytes } of reading) if (keptBytes + bytes.length > memoryBytes) return;
    },
  };
}

/** Tags two by two, the same ones whatever is asked for, so that what is kept serves every question. */
function keyedPairs(catalog: ConditionCatalog): { readonly ids: readonly string[]; readonly key: string }[] {
  const all = catalog.tagIds().filter((id) => catalog.tag(id)?.type !== 'list');
  return Array.from({ length: Math.ceil(all.length / 2) }, (_, at) => all.slice(2 * at, 2 * at + 2)).map(
    (ids) => ({ ids, key: JSON.stringify(ids.map((id) => [id, placeOf(catalog.tag(id))])) }),
  );
}

/** What makes two readings of a tag the same: its table, its column and the segments behind them. */
const placeOf = (entry: TagEntry | undefined): unknown =>
  entry && [entry.table, entry.column, 'segments' in entry ? entry.segments : undefined];

const lastOf = (set: CidSet): number => set.toArray().at(-1) ?? 0;

async function bucketsOf(warehouse: Warehouse, entry: TagEntry): Promise<CodedBucket[]> {
  const column = quoted(entry.column);
  const from = quoted(entry.table);
  if (entry.type === 'boolean')
    return [
      { code: 1, values: [true] },
      { code: 2, values: [false] },
    ];
  const few = await warehouse.query(
    TopRow,
    `SELECT ${column} AS value, count() AS n FROM ${from} WHERE isNotNull(${column})${entry.type === 'text' ? ` AND ${column} != ''` : ''} GROUP BY value ORDER BY n DESC, value LIMIT ${MOST_VALUES + 1}`,
  );
  if (entry.type === 'text') {
    const values = few.slice(0, MOST_VALUES).map((row) => String(row.value));
    return [
      ...values.map((value, index) => ({ code: index + 1, values: [value] })),
      ...(few.length > MOST_VALUES ? [{ code: MOST_VALUES + 1, values, isOther: true }] : []),
    ];
  }
  if ((entry.type === 'number' || entry.type === 'money') && few.length <= MOST_VALUES) {
    const values = few.map((row) => Number(row.value)).sort((a, b) => a - b);
    return rangesBetween(values.slice(1), (value) => value);
  }
  const value =
    entry.type === 'date'
      ? `toFloat64(toRelativeDayNum(${column}))`
      : entry.type === 'instant'
        ? `toFloat64(toUnixTimestamp64Milli(${column}))`
        : `toFloat64(${column})`;
  const levels = Array.from({ length: 11 }, (_, at) => (at + 1) / 12).join(', ');
  const [row] = await warehouse.query(
    EdgeRow,
    `SELECT arraySort(arrayDistinct(quantilesTDigestIf(${levels})(assumeNotNull(${value}), isNotNull(${column})))) AS edges FROM ${from}`,
  );
  const edges = (row?.edges ?? []).filter(Number.isFinite);
  if (entry.type === 'date')
    return rangesBetween(unique(edges.map(Math.round)), (day) => toIso(day * DAY_MS).slice(0, 10));
  if (entry.type === 'instant') return rangesBetween(unique(edges.map(Math.round)), (at) => toIso(at));
  return rangesBetween(unique(entry.type === 'money' ? edges.map(Math.round) : edges), (edge) => edge);
}

const unique = (values: readonly number[]): number[] => [...new Set(values)];

/** Half-open ranges cut at these edges, ends open. */
function rangesBetween(edges: readonly number[], write: (edge: number) => Scalar): CodedBucket[] {
  const written = edges.map(write).filter((edge) => typeof edge !== 'boolean');
  return Array.from({ length: written.length + 1 }, (_, at) => {
    const [from, to] = [written[at - 1], written[at]];
    return { code: at + 1, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  });
}
