import type { Migration, ModuleMigrations, Relational, TableMigration, Warehouse } from './ports.ts';
import { storesProblems } from './problems.ts';

/** Any number that no one else locks by; keeps two processes from migrating at the same time. */
const LOCK = 7_231_994_001;

/**
 * Runs what has not run yet, over all modules in the order of the ids: relational ones each in a transaction with
 * its mark, warehouse ones statement by statement, so those must be repeatable (`IF NOT EXISTS`).
 */
export async function runMigrations(
  stores: { readonly relational: Relational; readonly warehouse: Warehouse },
  migrations: readonly ModuleMigrations[],
): Promise<void> {
  const { relational, warehouse } = stores;
  const lock = await relational.pool.connect();
  try {
    await lock.query('select pg_advisory_lock($1)', [LOCK]);
    await lock.query(`create table if not exists rapport.migration (
      engine text not null, id text not null, module text not null, done_at timestamptz not null default now(),
      primary key (engine, id))`);
    const { rows } = await lock.query<{ engine: string; id: string }>(
      'select m.engine, m.id from rapport.migration m',
    );
    const done = new Set(rows.map(({ engine, id }) => `${engine} ${id}`));
    for (const { module, migration } of inOrder(migrations, 'relational')) {
      if (done.has(`relational ${migration.id}`)) continue;
      await relational
        .transaction(async (client) => {
          await client.query(migration.sql);
          await client.query(
            "insert into rapport.migration (engine, id, module) values ('relational', $1, $2)",
            [migration.id, module],
          );
        })
        .catch((cause: unknown) => fail('relational', module, migration, cause));
    }
    for (const { module, migration } of inOrder(migrations, 'warehouse')) {
      if (done.has(`warehouse ${migration.id}`)) continue;
      await runWarehouseMigration(warehouse, migration).catch((cause: unknown) =>
        fail('warehouse', module, migration, cause),
      );
      await lock.query("insert into rapport.migration (engine, id, module) values ('warehouse', $1, $2)", [
        migration.id,
        module,
      ]);
    }
  } finally {
    await lock.query('select pg_advisory_unlock($1)', [LOCK]).catch(() => undefined);
    lock.release();
  }
}

async function runWarehouseMigration(
  warehouse: Warehouse,
  migration: Migration | TableMigration,
): Promise<void> {
  if ('tables' in migration) {
    for (const table of migration.tables) await warehouse.createTable({ ...table, ifNotExists: true });
  } else {
    for (const statement of statementsOf(migration.sql)) await warehouse.command(statement);
  }
}

function inOrder<Engine extends 'relational' | 'warehouse'>(
  migrations: readonly ModuleMigrations[],
  engine: Engine,
): { module: string; migration: NonNullable<ModuleMigrations[Engine]>[number] }[] {
  const all = migrations.flatMap((each) => {
    const own: readonly NonNullable<ModuleMigrations[Engine]>[number][] = each[engine] ?? [];
    return own.map((migration) => ({ module: each.module, migration }));
  });
  const ids = new Set<string>();
  for (const { module, migration } of all) {
    if (ids.has(migration.id)) {
      throw storesProblems.migration_failed({
        detail: `Two ${engine} migrations have the id ${migration.id}, one in ${module}.`,
      });
    }
    ids.add(migration.id);
  }
  return all.sort((one, other) =>
    one.migration.id < other.migration.id ? -1 : one.migration.id > other.migration.id ? 1 : 0,
  );
}

/** Statements end with `;` at a line's end. */
export function statementsOf(sql: string): string[] {
  return sql
    .split(/;[ \t]*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement.replace(/--[^\n]*/g, '').trim() !== '');
}

function fail(engine: string, module: string, migration: { readonly id: string }, cause: unknown): never {
  const reason = cause instanceof Error ? cause.message : String(cause);
  throw storesProblems.migration_failed({
    detail: `The ${engine} migration ${migration.id} of ${module} failed: ${reason}`,
    cause,
  });
}
