import { audiencesIn, type Condition, tagsIn } from '@rapport/conditions';
import type { Audiences } from './audiences.ts';

/** Every tag that a condition is made of, also through the audiences it names. */
export async function definingTags(
  condition: Condition,
  audiences: Pick<Audiences, 'find'>,
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
  return tags;
}
