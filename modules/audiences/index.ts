export { audiencesMigrations } from './audiences.migrations.ts';
export { audiencesProblems } from './audiences.problems.ts';
export { audiencesRoutes } from './audiences.routes.ts';
export { createAudiences } from './audiences.service.ts';
export type {
  AudienceFacts,
  Audiences,
  AudiencesDeps,
  AudienceUsage,
  FrozenAudience,
  Resolved,
  ResolveOptions,
} from './audiences.ts';
export type {
  Audience,
  AudienceSnapshot,
  CountResult,
  EvaluateResult,
  ExplainResult,
  Vocabulary,
} from './contract.ts';
export { type KnownCustomer, loadCustomerStates } from './customer-states.ts';
export { audienceInsightRoutes } from './insight.routes.ts';
export { type CodeEngine, createAudienceInsight, type Insight, type InsightDeps } from './insight.ts';
export { audienceLineage } from './lineage.ts';
export { isProtected } from './lookalike.service.ts';
