export { type Conversion, type Conversions, readConversions } from './conversions.ts';
export { countFunnel, type FunnelSets, funnelSets } from './funnel.ts';
export type {
  AumMetric,
  InsightCampaigns,
  InsightsDeps,
  JourneySet,
  MessageGroup,
  MessageOutcomes,
} from './insights.deps.ts';
export { insightsProblems } from './insights.problems.ts';
export { insightsRoutes } from './insights.routes.ts';
export { createInsights, type Insights } from './insights.service.ts';
export { lifecycleRoutes } from './lifecycle.routes.ts';
export { createLifecycle, type Lifecycle } from './lifecycle.ts';
export { insightsLineage } from './lineage.ts';
export { type Estimate, type Experiment, estimate } from './report.ts';
