import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { LoadFile } from './contract.ts';
import type { FileTable } from './manifest.ts';
import { sqlName, sqlTexts } from './sql-text.ts';
import { engineType } from './typing.ts';

/** An immutable physical table of the rows of one delivery, or of several put together. */
export interface TablePart {
  readonly table: string;
  /** Rows that count, those that say that a key is gone included. */
  readonly rows: number;
  /** Of them, those that say that a key is gone. */
  readonly gone: number;
  /** Tables of rows whose keys do not count here any more. */
  readonly without: readonly string[];
}

/** What a table of files is made of; stored with its description. */
export interface TableState {
  /** The run of the load that made it: its quarantine holds what is open of the table. */
  readonly attempt: string;
  readonly key: readonly string[];
  /** SHA-256 of all files that its rows came from. */
  readonly files: readonly { readonly file: string; readonly sha256: string; readonly bytes: number }[];
  readonly parts: readonly TablePart[];
  /** Which rows say that a key is gone. */
  readonly deletes?: FileTable['deletes'];
}

/** A table after an increment. */
export interface Grown {
  /** What reads its rows. */
  readonly physical: string;
  readonly state: TableState;
  readonly rows: number;
  /** FROM clauses of the rows that came and went. */
  readonly added: string;
  readonly withdrawn: string | undefined;
  readonly replaced: number;
  /** Rows of the delivery that say that a key is gone. */
  readonly deleted: number;
}

/** More parts than this are put together. */
const MAX_PARTS = 8;
/** A part with more tables of rows that do not count is written anew without them. */
const MAX_WITHOUT = 4;
/** Parts are put together with those that are not this many times larger. */
const GROWTH = 2;

const LONG = { maxSeconds: 6 * 3_600 } as const;
/** No column of a source begins with `_`. */
const Counted = Type.Object({ _n: Type.Integer(), _gone: Type.Integer() });

/**
 * Tables that grow by deliveries. The rows of a delivery stay where they were written: the table is a view over the
 * parts, and rows that were replaced are left out by their keys. So a delivery costs what it brings; parts are put
 * together as they become many, each row no more often than their number has digits in base two.
 */
export function createIncrements(deps: { readonly warehouse: Warehouse; readonly releases: Releases }) {
  const { warehouse, releases } = deps;
  const q = (table: string): string => warehouse.identifier(table);

  const count = async (table: FileTable, from: string, signal: AbortSignal): Promise<Counts> => {
    const [row] = await warehouse.query(
      Counted,
      `SELECT count() AS _n, ${table.deletes ? `countIf(${isGone(table)})` : 'toUInt64(0)'} AS _gone FROM ${from}`,
      {},
      { ...LONG, signal },
    );
    return { rows: row?._n ?? 0, gone: row?._gone ?? 0 };
  };

  const create = async (sourceId: string, table: FileTable, onTable: (name: string) => void) => {
    const physical = releases.newTableName(`src_${sourceId}_${table.name}`);
    onTable(physical);
    await warehouse.createTable({
      name: physical,
      columns: `${table.columns.map((column) => `${sqlName(column.name)} ${engineType(column)}`).join(', ')}, ${PLACE_COLUMNS}`,
      orderBy: table.key.length > 0 ? table.key.map(sqlName).join(', ') : 'tuple()',
      spread: 'any',
    });
    return physical;
  };

  const partSql = (table: FileTable, part: TablePart, where = 'true'): string => {
    const key = keyOf(table);
    const lists = part.without.map((other) => `SELECT ${key.list} FROM ${q(other)}`);
    const isIn = lists.length === 0 ? '' : ` AND ${key.tuple} NOT IN (${lists.join(' UNION ALL ')})`;
    return `SELECT ${columnsOf(table)} FROM ${q(part.table)} WHERE ${where}${isIn}`;
  };

  /** SELECT of all rows that count, those that say that a key is gone included. */
  const everything = (table: FileTable, parts: readonly TablePart[], where = 'true'): string =>
    parts.map((part) => partSql(table, part, where)).join(' UNION ALL ');

  /** The name that reads the rows of a table; a view, unless its only part says it all. */
  const present = async (
    sourceId: string,
    table: FileTable,
    parts: readonly TablePart[],
    onTable: (name: string) => void,
  ): Promise<string> => {
    const [only] = parts;
    if (only && parts.length === 1 && only.without.length === 0 && !table.deletes) return only.table;
    const view = releases.newTableName(`src_${sourceId}_${table.name}`);
    const rows = everything(table, parts);
    onTable(view);
    await warehouse.createView(
      view,
      table.deletes ? `SELECT ${columnsOf(table)} FROM (${rows}) WHERE NOT (${isGone(table)})` : rows,
    );
    await releases.describeSegments([{ name: view, rows: rowsOf(parts), reads: tablesOf(parts) }]);
    return view;
  };

  /** Puts parts together until there are few, each not much smaller than the one before. */
  const tidy = async (
    sourceId: string,
    table: FileTable,
    parts: readonly TablePart[],
    context: { onTable: (name: string) => void; signal: AbortSignal },
  ): Promise<readonly TablePart[]> => {
    const rest = parts.filter((part) => part.rows > 0);
    let from = rest.length;
    const isWorn = rest.findIndex((part) => part.without.length > MAX_WITHOUT);
    if (isWorn !== -1) from = isWorn;
    if (rest.length > MAX_PARTS) {
      let sum = 0;
      let at = rest.length - 1;
      for (; at >= 0 && (sum === 0 || (rest[at]?.rows ?? 0) <= GROWTH * sum); at--)
        sum += rest[at]?.rows ?? 0;
      from = Math.min(from, at + 1, rest.length - 2);
    }
    const merged = rest.slice(from);
    if (merged.length === 0) return rest;
    const physical = await create(sourceId, table, context.onTable);
    await warehouse.command(
      `INSERT INTO ${q(physical)} (${columnsOf(table)}) ${everything(table, merged)}`,
      {},
      { ...LONG, signal: context.signal },
    );
    const gone = merged.reduce((sum, part) => sum + part.gone, 0);
    return [...rest.slice(0, from), { table: physical, rows: sumOf(merged), gone, without: [] }];
  };

  return {
    everything,

    /** A name that reads all rows that count, those that say that a key is gone included. */
    async whole(
      sourceId: string,
      table: FileTable,
      state: TableState,
      onTable: (name: string) => void,
    ): Promise<string> {
      const view = releases.newTableName(`all_${sourceId}_${table.name}`);
      onTable(view);
      await warehouse.createView(view, everything(table, state.parts));
      return view;
    },

    /**
     * The state of a table that was delivered as a whole.
     * @param before files that were loaded before
     */
    async begin(
      sourceId: string,
      table: FileTable,
      delivery: { physical: string; rows: number; files: readonly LoadFile[]; attempt: string },
      before: TableState['files'],
      context: { onTable: (name: string) => void; signal: AbortSignal },
    ): Promise<{ physical: string; state: TableState; rows: number; gone: number }> {
      const { rows, gone } = table.deletes
        ? await count(table, q(delivery.physical), context.signal)
        : { rows: delivery.rows, gone: 0 };
      const parts = [{ table: delivery.physical, rows, gone, without: [] }];
      return {
        physical: await present(sourceId, table, parts, context.onTable),
        state: stateOf(table, delivery, before, parts),
        rows: rows - gone,
        gone,
      };
    },

    /**
     * Adds a delivery.
     * @param delivery.known table of the rows of before with keys that the delivery has; those are replaced
     */
    async grow(
      sourceId: string,
      table: FileTable,
      state: TableState,
      delivery: {
        physical: string;
        known: string | undefined;
        files: readonly LoadFile[];
        attempt: string;
      },
      context: { onTable: (name: string) => void; signal: AbortSignal },
    ): Promise<Grown> {
      const key = keyOf(table);
      const own = await count(table, q(delivery.physical), context.signal);
      let parts: readonly TablePart[] = state.parts;
      let withdrawn: string | undefined;
      let replaced = 0;
      if (delivery.known !== undefined) {
        withdrawn = await create(sourceId, table, context.onTable);
        await warehouse.command(
          `INSERT INTO ${q(withdrawn)} (${columnsOf(table)}) SELECT ${columnsOf(table)} FROM ${q(delivery.known)} WHERE ${key.tuple} IN (SELECT ${key.list} FROM ${q(delivery.physical)})`,
          {},
          { ...LONG, signal: context.signal },
        );
        const went = await count(table, q(withdrawn), context.signal);
        replaced = went.rows - went.gone;
        if (went.rows === 0) withdrawn = undefined;
      }
      if (withdrawn !== undefined) {
        const left: TablePart[] = [];
        for (const part of parts) {
          const its = `(${partSql(table, part, `${key.tuple} IN (SELECT ${key.list} FROM ${q(withdrawn)})`)})`;
          const lost = await count(table, its, context.signal);
          left.push(
            lost.rows === 0
              ? part
              : {
                  table: part.table,
                  rows: part.rows - lost.rows,
                  gone: part.gone - lost.gone,
                  without: [...part.without, withdrawn],
                },
          );
        }
        parts = left;
      }
      parts = await tidy(
        sourceId,
        table,
        [...parts, { table: delivery.physical, rows: own.rows, gone: own.gone, without: [] }],
        context,
      );
      if (parts.length === 0) parts = [{ table: delivery.physical, rows: 0, gone: 0, without: [] }];
      const visible = (name: string): string =>
        table.deletes ? `(SELECT * FROM ${q(name)} WHERE NOT (${isGone(table)}))` : q(name);
      return {
        physical: await present(sourceId, table, parts, context.onTable),
        state: stateOf(table, delivery, state.files, parts),
        rows: rowsOf(parts),
        added: visible(delivery.physical),
        withdrawn: withdrawn === undefined ? undefined : visible(withdrawn),
        replaced,
        deleted: own.gone,
      };
    },

    /**
     * Writes the rows of a table anew with the columns that it has now: those it did not have are absent.
     * @param had columns of the parts
     */
    async reshape(
      sourceId: string,
      table: FileTable,
      state: TableState,
      had: ReadonlySet<string>,
      context: { onTable: (name: string) => void; signal: AbortSignal },
    ): Promise<TableState> {
      const physical = await create(sourceId, table, context.onTable);
      const known = table.columns.filter((column) => had.has(column.name));
      const shared = { ...table, columns: known };
      const list = columnsOf(shared);
      await warehouse.command(
        `INSERT INTO ${q(physical)} (${list}) ${everything(shared, state.parts)}`,
        {},
        { ...LONG, signal: context.signal },
      );
      const { rows, gone } = await count(table, q(physical), context.signal);
      return { ...state, deletes: table.deletes, parts: [{ table: physical, rows, gone, without: [] }] };
    },

    /** Which files were not loaded before; a file is known by its bytes, whatever its name. */
    async unseen(
      folder: string,
      files: readonly string[],
      state: TableState,
    ): Promise<{ fresh: string[]; skipped: string[] }> {
      const fresh: string[] = [];
      const skipped: string[] = [];
      const sizes = new Set(state.files.map((file) => file.bytes));
      const known = new Set(state.files.map((file) => file.sha256));
      for (const file of files) {
        const path = join(folder, file);
        const { size } = await stat(path);
        const isKnown = sizes.has(size) && known.has(await digestOf(path));
        (isKnown ? skipped : fresh).push(file);
      }
      return { fresh, skipped };
    },
  };
}

interface Counts {
  readonly rows: number;
  readonly gone: number;
}

export const PLACE_COLUMNS = '_file LowCardinality(String), _line UInt64, _replayed Bool';

/** Physical tables that must stay as long as the parts are read. */
export const tablesOf = (parts: readonly TablePart[]): string[] => [
  ...new Set(parts.flatMap((part) => [part.table, ...part.without])),
];

const sumOf = (parts: readonly TablePart[]): number => parts.reduce((sum, part) => sum + part.rows, 0);
const rowsOf = (parts: readonly TablePart[]): number =>
  parts.reduce((sum, part) => sum + part.rows - part.gone, 0);

export const columnsOf = (table: Pick<FileTable, 'columns'>): string =>
  [...table.columns.map((column) => sqlName(column.name)), '_file', '_line', '_replayed'].join(', ');

export function keyOf(table: Pick<FileTable, 'key'>): { readonly list: string; readonly tuple: string } {
  const list = table.key.map(sqlName).join(', ');
  return { list, tuple: table.key.length === 1 ? list : `(${list})` };
}

/** SQL condition of rows that say that their key is gone. */
export const isGone = (table: Pick<FileTable, 'deletes'>): string =>
  table.deletes ? `${sqlName(table.deletes.column)} IN (${sqlTexts(table.deletes.values)})` : 'false';

function stateOf(
  table: FileTable,
  delivery: { readonly files: readonly LoadFile[]; readonly attempt: string },
  before: TableState['files'],
  parts: readonly TablePart[],
): TableState {
  const files = new Map([...before, ...delivery.files].map((file) => [file.sha256, file]));
  return {
    attempt: delivery.attempt,
    key: table.key,
    files: [...files.values()].map(({ file, sha256, bytes }) => ({ file, sha256, bytes })),
    parts,
    ...(table.deletes ? { deletes: table.deletes } : {}),
  };
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    if (Buffer.isBuffer(chunk)) hash.update(chunk);
  }
  return hash.digest('hex');
}
