import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { CidSet, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { LoadFile } from './contract.ts';
import { type LineScan, readLinesAt, scanLines } from './line-scan.ts';
import { LineTooLong, readLines } from './lines.ts';
import type { FileTable } from './manifest.ts';
import { type InstantForms, instantFormsOf, PLAIN_SETTINGS, plainSql } from './plain-typing.ts';
import type { Staged, StagingDeps, StagingInput } from './reader.ts';
import { createJsonLinesSplitter, MAX_RECORD_BYTES, readHeader } from './records.ts';
import { sqlName, sqlText } from './sql-text.ts';
import {
  checkHeader,
  createInserter,
  createTarget,
  csvSplitter,
  csvTexts,
  dialectOf,
  jsonFields,
  jsonTexts,
  type Layout,
  layoutOf,
  type Target,
  textName,
} from './staging.ts';
import { type StagedTexts, typingSql } from './typing.ts';

/**
 * The engine reads a file of text by itself, several times faster than it can be cut into records here. It is trusted
 * only with lines of which there can be no doubt: each is a whole record of plainly separated fields whose values have
 * their types. Every other line is read by the exact reader, whose word is final: it makes a row of it or says what is
 * wrong. Where lines and records may not be the same thing, the exact reader gets the whole table.
 */
export interface Direct {
  /** Holds the rows of the records without doubt. */
  readonly physical: string;
  /** The records in doubt, staged; `read` counts the others too. */
  readonly staged: Staged;
  /** Whether any record is staged. */
  readonly hasStaged: boolean;
  /** Stages further lines, of records that became rows. */
  stageLines(places: readonly { readonly file: string; readonly line: number }[]): Promise<void>;
}

const READ_BYTES = 1024 * 1024;
/** Each file is a statement and a part of its own; many small ones are faster batched. */
const MAX_FILES = 64;
/** More lines that cannot be decoded, or a larger share, are the exact reader's to judge. */
const MAX_UNDECODABLE = 10_000;
const MAX_UNDECODABLE_SHARE = 0.01;
/** With more lines in doubt, or a larger share, another reading that tells all values is faster than line by line. */
const MAX_DOUBTED = 2_000;
const MAX_DOUBTED_SHARE = 0.005;
/** The first records of a file show how its instants are written. */
const SAMPLE_BYTES = 65_536;
const LONG = { maxSeconds: 6 * 3_600 } as const;

const ByFile = Type.Object({ file: Type.String(), n: Type.Integer() });

/** The table as a whole must be read by the exact reader. */
class Doubtful extends Error {
  override readonly name = 'Doubtful';
}

interface DirectFile {
  readonly name: string;
  readonly path: string;
  /** Lines before the first record. */
  readonly headerLines: number;
  readonly header: readonly string[] | undefined;
  readonly layout: Layout;
  /** Whether fields may be quoted, as far as it is known. */
  readonly isQuoted: boolean;
  readonly forms: InstantForms;
}

interface ScannedFile extends DirectFile {
  readonly scan: LineScan;
}

/**
 * Reads the files of a table.
 * @param create makes an empty typed table with `_file`, `_line` and `_replayed`
 * @returns undefined when the exact reader must read the table
 * @throws LoadRefused when a header is not as the manifest says
 */
export async function readDirectly(
  deps: StagingDeps,
  input: StagingInput,
  create: () => Promise<string>,
  references: ReadonlyMap<string, string>,
): Promise<Direct | undefined> {
  if (!isEligible(deps.warehouse, input)) return undefined;
  const made: string[] = [];
  const createNext = async (): Promise<string> => {
    await deps.warehouse.drop(...made.splice(0));
    const physical = await create();
    made.push(physical);
    return physical;
  };
  try {
    return await read(deps, input, createNext, references);
  } catch (error) {
    if (!(error instanceof Doubtful || error instanceof LineTooLong || isRefusedByEngine(error))) throw error;
    await deps.warehouse.drop(...made);
    return undefined;
  }
}

function isEligible(warehouse: Warehouse, input: StagingInput): boolean {
  const { table } = input;
  return (
    warehouse.readsLocalFiles &&
    (table.format === 'csv' || table.format === 'jsonl') &&
    /^utf-?8$/i.test(table.encoding) &&
    input.open === undefined &&
    input.files.length > 0 &&
    input.files.length <= MAX_FILES
  );
}

/** What the engine does not like in a file, the exact reader names. */
const isRefusedByEngine = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'stores.query_failed';

async function read(
  deps: StagingDeps,
  input: StagingInput,
  create: () => Promise<string>,
  references: ReadonlyMap<string, string>,
): Promise<Direct> {
  const { warehouse } = deps;
  const { table } = input;
  const options = { ...LONG, signal: input.signal };
  const notes: string[] = [];
  const opened: DirectFile[] = [];
  for (const name of input.files) opened.push(await openDirect(input, name, notes));

  let physical = await create();
  const insert = (
    file: DirectFile,
    index: number,
    except: readonly number[],
    isPlain: boolean,
  ): Promise<void> =>
    warehouse.command(
      insertSql(warehouse, input, { physical, file, index, except, isPlain }, references),
      {},
      { ...options, settings: settingsOf(input) },
    );
  const countRows = (): Promise<{ file: string; n: number }[]> =>
    warehouse.query(
      ByFile,
      `SELECT CAST(_file, 'String') AS file, count() AS n FROM ${warehouse.identifier(physical)} GROUP BY file`,
      {},
      options,
    );
  const files: ScannedFile[] = [];
  let isTrue = true;
  for (const [index, file] of opened.entries()) {
    const stream = createReadStream(file.path, { highWaterMark: READ_BYTES, signal: input.signal });
    const [scanned, inserted] = await Promise.allSettled([
      scanLines(stream, dialectOf(table).quote, input.onBytes),
      insert(file, index, [], true),
    ]);
    if (scanned.status === 'rejected') throw scanned.reason;
    const scan = scanned.value;
    checkScan(input, file, scan);
    if (inserted.status === 'rejected') {
      // What was not known of the file may be why.
      if (!isRefusedByEngine(inserted.reason) || scan.hasQuote === file.isQuoted) throw inserted.reason;
      isTrue = false;
    }
    if (scan.undecodable.length > 0 || scan.hasQuote !== file.isQuoted) isTrue = false;
    files.push({ ...file, isQuoted: scan.hasQuote, scan });
  }
  const insertAgain = async (isPlain: boolean): Promise<void> => {
    physical = await create();
    for (const [index, file] of files.entries()) {
      const except = file.scan.undecodable.map(({ line }) => line);
      await insert(file, index, except, isPlain);
    }
  };
  if (!isTrue) await insertAgain(true);

  let counts = await countRows();
  const lines = files.reduce((sum, file) => sum + file.scan.lines - file.headerLines, 0);
  const undecodable = files.reduce((sum, file) => sum + file.scan.undecodable.length, 0);
  const doubted = lines - undecodable - counts.reduce((sum, row) => sum + row.n, 0);
  if (doubted > Math.max(MAX_DOUBTED, lines * MAX_DOUBTED_SHARE)) {
    await insertAgain(false);
    counts = await countRows();
  }
  const target = await createTarget(deps, input);
  const stager = createStager(deps, input, target, files);
  const summaries: LoadFile[] = [];
  for (const [index, file] of files.entries()) {
    const accepted = counts.find((row) => row.file === file.name)?.n ?? 0;
    let records = accepted;
    if (accepted < file.scan.lines - file.headerLines) {
      const known = await warehouse.queryCids(
        `SELECT groupBitmapState(toUInt32(_line)) FROM ${warehouse.identifier(physical)} WHERE _file = {file:String}`,
        { file: file.name },
        options,
      );
      if (known.size !== accepted) throw new Doubtful('One line became more than one row.');
      records += await stager.stage(index, linesMissing(known, file));
    }
    if (accepted > file.scan.lines - file.headerLines) throw new Doubtful('There are more rows than lines.');
    summaries.push({ file: file.name, bytes: file.scan.bytes, sha256: file.scan.sha256, records });
  }
  await stager.settle();
  const headers = files.flatMap(({ name, header }) => (header ? [[name, header] as const] : []));
  return {
    physical,
    staged: {
      texts: stager.texts,
      faultTable: target.faults,
      files: summaries,
      headers: Object.fromEntries(headers),
      read: summaries.reduce((sum, file) => sum + file.records, 0),
      notes,
      columns: table.columns,
      temporary: [target.stage, target.faults],
    },
    hasStaged: stager.hasStaged(),
    async stageLines(places) {
      for (const [index, file] of files.entries()) {
        const lines = places.flatMap((place) => (place.file === file.name ? [place.line] : []));
        await stager.stage(index, Uint32Array.from(lines).toSorted());
      }
      await stager.settle();
    },
  };
}

/** Looks at the header and at the first lines. */
async function openDirect(input: StagingInput, name: string, notes: string[]): Promise<DirectFile> {
  const { table } = input;
  const path = join(input.folder, name);
  if (table.format === 'jsonl')
    return {
      name,
      path,
      headerLines: 0,
      header: undefined,
      layout: layoutOf(table, undefined),
      isQuoted: false,
      forms: new Map(),
    };
  const { quote } = dialectOf(table);
  const stream = createReadStream(path, { highWaterMark: READ_BYTES, signal: input.signal });
  try {
    for await (const chunk of readLines(buffersOf(stream), table.encoding)) {
      const found = table.header ? readHeader(chunk, dialectOf(table)) : undefined;
      // A header that begins late, goes over several lines or cannot be read is for the exact reader.
      if (table.header && (found?.rest.firstLine !== 2 || chunk.undecodable[0]?.line === 1))
        throw new Doubtful('The header is not the first line.');
      const body = found?.rest.bytes ?? chunk.bytes;
      if (found) notes.push(...checkHeader(table, name, found.fields));
      const layout = layoutOf(table, found?.fields);
      // Of a single column the engine cannot tell a blank line from a record without a value.
      if (layout.fields < 2) throw new Doubtful('There is only one column.');
      return {
        name,
        path,
        headerLines: found ? 1 : 0,
        header: found?.fields,
        layout,
        isQuoted: quote !== -1 && body.includes(quote),
        forms: formsOf(table, layout, body.subarray(0, SAMPLE_BYTES)),
      };
    }
  } finally {
    stream.destroy();
  }
  throw new Doubtful('The file is empty.');
}

/** How instants are written in the first records. What is wrongly taken for a field here only costs time. */
function formsOf(table: FileTable, layout: Layout, sample: Uint8Array): InstantForms {
  const records = Buffer.from(sample)
    .toString()
    .split(/\r?\n/)
    .map((line) => line.split(table.delimiter));
  const places = layout.wanted.flatMap((isWanted, field) => (isWanted ? [field] : []));
  return new Map(
    layout.order.map((column, at) => {
      const texts = records.map((fields) => fields[places[at] ?? -1] ?? '');
      return [column.name, instantFormsOf(texts.map((text) => unquote(text, table.quote)))];
    }),
  );
}

const unquote = (text: string, quote: string): string =>
  quote !== '' && text.startsWith(quote) && text.endsWith(quote) ? text.slice(1, -1) : text;

async function* buffersOf(stream: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
  for await (const chunk of stream) if (Buffer.isBuffer(chunk)) yield chunk;
}

function checkScan(input: StagingInput, file: DirectFile, scan: LineScan): void {
  const isCsv = input.table.format === 'csv';
  const doubts = [
    scan.hasEndlessLine && 'A line does not end.',
    // To the engine a carriage return ends a line of CSV.
    isCsv && scan.hasLoneReturn && 'There are carriage returns inside lines.',
    (isCsv ? !input.table.header : true) &&
      scan.hasMark &&
      'A byte order mark stands before the first record.',
    scan.undecodable.length > Math.min(MAX_UNDECODABLE, scan.lines * MAX_UNDECODABLE_SHARE) &&
      'Much cannot be decoded.',
    scan.lines >= 2 ** 32 && 'There are more lines than can be numbered.',
  ].filter((doubt) => doubt !== false);
  if (doubts.length > 0) throw new Doubtful(`${file.name}: ${doubts.join(' ')}`);
}

function settingsOf(input: StagingInput): Record<string, string | number> {
  const { delimiter } = input.table;
  return {
    ...PLAIN_SETTINGS,
    input_format_parallel_parsing: 1,
    input_format_allow_errors_num: 0,
    input_format_allow_errors_ratio: 0,
    input_format_null_as_default: 0,
    format_csv_delimiter: delimiter,
    // Quotes are looked at as part of the text, so that a line is a record whatever stands in it.
    format_csv_allow_double_quotes: 0,
    format_csv_allow_single_quotes: 0,
    // The header is read as a record and left out by its number: the engine numbers rows rightly only from the first.
    input_format_csv_skip_first_lines: 0,
    input_format_csv_detect_header: 0,
    input_format_csv_trim_whitespaces: 0,
    input_format_csv_allow_whitespace_or_tab_as_delimiter: delimiter === ' ' || delimiter === '\t' ? 1 : 0,
    input_format_csv_empty_as_default: 0,
    input_format_csv_allow_variable_number_of_columns: 1,
    input_format_csv_skip_trailing_empty_lines: 0,
    input_format_csv_use_default_on_bad_values: 0,
  };
}

function insertSql(
  warehouse: Warehouse,
  input: StagingInput,
  part: {
    readonly physical: string;
    readonly file: DirectFile;
    readonly index: number;
    readonly except: readonly number[];
    readonly isPlain: boolean;
  },
  references: ReadonlyMap<string, string>,
): string {
  const { table } = input;
  const { file, except } = part;
  const columns = table.columns.map((column) => sqlName(column.name)).join(', ');
  const isCsv = table.format === 'csv';
  const { select, doubt } = isCsv ? csvSelect(input, file) : jsonSelect(input, file);
  const line = `_row_number + 1 AS line, toUInt16(${part.index}) AS file`;
  const doubts = [
    ...(file.headerLines > 0 ? [`line <= ${file.headerLines}`] : []),
    doubt,
    ...(except.length > 0 ? [`line IN (${except.join(', ')})`] : []),
  ];
  const texts: StagedTexts = {
    table: `(SELECT ${line}, ${select})`,
    source: textName,
    isNullable: !isCsv,
    record: `''`,
    unreadable: { condition: `(${doubts.join(' OR ')})`, reason: '' },
  };
  const rows = part.isPlain
    ? plainSql(table.columns, texts, references, file.forms)
    : typingSql(table.columns, texts, references).rows;
  return `INSERT INTO ${warehouse.identifier(part.physical)} (${columns}, _file, _line, _replayed) SELECT ${columns}, ${sqlText(file.name)}, line, false FROM (${rows})`;
}

/** Fields as they stand between delimiters: one more than there should be, and the last may be missing. */
function csvSelect(input: StagingInput, file: DirectFile): { select: string; doubt: string } {
  const { table } = input;
  const { fields } = file.layout;
  const raw = (field: number): string => `r${field}`;
  const structure = Array.from({ length: fields + 1 }, (_, field) =>
    field < fields - 1 ? `${raw(field)} String` : `${raw(field)} Nullable(String)`,
  );
  const text = (field: number): string => (field === fields - 1 ? `ifNull(${raw(field)}, '')` : raw(field));
  const doubts = [`isNotNull(${raw(fields)})`, `isNull(${raw(fields - 1)})`];
  const { quote } = table;
  const unquoted = (field: number): string => {
    if (!file.isQuoted) return text(field);
    const inner = `substring(${text(field)}, 2, length(${text(field)}) - 2)`;
    return `if(startsWith(${text(field)}, ${sqlText(quote)}), replaceAll(${inner}, ${sqlText(quote + quote)}, ${sqlText(quote)}), ${text(field)})`;
  };
  if (file.isQuoted) {
    for (let field = 0; field < fields; field++) {
      const inner = `substring(${text(field)}, 2, length(${text(field)}) - 2)`;
      doubts.push(
        `startsWith(${text(field)}, ${sqlText(quote)}) AND NOT (length(${text(field)}) >= 2 AND endsWith(${text(field)}, ${sqlText(quote)}) AND position(replaceAll(${inner}, ${sqlText(quote + quote)}, ''), ${sqlText(quote)}) = 0)`,
      );
    }
  }
  const order = [...file.layout.order];
  const wanted = file.layout.wanted.flatMap((isWanted, field) => {
    const column = isWanted ? order.shift() : undefined;
    return column ? [`${unquoted(field)} AS ${textName(column)}`] : [];
  });
  const doubt = doubts.map((each) => `(${each})`).join(' OR ');
  return {
    select: `${[...wanted, `${doubt} AS doubt`].join(', ')} FROM file(${sqlText(file.path)}, 'CSV', ${sqlText(structure.join(', '))})`,
    doubt: 'doubt',
  };
}

function jsonSelect(input: StagingInput, file: DirectFile): { select: string; doubt: string } {
  const fields = jsonFields(input.table);
  return {
    select: `${fields.map(({ sql, column }) => `${sql} AS ${textName(column)}`).join(', ')}, NOT (isValidJSON(raw) AND JSONType(raw) = 'Object') OR length(raw) >= ${MAX_RECORD_BYTES} AS doubt FROM file(${sqlText(file.path)}, 'LineAsString', 'raw String')`,
    doubt: 'doubt',
  };
}

function linesMissing(known: CidSet, file: ScannedFile): Uint32Array {
  const present = known.toArray();
  const first = file.headerLines + 1;
  const { lines } = file.scan;
  const missing = new Uint32Array(lines - file.headerLines - present.length);
  let at = 0;
  let next = 0;
  for (let line = first; line <= lines; line++) {
    if (present[next] === line) next++;
    else missing[at++] = line;
  }
  if (next !== present.length || at !== missing.length)
    throw new Doubtful('Rows have lines that do not exist.');
  return missing;
}

/** Splits single lines exactly and stages them. */
function createStager(deps: StagingDeps, input: StagingInput, target: Target, files: readonly ScannedFile[]) {
  const { table } = input;
  const isCsv = table.format === 'csv';
  const inserter = createInserter(deps.warehouse, target, input);
  let staged = 0;
  return {
    texts: isCsv
      ? csvTexts(
          table,
          target.stage,
          files.map(({ layout }) => layout.order),
        )
      : jsonTexts(target.stage),
    hasStaged: (): boolean => staged > 0,
    /** @returns how many records the lines are */
    async stage(index: number, lines: Uint32Array): Promise<number> {
      const file = files[index];
      if (!file || lines.length === 0) return 0;
      inserter.setColumns(file.layout.order);
      const splitter = isCsv
        ? csvSplitter(table, index, file.layout)
        : createJsonLinesSplitter({ file: index });
      for await (const chunk of readLinesAt(file.path, file.scan, lines)) {
        splitter.push(chunk, inserter.take);
        if (splitter.isOpen())
          throw new Doubtful(`A quoted field begins in line ${chunk.firstLine} and does not end.`);
        await inserter.settle();
      }
      splitter.end(inserter.take);
      staged += splitter.records();
      return splitter.records();
    },
    settle: (): Promise<void> => inserter.finish(),
  };
}
