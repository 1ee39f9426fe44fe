import type { RejectedRows, RoleTable } from '@rapport/sources';
import type { Placement, Releases, SegmentInfo, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { type CanonicalRole, canonicalTable, SHAPES } from './canonical.ts';
import { literal } from './survivorship.ts';

/** Roles whose rows are facts of customers: unions of segments. */
export const FACT_ROLES = ['account', 'holding', 'transaction', 'event'] as const;
export type FactRole = (typeof FACT_ROLES)[number];

export const isFactRole = (role: CanonicalRole): role is FactRole => FACT_ROLES.some((each) => each === role);

export interface BuiltFacts {
  readonly placement: Placement;
  readonly rejected: readonly RejectedRows[];
}

/** What changed under facts that stand. */
export interface FactChange {
  readonly role: FactRole;
  readonly placement: Placement;
  /** Bank ids of all customers, now and in the release. */
  readonly record: string;
  readonly recordBefore: string;
  /** Table of the bank ids that were none before (`customer_id`). */
  readonly joined: string | undefined;
  /** All tables of the role. */
  readonly tables: readonly RoleTable[];
  readonly loadId: string;
  readonly signal: AbortSignal | undefined;
}

/** A build may read the whole bank. */
const BUILD = { maxSeconds: 6 * 3_600, settings: { max_insert_threads: 1 } } as const;
/** More segments than this are put together. */
const MAX_SEGMENTS = 8;
/** Segments are put together with those that are not this many times larger. */
const GROWTH = 2;
/** A segment that loses more tables of rows is written anew. */
const MAX_WITHDRAWN = 4;
/** So is one that is not this many times as large as what it loses. */
const REWRITTEN = 8;

/** Columns by which rows of a customer are found; rows alike in them are told apart by all their columns. */
const FOUND_BY: Readonly<Record<FactRole, string>> = {
  account: 'cid, account_id',
  holding: 'cid, holding_id',
  transaction: 'cid, at',
  event: 'cid, at',
};

const Counted = Type.Object({ n: Type.Integer() });
const Refused = Type.Object({ reason: Type.String(), n: Type.Integer() });
const Extent = Type.Object({ n: Type.Integer(), min_at: Type.Integer(), max_at: Type.Integer() });

/** Builds the facts of customers, as a whole or as segments beside those that stand. */
export function createFactBuilder(deps: { readonly warehouse: Warehouse; readonly releases: Releases }) {
  const { warehouse, releases } = deps;
  const q = (table: string): string => warehouse.identifier(table);
  const options = (signal: AbortSignal | undefined) => ({ ...BUILD, ...(signal ? { signal } : {}) });

  const count = async (sql: string): Promise<number> => {
    const [row] = await warehouse.query(Counted, sql, {}, BUILD);
    return row?.n ?? 0;
  };

  const newTable = async (role: FactRole, logical: string = role): Promise<string> => {
    const table = releases.newTableName(logical);
    await warehouse.createTable(canonicalTable(role, table));
    return table;
  };

  /** Rows of customers: those of unknown customers, or without what a row cannot do without, are left out. */
  const insert = async (
    role: FactRole,
    target: string,
    rows: { readonly sourceId: string; readonly select: string; readonly where?: string },
    record: string,
    signal: AbortSignal | undefined,
  ): Promise<void> => {
    const columns = SHAPES[role].columns;
    const values = columns.map((column) =>
      column.required ? `assumeNotNull(r.${column.name})` : `r.${column.name}`,
    );
    const conditions = [
      ...incompleteReasons(role).map(({ when }) => `NOT (${when})`),
      ...(rows.where === undefined ? [] : [rows.where]),
    ];
    const filter = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
    await warehouse.command(
      `INSERT INTO ${q(target)} (cid, record, ${columns.map((column) => column.name).join(', ')}, source) SELECT k.cid, k.record, ${values.join(', ')}, ${literal(rows.sourceId)} FROM (SELECT * FROM (${rows.select})${filter}) AS r INNER JOIN (${record}) AS k ON r.customer_id = k.customer_id`,
      {},
      options(signal),
    );
  };

  const recordSql = (record: string, of?: string): string =>
    `SELECT customer_id, cid, record FROM ${q(record)}${of === undefined ? '' : ` WHERE customer_id IN (SELECT customer_id FROM (${of}))`}`;

  const rejections = async (
    role: FactRole,
    table: Pick<RoleTable, 'sourceId' | 'table' | 'select'>,
    record: string,
  ): Promise<RejectedRows[]> => {
    const reasons = [
      {
        reason: 'unknown_customer',
        when: `customer_id NOT IN (SELECT customer_id FROM ${q(record)} WHERE customer_id IN (SELECT customer_id FROM (${table.select})))`,
        value: 'customer_id',
      },
      ...incompleteReasons(role),
    ];
    const classified = `SELECT multiIf(${reasons.map(({ reason, when }) => `${when}, '${reason}'`).join(', ')}, '') AS reason, _file, _line, multiIf(${reasons.map(({ reason, value }) => `reason = '${reason}', ${value}`).join(', ')}, '') AS value FROM (${table.select})`;
    const found = await warehouse.query(
      Refused,
      `SELECT reason, count() AS n FROM (${classified}) WHERE reason != '' GROUP BY reason ORDER BY reason`,
      {},
      BUILD,
    );
    return found.map((row) => ({
      sourceId: table.sourceId,
      table: table.table,
      reason: row.reason,
      count: row.n,
      rowsSql: `SELECT _file, _line, value FROM (${classified}) WHERE reason = '${row.reason}'`,
    }));
  };

  const extentOf = async (role: FactRole, table: string) => {
    const at = hasInstant(role)
      ? 'toUnixTimestamp64Milli(min(at)) AS min_at, toUnixTimestamp64Milli(max(at)) AS max_at'
      : 'toInt64(0) AS min_at, toInt64(0) AS max_at';
    const [found] = await warehouse.query(Extent, `SELECT count() AS n, ${at} FROM ${q(table)}`, {}, BUILD);
    return { rows: found?.n ?? 0, minAtMs: found?.min_at ?? 0, maxAtMs: found?.max_at ?? 0 };
  };

  /** One placement over segments. */
  const place = async (role: FactRole, segments: readonly string[]): Promise<Placement> => {
    const [only] = segments;
    if (only !== undefined && segments.length === 1) return { table: only };
    const view = releases.newTableName(role);
    const list = columnsOf(role);
    await warehouse.createView(
      view,
      segments.map((segment) => `SELECT ${list} FROM ${q(segment)}`).join(' UNION ALL '),
      { spread: 'cid' },
    );
    await releases.describeSegments([{ name: view, rows: 0, reads: segments }]);
    return { table: view, segments };
  };

  /** Takes rows out of the segments. @returns undefined when the segments do not have all of them */
  const withdraw = async (
    change: FactChange,
    wanted: string,
    target: string,
  ): Promise<{ segments: Segment[]; infos: SegmentInfo[]; earliest: number | undefined } | undefined> => {
    const { role, placement, signal } = change;
    const list = columnsOf(role);
    const by = FOUND_BY[role];
    const names = placement.segments ?? [placement.table];
    const known = await releases.segments(names);
    const segments: Segment[] = [];
    const infos: SegmentInfo[] = [];
    const lost: string[] = [];
    let earliest: number | undefined;
    for (const name of names) {
      const info = known.get(name);
      const withdrawn = await newTable(role, `${role}_withdrawn`);
      await warehouse.command(
        `INSERT INTO ${q(withdrawn)} (${list}) SELECT ${list} FROM ${q(name)} WHERE (${by}) IN (SELECT ${by} FROM ${q(wanted)})`,
        {},
        options(signal),
      );
      const gone = await extentOf(role, withdrawn);
      const rows = info?.rows ?? (await count(`SELECT count() AS n FROM ${q(name)}`));
      if (gone.rows === 0) {
        await warehouse.drop(withdrawn);
        segments.push({ name, rows });
        continue;
      }
      lost.push(withdrawn);
      if (hasInstant(role)) earliest = Math.min(earliest ?? gone.minAtMs, gone.minAtMs);
      const left = rows - gone.rows;
      const rest = releases.newTableName(role);
      // A view of ours reads one table, less the rows of others.
      const isOurs = info?.reads !== undefined && info.createdBy?.startsWith('lod_') === true;
      const [base = name, ...others] = isOurs ? (info?.reads ?? []) : [name];
      const isCopied = left < REWRITTEN * gone.rows || others.length >= MAX_WITHDRAWN;
      if (isCopied) {
        await warehouse.createTable(canonicalTable(role, rest));
        await warehouse.command(
          `INSERT INTO ${q(rest)} (${list}) SELECT ${list} FROM ${q(name)} WHERE (${by}) NOT IN (SELECT ${by} FROM ${q(withdrawn)})`,
          {},
          options(signal),
        );
      } else {
        const lists = [...others, withdrawn].map((each) => `SELECT ${by} FROM ${q(each)}`);
        await warehouse.createView(
          rest,
          `SELECT ${list} FROM ${q(base)} WHERE (${by}) NOT IN (${lists.join(' UNION ALL ')})`,
          { spread: 'cid' },
        );
      }
      infos.push({
        name: rest,
        rows: left,
        ...(info?.minAtMs === undefined ? {} : { minAtMs: info.minAtMs }),
        ...(info?.maxAtMs === undefined ? {} : { maxAtMs: info.maxAtMs }),
        madeOf: [name],
        withdrawn,
        ...(hasInstant(role) ? { earliestChangedAtMs: gone.minAtMs } : {}),
        ...(isCopied ? {} : { reads: [base, ...others, withdrawn] }),
        createdBy: change.loadId,
      });
      segments.push({ name: rest, rows: left });
    }
    // Rows that are found alike but are not the wanted ones come back; all of the wanted ones must be there.
    const digest = `sipHash128(toString(tuple(${list})))`;
    const went =
      lost.length === 0
        ? `SELECT ${list} FROM ${q(wanted)} WHERE false`
        : lost.map((table) => `SELECT ${list} FROM ${q(table)}`).join(' UNION ALL ');
    const wantedCounts = `SELECT ${digest} AS digest, count() AS n FROM ${q(wanted)} GROUP BY digest`;
    const missing = await count(
      `SELECT count() AS n FROM (${wantedCounts}) AS w LEFT JOIN (SELECT ${digest} AS digest, count() AS n FROM (${went}) GROUP BY digest) AS l ON w.digest = l.digest WHERE w.n > l.n`,
    );
    if (missing > 0) return undefined;
    await warehouse.command(
      `INSERT INTO ${q(target)} (${list}) SELECT ${list} FROM (SELECT ${list}, ${digest} AS digest, row_number() OVER (PARTITION BY digest) AS place FROM (${went})) AS l LEFT JOIN (${wantedCounts}) AS w ON l.digest = w.digest WHERE l.place > w.n`,
      {},
      options(signal),
    );
    return { segments, infos, earliest };
  };

  /** Puts segments together until there are few, each not much smaller than the one before. */
  const tidy = async (
    role: FactRole,
    segments: readonly Segment[],
    infos: SegmentInfo[],
    loadId: string,
    signal: AbortSignal | undefined,
  ): Promise<readonly Segment[]> => {
    if (segments.length <= MAX_SEGMENTS) return segments;
    let sum = 0;
    let from = segments.length;
    while (from > 0 && (from > segments.length - 2 || (segments[from - 1]?.rows ?? 0) <= GROWTH * sum)) {
      from--;
      sum += segments[from]?.rows ?? 0;
    }
    const merged = segments.slice(from);
    const target = await newTable(role);
    const list = columnsOf(role);
    await warehouse.command(
      `INSERT INTO ${q(target)} (${list}) ${merged.map(({ name }) => `SELECT ${list} FROM ${q(name)}`).join(' UNION ALL ')}`,
      {},
      options(signal),
    );
    const extent = await extentOf(role, target);
    infos.push({
      name: target,
      rows: extent.rows,
      ...(hasInstant(role) ? { minAtMs: extent.minAtMs, maxAtMs: extent.maxAtMs } : {}),
      madeOf: merged.map(({ name }) => name),
      createdBy: loadId,
    });
    return [...segments.slice(0, from), { name: target, rows: extent.rows }];
  };

  return {
    /** All rows of all tables, as one new table. */
    async build(
      role: FactRole,
      record: string,
      tables: readonly RoleTable[],
      signal: AbortSignal | undefined,
    ): Promise<BuiltFacts> {
      const target = await newTable(role);
      const rejected: RejectedRows[] = [];
      let before = 0;
      for (const table of tables) {
        await insert(role, target, table, recordSql(record), signal);
        const offered = await count(`SELECT count() AS n FROM (${table.select})`);
        const after = await count(`SELECT count() AS n FROM ${q(target)}`);
        if (after - before < offered) rejected.push(...(await rejections(role, table, record)));
        before = after;
      }
      return { placement: { table: target }, rejected };
    },

    /**
     * The rows that came, as a segment beside those that stand, less those that went.
     * @returns undefined when the facts must be built as a whole
     */
    async grow(change: FactChange): Promise<BuiltFacts | undefined> {
      const { role, placement, tables, record, joined, signal } = change;
      if (tables.some((table) => table.fresh && !table.change)) return undefined;
      const target = await newTable(role);
      const isJoined = `customer_id IN (SELECT customer_id FROM ${joined === undefined ? '' : q(joined)})`;
      const rejected: RejectedRows[] = [];
      for (const table of tables) {
        if (joined !== undefined) {
          const rows = { ...table, where: isJoined };
          await insert(role, target, rows, recordSql(record, `SELECT customer_id FROM ${q(joined)}`), signal);
        }
        if (!table.change) continue;
        const rows = { sourceId: table.sourceId, table: table.table, select: table.change.added };
        await insert(
          role,
          target,
          joined === undefined ? rows : { ...rows, where: `NOT (${isJoined})` },
          recordSql(record, `SELECT customer_id FROM (${rows.select})`),
          signal,
        );
        rejected.push(...(await rejections(role, rows, record)));
      }
      const infos: SegmentInfo[] = [];
      let segments: Segment[] | undefined;
      let earliest: number | undefined;
      const went = tables.flatMap(({ sourceId, change: own }) =>
        own?.withdrawn === undefined ? [] : [{ sourceId, select: own.withdrawn }],
      );
      if (went.length > 0) {
        const wanted = await newTable(role, `${role}_withdrawn`);
        try {
          for (const rows of went) {
            const of = recordSql(change.recordBefore, `SELECT customer_id FROM (${rows.select})`);
            await insert(role, wanted, rows, of, signal);
          }
          const done = await withdraw(change, wanted, target);
          if (!done) return undefined;
          segments = done.segments;
          earliest = done.earliest;
          infos.push(...done.infos);
        } finally {
          await warehouse.drop(wanted);
        }
      } else {
        const names = placement.segments ?? [placement.table];
        const known = await releases.segments(names);
        segments = [];
        for (const name of names) {
          const rows = known.get(name)?.rows ?? (await count(`SELECT count() AS n FROM ${q(name)}`));
          segments.push({ name, rows });
        }
      }
      const own = await extentOf(role, target);
      if (own.rows === 0) {
        await warehouse.drop(target);
        if (infos.length === 0) return { placement, rejected };
      } else {
        infos.push({
          name: target,
          rows: own.rows,
          ...(hasInstant(role)
            ? {
                minAtMs: own.minAtMs,
                maxAtMs: own.maxAtMs,
                earliestChangedAtMs: Math.min(earliest ?? own.minAtMs, own.minAtMs),
              }
            : {}),
          createdBy: change.loadId,
        });
        segments.push({ name: target, rows: own.rows });
      }
      const tidied = await tidy(role, segments, infos, change.loadId, signal);
      await releases.describeSegments(infos);
      const next = await place(
        role,
        tidied.map(({ name }) => name),
      );
      return { placement: next, rejected };
    },
  };
}

interface Segment {
  readonly name: string;
  readonly rows: number;
}

const hasInstant = (role: FactRole): boolean => role === 'transaction' || role === 'event';

const columnsOf = (role: FactRole): string =>
  ['cid', 'record', ...SHAPES[role].columns.map((column) => column.name), 'source'].join(', ');

/** What makes a row of a role useless, beside an unknown customer. */
function incompleteReasons(role: CanonicalRole): { reason: string; when: string; value: string }[] {
  const missing = SHAPES[role].columns
    .filter((column) => column.required)
    .map((column) => ({ reason: `no_${column.name}`, when: `${column.name} IS NULL`, value: "''" }));
  if (role !== 'transaction') return missing;
  return [
    ...missing,
    { reason: 'negative_amount', when: 'amount_minor < 0', value: "ifNull(toString(amount_minor), '')" },
  ];
}
