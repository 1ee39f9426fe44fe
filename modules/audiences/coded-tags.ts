import type { Condition } from '@rapport/conditions';
import { type ConditionCatalog, quoted, type Scalar, type TagEntry } from '@rapport/conditions';
import { toIso } from '@rapport/kernel';
import type { CidSet, Release, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { Resolved, ResolveOptions } from './audiences.ts';
import { bucketCondition, type CodedBucket, type CodedTag } from './coded-tag.ts';

/** Answers the coded values of tags, all of one release. */
export interface CodedTags {
  /** `undefined` for tags whose values no byte can hold, such as lists. */
  codes(tagId: string, catalog: ConditionCatalog, release: Release): Promise<CodedTag | undefined>;
}

const MOST_VALUES = 14;
const DAY_MS = 86_400_000;
const TopRow = Type.Object({ value: Type.Unknown(), n: Type.Integer() });
const EdgeRow = Type.Object({ edges: Type.Array(Type.Number()) });

/**
 * Codes tags by evaluating one condition a bucket, whatever evaluates conditions; what was coded is kept for the
 * release, up to a budget of memory, least recently used first out.
 */
export function createCodedTags(deps: {
  readonly warehouse: Warehouse;
  readonly resolve: (condition: Condition, options?: ResolveOptions) => Promise<Resolved>;
  /** @default 1 GiB */
  readonly memoryBytes?: number;
}): CodedTags {
  const { warehouse, memoryBytes = 2 ** 30 } = deps;
  const kept = new Map<string, Promise<CodedTag>>();
  let keptBytes = 0;
  const sizes = new Map<string, number>();

  const build = async (tagId: string, entry: TagEntry): Promise<CodedTag> => {
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
  return {
    async codes(tagId, catalog, release) {
      const entry = catalog.tag(tagId);
      if (!entry || entry.type === 'list') return undefined;
      const key = `${release.number} ${entry.table} ${entry.column}`;
      const known = kept.get(key);
      if (known) {
        kept.delete(key);
        kept.set(key, known);
        return known;
      }
      const building = build(tagId, entry);
      kept.set(key, building);
      try {
        const built = await building;
        sizes.set(key, built.codes.length);
        keptBytes += built.codes.length;
        for (const old of kept.keys()) {
          if (keptBytes <= memoryBytes || old === key) break;
          kept.delete(old);
          keptBytes -= sizes.get(old) ?? 0;
          sizes.delete(old);
        }
        return built;
      } catch (error) {
        kept.delete(key);
        throw error;
      }
    },
  };
}

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
