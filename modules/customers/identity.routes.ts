import type { Routes } from '@rapport/http';
import { Type } from 'typebox';
import {
  CustomerIdentityView,
  DecideBody,
  Decided,
  Identified,
  IdentifyBody,
  IdentitySummary,
  MatchRules,
  MatchRulesView,
  MergeBody,
  MergeDone,
  ReviewPage,
  ReviewQuery,
  UnmergeBody,
} from './identity-contract.ts';
import type { IdentityViews } from './identity-views.ts';
import type { Resolution } from './resolution.service.ts';
import type { Users } from './users.service.ts';

const CustomerParams = Type.Object({
  customerId: Type.String({
    minLength: 1,
    description: 'A bank id of the customer',
    examples: ['C00001234'],
  }),
});
const MergeParams = Type.Object({
  mergeId: Type.String({ minLength: 1, description: 'Id of the merge', examples: ['ide_01jb'] }),
});
const RunBody = Type.Object(
  {
    full: Type.Optional(
      Type.Boolean({ description: 'Compare everything anew, not only what changed', examples: [false] }),
    ),
  },
  { additionalProperties: false, description: 'What to compare' },
);
const RunStarted = Type.Object(
  { jobId: Type.String({ description: 'The job that runs', examples: ['job_01jb'] }) },
  { description: 'The run was started' },
);

export function identityRoutes(deps: {
  readonly resolution: Resolution;
  readonly views: IdentityViews;
  readonly users: Users;
}): Routes {
  const { resolution, views, users } = deps;
  return (http) => {
    http.get(
      '/identity/summary',
      {
        config: { permission: 'identity.read' },
        schema: {
          operationId: 'getIdentitySummary',
          summary: 'How far the customers are one: last run, review queue, merges',
          tags: ['identity'],
          response: { 200: IdentitySummary },
        },
      },
      async () => resolution.summary(),
    );
    http.get(
      '/identity/rules',
      {
        config: { permission: 'identity.read' },
        schema: {
          operationId: 'getMatchRules',
          summary: 'Rules by which records are found to be one customer',
          tags: ['identity'],
          response: { 200: MatchRulesView },
        },
      },
      async () => resolution.rules(),
    );
    http.put(
      '/identity/rules',
      {
        config: { permission: 'identity.write' },
        schema: {
          operationId: 'putMatchRules',
          summary: 'Set the matching rules; the next run judges every pair anew',
          tags: ['identity'],
          body: MatchRules,
          response: { 200: MatchRulesView },
        },
      },
      async (request) => resolution.putRules(request.body, request.actor),
    );
    http.post(
      '/identity/runs',
      {
        config: { permission: 'identity.write' },
        schema: {
          operationId: 'startMatchRun',
          summary: 'Find records that are one customer',
          tags: ['identity'],
          body: RunBody,
          response: { 202: RunStarted },
        },
      },
      async (request, reply) =>
        reply.code(202).send({ jobId: await resolution.startRun(request.body, request.actor) }),
    );
    http.get(
      '/identity/reviews',
      {
        config: { permission: 'identity.read' },
        schema: {
          operationId: 'listIdentityReviews',
          summary: 'Pairs of records that a person should look at, side by side',
          tags: ['identity'],
          querystring: ReviewQuery,
          response: { 200: ReviewPage },
        },
      },
      async (request) => views.reviews(request.query, request.actor),
    );
    http.post(
      '/identity/decisions',
      {
        config: { permission: 'identity.write' },
        schema: {
          operationId: 'decideIdentityPairs',
          summary: 'Decide pairs: one customer, two, or later; many merges at once need a second person',
          tags: ['identity'],
          body: DecideBody,
          response: { 200: Decided },
        },
      },
      async (request) => {
        await views.mustSee(request.body.pairs ?? [], request.actor);
        return resolution.decide(request.body, request.actor);
      },
    );
    http.get(
      '/customers/:customerId/identity',
      {
        config: { permission: 'customers.read' },
        schema: {
          operationId: 'getCustomerIdentity',
          summary: 'Records of a customer, merges, where each field came from, completeness and accuracy',
          tags: ['identity'],
          params: CustomerParams,
          response: { 200: CustomerIdentityView },
        },
      },
      async (request) => views.ofCustomer(request.params.customerId, request.actor),
    );
    http.post(
      '/customers/:customerId/merges',
      {
        config: { permission: 'identity.write' },
        schema: {
          operationId: 'mergeCustomers',
          summary: 'Merge two customers by hand',
          tags: ['identity'],
          params: CustomerParams,
          body: MergeBody,
          response: { 201: MergeDone },
        },
      },
      async (request, reply) => {
        const { with: other, ...options } = request.body;
        const [a, b] = await Promise.all([
          views.recordOf(request.params.customerId, request.actor),
          views.recordOf(other, request.actor),
        ]);
        return reply.code(201).send(await resolution.merge({ a, b }, options, request.actor));
      },
    );
    http.post(
      '/identity/merges/:mergeId/undo',
      {
        config: { permission: 'identity.write' },
        schema: {
          operationId: 'undoMerge',
          summary: 'Undo exactly this merge and remember that the two are not the same',
          tags: ['identity'],
          params: MergeParams,
          body: UnmergeBody,
          response: { 200: MergeDone },
        },
      },
      async (request) => {
        const { mergeId } = request.params;
        const event = await resolution.store.event(mergeId);
        if (event) await views.mustSee([event], request.actor);
        await resolution.unmerge(mergeId, request.body.reason, request.actor);
        return { mergeId };
      },
    );
    http.post(
      '/users/identify',
      {
        config: { permission: 'customers.identify' },
        schema: {
          operationId: 'identifyUser',
          summary: 'Somebody was seen or signed in: their anonymous history becomes the customer’s, once',
          tags: ['identity'],
          body: IdentifyBody,
          response: { 200: Identified },
        },
      },
      async (request) => users.identify(request.body),
    );
  };
}
