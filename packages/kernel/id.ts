import { ulid } from 'ulid';

/** A prefixed identifier, such as `aud_01J9Z3…`; the prefix names the kind of thing. */
export type Id<Prefix extends string> = `${Prefix}_${string}`;

/** Makes a new time-sortable id: the prefix, an underscore and a ULID in lower case. */
export function newId<Prefix extends string>(prefix: Prefix): Id<Prefix> {
  return `${prefix}_${ulid().toLowerCase()}`;
}

/** Whether text is an id of this kind; the part after the prefix may be any word of letters, digits, `-`, `_`, `.`. */
export function isId<Prefix extends string>(prefix: Prefix, text: string): text is Id<Prefix> {
  return text.startsWith(`${prefix}_`) && /^[\w.-]+$/.test(text.slice(prefix.length + 1));
}
