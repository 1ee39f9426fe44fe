/** An immutable set of dense customer numbers (uint32), stored as a compressed bitmap. */
export interface CidSet {
  readonly size: number;
  has(cid: number): boolean;
  and(other: CidSet): CidSet;
  or(other: CidSet): CidSet;
  andNot(other: CidSet): CidSet;
  /** Ascending. */
  toArray(): Uint32Array;
  /** Ascending, starting after `afterCid` (exclusive), at most `limit`. */
  slice(afterCid: number | undefined, limit: number): Uint32Array;
  /** CRoaring portable format; what journey sets and snapshots keep. */
  toBytes(): Uint8Array;
  /** The bytes of a ClickHouse `AggregateFunction(groupBitmap, UInt32)` state. */
  toWarehouseBytes(): Uint8Array;
}
