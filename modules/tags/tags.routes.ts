import type { Routes } from '@rapport/http';
import { PageQuery } from '@rapport/kernel';
import { Type } from 'typebox';
import {
  CatalogView,
  ImpactQuery,
  LineageGraph,
  LineageImpact,
  LineageQuery,
  TagCategories,
  TagDefinition,
  TagDiff,
  TagDiffRequest,
  TagEvidence,
  TagEvidenceQuery,
  TagExport,
  TagId,
  TagImportRequest,
  TagImportResult,
  TagPage,
  TagPreview,
  TagPreviewRequest,
  TagQuery,
  TagRefreshDetail,
  TagRefreshPage,
  TagRefreshRequest,
  TagRefreshStarted,
  TagReplacement,
  TagView,
} from './contract.ts';
import type { Tags } from './tags.service.ts';

const TagParams = Type.Object({ id: TagId });
const read = { config: { permission: 'tags.read' } } as const;
const write = { config: { permission: 'tags.write' } } as const;
const tags = ['tags'];

export function tagsRoutes(service: Tags): Routes {
  return (http) => {
    http.get(
      '/tags',
      {
        ...read,
        schema: {
          operationId: 'listTags',
          summary: 'Find tags',
          tags,
          querystring: TagQuery,
          response: { 200: TagPage },
        },
      },
      async (request) => service.list(request.query, request.actor),
    );
    http.post(
      '/tags',
      {
        ...write,
        schema: {
          operationId: 'createTag',
          summary: 'Define a tag',
          tags,
          body: TagDefinition,
          response: { 201: TagView },
        },
      },
      async (request, reply) => reply.code(201).send(await service.create(request.body, request.actor)),
    );
    http.post(
      '/tags/import',
      {
        ...write,
        schema: {
          operationId: 'importTags',
          summary: 'Read a *.tags.yaml file',
          tags,
          body: TagImportRequest,
          response: { 200: TagImportResult },
        },
      },
      async (request) => {
        const { yaml, dryRun } = request.body;
        return service.importYaml(yaml, { dryRun: dryRun ?? false }, request.actor);
      },
    );
    http.post(
      '/tags/diff',
      {
        ...read,
        schema: {
          operationId: 'diffTags',
          summary: 'How a *.tags.yaml file differs from the tags that are defined',
          tags,
          body: TagDiffRequest,
          response: { 200: TagDiff },
        },
      },
      async (request) => service.diffYaml(request.body.yaml),
    );
    http.get(
      '/tags/export',
      {
        ...read,
        schema: {
          operationId: 'exportTags',
          summary: 'Every tag as a *.tags.yaml file',
          tags,
          response: { 200: TagExport },
        },
      },
      async () => ({ yaml: await service.exportYaml() }),
    );
    http.get(
      '/tags/catalog',
      {
        ...read,
        schema: {
          operationId: 'getTagCatalog',
          summary: 'Tags and events that conditions may name',
          tags,
          response: { 200: CatalogView },
        },
      },
      async (request) => service.catalogView(request.actor),
    );
    http.post(
      '/tags/refresh',
      {
        ...write,
        schema: {
          operationId: 'refreshTags',
          summary: 'Compute tags again',
          tags,
          body: TagRefreshRequest,
          response: { 202: TagRefreshStarted },
        },
      },
      async (request, reply) => reply.code(202).send({ jobId: await service.refresh(request.body) }),
    );
    http.get(
      '/tags/refreshes',
      {
        ...read,
        schema: {
          operationId: 'listTagRefreshes',
          summary: 'Refreshes of tags, newest first',
          tags,
          querystring: PageQuery,
          response: { 200: TagRefreshPage },
        },
      },
      async (request) => service.refreshes(request.query),
    );
    http.get(
      '/tags/refreshes/:refreshId',
      {
        ...read,
        schema: {
          operationId: 'getTagRefresh',
          summary: 'What a refresh did for each tag, why, and what it cost',
          tags,
          params: Type.Object({
            refreshId: Type.String({ maxLength: 60, description: 'Refresh id', examples: ['trf_01j9z3'] }),
          }),
          response: { 200: TagRefreshDetail },
        },
      },
      async (request) => service.refreshDetail(request.params.refreshId),
    );
    http.post(
      '/tags/preview',
      {
        ...read,
        schema: {
          operationId: 'previewTag',
          summary: 'Try a definition on the current data without saving it',
          tags,
          body: TagPreviewRequest,
          response: { 200: TagPreview },
        },
      },
      async (request) => service.preview(request.body),
    );
    http.get(
      '/tags/:id',
      {
        ...read,
        schema: {
          operationId: 'getTag',
          summary: 'A tag with its figures and uses',
          tags,
          params: TagParams,
          response: { 200: TagView },
        },
      },
      async (request) => service.get(request.params.id, request.actor),
    );
    http.put(
      '/tags/:id',
      {
        ...write,
        schema: {
          operationId: 'replaceTag',
          summary: 'Change a tag',
          tags,
          params: TagParams,
          body: TagReplacement,
          response: { 200: TagView },
        },
      },
      async (request) => service.replace({ ...request.body, id: request.params.id }, request.actor),
    );
    http.delete(
      '/tags/:id',
      {
        ...write,
        schema: {
          operationId: 'deleteTag',
          summary: 'Delete a tag that nothing uses',
          tags,
          params: TagParams,
          response: { 204: Type.Null({ description: 'Deleted' }) },
        },
      },
      async (request, reply) => {
        await service.remove(request.params.id, request.actor);
        return reply.code(204).send(null);
      },
    );
    http.get(
      '/tags/:id/lineage',
      {
        ...read,
        schema: {
          operationId: 'getTagLineage',
          summary: 'Where a tag comes from and where it goes',
          tags,
          params: TagParams,
          response: { 200: LineageGraph },
        },
      },
      async (request) => service.lineage.graph(`tag:${request.params.id}`),
    );
    http.get(
      '/tags/:id/evidence',
      {
        ...read,
        config: { permission: 'customers.read' },
        schema: {
          operationId: 'getTagEvidence',
          summary: 'Why a customer has this tag',
          tags,
          params: TagParams,
          querystring: TagEvidenceQuery,
          response: { 200: TagEvidence },
        },
      },
      async (request) => service.evidence(request.params.id, request.query.customerId, request.actor),
    );
    http.get(
      '/tag-categories',
      {
        ...read,
        schema: {
          operationId: 'listTagCategories',
          summary: 'The taxonomy of tags',
          tags,
          response: { 200: TagCategories },
        },
      },
      async () => ({ items: await service.categories() }),
    );
    http.get(
      '/lineage',
      {
        ...read,
        schema: {
          operationId: 'getLineage',
          summary: 'From source column to message',
          tags,
          querystring: LineageQuery,
          response: { 200: LineageGraph },
        },
      },
      async (request) => service.lineage.graph(request.query.focus),
    );
    http.get(
      '/lineage/impact',
      {
        ...read,
        schema: {
          operationId: 'getLineageImpact',
          summary: 'What a change would reach',
          tags,
          querystring: ImpactQuery,
          response: { 200: LineageImpact },
        },
      },
      async (request) => service.lineage.impact(request.query.node),
    );
  };
}
