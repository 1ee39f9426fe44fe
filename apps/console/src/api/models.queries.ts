import type { ModelView, NewModel } from '@rapport/models/contract';
import { queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';
import { pagedQuery } from './paged.ts';

export const modelsQuery = pagedQuery<ModelView>(['models'], '/models');
export const modelQuery = (id: string) =>
  queryOptions({
    queryKey: ['models', id],
    queryFn: ({ signal }) => api.get<ModelView>(`/models/${id}`, { signal }),
  });
export const createModel = (body: NewModel) => api.post<ModelView>('/models', { body });
export const trainModel = (id: string) => api.post<{ jobId: string }>(`/models/${id}/train`);
export const scoreModel = (id: string) => api.post<{ jobId: string }>(`/models/${id}/score`);
