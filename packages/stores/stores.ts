import { mkdir, rm } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import type { Clock, Component, Log } from '@rapport/kernel';
import { unprivilegedAccount } from './accounts.ts';
import { type HomeLock, lockHome, runDirectory } from './home.ts';
import { createJobs, jobsMigrations } from './jobs.ts';
import { createLmdbKeyValue } from './key-value.lmdb.ts';
import { createRedisKeyValue } from './key-value.redis.ts';
import { createLmdbStore } from './lmdb-store.ts';
import { runMigrations } from './migrations.ts';
import type { KeyValue, Stores, Stream } from './ports.ts';
import { createPostgresLauncher } from './postgres-launcher.ts';
import { createRelational } from './relational.ts';
import { createReleases, releasesMigrations } from './releases.ts';
import { createLmdbStream } from './stream.lmdb.ts';
import { createNatsStream } from './stream.nats.ts';
import { createWarehouse } from './warehouse.ts';
import { createClusterWarehouse } from './warehouse-cluster.ts';
import { createWarehouseLauncher } from './warehouse-launcher.ts';

export interface StoresConfig {
  /** Data folder of the embedded engines; used by one process at a time. */
  readonly home: string;
  readonly log: Log;
  readonly clock: Clock;
  /** A PostgreSQL by URL (`postgres://…`) instead of the embedded one. */
  readonly relational?: { readonly url?: string; readonly templateDirectory?: string };
  /** A ClickHouse by URL (`http://…`) instead of the embedded one. */
  readonly warehouse?: {
    readonly url?: string;
    /** A cluster: addresses of all its nodes, or of one where they share a Keeper; see docs/scale.md. */
    readonly cluster?: {
      /** Name in the servers' `remote_servers`. */
      readonly name: string;
      readonly urls: readonly string[];
      /** Customers in a row that stay together on one shard. @default 65,536 */
      readonly block?: number;
    };
    readonly user?: string;
    readonly password?: string;
    /** @default rapport */
    readonly database?: string;
    /** What the embedded engine may take. @default 40 % of the machine's memory */
    readonly memoryBytes?: number;
    /** Statements the embedded engine runs at the same time. @default 6 */
    readonly sessions?: number;
    /** Whether the embedded engine syncs an insert to the disk before it acknowledges it. @default true */
    readonly isSynced?: boolean;
    /** Entry file of the embedded engine's process, where bundling moved it. */
    readonly childPath?: string;
  };
  /** A Redis by URL (`redis://…`) instead of LMDB; `prefix` keeps several installations apart. */
  readonly keyValue?: { readonly url?: string; readonly prefix?: string };
  /** A NATS with JetStream by URL (`nats://…`) instead of the log on LMDB. */
  readonly stream?: {
    readonly url?: string;
    readonly prefix?: string;
    readonly replicas?: number;
    readonly keepMs?: number;
  };
}

export interface StartedStores extends Stores, Component {
  /** Asks each store for a sign of life. */
  health(): Promise<Record<'relational' | 'warehouse' | 'keyValue' | 'stream', 'up' | 'down'>>;
  /** Process ids of the embedded engines that run. */
  enginePids(): { readonly postgres: number | undefined; readonly warehouse: number | undefined };
}

/**
 * The stores: embedded engines under `home`, or servers by URL. `start` answers when all of them do and their own
 * tables exist; jobs run only once `jobs.start()` is called, after every handler is defined.
 */
export async function createStores(config: StoresConfig): Promise<StartedStores> {
  const home = resolve(config.home);
  const { log, clock } = config;
  const isEmbeddedPostgres = config.relational?.url === undefined;
  const { cluster } = config.warehouse ?? {};
  const isEmbeddedWarehouse = config.warehouse?.url === undefined && cluster === undefined;
  await mkdir(home, { recursive: true });
  const run = await runDirectory(home, isEmbeddedPostgres ? await unprivilegedAccount() : undefined);
  const logs = join(home, 'logs');
  await mkdir(logs, { recursive: true });

  const postgres = isEmbeddedPostgres
    ? createPostgresLauncher({
        directory: join(home, 'postgres'),
        socketDirectory: join(run, 'postgres'),
        logFile: join(logs, 'postgres.log'),
        log,
        maxConnections: 60,
        ...(config.relational?.templateDirectory === undefined
          ? {}
          : { templateDirectory: config.relational.templateDirectory }),
      })
    : undefined;
  const relational = createRelational(
    postgres
      ? {
          pool: { host: postgres.socketDirectory, user: postgres.user, database: 'postgres' },
          ready: postgres.ready,
        }
      : { pool: { connectionString: config.relational?.url } },
    log,
  );

  const socketPath = join(run, 'warehouse', 'http.sock');
  const engine = isEmbeddedWarehouse
    ? createWarehouseLauncher({
        directory: join(home, 'warehouse'),
        socketPath,
        log,
        memoryBytes: config.warehouse?.memoryBytes ?? totalmem() * 0.4,
        sessions: config.warehouse?.sessions ?? 6,
        isSynced: config.warehouse?.isSynced ?? true,
        ...(config.warehouse?.childPath === undefined ? {} : { childPath: config.warehouse.childPath }),
      })
    : undefined;
  const database = config.warehouse?.database ?? 'rapport';
  const account = {
    username: config.warehouse?.user ?? 'default',
    password: config.warehouse?.password ?? '',
    database,
  };
  const warehouse = cluster
    ? createClusterWarehouse(
        {
          ...account,
          cluster: cluster.name,
          urls: cluster.urls,
          ...(cluster.block === undefined ? {} : { block: cluster.block }),
        },
        log,
      )
    : createWarehouse(
        engine
          ? {
              url: 'http://localhost',
              username: 'default',
              password: '',
              database,
              socketPath,
              ready: engine.ready,
              readsLocalFiles: true,
            }
          : { ...account, url: config.warehouse?.url ?? '', readsLocalFiles: false },
        log,
      );

  const keyValue = keyValueOf(config, home);
  const stream = streamOf(config, home);
  const releases = createReleases({ relational, warehouse }, clock);
  const jobs = createJobs({ relational, clock, log, isAlone: isEmbeddedPostgres });

  let lock: HomeLock | undefined;
  const chains: readonly (readonly Component[])[] = [
    postgres ? [postgres, relational] : [relational],
    engine ? [engine, warehouse] : [warehouse],
    [keyValue],
    [stream],
  ];

  const stop = async (): Promise<void> => {
    await jobs.stop().catch((error: unknown) => log.error({ err: error }, 'jobs did not stop'));
    await Promise.all(chains.map((chain) => stopChain(chain, log)));
    if (lock && !run.startsWith(home)) await rm(run, { recursive: true, force: true });
    await lock?.release();
    lock = undefined;
  };

  return {
    name: 'stores',
    relational,
    warehouse,
    keyValue,
    stream,
    releases,
    jobs,
    stop,
    async start() {
      lock = await lockHome(home);
      await mkdir(join(run, 'warehouse'), { recursive: true, mode: 0o700 });
      const outcomes = await Promise.allSettled(chains.map(startChain));
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed) {
        await stop();
        throw failed.reason;
      }
      await runMigrations({ relational, warehouse }, [releasesMigrations, jobsMigrations]);
    },
    async health() {
      const [relationalUp, warehouseUp, keyValueUp, streamUp] = await Promise.all([
        isUp(() => relational.pool.query('select 1')),
        isUp(() => warehouse.ping()),
        isUp(() => keyValue.get('health')),
        isUp(() => stream.lag('health', 'health')),
      ]);
      return { relational: relationalUp, warehouse: warehouseUp, keyValue: keyValueUp, stream: streamUp };
    },
    enginePids: () => ({ postgres: postgres?.pid(), warehouse: engine?.pid() }),
  };
}

function keyValueOf(config: StoresConfig, home: string): KeyValue {
  const { url, prefix } = config.keyValue ?? {};
  if (url === undefined) return createLmdbKeyValue(createLmdbStore(join(home, 'key-value')));
  return createRedisKeyValue({ url, log: config.log, ...(prefix === undefined ? {} : { prefix }) });
}

function streamOf(config: StoresConfig, home: string): Stream {
  const { url, ...options } = config.stream ?? {};
  if (url === undefined)
    return createLmdbStream(createLmdbStore(join(home, 'stream')), {
      clock: config.clock,
      log: config.log,
      ...options,
    });
  return createNatsStream({ url, log: config.log, ...options });
}

async function startChain(chain: readonly Component[]): Promise<void> {
  for (const component of chain) await component.start();
}

async function stopChain(chain: readonly Component[], log: Log): Promise<void> {
  for (const component of [...chain].reverse()) {
    await component
      .stop()
      .catch((error: unknown) => log.error({ err: error, store: component.name }, 'a store did not stop'));
  }
}

const HEALTH_TIMEOUT_MS = 5_000;

async function isUp(probe: () => Promise<unknown>): Promise<'up' | 'down'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'down'>((resolve) => {
    timer = setTimeout(() => resolve('down'), HEALTH_TIMEOUT_MS);
  });
  const answer = probe().then(
    () => 'up' as const,
    () => 'down' as const,
  );
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
