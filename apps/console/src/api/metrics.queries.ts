import type {
  Grain,
  MetricCheck,
  MetricImportResult,
  MetricList,
  MetricTrend,
  MetricValues,
  MetricVersions,
  MetricView,
} from '@rapport/metrics/contract';
import { queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';

export const metricsQuery = queryOptions({
  queryKey: ['metrics', 'list'],
  queryFn: ({ signal }) => api.get<MetricList>('/metrics', { signal }),
});

export const metricQuery = (id: string) =>
  queryOptions({
    queryKey: ['metrics', 'one', id],
    queryFn: ({ signal }) => api.get<MetricView>(`/metrics/${id}`, { signal }),
  });

export const metricValuesQuery = (id: string, grain: Grain) =>
  queryOptions({
    queryKey: ['metrics', 'values', id, grain],
    queryFn: ({ signal }) => api.get<MetricValues>(`/metrics/${id}/values`, { query: { grain }, signal }),
  });

export const metricTrendQuery = (id: string) =>
  queryOptions({
    queryKey: ['metrics', 'trend', id],
    queryFn: ({ signal }) => api.get<MetricTrend>(`/metrics/${id}/trend`, { signal }),
  });

export const metricVersionsQuery = (id: string) =>
  queryOptions({
    queryKey: ['metrics', 'versions', id],
    queryFn: ({ signal }) => api.get<MetricVersions>(`/metrics/${id}/versions`, { signal }),
  });

export const checkMetric = (id: string, day: string) =>
  api.get<MetricCheck>(`/metrics/${id}/check`, { query: { day } });
export const importMetrics = (yaml: string, dryRun: boolean) =>
  api.post<MetricImportResult>('/metrics/import', { body: { yaml, dryRun } });
export const exportMetrics = () => api.blob('/metrics/export');
