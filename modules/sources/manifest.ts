import type { ProblemFault } from '@rapport/kernel';
import { Value } from 'typebox/value';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { checkFormat } from './dates.ts';
import { type FixedRecord, resolveFixed } from './fixed.ts';
import { isKnownEncoding } from './lines.ts';
import {
  type FileFormat,
  type FullColumn,
  type ManifestTable,
  type MapEntry,
  type Relation,
  SourceManifest,
  type StreamSettings,
  type TableRole,
} from './manifest.schema.ts';
import { PERSONAL_ROLE_COLUMNS, ROLE_COLUMNS } from './roles.ts';
import { sourcesProblems } from './sources.errors.ts';
import type { Column } from './typing.ts';

/** A manifest with every default filled in and every name checked. */
export interface Source {
  readonly id: string;
  readonly manifest: SourceManifest;
  readonly tables: readonly FileTable[];
  readonly derived: readonly SqlTable[];
}

export interface RoleMapping {
  readonly role: TableRole;
  /** Canonical column → where it comes from. */
  readonly map: Readonly<Record<string, MapEntry>>;
  readonly attributes: 'all' | 'none' | readonly string[];
}

export interface FileTable {
  readonly name: string;
  readonly paths: readonly string[];
  readonly format: FileFormat;
  readonly delimiter: string;
  readonly quote: string;
  readonly header: boolean;
  readonly encoding: string;
  readonly maxQuarantineShare: number;
  readonly maxUndecodableShare: number;
  readonly refusesExtraColumns: boolean;
  readonly columns: readonly Column[];
  readonly key: readonly string[];
  readonly duplicates: 'quarantine' | 'first' | 'last' | 'all';
  readonly mode: 'full' | 'append' | 'upsert';
  /** Of an upsert: the column by which the newer of two rows of a key is told. */
  readonly version: string | undefined;
  /** Of an upsert: rows that take the row of their key away. */
  readonly deletes: { readonly column: string; readonly values: readonly string[] } | undefined;
  /** Column → table and column in which its value must exist. */
  readonly references: ReadonlyMap<string, { readonly table: string; readonly column: string }>;
  readonly roleMapping: RoleMapping | undefined;
  /** Connection the files or rows come through; absent: the folder. */
  readonly connection: string | undefined;
  readonly compression: Compression;
  /** Of a database. */
  readonly relation: Relation | undefined;
  /** Pushed or consumed event by event; loads leave it alone. */
  readonly stream: StreamSettings | undefined;
  readonly fixed: FixedRecord | undefined;
  readonly sheet: string | number;
  readonly headerRow: number;
  readonly fillsMerged: boolean;
  /** Path of the array of rows in a JSON document. */
  readonly rowsPath: readonly string[];
}

export type Compression = 'auto' | 'none' | 'gzip' | 'zstd' | 'zip';

export interface SqlTable {
  readonly name: string;
  readonly sql: string;
  readonly personal: readonly string[];
  readonly key: readonly string[];
  readonly roleMapping: RoleMapping | undefined;
}

const TRUE_WORDS = ['true', 't', 'yes', 'y', '1', '是'];
const FALSE_WORDS = ['false', 'f', 'no', 'n', '0', '否'];
const COLUMN_NAME = /^[A-Za-z][A-Za-z0-9_]{0,62}$/;
const TABLE_NAME = /^[a-z][a-z0-9_]{0,59}$/;

/** Reads a manifest from YAML. @throws sources.invalid_manifest with every fault, its JSON pointer and line */
export function parseManifest(yaml: string, fileName = 'manifest'): Source {
  const lines = new LineCounter();
  const document = parseDocument(yaml, { lineCounter: lines, prettyErrors: false, merge: true });
  const lineOf = (offset: number | undefined): number =>
    offset === undefined ? 1 : lines.linePos(offset).line;
  if (document.errors.length > 0) {
    throw invalid(
      fileName,
      document.errors.map((error) => ({
        pointer: `${fileName}:${lineOf(error.pos[0])}`,
        message: error.message,
      })),
    );
  }
  const place = (pointer: string): string =>
    `${fileName}:${lineOf(offsetOf(document.contents, pointer))} ${pointer}`;
  return resolveManifest(document.toJS(), fileName, place);
}

/** Checks a manifest that came as JSON. @throws sources.invalid_manifest */
export function resolveManifest(
  value: unknown,
  fileName = 'manifest',
  place: (pointer: string) => string = (pointer) => pointer,
): Source {
  if (!Value.Check(SourceManifest, value)) {
    const faults = shapeFaults(value);
    throw invalid(
      fileName,
      faults.map((fault) => ({ pointer: place(fault.pointer), message: fault.message })),
    );
  }
  const faults: ProblemFault[] = [];
  const source = resolve(value, (pointer, message) => faults.push({ pointer: place(pointer), message }));
  if (faults.length > 0) throw invalid(fileName, faults);
  return source;
}

function invalid(fileName: string, faults: readonly ProblemFault[]) {
  const shown = faults.slice(0, 5).map((fault) => `${fault.pointer}: ${fault.message}`);
  const more = faults.length > shown.length ? `; and ${faults.length - shown.length} more` : '';
  return sourcesProblems.invalid_manifest({
    detail: `${fileName} is not a valid source manifest. ${shown.join('; ')}${more}`,
    faults,
  });
}

/** Of the faults of a union only those of the branch that was meant say anything. */
function shapeFaults(value: unknown): ProblemFault[] {
  const all = Value.Errors(SourceManifest, value).map((error) => {
    const extra = 'additionalProperties' in error.params ? error.params.additionalProperties : undefined;
    const missing = 'requiredProperties' in error.params ? error.params.requiredProperties : undefined;
    return {
      pointer: error.instancePath === '' ? '/' : error.instancePath,
      keyword: error.keyword,
      message: Array.isArray(extra)
        ? `there is no setting ${extra.map((name) => `"${String(name)}"`).join(', ')} here`
        : Array.isArray(missing)
          ? `needs ${missing.map((name) => `"${String(name)}"`).join(', ')}`
          : error.message,
    };
  });
  const specific = all.filter((fault) => !['anyOf', 'const', 'type', 'boolean'].includes(fault.keyword));
  const chosen = specific.length > 0 ? specific : all.filter((fault) => fault.keyword !== 'const');
  const seen = new Set<string>();
  return chosen.flatMap(({ pointer, message }) => {
    const id = `${pointer} ${message}`;
    if (seen.has(id)) return [];
    seen.add(id);
    return [{ pointer, message }];
  });
}

type Report = (pointer: string, message: string) => void;

function resolve(manifest: SourceManifest, report: Report): Source {
  const tables = Object.entries(manifest.tables).map(([name, table]) =>
    resolveTable(name, table, manifest, report),
  );
  const names = new Set(tables.map((table) => table.name));
  const derived = Object.entries(manifest.derived ?? {}).map(([name, table]): SqlTable => {
    const pointer = `/derived/${name}`;
    if (!TABLE_NAME.test(name)) report(pointer, TABLE_NAME_RULE);
    if (names.has(name)) report(pointer, `there is a table "${name}" already`);
    names.add(name);
    return {
      name,
      sql: table.sql,
      personal: table.personal ?? [],
      key: table.key ?? [],
      roleMapping: roleMappingOf(table, pointer, undefined, report),
    };
  });
  for (const table of tables) checkReferences(table, tables, report);
  for (const [index, rule] of (manifest.quality ?? []).entries()) {
    if ('table' in rule && !names.has(rule.table)) {
      report(`/quality/${index}/table`, `there is no table "${rule.table}"`);
    }
    if ('table' in rule && manifest.tables[rule.table]?.stream) {
      report(`/quality/${index}/table`, `${rule.table} is a stream; rules are judged when tables are loaded`);
    }
    if ('sql' in rule && rule.min === undefined && rule.max === undefined) {
      report(`/quality/${index}`, 'needs min, max or both');
    }
  }
  const rules = (manifest.quality ?? []).map((rule) => rule.name);
  for (const [index, name] of rules.entries()) {
    if (rules.indexOf(name) !== index) report(`/quality/${index}/name`, `there is another rule "${name}"`);
  }
  const ordered = inReferenceOrder(tables, report);
  return { id: manifest.source, manifest, tables: ordered, derived };
}

const TABLE_NAME_RULE = 'a table name is lower-case letters, digits and "_", and begins with a letter';

function resolveTable(
  name: string,
  table: ManifestTable,
  manifest: SourceManifest,
  report: Report,
): FileTable {
  const pointer = `/tables/${name}`;
  if (!TABLE_NAME.test(name)) report(pointer, TABLE_NAME_RULE);
  const isFiles = table.relation === undefined && table.stream === undefined;
  const settings = {
    ...manifest.defaults,
    ...withoutUndefined(table),
    // Rows of a database and events come in a form of ours, whatever the files of the source look like.
    ...(isFiles ? {} : OWN_FORM),
  };
  const format = settings.format ?? 'csv';
  const delimiter = settings.delimiter ?? ',';
  const quote = settings.quote ?? '"';
  const encoding = settings.encoding ?? 'utf-8';
  if (delimiter.charCodeAt(0) > 0x7f || /["\r\n0-9]/.test(delimiter)) {
    report(`${pointer}/delimiter`, 'must be one ASCII character, but no quote, digit or line end');
  }
  if (quote !== '' && (quote.charCodeAt(0) > 0x7f || quote === delimiter || /[\r\n]/.test(quote))) {
    report(`${pointer}/quote`, 'must be one ASCII character other than the delimiter, or ""');
  }
  if (!isKnownEncoding(encoding)) report(`${pointer}/encoding`, `the encoding "${encoding}" is not known`);
  const personal = personalColumns(table);
  const columns = Object.entries(table.columns).map(([column, given]) =>
    resolveColumn(column, typeof given === 'string' ? { type: given } : given, settings, {
      pointer: `${pointer}/columns/${column}`,
      isKey: (table.key ?? []).includes(column) || table.version === column,
      isPersonal: personal.has(column),
      report,
    }),
  );
  if (columns.length === 0) report(`${pointer}/columns`, 'needs at least one column');
  const names = new Set(columns.map((column) => column.name));
  const connection = table.connection ?? manifest.connection;
  checkPlace(table, format, { pointer, connection, names, report });
  const fixed = format === 'fixed' ? resolveFixed(table, `${pointer}`, report) : undefined;
  for (const column of table.key ?? []) {
    if (!names.has(column)) report(`${pointer}/key`, `there is no column "${column}"`);
  }
  if (table.duplicates && !table.key) report(`${pointer}/duplicates`, 'needs a key');
  checkMode(table, columns, pointer, report);
  const references = new Map(
    Object.entries(table.references ?? {}).map(([column, target]) => {
      if (!names.has(column)) report(`${pointer}/references/${column}`, `there is no column "${column}"`);
      const [other = '', otherColumn] = target.split('.');
      const key = otherColumn ?? manifest.tables[other]?.key?.[0] ?? '';
      return [column, { table: other, column: key }];
    }),
  );
  return {
    name,
    paths: table.path === undefined ? [] : typeof table.path === 'string' ? [table.path] : table.path,
    // Rows of a database come as CSV.
    format: table.relation ? 'csv' : table.stream ? 'jsonl' : format,
    delimiter,
    quote,
    header: settings.header ?? true,
    encoding,
    maxQuarantineShare: settings.maxQuarantineShare ?? 0.2,
    maxUndecodableShare: settings.maxUndecodableShare ?? 0.05,
    refusesExtraColumns: table.extraColumns === 'refuse',
    columns,
    key: table.key ?? [],
    duplicates: table.duplicates ?? (table.mode === 'upsert' ? 'last' : 'quarantine'),
    mode: table.mode ?? 'full',
    version: table.version,
    deletes: table.deletes,
    references,
    roleMapping: roleMappingOf(table, pointer, names, report),
    connection,
    compression: settings.compression ?? 'auto',
    relation: table.relation,
    stream: table.stream,
    fixed,
    sheet: table.sheet ?? 1,
    headerRow: table.headerRow ?? 1,
    fillsMerged: (table.merged ?? 'fill') === 'fill',
    rowsPath: table.rows === undefined ? [] : table.rows.split('.'),
  };
}

const OWN_FORM = {
  format: undefined,
  delimiter: undefined,
  quote: undefined,
  header: undefined,
  encoding: undefined,
  compression: undefined,
} as const;
const FILE_SETTINGS = ['format', 'delimiter', 'quote', 'header', 'encoding', 'compression'] as const;

/** A table comes from files, from a table of a database or as a stream, and its settings must suit that. */
function checkPlace(
  table: ManifestTable,
  format: FileFormat,
  context: {
    pointer: string;
    connection: string | undefined;
    names: ReadonlySet<string>;
    report: Report;
  },
): void {
  const { pointer, connection, names, report } = context;
  const kinds = [table.path, table.relation, table.stream].filter((kind) => kind !== undefined);
  if (kinds.length !== 1) {
    report(
      pointer,
      kinds.length === 0
        ? 'needs `path` (files), `relation` (a table of a database) or `stream`'
        : 'has more than one of `path`, `relation` and `stream`; a table comes from one place',
    );
  }
  if (table.relation && connection === undefined) {
    report(`${pointer}/relation`, 'needs a connection: `connection: <name>` here or at the top');
  }
  for (const setting of FILE_SETTINGS) {
    if (table[setting] !== undefined && table.path === undefined && kinds.length > 0)
      report(`${pointer}/${setting}`, `is a setting of files; this table is no file`);
  }
  if (table.stream) {
    if (table.connection !== undefined)
      report(
        `${pointer}/connection`,
        'a stream is pushed or stands in the stream store; it has no connection',
      );
    if (table.key || table.duplicates)
      report(`${pointer}/${table.key ? 'key' : 'duplicates'}`, 'an event is known by stream.eventId');
    if (table.role !== 'event') report(`${pointer}/role`, 'a stream plays the role event');
    if (!names.has(table.stream.eventId)) {
      report(`${pointer}/stream/eventId`, `there is no column "${table.stream.eventId}"`);
    }
    if (table.references) report(`${pointer}/references`, 'a stream has no references');
  }
  const only = (setting: 'sheet' | 'headerRow' | 'merged' | 'rows' | 'fixed', owner: FileFormat): void => {
    if (table[setting] !== undefined && format !== owner)
      report(`${pointer}/${setting}`, `is a setting of format: ${owner}; this table is ${format}`);
  };
  only('sheet', 'xlsx');
  only('headerRow', 'xlsx');
  only('merged', 'xlsx');
  only('rows', 'json');
  only('fixed', 'fixed');
}

function checkMode(table: ManifestTable, columns: readonly Column[], pointer: string, report: Report): void {
  const { mode = 'full' } = table;
  if (table.mode !== undefined && table.stream) report(`${pointer}/mode`, 'a stream has no deliveries');
  if (mode === 'upsert' && !table.key) report(`${pointer}/mode`, 'an upsert needs a key');
  if (mode === 'upsert' && table.duplicates !== undefined)
    report(`${pointer}/duplicates`, 'of an upsert the newest row of a key always stands');
  if (mode === 'append' && table.duplicates === 'last')
    report(`${pointer}/duplicates`, 'an append replaces no row; use mode: upsert');
  for (const setting of ['version', 'deletes'] as const) {
    if (table[setting] !== undefined && mode !== 'upsert')
      report(`${pointer}/${setting}`, 'is a setting of mode: upsert');
  }
  const named = (name: string, setting: string): Column | undefined => {
    const column = columns.find((candidate) => candidate.name === name);
    if (!column) report(`${pointer}/${setting}`, `there is no column "${name}"`);
    return column;
  };
  if (table.version !== undefined) {
    const column = named(table.version, 'version');
    if (column && !['integer', 'number', 'date', 'instant'].includes(column.type))
      report(
        `${pointer}/version`,
        `must be an integer, number, date or instant; "${table.version}" is ${column.type}`,
      );
  }
  if (table.deletes) {
    const column = named(table.deletes.column, 'deletes/column');
    if (column && column.type !== 'text')
      report(`${pointer}/deletes/column`, `must be a text; "${table.deletes.column}" is ${column.type}`);
  }
}

function personalColumns(table: ManifestTable): Set<string> {
  const roleColumns = table.role ? (PERSONAL_ROLE_COLUMNS[table.role] ?? []) : [];
  return new Set(
    roleColumns.flatMap((canonical) => {
      const entry = table.map?.[canonical] ?? canonical;
      if (typeof entry === 'string') return [entry];
      return 'from' in entry ? [entry.from] : [];
    }),
  );
}

function resolveColumn(
  name: string,
  given: FullColumn,
  settings: Pick<ManifestTable, 'nulls' | 'zone' | 'currency'>,
  context: { pointer: string; isKey: boolean; isPersonal: boolean; report: Report },
): Column {
  const { pointer, report } = context;
  if (!COLUMN_NAME.test(name)) {
    report(
      pointer,
      'a column name is letters, digits and "_", and begins with a letter; use `from` for other names',
    );
  }
  const isText = given.type === 'text';
  const formats = given.formats ?? ['ISO'];
  if (given.formats && given.type !== 'date' && given.type !== 'instant') {
    report(`${pointer}/formats`, `a ${given.type} has no formats`);
  } else if (given.type === 'date' || given.type === 'instant') {
    for (const [index, format] of formats.entries()) {
      const fault = checkFormat(format, given.type);
      if (fault) report(`${pointer}/formats/${index}`, fault);
    }
  }
  const zone = given.zone ?? settings.zone ?? 'UTC';
  if (!isZone(zone)) report(`${pointer}/zone`, `there is no time zone "${zone}"`);
  if (given.pattern !== undefined && !isPattern(given.pattern)) {
    report(`${pointer}/pattern`, `"${given.pattern}" is not a regular expression`);
  }
  for (const bound of ['min', 'max'] as const) {
    const fault = limitFault(given, given[bound]);
    if (fault) report(`${pointer}/${bound}`, fault);
  }
  const decimal = given.decimal ?? '.';
  if (given.thousands === decimal) report(`${pointer}/thousands`, 'is the same as the decimal sign');
  return {
    name,
    type: given.type,
    from: given.from ?? name,
    required: (given.required ?? false) || context.isKey,
    personal: (given.personal ?? false) || context.isPersonal,
    nulls: given.nulls ?? settings.nulls ?? [''],
    trim: given.trim ?? !isText,
    digits: given.digits ?? !isText,
    values: given.values,
    min: given.min,
    max: given.max,
    pattern: given.pattern,
    scale: given.scale ?? 2,
    decimal,
    thousands: given.thousands,
    trueWords: (given.true ?? TRUE_WORDS).map((word) => word.toLowerCase()),
    falseWords: (given.false ?? FALSE_WORDS).map((word) => word.toLowerCase()),
    dates: { formats, centuryFrom: given.centuryFrom ?? 1970, zone },
    currency: given.type === 'money' ? settings.currency : undefined,
  };
}

function limitFault(column: FullColumn, value: number | string | undefined): string | undefined {
  if (value === undefined) return undefined;
  switch (column.type) {
    case 'integer':
    case 'number':
    case 'money':
      return typeof value === 'number' ? undefined : 'must be a number';
    case 'date':
      return typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value)
        ? undefined
        : 'must be a date such as "2026-01-31"';
    case 'instant':
      return typeof value === 'string' && !Number.isNaN(Date.parse(value))
        ? undefined
        : 'must be an RFC 3339 instant';
    case 'text':
      return typeof value === 'string' ? undefined : 'must be a text';
    case 'boolean':
      return 'a boolean has no limits';
  }
}

const isZone = (zone: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
};

const isPattern = (pattern: string): boolean => {
  try {
    new RegExp(pattern, 'u');
    return true;
  } catch {
    return false;
  }
};

interface RoleSettings {
  readonly role?: TableRole;
  readonly map?: Readonly<Record<string, MapEntry>>;
  readonly attributes?: 'all' | 'none' | readonly string[];
}

/** `names` are the columns when they are known: those of a derived table are known only to the engine. */
function roleMappingOf(
  table: RoleSettings,
  pointer: string,
  names: ReadonlySet<string> | undefined,
  report: Report,
): RoleMapping | undefined {
  if (!table.role) {
    if (table.map) report(`${pointer}/map`, 'needs a role');
    if (table.attributes) report(`${pointer}/attributes`, 'needs a role');
    return undefined;
  }
  const map = table.map ?? {};
  const known = ROLE_COLUMNS[table.role];
  for (const [canonical, entry] of Object.entries(map)) {
    if (!known.some((column) => column.name === canonical)) {
      report(
        `${pointer}/map/${canonical}`,
        `the role ${table.role} has no column "${canonical}"; it has ${known.map((column) => column.name).join(', ')}`,
      );
    }
    const from = typeof entry === 'string' ? entry : 'from' in entry ? entry.from : undefined;
    if (names && from !== undefined && !names.has(from)) {
      report(`${pointer}/map/${canonical}`, `there is no column "${from}"`);
    }
  }
  if (names) {
    for (const column of known) {
      if (column.needed && !(column.name in map) && !names.has(column.name)) {
        report(`${pointer}/map`, `the role ${table.role} needs ${column.name}`);
      }
    }
    for (const name of Array.isArray(table.attributes) ? table.attributes : []) {
      if (!names.has(name)) report(`${pointer}/attributes`, `there is no column "${name}"`);
    }
  }
  return { role: table.role, map, attributes: table.attributes ?? 'all' };
}

function checkReferences(table: FileTable, tables: readonly FileTable[], report: Report): void {
  for (const [column, target] of table.references) {
    const pointer = `/tables/${table.name}/references/${column}`;
    const other = tables.find((candidate) => candidate.name === target.table);
    if (!other) {
      report(pointer, `there is no table "${target.table}"`);
      continue;
    }
    const otherColumn = other.columns.find((candidate) => candidate.name === target.column);
    if (!otherColumn) {
      report(
        pointer,
        target.column === ''
          ? `${target.table} has no key`
          : `${target.table} has no column "${target.column}"`,
      );
      continue;
    }
    const own = table.columns.find((candidate) => candidate.name === column);
    if (own && own.type !== otherColumn.type) {
      report(
        pointer,
        `${column} is a ${own.type}, ${target.table}.${target.column} is a ${otherColumn.type}`,
      );
    }
  }
}

/** Tables after those they refer to, otherwise in the order of the manifest. */
function inReferenceOrder(tables: readonly FileTable[], report: Report): FileTable[] {
  const ordered: FileTable[] = [];
  const visit = (table: FileTable, path: readonly string[]): void => {
    if (ordered.includes(table)) return;
    if (path.includes(table.name)) {
      report(
        `/tables/${table.name}/references`,
        `the references go round: ${[...path, table.name].join(' → ')}`,
      );
      return;
    }
    for (const target of table.references.values()) {
      const other = tables.find((candidate) => candidate.name === target.table);
      // A table may refer to itself: units to their parents.
      if (other && other !== table) visit(other, [...path, table.name]);
    }
    ordered.push(table);
  };
  for (const table of tables) visit(table, []);
  return ordered;
}

function withoutUndefined<Shape extends object>(shape: Shape): Shape {
  const copy = { ...shape };
  for (const key of Object.keys(copy)) {
    if (Reflect.get(copy, key) === undefined) Reflect.deleteProperty(copy, key);
  }
  return copy;
}

/** Where the deepest existing node of a pointer stands in the text. */
function offsetOf(root: Node | null, pointer: string): number | undefined {
  let node: unknown = root;
  let offset: number | undefined;
  for (const part of pointer.split('/').filter((word) => word !== '')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === name);
      if (!pair) return offset;
      if (isScalar(pair.key)) offset = pair.key.range?.[0];
      node = pair.value;
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(name)];
      if (item === undefined) return offset;
      if (isScalar(item) || isMap(item) || isSeq(item)) offset = item.range?.[0];
      node = item;
    } else {
      return offset;
    }
  }
  return offset;
}
