import { createWriteStream } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createConnection as createMysql } from 'mysql2';
import { Client as PgClient } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { AllowedAddress } from './host-policy.ts';
import type { FileTable } from './manifest.ts';
import { LoadRefused, refuse } from './refusal.ts';

export interface DatabaseSettings {
  readonly kind: 'postgresql' | 'mysql';
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** `require` checks the certificate of the server. */
  readonly tls: 'require' | 'off';
}

/** An open database, read as of one moment: all tables of a source fit together. */
export interface DatabaseReader {
  /** Writes the wanted columns of a table as CSV with a header line. @throws LoadRefused */
  copy(table: FileTable, path: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const CONNECT_MS = 15_000;
/** A peer that is gone without a word is noticed. */
const KEEP_ALIVE_MS = 30_000;

/**
 * Opens a database for reading. The engine has table functions of its own for this (`postgresql()`, `mysql()`); they are
 * not used because the password would stand in SQL text, because each table would be read in another snapshot, and
 * because `timestamptz` arrives in the server's zone without its offset.
 * @throws LoadRefused `not_connected` with the database's own words, never with the password
 */
export async function openDatabase(
  settings: DatabaseSettings,
  address: AllowedAddress,
  place: string,
): Promise<DatabaseReader> {
  try {
    return settings.kind === 'postgresql'
      ? await openPostgres(settings, address)
      : await openMysql(settings, address);
  } catch (error) {
    return refuse(
      'not_connected',
      place,
      `The ${settings.kind} database ${settings.database} at ${settings.host}:${settings.port} cannot be opened: ${wordsOf(error, settings.password)}. Check the connection and its secret.`,
    );
  }
}

async function openPostgres(settings: DatabaseSettings, address: AllowedAddress): Promise<DatabaseReader> {
  const client = new PgClient({
    host: address.address,
    port: settings.port,
    database: settings.database,
    user: settings.user,
    password: settings.password,
    ssl: settings.tls === 'require' ? { servername: settings.host, rejectUnauthorized: true } : false,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    application_name: 'Rapport',
  });
  // A connection that breaks while nothing is asked would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query("set time zone 'UTC'");
    await client.query("set datestyle to 'ISO'");
    await client.query("set client_encoding to 'UTF8'");
    await client.query('begin isolation level repeatable read, read only');
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  return {
    async copy(table, path, signal) {
      const relation = relationOf(table);
      const place = `${table.name} (${relation})`;
      const named = relation.split('.').map(quotePostgres).join('.');
      try {
        const { rows } = await client.query<{ name: string; type: string }>(
          `select a.attname as name, format_type(a.atttypid, null) as type from pg_attribute a
           where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped order by a.attnum`,
          [named],
        );
        const picked = pickColumns(table, rows, place, (name, type) => {
          const own = quotePostgres(name);
          // Text that says its instant exactly, whatever zone the server keeps.
          if (type === 'timestamp with time zone')
            return `to_char(${own} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as ${own}`;
          if (type === 'timestamp without time zone')
            return `to_char(${own}, 'YYYY-MM-DD"T"HH24:MI:SS.US') as ${own}`;
          return own;
        });
        const copying = client.query(
          copyTo(`copy (select ${picked.join(', ')} from ${named}) to stdout with (format csv, header true)`),
        );
        await pipeline(copying, createWriteStream(path), { signal });
      } catch (error) {
        throw refusalOf(error, place, signal, settings.password);
      }
    },
    async close() {
      await client.end().catch(() => undefined);
    },
  };
}

async function openMysql(settings: DatabaseSettings, address: AllowedAddress): Promise<DatabaseReader> {
  const connection = createMysql({
    // The name is what the certificate must be for; the address that was checked is what is connected to.
    host: settings.host,
    port: settings.port,
    stream: () =>
      connectSocket({
        host: address.address,
        port: settings.port,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_MS,
      }),
    database: settings.database,
    user: settings.user,
    password: settings.password,
    charset: 'utf8mb4',
    connectTimeout: CONNECT_MS,
    ...(settings.tls === 'require' ? { ssl: { rejectUnauthorized: true, verifyIdentity: true } } : {}),
  });
  // A connection that breaks while nothing is asked would end the process.
  connection.on('error', () => undefined);
  const promised = connection.promise();
  try {
    await promised.query("set time_zone = '+00:00'");
    await promised.query('set transaction isolation level repeatable read');
    await promised.query('start transaction with consistent snapshot, read only');
  } catch (error) {
    connection.destroy();
    throw error;
  }
  return {
    async copy(table, path, signal) {
      const relation = relationOf(table);
      const place = `${table.name} (${relation})`;
      const parts = relation.split('.');
      const [name = '', schema = settings.database] = parts.toReversed();
      try {
        const [found] = await promised.query(
          'select column_name as name, data_type as type from information_schema.columns where table_schema = ? and table_name = ? order by ordinal_position',
          [schema, name],
        );
        const rows = (Array.isArray(found) ? found : []).map((row: object) => ({
          name: String(Reflect.get(row, 'name')),
          type: String(Reflect.get(row, 'type')).toLowerCase(),
        }));
        const picked = pickColumns(table, rows, place, (column, type) => {
          const own = quoteMysql(column);
          if (type === 'timestamp') return `date_format(${own}, '%Y-%m-%dT%H:%i:%s.%fZ') as ${own}`;
          if (type === 'bit') return `cast(${own} as unsigned) as ${own}`;
          // As PostgreSQL writes bytes.
          if (/binary|blob/.test(type)) return `concat(_utf8mb4 0x5c78, lower(hex(${own}))) as ${own}`;
          return `cast(${own} as char character set utf8mb4) as ${own}`;
        });
        const sql = `select ${picked.join(', ')} from ${parts.map(quoteMysql).join('.')}`;
        const header = `${picked.map((_, index) => csvText(wantedNames(table)[index] ?? '')).join(',')}\n`;
        const stream = connection
          .query({
            sql,
            rowsAsArray: true,
            // Every value as the text the server sent.
            typeCast: (field: { string(encoding: 'utf8'): string | null }) => field.string('utf8'),
          })
          .stream({ highWaterMark: 500 });
        // A connection that ends in the middle of a result ends nothing by itself.
        const breakOff = (error?: Error): void => {
          stream.destroy(error ?? new Error('the server closed the connection'));
        };
        connection.once('end', breakOff);
        connection.once('error', breakOff);
        await pipeline(
          Readable.from(
            (async function* () {
              yield header;
              let piece = '';
              for await (const row of stream) {
                const values: unknown = row;
                if (!Array.isArray(values)) continue;
                piece += `${values.map((value: unknown) => (value === null ? '' : csvText(String(value)))).join(',')}\n`;
                if (piece.length > 64 * 1024) {
                  yield piece;
                  piece = '';
                }
              }
              yield piece;
            })(),
          ),
          createWriteStream(path),
          { signal },
        ).finally(() => {
          connection.off('end', breakOff);
          connection.off('error', breakOff);
        });
      } catch (error) {
        throw refusalOf(error, place, signal, settings.password);
      }
    },
    async close() {
      await promised.end().catch(() => connection.destroy());
    },
  };
}

const relationOf = (table: FileTable): string => table.relation?.table ?? '';
const wantedNames = (table: FileTable): string[] => [...new Set(table.columns.map((column) => column.from))];
const quotePostgres = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const quoteMysql = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
const csvText = (text: string): string => `"${text.replaceAll('"', '""')}"`;

function pickColumns(
  table: FileTable,
  rows: readonly { readonly name: string; readonly type: string }[],
  place: string,
  select: (name: string, type: string) => string,
): string[] {
  const relation = relationOf(table);
  if (rows.length === 0) {
    refuse(
      'missing_file',
      place,
      `The database has no table ${relation}, or the user of the connection may not see it.`,
    );
  }
  const names = wantedNames(table);
  const missing = names.filter((name) => !rows.some((row) => row.name === name));
  if (missing.length > 0) {
    refuse(
      'missing_column',
      place,
      `${relation} has no column ${missing.map((name) => `"${name}"`).join(', ')}; it has ${rows.map((row) => row.name).join(', ')}. Correct \`from\` in the manifest.`,
    );
  }
  return names.map((name) => select(name, rows.find((row) => row.name === name)?.type ?? ''));
}

function refusalOf(error: unknown, place: string, signal: AbortSignal, password: string): unknown {
  if (error instanceof LoadRefused || signal.aborted) return error;
  if (error instanceof Error && 'code' in error && NO_RIGHT.has(String(error.code))) {
    return new LoadRefused([
      {
        code: 'not_authorised',
        place,
        message: `The user of the connection may not read it: ${wordsOf(error, password)}. Grant SELECT on it.`,
      },
    ]);
  }
  return new LoadRefused([
    {
      code: 'not_delivered',
      place,
      message: `The database broke the reading off: ${wordsOf(error, password)}. Load again; nothing was changed.`,
    },
  ]);
}

/** PostgreSQL's insufficient_privilege, MySQL's table and column denials. */
const NO_RIGHT = new Set(['42501', 'ER_TABLEACCESS_DENIED_ERROR', 'ER_COLUMNACCESS_DENIED_ERROR']);

function wordsOf(error: unknown, password: string): string {
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  const message = error instanceof Error ? error.message : String(error);
  const safe = password.length > 0 ? message.replaceAll(password, '•••') : message;
  return `${safe === '' ? 'it does not answer' : safe}${code}`;
}
