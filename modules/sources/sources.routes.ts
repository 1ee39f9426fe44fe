import { Readable } from 'node:stream';
import type { Routes } from '@rapport/http';
import { PageQuery } from '@rapport/kernel';
import { Type } from 'typebox';
import {
  ApplyManifest,
  ConnectionBody,
  ConnectionTest,
  ConnectionView,
  LoadAccepted,
  LoadPage,
  LoadView,
  ManifestApplied,
  QuarantinePage,
  QuarantineQuery,
  ReplayRequest,
  SourceDetail,
  SourcePage,
  SourceTableView,
} from './contract.ts';
import type { Sources } from './sources.service.ts';
import { PushEvents, PushedEvents, StreamReplay, StreamReplayed, StreamView } from './streams.contract.ts';

const SourceParams = Type.Object({ sourceId: Type.String({ description: 'Source', examples: ['berka'] }) });
const TableParams = Type.Object({
  sourceId: Type.String({ description: 'Source', examples: ['berka'] }),
  table: Type.String({ description: 'Table', examples: ['client'] }),
});
const LoadParams = Type.Object({
  sourceId: Type.String({ description: 'Source', examples: ['berka'] }),
  loadId: Type.String({ description: 'Load', examples: ['lod_01j9z3'] }),
});
const TableQuery = Type.Object({
  limit: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 200, default: 20, description: 'Sample rows', examples: [20] }),
  ),
});
const tags = ['sources'];

/** HTTP of sources, under `/api/v1`. */
export function sourcesRoutes(sources: Sources): Routes {
  return (http) => {
    http.get(
      '/sources',
      {
        config: { permission: 'sources.read' },
        schema: {
          operationId: 'listSources',
          summary: 'Sources',
          tags,
          querystring: PageQuery,
          response: { 200: SourcePage },
        },
      },
      (request) => sources.list(request.query),
    );
    http.post(
      '/sources',
      {
        config: { permission: 'sources.write' },
        schema: {
          operationId: 'applySource',
          summary: 'Put a source manifest into force',
          tags,
          body: ApplyManifest,
          response: { 200: ManifestApplied },
        },
      },
      (request) =>
        'yaml' in request.body
          ? sources.applyManifest(request.body.yaml, {
              actor: request.actor,
              ...(request.body.baseDir === undefined ? {} : { baseDir: request.body.baseDir }),
            })
          : sources.applyManifestJson(request.body, request.actor),
    );
    http.get(
      '/sources/:sourceId',
      {
        config: { permission: 'sources.read' },
        schema: {
          operationId: 'getSource',
          summary: 'A source with its manifest',
          tags,
          params: SourceParams,
          response: { 200: SourceDetail },
        },
      },
      (request) => sources.get(request.params.sourceId),
    );
    http.get(
      '/sources/:sourceId/tables/:table',
      {
        config: { permission: 'sources.read' },
        schema: {
          operationId: 'getSourceTable',
          summary: 'Columns, statistics and first rows of a loaded table',
          tags,
          params: TableParams,
          querystring: TableQuery,
          response: { 200: SourceTableView },
        },
      },
      (request) =>
        sources.table(
          request.params.sourceId,
          request.params.table,
          request.query.limit ?? 20,
          request.actor,
        ),
    );
    http.post(
      '/sources/:sourceId/loads',
      {
        config: { permission: 'sources.load' },
        schema: {
          operationId: 'loadSource',
          summary: 'Load all tables of a source',
          tags,
          params: SourceParams,
          response: { 202: LoadAccepted },
        },
      },
      async (request, reply) =>
        reply.code(202).send(await sources.startLoad(request.params.sourceId, request.actor)),
    );
    http.get(
      '/sources/:sourceId/loads',
      {
        config: { permission: 'sources.read' },
        schema: {
          operationId: 'listSourceLoads',
          summary: 'Loads of a source, newest first',
          tags,
          params: SourceParams,
          querystring: PageQuery,
          response: { 200: LoadPage },
        },
      },
      (request) => sources.loads(request.params.sourceId, request.query),
    );
    http.get(
      '/sources/:sourceId/loads/:loadId',
      {
        config: { permission: 'sources.read' },
        schema: {
          operationId: 'getSourceLoad',
          summary: 'A load: progress, reconciliation, faults',
          tags,
          params: LoadParams,
          response: { 200: LoadView },
        },
      },
      (request) => sources.getLoad(request.params.sourceId, request.params.loadId),
    );
    http.get(
      '/sources/:sourceId/quarantine',
      {
        config: { permission: 'sources.read' },
        schema: {
          operationId: 'listQuarantine',
          summary: 'Refused records of the last load',
          tags,
          params: SourceParams,
          querystring: QuarantineQuery,
          response: { 200: QuarantinePage },
        },
      },
      (request) => sources.quarantine(request.params.sourceId, request.query, request.actor),
    );
    http.get(
      '/sources/:sourceId/quarantine/export',
      {
        config: { permission: 'sources.export' },
        schema: {
          operationId: 'exportQuarantine',
          summary: 'Refused records as CSV',
          tags,
          params: SourceParams,
          querystring: QuarantineQuery,
          produces: ['text/csv'],
        },
      },
      async (request, reply) => {
        const { sourceId } = request.params;
        const pieces = await sources.exportQuarantine(sourceId, request.query, request.actor);
        return reply
          .type('text/csv; charset=utf-8')
          .header(
            'content-disposition',
            `attachment; filename="${encodeURIComponent(sourceId)}-quarantine.csv"`,
          )
          .send(Readable.from(pieces, { objectMode: false }));
      },
    );
    http.get(
      '/sources/:sourceId/streams',
      {
        config: { permission: 'sources.read' },
        schema: {
          operationId: 'listSourceStreams',
          summary: 'Streams of a source and what became of their events',
          tags,
          params: SourceParams,
          response: {
            200: Type.Object(
              { items: Type.Array(StreamView, { description: 'By their order in the manifest' }) },
              { description: 'Streams' },
            ),
          },
        },
      },
      async (request) => ({ items: await sources.streams.list(request.params.sourceId) }),
    );
    http.post(
      '/sources/:sourceId/streams/:table/events',
      {
        config: { permission: 'sources.push' },
        schema: {
          operationId: 'pushEvents',
          summary: 'Push events of a stream',
          tags,
          params: TableParams,
          body: PushEvents,
          response: { 202: PushedEvents },
        },
      },
      async (request, reply) => {
        const { sourceId, table } = request.params;
        return reply.code(202).send(await sources.streams.push(sourceId, table, request.body));
      },
    );
    http.post(
      '/sources/:sourceId/streams/:table/replay',
      {
        config: { permission: 'sources.load' },
        schema: {
          operationId: 'replayEvents',
          summary: 'Read refused events again, corrected or by the changed manifest',
          tags,
          params: TableParams,
          body: StreamReplay,
          response: { 200: StreamReplayed },
        },
      },
      (request) =>
        sources.streams.replay(request.params.sourceId, request.params.table, request.body, request.actor),
    );
    const ConnectionParams = Type.Object({
      connectionId: Type.String({ description: 'Connection', examples: ['lake'] }),
    });
    http.get(
      '/connections',
      {
        config: { permission: 'connections.read' },
        schema: {
          operationId: 'listConnections',
          summary: 'Connections to other systems, without their secrets',
          tags,
          response: {
            200: Type.Object(
              { items: Type.Array(ConnectionView, { description: 'By name' }) },
              { description: 'Connections' },
            ),
          },
        },
      },
      async () => ({ items: await sources.connections.list() }),
    );
    http.put(
      '/connections/:connectionId',
      {
        config: { permission: 'connections.write' },
        schema: {
          operationId: 'putConnection',
          summary: 'Add or change a connection',
          tags,
          params: ConnectionParams,
          body: ConnectionBody,
          response: { 200: ConnectionView },
        },
      },
      (request) => sources.connections.put(request.params.connectionId, request.body, request.actor),
    );
    http.delete(
      '/connections/:connectionId',
      {
        config: { permission: 'connections.write' },
        schema: {
          operationId: 'removeConnection',
          summary: 'Take a connection out',
          tags,
          params: ConnectionParams,
          response: { 204: Type.Null({ description: 'Done' }) },
        },
      },
      async (request, reply) => {
        await sources.connections.remove(request.params.connectionId, request.actor);
        return reply.code(204).send(null);
      },
    );
    http.post(
      '/connections/:connectionId/test',
      {
        config: { permission: 'connections.write' },
        schema: {
          operationId: 'testConnection',
          summary: 'Try whether a connection can be read',
          tags,
          params: ConnectionParams,
          response: { 200: ConnectionTest },
        },
      },
      (request) => sources.connections.test(request.params.connectionId),
    );
    http.post(
      '/sources/:sourceId/quarantine/replay',
      {
        config: { permission: 'sources.load' },
        schema: {
          operationId: 'replayQuarantine',
          summary: 'Read refused records again, corrected or by the changed manifest',
          tags,
          params: SourceParams,
          body: ReplayRequest,
          response: { 202: LoadAccepted },
        },
      },
      async (request, reply) =>
        reply.code(202).send(await sources.startReplay(request.params.sourceId, request.body, request.actor)),
    );
  };
}
