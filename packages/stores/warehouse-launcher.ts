import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Component, Log } from '@rapport/kernel';
import { storesProblems } from './problems.ts';
import { isAlive, stopProcess, waitForExit } from './processes.ts';

export interface WarehouseLauncherConfig {
  readonly directory: string;
  readonly socketPath: string;
  readonly log: Log;
  /** The engine as a whole takes at most this much. */
  readonly memoryBytes: number;
  /** Statements that run at the same time. */
  readonly sessions: number;
  /** Whether an acknowledged insert is on the disk rather than in the operating system's cache. */
  readonly isSynced: boolean;
  /** Entry file of the child; `.ts` runs through tsx. */
  readonly childPath?: string;
}

export interface WarehouseLauncher extends Component {
  pid(): number | undefined;
  /** Resolves when the engine answers; rejects when it could not be brought back. */
  ready(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;

/** Runs chDB in a child process that ends with us, and starts it again when it dies. */
export function createWarehouseLauncher(config: WarehouseLauncherConfig): WarehouseLauncher {
  let engine: ChildProcess | undefined;
  let stopping = false;
  let readiness: Promise<void> = Promise.resolve();
  const pidFile = join(config.directory, 'engine.pid');

  const launch = async (): Promise<void> => {
    const [command, args] = childCommand(config.childPath ?? defaultChildPath());
    const child = spawn(command, [...args, JSON.stringify(childConfig(config))], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // Statements occupy libuv threads; with the default of four the file system would wait behind them.
      env: { ...process.env, UV_THREADPOOL_SIZE: '32', TZ: 'UTC', NODE_OPTIONS: '' },
    });
    engine = child;
    const errors: string[] = [];
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors.push(text);
      if (errors.length > 20) errors.shift();
    });
    child.stdin?.on('error', () => undefined);
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    let isReady = false;
    await Promise.race([
      new Promise<void>((resolve) =>
        child.stdout?.on('data', (text: Buffer) => text.includes('ready') && resolve()),
      ),
      exited.then(() => failToStart(config, errors.join(''))),
      sleep(START_TIMEOUT_MS, undefined, { ref: false }).then(() => {
        if (isReady) return;
        child.kill('SIGKILL');
        throw storesProblems.engine_down({
          detail: 'The embedded warehouse did not answer within 60 seconds.',
        });
      }),
    ]);
    isReady = true;
    await writeFile(pidFile, String(child.pid));
    void exited.then(() => {
      if (stopping || engine !== child) return;
      config.log.warn(
        {
          engine: 'chdb',
          exitCode: child.exitCode,
          signal: child.signalCode,
          output: errors.join('').slice(-2000),
        },
        'the embedded warehouse died; starting it again',
      );
      readiness = relaunch();
      readiness.catch((error: unknown) =>
        config.log.error({ err: error, engine: 'chdb' }, 'the embedded warehouse could not be started again'),
      );
    });
  };

  const relaunch = async (): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      if (attempt > 1) await sleep(Math.min(200 * attempt, 2000));
      if (stopping) return;
      try {
        await launch();
        config.log.info({ engine: 'chdb', attempt }, 'the embedded warehouse is back');
        return;
      } catch (error) {
        if (attempt >= 10) throw error;
      }
    }
  };

  const start = async (): Promise<void> => {
    stopping = false;
    await mkdir(config.directory, { recursive: true, mode: 0o700 });
    await endLeftover(pidFile, config);
    await writeFile(join(config.directory, 'config.xml'), serverConfig(config));
    await launch();
  };

  return {
    name: 'warehouse engine',
    pid: () => engine?.pid,
    start() {
      readiness = start();
      return readiness;
    },
    ready: () => readiness,
    async stop() {
      stopping = true;
      await readiness.catch(() => undefined);
      const child = engine;
      engine = undefined;
      if (child?.pid === undefined) return;
      child.stdin?.end();
      if (!(await waitForExit(child.pid, 6_000)))
        await stopProcess(child.pid, { signal: 'SIGTERM', graceMs: 2_000, last: 'SIGKILL' });
      await rm(pidFile, { force: true });
    },
  };
}

function childConfig(config: WarehouseLauncherConfig): Record<string, unknown> {
  return {
    dataDirectory: join(config.directory, 'data'),
    spoolDirectory: join(config.directory, 'spool'),
    configFile: join(config.directory, 'config.xml'),
    socketPath: config.socketPath,
    sessions: config.sessions,
    maxQueryMemoryBytes: Math.floor(config.memoryBytes * 0.8),
  };
}

/** @source ClickHouse, programs/server/config.xml; only what differs from the engine's defaults */
function serverConfig(config: WarehouseLauncherConfig): string {
  const synced = config.isSynced ? 1 : 0;
  const markCacheBytes = Math.min(256 * 1024 * 1024, Math.floor(config.memoryBytes / 8));
  return `<clickhouse>
  <logger><level>none</level></logger>
  <max_server_memory_usage>${Math.floor(config.memoryBytes)}</max_server_memory_usage>
  <mark_cache_size>${markCacheBytes}</mark_cache_size>
  <timezone>UTC</timezone>
  <merge_tree>
    <fsync_after_insert>${synced}</fsync_after_insert>
    <fsync_part_directory>${synced}</fsync_part_directory>
  </merge_tree>
</clickhouse>
`;
}

function defaultChildPath(): string {
  const built = fileURLToPath(new URL('./warehouse-child.js', import.meta.url));
  return existsSync(built) ? built : fileURLToPath(new URL('./warehouse-child.ts', import.meta.url));
}

function childCommand(path: string): [string, string[]] {
  if (!path.endsWith('.ts')) return [process.execPath, [path]];
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return [process.execPath, ['--import', tsx, path]];
}

function failToStart(config: WarehouseLauncherConfig, output: string): never {
  if (output.includes('Cannot lock file')) {
    throw storesProblems.home_in_use({
      detail: `Another process has the warehouse in ${config.directory} open.`,
    });
  }
  throw storesProblems.engine_down({
    detail: `The embedded warehouse in ${config.directory} ended while starting: ${output.trim().slice(-1000)}`,
  });
}

/** A child ends by itself when its parent dies; this waits for one that is still at it. */
async function endLeftover(pidFile: string, { directory, log }: WarehouseLauncherConfig): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  // The number may belong to someone else by now; ours has the folder among its arguments.
  if (!command.includes(directory)) return;
  log.warn({ engine: 'chdb', pid }, 'waiting for a warehouse engine left over by an earlier run');
  if (!(await waitForExit(pid, 5_000)))
    await stopProcess(pid, { signal: 'SIGKILL', graceMs: 5_000, last: 'SIGKILL' });
}
