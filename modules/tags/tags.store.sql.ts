import type { EpochMs } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import type { PoolClient } from 'pg';
import { Compile } from 'typebox/compile';
import { TagDefinition, TagDictionary, TagDistribution } from './contract.ts';

export interface StoredTag {
  readonly definition: TagDefinition;
  readonly version: number;
  readonly createdAt: EpochMs;
  readonly updatedAt: EpochMs;
  readonly updatedBy: string;
  /** Whether its life is over: it keeps its definition, and has no values. */
  readonly isRetired: boolean;
}

/** Figures of the latest refresh of one tag. */
export interface StoredFigures {
  readonly tagId: string;
  readonly refreshId: string;
  readonly definitionVersion: number;
  readonly asOf: EpochMs;
  readonly refreshedAt: EpochMs;
  /** Canonical tables the values were computed from, by logical name. */
  readonly basis: Readonly<Record<string, string>>;
  readonly known: number;
  readonly customers: number;
  readonly distinct: number;
  readonly tookMs: number;
  readonly distribution: TagDistribution;
}

export interface StoredRefresh {
  readonly id: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly asOf: EpochMs;
  readonly startedAt: EpochMs;
  readonly finishedAt: EpochMs | undefined;
  readonly release: number | undefined;
  readonly tags: number;
  readonly failed: readonly { tagId: string; error: string }[];
  readonly error: string | undefined;
}

interface DefinitionRow {
  id: string;
  version: number;
  document: unknown;
  created_at: Date;
  updated_at: Date;
  updated_by: string;
  is_retired: boolean;
}

interface FigureRow {
  tag_id: string;
  refresh_id: string;
  definition_version: number;
  as_of: Date;
  refreshed_at: Date;
  basis: Record<string, string>;
  known: string;
  customers: string;
  distinct_values: string;
  took_ms: number;
  distribution: unknown;
}

interface RefreshRow {
  id: string;
  state: 'running' | 'done' | 'failed';
  as_of: Date;
  started_at: Date;
  finished_at: Date | null;
  release: string | number | null;
  tags: number;
  failed: { tagId: string; error: string }[];
  error: string | null;
}

export interface TagStore {
  all(): Promise<StoredTag[]>;
  version(tagId: string, version: number): Promise<TagDefinition | undefined>;
  dictionaries(): Promise<TagDictionary[]>;
  saveDictionaries(dictionaries: readonly TagDictionary[]): Promise<void>;
  removeDictionary(id: string): Promise<void>;
  /** Writes definitions (a new version of those that exist) and settings in one transaction. */
  save(
    definitions: readonly TagDefinition[],
    options: { by: string; at: EpochMs; asOf?: EpochMs | undefined },
  ): Promise<void>;
  remove(tagId: string): Promise<void>;
  /** Instant that tags are computed for by default; `undefined` = now. */
  asOf(): Promise<EpochMs | undefined>;
  latestFigures(): Promise<Map<string, StoredFigures>>;
  faults(): Promise<Map<string, string>>;
  beginRefresh(id: string, asOf: EpochMs, at: EpochMs): Promise<void>;
  finishRefresh(outcome: {
    id: string;
    at: EpochMs;
    release: number;
    figures: readonly StoredFigures[];
    failed: readonly { tagId: string; error: string }[];
  }): Promise<void>;
  failRefresh(id: string, at: EpochMs, error: string): Promise<void>;
  refreshes(limit: number, before: string | undefined): Promise<StoredRefresh[]>;
  refreshById(id: string): Promise<StoredRefresh | undefined>;
}

const AS_OF = 'as_of';

const definitions = Compile(TagDefinition);
const distributions = Compile(TagDistribution);
const dictionarySchema = Compile(TagDictionary);

export function createTagStore(relational: Relational): TagStore {
  const { pool } = relational;

  const saveOne = async (
    client: PoolClient,
    definition: TagDefinition,
    options: { by: string; at: EpochMs },
  ): Promise<void> => {
    const { rows } = await client.query<{ version: number }>(
      `insert into tags.definition (id, version, document, created_at, updated_at, updated_by)
       values ($1, coalesce((select max(v.version) from tags.definition_version v where v.tag_id = $1), 0) + 1, $2, $3, $3, $4)
       on conflict (id) do update set version = definition.version + 1, document = excluded.document,
         updated_at = excluded.updated_at, updated_by = excluded.updated_by
       returning version`,
      [definition.id, JSON.stringify(definition), new Date(options.at), options.by],
    );
    await client.query(
      'insert into tags.definition_version (tag_id, version, document, at, by) values ($1, $2, $3, $4, $5)',
      [definition.id, rows[0]?.version, JSON.stringify(definition), new Date(options.at), options.by],
    );
  };

  const dictionaries = async (): Promise<TagDictionary[]> => {
    const { rows } = await pool.query<{ id: string; title: unknown; values: unknown }>(
      'select d.id, d.title, d.values from tags.dictionary d order by d.id',
    );
    return rows.map((row) => dictionarySchema.Parse(row));
  };

  return {
    dictionaries,
    async saveDictionaries(changed) {
      for (const { id, title, values } of changed)
        await pool.query(
          'insert into tags.dictionary (id, title, values) values ($1, $2, $3) on conflict (id) do update set title = excluded.title, values = excluded.values',
          [id, JSON.stringify(title), JSON.stringify(values)],
        );
    },
    async removeDictionary(id) {
      await pool.query('delete from tags.dictionary where id = $1', [id]);
    },
    async all() {
      const { rows } = await pool.query<DefinitionRow>(
        `select d.id, d.version, d.document, d.created_at, d.updated_at, d.updated_by,
           exists (select from tags.lifecycle l where l.tag_id = d.id and l.status = 'retired') as is_retired
         from tags.definition d order by d.id`,
      );
      const shared = new Map((await dictionaries()).map((each) => [each.id, each.values]));
      return rows.map((row) => ({
        definition: withDictionary(definitions.Parse(row.document), shared),
        version: row.version,
        createdAt: row.created_at.getTime(),
        updatedAt: row.updated_at.getTime(),
        updatedBy: row.updated_by,
        isRetired: row.is_retired,
      }));
    },
    async version(tagId, version) {
      const { rows } = await pool.query<{ document: unknown }>(
        'select v.document from tags.definition_version v where v.tag_id = $1 and v.version = $2',
        [tagId, version],
      );
      return rows[0] && definitions.Parse(rows[0].document);
    },
    async save(definitions, options) {
      await relational.transaction(async (client) => {
        for (const definition of definitions) await saveOne(client, definition, options);
        if (options.asOf !== undefined) {
          await client.query(
            'insert into tags.setting (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value',
            [AS_OF, JSON.stringify(options.asOf)],
          );
        }
      });
    },
    async remove(tagId) {
      await relational.transaction(async (client) => {
        await client.query('delete from tags.definition where id = $1', [tagId]);
        await client.query('delete from tags.refresh_tag where tag_id = $1', [tagId]);
        await client.query('delete from tags.fault where tag_id = $1', [tagId]);
        await client.query('delete from tags.quality where tag_id = $1', [tagId]);
        await client.query('delete from tags.quality_rule where tag_id = $1', [tagId]);
        await client.query('delete from tags.use_count where tag_id = $1', [tagId]);
      });
    },
    async asOf() {
      const { rows } = await pool.query<{ value: unknown }>(
        'select s.value from tags.setting s where s.key = $1',
        [AS_OF],
      );
      const value = rows[0]?.value;
      return typeof value === 'number' ? value : undefined;
    },
    async latestFigures() {
      const { rows } = await pool.query<FigureRow>(
        // One index look-up a tag: history grows, what is latest does not.
        `select l.* from tags.definition d cross join lateral (
           select r.tag_id, r.refresh_id, r.definition_version, r.as_of, r.refreshed_at, r.basis,
             r.known, r.customers, r.distinct_values, r.took_ms, r.distribution
           from tags.refresh_tag r where r.tag_id = d.id order by r.refreshed_at desc, r.refresh_id desc limit 1
         ) l`,
      );
      return new Map(
        rows.map((row) => [
          row.tag_id,
          {
            tagId: row.tag_id,
            refreshId: row.refresh_id,
            definitionVersion: row.definition_version,
            asOf: row.as_of.getTime(),
            refreshedAt: row.refreshed_at.getTime(),
            basis: row.basis,
            known: Number(row.known),
            customers: Number(row.customers),
            distinct: Number(row.distinct_values),
            tookMs: row.took_ms,
            distribution: distributions.Parse(row.distribution),
          },
        ]),
      );
    },
    async faults() {
      const { rows } = await pool.query<{ tag_id: string; error: string }>(
        'select f.tag_id, f.error from tags.fault f',
      );
      return new Map(rows.map((row) => [row.tag_id, row.error]));
    },
    async beginRefresh(id, asOf, at) {
      await pool.query(
        `insert into tags.refresh (id, state, as_of, started_at) values ($1, 'running', $2, $3)
         on conflict (id) do update set state = 'running', as_of = excluded.as_of, error = null`,
        [id, new Date(asOf), new Date(at)],
      );
    },
    async finishRefresh({ id, at, release, figures, failed }) {
      await relational.transaction(async (client) => {
        await client.query(
          `insert into tags.refresh_tag (refresh_id, tag_id, definition_version, as_of, refreshed_at, basis, known, customers, distinct_values, took_ms, distribution)
           select $1, n.tag_id, n.definition_version, to_timestamp(n.as_of / 1000.0), $2, n.basis, n.known, n.customers, n.distinct_values, n.took_ms, n.distribution
           from jsonb_to_recordset($3::jsonb) as n (tag_id text, definition_version integer, as_of double precision, basis jsonb, known bigint, customers bigint, distinct_values bigint, took_ms integer, distribution jsonb)
           on conflict (tag_id, refresh_id) do update set definition_version = excluded.definition_version, as_of = excluded.as_of,
             refreshed_at = excluded.refreshed_at, basis = excluded.basis, known = excluded.known, customers = excluded.customers,
             distinct_values = excluded.distinct_values, took_ms = excluded.took_ms, distribution = excluded.distribution`,
          [
            id,
            new Date(at),
            JSON.stringify(
              figures.map((row) => ({
                tag_id: row.tagId,
                definition_version: row.definitionVersion,
                as_of: row.asOf,
                basis: row.basis,
                known: row.known,
                customers: row.customers,
                distinct_values: row.distinct,
                took_ms: row.tookMs,
                distribution: row.distribution,
              })),
            ),
          ],
        );
        await client.query('delete from tags.fault f where f.tag_id = any($1)', [
          figures.map((row) => row.tagId),
        ]);
        for (const { tagId, error } of failed) {
          await client.query(
            'insert into tags.fault (tag_id, refresh_id, error) values ($1, $2, $3) on conflict (tag_id) do update set refresh_id = excluded.refresh_id, error = excluded.error',
            [tagId, id, error],
          );
        }
        await client.query(
          "update tags.refresh set state = 'done', finished_at = $2, release = $3, tags = $4, failed = $5, error = null where id = $1",
          [id, new Date(at), release, figures.length, JSON.stringify(failed)],
        );
      });
    },
    async failRefresh(id, at, error) {
      await pool.query(
        "update tags.refresh set state = 'failed', finished_at = $2, error = $3 where id = $1",
        [id, new Date(at), error],
      );
    },
    async refreshes(limit, before) {
      const { rows } = await pool.query<RefreshRow>(
        `select r.id, r.state, r.as_of, r.started_at, r.finished_at, r.release, r.tags, r.failed, r.error
         from tags.refresh r where $2::text is null or r.id < $2 order by r.id desc limit $1`,
        [limit, before ?? null],
      );
      return rows.map(refreshOf);
    },
    async refreshById(id) {
      const { rows } = await pool.query<RefreshRow>(
        `select r.id, r.state, r.as_of, r.started_at, r.finished_at, r.release, r.tags, r.failed, r.error
         from tags.refresh r where r.id = $1`,
        [id],
      );
      return rows[0] && refreshOf(rows[0]);
    },
  };
}

const refreshOf = (row: RefreshRow): StoredRefresh => ({
  id: row.id,
  state: row.state,
  asOf: row.as_of.getTime(),
  startedAt: row.started_at.getTime(),
  finishedAt: row.finished_at?.getTime(),
  release: row.release === null ? undefined : Number(row.release),
  tags: row.tags,
  failed: row.failed,
  error: row.error ?? undefined,
});

/** A tag that names a dictionary has its values. */
function withDictionary(
  definition: TagDefinition,
  shared: ReadonlyMap<string, TagDictionary['values']>,
): TagDefinition {
  const values = definition.dictionary === undefined ? undefined : shared.get(definition.dictionary);
  return values === undefined ? definition : { ...definition, values };
}
