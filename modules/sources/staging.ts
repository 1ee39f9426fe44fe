import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { LoadFile } from './contract.ts';
import { guessEncoding, LineTooLong, newEvidence, readLines, type UndecodableLine } from './lines.ts';
import type { FileTable } from './manifest.ts';
import type { LooseRecord, Staged, StagingDeps, StagingInput } from './reader.ts';
import {
  type CsvDialect,
  createCsvSplitter,
  createJsonLinesSplitter,
  type RecordBatch,
  readHeader,
  type Splitter,
} from './records.ts';
import { refuse } from './refusal.ts';
import { sqlName, sqlText } from './sql-text.ts';
import type { Column, StagedTexts } from './typing.ts';

/** Files are read in pieces of this size. */
const READ_BYTES = 1024 * 1024;
/** A table with this many undecodable records, most of them, is given up early. */
const GIVE_UP_AFTER = 20_000;

const openFile = (input: StagingInput, file: string): Readable =>
  input.open?.(file) ??
  createReadStream(join(input.folder, file), { highWaterMark: READ_BYTES, signal: input.signal });

/** Brings single records into the warehouse as texts, as if they stood in their files. */
export async function stageRecords(
  deps: StagingDeps,
  input: StagingInput,
  records: readonly LooseRecord[],
  headers: Readonly<Record<string, readonly string[]>>,
): Promise<Staged> {
  const { table } = input;
  const target = await createTarget(deps, input);
  // Refused rows of a Parquet file are kept as JSON objects.
  const isCsv = table.format === 'csv';
  const inserter = createInserter(deps.warehouse, target, input);
  const orders: (readonly Column[])[] = [];
  let read = 0;
  for (const [file, name] of input.files.entries()) {
    const layout = layoutOf(table, headers[name]);
    const splitter = isCsv ? csvSplitter(table, file, layout) : createJsonLinesSplitter({ file });
    orders.push(layout.order);
    inserter.setColumns(layout.order);
    for (const record of records) {
      if (record.file !== name) continue;
      const bytes = Buffer.from(`${record.record}\n`);
      const chunk = { bytes, firstLine: record.line, undecodable: [], isLast: true, bytesRead: bytes.length };
      splitter.push(chunk, inserter.take);
      await inserter.settle();
    }
    splitter.end(inserter.take);
    await inserter.settle();
    read += splitter.records();
  }
  await inserter.finish();
  return {
    texts: isCsv ? csvTexts(table, target.stage, orders) : jsonTexts(target.stage),
    faultTable: target.faults,
    files: [],
    headers,
    read,
    notes: [],
    columns: table.columns,
    temporary: [target.stage, target.faults],
  };
}

export interface Target {
  readonly stage: string;
  readonly faults: string;
}

export async function createTarget(
  { warehouse, releases }: StagingDeps,
  input: StagingInput,
): Promise<Target> {
  const { table, sourceId } = input;
  const stage = releases.newTableName(`stage_${sourceId}_${table.name}`);
  const faults = releases.newTableName(`faults_${sourceId}_${table.name}`);
  const type = table.format === 'csv' ? 'String' : 'Nullable(String)';
  const columns = table.columns.map((column) => `${textName(column)} ${type}`);
  input.onTable(stage);
  // Nobody reads the stage of a load that died, so it need not be synced to the disk.
  await warehouse.createTable({
    name: stage,
    columns: `line UInt64, file UInt16, ${columns.join(', ')}, ${table.format === 'csv' ? '' : 'is_object Bool, '}raw String`,
    orderBy: 'tuple()',
    settings: 'fsync_after_insert = 0, fsync_part_directory = 0',
    spread: 'any',
  });
  input.onTable(faults);
  await warehouse.createTable({
    name: faults,
    columns:
      'file UInt16, line UInt64, faults Array(Tuple(String, String, String)), record String, record_hex String',
    orderBy: 'file, line',
    spread: 'any',
  });
  return { stage, faults };
}

/** Staging column of a manifest column. */
export const textName = (column: Pick<Column, 'name'>): string => sqlName(`c_${column.name}`);

/** `orders` holds, for each file, its columns as they stand in it. */
export function csvTexts(
  table: FileTable,
  stage: string,
  orders: readonly (readonly Column[])[],
): StagedTexts {
  const joined = orders.map((order) => {
    const texts = order.map(textName);
    return texts.length === 0
      ? `''`
      : `arrayStringConcat([${texts.join(', ')}], ${sqlText(table.delimiter)})`;
  });
  const distinct = [...new Set(joined)];
  const files = (text: string): number[] => joined.flatMap((other, file) => (other === text ? [file] : []));
  const cases = distinct.map((text) => `file IN (${files(text).join(', ')}), ${text}`);
  return {
    table: sqlName(stage),
    source: textName,
    isNullable: false,
    // The stage keeps the whole record only where it is not its fields joined again.
    record: cases.length === 0 ? 'raw' : `if(raw != '', raw, multiIf(${cases.join(', ')}, ''))`,
  };
}

export function jsonTexts(stage: string): StagedTexts {
  return {
    table: sqlName(stage),
    source: textName,
    isNullable: true,
    record: 'raw',
    unreadable: { condition: 'NOT is_object', reason: 'not_a_json_object' },
  };
}

/* ── CSV and JSON lines ──────────────────────────────────────────────────────────────────────────────── */

export interface Layout {
  readonly fields: number;
  readonly wanted: readonly boolean[];
  /** Manifest columns in the order in which they stand in the file. */
  readonly order: readonly Column[];
}

export function layoutOf(table: FileTable, header: readonly string[] | undefined): Layout {
  if (!header) {
    return { fields: table.columns.length, wanted: table.columns.map(() => true), order: table.columns };
  }
  const order = header.map((name) => table.columns.find((column) => column.from === name));
  return {
    fields: header.length,
    wanted: order.map((column) => column !== undefined),
    order: order.flatMap((column) => (column ? [column] : [])),
  };
}

export const dialectOf = (table: FileTable): CsvDialect => ({
  delimiter: table.delimiter.charCodeAt(0),
  quote: table.quote === '' ? -1 : table.quote.charCodeAt(0),
});

export const csvSplitter = (table: FileTable, file: number, layout: Layout): Splitter =>
  createCsvSplitter({ dialect: dialectOf(table), file, fields: layout.fields, wanted: layout.wanted });

/** CSV and JSON lines, in any encoding. @throws LoadRefused */
export async function stageText(deps: StagingDeps, input: StagingInput): Promise<Staged> {
  const { table } = input;
  const target = await createTarget(deps, input);
  const inserter = createInserter(deps.warehouse, target, input);
  const files: LoadFile[] = [];
  const headers: Record<string, readonly string[]> = {};
  const notes: string[] = [];
  const orders: (readonly Column[])[] = [];
  let read = 0;
  for (const [index, name] of input.files.entries()) {
    const hash = createHash('sha256');
    const place = `${table.name} (${name})`;
    const samples: Buffer[] = [];
    const evidence = newEvidence();
    let bytes = 0;
    let undecodable = 0;
    let splitter: Splitter | undefined =
      table.format === 'jsonl' ? createJsonLinesSplitter({ file: index }) : undefined;
    const stream = openFile(input, name);
    const hashed = (async function* () {
      for await (const chunk of stream) {
        if (!Buffer.isBuffer(chunk)) continue;
        hash.update(chunk);
        bytes += chunk.length;
        input.onBytes(chunk.length);
        yield chunk;
      }
    })();
    const take = (batch: RecordBatch): void => {
      undecodable += batch.faults.filter((fault) => fault.reason === 'undecodable_bytes').length;
      inserter.take(batch);
    };
    try {
      for await (const whole of readLines(hashed, table.encoding, evidence)) {
        let chunk = whole;
        collectSamples(samples, chunk.undecodable);
        if (!splitter) {
          if (table.header) {
            const header = readHeader(chunk, dialectOf(table));
            if (!header) {
              if (!chunk.isLast) continue;
              refuse('empty_file', place, `${name} has no header line; it is empty. Deliver the file again.`);
              break;
            }
            if (chunk.undecodable[0]?.line === chunk.firstLine)
              refuseEncoding(table, place, samples, 'its header');
            headers[name] = header.fields;
            notes.push(...checkHeader(table, name, header.fields));
            chunk = header.rest;
          }
          const layout = layoutOf(table, headers[name]);
          splitter = csvSplitter(table, index, layout);
          orders.push(layout.order);
          inserter.setColumns(layout.order);
        }
        splitter.push(chunk, take);
        await inserter.settle();
        if (undecodable > GIVE_UP_AFTER && undecodable > splitter.records() / 2) {
          refuseEncoding(table, place, samples, `more than ${undecodable} of its records`);
        }
      }
    } catch (error) {
      if (!(error instanceof LineTooLong)) throw error;
      refuse(
        'not_text',
        `${place}:${error.line}`,
        `${name}: ${error.message} It is no ${table.format} file, or its lines end otherwise.`,
      );
    }
    splitter?.end(take);
    await inserter.settle();
    const records = splitter?.records() ?? 0;
    if (records > 0 && undecodable / records > table.maxUndecodableShare) {
      refuseEncoding(table, place, samples, `${undecodable} of its ${records} records`);
    }
    if (evidence.utf8LookingBytes > MIN_UTF8_EVIDENCE && evidence.utf8LookingBytes > evidence.otherBytes) {
      refuse(
        'wrong_encoding',
        place,
        `${name} is declared as ${table.encoding}, but its text is UTF-8. Set encoding: utf-8.`,
      );
    }
    files.push({ file: name, bytes, sha256: hash.digest('hex'), records });
    read += records;
  }
  await inserter.finish();
  return {
    texts: table.format === 'csv' ? csvTexts(table, target.stage, orders) : jsonTexts(target.stage),
    faultTable: target.faults,
    files,
    headers,
    read,
    notes,
    columns: table.columns,
    temporary: [target.stage, target.faults],
  };
}

/** So many bytes above ASCII in a whole file of valid UTF-8 do not come about by chance in another encoding. */
const MIN_UTF8_EVIDENCE = 90;

function collectSamples(samples: Buffer[], undecodable: readonly UndecodableLine[]): void {
  for (const { bytes } of undecodable) {
    if (samples.length >= 50) return;
    if (bytes) samples.push(bytes);
  }
}

function refuseEncoding(table: FileTable, place: string, samples: readonly Buffer[], what: string): never {
  const guess = samples.length > 0 ? guessEncoding(samples) : undefined;
  const advice =
    guess === undefined || guess === table.encoding
      ? 'Set the right encoding.'
      : `They look like ${guess}: set encoding: ${guess}.`;
  return refuse('wrong_encoding', place, `${what} cannot be decoded as ${table.encoding}. ${advice}`);
}

/** @returns remarks on columns that are not listed */
export function checkHeader(table: FileTable, file: string, header: readonly string[]): string[] {
  const place = `${table.name} (${file}:1)`;
  const twice = header.filter((name, index) => name !== '' && header.indexOf(name) !== index);
  if (twice.length > 0)
    refuse('duplicate_column', place, `${file} has the column "${twice[0]}" more than once.`);
  const missing = table.columns
    .filter((column) => !header.includes(column.from))
    .map((column) => `"${column.from}"`);
  if (missing.length > 0) {
    const only = header.length === 1 ? ' It has a single column: is the delimiter right?' : '';
    refuse(
      'missing_column',
      place,
      `${file} has no column ${missing.join(', ')}; it has ${header.join(', ')}.${only}`,
    );
  }
  const extra = header.filter((name) => !table.columns.some((column) => column.from === name));
  if (extra.length === 0) return [];
  const message = `${file} has the columns ${extra.map((name) => `"${name}"`).join(', ')}, which the manifest does not list.`;
  if (table.refusesExtraColumns) refuse('extra_column', place, message);
  return [message];
}

/** Reads only as much of a file as its header takes. @throws LoadRefused */
export async function checkCsvHeader(table: FileTable, folder: string, file: string): Promise<void> {
  if (table.format !== 'csv' || !table.header) return;
  const stream = createReadStream(join(folder, file), { highWaterMark: READ_BYTES });
  const chunks = (async function* () {
    for await (const chunk of stream) if (Buffer.isBuffer(chunk)) yield chunk;
  })();
  const place = `${table.name} (${file})`;
  try {
    for await (const chunk of readLines(chunks, table.encoding)) {
      const header = readHeader(chunk, dialectOf(table));
      if (!header && chunk.isLast)
        refuse('empty_file', place, `${file} has no header line; it is empty. Deliver the file again.`);
      if (!header) continue;
      const samples: Buffer[] = [];
      collectSamples(samples, chunk.undecodable);
      if (chunk.undecodable[0]?.line === chunk.firstLine) refuseEncoding(table, place, samples, 'Its header');
      checkHeader(table, file, header.fields);
      return;
    }
  } finally {
    stream.destroy();
  }
}

/** Sends batches to the engine one after another, while the next is being split. */
export function createInserter(warehouse: Warehouse, target: Target, input: StagingInput) {
  const isCsv = input.table.format === 'csv';
  let columns: readonly Column[] = input.table.columns;
  let queue: RecordBatch[] = [];
  let flying: Promise<void> = Promise.resolve();
  let hasFailed = false;

  const statement = (): string => {
    const into = warehouse.identifier(target.stage);
    if (isCsv)
      return `INSERT INTO ${into} (line, file, ${columns.map(textName).join(', ')}, raw) FORMAT RowBinary`;
    const named = input.table.columns.map((column) => `${textName(column)}`);
    return `INSERT INTO ${into} (line, file, ${named.join(', ')}, is_object, raw) SELECT line, file, ${jsonFields(
      input.table,
    )
      .map(({ sql }) => sql)
      .join(
        ', ',
      )}, isValidJSON(raw) AND JSONType(raw) = 'Object', raw FROM input('line UInt64, file UInt16, raw String') FORMAT RowBinary`;
  };

  const send = async (sql: string, batch: RecordBatch): Promise<void> => {
    if (batch.rows > 0) {
      await warehouse.insertStream(sql, oneChunk(batch.bytes), {
        signal: input.signal,
        settings: { max_insert_threads: 1 },
      });
    }
    if (batch.faults.length > 0) {
      await warehouse.insert(
        target.faults,
        batch.faults.map((fault) => ({
          file: fault.file,
          line: fault.line,
          faults: [['', fault.value, fault.reason]],
          record: fault.record,
          record_hex: fault.recordHex,
        })),
      );
    }
  };

  const flush = (): void => {
    const batches = queue;
    queue = [];
    if (batches.length === 0) return;
    const sql = statement();
    flying = flying.then(async () => {
      if (hasFailed) return;
      for (const batch of batches) await send(sql, batch);
    });
    // The failure is thrown where it is awaited; until then it must not count as unhandled.
    flying.catch(() => {
      hasFailed = true;
    });
  };

  return {
    /** Columns in the order of the file that is read now. */
    setColumns(order: readonly Column[]): void {
      flush();
      columns = order;
    },
    take(batch: RecordBatch): void {
      if (batch.rows > 0 || batch.faults.length > 0) queue.push(batch);
    },
    /** Waits until all but what was taken last is stored. */
    async settle(): Promise<void> {
      if (queue.length === 0) return;
      await flying;
      flush();
    },
    async finish(): Promise<void> {
      flush();
      await flying;
    },
  };
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Fields of a JSON object as texts: strings bare, everything else as it is written, NULL where there is none. */
export function jsonFields(table: FileTable): { readonly column: Column; readonly sql: string }[] {
  const flat = table.columns.filter((column) => !column.from.includes('.'));
  const structure = `Tuple(${flat.map((column) => `${sqlName(column.from)} Nullable(String)`).join(', ')})`;
  return table.columns.map((column) => {
    const path = column.from.split('.');
    if (path.length > 1) {
      const nested = path.map(sqlText).join(', ');
      const sql = `ifNull(JSONExtract(raw, ${nested}, 'Nullable(String)'), JSONExtract(raw, ${sqlText(column.from)}, 'Nullable(String)'))`;
      return { column, sql };
    }
    return {
      column,
      sql: `tupleElement(JSONExtract(raw, ${sqlText(structure)}), ${flat.indexOf(column) + 1})`,
    };
  });
}

/* ── Parquet ─────────────────────────────────────────────────────────────────────────────────────────── */

const Described = Type.Object({ name: Type.String(), type: Type.String() });
const Counted = Type.Object({ n: Type.Integer() });

/** @throws LoadRefused */
export async function stageParquet(deps: StagingDeps, input: StagingInput): Promise<Staged> {
  const { warehouse } = deps;
  const { table } = input;
  const target = await createTarget(deps, input);
  const files: LoadFile[] = [];
  const columns = new Map(table.columns.map((column) => [column.name, column]));
  const named = table.columns.map(textName).join(', ');
  let read = 0;
  for (const [index, name] of input.files.entries()) {
    const path = join(input.folder, name);
    const place = `${table.name} (${name})`;
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES, signal: input.signal })) {
      if (!Buffer.isBuffer(chunk)) continue;
      hash.update(chunk);
      bytes += chunk.length;
      input.onBytes(chunk.length);
    }
    const settings = { input_format_parquet_allow_missing_columns: 0, max_insert_threads: 1 };
    const insert = `INSERT INTO ${warehouse.identifier(target.stage)} (line, file, ${named}, is_object, raw)`;
    try {
      if (warehouse.readsLocalFiles) {
        const source = `file(${sqlText(path)}, 'Parquet')`;
        const described = await warehouse.query(Described, `DESCRIBE TABLE ${source}`);
        const texts = table.columns.map((column) => {
          const found = described.find((candidate) => candidate.name === column.from);
          if (!found) {
            const has = described.map((candidate) => candidate.name).join(', ');
            return refuse('missing_column', place, `${name} has no column "${column.from}"; it has ${has}.`);
          }
          const isTimed = /Date/.test(found.type);
          if (isTimed) columns.set(column.name, { ...column, dates: { ...column.dates, formats: ['ISO'] } });
          return parquetText(found.name, found.type);
        });
        const object = table.columns.map((column) => `${sqlName(column.from)} AS ${sqlName(column.from)}`);
        await warehouse.command(
          `${insert} SELECT _row_number + 1, ${index}, ${texts.join(', ')}, true, formatRowNoNewline('JSONEachRow', ${object.join(', ')}) FROM ${source}`,
          {},
          { maxSeconds: 3600, signal: input.signal, settings },
        );
      } else {
        const structure = table.columns
          .map((column) => `${sqlName(column.from)} Nullable(String)`)
          .join(', ');
        const source = `input(${sqlText(structure)})`;
        const texts = table.columns.map((column) => sqlName(column.from)).join(', ');
        await warehouse.insertStream(
          `${insert} SELECT rowNumberInAllBlocks() + 1, ${index}, ${texts}, true, formatRowNoNewline('JSONEachRow', ${texts}) FROM ${source} FORMAT Parquet`,
          createReadStream(path, { highWaterMark: READ_BYTES, signal: input.signal }),
          { signal: input.signal, settings: { ...settings, max_threads: 1 } },
        );
      }
    } catch (error) {
      refuseUnreadable(error, place, name);
    }
    const [count] = await warehouse.query(
      Counted,
      `SELECT count() AS n FROM ${warehouse.identifier(target.stage)} WHERE file = {file:UInt16}`,
      { file: index },
    );
    files.push({ file: name, bytes, sha256: hash.digest('hex'), records: count?.n ?? 0 });
    read += count?.n ?? 0;
  }
  return {
    texts: jsonTexts(target.stage),
    faultTable: target.faults,
    files,
    headers: {},
    read,
    notes: [],
    columns: table.columns.map((column) => columns.get(column.name) ?? column),
    temporary: [target.stage, target.faults],
  };
}

function parquetText(name: string, type: string): string {
  const value = sqlName(name);
  if (/DateTime/.test(type))
    return `concat(replaceOne(toString(toTimeZone(${value}, 'UTC')), ' ', 'T'), 'Z')`;
  return `toString(${value})`;
}

/** @source ClickHouse, src/Common/ErrorCodes.cpp: what a broken or foreign Parquet file gives */
const PARQUET_FAULTS =
  /Parquet|INCORRECT_DATA|CANNOT_READ_ALL_DATA|THERE_IS_NO_COLUMN|CANNOT_EXTRACT_TABLE_STRUCTURE|UNKNOWN_TYPE/;

function refuseUnreadable(error: unknown, place: string, name: string): never {
  if (
    error instanceof Error &&
    'code' in error &&
    error.code === 'stores.query_failed' &&
    PARQUET_FAULTS.test(error.message)
  ) {
    const column = /Column (\S+) was not found/.exec(error.message)?.[1];
    if (column) return refuse('missing_column', place, `${name} has no column "${column}".`);
    return refuse('broken_file', place, `${name} is no whole Parquet file. Deliver it again.`);
  }
  throw error;
}
