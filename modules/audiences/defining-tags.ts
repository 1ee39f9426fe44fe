import { audiencesIn, type Condition, tagsIn } from '@rapport/conditions';
import type { Audiences } from './audiences.ts';

/** A tag that is computed from another one. */
export interface TagEdge {
  readonly from: string;
  readonly to: string;
}

/**
 * Every tag whose difference inside a condition follows from the condition itself: those it names, also through the
 * audiences it names; those that these are computed from; and those computed from these.
 */
export async function definingTags(
  condition: Condition,
  audiences: Pick<Audiences, 'find'>,
  edges: readonly TagEdge[],
): Promise<ReadonlySet<string>> {
  const tags = new Set<string>();
  const seen = new Set<string>();
  const wanted = [condition];
  for (const each of wanted) {
    for (const tag of tagsIn(each)) tags.add(tag);
    for (const { id } of audiencesIn(each)) {
      if (seen.has(id)) continue;
      seen.add(id);
      const found = await audiences.find(id);
      if (found) wanted.push(found.condition);
    }
  }
  const named = [...tags];
  for (const one of reachable(named, edges, 'to', 'from')) tags.add(one);
  for (const one of reachable(named, edges, 'from', 'to')) tags.add(one);
  return tags;
}

/** What can be reached from these over edges walked from one end to the other. */
function reachable(
  starts: readonly string[],
  edges: readonly TagEdge[],
  near: keyof TagEdge,
  far: keyof TagEdge,
): ReadonlySet<string> {
  const reached = new Set(starts);
  for (const one of reached) for (const edge of edges) if (edge[near] === one) reached.add(edge[far]);
  return reached;
}
