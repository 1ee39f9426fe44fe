import type { Condition } from '@rapport/conditions';
import type { CidSet } from '@rapport/stores';

/**
 * What one leaf decides: of all customers, `decisive` are those for whom the whole condition's answer hangs on this
 * leaf, `always` is how many others it holds for whatever the leaf says. With `positive` the whole holds for a decisive
 * customer when the leaf does, otherwise when it does not.
 */
export interface LeafContext {
  readonly pointer: string;
  readonly leaf: Condition;
  readonly always: number;
  readonly decisive: CidSet;
  readonly positive: boolean;
  readonly parent: 'all' | 'any' | 'not' | undefined;
}

/** How many customers the whole condition holds for when the leaf holds for these. */
export const countWith = (context: LeafContext, leaf: CidSet): number => {
  const inside = context.decisive.and(leaf).size;
  return context.always + (context.positive ? inside : context.decisive.size - inside);
};

/**
 * The context of every leaf, from the set of each leaf: a tree of n nodes costs a few operations a node, because what
 * stands before and after each part of a group is kept.
 * @param leafSet   the customers of a leaf, by its JSON pointer
 * @param everybody all customers that count
 */
export function leafContexts(
  condition: Condition,
  leafSet: (pointer: string) => CidSet,
  everybody: CidSet,
): LeafContext[] {
  const nothing = everybody.andNot(everybody);
  const sets = new Map<string, CidSet>();
  const evaluate = (node: Condition, pointer: string): CidSet => {
    const children = childrenOf(node, pointer);
    const set = !children
      ? leafSet(pointer)
      : children.kind === 'not'
        ? everybody.andNot(
            merge(
              children.parts.map((part) => evaluate(part.node, part.pointer)),
              'any',
            ),
          )
        : merge(
            children.parts.map((part) => evaluate(part.node, part.pointer)),
            children.kind,
          );
    sets.set(pointer, set);
    return set;
  };
  const merge = (parts: readonly CidSet[], kind: 'all' | 'any'): CidSet =>
    kind === 'all'
      ? parts.reduce((all, part) => all.and(part), everybody)
      : parts.reduce((any, part) => any.or(part), nothing);
  evaluate(condition, '');

  const contexts: LeafContext[] = [];
  const descend = (
    node: Condition,
    context: Pick<LeafContext, 'always' | 'decisive' | 'positive' | 'parent' | 'pointer'>,
  ): void => {
    const { always, decisive, positive, pointer } = context;
    const children = childrenOf(node, pointer);
    if (!children) {
      contexts.push({ ...context, leaf: node });
      return;
    }
    if (children.kind === 'not') {
      const [part] = children.parts;
      if (part)
        descend(part.node, { always, decisive, positive: !positive, parent: 'not', pointer: part.pointer });
      return;
    }
    const { kind } = children;
    const others = withoutEach(
      children.parts.map((part) => sets.get(part.pointer) ?? nothing),
      kind === 'all' ? everybody : nothing,
      (one, other) => (kind === 'all' ? one.and(other) : one.or(other)),
    );
    children.parts.forEach((part, index) => {
      const siblings = others[index] ?? nothing;
      const inside = decisive.and(siblings);
      const outside = decisive.size - inside.size;
      // In an "all" a part decides only where its siblings hold, in an "any" only where they do not.
      descend(part.node, {
        always: always + (kind === 'all' ? (positive ? 0 : outside) : positive ? inside.size : 0),
        decisive: kind === 'all' ? inside : decisive.andNot(siblings),
        positive,
        parent: kind,
        pointer: part.pointer,
      });
    });
  };
  descend(condition, { always: 0, decisive: everybody, positive: true, parent: undefined, pointer: '' });
  return contexts;
}

interface Child {
  readonly node: Condition;
  readonly pointer: string;
}
interface Children {
  readonly kind: 'all' | 'any' | 'not';
  readonly parts: readonly Child[];
}

function childrenOf(node: Condition, pointer: string): Children | undefined {
  if ('all' in node)
    return {
      kind: 'all',
      parts: node.all.map((part, at) => ({ node: part, pointer: `${pointer}/all/${at}` })),
    };
  if ('any' in node)
    return {
      kind: 'any',
      parts: node.any.map((part, at) => ({ node: part, pointer: `${pointer}/any/${at}` })),
    };
  if ('not' in node) return { kind: 'not', parts: [{ node: node.not, pointer: `${pointer}/not` }] };
  return undefined;
}

/** For each item, all others joined. */
function withoutEach<Item>(
  items: readonly Item[],
  empty: Item,
  join: (one: Item, other: Item) => Item,
): Item[] {
  const after: Item[] = new Array<Item>(items.length).fill(empty);
  for (let at = items.length - 2; at >= 0; at--) {
    const [next, rest] = [items[at + 1], after[at + 1]];
    if (next !== undefined && rest !== undefined) after[at] = join(next, rest);
  }
  let before = empty;
  return items.map((item, at) => {
    const others = join(before, after[at] ?? empty);
    before = join(before, item);
    return others;
  });
}

/** The condition with one node replaced. */
export function replaceNode(condition: Condition, pointer: string, next: Condition): Condition {
  return changeNode(condition, pointer, next);
}

/**
 * The condition without a leaf. What says nothing without it goes too: a "not" around it, and a group of it alone; of
 * the group that is left the others decide. A condition that has nothing else then holds for all.
 * @returns also for whom the leaf would have to hold for the old condition to be the same
 */
export function dropLeaf(
  condition: Condition,
  pointer: string,
): { readonly condition: Condition; readonly leafHolds: 'for all' | 'for nobody' } {
  const steps: Child[] = [];
  let [node, at]: [Condition, string] = [condition, ''];
  while (at !== pointer) {
    steps.push({ node, pointer: at });
    const part: Child | undefined = childrenOf(node, at)?.parts.find(
      (child) => pointer === child.pointer || pointer.startsWith(`${child.pointer}/`),
    );
    if (!part) break;
    [node, at] = [part.node, part.pointer];
  }
  let dropped = pointer;
  let negations = 0;
  for (let above = steps.pop(); above; above = steps.pop()) {
    const children = childrenOf(above.node, above.pointer);
    if (children && children.parts.length > 1) {
      // An "all" without a part is as if the part held for all, an "any" as if it held for nobody.
      const isAll = (children.kind === 'all') === (negations % 2 === 0);
      return {
        condition: changeNode(condition, dropped, undefined),
        leafHolds: isAll ? 'for all' : 'for nobody',
      };
    }
    if (children?.kind === 'not') negations += 1;
    dropped = above.pointer;
  }
  return { condition: { all: [] }, leafHolds: negations % 2 === 0 ? 'for all' : 'for nobody' };
}

/** One node replaced, or taken out of the group it stands in. */
function changeNode(condition: Condition, pointer: string, next: Condition | undefined): Condition {
  if (pointer === '') return next ?? { all: [] };
  const [kind, index = '', rest] = split(pointer);
  if ('not' in condition && kind === 'not')
    return { not: changeNode(condition.not, `${index === '' ? '' : `/${index}`}${rest}`, next) };
  const change = (parts: readonly Condition[]): Condition[] =>
    parts.flatMap((part, at) => {
      if (at !== Number(index)) return [part];
      return rest === '' && next === undefined ? [] : [changeNode(part, rest, next)];
    });
  if ('all' in condition && kind === 'all') return { all: change(condition.all) };
  if ('any' in condition && kind === 'any') return { any: change(condition.any) };
  return condition;
}

/** `/all/0/any/1` → `all`, `0`, `/any/1`. */
function split(pointer: string): [kind: string, index: string | undefined, rest: string] {
  const [, kind = '', index, ...rest] = pointer.split('/');
  return [kind, index, rest.map((part) => `/${part}`).join('')];
}

/**
 * Looks for the edge at which a count that only grows (or only falls) along a line comes nearest to what is wanted, by
 * regula falsi with halving where it stalls (Illinois).
 * @param countAt  exact count with the edge at a place of the line
 * @param low, high  ends of the line, with their counts
 * @param round    to a place an edge may stand at: whole units, or numbers a person would write
 * @returns        the best place seen, at most `most` evaluations
 * @source Dowell & Jarratt 1971, BIT 11:168–174
 */
export async function nearestEdge(search: {
  readonly countAt: (edge: number) => Promise<number>;
  readonly low: { readonly at: number; readonly count: number };
  readonly high: { readonly at: number; readonly count: number };
  readonly wanted: number;
  readonly round: (edge: number) => number;
  readonly most: number;
}): Promise<{ at: number; count: number }> {
  const { countAt, wanted, round, most } = search;
  let [low, high] = [search.low, search.high];
  const off = (one: { count: number }): number => Math.abs(one.count - wanted);
  let best = off(low) <= off(high) ? low : high;
  let [lowOff, highOff] = [low.count - wanted, high.count - wanted];
  let last: 'low' | 'high' | undefined;
  for (let step = 0; step < most && best.count !== wanted; step++) {
    const share = lowOff === highOff ? 0.5 : lowOff / (lowOff - highOff);
    const guess =
      low.at + (high.at - low.at) * (step % 4 === 3 ? 0.5 : Math.min(0.98, Math.max(0.02, share)));
    const at = round(guess);
    const [least, greatest] = [Math.min(low.at, high.at), Math.max(low.at, high.at)];
    if (at <= least || at >= greatest) break;
    const found = { at, count: await countAt(at) };
    if (off(found) < off(best)) best = found;
    const difference = found.count - wanted;
    if (Math.sign(difference) === Math.sign(low.count - wanted)) {
      low = found;
      lowOff = difference;
      if (last === 'low') highOff /= 2;
      last = 'low';
    } else {
      high = found;
      highOff = difference;
      if (last === 'high') lowOff /= 2;
      last = 'high';
    }
  }
  return best;
}
