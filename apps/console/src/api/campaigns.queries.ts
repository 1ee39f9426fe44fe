import type {
  Advice,
  AdviceRequest,
  Campaign,
  CampaignChange,
  CampaignDraft,
  CampaignState,
  CampaignSteps,
  DryRun,
  TimelineEntry,
} from '@rapport/campaigns/contract';
import type { CampaignFunnel } from '@rapport/insights/contract';
import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';
import { pagedQuery } from './paged.ts';

export const campaignsQuery = (filter: { state?: CampaignState | undefined; text?: string } = {}) =>
  pagedQuery<Campaign>(['campaigns', 'list'], '/campaigns', filter);

/** States in which figures move by themselves. */
const MOVING: ReadonlySet<CampaignState> = new Set([
  'in_review',
  'approved',
  'scheduled',
  'running',
  'paused',
]);

export const campaignQuery = (id: string) =>
  queryOptions({
    queryKey: ['campaigns', 'one', id],
    queryFn: ({ signal }) => api.get<Campaign>(`/campaigns/${id}`, { signal }),
    refetchInterval: (query) => {
      const state = query.state.data?.state;
      if (state === 'running') return 1500;
      return state && MOVING.has(state) ? 5000 : false;
    },
  });

export const campaignStepsQuery = (id: string) =>
  queryOptions({
    queryKey: ['campaigns', 'one', id, 'steps'],
    queryFn: ({ signal }) => api.get<CampaignSteps>(`/campaigns/${id}/steps`, { signal }),
    placeholderData: keepPreviousData,
  });

export const campaignTimelineQuery = (id: string) =>
  queryOptions({
    queryKey: ['campaigns', 'one', id, 'timeline'],
    queryFn: ({ signal }) =>
      api.get<{ items: readonly TimelineEntry[] }>(`/campaigns/${id}/timeline`, { signal }),
  });

export const campaignFunnelQuery = (id: string) =>
  queryOptions({
    queryKey: ['campaigns', 'one', id, 'funnel'],
    queryFn: ({ signal }) => api.get<CampaignFunnel>(`/reports/campaigns/${id}/funnel`, { signal }),
  });

export const adviceQuery = (request: AdviceRequest) =>
  queryOptions({
    queryKey: ['campaigns', 'advice', request],
    queryFn: ({ signal }) => api.post<Advice>('/campaigns/advice', { body: request, signal }),
    placeholderData: keepPreviousData,
    retry: false,
  });

export const createCampaign = (body: CampaignDraft) => api.post<Campaign>('/campaigns', { body });
export const changeCampaign = (id: string, body: CampaignChange) =>
  api.put<Campaign>(`/campaigns/${id}`, { body });
export const deleteCampaign = (id: string) => api.delete<void>(`/campaigns/${id}`);
export const cloneCampaign = (id: string) => api.post<Campaign>(`/campaigns/${id}/clone`, { body: {} });
export const dryRunCampaign = (id: string) => api.post<DryRun>(`/campaigns/${id}/dry-run`);

export type CampaignAction = 'submit' | 'withdraw' | 'launch' | 'pause' | 'resume' | 'stop';
const TAKES_NOTE: ReadonlySet<CampaignAction> = new Set(['pause', 'stop']);

/** Moves a campaign to its next state. */
export const actOnCampaign = (id: string, action: CampaignAction) =>
  api.post<Campaign>(`/campaigns/${id}/${action}`, TAKES_NOTE.has(action) ? { body: {} } : {});
