/**
 * MurmurHash3 x86 32-bit, seed 0, of the UTF-8 bytes; equals ClickHouse `murmurHash3_32`.
 * @returns unsigned 32-bit integer
 * @source Austin Appleby, SMHasher, MurmurHash3_x86_32
 */
export function murmur3(text: string): number {
  const bytes = encoder.encode(text);
  const blockEnd = bytes.length & ~3;
  let hash = 0;
  for (let at = 0; at < blockEnd; at += 4) {
    const block =
      byte(bytes, at) |
      (byte(bytes, at + 1) << 8) |
      (byte(bytes, at + 2) << 16) |
      (byte(bytes, at + 3) << 24);
    hash = Math.imul(rotl(hash ^ scramble(block), 13), 5) + 0xe6546b64;
  }
  let tail = 0;
  for (let at = bytes.length - 1; at >= blockEnd; at--) tail = (tail << 8) | byte(bytes, at);
  if (bytes.length > blockEnd) hash ^= scramble(tail);
  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Buckets a customer falls into: 0 … 9,999. */
export const BUCKET_COUNT = 10_000;

/**
 * The bucket of a customer for a salt, the same for ever and wherever it is computed, also after the customer
 * is deleted and created again. SQL form: `murmurHash3_32(concat(salt, ':', customer_id)) % 10000`.
 */
export function bucketOf(salt: string, customerId: string): number {
  return murmur3(`${salt}:${customerId}`) % BUCKET_COUNT;
}

const encoder = new TextEncoder();
const byte = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;
const rotl = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));
const scramble = (block: number): number => Math.imul(rotl(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593);
