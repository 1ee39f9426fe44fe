import type { Routes } from '@rapport/http';
import { Type } from 'typebox';
import { ModelJob, ModelPage, ModelQuery, ModelView, NewModel } from './contract.ts';
import type { Models } from './models.service.ts';

const Params = Type.Object({
  modelId: Type.String({ description: 'Model', examples: ['deposit_propensity'] }),
});
const tags = ['models'];

/** Models: define, train, judge, score. */
export function modelsRoutes(models: Models): Routes {
  return (http) => {
    http.get(
      '/models',
      {
        config: { permission: 'models.read' },
        schema: {
          operationId: 'listModels',
          summary: 'Models, newest first',
          tags,
          querystring: ModelQuery,
          response: { 200: ModelPage },
        },
      },
      async (request) => models.list(request.query),
    );
    http.post(
      '/models',
      {
        config: { permission: 'models.write' },
        schema: {
          operationId: 'createModel',
          summary: 'Define a model',
          tags,
          body: NewModel,
          response: { 201: ModelView },
        },
      },
      async (request, reply) => reply.code(201).send(await models.create(request.body, request.actor)),
    );
    http.get(
      '/models/:modelId',
      {
        config: { permission: 'models.read' },
        schema: {
          operationId: 'getModel',
          summary: 'A model with its evaluation card',
          tags,
          params: Params,
          response: { 200: ModelView },
        },
      },
      async (request) => models.get(request.params.modelId),
    );
    for (const [verb, operationId, summary] of [
      ['train', 'trainModel', 'Train a new version'],
      ['evaluate', 'evaluateModel', 'Judge the current version on the current data'],
      ['score', 'scoreCustomers', 'Score all customers into the model’s tag'],
    ] as const) {
      http.post(
        `/models/:modelId/${verb}`,
        {
          config: { permission: 'models.write' },
          schema: { operationId, summary, tags, params: Params, response: { 202: ModelJob } },
        },
        async (request, reply) =>
          reply.code(202).send({ jobId: await models[verb](request.params.modelId, request.actor) }),
      );
    }
  };
}
