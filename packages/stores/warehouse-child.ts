/*
 * The process in which the embedded warehouse runs: chDB behind the ClickHouse HTTP protocol on a Unix socket.
 * chDB crashes in worker threads and one session runs one query at a time, hence a process with a few sessions.
 * Started by warehouse-launcher.ts with one JSON argument; ends when its standard input closes.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { Session } from 'chdb';
import { placeholdersOf, quote } from './warehouse-params.ts';

interface ChildConfig {
  readonly dataDirectory: string;
  readonly spoolDirectory: string;
  readonly configFile: string;
  readonly socketPath: string;
  readonly sessions: number;
  readonly maxQueryMemoryBytes: number;
}

/** A statement as it came over HTTP. */
interface Statement {
  readonly id: string;
  readonly sql: string;
  /** Where the data of an insert was spooled to. */
  readonly dataFile: string | undefined;
  readonly format: string;
  readonly settings: ReadonlyMap<string, string>;
  readonly database: string;
  /** By name, escaped as in TSV. */
  readonly params: ReadonlyMap<string, string>;
  readonly isStream: boolean;
}

interface Slot {
  session: Session;
  /** Settings that the last statement changed. */
  dirty: Set<string>;
  database: string | undefined;
  busy: boolean;
}

const config: ChildConfig = JSON.parse(process.argv[2] ?? '{}');

/** What every session starts with; `SET x = DEFAULT` would fall back to the engine's own defaults instead. */
const BASE_SETTINGS: Readonly<Record<string, string>> = {
  async_insert: '0',
  deduplicate_insert: 'disable',
  max_query_size: '1073741824',
  max_ast_elements: '10000000',
  max_expanded_ast_elements: '10000000',
  max_memory_usage: String(config.maxQueryMemoryBytes),
};

const openSession = (): Session =>
  new Session(config.dataDirectory, {
    connectionArgs: [
      `--config-file=${config.configFile}`,
      ...Object.entries(BASE_SETTINGS).map(([name, value]) => `--${name}=${value}`),
    ],
  });

await mkdir(config.dataDirectory, { recursive: true });
await rm(config.spoolDirectory, { recursive: true, force: true });
await mkdir(config.spoolDirectory, { recursive: true });

const control = openSession();
const slots: Slot[] = Array.from({ length: config.sessions }, () => ({
  session: openSession(),
  dirty: new Set(),
  database: undefined,
  busy: false,
}));
const waiting: ((slot: Slot) => void)[] = [];
let spooled = 0;

const server = createServer({ maxHeaderSize: 64 * 1024 * 1024 }, (request, response) => {
  handle(request, response).catch((error: unknown) => refuse(response, error));
});
server.requestTimeout = 0;
server.headersTimeout = 0;
server.keepAliveTimeout = 60_000;

await rm(config.socketPath, { force: true });
server.listen(config.socketPath, () => process.stdout.write('ready\n'));

process.stdin.resume();
process.stdin.on('end', () => void shutDown());
process.stdin.on('close', () => void shutDown());
process.on('SIGTERM', () => void shutDown());
// An interrupt at the terminal reaches the whole process group; our parent decides when we end.
process.on('SIGINT', () => undefined);

let isShuttingDown = false;
async function shutDown(): Promise<void> {
  if (isShuttingDown) return;
  isShuttingDown = true;
  server.close();
  // Running statements are cancelled; one that does not stop within the grace is cut by the exit.
  await Promise.race([
    control.queryAsync("KILL QUERY WHERE Settings['log_comment'] != '' ASYNC").then(() => allIdle()),
    new Promise((resolve) => setTimeout(resolve, 4_000)),
  ]).catch(() => undefined);
  await rm(config.socketPath, { force: true });
  process.exit(0);
}

async function allIdle(): Promise<void> {
  while (slots.some((slot) => slot.busy)) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (url.pathname === '/ping' || (request.method === 'GET' && !url.searchParams.has('query'))) {
    response.end('Ok.\n');
    return;
  }
  const statement = await readStatement(request, url);
  let isGone = false;
  let isDone = false;
  response.on('close', () => {
    isGone = true;
    if (!isDone) void cancel(statement.id);
  });
  response.setHeader('X-ClickHouse-Query-Id', statement.id);
  response.setHeader('X-ClickHouse-Format', statement.format);
  response.setHeader('X-ClickHouse-Timezone', 'UTC');
  try {
    const slot = await acquire();
    try {
      if (isGone) return;
      await execute(slot, statement, response);
    } catch (error) {
      // 81: there is no such database, so the session is still in the one before.
      if (error instanceof Error && error.message.startsWith('Code: 81.')) slot.database = undefined;
      throw error;
    } finally {
      release(slot);
    }
  } catch (error) {
    refuse(response, error);
  } finally {
    isDone = true;
    if (statement.dataFile) await rm(statement.dataFile, { force: true });
  }
}

async function execute(slot: Slot, statement: Statement, response: ServerResponse): Promise<void> {
  const missing = missingParameter(statement);
  if (missing !== undefined) {
    throw new Error(
      `Code: 456. DB::Exception: Substitution \`${missing}\` is not set. (UNKNOWN_QUERY_PARAMETER)`,
    );
  }
  const prepare = preparation(slot, statement);
  if (statement.isStream) return executeStream(slot, statement, prepare, response);
  const sql =
    statement.dataFile === undefined ? statement.sql : insertFromFile(statement.sql, statement.dataFile);
  const result = await slot.session.queryAsync(`${prepare}; ${sql}`, { format: statement.format });
  response.setHeader(
    'X-ClickHouse-Summary',
    JSON.stringify({
      read_rows: String(result.rowsRead),
      read_bytes: String(result.bytesRead),
      elapsed_ns: String(Math.round(result.elapsed * 1e9)),
    }),
  );
  response.end(result.bytes());
}

async function executeStream(
  slot: Slot,
  statement: Statement,
  prepare: string,
  response: ServerResponse,
): Promise<void> {
  await slot.session.queryAsync(prepare);
  let isComplete = false;
  const stream = slot.session.queryStream(statement.sql, { format: statement.format });
  try {
    for await (const chunk of stream) {
      if (response.destroyed) return;
      if (!response.write(chunk.raw())) await drained(response);
    }
    isComplete = true;
    response.end();
  } catch (error) {
    if (!response.headersSent) throw error;
    // The status is sent already; an answer that ends early is how HTTP says that it is not whole.
    response.destroy();
  } finally {
    // A session whose stream did not end well answers "No active streaming query" later.
    if (!isComplete) retire(slot);
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

function retire(slot: Slot): void {
  const old = slot.session;
  slot.session = openSession();
  slot.dirty = new Set();
  slot.database = undefined;
  old.close();
}

/**
 * One `SET` that undoes what the statement before changed and applies what this one asks for. Values of parameters
 * go in as `param_…` of the session: the binding's own parameters are process-wide and would run one at a time.
 */
function preparation(slot: Slot, statement: Statement): string {
  const wanted = new Map<string, string>([...statement.settings, ['log_comment', statement.id]]);
  const assignments: string[] = [];
  for (const name of slot.dirty) {
    if (!wanted.has(name))
      assignments.push(`${name} = ${name in BASE_SETTINGS ? quote(BASE_SETTINGS[name] ?? '') : 'DEFAULT'}`);
  }
  for (const [name, value] of wanted) assignments.push(`${name} = ${quote(value)}`);
  for (const [name, value] of statement.params) assignments.push(`param_${name} = ${quote(value)}`);
  for (const name of wanted.keys()) slot.dirty.add(name);
  const use = slot.database === statement.database ? '' : `USE \`${statement.database}\`; `;
  slot.database = statement.database;
  return `${use}SET ${assignments.join(', ')}`;
}

/** A placeholder without a value: the session may still hold a value of an earlier statement under this name. */
const missingParameter = (statement: Statement): string | undefined =>
  [...placeholdersOf(statement.sql)].find((name) => !statement.params.has(name));

/**
 * Reads the data from a file: data that follows the statement inline is cut at the first empty line by the engine's
 * own splitting of statements, in binary formats too.
 */
function insertFromFile(sql: string, file: string): string {
  const tail = /\s+(SETTINGS\s[\s\S]*?\s)?FORMAT\s+(\w+)\s*;?\s*$/i.exec(sql);
  if (!tail)
    throw new Error(
      'Code: 62. DB::Exception: An insert with data must end with FORMAT and its name. (SYNTAX_ERROR)',
    );
  const head = sql.slice(0, tail.index);
  const settings = tail[1] ?? '';
  const format = tail[2] ?? '';
  const input = /\binput\s*\(\s*('(?:[^'\\]|\\[\s\S])*')\s*\)/i;
  if (input.test(head))
    return `${head.replace(input, (_, structure: string) => `file(${quote(file)}, '${format}', ${structure})`)} ${settings}`;
  return `${head} FROM INFILE ${quote(file)} COMPRESSION 'none' ${settings} FORMAT ${format}`;
}

function acquire(): Promise<Slot> {
  const free = slots.find((slot) => !slot.busy);
  if (!free) return new Promise((take) => waiting.push(take));
  free.busy = true;
  return Promise.resolve(free);
}

function release(slot: Slot): void {
  const next = waiting.shift();
  if (next) next(slot);
  else slot.busy = false;
}

/** `ASYNC`: waiting for the end of the other statement hangs the engine. */
async function cancel(id: string): Promise<void> {
  await control
    .queryAsync(`KILL QUERY WHERE Settings['log_comment'] = ${quote(id)} ASYNC`)
    .catch(() => undefined);
}

/** Parts of the address that are no settings. @source ClickHouse, HTTPHandler.cpp, reserved_param_names */
const NO_SETTINGS = new Set([
  'query',
  'query_id',
  'database',
  'default_format',
  'session_id',
  'session_timeout',
  'session_check',
  'compress',
  'decompress',
  'user',
  'password',
  'quota_key',
  'role',
  'wait_end_of_query',
  'buffer_size',
  'client_protocol_version',
  'stacktrace',
  'http_write_exception_in_output_format',
]);

async function readStatement(request: IncomingMessage, url: URL): Promise<Statement> {
  const settings = new Map<string, string>();
  const params = new Map<string, string>();
  const read = (name: string, value: string): void => {
    if (name.startsWith('param_')) params.set(name.slice('param_'.length), value);
    else if (!NO_SETTINGS.has(name) && /^\w+$/.test(name)) settings.set(name, value);
  };
  for (const [name, value] of url.searchParams) read(name, value);
  const id = url.searchParams.get('query_id') ?? crypto.randomUUID();
  let sql = url.searchParams.get('query') ?? '';
  let dataFile: string | undefined;
  const contentType = request.headers['content-type'] ?? '';
  if (contentType.startsWith('multipart/form-data')) {
    const form = await new Response(new Uint8Array(await readBody(request)), {
      headers: { 'content-type': contentType },
    }).formData();
    for (const [name, value] of form) {
      if (name === 'query') sql = String(value);
      else read(name, String(value));
    }
  } else if (sql === '') {
    sql = (await readBody(request)).toString('utf8');
  } else if (isInsertWithFormat(sql)) {
    dataFile = await spool(request);
  } else {
    const rest = (await readBody(request)).toString('utf8');
    if (rest !== '') sql = `${sql}\n${rest}`;
  }
  return {
    id,
    sql: withoutTrailingSemicolon(sql),
    dataFile,
    format:
      formatOf(sql) ??
      url.searchParams.get('default_format') ??
      String(request.headers['x-clickhouse-format'] ?? 'TabSeparated'),
    settings,
    params,
    database: (url.searchParams.get('database') ?? 'default').replaceAll('`', ''),
    isStream: request.headers['x-rapport-stream'] === '1',
  };
}

const withoutTrailingSemicolon = (sql: string): string => sql.replace(/[\s;]+$/, '');
const isInsertWithFormat = (sql: string): boolean =>
  /^\s*INSERT\s/i.test(sql) && /\bFORMAT\s+\w+\s*;?\s*$/i.test(sql);
const formatOf = (sql: string): string | undefined => /\bFORMAT\s+(\w+)\s*;?\s*$/i.exec(sql)?.[1];

async function spool(request: IncomingMessage): Promise<string> {
  const file = join(config.spoolDirectory, String(spooled++));
  try {
    if (request.headers['content-encoding'] === 'gzip')
      await pipeline(request, createGunzip(), createWriteStream(file));
    else await pipeline(request, createWriteStream(file));
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
  return file;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const source = request.headers['content-encoding'] === 'gzip' ? request.pipe(createGunzip()) : request;
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const text = error instanceof Error ? error.message : String(error);
  const code = /Code:\s*(\d+)/.exec(text)?.[1] ?? '1002';
  response.statusCode = code === '60' || code === '81' ? 404 : 500;
  response.setHeader('X-ClickHouse-Exception-Code', code);
  response.end(text.startsWith('Code:') ? text : `Code: ${code}. DB::Exception: ${text}`);
}

await writeFile(join(config.spoolDirectory, 'pid'), String(process.pid));
