import { SaxesParser } from 'saxes';
import { type Entry, openPromise, type ZipFile } from 'yauzl';

/** A row of a sheet: texts of its cells by column, from 0; absent cells are undefined. */
export interface SheetRow {
  /** From 1, as the workbook numbers it. */
  readonly row: number;
  readonly cells: readonly (string | undefined)[];
}

export interface SheetOptions {
  /** Name of the sheet, or its place from 1. */
  readonly sheet: string | number;
  /** Whether a merged value stands for all its cells. */
  readonly fillsMerged: boolean;
}

export class WorkbookFault extends Error {
  override readonly name = 'WorkbookFault';
  readonly code: 'broken_file' | 'missing_sheet' | 'cell_error';
  constructor(code: WorkbookFault['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** More shared texts than this would not fit into memory; such tables belong into CSV or Parquet. */
const MAX_SHARED_CHARACTERS = 512 * 1024 * 1024;
/** A part that unpacks to more than this is a bomb or no sheet for people. */
const MAX_PART_BYTES = 8 * 1024 * 1024 * 1024;

/**
 * Streams the rows of one sheet of an Excel workbook (.xlsx, ISO/IEC 29500). Shared texts and styles are held, rows
 * are not. Dates are ISO texts (both date systems), formulas give the value that was saved with them, error cells
 * (`#N/A`) are kept as they read. Numbers keep the digits of the file.
 * @throws WorkbookFault when it is no workbook, or has no such sheet
 */
export async function* sheetRows(path: string, options: SheetOptions): AsyncGenerator<SheetRow[]> {
  let zip: ZipFile;
  try {
    zip = await openPromise(path, { lazyEntries: true, autoClose: false });
  } catch {
    throw new WorkbookFault('broken_file', 'it is no .xlsx workbook (perhaps an old .xls: save it as .xlsx)');
  }
  try {
    const parts = await entriesOf(zip);
    const book = await readBook(zip, parts);
    const target = findSheet(book.sheets, options.sheet);
    const part = parts.get(target);
    if (!part) throw new WorkbookFault('broken_file', `the part ${target} is missing`);
    const shared = await readShared(zip, parts);
    const dateStyles = await readDateStyles(zip, parts);
    const merges = options.fillsMerged ? await readMerges(zip, part) : [];
    yield* readRows(zip, part, { shared, dateStyles, merges, is1904: book.is1904 });
  } finally {
    zip.close();
  }
}

/** Names of the sheets, in order. */
export async function sheetNames(path: string): Promise<string[]> {
  const zip = await openPromise(path, { lazyEntries: true, autoClose: false });
  try {
    return (await readBook(zip, await entriesOf(zip))).sheets.map((sheet) => sheet.name);
  } finally {
    zip.close();
  }
}

async function entriesOf(zip: ZipFile): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  await new Promise<void>((resolve, reject) => {
    zip.on('entry', (entry: Entry) => {
      entries.set(entry.fileName.replace(/^\//, ''), entry);
      zip.readEntry();
    });
    zip.on('end', () => resolve());
    zip.on('error', reject);
    zip.readEntry();
  }).catch(() => {
    throw new WorkbookFault('broken_file', 'its archive is damaged');
  });
  return entries;
}

interface XmlHandler {
  open?(name: string, attributes: Readonly<Record<string, string>>): void;
  text?(text: string): void;
  close?(name: string): void;
}

/** Runs a part through a parser, answering after each piece so that rows can be taken out in between. */
async function* parsePart(zip: ZipFile, entry: Entry, handler: XmlHandler): AsyncGenerator<void> {
  if (entry.uncompressedSize > MAX_PART_BYTES) {
    throw new WorkbookFault('broken_file', `${entry.fileName} unpacks to ${entry.uncompressedSize} bytes`);
  }
  const parser = new SaxesParser();
  let fault: Error | undefined;
  const local = (name: string): string => name.slice(name.indexOf(':') + 1);
  parser.on('error', (error) => {
    fault ??= error;
  });
  parser.on('opentag', (tag) => handler.open?.(local(tag.name), tag.attributes));
  parser.on('text', (text) => handler.text?.(text));
  parser.on('cdata', (text) => handler.text?.(text));
  parser.on('closetag', (tag) => handler.close?.(local(tag.name)));
  const stream = await zip.openReadStreamPromise(entry);
  stream.setEncoding('utf8');
  try {
    for await (const chunk of stream) {
      parser.write(String(chunk));
      if (fault) throw new WorkbookFault('broken_file', `${entry.fileName}: ${fault.message}`);
      yield;
    }
  } catch (error) {
    if (error instanceof WorkbookFault) throw error;
    throw new WorkbookFault('broken_file', `${entry.fileName} is damaged`);
  }
  parser.close();
  if (fault) throw new WorkbookFault('broken_file', `${entry.fileName}: ${fault.message}`);
  yield;
}

async function parseWhole(zip: ZipFile, entry: Entry | undefined, handler: XmlHandler): Promise<void> {
  if (!entry) return;
  for await (const _ of parsePart(zip, entry, handler));
}

interface Sheet {
  readonly name: string;
  readonly part: string;
}

async function readBook(
  zip: ZipFile,
  parts: ReadonlyMap<string, Entry>,
): Promise<{ readonly sheets: readonly Sheet[]; readonly is1904: boolean }> {
  const targets = new Map<string, string>();
  await parseWhole(zip, parts.get('xl/_rels/workbook.xml.rels'), {
    open(name, { Id, Target }) {
      if (name !== 'Relationship' || Id === undefined || Target === undefined) return;
      targets.set(Id, Target.startsWith('/') ? Target.slice(1) : `xl/${Target}`);
    },
  });
  const sheets: Sheet[] = [];
  let is1904 = false;
  const workbook = parts.get('xl/workbook.xml');
  if (!workbook) throw new WorkbookFault('broken_file', 'it has no workbook part');
  await parseWhole(zip, workbook, {
    open(name, attributes) {
      if (name === 'workbookPr') is1904 = ['1', 'true'].includes(attributes.date1904 ?? '');
      if (name !== 'sheet') return;
      const id = Object.entries(attributes).find(([key]) => key === 'id' || key.endsWith(':id'))?.[1] ?? '';
      sheets.push({ name: attributes.name ?? '', part: targets.get(id) ?? '' });
    },
  });
  return { sheets, is1904 };
}

function findSheet(sheets: readonly Sheet[], wanted: string | number): string {
  const found =
    typeof wanted === 'number' ? sheets[wanted - 1] : sheets.find((sheet) => sheet.name === wanted);
  if (!found) {
    throw new WorkbookFault(
      'missing_sheet',
      `it has no sheet ${typeof wanted === 'number' ? `number ${wanted}` : `"${wanted}"`}; it has ${sheets.map((sheet) => `"${sheet.name}"`).join(', ')}`,
    );
  }
  return found.part;
}

async function readShared(zip: ZipFile, parts: ReadonlyMap<string, Entry>): Promise<string[]> {
  const shared: string[] = [];
  let text = '';
  let isText = false;
  let isPhonetic = false;
  let size = 0;
  await parseWhole(zip, parts.get('xl/sharedStrings.xml'), {
    open(name) {
      if (name === 'si') text = '';
      if (name === 't') isText = !isPhonetic;
      // How to say it (furigana), not what it says.
      if (name === 'rPh') isPhonetic = true;
    },
    text(piece) {
      if (isText) text += piece;
    },
    close(name) {
      if (name === 't') isText = false;
      if (name === 'rPh') isPhonetic = false;
      if (name !== 'si') return;
      size += text.length;
      if (size > MAX_SHARED_CHARACTERS) {
        throw new WorkbookFault('broken_file', 'its texts are too large; deliver it as CSV or Parquet');
      }
      shared.push(text);
    },
  });
  return shared;
}

/** @source ISO/IEC 29500-1, 18.8.30: built-in number formats that are dates or times */
const BUILT_IN_DATES = new Set([
  14,
  15,
  16,
  17,
  18,
  19,
  20,
  21,
  22,
  45,
  46,
  47,
  ...range(27, 36),
  ...range(50, 58),
]);

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** For each cell style, whether its numbers are dates. */
async function readDateStyles(zip: ZipFile, parts: ReadonlyMap<string, Entry>): Promise<boolean[]> {
  const custom = new Map<number, boolean>();
  const styles: boolean[] = [];
  let isCell = false;
  await parseWhole(zip, parts.get('xl/styles.xml'), {
    open(name, attributes) {
      if (name === 'numFmt') {
        custom.set(Number(attributes.numFmtId), isDateFormat(attributes.formatCode ?? ''));
      }
      if (name === 'cellXfs') isCell = true;
      if (name === 'xf' && isCell) {
        const id = Number(attributes.numFmtId ?? 0);
        styles.push(custom.get(id) ?? BUILT_IN_DATES.has(id));
      }
    },
    close(name) {
      if (name === 'cellXfs') isCell = false;
    },
  });
  return styles;
}

/** Whether a number format shows dates or times: it has a part of one outside quotes, brackets and escapes. */
export function isDateFormat(code: string): boolean {
  const bare = code
    .replace(/"[^"]*"/g, '')
    .replace(/\\./g, '')
    .replace(/_./g, '')
    .replace(/\[(?!h+\]|m+\]|s+\])[^\]]*\]/gi, '');
  return /[ymdhs年月日]/i.test(bare.replace(/general/gi, '').replace(/e[+-]/gi, ''));
}

interface Merge {
  readonly fromRow: number;
  readonly toRow: number;
  readonly fromColumn: number;
  readonly toColumn: number;
}

/** Merged ranges stand behind the rows, so they are read in a pass of their own. */
async function readMerges(zip: ZipFile, part: Entry): Promise<Merge[]> {
  const merges: Merge[] = [];
  await parseWhole(zip, part, {
    open(name, attributes) {
      if (name !== 'mergeCell') return;
      const [from, to] = (attributes.ref ?? '').split(':').map(placeOf);
      if (!from || !to) return;
      merges.push({ fromRow: from.row, toRow: to.row, fromColumn: from.column, toColumn: to.column });
    },
  });
  return merges.sort((a, b) => a.fromRow - b.fromRow);
}

function placeOf(reference: string): { readonly row: number; readonly column: number } | undefined {
  const match = /^([A-Z]{1,3})(\d+)$/.exec(reference.replaceAll('$', ''));
  if (!match) return undefined;
  let column = 0;
  for (const letter of match[1] ?? '') column = column * 26 + letter.charCodeAt(0) - 64;
  return { row: Number(match[2]), column: column - 1 };
}

/** `B7` for row 7, column 1. */
export function cellName(row: number, column: number): string {
  let letters = '';
  for (let rest = column + 1; rest > 0; rest = Math.floor((rest - 1) / 26)) {
    letters = String.fromCharCode(65 + ((rest - 1) % 26)) + letters;
  }
  return `${letters}${row}`;
}

interface RowContext {
  readonly shared: readonly string[];
  readonly dateStyles: readonly boolean[];
  readonly merges: readonly Merge[];
  readonly is1904: boolean;
}

async function* readRows(zip: ZipFile, part: Entry, context: RowContext): AsyncGenerator<SheetRow[]> {
  let rows: SheetRow[] = [];
  let row = 0;
  let column = -1;
  let cells: (string | undefined)[] = [];
  let type = '';
  let style = 0;
  let value = '';
  let isValue = false;
  let isPhonetic = false;
  let inData = false;
  const merged = createMergeFiller(context.merges);
  const handler: XmlHandler = {
    open(name, attributes) {
      if (name === 'sheetData') inData = true;
      if (!inData) return;
      switch (name) {
        case 'row':
          row = attributes.r === undefined ? row + 1 : Number(attributes.r);
          column = -1;
          cells = [];
          break;
        case 'c': {
          const place = attributes.r === undefined ? undefined : placeOf(attributes.r);
          column = place?.column ?? column + 1;
          type = attributes.t ?? 'n';
          style = Number(attributes.s ?? 0);
          value = '';
          break;
        }
        case 'rPh':
          isPhonetic = true;
          break;
        case 'v':
        case 't':
          isValue = !isPhonetic;
          break;
      }
    },
    text(piece) {
      if (isValue) value += piece;
    },
    close(name) {
      if (!inData) return;
      switch (name) {
        case 'v':
        case 't':
          isValue = false;
          break;
        case 'rPh':
          isPhonetic = false;
          break;
        case 'c':
          if (column < 16_384)
            cells[column] = textOf(type, value, context.dateStyles[style] ?? false, context);
          break;
        case 'row':
          rows.push({ row, cells: merged(row, cells) });
          break;
        case 'sheetData':
          inData = false;
          break;
      }
    },
  };
  for await (const _ of parsePart(zip, part, handler)) {
    if (rows.length === 0) continue;
    yield rows;
    rows = [];
  }
}

/** Puts the first cell of each merged range into its other cells, row by row. */
function createMergeFiller(merges: readonly Merge[]) {
  const values = new Map<Merge, string | undefined>();
  let first = 0;
  return (row: number, cells: (string | undefined)[]): (string | undefined)[] => {
    const ends = (): boolean => {
      const merge = merges[first];
      return merge !== undefined && merge.toRow < row && first < merges.length;
    };
    while (ends()) first++;
    for (let index = first; index < merges.length; index++) {
      const merge = merges[index];
      if (!merge || merge.fromRow > row) break;
      if (merge.toRow < row) continue;
      if (row === merge.fromRow) values.set(merge, cells[merge.fromColumn]);
      const value = values.get(merge);
      for (let column = merge.fromColumn; column <= merge.toColumn; column++) cells[column] = value;
    }
    return cells;
  };
}

function textOf(type: string, value: string, isDate: boolean, context: RowContext): string | undefined {
  switch (type) {
    case 's':
      return context.shared[Number(value)];
    case 'inlineStr':
    case 'str':
    case 'e':
    case 'd':
      return unescaped(value);
    case 'b':
      return value === '' ? undefined : value === '1' ? 'true' : 'false';
    default:
      if (value === '') return undefined;
      return isDate ? serialToIso(Number(value), context.is1904) : plainDigits(value);
  }
}

/** Excel writes control characters as `_x000D_`. */
const unescaped = (text: string): string =>
  text.replace(/_x([0-9A-Fa-f]{4})_/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));

/**
 * A number as plain decimal text. The file holds the 17 digits of a double (`0.10000000000000001`); what a person
 * typed has at most 15, so those are what it says.
 */
export function plainDigits(value: string): string {
  const number = Number(value);
  if (!Number.isFinite(number)) return value;
  if (Number.isSafeInteger(number)) return String(number);
  const short = Number(number.toPrecision(15));
  const text = String(short);
  if (!/e/i.test(text)) return text;
  return Math.abs(short) >= 1e21 || Math.abs(short) < 1e-12 ? text : short.toFixed(20).replace(/\.?0+$/, '');
}

const DAY_MS = 86_400_000;

/**
 * A date serial as ISO text: a day alone where it has no time of day, a time alone (`09:30:00`) below 1.
 * The 1900 system counts a 29 February 1900 that never was.
 * @source ISO/IEC 29500-1, 18.17.4
 */
export function serialToIso(serial: number, is1904: boolean): string {
  if (!Number.isFinite(serial)) return String(serial);
  const ms = Math.round(serial * DAY_MS);
  if (serial >= 0 && serial < 1 && !is1904) return new Date(ms).toISOString().slice(11, 19);
  const epoch = is1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, serial < 60 ? 31 : 30);
  // Seconds are all that a double of this size holds surely.
  const at = new Date(epoch + Math.round(ms / 1000) * 1000);
  if (Number.isNaN(at.getTime())) return String(serial);
  const iso = at.toISOString();
  return at.getTime() % DAY_MS === 0 ? iso.slice(0, 10) : `${iso.slice(0, 19)}`;
}
