import type { Scalar } from '@rapport/conditions';

/**
 * The tag index: for every physical segment of tag tables, what its values are and who has them, as bitmaps. It is
 * made by SQL when tags are refreshed (modules/tags/index-builder.ts), published with the values in the same release
 * as the placement `index/<segment>`, and read by the set engine; `docs/adr/0006-tag-index.md` says why it is so.
 *
 * It stands in two tables: a directory (one small row a tag) and pieces (one row a bitmap, found by its number). The
 * placement's `table` is the directory, its `segments` are both, so that both are kept as long as it is.
 */
export const indexPlacement = (segment: string): string => `index/${segment}`;

/** What a piece is. */
export const PIECE = {
  /** The customers of one distinct value, or of one range of values. */
  entry: 1,
  /** The customers of all entries before a place. */
  checkpoint: 2,
  /** The customers whose value is known. */
  known: 3,
  /** The codes of the customers of one block of 65,536 numbers, in their order. */
  codes: 4,
  /** All customers that the segment has a row of. */
  customers: 5,
} as const;
export type PieceKind = (typeof PIECE)[keyof typeof PIECE];

/** Customers whose codes stand in one row. */
export const CODE_BLOCK = 65_536;

const POSITION_UNIT = 2 ** 32;
const KIND_UNIT = 2 ** 28;

/**
 * The number of a piece in its table.
 * @param position  of the tag in the directory
 * @param id        of an entry, a checkpoint or a block; 0 where there is only one
 */
export const pieceKey = (position: number, kind: PieceKind, id = 0): number =>
  position * POSITION_UNIT + kind * KIND_UNIT + id;

export const PIECE_COLUMNS = `key UInt64, bits AggregateFunction(groupBitmap, UInt32) CODEC(NONE),
  low Float64, high Float64, label String, size UInt32,
  cids Array(UInt32) CODEC(Delta(4), LZ4), numbers Array(Float64) CODEC(LZ4), codes Array(UInt8) CODEC(LZ4)`;

/** One bitmap a granule: reading one then reads nothing else. */
export const PIECE_SETTINGS = 'index_granularity = 1';

export const DIRECTORY_COLUMNS = `segment String, column String, position UInt32, pieces String, form LowCardinality(String),
  ids Array(UInt32), lows Array(Float64), highs Array(Float64), labels Array(String), sizes Array(UInt32),
  cuts Array(UInt32), codes Array(UInt8), buckets String, blocks Array(UInt32)`;

/**
 * What a tag's entries are: each distinct value (`texts`, `numbers`), members that lists may share (`members`),
 * ranges of numbers (`ranges`), or nothing, because there are too many texts (`none`). `segment` is the row of the
 * segment itself, which has no column.
 */
export type DirectoryForm = 'texts' | 'numbers' | 'members' | 'ranges' | 'none' | 'segment';

/** What a segment's index says of one tag, without its bitmaps. Entries are in the order of their values. */
export interface TagDirectory {
  readonly pieces: string;
  readonly position: number;
  readonly form: DirectoryForm;
  /** Numbers of the entries' pieces. */
  readonly ids: readonly number[];
  /** Least and greatest key of each entry; equal where it is one value. Of numbers only. */
  readonly lows: readonly number[];
  readonly highs: readonly number[];
  /** Of texts and members only. */
  readonly labels: readonly string[];
  /** Customers of each entry. */
  readonly sizes: readonly number[];
  /** Customers of all entries together. */
  readonly total: number;
  /** Checkpoint k has the customers of the entries before place `cuts[k]`. */
  readonly cuts: readonly number[];
  /** The numbers of the blocks that have codes. */
  readonly blocks: readonly number[];
  readonly buckets: readonly TagBucket[];
}

/**
 * One of at most 15 buckets of a tag's values, in which a profile shows them: some values, a half-open range (an
 * absent end is open) of values as conditions write them, or everything else (`values` are then those that are not).
 */
export interface TagBucket {
  /** 1 … 15 */
  readonly code: number;
  readonly values?: readonly Scalar[];
  readonly isOther?: boolean;
  readonly from?: number | string;
  readonly to?: number | string;
}
