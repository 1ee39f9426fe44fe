import type { SessionView } from '@rapport/governance/contract';
import { useQuery } from '@tanstack/react-query';
import { useCallback } from 'react';
import { sessionQuery } from '../api/session.queries.ts';
import { grants } from './navigation.ts';

export function useSession(): SessionView | undefined {
  return useQuery(sessionQuery).data ?? undefined;
}

/** Whether the signed-in user may do something; what they may not do is not offered. */
export function useMay(): (permission: string) => boolean {
  const permissions = useSession()?.permissions;
  return useCallback((permission) => grants(permissions ?? [], permission), [permissions]);
}
