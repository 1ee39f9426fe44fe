import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Older or newer signatures are refused, so that a recorded request can not be played again later. */
export const SIGNATURE_WINDOW_MS = 5 * 60_000;

/**
 * Signs a body: `v1=` and HMAC-SHA256 in hex over timestamp, a dot and the exact bytes.
 * @param timestamp seconds since 1970, as text, sent beside the signature
 */
export function signatureOf(key: string, timestamp: string, body: string | Buffer): string {
  return `v1=${createHmac('sha256', key).update(`${timestamp}.`).update(body).digest('hex')}`;
}

/** Compares in constant time; what is missing or of another length does not fit. */
export function isSignature(given: string, key: string, timestamp: string, body: string | Buffer): boolean {
  const expected = Buffer.from(signatureOf(key, timestamp, body));
  const actual = Buffer.from(given);
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

/** Encrypts small secrets for storage: AES-256-GCM, 12-byte nonce first, tag last; bound to what they belong to. */
export function seal(dataKey: Buffer, subject: string, plain: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', dataKey, nonce).setAAD(Buffer.from(subject));
  return Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** @throws Error when the key, the subject or the bytes are not those of `seal` */
export function unseal(dataKey: Buffer, subject: string, sealed: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', dataKey, sealed.subarray(0, 12)).setAAD(
    Buffer.from(subject),
  );
  decipher.setAuthTag(sealed.subarray(-16));
  return decipher.update(sealed.subarray(12, -16), undefined, 'utf8') + decipher.final('utf8');
}
