import { ulid } from 'ulid';

/** A prefixed identifier, such as `aud_01J9Z3…`; the prefix names the kind of thing. */
export type Id<Prefix extends string> = `${Prefix}_${string}`;

/** Makes a new time-sortable id: the prefix, an underscore and a ULID in lower case. */
export function newId<Prefix extends string>(prefix: Prefix): Id<Prefix> {
  return `${prefix}_${ulid(undefined, randomShare).toLowerCase()}`;
}

/** Whether text is an id of this kind; the part after the prefix may be any word of letters, digits, `-`, `_`, `.`. */
export function isId<Prefix extends string>(prefix: Prefix, text: string): text is Id<Prefix> {
  return text.startsWith(`${prefix}_`) && /^[\w.-]+$/.test(text.slice(prefix.length + 1));
}

/**
 * Strong random bytes, fetched many at a time: asking for each letter of an id on its own, as ulid does by default,
 * costs 57 µs an id. A byte is enough, since a letter takes 5 bits of it.
 */
const bytes = new Uint8Array(4_096);
let used = bytes.length;
function randomShare(): number {
  if (used === bytes.length) {
    globalThis.crypto.getRandomValues(bytes);
    used = 0;
  }
  return (bytes[used++] ?? 0) / 256;
}
