import type { Routes } from '@rapport/http';
import { Type } from 'typebox';
import {
  NewPartner,
  PartnerKey,
  PartnerOfferList,
  PartnerPage,
  PartnerResultList,
  PartnerView,
} from './contract.ts';
import type { Partners } from './partners.service.ts';

const ById = Type.Object({ id: Type.String({ description: 'Partner id', examples: ['ptn_01j9z3'] }) });

/** The bank's side (`/partners`) and the partner's side (`/partner`). */
export function partnersRoutes(partners: Partners): Routes {
  return (http) => {
    http.get(
      '/partners',
      {
        config: { permission: 'partners.read' },
        schema: {
          operationId: 'listPartners',
          summary: 'All partners',
          tags: ['partners'],
          response: { 200: PartnerPage },
        },
      },
      async () => ({ items: await partners.list() }),
    );
    http.post(
      '/partners',
      {
        config: { permission: 'partners.write' },
        schema: {
          operationId: 'registerPartner',
          summary: 'Register a partner for approval',
          tags: ['partners'],
          body: NewPartner,
          response: { 201: PartnerView },
        },
      },
      async (request, reply) => reply.code(201).send(await partners.register(request.body, request.actor)),
    );
    http.post(
      '/partners/:id/key',
      {
        config: { permission: 'partners.write' },
        schema: {
          operationId: 'issuePartnerKey',
          summary: 'Issue the partner’s key',
          tags: ['partners'],
          params: ById,
          response: { 201: PartnerKey },
        },
      },
      async (request, reply) =>
        reply.code(201).send(await partners.issueKey(request.params.id, request.actor)),
    );
    http.post(
      '/partners/:id/revoke',
      {
        config: { permission: 'partners.write' },
        schema: {
          operationId: 'revokePartner',
          summary: 'End a partner’s access',
          tags: ['partners'],
          params: ById,
          response: { 200: PartnerView },
        },
      },
      async (request) => partners.revoke(request.params.id, request.actor),
    );

    http.get(
      '/partner/offers',
      {
        config: { permission: 'partner.offers' },
        schema: {
          operationId: 'readOwnOffers',
          summary: 'The calling partner’s offers',
          tags: ['partners'],
          response: { 200: PartnerOfferList },
        },
      },
      async (request) => ({ items: await partners.ownOffers(request.actor) }),
    );
    http.get(
      '/partner/results',
      {
        config: { permission: 'partner.results' },
        schema: {
          operationId: 'readOwnResults',
          summary: 'What campaigns with the calling partner’s offers did',
          tags: ['partners'],
          response: { 200: PartnerResultList },
        },
      },
      async (request) => ({ items: await partners.ownResults(request.actor) }),
    );
  };
}
