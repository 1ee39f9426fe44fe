import type { ConditionCatalog } from '@rapport/conditions';
import { type Actor, fixedClock, silentLog } from '@rapport/kernel';
import { startTestStores, type TestStores, waitFor } from '@rapport/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGrowth, type Growth } from './growth.service.ts';
import { type Audiences, audiencesMigrations, createAudiences } from './index.ts';
import type { RefreshPolicy } from './insight.contract.ts';

/** A Monday: 2026-09-21, 08:00 in Shanghai; 25 to 27 September are the Mid-Autumn Festival. */
const MONDAY = Date.UTC(2026, 8, 21);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const clock = fixedClock(MONDAY);
const actorOf = (orgScope?: readonly string[]): Actor => ({
  kind: 'user',
  id: 'marketer',
  displayName: 'Marketer',
  permissions: new Set(['audiences.*']),
  orgScope,
});
const marketer = actorOf();

let stores: TestStores;
let audiences: Audiences;
let growth: Growth;
let swept = 0;
let audited: { action: string; subject: string }[] = [];
let membersTable = '';
const catalog = async (): Promise<ConditionCatalog> => ({
  customers: 'growth_customer',
  tag: () => undefined,
  event: () => undefined,
  audience: () => undefined,
  list: (id) =>
    id === 'lst_members'
      ? { title: { en: 'Members' }, cidQuery: `SELECT cid FROM ${membersTable}` }
      : undefined,
  tagIds: () => [],
  eventNames: () => [],
  listIds: () => ['lst_members'],
});

/** Puts the customers `from … to - 1` on the list that the audiences are made of. */
async function membersAre(from: number, to: number): Promise<void> {
  const table = stores.releases.newTableName('growth_members');
  await stores.warehouse.createTable({ name: table, columns: 'cid UInt32', orderBy: 'cid', spread: 'cid' });
  await stores.warehouse.command(`INSERT INTO ${table} SELECT number FROM numbers(${from}, ${to - from})`);
  await stores.releases.publish({ set: { 'list/lst_members': { table } }, note: 'members' });
  membersTable = table;
}

beforeAll(async () => {
  stores = await startTestStores([audiencesMigrations], { clock });
  await stores.warehouse.createTable({
    name: 'growth_customer',
    columns: 'cid UInt32, customer_id String, org_unit LowCardinality(String)',
    orderBy: 'cid',
    spread: 'cid',
  });
  await stores.warehouse.command(
    "INSERT INTO growth_customer SELECT number, concat('C', toString(number)), 'B1' FROM numbers(1000)",
  );
  await stores.releases.publish({ set: { customer: { table: 'growth_customer' } }, note: 'customers' });
  const audit = {
    record: async (entry: { action: string; subject: string }) => {
      audited.push(entry);
    },
  };
  const shared = { ...stores, clock, log: silentLog, audit };
  audiences = createAudiences({ ...shared, catalog });
  growth = createGrowth({
    ...shared,
    audiences,
    lists: {
      sweep: async () => {
        swept += 1;
        return 0;
      },
    },
  });
});
afterAll(() => stores?.stop());
beforeEach(async () => {
  await stores.relational.pool.query(
    'truncate audiences.audience, audiences.policy, audiences.size, audiences.membership, audiences.snapshot',
  );
  audited = [];
});

const audienceWith = async (policy?: RefreshPolicy): Promise<string> => {
  const { id } = await audiences.create({ name: 'Members', condition: { list: 'lst_members' } }, marketer);
  if (policy) await growth.setPolicy(id, policy, marketer);
  return id;
};
const pointsOf = async (id: string) => (await growth.history(id, {}, marketer)).points;
/** Waits until every job that was queued is over. */
const settled = (): Promise<unknown> =>
  waitFor(async () => {
    const jobs = await stores.jobs.list({ kind: 'audiences.refresh' });
    return jobs.every(({ state }) => state !== 'queued' && state !== 'running');
  });
const goTo = async (at: number): Promise<void> => {
  clock.advance(at - clock.now());
  await growth.keepSchedules();
  await settled();
};

describe('a schedule', () => {
  it('records the audience when it is due, and not on days off of the calendar it names', async () => {
    const monday = clock.now();
    await membersAre(0, 100);
    const daily: RefreshPolicy = { mode: 'schedule', cron: '30 9 * * *', businessDays: true };
    const china = await audienceWith(daily);
    const taiwan = await audienceWith({ ...daily, calendar: 'TW', timeZone: 'Asia/Taipei' });
    const always = await audienceWith({ mode: 'schedule', cron: '30 9 * * *' });
    await goTo(monday + HOUR);
    expect(await pointsOf(china)).toEqual([]);
    // Every day at 10:00: from Monday to the Monday after. The 28th is a holiday in Taiwan alone.
    for (let day = 0; day < 8; day++) {
      await membersAre(0, 101 + day);
      await goTo(monday + day * DAY + 2 * HOUR);
    }
    const daysOf = async (id: string) =>
      (await pointsOf(id)).map(({ at, count }) => [at.slice(8, 10), count]);
    const [worked, all] = [
      [
        ['21', 101],
        ['22', 102],
        ['23', 103],
        ['24', 104],
      ],
      [
        ['25', 105],
        ['26', 106],
        ['27', 107],
        ['28', 108],
      ],
    ];
    expect(await daysOf(always)).toEqual([...worked, ...all]);
    expect(await daysOf(china)).toEqual([...worked, ['28', 108]]);
    expect(await daysOf(taiwan)).toEqual(worked);
    expect((await growth.policy(taiwan, marketer)).nextAt).toBe('2026-09-29T01:30:00.000Z');
    expect(await growth.policy(china, marketer)).toMatchObject({
      nextAt: '2026-09-29T01:30:00.000Z',
      lastSize: 108,
    });
    expect((await audiences.get(china, marketer)).lastCount).toBe(108);
    expect(swept).toBeGreaterThan(0);
  });

  it('is kept once for all times that were missed', async () => {
    await membersAre(0, 10);
    const id = await audienceWith({ mode: 'schedule', cron: '0 * * * *' });
    await goTo(clock.now() + 5 * HOUR);
    expect(await pointsOf(id)).toHaveLength(1);
    await goTo(clock.now() + 60_000);
    expect(await pointsOf(id)).toHaveLength(1);
  });

  it('refuses what can never be kept, saying why', async () => {
    const id = await audienceWith();
    const detailOf = (policy: RefreshPolicy): Promise<string> =>
      growth.setPolicy(id, policy, marketer).then(
        () => 'taken',
        (error: Error) => error.message,
      );
    expect(await detailOf({ mode: 'schedule' })).toBe('A schedule needs "cron", such as "0 7 * * 1-5".');
    expect(await detailOf({ mode: 'schedule', cron: '0 0 30 2 *' })).toBe(
      'The schedule "0 0 30 2 *" is never due.',
    );
    expect(await detailOf({ mode: 'schedule', cron: '0 7 * * *', timeZone: 'Mars' })).toBe(
      '"Mars" is no time zone; name one such as "Asia/Taipei".',
    );
    expect(await detailOf({ mode: 'schedule', cron: 'now and then' })).toContain(
      '"now and then" is not a schedule: ',
    );
    expect((await growth.policy(id, marketer)).policy).toEqual({ mode: 'live' });
  });
});

describe('new data', () => {
  it('records audiences that wait for it, live ones once a day, frozen ones never', async () => {
    await membersAre(0, 50);
    const waiting = await audienceWith({ mode: 'after_refresh', snapshot: true, alert: { growth: 0.1 } });
    const live = await audienceWith();
    const frozen = await audienceWith({ mode: 'frozen' });
    const refreshed = async (): Promise<void> => {
      clock.advance(HOUR);
      await growth.onRefreshed();
      await settled();
    };
    await refreshed();
    await membersAre(10, 70);
    await refreshed();
    expect(await pointsOf(live)).toHaveLength(1);
    expect(await pointsOf(frozen)).toEqual([]);
    const points = await pointsOf(waiting);
    expect(points.map(({ count, entered, left, alerts }) => ({ count, entered, left, alerts }))).toEqual([
      { count: 50, entered: undefined, left: undefined, alerts: undefined },
      { count: 60, entered: 20, left: 10, alerts: ['growth'] },
    ]);
    expect(audited.filter(({ action }) => action === 'audience.alerted')).toMatchObject([
      { subject: waiting },
    ]);
    // Each point has the snapshot of its moment.
    const sizes = await Promise.all(
      points.map(async ({ snapshot = '' }) => (await audiences.snapshot(snapshot)).size),
    );
    expect(sizes).toEqual([50, 60]);
    expect(await growth.flow(waiting, { from: points[0]?.snapshot ?? '' }, marketer)).toMatchObject({
      stayed: 40,
      entered: 20,
      left: 10,
    });
    clock.advance(DAY);
    await refreshed();
    expect(await pointsOf(live)).toHaveLength(2);
  });

  it('does not let an audience that cannot be evaluated keep others waiting', async () => {
    await membersAre(0, 5);
    const broken = await audienceWith({ mode: 'after_refresh' });
    const whole = await audienceWith({ mode: 'after_refresh' });
    await stores.relational.pool.query('update audiences.audience set condition = $2 where id = $1', [
      broken,
      JSON.stringify({ list: 'lst_gone' }),
    ]);
    clock.advance(HOUR);
    await growth.onRefreshed();
    await settled();
    expect(await pointsOf(whole)).toHaveLength(1);
    const [job] = await stores.jobs.list({ kind: 'audiences.refresh', limit: 1 });
    expect(job).toMatchObject({
      state: 'done',
      result: { recorded: 1, failed: [{ audienceId: broken, reason: expect.stringContaining('lst_gone') }] },
    });
  });
});

describe('an actor of one branch', () => {
  it('neither records sizes of the whole bank nor is told them', async () => {
    await membersAre(0, 30);
    const id = await audienceWith();
    await growth.record(id, marketer);
    const branch = actorOf(['B1']);
    await expect(growth.record(id, branch)).rejects.toMatchObject({ code: 'audiences.whole_bank_only' });
    expect((await growth.policy(id, branch)).lastSize).toBeUndefined();
    expect((await growth.history(id, {}, branch)).points).toEqual([]);
  });
});
