import { createRequire } from 'node:module';
import type { BitmapEngine } from './bitmap-engine.ts';
import type { CidAccumulator, CidSet } from './cid-set.ts';
import { nativeBitmaps } from './cid-sets.native.ts';
import { portableBitmaps } from './cid-sets.portable.ts';
import { storesProblems } from './problems.ts';

export interface CidSets {
  readonly engine: 'native' | 'portable';
  of(cids: Iterable<number>): CidSet;
  empty(): CidSet;
  fromBytes(bytes: Uint8Array): CidSet;
  fromWarehouseBytes(bytes: Uint8Array): CidSet;
  /** One state that starts at `offset` among others, and where it ends. */
  fromWarehouseBytesAt(bytes: Uint8Array, offset: number): { set: CidSet; end: number };
  union(sets: readonly CidSet[]): CidSet;
  accumulate(set: CidSet, isOwn?: boolean): CidAccumulator;
  free(set: CidSet): void;
}

/**
 * ClickHouse keeps up to this many values as a plain list.
 * @source ClickHouse, AggregateFunctionGroupBitmapData.h, RoaringBitmapWithSmallSet<T, 32>
 */
const SMALL_SET = 32;

/** The factories of sets over one bitmap engine. */
export function createCidSets<Bitmap>(engine: BitmapEngine<Bitmap>): CidSets {
  /** One class an engine: tens of thousands of sets are kept, and each shares its methods with the others. */
  class EngineSet implements CidSet {
    readonly #bitmap: Bitmap;
    readonly size: number;
    constructor(bitmap: Bitmap) {
      this.#bitmap = bitmap;
      this.size = engine.size(bitmap);
    }
    /** The bitmap of a set, which another engine may have made. */
    static bitmapOf(set: CidSet): Bitmap {
      return #bitmap in set ? set.#bitmap : engine.read(set.toBytes());
    }
    /** Gives back its memory; a set of another engine has none here. */
    static free(set: CidSet): void {
      if (#bitmap in set) engine.free(set.#bitmap);
    }
    has(cid: number): boolean {
      return engine.has(this.#bitmap, cid);
    }
    and(other: CidSet): CidSet {
      return wrap(engine.and(this.#bitmap, bitmapOf(other)));
    }
    or(other: CidSet): CidSet {
      return wrap(engine.or(this.#bitmap, bitmapOf(other)));
    }
    andNot(other: CidSet): CidSet {
      return wrap(engine.andNot(this.#bitmap, bitmapOf(other)));
    }
    andSize(other: CidSet): number {
      return engine.andSize(this.#bitmap, bitmapOf(other));
    }
    orSize(other: CidSet): number {
      return this.size + other.size - this.andSize(other);
    }
    andNotSize(other: CidSet): number {
      return this.size - this.andSize(other);
    }
    get bytes(): number {
      return engine.bytes(this.#bitmap);
    }
    toArray(): Uint32Array {
      return engine.toArray(this.#bitmap);
    }
    slice(afterCid: number | undefined, limit: number): Uint32Array {
      return engine.slice(this.#bitmap, afterCid, limit);
    }
    toBytes(): Uint8Array {
      return engine.write(this.#bitmap);
    }
    toWarehouseBytes(): Uint8Array {
      return this.size <= SMALL_SET ? writeSmall(this.toArray()) : writeLarge(this.toBytes());
    }
  }
  const { bitmapOf } = EngineSet;
  const wrap = (bitmap: Bitmap): CidSet => new EngineSet(bitmap);
  const read = (bytes: Uint8Array): CidSet => {
    try {
      // The native module reads no bytes at all as an empty set.
      if (bytes.byteLength === 0) throw new RangeError('no bytes');
      return wrap(engine.read(bytes));
    } catch (cause) {
      throw storesProblems.bad_bitmap({
        detail: `${bytes.byteLength} bytes are not a CRoaring portable bitmap.`,
        cause,
      });
    }
  };
  const readState = (bytes: Uint8Array, offset: number): { set: CidSet; end: number } => {
    if (offset >= bytes.byteLength)
      throw storesProblems.bad_bitmap({ detail: 'The warehouse answered no bitmap state.' });
    const { value: length, end } = readVarint(bytes, offset + 1);
    if (bytes[offset] === 0)
      return { set: wrap(engine.of(readSmall(bytes, length, end))), end: end + length * 4 };
    if (bytes[offset] !== 1 || end + length > bytes.byteLength) {
      throw storesProblems.bad_bitmap({ detail: `${bytes.byteLength} bytes are not a groupBitmap state.` });
    }
    return { set: read(bytes.subarray(end, end + length)), end: end + length };
  };
  const accumulate = (set: CidSet, isGiven = false): CidAccumulator => {
    let bitmap = bitmapOf(set);
    // The first combination makes a bitmap of its own, unless the one it starts from may be changed.
    let isOwn = isGiven;
    const combine = (
      fresh: (left: Bitmap, right: Bitmap) => Bitmap,
      into: (target: Bitmap, other: Bitmap) => Bitmap,
      other: CidSet,
    ): CidAccumulator => {
      bitmap = (isOwn ? into : fresh)(bitmap, bitmapOf(other));
      isOwn = true;
      return accumulator;
    };
    const accumulator: CidAccumulator = {
      get size() {
        return engine.size(bitmap);
      },
      and: (other) => combine(engine.and, engine.andInto, other),
      or: (other) => combine(engine.or, engine.orInto, other),
      andNot: (other) => combine(engine.andNot, engine.andNotInto, other),
      done: () => (isOwn ? wrap(bitmap) : set),
    };
    return accumulator;
  };
  return {
    engine: engine.name,
    of: (cids) => wrap(engine.of(cids)),
    empty: () => wrap(engine.of([])),
    fromBytes: read,
    fromWarehouseBytes: (bytes) => readState(bytes, 0).set,
    fromWarehouseBytesAt: readState,
    union(sets) {
      const [first] = sets;
      return sets.length === 1 && first ? first : wrap(engine.orMany(sets.map(bitmapOf)));
    },
    accumulate,
    free: EngineSet.free,
  };
}

function writeSmall(cids: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(2 + cids.length * 4);
  const view = new DataView(bytes.buffer);
  bytes[1] = cids.length;
  cids.forEach((cid, index) => {
    view.setUint32(2 + index * 4, cid, true);
  });
  return bytes;
}

function readSmall(bytes: Uint8Array, count: number, start: number): Uint32Array {
  if (start + count * 4 > bytes.byteLength) {
    throw storesProblems.bad_bitmap({
      detail: `${bytes.byteLength} bytes are too few for ${count} customer numbers.`,
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: count }, (_, index) => view.getUint32(start + index * 4, true));
}

function writeLarge(portable: Uint8Array): Uint8Array {
  const length: number[] = [];
  for (let rest = portable.byteLength; ; rest = Math.floor(rest / 128)) {
    length.push(rest >= 128 ? (rest % 128) | 128 : rest);
    if (rest < 128) break;
  }
  const bytes = new Uint8Array(1 + length.length + portable.byteLength);
  bytes[0] = 1;
  bytes.set(length, 1);
  bytes.set(portable, 1 + length.length);
  return bytes;
}

function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let at = start, unit = 1; at < bytes.byteLength && at < start + 7; at++, unit *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 127) * unit;
    if (byte < 128) return { value, end: at + 1 };
  }
  throw storesProblems.bad_bitmap({ detail: `${bytes.byteLength} bytes are not a groupBitmap state.` });
}

/** The native module is optional: it is compiled at install where no prebuilt one fits. */
function loadCidSets(): CidSets {
  const native = nativeBitmaps(createRequire(import.meta.url));
  return native ? createCidSets(native) : createCidSets(portableBitmaps);
}

const cidSets = loadCidSets();

/** `native` (CRoaring) or `portable` (TypeScript, several times slower, same bytes). */
export const cidSetEngine: 'native' | 'portable' = cidSets.engine;

/** A set of these customer numbers, in any order, repeats allowed. */
export function cidSetOf(cids: Iterable<number>): CidSet {
  return cidSets.of(cids);
}

export function emptyCidSet(): CidSet {
  return cidSets.empty();
}

/**
 * Reads what `toBytes` wrote.
 * @param bytes CRoaring portable format
 * @throws stores.bad_bitmap
 */
export function cidSetFromBytes(bytes: Uint8Array): CidSet {
  return cidSets.fromBytes(bytes);
}

/**
 * Reads one `AggregateFunction(groupBitmap, UInt32)` state as RowBinary carries it.
 * @throws stores.bad_bitmap
 */
export function cidSetFromWarehouseBytes(bytes: Uint8Array): CidSet {
  return cidSets.fromWarehouseBytes(bytes);
}

/** Reads a state that stands at `offset` in an answer of several. @throws stores.bad_bitmap */
export function cidSetFromWarehouseBytesAt(
  bytes: Uint8Array,
  offset: number,
): { readonly set: CidSet; readonly end: number } {
  return cidSets.fromWarehouseBytesAt(bytes, offset);
}

/** All customers of any of these sets. */
export function unionOfCidSets(sets: readonly CidSet[]): CidSet {
  return cidSets.union(sets);
}

/**
 * Starts from a set, which stays as it is.
 * @param isOwn  nobody else has it: it is changed in place, and must not be used again
 */
export function accumulateCids(set: CidSet, isOwn = false): CidAccumulator {
  return cidSets.accumulate(set, isOwn);
}

/**
 * Gives back the memory of a set that nobody uses any more at once, instead of when it is collected: with sets of a
 * megabyte each, that is ten times as fast as having the operating system give new memory to every result.
 */
export function freeCids(set: CidSet): void {
  cidSets.free(set);
}
