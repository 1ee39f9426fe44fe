import type { Release, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { type ColumnRef, columnLineage } from './column-lineage.ts';
import type { SourceManifest } from './manifest.schema.ts';
import { bindTables } from './sql-guard.ts';

/** What a derived table of a source depends on; tables are those of the source, by the names of its manifest. */
export interface DerivedLineage {
  readonly columns: Readonly<Record<string, readonly ColumnRef[]>>;
  readonly rows: readonly ColumnRef[];
}

const Explained = Type.Object({ explain: Type.String() });
const ColumnRow = Type.Object({ table: Type.String(), name: Type.String() });

/**
 * Column-level lineage of the derived tables of these sources, read off the engine's analysis of their SQL.
 * @returns by `<source>/<table>`; a table whose SQL the engine cannot analyse now is left out
 */
export async function readDerivedLineage(
  warehouse: Warehouse,
  release: Release,
  manifests: readonly SourceManifest[],
): Promise<Map<string, DerivedLineage>> {
  const found = new Map<string, DerivedLineage>();
  for (const manifest of manifests) {
    const derived = Object.entries(manifest.derived ?? {});
    if (derived.length === 0) continue;
    const physical = new Map<string, string>();
    for (const name of [...Object.keys(manifest.tables), ...derived.map(([name]) => name)]) {
      const placement = release.placements.get(`src/${manifest.source}/${name}`);
      if (placement) physical.set(placement.table, name);
    }
    const columns = new Map<string, string[]>([...physical.keys()].map((table) => [table, []]));
    const rows = await warehouse.query(
      ColumnRow,
      'SELECT table, name FROM system.columns WHERE database = currentDatabase() AND table IN {tables:Array(String)} ORDER BY table, position',
      { tables: [...physical.keys()] },
    );
    for (const row of rows) if (!row.name.startsWith('_')) columns.get(row.table)?.push(row.name);
    for (const [name, { sql }] of derived) {
      const own = [...physical].find(([, logical]) => logical === name)?.[0];
      if (own === undefined) continue;
      const readable = [...physical]
        .filter(([table]) => table !== own)
        .map(([table, logical]) => ({ name: logical, physical: table, columns: columns.get(table) ?? [] }));
      try {
        const lines = await warehouse.query(
          Explained,
          `SELECT explain FROM (EXPLAIN QUERY TREE ${bindTables(sql, readable)})`,
        );
        const lineage = columnLineage(lines.flatMap((row) => row.explain.split('\n')));
        const named = (refs: readonly ColumnRef[]): ColumnRef[] =>
          refs.flatMap(({ table, column }) => {
            const logical = physical.get(table.slice(table.lastIndexOf('.') + 1));
            return logical === undefined ? [] : [{ table: logical, column }];
          });
        found.set(`${manifest.source}/${name}`, {
          columns: Object.fromEntries(
            (columns.get(own) ?? []).map((column, at) => [column, named(lineage.columns[at] ?? [])]),
          ),
          rows: named(lineage.rows),
        });
      } catch {
        // SQL that no longer fits the tables: whoever draws the graph falls back on names.
      }
    }
  }
  return found;
}
