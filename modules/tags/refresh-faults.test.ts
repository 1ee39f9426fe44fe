import { customersMigrations } from '@rapport/customers';
import { fixedClock, silentLog, systemActor } from '@rapport/kernel';
import type { Warehouse } from '@rapport/stores';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadBank, type SmallBank, smallBank } from './bank.test-support.ts';
import type { TagRefreshDetail, TagValue } from './contract.ts';
import { createTags, type Tags, tagsMigrations } from './index.ts';
import type { BlockedData } from './tags.context.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const YAML = `
tags:
  - { id: gender, title: { en: Gender }, category: a, valueType: text, definition: { kind: fact, from: customer, value: gender } }
  - { id: bookings, title: { en: Bookings }, category: a, valueType: number, definition: { kind: statistical, over: transaction, aggregate: count } }
  - { id: cards, title: { en: Cards }, category: a, valueType: number, definition: { kind: statistical, over: transaction, aggregate: count, where: { property: kind, op: '=', value: card } } }
  - { id: logins, title: { en: Logins }, category: a, valueType: number, definition: { kind: statistical, over: event, event: login, aggregate: count } }
  - { id: logins_a_card, title: { en: Ratio }, category: a, valueType: number, definition: { kind: derived, expression: 'logins / cards' } }
  - { id: card_share, title: { en: Share }, category: a, valueType: number, definition: { kind: statistical, over: transaction, aggregate: { ratio: { of: { aggregate: count }, to: { aggregate: count, where: { property: kind, op: '=', value: card } } } } } }
  - { id: busy, title: { en: Busy }, category: a, valueType: boolean, definition: { kind: rule, cases: [{ when: { tag: bookings, op: '>', value: 5 }, value: true }], otherwise: false } }
`;

describe('a refresh that meets bad data', { timeout: 240_000 }, () => {
  let stores: TestStores;
  let tags: Tags;
  let bank: SmallBank;
  let cids: ReadonlyMap<string, number>;
  let blocks: BlockedData[] = [];
  let beforeCommand: (sql: string) => Promise<void> = async () => undefined;

  beforeAll(async () => {
    stores = await startTestStores([customersMigrations, tagsMigrations]);
    const clock = fixedClock(NOW);
    bank = smallBank(7, 60, NOW);
    const customers = await loadBank(stores, bank, clock);
    cids = await customers.cidsOf(bank.customers.map(({ id }) => id));
    const warehouse: Warehouse = {
      ...stores.warehouse,
      async command(...statement) {
        await beforeCommand(statement[0]);
        await stores.warehouse.command(...statement);
      },
    };
    tags = createTags({
      ...stores,
      warehouse,
      clock,
      log: silentLog,
      audit: { record: async () => undefined },
      customers,
      manifests: async () => [],
      blocked: async () => blocks,
    });
    await tags.importYaml(YAML, {}, systemActor);
    await refresh();
  });
  afterAll(() => stores?.stop());

  const refresh = async (): Promise<TagRefreshDetail> => {
    await stores.jobs.wait(await tags.refresh({ full: true }));
    const [latest] = (await tags.refreshes({ limit: 1 })).items;
    return tags.refreshDetail(latest?.id ?? '');
  };
  const valuesOf = async (tagId: string): Promise<(TagValue | undefined)[]> => {
    const found = await tags.valuesOf([...cids.values()], [tagId]);
    return [...cids.values()].map((cid) => found.get(cid)?.get(tagId));
  };
  const reasonOf = (detail: TagRefreshDetail, tagId: string): string | undefined =>
    detail.outcomes.find((each) => each.tagId === tagId)?.because;

  it('leaves a ratio unknown where it would divide by zero, and says of how many customers', async () => {
    const cards = await valuesOf('cards');
    const withoutCards = cards.filter((value) => value === 0).length;
    expect(withoutCards).toBeGreaterThan(0);
    for (const tagId of ['logins_a_card', 'card_share']) {
      const values = await valuesOf(tagId);
      expect(values.filter((value) => value === undefined)).toHaveLength(withoutCards);
      expect(values.filter((value) => value !== undefined).every(Number.isFinite)).toBe(true);
      const view = await tags.get(tagId);
      expect([view.statistics?.customers, view.statistics?.known]).toEqual([
        cids.size,
        cids.size - withoutCards,
      ]);
    }
  });

  it('keeps the values of a blocked table and of all that reads them, with the reason', async () => {
    const before = await valuesOf('bookings');
    blocks = [
      { table: 'transaction', column: undefined, message: 'transaction has not arrived for 2026-05-31.' },
    ];
    const detail = await refresh();
    blocks = [];
    expect(reasonOf(detail, 'bookings')).toBe('transaction has not arrived for 2026-05-31.');
    expect(reasonOf(detail, 'busy')).toBe('It reads bookings: transaction has not arrived for 2026-05-31.');
    expect(reasonOf(detail, 'logins_a_card')).toContain('It reads cards: ');
    expect(detail.outcomes.filter(({ outcome }) => outcome === 'blocked')).toHaveLength(5);
    expect(detail.outcomes.find(({ tagId }) => tagId === 'gender')?.outcome).toBe('computed');
    expect(await valuesOf('bookings')).toEqual(before);
  });

  it('keeps the values of a table that vanishes in the middle, and computes the others', async () => {
    const before = { bookings: await valuesOf('bookings'), busy: await valuesOf('busy') };
    const { placements } = await stores.releases.current();
    const table = placements.get('transaction')?.table ?? '';
    await stores.warehouse.command(`CREATE TABLE ${table}_copy AS ${table}`);
    await stores.warehouse.command(`INSERT INTO ${table}_copy SELECT * FROM ${table}`);
    await stores.releases.publish({ set: { transaction: { table: `${table}_copy` } }, note: 'copy' });
    beforeCommand = async (sql) => {
      if (sql.includes(`FROM ${table}_copy`)) await stores.warehouse.drop(`${table}_copy`);
    };
    const detail = await refresh();
    beforeCommand = async () => undefined;
    const gone =
      'The table transaction is gone from the warehouse; load its source again. Until then the values of before stay.';
    expect(reasonOf(detail, 'bookings')).toBe(gone);
    expect(detail.failed).toContainEqual({ tagId: 'card_share', error: gone });
    expect(detail.outcomes.find(({ tagId }) => tagId === 'logins')?.outcome).toBe('computed');
    expect({ bookings: await valuesOf('bookings'), busy: await valuesOf('busy') }).toEqual(before);
    await stores.releases.publish({ set: { transaction: { table } }, note: 'back' });
    expect((await refresh()).failed).toEqual([]);
  });
});
