export { parseManifest, resolveManifest, type Source } from './manifest.ts';
export type {
  ConsentRow,
  ConsentSink,
  Projection,
  Projector,
  ProjectorInput,
  RejectedRows,
  RoleTable,
} from './projector.ts';
export { sourcesProblems } from './sources.errors.ts';
export { sourcesMigrations } from './sources.migrations.ts';
export { sourcesRoutes } from './sources.routes.ts';
export { createSources, type Loaded, type Sources, type SourcesDeps } from './sources.service.ts';
export type { PhysicalTable, TableDescription } from './sources.store.sql.ts';
