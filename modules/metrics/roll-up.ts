/**
 * Sums of one metric over the customers of one org unit and relationship manager. `total` and `base` are fixed-point
 * integers (see `SCALE`), so that any order of adding gives the same sum.
 */
export interface Cell {
  readonly orgUnit: string;
  readonly rm: string;
  /** What is summed; of a ratio the part above the line. */
  readonly total: bigint;
  /** What a mean or ratio is divided by; of sums the number of customers with a known value. */
  readonly base: bigint;
  /** Customers with a known value. */
  readonly customers: number;
}

export interface Parts {
  readonly total: bigint;
  readonly base: bigint;
  readonly customers: number;
}

export interface Unit {
  readonly code: string;
  readonly name: string;
  /** Code of the unit above; absent at the top. */
  readonly parent?: string;
}

export interface UnitNode {
  readonly code: string;
  readonly name: string;
  readonly parent: string | undefined;
  readonly depth: number;
  /** With all units below. */
  readonly sum: Parts;
  /** Customers of the unit itself. */
  readonly own: Parts;
}

/** Numbers are summed to six decimals, money in minor units. */
export const SCALE = 1_000_000n;

export const NOTHING: Parts = { total: 0n, base: 0n, customers: 0 };

export const plus = (one: Parts, other: Parts): Parts => ({
  total: one.total + other.total,
  base: one.base + other.base,
  customers: one.customers + other.customers,
});

export const sumOf = (cells: readonly Parts[]): Parts => cells.reduce(plus, NOTHING);

/**
 * The org tree with a sum at every unit, parents first. Customers of codes that are no unit (or of none, code '')
 * get a node of their own at the top, so that the nodes at the top add up to the bank and children with their
 * parent's own part to their parent. Units whose chain of parents is a circle stand at the top.
 */
export function rollUp(cells: readonly Cell[], units: readonly Unit[]): UnitNode[] {
  const own = new Map<string, Parts>();
  for (const cell of cells) own.set(cell.orgUnit, plus(own.get(cell.orgUnit) ?? NOTHING, cell));
  const known = new Map(units.map((unit) => [unit.code, unit]));
  for (const code of own.keys()) if (!known.has(code)) known.set(code, { code, name: code });

  const parentOf = (unit: Unit): string | undefined => {
    if (unit.parent === undefined || !known.has(unit.parent)) return undefined;
    const seen = new Set([unit.code]);
    for (let above: string | undefined = unit.parent; above !== undefined; above = known.get(above)?.parent) {
      if (seen.has(above)) return undefined;
      seen.add(above);
    }
    return unit.parent;
  };
  const children = new Map<string | undefined, Unit[]>();
  for (const unit of [...known.values()].toSorted((a, b) => (a.code < b.code ? -1 : 1))) {
    const parent = parentOf(unit);
    const siblings = children.get(parent);
    if (siblings) siblings.push(unit);
    else children.set(parent, [unit]);
  }
  const nodes: UnitNode[] = [];
  const visit = (unit: Unit, parent: string | undefined, depth: number): Parts => {
    const at = nodes.length;
    const mine = own.get(unit.code) ?? NOTHING;
    const node = { code: unit.code, name: unit.name, parent, depth, sum: mine, own: mine };
    nodes.push(node);
    const sum = (children.get(unit.code) ?? []).reduce(
      (parts, child) => plus(parts, visit(child, unit.code, depth + 1)),
      mine,
    );
    nodes[at] = { ...node, sum };
    return sum;
  };
  for (const unit of children.get(undefined) ?? []) visit(unit, undefined, 1);
  return nodes;
}

/** Sums by relationship manager, by key. */
export function byManager(cells: readonly Cell[]): { rm: string; sum: Parts }[] {
  const sums = new Map<string, Parts>();
  for (const cell of cells) sums.set(cell.rm, plus(sums.get(cell.rm) ?? NOTHING, cell));
  return [...sums].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([rm, sum]) => ({ rm, sum }));
}
