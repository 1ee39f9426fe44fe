import { type DerivedLineage, readDerivedLineage } from '@rapport/sources';
import { Type } from 'typebox';
import type { LineageGraph } from './contract.ts';
import { buildLineage, joinGraphs, type LineageContributor } from './lineage.ts';
import type { TagContext } from './tags.context.ts';

/** The lineage of this module joined with what upper modules know. */
export interface TagGraph {
  register(contributor: LineageContributor): void;
  full(): Promise<LineageGraph>;
}

const ColumnRow = Type.Object({ table: Type.String(), name: Type.String() });

export function createTagGraph({ deps, store }: TagContext): TagGraph {
  const { warehouse, releases } = deps;
  const contributors: LineageContributor[] = [];
  /** Physical tables never change, and reading SQL on the engine takes milliseconds a table: kept while they last. */
  let derived: { of: string; lineage: Promise<ReadonlyMap<string, DerivedLineage>> } | undefined;

  const fullGraph = async (): Promise<LineageGraph> => {
    const [manifests, all, release] = await Promise.all([deps.manifests(), store.all(), releases.current()]);
    const physical = new Map<string, string>();
    for (const manifest of manifests) {
      for (const table of Object.keys(manifest.derived ?? {})) {
        const placement = release.placements.get(`src/${manifest.source}/${table}`);
        if (placement) physical.set(placement.table, `${manifest.source}/${table}`);
      }
    }
    const columns = new Map<string, string[]>();
    if (physical.size > 0) {
      const rows = await warehouse.query(
        ColumnRow,
        'SELECT table, name FROM system.columns WHERE database = currentDatabase() AND table IN {tables:Array(String)} ORDER BY table, position',
        { tables: [...physical.keys()] },
      );
      for (const row of rows) {
        if (row.name.startsWith('_')) continue;
        const key = physical.get(row.table) ?? '';
        const names = columns.get(key);
        if (names) names.push(row.name);
        else columns.set(key, [row.name]);
      }
    }
    const of = [...physical].flat().toSorted().join('\n');
    if (derived?.of !== of) derived = { of, lineage: readDerivedLineage(warehouse, release, manifests) };
    const lineage = await derived.lineage.catch(() => new Map<string, DerivedLineage>());
    const own = buildLineage({
      manifests,
      derivedColumns: (source, table) => columns.get(`${source}/${table}`) ?? [],
      derivedLineage: (source, table) => lineage.get(`${source}/${table}`),
      tags: all.map(({ definition }) => definition),
    });
    return joinGraphs([own, ...(await Promise.all(contributors.map((contributor) => contributor())))]);
  };

  return { register: (contributor) => void contributors.push(contributor), full: fullGraph };
}
