import type {
  Audience,
  AudienceSnapshot,
  CountResult,
  CreateAudience,
  EvaluateResult,
  ExplainResult,
  ReplaceAudience,
  ValuesResult,
  Vocabulary,
} from '@rapport/audiences/contract';
import type { Condition } from '@rapport/conditions';
import type { Language } from '@rapport/kernel';
import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';
import { pagedQuery } from './paged.ts';

export const audiencesQuery = (search?: string) =>
  pagedQuery<Audience>(['audiences', 'list'], '/audiences', { search });

export const audienceQuery = (id: string) =>
  queryOptions({
    queryKey: ['audiences', 'one', id],
    queryFn: ({ signal }) => api.get<Audience>(`/audiences/${id}`, { signal }),
  });

export const createAudience = (body: CreateAudience) => api.post<Audience>('/audiences', { body });
export const replaceAudience = (id: string, body: ReplaceAudience) =>
  api.put<Audience>(`/audiences/${id}`, { body });
export const deleteAudience = (id: string) => api.delete<void>(`/audiences/${id}`);

export const vocabularyQuery = queryOptions({
  queryKey: ['audiences', 'vocabulary'],
  queryFn: ({ signal }) => api.get<Vocabulary>('/audiences/vocabulary', { signal }),
  staleTime: 60_000,
});

export interface ValuesOf {
  readonly tag?: string;
  readonly event?: string;
  readonly property?: string;
}
export const valuesQuery = (of: ValuesOf, search: string) =>
  queryOptions({
    queryKey: ['audiences', 'values', of, search],
    queryFn: ({ signal }) => api.get<ValuesResult>('/audiences/values', { query: { ...of, search }, signal }),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });

/* Live answers: TanStack Query aborts a question as soon as a newer one has taken its place. */

export const countQuery = (condition: Condition) =>
  queryOptions({
    queryKey: ['audiences', 'count', condition],
    queryFn: ({ signal }) => api.post<CountResult>('/audiences/count', { body: { condition }, signal }),
    placeholderData: keepPreviousData,
  });

export const explainQuery = (condition: Condition, language: Language) =>
  queryOptions({
    queryKey: ['audiences', 'explain', condition, language],
    queryFn: ({ signal }) =>
      api.post<ExplainResult>('/audiences/explain', { body: { condition, language }, signal }),
    placeholderData: keepPreviousData,
  });

export const evaluateCondition = (condition: Condition, customerId: string, language: Language) =>
  api.post<EvaluateResult>('/audiences/evaluate', { body: { condition, customerId, language } });

export const snapshotsQuery = (audienceId: string) =>
  pagedQuery<AudienceSnapshot>(
    ['audiences', 'one', audienceId, 'snapshots'],
    `/audiences/${audienceId}/snapshots`,
  );
export const freezeAudience = (audienceId: string) =>
  api.post<AudienceSnapshot>(`/audiences/${audienceId}/snapshots`, { body: {} });
export const exportAudience = (audienceId: string) => api.blob(`/audiences/${audienceId}/export`);
export const exportSnapshot = (snapshotId: string) => api.blob(`/audience-snapshots/${snapshotId}/export`);
