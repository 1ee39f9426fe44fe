import { Readable } from 'node:stream';
import type { Routes } from '@rapport/http';
import { PageQuery } from '@rapport/kernel';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import {
  SavedQueries,
  SavedQuery,
  SaveQuery,
  WorkbenchExportRequest,
  WorkbenchRequest,
  WorkbenchResult,
  WorkbenchRunPage,
  WorkbenchTables,
} from './contract.ts';
import type { Workbench } from './workbench.service.ts';

const tags = ['workbench'];
const run = { permission: 'workbench.run' };
const Params = Type.Object({ queryId: Type.String({ description: 'Query', examples: ['qry_01j9z3'] }) });

/** The SQL workbench: tables, runs, exports and kept queries. */
export function workbenchRoutes(workbench: Workbench, options: { readonly publicUrl: string }): Routes {
  return (http) => {
    http.get(
      '/workbench/tables',
      {
        config: run,
        schema: {
          operationId: 'listWorkbenchTables',
          summary: 'Tables and columns that can be asked',
          tags,
          response: { 200: WorkbenchTables },
        },
      },
      async (request) => workbench.tables(request.actor),
    );
    http.post(
      '/workbench/run',
      {
        config: run,
        schema: {
          operationId: 'runSql',
          summary: 'Answer one SELECT',
          tags,
          body: WorkbenchRequest,
          response: { 200: WorkbenchResult },
        },
      },
      async (request, reply) => workbench.run(request.body, request.actor, untilClosed(reply)),
    );
    http.post(
      '/workbench/export',
      {
        config: { permission: 'workbench.export' },
        schema: {
          operationId: 'exportSql',
          summary: 'The whole answer of a SELECT as CSV',
          tags,
          body: WorkbenchExportRequest,
          response: {
            200: Type.String({ description: 'CSV', examples: ['city,customers\r\nTaipei,120\r\n'] }),
          },
        },
      },
      async (request, reply) => sendCsv(reply, await workbench.exportCsv(request.body.sql, request.actor)),
    );
    http.post(
      '/workbench/notebook',
      {
        config: run,
        schema: {
          operationId: 'exportNotebook',
          summary: 'A Jupyter notebook that asks the same question',
          tags,
          body: WorkbenchExportRequest,
          response: { 200: Type.String({ description: 'Notebook (.ipynb)', examples: ['{"nbformat": 4}'] }) },
        },
      },
      async (request, reply) =>
        reply
          .type('application/x-ipynb+json')
          .header('content-disposition', 'attachment; filename="question.ipynb"')
          .send(workbench.notebook(request.body.sql, options.publicUrl)),
    );
    http.get(
      '/workbench/runs',
      {
        config: run,
        schema: {
          operationId: 'listWorkbenchRuns',
          summary: 'Queries that were run',
          tags,
          querystring: PageQuery,
          response: { 200: WorkbenchRunPage },
        },
      },
      async (request) => workbench.runs(request.query, request.actor),
    );
    http.get(
      '/workbench/queries',
      {
        config: run,
        schema: {
          operationId: 'listSavedQueries',
          summary: 'Kept queries, the caller’s own and shared ones',
          tags,
          response: { 200: SavedQueries },
        },
      },
      async (request) => ({ items: await workbench.saved(request.actor) }),
    );
    http.post(
      '/workbench/queries',
      {
        config: run,
        schema: {
          operationId: 'saveQuery',
          summary: 'Keep a query',
          tags,
          body: SaveQuery,
          response: { 201: SavedQuery },
        },
      },
      async (request, reply) => reply.code(201).send(await workbench.save(request.body, request.actor)),
    );
    http.put(
      '/workbench/queries/:queryId',
      {
        config: run,
        schema: {
          operationId: 'changeSavedQuery',
          summary: 'Change a kept query of one’s own',
          tags,
          params: Params,
          body: SaveQuery,
          response: { 200: SavedQuery },
        },
      },
      async (request) => workbench.change(request.params.queryId, request.body, request.actor),
    );
    http.delete(
      '/workbench/queries/:queryId',
      {
        config: run,
        schema: {
          operationId: 'deleteSavedQuery',
          summary: 'Delete a kept query of one’s own',
          tags,
          params: Params,
          response: { 204: Type.Null({ description: 'Deleted' }) },
        },
      },
      async (request, reply) => {
        await workbench.remove(request.params.queryId, request.actor);
        return reply.code(204).send(null);
      },
    );
  };
}

function sendCsv(reply: FastifyReply, lines: AsyncIterable<string>) {
  return reply
    .type('text/csv; charset=utf-8')
    .header('content-disposition', 'attachment; filename="answer.csv"')
    .send(Readable.from(lines));
}

/** Whoever leaves before the answer cancels the query. */
function untilClosed(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableEnded) gone.abort();
  });
  return gone.signal;
}
