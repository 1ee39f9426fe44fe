import type { TagSummary } from '@rapport/tags/contract';

export const SORTS = ['title', 'used', 'cost', 'coverage', 'refreshed', 'quality'] as const;
export type Sort = (typeof SORTS)[number];

/** What the market is narrowed to; it stands in the address. */
export interface TagSearch {
  readonly q?: string;
  readonly category?: string;
  readonly kind?: string;
  readonly status?: string;
  readonly owner?: string;
  readonly dataClass?: string;
  readonly verdict?: string;
  /** Only favourites. */
  readonly mine?: boolean;
  /** Only tags that nothing uses and nobody counted. */
  readonly unused?: boolean;
  readonly sort?: Sort;
}

const TEXTS = ['q', 'category', 'kind', 'status', 'owner', 'dataClass', 'verdict'] as const;

/** Reads the address; what does not fit is left out. */
export function readTagSearch(search: Record<string, unknown>): TagSearch {
  const texts = Object.fromEntries(
    TEXTS.flatMap((name) => {
      const value = search[name];
      return value === undefined || value === '' ? [] : [[name, String(value)] as const];
    }),
  );
  const sort = SORTS.find((each) => each === search.sort);
  return {
    ...texts,
    ...(search.mine === true ? { mine: true } : {}),
    ...(search.unused === true ? { unused: true } : {}),
    ...(sort === undefined ? {} : { sort }),
  };
}

const VERDICT_ORDER = ['bad', 'warn', 'unknown', 'good'];

/**
 * The tags that fit, best first. Every word of the question must stand in the title, the id, the description, the
 * owner or the category; those whose title or id have it come before the others.
 */
export function searchTags(
  tags: readonly TagSummary[],
  search: TagSearch,
  text: { title(tag: TagSummary): string; category(path: string): string },
): TagSummary[] {
  const words = (search.q ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  const scored = tags.flatMap((tag) => {
    if (search.category !== undefined && tag.category !== search.category)
      if (!tag.category.startsWith(`${search.category}/`)) return [];
    if (search.kind !== undefined && tag.kind !== search.kind) return [];
    if (search.status !== undefined && tag.status !== search.status) return [];
    if (search.owner !== undefined && tag.owner !== search.owner) return [];
    if (search.dataClass !== undefined && (tag.dataClass ?? 'C2') !== search.dataClass) return [];
    if (search.verdict !== undefined && tag.verdict !== search.verdict) return [];
    if (search.mine === true && !tag.isFavourite) return [];
    if (search.unused === true && (tag.usedBy > 0 || tag.counted > 0)) return [];
    const near = `${Object.values(tag.title).join(' ')} ${tag.id}`.toLowerCase();
    const far =
      `${tag.description ?? ''} ${tag.owner ?? ''} ${tag.category} ${text.category(tag.category)}`.toLowerCase();
    let score = 0;
    for (const word of words) {
      if (near.includes(word)) score += near.startsWith(word) || near.includes(` ${word}`) ? 3 : 2;
      else if (far.includes(word)) score += 1;
      else return [];
    }
    return [{ tag, score }];
  });
  const number = (value: number | undefined): number => value ?? -1;
  const by: Readonly<Record<Sort, (a: TagSummary, b: TagSummary) => number>> = {
    title: () => 0,
    used: (a, b) => b.counted - a.counted || b.usedBy - a.usedBy,
    cost: (a, b) => number(b.costShare) - number(a.costShare),
    coverage: (a, b) => number(a.coverage) - number(b.coverage),
    refreshed: (a, b) => (b.refreshedAt ?? '').localeCompare(a.refreshedAt ?? ''),
    quality: (a, b) => VERDICT_ORDER.indexOf(a.verdict) - VERDICT_ORDER.indexOf(b.verdict),
  };
  const order = by[search.sort ?? 'title'];
  return scored
    .toSorted(
      (a, b) =>
        (search.sort === undefined ? b.score - a.score : 0) ||
        order(a.tag, b.tag) ||
        text.title(a.tag).localeCompare(text.title(b.tag)),
    )
    .map(({ tag }) => tag);
}
