import { Problem } from '@rapport/kernel';
import type { Release, Warehouse, WarehouseOptions, WarehouseValue } from '@rapport/stores';
import { derivePiiKeys, identityHashSql, piiParams, scrubKeys } from './pii.ts';

/** By what customers of an outside file are recognised. */
export const MATCH_KINDS = ['customer_id', 'phone', 'email', 'openid', 'phone_sha256'] as const;
export type MatchKind = (typeof MATCH_KINDS)[number];

/** How one kind of key finds customers, as SQL over one release. */
export interface IdentityMatch {
  /** Turns a given text into the key it is looked up by. */
  key(text: string): string;
  /** Whether a text can be such a key at all. */
  isKey(text: string): string;
  /** Query answering `key, cid`. */
  readonly keys: string;
}

export interface IdentityMatcher {
  /** `undefined` when nothing of the kind is loaded. */
  match(kind: MatchKind, release: Release): IdentityMatch | undefined;
  /** Runs a statement that an `IdentityMatch` stands in: binds the keys, and keeps them out of any error. */
  command(
    sql: string,
    params?: Readonly<Record<string, WarehouseValue>>,
    options?: WarehouseOptions,
  ): Promise<void>;
}

/**
 * Recognises customers by what other systems know of them. Identities are stored only as keyed hashes, so given ones are
 * hashed the same way inside the warehouse; plain SHA-256 digests of phone numbers are compared with digests of the
 * opened ones, which never leave the statement.
 */
export function createIdentityMatcher(deps: {
  readonly warehouse: Warehouse;
  readonly dataKey: Buffer;
}): IdentityMatcher {
  const { warehouse } = deps;
  const keys = derivePiiKeys(deps.dataKey);
  const params = { ...piiParams(keys), identityKey: keys.identity.toString('hex') };

  return {
    match(kind, { placements }) {
      const table = (logical: string): string | undefined => {
        const placement = placements.get(logical);
        return placement && warehouse.identifier(placement.table);
      };
      const customer = table('customer');
      const identity = table('identity');
      const pii = table('customer_pii');
      if (kind === 'customer_id') {
        if (!customer) return undefined;
        return {
          key: (text) => `trimBoth(${text})`,
          isKey: (text) => `trimBoth(${text}) != ''`,
          keys: `SELECT customer_id AS key, cid FROM ${customer}`,
        };
      }
      if (kind === 'phone_sha256') {
        if (!pii) return undefined;
        const raw = 'base64Decode(substring(phone_cipher, 3))';
        const phone = `decrypt('aes-256-gcm', substring(${raw}, 13), unhex({cipherKey:String}), substring(${raw}, 1, 12), concat('phone:', toString(cid)))`;
        const digits = "replaceRegexpAll(phone, '[^0-9+]', '')";
        return {
          key: (text) => `lower(trimBoth(${text}))`,
          isKey: (text) => `match(lower(trimBoth(${text})), '^[0-9a-f]{64}$')`,
          // Partners hash with or without the leading +.
          keys: `SELECT lower(hex(SHA256(arrayJoin(arrayDistinct([phone, ${digits}, replaceAll(${digits}, '+', '')]))))) AS key, cid FROM (SELECT cid, ${phone} AS phone FROM ${pii} WHERE phone_cipher != '')`,
        };
      }
      if (!identity) return undefined;
      const tests: Readonly<Record<'phone' | 'email' | 'openid', (text: string) => string>> = {
        phone: (text) => `length(replaceRegexpAll(${text}, '[^0-9]', '')) >= 5`,
        email: (text) => `match(trimBoth(${text}), '^[^@\\\\s]+@[^@\\\\s]+$')`,
        openid: (text) => `trimBoth(${text}) != ''`,
      };
      return {
        key: (text) => identityHashSql(`'${kind}'`, text),
        isKey: tests[kind],
        keys: `SELECT value_hash AS key, cid FROM ${identity} WHERE kind = '${kind}'`,
      };
    },
    async command(sql, more = {}, options) {
      const named = Object.fromEntries(Object.entries(params).filter(([name]) => sql.includes(`{${name}:`)));
      try {
        await warehouse.command(sql, { ...more, ...named }, options);
      } catch (error) {
        if (error instanceof Problem)
          throw error.message === scrubKeys(keys, error.message) ? error : scrubbed(error);
        throw error instanceof Error ? scrubbed(error) : error;
      }
    },
  };

  function scrubbed(error: Error): Error {
    return new Error(scrubKeys(keys, error.message));
  }
}
