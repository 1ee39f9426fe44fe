export type { MetricDefinition, MetricValues, MetricView } from './contract.ts';
export type { MetricWorld } from './metric-cells.ts';
export { metricsMigrations } from './metrics.migrations.ts';
export { metricsProblems } from './metrics.problems.ts';
export { metricsRoutes } from './metrics.routes.ts';
export { createMetrics, type Metrics, type MetricsDeps } from './metrics.service.ts';
