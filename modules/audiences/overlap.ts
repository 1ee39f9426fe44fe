import type { CidSet } from '@rapport/stores';

/** Customers who are in exactly these sets and in no other of those compared. */
export interface Region {
  /** Bit i = in set i. */
  readonly mask: number;
  readonly size: number;
}

/**
 * The exact sizes of all parts into which up to eight sets cut each other: each set splits every part there is so far in
 * two. Empty parts are left out, so sets that do not meet cost little.
 * @returns largest first; the sizes add up to the size of the union
 */
export function regionsOf(sets: readonly CidSet[]): Region[] {
  let parts: { mask: number; set: CidSet }[] = [];
  sets.forEach((set, index) => {
    const bit = 1 << index;
    let rest = set;
    const next: typeof parts = [];
    for (const part of parts) {
      const inside = part.set.and(set);
      if (inside.size === 0) next.push(part);
      else {
        next.push({ mask: part.mask | bit, set: inside });
        if (inside.size < part.set.size) next.push({ mask: part.mask, set: part.set.andNot(set) });
        rest = rest.andNot(inside);
      }
    }
    if (rest.size > 0) next.push({ mask: bit, set: rest });
    parts = next;
  });
  return parts
    .map(({ mask, set }) => ({ mask, size: set.size }))
    .sort((a, b) => b.size - a.size || a.mask - b.mask);
}

/** Customers in all sets of a mask, whatever else they are in. */
export const intersectionSize = (regions: readonly Region[], mask: number): number =>
  regions.reduce((sum, region) => ((region.mask & mask) === mask ? sum + region.size : sum), 0);

/** Size of what two sets share over the size of what they cover together: 0 apart, 1 the same. @source Jaccard 1912 */
export function jaccard(regions: readonly Region[], one: number, other: number): number {
  const [a, b] = [1 << one, 1 << other];
  const union = regions.reduce((sum, region) => (region.mask & (a | b) ? sum + region.size : sum), 0);
  return union > 0 ? intersectionSize(regions, a | b) / union : 0;
}
