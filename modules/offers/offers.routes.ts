import type { Routes } from '@rapport/http';
import { Type } from 'typebox';
import { Offer, OfferChange, OfferDraft, OfferPage, OfferQuery } from './contract.ts';
import type { Offers } from './offers.service.ts';

const ById = Type.Object({ id: Type.String({ description: 'Offer id', examples: ['off_01j9z3'] }) });
const tags = ['offers'];

/** Offers 權益: list, write, activate, retire. */
export function offersRoutes(offers: Offers): Routes {
  return (http) => {
    http.get(
      '/offers',
      {
        config: { permission: 'offers.read' },
        schema: {
          operationId: 'listOffers',
          summary: 'Offers, newest first',
          tags,
          querystring: OfferQuery,
          response: { 200: OfferPage },
        },
      },
      async (request) => offers.list(request.query),
    );
    http.post(
      '/offers',
      {
        config: { permission: 'offers.write' },
        schema: {
          operationId: 'createOffer',
          summary: 'Make an offer, as a draft',
          tags,
          body: OfferDraft,
          response: { 201: Offer },
        },
      },
      async (request, reply) => reply.code(201).send(await offers.create(request.body, request.actor)),
    );
    http.get(
      '/offers/:id',
      {
        config: { permission: 'offers.read' },
        schema: {
          operationId: 'readOffer',
          summary: 'One offer',
          tags,
          params: ById,
          response: { 200: Offer },
        },
      },
      async (request) => offers.get(request.params.id),
    );
    http.put(
      '/offers/:id',
      {
        config: { permission: 'offers.write' },
        schema: {
          operationId: 'changeOffer',
          summary: 'Replace an offer by an edited one',
          tags,
          params: ById,
          body: OfferChange,
          response: { 200: Offer },
        },
      },
      async (request) => offers.change(request.params.id, request.body, request.actor),
    );
    http.post(
      '/offers/:id/activate',
      {
        config: { permission: 'offers.write' },
        schema: {
          operationId: 'activateOffer',
          summary: 'Let the offer be offered',
          tags,
          params: ById,
          response: { 200: Offer },
        },
      },
      async (request) => offers.activate(request.params.id, request.actor),
    );
    http.post(
      '/offers/:id/retire',
      {
        config: { permission: 'offers.write' },
        schema: {
          operationId: 'retireOffer',
          summary: 'Never offer it again',
          tags,
          params: ById,
          response: { 200: Offer },
        },
      },
      async (request) => offers.retire(request.params.id, request.actor),
    );
  };
}
