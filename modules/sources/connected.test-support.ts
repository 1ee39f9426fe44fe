import { mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, createServer as createSocketServer, type NetConnectOpts, type Socket } from 'node:net';
import { join } from 'node:path';
import { type Log, systemClock } from '@rapport/kernel';
import { startTestHttp, startTestStores, type TestHttp, type TestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { stringify } from 'yaml';
import type { LoadView } from './contract.ts';
import { createSources, type Sources, sourcesMigrations, sourcesRoutes } from './index.ts';

/** A platform's sources with connections to servers of the test. */
export interface Connected {
  readonly stores: TestStores;
  readonly sources: Sources;
  readonly edge: TestHttp;
  /** Everything that was logged, audited and answered so far. */
  readonly said: string[];
  ask(
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    url: string,
    payload?: object,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Applies a manifest and loads it. */
  load(id: string, manifest: Record<string, unknown>): Promise<LoadView>;
  /** Rows of a loaded table as texts, in the order of its columns. */
  rows(id: string, table: string, columns: readonly string[]): Promise<(string | null)[][]>;
  stop(): Promise<void>;
}

const Texts = Type.Object({ texts: Type.Array(Type.Union([Type.String(), Type.Null()])) });

export async function startConnected(allowedHosts: readonly string[]): Promise<Connected> {
  const stores = await startTestStores([sourcesMigrations], { runsJobs: false });
  const root = join(stores.home, 'files');
  await mkdir(root);
  const said: string[] = [];
  const say = (fields: Record<string, unknown>, message: string): void => {
    said.push(
      `${message} ${JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.stack : value))}`,
    );
  };
  const log: Log = { debug: say, info: say, warn: say, error: say, child: () => log };
  const sources = createSources({
    stores,
    clock: systemClock,
    log,
    audit: { record: async (entry) => void said.push(JSON.stringify(entry)) },
    allowedRoots: [root],
    variables: {},
    spoolDir: join(stores.home, 'spool'),
    network: {
      dataKey: Buffer.alloc(32, 7),
      allowedHosts,
      limits: { maxBytes: 1_000_000, idleMs: 2_000, attempts: 3, backoffMs: 5 },
    },
  });
  const edge = await startTestHttp([sourcesRoutes(sources)]);
  await stores.jobs.start();
  return {
    stores,
    sources,
    edge,
    said,
    async ask(method, url, payload) {
      const answer = await edge.http.inject({
        method,
        url: `/api/v1${url}`,
        ...(payload ? { payload } : {}),
      });
      said.push(answer.body);
      return { status: answer.statusCode, body: answer.body === '' ? {} : answer.json() };
    },
    async load(id, manifest) {
      await sources.applyManifest(stringify({ source: id, title: { en: id }, ...manifest }));
      const view = await sources.load(id);
      said.push(JSON.stringify(view));
      return view;
    },
    async rows(id, table, columns) {
      const { placements } = await stores.releases.current();
      const physical = placements.get(`src/${id}/${table}`)?.table ?? 'absent';
      const found = await stores.warehouse.query(
        Texts,
        `SELECT [${columns.map((column) => `CAST(${column}, 'Nullable(String)')`).join(', ')}] AS texts FROM ${stores.warehouse.identifier(physical)} ORDER BY ${columns.join(', ')}`,
      );
      return found.map((row) => row.texts);
    },
    async stop() {
      await edge.stop();
      await stores.stop();
    },
  };
}

export interface WebServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Every request, with its headers. */
  readonly requests: { readonly path: string; readonly headers: IncomingMessage['headers'] }[];
  /** What is answered for a path; others are not found. */
  readonly answers: Map<string, (request: IncomingMessage, response: ServerResponse) => void>;
  stop(): Promise<void>;
}

export async function startWebServer(): Promise<WebServer> {
  const requests: { path: string; headers: IncomingMessage['headers'] }[] = [];
  const answers: WebServer['answers'] = new Map();
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push({ path, headers: request.headers });
    const answer = answers.get(path);
    if (answer) answer(request, response);
    else response.writeHead(404).end('nothing');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('The server has no address.');
  return {
    url: `http://127.0.0.1:${address.port}/`,
    host: `127.0.0.1:${address.port}`,
    port: address.port,
    requests,
    answers,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** A port on the loopback interface that leads to a database; its connections can be broken. */
export interface Tunnel {
  readonly port: number;
  /** Breaks all connections now. */
  cut(): void;
  stop(): Promise<void>;
}

export async function startTunnel(target: NetConnectOpts): Promise<Tunnel> {
  const open = new Set<Socket>();
  const server = createSocketServer((near) => {
    const far = connect(target);
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('The tunnel has no address.');
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: address.port,
    cut,
    stop: () =>
      new Promise((resolve) => {
        cut();
        server.close(() => resolve());
      }),
  };
}
