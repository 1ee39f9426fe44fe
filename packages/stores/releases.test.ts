import { fixedClock } from '@rapport/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReleases } from './releases.ts';
import { startTemporaryStores, type TemporaryStores } from './testing.ts';

describe('releases', () => {
  const clock = fixedClock(Date.parse('2026-03-01T00:00:00Z'));
  let stores: TemporaryStores;
  beforeAll(async () => {
    stores = await startTemporaryStores({ clock });
  });
  afterAll(() => stores?.stop());
  const build = async (logical: string): Promise<string> => {
    const table = stores.releases.newTableName(logical);
    await stores.warehouse.command(
      `CREATE TABLE ${stores.warehouse.identifier(table)} (cid UInt32) ENGINE = MergeTree ORDER BY cid`,
    );
    return table;
  };

  it('begin empty, and show everything of a publish at once', async () => {
    const before = await stores.releases.current();
    expect(before.placements.size).toBe(0);
    const published = await stores.releases.publish({
      set: {
        'src/core/transaction': { table: 'transaction__1' },
        'tag/aum': { table: 'tags_a__1', column: 'aum' },
      },
      note: 'first load',
    });
    expect(published.number).toBe(before.number + 1);
    expect(published.placements.get('tag/aum')).toEqual({ table: 'tags_a__1', column: 'aum' });
    expect(await stores.releases.current()).toEqual(published);
    expect(before.placements.size).toBe(0);
  });

  it('replace, add and remove names in one step', async () => {
    const published = await stores.releases.publish({
      set: {
        'src/core/transaction': { table: 'transaction__2' },
        'src/core/account': { table: 'account__1' },
      },
      remove: ['tag/aum', 'tag/none'],
      note: 'second load',
    });
    expect(Object.fromEntries(published.placements)).toEqual({
      'src/core/transaction': { table: 'transaction__2' },
      'src/core/account': { table: 'account__1' },
    });
  });

  it('are seen by another process within a second', async () => {
    const other = createReleases(stores, clock);
    const seen = await other.current();
    const published = await stores.releases.publish({ set: { late: { table: 'late__1' } }, note: 'late' });
    expect((await other.current()).number).toBe(seen.number);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    expect((await other.current()).number).toBe(published.number);
  });

  it('number concurrent publishes one after another and lose none', async () => {
    const start = (await stores.releases.current()).number;
    const numbers = await Promise.all(
      Array.from(
        { length: 10 },
        async (_, index) =>
          (await stores.releases.publish({ set: { [`p${index}`]: { table: `p${index}__1` } }, note: '' }))
            .number,
      ),
    );
    expect(Math.max(...numbers)).toBe(start + 10);
    const { placements } = await stores.releases.current();
    for (let index = 0; index < 10; index++) expect(placements.get(`p${index}`)?.table).toBe(`p${index}__1`);
  });

  it('sweep away what no recent release refers to, and nothing that may be being built', async () => {
    const first = await build('swept');
    await stores.releases.publish({ set: { swept: { table: first } }, note: '' });
    const failed = await build('failed');
    clock.advance(3_600_000);
    const second = await build('swept');
    await stores.releases.publish({ set: { swept: { table: second } }, note: '' });
    // An hour of grace: the first is referred to until just now.
    expect(await stores.releases.sweep(3_600_000 - 1)).toEqual([failed]);
    clock.advance(1_800_000);
    const building = await build('swept');
    clock.advance(1_800_000);
    expect(await stores.releases.sweep(3_600_000)).toEqual([]);
    clock.advance(1);
    expect(await stores.releases.sweep(3_600_000)).toEqual([first]);
    expect(await stores.releases.sweep(0)).toEqual([building]);
    expect(await stores.releases.sweep(0)).toEqual([]);
  });

  it('keep what a segment reads as long as it is shown, and forget segments with their tables', async () => {
    const [whole, gone, rest] = [await build('fact'), await build('gone'), await build('fact')];
    const live = stores.releases.newTableName('fact_live');
    await stores.warehouse.createView(
      live,
      `SELECT * FROM ${whole} WHERE cid NOT IN (SELECT cid FROM ${gone})`,
    );
    const known = [
      { name: whole, rows: 2, minAtMs: 5, maxAtMs: 1_700_000_000_000 },
      {
        name: live,
        rows: 1,
        madeOf: [whole],
        withdrawn: gone,
        earliestChangedAtMs: 5,
        reads: [whole],
        createdBy: 'l',
      },
    ];
    await stores.releases.describeSegments(known);
    expect(await stores.releases.segments([whole, live, rest])).toEqual(
      new Map(known.map((info) => [info.name, info])),
    );
    await stores.releases.publish({
      set: { fact: { table: 'fact__0', segments: [live, rest] } },
      note: 'live',
    });
    clock.advance(10_000);
    const kept = await stores.releases.sweep(1_000);
    expect(kept).not.toEqual(expect.arrayContaining([whole]));
    for (const table of [whole, gone, rest, live]) expect(kept).not.toContain(table);
    await stores.releases.publish({ set: { fact: { table: 'fact__0', segments: [rest] } }, note: 'merged' });
    clock.advance(10_000);
    expect((await stores.releases.sweep(1_000)).toSorted()).toEqual([whole, gone, live].toSorted());
    expect((await stores.releases.segments([whole, live])).size).toBe(0);
  });
});
