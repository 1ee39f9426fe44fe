import type { Warehouse } from '@rapport/stores';
import { startTestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ColumnLineage, columnLineage } from './column-lineage.ts';

const Explained = Type.Object({ explain: Type.String() });
const AnyRow = Type.Record(Type.String(), Type.Unknown());
const BASE = {
  loan: ['id', 'client', 'amount', 'status', 'day'],
  client: ['id', 'name', 'city', 'age'],
} as const;

/** Statements as banks write them, with the lineage that reading them gives. */
const STATEMENTS: { sql: string; columns: string[][]; rows: string[] }[] = [
  {
    sql: 'SELECT id, upper(toString(name)) AS title FROM client WHERE age >= 3',
    columns: [['client.id'], ['client.name']],
    rows: ['client.age'],
  },
  {
    sql: 'WITH open AS (SELECT * FROM loan WHERE status = 1) SELECT c.id AS id, sum(o.amount) AS total, any(c.city) AS city FROM open AS o INNER JOIN client AS c ON c.id = o.client GROUP BY c.id',
    columns: [['client.id'], ['loan.amount'], ['client.city']],
    rows: ['client.id', 'loan.client', 'loan.status'],
  },
  {
    sql: 'SELECT id, if(age > 4, city, 0) AS place FROM client UNION ALL SELECT client, day FROM loan WHERE amount > 2',
    columns: [
      ['client.id', 'loan.client'],
      ['client.age', 'client.city', 'loan.day'],
    ],
    rows: ['loan.amount'],
  },
  {
    sql: 'SELECT id, (SELECT max(amount) FROM loan) AS largest FROM client',
    columns: [['client.id'], ['loan.amount']],
    rows: [],
  },
  {
    sql: 'SELECT id, city IN (SELECT day FROM loan WHERE status = 2) AS flag FROM client',
    columns: [['client.id'], ['client.city', 'loan.day', 'loan.status']],
    rows: [],
  },
  {
    sql: 'SELECT client AS who, row_number() OVER (PARTITION BY status ORDER BY amount, id) AS place FROM loan',
    columns: [['loan.client'], ['loan.amount', 'loan.id', 'loan.status']],
    rows: [],
  },
  {
    sql: 'SELECT id, part FROM client ARRAY JOIN range(toUInt64(age)) AS part',
    columns: [['client.id'], ['client.age']],
    rows: ['client.age'],
  },
  {
    sql: 'SELECT DISTINCT city, age FROM client',
    columns: [['client.city'], ['client.age']],
    rows: ['client.age', 'client.city'],
  },
  {
    sql: 'SELECT id, name FROM client ORDER BY age, id LIMIT 3',
    columns: [['client.id'], ['client.name']],
    rows: ['client.age', 'client.id'],
  },
  {
    sql: 'SELECT id, arraySum(x -> x + city, [age, 1]) AS s FROM client LIMIT 1 BY city',
    columns: [['client.id'], ['client.age', 'client.city']],
    rows: ['client.city'],
  },
  {
    sql: 'SELECT l.id AS id, r.tu.2 AS second FROM loan AS l LEFT JOIN (SELECT id, (name, city) AS tu FROM client) AS r USING id',
    columns: [['loan.id'], ['client.city', 'client.name']],
    rows: ['client.id', 'loan.id'],
  },
];

describe('the lineage of SQL, column by column', () => {
  let stores: Awaited<ReturnType<typeof startTestStores>>;
  let warehouse: Warehouse;
  beforeAll(async () => {
    stores = await startTestStores([]);
    warehouse = stores.warehouse;
    for (const [name, columns] of Object.entries(BASE)) {
      await warehouse.createTable({
        name,
        columns: columns.map((column) => `${column} Int64`).join(', '),
        orderBy: 'tuple()',
        spread: 'any',
      });
      await warehouse.command(
        `INSERT INTO ${name} SELECT ${columns.map((column) => (column === 'id' ? 'number' : `(number * ${column.length} + length('${column}')) % 7`)).join(', ')} FROM numbers(12)`,
      );
    }
  });
  afterAll(() => stores?.stop());

  const lineage = async (sql: string): Promise<ColumnLineage> => {
    const rows = await warehouse.query(Explained, `SELECT explain FROM (EXPLAIN QUERY TREE ${sql})`);
    return columnLineage(rows.flatMap((row) => row.explain.split('\n')));
  };
  const names = (refs: ColumnLineage['rows']): string[] =>
    refs.map(({ table, column }) => `${table.split('.').at(-1)}.${column}`).toSorted();

  it.each(STATEMENTS)('$sql', async ({ sql, columns, rows }) => {
    const found = await lineage(sql);
    expect(found.columns.map(names)).toEqual(columns);
    expect(names(found.rows)).toEqual(rows);
  });

  it('misses nothing: a column whose values change changes only what is said to depend on it', async () => {
    for (const { sql } of STATEMENTS) {
      const found = await lineage(sql);
      const answer = async (statement: string): Promise<unknown[][]> =>
        (await warehouse.query(AnyRow, statement)).map((row) => Object.values(row));
      const before = await answer(sql);
      for (const [table, columns] of Object.entries(BASE)) {
        for (const column of columns) {
          const changed = `SELECT ${columns.map((each) => (each === column ? `${each} * 3 + 1 AS ${each}` : each)).join(', ')} FROM ${table}`;
          const name = `${table}.${column}`;
          const dependsOn = (refs: ColumnLineage['rows']): boolean => names(refs).includes(name);
          if (dependsOn(found.rows)) continue;
          // The changed column stands in place of the table in the whole statement.
          await warehouse.createTable({
            name: 'other',
            columns: columns.map((each) => `${each} Int64`).join(', '),
            orderBy: 'tuple()',
            spread: 'any',
          });
          await warehouse.command(`INSERT INTO other ${changed}`);
          const after = await answer(
            sql.replaceAll(new RegExp(`\\b(FROM|JOIN) ${table}\\b`, 'g'), '$1 other'),
          );
          await warehouse.drop('other');
          expect(after.length, `${sql} ${name}`).toBe(before.length);
          for (const [at, refs] of found.columns.entries()) {
            if (dependsOn(refs)) continue;
            expect(
              after.map((row) => String(row[at])).toSorted(),
              `column ${at} of ${sql} does not depend on ${name}`,
            ).toEqual(before.map((row) => String(row[at])).toSorted());
          }
        }
      }
    }
  });
});
