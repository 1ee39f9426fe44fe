import { indexPlacement } from '@rapport/sets';
import type { Placement, Release } from '@rapport/stores';
import type { Placed } from './compute.ts';
import { messageOf } from './compute.ts';
import { createIndexBuilder, type SegmentToIndex } from './index-builder.ts';
import type { PublishExtender } from './publish-extender.ts';
import type { TagContext } from './tags.context.ts';

/**
 * Publishes, together with new values, the index of every segment of present tags that has none: those of this
 * refresh, and those that others (scores, lists, streams) published since the last one. Indexes of segments that no
 * present tag stands in leave the release; values kept of past days are read without one.
 */
export function createIndexing({ deps, store }: TagContext): PublishExtender {
  const { warehouse, releases, log } = deps;
  const builder = createIndexBuilder({ warehouse, releases });
  const prefix = indexPlacement('');

  return async ({ places, signal }) => {
    const release = await releases.current();
    const segments = segmentsOf(release, places, await typesById());
    const set = new Map<string, Placement>();
    try {
      const isMissing = ({ table }: SegmentToIndex): boolean =>
        !release.placements.has(indexPlacement(table));
      const bases = segments.filter((each) => each.first === each.table && isMissing(each));
      for (const [segment, placement] of await builder.build(bases, { signal }))
        set.set(indexPlacement(segment), placement);
      const patches = segments.flatMap((each): SegmentToIndex[] => {
        if (each.first === each.table || !isMissing(each)) return [];
        const base = indexPlacement(each.first);
        const directory = (set.get(base) ?? release.placements.get(base))?.table;
        return [
          { ...each, ...(directory === undefined ? {} : { base: { segment: each.first, directory } }) },
        ];
      });
      for (const [segment, placement] of await builder.build(patches, { signal }))
        set.set(indexPlacement(segment), placement);
    } catch (error) {
      signal.throwIfAborted();
      // The values are there; conditions over them are answered by scans, as before there was an index.
      log.warn({ err: error, reason: messageOf(error) }, 'new tag values could not be indexed');
    }
    const present = new Set(segments.map(({ table }) => table));
    return {
      set: Object.fromEntries(set),
      remove: [...release.placements.keys()].filter(
        (name) => name.startsWith(prefix) && !present.has(name.slice(prefix.length)),
      ),
    };
  };

  async function typesById() {
    return new Map((await store.all()).map(({ definition }) => [definition.id, definition.valueType]));
  }
}

interface PresentSegment extends SegmentToIndex {
  /** The segment that this one patches, or itself. */
  readonly first: string;
}

/** The segments that tags will stand in, each with the tags that do. */
function segmentsOf(
  release: Release,
  places: ReadonlyMap<string, Placed>,
  types: ReadonlyMap<string, SegmentToIndex['tags'][number]['type']>,
): PresentSegment[] {
  const found = new Map<string, { first: string; tags: SegmentToIndex['tags'][number][] }>();
  for (const [id, type] of types) {
    const place = places.get(id) ?? release.placements.get(`tag/${id}`);
    if (place?.column === undefined) continue;
    const { table, column, segments = [table] } = place;
    for (const segment of segments) {
      const known = found.get(segment) ?? { first: segments[0] ?? table, tags: [] };
      known.tags.push({ column, type });
      found.set(segment, known);
    }
  }
  return [...found].map(([table, { first, tags }]) => ({ table, first, tags }));
}
