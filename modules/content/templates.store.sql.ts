import { toIso } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import type { TemplateBody, TemplateView, Variant } from './contract.ts';

interface TemplateRow {
  readonly id: string;
  readonly name: string;
  readonly channel: TemplateBody['channel'];
  readonly purpose: TemplateBody['purpose'];
  readonly variants: Variant[];
  readonly changed: boolean;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly published_at: Date | null;
}

interface VersionRow {
  readonly name: string;
  readonly channel: TemplateBody['channel'];
  readonly purpose: TemplateBody['purpose'];
  readonly variants: Variant[];
  readonly version: number;
}

const COLUMNS =
  't.id, t.name, t.channel, t.purpose, t.variants, t.changed, t.version, t.created_at, t.updated_at, t.published_at';

export type TemplateStore = ReturnType<typeof createTemplateStore>;

export function createTemplateStore({ pool, transaction }: Pick<Relational, 'pool' | 'transaction'>) {
  const one = async (sql: string, values: readonly unknown[]): Promise<TemplateView | undefined> => {
    const found = await pool.query<TemplateRow>(sql, [...values]);
    return found.rows[0] ? toView(found.rows[0]) : undefined;
  };
  return {
    async list(query: { channel?: string; limit: number; before?: string }): Promise<TemplateView[]> {
      const found = await pool.query<TemplateRow>(
        `select ${COLUMNS} from content.template t
         where t.deleted_at is null and ($1::text is null or t.channel = $1) and ($2::text is null or t.id < $2)
         order by t.id desc limit $3`,
        [query.channel ?? null, query.before ?? null, query.limit],
      );
      return found.rows.map(toView);
    },
    get: (id: string) =>
      one(`select ${COLUMNS} from content.template t where t.id = $1 and t.deleted_at is null`, [id]),
    insert: (id: string, body: TemplateBody, at: Date) =>
      one(
        `insert into content.template as t (id, name, channel, purpose, variants, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $6) returning ${COLUMNS}`,
        [id, body.name, body.channel, body.purpose, JSON.stringify(body.variants), at],
      ),
    replace: (id: string, body: TemplateBody, at: Date) =>
      one(
        `update content.template t set name = $2, channel = $3, purpose = $4, variants = $5, updated_at = $6, changed = true
         where t.id = $1 and t.deleted_at is null returning ${COLUMNS}`,
        [id, body.name, body.channel, body.purpose, JSON.stringify(body.variants), at],
      ),
    async remove(id: string, at: Date): Promise<boolean> {
      const removed = await pool.query(
        'update content.template t set deleted_at = $2 where t.id = $1 and t.deleted_at is null',
        [id, at],
      );
      return removed.rowCount === 1;
    },
    /** Freezes exactly what was checked: nothing when the draft changed meanwhile. */
    publish: (checked: TemplateView, at: Date, actorId: string): Promise<TemplateView | undefined> =>
      transaction(async (client) => {
        const updated = await client.query<TemplateRow>(
          `update content.template t set version = t.version + 1, changed = false, published_at = $3
           where t.id = $1 and t.deleted_at is null and t.updated_at = $2 returning ${COLUMNS}`,
          [checked.id, checked.updatedAt, at],
        );
        const row = updated.rows[0];
        if (!row) return undefined;
        await client.query(
          `insert into content.template_version (template_id, version, name, channel, purpose, variants, published_at, published_by)
           values ($1, $2, $3, $4, $5, $6, $7, $8)`,
          [
            row.id,
            row.version,
            row.name,
            row.channel,
            row.purpose,
            JSON.stringify(row.variants),
            at,
            actorId,
          ],
        );
        return toView(row);
      }),
    async version(
      id: string,
      version: number | undefined,
    ): Promise<(TemplateBody & { version: number }) | undefined> {
      const found = await pool.query<VersionRow>(
        `select v.name, v.channel, v.purpose, v.variants, v.version from content.template_version v
         where v.template_id = $1 and ($2::int is null or v.version = $2) order by v.version desc limit 1`,
        [id, version ?? null],
      );
      return found.rows[0];
    },
  };
}

const toView = (row: TemplateRow): TemplateView => ({
  id: row.id,
  name: row.name,
  channel: row.channel,
  purpose: row.purpose,
  variants: row.variants,
  state: row.changed ? 'draft' : 'published',
  version: row.version,
  createdAt: toIso(row.created_at.getTime()),
  updatedAt: toIso(row.updated_at.getTime()),
  ...(row.published_at ? { publishedAt: toIso(row.published_at.getTime()) } : {}),
});
