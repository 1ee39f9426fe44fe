import type { Actor, EpochMs } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import type { PoolClient } from 'pg';
import type { Weights } from './fellegi-sunter.ts';
import { EMPTY_STATE, fold, type IdentityEvent, type IdentityState } from './identity-log.ts';
import { DEFAULT_RULES, type MatchRules } from './match-rules.ts';

export interface NewIdentityEvent {
  readonly id: string;
  readonly kind: IdentityEvent['kind'];
  readonly a: number;
  readonly b: number;
  readonly mergeId?: string;
  /** Rule that found it, or `person`. */
  readonly rule: string;
  readonly probability?: number;
  readonly weights?: Weights;
  readonly reason?: string;
  readonly batchId?: string;
}

export interface StoredIdentityEvent extends NewIdentityEvent {
  readonly seq: number;
  readonly actorName: string;
  readonly at: EpochMs;
}

export interface StoredPair {
  readonly a: number;
  readonly b: number;
  readonly state: 'open' | 'later' | 'merged' | 'distinct' | 'gone';
  readonly rule: string;
  readonly probability: number;
  readonly pattern: string;
  readonly weights: Weights;
  readonly blockedBy: string | undefined;
  readonly foundAt: EpochMs;
  readonly decidedAt: EpochMs | undefined;
  readonly decidedBy: string | undefined;
}

interface EventRow {
  seq: string;
  id: string;
  kind: IdentityEvent['kind'];
  a: string;
  b: string;
  merge_id: string | null;
  rule: string;
  probability: number | null;
  weights: Weights | null;
  reason: string | null;
  batch_id: string | null;
  actor_name: string;
  at: Date;
}

interface PairRow {
  a: string;
  b: string;
  state: StoredPair['state'];
  rule: string;
  probability: number;
  pattern: string;
  weights: Weights;
  blocked_by: string | null;
  found_at: Date;
  decided_at: Date | null;
  decided_by: string | null;
}

const EVENT =
  'e.seq, e.id, e.kind, e.a, e.b, e.merge_id, e.rule, e.probability, e.weights, e.reason, e.batch_id, e.actor_name, e.at';
const PAIR =
  'p.a, p.b, p.state, p.rule, p.probability, p.pattern, p.weights, p.blocked_by, p.found_at, p.decided_at, p.decided_by';
/** One writer of the log at a time, over all processes. */
const LOCK = [0x7261_7070, 2] as const;

export type IdentityStore = ReturnType<typeof createIdentityStore>;

export function createIdentityStore({ relational }: { readonly relational: Relational }) {
  const { pool } = relational;
  let known: { seq: number; state: IdentityState } = { seq: 0, state: EMPTY_STATE };

  const since = async (seq: number, client?: PoolClient): Promise<EventRow[]> => {
    const { rows } = await (client ?? pool).query<EventRow>(
      `select ${EVENT} from customers.identity_event e where e.seq > $1 order by e.seq`,
      [seq],
    );
    return rows;
  };
  /** Writers are one at a time, so numbers become visible in their order and what was read need not be read again. */
  const state = async (client?: PoolClient): Promise<IdentityState> => {
    const from = known;
    const rows = await since(from.seq, client);
    if (rows.length === 0) return from.state;
    const next = { seq: Number(rows.at(-1)?.seq), state: fold(from.state, rows.map(eventOf)) };
    // Inside a transaction the rows may yet be rolled back.
    if (!client && next.seq > known.seq) known = next;
    return next.state;
  };

  return {
    state: () => state(),

    /** The state from the first event on, read anew: what a check compares with. */
    async replay(): Promise<IdentityState> {
      return fold(EMPTY_STATE, (await since(0)).map(eventOf));
    },

    /**
     * Appends what `decide` makes of the state, while nobody else writes; all or nothing.
     */
    async append(
      decide: (state: IdentityState) => readonly NewIdentityEvent[],
      actor: Actor,
      now: EpochMs,
    ): Promise<readonly NewIdentityEvent[]> {
      return relational.transaction(async (client) => {
        await client.query('select pg_advisory_xact_lock($1, $2)', [...LOCK]);
        const events = decide(await state(client));
        for (let at = 0; at < events.length; at += 10_000) {
          await client.query(
            `insert into customers.identity_event (id, kind, a, b, merge_id, rule, probability, weights, reason, batch_id, actor_id, actor_name, at)
             select n.id, n.kind, least(n.a, n.b), greatest(n.a, n.b), n.merge_id, n.rule, n.probability, n.weights, n.reason, n.batch_id, $2, $3, $4
             from rows from (jsonb_to_recordset($1::jsonb) as (id text, kind text, a bigint, b bigint, merge_id text, rule text,
               probability double precision, weights jsonb, reason text, batch_id text)) with ordinality
               as n (id, kind, a, b, merge_id, rule, probability, weights, reason, batch_id, place)
             order by n.place`,
            [
              JSON.stringify(
                events.slice(at, at + 10_000).map((event) => ({
                  id: event.id,
                  kind: event.kind,
                  a: event.a,
                  b: event.b,
                  merge_id: event.mergeId ?? null,
                  rule: event.rule,
                  probability: event.probability ?? null,
                  weights: event.weights ?? null,
                  reason: event.reason ?? null,
                  batch_id: event.batchId ?? null,
                })),
              ),
              actor.id,
              actor.displayName,
              new Date(now),
            ],
          );
        }
        return events;
      });
    },

    /** What was decided of any of these records, latest first. */
    async eventsOf(records: readonly number[], limit = 200): Promise<StoredIdentityEvent[]> {
      const { rows } = await pool.query<EventRow>(
        `select ${EVENT} from customers.identity_event e where e.a = any($1) or e.b = any($1) order by e.seq desc limit $2`,
        [records, limit],
      );
      return rows.map(storedEvent);
    },

    async event(id: string): Promise<StoredIdentityEvent | undefined> {
      const { rows } = await pool.query<EventRow>(
        `select ${EVENT} from customers.identity_event e where e.id = $1`,
        [id],
      );
      return rows[0] && storedEvent(rows[0]);
    },

    /* ── pairs to review ───────────────────────────────────────────────────────────────────────────── */

    /** Puts pairs into the queue; those that somebody decided stay as they are. */
    async queue(
      pairs: readonly {
        a: number;
        b: number;
        rule: string;
        probability: number;
        pattern: string;
        weights: Weights;
        blockedBy?: string;
      }[],
      runId: string,
      now: EpochMs,
    ): Promise<void> {
      for (let at = 0; at < pairs.length; at += 10_000) {
        await pool.query(
          `insert into customers.review_pair (a, b, state, rule, probability, pattern, weights, blocked_by, run_id, found_at)
           select n.a, n.b, 'open', n.rule, n.probability, n.pattern, n.weights, n.blocked_by, $2, $3
           from jsonb_to_recordset($1::jsonb) as n (a bigint, b bigint, rule text, probability double precision, pattern text, weights jsonb, blocked_by text)
           on conflict (a, b) do update set rule = excluded.rule, probability = excluded.probability, pattern = excluded.pattern,
             weights = excluded.weights, blocked_by = excluded.blocked_by, run_id = excluded.run_id,
             state = case when customers.review_pair.state = 'gone' then 'open' else customers.review_pair.state end`,
          [
            JSON.stringify(
              pairs.slice(at, at + 10_000).map((pair) => ({ ...pair, blocked_by: pair.blockedBy ?? null })),
            ),
            runId,
            new Date(now),
          ],
        );
      }
    },

    /** Open pairs of a full run's predecessor that this run did not find again. */
    async forgetOthers(runId: string): Promise<void> {
      await pool.query(
        `update customers.review_pair p set state = 'gone' where p.state in ('open', 'later') and p.run_id <> $1`,
        [runId],
      );
    },

    async pairs(query: {
      state: StoredPair['state'];
      rule?: string;
      minProbability?: number;
      after?: { probability: number; a: number; b: number };
      limit: number;
    }): Promise<StoredPair[]> {
      const { rows } = await pool.query<PairRow>(
        `select ${PAIR} from customers.review_pair p
         where p.state = $1 and ($2::text is null or p.rule = $2) and p.probability >= $3
           and ($4::double precision is null or (-p.probability, p.a, p.b) > (-$4::double precision, $5::bigint, $6::bigint))
         order by p.probability desc, p.a, p.b limit $7`,
        [
          query.state,
          query.rule ?? null,
          query.minProbability ?? 0,
          query.after?.probability ?? null,
          query.after?.a ?? 0,
          query.after?.b ?? 0,
          query.limit,
        ],
      );
      return rows.map(storedPair);
    },

    async pair(a: number, b: number): Promise<StoredPair | undefined> {
      const { rows } = await pool.query<PairRow>(
        `select ${PAIR} from customers.review_pair p where p.a = $1 and p.b = $2`,
        [Math.min(a, b), Math.max(a, b)],
      );
      return rows[0] && storedPair(rows[0]);
    },

    async countPairs(): Promise<{ state: StoredPair['state']; rule: string; n: number }[]> {
      const { rows } = await pool.query<{ state: StoredPair['state']; rule: string; n: number }>(
        `select p.state, p.rule, count(*)::int as n from customers.review_pair p where p.state <> 'gone' group by p.state, p.rule order by p.state, p.rule`,
      );
      return rows;
    },

    /** How pairs of the same likeness were decided before. */
    async decisionsLike(pattern: string): Promise<{ merged: number; distinct: number }> {
      const { rows } = await pool.query<{ merged: number; distinct: number }>(
        `select count(*) filter (where p.state = 'merged')::int as merged, count(*) filter (where p.state = 'distinct')::int as distinct
         from customers.review_pair p where p.pattern = $1 and p.state in ('merged', 'distinct') and p.decided_by is not null`,
        [pattern],
      );
      return rows[0] ?? { merged: 0, distinct: 0 };
    },

    async settle(
      pairs: readonly { a: number; b: number }[],
      state: StoredPair['state'],
      actorName: string | undefined,
      now: EpochMs,
    ): Promise<void> {
      await pool.query(
        `update customers.review_pair p set state = $2, decided_by = $3, decided_at = $4
         from jsonb_to_recordset($1::jsonb) as n (a bigint, b bigint) where p.a = least(n.a, n.b) and p.b = greatest(n.a, n.b)`,
        [JSON.stringify(pairs.map(({ a, b }) => ({ a, b }))), state, actorName ?? null, new Date(now)],
      );
    },

    /* ── rules, runs, batches ──────────────────────────────────────────────────────────────────────── */

    async rules(): Promise<{ version: number; rules: MatchRules; actorName?: string; at?: EpochMs }> {
      const { rows } = await pool.query<{ version: number; rules: MatchRules; actor_name: string; at: Date }>(
        'select r.version, r.rules, r.actor_name, r.at from customers.match_rules r order by r.version desc limit 1',
      );
      const row = rows[0];
      return row
        ? { version: row.version, rules: row.rules, actorName: row.actor_name, at: row.at.getTime() }
        : { version: 0, rules: DEFAULT_RULES };
    },

    async putRules(rules: MatchRules, actor: Actor, now: EpochMs): Promise<number> {
      const { rows } = await pool.query<{ version: number }>(
        `insert into customers.match_rules (version, rules, actor_name, at)
         select coalesce(max(r.version), 0) + 1, $1, $2, $3 from customers.match_rules r returning version`,
        [JSON.stringify(rules), actor.displayName, new Date(now)],
      );
      return rows[0]?.version ?? 0;
    },

    async startRun(id: string, rulesVersion: number, now: EpochMs): Promise<void> {
      await pool.query(
        `insert into customers.match_run (id, state, started_at, rules_version) values ($1, 'running', $2, $3)
         on conflict (id) do update set state = 'running', started_at = excluded.started_at`,
        [id, new Date(now), rulesVersion],
      );
    },

    async endRun(
      id: string,
      result: { figures?: unknown; model?: unknown; error?: string },
      now: EpochMs,
    ): Promise<void> {
      await pool.query(
        'update customers.match_run r set state = $2, finished_at = $3, figures = $4, model = $5, error = $6 where r.id = $1',
        [
          id,
          result.error === undefined ? 'done' : 'failed',
          new Date(now),
          JSON.stringify(result.figures ?? null),
          JSON.stringify(result.model ?? null),
          result.error ?? null,
        ],
      );
    },

    async lastRun(): Promise<
      | {
          id: string;
          state: string;
          startedAt: EpochMs;
          finishedAt?: EpochMs;
          rulesVersion: number;
          figures: unknown;
          model: unknown;
          error?: string;
        }
      | undefined
    > {
      const { rows } = await pool.query<{
        id: string;
        state: string;
        started_at: Date;
        finished_at: Date | null;
        rules_version: number;
        figures: unknown;
        model: unknown;
        error: string | null;
      }>(
        'select r.id, r.state, r.started_at, r.finished_at, r.rules_version, r.figures, r.model, r.error from customers.match_run r order by r.started_at desc, r.id desc limit 1',
      );
      const row = rows[0];
      return (
        row && {
          id: row.id,
          state: row.state,
          startedAt: row.started_at.getTime(),
          ...(row.finished_at ? { finishedAt: row.finished_at.getTime() } : {}),
          rulesVersion: row.rules_version,
          figures: row.figures,
          model: row.model,
          ...(row.error === null ? {} : { error: row.error }),
        }
      );
    },

    async addBatch(batch: {
      id: string;
      decision: 'merge' | 'distinct';
      pairs: readonly { a: number; b: number }[];
      reason: string | undefined;
      contentHash: string;
      requestedBy: string;
      at: EpochMs;
    }): Promise<void> {
      await pool.query(
        `insert into customers.merge_batch (id, decision, pairs, reason, content_hash, state, requested_by, at) values ($1, $2, $3, $4, $5, 'waiting', $6, $7)`,
        [
          batch.id,
          batch.decision,
          JSON.stringify(batch.pairs),
          batch.reason ?? null,
          batch.contentHash,
          batch.requestedBy,
          new Date(batch.at),
        ],
      );
    },

    async batch(id: string): Promise<
      | {
          decision: 'merge' | 'distinct';
          pairs: { a: number; b: number }[];
          reason: string | null;
          contentHash: string;
          state: string;
        }
      | undefined
    > {
      const { rows } = await pool.query<{
        decision: 'merge' | 'distinct';
        pairs: { a: number; b: number }[];
        reason: string | null;
        content_hash: string;
        state: string;
      }>(
        'select m.decision, m.pairs, m.reason, m.content_hash, m.state from customers.merge_batch m where m.id = $1',
        [id],
      );
      const row = rows[0];
      return row && { ...row, contentHash: row.content_hash };
    },

    async endBatch(id: string, state: 'done' | 'rejected'): Promise<void> {
      await pool.query('update customers.merge_batch m set state = $2 where m.id = $1', [id, state]);
    },
  };
}

function eventOf(row: EventRow): IdentityEvent {
  switch (row.kind) {
    case 'unmerge':
      return { kind: 'unmerge', id: row.id, mergeId: row.merge_id ?? '' };
    default:
      return { kind: row.kind, id: row.id, a: Number(row.a), b: Number(row.b) };
  }
}

function storedEvent(row: EventRow): StoredIdentityEvent {
  return {
    seq: Number(row.seq),
    id: row.id,
    kind: row.kind,
    a: Number(row.a),
    b: Number(row.b),
    ...(row.merge_id === null ? {} : { mergeId: row.merge_id }),
    rule: row.rule,
    ...(row.probability === null ? {} : { probability: row.probability }),
    ...(row.weights === null ? {} : { weights: row.weights }),
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.batch_id === null ? {} : { batchId: row.batch_id }),
    actorName: row.actor_name,
    at: row.at.getTime(),
  };
}

function storedPair(row: PairRow): StoredPair {
  return {
    a: Number(row.a),
    b: Number(row.b),
    state: row.state,
    rule: row.rule,
    probability: row.probability,
    pattern: row.pattern,
    weights: row.weights,
    blockedBy: row.blocked_by ?? undefined,
    foundAt: row.found_at.getTime(),
    decidedAt: row.decided_at?.getTime(),
    decidedBy: row.decided_by ?? undefined,
  };
}
