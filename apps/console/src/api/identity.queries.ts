import type {
  CustomerIdentityView,
  DecideBody,
  Decided,
  IdentitySummary,
  MatchRules,
  MatchRulesView,
  MergeDone,
  ReviewPair,
  ReviewQuery,
} from '@rapport/customers/contract';
import { queryOptions } from '@tanstack/react-query';
import type { Static } from 'typebox';
import { api } from './client.ts';
import { pagedQuery } from './paged.ts';

export type Pair = Static<typeof ReviewPair>;
export type Rules = Static<typeof MatchRules>;
export type RulesView = Static<typeof MatchRulesView>;
export type Summary = Static<typeof IdentitySummary>;
export type CustomerIdentity = CustomerIdentityView;

export const identitySummaryQuery = queryOptions({
  queryKey: ['identity', 'summary'],
  queryFn: ({ signal }) => api.get<Summary>('/identity/summary', { signal }),
});

export const matchRulesQuery = queryOptions({
  queryKey: ['identity', 'rules'],
  queryFn: ({ signal }) => api.get<RulesView>('/identity/rules', { signal }),
});

export const reviewsQuery = (filter: { state: NonNullable<ReviewQuery['state']>; rule?: string }) =>
  pagedQuery<Pair>(['identity', 'reviews'], '/identity/reviews', filter);

export const customerIdentityQuery = (customerId: string) =>
  queryOptions({
    queryKey: ['customers', customerId, 'identity'],
    queryFn: ({ signal }) =>
      api.get<CustomerIdentity>(`/customers/${encodeURIComponent(customerId)}/identity`, { signal }),
  });

export const putMatchRules = (rules: Rules) => api.put<RulesView>('/identity/rules', { body: rules });
export const startMatchRun = (full: boolean) =>
  api.post<{ jobId: string }>('/identity/runs', { body: { full } });
export const decidePairs = (body: DecideBody) => api.post<Decided>('/identity/decisions', { body });
export const undoMerge = (mergeId: string, reason: string) =>
  api.post<Static<typeof MergeDone>>(`/identity/merges/${mergeId}/undo`, { body: { reason } });
