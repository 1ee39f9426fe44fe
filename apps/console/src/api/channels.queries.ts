import type {
  DeliveryState,
  DeliveryView,
  EmergencyStopBody,
  EmergencyStopView,
  ProviderBody,
  ProviderView,
  SandboxMessage,
  SandboxMessageView,
  SuppressionBody,
  SuppressionView,
} from '@rapport/channels/contract';
import type { ContactPolicy, ContactPolicyChange } from '@rapport/decisions/contract';
import { queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';
import { pagedQuery } from './paged.ts';

export const providersQuery = queryOptions({
  queryKey: ['providers'],
  queryFn: ({ signal }) => api.get<{ items: readonly ProviderView[] }>('/providers', { signal }),
});
export const saveProvider = (id: string | undefined, body: ProviderBody) =>
  id ? api.put<ProviderView>(`/providers/${id}`, { body }) : api.post<ProviderView>('/providers', { body });
export const testProvider = (id: string) =>
  api.post<{ ok: boolean; detail: string; tookMs: number }>(`/providers/${id}/test`);

export const deliveriesQuery = (filter: {
  campaignId?: string;
  customerId?: string;
  state?: DeliveryState | undefined;
}) => pagedQuery<DeliveryView>(['deliveries'], '/deliveries', filter);

export const suppressionsQuery = (filter: { customerId?: string } = {}) =>
  pagedQuery<SuppressionView>(['suppressions'], '/suppressions', filter);
export const addSuppression = (body: SuppressionBody) => api.post<SuppressionView>('/suppressions', { body });
export const liftSuppression = (id: string) => api.delete<void>(`/suppressions/${id}`);

export const emergencyStopsQuery = queryOptions({
  queryKey: ['emergency-stops'],
  queryFn: ({ signal }) => api.get<{ items: readonly EmergencyStopView[] }>('/emergency-stops', { signal }),
});
export const startEmergencyStop = (body: EmergencyStopBody) =>
  api.post<EmergencyStopView>('/emergency-stops', { body });
export const liftEmergencyStop = (id: string) => api.delete<void>(`/emergency-stops/${id}`);

export const sandboxQuery = pagedQuery<SandboxMessageView>(['sandbox'], '/sandbox/messages');
export const sandboxMessageQuery = (id: string) =>
  queryOptions({
    queryKey: ['sandbox', id],
    queryFn: ({ signal }) => api.get<SandboxMessage>(`/sandbox/messages/${id}`, { signal }),
  });

export const contactPolicyQuery = queryOptions({
  queryKey: ['contact-policy'],
  queryFn: ({ signal }) => api.get<ContactPolicy>('/contact-policy', { signal }),
});
export const saveContactPolicy = (body: ContactPolicyChange) =>
  api.put<ContactPolicy>('/contact-policy', { body });
