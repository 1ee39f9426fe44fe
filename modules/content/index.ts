export { contentMigrations } from './content.migrations.ts';
export { contentProblems } from './content.problems.ts';
export { contentRoutes } from './content.routes.ts';
export { createContent } from './content.service.ts';
export type {
  Content,
  ContentDeps,
  MergeValues,
  PublishedTemplate,
  Recipient,
  RenderRequest,
  RenderResult,
} from './content.ts';
export type { MergeValue } from './liquid.ts';
export { createMaterials, type Materials } from './materials.service.ts';
export { smsSize } from './sms-size.ts';
export { familyNameOf, salutationOf } from './vocabulary.ts';
