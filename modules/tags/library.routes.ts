import type { Routes } from '@rapport/http';
import { Type } from 'typebox';
import { TagId } from './contract.ts';
import {
  TagLibraryInstall,
  TagLibraryInstalled,
  TagLibraryView,
  TagTransitionMatrix,
  TagTransitionQuery,
} from './library.contract.ts';
import type { TagLibrary } from './library.service.ts';

const read = { config: { permission: 'tags.read' } } as const;
const write = { config: { permission: 'tags.write' } } as const;
const tags = ['tags'];

/** Ready-made tags, and how customers move between the values of a tag. */
export function tagLibraryRoutes({ library }: { readonly library: TagLibrary }): Routes {
  return (http) => {
    http.get(
      '/tag-library',
      {
        ...read,
        schema: {
          operationId: 'listTagLibrary',
          summary: 'Ready-made tags, and which of them the bank has the data for',
          tags,
          response: { 200: TagLibraryView },
        },
      },
      async () => library.list(),
    );
    http.post(
      '/tag-library/install',
      {
        ...write,
        schema: {
          operationId: 'installTagLibrary',
          summary: 'Define ready-made tags',
          tags,
          body: TagLibraryInstall,
          response: { 200: TagLibraryInstalled },
        },
      },
      async (request) => library.install(request.body, request.actor),
    );
    http.get(
      '/tags/:id/transitions',
      {
        ...read,
        schema: {
          operationId: 'getTagTransitions',
          summary: 'How customers moved between the values of a tag',
          tags,
          params: Type.Object({ id: TagId }),
          querystring: TagTransitionQuery,
          response: { 200: TagTransitionMatrix },
        },
      },
      async (request) => library.transitions(request.params.id, request.query, request.actor),
    );
  };
}
