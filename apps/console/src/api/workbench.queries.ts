import type {
  SavedQueries,
  SavedQuery,
  SaveQuery,
  WorkbenchResult,
  WorkbenchRunPage,
  WorkbenchTables,
} from '@rapport/workbench/contract';
import { queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';

export const workbenchTablesQuery = queryOptions({
  queryKey: ['workbench', 'tables'],
  queryFn: ({ signal }) => api.get<WorkbenchTables>('/workbench/tables', { signal }),
});
export const savedQueriesQuery = queryOptions({
  queryKey: ['workbench', 'queries'],
  queryFn: ({ signal }) => api.get<SavedQueries>('/workbench/queries', { signal }),
});
export const workbenchRunsQuery = queryOptions({
  queryKey: ['workbench', 'runs'],
  queryFn: ({ signal }) => api.get<WorkbenchRunPage>('/workbench/runs', { query: { limit: 20 }, signal }),
});

export const runSql = (sql: string, signal: AbortSignal) =>
  api.post<WorkbenchResult>('/workbench/run', { body: { sql }, signal });
export const saveQuery = (body: SaveQuery) => api.post<SavedQuery>('/workbench/queries', { body });
export const deleteQuery = (id: string) => api.delete<void>(`/workbench/queries/${id}`);
export const exportSql = (sql: string) => api.postBlob('/workbench/export', { body: { sql } });
export const exportNotebook = (sql: string) => api.postBlob('/workbench/notebook', { body: { sql } });
