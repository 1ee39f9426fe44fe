import type { Component } from '@rapport/kernel';
import type { Kysely } from 'kysely';
import type { Pool, PoolClient } from 'pg';
import type { Static, TSchema } from 'typebox';
import type { CidSet } from './cid-set.ts';

/* ── relational: PostgreSQL, local or by URL ─────────────────────────────────────────────────────────── */

/**
 * Definitions, users, approvals, audit, journey sets, outbox. Serialisable truth: what is committed here survives
 * `kill -9` of any process.
 */
export interface Relational extends Component {
  /** A typed view of one module's own schema over the shared pool; module tables are named `schema.table`. */
  kysely<Tables>(): Kysely<Tables>;
  readonly pool: Pool;
  /** Runs `work` in one transaction; it is retried when PostgreSQL reports a serialisation failure or deadlock. */
  transaction<Result>(work: (client: PoolClient) => Promise<Result>): Promise<Result>;
}

/* ── analytical: ClickHouse, embedded (chDB child) or by URL ─────────────────────────────────────────── */

export type WarehouseValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly WarehouseValue[]
  | { readonly [key: string]: WarehouseValue };

export interface WarehouseOptions {
  /** The engine gives up after this long. @default 120 seconds */
  readonly maxSeconds?: number;
  /** Cancels on the engine, not only here. */
  readonly signal?: AbortSignal;
  readonly settings?: Readonly<Record<string, string | number>>;
  /**
   * The statement treats every customer by itself and reads and writes tables of customers (`spread: 'cid'`) and copies
   * only: each node of a cluster runs it over its own customers, and no row travels. For commands; without it they
   * are right too, but every row passes through one node.
   */
  readonly perCustomer?: boolean;
  /**
   * In what `queryBytes` answers. Native writes columns as they lie in memory: arrays of numbers come many times
   * faster than in RowBinary, which writes value by value. @default RowBinary
   */
  readonly format?: 'RowBinary' | 'Native';
  /** Told of a finished `command` what the engine read for it. */
  readonly onRead?: (read: { readonly rows: number; readonly bytes: number }) => void;
}

/** A table to be made; `columns`, `orderBy` and the other clauses are SQL made by us, never by users. */
export interface WarehouseTable {
  readonly name: string;
  /** Column definitions with their indexes, without the parentheses. */
  readonly columns: string;
  /** Such as `cid, at` or `tuple()`. */
  readonly orderBy: string;
  readonly partitionBy?: string;
  /** @default MergeTree */
  readonly engine?: string;
  /** Such as `index_granularity = 1024`. */
  readonly settings?: string;
  /**
   * How a cluster holds it: `cid` = shared out by customer number, so that work on one customer stays on one node;
   * `copy` = whole on every node, for small tables that others are joined with; `any` = shared out row by row.
   * One node holds everything either way.
   */
  readonly spread: 'cid' | 'copy' | 'any';
  readonly ifNotExists?: boolean;
}

/**
 * Facts, events, tag values, deliveries, metrics. Values are always bound as `{name:Type}` parameters. Text that
 * must be an identifier goes through `identifier()`. A lost connection to the embedded engine is retried after the
 * engine's restart for reads; a write is retried only by its caller, with the same `dedupeToken`.
 */
export interface Warehouse extends Component {
  /** Rows checked and typed by `row` (numbers arrive as numbers, 64-bit integers as numbers when safe). */
  query<Row extends TSchema>(
    row: Row,
    sql: string,
    params?: Readonly<Record<string, WarehouseValue>>,
    options?: WarehouseOptions,
  ): Promise<Static<Row>[]>;
  /** The same, for results too large to hold. */
  stream<Row extends TSchema>(
    row: Row,
    sql: string,
    params?: Readonly<Record<string, WarehouseValue>>,
    options?: WarehouseOptions,
  ): AsyncIterable<Static<Row>[]>;
  /** The one bitmap a query answers in its first column (an `AggregateFunction(groupBitmap, UInt32)` state). */
  queryCids(
    sql: string,
    params?: Readonly<Record<string, WarehouseValue>>,
    options?: WarehouseOptions,
  ): Promise<CidSet>;
  /** The answer as the engine's `RowBinary`: bitmaps and arrays by the million, which as rows would be slow. */
  queryBytes(
    sql: string,
    params?: Readonly<Record<string, WarehouseValue>>,
    options?: WarehouseOptions,
  ): Promise<Uint8Array>;
  command(
    sql: string,
    params?: Readonly<Record<string, WarehouseValue>>,
    options?: WarehouseOptions,
  ): Promise<void>;
  /** Inserts row objects; atomic for up to 100,000 rows. A repeated `dedupeToken` inserts nothing. */
  insert(
    table: string,
    rows: readonly Readonly<Record<string, WarehouseValue>>[],
    options?: { dedupeToken?: string },
  ): Promise<void>;
  /** `INSERT … FORMAT format` fed from bytes, such as RowBinary or TabSeparated; `sql` ends before the data. */
  insertStream(sql: string, bytes: AsyncIterable<Uint8Array>, options?: WarehouseOptions): Promise<void>;
  /** Makes a table that the name reads, however many nodes its rows lie on. */
  createTable(table: WarehouseTable): Promise<void>;
  /**
   * Makes a view that reads like a table; it can be dropped like one. Say `spread: 'cid'` when the select treats every
   * customer by itself, such as a union of tables of customers or the last row of each: then every node of a cluster
   * answers for its own customers, and the view may be read by `perCustomer` statements. `any` says the same of rows.
   */
  createView(name: string, select: string, options?: { readonly spread?: 'cid' | 'any' }): Promise<void>;
  /** Drops tables and views, if they exist. */
  drop(...names: readonly string[]): Promise<void>;
  /** Quotes a table or column name; throws on anything but letters, digits and `_`. */
  identifier(name: string): string;
  /** True when the engine runs on this machine and can read files of ours by `file()`. */
  readonly readsLocalFiles: boolean;
}

/* ── key-value ("hot state"): LMDB or Redis ──────────────────────────────────────────────────────────── */

export interface KeyValueEntry {
  readonly key: string;
  readonly value: Uint8Array;
}

/** Live profiles, counters, the contact ledger. Keys are text ≤ 500 bytes, ordered by code units within LMDB and Redis alike. */
export interface KeyValue extends Component {
  get(key: string): Promise<Uint8Array | undefined>;
  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]>;
  /** All or nothing; durable when it resolves (Redis: as durable as its `appendfsync`). */
  put(entries: readonly KeyValueEntry[]): Promise<void>;
  delete(keys: readonly string[]): Promise<void>;
  /** Entries with `from ≤ key < to`, in key order. */
  range(query: { from: string; to: string; limit?: number }): AsyncIterable<KeyValueEntry>;
  /**
   * Atomic read-modify-write of one key: `change` is pure, may run more than once, and answers the new value,
   * `undefined` to delete, or `'keep'` to leave it. Resolves with what is stored afterwards.
   */
  update(
    key: string,
    change: (value: Uint8Array | undefined) => Uint8Array | undefined | 'keep',
  ): Promise<Uint8Array | undefined>;
}

/* ── stream: log on LMDB, or NATS JetStream ──────────────────────────────────────────────────────────── */

export interface StreamRecord {
  /** Grows by one a record within a topic; may have gaps. */
  readonly offset: number;
  readonly value: Uint8Array;
}

/** Events in flight, at least once, surviving restarts; order is kept within a topic. */
export interface Stream extends Component {
  /** Durable when it resolves. A record whose `id` was appended to this topic in the last two minutes is dropped. */
  append(topic: string, records: readonly { id?: string; value: Uint8Array }[]): Promise<void>;
  /**
   * Calls `handle` with batches in order; a batch is acknowledged when it resolves and delivered again, to the
   * same group, when it throws or the process dies. One consumer per group is active at a time.
   */
  consume(
    topic: string,
    group: string,
    handle: (batch: readonly StreamRecord[]) => Promise<void>,
    options?: { batchSize?: number; onError?: (error: unknown) => void },
  ): StreamConsumer;
  /** Records appended but not yet acknowledged by this group. */
  lag(topic: string, group: string): Promise<number>;
}

export interface StreamConsumer {
  stop(): Promise<void>;
}

/* ── migrations, releases and jobs, built on the ports ───────────────────────────────────────────────── */

/** Forward-only plain SQL of one module, run once each, in the order of their ids over all modules. */
export interface ModuleMigrations {
  readonly module: string;
  readonly relational?: readonly Migration[];
  readonly warehouse?: readonly (Migration | TableMigration)[];
}

/** Warehouse tables made as `createTable` makes them, if they do not exist. */
export interface TableMigration {
  readonly id: string;
  readonly tables: readonly Omit<WarehouseTable, 'ifNotExists'>[];
}

export interface Migration {
  /** UTC time and words, such as `20261123T190000_audiences`. */
  readonly id: string;
  /** One or more statements separated by `;` at a line's end. */
  readonly sql: string;
}

/** Where the current version of a logical table or tag lives in the warehouse. */
export interface Placement {
  /** What is read by name: one physical table, or a view over its segments. */
  readonly table: string;
  /** The value column, when the logical name is one column of a wide table (a tag). */
  readonly column?: string;
  /**
   * Immutable physical tables that `table` is a view over, oldest first; absent when `table` is itself the only
   * one. Facts (`transaction`, `event`, …): rows of all segments together. Tags: a customer's row in a later segment
   * stands in place of those in earlier ones. What is derived from a segment stays true as long as it exists.
   */
  readonly segments?: readonly string[];
}

/**
 * What is known of a segment: an immutable physical table, or a view of ours that leaves rows out of one, that is
 * part of a logical table. What is derived from a segment stays true for as long as its name exists.
 */
export interface SegmentInfo {
  /** Name that reads its rows; it stands in `Placement.segments`. */
  readonly name: string;
  readonly rows: number;
  /** Event time of its first and last row, in milliseconds; absent where rows have none. */
  readonly minAtMs?: number;
  readonly maxAtMs?: number;
  /**
   * The segments whose rows this one holds in their place: those merged, or the one that rows were withdrawn from.
   * Its rows are theirs exactly, less those of `withdrawn`.
   */
  readonly madeOf?: readonly string[];
  /** Table of the rows (at least `cid`, and `at` where rows have one) that `madeOf` has and this one has not. */
  readonly withdrawn?: string;
  /** The earliest instant at which facts differ from those before it: of its new rows and of the withdrawn ones. */
  readonly earliestChangedAtMs?: number;
  /** Physical tables that this one, a view, reads; they are kept as long as it is. */
  readonly reads?: readonly string[];
  /** The segment of a source's table whose rows it shows as customers' facts. */
  readonly origin?: string;
  /** Id of the load that made it. */
  readonly createdBy?: string;
}

/** A consistent set of placements; reading through one of these never mixes two versions. */
export interface Release {
  readonly number: number;
  readonly placements: ReadonlyMap<string, Placement>;
}

/**
 * Versions of warehouse tables. A writer builds new physical tables beside the old ones and publishes all of them
 * in one relational transaction; readers take `current()` once per evaluation. So a load or a refresh becomes
 * visible at once or not at all, also when the process dies in the middle.
 */
export interface Releases {
  /** The latest release; cached, and renewed at once after a publish by this process, within a second for others'. */
  current(): Promise<Release>;
  /** A new physical table name for a logical one, such as `transaction__01jb…`. */
  newTableName(logical: string): string;
  /** Points logical names at new placements, and drops names; a later reader sees all of it. */
  publish(change: {
    set: Readonly<Record<string, Placement>>;
    remove?: readonly string[];
    note: string;
  }): Promise<Release>;
  /** Notes what segments hold, before they are published. A segment never changes: a second note of it is ignored. */
  describeSegments(infos: readonly SegmentInfo[]): Promise<void>;
  /** What is known of segments, by name; tables that nobody described are absent. */
  segments(names: readonly string[]): Promise<Map<string, SegmentInfo>>;
  /** Drops physical tables that no release of the last `graceMs` refers to; answers their names. */
  sweep(graceMs: number): Promise<string[]>;
}

export interface JobProgress {
  /** 0 … 1 */
  readonly share: number;
  readonly message: string;
}

export interface JobRun<Payload> {
  readonly jobId: string;
  readonly payload: Payload;
  /** 1 for the first try; more after a crash or a failure. */
  readonly attempt: number;
  readonly signal: AbortSignal;
  report(progress: JobProgress): Promise<void>;
}

export interface JobView {
  readonly id: string;
  readonly kind: string;
  readonly state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  readonly progress: JobProgress;
  readonly subject: string | undefined;
  readonly error: string | undefined;
  readonly result: unknown;
  readonly createdAt: number;
  readonly finishedAt: number | undefined;
}

/**
 * Long work that survives a crash: a job whose process died is run again (handlers are idempotent), within seconds
 * of the restart. Two jobs with the same `singleton` never run at the same time.
 */
export interface Jobs extends Component {
  define<Payload extends TSchema>(
    kind: string,
    payload: Payload,
    handle: (run: JobRun<Static<Payload>>) => Promise<unknown>,
    options?: { retries?: number; concurrency?: number },
  ): void;
  enqueue(
    kind: string,
    payload: unknown,
    options?: { subject?: string; singleton?: string; startAfter?: number },
  ): Promise<string>;
  get(jobId: string): Promise<JobView | undefined>;
  list(query?: { subject?: string; kind?: string; limit?: number }): Promise<JobView[]>;
  cancel(jobId: string): Promise<void>;
  /** Resolves when the job is done; rejects with its error when it failed. */
  wait(jobId: string): Promise<JobView>;
}

export interface Stores {
  readonly relational: Relational;
  readonly warehouse: Warehouse;
  readonly keyValue: KeyValue;
  readonly stream: Stream;
  readonly releases: Releases;
  readonly jobs: Jobs;
}
