import type { Routes } from '@rapport/http';
import { Type } from 'typebox';
import {
  MetricCheck,
  MetricDefinition,
  MetricImport,
  MetricImportResult,
  MetricList,
  MetricTrend,
  MetricTrendQuery,
  MetricValues,
  MetricValuesQuery,
  MetricVersions,
  MetricView,
} from './contract.ts';
import { metricsProblems } from './metrics.problems.ts';
import type { Metrics } from './metrics.service.ts';

const tags = ['metrics'];
const read = { permission: 'metrics.read' };
const write = { permission: 'metrics.write' };
const Params = Type.Object({ metricId: Type.String({ description: 'Metric', examples: ['aum'] }) });
const ReplaceQuery = Type.Object({
  version: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'Version the change was made from; refused when it is no longer the latest',
      examples: [3],
    }),
  ),
});
const CheckQuery = Type.Object({
  day: Type.String({ format: 'date', description: 'A day whose values are kept', examples: ['2026-10-31'] }),
});

/** Metrics 指標: definitions, values at every grain, trend, and proof that kept values can be recomputed. */
export function metricsRoutes(metrics: Metrics): Routes {
  return (http) => {
    http.get(
      '/metrics',
      {
        config: read,
        schema: {
          operationId: 'listMetrics',
          summary: 'All metrics with their latest values',
          tags,
          response: { 200: MetricList },
        },
      },
      async (request) => ({ items: await metrics.list(request.actor) }),
    );
    http.post(
      '/metrics',
      {
        config: write,
        schema: {
          operationId: 'createMetric',
          summary: 'Define a metric',
          tags,
          body: MetricDefinition,
          response: { 201: MetricView },
        },
      },
      async (request, reply) => reply.code(201).send(await metrics.create(request.body, request.actor)),
    );
    http.post(
      '/metrics/import',
      {
        config: write,
        schema: {
          operationId: 'importMetrics',
          summary: 'Define metrics by a file',
          tags,
          body: MetricImport,
          response: { 200: MetricImportResult },
        },
      },
      async (request) =>
        metrics.importYaml(request.body.yaml, { dryRun: request.body.dryRun }, request.actor),
    );
    http.get(
      '/metrics/export',
      {
        config: read,
        schema: {
          operationId: 'exportMetrics',
          summary: 'All definitions as a file that can be imported',
          tags,
          response: { 200: Type.String({ description: 'YAML', examples: ['metrics: []\n'] }) },
        },
      },
      async (_request, reply) => reply.type('application/yaml').send(await metrics.exportYaml()),
    );
    http.get(
      '/metrics/:metricId',
      {
        config: read,
        schema: {
          operationId: 'readMetric',
          summary: 'One metric',
          tags,
          params: Params,
          response: { 200: MetricView },
        },
      },
      async (request) => metrics.get(request.params.metricId, request.actor),
    );
    http.put(
      '/metrics/:metricId',
      {
        config: write,
        schema: {
          operationId: 'replaceMetric',
          summary: 'Give a metric a new version',
          tags,
          params: Params,
          querystring: ReplaceQuery,
          body: MetricDefinition,
          response: { 200: MetricView },
        },
      },
      async (request) => {
        if (request.body.id !== request.params.metricId)
          throw metricsProblems.invalid({ detail: `/id: must be "${request.params.metricId}".` });
        return metrics.replace(request.body, request.query.version, request.actor);
      },
    );
    http.delete(
      '/metrics/:metricId',
      {
        config: write,
        schema: {
          operationId: 'deleteMetric',
          summary: 'Delete a metric and its kept values',
          tags,
          params: Params,
          response: { 204: Type.Null({ description: 'Deleted' }) },
        },
      },
      async (request, reply) => {
        await metrics.remove(request.params.metricId, request.actor);
        return reply.code(204).send(null);
      },
    );
    http.get(
      '/metrics/:metricId/versions',
      {
        config: read,
        schema: {
          operationId: 'listMetricVersions',
          summary: 'Every version of a metric',
          tags,
          params: Params,
          response: { 200: MetricVersions },
        },
      },
      async (request) => metrics.versions(request.params.metricId),
    );
    http.get(
      '/metrics/:metricId/values',
      {
        config: read,
        schema: {
          operationId: 'readMetricValues',
          summary: 'Values of a metric at one grain',
          tags,
          params: Params,
          querystring: MetricValuesQuery,
          response: { 200: MetricValues },
        },
      },
      async (request) => metrics.values(request.params.metricId, request.query, request.actor),
    );
    http.get(
      '/metrics/:metricId/trend',
      {
        config: read,
        schema: {
          operationId: 'readMetricTrend',
          summary: 'A metric over time',
          tags,
          params: Params,
          querystring: MetricTrendQuery,
          response: { 200: MetricTrend },
        },
      },
      async (request) => metrics.trend(request.params.metricId, request.query, request.actor),
    );
    http.get(
      '/metrics/:metricId/check',
      {
        config: { permission: 'metrics.write' },
        schema: {
          operationId: 'checkMetric',
          summary: 'Compute a kept day again and compare',
          tags,
          params: Params,
          querystring: CheckQuery,
          response: { 200: MetricCheck },
        },
      },
      async (request) => metrics.check(request.params.metricId, request.query.day),
    );
  };
}
