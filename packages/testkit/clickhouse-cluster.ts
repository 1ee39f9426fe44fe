import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { waitFor } from './wait-for.ts';

export interface ClickHouseNode {
  /** Address of its HTTP interface, without credentials. */
  readonly url: string;
  readonly tcpPort: number;
}

export interface ClickHouseCluster {
  readonly nodes: readonly ClickHouseNode[];
  readonly user: string;
  readonly password: string;
  /** Name of the cluster of one replica a shard, for `Distributed` and `cluster()`. */
  readonly cluster: string;
  /** Ends one node as `kill -9` does. Its neighbours may fall with it: see docs/stores.md. */
  kill(index: number): Promise<void>;
  /** Starts an ended node again, on its data. */
  restart(index: number): Promise<void>;
  stop(): Promise<void>;
}

interface NodePlan extends ClickHouseNode {
  readonly directory: string;
  readonly httpPort: number;
}

/**
 * A real ClickHouse of several shards on the loopback interface, for tests of Distributed SQL. It has no
 * replication, and a connection that breaks in the middle of a request ends the node; never use it for more.
 */
export async function startClickHouseCluster(size = 3): Promise<ClickHouseCluster> {
  const root = await mkdtemp(join(tmpdir(), 'rapport-test-clickhouse-'));
  const password = randomBytes(16).toString('hex');
  const ports = await freePorts(size * 2);
  const plans: NodePlan[] = Array.from({ length: size }, (_, index) => {
    const httpPort = ports[index * 2] ?? 0;
    return {
      directory: join(root, String(index)),
      httpPort,
      tcpPort: ports[index * 2 + 1] ?? 0,
      url: `http://127.0.0.1:${httpPort}`,
    };
  });
  const processes: ChildProcess[] = [];
  const start = async (index: number): Promise<void> => {
    const plan = plans[index];
    if (!plan) throw new Error(`There is no node ${index}.`);
    processes[index] = startNode(plan.directory);
    await waitUntilListening(plan, processes[index]);
  };
  const end = async (index: number, signal: NodeJS.Signals): Promise<void> => {
    const child = processes[index];
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await exited;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(plans.map((_, index) => end(index, 'SIGKILL')));
    await rm(root, { recursive: true, force: true });
  };
  try {
    for (const plan of plans) {
      await mkdir(join(plan.directory, 'data'), { recursive: true });
      await writeFile(join(plan.directory, 'config.xml'), serverXml(plan, plans, password));
      await writeFile(join(plan.directory, 'users.xml'), usersXml(password));
    }
    await Promise.all(plans.map((_, index) => start(index)));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    nodes: plans.map(({ url, tcpPort }) => ({ url, tcpPort })),
    user: USER,
    password,
    cluster: CLUSTER,
    kill: (index) => end(index, 'SIGKILL'),
    restart: async (index) => {
      await end(index, 'SIGKILL');
      await start(index);
    },
    stop,
  };
}

const USER = 'rapport';
const CLUSTER = 'rapport';

function startNode(directory: string): ChildProcess {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const script = fileURLToPath(new URL('./clickhouse-node.ts', import.meta.url));
  return spawn(process.execPath, ['--import', tsx, script, directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, TZ: 'UTC', NODE_OPTIONS: '' },
  });
}

async function waitUntilListening(plan: NodePlan, child: ChildProcess | undefined): Promise<void> {
  await waitFor(
    async () => {
      if (child?.exitCode !== null) throw new Error(await errorsOf(plan));
      const response = await fetch(`${plan.url}/ping`).catch(() => undefined);
      return response?.ok === true;
    },
    { withinMs: 30_000, what: `ClickHouse at ${plan.url}` },
  );
}

async function errorsOf(plan: NodePlan): Promise<string> {
  const text = await readFile(join(plan.directory, 'error.log'), 'utf8').catch(() => '');
  return `ClickHouse at ${plan.url} ended: ${text.slice(-2000)}`;
}

function serverXml(plan: NodePlan, plans: readonly NodePlan[], password: string): string {
  const shards = plans.map(
    ({ tcpPort }) =>
      `<shard><internal_replication>true</internal_replication><replica><host>127.0.0.1</host><port>${tcpPort}</port><user>${USER}</user><password>${password}</password></replica></shard>`,
  );
  return `<clickhouse>
  <logger><level>error</level><log>${plan.directory}/server.log</log><errorlog>${plan.directory}/error.log</errorlog></logger>
  <listen_host>127.0.0.1</listen_host>
  <http_port>${plan.httpPort}</http_port>
  <tcp_port>${plan.tcpPort}</tcp_port>
  <users_config>${plan.directory}/users.xml</users_config>
  <max_server_memory_usage>2000000000</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <timezone>UTC</timezone>
  <remote_servers><${CLUSTER}>${shards.join('')}</${CLUSTER}></remote_servers>
</clickhouse>
`;
}

/** `default` is the account of the process itself; it has no password because it cannot be given one. */
function usersXml(password: string): string {
  const account = '<networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>';
  return `<clickhouse>
  <profiles><default></default></profiles>
  <quotas><default/></quotas>
  <users>
    <default><password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></default>
    <${USER}><password>${password}</password>${account}</${USER}>
  </users>
</clickhouse>
`;
}

/** Ports that were free just now; all are held at once, so that none is given twice. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
