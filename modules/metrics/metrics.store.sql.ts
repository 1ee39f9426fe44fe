import type { Relational } from '@rapport/stores';
import type { MetricDefinition } from './contract.ts';
import type { Cell } from './roll-up.ts';

export interface StoredMetric {
  readonly definition: MetricDefinition;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly updatedBy: string;
}

export interface StoredCell extends Cell {
  readonly day: string;
  readonly version: number;
}

interface MetricRow {
  readonly document: MetricDefinition;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly updated_by: string;
}

interface CellRow {
  readonly day: string;
  readonly version: number;
  readonly org_unit: string;
  readonly rm: string;
  readonly total: string;
  readonly base: string;
  readonly customers: number | string;
}

export function createMetricStore(relational: Pick<Relational, 'pool' | 'transaction'>) {
  const read = (row: MetricRow): StoredMetric => ({
    definition: row.document,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
  });
  const readCell = (row: CellRow): StoredCell => ({
    day: row.day,
    version: row.version,
    orgUnit: row.org_unit,
    rm: row.rm,
    total: BigInt(row.total),
    base: BigInt(row.base),
    customers: Number(row.customers),
  });

  return {
    async all(): Promise<StoredMetric[]> {
      const { rows } = await relational.pool.query<MetricRow>(
        `select v.document, m.version, m.created_at, m.updated_at, m.updated_by
         from metrics.metric m join metrics.metric_version v on v.metric_id = m.id and v.version = m.version
         order by m.id`,
      );
      return rows.map(read);
    },

    async versions(
      metricId: string,
    ): Promise<{ version: number; definition: MetricDefinition; at: Date; by: string }[]> {
      const { rows } = await relational.pool.query<{
        version: number;
        document: MetricDefinition;
        at: Date;
        by: string;
      }>(
        `select v.version, v.document, v.at, v.by from metrics.metric_version v
         where v.metric_id = $1 order by v.version desc`,
        [metricId],
      );
      return rows.map(({ document, ...row }) => ({ ...row, definition: document }));
    },

    /** Writes new versions, all or none; `expected` is the version a change was made from. Answers whether it was. */
    async save(
      changes: readonly { definition: MetricDefinition; expected?: number | undefined }[],
      by: string,
      at: Date,
    ): Promise<boolean> {
      return relational.transaction(async (client) => {
        for (const { definition, expected } of changes) {
          const { rows } = await client.query<{ version: number }>(
            `insert into metrics.metric as m (id, version, created_at, updated_at, updated_by) values ($1, 1, $2, $2, $3)
             on conflict (id) do update set version = m.version + 1, updated_at = $2, updated_by = $3
             where $4::int is null or m.version = $4
             returning m.version`,
            [definition.id, at, by, expected ?? null],
          );
          const version = rows[0]?.version;
          if (version === undefined) return false;
          await client.query(
            'insert into metrics.metric_version (metric_id, version, document, at, by) values ($1, $2, $3, $4, $5)',
            [definition.id, version, JSON.stringify(definition), at, by],
          );
        }
        return true;
      });
    },

    async remove(metricId: string): Promise<void> {
      await relational.pool.query('delete from metrics.metric m where m.id = $1', [metricId]);
    },

    /** Keeps the cells of a day in place of those kept for it before. */
    async keep(metricId: string, version: number, day: string, cells: readonly Cell[]): Promise<void> {
      await relational.transaction(async (client) => {
        await client.query('delete from metrics.cell c where c.metric_id = $1 and c.day = $2', [
          metricId,
          day,
        ]);
        await client.query(
          `insert into metrics.cell (metric_id, day, version, org_unit, rm, total, base, customers)
           select $1, $2, $3, n.org_unit, n.rm, n.total, n.base, n.customers
           from unnest($4::text[], $5::text[], $6::numeric[], $7::numeric[], $8::bigint[])
             as n (org_unit, rm, total, base, customers)`,
          [
            metricId,
            day,
            version,
            cells.map((cell) => cell.orgUnit),
            cells.map((cell) => cell.rm),
            cells.map((cell) => cell.total.toString()),
            cells.map((cell) => cell.base.toString()),
            cells.map((cell) => cell.customers),
          ],
        );
      });
    },

    /** Kept cells of one metric, by day, oldest first. */
    async cells(
      metricId: string,
      where: {
        day?: string | undefined;
        orgUnits?: readonly string[] | undefined;
        rm?: string | undefined;
      } = {},
    ): Promise<StoredCell[]> {
      const { rows } = await relational.pool.query<CellRow>(
        `select to_char(c.day, 'YYYY-MM-DD') as day, c.version, c.org_unit, c.rm,
           c.total::text as total, c.base::text as base, c.customers
         from metrics.cell c
         where c.metric_id = $1 and ($2::date is null or c.day = $2)
           and ($3::text[] is null or c.org_unit = any($3)) and ($4::text is null or c.rm = $4)
         order by c.day, c.org_unit, c.rm`,
        [metricId, where.day ?? null, where.orgUnits ?? null, where.rm ?? null],
      );
      return rows.map(readCell);
    },

    /** Days before `firstDay` are thinned to the last one of each month. */
    async thin(firstDay: string): Promise<void> {
      await relational.pool.query(
        `delete from metrics.cell c where c.day < $1::date and c.day <> (
           select max(o.day) from metrics.cell o
           where o.metric_id = c.metric_id and date_trunc('month', o.day) = date_trunc('month', c.day))`,
        [firstDay],
      );
    },
  };
}

export type MetricStore = ReturnType<typeof createMetricStore>;
