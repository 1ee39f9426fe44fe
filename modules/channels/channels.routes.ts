import type { Routes } from '@rapport/http';
import { PageQuery } from '@rapport/kernel';
import { Type } from 'typebox';
import type { Channels } from './channels.ts';
import {
  Channel,
  ConsentBody,
  ConsentPage,
  ConsentQuery,
  ConsentView,
  DeliveryPage,
  DeliveryQuery,
  DeliveryView,
  EmergencyStopBody,
  EmergencyStopList,
  EmergencyStopView,
  ProviderBody,
  ProviderList,
  ProviderTest,
  ProviderView,
  ReceiptResult,
  SandboxMessage,
  SandboxMessagePage,
  SuppressionBody,
  SuppressionPage,
  SuppressionView,
} from './contract.ts';
import type { SandboxInbox } from './sandbox-inbox.ts';

const ById = (description: string, example: string) =>
  Type.Object({ id: Type.String({ description, examples: [example] }) });
const Provider = ById('Provider id', 'prv_01j9z3');
const Removed = Type.Null({ description: 'Done' });

/** Providers, deliveries, consents, suppressions, emergency stops and the receipts webhook. */
export function channelsRoutes(channels: Channels): Routes {
  const { providers, consents, stops } = channels;
  return async (http) => {
    http.get(
      '/providers',
      {
        config: { permission: 'channels.read' },
        schema: {
          operationId: 'listProviders',
          summary: 'List channel providers',
          tags: ['channels'],
          response: { 200: ProviderList },
        },
      },
      async () => ({ items: await providers.list() }),
    );
    http.post(
      '/providers',
      {
        config: { permission: 'channels.write' },
        schema: {
          operationId: 'createProvider',
          summary: 'Add a provider',
          tags: ['channels'],
          body: ProviderBody,
          response: { 201: ProviderView },
        },
      },
      async (request, reply) => reply.code(201).send(await providers.create(request.body, request.actor)),
    );
    http.get(
      '/providers/:id',
      {
        config: { permission: 'channels.read' },
        schema: {
          operationId: 'readProvider',
          summary: 'Read a provider',
          tags: ['channels'],
          params: Provider,
          response: { 200: ProviderView },
        },
      },
      async (request) => providers.get(request.params.id),
    );
    http.put(
      '/providers/:id',
      {
        config: { permission: 'channels.write' },
        schema: {
          operationId: 'replaceProvider',
          summary: 'Change a provider; secrets left out are kept',
          tags: ['channels'],
          params: Provider,
          body: ProviderBody,
          response: { 200: ProviderView },
        },
      },
      async (request) => providers.replace(request.params.id, request.body, request.actor),
    );
    http.post(
      '/providers/:id/test',
      {
        config: { permission: 'channels.write' },
        schema: {
          operationId: 'testProvider',
          summary: 'Connect to a provider without sending anything',
          tags: ['channels'],
          params: Provider,
          response: { 200: ProviderTest },
        },
      },
      async (request) => providers.test(request.params.id),
    );

    http.get(
      '/deliveries',
      {
        config: { permission: 'deliveries.read' },
        schema: {
          operationId: 'listDeliveries',
          summary: 'List messages and what became of them',
          tags: ['deliveries'],
          querystring: DeliveryQuery,
          response: { 200: DeliveryPage },
        },
      },
      async (request) => channels.deliveries(request.query, request.actor),
    );
    http.get(
      '/deliveries/:id',
      {
        config: { permission: 'deliveries.read' },
        schema: {
          operationId: 'readDelivery',
          summary: 'Read a delivery',
          tags: ['deliveries'],
          params: ById('Delivery id', 'dlv_01j9z3'),
          response: { 200: DeliveryView },
        },
      },
      async (request) => channels.delivery(request.params.id, request.actor),
    );

    http.get(
      '/consents',
      {
        config: { permission: 'channels.read' },
        schema: {
          operationId: 'listConsents',
          summary: 'Read the consent ledger',
          tags: ['channels'],
          querystring: ConsentQuery,
          response: { 200: ConsentPage },
        },
      },
      async (request) => consents.list(request.query, request.actor),
    );
    http.post(
      '/consents',
      {
        config: { permission: 'channels.write' },
        schema: {
          operationId: 'recordConsent',
          summary: 'Write a consent given or withdrawn; acts at once, on queued messages too',
          tags: ['channels'],
          body: ConsentBody,
          response: { 201: ConsentView },
        },
      },
      async (request, reply) => reply.code(201).send(await consents.record(request.body, request.actor)),
    );
    http.get(
      '/suppressions',
      {
        config: { permission: 'channels.read' },
        schema: {
          operationId: 'listSuppressions',
          summary: 'List customers not to be contacted',
          tags: ['channels'],
          querystring: Type.Object({
            ...PageQuery.properties,
            customerId: Type.Optional(
              Type.String({ description: 'Of this customer', examples: ['C0000042'] }),
            ),
          }),
          response: { 200: SuppressionPage },
        },
      },
      async (request) => consents.suppressions(request.query, request.actor),
    );
    http.post(
      '/suppressions',
      {
        config: { permission: 'channels.write' },
        schema: {
          operationId: 'createSuppression',
          summary: 'Suppress a customer; acts at once, on queued messages too',
          tags: ['channels'],
          body: SuppressionBody,
          response: { 201: SuppressionView },
        },
      },
      async (request, reply) => reply.code(201).send(await consents.suppress(request.body, request.actor)),
    );
    http.delete(
      '/suppressions/:id',
      {
        config: { permission: 'channels.write' },
        schema: {
          operationId: 'endSuppression',
          summary: 'End a suppression',
          tags: ['channels'],
          params: ById('Suppression id', 'sup_01j9z3'),
          response: { 204: Removed },
        },
      },
      async (request, reply) => {
        await consents.unsuppress(request.params.id, request.actor);
        return reply.code(204).send(null);
      },
    );

    http.get(
      '/emergency-stops',
      {
        config: { permission: 'channels.read' },
        schema: {
          operationId: 'listEmergencyStops',
          summary: 'List emergency stops',
          tags: ['channels'],
          response: { 200: EmergencyStopList },
        },
      },
      async () => ({ items: await stops.list() }),
    );
    http.post(
      '/emergency-stops',
      {
        config: { permission: 'emergency_stops.write' },
        schema: {
          operationId: 'startEmergencyStop',
          summary: 'Stop all sending, a channel or a campaign within a second',
          tags: ['channels'],
          body: EmergencyStopBody,
          response: { 201: EmergencyStopView },
        },
      },
      async (request, reply) => reply.code(201).send(await stops.start(request.body, request.actor)),
    );
    http.delete(
      '/emergency-stops/:id',
      {
        config: { permission: 'emergency_stops.write' },
        schema: {
          operationId: 'liftEmergencyStop',
          summary: 'Lift an emergency stop; queued messages go on',
          tags: ['channels'],
          params: ById('Stop id', 'stp_01j9z3'),
          response: { 200: EmergencyStopView },
        },
      },
      async (request) => stops.lift(request.params.id, request.actor),
    );

    // The signature covers the exact bytes, so this one route gets its body unparsed.
    await http.register(async (scope) => {
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser(
        '*',
        { parseAs: 'buffer', bodyLimit: 2 * 1024 * 1024 },
        (_request, body, done) => done(null, body),
      );
      scope.post<{ Params: { id: string } }>(
        '/receipts/:id',
        {
          config: { permission: 'public' },
          schema: {
            operationId: 'receiveReceipts',
            summary: 'Take signed receipts of a provider (body: ReceiptBatch, see docs/channels.md)',
            tags: ['receipts'],
            params: Provider,
            headers: Type.Object({
              'x-rapport-timestamp': Type.Optional(
                Type.String({ description: 'Seconds since 1970', examples: ['1793612345'] }),
              ),
              'x-rapport-signature': Type.Optional(
                Type.String({
                  description: '`v1=` and HMAC-SHA256 in hex',
                  examples: ['v1=9f86d081884c7d65'],
                }),
              ),
            }),
            response: { 200: ReceiptResult },
          },
        },
        async (request) =>
          channels.receive(request.params.id, {
            timestamp: headerOf(request.headers['x-rapport-timestamp']),
            signature: headerOf(request.headers['x-rapport-signature']),
            body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
          }),
      );
    });
  };
}

/** What the sandbox received; mounted where one runs. */
export function sandboxRoutes(sandbox: Pick<SandboxInbox, 'list' | 'get'>): Routes {
  return (http) => {
    http.get(
      '/sandbox/messages',
      {
        config: { permission: 'sandbox.read' },
        schema: {
          operationId: 'listSandboxMessages',
          summary: 'List messages that the sandbox took in the place of the world',
          tags: ['sandbox'],
          querystring: Type.Object({ ...PageQuery.properties, channel: Type.Optional(Channel) }),
          response: { 200: SandboxMessagePage },
        },
      },
      async (request) => {
        const { channel, cursor, limit = 50 } = request.query;
        return sandbox.list({
          limit,
          ...(channel === undefined ? {} : { channel }),
          ...(cursor === undefined ? {} : { before: cursor }),
        });
      },
    );
    http.get(
      '/sandbox/messages/:id',
      {
        config: { permission: 'sandbox.read' },
        schema: {
          operationId: 'readSandboxMessage',
          summary: 'Read a sandbox message',
          tags: ['sandbox'],
          params: ById('Sandbox message id', 'sbx_01j9z3'),
          response: { 200: SandboxMessage },
        },
      },
      async (request) => sandbox.get(request.params.id),
    );
  };
}

const headerOf = (value: unknown): string => (typeof value === 'string' ? value : '');
