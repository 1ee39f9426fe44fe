import type {
  LoadAccepted,
  LoadView,
  ManifestApplied,
  QuarantineRow,
  QuarantineSummary,
  ReplayRequest,
  SourceDetail,
  SourceTableView,
  SourceView,
} from '@rapport/sources/contract';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import type { Static } from 'typebox';
import { api } from './client.ts';
import { type Paged, pagedQuery } from './paged.ts';

export type Source = Static<typeof SourceView>;
export type Load = Static<typeof LoadView>;
export type SourceTable = Static<typeof SourceTableView>;
export type RefusedRow = Static<typeof QuarantineRow>;
export type RefusedSummary = Static<typeof QuarantineSummary>;

export const sourcesQuery = queryOptions({
  queryKey: ['sources'],
  queryFn: ({ signal }) => api.get<Paged<Source>>('/sources', { signal }),
});

export const sourceQuery = (id: string) =>
  queryOptions({
    queryKey: ['sources', id],
    queryFn: ({ signal }) => api.get<Static<typeof SourceDetail>>(`/sources/${id}`, { signal }),
  });

export const sourceTableQuery = (id: string, table: string) =>
  queryOptions({
    queryKey: ['sources', id, 'tables', table],
    queryFn: ({ signal }) => api.get<SourceTable>(`/sources/${id}/tables/${table}`, { signal }),
  });

export const loadsQuery = (id: string) => pagedQuery<Load>(['sources', id, 'loads'], `/sources/${id}/loads`);

interface QuarantineAnswer extends Paged<RefusedRow> {
  readonly summary: readonly RefusedSummary[];
}
export const quarantineQuery = (
  id: string,
  filter: { table?: string; reason?: string; state?: 'open' | 'replayed' },
) =>
  infiniteQueryOptions({
    queryKey: ['sources', id, 'quarantine', filter],
    queryFn: ({ pageParam, signal }) =>
      api.get<QuarantineAnswer>(`/sources/${id}/quarantine`, {
        query: { ...filter, cursor: pageParam },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: QuarantineAnswer) => last.nextCursor,
  });

export const loadSource = (id: string) => api.post<Static<typeof LoadAccepted>>(`/sources/${id}/loads`);
export const replayQuarantine = (id: string, request: ReplayRequest) =>
  api.post<Static<typeof LoadAccepted>>(`/sources/${id}/quarantine/replay`, { body: request });
export const applyManifest = (yaml: string) =>
  api.post<Static<typeof ManifestApplied>>('/sources', { body: { yaml } });
