import type { EpochMs } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';

export interface CostTotal {
  readonly tagId: string;
  readonly refreshes: number;
  readonly computed: number;
  readonly tookMs: number;
  readonly rowsRead: number;
}

export function createUsageStore({ pool }: Pick<Relational, 'pool'>) {
  return {
    async count(counts: ReadonlyMap<string, number>, at: EpochMs): Promise<void> {
      await pool.query(
        `insert into tags.use_count as u (tag_id, day, counted)
         select n.tag_id, $3::timestamptz::date, n.counted from unnest($1::text[], $2::integer[]) as n (tag_id, counted)
         order by n.tag_id
         on conflict (tag_id, day) do update set counted = u.counted + excluded.counted`,
        [[...counts.keys()], [...counts.values()], new Date(at)],
      );
    },
    async counts(at: EpochMs, days: number): Promise<Map<string, number>> {
      const { rows } = await pool.query<{ tag_id: string; counted: string }>(
        `select u.tag_id, sum(u.counted) as counted from tags.use_count u
         where u.day > $1::timestamptz::date - $2::integer group by u.tag_id`,
        [new Date(at), days],
      );
      return new Map(rows.map((row) => [row.tag_id, Number(row.counted)]));
    },
    /** Oldest first. */
    async byDay(tagId: string, at: EpochMs, days: number): Promise<{ day: string; counted: number }[]> {
      const { rows } = await pool.query<{ day: string; counted: number }>(
        `select u.day::text as day, u.counted from tags.use_count u
         where u.tag_id = $1 and u.day > $2::timestamptz::date - $3::integer order by u.day`,
        [tagId, new Date(at), days],
      );
      return rows;
    },
    /** Shares of the work of refreshes since so many days, the dearest first. */
    async totals(at: EpochMs, days: number): Promise<CostTotal[]> {
      const { rows } = await pool.query<{
        tag_id: string;
        refreshes: string;
        computed: string;
        took_ms: string;
        rows_read: string;
      }>(
        `select o.tag_id, count(*) as refreshes,
           count(*) filter (where o.outcome in ('computed', 'patched')) as computed,
           coalesce(sum(o.took_ms), 0) as took_ms, coalesce(sum(o.rows_read), 0) as rows_read
         from tags.refresh_outcome o join tags.refresh r on r.id = o.refresh_id
         where r.started_at > $1 group by o.tag_id order by took_ms desc, o.tag_id`,
        [new Date(at - days * 86_400_000)],
      );
      return rows.map((row) => ({
        tagId: row.tag_id,
        refreshes: Number(row.refreshes),
        computed: Number(row.computed),
        tookMs: Number(row.took_ms),
        rowsRead: Number(row.rows_read),
      }));
    },
    /** Newest first, at most 200. */
    async history(tagId: string, at: EpochMs, days: number) {
      const { rows } = await pool.query<{
        refresh_id: string;
        started_at: Date;
        outcome: string;
        because: string;
        took_ms: number | null;
        rows_read: string | null;
      }>(
        `select o.refresh_id, r.started_at, o.outcome, o.because, o.took_ms, o.rows_read
         from tags.refresh_outcome o join tags.refresh r on r.id = o.refresh_id
         where o.tag_id = $1 and r.started_at > $2 order by r.started_at desc, r.id desc limit 200`,
        [tagId, new Date(at - days * 86_400_000)],
      );
      return rows.map((row) => ({
        refreshId: row.refresh_id,
        at: row.started_at.getTime(),
        outcome: row.outcome,
        because: row.because,
        ...(row.took_ms === null ? {} : { tookMs: row.took_ms }),
        ...(row.rows_read === null ? {} : { rowsRead: Number(row.rows_read) }),
      }));
    },
  };
}
