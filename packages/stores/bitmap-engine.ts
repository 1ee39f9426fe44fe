/** One implementation of compressed bitmaps behind `CidSet`; bitmaps are never changed once made. */
export interface BitmapEngine<Bitmap> {
  readonly name: 'native' | 'portable';
  of(cids: Iterable<number>): Bitmap;
  /** @param bytes CRoaring portable format */
  read(bytes: Uint8Array): Bitmap;
  /** @returns CRoaring portable format */
  write(bitmap: Bitmap): Uint8Array;
  size(bitmap: Bitmap): number;
  has(bitmap: Bitmap, cid: number): boolean;
  and(left: Bitmap, right: Bitmap): Bitmap;
  or(left: Bitmap, right: Bitmap): Bitmap;
  andNot(left: Bitmap, right: Bitmap): Bitmap;
  toArray(bitmap: Bitmap): Uint32Array;
  slice(bitmap: Bitmap, afterCid: number | undefined, limit: number): Uint32Array;
}
