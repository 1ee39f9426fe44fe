import type { Actor } from '@rapport/kernel';
import type { Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { OrgUnitItem } from './contract.ts';

export interface OrgUnits {
  list(actor: Actor): Promise<OrgUnitItem[]>;
  scopeOf(actor: Actor): Promise<readonly string[] | undefined>;
  /** These units and every unit below them. */
  withBelow(codes: readonly string[]): Promise<readonly string[]>;
  /** Name by code. */
  names(): Promise<ReadonlyMap<string, string>>;
}

const UnitRow = Type.Object({
  code: Type.String(),
  parent: Type.String(),
  name: Type.String(),
  level: Type.String(),
});
const CountRow = Type.Object({ org_unit: Type.String(), n: Type.Integer() });
type Unit = { code: string; parent: string; name: string; level: string };

/** The bank's units, read once a release: there are thousands at most, and every request of a branch asks. */
export function createOrgUnits(deps: { warehouse: Warehouse; releases: Releases }): OrgUnits {
  const { warehouse, releases } = deps;
  let cached: { table: string; units: Promise<Unit[]> } | undefined;

  const units = async (): Promise<Unit[]> => {
    const placement = (await releases.current()).placements.get('org_unit');
    if (!placement) return [];
    if (cached?.table === placement.table) return cached.units;
    const loading: Promise<Unit[]> = warehouse.query(
      UnitRow,
      `SELECT code, parent, name, level FROM ${warehouse.identifier(placement.table)} ORDER BY code`,
    );
    cached = { table: placement.table, units: loading };
    loading.catch(() => {
      cached = undefined;
    });
    return loading;
  };

  const withBelow = async (codes: readonly string[]): Promise<readonly string[]> => {
    const children = new Map<string, string[]>();
    for (const unit of await units()) {
      const siblings = children.get(unit.parent);
      if (siblings) siblings.push(unit.code);
      else children.set(unit.parent, [unit.code]);
    }
    const found = new Set(codes);
    // A set is walked in the order of insertion, what is added on the way included.
    for (const code of found) for (const child of children.get(code) ?? []) found.add(child);
    return [...found];
  };

  const scopeOf = async (actor: Actor): Promise<readonly string[] | undefined> =>
    actor.orgScope === undefined ? undefined : withBelow(actor.orgScope);

  return {
    withBelow,
    names: async () => new Map((await units()).map((unit) => [unit.code, unit.name])),
    scopeOf,
    async list(actor) {
      const scope = await scopeOf(actor);
      const customer = (await releases.current()).placements.get('customer');
      const counts = customer
        ? await warehouse.query(
            CountRow,
            `SELECT org_unit, count() AS n FROM ${warehouse.identifier(customer.table)} GROUP BY org_unit`,
          )
        : [];
      const customersOf = new Map(counts.map((row) => [row.org_unit, row.n]));
      return (await units())
        .filter((unit) => !scope || scope.includes(unit.code))
        .map((unit) => ({
          code: unit.code,
          ...(unit.parent === '' ? {} : { parent: unit.parent }),
          name: unit.name,
          level: unit.level,
          customers: customersOf.get(unit.code) ?? 0,
        }));
    },
  };
}
