import { createHash } from 'node:crypto';
import { governanceProblems } from '@rapport/governance';
import type { Http } from '@rapport/http';
import type { Clock } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';

declare module 'fastify' {
  interface FastifyRequest {
    /** The idempotent request this one opened; its answer is stored when it is sent. */
    idempotentRequest: { readonly actorId: string; readonly key: string } | null;
  }
}

interface StoredAnswer {
  readonly request_hash: string;
  readonly status: number | null;
  readonly body: string | null;
  readonly created_at: Date;
}

/** An answer is kept this long; after it, a repeated key is a new request. */
const KEPT_MS = 24 * 3_600_000;
/** A request whose process died gives its key free after this long. */
const ABANDONED_MS = 120_000;

/**
 * Makes every POST with an `Idempotency-Key` happen once per caller: a repetition gets the first answer, a different
 * body under the same key is refused, and one that is still running is told so. Failures (5xx) are not kept.
 */
export function addIdempotency(
  http: Http,
  deps: { readonly relational: Relational; readonly clock: Clock },
): void {
  const { relational, clock } = deps;
  http.decorateRequest('idempotentRequest', null);
  http.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key'];
    const isPublic = request.routeOptions.config.permission === 'public';
    if (request.method !== 'POST' || typeof key !== 'string' || key === '' || isPublic) return;
    const actorId = request.actor.id;
    const requestHash = createHash('sha256')
      .update(`${request.url}\n${JSON.stringify(request.body ?? null)}`)
      .digest('hex');
    const now = clock.now();
    const opened = await relational.pool.query(
      `insert into governance.idempotent_request as r (actor_id, key, request_hash, created_at) values ($1, $2, $3, $4)
       on conflict (actor_id, key) do update set request_hash = $3, created_at = $4, status = null, body = null
       where r.created_at < $5 or (r.status is null and r.created_at < $6)`,
      [
        actorId,
        key.slice(0, 200),
        requestHash,
        new Date(now),
        new Date(now - KEPT_MS),
        new Date(now - ABANDONED_MS),
      ],
    );
    if (opened.rowCount === 1) {
      request.idempotentRequest = { actorId, key: key.slice(0, 200) };
      return;
    }
    const found = await relational.pool.query<StoredAnswer>(
      'select r.request_hash, r.status, r.body, r.created_at from governance.idempotent_request r where r.actor_id = $1 and r.key = $2',
      [actorId, key.slice(0, 200)],
    );
    const stored = found.rows[0];
    if (stored && stored.request_hash !== requestHash) throw governanceProblems.idempotency_mismatch();
    if (!stored || stored.status === null) throw governanceProblems.idempotency_in_progress();
    return reply
      .code(stored.status)
      .header('idempotent-replayed', 'true')
      .type('application/json')
      .send(stored.body ?? '');
  });
  http.addHook('onSend', async (request, reply, payload) => {
    const opened = request.idempotentRequest;
    if (!opened) return payload;
    const keepable =
      reply.statusCode < 500 && (typeof payload === 'string' || payload === null || payload === undefined);
    if (keepable) {
      await relational.pool.query(
        'update governance.idempotent_request r set status = $3, body = $4 where r.actor_id = $1 and r.key = $2',
        [opened.actorId, opened.key, reply.statusCode, typeof payload === 'string' ? payload : null],
      );
    } else {
      await relational.pool.query(
        'delete from governance.idempotent_request r where r.actor_id = $1 and r.key = $2',
        [opened.actorId, opened.key],
      );
    }
    return payload;
  });
}
