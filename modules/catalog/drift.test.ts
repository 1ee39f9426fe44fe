import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type ColumnProfile, compareProfiles, nameSimilarity, type TableProfile } from './drift.ts';

const column = (from: string, position: number, more: Partial<ColumnProfile> = {}): ColumnProfile => ({
  name: from,
  from,
  position,
  type: 'text',
  nullShare: 0,
  ...more,
});
const table = (
  columns: readonly ColumnProfile[],
  rows = 1000,
  key: readonly string[] = ['id'],
): TableProfile => ({
  rows,
  key,
  columns,
});
const before = table([
  column('id', 0, { type: 'integer', shapes: { '9+': 1 } }),
  column('phone', 1, { shapes: { '9+': 1 } }),
  column('level', 2, { codes: ['GOLD', 'PLAIN'], shapes: { A: 1 } }),
  column('balance', 3, { type: 'money', shapes: { '999.99': 1 } }),
]);
const kinds = (after: TableProfile, volumes: readonly number[] = []) =>
  compareProfiles(before, after, volumes).map(({ kind, column: name, renamedTo }) =>
    [kind, name, renamedTo].filter((part) => part !== undefined).join(' '),
  );
const changed = (change: (columns: ColumnProfile[]) => ColumnProfile[]): TableProfile =>
  table(change([...before.columns]));

it('says nothing of a delivery like the one before', () => {
  fc.assert(
    fc.property(fc.integer({ min: 501, max: 1999 }), (rows) => {
      expect(compareProfiles(before, { ...before, rows }, [])).toEqual([]);
    }),
  );
});

it('tells a renamed column from one that is gone and one that is new', () => {
  expect(
    kinds(
      changed((columns) =>
        columns.map((each) =>
          each.from === 'phone' ? { ...each, name: 'mobile_phone', from: 'mobile_phone' } : each,
        ),
      ),
    ),
  ).toEqual(['column_renamed phone mobile_phone']);
  expect(kinds(changed((columns) => columns.filter((each) => each.from !== 'level')))).toEqual([
    'column_removed level',
  ]);
  expect(kinds(changed((columns) => [...columns, column('remark', 4, { shapes: { 汉: 1 } })]))).toEqual([
    'column_added remark',
  ]);
  // The same name with other content at another place is no rename of it.
  expect(
    kinds(
      changed((columns) => [
        ...columns.filter((each) => each.from !== 'balance'),
        column('registered_on', 9, { type: 'date', shapes: { '9999-99-99': 1 } }),
      ]),
    ),
  ).toEqual(['column_removed balance', 'column_added registered_on']);
});

it('finds moves, types, codes, nulls, keys and volumes', () => {
  const moved = [before.columns[3], before.columns[0], before.columns[1], before.columns[2]].flatMap(
    (each, position) => (each ? [{ ...each, position }] : []),
  );
  expect(kinds(table(moved))).toEqual(['column_moved balance']);
  const set = (from: string, more: Partial<ColumnProfile>) =>
    changed((columns) => columns.map((each) => (each.from === from ? { ...each, ...more } : each)));
  expect(kinds(set('id', { type: 'text' }))).toEqual(['type_changed id']);
  expect(kinds(set('balance', { refused: { not_an_amount: 0.12 } }))).toEqual(['type_changed balance']);
  expect(kinds(set('level', { codes: ['GOLD', 'PLAIN', 'PRIVATE'] }))).toEqual(['new_codes level']);
  expect(kinds(set('phone', { nullShare: 0.4 }))).toEqual(['nulls_changed phone']);
  expect(kinds(table(before.columns, 1000, ['id', 'phone']))).toEqual(['key_changed']);
  expect(kinds(table(before.columns, 120))).toEqual(['volume_out_of_range']);
  expect(kinds(table(before.columns, 1200), [1000, 1001, 999, 1000, 1002])).toEqual(['volume_out_of_range']);
  expect(kinds(table(before.columns, 1010), [1000, 1001, 999, 1000, 1002])).toEqual([]);
});

it('compares names by what people change in them', () => {
  expect(nameSimilarity('customer_id', 'CustomerID')).toBe(1);
  expect(nameSimilarity('手机号', '手机号码')).toBeGreaterThan(0.7);
  expect(nameSimilarity('phone', 'balance')).toBeLessThan(0.2);
});
