import { Readable } from 'node:stream';
import type { Routes } from '@rapport/http';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { audiencesProblems } from './audiences.problems.ts';
import { AudienceParams } from './contract.ts';
import {
  CreateList,
  CustomerList,
  CustomerLists,
  FlowRequest,
  FlowResult,
  GrowthPoint,
  GrowthQuery,
  GrowthResult,
  JobStarted,
  ListParams,
  LookalikeRequest,
  OverlapRequest,
  OverlapResult,
  PolicyResult,
  ProfileAudienceRequest,
  ProfileRequest,
  ProfileResult,
  RefreshPolicy,
  RelaxRequest,
  RelaxResult,
  UploadQuery,
} from './insight.contract.ts';
import type { Insight } from './insight.ts';

const tags = ['audiences'];
const read = { permission: 'audiences.read' };
const write = { permission: 'audiences.write' };
const exporting = { permission: 'audiences.export' };

/** What is done with audiences beyond counting: profile, overlap, relax, look-alike, lists, growth. */
export function audienceInsightRoutes(insight: Insight): Routes {
  return (http) => {
    // A file streams into the warehouse: it is never held, so its size has no limit here.
    http.addContentTypeParser(
      ['text/csv', 'text/plain', 'application/octet-stream'],
      (_request, payload, done) => {
        done(null, payload);
      },
    );
    http.post(
      '/audiences/profile',
      {
        config: read,
        schema: {
          operationId: 'profileCondition',
          summary: 'How the customers of a condition differ from a base, over all tags',
          tags,
          body: ProfileRequest,
          response: { 200: ProfileResult },
        },
      },
      async (request, reply) => insight.profile(request.body, request.actor, untilClosed(reply)),
    );
    http.post(
      '/audiences/profile/csv',
      {
        config: exporting,
        schema: {
          operationId: 'exportConditionProfile',
          summary: 'The same as CSV, a line a value',
          tags,
          body: ProfileRequest,
          produces: ['text/csv'],
          response: { 200: Type.String({ description: 'CSV', examples: ['tag,title,value\r\n'] }) },
        },
      },
      async (request, reply) => {
        const profile = await insight.profile(request.body, request.actor, untilClosed(reply));
        return reply
          .type('text/csv; charset=utf-8')
          .header('content-disposition', 'attachment; filename="profile.csv"')
          .send(insight.csv(profile));
      },
    );
    http.post(
      '/audiences/:id/profile',
      {
        config: read,
        schema: {
          operationId: 'profileAudience',
          summary: 'How a saved audience differs from a base, over all tags',
          tags,
          params: AudienceParams,
          body: ProfileAudienceRequest,
          response: { 200: ProfileResult },
        },
      },
      async (request, reply) =>
        insight.profileAudience(request.params.id, request.body, request.actor, untilClosed(reply)),
    );
    http.post(
      '/audiences/relax',
      {
        config: read,
        schema: {
          operationId: 'relaxCondition',
          summary: 'The smallest changes of a condition that give an audience of a wanted size',
          tags,
          body: RelaxRequest,
          response: { 200: RelaxResult },
        },
      },
      async (request, reply) => insight.relax(request.body, request.actor, untilClosed(reply)),
    );
    http.post(
      '/audiences/overlap',
      {
        config: read,
        schema: {
          operationId: 'overlapAudiences',
          summary: 'How up to eight audiences overlap, exactly',
          tags,
          body: OverlapRequest,
          response: { 200: OverlapResult },
        },
      },
      async (request, reply) => insight.overlap(request.body, request.actor, untilClosed(reply)),
    );
    http.post(
      '/audiences/lookalikes',
      {
        config: write,
        schema: {
          operationId: 'makeLookalike',
          summary: 'Find the customers most like a seed; runs as a job whose result is the list made',
          tags,
          body: LookalikeRequest,
          response: { 202: JobStarted },
        },
      },
      async (request, reply) =>
        reply.code(202).send({ jobId: await insight.lookalikes.start(request.body, request.actor) }),
    );

    http.get(
      '/audiences/:id/growth',
      {
        config: read,
        schema: {
          operationId: 'readAudienceGrowth',
          summary: 'Sizes of an audience over time, recorded and as of past instants',
          tags,
          params: AudienceParams,
          querystring: GrowthQuery,
          response: { 200: GrowthResult },
        },
      },
      async (request) => insight.growth.history(request.params.id, request.query, request.actor),
    );
    http.post(
      '/audiences/:id/growth',
      {
        config: write,
        schema: {
          operationId: 'recordAudienceSize',
          summary: 'Record who is in an audience now, and freeze it when its policy says so',
          tags,
          params: AudienceParams,
          response: { 201: GrowthPoint },
        },
      },
      async (request, reply) =>
        reply.code(201).send(await insight.growth.record(request.params.id, request.actor)),
    );
    http.post(
      '/audiences/:id/flow',
      {
        config: read,
        schema: {
          operationId: 'readAudienceFlow',
          summary: 'Who came and who went between two snapshots, or since one',
          tags,
          params: AudienceParams,
          body: FlowRequest,
          response: { 200: FlowResult },
        },
      },
      async (request) => insight.growth.flow(request.params.id, request.body, request.actor),
    );
    http.get(
      '/audiences/:id/policy',
      {
        config: read,
        schema: {
          operationId: 'readAudiencePolicy',
          summary: 'When an audience is evaluated and recorded',
          tags,
          params: AudienceParams,
          response: { 200: PolicyResult },
        },
      },
      async (request) => insight.growth.policy(request.params.id, request.actor),
    );
    http.put(
      '/audiences/:id/policy',
      {
        config: write,
        schema: {
          operationId: 'setAudiencePolicy',
          summary: 'Say when an audience is evaluated and when to warn',
          tags,
          params: AudienceParams,
          body: RefreshPolicy,
          response: { 200: PolicyResult },
        },
      },
      async (request) => insight.growth.setPolicy(request.params.id, request.body, request.actor),
    );

    http.get(
      '/lists',
      {
        config: read,
        schema: {
          operationId: 'listLists',
          summary: 'Lists of customers, newest first',
          tags,
          response: { 200: CustomerLists },
        },
      },
      async () => ({ items: await insight.lists.list() }),
    );
    http.post(
      '/lists',
      {
        config: write,
        schema: {
          operationId: 'createList',
          summary: 'Make a list, still empty',
          tags,
          body: CreateList,
          response: { 201: CustomerList },
        },
      },
      async (request, reply) => reply.code(201).send(await insight.lists.create(request.body, request.actor)),
    );
    http.get(
      '/lists/:id',
      {
        config: read,
        schema: {
          operationId: 'readList',
          summary: 'One list with its match report',
          tags,
          params: ListParams,
          response: { 200: CustomerList },
        },
      },
      async (request) => insight.lists.get(request.params.id),
    );
    http.put(
      '/lists/:id/content',
      {
        config: write,
        schema: {
          operationId: 'uploadList',
          summary: 'Match a CSV or text file and put its customers in place of those on the list',
          tags,
          params: ListParams,
          querystring: UploadQuery,
          consumes: ['text/csv', 'text/plain'],
          response: { 200: CustomerList },
        },
      },
      async (request) => {
        const { body } = request;
        if (!(body instanceof Readable))
          throw audiencesProblems.bad_list_file({
            detail: 'Send the file itself as the body, with the content type text/csv or text/plain.',
          });
        return insight.lists.upload(request.params.id, body, request.query, request.actor);
      },
    );
    http.delete(
      '/lists/:id',
      {
        config: write,
        schema: {
          operationId: 'deleteList',
          summary: 'Delete a list that nothing uses',
          tags,
          params: ListParams,
          response: { 204: Type.Null({ description: 'Deleted' }) },
        },
      },
      async (request, reply) => {
        await insight.lists.remove(request.params.id, request.actor);
        return reply.code(204).send(null);
      },
    );
  };
}

/** Aborts when the caller goes away before the answer. */
function untilClosed(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableEnded) gone.abort();
  });
  return gone.signal;
}
