import { type Condition, compileCids } from '@rapport/conditions';
import { customersMigrations } from '@rapport/customers';
import { type Actor, fixedClock, silentLog, systemActor } from '@rapport/kernel';
import { createSetEngine, type SetEngine } from '@rapport/sets';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadBank, type SmallBank, smallBank } from './bank.test-support.ts';
import type { TagDefinition } from './contract.ts';
import { createTags, type Tags, tagsMigrations } from './index.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 5, 10, 12);
const DAYS = [6, 7, 8].map((day) => Date.UTC(2026, 5, day, 12));
const author: Actor = { ...systemActor, kind: 'user', id: 'usr_author' };

const RECENT: TagDefinition = {
  id: 'recent',
  title: { en: 'Transactions of the last 20 days' },
  category: 'test',
  valueType: 'number',
  definition: { kind: 'statistical', over: 'transaction', aggregate: 'count', within: 'P20D' },
};

describe('values of past days', () => {
  let stores: TestStores;
  let tags: Tags;
  let bank: SmallBank;
  let engine: SetEngine;
  const clock = fixedClock(NOW);

  beforeAll(async () => {
    stores = await startTestStores([customersMigrations, tagsMigrations]);
    bank = smallBank(5, 120, NOW);
    tags = createTags({
      ...stores,
      clock,
      log: silentLog,
      audit: { record: async () => undefined },
      customers: await loadBank(stores, bank, clock),
      manifests: async () => [],
      historyDays: 1,
    });
    engine = createSetEngine({ warehouse: stores.warehouse });
    await tags.create(RECENT, author);
  });
  afterAll(() => stores?.stop());

  const refresh = async (at: number | undefined) => {
    const asOf = new Date(at ?? 0).toISOString();
    await stores.jobs.wait(await tags.refresh({ asOf }));
  };
  /** By hand: how many customers have at least so many transactions in the 20 days up to an instant. */
  const naive = (at: number, least: number): number =>
    bank.customers.filter(
      ({ id }) =>
        bank.transactions.filter((one) => one.customer === id && one.atMs > at - 20 * DAY && one.atMs <= at)
          .length >= least,
    ).length;
  const atLeast = (value: number): Condition => ({ tag: 'recent', op: '>=', value });

  /** The same question of all three readers. */
  const countAsOf = async (condition: Condition, at: number | undefined): Promise<number> => {
    const release = await stores.releases.current();
    const catalog = await tags.catalog(release, at);
    const now = at ?? NOW;
    const { count } = await engine.count(condition, { catalog, placements: release.placements, now });
    const { sql, params } = compileCids(condition, catalog, { now });
    expect((await stores.warehouse.queryCids(sql, params)).size).toBe(count);
    return count;
  };
  const placed = async (prefix: string): Promise<string[]> =>
    [...(await stores.releases.current()).placements.keys()].filter((name) => name.startsWith(prefix)).sort();

  it('are read as of their day, in SQL and by the set engine, and are the present ones where none are kept', async () => {
    const [first = 0, second = 0] = DAYS;
    await refresh(first);
    expect(await placed('history/')).toEqual([]);
    await refresh(second);
    expect(await placed('history/')).toEqual(['history/2026-06-06/tag/recent']);
    const answers: number[] = [];
    for (const least of [1, 2, 3]) {
      expect(await countAsOf(atLeast(least), first)).toBe(naive(first, least));
      expect(await countAsOf(atLeast(least), first + 8 * 3_600_000)).toBe(naive(first, least));
      expect(await countAsOf(atLeast(least), second)).toBe(naive(second, least));
      expect(await countAsOf(atLeast(least), undefined)).toBe(naive(second, least));
      expect(await countAsOf(atLeast(least), first - DAY)).toBe(naive(second, least));
      answers.push(naive(first, least) - naive(second, least));
    }
    expect(answers.some((difference) => difference !== 0)).toBe(true);
    const release = await stores.releases.current();
    const past = await tags.catalog(release, first);
    expect(past.tag('recent')?.asOfDay).toBe('2026-06-06');
    expect((await tags.catalog(release, second)).tag('recent')?.asOfDay).toBeUndefined();
  });

  it('stay when tables are swept, without an index of their own, and end after the days that are kept', async () => {
    const [first = 0, second = 0, third = 0] = DAYS;
    await stores.releases.sweep(-1);
    expect(await countAsOf(atLeast(2), first)).toBe(naive(first, 2));
    // The last values of a day count: those of the evening, not of noon.
    await refresh(second + 6 * 3_600_000);
    await refresh(third);
    await stores.releases.sweep(-1);
    expect(await placed('history/')).toEqual(['history/2026-06-07/tag/recent']);
    expect(await placed('index/')).toHaveLength(1);
    expect(await countAsOf(atLeast(2), second)).toBe(naive(second + 6 * 3_600_000, 2));
    expect(await countAsOf(atLeast(2), third)).toBe(naive(third, 2));
  });
});
