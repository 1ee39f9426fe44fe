import type {
  AccessEntry,
  AlertPage,
  AlertView,
  ArrivalBoard,
  ArrivalView,
  BlockView,
  CatalogEntry,
  CatalogTable,
  DriftView,
  FreezeView,
  NewFreeze,
  NewRule,
  NotePatch,
  QualityBoard,
  RuleView,
} from '@rapport/catalog/contract';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';
import { pagedQuery } from './paged.ts';

export const catalogTablesQuery = (filter: { search?: string; kind?: string; dataClass?: string }) =>
  queryOptions({
    queryKey: ['catalog', 'tables', filter],
    queryFn: ({ signal }) =>
      api.get<{ items: readonly CatalogEntry[] }>('/catalog/tables', { query: filter, signal }),
    placeholderData: (before) => before,
  });
export const catalogTableQuery = (name: string) =>
  queryOptions({
    queryKey: ['catalog', 'table', name],
    queryFn: ({ signal }) => api.get<CatalogTable>('/catalog/table', { query: { name }, signal }),
  });
export const noteCatalogTable = (name: string, column: string | undefined, body: NotePatch) =>
  api.patch<CatalogTable>('/catalog/table', { query: { name, column }, body });

export const qualityBoardQuery = queryOptions({
  queryKey: ['catalog', 'quality'],
  queryFn: ({ signal }) => api.get<QualityBoard>('/catalog/quality', { signal }),
});
export const addQualityRule = (body: NewRule) => api.post<RuleView>('/catalog/rules', { body });
export const removeQualityRule = (ruleId: string) => api.delete<void>(`/catalog/rules/${ruleId}`);
export const releaseBlock = (blockId: string, reason: string) =>
  api.post<BlockView>(`/catalog/blocks/${blockId}/release`, { body: { reason } });

export const driftQuery = pagedQuery<DriftView>(['catalog', 'drift'], '/catalog/drift', { limit: 30 });

export const arrivalsQuery = queryOptions({
  queryKey: ['catalog', 'arrivals'],
  queryFn: ({ signal }) => api.get<ArrivalBoard>('/catalog/arrivals', { query: { days: 10 }, signal }),
});
export const releaseArrival = (sourceId: string, day: string, reason: string) =>
  api.post<ArrivalView>(`/catalog/arrivals/${sourceId}/${day}/release`, { body: { reason } });
export const setFreeze = (body: NewFreeze) => api.post<FreezeView>('/catalog/freezes', { body });
export const cancelFreeze = (freezeId: string) => api.delete<void>(`/catalog/freezes/${freezeId}`);

export const alertsQuery = (filter: { state?: string; kind?: string }) =>
  infiniteQueryOptions({
    queryKey: ['catalog', 'alerts', filter],
    queryFn: ({ pageParam, signal }) =>
      api.get<AlertPage>('/alerts', { query: { ...filter, limit: 50, cursor: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: AlertPage) => last.nextCursor,
  });
export const acknowledgeAlert = (alertId: string, note: string | undefined) =>
  api.post<AlertView>(`/alerts/${alertId}/acknowledge`, { body: note ? { note } : {} });

export const dataAccessQuery = (table: string | undefined) =>
  pagedQuery<AccessEntry>(['catalog', 'access'], '/catalog/access', { table, limit: 50 });
