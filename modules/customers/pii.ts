import { createDecipheriv, createHmac, hkdfSync } from 'node:crypto';

/** The keys that personal data is encrypted and recognised by, both derived from the bank's data key. */
export interface PiiKeys {
  /** AES-256 key, 32 bytes. */
  readonly cipher: Buffer;
  /** HMAC-SHA-256 key of initialisation vectors, 32 bytes. */
  readonly vector: Buffer;
  /** HMAC-SHA-256 key of identity hashes, 32 bytes. */
  readonly identity: Buffer;
}

export type PiiField = 'name' | 'phone' | 'email' | 'address';

/**
 * Derives the purpose keys from the data key (32 bytes).
 * @source RFC 5869 (HKDF)
 */
export function derivePiiKeys(dataKey: Buffer): PiiKeys {
  const derive = (purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', dataKey, Buffer.alloc(0), `rapport/customers/${purpose}`, 32));
  return { cipher: derive('cipher'), vector: derive('vector'), identity: derive('identity') };
}

/**
 * SQL that encrypts one field to `1.` + base64(vector ‖ ciphertext ‖ tag), or `''` for `''`. The vector is the
 * first 12 bytes of an HMAC over field, customer and value, so that no vector serves two different values and a
 * rebuild gives the same bytes; field and customer are authenticated, so that a cipher moved to another customer
 * does not open. Names the parameters `{cipherKey:String}` and `{vectorKey:String}` (hex).
 * @source RFC 5116 (AES-256-GCM), RFC 5297 for the idea of a synthetic vector
 */
export function encryptSql(field: PiiField, value: string, cid: string): string {
  const place = `concat('${field}:', toString(${cid}))`;
  const vector = `substring(HMAC('sha256', concat(${place}, ':', ${value}), unhex({vectorKey:String})), 1, 12)`;
  const cipher = `encrypt('aes-256-gcm', ${value}, unhex({cipherKey:String}), ${vector}, ${place})`;
  return `if(${value} = '', '', concat('1.', base64Encode(concat(${vector}, ${cipher}))))`;
}

/** Opens what `encryptSql` made; `''` gives `undefined`. Throws when the text was altered or moved. */
export function decryptPii(keys: PiiKeys, field: PiiField, cid: number, cipher: string): string | undefined {
  if (cipher === '') return undefined;
  const bytes = Buffer.from(cipher.slice(2), 'base64');
  const decipher = createDecipheriv('aes-256-gcm', keys.cipher, bytes.subarray(0, 12));
  decipher.setAAD(Buffer.from(`${field}:${cid}`));
  decipher.setAuthTag(bytes.subarray(-16));
  return decipher.update(bytes.subarray(12, -16), undefined, 'utf8') + decipher.final('utf8');
}

/** The spelling by which identities are compared: phones keep digits and a leading `+`, e-mails lose case. */
export function normaliseIdentity(kind: string, value: string): string {
  if (kind === 'phone') return value.replaceAll(/[^0-9+]/g, '');
  const trimmed = value.replaceAll(/^ +| +$/g, '');
  return kind === 'email' ? trimmed.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()) : trimmed;
}

/** Keyed SHA-256 of an identity, hex; the same as `identityHashSql`. */
export function identityHash(keys: PiiKeys, kind: string, value: string): string {
  return createHmac('sha256', keys.identity)
    .update(`${kind}:${normaliseIdentity(kind, value)}`)
    .digest('hex');
}

/** The same in the warehouse; names the parameter `{identityKey:String}` (hex). */
export function identityHashSql(kind: string, value: string): string {
  const normalised = `multiIf(${kind} = 'phone', replaceRegexpAll(${value}, '[^0-9+]', ''), ${kind} = 'email', lower(trimBoth(${value})), trimBoth(${value}))`;
  return `lower(hex(HMAC('sha256', concat(${kind}, ':', ${normalised}), unhex({identityKey:String}))))`;
}

export function piiParams(keys: PiiKeys): Record<string, string> {
  return { cipherKey: keys.cipher.toString('hex'), vectorKey: keys.vector.toString('hex') };
}

/** Replaces every key in a text that may reach a log. */
export function scrubKeys(keys: PiiKeys, text: string): string {
  return [keys.cipher, keys.vector, keys.identity].reduce(
    (clean, key) => clean.replaceAll(new RegExp(key.toString('hex'), 'gi'), '[key]'),
    text,
  );
}

/** `陳小明` → `陳●●`, `Ann Lee` → `A●●●●●●`: the first character stays. */
export function maskName(name: string): string {
  const characters = [...name];
  return `${characters[0] ?? ''}${'●'.repeat(Math.max(0, Math.min(characters.length - 1, 6)))}`;
}

/** `0912345678` → `09●●●●●678`. */
export function maskPhone(phone: string): string {
  if (phone.length <= 5) return '●'.repeat(phone.length);
  return `${phone.slice(0, 2)}${'●'.repeat(phone.length - 5)}${phone.slice(-3)}`;
}

/** `chen@example.com` → `c●●●@example.com`. */
export function maskEmail(email: string): string {
  const at = email.lastIndexOf('@');
  return at < 1 ? '●●●' : `${email.slice(0, 1)}●●●${email.slice(at)}`;
}
