import { parseDuration, shiftInstant } from '@rapport/kernel';
import type { Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { LoadQuality } from './contract.ts';
import type { QualityRule } from './manifest.schema.ts';
import { LoadRefused, refuse } from './refusal.ts';
import { bindTables, expressionFault, foreignTables, lexicalFault, type ReadableTable } from './sql-guard.ts';
import { sqlName, sqlText, sqlTexts } from './sql-text.ts';

/** A table that rules judge: typed rows under the name that the rules use. */
export interface QualityTable {
  readonly name: string;
  readonly physical: string;
  readonly rows: number;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly scale?: number }[];
}

export interface QualityContext {
  readonly tables: readonly QualityTable[];
  /** When the load ends; freshness is measured to here. */
  readonly now: number;
  /** Rows that a table had after its earlier loads, newest first. */
  readonly historyOf: (table: string) => Promise<readonly number[]>;
  readonly signal?: AbortSignal;
}

const NumberFound = Type.Object({ value: Type.Union([Type.Number(), Type.Null()]) });
const Explained = Type.Object({ explain: Type.String() });
const Database = Type.Object({ name: Type.String() });
/** SQL of manifests may take this long and no longer. */
export const SQL_LIMIT = { maxSeconds: 1_800 } as const;

/** Kind of a rule, for lists and statistics. */
export function ruleKind(rule: QualityRule): string {
  const kinds = [
    'notNull',
    'unique',
    'range',
    'pattern',
    'inSet',
    'refers',
    'freshness',
    'volume',
    'sum',
    'rows',
    'sql',
  ] as const;
  return kinds.find((kind) => kind in rule) ?? 'sql';
}

/** The column a rule is about, if it is one. */
export function ruleColumn(rule: QualityRule): string | undefined {
  if ('notNull' in rule) return rule.notNull;
  if ('unique' in rule) return rule.unique.length === 1 ? rule.unique[0] : undefined;
  if ('range' in rule) return rule.range.column;
  if ('pattern' in rule) return rule.pattern.column;
  if ('inSet' in rule) return rule.inSet.column;
  if ('refers' in rule) return rule.refers.column;
  if ('freshness' in rule) return rule.freshness.column;
  if ('sum' in rule) return rule.sum.column;
  return undefined;
}

/** Judges tables by rules. */
export function createQualityJudge(warehouse: Warehouse) {
  /** SQL of users bound to the tables. @throws LoadRefused when it is wrong or reads elsewhere */
  const bind = async (sql: string, place: string, tables: readonly ReadableTable[]): Promise<string> => {
    const fault = lexicalFault(sql);
    if (fault) return refuse('sql_not_allowed', place, `This SQL is not allowed: ${fault}.`);
    const bound = bindTables(sql, tables);
    try {
      const tree = await warehouse.query(
        Explained,
        `SELECT explain FROM (EXPLAIN QUERY TREE ${bound})`,
        {},
        SQL_LIMIT,
      );
      const [database] = await warehouse.query(Database, 'SELECT currentDatabase() AS name');
      const lines = tree.flatMap((row) => row.explain.split('\n'));
      const foreign = foreignTables(lines, database?.name ?? '', tables);
      if (foreign.length > 0) {
        return refuse(
          'sql_not_allowed',
          place,
          `It reads ${foreign.join(', ')}; only these tables may be read here: ${tables.map((table) => table.name).join(', ')}.`,
        );
      }
    } catch (error) {
      throw sqlRefusal(error, place);
    }
    return bound;
  };

  const numberOf = async (
    bound: string,
    place: string,
    context: QualityContext,
  ): Promise<number | undefined> => {
    try {
      const rows = await warehouse.query(
        NumberFound,
        `SELECT toFloat64OrNull(toString(tupleElement(tuple(*), 1))) AS value FROM (${bound}) LIMIT 2`,
        {},
        { ...SQL_LIMIT, ...(context.signal ? { signal: context.signal } : {}) },
      );
      if (rows.length > 1)
        refuse('sql_not_allowed', place, 'It answers more than one row; it must answer one number.');
      return rows[0]?.value ?? undefined;
    } catch (error) {
      throw sqlRefusal(error, place);
    }
  };

  const judge = async (rule: QualityRule, context: QualityContext): Promise<LoadQuality> => {
    const place = `quality ${rule.name}`;
    const severity = rule.severity ?? 'fail';
    const readable = context.tables.map((table) => ({
      name: table.name,
      physical: table.physical,
      columns: table.columns.map((column) => column.name),
    }));
    const column = ruleColumn(rule);
    const table = 'table' in rule ? context.tables.find(({ name }) => name === rule.table) : undefined;
    if ('table' in rule && !table) {
      return refuse('quality', place, `There is no table "${rule.table}" to judge.`);
    }
    const outcome = (passed: boolean, message: string, failing?: number): LoadQuality => ({
      name: rule.name,
      severity,
      passed,
      message,
      kind: ruleKind(rule),
      ...(table ? { table: table.name } : {}),
      ...(column === undefined ? {} : { column }),
      ...(failing === undefined ? {} : { failing }),
      ...(table === undefined ? {} : { checked: table.rows }),
    });
    if ('volume' in rule && table) {
      const maxDeviation = rule.volume.maxDeviation ?? 6;
      const history = await context.historyOf(table.name);
      if (history.length < (rule.volume.minHistory ?? 5)) {
        return outcome(true, `${table.rows} rows; ${history.length} loads are too few to say what is usual.`);
      }
      const { median, deviation, z } = robustZ(table.rows, history);
      return outcome(
        Math.abs(z) <= maxDeviation,
        `${table.rows} rows, usual are ${Math.round(median)} ± ${Math.round(deviation)}: ${z >= 0 ? '+' : ''}${z.toFixed(1)} robust standard deviations${Math.abs(z) <= maxDeviation ? '' : `, more than ${maxDeviation}; ask the deliverer whether the file is whole`}.`,
      );
    }
    if ('freshness' in rule && table) {
      const found = requireColumn(table, rule.freshness.column, place);
      const duration = parseDuration(rule.freshness.within);
      if (!duration)
        return refuse('quality', place, `"${rule.freshness.within}" is no duration such as P2D.`);
      const oldest = shiftInstant(context.now, duration, -1);
      const latest = await numberOf(
        `SELECT toUnixTimestamp64Milli(CAST(max(${sqlName(found.name)}), 'Nullable(DateTime64(3, \\'UTC\\'))')) FROM ${sqlName(table.physical)}`,
        place,
        context,
      );
      const isDay = found.type === 'date';
      // A day counts until it is over.
      const end = latest === undefined ? undefined : latest + (isDay ? 86_400_000 : 0);
      const shown = latest === undefined ? 'none' : new Date(latest).toISOString().slice(0, isDay ? 10 : 19);
      return outcome(
        end !== undefined && end > oldest,
        `The latest ${rule.freshness.column} is ${shown}; it should be no older than ${rule.freshness.within}.`,
      );
    }
    if ('sum' in rule && table) {
      const found = requireColumn(table, rule.sum.column, place);
      const total = await sumOf(table, found, place, context);
      const target =
        typeof rule.sum.equals === 'number'
          ? rule.sum.equals
          : await sumOf(...locate(rule.sum.equals, context, place), place, context);
      const difference = Math.abs(total - target);
      return outcome(
        difference <= (rule.sum.tolerance ?? 0) + 1e-9 * Math.max(1, Math.abs(target)),
        `The sum of ${rule.sum.column} is ${exact(total)}, the control total is ${exact(target)}; they differ by ${exact(difference)}.`,
      );
    }
    if ('sql' in rule) {
      const value = (await numberOf(await bind(rule.sql, place, readable), place, context)) ?? Number.NaN;
      const isLow = rule.min !== undefined && !(value >= rule.min);
      const isHigh = rule.max !== undefined && !(value <= rule.max);
      const limits = [
        ...(rule.min === undefined ? [] : [`at least ${rule.min}`]),
        ...(rule.max === undefined ? [] : [`at most ${rule.max}`]),
      ];
      return outcome(
        !isLow && !isHigh,
        `It is ${Number.isNaN(value) ? 'unknown' : value}, and should be ${limits.join(' and ')}.`,
      );
    }
    if (!table || !('table' in rule)) return refuse('quality', place, 'It names no table.');
    const condition = failingCondition(rule, table, context, place);
    const failing =
      (await numberOf(
        'rows' in rule
          ? await bind(
              `SELECT countIf(NOT ifNull((\n${rule.rows}\n), false)) AS n FROM ${sqlName(rule.table)}`,
              place,
              readable,
            )
          : condition.sql,
        place,
        context,
      )) ?? 0;
    const allowed = ('maxFailing' in rule ? rule.maxFailing : undefined) ?? 0;
    const share = table.rows === 0 ? 0 : failing / table.rows;
    return outcome(
      failing <= allowed * table.rows,
      `${failing} of ${table.rows} rows of ${table.name} fail ${condition.words}${allowed > 0 ? ` (${percent(share)}); ${percent(allowed)} may` : ''}.`,
      failing,
    );
  };

  const sumOf = async (
    table: QualityTable,
    column: QualityTable['columns'][number],
    place: string,
    context: QualityContext,
  ): Promise<number> => {
    const scale = column.type === 'money' ? (column.scale ?? 2) : 0;
    const sum = await numberOf(
      `SELECT sum(CAST(ifNull(${sqlName(column.name)}, 0), '${column.type === 'number' ? 'Float64' : 'Int128'}')) FROM ${sqlName(table.physical)}`,
      place,
      context,
    );
    return (sum ?? 0) / 10 ** scale;
  };

  return { judge, bind };
}

/** Distance of a value from the median of others, in robust standard deviations. @source Rousseeuw & Croux 1993 */
export function robustZ(
  value: number,
  history: readonly number[],
): { readonly median: number; readonly deviation: number; readonly z: number } {
  const median = medianOf(history);
  const spread = 1.4826 * medianOf(history.map((other) => Math.abs(other - median)));
  // A source that always delivered the same number may still grow by a few rows: one percent counts as usual.
  const deviation = Math.max(spread, Math.abs(median) * 0.01, 1);
  return { median, deviation, z: (value - median) / deviation };
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length === 0) return 0;
  if (sorted.length % 2 === 1) return sorted[middle] ?? 0;
  return ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

function requireColumn(table: QualityTable, name: string, place: string): QualityTable['columns'][number] {
  const found = table.columns.find((column) => column.name === name);
  if (found) return found;
  return refuse(
    'missing_column',
    place,
    `${table.name} has no column "${name}"; it has ${table.columns.map((column) => column.name).join(', ')}.`,
  );
}

function locate(
  target: string,
  context: QualityContext,
  place: string,
): [QualityTable, QualityTable['columns'][number]] {
  const [tableName = '', column = ''] = target.split('.');
  const table = context.tables.find((candidate) => candidate.name === tableName);
  if (!table) return refuse('quality', place, `There is no table "${tableName}" with the control total.`);
  return [table, requireColumn(table, column, place)];
}

function failingCondition(
  rule: Extract<QualityRule, { table: string }>,
  table: QualityTable,
  context: QualityContext,
  place: string,
): { readonly sql: string; readonly words: string } {
  const from = `FROM ${sqlName(table.physical)}`;
  const known = (column: QualityTable['columns'][number]): string =>
    column.type === 'text' ? `${sqlName(column.name)} != ''` : `${sqlName(column.name)} IS NOT NULL`;
  const failing = (condition: string): string => `SELECT countIf(${condition}) ${from}`;
  if ('notNull' in rule) {
    const column = requireColumn(table, rule.notNull, place);
    return { sql: failing(`NOT (${known(column)})`), words: `“${rule.notNull} is known”` };
  }
  if ('unique' in rule) {
    const columns = rule.unique.map((name) => requireColumn(table, name, place));
    const names = columns.map((column) => sqlName(column.name)).join(', ');
    return {
      sql: `SELECT sum(n - 1) FROM (SELECT count() AS n ${from} WHERE ${columns.map(known).join(' AND ')} GROUP BY ${names} HAVING n > 1)`,
      words: `“${rule.unique.join(', ')} do not repeat”`,
    };
  }
  if ('range' in rule) {
    const column = requireColumn(table, rule.range.column, place);
    const name = sqlName(column.name);
    const { min, max } = rule.range;
    const parts = [
      ...(min === undefined ? [] : [`${name} < ${bound(column, min)}`]),
      ...(max === undefined ? [] : [`${name} > ${bound(column, max)}`]),
    ];
    return {
      sql: failing(`${known(column)} AND (${parts.length === 0 ? 'false' : parts.join(' OR ')})`),
      words: `“${column.name}${min === undefined ? '' : ` ≥ ${min}`}${max === undefined ? '' : ` ≤ ${max}`}”`,
    };
  }
  if ('pattern' in rule) {
    const column = requireColumn(table, rule.pattern.column, place);
    return {
      sql: failing(
        `${known(column)} AND NOT match(toString(${sqlName(column.name)}), ${sqlText(`^(?:${rule.pattern.matches})$`)})`,
      ),
      words: `“${column.name} has the form ${rule.pattern.matches}”`,
    };
  }
  if ('inSet' in rule) {
    const column = requireColumn(table, rule.inSet.column, place);
    return {
      sql: failing(
        `${known(column)} AND toString(${sqlName(column.name)}) NOT IN (${sqlTexts(rule.inSet.values)})`,
      ),
      words: `“${column.name} is one of ${rule.inSet.values.slice(0, 8).join(', ')}${rule.inSet.values.length > 8 ? ', …' : ''}”`,
    };
  }
  if ('refers' in rule) {
    const column = requireColumn(table, rule.refers.column, place);
    const [other, otherColumn] = locate(rule.refers.to, context, place);
    return {
      sql: failing(
        `${known(column)} AND toString(${sqlName(column.name)}) NOT IN (SELECT toString(${sqlName(otherColumn.name)}) FROM ${sqlName(other.physical)} WHERE isNotNull(${sqlName(otherColumn.name)}))`,
      ),
      words: `“${column.name} exists in ${rule.refers.to}”`,
    };
  }
  if ('rows' in rule) {
    const fault = expressionFault(rule.rows);
    if (fault) return refuse('sql_not_allowed', place, `This SQL is not allowed: ${fault}.`);
    return { sql: '', words: rule.rows.trim() };
  }
  return refuse('quality', place, 'The rule cannot be judged.');
}

function bound(column: QualityTable['columns'][number], value: number | string): string {
  switch (column.type) {
    case 'money':
      return String(Math.round(Number(value) * 10 ** (column.scale ?? 2)));
    case 'integer':
    case 'number':
      return String(Number(value));
    case 'date':
      return `toDate32(${sqlText(String(value))})`;
    case 'instant':
      return `parseDateTime64BestEffort(${sqlText(String(value))}, 3, 'UTC')`;
    default:
      return sqlText(String(value));
  }
}

const percent = (share: number): string => `${Math.round(share * 10_000) / 100} %`;
const exact = (value: number): string => String(Math.round(value * 1e6) / 1e6);

/** Faults that the engine finds in SQL of users are faults of that SQL; its own troubles are not. */
export function sqlRefusal(error: unknown, place: string): unknown {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    if (['stores.query_failed', 'stores.query_too_slow', 'stores.query_too_large'].includes(error.code)) {
      const message = error.message.split(' — in ')[0]?.replace(/^Code: \d+\. DB::Exception: /, '') ?? '';
      return new LoadRefused([
        { code: 'sql_failed', place, message: `The SQL fails: ${message.slice(0, 500)}` },
      ]);
    }
  }
  return error;
}
