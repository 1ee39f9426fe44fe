import type { Routes } from '@rapport/http';
import { PageQuery } from '@rapport/kernel';
import { Type } from 'typebox';
import type { Content } from './content.ts';
import {
  CheckRequest,
  CheckResult,
  MaterialPage,
  MaterialView,
  MergeFieldList,
  NewMaterial,
  Preview,
  PreviewRequest,
  TemplateBody,
  TemplateChannel,
  TemplatePage,
  type TemplateSummary,
  TemplateView,
} from './contract.ts';
import type { Materials } from './materials.service.ts';

const ById = (description: string, example: string) =>
  Type.Object({ id: Type.String({ description, examples: [example] }) });
const Template = ById('Template id', 'tpl_01j9z3');

/** Templates and materials. */
export function contentRoutes(content: Content, materials: Materials): Routes {
  return (http) => {
    http.get(
      '/templates',
      {
        config: { permission: 'templates.read' },
        schema: {
          operationId: 'listTemplates',
          summary: 'List templates',
          tags: ['templates'],
          querystring: Type.Object({ ...PageQuery.properties, channel: Type.Optional(TemplateChannel) }),
          response: { 200: TemplatePage },
        },
      },
      async (request) => {
        const { channel, cursor, limit = 50 } = request.query;
        const found = await content.list({
          limit: limit + 1,
          ...(channel === undefined ? {} : { channel }),
          ...(cursor === undefined ? {} : { before: cursor }),
        });
        return pageOf(found.map(summarise), limit);
      },
    );
    http.post(
      '/templates',
      {
        config: { permission: 'templates.write' },
        schema: {
          operationId: 'createTemplate',
          summary: 'Make a template (a draft)',
          tags: ['templates'],
          body: TemplateBody,
          response: { 201: TemplateView },
        },
      },
      async (request, reply) => reply.code(201).send(await content.create(request.body, request.actor)),
    );
    http.get(
      '/templates/fields',
      {
        config: { permission: 'templates.read' },
        schema: {
          operationId: 'listMergeFields',
          summary: 'List the merge fields a template may use',
          tags: ['templates'],
          response: { 200: MergeFieldList },
        },
      },
      async () => ({ items: await content.fields() }),
    );
    http.post(
      '/templates/check',
      {
        config: { permission: 'templates.read' },
        schema: {
          operationId: 'checkTemplate',
          summary: 'Find what is wrong with a template',
          tags: ['templates'],
          body: CheckRequest,
          response: { 200: CheckResult },
        },
      },
      async (request) => content.check(request.body),
    );
    http.post(
      '/templates/preview',
      {
        config: { permission: 'templates.read' },
        schema: {
          operationId: 'previewTemplate',
          summary: 'See a template as a customer would',
          tags: ['templates'],
          body: PreviewRequest,
          response: { 200: Preview },
        },
      },
      async (request) => content.preview(request.body, request.actor),
    );
    http.get(
      '/templates/:id',
      {
        config: { permission: 'templates.read' },
        schema: {
          operationId: 'readTemplate',
          summary: 'Read a template',
          tags: ['templates'],
          params: Template,
          response: { 200: TemplateView },
        },
      },
      async (request) => content.get(request.params.id),
    );
    http.put(
      '/templates/:id',
      {
        config: { permission: 'templates.write' },
        schema: {
          operationId: 'replaceTemplate',
          summary: 'Replace the draft of a template',
          tags: ['templates'],
          params: Template,
          body: TemplateBody,
          response: { 200: TemplateView },
        },
      },
      async (request) => content.replace(request.params.id, request.body, request.actor),
    );
    http.delete(
      '/templates/:id',
      {
        config: { permission: 'templates.write' },
        schema: {
          operationId: 'removeTemplate',
          summary: 'Remove a template; published versions stay for campaigns that use them',
          tags: ['templates'],
          params: Template,
          response: { 204: Type.Null({ description: 'Removed' }) },
        },
      },
      async (request, reply) => {
        await content.remove(request.params.id, request.actor);
        return reply.code(204).send(null);
      },
    );
    http.post(
      '/templates/:id/publish',
      {
        config: { permission: 'templates.write' },
        schema: {
          operationId: 'publishTemplate',
          summary: 'Freeze the draft as the next version',
          tags: ['templates'],
          params: Template,
          response: { 200: TemplateView },
        },
      },
      async (request) => content.publish(request.params.id, request.actor),
    );
    http.get(
      '/materials',
      {
        config: { permission: 'materials.read' },
        schema: {
          operationId: 'listMaterials',
          summary: 'List images',
          tags: ['materials'],
          querystring: PageQuery,
          response: { 200: MaterialPage },
        },
      },
      async (request) => {
        const { cursor, limit = 50 } = request.query;
        const found = await materials.list({
          limit: limit + 1,
          ...(cursor === undefined ? {} : { before: cursor }),
        });
        return pageOf(found, limit);
      },
    );
    http.post(
      '/materials',
      {
        config: { permission: 'materials.write' },
        schema: {
          operationId: 'createMaterial',
          summary: 'Upload an image',
          tags: ['materials'],
          body: NewMaterial,
          response: { 201: MaterialView },
        },
      },
      async (request, reply) => reply.code(201).send(await materials.create(request.body, request.actor)),
    );
    http.get(
      '/materials/:id/content',
      {
        // Mail readers fetch images without signing in; the id is 80 random bits.
        config: { permission: 'public' },
        schema: {
          operationId: 'readMaterialContent',
          summary: 'The bytes of an image',
          tags: ['materials'],
          params: ById('Material id', 'mat_01j9z3'),
          response: {
            200: Type.Unsafe<Buffer>({
              type: 'string',
              format: 'binary',
              description: 'The image',
              examples: ['(bytes)'],
            }),
          },
        },
        serializerCompiler: () => (data) => String(data),
      },
      async (request, reply) => {
        const { mime, bytes, sha256 } = await materials.content(request.params.id);
        return reply
          .header('content-type', mime)
          .header('cache-control', 'public, max-age=31536000, immutable')
          .header('etag', `"${sha256}"`)
          .header('cross-origin-resource-policy', 'cross-origin')
          .send(bytes);
      },
    );
  };
}

function summarise(template: TemplateView): TemplateSummary {
  const { id, name, channel, purpose, state, version, variants, updatedAt } = template;
  return { id, name, channel, purpose, state, version, variantCount: variants.length, updatedAt };
}

function pageOf<Item extends { id: string }>(
  found: readonly Item[],
  limit: number,
): { items: Item[]; nextCursor?: string } {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return found.length > limit && last ? { items, nextCursor: last.id } : { items };
}
