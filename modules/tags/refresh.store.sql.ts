import type { Relational } from '@rapport/stores';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TagInputs } from './inputs.ts';

/** One piece of work of a refresh, for one tag or for many that shared it. */
export interface RefreshStep {
  readonly work: 'scan' | 'patch' | 'rule' | 'derived' | 'figures' | 'index';
  readonly tagIds: readonly string[];
  /** Customers whose values were written; absent = all. */
  readonly customers?: number;
  readonly tookMs: number;
  /** Rows and bytes that the engine read. */
  readonly rowsRead: number;
  readonly bytesRead: number;
}

/** What became of one tag in a refresh, and why. */
export interface TagOutcome {
  readonly tagId: string;
  readonly outcome: 'computed' | 'patched' | 'kept' | 'failed' | 'blocked';
  /** `first`, `definition`, `data`, `window`, `inputs`, `unchanged`, or the words of a failure or a block. */
  readonly because: string;
  /** The tag's equal share of the work it was part of. */
  readonly tookMs?: number;
  readonly rowsRead?: number;
}

export interface StandingInputs {
  readonly definitionVersion: number;
  readonly placed: string;
  readonly inputs: TagInputs;
}

const FrameSchema = Type.Object({
  start: Type.Optional(Type.Number()),
  end: Type.Number(),
});
const inputsSchema = Compile(
  Type.Object({
    fingerprint: Type.String(),
    shape: Type.Optional(Type.String()),
    frames: Type.Array(FrameSchema),
    segments: Type.Record(Type.String(), Type.Array(Type.String())),
    states: Type.Optional(Type.Array(Type.Object({ name: Type.String(), sql: Type.String() }))),
  }),
);

export interface RefreshStore {
  /** What the standing values of every tag were made from. */
  standing(): Promise<Map<string, StandingInputs>>;
  /** Writes what a published refresh was made from, what it cost, and what became of each tag. */
  record(refresh: {
    readonly id: string;
    readonly inputs: ReadonlyMap<string, StandingInputs>;
    readonly steps: readonly RefreshStep[];
    readonly outcomes: readonly TagOutcome[];
    readonly cpuMs: number;
  }): Promise<void>;
  /** What a refresh did; empty lists for one of before this was recorded. */
  detail(id: string): Promise<{ steps: RefreshStep[]; outcomes: TagOutcome[]; cpuMs: number | undefined }>;
  /** Milliseconds, rows and bytes of refreshes. */
  totals(
    ids: readonly string[],
  ): Promise<Map<string, { tookMs: number; rowsRead: number; bytesRead: number }>>;
}

export function createRefreshStore(relational: Relational): RefreshStore {
  const { pool } = relational;
  return {
    async standing() {
      const { rows } = await pool.query<{
        tag_id: string;
        definition_version: number;
        placed: string;
        document: unknown;
      }>('select i.tag_id, i.definition_version, i.placed, i.document from tags.refresh_input i');
      return new Map(
        rows.map((row) => {
          const { frames, ...rest } = inputsSchema.Parse(row.document);
          return [
            row.tag_id,
            {
              definitionVersion: row.definition_version,
              placed: row.placed,
              inputs: { ...rest, frames: frames.map(({ start, end }) => ({ start, end })) },
            },
          ];
        }),
      );
    },

    async record({ id, inputs, steps, outcomes, cpuMs }) {
      await relational.transaction(async (client) => {
        await client.query(
          `insert into tags.refresh_input (tag_id, refresh_id, definition_version, placed, document)
           select n.tag_id, $1, n.definition_version, n.placed, n.document
           from jsonb_to_recordset($2::jsonb) as n (tag_id text, definition_version integer, placed text, document jsonb)
           on conflict (tag_id) do update set refresh_id = excluded.refresh_id, definition_version = excluded.definition_version,
             placed = excluded.placed, document = excluded.document`,
          [
            id,
            JSON.stringify(
              [...inputs].map(([tagId, each]) => ({
                tag_id: tagId,
                definition_version: each.definitionVersion,
                placed: each.placed,
                document: each.inputs,
              })),
            ),
          ],
        );
        await client.query('delete from tags.refresh_cost c where c.refresh_id = $1', [id]);
        await client.query(
          `insert into tags.refresh_cost (refresh_id, position, work, tag_ids, customers, took_ms, rows_read, bytes_read)
           select $1, n.position, n.work, array(select jsonb_array_elements_text(n.tag_ids)), n.customers, n.took_ms, n.rows_read, n.bytes_read
           from jsonb_to_recordset($2::jsonb) as n (position integer, work text, tag_ids jsonb, customers bigint, took_ms integer, rows_read bigint, bytes_read bigint)`,
          [
            id,
            JSON.stringify(
              steps.map((step, position) => ({
                position,
                work: step.work,
                tag_ids: step.tagIds,
                customers: step.customers ?? null,
                took_ms: step.tookMs,
                rows_read: step.rowsRead,
                bytes_read: step.bytesRead,
              })),
            ),
          ],
        );
        await client.query('delete from tags.refresh_outcome o where o.refresh_id = $1', [id]);
        await client.query(
          `insert into tags.refresh_outcome (refresh_id, tag_id, outcome, because, took_ms, rows_read)
           select $1, n.tag_id, n.outcome, n.because, n.took_ms, n.rows_read
           from jsonb_to_recordset($2::jsonb) as n (tag_id text, outcome text, because text, took_ms integer, rows_read bigint)`,
          [
            id,
            JSON.stringify(
              outcomes.map((each) => ({
                tag_id: each.tagId,
                outcome: each.outcome,
                because: each.because,
                took_ms: each.tookMs ?? null,
                rows_read: each.rowsRead ?? null,
              })),
            ),
          ],
        );
        await client.query('update tags.refresh set cpu_ms = $2 where id = $1', [id, cpuMs]);
      });
    },

    async detail(id) {
      const [steps, outcomes, refresh] = await Promise.all([
        pool.query<{
          work: RefreshStep['work'];
          tag_ids: string[];
          customers: string | number | null;
          took_ms: number;
          rows_read: string | number;
          bytes_read: string | number;
        }>(
          `select c.work, c.tag_ids, c.customers, c.took_ms, c.rows_read, c.bytes_read
           from tags.refresh_cost c where c.refresh_id = $1 order by c.position`,
          [id],
        ),
        pool.query<{
          tag_id: string;
          outcome: TagOutcome['outcome'];
          because: string;
          took_ms: number | null;
          rows_read: string | number | null;
        }>(
          `select o.tag_id, o.outcome, o.because, o.took_ms, o.rows_read
           from tags.refresh_outcome o where o.refresh_id = $1 order by o.tag_id`,
          [id],
        ),
        pool.query<{ cpu_ms: number | null }>('select r.cpu_ms from tags.refresh r where r.id = $1', [id]),
      ]);
      return {
        steps: steps.rows.map((row) => ({
          work: row.work,
          tagIds: row.tag_ids,
          ...(row.customers === null ? {} : { customers: Number(row.customers) }),
          tookMs: row.took_ms,
          rowsRead: Number(row.rows_read),
          bytesRead: Number(row.bytes_read),
        })),
        outcomes: outcomes.rows.map((row) => ({
          tagId: row.tag_id,
          outcome: row.outcome,
          because: row.because,
          ...(row.took_ms === null ? {} : { tookMs: row.took_ms }),
          ...(row.rows_read === null ? {} : { rowsRead: Number(row.rows_read) }),
        })),
        cpuMs: refresh.rows[0]?.cpu_ms ?? undefined,
      };
    },

    async totals(ids) {
      const { rows } = await pool.query<{
        refresh_id: string;
        took_ms: string | number;
        rows_read: string | number;
        bytes_read: string | number;
      }>(
        `select c.refresh_id, sum(c.took_ms) as took_ms, sum(c.rows_read) as rows_read, sum(c.bytes_read) as bytes_read
         from tags.refresh_cost c where c.refresh_id = any($1) group by c.refresh_id`,
        [ids],
      );
      return new Map(
        rows.map((row) => [
          row.refresh_id,
          {
            tookMs: Number(row.took_ms),
            rowsRead: Number(row.rows_read),
            bytesRead: Number(row.bytes_read),
          },
        ]),
      );
    },
  };
}
