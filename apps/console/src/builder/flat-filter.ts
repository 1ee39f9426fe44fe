import type { PropertyCondition, PropertyLeaf } from '@rapport/conditions';

/** The leaves of a filter that is one leaf or an `all` of leaves; `undefined` when it is nested deeper. */
export function flatFilter(where: PropertyCondition | undefined): readonly PropertyLeaf[] | undefined {
  if (where === undefined) return [];
  if ('property' in where) return [where];
  if (!('all' in where)) return undefined;
  const leaves = where.all.filter((part) => 'property' in part);
  return leaves.length === where.all.length ? leaves : undefined;
}

export function filterOf(leaves: readonly PropertyLeaf[]): PropertyCondition | undefined {
  const [only, ...others] = leaves;
  if (!only) return undefined;
  return others.length === 0 ? only : { all: leaves };
}
