export type { LineageContributor } from './lineage.ts';
export { tagsMigrations } from './tags.migrations.ts';
export { tagsProblems } from './tags.problems.ts';
export { tagsRoutes } from './tags.routes.ts';
export { createTags, type Tags, type TagsDeps } from './tags.service.ts';
