import type { Http, Routes } from '@rapport/http';
import { defineProblems, Instant, toIso } from '@rapport/kernel';
import type { Jobs, JobView } from '@rapport/stores';
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { type Static, Type } from 'typebox';

const jobProblems = defineProblems('jobs', { not_found: { status: 404, title: 'There is no such job.' } });

export const JobBody = Type.Object(
  {
    id: Type.String({ description: 'Job id', examples: ['job_01j9z3'] }),
    kind: Type.String({ description: 'What it does', examples: ['source.load'] }),
    state: Type.Enum(['queued', 'running', 'done', 'failed', 'cancelled'], {
      description: 'Where it stands',
      examples: ['running'],
    }),
    progress: Type.Object(
      {
        share: Type.Number({ description: 'Share done, 0 … 1', examples: [0.4] }),
        message: Type.String({ description: 'What it is doing', examples: ['Typing transactions'] }),
      },
      { description: 'How far it is' },
    ),
    subject: Type.Optional(Type.String({ description: 'What it works on', examples: ['demo'] })),
    error: Type.Optional(
      Type.String({ description: 'Why it failed', examples: ['accounts.csv has no column "balance".'] }),
    ),
    result: Type.Optional(Type.Unknown({ description: 'What it answered', examples: [{ loaded: 4500 }] })),
    createdAt: Instant('When it was asked for'),
    finishedAt: Type.Optional(Instant('When it ended')),
  },
  { description: 'Long work and its progress' },
);

/** Progress of long work. */
export function jobRoutes(jobs: Jobs): Routes {
  return (http) => {
    http.get(
      '/jobs',
      {
        config: { permission: 'jobs.read' },
        schema: {
          operationId: 'listJobs',
          summary: 'Recent jobs, newest first',
          tags: ['jobs'],
          querystring: Type.Object({
            subject: Type.Optional(Type.String({ description: 'Only about this', examples: ['demo'] })),
            kind: Type.Optional(Type.String({ description: 'Only of this kind', examples: ['source.load'] })),
            limit: Type.Optional(
              Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'At most', examples: [50] }),
            ),
          }),
          response: {
            200: Type.Object(
              { items: Type.Array(JobBody, { description: 'Jobs' }) },
              { description: 'Jobs' },
            ),
          },
        },
      },
      async (request) => ({ items: (await jobs.list(request.query)).map(present) }),
    );
    http.get(
      '/jobs/:id',
      {
        config: { permission: 'jobs.read' },
        schema: {
          operationId: 'readJob',
          summary: 'One job',
          tags: ['jobs'],
          params: Type.Object({ id: Type.String({ description: 'Job id', examples: ['job_01j9z3'] }) }),
          response: { 200: JobBody },
        },
      },
      async (request) => {
        const job = await jobs.get(request.params.id);
        if (!job) throw jobProblems.not_found({ detail: `There is no job ${request.params.id}.` });
        return present(job);
      },
    );
    http.post(
      '/jobs/:id/cancel',
      {
        config: { permission: 'jobs.write' },
        schema: {
          operationId: 'cancelJob',
          summary: 'Cancel a job',
          tags: ['jobs'],
          params: Type.Object({ id: Type.String({ description: 'Job id', examples: ['job_01j9z3'] }) }),
          response: { 202: Type.Null({ description: 'It will stop' }) },
        },
      },
      async (request, reply) => {
        await jobs.cancel(request.params.id);
        return reply.code(202).send(null);
      },
    );
  };
}

function present(job: JobView): Static<typeof JobBody> {
  return {
    id: job.id,
    kind: job.kind,
    state: job.state,
    progress: { share: job.progress.share, message: job.progress.message },
    ...(job.subject === undefined ? {} : { subject: job.subject }),
    ...(job.error === undefined ? {} : { error: job.error }),
    ...(job.result === undefined ? {} : { result: job.result }),
    createdAt: toIso(job.createdAt),
    ...(job.finishedAt === undefined ? {} : { finishedAt: toIso(job.finishedAt) }),
  };
}

export interface Health {
  /** `up` or `down` for each store. */
  stores(): Promise<Readonly<Record<string, 'up' | 'down'>>>;
  /** False from the moment a graceful stop begins, so that traffic goes elsewhere. */
  isAccepting(): boolean;
}

/** Liveness, readiness and Prometheus metrics; outside `/api/v1`, for operators and orchestrators. */
export function addOperations(http: Http, health: Health): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const duration = new Histogram({
    name: 'rapport_http_request_seconds',
    help: 'Duration of HTTP requests',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10],
    registers: [registry],
  });
  http.addHook('onResponse', async (request, reply) => {
    duration.observe(
      { method: request.method, route: request.routeOptions.url ?? 'none', status: reply.statusCode },
      reply.elapsedTime / 1000,
    );
  });
  http.get('/health', { config: { permission: 'public' } }, async () => ({ status: 'up' }));
  http.get('/ready', { config: { permission: 'public' } }, async (_request, reply) => {
    const stores = await health.stores();
    const ready = health.isAccepting() && Object.values(stores).every((state) => state === 'up');
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready', stores });
  });
  http.get('/metrics', { config: { permission: 'public' } }, async (_request, reply) => {
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}
