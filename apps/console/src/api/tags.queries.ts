import type {
  LineageGraph,
  TagCategory,
  TagDefinition,
  TagEvidence,
  TagImportResult,
  TagPreview,
  TagPreviewRequest,
  TagRefreshView,
  TagReplacement,
  TagSummary,
  TagView,
} from '@rapport/tags/contract';
import { queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';
import { pagedQuery } from './paged.ts';

export const tagsQuery = (filter: { q?: string; category?: string; kind?: TagSummary['kind'] }) =>
  pagedQuery<TagSummary>(['tags', 'list'], '/tags', { ...filter, limit: 200 });

export const tagCategoriesQuery = queryOptions({
  queryKey: ['tags', 'categories'],
  queryFn: ({ signal }) => api.get<{ items: readonly TagCategory[] }>('/tag-categories', { signal }),
});

export const tagQuery = (id: string) =>
  queryOptions({
    queryKey: ['tags', 'one', id],
    queryFn: ({ signal }) => api.get<TagView>(`/tags/${id}`, { signal }),
  });

export const createTag = (definition: TagDefinition) => api.post<TagView>('/tags', { body: definition });
export const replaceTag = (id: string, body: TagReplacement) => api.put<TagView>(`/tags/${id}`, { body });
export const deleteTag = (id: string) => api.delete<void>(`/tags/${id}`);
export const previewTag = (body: TagPreviewRequest, signal: AbortSignal) =>
  api.post<TagPreview>('/tags/preview', { body, signal });
export const refreshTags = (tagIds: readonly string[] | undefined) =>
  api.post<{ jobId: string }>('/tags/refresh', { body: tagIds ? { tagIds } : {} });
export const tagRefreshesQuery = pagedQuery<TagRefreshView>(['tags', 'refreshes'], '/tags/refreshes', {
  limit: 20,
});

export const importTags = (yaml: string, dryRun: boolean) =>
  api.post<TagImportResult>('/tags/import', { body: { yaml, dryRun } });
export const exportTags = () => api.get<{ yaml: string }>('/tags/export');

export const tagEvidenceQuery = (tagId: string, customerId: string) =>
  queryOptions({
    queryKey: ['tags', 'evidence', tagId, customerId],
    queryFn: ({ signal }) =>
      api.get<TagEvidence>(`/tags/${tagId}/evidence`, { query: { customerId }, signal }),
    staleTime: 0,
  });

export const lineageQuery = (focus: string | undefined) =>
  queryOptions({
    queryKey: ['lineage', focus ?? ''],
    queryFn: ({ signal }) => api.get<LineageGraph>('/lineage', { query: { focus }, signal }),
  });
