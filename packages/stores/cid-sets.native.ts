import type { RoaringBitmap32 } from 'roaring';
import type { BitmapEngine } from './bitmap-engine.ts';

/** Of the objects around the containers. */
const OVERHEAD_BYTES = 400;

/** Bitmaps by CRoaring, or `undefined` where the native module is not installed. */
export function nativeBitmaps(require: NodeJS.Require): BitmapEngine<RoaringBitmap32> | undefined {
  let roaring: typeof import('roaring');
  try {
    roaring = require('roaring');
  } catch {
    return undefined;
  }
  const { RoaringBitmap32: Bitmap } = roaring;
  return {
    name: 'native',
    of: (cids) => new Bitmap(cids),
    read: (bytes) => Bitmap.deserialize(bytes, 'portable'),
    write: (bitmap) => bitmap.serialize('portable'),
    size: (bitmap) => bitmap.size,
    has: (bitmap, cid) => bitmap.has(cid),
    and: (left, right) => Bitmap.and(left, right),
    or: (left, right) => Bitmap.or(left, right),
    andNot: (left, right) => Bitmap.andNot(left, right),
    andInto: (target, other) => target.andInPlace(other),
    orInto: (target, other) => target.orInPlace(other),
    andNotInto: (target, other) => target.andNotInPlace(other),
    free: (bitmap) => void bitmap.clear(),
    orMany: (bitmaps) => Bitmap.orMany(bitmaps),
    andSize: (left, right) => left.andCardinality(right),
    // The portable form is what containers take, without what is spare in them.
    bytes: (bitmap) => bitmap.getSerializationSizeInBytes('portable') + OVERHEAD_BYTES,
    toArray: (bitmap) => bitmap.toUint32Array(),
    slice(bitmap, afterCid, limit) {
      const start = afterCid === undefined ? 0 : bitmap.rank(afterCid);
      // Declared as two values, but they are an offset and a limit.
      return bitmap.rangeUint32Array(start, limit);
    },
  };
}
