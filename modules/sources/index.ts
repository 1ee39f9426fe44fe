export { type DerivedLineage, readDerivedLineage } from './derived-lineage.ts';
export type {
  DeliveredSample,
  InspectedTable,
  LoadInspection,
  LoadInspector,
} from './inspector.ts';
export { logicalName } from './loader.ts';
export { parseManifest, type RoleMapping, resolveManifest, type Source } from './manifest.ts';
export type {
  ConsentRow,
  ConsentSink,
  Projection,
  Projector,
  ProjectorInput,
  RejectedRows,
  RoleTable,
} from './projector.ts';
export {
  createQualityJudge,
  type QualityContext,
  type QualityTable,
  robustZ,
  ruleColumn,
  ruleKind,
} from './quality.ts';
export { LoadRefused } from './refusal.ts';
export { sourcesProblems } from './sources.errors.ts';
export { sourcesMigrations } from './sources.migrations.ts';
export { sourcesRoutes } from './sources.routes.ts';
export {
  createSources,
  type Loaded,
  type Refused,
  type Sources,
  type SourcesDeps,
} from './sources.service.ts';
export type { PhysicalTable, TableDescription } from './sources.store.sql.ts';
export { foreignTables, lexicalFault } from './sql-guard.ts';
export { sqlName, sqlText } from './sql-text.ts';
export { type EventSink, STREAM_REASONS, type StreamedEvent } from './streams.service.ts';
export { majorUnits } from './table-view.ts';
