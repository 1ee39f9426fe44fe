import type { ProfileResult } from '@rapport/audiences/contract';

export type ProfileTag = ProfileResult['tags'][number];
export type ProfileBucket = ProfileTag['buckets'][number];
export type ProfileFinding = ProfileResult['findings'][number];

export type EffectLevel = 'none' | 'small' | 'medium' | 'large';

/** The size of Cohen's h in a word. @source Cohen 1988, Statistical Power Analysis, chapter 6 */
export function effectLevel(effect: number): EffectLevel {
  const size = Math.abs(effect);
  return size >= 0.8 ? 'large' : size >= 0.5 ? 'medium' : size >= 0.2 ? 'small' : 'none';
}

/** `<0.001`, `0.004`, `0.31`: what a reader can tell apart, no more. */
export function sayP(p: number): string {
  if (p < 0.001) return '<0.001';
  return p < 0.01 ? p.toFixed(3) : p.toFixed(2);
}

/** Tags to list: those that look for a word in their title or id, and without the audience's own unless asked for. */
export function tagsToShow(
  tags: readonly ProfileTag[],
  { search, withDefining }: { readonly search: string; readonly withDefining: boolean },
): readonly ProfileTag[] {
  const wanted = search.trim().toLowerCase();
  return tags.filter(
    (tag) =>
      (withDefining || !tag.defining) &&
      (wanted === '' || `${tag.title} ${tag.tag}`.toLowerCase().includes(wanted)),
  );
}
