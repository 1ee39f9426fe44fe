import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '@rapport/kernel';
import { Kysely, PostgresDialect } from 'kysely';
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
  const pool = new pg.Pool({
    max: 24,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: false,
    application_name: 'rapport',
    types: { getTypeParser },
    ...target.pool,
  });
  pool.on('error', (error) => log.debug({ err: error }, 'an idle PostgreSQL connection broke'));
  const dialect = new PostgresDialect({ pool });

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
