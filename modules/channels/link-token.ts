import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a link in a message does: lead to a page, tell that it was opened, or opt out. */
export type LinkPurpose = 'track' | 'open' | 'unsubscribe';

export interface LinkToken {
  readonly deliveryId: string;
  /** Number of the destination (`track` only, else 0). */
  readonly linkId: number;
}

export interface LinkTokens {
  /** 44 letters for URLs; holds no personal data and can not be guessed. */
  sign(purpose: LinkPurpose, token: LinkToken): string;
  /** What was signed for this purpose, or `undefined` for anything else. */
  read(purpose: LinkPurpose, text: string): LinkToken | undefined;
}

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';
const ULID = /^dlv_[0-7][0-9a-hjkmnp-tv-z]{25}$/;
const MAC_BYTES = 13;

/**
 * Signed tokens for links: 16 bytes of the delivery's ULID, 4 of the link's number, 13 of HMAC-SHA256 over both
 * and the purpose, in base64url.
 */
export function createLinkTokens(linkKey: Buffer): LinkTokens {
  const macOf = (purpose: LinkPurpose, payload: Buffer): Buffer =>
    createHmac('sha256', linkKey).update(`${purpose}:`).update(payload).digest().subarray(0, MAC_BYTES);
  return {
    sign(purpose, { deliveryId, linkId }) {
      const payload = Buffer.concat([ulidBytes(deliveryId), Buffer.alloc(4)]);
      payload.writeUInt32BE(linkId, 16);
      return Buffer.concat([payload, macOf(purpose, payload)]).toString('base64url');
    },
    read(purpose, text) {
      if (!/^[\w-]{44}$/.test(text)) return undefined;
      const bytes = Buffer.from(text, 'base64url');
      const payload = bytes.subarray(0, 20);
      if (!timingSafeEqual(macOf(purpose, payload), bytes.subarray(20))) return undefined;
      return { deliveryId: ulidText(payload.subarray(0, 16)), linkId: payload.readUInt32BE(16) };
    },
  };
}

function ulidBytes(deliveryId: string): Buffer {
  if (!ULID.test(deliveryId)) throw new Error(`${deliveryId} is not a delivery id`);
  let number = 0n;
  for (const letter of deliveryId.slice(4)) number = number * 32n + BigInt(CROCKFORD.indexOf(letter));
  return Buffer.from(number.toString(16).padStart(32, '0'), 'hex');
}

function ulidText(bytes: Buffer): string {
  let number = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  for (let at = 0; at < 26; at++) {
    text = (CROCKFORD[Number(number % 32n)] ?? '') + text;
    number /= 32n;
  }
  return `dlv_${text}`;
}
