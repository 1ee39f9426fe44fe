import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '@rapport/kernel';
import {
  Kysely,
  type PostgresCursor,
  PostgresDialect,
  type PostgresPoolClient,
  type PostgresQueryResult,
} from 'kysely';
import pg, { type Pool, type PoolClient } from 'pg';
import type { Relational } from './ports.ts';
import { storesProblems } from './problems.ts';

export interface RelationalTarget {
  readonly pool: pg.PoolConfig;
  /** Resolves when a server that we run ourselves answers again. */
  readonly ready?: () => Promise<void>;
}

const MAX_ATTEMPTS = 10;
const RECOVERY_MS = 30_000;

/** PostgreSQL behind one pool; every module looks at its own schema through it. */
export function createRelational(target: RelationalTarget, log: Log): Relational {
  const pool = createPatientPool(target, log);
  const dialect = new PostgresDialect({ pool: { connect: () => steadyClient(pool), end: () => pool.end() } });

  const transaction = async <Result>(work: (client: PoolClient) => Promise<Result>): Promise<Result> => {
    const deadline = Date.now() + RECOVERY_MS;
    for (let attempt = 1; ; attempt++) {
      const outcome = await runOnce(pool, work);
      if (outcome.isDone) return outcome.result;
      const isWorthwhile = outcome.isLost ? Date.now() < deadline : attempt < MAX_ATTEMPTS;
      if (outcome.isCommitting && outcome.isLost) {
        throw storesProblems.write_outcome_unknown({
          detail: 'The connection to PostgreSQL broke while a transaction was being committed.',
          cause: outcome.error,
        });
      }
      if (!(outcome.isLost || isConflict(outcome.error)) || !isWorthwhile) throw outcome.error;
      await sleep(outcome.isLost ? 200 : Math.random() * 20 * attempt);
      if (outcome.isLost) await target.ready?.();
    }
  };

  return {
    name: 'relational',
    pool,
    kysely: <Tables>(): Kysely<Tables> => new Kysely<Tables>({ dialect }),
    transaction,
    async start() {
      await transaction((client) => client.query('create schema if not exists rapport'));
    },
    async stop() {
      if (!pool.ended) await pool.end();
    },
  };
}

type Outcome<Result> =
  | { readonly isDone: true; readonly result: Result }
  | {
      readonly isDone: false;
      readonly error: unknown;
      readonly isLost: boolean;
      readonly isCommitting: boolean;
    };

async function runOnce<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Outcome<Result>> {
  let client: PoolClient | undefined;
  let isCommitting = false;
  let broken: Error | undefined;
  const onError = (error: Error): void => {
    broken = error;
  };
  try {
    client = await pool.connect();
    client.on('error', onError);
    await client.query('begin');
    const result = await work(client);
    isCommitting = true;
    await client.query('commit');
    return { isDone: true, result };
  } catch (error) {
    const isLost = broken !== undefined || isConnectionLoss(error);
    if (!isLost) await client?.query('rollback').catch((failure: Error) => onError(failure));
    return { isDone: false, error, isLost, isCommitting };
  } finally {
    client?.off('error', onError);
    client?.release(broken);
  }
}

/** @source PostgreSQL, appendix A, classes 40 (rollback) and 55P03 */
function isConflict(error: unknown): boolean {
  const code = codeOf(error);
  return code === '40001' || code === '40P01';
}

/** Whether the server went away rather than refused. @source PostgreSQL, appendix A, classes 08 and 57P */
export function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  if (/^(08...|57P0[1-3]|ECONNREFUSED|ECONNRESET|ENOENT|EPIPE)$/.test(code)) return true;
  return (
    error instanceof Error &&
    /Connection terminated|connection error|Client has encountered a connection error/i.test(error.message)
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const INT8 = 20;
const DATE = 1082;
const INT8_ARRAY = 1016;

/** Counts and other 64-bit integers as numbers, dates as `YYYY-MM-DD`; `timestamptz` stays a `Date`. */
function getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === INT8) return safeInteger;
  if (oid === DATE) return (value) => value;
  if (oid === INT8_ARRAY) return (value) => value.slice(1, -1).split(',').filter(Boolean).map(safeInteger);
  return pg.types.getTypeParser(oid, format ?? 'text');
}

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw storesProblems.row_mismatch({ detail: `${text} is too large for a number; select it as text.` });
  }
  return value;
}

/**
 * A pool that waits for a server which is coming back, and asks again when the connection broke under a statement
 * that only reads. Everything else fails as it would on a plain pool.
 */
function createPatientPool(target: RelationalTarget, log: Log): Pool {
  const pool = new pg.Pool({
    max: 24,
    idleTimeoutMillis: 30_000,
    application_name: 'rapport',
    types: { getTypeParser },
    ...target.pool,
  });
  pool.on('error', (error) => log.debug({ err: error }, 'an idle PostgreSQL connection broke'));
  // Without a listener a break under a client that is checked out would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));

  const connectOnce: () => Promise<PoolClient> = pool.connect.bind(pool);
  const connect = async (): Promise<PoolClient> => {
    const deadline = Date.now() + RECOVERY_MS;
    for (;;) {
      try {
        return await connectOnce();
      } catch (error) {
        if (!isConnectionLoss(error) || Date.now() > deadline || pool.ending) throw error;
        await sleep(100);
        await target.ready?.();
      }
    }
  };
  const query = pool.query.bind(pool);
  Object.defineProperties(pool, {
    connect: {
      value: (
        callback?: (error: Error | undefined, client?: PoolClient, release?: PoolClient['release']) => void,
      ) => {
        if (!callback) return connect();
        connect().then(
          (client) => callback(undefined, client, client.release.bind(client)),
          (error: Error) => callback(error),
        );
        return undefined;
      },
    },
    query: {
      value: (...args: unknown[]): unknown => {
        const once = (): unknown => Reflect.apply(query, pool, args);
        const answer = once();
        if (!(answer instanceof Promise) || !isRereadable(args[0])) return answer;
        return untilAnswered(answer, once);
      },
    },
  });
  return pool;
}

/** A client for Kysely that outlives a broken connection outside of transactions, for statements that only read. */
async function steadyClient(pool: Pool): Promise<PostgresPoolClient> {
  let client = await pool.connect();
  let isInTransaction = false;
  function query<Row>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>>;
  function query<Row>(cursor: PostgresCursor<Row>): PostgresCursor<Row>;
  function query(statement: unknown, parameters?: readonly unknown[]): unknown {
    const ask = (): unknown => Reflect.apply(client.query, client, [statement, parameters]);
    const answer = ask();
    if (typeof statement !== 'string' || !(answer instanceof Promise)) return answer;
    if (/^\s*begin|^\s*start transaction/i.test(statement)) isInTransaction = true;
    else if (/^\s*(commit|rollback)\s*;?\s*$/i.test(statement)) isInTransaction = false;
    if (isInTransaction || !isRereadable(statement)) return answer;
    return untilAnswered(answer, async () => {
      client.release(true);
      client = await pool.connect();
      return ask();
    });
  }
  return { query, release: () => client.release() };
}

/** Asks again while the connection is lost: other idle connections of the pool may be dead as well. */
async function untilAnswered(first: Promise<unknown>, again: () => unknown): Promise<unknown> {
  const deadline = Date.now() + RECOVERY_MS;
  for (let answer: unknown = first; ; answer = again()) {
    try {
      return await answer;
    } catch (error) {
      if (!isConnectionLoss(error) || Date.now() > deadline) throw error;
    }
  }
}

/** Whether asking twice is as good as asking once. */
function isRereadable(statement: unknown): boolean {
  const text: unknown =
    typeof statement === 'object' && statement !== null && 'text' in statement ? statement.text : statement;
  return (
    typeof text === 'string' &&
    /^\s*(select|with|table|values|show|explain)\b/i.test(text) &&
    !/\b(insert|update|delete|merge|nextval|setval|into)\b|advisory/i.test(text)
  );
}
