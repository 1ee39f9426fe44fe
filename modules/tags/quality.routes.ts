import type { Routes } from '@rapport/http';
import { Type } from 'typebox';
import { TagId } from './contract.ts';
import {
  OwnThresholds,
  QualityThresholds,
  TagCost,
  TagCosts,
  TagQuality,
  TagQualityBoard,
  TagQualityChange,
  TagUsage,
} from './quality.contract.ts';
import type { Tags } from './tags.service.ts';

const TagParams = Type.Object({ id: TagId });
const DaysQuery = Type.Object({
  days: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 400, default: 30, description: 'Days to look at', examples: [30] }),
  ),
});
const read = { config: { permission: 'tags.read' } } as const;
const write = { config: { permission: 'tags.write' } } as const;
const tags = ['tags'];

/** How good tags are, what they cost, and what they are used for. */
export function tagQualityRoutes({ quality, usage }: Pick<Tags, 'quality' | 'usage'>): Routes {
  return (http) => {
    http.get(
      '/tag-quality',
      {
        ...read,
        schema: {
          operationId: 'getTagQualityBoard',
          summary: 'Quality of all tags, the worst first',
          tags,
          response: { 200: TagQualityBoard },
        },
      },
      async () => quality.board(),
    );
    http.put(
      '/tag-quality/thresholds',
      {
        config: { permission: 'settings.write' },
        schema: {
          operationId: 'changeQualityThresholds',
          summary: 'Say when tags without thresholds of their own are no longer good',
          tags,
          body: OwnThresholds,
          response: { 200: QualityThresholds },
        },
      },
      async (request) => quality.changeThresholds(request.body, request.actor),
    );
    http.get(
      '/tags/:id/quality',
      {
        ...read,
        schema: {
          operationId: 'getTagQuality',
          summary: 'Coverage, drift and freshness of a tag over its refreshes',
          tags,
          params: TagParams,
          response: { 200: TagQuality },
        },
      },
      async (request) => quality.of(request.params.id),
    );
    http.patch(
      '/tags/:id/quality',
      {
        ...write,
        schema: {
          operationId: 'changeTagQuality',
          summary: 'Set the thresholds of a tag, or the refresh that drift is measured against',
          tags,
          params: TagParams,
          body: TagQualityChange,
          response: { 200: TagQuality },
        },
      },
      async (request) => quality.change(request.params.id, request.body, request.actor),
    );
    http.get(
      '/tag-costs',
      {
        ...read,
        schema: {
          operationId: 'listTagCosts',
          summary: 'What tags cost, the dearest first',
          tags,
          querystring: DaysQuery,
          response: { 200: TagCosts },
        },
      },
      async (request) => usage.costs(request.query.days ?? 30),
    );
    http.get(
      '/tags/:id/cost',
      {
        ...read,
        schema: {
          operationId: 'getTagCost',
          summary: 'What a tag cost, refresh by refresh',
          tags,
          params: TagParams,
          querystring: DaysQuery,
          response: { 200: TagCost },
        },
      },
      async (request) => usage.cost(request.params.id, request.query.days ?? 30),
    );
    http.get(
      '/tags/:id/usage',
      {
        ...read,
        schema: {
          operationId: 'getTagUsage',
          summary: 'What a tag is used for, and how often it was counted',
          tags,
          params: TagParams,
          response: { 200: TagUsage },
        },
      },
      async (request) => usage.of(request.params.id),
    );
  };
}
