import type {
  CheckRequest,
  CheckResult,
  MaterialView,
  MergeFieldView,
  NewMaterial,
  Preview,
  PreviewRequest,
  TemplateBody,
  TemplateSummary,
  TemplateView,
} from '@rapport/content/contract';
import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';
import { pagedQuery } from './paged.ts';

export const templatesQuery = (filter: { channel?: TemplateBody['channel'] | undefined } = {}) =>
  pagedQuery<TemplateSummary>(['templates', 'list'], '/templates', { ...filter, limit: 100 });

export const templateQuery = (id: string) =>
  queryOptions({
    queryKey: ['templates', 'one', id],
    queryFn: ({ signal }) => api.get<TemplateView>(`/templates/${id}`, { signal }),
  });

export const createTemplate = (body: TemplateBody) => api.post<TemplateView>('/templates', { body });
export const replaceTemplate = (id: string, body: TemplateBody) =>
  api.put<TemplateView>(`/templates/${id}`, { body });
export const deleteTemplate = (id: string) => api.delete<void>(`/templates/${id}`);
export const publishTemplate = (id: string) => api.post<TemplateView>(`/templates/${id}/publish`);

export const mergeFieldsQuery = queryOptions({
  queryKey: ['templates', 'fields'],
  queryFn: ({ signal }) => api.get<{ items: readonly MergeFieldView[] }>('/templates/fields', { signal }),
  staleTime: 5 * 60_000,
});

export const checkQuery = (request: CheckRequest) =>
  queryOptions({
    queryKey: ['templates', 'check', request],
    queryFn: ({ signal }) => api.post<CheckResult>('/templates/check', { body: request, signal }),
    placeholderData: keepPreviousData,
    retry: false,
  });

export const previewQuery = (request: PreviewRequest) =>
  queryOptions({
    queryKey: ['templates', 'preview', request],
    queryFn: ({ signal }) => api.post<Preview>('/templates/preview', { body: request, signal }),
    placeholderData: keepPreviousData,
    retry: false,
  });

export const materialsQuery = pagedQuery<MaterialView>(['materials'], '/materials');
export const uploadMaterial = (body: NewMaterial) => api.post<MaterialView>('/materials', { body });
