import type { BitmapEngine } from './bitmap-engine.ts';

/** The low 16 bits of the values that share their high 16 bits, ascending. */
interface Container {
  readonly high: number;
  readonly lows: Uint16Array;
}

const ARRAY_COOKIE = 12346;
const RUN_COOKIE = 12347;
/** Above this many values CRoaring writes a container as 8 KiB of bits. */
const ARRAY_LIMIT = 4096;
const NO_OFFSET_BELOW = 4;

/**
 * Compressed bitmaps in TypeScript, for machines where the native module cannot be built: sorted arrays of 16 bits
 * by container. Takes at most 4 bytes a value; AND, OR and AND NOT are merges.
 * @source Roaring bitmap format specification, https://github.com/RoaringBitmap/RoaringFormatSpec
 */
export const portableBitmaps: BitmapEngine<readonly Container[]> = {
  name: 'portable',
  of(cids) {
    const sorted = Uint32Array.from(cids).sort();
    const containers: Container[] = [];
    for (let start = 0; start < sorted.length; ) {
      const high = (sorted[start] ?? 0) >>> 16;
      const lows: number[] = [];
      let at = start;
      for (; at < sorted.length && (sorted[at] ?? 0) >>> 16 === high; at++) {
        if (at === start || sorted[at] !== sorted[at - 1]) lows.push((sorted[at] ?? 0) & 0xffff);
      }
      containers.push({ high, lows: Uint16Array.from(lows) });
      start = at;
    }
    return containers;
  },
  read: readPortable,
  write: writePortable,
  size: (containers) => containers.reduce((sum, container) => sum + container.lows.length, 0),
  has(containers, cid) {
    const lows = containers[lowerBound(containers.length, (at) => (containers[at]?.high ?? 0) < cid >>> 16)];
    if (lows?.high !== cid >>> 16) return false;
    return (
      lows.lows[lowerBound(lows.lows.length, (at) => (lows.lows[at] ?? 0) < (cid & 0xffff))] ===
      (cid & 0xffff)
    );
  },
  and: (left, right) => merge(left, right, { left: false, right: false, both: true }),
  or: (left, right) => merge(left, right, { left: true, right: true, both: true }),
  andNot: (left, right) => merge(left, right, { left: true, right: false, both: false }),
  andInto: (target, other) => merge(target, other, { left: false, right: false, both: true }),
  orInto: (target, other) => merge(target, other, { left: true, right: true, both: true }),
  andNotInto: (target, other) => merge(target, other, { left: true, right: false, both: false }),
  free: () => undefined,
  orMany: unionOf,
  andSize: sharedSize,
  bytes: (containers) =>
    containers.reduce((sum, { lows }) => sum + lows.byteLength + CONTAINER_BYTES, CONTAINER_BYTES),
  toArray: (containers) => take(containers, 0, Number.POSITIVE_INFINITY),
  slice: (containers, afterCid, limit) => take(containers, afterCid === undefined ? 0 : afterCid + 1, limit),
};

/** Of the objects around the numbers of a container. */
const CONTAINER_BYTES = 160;

/** Pairwise, so that no number is copied more often than the tree is deep. */
function unionOf(bitmaps: readonly (readonly Container[])[]): readonly Container[] {
  if (bitmaps.length <= 1) return bitmaps[0] ?? [];
  const half = Math.ceil(bitmaps.length / 2);
  return merge(unionOf(bitmaps.slice(0, half)), unionOf(bitmaps.slice(half)), {
    left: true,
    right: true,
    both: true,
  });
}

function sharedSize(left: readonly Container[], right: readonly Container[]): number {
  let size = 0;
  for (let l = 0, r = 0; l < left.length && r < right.length; ) {
    const one = left[l];
    const other = right[r];
    if (!one || !other) break;
    if (one.high === other.high) size += sharedLows(one.lows, other.lows);
    if (one.high <= other.high) l++;
    if (other.high <= one.high) r++;
  }
  return size;
}

function sharedLows(left: Uint16Array, right: Uint16Array): number {
  let size = 0;
  for (let l = 0, r = 0; l < left.length && r < right.length; ) {
    const one = left[l] ?? 0;
    const other = right[r] ?? 0;
    if (one === other) size++;
    if (one <= other) l++;
    if (other <= one) r++;
  }
  return size;
}

/** Which values a merge keeps: those only on the left, only on the right, on both sides. */
interface Keep {
  readonly left: boolean;
  readonly right: boolean;
  readonly both: boolean;
}

function merge(left: readonly Container[], right: readonly Container[], keep: Keep): readonly Container[] {
  const merged: Container[] = [];
  for (let l = 0, r = 0; l < left.length || r < right.length; ) {
    const one = left[l];
    const other = right[r];
    if (one && (!other || one.high < other.high)) {
      if (keep.left) merged.push(one);
      l++;
    } else if (other && (!one || other.high < one.high)) {
      if (keep.right) merged.push(other);
      r++;
    } else if (one && other) {
      const lows = mergeLows(one.lows, other.lows, keep);
      if (lows.length > 0) merged.push({ high: one.high, lows });
      l++;
      r++;
    }
  }
  return merged;
}

function mergeLows(left: Uint16Array, right: Uint16Array, keep: Keep): Uint16Array {
  const merged = new Uint16Array(left.length + right.length);
  let size = 0;
  for (let l = 0, r = 0; l < left.length || r < right.length; ) {
    const one = l < left.length ? (left[l] ?? 0) : 0x10000;
    const other = r < right.length ? (right[r] ?? 0) : 0x10000;
    const kept = one < other ? keep.left : one > other ? keep.right : keep.both;
    if (kept) merged[size++] = Math.min(one, other);
    if (one <= other) l++;
    if (other <= one) r++;
  }
  return merged.slice(0, size);
}

function take(containers: readonly Container[], from: number, limit: number): Uint32Array {
  const taken: number[] = [];
  const first = lowerBound(
    containers.length,
    (at) => (containers[at]?.high ?? 0) < Math.floor(from / 0x10000),
  );
  for (let at = first; at < containers.length && taken.length < limit; at++) {
    const container = containers[at];
    if (!container) break;
    const base = container.high * 0x10000;
    const start = lowerBound(container.lows.length, (index) => base + (container.lows[index] ?? 0) < from);
    for (let index = start; index < container.lows.length && taken.length < limit; index++) {
      taken.push(base + (container.lows[index] ?? 0));
    }
  }
  return Uint32Array.from(taken);
}

/** The first position in [0, length) where `isBefore` no longer holds. */
function lowerBound(length: number, isBefore: (at: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function writePortable(containers: readonly Container[]): Uint8Array {
  const headerBytes = 8 + containers.length * 8;
  const bodyBytes = (container: Container): number =>
    container.lows.length > ARRAY_LIMIT ? 8192 : container.lows.length * 2;
  const bytes = new Uint8Array(
    containers.reduce((sum, container) => sum + bodyBytes(container), headerBytes),
  );
  const view = new DataView(bytes.buffer);
  view.setUint32(0, ARRAY_COOKIE, true);
  view.setUint32(4, containers.length, true);
  let body = headerBytes;
  containers.forEach((container, index) => {
    view.setUint16(8 + index * 4, container.high, true);
    view.setUint16(10 + index * 4, container.lows.length - 1, true);
    view.setUint32(8 + containers.length * 4 + index * 4, body, true);
    container.lows.forEach((low, at) => {
      if (container.lows.length > ARRAY_LIMIT)
        bytes[body + (low >> 3)] = (bytes[body + (low >> 3)] ?? 0) | (1 << (low & 7));
      else view.setUint16(body + at * 2, low, true);
    });
    body += bodyBytes(container);
  });
  return bytes;
}

function readPortable(bytes: Uint8Array): readonly Container[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cookie = view.getUint32(0, true);
  const hasRuns = (cookie & 0xffff) === RUN_COOKIE;
  if (!hasRuns && cookie !== ARRAY_COOKIE) throw new RangeError('unknown cookie');
  const count = hasRuns ? (cookie >>> 16) + 1 : view.getUint32(4, true);
  if (count > 0x10000) throw new RangeError('too many containers');
  const runFlags = hasRuns ? 4 : 8;
  const descriptors = hasRuns ? runFlags + ((count + 7) >> 3) : 8;
  const hasOffsets = !hasRuns || count >= NO_OFFSET_BELOW;
  let body = descriptors + count * (hasOffsets ? 8 : 4);
  const containers: Container[] = [];
  for (let index = 0; index < count; index++) {
    const high = view.getUint16(descriptors + index * 4, true);
    const size = view.getUint16(descriptors + index * 4 + 2, true) + 1;
    const isRun = hasRuns && ((view.getUint8(runFlags + (index >> 3)) >> (index & 7)) & 1) === 1;
    const lows = new Uint16Array(size);
    let filled = 0;
    if (isRun) {
      const runs = view.getUint16(body, true);
      for (let run = 0; run < runs; run++) {
        const start = view.getUint16(body + 2 + run * 4, true);
        const length = view.getUint16(body + 4 + run * 4, true);
        for (let low = start; low <= start + length; low++) lows[filled++] = low;
      }
      body += 2 + runs * 4;
    } else if (size > ARRAY_LIMIT) {
      for (let low = 0; low < 0x10000; low++) {
        if ((view.getUint8(body + (low >> 3)) >> (low & 7)) & 1) lows[filled++] = low;
      }
      body += 8192;
    } else {
      for (; filled < size; filled++) lows[filled] = view.getUint16(body + filled * 2, true);
      body += size * 2;
    }
    if (filled !== size) throw new RangeError('a container holds another number of values than it says');
    containers.push({ high, lows });
  }
  return containers;
}
