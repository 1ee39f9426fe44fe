/** Two records, the lesser number first. */
export interface Link {
  readonly a: number;
  readonly b: number;
}

export interface Refusal<Pair extends Link> {
  readonly link: Pair;
  readonly because: 'too_many_records' | 'conflicting_documents' | 'known_distinct';
}

/** A forest over numbers; numbers never named are alone. */
export interface UnionFind {
  find(x: number): number;
  /** False when they were together already. The root is the least number of both sides. */
  union(a: number, b: number): boolean;
  /** Numbers that were ever named, by root; only groups of two or more. */
  groups(): Map<number, number[]>;
}

/** @source Tarjan 1975; path halving. The root is kept least instead of by rank, which costs a logarithm at most. */
export function createUnionFind(): UnionFind {
  const parent = new Map<number, number>();
  const find = (x: number): number => {
    let at = x;
    for (;;) {
      const up = parent.get(at);
      if (up === undefined || up === at) return at;
      const above = parent.get(up) ?? up;
      parent.set(at, above);
      at = above;
    }
  };
  return {
    find,
    union(a, b) {
      const left = find(a);
      const right = find(b);
      if (!parent.has(a)) parent.set(a, left);
      if (!parent.has(b)) parent.set(b, right);
      if (left === right) return false;
      parent.set(Math.max(left, right), Math.min(left, right));
      return true;
    },
    groups() {
      const groups = new Map<number, number[]>();
      for (const x of parent.keys()) {
        const root = find(x);
        const members = groups.get(root);
        if (members) members.push(x);
        else groups.set(root, [x]);
      }
      for (const [root, members] of groups) {
        if (!members.includes(root)) members.push(root);
        if (members.length < 2) groups.delete(root);
        else members.sort((a, b) => a - b);
      }
      return groups;
    },
  };
}

/**
 * Joins records along links, in the order given, as long as no group becomes what a person cannot be: too many
 * records (a company's phone would chain hundreds), two different documents, or two records that somebody said are
 * not the same. A link between records that are together already is left out: the links that are kept form a forest,
 * so that taking one of them away parts exactly two groups.
 * @param links      best first
 * @param existing   links that hold already
 * @param documents  documents of a record; groups whose documents have none in common are in conflict
 * @param distinct   pairs that must never be together
 */
export function joinRecords<Pair extends Link>(input: {
  readonly links: readonly Pair[];
  readonly existing: readonly Link[];
  readonly documents: ReadonlyMap<number, readonly string[]>;
  readonly distinct: readonly Link[];
  readonly maxSize: number;
}): { kept: Pair[]; refused: Refusal<Pair>[] } {
  const forest = createUnionFind();
  const sizes = new Map<number, number>();
  const documents = new Map<number, ReadonlySet<string>>();
  const apart = new Map<number, Set<number>>();
  for (const { a, b } of input.distinct) {
    apart.set(a, (apart.get(a) ?? new Set()).add(b));
    apart.set(b, (apart.get(b) ?? new Set()).add(a));
  }
  const members = new Map<number, number[]>();
  const sizeOf = (root: number): number => sizes.get(root) ?? 1;
  const documentsOf = (root: number): ReadonlySet<string> =>
    documents.get(root) ?? new Set(input.documents.get(root) ?? []);
  const membersOf = (root: number): number[] => members.get(root) ?? [root];
  const join = (left: number, right: number): void => {
    const root = Math.min(left, right);
    const both = new Set([...documentsOf(left), ...documentsOf(right)]);
    const size = sizeOf(left) + sizeOf(right);
    const all = [...membersOf(left), ...membersOf(right)];
    forest.union(left, right);
    documents.set(root, both);
    sizes.set(root, size);
    members.set(root, all);
  };
  for (const { a, b } of input.existing) {
    const [left, right] = [forest.find(a), forest.find(b)];
    if (left !== right) join(left, right);
  }
  const kept: Pair[] = [];
  const refused: Refusal<Pair>[] = [];
  for (const link of input.links) {
    const left = forest.find(link.a);
    const right = forest.find(link.b);
    if (left === right) continue;
    if (sizeOf(left) + sizeOf(right) > input.maxSize) {
      refused.push({ link, because: 'too_many_records' });
      continue;
    }
    const [few, many] = [documentsOf(left), documentsOf(right)];
    if (few.size > 0 && many.size > 0 && ![...few].some((document) => many.has(document))) {
      refused.push({ link, because: 'conflicting_documents' });
      continue;
    }
    const others = new Set(membersOf(right));
    if (membersOf(left).some((x) => [...(apart.get(x) ?? [])].some((y) => others.has(y)))) {
      refused.push({ link, because: 'known_distinct' });
      continue;
    }
    join(left, right);
    kept.push(link);
  }
  return { kept, refused };
}
