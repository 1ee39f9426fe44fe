import type { Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { LoadTable } from './contract.ts';
import { readDirectly } from './direct.ts';
import { columnsOf, keyOf, PLACE_COLUMNS } from './increments.ts';
import type { FileTable } from './manifest.ts';
import type { LooseRecord, Staged, StagingDeps, StagingInput } from './reader.ts';
import { readerOf } from './readers.ts';
import { LoadRefused } from './refusal.ts';
import { sqlName, sqlText, sqlTexts } from './sql-text.ts';
import { stageRecords } from './staging.ts';
import { engineType, typingSql } from './typing.ts';

const Counted = Type.Object({ n: Type.Integer() });
const Place = Type.Object({ file: Type.String(), line: Type.Integer() });
const Reasons = Type.Object({
  reason: Type.String(),
  field: Type.String(),
  n: Type.Integer(),
  file: Type.Integer(),
  line: Type.Integer(),
  value: Type.String(),
});

/** What a table was made of before the delivery that is read now. */
export interface Before {
  /** Physical name that reads its rows. */
  readonly live: string;
  /** SELECT of its rows that meet an SQL condition on the key, those that say that a key is gone included. */
  rows(where: string): string;
}

/** What a table is built from: its files, or records that are added to the rows that stand. */
export type TableInput =
  | {
      readonly kind: 'files';
      /** The files are a delivery to a table that stands: their rows alone become a table. */
      readonly before?: Before;
    }
  | {
      readonly kind: 'records';
      readonly records: readonly LooseRecord[];
      readonly headers: Readonly<Record<string, readonly string[]>>;
      /** Physical table whose rows stay. */
      readonly base: string;
    };

export interface BuiltTable {
  readonly physical: string;
  readonly summary: LoadTable & { readonly headers: Readonly<Record<string, readonly string[]>> };
  readonly rows: number;
  readonly notes: readonly string[];
  /** Table of refused records, to be copied to quarantine; `file` is an index into `files`. */
  readonly faultTable: string;
  readonly files: readonly string[];
  /** Of a delivery to a table that stands: a table of the rows of before that have a key of the delivery. */
  readonly known: string | undefined;
}

/** Reading files and building tables may take long. */
const LONG = { maxSeconds: 6 * 3_600 } as const;

/**
 * Builds one typed table: texts into the stage, types by the engine, then keys and references to itself. Everything
 * that does not fit is in `faultTable`; read = loaded + quarantined.
 * @param physicalOf warehouse table of another table of the source, built before this one
 * @throws LoadRefused when the table as a whole does not pass
 */
export async function buildTable(
  deps: StagingDeps,
  input: StagingInput,
  source: TableInput,
  physicalOf: (table: string) => string,
): Promise<BuiltTable> {
  const { warehouse, releases } = deps;
  const { table } = input;
  const before = source.kind === 'files' ? source.before : undefined;
  const name = (physical: string): string => warehouse.identifier(physical);
  const options = { ...LONG, signal: input.signal };
  const run = (sql: string): Promise<void> => warehouse.command(sql, {}, options);
  const count = async (sql: string): Promise<number> => {
    const [row] = await warehouse.query(Counted, sql, {}, options);
    return row?.n ?? 0;
  };

  const columns = table.columns.map((column) => sqlName(column.name)).join(', ');
  const keyText = `arrayStringConcat([${table.key.map((column) => `toString(${sqlName(column)})`).join(', ')}], ', ')`;
  const fileOf = `arrayElement([${sqlTexts(input.files.length > 0 ? input.files : [''])}], file + 1)`;
  const isReplay = source.kind === 'records';

  const create = async (): Promise<string> => {
    const physical = releases.newTableName(`src_${input.sourceId}_${table.name}`);
    input.onTable(physical);
    const typed = table.columns.map((column) => `${sqlName(column.name)} ${engineType(column)}`);
    await warehouse.createTable({
      name: physical,
      columns: `${typed.join(', ')}, ${PLACE_COLUMNS}`,
      orderBy: table.key.length > 0 ? table.key.map(sqlName).join(', ') : 'tuple()',
      spread: 'any',
    });
    return physical;
  };

  // Types.
  const own = [...table.references].filter(([, target]) => target.table === table.name);
  const references = new Map(
    [...table.references]
      .filter(([, target]) => target.table !== table.name)
      .map(([column, target]) => [
        column,
        `SELECT ${sqlName(target.column)} FROM ${name(physicalOf(target.table))}`,
      ]),
  );
  const direct =
    source.kind === 'files' && !deps.readers?.[table.format]
      ? await readDirectly(deps, input, create, references)
      : undefined;
  const staged =
    direct?.staged ??
    (source.kind === 'files'
      ? await readerOf(deps, table).read(deps, input)
      : await stageRecords(deps, input, source.records, source.headers));
  const sql = typingSql(staged.columns, staged.texts, references);
  let physical = direct?.physical ?? (await create());
  if (source.kind === 'records') {
    const all = `${columns}, _file, _line, _replayed`;
    await run(`INSERT INTO ${name(physical)} (${all}) SELECT ${all} FROM ${name(source.base)}`);
  }
  if (!direct || direct.hasStaged) {
    await run(
      `INSERT INTO ${name(physical)} (${columns}, _file, _line, _replayed) SELECT ${columns}, ${fileOf}, line, ${isReplay} FROM (${sql.rows})`,
    );
  }
  const typed = await count(`SELECT count() AS n FROM ${name(physical)}`);
  const kept = source.kind === 'records' ? await count(`SELECT count() AS n FROM ${name(source.base)}`) : 0;
  // Where every record became a row, a second pass for those that did not would find nothing.
  if (typed - kept < staged.read) {
    // Working out types is what costs most, so the second pass looks only at the records that are missing; a replay is
    // small, and among its rows stand those of before.
    const missing = isReplay
      ? staged.texts.table
      : direct
        ? `(${notAmong(staged.texts.table, name(physical), fileOf)})`
        : `(${notTyped(staged.texts.table, name(physical), fileOf)})`;
    const { faults } = typingSql(staged.columns, { ...staged.texts, table: missing }, references);
    await run(
      `INSERT INTO ${name(staged.faultTable)} (file, line, faults, record, record_hex) SELECT file, line, faults, record, '' FROM (${faults})`,
    );
  }

  /** Of rows that were read without being staged, the records are fetched once they are needed. */
  const stageLost = async (lost: string): Promise<void> => {
    if (!direct) return;
    const unstaged = warehouse.stream(
      Place,
      `SELECT _file AS file, _line AS line FROM ${name(lost)} WHERE (_file, _line) NOT IN (SELECT ${fileOf}, line FROM ${staged.texts.table}) ORDER BY file, line`,
      {},
      options,
    );
    for await (const places of unstaged) await direct.stageLines(places);
  };

  /** Leaves rows out of the table. */
  const keepOnly = async (where: string): Promise<void> => {
    const rest = await create();
    await run(
      `INSERT INTO ${name(rest)} (${columnsOf(table)}) SELECT ${columnsOf(table)} FROM ${name(physical)} WHERE ${where}`,
    );
    await warehouse.drop(physical);
    physical = rest;
  };

  /** Takes rows out of the table again and puts their records among the faults. */
  const takeOut = async (losers: string, field: string, value: string, reason: string): Promise<number> => {
    const lost = releases.newTableName(`lost_${input.sourceId}_${table.name}`);
    input.onTable(lost);
    await warehouse.createTable({
      name: lost,
      columns: '_file String, _line UInt64, value String',
      orderBy: '_file, _line',
      spread: 'any',
    });
    await run(`INSERT INTO ${name(lost)} SELECT CAST(_file, 'String'), _line, ${value} FROM (${losers})`);
    const lostRows = await count(`SELECT count() AS n FROM ${name(lost)}`);
    if (lostRows > 0) {
      await stageLost(lost);
      await run(
        `INSERT INTO ${name(staged.faultTable)} (file, line, faults, record, record_hex)
SELECT s.file, s.line, [(${sqlText(field)}, l.value, ${sqlText(reason)})], s.record, ''
FROM (SELECT file, line, ${fileOf} AS _file, ${staged.texts.record} AS record FROM ${staged.texts.table}) AS s
INNER JOIN ${name(lost)} AS l ON s._file = l._file AND s.line = l._line`,
      );
      await keepOnly(`(CAST(_file, 'String'), _line) NOT IN (SELECT _file, _line FROM ${name(lost)})`);
    }
    await warehouse.drop(lost);
    return lostRows;
  };

  // Keys.
  let superseded = 0;
  if (table.key.length > 0) {
    const key = table.key.map(sqlName).join(', ');
    // Keys with different hashes are different; only where some are equal the keys themselves need to be compared.
    const sharing = await count(`SELECT count() - uniqExact(sipHash64(${key})) AS n FROM ${name(physical)}`);
    const repeated = `SELECT ${key} FROM ${name(physical)} GROUP BY ${key} HAVING count() > 1`;
    if (sharing > 0 && (await count(`SELECT count() AS n FROM (${repeated} LIMIT 1)`)) > 0) {
      const place = "_replayed, CAST(_file, 'String'), _line";
      const isLast = table.duplicates === 'last' && !isReplay;
      const newest = table.version === undefined ? '' : `${sqlName(table.version)} DESC, `;
      const order = isLast ? `${newest}_replayed DESC, CAST(_file, 'String') DESC, _line DESC` : place;
      const keyTuple = keyOf(table).tuple;
      const ranked = `SELECT ${key}, _file, _line, _replayed, row_number() OVER (PARTITION BY ${key} ORDER BY ${order}) AS place FROM ${name(physical)} WHERE ${keyTuple} IN (${repeated})`;
      const losers =
        table.duplicates === 'all'
          ? `SELECT * FROM (${ranked})${isReplay ? ' WHERE _replayed' : ''}`
          : `SELECT * FROM (${ranked}) WHERE place > 1`;
      const isExpected = table.duplicates === 'first' || table.duplicates === 'last';
      const lost = await takeOut(
        losers,
        table.key.join(', '),
        keyText,
        isExpected ? 'superseded' : 'duplicate_key',
      );
      if (isExpected) superseded += lost;
    }
  }

  // Rows of before.
  let known: string | undefined;
  let repeated = 0;
  if (before && table.key.length > 0) {
    const key = keyOf(table);
    known = await create();
    await run(
      `INSERT INTO ${name(known)} (${columnsOf(table)}) SELECT ${columnsOf(table)} FROM (${before.rows(`${key.tuple} IN (SELECT ${key.list} FROM ${name(physical)})`)})`,
    );
    const isKnown = `${key.tuple} IN (SELECT ${key.list} FROM ${name(known)})`;
    const clashing = (): Promise<number> =>
      count(`SELECT count() AS n FROM (SELECT 1 FROM ${name(physical)} WHERE ${isKnown})`);
    if ((await clashing()) === 0) {
      known = undefined;
    } else {
      // What comes again just as it stands changes nothing, and is no fault.
      const digest = `sipHash128(toString(tuple(${columns})))`;
      const isSame = `${isKnown} AND ${digest} IN (SELECT ${digest} FROM ${name(known)})`;
      repeated = await count(`SELECT count() AS n FROM (SELECT 1 FROM ${name(physical)} WHERE ${isSame})`);
      if (repeated > 0) await keepOnly(`NOT (${isSame})`);
      if (table.mode === 'append' && (await clashing()) > 0) {
        const isExpected = table.duplicates === 'first';
        const lost = await takeOut(
          `SELECT * FROM ${name(physical)} WHERE ${isKnown}`,
          table.key.join(', '),
          keyText,
          isExpected ? 'superseded' : 'duplicate_key',
        );
        if (isExpected) superseded += lost;
      }
      if (table.mode === 'upsert' && table.version !== undefined) {
        const version = sqlName(table.version);
        const own = table.key.map((column) => `n.${sqlName(column)} AS ${sqlName(column)}`).join(', ');
        const stale = `SELECT ${own}, n._file AS _file, n._line AS _line FROM ${name(physical)} AS n INNER JOIN (SELECT ${key.list}, ${version} AS version_ FROM ${name(known)}) AS o USING (${key.list}) WHERE n.${version} < o.version_`;
        superseded += await takeOut(stale, table.key.join(', '), keyText, 'superseded');
      }
    }
  }

  // References to the table itself: a row taken out may leave others without what they refer to.
  for (let isStable = own.length === 0; !isStable; ) {
    isStable = true;
    for (const [column, target] of own) {
      const missing = `SELECT * FROM ${name(physical)} WHERE ${isPresent(column, table)} AND ${sqlName(column)} NOT IN (SELECT ${sqlName(target.column)} FROM ${name(physical)}${before ? ` UNION ALL SELECT ${sqlName(target.column)} FROM ${name(before.live)}` : ''})`;
      const lost = await takeOut(
        missing,
        column,
        `ifNull(toString(${sqlName(column)}), '')`,
        'unknown_reference',
      );
      if (lost > 0) isStable = false;
    }
  }

  // The books.
  const rows = await count(`SELECT count() AS n FROM ${name(physical)}`);
  const loaded = isReplay ? await count(`SELECT count() AS n FROM ${name(physical)} WHERE _replayed`) : rows;
  const replayed =
    source.kind === 'records'
      ? await count(`SELECT count() AS n FROM ${name(source.base)} WHERE _replayed`)
      : 0;
  const quarantined = await count(`SELECT count() AS n FROM ${name(staged.faultTable)}`);
  if (staged.read !== loaded - replayed + quarantined + repeated) {
    throw new Error(
      `${table.name} does not reconcile: ${staged.read} read, ${loaded - replayed} loaded, ${quarantined} quarantined, ${repeated} repeated.`,
    );
  }
  if (!isReplay) await checkShare(warehouse, staged, input, quarantined - superseded);
  for (const temporary of staged.temporary) {
    if (temporary !== staged.faultTable) await warehouse.drop(temporary);
  }
  return {
    physical,
    rows,
    notes: staged.notes,
    faultTable: staged.faultTable,
    files: input.files,
    known: table.mode === 'upsert' ? known : undefined,
    summary: {
      table: table.name,
      derived: false,
      read: staged.read,
      loaded: loaded - replayed,
      quarantined,
      superseded,
      ...(before ? { repeated } : {}),
      bytes: staged.files.reduce((sum, file) => sum + file.bytes, 0),
      files: [...staged.files],
      headers: staged.headers,
    },
  };
}

/** The staged records of which no row came about. Bitmaps of line numbers take a few bits a row, hash sets would not. */
function notTyped(stage: string, physical: string, fileOf: string): string {
  const lines = `SELECT file, bitmapToArray(bitmapAndnot(s.lines, t.lines)) AS missing
FROM (SELECT file, ${fileOf} AS _file, groupBitmapState(line) AS lines FROM ${stage} GROUP BY file) AS s
LEFT JOIN (SELECT CAST(_file, 'String') AS _file, groupBitmapState(_line) AS lines FROM ${physical} GROUP BY _file) AS t ON s._file = t._file`;
  // PREWHERE, or the engine may work out the types of all records before it looks at the line.
  return `SELECT * FROM ${stage} PREWHERE (file, line) IN (SELECT file, arrayJoin(missing) FROM (${lines}))`;
}

/** The same where only few records are staged. */
const notAmong = (stage: string, physical: string, fileOf: string): string =>
  `SELECT * FROM ${stage} PREWHERE (${fileOf}, line) NOT IN (SELECT CAST(_file, 'String'), _line FROM ${physical} WHERE _line IN (SELECT line FROM ${stage}))`;

function isPresent(column: string, table: FileTable): string {
  const isText = table.columns.find((candidate) => candidate.name === column)?.type === 'text';
  return isText ? `${sqlName(column)} != ''` : `${sqlName(column)} IS NOT NULL`;
}

async function checkShare(
  warehouse: Warehouse,
  staged: Staged,
  input: StagingInput,
  refused: number,
): Promise<void> {
  const { table } = input;
  if (staged.read === 0 || refused / staged.read <= table.maxQuarantineShare) return;
  const reasons = await warehouse.query(
    Reasons,
    `SELECT reason, field, count() AS n, toUInt32(argMin(file_, (file_, line_))) AS file, argMin(line_, (file_, line_)) AS line, argMin(value_, (file_, line_)) AS value FROM (
  SELECT file AS file_, line AS line_, faults[1].1 AS field, faults[1].2 AS value_, faults[1].3 AS reason FROM ${warehouse.identifier(staged.faultTable)}
) GROUP BY reason, field ORDER BY n DESC, reason, field LIMIT 3`,
  );
  const shown = reasons.map((row) => {
    const where = `first at ${input.files[row.file] ?? ''}:${row.line}`;
    const found =
      row.value === ''
        ? ''
        : `, "${table.columns.find((column) => column.name === row.field)?.personal ? '•••' : row.value}"`;
    return `${row.n} × ${row.field === '' ? '' : `${row.field} `}${row.reason} (${where}${found})`;
  });
  const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;
  throw new LoadRefused([
    {
      code: 'too_many_refused',
      place: table.name,
      message: `${refused} of ${staged.read} records (${percent(refused / staged.read)}) are refused, more than the ${percent(table.maxQuarantineShare)} allowed: ${shown.join('; ')}. Correct the files or the manifest, or raise maxQuarantineShare.`,
    },
  ]);
}
