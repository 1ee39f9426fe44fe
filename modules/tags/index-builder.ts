import { compareText, keySql, type Scalar, type ValueType, valueOfKey } from '@rapport/conditions';
import { toIso } from '@rapport/kernel';
import {
  CODE_BLOCK,
  DIRECTORY_COLUMNS,
  type DirectoryForm,
  PIECE,
  PIECE_COLUMNS,
  PIECE_SETTINGS,
  type PieceKind,
  pieceKey,
  type TagBucket,
} from '@rapport/sets';
import type { Placement, Releases, Warehouse, WarehouseOptions } from '@rapport/stores';
import { Type } from 'typebox';
import { literal } from './expression.ts';

/** A physical table of tags whose index is to be made. */
export interface SegmentToIndex {
  readonly table: string;
  readonly tags: readonly { readonly column: string; readonly type: ValueType }[];
  /** The first segment of the same tags and the directory of its index: codes must mean the same in both. */
  readonly base?: { readonly segment: string; readonly directory: string };
}

export interface IndexBuilder {
  /**
   * Makes the indexes of some segments, by SQL alone: no customer's value passes through here. Nothing becomes
   * visible.
   * @returns the placement of each segment's index, to be published as `index/<segment>`
   */
  build(
    segments: readonly SegmentToIndex[],
    options?: { readonly signal?: AbortSignal; readonly onProgress?: (share: number) => Promise<void> },
  ): Promise<ReadonlyMap<string, Placement>>;
}

/** How fine an index is; tests make these small. */
export interface IndexLimits {
  /** Numbers that differ more are put in ranges. @default 512 */
  readonly numbers: number;
  /** Texts that differ more have no entries. @default 4,096 */
  readonly texts: number;
  /** @default 256 */
  readonly ranges: number;
  /** @default 16 */
  readonly checkpoints: number;
  /** Below this many customers a union of entries costs nothing to speak of. @default 50,000 */
  readonly checkpointsFrom: number;
  /** Customers whose values decide how a tag is split; of more than that, a sample of about as many. @default 1,000,000 */
  readonly sampled: number;
}
const LIMITS: IndexLimits = {
  numbers: 512,
  texts: 4_096,
  ranges: 256,
  checkpoints: 16,
  checkpointsFrom: 50_000,
  sampled: 1_000_000,
};
const BUCKETS = 15;
/** Customers of a sample are taken together by their numbers, so that the engine skips what lies between. */
const SAMPLE_BLOCK = 8_192;
/** Values that one statement reads at most; it holds their ranges in memory. */
const VALUES_A_STATEMENT = 20_000_000;
const TAGS_A_STATEMENT = 40;
/** Segments smaller than this together share two tables, so that a small bank's refresh makes few of them. */
const VALUES_SHARED = 50_000_000;
const MAX_SECONDS = 3_600;

const StatisticsRow = Type.Object({
  segment: Type.Integer(),
  first: Type.Integer(),
  different: Type.Array(Type.Integer()),
  quantiles: Type.Array(Type.Array(Type.Number())),
});
const EntryRow = Type.Object({
  key: Type.Integer(),
  low: Type.Number(),
  high: Type.Number(),
  label: Type.String(),
  size: Type.Integer(),
});
const TopRow = Type.Object({ position: Type.Integer(), texts: Type.Array(Type.String()) });
const BucketsRow = Type.Object({ column: Type.String(), buckets: Type.String() });

interface TagPart {
  readonly segment: SegmentToIndex;
  readonly column: string;
  readonly type: ValueType;
  readonly position: number;
  readonly customers: number;
  readonly form: DirectoryForm;
  /** Lower ends of ranges, ascending. */
  readonly bounds: readonly number[];
}

/** Tags of one segment that are measured together. */
interface Asked {
  readonly segment: SegmentToIndex;
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly customers: number;
}

interface Entry {
  readonly id: number;
  readonly low: number;
  readonly high: number;
  readonly label: string;
  readonly size: number;
}

interface IndexedTag extends TagPart {
  /** In the order of their values. */
  readonly entries: readonly Entry[];
  readonly cuts: readonly number[];
  readonly buckets: readonly TagBucket[];
}

export function createIndexBuilder(deps: {
  readonly warehouse: Warehouse;
  readonly releases: Pick<Releases, 'newTableName'>;
  readonly limits?: IndexLimits;
}): IndexBuilder {
  const { warehouse, releases, limits = LIMITS } = deps;
  const levels = Array.from({ length: limits.ranges - 1 }, (_, index) => (index + 1) / limits.ranges);

  const build: IndexBuilder['build'] = async (segments, options = {}) => {
    const placements = new Map<string, Placement>();
    const work: WarehouseOptions = {
      maxSeconds: MAX_SECONDS,
      ...(options.signal ? { signal: options.signal } : {}),
    };
    const sizes = await rowsOf(segments, work);
    const groups = groupsOf(segments, sizes);
    for (const [done, group] of groups.entries()) {
      const values = group.reduce((sum, each) => sum + (sizes.get(each.table) ?? 0) * each.tags.length, 0);
      const placement = await buildGroup(group, sizes, values > VALUES_SHARED, work);
      for (const each of group) placements.set(each.table, placement);
      await options.onProgress?.((done + 1) / groups.length);
    }
    return placements;
  };

  const rowsOf = async (
    segments: readonly SegmentToIndex[],
    work: WarehouseOptions,
  ): Promise<Map<string, number>> => {
    if (segments.length === 0) return new Map();
    const rows = await warehouse.query(
      Type.Object({ segment: Type.Integer(), n: Type.Integer() }),
      segments
        .map((each, at) => `SELECT ${at} AS segment, count() AS n FROM ${warehouse.identifier(each.table)}`)
        .join(' UNION ALL '),
      {},
      work,
    );
    return new Map(rows.map(({ segment, n }) => [segments[segment]?.table ?? '', n]));
  };

  const buildGroup = async (
    segments: readonly SegmentToIndex[],
    rows: ReadonlyMap<string, number>,
    isLarge: boolean,
    work: WarehouseOptions,
  ): Promise<Placement> => {
    const pieces = releases.newTableName('tag_pieces');
    const directory = releases.newTableName('tag_directory');
    await warehouse.createTable({
      name: pieces,
      columns: PIECE_COLUMNS,
      orderBy: 'key',
      // Bitmaps of one tag lie together; merging them would only copy them.
      ...(isLarge ? { partitionBy: 'intDiv(key, 4294967296)' } : {}),
      settings: `${PIECE_SETTINGS}, max_bytes_to_merge_at_max_space_in_pool = 1, max_bytes_to_merge_at_min_space_in_pool = 1`,
      spread: 'any',
    });
    try {
      await warehouse.createTable({
        name: directory,
        columns: DIRECTORY_COLUMNS,
        orderBy: 'segment, column',
        spread: 'copy',
      });
      const parts = await measure(segments, rows, work);
      const tags: IndexedTag[] = [];
      for (const chunk of chunksOf(parts)) {
        await insert(pieces, ENTRY_COLUMNS, chunk.flatMap(entriesSql), work);
        const entries = await readEntries(pieces, chunk, work);
        const tops = await topTexts(chunk, work);
        const given = await givenBuckets(chunk);
        const indexed = chunk.map((part): IndexedTag => {
          const own = (entries.get(part.position) ?? []).toSorted((one, other) =>
            orderOf(part.form, one, other),
          );
          return {
            ...part,
            entries: own,
            cuts: cutsOf(part, own, limits),
            buckets: given.get(part) ?? bucketsOf(part, own, tops.get(part.position) ?? []),
          };
        });
        await insert(
          pieces,
          'key, bits',
          indexed.flatMap((tag) => [...checkpointsSql(pieces, tag), knownSql(pieces, tag)]),
          work,
        );
        await insert(pieces, 'key, codes', indexed.filter(hasCodes).map(codesSql), work);
        tags.push(...indexed);
      }
      await insert(
        pieces,
        'key, bits',
        segments.map(
          (each, at) =>
            `SELECT toUInt64(${pieceKey(at, PIECE.customers)}), groupBitmapState(cid) FROM ${warehouse.identifier(each.table)}`,
        ),
        work,
      );
      const blocks = await blocksOf(segments, work);
      await warehouse.insert(directory, [
        ...segments.map((each, at) => ({
          ...EMPTY_ROW,
          segment: each.table,
          column: '',
          position: at,
          pieces,
          form: 'segment',
        })),
        ...tags.map((tag) => directoryRow(tag, pieces, blocks.get(tag.segment.table) ?? [])),
      ]);
    } catch (error) {
      await warehouse.drop(pieces, directory);
      throw error;
    }
    return { table: directory, segments: [directory, pieces] };
  };

  /** How many different values each tag has, and where the ends of its ranges shall be. */
  const measure = async (
    segments: readonly SegmentToIndex[],
    rows: ReadonlyMap<string, number>,
    work: WarehouseOptions,
  ): Promise<TagPart[]> => {
    const parts: TagPart[] = [];
    let position = segments.length;
    const asked = segments.flatMap((segment, at): Asked[] => {
      const customers = rows.get(segment.table) ?? 0;
      const size = Math.max(
        1,
        Math.min(
          TAGS_A_STATEMENT,
          Math.floor(4 * (VALUES_A_STATEMENT / Math.max(1, Math.min(customers, limits.sampled)))),
        ),
      );
      return rangeOf(0, segment.tags.length, size).map(([from, to]) => ({
        segment,
        at,
        from,
        to,
        customers,
      }));
    });
    // Small segments are measured together; a large one's tags some at a time.
    for (const batch of batchesOf(
      asked,
      (each) => Math.min(each.customers, limits.sampled) * (each.to - each.from),
      4 * VALUES_A_STATEMENT,
    )) {
      const found = await warehouse.query(
        StatisticsRow,
        batch.map(statisticsSql).join(' UNION ALL '),
        {},
        work,
      );
      for (const { segment, at, from, to, customers } of batch) {
        const row = found.find((each) => each.segment === at && each.first === from);
        segment.tags.slice(from, to).forEach(({ column, type }, index) => {
          const different = row?.different[index] ?? 0;
          const form = formOf(type, different, limits);
          parts.push({
            segment,
            column,
            type,
            position: position++,
            customers,
            form,
            bounds: form === 'ranges' ? boundsOf(type, row?.quantiles[index] ?? []) : [],
          });
        });
      }
    }
    return parts;
  };

  const statisticsSql = ({ segment, at, from, to, customers }: Asked): string => {
    const sampleEvery = Math.floor(customers / limits.sampled);
    const sample = sampleEvery > 1 ? ` WHERE intDiv(cid, ${SAMPLE_BLOCK}) % ${sampleEvery} = 0` : '';
    const tags = segment.tags.slice(from, to);
    const keys = tags.map(({ column, type }, index) => `${keySql(type, column)} AS k${index}`);
    const different = tags.map(({ type }, index) =>
      type === 'list' ? `toUInt32(uniqArray(k${index}))` : `toUInt32(uniq(k${index}))`,
    );
    const quantiles = tags.map(({ type }, index) =>
      isNumeric(type) && type !== 'boolean'
        ? `arrayFilter(x -> isFinite(x), quantilesIf(${levels.join(', ')})(assumeNotNull(k${index}), isNotNull(k${index})))`
        : 'CAST([] AS Array(Float64))',
    );
    return `SELECT toUInt32(${at}) AS segment, toUInt32(${from}) AS first,
      [${different.join(', ')}] AS different, [${quantiles.join(', ')}] AS quantiles
      FROM (SELECT ${keys.join(', ')} FROM ${warehouse.identifier(segment.table)}${sample})`;
  };

  const entriesSql = (part: TagPart): string[] => {
    const start = `toUInt64(${pieceKey(part.position, PIECE.entry)})`;
    const from = knownKeys(part);
    const none = 'CAST([] AS Array(UInt32)) AS cids, CAST([] AS Array(Float64)) AS numbers';
    switch (part.form) {
      case 'texts':
      case 'members':
        return [
          `SELECT ${start} + rowNumberInAllBlocks() AS key, bits, 0. AS low, 0. AS high, k AS label, n AS size, ${none}
           FROM (SELECT k, groupBitmapState(cid) AS bits, toUInt32(count()) AS n FROM (${from}) GROUP BY k)`,
        ];
      case 'numbers':
        return [
          `SELECT ${start} + rowNumberInAllBlocks() AS key, bits, k AS low, k AS high, '' AS label, n AS size, ${none}
           FROM (SELECT k, groupBitmapState(cid) AS bits, toUInt32(count()) AS n FROM (${from}) GROUP BY k)`,
        ];
      case 'ranges': {
        const bounds = floats(part.bounds);
        return [
          `SELECT ${start} + indexOf(${bounds}, bound) AS key, bits, low, high, '' AS label, n AS size,
             if(low = high, [], cids_of) AS cids, if(low = high, [], numbers_of) AS numbers
           FROM (SELECT roundDown(k, ${bounds}) AS bound, groupBitmapState(cid) AS bits, min(k) AS low, max(k) AS high,
             toUInt32(count()) AS n, groupArray(cid) AS cids_of, groupArray(k) AS numbers_of FROM (${from}) GROUP BY bound)`,
        ];
      }
      default:
        return [];
    }
  };

  /** A row of every customer (and member of a list) with a known value: `cid`, `k`. */
  const knownKeys = ({ segment, column, type }: TagPart): string => {
    const table = warehouse.identifier(segment.table);
    const key = keySql(type, column);
    return type === 'list'
      ? `SELECT cid, arrayJoin(arrayDistinct(${key})) AS k FROM ${table}`
      : `SELECT cid, assumeNotNull(${key}) AS k FROM ${table} WHERE isNotNull(${key})`;
  };

  const readEntries = async (
    pieces: string,
    parts: readonly TagPart[],
    work: WarehouseOptions,
  ): Promise<Map<number, Entry[]>> => {
    const entries = new Map<number, Entry[]>();
    if (parts.length === 0) return entries;
    const within = parts.map(({ position }) => keysOf(position, PIECE.entry)).join(' OR ');
    for (const row of await warehouse.query(
      EntryRow,
      `SELECT key, low, high, label, size FROM ${warehouse.identifier(pieces)} WHERE ${within}`,
      {},
      work,
    )) {
      const position = Math.floor(row.key / 2 ** 32);
      const { key, ...entry } = row;
      const own = entries.get(position) ?? [];
      entries.set(position, own);
      own.push({ ...entry, id: key - pieceKey(position, PIECE.entry) });
    }
    return entries;
  };

  /** The commonest texts of tags that have too many of them for entries. */
  const topTexts = async (
    parts: readonly TagPart[],
    work: WarehouseOptions,
  ): Promise<Map<number, string[]>> => {
    const wanted = parts.filter(({ form, type }) => form === 'none' && type === 'text');
    if (wanted.length === 0) return new Map();
    const rows = await warehouse.query(
      TopRow,
      wanted
        .map(
          (part) =>
            `SELECT toUInt32(${part.position}) AS position, arrayMap(top -> top.1, approx_top_k(${BUCKETS - 1}, 2000)(k)) AS texts FROM (${knownKeys(part)})`,
        )
        .join(' UNION ALL '),
      {},
      work,
    );
    return new Map(rows.map(({ position, texts }) => [position, texts]));
  };

  /** The buckets of the tags' first segments. */
  const givenBuckets = async (parts: readonly TagPart[]): Promise<Map<TagPart, readonly TagBucket[]>> => {
    const given = new Map<TagPart, readonly TagBucket[]>();
    for (const segment of new Set(parts.map((part) => part.segment))) {
      if (!segment.base) continue;
      const rows = await warehouse.query(
        BucketsRow,
        `SELECT column, buckets FROM ${warehouse.identifier(segment.base.directory)} WHERE segment = {segment:String}`,
        { segment: segment.base.segment },
      );
      for (const part of parts) {
        const row = part.segment === segment ? rows.find(({ column }) => column === part.column) : undefined;
        if (row && row.buckets !== '') given.set(part, JSON.parse(row.buckets));
      }
    }
    return given;
  };

  const checkpointsSql = (pieces: string, tag: IndexedTag): string[] => {
    if (tag.cuts.length === 0) return [];
    const edges = floats(tag.cuts.map((cut) => tag.entries[cut]?.low ?? 0));
    const start = pieceKey(tag.position, PIECE.checkpoint);
    return [
      `SELECT toUInt64(${start}) + cut, groupBitmapMergeState(bits) FROM (
         SELECT bits, arrayJoin(arrayFilter((at, edge) -> low < edge, range(${tag.cuts.length}), ${edges})) AS cut
         FROM ${warehouse.identifier(pieces)} WHERE ${keysOf(tag.position, PIECE.entry)}) GROUP BY cut`,
    ];
  };

  const knownSql = (pieces: string, tag: IndexedTag): string => {
    const key = `toUInt64(${pieceKey(tag.position, PIECE.known)})`;
    const table = warehouse.identifier(tag.segment.table);
    if (tag.type === 'list')
      return `SELECT ${key}, groupBitmapState(cid) FROM ${table} WHERE notEmpty(${keySql(tag.type, tag.column)})`;
    return tag.form === 'none'
      ? `SELECT ${key}, groupBitmapState(cid) FROM ${table} WHERE isNotNull(${keySql(tag.type, tag.column)})`
      : `SELECT ${key}, groupBitmapMergeState(bits) FROM ${warehouse.identifier(pieces)} WHERE ${keysOf(tag.position, PIECE.entry)}`;
  };

  /** The codes of a block in the order of its customers, whatever order the engine reads them in. */
  const codesSql = (tag: IndexedTag): string => {
    const key = keySql(tag.type, tag.column);
    return `SELECT toUInt64(${pieceKey(tag.position, PIECE.codes)}) + intDiv(cid, ${CODE_BLOCK}) AS key,
      arrayMap(x -> toUInt8(bitAnd(x, 15)), arraySort(groupArray(toUInt32((cid % ${CODE_BLOCK}) * 16 + code)))) AS codes
      FROM (SELECT cid, if(isNull(${key}), 0, ${codeSql(tag, `assumeNotNull(${key})`)}) AS code FROM ${warehouse.identifier(tag.segment.table)})
      GROUP BY key`;
  };

  const blocksOf = async (
    segments: readonly SegmentToIndex[],
    work: WarehouseOptions,
  ): Promise<Map<string, number[]>> => {
    const rows = await warehouse.query(
      Type.Object({ segment: Type.Integer(), blocks: Type.Array(Type.Integer()) }),
      segments
        .map(
          (each, at) =>
            `SELECT toUInt32(${at}) AS segment, arraySort(groupUniqArray(toUInt32(intDiv(cid, ${CODE_BLOCK})))) AS blocks FROM ${warehouse.identifier(each.table)}`,
        )
        .join(' UNION ALL '),
      {},
      work,
    );
    return new Map(rows.map(({ segment, blocks }) => [segments[segment]?.table ?? '', blocks]));
  };

  const insert = async (
    table: string,
    columns: string,
    selects: readonly string[],
    work: WarehouseOptions,
  ): Promise<void> => {
    if (selects.length === 0) return;
    await warehouse.command(
      `INSERT INTO ${warehouse.identifier(table)} (${columns}) ${selects.join(' UNION ALL ')}`,
      {},
      {
        ...work,
        settings: { max_insert_block_size: 8_192, min_insert_block_size_rows: 8_192, ...work.settings },
      },
    );
  };

  return { build };
}

/* ── pure parts ──────────────────────────────────────────────────────────────────────────────────────── */

const ENTRY_COLUMNS = 'key, bits, low, high, label, size, cids, numbers';
const EMPTY_ROW = {
  ids: [],
  lows: [],
  highs: [],
  labels: [],
  sizes: [],
  cuts: [],
  codes: [],
  buckets: '',
  blocks: [],
} as const;

const isNumeric = (type: ValueType): boolean => type !== 'text' && type !== 'list';

function formOf(type: ValueType, different: number, limits: IndexLimits): DirectoryForm {
  if (type === 'list') return different <= limits.texts ? 'members' : 'none';
  if (type === 'text') return different <= limits.texts ? 'texts' : 'none';
  return different <= limits.numbers ? 'numbers' : 'ranges';
}

/**
 * Lower ends of ranges with about as many customers each. A value that fills whole ranges by itself gets one of its
 * own, so that nobody's value has to be looked at to tell it from those above.
 */
export function boundsOf(type: ValueType, quantiles: readonly number[]): number[] {
  const isWhole = type !== 'number';
  const bounds = new Set<number>();
  quantiles.forEach((quantile, index) => {
    const bound = isWhole ? Math.ceil(quantile) : quantile;
    bounds.add(bound);
    if (quantiles[index + 1] === quantile) bounds.add(isWhole ? bound + 1 : nextUp(bound));
  });
  // What lies below the first bound is in the first range too.
  return [...bounds].sort((one, other) => one - other);
}

/** The next larger double. @source IEEE 754-2008 §5.3.1 nextUp */
export function nextUp(value: number): number {
  if (value === 0) return Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 ? 1n : -1n));
  return view.getFloat64(0);
}

const floats = (numbers: readonly number[]): string => `CAST([${numbers.join(', ')}] AS Array(Float64))`;

const keysOf = (position: number, kind: PieceKind): string =>
  `(key >= ${pieceKey(position, kind)} AND key < ${pieceKey(position, kind, 2 ** 28)})`;

const orderOf = (form: DirectoryForm, one: Entry, other: Entry): number =>
  form === 'texts' || form === 'members' ? compareText(one.label, other.label) : one.low - other.low;

/** Places that split an ordered tag's customers into about equal parts. */
function cutsOf({ form, type }: TagPart, entries: readonly Entry[], limits: IndexLimits): number[] {
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (
    !isNumeric(type) ||
    form === 'none' ||
    entries.length <= limits.checkpoints ||
    total < limits.checkpointsFrom
  )
    return [];
  return splitEvenly(entries, limits.checkpoints);
}

/** Places `0 < place < entries.length` where a new part begins, of at most `count` parts of about equal size. */
function splitEvenly(entries: readonly Entry[], count: number): number[] {
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  const cuts: number[] = [];
  let before = 0;
  entries.forEach((entry, place) => {
    if (place > 0 && cuts.length < count - 1 && before >= ((cuts.length + 1) * total) / count)
      cuts.push(place);
    before += entry.size;
  });
  return cuts;
}

/** What people see of a tag: each value if they are few, else ranges, or the commonest texts and all others. */
function bucketsOf(part: TagPart, entries: readonly Entry[], tops: readonly string[]): TagBucket[] {
  const { form, type } = part;
  const valueIn = (entry: Entry): Scalar => conditionValue(type, isNumeric(type) ? entry.low : entry.label);
  if (form === 'numbers' && entries.length <= BUCKETS)
    return entries.map((entry, index) => ({ code: index + 1, values: [valueIn(entry)] }));
  if (form === 'numbers' || form === 'ranges') {
    const starts = [0, ...splitEvenly(entries, BUCKETS)];
    // A range starts at its bound, which may lie below the least value in it.
    const startOf = (place: number): Scalar | undefined => {
      const entry = entries[place];
      if (!entry) return undefined;
      return conditionValue(type, form === 'ranges' ? (part.bounds[entry.id - 1] ?? entry.low) : entry.low);
    };
    return starts.map((place, index) => {
      const from = index === 0 ? undefined : startOf(place);
      const next = starts[index + 1];
      const to = next === undefined ? undefined : startOf(next);
      return {
        code: index + 1,
        ...(from === undefined || typeof from === 'boolean' ? {} : { from }),
        ...(to === undefined || typeof to === 'boolean' ? {} : { to }),
      };
    });
  }
  if (form === 'none' && tops.length === 0) return [];
  const texts =
    form === 'none'
      ? tops
      : entries.toSorted((one, other) => other.size - one.size).map((entry) => entry.label);
  if (form !== 'none' && texts.length <= BUCKETS)
    return texts.map((text, index) => ({ code: index + 1, values: [text] }));
  const shown = texts.slice(0, BUCKETS - 1);
  return [
    ...shown.map((text, index) => ({ code: index + 1, values: [text] })),
    { code: BUCKETS, values: shown, isOther: true },
  ];
}

const hasCodes = (tag: IndexedTag): boolean => tag.type !== 'list' && tag.buckets.length > 0;

/** The code of a known key. */
function codeSql({ type, buckets }: IndexedTag, key: string): string {
  const isRanged = buckets.some((bucket) => bucket.from !== undefined || bucket.to !== undefined);
  if (isRanged) {
    const edges = buckets.flatMap(({ from }) => (from === undefined ? [] : [keyOf(type, from)]));
    // How many edges it has passed: the engine adds up comparisons several times faster than it tries branches.
    return edges.reduce((code, edge) => `toUInt8(${code} + (${key} >= ${floatOf(edge)}))`, '1');
  }
  const other = buckets.find((bucket) => bucket.isOther)?.code ?? 0;
  const own = buckets.filter((bucket) => !bucket.isOther);
  const values = own.flatMap((bucket) =>
    (bucket.values ?? []).map((value) => ({ value, code: bucket.code })),
  );
  if (values.length === 0) return String(other);
  const keys = values.map(({ value }) =>
    type === 'text' ? literal(String(value)) : floatOf(keyOf(type, value)),
  );
  return `transform(${key}, [${keys.join(', ')}], [${values.map(({ code }) => `toUInt8(${code})`).join(', ')}], toUInt8(${other}))`;
}

const floatOf = (value: number): string => `toFloat64(${value})`;

/** A key as conditions write the value. */
function conditionValue(type: ValueType, key: number | string): Scalar {
  if (type === 'instant') return toIso(Number(key));
  const value = valueOfKey(type, key);
  return typeof value === 'object' ? '' : value;
}

function keyOf(type: ValueType, value: Scalar): number {
  if (type === 'date') return Date.parse(String(value)) / 86_400_000;
  if (type === 'instant') return Date.parse(String(value));
  return Number(value);
}

function directoryRow(tag: IndexedTag, pieces: string, blocks: readonly number[]) {
  const isText = !isNumeric(tag.type);
  return {
    segment: tag.segment.table,
    column: tag.column,
    position: tag.position,
    pieces,
    form: tag.form,
    ids: tag.entries.map((entry) => entry.id),
    lows: isText ? [] : tag.entries.map((entry) => entry.low),
    highs: isText ? [] : tag.entries.map((entry) => entry.high),
    labels: isText ? tag.entries.map((entry) => entry.label) : [],
    sizes: tag.entries.map((entry) => entry.size),
    cuts: [...tag.cuts],
    codes: [],
    buckets: tag.buckets.length === 0 ? '' : JSON.stringify(tag.buckets),
    blocks: hasCodes(tag) ? [...blocks] : [],
  };
}

/** Segments that share two tables. */
function groupsOf(
  segments: readonly SegmentToIndex[],
  rows: ReadonlyMap<string, number>,
): SegmentToIndex[][] {
  return batchesOf(segments, (each) => (rows.get(each.table) ?? 0) * each.tags.length, VALUES_SHARED);
}

function chunksOf(parts: readonly TagPart[]): TagPart[][] {
  return batchesOf(parts, (part) => part.customers, VALUES_A_STATEMENT, TAGS_A_STATEMENT);
}

/** Puts items that follow each other together, as long as their cost does not exceed the limit. */
function batchesOf<Item>(
  items: readonly Item[],
  costOf: (item: Item) => number,
  limit: number,
  most = Number.POSITIVE_INFINITY,
): Item[][] {
  const batches: Item[][] = [];
  let cost = 0;
  for (const item of items) {
    const own = costOf(item);
    const last = batches.at(-1);
    if (last && cost + own <= limit && last.length < most) {
      last.push(item);
      cost += own;
    } else {
      batches.push([item]);
      cost = own;
    }
  }
  return batches;
}

function rangeOf(from: number, to: number, size: number): [number, number][] {
  const ranges: [number, number][] = [];
  for (let at = from; at < to; at += size) ranges.push([at, Math.min(to, at + size)]);
  return ranges;
}
