import { customersMigrations } from '@rapport/customers';
import { type Actor, fixedClock, silentLog, systemActor } from '@rapport/kernel';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadBank, type SmallBank, smallBank } from './bank.test-support.ts';
import type { TagDefinition, TagValue } from './contract.ts';
import { createTags, type Tags, tagsMigrations } from './index.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const author: Actor = { ...systemActor, kind: 'user', id: 'usr_author' };

const tag = (
  id: string,
  valueType: TagDefinition['valueType'],
  definition: TagDefinition['definition'],
  over: Partial<TagDefinition> = {},
): TagDefinition => ({ id, title: { en: id }, category: 'test', valueType, definition, ...over });

describe('tags that people and events keep', () => {
  let stores: TestStores;
  let tags: Tags;
  let bank: SmallBank;
  let cids: Map<string, number>;
  const clock = fixedClock(NOW);

  beforeAll(async () => {
    stores = await startTestStores([customersMigrations, tagsMigrations]);
    bank = smallBank(11, 40, NOW);
    const customers = await loadBank(stores, bank, clock);
    cids = await customers.cidsOf(bank.customers.map(({ id }) => id));
    tags = createTags({
      ...stores,
      clock,
      log: silentLog,
      audit: { record: async () => undefined },
      customers,
      manifests: async () => [],
    });
    await tags.streams.component.start();
  });
  afterAll(async () => {
    await tags?.streams.component.stop();
    await stores?.stop();
  });

  const refresh = async (tagIds?: string[]) =>
    (await stores.jobs.wait(await tags.refresh(tagIds ? { tagIds } : {}))).result;
  const valuesOf = async (tagId: string): Promise<Map<string, TagValue | undefined>> => {
    const found = await tags.valuesOf([...cids.values()], [tagId]);
    return new Map([...cids].map(([id, cid]) => [id, found.get(cid)?.get(tagId)]));
  };
  const collect = async (customerId: string, name: string, at: string, eventId: string): Promise<void> => {
    const cid = cids.get(customerId) ?? 0;
    await stores.warehouse.insert('collected_event', [
      { cid, event_id: eventId, name, at, properties: { page: 'funds' }, source: 'rapport', inserted_at: at },
    ]);
    await tags.streams.note([{ cid, name }]);
  };
  const until = async (check: () => Promise<boolean>): Promise<number> => {
    const startedAt = performance.now();
    while (!(await check())) {
      if (performance.now() - startedAt > 15_000) throw new Error('it did not happen within 15 seconds');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return performance.now() - startedAt;
  };

  it('are set by hand with a reason and an end, and usable at once in rules', async () => {
    const values = [
      { value: 'gold', title: { en: 'Gold' } },
      { value: 'none', title: { en: 'None' } },
    ];
    await tags.create(tag('club', 'text', { kind: 'manual', expiresAfter: 'P1Y' }, { values }), author);
    await expect(
      tags.manual.set('club', { customerId: 'C0001', value: 'silver', reason: 'x' }, author),
    ).rejects.toThrow('"silver" is not in the dictionary: gold, none.');
    await expect(
      tags.manual.set('club', { customerId: 'nobody', value: 'gold', reason: 'x' }, author),
    ).rejects.toMatchObject({ code: 'tags.unknown_customer' });
    const set = await tags.manual.set(
      'club',
      { customerId: 'C0001', value: 'gold', reason: 'Golf day' },
      author,
    );
    expect(set).toMatchObject({ setBy: 'usr_author', expiresAt: '2027-06-01T12:00:00.000Z' });
    expect((await valuesOf('club')).get('C0001')).toBe('gold');
    expect(await tags.evidence('club', 'C0001', author)).toMatchObject({
      agrees: true,
      rows: [{ reason: 'Golf day', set_by: 'usr_author' }],
    });
    await tags.create(
      tag('invited', 'boolean', {
        kind: 'rule',
        cases: [{ when: { tag: 'club', op: '=', value: 'gold' }, value: true }],
      }),
      author,
    );
    expect(await refresh()).toMatchObject({ failed: [] });
    expect([...(await valuesOf('invited'))].filter(([, value]) => value).map(([id]) => id)).toEqual([
      'C0001',
    ]);
    expect((await tags.get('club')).statistics).toMatchObject({ known: 1, customers: 40 });
  });

  it('are uploaded as a file; a line that does not work is named and the others are taken', async () => {
    const csv =
      'customer_id,value\r\nC0002,gold\nC0003,"none"\nC0003,gold\nnobody,gold\nC0004,bronze\n,gold\n';
    const checked = await tags.manual.upload('club', { csv, reason: 'List 7', dryRun: true }, author);
    expect(checked).toMatchObject({ lines: 6, set: 2, refused: 4 });
    expect(checked.faults.map(({ line, message }) => `${line} ${message}`)).toEqual([
      '4 The customer "C0003" stands on line 3 already.',
      '5 There is no customer "nobody" among those you may see.',
      '6 "bronze" is not in the dictionary: gold, none.',
      '7 The customer id is missing.',
    ]);
    expect((await valuesOf('club')).get('C0002')).toBeUndefined();
    await tags.manual.upload('club', { csv, reason: 'List 7' }, author);
    expect((await valuesOf('club')).get('C0002')).toBe('gold');
    await tags.manual.upload('club', { csv, reason: 'List 8', replace: true }, author);
    expect((await valuesOf('club')).get('C0001')).toBeUndefined();
    expect((await tags.manual.list('club', {}, author)).items.map(({ customerId }) => customerId)).toEqual([
      'C0002',
      'C0003',
    ]);
    await expect(tags.manual.upload('invited', { csv, reason: 'x' }, author)).rejects.toMatchObject({
      code: 'tags.not_manual',
    });
    await tags.manual.clear('club', 'C0002', author);
    expect([...(await valuesOf('club')).values()].filter((value) => value !== undefined)).toEqual(['none']);
  });

  it('end when their time is over', async () => {
    await tags.manual.set(
      'club',
      { customerId: 'C0005', value: 'gold', reason: 'Trial', expiresAt: '2026-06-02T00:00:00.000Z' },
      author,
    );
    expect((await valuesOf('club')).get('C0005')).toBe('gold');
    clock.advance(86_400_000);
    await refresh(['invited']);
    expect((await valuesOf('club')).get('C0005')).toBeUndefined();
    expect((await valuesOf('invited')).get('C0005')).toBeUndefined();
    clock.advance(-86_400_000);
  });

  it('follow events within seconds, and are what a refresh of all rows gives', async () => {
    await collect('C0001', 'app_login', '2026-06-01 09:00:00.000', 'l1');
    await new Promise((resolve) => setTimeout(resolve, 3_100));
    await tags.create(
      tag('logins_today', 'number', {
        kind: 'stream',
        event: 'app_login',
        aggregate: 'count',
        toDate: 'day',
        zone: 'Asia/Taipei',
      }),
      author,
    );
    await tags.create(
      tag('last_login', 'instant', { kind: 'stream', event: 'app_login', aggregate: { max: 'at' } }),
      author,
    );
    expect(await refresh(['logins_today', 'last_login'])).toMatchObject({ failed: [] });
    expect((await valuesOf('logins_today')).get('C0001')).toBe(1);
    await collect('C0001', 'app_login', '2026-06-01 10:00:00.000', 'l2');
    await collect('C0001', 'app_login', '2026-06-01 10:00:00.000', 'l2'); // told twice
    await collect('C0007', 'app_login', '2026-05-31 15:59:59.999', 'l3'); // still yesterday in Taipei
    await collect('C0008', 'app_login', '2026-06-01 08:00:00.000', 'l4');
    const tookMs = await until(
      async () => (await valuesOf('last_login')).get('C0008') === '2026-06-01T08:00:00.000Z',
    );
    expect(tookMs).toBeLessThan(10_000);
    await until(async () => (await valuesOf('logins_today')).get('C0008') === 1);
    const streamed = { today: await valuesOf('logins_today'), last: await valuesOf('last_login') };
    expect(streamed.today.get('C0001')).toBe(2);
    expect(streamed.today.get('C0007')).toBe(0);
    expect(streamed.last.get('C0001')).toBe('2026-06-01T10:00:00.000Z');
    for (const id of ['C0001', 'C0007', 'C0008', 'C0009'])
      expect((await tags.evidence('logins_today', id, author)).agrees, id).toBe(true);
    await refresh(['logins_today', 'last_login']);
    expect(await valuesOf('logins_today')).toEqual(streamed.today);
    expect(await valuesOf('last_login')).toEqual(streamed.last);
  }, 60_000);
});
