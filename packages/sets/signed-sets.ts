import { accumulateCids, type CidSet, emptyCidSet, unionOfCidSets } from '@rapport/stores';
import type { Pace } from './pace.ts';

/** A set, or when `negated` everybody outside it: so a complement costs nothing until somebody needs it. */
export interface SignedSet {
  readonly set: CidSet;
  readonly negated: boolean;
}

/** Whoever is in all of them; everybody for none. */
export async function allOf(parts: readonly SignedSet[], pace: Pace): Promise<SignedSet> {
  const inside = parts.filter((part) => !part.negated).map((part) => part.set);
  const outside = parts.filter((part) => part.negated).map((part) => part.set);
  if (inside.length === 0) return { set: unionOfCidSets(outside), negated: true };
  return { set: await intersect(inside, outside, pace), negated: false };
}

/** Whoever is in any of them; nobody for none. */
export async function anyOf(parts: readonly SignedSet[], pace: Pace): Promise<SignedSet> {
  const inside = parts.filter((part) => !part.negated).map((part) => part.set);
  const outside = parts.filter((part) => part.negated).map((part) => part.set);
  if (outside.length === 0)
    return { set: inside.length === 0 ? emptyCidSet() : unionOfCidSets(inside), negated: false };
  // Not in A, or not in B, or in C: everybody but those in A and B and not in C.
  return { set: await intersect(outside, inside, pace), negated: true };
}

/** In every one of `inside`, in none of `outside`: the smallest first, and nothing more once nobody is left. */
async function intersect(inside: readonly CidSet[], outside: readonly CidSet[], pace: Pace): Promise<CidSet> {
  const [first, ...others] = inside.toSorted((one, other) => one.size - other.size);
  if (!first || first.size === 0) return emptyCidSet();
  const left = accumulateCids(first);
  for (const other of others) {
    if (left.and(other).size === 0) return emptyCidSet();
    await pace.rest();
  }
  for (const other of outside) {
    if (left.andNot(other).size === 0) return emptyCidSet();
    await pace.rest();
  }
  return left.done();
}
