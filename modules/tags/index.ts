export { tagLibraryRoutes } from './library.routes.ts';
export { createTagLibrary, type TagLibrary } from './library.service.ts';
export type { LineageContributor } from './lineage.ts';
export type { TagsDeps } from './tags.context.ts';
export { tagsMigrations } from './tags.migrations.ts';
export { tagsProblems } from './tags.problems.ts';
export { tagsRoutes } from './tags.routes.ts';
export { createTags, type Tags } from './tags.service.ts';
export { tagWorkflowRoutes } from './workflow.routes.ts';
