import type { CustomerProfile, CustomerSummary, TimelineItem } from '@rapport/customers/contract';
import { queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';
import { pagedQuery } from './paged.ts';

export const customersQuery = (filter: { q?: string; orgUnit?: string }) =>
  pagedQuery<CustomerSummary>(['customers'], '/customers', filter);

export const customerQuery = (customerId: string) =>
  queryOptions({
    queryKey: ['customers', customerId],
    queryFn: ({ signal }) =>
      api.get<CustomerProfile>(`/customers/${encodeURIComponent(customerId)}`, { signal }),
  });

export const timelineQuery = (customerId: string, kind: TimelineItem['kind'] | undefined) =>
  pagedQuery<TimelineItem>(
    ['customers', customerId, 'timeline'],
    `/customers/${encodeURIComponent(customerId)}/timeline`,
    { kind },
  );
