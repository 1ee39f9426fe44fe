import type { Routes } from '@rapport/http';
import type { Jobs } from '@rapport/stores';
import { Type } from 'typebox';
import { DemoOptions, DemoResponseOptions } from './demo.ts';

const Accepted = Type.Object(
  { jobId: Type.String({ description: 'Job to watch at /jobs/{id}', examples: ['job_01j9z3'] }) },
  { description: 'Accepted' },
);

/** Making a demo bank, and letting its customers respond to a campaign. */
export function demoRoutes(jobs: Jobs): Routes {
  return (http) => {
    http.post(
      '/demo',
      {
        config: { permission: 'demo.write' },
        schema: {
          operationId: 'createDemo',
          summary: 'Make a synthetic bank with planted effects',
          tags: ['demo'],
          body: DemoOptions,
          response: { 202: Accepted },
        },
      },
      async (request, reply) =>
        reply
          .code(202)
          .send({ jobId: await jobs.enqueue('demo.create', request.body, { singleton: 'demo' }) }),
    );
    http.post(
      '/demo/responses',
      {
        config: { permission: 'demo.write' },
        schema: {
          operationId: 'respondAsDemo',
          summary: 'Let the demo bank’s customers respond to a campaign',
          tags: ['demo'],
          body: DemoResponseOptions,
          response: { 202: Accepted },
        },
      },
      async (request, reply) =>
        reply.code(202).send({
          jobId: await jobs.enqueue('demo.respond', request.body, {
            singleton: 'demo',
            subject: request.body.campaignId,
          }),
        }),
    );
  };
}
