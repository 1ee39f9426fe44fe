import type { IncomingMessage, ServerResponse } from 'node:http';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import { type Actor, defineProblems, type Log, mayDo, Problem } from '@rapport/kernel';
import type { FastifyBaseLogger } from 'fastify';
import fastify, {
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyRequest,
  type RawServerDefault,
} from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `<noun>.<verb>` the caller must hold; `public` for the few routes that need no sign-in. Required on every route. */
    permission?: string;
  }
  interface FastifyRequest {
    /** Who calls; on `public` routes it may be nobody, then reading it throws `http.unauthenticated`. */
    actor: Actor;
  }
}

export type Http = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** A module's routes, registered under `/api/v1`. */
export type Routes = (http: Http) => Promise<void> | void;

export const httpProblems = defineProblems('http', {
  unauthenticated: { status: 401, title: 'Sign in first.' },
  forbidden: { status: 403, title: 'You may not do this.' },
  invalid_request: { status: 400, title: 'The request does not have the documented form.' },
  not_found: { status: 404, title: 'There is nothing at this address.' },
  too_large: { status: 413, title: 'The request body is too large.' },
  too_many_requests: { status: 429, title: 'Too many requests; try again later.' },
  internal: { status: 500, title: 'Something went wrong on our side; the fault is logged.' },
});

export interface HttpOptions {
  readonly log: Log;
  /** Answers who calls, or `undefined` when the request carries no valid session or key. */
  readonly authenticate: (request: FastifyRequest) => Promise<Actor | undefined>;
  /** Called for every refusal of a permission, so that it can be audited. */
  readonly onForbidden?: (request: FastifyRequest, actor: Actor, permission: string) => void;
  readonly version: string;
}

/**
 * The HTTP edge that every module's routes are mounted on: schema validation, sign-in and permission before each
 * handler (a route without `config.permission` is refused when it is added), RFC 9457 answers, security headers.
 */
export async function createHttp(options: HttpOptions): Promise<Http> {
  const http = fastify({ logger: false, bodyLimit: 64 * 1024 * 1024, routerOptions: { maxParamLength: 300 } })
    .withTypeProvider<TypeBoxTypeProvider>()
    .setValidatorCompiler(TypeBoxValidatorCompiler);
  await http.register(cookie);
  await http.register(helmet, {
    contentSecurityPolicy: {
      directives: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        scriptSrc: ["'self'"],
        connectSrc: ["'self'"],
        frameSrc: ["'self'", 'blob:', 'data:'],
        frameAncestors: ["'none'"],
        upgradeInsecureRequests: null,
      },
    },
    strictTransportSecurity: false,
  });
  await http.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Rapport',
        version: options.version,
        description: 'Intelligent marketing platform for banks',
      },
      servers: [{ url: '/' }],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
    },
    hideUntagged: true,
  });

  http.addHook('onRoute', (route) => {
    if (route.method !== 'HEAD' && route.method !== 'OPTIONS' && route.config?.permission === undefined) {
      throw new Error(`${String(route.method)} ${route.url} has no config.permission`);
    }
  });
  http.decorateRequest('actor', {
    getter(): Actor {
      throw httpProblems.unauthenticated();
    },
  });
  http.addHook('onRequest', async (request) => {
    const permission = request.routeOptions.config.permission;
    if (permission === undefined) return;
    const actor = await options.authenticate(request);
    if (actor) Object.defineProperty(request, 'actor', { value: actor });
    if (permission === 'public') return;
    if (!actor) throw httpProblems.unauthenticated();
    if (!mayDo(actor, permission)) {
      options.onForbidden?.(request, actor, permission);
      throw httpProblems.forbidden({
        detail: `This needs the permission ${permission}.`,
        details: { permission },
      });
    }
  });
  http.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error);
    if (problem.status >= 500)
      options.log.error({ err: error, method: request.method, url: request.url }, 'request failed');
    return reply.code(problem.status).type('application/problem+json').send(presentProblem(problem));
  });
  http.setNotFoundHandler((request, reply) => {
    const problem = httpProblems.not_found({
      detail: `There is nothing at ${request.method} ${request.url}.`,
    });
    return reply.code(404).type('application/problem+json').send(presentProblem(problem));
  });
  return http;
}

/** Mounts a module's routes under `/api/v1`. */
export async function mountRoutes(http: Http, routes: Routes): Promise<void> {
  const plugin: FastifyPluginAsync = async (scope) => {
    await routes(scope.withTypeProvider<TypeBoxTypeProvider>());
  };
  await http.register(plugin, { prefix: '/api/v1' });
}

export function presentProblem(problem: Problem): Record<string, unknown> {
  return {
    ...problem.details,
    type: `/docs/errors#${problem.code}`,
    title: problem.title,
    status: problem.status,
    detail: problem.message,
    code: problem.code,
    ...(problem.faults.length > 0 ? { faults: problem.faults } : {}),
  };
}

interface ValidationFailure {
  readonly validation?: readonly { instancePath?: string; message?: string }[];
  readonly validationContext?: string;
  readonly statusCode?: number;
  readonly message?: string;
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const failure: ValidationFailure = typeof error === 'object' && error !== null ? error : {};
  if (failure.validation) {
    const where = failure.validationContext ?? 'body';
    const faults = failure.validation.map((fault) => ({
      pointer: `/${where}${fault.instancePath ?? ''}`,
      message: fault.message ?? 'is not valid',
    }));
    return httpProblems.invalid_request({
      detail: faults.map((fault) => `${fault.pointer} ${fault.message}`).join('; '),
      faults,
      cause: error,
    });
  }
  if (failure.statusCode === 413) return httpProblems.too_large({ cause: error });
  if (failure.statusCode === 429) return httpProblems.too_many_requests({ cause: error });
  if (failure.statusCode !== undefined && failure.statusCode >= 400 && failure.statusCode < 500) {
    return httpProblems.invalid_request({
      detail: failure.message ?? 'The request is not valid.',
      cause: error,
    });
  }
  return httpProblems.internal({ cause: error });
}
