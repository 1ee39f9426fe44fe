import type { CreateList, CustomerList, MatchReport } from '@rapport/audiences/contract';
import { queryOptions } from '@tanstack/react-query';
import { ApiProblem, addressOf, api, problemOf, unreachable } from './client.ts';

export type ListKey = MatchReport['key'];

export const listsQuery = queryOptions({
  queryKey: ['lists', 'all'],
  queryFn: ({ signal }) => api.get<{ readonly items: readonly CustomerList[] }>('/lists', { signal }),
});
export const listQuery = (id: string) =>
  queryOptions({
    queryKey: ['lists', 'one', id],
    queryFn: ({ signal }) => api.get<CustomerList>(`/lists/${id}`, { signal }),
  });
export const createList = (body: CreateList) => api.post<CustomerList>('/lists', { body });
export const deleteList = (id: string) => api.delete<void>(`/lists/${id}`);

export interface Upload {
  readonly file: File;
  readonly key: ListKey;
  readonly column?: string | undefined;
  /** Share of the file that is sent, 0–1. */
  readonly onProgress: (share: number) => void;
  readonly signal: AbortSignal;
}

/** Sends a file to be matched. `fetch` cannot say how far an upload is, so this is the older way. */
export function uploadList(id: string, upload: Upload): Promise<CustomerList> {
  const { file, key, column, onProgress, signal } = upload;
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', addressOf(`/lists/${id}/content`, { key, column, file: file.name }));
    request.setRequestHeader('content-type', 'text/csv');
    request.setRequestHeader('accept', 'application/json');
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onload = () => {
      const answer = new Response(request.responseText || null, {
        status: request.status,
        statusText: request.statusText,
      });
      if (answer.ok) resolve(answer.json());
      else problemOf(answer).then((problem) => reject(new ApiProblem(problem)), reject);
    };
    request.onerror = () => reject(new ApiProblem(unreachable('The upload was interrupted.')));
    request.onabort = () => reject(new DOMException('The upload was cancelled.', 'AbortError'));
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}
