import type { NewSession, SessionView } from '@rapport/governance/contract';
import { queryOptions } from '@tanstack/react-query';
import { ApiProblem, api } from './client.ts';

/** Who is signed in; `null` when nobody is. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }): Promise<SessionView | null> => {
    try {
      return await api.get<SessionView>('/session', { signal });
    } catch (error) {
      if (error instanceof ApiProblem && error.problem.status === 401) return null;
      throw error;
    }
  },
  staleTime: 60_000,
});

export const signIn = (credentials: { username: string; password: string }) =>
  api.post<NewSession>('/session', { body: credentials });

export const signOut = () => api.delete<void>('/session');
