import { accumulateCids, type CidSet, emptyCidSet, freeCids, unionOfCidSets } from '@rapport/stores';
import type { Pace } from './pace.ts';

/**
 * A set on its way through an evaluation. One that is `own` nobody else has: what is made of it is made in its place,
 * and its memory is given back as soon as it is used up.
 */
export interface Part {
  readonly set: CidSet;
  readonly isOwn: boolean;
}

/** A part, or when `negated` everybody outside it: so a complement costs nothing until somebody needs it. */
export interface SignedSet extends Part {
  readonly negated: boolean;
}

export const borrowed = (set: CidSet): Part => ({ set, isOwn: false });
export const own = (set: CidSet): Part => ({ set, isOwn: true });

export function free({ set, isOwn }: Part): void {
  if (isOwn) freeCids(set);
}

/** Whoever is in all of them; everybody for none. Uses them up. */
export async function allOf(parts: readonly SignedSet[], pace: Pace): Promise<SignedSet> {
  const inside = parts.filter((part) => !part.negated);
  const outside = parts.filter((part) => part.negated);
  if (inside.length === 0) return { ...unite(outside), negated: true };
  return { ...(await intersect(inside, outside, pace)), negated: false };
}

/** Whoever is in any of them; nobody for none. Uses them up. */
export async function anyOf(parts: readonly SignedSet[], pace: Pace): Promise<SignedSet> {
  const inside = parts.filter((part) => !part.negated);
  const outside = parts.filter((part) => part.negated);
  if (outside.length === 0) return { ...unite(inside), negated: false };
  // Not in A, or not in B, or in C: everybody but those in A and B and not in C.
  return { ...(await intersect(outside, inside, pace)), negated: true };
}

/** Whoever is in any of them. Uses them up. */
export function unite(parts: readonly Part[]): Part {
  const [first, second, ...more] = parts;
  if (!first) return own(emptyCidSet());
  if (!second) return first;
  const largest = parts
    .filter((part) => part.isOwn)
    .reduce<Part | undefined>(
      (best, part) => (best && best.set.size >= part.set.size ? best : part),
      undefined,
    );
  if (!largest && more.length > 0) return own(unionOfCidSets(parts.map((part) => part.set)));
  const base = largest ?? first;
  const all = accumulateCids(base.set, base.isOwn);
  for (const part of parts) {
    if (part === base) continue;
    all.or(part.set);
    free(part);
  }
  return finished(base, all.done());
}

/** What was made of a part: that itself when nothing had to be done. */
const finished = (base: Part, set: CidSet): Part => (set === base.set ? base : own(set));

/**
 * In every one of `inside`, in none of `outside`: the smallest first, and nothing more once nobody is left. Uses them
 * up.
 */
async function intersect(inside: readonly Part[], outside: readonly Part[], pace: Pace): Promise<Part> {
  const [first, ...others] = inside.toSorted((one, other) => one.set.size - other.set.size);
  if (!first) return own(emptyCidSet());
  if (others.length + outside.length === 0) return first;
  const left = accumulateCids(first.set, first.isOwn);
  const steps = [
    ...others.map((part) => ({ part, isInside: true })),
    ...outside.map((part) => ({ part, isInside: false })),
  ];
  for (const { part, isInside } of steps) {
    if (left.size > 0) left[isInside ? 'and' : 'andNot'](part.set);
    free(part);
    await pace.rest();
  }
  return finished(first, left.done());
}
