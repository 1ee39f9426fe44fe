import type {
  Audience,
  AudienceSnapshot,
  CountResult,
  CreateAudience,
  EvaluateResult,
  ExplainResult,
  FlowResult,
  GrowthPoint,
  GrowthResult,
  LookalikeRequest,
  OverlapRequest,
  OverlapResult,
  PolicyResult,
  ProfileRequest,
  ProfileResult,
  RefreshPolicy,
  RelaxResult,
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

export const countQuery = (condition: Condition, asOf?: string) =>
  queryOptions({
    queryKey: ['audiences', 'count', condition, asOf],
    queryFn: ({ signal }) => api.post<CountResult>('/audiences/count', { body: { condition, asOf }, signal }),
    placeholderData: keepPreviousData,
  });

/** With `asOf`, as of that past instant. */
export const explainQuery = (condition: Condition, language: Language, asOf?: string) =>
  queryOptions({
    queryKey: ['audiences', 'explain', condition, language, asOf],
    queryFn: ({ signal }) =>
      api.post<ExplainResult>('/audiences/explain', { body: { condition, language, asOf }, signal }),
    placeholderData: keepPreviousData,
  });

/* Insight: answers that are worth a wait, kept while the reader goes back and forth. */

export const profileQuery = (request: ProfileRequest) =>
  queryOptions({
    queryKey: ['audiences', 'profile', request],
    queryFn: ({ signal }) => api.post<ProfileResult>('/audiences/profile', { body: request, signal }),
    placeholderData: keepPreviousData,
    staleTime: 300_000,
  });
export const exportProfile = (request: ProfileRequest) =>
  api.postBlob('/audiences/profile/csv', { body: request });

export interface RelaxQuestion {
  readonly condition: Condition;
  readonly wanted: number;
  readonly keep: readonly string[];
}
export const relaxCondition = (question: RelaxQuestion, language: Language, signal?: AbortSignal) =>
  api.post<RelaxResult>('/audiences/relax', {
    body: { ...question, limit: 8, language },
    ...(signal ? { signal } : {}),
  });

export const overlapQuery = (sets: OverlapRequest['sets']) =>
  queryOptions({
    queryKey: ['audiences', 'overlap', sets],
    queryFn: ({ signal }) => api.post<OverlapResult>('/audiences/overlap', { body: { sets }, signal }),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });

export const startLookalike = (request: LookalikeRequest) =>
  api.post<{ readonly jobId: string }>('/audiences/lookalikes', { body: request });

export const growthQuery = (audienceId: string, days: number, backcast: number) =>
  queryOptions({
    queryKey: ['audiences', 'one', audienceId, 'growth', days, backcast],
    queryFn: ({ signal }) =>
      api.get<GrowthResult>(`/audiences/${audienceId}/growth`, { query: { days, backcast }, signal }),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
export const recordSize = (audienceId: string) =>
  api.post<GrowthPoint>(`/audiences/${audienceId}/growth`, { body: {} });
export const flowQuery = (audienceId: string, from: string, to?: string) =>
  queryOptions({
    queryKey: ['audiences', 'one', audienceId, 'flow', from, to],
    queryFn: ({ signal }) =>
      api.post<FlowResult>(`/audiences/${audienceId}/flow`, { body: { from, to }, signal }),
    placeholderData: keepPreviousData,
  });
export const policyQuery = (audienceId: string) =>
  queryOptions({
    queryKey: ['audiences', 'one', audienceId, 'policy'],
    queryFn: ({ signal }) => api.get<PolicyResult>(`/audiences/${audienceId}/policy`, { signal }),
  });
export const setPolicy = (audienceId: string, policy: RefreshPolicy) =>
  api.put<PolicyResult>(`/audiences/${audienceId}/policy`, { body: policy });

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
