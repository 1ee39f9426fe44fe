import { randomUUID } from 'node:crypto';
import { Agent, type AgentOptions } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClickHouseClient, ClickHouseError, createClient } from '@clickhouse/client';
import { type Log, Problem } from '@rapport/kernel';
import type { Static, TSchema } from 'typebox';
import { cidSetFromWarehouseBytes } from './cid-sets.ts';
import type { Warehouse, WarehouseOptions, WarehouseTable, WarehouseValue } from './ports.ts';
import { storesProblems } from './problems.ts';
import { bindValues } from './warehouse-params.ts';
import { createRowReader, type RowReader } from './warehouse-rows.ts';

/** A sign of life of every engine behind the warehouse. */
export interface Ping {
  ping(): Promise<void>;
}

export interface WarehouseTarget {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  /** Set when the engine is reached by a Unix socket. */
  readonly socketPath?: string;
  /** Resolves when an engine that we run ourselves answers again. */
  readonly ready?: () => Promise<void>;
  readonly readsLocalFiles: boolean;
  /** What every statement runs with beside `SETTINGS`. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** The same, for a statement that the engine could not plan with `settings`: see warehouse-cluster.ts. */
  readonly fallback?: {
    readonly fits: (message: string) => boolean;
    readonly settings: Readonly<Record<string, string | number>>;
  };
  /** How long a read waits for a lost engine to come back. @default RECOVERY_MS */
  readonly recoveryMs?: number;
}

const DEFAULT_MAX_SECONDS = 120;
const DEDUPE_WINDOW = 1000;
/** How long a read waits for a lost engine to come back. */
const RECOVERY_MS = 30_000;

/** What every statement runs with, here and by URL alike. */
const SETTINGS = {
  // Exact numbers: quoted ones are read by their declared type, unsafe integers are refused instead of rounded.
  output_format_json_quote_64bit_integers: 1,
  output_format_json_quote_decimals: 1,
  output_format_json_quote_denormals: 0,
  date_time_output_format: 'iso',
  date_time_input_format: 'best_effort',
  max_query_size: 1_073_741_824,
  max_ast_elements: 10_000_000,
  max_expanded_ast_elements: 10_000_000,
  // Acknowledged means written.
  async_insert: 0,
  // Once compiled to machine code, `min` and `max` of a DateTime64 take instants before 1970 for the latest of all.
  compile_aggregate_expressions: 0,
} as const;

/**
 * Equal blocks are two inserts unless a token says otherwise; without this a table that remembers tokens would also
 * drop equal blocks that came without one. Servers before 26 know the older setting only.
 */
const DEDUPE_SETTINGS: Readonly<Record<'new' | 'old', DedupeSettings>> = {
  new: { on: { deduplicate_insert: 'enable' }, off: { deduplicate_insert: 'disable' } },
  old: { on: { insert_deduplicate: 1 }, off: { insert_deduplicate: 0 } },
};

interface DedupeSettings {
  readonly on: Readonly<Record<string, string | number>>;
  readonly off: Readonly<Record<string, string | number>>;
}

/** The warehouse behind `@clickhouse/client`: the embedded engine and a server or cluster by URL alike. */
export function createWarehouse(target: WarehouseTarget, log: Log): Warehouse & Ping {
  let client: ClickHouseClient | undefined;
  const readers = new WeakMap<TSchema, RowReader>();
  const dedupingTables = new Set<string>();
  let dedupe: DedupeSettings = { on: {}, off: {} };

  const connection = (): ClickHouseClient => {
    if (!client) throw storesProblems.engine_down({ detail: 'The warehouse is not started.' });
    return client;
  };
  const readerOf = <Row extends TSchema>(row: Row): RowReader => {
    const known = readers.get(row);
    if (known) return known;
    const reader = createRowReader(row);
    readers.set(row, reader);
    return reader;
  };

  const attempt = async <Result>(
    call: Call,
    work: (request: RequestParts) => Promise<Result>,
  ): Promise<Result> => {
    const maxSeconds = call.options?.maxSeconds ?? DEFAULT_MAX_SECONDS;
    const statement = bindValues(call.sql, call.params);
    const deadline = Date.now() + (target.recoveryMs ?? RECOVERY_MS);
    let isFallback = false;
    for (;;) {
      const queryId = randomUUID();
      // The engine gives up by itself; this is for one that no longer answers at all.
      const abort = AbortSignal.any([
        AbortSignal.timeout((maxSeconds + 10) * 1000),
        ...(call.options?.signal ? [call.options.signal] : []),
      ]);
      const onAbort = (): void => void kill(queryId);
      abort.addEventListener('abort', onAbort, { once: true });
      try {
        abort.throwIfAborted();
        return await work({
          query_id: queryId,
          abort_signal: abort,
          sql: statement.sql,
          query_params: statement.params,
          clickhouse_settings: {
            ...SETTINGS,
            ...target.settings,
            ...(isFallback ? target.fallback?.settings : {}),
            ...dedupe.off,
            max_execution_time: maxSeconds,
            ...call.options?.settings,
          },
        });
      } catch (error) {
        if (abort.aborted)
          throw storesProblems.query_cancelled({
            detail: `The statement was cancelled: ${head(call.sql)}`,
            cause: error,
          });
        if (error instanceof Problem) throw error;
        if (error instanceof ClickHouseError) {
          // Refused while it was planned: nothing of it has run.
          if (!isFallback && target.fallback?.fits(error.message)) {
            isFallback = true;
            continue;
          }
          throw statementProblem(error, call.sql);
        }
        if (!isConnectionLoss(error)) throw error;
        const wasSent = !isRefused(error);
        if ((wasSent && call.kind === 'write') || Date.now() > deadline) throw lostProblem(error, call);
        log.debug({ err: error }, 'the warehouse connection broke; trying again');
        await sleep(100);
        await target.ready?.();
      } finally {
        abort.removeEventListener('abort', onAbort);
      }
    }
  };

  const kill = async (queryId: string): Promise<void> => {
    if (target.ready) return; // The embedded engine cancels by itself what loses its caller.
    await connection()
      .command({ query: 'KILL QUERY WHERE query_id = {id:String} ASYNC', query_params: { id: queryId } })
      .catch((error: unknown) => log.warn({ err: error, queryId }, 'a statement could not be cancelled'));
  };

  const readBytes = (
    sql: string,
    params: Params,
    options: WarehouseOptions | undefined,
    format: string,
  ): Promise<Buffer> =>
    attempt({ kind: 'read', sql, params, options }, async ({ sql: text, ...request }) => {
      const { stream } = await connection().exec({ ...request, query: `${text}\nFORMAT ${format}` });
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk);
      return Buffer.concat(chunks);
    });

  /** A token works on tables that remember tokens; replicated ones always do, others when told to. */
  const rememberTokens = async (table: string): Promise<void> => {
    if (dedupingTables.has(table)) return;
    const [database, name] = table.includes('.') ? table.split('.') : [target.database, table];
    const text = await readBytes(
      'SELECT engine_full FROM system.tables WHERE database = {database:String} AND name = {name:String}',
      { database: database ?? '', name: name ?? '' },
      undefined,
      'TabSeparatedRaw',
    );
    const engine = text.toString('utf8');
    if (
      engine.includes('MergeTree') &&
      !engine.startsWith('Replicated') &&
      !engine.includes('non_replicated_deduplication_window')
    ) {
      await command(
        `ALTER TABLE ${quoteName(table)} MODIFY SETTING non_replicated_deduplication_window = ${DEDUPE_WINDOW}`,
      );
    }
    dedupingTables.add(table);
  };

  const command: Warehouse['command'] = (sql, params, options) =>
    attempt(
      { kind: isRead(sql) ? 'read' : 'write', sql, params, options },
      async ({ sql: text, ...request }) => {
        const { summary } = await connection().command({ ...request, query: text });
        options?.onRead?.({
          rows: Number(summary?.read_rows ?? 0),
          bytes: Number(summary?.read_bytes ?? 0),
        });
      },
    );

  return {
    name: 'warehouse',
    readsLocalFiles: target.readsLocalFiles,
    async start() {
      client ??= connect(target);
      await createDatabase(target);
      const known = await readBytes(
        "SELECT count() FROM system.settings WHERE name = 'deduplicate_insert'",
        {},
        undefined,
        'TabSeparated',
      );
      dedupe = known.toString('utf8').trim() === '0' ? DEDUPE_SETTINGS.old : DEDUPE_SETTINGS.new;
    },
    async stop() {
      const closing = client;
      client = undefined;
      await closing?.close();
    },
    ping: () => command('SELECT 1', {}, { maxSeconds: 5 }),
    identifier: quoteIdentifier,
    command,
    createTable: (table) => command(createTableSql(table)),
    createView: (view, select) => command(`CREATE VIEW ${quoteIdentifier(view)} AS ${select}`),
    async drop(...names) {
      for (const each of names) await command(`DROP TABLE IF EXISTS ${quoteIdentifier(each)}`);
    },

    query: <Row extends TSchema>(
      row: Row,
      sql: string,
      params?: Params,
      options?: WarehouseOptions,
    ): Promise<Static<Row>[]> =>
      attempt({ kind: 'read', sql, params, options }, async ({ sql: text, ...request }) => {
        const { stream } = await connection().exec({ ...request, query: `${text}\nFORMAT JSONEachRow` });
        const rows: Static<Row>[] = [];
        for await (const lines of wholeLines(stream)) {
          for (const each of readerOf(row).read<Static<Row>>(lines, sql)) rows.push(each);
        }
        return rows;
      }),

    async *stream<Row extends TSchema>(
      row: Row,
      sql: string,
      params?: Params,
      options?: WarehouseOptions,
    ): AsyncIterable<Static<Row>[]> {
      const reader = readerOf(row);
      const stopped = new AbortController();
      const signal = options?.signal ? AbortSignal.any([options.signal, stopped.signal]) : stopped.signal;
      const call: Call = { kind: 'read', sql, params, options: { maxSeconds: 3600, ...options, signal } };
      const { stream } = await attempt(call, ({ sql: text, ...request }) =>
        connection().exec({
          ...request,
          query: `${text}\nFORMAT JSONEachRow`,
          http_headers: { 'X-Rapport-Stream': '1' },
        }),
      );
      try {
        for await (const lines of wholeLines(stream)) yield reader.read<Static<Row>>(lines, sql);
      } catch (error) {
        if (error instanceof Problem) throw error;
        if (options?.signal?.aborted) {
          throw storesProblems.query_cancelled({
            detail: `The statement was cancelled: ${head(sql)}`,
            cause: error,
          });
        }
        throw lostProblem(error, call);
      } finally {
        stopped.abort();
        stream.destroy();
      }
    },

    queryBytes: (sql, params, options) => readBytes(sql, params, options, options?.format ?? 'RowBinary'),

    async queryCids(sql, params, options) {
      return cidSetFromWarehouseBytes(await readBytes(sql, params, options, 'RowBinary'));
    },

    async insert(table, rows, options) {
      if (rows.length === 0) return;
      const token = options?.dedupeToken;
      if (token !== undefined) await rememberTokens(table);
      const bytes = Buffer.from(rows.map((row) => JSON.stringify(row, bigintAsText)).join('\n'));
      const sql = `INSERT INTO ${quoteName(table)} FORMAT JSONEachRow`;
      const settings = {
        max_insert_block_size: Math.max(rows.length, 1),
        input_format_parallel_parsing: 0,
        ...(token === undefined ? {} : { ...dedupe.on, insert_deduplication_token: token }),
      };
      // A tokened insert may be sent again: the engine drops what it has already stored.
      const call: Call = {
        kind: token === undefined ? 'write' : 'read',
        sql,
        params: undefined,
        options: { settings },
      };
      await attempt(call, (request) => send(connection(), request, () => Readable.from([bytes])));
    },

    async insertStream(sql, bytes, options) {
      const call: Call = { kind: 'write', sql, params: undefined, options: { maxSeconds: 3600, ...options } };
      let isConsumed = false;
      await attempt(call, (request) => {
        if (isConsumed)
          throw storesProblems.engine_down({
            detail: `The warehouse went away during ${head(sql)}; nothing of it was stored.`,
          });
        isConsumed = true;
        return send(connection(), request, () => Readable.from(bytes, { objectMode: false }));
      });
    },
  };
}

/** `CREATE TABLE` on one node. */
export function createTableSql(
  table: Omit<WarehouseTable, 'spread'> & { readonly comment?: string },
): string {
  const clauses = [
    `CREATE TABLE ${table.ifNotExists ? 'IF NOT EXISTS ' : ''}${quoteIdentifier(table.name)} (${table.columns})`,
    `ENGINE = ${table.engine ?? 'MergeTree'}`,
    ...(table.partitionBy === undefined ? [] : [`PARTITION BY ${table.partitionBy}`]),
    `ORDER BY ${table.orderBy === 'tuple()' ? table.orderBy : `(${table.orderBy})`}`,
    ...(table.settings === undefined ? [] : [`SETTINGS ${table.settings}`]),
    ...(table.comment === undefined ? [] : [`COMMENT '${table.comment}'`]),
  ];
  return clauses.join(' ');
}

/** Cuts bytes at line ends, which never fall inside a row. */
async function* wholeLines(chunks: AsyncIterable<Buffer>): AsyncIterable<string> {
  let rest: Buffer[] = [];
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(10) + 1;
    if (end > 0) {
      yield Buffer.concat([...rest, chunk.subarray(0, end)]).toString('utf8');
      rest = [];
    }
    if (end < chunk.length) rest.push(chunk.subarray(end));
  }
  if (rest.length > 0) yield Buffer.concat(rest).toString('utf8');
}

type Params = Readonly<Record<string, WarehouseValue>> | undefined;

interface Call {
  /** `read` may be sent again after a broken connection. */
  readonly kind: 'read' | 'write';
  readonly sql: string;
  readonly params: Params;
  readonly options: WarehouseOptions | undefined;
}

interface RequestParts {
  /** The statement, with what could not be bound as a parameter put in. */
  readonly sql: string;
  readonly query_id: string;
  readonly abort_signal: AbortSignal;
  readonly query_params: Record<string, unknown>;
  readonly clickhouse_settings: Record<string, string | number>;
}

function connect(target: WarehouseTarget): ClickHouseClient {
  return createClient({
    url: target.url,
    username: target.username,
    password: target.password,
    database: target.database,
    application: 'rapport',
    max_open_connections: 64,
    request_timeout: 24 * 3600 * 1000,
    ...(target.socketPath === undefined ? {} : { http_agent: socketAgent(target.socketPath) }),
    log: { LoggerClass: QuietLogger },
  });
}

/** `socketPath` is an option of every request, and an agent's options are merged into its requests. */
function socketAgent(socketPath: string): Agent {
  const options: AgentOptions & { socketPath: string } = { keepAlive: true, maxSockets: 64, socketPath };
  return new Agent(options);
}

async function createDatabase(target: WarehouseTarget): Promise<void> {
  const bootstrap = connect({ ...target, database: 'default' });
  try {
    await bootstrap.command({ query: `CREATE DATABASE IF NOT EXISTS ${quoteIdentifier(target.database)}` });
  } catch (cause) {
    throw storesProblems.engine_down({
      detail: `The warehouse at ${target.url} does not answer or refuses us.`,
      cause,
    });
  } finally {
    await bootstrap.close();
  }
}

async function send(client: ClickHouseClient, request: RequestParts, values: () => Readable): Promise<void> {
  const { sql, ...rest } = request;
  const { stream } = await client.exec({ ...rest, query: sql, values: values() });
  stream.resume();
}

/** The client's own messages would repeat what we throw and log already. */
class QuietLogger {
  trace(): void {}
  debug(): void {}
  info(): void {}
  warn(): void {}
  error(): void {}
}

const bigintAsText = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? value.toString() : value;

const isRead = (sql: string): boolean => /^\s*(SELECT|WITH|SHOW|DESCRIBE|DESC|EXISTS|EXPLAIN)\b/i.test(sql);

const head = (sql: string): string =>
  (sql.length > 200 ? `${sql.slice(0, 200)}…` : sql).replace(/\s+/g, ' ').trim();

export function quoteIdentifier(name: string): string {
  if (!/^\w+$/.test(name) || !/^[\x20-\x7e]+$/.test(name)) {
    throw storesProblems.bad_identifier({
      detail: `"${name}" holds something else than letters, digits and "_".`,
    });
  }
  return `\`${name}\``;
}

const quoteName = (table: string): string => table.split('.').map(quoteIdentifier).join('.');

/** Whether the engine went away rather than refused. */
function isConnectionLoss(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (
    /^(E(CONN(REFUSED|RESET|ABORTED)|PIPE|NOENT|TIMEDOUT|AI_AGAIN|HOSTUNREACH)|ERR_STREAM_PREMATURE_CLOSE)$/.test(
      code,
    )
  )
    return true;
  return (
    error instanceof Error && /socket hang up|aborted|premature close|timeout error/i.test(error.message)
  );
}

/** Whether the statement never reached the engine. */
function isRefused(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ECONNREFUSED' || code === 'ENOENT';
}

function lostProblem(cause: unknown, call: Call): Problem {
  const detail = `The connection to the warehouse broke during ${head(call.sql)}.`;
  return call.kind === 'write' && !isRefused(cause)
    ? storesProblems.write_outcome_unknown({ detail, cause })
    : storesProblems.engine_down({ detail, cause });
}

/** @source ClickHouse, src/Common/ErrorCodes.cpp */
function statementProblem(error: ClickHouseError, sql: string): Problem {
  const detail = `${error.message.slice(0, 1000)} — in ${head(sql)}`;
  const details = { engineCode: Number(error.code) };
  switch (error.code) {
    case '159':
    case '160':
    case '209':
      return storesProblems.query_too_slow({ detail, details, cause: error });
    case '241':
      return storesProblems.query_too_large({ detail, details, cause: error });
    // A node that another one asked did not answer: no replica left, reset, end of file, timeout, unknown host.
    case '279':
    case '210':
    case '32':
    case '198':
      return storesProblems.engine_down({ detail, details, cause: error });
    case '394':
      return storesProblems.query_cancelled({ detail, details, cause: error });
    default:
      return storesProblems.query_failed({ detail, details, cause: error });
  }
}
