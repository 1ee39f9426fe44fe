import type { Clock } from '@rapport/kernel';
import { Type } from 'typebox';
import { ulid } from 'ulid';
import type { ModuleMigrations, Placement, Relational, Release, Releases, Warehouse } from './ports.ts';
import { createSegmentBook, segmentsMigrations } from './segments.ts';

export const releasesMigrations: ModuleMigrations = {
  module: 'stores',
  relational: [
    {
      id: '20261123T180000_releases',
      sql: `
create table rapport.release (
  number bigint primary key,
  note text not null,
  published_at timestamptz not null
);
-- A placement holds from release "since" until before release "until"; an open one holds still.
create table rapport.placement (
  logical text not null,
  since bigint not null references rapport.release (number),
  until bigint references rapport.release (number),
  physical text not null,
  value_column text,
  primary key (logical, since)
);
create index placement_open on rapport.placement (logical) where until is null;
create index placement_until on rapport.placement (until);
`,
    },
    {
      id: '20261125T040000_placement_segments',
      sql: 'alter table rapport.placement add column if not exists segments text[];',
    },
    ...segmentsMigrations,
  ],
};

const FRESH_MS = 1_000;
const PHYSICAL = /^(.+)__([0-9a-hjkmnp-tv-z]{26})$/;

/** Any number that no one else locks by; releases are published one after another. */
const LOCK = 7_231_994_002;

/** Versions of warehouse tables, kept in PostgreSQL: what a transaction publishes is visible whole or not at all. */
export function createReleases(
  stores: { readonly relational: Relational; readonly warehouse: Warehouse },
  clock: Clock,
): Releases {
  const { relational, warehouse } = stores;
  const book = createSegmentBook(relational);
  let cached: { release: Release; checkedAt: number } | undefined;
  let checking: Promise<Release> | undefined;

  const load = async (): Promise<Release> => {
    const { rows } = await relational.pool.query<{
      number: number;
      logical: string | null;
      physical: string;
      value_column: string | null;
      segments: string[] | null;
    }>(
      `select r.number, p.logical, p.physical, p.value_column, p.segments
       from (select coalesce(max(number), 0) as number from rapport.release) r
       left join rapport.placement p on p.until is null`,
    );
    const placements = new Map<string, Placement>();
    for (const { logical, physical, value_column, segments } of rows) {
      if (logical === null) continue;
      placements.set(logical, {
        table: physical,
        ...(value_column === null ? {} : { column: value_column }),
        ...(segments === null ? {} : { segments }),
      });
    }
    return { number: rows[0]?.number ?? 0, placements };
  };

  const check = async (): Promise<Release> => {
    const known = cached?.release;
    if (known) {
      const { rows } = await relational.pool.query<{ number: number }>(
        'select coalesce(max(number), 0) as number from rapport.release',
      );
      if (rows[0]?.number === known.number) return known;
    }
    return load();
  };

  const current = async (): Promise<Release> => {
    // Real time: staleness is about this process, whatever the time of the business is.
    if (cached && performance.now() - cached.checkedAt < FRESH_MS) return cached.release;
    checking ??= check().finally(() => {
      checking = undefined;
    });
    const release = await checking;
    if (!cached || release.number >= cached.release.number)
      cached = { release, checkedAt: performance.now() };
    return cached.release;
  };

  return {
    current,
    newTableName: (logical) => `${logical}__${ulid(clock.now()).toLowerCase()}`,

    async publish({ set, remove = [], note }) {
      const publishedAt = new Date(clock.now());
      const names = [...new Set([...Object.keys(set), ...remove])];
      await relational.transaction(async (client) => {
        await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
        const { rows } = await client.query<{ number: number }>(
          `insert into rapport.release (number, note, published_at)
           select coalesce(max(r.number), 0) + 1, $1, $2 from rapport.release r returning number`,
          [note, publishedAt],
        );
        const number = rows[0]?.number;
        await client.query(
          'update rapport.placement set until = $1 where until is null and logical = any($2)',
          [number, names],
        );
        const entries = Object.entries(set);
        // An array of arrays would be one with two dimensions: segments travel as JSON.
        await client.query(
          `insert into rapport.placement (logical, since, physical, value_column, segments)
           select n.logical, $1, n.physical, n.value_column,
             case when n.segments is null then null else array(select jsonb_array_elements_text(n.segments::jsonb)) end
           from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as n (logical, physical, value_column, segments)`,
          [
            number,
            entries.map(([logical]) => logical),
            entries.map(([, { table }]) => table),
            entries.map(([, { column }]) => column ?? null),
            entries.map(([, { segments }]) => (segments ? JSON.stringify(segments) : null)),
          ],
        );
      });
      cached = { release: await load(), checkedAt: performance.now() };
      return cached.release;
    },

    describeSegments: book.describe,
    segments: book.find,

    async sweep(graceMs) {
      const before = clock.now() - graceMs;
      // Kept: what holds still, and what held at some time within the grace.
      const { rows } = await relational.pool.query<{ physical: string }>(
        `select distinct unnest(array_append(coalesce(p.segments, '{}'), p.physical)) as physical
         from rapport.placement p left join rapport.release r on r.number = p.until
         where p.until is null or r.published_at >= $1`,
        [new Date(before)],
      );
      const kept = new Set(rows.map(({ physical }) => physical));
      // A segment may be a view over an older one that left the release with it.
      for (let reached = [...kept]; reached.length > 0; ) {
        const beneath = await book.beneath(reached);
        reached = beneath.filter((name) => !kept.has(name));
        for (const name of reached) kept.add(name);
      }
      const tables = await warehouse.query(
        Type.Object({ name: Type.String() }),
        'SELECT name FROM system.tables WHERE database = currentDatabase()',
      );
      const dropped: string[] = [];
      for (const { name } of tables) {
        const ulid = PHYSICAL.exec(name)?.[2];
        // One made within the grace may still be being built.
        if (ulid === undefined || kept.has(name) || ulidTime(ulid) > before) continue;
        await warehouse.drop(name);
        dropped.push(name);
      }
      if (dropped.length > 0) await book.forget(dropped);
      return dropped;
    },
  };
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** @source ULID specification: the first ten characters are milliseconds, five bits each */
function ulidTime(ulid: string): number {
  return [...ulid.slice(0, 10)].reduce((time, letter) => time * 32 + ALPHABET.indexOf(letter), 0);
}
