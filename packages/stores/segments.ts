import type { Migration, Relational, SegmentInfo } from './ports.ts';

export const segmentsMigrations: readonly Migration[] = [
  {
    id: '20261125T041500_segments',
    sql: `
create table rapport.segment (
  name text primary key,
  rows bigint not null,
  min_at_ms bigint,
  max_at_ms bigint,
  made_of text[],
  withdrawn text,
  earliest_changed_at_ms bigint,
  reads text[],
  created_by text
);
`,
  },
  { id: '20261125T045500_segment_origin', sql: 'alter table rapport.segment add column origin text;' },
];

interface SegmentRow {
  name: string;
  rows: number;
  min_at_ms: number | null;
  max_at_ms: number | null;
  made_of: string[] | null;
  withdrawn: string | null;
  earliest_changed_at_ms: number | null;
  reads: string[] | null;
  created_by: string | null;
  origin: string | null;
}

/** The record of segments, written before one is published and dropped with it. */
export function createSegmentBook({ pool }: Pick<Relational, 'pool'>) {
  return {
    async describe(infos: readonly SegmentInfo[]): Promise<void> {
      if (infos.length === 0) return;
      await pool.query(
        `insert into rapport.segment (name, rows, min_at_ms, max_at_ms, made_of, withdrawn, earliest_changed_at_ms, reads, created_by, origin)
         select n.name, n.rows, n.min_at_ms, n.max_at_ms, n.made_of, n.withdrawn, n.earliest_changed_at_ms, n.reads, n.created_by, n.origin
         from jsonb_to_recordset($1) as n (name text, rows bigint, min_at_ms bigint, max_at_ms bigint, made_of text[], withdrawn text,
           earliest_changed_at_ms bigint, reads text[], created_by text, origin text)
         on conflict (name) do nothing`,
        [
          JSON.stringify(
            infos.map((info) => ({
              name: info.name,
              rows: info.rows,
              min_at_ms: info.minAtMs ?? null,
              max_at_ms: info.maxAtMs ?? null,
              made_of: info.madeOf ?? null,
              withdrawn: info.withdrawn ?? null,
              earliest_changed_at_ms: info.earliestChangedAtMs ?? null,
              reads: info.reads ?? null,
              created_by: info.createdBy ?? null,
              origin: info.origin ?? null,
            })),
          ),
        ],
      );
    },

    async find(names: readonly string[]): Promise<Map<string, SegmentInfo>> {
      if (names.length === 0) return new Map();
      const { rows } = await pool.query<SegmentRow>(
        `select s.name, s.rows, s.min_at_ms, s.max_at_ms, s.made_of, s.withdrawn, s.earliest_changed_at_ms, s.reads, s.created_by, s.origin
         from rapport.segment s where s.name = any($1)`,
        [names],
      );
      return new Map(rows.map((row) => [row.name, infoOf(row)]));
    },

    /** Names of what the segments read beside themselves, and of what was withdrawn from them. */
    async beneath(names: readonly string[]): Promise<string[]> {
      const { rows } = await pool.query<{ name: string }>(
        `select distinct unnest(array_append(coalesce(s.reads, '{}'), s.withdrawn)) as name
         from rapport.segment s where s.name = any($1)`,
        [names],
      );
      return rows.flatMap(({ name }) => (name === null ? [] : [name]));
    },

    async forget(names: readonly string[]): Promise<void> {
      await pool.query('delete from rapport.segment s where s.name = any($1)', [names]);
    },
  };
}

function infoOf(row: SegmentRow): SegmentInfo {
  return {
    name: row.name,
    rows: row.rows,
    ...(row.min_at_ms === null ? {} : { minAtMs: row.min_at_ms }),
    ...(row.max_at_ms === null ? {} : { maxAtMs: row.max_at_ms }),
    ...(row.made_of === null ? {} : { madeOf: row.made_of }),
    ...(row.withdrawn === null ? {} : { withdrawn: row.withdrawn }),
    ...(row.earliest_changed_at_ms === null ? {} : { earliestChangedAtMs: row.earliest_changed_at_ms }),
    ...(row.reads === null ? {} : { reads: row.reads }),
    ...(row.created_by === null ? {} : { createdBy: row.created_by }),
    ...(row.origin === null ? {} : { origin: row.origin }),
  };
}
