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
export const isOrdered = (tag: Pick<CodedTag, 'buckets'>): boolean =>
  tag.buckets.length > 1 &&
  tag.buckets.every((bucket) => bucket.from !== undefined || bucket.to !== undefined);

/** A customer's codes of two tags in one byte, by cid: memory and look-ups of many tags are halved. */
export interface CodedPair {
  readonly bytes: Uint8Array;
  /** In the lower and in the upper four bits; a pair may hold one tag only. */
  readonly tags: readonly {
    readonly tag: string;
    readonly shift: 0 | 4;
    readonly buckets: readonly CodedBucket[];
  }[];
}

/** One tag of a pair. */
export interface CodedColumn {
  readonly bytes: Uint8Array;
  readonly shift: 0 | 4;
  readonly buckets: readonly CodedBucket[];
}

const BYTES = 256;

/** Two tags' codes in one array of bytes. */
export function packPair(low: Uint8Array, high: Uint8Array | undefined): Uint8Array {
  const bytes = new Uint8Array(Math.max(low.length, high?.length ?? 0));
  bytes.set(low);
  if (!high) return bytes;
  // Four at once: codes below 16 shifted by four bits stay inside their bytes. Copies lie where words may.
  const words = new Uint32Array(bytes.buffer, 0, high.length >>> 2);
  const added = high.byteOffset % 4 === 0 ? high : high.slice();
  const addedWords = new Uint32Array(added.buffer, added.byteOffset, words.length);
  for (let at = 0; at < words.length; at++) words[at] = (words[at] ?? 0) | ((addedWords[at] ?? 0) << 4);
  for (let at = words.length * 4; at < high.length; at++)
    bytes[at] = (bytes[at] ?? 0) | ((high[at] ?? 0) << 4);
  return bytes;
}

/**
 * How many of these customers have each byte: one pass of look-ups, several counters to each byte so that runs of one
 * value do not wait for the counter before.
 * @param members  cids, ascending
 * @returns        256 counts; those past the end count as unknown in both tags
 */
export function countBytes(bytes: Uint8Array, members: Uint32Array): Float64Array {
  const counters = new Uint32Array(4 * BYTES);
  const inside = members.length - countPast(members, bytes.length);
  const last = inside - (inside % 4);
  for (let at = 0; at < last; at += 4) {
    const a = bytes[members[at] ?? 0] ?? 0;
    const b = (bytes[members[at + 1] ?? 0] ?? 0) + BYTES;
    const c = (bytes[members[at + 2] ?? 0] ?? 0) + 2 * BYTES;
    const d = (bytes[members[at + 3] ?? 0] ?? 0) + 3 * BYTES;
    counters[a] = (counters[a] ?? 0) + 1;
    counters[b] = (counters[b] ?? 0) + 1;
    counters[c] = (counters[c] ?? 0) + 1;
    counters[d] = (counters[d] ?? 0) + 1;
  }
  for (let at = last; at < inside; at++) {
    const byte = bytes[members[at] ?? 0] ?? 0;
    counters[byte] = (counters[byte] ?? 0) + 1;
  }
  const counts = joined(counters);
  counts[0] = (counts[0] ?? 0) + members.length - inside;
  return counts;
}

/** How often each byte occurs over all cids. Who is a customer is not known here: the count of byte 0 says nothing. */
export function totalBytes(bytes: Uint8Array): Float64Array {
  const counters = new Uint32Array(4 * BYTES);
  const last = bytes.length - (bytes.length % 4);
  for (let at = 0; at < last; at += 4) {
    const a = bytes[at] ?? 0;
    const b = (bytes[at + 1] ?? 0) + BYTES;
    const c = (bytes[at + 2] ?? 0) + 2 * BYTES;
    const d = (bytes[at + 3] ?? 0) + 3 * BYTES;
    counters[a] = (counters[a] ?? 0) + 1;
    counters[b] = (counters[b] ?? 0) + 1;
    counters[c] = (counters[c] ?? 0) + 1;
    counters[d] = (counters[d] ?? 0) + 1;
  }
  for (let at = last; at < bytes.length; at++) counters[bytes[at] ?? 0] = (counters[bytes[at] ?? 0] ?? 0) + 1;
  return joined(counters);
}

function joined(counters: Uint32Array): Float64Array {
  const counts = new Float64Array(BYTES);
  for (let at = 0; at < counters.length; at++)
    counts[at % BYTES] = (counts[at % BYTES] ?? 0) + (counters[at] ?? 0);
  return counts;
}

/** The counts of one tag's codes out of the counts of a pair's bytes. */
export function codeCounts(byteCounts: Float64Array, shift: 0 | 4): Float64Array {
  const counts = new Float64Array(CODES);
  for (let byte = 0; byte < BYTES; byte++) {
    const code = (byte >> shift) & 15;
    counts[code] = (counts[code] ?? 0) + (byteCounts[byte] ?? 0);
  }
  return counts;
}

/** The codes of these customers; those past the end are unknown. */
export function gather(
  { bytes, shift }: Pick<CodedColumn, 'bytes' | 'shift'>,
  cids: Uint32Array,
): Uint8Array {
  const gathered = new Uint8Array(cids.length);
  for (let at = 0; at < cids.length; at++) gathered[at] = ((bytes[cids[at] ?? 0] ?? 0) >> shift) & 15;
  return gathered;
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
