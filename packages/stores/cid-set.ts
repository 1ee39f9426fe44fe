/** An immutable set of dense customer numbers (uint32), stored as a compressed bitmap. */
export interface CidSet {
  readonly size: number;
  has(cid: number): boolean;
  and(other: CidSet): CidSet;
  or(other: CidSet): CidSet;
  andNot(other: CidSet): CidSet;
  /** Sizes of the three combinations, without making them. */
  andSize(other: CidSet): number;
  orSize(other: CidSet): number;
  andNotSize(other: CidSet): number;
  /** What it takes in memory, about. */
  readonly bytes: number;
  /** Ascending. */
  toArray(): Uint32Array;
  /** Ascending, starting after `afterCid` (exclusive), at most `limit`. */
  slice(afterCid: number | undefined, limit: number): Uint32Array;
  /** CRoaring portable format; what journey sets and snapshots keep. */
  toBytes(): Uint8Array;
  /** The bytes of a ClickHouse `AggregateFunction(groupBitmap, UInt32)` state. */
  toWarehouseBytes(): Uint8Array;
}

/**
 * A set in the making: combined with one set after another in its own memory, which is several times faster than
 * making each result anew.
 */
export interface CidAccumulator {
  readonly size: number;
  and(other: CidSet): CidAccumulator;
  or(other: CidSet): CidAccumulator;
  andNot(other: CidSet): CidAccumulator;
  /** What has come out; the accumulator must not be used any more. */
  done(): CidSet;
}
