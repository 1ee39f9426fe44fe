import type { Condition } from '@rapport/conditions';

export const AUDIENCE_TABS = [
  'builder',
  'profile',
  'overlap',
  'growth',
  'lookalike',
  'snapshots',
  'try',
  'json',
] as const;
export type AudienceTab = (typeof AUDIENCE_TABS)[number];

/** What the address of an audience page says beside the audience. */
export interface AudienceSearch {
  readonly tab?: AudienceTab | undefined;
  /** Past instant that the live count is as of. */
  readonly asOf?: string | undefined;
  /** Audience or list that the profile compares with. */
  readonly base?: string | undefined;
  /** Audiences and lists to overlap with, by comma. */
  readonly with?: string | undefined;
  /** Job of a look-alike under way or done. */
  readonly job?: string | undefined;
  /** Condition as JSON that a new audience begins with. */
  readonly condition?: string | undefined;
}

/** Reads the search part of an address; what it does not know it leaves out. */
export function readAudienceSearch(search: Record<string, unknown>): AudienceSearch {
  const text = (name: string): string | undefined => {
    const value = search[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const asOf = text('asOf');
  return {
    tab: AUDIENCE_TABS.find((tab) => tab === search.tab),
    asOf: asOf !== undefined && !Number.isNaN(Date.parse(asOf)) ? asOf : undefined,
    base: text('base'),
    with: text('with'),
    job: text('job'),
    condition: text('condition'),
  };
}

/** A condition out of an address; `undefined` when there is none that can be read. The server checks the rest. */
export function conditionOf(text: string | undefined): Condition | undefined {
  if (text === undefined) return undefined;
  try {
    const read: Condition | null = JSON.parse(text);
    return typeof read === 'object' && read !== null && !Array.isArray(read) ? read : undefined;
  } catch {
    return undefined;
  }
}

/** An audience or a list, told apart by its id, as a condition. */
export const conditionOfId = (id: string): Condition =>
  id.startsWith('lst_') ? { list: id } : { audience: id };

/** The condition with one more part that must hold too. */
export const narrowed = (condition: Condition, extra: Condition): Condition =>
  'all' in condition ? { all: [...condition.all, extra] } : { all: [condition, extra] };

/** Customers who are in exactly these sets and in none of the others. */
export function conditionOfRegion(sets: readonly Condition[], members: readonly number[]): Condition {
  const inside = sets.filter((_, at) => members.includes(at));
  const outside = sets.filter((_, at) => !members.includes(at));
  const [only] = outside;
  const none: Condition[] =
    outside.length === 0 || !only ? [] : [{ not: outside.length === 1 ? only : { any: outside } }];
  return { all: [...inside, ...none] };
}
