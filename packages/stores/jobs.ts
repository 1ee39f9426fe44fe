import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, type Log, newId, Problem } from '@rapport/kernel';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import type { JobProgress, JobRun, Jobs, JobView, ModuleMigrations, Relational } from './ports.ts';
import { storesProblems } from './problems.ts';

export const jobsMigrations: ModuleMigrations = {
  module: 'stores',
  relational: [
    {
      id: '20261123T180001_jobs',
      sql: `
create table rapport.job (
  id text primary key,
  kind text not null,
  state text not null check (state in ('queued', 'running', 'done', 'failed', 'cancelled')),
  payload jsonb not null,
  subject text,
  singleton text,
  attempt integer not null default 0,
  share double precision not null default 0,
  message text not null default '',
  error text,
  error_code text,
  result jsonb,
  created_at timestamptz not null,
  start_after timestamptz not null,
  finished_at timestamptz,
  owner text,
  lease_until timestamptz,
  is_cancelled boolean not null default false
);
create unique index job_singleton on rapport.job (singleton) where state = 'running';
create index job_open on rapport.job (kind, start_after) where state in ('queued', 'running');
create index job_subject on rapport.job (subject, created_at desc);
create index job_created on rapport.job (created_at desc);
`,
    },
  ],
};

export interface JobsConfig {
  readonly relational: Relational;
  readonly clock: Clock;
  readonly log: Log;
  /** True when no other process shares the database: jobs that ran when we died are taken up at once. */
  readonly isAlone: boolean;
}

interface Kind {
  readonly payload: TSchema;
  readonly handle: (run: JobRun<unknown>) => Promise<unknown>;
  readonly retries: number;
  readonly concurrency: number;
}

interface Running {
  readonly kind: string;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

interface JobRow {
  readonly id: string;
  readonly kind: string;
  readonly state: JobView['state'];
  readonly payload: unknown;
  readonly subject: string | null;
  readonly attempt: number;
  readonly share: number;
  readonly message: string;
  readonly error: string | null;
  readonly error_code: string | null;
  readonly result: unknown;
  readonly created_at: Date;
  readonly finished_at: Date | null;
}

const POLL_MS = 500;
const HEARTBEAT_MS = 3_000;
/** Long enough to outlive a busy event loop, short enough that another process takes over within seconds. */
const LEASE_SECONDS = 15;
/** A job that takes its process down with it is not run for ever. */
const MAX_ATTEMPTS_BY_CRASH = 5;
const PROGRESS_EVERY_MS = 500;
const STOP_GRACE_MS = 10_000;

const STOPPING = Symbol('stopping');

/**
 * Jobs on PostgreSQL with leases. Our own rather than pg-boss, whose jobs of a dead process come back only when
 * they expire (minutes), and which knows neither progress nor cancelling of what runs.
 */
export function createJobs(config: JobsConfig): Jobs {
  const { relational, clock, log } = config;
  const owner = newId('own');
  const kinds = new Map<string, Kind>();
  const running = new Map<string, Running>();
  const waiters = new Set<() => void>();
  let isRunning = false;
  let wake: () => void = () => undefined;
  let loops: Promise<unknown> = Promise.resolve();

  const claim = async (): Promise<JobRow | undefined> => {
    const open = [...kinds].flatMap(([name, kind]) => {
      const busy = [...running.values()].filter((run) => run.kind === name).length;
      return busy < kind.concurrency ? [name] : [];
    });
    if (open.length === 0) return undefined;
    const { rows } = await relational.pool.query<JobRow>(
      `update rapport.job j set state = 'running', owner = $1, attempt = j.attempt + 1, lease_until = now() + make_interval(secs => $2)
       where j.id = (
         select c.id from rapport.job c
         where c.kind = any($3) and c.id <> all($4)
           and ((c.state = 'queued' and c.start_after <= $5) or (c.state = 'running' and c.lease_until < now()))
           and (c.singleton is null or not exists (
             select 1 from rapport.job r where r.singleton = c.singleton and r.state = 'running' and r.id <> c.id))
         order by c.start_after, c.created_at, c.id limit 1 for update skip locked)
       returning j.*`,
      [owner, LEASE_SECONDS, open, [...running.keys()], new Date(clock.now())],
    );
    return rows[0];
  };

  const finish = async (
    id: string,
    state: JobView['state'],
    fields: { error?: string; code?: string; result?: unknown },
  ): Promise<void> => {
    await relational.transaction((client) =>
      client.query(
        `update rapport.job j set state = $3, error = $4, error_code = $5, result = $6, finished_at = $7, lease_until = null, owner = null,
           share = case when $3 = 'done' then 1 else j.share end
         where j.id = $1 and j.owner = $2 and j.state = 'running'`,
        [
          id,
          owner,
          state,
          fields.error ?? null,
          fields.code ?? null,
          fields.result === undefined ? null : JSON.stringify(fields.result),
          new Date(clock.now()),
        ],
      ),
    );
    for (const notify of [...waiters]) notify();
  };

  const requeue = async (id: string, afterMs: number, isCounted: boolean): Promise<void> => {
    await relational.pool.query(
      `update rapport.job j set state = 'queued', owner = null, lease_until = null, start_after = $3, attempt = j.attempt - $4
       where j.id = $1 and j.owner = $2 and j.state = 'running'`,
      [id, owner, new Date(clock.now() + afterMs), isCounted ? 0 : 1],
    );
  };

  const execute = async (row: JobRow, kind: Kind, abort: AbortController): Promise<void> => {
    if (row.attempt > MAX_ATTEMPTS_BY_CRASH + kind.retries) {
      await finish(row.id, 'failed', {
        error: `Given up after ${row.attempt - 1} attempts whose process died.`,
      });
      return;
    }
    const progress = createProgress(async ({ share, message }) => {
      await relational.pool.query(
        'update rapport.job j set share = $3, message = $4 where j.id = $1 and j.owner = $2',
        [row.id, owner, share, message],
      );
    });
    try {
      const result = await kind.handle({
        jobId: row.id,
        payload: row.payload,
        attempt: row.attempt,
        signal: abort.signal,
        report: progress.report,
      });
      await progress.flush();
      await finish(row.id, 'done', { result });
    } catch (error) {
      await progress.flush().catch(() => undefined);
      await settleFailure(row, kind, abort, error);
    }
  };

  const settleFailure = async (
    row: JobRow,
    kind: Kind,
    abort: AbortController,
    error: unknown,
  ): Promise<void> => {
    if (abort.signal.reason === STOPPING) return requeue(row.id, 0, false);
    const message = error instanceof Error ? error.message : String(error);
    if (abort.signal.aborted) return finish(row.id, 'cancelled', { error: message });
    // A documented refusal would only be repeated.
    const isFinal = (error instanceof Problem && error.status < 500) || row.attempt > kind.retries;
    if (!isFinal) return requeue(row.id, 1000 * 2 ** row.attempt, true);
    log.error({ err: error, jobId: row.id, kind: row.kind, attempt: row.attempt }, 'a job failed');
    return finish(row.id, 'failed', {
      error: message,
      ...(error instanceof Problem ? { code: error.code } : {}),
    });
  };

  const launch = (row: JobRow): void => {
    const kind = kinds.get(row.kind);
    if (!kind) return;
    const abort = new AbortController();
    const done = execute(row, kind, abort)
      .catch((error: unknown) =>
        log.error({ err: error, jobId: row.id }, 'the outcome of a job could not be stored'),
      )
      .finally(() => {
        running.delete(row.id);
        wake();
      });
    running.set(row.id, { kind: row.kind, abort, done });
  };

  const workLoop = async (): Promise<void> => {
    while (isRunning) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      try {
        for (let row = await claim(); row; row = isRunning ? await claim() : undefined) launch(row);
      } catch (error) {
        // 23505: another process has just begun a job with the same singleton.
        if (!(error instanceof Error && 'code' in error && error.code === '23505')) {
          log.warn({ err: error }, 'jobs could not be claimed; trying again');
        }
      }
      const pause = new AbortController();
      await Promise.race([woken, sleep(POLL_MS, undefined, { signal: pause.signal }).catch(() => undefined)]);
      pause.abort();
    }
  };

  const heartbeat = async (): Promise<void> => {
    if (running.size === 0) return;
    const ids = [...running.keys()];
    const { rows } = await relational.pool.query<{ id: string; is_cancelled: boolean }>(
      `update rapport.job j set lease_until = now() + make_interval(secs => $3)
       where j.id = any($1) and j.owner = $2 and j.state = 'running' returning j.id, j.is_cancelled`,
      [ids, owner, LEASE_SECONDS],
    );
    const held = new Map(rows.map((row) => [row.id, row.is_cancelled]));
    for (const id of ids) {
      if (held.get(id) !== false)
        running
          .get(id)
          ?.abort.abort(storesProblems.job_cancelled({ detail: `The job ${id} was cancelled.` }));
    }
  };

  const heartbeatLoop = async (): Promise<void> => {
    while (isRunning) {
      await sleep(HEARTBEAT_MS, undefined, { ref: false });
      if (isRunning)
        await heartbeat().catch((error: unknown) =>
          log.warn({ err: error }, 'leases of jobs could not be renewed'),
        );
    }
  };

  const get: Jobs['get'] = async (jobId) => {
    const { rows } = await relational.pool.query<JobRow>('select j.* from rapport.job j where j.id = $1', [
      jobId,
    ]);
    return rows[0] && viewOf(rows[0]);
  };

  return {
    name: 'jobs',
    get,

    define<Payload extends TSchema>(
      kind: string,
      payload: Payload,
      handle: (run: JobRun<Static<Payload>>) => Promise<unknown>,
      options: { retries?: number; concurrency?: number } = {},
    ) {
      const isPayload = (value: unknown): value is Static<Payload> => Value.Check(payload, value);
      kinds.set(kind, {
        payload,
        retries: options.retries ?? 0,
        concurrency: options.concurrency ?? 1,
        async handle(run) {
          const { payload: stored } = run;
          if (!isPayload(stored))
            throw storesProblems.job_failed({ detail: `The payload of ${run.jobId} does not fit ${kind}.` });
          return handle({ ...run, payload: stored });
        },
      });
      wake();
    },

    async enqueue(kind, payload, options = {}) {
      const known = kinds.get(kind);
      if (!known)
        throw storesProblems.unknown_job_kind({
          detail: `No handler is defined for jobs of the kind ${kind}.`,
        });
      if (!Value.Check(known.payload, payload)) {
        const [fault] = Value.Errors(known.payload, payload);
        throw storesProblems.job_failed({
          detail: `The payload of a job ${kind} does not fit: ${fault?.instancePath ?? ''} ${fault?.message ?? ''}`,
        });
      }
      const id = newId('job');
      const now = clock.now();
      await relational.pool.query(
        `insert into rapport.job (id, kind, state, payload, subject, singleton, created_at, start_after)
         values ($1, $2, 'queued', $3, $4, $5, $6, $7)`,
        [
          id,
          kind,
          JSON.stringify(payload),
          options.subject ?? null,
          options.singleton ?? null,
          new Date(now),
          new Date(options.startAfter ?? now),
        ],
      );
      wake();
      return id;
    },

    async list(query = {}) {
      const { rows } = await relational.pool.query<JobRow>(
        `select j.* from rapport.job j where ($1::text is null or j.subject = $1) and ($2::text is null or j.kind = $2)
         order by j.created_at desc, j.id desc limit $3`,
        [query.subject ?? null, query.kind ?? null, query.limit ?? 100],
      );
      return rows.map(viewOf);
    },

    async cancel(jobId) {
      const { rows } = await relational.pool.query<{ state: string }>(
        `update rapport.job j set is_cancelled = true,
           state = case when j.state = 'queued' then 'cancelled' else j.state end,
           finished_at = case when j.state = 'queued' then $2 else j.finished_at end
         where j.id = $1 and j.state in ('queued', 'running') returning j.state`,
        [jobId, new Date(clock.now())],
      );
      if (rows.length === 0 && !(await get(jobId)))
        throw storesProblems.job_not_found({ detail: `There is no job ${jobId}.` });
      running
        .get(jobId)
        ?.abort.abort(storesProblems.job_cancelled({ detail: `The job ${jobId} was cancelled.` }));
      for (const notify of [...waiters]) notify();
    },

    async wait(jobId) {
      for (;;) {
        const notified = createNotification(waiters);
        try {
          const job = await get(jobId);
          if (!job) throw storesProblems.job_not_found({ detail: `There is no job ${jobId}.` });
          if (job.state === 'done') return job;
          if (job.state === 'failed')
            throw storesProblems.job_failed({ detail: job.error ?? 'The job failed.', details: { jobId } });
          if (job.state === 'cancelled')
            throw storesProblems.job_cancelled({
              detail: `The job ${jobId} was cancelled.`,
              details: { jobId },
            });
          await Promise.race([notified.promise, sleep(300)]);
        } finally {
          notified.dispose();
        }
      }
    },

    async start() {
      if (isRunning) return;
      isRunning = true;
      if (config.isAlone) {
        await relational.pool.query(
          "update rapport.job j set lease_until = now() - interval '1 second' where j.state = 'running'",
        );
      }
      loops = Promise.all([workLoop(), heartbeatLoop()]);
    },

    async stop() {
      if (!isRunning) return;
      isRunning = false;
      wake();
      for (const { abort } of running.values()) abort.abort(STOPPING);
      const grace = new AbortController();
      await Promise.race([
        Promise.all([...running.values()].map((run) => run.done)),
        sleep(STOP_GRACE_MS, undefined, { signal: grace.signal }).catch(() => undefined),
      ]);
      grace.abort();
      // A handler that does not heed its signal is run again by whoever comes next.
      for (const id of running.keys()) await requeue(id, 0, false).catch(() => undefined);
      void loops;
    },
  };
}

function viewOf(row: JobRow): JobView {
  return {
    id: row.id,
    kind: row.kind,
    state: row.state,
    progress: { share: row.share, message: row.message },
    subject: row.subject ?? undefined,
    error: row.error ?? undefined,
    result: row.result ?? undefined,
    createdAt: row.created_at.getTime(),
    finishedAt: row.finished_at?.getTime(),
  };
}

/** Writes the latest report at most twice a second. */
function createProgress(write: (progress: JobProgress) => Promise<void>): {
  report(progress: JobProgress): Promise<void>;
  flush(): Promise<void>;
} {
  let latest: JobProgress | undefined;
  let writtenAt = Number.NEGATIVE_INFINITY;
  const flush = async (): Promise<void> => {
    const due = latest;
    if (!due) return;
    latest = undefined;
    writtenAt = performance.now();
    await write(due);
  };
  return {
    flush,
    async report(progress) {
      latest = progress;
      if (performance.now() - writtenAt >= PROGRESS_EVERY_MS) await flush();
    },
  };
}

function createNotification(waiters: Set<() => void>): { promise: Promise<void>; dispose(): void } {
  let notify: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    notify = resolve;
  });
  waiters.add(notify);
  return { promise, dispose: () => waiters.delete(notify) };
}
