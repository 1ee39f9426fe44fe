import { type CidSet, cidSetFromWarehouseBytesAt, type Placement, type Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { type ByteCache, createByteCache } from './byte-cache.ts';
import { indexPlacement, type TagBucket, type TagDirectory } from './tag-index.ts';

/** One bitmap of one index. */
export interface PieceRef {
  readonly pieces: string;
  readonly key: number;
}

/** The customers of one range of values with the value of each. */
export interface EntryDetail {
  readonly cids: Uint32Array;
  readonly numbers: Float64Array;
}

export interface IndexReader {
  /** What a segment's index says of a column; `undefined` when it has none. Only after `loadDirectories`. */
  directory(segment: string, column: string): TagDirectory | undefined;
  loadDirectories(
    wanted: readonly { readonly segment: string; readonly column: string }[],
    placements: ReadonlyMap<string, Placement>,
    signal: AbortSignal | undefined,
  ): Promise<void>;
  /** Bitmaps of pieces by `nameOf`; what is not kept is fetched, all of it in one statement. */
  bitmaps(wanted: readonly PieceRef[], signal: AbortSignal | undefined): Promise<ReadonlyMap<string, CidSet>>;
  details(
    wanted: readonly PieceRef[],
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<string, EntryDetail>>;
  /** The codes of blocks by `nameOf`, in one statement; they are not kept. */
  codes(
    wanted: readonly PieceRef[],
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<string, Uint8Array>>;
  clear(): void;
}

export const nameOf = ({ pieces, key }: PieceRef): string => `${pieces}/${key}`;

const Numbers = Type.Array(Type.Number());
const DirectoryRow = Type.Object({
  segment: Type.String(),
  column: Type.String(),
  position: Type.Integer(),
  pieces: Type.String(),
  form: Type.Enum(['texts', 'numbers', 'members', 'ranges', 'none', 'segment']),
  ids: Numbers,
  lows: Numbers,
  highs: Numbers,
  labels: Type.Array(Type.String()),
  sizes: Numbers,
  cuts: Numbers,
  blocks: Numbers,
  buckets: Type.String(),
});
const DIRECTORY_BYTES = 64 * 1024 ** 2;
/** Of a number in an array of a directory. */
const NUMBER_BYTES = 8;

/** Reads indexes; `cache` keeps bitmaps and details. */
export function createIndexReader(
  warehouse: Pick<Warehouse, 'query' | 'queryBytes' | 'identifier'>,
  cache: ByteCache<CidSet | EntryDetail>,
): IndexReader {
  // `null`: the index says nothing of it.
  const directories = createByteCache<TagDirectory | null>(DIRECTORY_BYTES);
  const placeOf = (segment: string, column: string): string => `${segment}/${column}`;

  /** One part a table of pieces, each row starting with the number of its part. */
  const union = (
    wanted: readonly PieceRef[],
    columns: string,
  ): { sql: string; params: Record<string, number[]>; tables: string[] } => {
    const byTable = new Map<string, Set<number>>();
    for (const { pieces, key } of wanted) byTable.set(pieces, (byTable.get(pieces) ?? new Set()).add(key));
    const tables = [...byTable.keys()];
    return {
      sql: tables
        .map(
          (table, at) =>
            `SELECT toUInt16(${at}) AS part, key, ${columns} FROM ${warehouse.identifier(table)} WHERE key IN {k${at}:Array(UInt64)}`,
        )
        .join(' UNION ALL '),
      params: Object.fromEntries([...byTable.values()].map((keys, at) => [`k${at}`, [...keys]])),
      tables,
    };
  };
  const options = (signal: AbortSignal | undefined) => ({
    settings: { use_uncompressed_cache: 0, optimize_move_to_prewhere: 0 },
    ...(signal ? { signal } : {}),
  });

  return {
    directory: (segment, column) => directories.get(placeOf(segment, column)) ?? undefined,

    async loadDirectories(wanted, placements, signal) {
      const byTable = new Map<string, Set<string>>();
      const asked = new Map<string, string>();
      for (const { segment, column } of wanted) {
        const place = placeOf(segment, column);
        const table = placements.get(indexPlacement(segment))?.table;
        if (table === undefined || directories.has(place)) continue;
        byTable.set(table, (byTable.get(table) ?? new Set()).add(place));
        asked.set(place, table);
      }
      if (byTable.size === 0) return;
      const parts = [...byTable.keys()].map(
        (table, at) =>
          `SELECT segment, column, position, pieces, form, ids, lows, highs, labels, sizes, cuts, blocks, buckets FROM ${warehouse.identifier(table)} WHERE concat(segment, '/', column) IN {p${at}:Array(String)}`,
      );
      const rows = await warehouse.query(
        DirectoryRow,
        parts.join(' UNION ALL '),
        Object.fromEntries([...byTable.values()].map((places, at) => [`p${at}`, [...places]])),
        signal ? { signal } : undefined,
      );
      for (const { segment, column, buckets, ...row } of rows) {
        const place = placeOf(segment, column);
        asked.delete(place);
        const total = row.sizes.reduce((sum, size) => sum + size, 0);
        const bytes =
          1_000 +
          NUMBER_BYTES * (row.ids.length + 2 * row.lows.length + row.sizes.length + row.blocks.length) +
          row.labels.reduce((sum, label) => sum + 16 + 2 * label.length, 0);
        directories.set(place, { ...row, total, buckets: readBuckets(buckets) }, bytes);
      }
      for (const place of asked.keys()) directories.set(place, null, 100);
    },

    async bitmaps(wanted, signal) {
      const found = new Map<string, CidSet>();
      const missing: PieceRef[] = [];
      for (const piece of wanted) {
        const name = nameOf(piece);
        const known = cache.get(name);
        if (known && 'has' in known) found.set(name, known);
        else missing.push(piece);
      }
      if (missing.length === 0) return found;
      const { sql, params, tables } = union(missing, 'bits');
      const bytes = await warehouse.queryBytes(sql, params, options(signal));
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = 0; at < bytes.byteLength; ) {
        const name = nameOf({
          pieces: tables[view.getUint16(at, true)] ?? '',
          key: Number(view.getBigUint64(at + 2, true)),
        });
        const { set, end } = cidSetFromWarehouseBytesAt(bytes, at + 10);
        at = end;
        found.set(name, set);
        cache.set(name, set, set.bytes);
      }
      return found;
    },

    async details(wanted, signal) {
      const found = new Map<string, EntryDetail>();
      const missing: PieceRef[] = [];
      for (const piece of wanted) {
        const known = cache.get(`${nameOf(piece)}/detail`);
        if (known && 'cids' in known) found.set(nameOf(piece), known);
        else missing.push(piece);
      }
      if (missing.length === 0) return found;
      const { sql, params, tables } = union(missing, 'cids, numbers');
      const bytes = await warehouse.queryBytes(sql, params, options(signal));
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = 0; at < bytes.byteLength; ) {
        const name = nameOf({
          pieces: tables[view.getUint16(at, true)] ?? '',
          key: Number(view.getBigUint64(at + 2, true)),
        });
        const cids = readVarint(bytes, at + 10);
        const numbers = readVarint(bytes, cids.end + cids.value * 4);
        const detail: EntryDetail = {
          cids: new Uint32Array(copyOf(bytes, cids.end, cids.value * 4)),
          numbers: new Float64Array(copyOf(bytes, numbers.end, numbers.value * 8)),
        };
        at = numbers.end + numbers.value * 8;
        found.set(name, detail);
        cache.set(`${name}/detail`, detail, detail.cids.byteLength + detail.numbers.byteLength + 200);
      }
      return found;
    },

    async codes(wanted, signal) {
      const found = new Map<string, Uint8Array>();
      if (wanted.length === 0) return found;
      const { sql, params, tables } = union(wanted, 'codes');
      const bytes = await warehouse.queryBytes(sql, params, { ...options(signal), format: 'Native' });
      for (const { part, key, start, end } of codeRows(bytes))
        found.set(nameOf({ pieces: tables[part] ?? '', key }), bytes.subarray(start, end));
      return found;
    },

    clear() {
      directories.clear();
      cache.clear();
    },
  };
}

/**
 * Where the codes of each row lie in blocks of `part UInt16, key UInt64, codes Array(UInt8)`.
 * @source ClickHouse format Native: of each block the numbers of columns and rows, then of each column name, type and
 *   values; of arrays first where each one ends
 */
function* codeRows(bytes: Uint8Array): Generator<{ part: number; key: number; start: number; end: number }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): number => {
    const { value, end } = readVarint(bytes, at);
    at = end;
    return value;
  };
  /** Passes the name and type of a column; answers where its values start and skips so many bytes. */
  const column = (size: number): number => {
    for (let text = 0; text < 2; text++) {
      const length = varint();
      at += length;
    }
    const start = at;
    at += size;
    return start;
  };
  while (at < bytes.byteLength) {
    varint();
    const rows = varint();
    const [parts, keys, ends] = [column(2 * rows), column(8 * rows), column(8 * rows)];
    let start = at;
    for (let row = 0; row < rows; row++) {
      const end = at + Number(view.getBigUint64(ends + 8 * row, true));
      yield {
        part: view.getUint16(parts + 2 * row, true),
        key: Number(view.getBigUint64(keys + 8 * row, true)),
        start,
        end,
      };
      start = end;
    }
    at = start;
  }
}

/** Typed arrays must start where their elements may. */
const copyOf = (bytes: Uint8Array, start: number, length: number): ArrayBuffer => {
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(start, start + length));
  return copy.buffer;
};

function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let at = start, unit = 1; ; at++, unit *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 127) * unit;
    if (byte < 128) return { value, end: at + 1 };
  }
}

/** What the index builder wrote; ours, and still read with care. */
function readBuckets(text: string): TagBucket[] {
  const parsed: unknown = text === '' ? [] : JSON.parse(text);
  return Array.isArray(parsed) ? parsed.filter(isBucket) : [];
}

const isBucket = (value: unknown): value is TagBucket =>
  typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'number';
