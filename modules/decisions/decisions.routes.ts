import type { Routes } from '@rapport/http';
import { Type } from 'typebox';
import type { ContactPolicies } from './contact-policies.service.ts';
import {
  ContactPolicy,
  ContactPolicyChange,
  Decision,
  DecisionReplay,
  DecisionRequest,
  NewDecisionResponse,
} from './contract.ts';
import type { Decisions } from './decisions.service.ts';

const ById = Type.Object({ id: Type.String({ description: 'Decision id', examples: ['dec_01j9z3'] }) });

/** The contact policy, and decisions with their replay and responses. */
export function decisionsRoutes(deps: {
  readonly decisions: Decisions;
  readonly policies: ContactPolicies;
}): Routes {
  const { decisions, policies } = deps;
  return (http) => {
    http.get(
      '/contact-policy',
      {
        config: { permission: 'contact_policy.read' },
        schema: {
          operationId: 'readContactPolicy',
          summary: 'The contact policy in force',
          tags: ['contact-policy'],
          response: { 200: ContactPolicy },
        },
      },
      async () => policies.current(),
    );
    http.put(
      '/contact-policy',
      {
        config: { permission: 'contact_policy.write' },
        schema: {
          operationId: 'changeContactPolicy',
          summary: 'Replace the contact policy; it holds within a second',
          tags: ['contact-policy'],
          body: ContactPolicyChange,
          response: { 200: ContactPolicy },
        },
      },
      async (request) => policies.change(request.body, request.actor),
    );
    http.post(
      '/decisions',
      {
        config: { permission: 'decisions.write' },
        schema: {
          operationId: 'decide',
          summary: 'Decide what to offer a customer here and now',
          tags: ['decisions'],
          body: DecisionRequest,
          response: { 201: Decision },
        },
      },
      async (request, reply) => reply.code(201).send(await decisions.decide(request.body, request.actor)),
    );
    http.get(
      '/decisions/:id',
      {
        config: { permission: 'decisions.read' },
        schema: {
          operationId: 'readDecision',
          summary: 'A decision with its reasons and responses',
          tags: ['decisions'],
          params: ById,
          response: { 200: Decision },
        },
      },
      async (request) => decisions.get(request.params.id, request.actor),
    );
    http.post(
      '/decisions/:id/replay',
      {
        config: { permission: 'decisions.read' },
        schema: {
          operationId: 'replayDecision',
          summary: 'Compute a decision again from its stored inputs',
          tags: ['decisions'],
          params: ById,
          response: { 200: DecisionReplay },
        },
      },
      async (request) => decisions.replay(request.params.id, request.actor),
    );
    http.post(
      '/decisions/:id/responses',
      {
        config: { permission: 'decisions.write' },
        schema: {
          operationId: 'respondToDecision',
          summary: 'Tell what the customer did with a decision',
          tags: ['decisions'],
          params: ById,
          body: NewDecisionResponse,
          response: { 201: Decision },
        },
      },
      async (request, reply) =>
        reply.code(201).send(await decisions.respond(request.params.id, request.body, request.actor)),
    );
  };
}
