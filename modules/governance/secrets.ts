import { createHash, randomBytes } from 'node:crypto';

/** A new bearer secret: a readable prefix and 32 random bytes. */
export const newSecret = (prefix: string): string => `${prefix}_${randomBytes(32).toString('base64url')}`;

/** What is stored of a secret; the secret has 256 bits of entropy, so a plain hash cannot be guessed. */
export const hashOfSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');
