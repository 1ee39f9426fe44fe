import { createHash } from 'node:crypto';
import type { Relational } from '@rapport/stores';
import type { LinkTokens } from './link-token.ts';

const CACHED = 20_000;

/** Replaces links in messages by signed ones of ours; the destination is kept here, so the token names no address. */
export interface Links {
  /** The same content with every http(s) link but those in `keep` replaced, and a pixel at the end of HTML. */
  track(message: {
    deliveryId: string;
    campaignId: string;
    html?: string | undefined;
    text: string;
    keep: readonly string[];
  }): Promise<{ html?: string; text: string }>;
  destination(linkId: number): Promise<string | undefined>;
}

export function createLinks(deps: {
  relational: Pick<Relational, 'pool'>;
  tokens: LinkTokens;
  publicUrl: string;
}): Links {
  const { tokens, publicUrl } = deps;
  const { pool } = deps.relational;
  const known = new Map<string, number>();

  const numberOf = async (campaignId: string, urls: readonly string[]): Promise<Map<string, number>> => {
    const numbers = new Map<string, number>();
    const missing = new Set<string>();
    for (const url of urls) {
      const id = known.get(`${campaignId} ${url}`);
      if (id === undefined) missing.add(url);
      else numbers.set(url, id);
    }
    if (missing.size === 0) return numbers;
    const wanted = [...missing];
    // The update that changes nothing makes `returning` answer rows that were there already.
    const stored = await pool.query<{ id: number; url: string }>(
      `insert into channels.link as l (campaign_id, url, url_hash) select $1, i.url, i.hash from unnest($2::text[], $3::text[]) as i (url, hash)
       on conflict (campaign_id, url_hash) do update set url = l.url returning l.id, l.url`,
      [campaignId, wanted, wanted.map((url) => createHash('sha256').update(url).digest('hex'))],
    );
    for (const { id, url } of stored.rows) {
      numbers.set(url, id);
      known.set(`${campaignId} ${url}`, id);
    }
    while (known.size > CACHED) known.delete(known.keys().next().value ?? '');
    return numbers;
  };

  return {
    async track({ deliveryId, campaignId, html, text, keep }) {
      const isOurs = (url: string): boolean => keep.includes(url) || url.startsWith(`${publicUrl}/`);
      const found = new Set<string>();
      for (const match of html?.matchAll(HREF) ?? []) found.add(unescapeHtml(match[2] ?? ''));
      for (const match of text.matchAll(PLAIN)) found.add(match[0]);
      const urls = [...found].filter((url) => url !== '' && !isOurs(url));
      const numbers = urls.length > 0 ? await numberOf(campaignId, urls) : new Map<string, number>();
      const replace = (url: string): string => {
        const linkId = numbers.get(url);
        return linkId === undefined ? url : `${publicUrl}/t/${tokens.sign('track', { deliveryId, linkId })}`;
      };
      const tracked = text.replace(PLAIN, replace);
      if (html === undefined) return { text: tracked };
      const linked = html.replace(HREF, (whole, before: string, url: string) => {
        const plain = unescapeHtml(url);
        return isOurs(plain) ? whole : `${before}${replace(plain)}"`;
      });
      const pixel = `<img src="${publicUrl}/o/${tokens.sign('open', { deliveryId, linkId: 0 })}.gif" width="1" height="1" alt="" style="display:none">`;
      const end = linked.lastIndexOf('</body>');
      return {
        text: tracked,
        html: end < 0 ? linked + pixel : linked.slice(0, end) + pixel + linked.slice(end),
      };
    },
    async destination(linkId) {
      const found = await pool.query<{ url: string }>('select l.url from channels.link l where l.id = $1', [
        linkId,
      ]);
      return found.rows[0]?.url;
    },
  };
}

const HREF = /(<a\b[^>]*?\shref=")(https?:\/\/[^"]+)"/gi;
/** Punctuation that ends a sentence does not belong to the link. */
const PLAIN =
  /https?:\/\/[^\s<>"'()\u3000-\u303f\uff00-\uffef]*[^\s<>"'().,;:!?\u3000-\u303f\uff00-\uffef]/gi;

const unescapeHtml = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|#34|#39|#x27);/g, (_, name: string) => ENTITIES[name] ?? '');
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  '#34': '"',
  '#39': "'",
  '#x27': "'",
};
