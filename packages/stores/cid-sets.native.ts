import type { RoaringBitmap32 } from 'roaring';
import type { BitmapEngine } from './bitmap-engine.ts';

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
    toArray: (bitmap) => bitmap.toUint32Array(),
    slice(bitmap, afterCid, limit) {
      const start = afterCid === undefined ? 0 : bitmap.rank(afterCid);
      // Declared as two values, but they are an offset and a limit.
      return bitmap.rangeUint32Array(start, limit);
    },
  };
}
