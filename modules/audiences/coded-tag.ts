import type { Condition, Scalar, TagEntry } from '@rapport/conditions';

/** Codes of a tag's values: 0 = unknown, 1 … 15 = one of its buckets. */
export const CODES = 16;

/** One bucket of a tag's values: some values, or a half-open range, of numbers as the condition language writes them. */
export interface CodedBucket {
  /** 1 … 15 */
  readonly code: number;
  /** The values in it; of a bucket of everything else, the values that are not. */
  readonly values?: readonly Scalar[];
  readonly isOther?: boolean;
  /** Half-open; an absent end is open. Numbers, minor units, days and instants as ISO 8601. */
  readonly from?: number | string;
  readonly to?: number | string;
}

/** A byte a customer by cid: which bucket of a tag their value lies in. Customers past the end are unknown. */
export interface CodedTag {
  readonly codes: Uint8Array;
  readonly buckets: readonly CodedBucket[];
}

/** The condition that holds for exactly the customers of a bucket. */
export function bucketCondition(tag: string, entry: TagEntry, bucket: CodedBucket | 'unknown'): Condition {
  if (bucket === 'unknown') return { tag, op: 'unknown' };
  const { from, to, values = [] } = bucket;
  if (bucket.isOther)
    return values.length === 0 ? { tag, op: 'known' } : { tag, op: 'not in', value: [...values] };
  if (from !== undefined && to !== undefined) return { tag, op: 'between', value: [from, to] };
  if (from !== undefined) return { tag, op: '>=', value: from };
  if (to !== undefined) return { tag, op: '<', value: to };
  const [only] = values;
  if (entry.type === 'list')
    return only === undefined ? { tag, op: 'known' } : { tag, op: 'contains', value: only };
  if (values.length === 1 && only !== undefined) return { tag, op: '=', value: only };
  return values.length === 0 ? { tag, op: 'known' } : { tag, op: 'in', value: [...values] };
}

/** Whether the buckets of a tag stand in an order that means something. */
export const isOrdered = (tag: CodedTag): boolean =>
  tag.buckets.length > 1 &&
  tag.buckets.every((bucket) => bucket.from !== undefined || bucket.to !== undefined);

/**
 * How many of these customers have each code: one pass of byte look-ups, two counters to each code so that runs of one
 * code do not wait for the counter before.
 * @param members  cids, ascending for speed
 * @returns        16 counts; those past the end of `codes` count as unknown
 */
export function countCodes(codes: Uint8Array, members: Uint32Array): Float64Array {
  const even = new Uint32Array(256);
  const odd = new Uint32Array(256);
  const inside = members.length - countPast(members, codes.length);
  const last = inside - (inside % 4);
  for (let at = 0; at < last; at += 4) {
    const a = codes[members[at] ?? 0] ?? 0;
    const b = codes[members[at + 1] ?? 0] ?? 0;
    const c = codes[members[at + 2] ?? 0] ?? 0;
    const d = codes[members[at + 3] ?? 0] ?? 0;
    even[a] = (even[a] ?? 0) + 1;
    odd[b] = (odd[b] ?? 0) + 1;
    even[c | 128] = (even[c | 128] ?? 0) + 1;
    odd[d | 128] = (odd[d | 128] ?? 0) + 1;
  }
  for (let at = last; at < inside; at++) {
    const code = codes[members[at] ?? 0] ?? 0;
    even[code] = (even[code] ?? 0) + 1;
  }
  const counts = new Float64Array(CODES);
  for (let code = 0; code < CODES; code++)
    counts[code] = (even[code] ?? 0) + (odd[code] ?? 0) + (even[code | 128] ?? 0) + (odd[code | 128] ?? 0);
  counts[0] = (counts[0] ?? 0) + members.length - inside;
  return counts;
}

/** How many of these ascending numbers are not below `end`. */
function countPast(members: Uint32Array, end: number): number {
  let [low, high] = [0, members.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((members[middle] ?? 0) < end) low = middle + 1;
    else high = middle;
  }
  return members.length - low;
}

/**
 * Counts of each code over all cids, two bytes at a time. Who is a customer is not known here: code 0 is left at 0.
 */
export function totalCodes(codes: Uint8Array): Float64Array {
  const counts = new Float64Array(CODES);
  const add = (code: number, count: number): void => {
    if (code > 0 && code < CODES) counts[code] = (counts[code] ?? 0) + count;
  };
  // Pairs are read from an even address on; a byte may be left at either end.
  const first = codes.byteOffset % 2;
  const pairs = Math.max(0, (codes.length - first) >> 1);
  const view = pairs > 0 ? new Uint16Array(codes.buffer, codes.byteOffset + first, pairs) : new Uint16Array();
  const seen = new Uint32Array(0x10000);
  for (let at = 0; at < pairs; at++) {
    const pair = view[at] ?? 0;
    seen[pair] = (seen[pair] ?? 0) + 1;
  }
  for (let high = 0; high < CODES; high++) {
    for (let low = 0; low < CODES; low++) {
      const count = seen[(high << 8) | low] ?? 0;
      add(low, count);
      add(high, count);
    }
  }
  if (first === 1) add(codes[0] ?? 0, 1);
  for (let at = first + 2 * pairs; at < codes.length; at++) add(codes[at] ?? 0, 1);
  return counts;
}
