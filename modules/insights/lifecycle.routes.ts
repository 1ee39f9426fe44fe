import type { Routes } from '@rapport/http';
import { LifecycleBoard, LifecycleQuery } from './lifecycle.contract.ts';
import type { Lifecycle } from './lifecycle.ts';

/** The board of the stages of life. */
export function lifecycleRoutes(lifecycle: Lifecycle): Routes {
  return (http) => {
    http.get(
      '/reports/lifecycle',
      {
        config: { permission: 'reports.read' },
        schema: {
          operationId: 'getLifecycle',
          summary: 'Stages of life: who is where, who moved, what reaches them',
          tags: ['reports'],
          querystring: LifecycleQuery,
          response: { 200: LifecycleBoard },
        },
      },
      async (request) => lifecycle.board(request.query, request.actor),
    );
  };
}
