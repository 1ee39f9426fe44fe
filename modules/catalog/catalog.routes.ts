import type { Routes } from '@rapport/http';
import { PageQuery } from '@rapport/kernel';
import { Type } from 'typebox';
import { catalogProblems } from './catalog.problems.ts';
import type { Catalog } from './catalog.service.ts';
import {
  AccessPage,
  AlertPage,
  AlertState,
  AlertView,
  ArrivalBoard,
  ArrivalView,
  BlockView,
  CatalogList,
  CatalogTable,
  CompletenessView,
  DriftPage,
  FreezeView,
  NewFreeze,
  NewRule,
  NewWord,
  NotePatch,
  QualityBoard,
  Reason,
  RuleView,
  SchemaVersion,
  WordView,
} from './contract.ts';

const id = (name: string, description: string, example: string) =>
  Type.Object({ [name]: Type.String({ description, examples: [example] }) });
const Nothing = Type.Null({ description: 'Done' });

/** HTTP of the catalogue, under `/api/v1`. */
export function catalogRoutes(catalog: Catalog): Routes {
  return (http) => {
    const tags = ['catalog'];

    http.get(
      '/catalog/tables',
      {
        config: { permission: 'catalog.read' },
        schema: {
          operationId: 'listCatalogTables',
          summary: 'Tables of the catalogue, or what a search finds',
          tags,
          querystring: Type.Object({
            search: Type.Optional(
              Type.String({ maxLength: 200, description: 'Words in any language', examples: ['手機'] }),
            ),
            kind: Type.Optional(
              Type.String({ description: 'source, derived or canonical', examples: ['source'] }),
            ),
            dataClass: Type.Optional(Type.String({ description: 'C1, C2 or C3', examples: ['C2'] })),
          }),
          response: { 200: CatalogList },
        },
      },
      async (request) => ({ items: await catalog.catalogue.list(request.query) }),
    );
    const TableQuery = Type.Object({
      name: Type.String({ description: 'Logical name', examples: ['src/core/client'] }),
    });
    http.get(
      '/catalog/table',
      {
        config: { permission: 'catalog.read' },
        schema: {
          operationId: 'getCatalogTable',
          summary: 'A table with its columns, statistics, rules and first rows',
          tags,
          querystring: TableQuery,
          response: { 200: CatalogTable },
        },
      },
      (request) => catalog.catalogue.table(request.query.name, request.actor),
    );
    http.patch(
      '/catalog/table',
      {
        config: { permission: 'catalog.write' },
        schema: {
          operationId: 'noteCatalogTable',
          summary: 'Say who owns a table or column, what it means, and its class',
          tags,
          querystring: Type.Object({
            name: Type.String({ description: 'Logical name', examples: ['src/core/client'] }),
            column: Type.Optional(
              Type.String({ description: 'Column; absent: the table', examples: ['phone'] }),
            ),
          }),
          body: NotePatch,
          response: { 200: CatalogTable },
        },
      },
      async (request) => {
        const { name, column } = request.query;
        await catalog.catalogue.note(name, column ?? '', request.body, request.actor);
        return catalog.catalogue.table(name, request.actor);
      },
    );
    http.get(
      '/catalog/access',
      {
        config: { permission: 'audit.read' },
        schema: {
          operationId: 'listDataAccess',
          summary: 'Who read what',
          tags,
          querystring: Type.Object({
            ...PageQuery.properties,
            table: Type.Optional(Type.String({ description: 'Logical name', examples: ['src/core/client'] })),
            actorId: Type.Optional(Type.String({ description: 'Who', examples: ['usr_01j9z3'] })),
          }),
          response: { 200: AccessPage },
        },
      },
      (request) => catalog.accessLog.list(request.query),
    );
    http.get(
      '/catalog/words',
      {
        config: { permission: 'catalog.read' },
        schema: {
          operationId: 'listGlossary',
          summary: 'The glossary',
          tags,
          response: {
            200: Type.Object(
              { items: Type.Array(WordView, { description: 'Words' }) },
              { description: 'Glossary' },
            ),
          },
        },
      },
      async () => ({ items: await catalog.catalogue.words() }),
    );
    http.post(
      '/catalog/words',
      {
        config: { permission: 'catalog.write' },
        schema: {
          operationId: 'addGlossaryWord',
          summary: 'Add a word',
          tags,
          body: NewWord,
          response: { 201: WordView },
        },
      },
      async (request, reply) =>
        reply.code(201).send(await catalog.catalogue.addWord(request.body, request.actor)),
    );
    http.delete(
      '/catalog/words/:wordId',
      {
        config: { permission: 'catalog.write' },
        schema: {
          operationId: 'removeGlossaryWord',
          summary: 'Take a word out',
          tags,
          params: id('wordId', 'Word', 'wrd_01j9z3'),
          response: { 204: Nothing },
        },
      },
      async (request, reply) => {
        await catalog.catalogue.removeWord(String(request.params.wordId), request.actor);
        return reply.code(204).send(null);
      },
    );
    http.get(
      '/catalog/completeness/:customerId',
      {
        config: { permission: 'customers.read' },
        schema: {
          operationId: 'getCompleteness',
          summary: 'How complete what we know of a customer is',
          tags,
          params: id('customerId', 'Customer', '10023'),
          response: { 200: CompletenessView },
        },
      },
      async (request) => {
        const customerId = String(request.params.customerId);
        const found = await catalog.completeness.of(customerId);
        if (!found) throw catalogProblems.table_not_found({ detail: `There is no customer ${customerId}.` });
        return found;
      },
    );

    http.get(
      '/catalog/quality',
      {
        config: { permission: 'catalog.read' },
        schema: {
          operationId: 'getQualityBoard',
          summary: 'Quality rules, what is blocked, scores',
          tags,
          response: { 200: QualityBoard },
        },
      },
      () => catalog.qualityBoard(),
    );
    http.post(
      '/catalog/rules',
      {
        config: { permission: 'catalog.write' },
        schema: {
          operationId: 'addQualityRule',
          summary: 'Add a quality rule and judge it',
          tags,
          body: NewRule,
          response: { 201: RuleView },
        },
      },
      async (request, reply) => reply.code(201).send(await catalog.rules.add(request.body, request.actor)),
    );
    http.delete(
      '/catalog/rules/:ruleId',
      {
        config: { permission: 'catalog.write' },
        schema: {
          operationId: 'removeQualityRule',
          summary: 'Take a quality rule out',
          tags,
          params: id('ruleId', 'Rule', 'rul_01j9z3'),
          response: { 204: Nothing },
        },
      },
      async (request, reply) => {
        await catalog.rules.remove(String(request.params.ruleId), request.actor);
        return reply.code(204).send(null);
      },
    );
    http.post(
      '/catalog/blocks/:blockId/release',
      {
        config: { permission: 'catalog.release' },
        schema: {
          operationId: 'releaseBlock',
          summary: 'Let tags be refreshed although a rule fails',
          tags,
          params: id('blockId', 'Block', 'blk_01j9z3'),
          body: Reason,
          response: { 200: BlockView },
        },
      },
      (request) => catalog.blocks.release(String(request.params.blockId), request.body.reason, request.actor),
    );
    http.get(
      '/catalog/drift',
      {
        config: { permission: 'catalog.read' },
        schema: {
          operationId: 'listDrift',
          summary: 'What changed in deliveries',
          tags,
          querystring: Type.Object({
            ...PageQuery.properties,
            sourceId: Type.Optional(Type.String({ description: 'Source', examples: ['core'] })),
          }),
          response: { 200: DriftPage },
        },
      },
      (request) => catalog.monitor.drifts(request.query),
    );
    http.get(
      '/catalog/schemas',
      {
        config: { permission: 'catalog.read' },
        schema: {
          operationId: 'listSchemas',
          summary: 'Schemas that a table had',
          tags,
          querystring: Type.Object({
            sourceId: Type.String({ description: 'Source', examples: ['core'] }),
            table: Type.String({ description: 'Table', examples: ['client'] }),
          }),
          response: {
            200: Type.Object(
              { items: Type.Array(SchemaVersion, { description: 'Newest first' }) },
              { description: 'Schemas' },
            ),
          },
        },
      },
      async (request) => ({
        items: await catalog.monitor.schemas(request.query.sourceId, request.query.table),
      }),
    );

    http.get(
      '/catalog/arrivals',
      {
        config: { permission: 'catalog.read' },
        schema: {
          operationId: 'getArrivals',
          summary: 'What arrived, by source and day',
          tags,
          querystring: Type.Object({
            days: Type.Optional(
              Type.Integer({ minimum: 1, maximum: 60, default: 10, description: 'Days', examples: [10] }),
            ),
          }),
          response: { 200: ArrivalBoard },
        },
      },
      (request) => catalog.arrivals.board(request.query.days ?? 10),
    );
    http.post(
      '/catalog/arrivals/:sourceId/:day/release',
      {
        config: { permission: 'catalog.release' },
        schema: {
          operationId: 'releaseArrival',
          summary: 'Open the gate of a day by hand',
          tags,
          params: Type.Object({
            sourceId: Type.String({ description: 'Source', examples: ['core'] }),
            day: Type.String({
              pattern: '^\\d{4}-\\d{2}-\\d{2}$',
              description: 'Day',
              examples: ['2026-11-25'],
            }),
          }),
          body: Reason,
          response: { 200: ArrivalView },
        },
      },
      (request) =>
        catalog.arrivals.release(
          request.params.sourceId,
          request.params.day,
          request.body.reason,
          request.actor,
        ),
    );
    http.post(
      '/catalog/freezes',
      {
        config: { permission: 'catalog.release' },
        schema: {
          operationId: 'setFreeze',
          summary: 'Hold tags back for a time, such as a month-end close',
          tags,
          body: NewFreeze,
          response: { 201: FreezeView },
        },
      },
      async (request, reply) =>
        reply.code(201).send(await catalog.arrivals.freeze(request.body, request.actor)),
    );
    http.delete(
      '/catalog/freezes/:freezeId',
      {
        config: { permission: 'catalog.release' },
        schema: {
          operationId: 'cancelFreeze',
          summary: 'End a freeze',
          tags,
          params: id('freezeId', 'Freeze', 'frz_01j9z3'),
          response: { 204: Nothing },
        },
      },
      async (request, reply) => {
        await catalog.arrivals.cancelFreeze(String(request.params.freezeId), request.actor);
        return reply.code(204).send(null);
      },
    );

    http.get(
      '/alerts',
      {
        config: { permission: 'alerts.read' },
        schema: {
          operationId: 'listAlerts',
          summary: 'Alerts, newest first',
          tags: ['alerts'],
          querystring: Type.Object({
            ...PageQuery.properties,
            state: Type.Optional(AlertState),
            kind: Type.Optional(Type.String({ description: 'Kind', examples: ['quality'] })),
            subject: Type.Optional(Type.String({ description: 'What it is about', examples: ['core'] })),
          }),
          response: { 200: AlertPage },
        },
      },
      (request) => catalog.alerts.list(request.query),
    );
    http.post(
      '/alerts/:alertId/acknowledge',
      {
        config: { permission: 'alerts.write' },
        schema: {
          operationId: 'acknowledgeAlert',
          summary: 'Take an alert',
          tags: ['alerts'],
          params: id('alertId', 'Alert', 'alt_01j9z3'),
          body: Type.Object(
            {
              note: Type.Optional(
                Type.String({
                  maxLength: 500,
                  description: 'What will be done',
                  examples: ['Redelivered at 09:00'],
                }),
              ),
            },
            { additionalProperties: false, description: 'A note' },
          ),
          response: { 200: AlertView },
        },
      },
      (request) =>
        catalog.alerts.acknowledge(String(request.params.alertId), request.body.note, request.actor),
    );
  };
}
