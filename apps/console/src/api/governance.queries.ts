import type {
  ApiKeyView,
  ApprovalDecision,
  ApprovalView,
  AuditEntry,
  NewApiKey,
  NewUser,
  OrgUnitView,
  Role,
  UserView,
} from '@rapport/governance/contract';
import { queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';
import { type Paged, pagedQuery } from './paged.ts';

export const usersQuery = queryOptions({
  queryKey: ['users'],
  queryFn: ({ signal }) => api.get<Paged<UserView>>('/users', { signal }),
});
export const createUser = (user: NewUser) => api.post<UserView>('/users', { body: user });
export const changeUser = (id: string, change: { active?: boolean; roles?: readonly Role[] }) =>
  api.patch<UserView>(`/users/${id}`, { body: change });

export const apiKeysQuery = queryOptions({
  queryKey: ['api-keys'],
  queryFn: ({ signal }) => api.get<Paged<ApiKeyView>>('/api-keys', { signal }),
});
export const createApiKey = (key: NewApiKey) =>
  api.post<ApiKeyView & { secret: string }>('/api-keys', { body: key });
export const revokeApiKey = (id: string) => api.delete<void>(`/api-keys/${id}`);

export const approvalsQuery = (state: ApprovalView['state'] | undefined) =>
  pagedQuery<ApprovalView>(['approvals'], '/approvals', { state });
export const decideApproval = (id: string, decision: ApprovalDecision) =>
  api.post<ApprovalView>(`/approvals/${id}/decision`, { body: decision });

export const auditQuery = (filter: { subject?: string; actorId?: string }) =>
  pagedQuery<AuditEntry>(['audit'], '/audit', filter);
export const verifyAudit = () =>
  api.get<{ intact: boolean; entries: number; brokenAt?: number }>('/audit/check');

export const orgUnitsQuery = queryOptions({
  queryKey: ['orgs'],
  queryFn: ({ signal }) => api.get<{ items: readonly OrgUnitView[] }>('/org-units', { signal }),
  staleTime: 5 * 60_000,
});
