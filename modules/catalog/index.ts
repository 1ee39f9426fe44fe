export type { AccessRecord } from './access-log.ts';
export type { AlertSink, NewAlert } from './alerts.ts';
export type { Blocked } from './blocks.ts';
export { catalogMigrations } from './catalog.migrations.ts';
export { catalogProblems } from './catalog.problems.ts';
export { catalogRoutes } from './catalog.routes.ts';
export { type Catalog, type CatalogDeps, createCatalog } from './catalog.service.ts';
export { classify } from './classify.ts';
