import { Readable } from 'node:stream';
import { parseInstant } from '@rapport/conditions';
import type { Routes } from '@rapport/http';
import { PageQuery } from '@rapport/kernel';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { audiencesProblems } from './audiences.problems.ts';
import type { Audiences } from './audiences.ts';
import {
  Audience,
  AudiencePage,
  AudienceParams,
  AudienceQuery,
  AudienceSnapshot,
  AudienceSnapshotPage,
  CountRequest,
  CountResult,
  CreateAudience,
  CreateSnapshot,
  DeleteAudienceQuery,
  DescribeRequest,
  DescribeResult,
  EvaluateRequest,
  EvaluateResult,
  ExplainRequest,
  ExplainResult,
  ExportQuery,
  ReplaceAudience,
  SnapshotParams,
  ValuesQuery,
  ValuesResult,
  Vocabulary,
} from './contract.ts';

const tags = ['audiences'];
const read = { permission: 'audiences.read' };
const write = { permission: 'audiences.write' };
const exporting = { permission: 'audiences.export' };
const Csv = Type.String({
  description: 'CSV with the header customer_id',
  examples: ['customer_id\r\nC000123\r\n'],
});

/** Audiences 客群: definitions, live counts, explanations, snapshots, exports. */
export function audiencesRoutes(audiences: Audiences): Routes {
  return (http) => {
    http.get(
      '/audiences',
      {
        config: read,
        schema: {
          operationId: 'listAudiences',
          summary: 'Saved audiences, most recently changed first',
          tags,
          querystring: AudienceQuery,
          response: { 200: AudiencePage },
        },
      },
      async (request) => audiences.list(request.query, request.actor),
    );
    http.post(
      '/audiences',
      {
        config: write,
        schema: {
          operationId: 'createAudience',
          summary: 'Save an audience',
          tags,
          body: CreateAudience,
          response: { 201: Audience },
        },
      },
      async (request, reply) => reply.code(201).send(await audiences.create(request.body, request.actor)),
    );
    http.get(
      '/audiences/vocabulary',
      {
        config: read,
        schema: {
          operationId: 'readAudienceVocabulary',
          summary: 'Everything a condition may name: tags, events, lists, operators',
          tags,
          response: { 200: Vocabulary },
        },
      },
      async (request) => audiences.vocabulary(request.actor),
    );
    http.get(
      '/audiences/values',
      {
        config: read,
        schema: {
          operationId: 'listConditionValues',
          summary: 'Values that occur of a tag or of an event property, commonest first',
          tags,
          querystring: ValuesQuery,
          response: { 200: ValuesResult },
        },
      },
      async (request, reply) => audiences.values(request.query, request.actor, untilClosed(reply)),
    );
    http.post(
      '/audiences/count',
      {
        config: read,
        schema: {
          operationId: 'countAudience',
          summary: 'How many customers a condition holds for',
          tags,
          body: CountRequest,
          response: { 200: CountResult },
        },
      },
      async (request, reply) => audiences.count(request.body, request.actor, untilClosed(reply)),
    );
    http.post(
      '/audiences/explain',
      {
        config: read,
        schema: {
          operationId: 'explainAudience',
          summary: 'How many customers each node of a condition keeps or removes',
          tags,
          body: ExplainRequest,
          response: { 200: ExplainResult },
        },
      },
      async (request, reply) => audiences.explain(request.body, request.actor, untilClosed(reply)),
    );
    http.post(
      '/audiences/evaluate',
      {
        config: read,
        schema: {
          operationId: 'evaluateCondition',
          summary: 'Whether a condition holds for one customer, and why',
          tags,
          body: EvaluateRequest,
          response: { 200: EvaluateResult },
        },
      },
      async (request, reply) => audiences.evaluate(request.body, request.actor, untilClosed(reply)),
    );
    http.post(
      '/audiences/describe',
      {
        config: read,
        schema: {
          operationId: 'describeCondition',
          summary: 'A condition as a sentence',
          tags,
          body: DescribeRequest,
          response: { 200: DescribeResult },
        },
      },
      async (request) => audiences.describe(request.body),
    );
    http.get(
      '/audiences/:id',
      {
        config: read,
        schema: {
          operationId: 'readAudience',
          summary: 'One audience',
          tags,
          params: AudienceParams,
          response: { 200: Audience },
        },
      },
      async (request) => audiences.get(request.params.id, request.actor),
    );
    http.put(
      '/audiences/:id',
      {
        config: write,
        schema: {
          operationId: 'replaceAudience',
          summary: 'Change an audience; refused when somebody changed it since it was read',
          tags,
          params: AudienceParams,
          body: ReplaceAudience,
          response: { 200: Audience },
        },
      },
      async (request) => audiences.replace(request.params.id, request.body, request.actor),
    );
    http.delete(
      '/audiences/:id',
      {
        config: write,
        schema: {
          operationId: 'deleteAudience',
          summary: 'Delete an audience that nothing uses',
          tags,
          params: AudienceParams,
          querystring: DeleteAudienceQuery,
          response: { 204: Type.Null({ description: 'Deleted' }) },
        },
      },
      async (request, reply) => {
        await audiences.remove(request.params.id, request.query, request.actor);
        return reply.code(204).send(null);
      },
    );
    http.post(
      '/audiences/:id/count',
      {
        config: read,
        schema: {
          operationId: 'recountAudience',
          summary: 'Count a saved audience now',
          tags,
          params: AudienceParams,
          response: { 200: CountResult },
        },
      },
      async (request, reply) => audiences.recount(request.params.id, request.actor, untilClosed(reply)),
    );
    http.get(
      '/audiences/:id/snapshots',
      {
        config: read,
        schema: {
          operationId: 'listAudienceSnapshots',
          summary: 'Snapshots of an audience, newest first',
          tags,
          params: AudienceParams,
          querystring: PageQuery,
          response: { 200: AudienceSnapshotPage },
        },
      },
      async (request) => audiences.snapshots(request.params.id, request.query),
    );
    http.post(
      '/audiences/:id/snapshots',
      {
        config: write,
        schema: {
          operationId: 'freezeAudience',
          summary: 'Freeze the customers of an audience',
          tags,
          params: AudienceParams,
          body: CreateSnapshot,
          response: { 201: AudienceSnapshot },
        },
      },
      async (request, reply) => {
        const frozen = await audiences.freeze(
          { audienceId: request.params.id },
          asOfOption(request.body.asOf),
          request.actor,
        );
        return reply.code(201).send(frozen);
      },
    );
    http.get(
      '/audiences/:id/export',
      {
        config: exporting,
        schema: {
          operationId: 'exportAudience',
          summary: 'Customer ids of an audience as CSV; recorded in the audit trail',
          tags,
          params: AudienceParams,
          querystring: ExportQuery,
          produces: ['text/csv'],
          response: { 200: Csv },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        const rows = await audiences.exportAudience(id, asOfOption(request.query.asOf), request.actor);
        return sendCsv(reply, id, rows);
      },
    );
    http.get(
      '/audience-snapshots/:id',
      {
        config: read,
        schema: {
          operationId: 'readAudienceSnapshot',
          summary: 'One snapshot',
          tags,
          params: SnapshotParams,
          response: { 200: AudienceSnapshot },
        },
      },
      async (request) => {
        const { cids: _cids, ...shown } = await audiences.snapshot(request.params.id);
        return shown;
      },
    );
    http.get(
      '/audience-snapshots/:id/export',
      {
        config: exporting,
        schema: {
          operationId: 'exportAudienceSnapshot',
          summary: 'Customer ids of a snapshot as CSV; recorded in the audit trail',
          tags,
          params: SnapshotParams,
          produces: ['text/csv'],
          response: { 200: Csv },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        return sendCsv(reply, id, await audiences.exportSnapshot(id, request.actor));
      },
    );
  };
}

/** Aborts when the caller goes away before the answer, as a builder does with each newer question. */
function untilClosed(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableEnded) gone.abort();
  });
  return gone.signal;
}

function asOfOption(text: string | undefined): { asOf?: number } {
  if (text === undefined) return {};
  const asOf = parseInstant(text);
  if (asOf === undefined)
    throw audiencesProblems.bad_instant({ detail: `"${text}" is not an instant from 1900 to 2299.` });
  return { asOf };
}

function sendCsv(reply: FastifyReply, id: string, rows: AsyncIterable<string>) {
  return reply
    .type('text/csv; charset=utf-8')
    .header('content-disposition', `attachment; filename="${id}.csv"`)
    .send(Readable.from(rows));
}
