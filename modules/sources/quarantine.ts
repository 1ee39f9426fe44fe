import type { Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { QuarantinePage, QuarantineRow } from './contract.ts';

const Row = Type.Object({
  load_id: Type.String(),
  table: Type.String(),
  file: Type.String(),
  line: Type.Integer(),
  field: Type.String(),
  value: Type.String(),
  reason: Type.String(),
  other_fields: Type.Array(Type.String()),
  other_values: Type.Array(Type.String()),
  other_reasons: Type.Array(Type.String()),
  record: Type.String(),
  at_ms: Type.Integer(),
  state: Type.String(),
});
const Summary = Type.Object({
  table: Type.String(),
  reason: Type.String(),
  field: Type.String(),
  count: Type.Integer(),
});
const Counted = Type.Object({ n: Type.Integer() });

const COLUMNS = `load_id, table, file, line, field, value, reason, other_faults.field AS other_fields, other_faults.value AS other_values,
  other_faults.reason AS other_reasons, record, toUnixTimestamp64Milli(at) AS at_ms, state`;

/** Stands for the attempt of a load in the rows of streams, which are no part of any. */
export const STREAM_ATTEMPT = 'stream';

/**
 * Rows of a source's streams. Events may be read twice, and those that are replayed get another row: of an event the
 * latest row counts.
 */
const STREAM_ROWS = `SELECT * FROM quarantine WHERE source = {source:String} AND attempt = '${STREAM_ATTEMPT}' ORDER BY at DESC, state DESC LIMIT 1 BY table, file, line`;

const Open = Type.Object({ line: Type.Integer(), record: Type.String() });

/** Refused events of a stream that were not replayed, in the order of their coming. */
export const openStreamRecords = (
  warehouse: Warehouse,
  sourceId: string,
  table: string,
): Promise<{ line: number; record: string }[]> =>
  warehouse.query(
    Open,
    `SELECT line, record FROM (${STREAM_ROWS}) WHERE table = {table:String} AND state = 'open' ORDER BY line`,
    { source: sourceId, table },
  );

export interface QuarantineFilter {
  readonly sourceId: string;
  /** Of the load; absent: of streams only. */
  readonly attempt: string | undefined;
  /** Whether events of streams are among them. */
  readonly withStreams: boolean;
  readonly table?: string;
  readonly reason?: string;
  readonly state?: string;
}

/** Personal columns by table; records of those tables are hidden from callers who may not see them. */
export type Hidden = ReadonlyMap<string, ReadonlySet<string>> | undefined;

export const MASK = '•••';

/** Reads refused records. */
export function createQuarantine(warehouse: Warehouse) {
  const rowsOf = (filter: Pick<QuarantineFilter, 'withStreams'>): string => {
    const ofLoad = 'SELECT * FROM quarantine WHERE source = {source:String} AND attempt = {attempt:String}';
    return filter.withStreams ? `(${ofLoad} UNION ALL SELECT * FROM (${STREAM_ROWS}))` : `(${ofLoad})`;
  };
  const conditionOf = (filter: QuarantineFilter): { where: string; params: Record<string, string> } => {
    const parts = ['source = {source:String}'];
    if (filter.table !== undefined) parts.push('table = {table:String}');
    if (filter.reason !== undefined) {
      parts.push('(reason = {reason:String} OR has(other_faults.reason, {reason:String}))');
    }
    if (filter.state !== undefined) parts.push('state = {state:String}');
    return {
      where: parts.join(' AND '),
      params: {
        source: filter.sourceId,
        attempt: filter.attempt ?? '',
        table: filter.table ?? '',
        reason: filter.reason ?? '',
        state: filter.state ?? '',
      },
    };
  };

  return {
    async countOpen(filter: Pick<QuarantineFilter, 'sourceId' | 'attempt' | 'withStreams'>): Promise<number> {
      const [row] = await warehouse.query(
        Counted,
        `SELECT count() AS n FROM ${rowsOf(filter)} WHERE state = 'open'`,
        { source: filter.sourceId, attempt: filter.attempt ?? '' },
      );
      return row?.n ?? 0;
    },

    async list(
      filter: QuarantineFilter,
      offset: number,
      limit: number,
      hidden: Hidden,
    ): Promise<Omit<QuarantinePage, 'nextCursor'>> {
      const { where, params } = conditionOf(filter);
      const rows = await warehouse.query(
        Row,
        `SELECT ${COLUMNS} FROM ${rowsOf(filter)} WHERE ${where} ORDER BY table, file, line, reason LIMIT {limit:UInt32} OFFSET {offset:UInt64}`,
        { ...params, limit, offset },
      );
      const summary = await warehouse.query(
        Summary,
        `SELECT table, reason, field, count() AS count FROM ${rowsOf(filter)} WHERE state = 'open'
GROUP BY table, reason, field ORDER BY table, count DESC, reason, field`,
        { source: filter.sourceId, attempt: filter.attempt ?? '' },
      );
      return { items: rows.map((row) => present(row, hidden)), summary };
    },

    async *export(filter: QuarantineFilter, hidden: Hidden): AsyncGenerator<string> {
      const { where, params } = conditionOf(filter);
      yield 'table,file,line,field,value,reason,state,record\r\n';
      const batches = warehouse.stream(
        Row,
        `SELECT ${COLUMNS} FROM ${rowsOf(filter)} WHERE ${where} ORDER BY table, file, line, reason`,
        params,
      );
      for await (const batch of batches) {
        const lines = batch.map((raw) => {
          const row = present(raw, hidden);
          return [
            row.table,
            row.file,
            String(row.line),
            row.field,
            row.value,
            row.reason,
            row.state,
            row.record,
          ]
            .map(csvField)
            .join(',');
        });
        yield `${lines.join('\r\n')}\r\n`;
      }
    },
  };
}

type RawRow = {
  [Name in keyof typeof Row.properties]: Name extends 'line' | 'at_ms'
    ? number
    : Name extends 'other_fields' | 'other_values' | 'other_reasons'
      ? string[]
      : string;
};

function present(row: RawRow, hidden: Hidden): QuarantineRow {
  const personal = hidden?.get(row.table);
  const hides = personal !== undefined && personal.size > 0;
  // A fault of the record as a whole may show any of its fields.
  const shown = (field: string, value: string): string =>
    personal?.has(field) && value !== '' ? MASK : value;
  return {
    loadId: row.load_id,
    table: row.table,
    file: row.file,
    line: row.line,
    field: row.field,
    value: shown(row.field, row.value),
    reason: row.reason,
    otherFaults: row.other_fields.map((field, index) => ({
      field,
      value: shown(field, row.other_values[index] ?? ''),
      reason: row.other_reasons[index] ?? '',
    })),
    record: hides ? MASK : row.record,
    at: new Date(row.at_ms).toISOString(),
    state: row.state === 'replayed' ? 'replayed' : 'open',
  };
}

/** Text that a spreadsheet would run as a formula is led by an apostrophe. */
function csvField(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?[\d.]+$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
