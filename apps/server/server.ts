import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sandboxRoutes } from '@rapport/channels';
import { tokenOf } from '@rapport/governance';
import { createHttp, mountRoutes } from '@rapport/http';
import { createLifecycle, createLog, silentLog, systemClock } from '@rapport/kernel';
import { createStores, runMigrations, type Stores } from '@rapport/stores';
import { compose, type Platform } from './compose.ts';
import { type Config, readConfig } from './config.ts';
import { addConsole } from './console.ts';
import { demoRoutes } from './demo.routes.ts';
import { createDemo } from './demo.ts';
import { type Credential, createFirstUsers } from './first-users.ts';
import { addIdempotency } from './idempotency.ts';
import { addOperations, jobRoutes } from './operations.routes.ts';
import { openSecrets, writePrivately } from './secrets.ts';

export interface RunningServer {
  /** The modules and stores, for programs that run in the same process. */
  readonly platform: Platform;
  readonly stores: Stores;
  /** Address the console and API answer at. */
  readonly url: string;
  /** Stops accepting, lets requests and batches in flight end, then stops the engines. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Makes the demo bank when the installation is new. */
  readonly withDemo: boolean;
  /** Lines for the person who started it. */
  readonly announce: (line: string) => void;
}

/** The folder that holds `package.json`, from the sources as from the bundle in `dist/`. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package-lock.json')) && dirname(folder) !== folder)
    folder = dirname(folder);
  return folder;
}

/** Starts everything this process's roles need and answers once it serves. */
export async function startServer({ env, withDemo, announce }: ServerOptions): Promise<RunningServer> {
  const root = projectRoot();
  const config = readConfig(env, root);
  const { settings, home } = config;
  const log = settings.LOG_LEVEL === 'silent' ? silentLog : createLog({ level: settings.LOG_LEVEL });
  const clock = systemClock;
  const secrets = await openSecrets(home);
  const bundledChild = join(root, 'dist/warehouse-child.mjs');
  const isBundled = fileURLToPath(import.meta.url).startsWith(join(root, 'dist'));

  const stores = await createStores({
    home,
    log,
    clock,
    ...(settings.RAPPORT_POSTGRES_URL === undefined
      ? {}
      : { relational: { url: settings.RAPPORT_POSTGRES_URL } }),
    warehouse: warehouseOf(config, isBundled ? bundledChild : undefined),
    ...(settings.RAPPORT_REDIS_URL === undefined ? {} : { keyValue: { url: settings.RAPPORT_REDIS_URL } }),
    ...(settings.RAPPORT_NATS_URL === undefined ? {} : { stream: { url: settings.RAPPORT_NATS_URL } }),
  });
  await stores.start();

  // Links in messages name the port, so a free one is picked before anything is composed.
  const port = settings.PORT === 0 ? await freePort(settings.HOST) : settings.PORT;
  const url = `http://${settings.HOST === '0.0.0.0' ? '127.0.0.1' : settings.HOST}:${port}`;
  const platform = compose({
    stores,
    config,
    secrets,
    clock,
    log,
    publicUrl: settings.RAPPORT_PUBLIC_URL ?? url,
  });
  await runMigrations(stores, platform.migrations);

  const http = await createHttp({
    log,
    version: '0.1.0',
    authenticate: async (request) => {
      const token = tokenOf(request);
      return token === undefined ? undefined : platform.identity.authenticate(token);
    },
    onForbidden: (request, actor, permission) => {
      platform.audit
        .record({
          actor,
          action: 'access.refused',
          subject: request.url,
          details: { method: request.method, permission },
        })
        .catch((error: unknown) => log.error({ err: error }, 'a refusal could not be audited'));
    },
  });
  let isAccepting = true;
  addIdempotency(http, { relational: stores.relational, clock });
  addOperations(http, { stores: () => stores.health(), isAccepting: () => isAccepting });
  const demo = createDemo({ stores, config, platform, clock, log, url });
  for (const routes of [
    ...platform.routes,
    jobRoutes(stores.jobs),
    demoRoutes(stores.jobs),
    sandboxRoutes(demo.sandbox),
  ])
    await mountRoutes(http, routes);
  await mountRoutes(http, (api) => {
    api.get('/openapi.json', { config: { permission: 'public' }, schema: { hide: true } }, async () =>
      http.swagger(),
    );
  });
  await platform.publicRoutes(http);
  await addConsole(http, join(root, 'apps/console/dist'));

  const credentials = await createFirstUsers(platform.identity, home);
  const workers = createLifecycle([...platform.workers, demo.component], (name, error) =>
    log.error({ err: error, component: name }, 'a component did not stop cleanly'),
  );
  const serverFile = join(home, 'server.json');
  const stop = async (): Promise<void> => {
    isAccepting = false;
    await http.close();
    await workers.stop();
    await stores.stop();
    await rm(serverFile, { force: true });
  };

  try {
    await http.listen({ host: settings.HOST, port });
    await workers.start();
    await stores.jobs.start();
    await writePrivately(serverFile, JSON.stringify({ url, pid: process.pid }));
    if (withDemo) await demo.ensure(announce, { customers: settings.RAPPORT_DEMO_CUSTOMERS, seed: 1 });
  } catch (error) {
    await stop();
    throw error;
  }
  await greet({ url, home, credentials, announce });
  return { url, platform, stores, stop };
}

/** The warehouse that the settings name. */
export function warehouseOf({ settings }: Config, childPath: string | undefined) {
  if (settings.RAPPORT_CLICKHOUSE_URL === undefined) {
    return {
      database: settings.RAPPORT_CLICKHOUSE_DATABASE,
      ...(childPath === undefined ? {} : { childPath }),
    };
  }
  const account = {
    user: settings.RAPPORT_CLICKHOUSE_USER,
    password: settings.RAPPORT_CLICKHOUSE_PASSWORD,
    database: settings.RAPPORT_CLICKHOUSE_DATABASE,
  };
  const name = settings.RAPPORT_CLICKHOUSE_CLUSTER;
  if (name === undefined) return { ...account, url: settings.RAPPORT_CLICKHOUSE_URL };
  const urls = settings.RAPPORT_CLICKHOUSE_URL.split(',');
  return { ...account, cluster: { name, urls, block: settings.RAPPORT_CLICKHOUSE_BLOCK } };
}

function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, host, () => {
      const address = probe.address();
      probe.close(() =>
        address !== null && typeof address === 'object'
          ? resolve(address.port)
          : reject(new Error('No free port.')),
      );
    });
  });
}

async function greet(start: {
  url: string;
  home: string;
  credentials: readonly Credential[];
  announce: (line: string) => void;
}): Promise<void> {
  const { url, home, credentials, announce } = start;
  announce('');
  announce(`Rapport serves at ${url}`);
  announce(`Data folder: ${home}`);
  const path = join(home, 'credentials.json');
  if (credentials.length > 0) {
    announce(`Users and passwords (also in ${path}):`);
    for (const { username, password, roles } of credentials)
      announce(`  ${username.padEnd(10)} ${password}   ${roles.join(', ')}`);
  } else if (await readFile(path).catch(() => undefined)) {
    announce(`Users and passwords: ${path}`);
  }
}
