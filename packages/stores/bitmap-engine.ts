/** One implementation of compressed bitmaps behind `CidSet`; only the operations `…Into` change a bitmap. */
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
  /** The same into `target`, which may be changed; the answer stands in its place. */
  andInto(target: Bitmap, other: Bitmap): Bitmap;
  orInto(target: Bitmap, other: Bitmap): Bitmap;
  andNotInto(target: Bitmap, other: Bitmap): Bitmap;
  /** Gives back the memory of a bitmap that is not used any more. */
  free(bitmap: Bitmap): void;
  orMany(bitmaps: readonly Bitmap[]): Bitmap;
  andSize(left: Bitmap, right: Bitmap): number;
  /** Bytes of memory, about. */
  bytes(bitmap: Bitmap): number;
  toArray(bitmap: Bitmap): Uint32Array;
  slice(bitmap: Bitmap, afterCid: number | undefined, limit: number): Uint32Array;
}
