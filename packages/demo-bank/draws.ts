import { murmur3, type Random, seededRandom } from '@rapport/kernel';

/**
 * An own stream of randomness for one purpose and one thing, so that adding draws in one place never changes
 * another: the bank of tomorrow's version stays the bank of today's.
 */
export function stream(seed: number, purpose: string, index: number | string): Random {
  const key = `${seed}/${purpose}/${index}`;
  return seededRandom(murmur3(key) + (murmur3(`${key}'`) & 0x1f_ffff) * 0x1_0000_0000);
}

/** One uniform in [0, 1) with 32 bits, without the cost of a stream. */
export const uniform = (key: string): number => murmur3(key) / 0x1_0000_0000;

export const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

export function pick<Item>(random: Random, items: readonly [Item, ...Item[]]): Item {
  return items[random.integer(items.length)] ?? items[0];
}

/** Index drawn with these weights. */
export function weighted(random: Random, weights: readonly number[]): number {
  let rest = random.next() * weights.reduce((sum, weight) => sum + weight, 0);
  const found = weights.findIndex((weight) => {
    rest -= weight;
    return rest < 0;
  });
  return found < 0 ? weights.length - 1 : found;
}

/** @source Knuth, TAOCP 2, 3.4.1; fine for the small means used here */
export function poisson(random: Random, mean: number): number {
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random.next(); product > limit; product *= random.next()) count++;
  return count;
}
