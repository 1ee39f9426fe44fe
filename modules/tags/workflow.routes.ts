import type { Routes } from '@rapport/http';
import { PageQuery } from '@rapport/kernel';
import { Type } from 'typebox';
import {
  ManualUpload,
  ManualUploadResult,
  ManualValue,
  ManualValuePage,
  ManualValueView,
  TagDictionaries,
  TagDictionary,
  TagId,
} from './contract.ts';
import type { Tags } from './tags.service.ts';
import {
  CategoryChange,
  CategoryMoves,
  CategoryNode,
  CategoryTree,
  FactorySettings,
  NewCategory,
  TagAccess,
  TagAccessList,
  TagAccessQuery,
  TagAccessRequest,
  TagDemand,
  TagLifecycle,
  TagLifecycleList,
  TagStewardship,
  TagTransition,
  TagVersions,
} from './workflow.contract.ts';

const TagParams = Type.Object({ id: TagId });
const NodeParams = Type.Object({
  id: Type.String({ pattern: '^cat_[0-9a-z]+$', description: 'Node id', examples: ['cat_01j9z3'] }),
});
const AccessParams = Type.Object({
  id: Type.String({ pattern: '^tac_[0-9a-z]+$', description: 'Id of the use', examples: ['tac_01j9z3'] }),
});
const VersionParams = Type.Object({
  id: TagId,
  version: Type.Integer({ minimum: 1, description: 'Version', examples: [2] }),
});
const ValueParams = Type.Object({
  id: TagId,
  customerId: Type.String({
    minLength: 1,
    maxLength: 200,
    description: 'The bank’s customer id',
    examples: ['C00001234'],
  }),
});
const DictionaryParams = Type.Object({ id: TagId });
const Done = Type.Null({ description: 'Done' });
const read = { config: { permission: 'tags.read' } } as const;
const write = { config: { permission: 'tags.write' } } as const;
const tags = ['tags'];

/** The life of tags, who may use them, the taxonomy and the dictionaries. */
export function tagWorkflowRoutes({ workflow, taxonomy, dictionaries, manual }: Tags): Routes {
  return (http) => {
    http.get(
      '/tags/:id/values',
      {
        ...read,
        config: { permission: 'customers.read' },
        schema: {
          operationId: 'listManualTagValues',
          summary: 'Values that people set, with who, why and until when',
          tags,
          params: TagParams,
          querystring: PageQuery,
          response: { 200: ManualValuePage },
        },
      },
      async (request) => manual.list(request.params.id, request.query, request.actor),
    );
    http.post(
      '/tags/:id/values',
      {
        ...write,
        schema: {
          operationId: 'setManualTagValue',
          summary: 'Set the value of a customer by hand',
          tags,
          params: TagParams,
          body: ManualValue,
          response: { 201: ManualValueView },
        },
      },
      async (request, reply) =>
        reply.code(201).send(await manual.set(request.params.id, request.body, request.actor)),
    );
    http.delete(
      '/tags/:id/values/:customerId',
      {
        ...write,
        schema: {
          operationId: 'clearManualTagValue',
          summary: 'Take the value of a customer away',
          tags,
          params: ValueParams,
          response: { 204: Done },
        },
      },
      async (request, reply) => {
        await manual.clear(request.params.id, request.params.customerId, request.actor);
        return reply.code(204).send(null);
      },
    );
    http.post(
      '/tags/:id/values/upload',
      {
        ...write,
        bodyLimit: 60_000_000,
        schema: {
          operationId: 'uploadManualTagValues',
          summary: 'Set values by a CSV file of customer ids',
          tags,
          params: TagParams,
          body: ManualUpload,
          response: { 200: ManualUploadResult },
        },
      },
      async (request) => manual.upload(request.params.id, request.body, request.actor),
    );
    http.get(
      '/tag-lifecycles',
      {
        ...read,
        schema: {
          operationId: 'listTagLifecycles',
          summary: 'Tags on their way: demanded, designed, in review, published, monitored, retired',
          tags,
          response: { 200: TagLifecycleList },
        },
      },
      async () => ({ items: await workflow.lifecycles() }),
    );
    http.post(
      '/tag-demands',
      {
        ...read,
        schema: {
          operationId: 'demandTag',
          summary: 'Ask for a tag that does not exist',
          tags,
          body: TagDemand,
          response: { 201: TagLifecycle },
        },
      },
      async (request, reply) => reply.code(201).send(await workflow.demand(request.body, request.actor)),
    );
    http.get(
      '/tags/:id/lifecycle',
      {
        ...read,
        schema: {
          operationId: 'getTagLifecycle',
          summary: 'Where a tag stands and how it got there',
          tags,
          params: TagParams,
          response: { 200: TagLifecycle },
        },
      },
      async (request) => workflow.lifecycle(request.params.id),
    );
    http.post(
      '/tags/:id/transitions',
      {
        ...write,
        schema: {
          operationId: 'moveTag',
          summary: 'Submit, withdraw, monitor, retire or revive a tag',
          tags,
          params: TagParams,
          body: TagTransition,
          response: { 200: TagLifecycle },
        },
      },
      async (request) => workflow.transition(request.params.id, request.body, request.actor),
    );
    http.put(
      '/tags/:id/stewardship',
      {
        ...write,
        schema: {
          operationId: 'setTagStewardship',
          summary: 'Say who looks after a tag, how fresh it must be, whether its use must be granted',
          tags,
          params: TagParams,
          body: TagStewardship,
          response: { 200: TagLifecycle },
        },
      },
      async (request) => workflow.setStewardship(request.params.id, request.body, request.actor),
    );
    http.get(
      '/tags/:id/versions',
      {
        ...read,
        schema: {
          operationId: 'listTagVersions',
          summary: 'Versions of a definition and what each changed',
          tags,
          params: TagParams,
          response: { 200: TagVersions },
        },
      },
      async (request) => ({ items: await workflow.versions(request.params.id) }),
    );
    http.post(
      '/tags/:id/versions/:version/restore',
      {
        ...write,
        schema: {
          operationId: 'restoreTagVersion',
          summary: 'Make an earlier version the newest',
          tags,
          params: VersionParams,
          response: { 200: TagVersions },
        },
      },
      async (request) => {
        await workflow.rollBack(request.params.id, request.params.version, request.actor);
        return { items: await workflow.versions(request.params.id) };
      },
    );
    http.post(
      '/tags/:id/access',
      {
        ...read,
        schema: {
          operationId: 'requestTagAccess',
          summary: 'Ask to use a tag for a purpose and a time',
          tags,
          params: TagParams,
          body: TagAccessRequest,
          response: { 201: TagAccess },
        },
      },
      async (request, reply) =>
        reply.code(201).send(await workflow.requestAccess(request.params.id, request.body, request.actor)),
    );
    http.get(
      '/tag-access',
      {
        ...read,
        schema: {
          operationId: 'listTagAccess',
          summary: 'Who may use which tag, and who asked',
          tags,
          querystring: TagAccessQuery,
          response: { 200: TagAccessList },
        },
      },
      async (request) => ({ items: await workflow.access(request.query) }),
    );
    http.post(
      '/tag-access/:id/revoke',
      {
        ...write,
        schema: {
          operationId: 'revokeTagAccess',
          summary: 'Take the use of a tag back',
          tags,
          params: AccessParams,
          response: { 200: TagAccess },
        },
      },
      async (request) => workflow.revokeAccess(request.params.id, request.actor),
    );
    http.get(
      '/tag-settings',
      {
        ...read,
        schema: {
          operationId: 'getTagSettings',
          summary: 'Rules of the tag factory',
          tags,
          response: { 200: FactorySettings },
        },
      },
      async () => workflow.settings(),
    );
    http.put(
      '/tag-settings',
      {
        config: { permission: 'settings.write' },
        schema: {
          operationId: 'changeTagSettings',
          summary: 'Say whether every tag must pass a review',
          tags,
          body: FactorySettings,
          response: { 200: FactorySettings },
        },
      },
      async (request) => workflow.changeSettings(request.body, request.actor),
    );
    http.get(
      '/tag-taxonomy',
      {
        ...read,
        schema: {
          operationId: 'getTagTaxonomy',
          summary: 'The taxonomy with titles, owners and counts',
          tags,
          response: { 200: CategoryTree },
        },
      },
      async () => ({ items: await taxonomy.tree() }),
    );
    http.post(
      '/tag-taxonomy',
      {
        ...write,
        schema: {
          operationId: 'createTagCategory',
          summary: 'Add a category',
          tags,
          body: NewCategory,
          response: { 201: CategoryNode },
        },
      },
      async (request, reply) => reply.code(201).send(await taxonomy.create(request.body, request.actor)),
    );
    http.put(
      '/tag-taxonomy/:id',
      {
        ...write,
        schema: {
          operationId: 'changeTagCategory',
          summary: 'Rename, move or reorder a category; its tags move along',
          tags,
          params: NodeParams,
          body: CategoryChange,
          response: { 200: CategoryNode },
        },
      },
      async (request) => taxonomy.change(request.params.id, request.body, request.actor),
    );
    http.delete(
      '/tag-taxonomy/:id',
      {
        ...write,
        schema: {
          operationId: 'deleteTagCategory',
          summary: 'Delete an empty category',
          tags,
          params: NodeParams,
          response: { 204: Done },
        },
      },
      async (request, reply) => {
        await taxonomy.remove(request.params.id, request.actor);
        return reply.code(204).send(null);
      },
    );
    http.get(
      '/tag-taxonomy/moves',
      {
        ...read,
        schema: {
          operationId: 'listTagCategoryMoves',
          summary: 'Categories that moved',
          tags,
          response: { 200: CategoryMoves },
        },
      },
      async () => ({ items: await taxonomy.moves() }),
    );
    http.get(
      '/tag-dictionaries',
      {
        ...read,
        schema: {
          operationId: 'listTagDictionaries',
          summary: 'Dictionaries of values',
          tags,
          response: { 200: TagDictionaries },
        },
      },
      async () => ({ items: await dictionaries.list() }),
    );
    http.put(
      '/tag-dictionaries/:id',
      {
        ...write,
        schema: {
          operationId: 'saveTagDictionary',
          summary: 'Write a dictionary',
          tags,
          params: DictionaryParams,
          body: Type.Omit(TagDictionary, ['id'], {
            additionalProperties: false,
            description: 'A dictionary',
          }),
          response: { 200: TagDictionary },
        },
      },
      async (request) => dictionaries.save({ ...request.body, id: request.params.id }, request.actor),
    );
    http.delete(
      '/tag-dictionaries/:id',
      {
        ...write,
        schema: {
          operationId: 'deleteTagDictionary',
          summary: 'Delete a dictionary that no tag names',
          tags,
          params: DictionaryParams,
          response: { 204: Done },
        },
      },
      async (request, reply) => {
        await dictionaries.remove(request.params.id, request.actor);
        return reply.code(204).send(null);
      },
    );
    http.put(
      '/tags/:id/favourite',
      {
        ...read,
        schema: {
          operationId: 'markTag',
          summary: 'Keep a tag among your favourites, or no longer',
          tags,
          params: TagParams,
          body: Type.Object(
            { isFavourite: Type.Boolean({ description: 'Whether it is one', examples: [true] }) },
            { additionalProperties: false, description: 'Favourite' },
          ),
          response: { 204: Done },
        },
      },
      async (request, reply) => {
        await workflow.store.setFavourite(request.actor.id, request.params.id, request.body.isFavourite);
        return reply.code(204).send(null);
      },
    );
  };
}
