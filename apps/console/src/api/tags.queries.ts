import type {
  CategoryNode,
  LineageGraph,
  TagAccess,
  TagAccessRequest,
  TagCategory,
  TagCost,
  TagDefinition,
  TagDemand,
  TagDiff,
  TagEvidence,
  TagImportResult,
  TagLibraryInstall,
  TagLibraryInstalled,
  TagLibraryView,
  TagLifecycle,
  TagPreview,
  TagPreviewRequest,
  TagQuality,
  TagQualityBoard,
  TagQualityChange,
  TagRefreshView,
  TagReplacement,
  TagStewardship,
  TagSummary,
  TagTransition,
  TagUsage,
  TagVersion,
  TagView,
} from '@rapport/tags/contract';
import { queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';
import { type Paged, pagedQuery } from './paged.ts';

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

/** Every tag: a bank has some hundred, which the page searches itself. */
export const allTagsQuery = queryOptions({
  queryKey: ['tags', 'list', 'all'],
  queryFn: async ({ signal }) => {
    const items: TagSummary[] = [];
    let cursor: string | undefined;
    do {
      const page: Paged<TagSummary> = await api.get('/tags', { query: { limit: 500, cursor }, signal });
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return items;
  },
});
export const markTag = (id: string, isFavourite: boolean) =>
  api.put<void>(`/tags/${id}/favourite`, { body: { isFavourite } });
export const tagTaxonomyQuery = queryOptions({
  queryKey: ['tags', 'taxonomy'],
  queryFn: ({ signal }) => api.get<{ items: readonly CategoryNode[] }>('/tag-taxonomy', { signal }),
});

export const tagLibraryQuery = queryOptions({
  queryKey: ['tags', 'library'],
  queryFn: ({ signal }) => api.get<TagLibraryView>('/tag-library', { signal }),
});
export const installLibrary = (body: TagLibraryInstall) =>
  api.post<TagLibraryInstalled>('/tag-library/install', { body });

export const tagLifecyclesQuery = queryOptions({
  queryKey: ['tags', 'lifecycles'],
  queryFn: ({ signal }) => api.get<{ items: readonly TagLifecycle[] }>('/tag-lifecycles', { signal }),
});
export const tagLifecycleQuery = (id: string) =>
  queryOptions({
    queryKey: ['tags', 'lifecycle', id],
    queryFn: ({ signal }) => api.get<TagLifecycle>(`/tags/${id}/lifecycle`, { signal }),
  });
export const demandTag = (body: TagDemand) => api.post<TagLifecycle>('/tag-demands', { body });
export const moveTag = (id: string, body: TagTransition) =>
  api.post<TagLifecycle>(`/tags/${id}/transitions`, { body });
export const setTagStewardship = (id: string, body: TagStewardship) =>
  api.put<TagLifecycle>(`/tags/${id}/stewardship`, { body });
export const tagVersionsQuery = (id: string) =>
  queryOptions({
    queryKey: ['tags', 'versions', id],
    queryFn: ({ signal }) => api.get<{ items: readonly TagVersion[] }>(`/tags/${id}/versions`, { signal }),
  });
export const restoreTagVersion = (id: string, version: number) =>
  api.post<{ items: readonly TagVersion[] }>(`/tags/${id}/versions/${version}/restore`);
export const tagAccessQuery = (tagId?: string) =>
  queryOptions({
    queryKey: ['tags', 'access', tagId ?? ''],
    queryFn: ({ signal }) =>
      api.get<{ items: readonly TagAccess[] }>('/tag-access', { query: { tagId }, signal }),
  });
export const requestTagAccess = (id: string, body: TagAccessRequest) =>
  api.post<TagAccess>(`/tags/${id}/access`, { body });
export const revokeTagAccess = (accessId: string) => api.post<TagAccess>(`/tag-access/${accessId}/revoke`);

export const tagQualityBoardQuery = queryOptions({
  queryKey: ['tags', 'quality'],
  queryFn: ({ signal }) => api.get<TagQualityBoard>('/tag-quality', { signal }),
});
export const tagQualityQuery = (id: string) =>
  queryOptions({
    queryKey: ['tags', 'quality', id],
    queryFn: ({ signal }) => api.get<TagQuality>(`/tags/${id}/quality`, { signal }),
  });
export const changeTagQuality = (id: string, body: TagQualityChange) =>
  api.patch<TagQuality>(`/tags/${id}/quality`, { body });
export const tagCostQuery = (id: string) =>
  queryOptions({
    queryKey: ['tags', 'cost', id],
    queryFn: ({ signal }) => api.get<TagCost>(`/tags/${id}/cost`, { query: { days: 30 }, signal }),
  });
export const tagUsageQuery = (id: string) =>
  queryOptions({
    queryKey: ['tags', 'usage', id],
    queryFn: ({ signal }) => api.get<TagUsage>(`/tags/${id}/usage`, { signal }),
  });
export const tagLineageQuery = (id: string) =>
  queryOptions({
    queryKey: ['tags', 'lineage', id],
    queryFn: ({ signal }) => api.get<LineageGraph>(`/tags/${id}/lineage`, { signal }),
  });
export const diffTags = (yaml: string) => api.post<TagDiff>('/tags/diff', { body: { yaml } });
