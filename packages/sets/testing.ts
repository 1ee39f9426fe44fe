/** The parts of the engine, for benchmarks that do the same by the bitmap library alone. */
export { createByteCache } from './byte-cache.ts';
export {
  createIndexReader,
  type EntryDetail,
  type IndexReader,
  nameOf,
  type PieceRef,
} from './index-reader.ts';
export { type LeafPlan, planLeaf } from './leaf-plan.ts';
export { PIECE, type PieceKind, pieceKey, type TagDirectory } from './tag-index.ts';
