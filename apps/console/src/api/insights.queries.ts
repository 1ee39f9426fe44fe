import type {
  CampaignReport,
  FollowUpView,
  HomeReport,
  LifecycleBoard,
  LifecycleQuery,
} from '@rapport/insights/contract';
import { queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';

export const homeQuery = queryOptions({
  queryKey: ['home'],
  queryFn: ({ signal }) => api.get<HomeReport>('/reports/home', { signal }),
  refetchInterval: 30_000,
});

export const campaignReportQuery = (campaignId: string) =>
  queryOptions({
    queryKey: ['reports', campaignId],
    queryFn: ({ signal }) => api.get<CampaignReport>(`/reports/campaigns/${campaignId}`, { signal }),
  });

export const followUp = (campaignId: string) =>
  api.post<FollowUpView>(`/reports/campaigns/${campaignId}/follow-up`, { body: {} });

export const exportReport = (campaignId: string) => api.blob(`/reports/campaigns/${campaignId}/export`);

export const lifecycleQuery = (query: LifecycleQuery) =>
  queryOptions({
    queryKey: ['lifecycle', query],
    queryFn: ({ signal }) => api.get<LifecycleBoard>('/reports/lifecycle', { query: { ...query }, signal }),
  });
