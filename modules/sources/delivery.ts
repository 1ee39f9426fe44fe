import { copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { Clock } from '@rapport/kernel';
import type { ConnectionTest } from './connection.schema.ts';
import type { Connections, OpenConnection } from './connections.service.ts';
import { DOWNLOAD_LIMITS, type DownloadLimits, download, probe, type RequestOptions } from './download.ts';
import { findFiles, globMatcher } from './files.ts';
import type { HostPolicy } from './host-policy.ts';
import type { DeliveredTable } from './inspector.ts';
import type { FileTable, Source } from './manifest.ts';
import { LoadRefused, refuse } from './refusal.ts';
import { type DatabaseReader, type DatabaseSettings, openDatabase } from './relation.ts';
import { listS3, listS3Page, s3Url, signS3 } from './s3.ts';
import { packingOf, unpack } from './unpack.ts';

export interface DeliveryDeps {
  readonly connections: Connections;
  readonly policy: HostPolicy;
  readonly clock: Clock;
  /** Folder for what is brought from elsewhere; a load has its own folder in it, and leaves nothing behind. */
  readonly spoolDir: string;
  readonly limits?: DownloadLimits;
}

export interface Delivery {
  /** Tables that do not lie plainly in the folder of the source. */
  readonly tables: ReadonlyMap<string, DeliveredTable>;
  dispose(): Promise<void>;
}

/**
 * Brings what a source is made of to this machine: files of web servers and buckets, rows of databases, packed files
 * unpacked. Everything is there and whole before anything is read, so a connection that breaks never spoils a load,
 * and the same bytes are checked, hashed and read.
 */
export function createDeliveries(deps: DeliveryDeps) {
  const limits = deps.limits ?? DOWNLOAD_LIMITS;

  const optionsFor = (connection: OpenConnection, place: string, signal: AbortSignal): RequestOptions => {
    const { settings, secret } = connection;
    return {
      policy: deps.policy,
      limits,
      signal,
      place,
      headersFor(url, extra) {
        if (settings.kind === 's3') {
          return signS3(
            url,
            {
              region: settings.region ?? 'us-east-1',
              accessKeyId: settings.accessKeyId,
              secretAccessKey: secret,
            },
            extra,
            new Date(deps.clock.now()),
          );
        }
        if (settings.kind !== 'http' || secret === '') return { ...extra };
        const authorization =
          settings.user === undefined
            ? `Bearer ${secret}`
            : `Basic ${Buffer.from(`${settings.user}:${secret}`).toString('base64')}`;
        return { ...extra, authorization };
      },
    };
  };

  /** Names of the files of a table at a connection, as they follow `path`. */
  const namesAt = async (
    table: FileTable,
    connection: OpenConnection,
    options: RequestOptions,
  ): Promise<string[]> => {
    const { settings } = connection;
    for (const path of table.paths) {
      if (path.split('/').includes('..'))
        refuse('missing_file', options.place, `"${path}" leads out of its place.`);
    }
    if (settings.kind === 'http') {
      const glob = table.paths.find((path) => /[*?]/.test(path));
      if (glob !== undefined) {
        refuse(
          'missing_file',
          options.place,
          `"${glob}" is a pattern; a web server has no list of its files. Name them one by one.`,
        );
      }
      return [...table.paths];
    }
    if (settings.kind !== 's3') return [];
    const found = new Set<string>();
    for (const path of table.paths) {
      if (!/[*?]/.test(path)) {
        found.add(path);
        continue;
      }
      const fixed = path.slice(0, path.search(/[*?]/));
      const keys = await listS3(
        settings.endpoint,
        settings.bucket,
        `${settings.prefix ?? ''}${fixed}`,
        options,
      );
      const matcher = globMatcher(path);
      for (const key of keys) {
        const name = key.slice((settings.prefix ?? '').length);
        if (matcher.test(name)) found.add(name);
      }
      if (found.size === 0) {
        refuse(
          'missing_file',
          options.place,
          `No object of ${settings.bucket} matches "${settings.prefix ?? ''}${path}". Has it been delivered?`,
        );
      }
    }
    return [...found].sort();
  };

  const addressOf = (connection: OpenConnection, name: string): URL => {
    const { settings } = connection;
    if (settings.kind === 's3') {
      return s3Url(settings.endpoint, settings.bucket, `${settings.prefix ?? ''}${name}`);
    }
    const base = settings.kind === 'http' ? settings.url : '';
    const path = name.split('/').map(encodeURIComponent).join('/');
    return new URL(path, base.endsWith('/') ? base : `${base}/`);
  };

  const bringFiles = async (
    table: FileTable,
    connection: OpenConnection,
    folder: string,
    context: { signal: AbortSignal; report: (message: string) => Promise<void> },
  ): Promise<DeliveredTable> => {
    const options = optionsFor(connection, table.name, context.signal);
    const names = await namesAt(table, connection, options);
    for (const name of names) {
      await context.report(`fetching ${table.name}: ${name}`);
      const target = await placeFor(folder, name);
      const place = `${table.name} (${name})`;
      const { encoding } = await download(addressOf(connection, name), target, { ...options, place });
      await unpackInPlace(table, name, target, encoding, context.signal);
    }
    return { folder, files: names };
  };

  /** Unpacked content takes the place and the name of what was delivered, so that messages name what was delivered. */
  const unpackInPlace = async (
    table: FileTable,
    name: string,
    target: string,
    encoding: string | undefined,
    signal: AbortSignal,
  ): Promise<void> => {
    const named = packingOf(name, table.compression);
    // What is named `.gz` is packed once, whether the server says so too or not.
    const packing = named === 'none' && /^(x-)?gzip$/i.test(encoding ?? '') ? 'gzip' : named;
    if (packing === 'none') {
      if (encoding !== undefined && encoding !== 'identity' && encoding !== 'aws-chunked') {
        refuse(
          'broken_file',
          `${table.name} (${name})`,
          `${name} comes packed as ${encoding}, which is not read. Deliver it as it is, or packed by gzip, zstd or zip.`,
        );
      }
      return;
    }
    const packed = `${target}.packed`;
    await rename(target, packed);
    await unpack(packed, target, packing, { place: `${table.name} (${name})`, file: name, signal });
    await rm(packed);
  };

  const bringPacked = async (
    table: FileTable,
    from: string,
    folder: string,
    context: { signal: AbortSignal; report: (message: string) => Promise<void> },
  ): Promise<DeliveredTable | undefined> => {
    const names = await findFiles(from, table.paths);
    const isPacked = names.some((name) => packingOf(name, table.compression) !== 'none');
    if (!isPacked) return undefined;
    // What is missing is found by the load itself, which names all of it at once.
    const missing = table.paths.some((path) => !/[*?]/.test(path) && !names.includes(path));
    if (missing) return undefined;
    for (const name of names) {
      await context.report(`unpacking ${table.name}: ${name}`);
      const target = await placeFor(folder, name);
      const packing = packingOf(name, table.compression);
      if (packing === 'none') await copyFile(join(from, name), target);
      else
        await unpack(join(from, name), target, packing, {
          place: `${table.name} (${name})`,
          file: name,
          signal: context.signal,
        });
    }
    return { folder, files: names };
  };

  const databaseOf = ({ settings, secret }: OpenConnection): DatabaseSettings | undefined =>
    settings.kind === 'postgresql' || settings.kind === 'mysql'
      ? {
          kind: settings.kind,
          host: settings.host,
          port: settings.port ?? (settings.kind === 'mysql' ? 3306 : 5432),
          database: settings.database,
          user: settings.user,
          password: secret,
          tls: settings.tls ?? 'require',
        }
      : undefined;

  return {
    /** @throws LoadRefused with everything that could not be brought */
    async bring(
      source: Source,
      folder: string | undefined,
      context: {
        readonly attempt: string;
        readonly signal: AbortSignal;
        readonly report: (message: string) => Promise<void>;
      },
    ): Promise<Delivery> {
      const spool = join(deps.spoolDir, context.attempt);
      await sweep(deps.spoolDir, deps.clock.now() - LEFT_BEHIND_MS);
      const tables = new Map<string, DeliveredTable>();
      const databases = new Map<string, DatabaseReader>();
      const dispose = (): Promise<void> => rm(spool, { recursive: true, force: true });
      const faults: LoadRefused['faults'][number][] = [];
      const bringOne = async (table: FileTable): Promise<DeliveredTable | undefined> => {
        const own = join(spool, table.name);
        if (table.connection === undefined) {
          return folder === undefined ? undefined : bringPacked(table, folder, own, context);
        }
        const connection = await deps.connections.open(table.connection);
        const database = databaseOf(connection);
        if ((database !== undefined) !== (table.relation !== undefined)) {
          return refuse(
            'wrong_connection',
            table.name,
            database
              ? `The connection ${connection.id} leads to a database; name the table by \`relation\`, not by \`path\`.`
              : `The connection ${connection.id} leads to files; name them by \`path\`, not by \`relation\`.`,
          );
        }
        if (!database) return bringFiles(table, connection, own, context);
        let reader = databases.get(connection.id);
        if (!reader) {
          const address = await deps.policy.resolve(database.host, database.port, table.name);
          reader = await openDatabase(database, address, table.name);
          databases.set(connection.id, reader);
        }
        const name = table.relation?.table ?? '';
        await context.report(`reading ${table.name}: ${name}`);
        await reader.copy(table, await placeFor(own, name), context.signal);
        return { folder: own, files: [name] };
      };
      try {
        for (const table of source.tables) {
          context.signal.throwIfAborted();
          if (table.stream) continue;
          try {
            const delivered = await bringOne(table);
            if (delivered) tables.set(table.name, delivered);
          } catch (error) {
            if (!(error instanceof LoadRefused)) throw error;
            faults.push(...error.faults);
          }
        }
        if (faults.length > 0) throw new LoadRefused(faults);
        return { tables, dispose };
      } catch (error) {
        await dispose().catch(() => undefined);
        throw error;
      } finally {
        for (const reader of databases.values()) await reader.close();
      }
    },

    /** Whether a connection can be read. A refusal is an answer here. */
    async test(connectionId: string): Promise<ConnectionTest> {
      const connection = await deps.connections.open(connectionId);
      const signal = AbortSignal.timeout(20_000);
      const place = `connection ${connectionId}`;
      try {
        const database = databaseOf(connection);
        if (database) {
          const address = await deps.policy.resolve(database.host, database.port, place);
          await (await openDatabase(database, address, place)).close();
          return { works: true, message: `${database.database} answers and can be read.` };
        }
        const { settings } = connection;
        const options = { ...optionsFor(connection, place, signal), limits: { ...limits, attempts: 1 } };
        if (settings.kind === 's3') {
          const { bucket, prefix = '' } = settings;
          const { keys, next } = await listS3Page(settings.endpoint, bucket, prefix, undefined, options);
          return {
            works: true,
            message: `${next === undefined ? '' : 'At least '}${keys.length} objects under ${bucket}/${prefix}.`,
          };
        }
        if (settings.kind === 'http') {
          const url = new URL(settings.url);
          const status = await probe(url, options);
          if (status === 401 || status === 403) {
            return {
              works: false,
              message: `${url.host} refuses the secret of the connection (${status}). Check it and its rights.`,
            };
          }
          // A folder need not be answered; the files in it are asked for when a source is loaded.
          return { works: true, message: `${url.host} answers (${status}).` };
        }
        return { works: false, message: 'The kind of the connection is not known.' };
      } catch (error) {
        if (!(error instanceof LoadRefused)) throw error;
        return { works: false, message: error.faults.map((fault) => fault.message).join(' ') };
      }
    },
  };
}

/** A load that died leaves its folder; none takes this long. */
const LEFT_BEHIND_MS = 2 * 86_400_000;

async function sweep(spoolDir: string, before: number): Promise<void> {
  for (const name of await readdir(spoolDir).catch(() => [])) {
    const path = join(spoolDir, name);
    const found = await stat(path).catch(() => undefined);
    if (name.startsWith('att_') && found && found.mtimeMs < before)
      await rm(path, { recursive: true, force: true });
  }
}

export type Deliveries = ReturnType<typeof createDeliveries>;

async function placeFor(folder: string, name: string): Promise<string> {
  const path = join(folder, ...name.split('/'));
  if (!path.startsWith(folder + sep)) throw new Error(`"${name}" leads out of ${folder}.`);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  return path;
}
