import { createHash } from 'node:crypto';
import { createUnionFind, type Link } from './clusters.ts';

/** What was decided of two records, as the log keeps it for ever. */
export type IdentityEvent =
  /** The records are one customer; the link has the event's id. */
  | { readonly kind: 'merge'; readonly id: string; readonly a: number; readonly b: number }
  /** The link of an earlier merge holds no more. */
  | { readonly kind: 'unmerge'; readonly id: string; readonly mergeId: string }
  /** The records are two customers, whatever the rules find. */
  | { readonly kind: 'distinct'; readonly id: string; readonly a: number; readonly b: number }
  /** That was wrong: they may be merged again. */
  | { readonly kind: 'undistinct'; readonly id: string; readonly a: number; readonly b: number };

/**
 * Which records are one customer: a set of links and a set of pairs that are known to be two. Nothing else. A merge
 * puts a link in and an unmerge takes that very link out, so the two are inverses whatever came between them; links
 * never close a circle, so taking one out parts exactly two groups.
 */
export interface IdentityState {
  readonly links: ReadonlyMap<string, Link>;
  readonly distinct: ReadonlySet<string>;
  /** 256 bits over links and pairs, the same for the same sets however they came about. */
  readonly digest: string;
}

export const EMPTY_STATE: IdentityState = { links: new Map(), distinct: new Set(), digest: '0'.repeat(64) };

export const pairKey = (a: number, b: number): string => `${Math.min(a, b)}:${Math.max(a, b)}`;

/**
 * The state after these events. Pure: the same log gives the same state, bit for bit. An event that says nothing
 * new (a link that is there, an unmerge of none) changes nothing.
 * @source the digest is the exclusive or of the elements' hashes (Bellare & Micciancio 1997, XHASH); sets only grow or
 *   shrink by one element, so it is kept up at one hash an event
 */
export function fold(before: IdentityState, events: Iterable<IdentityEvent>): IdentityState {
  const links = new Map(before.links);
  const distinct = new Set(before.distinct);
  const digest = Buffer.from(before.digest, 'hex');
  const flip = (element: string): void => {
    const hash = createHash('sha256').update(element).digest();
    for (let at = 0; at < digest.length; at++) digest[at] = (digest[at] ?? 0) ^ (hash[at] ?? 0);
  };
  for (const event of events) {
    switch (event.kind) {
      case 'merge': {
        if (links.has(event.id)) break;
        const link = { a: Math.min(event.a, event.b), b: Math.max(event.a, event.b) };
        links.set(event.id, link);
        flip(`link ${event.id} ${link.a} ${link.b}`);
        break;
      }
      case 'unmerge': {
        const link = links.get(event.mergeId);
        if (!link) break;
        links.delete(event.mergeId);
        flip(`link ${event.mergeId} ${link.a} ${link.b}`);
        break;
      }
      case 'distinct':
      case 'undistinct': {
        const key = pairKey(event.a, event.b);
        if (distinct.has(key) === (event.kind === 'distinct')) break;
        if (event.kind === 'distinct') distinct.add(key);
        else distinct.delete(key);
        flip(`distinct ${key}`);
        break;
      }
    }
  }
  return { links, distinct, digest: digest.toString('hex') };
}

/**
 * The customer that each record is, for records that are not customers of their own. The customer with the least
 * number, the one the bank has known longest, keeps it; so the answer depends on the links alone.
 */
export function aliasesOf(state: Pick<IdentityState, 'links'>): Map<number, number> {
  const forest = createUnionFind();
  for (const { a, b } of state.links.values()) forest.union(a, b);
  const aliases = new Map<number, number>();
  for (const [root, members] of forest.groups()) {
    for (const member of members) if (member !== root) aliases.set(member, root);
  }
  return aliases;
}

/** Pairs that are known to be two. */
export function distinctPairs(state: Pick<IdentityState, 'distinct'>): Link[] {
  return [...state.distinct].map((key) => {
    const [a = 0, b = 0] = key.split(':').map(Number);
    return { a, b };
  });
}

/** Everything linked with this record, itself included, in order; by links alone. */
export function clusterOf(state: Pick<IdentityState, 'links'>, record: number): number[] {
  const neighbours = new Map<number, number[]>();
  for (const { a, b } of state.links.values()) {
    neighbours.set(a, [...(neighbours.get(a) ?? []), b]);
    neighbours.set(b, [...(neighbours.get(b) ?? []), a]);
  }
  const reached = new Set([record]);
  // A set is walked in the order of insertion, what is added on the way included.
  for (const at of reached) for (const next of neighbours.get(at) ?? []) reached.add(next);
  return [...reached].sort((x, y) => x - y);
}
