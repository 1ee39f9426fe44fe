import { storesProblems } from './problems.ts';

/** The longest key of the key-value port. */
export const MAX_KEY_BYTES = 500;

/** The bytes a key is stored and ordered by. @throws stores.bad_key when it is empty or too long */
export function keyBytes(prefix: string, key: string): Buffer {
  const bytes = Buffer.from(prefix + key);
  if (key === '' || bytes.byteLength > MAX_KEY_BYTES + Buffer.byteLength(prefix)) {
    throw storesProblems.bad_key({
      detail: `The key "${key.slice(0, 50)}" has ${Buffer.byteLength(key)} bytes; 1 to ${MAX_KEY_BYTES} are allowed.`,
    });
  }
  return bytes;
}
