export type { NodeCount, SetEngine, SetView, TagCodes, TagIndexEntry } from './set-engine.ts';
export { createSetEngine, type SetEngineDeps } from './sets.service.ts';
export {
  CODE_BLOCK,
  DIRECTORY_COLUMNS,
  type DirectoryForm,
  indexPlacement,
  PIECE,
  PIECE_COLUMNS,
  PIECE_SETTINGS,
  type PieceKind,
  pieceKey,
  type TagBucket,
  type TagDirectory,
} from './tag-index.ts';
