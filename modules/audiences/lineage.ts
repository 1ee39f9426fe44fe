import { audiencesIn, type Condition, tagsIn } from '@rapport/conditions';
import type { Relational } from '@rapport/stores';

/** What audiences add to the lineage graph: tags and other audiences flow into an audience. Nodes are `<kind>:<id>`. */
export function audienceLineage(deps: { readonly relational: Pick<Relational, 'pool'> }) {
  return async () => {
    const found = await deps.relational.pool.query<{ id: string; name: string; condition: Condition }>(
      'select a.id, a.name, a.condition from audiences.audience a order by a.id',
    );
    return {
      nodes: found.rows.map(({ id, name }) => ({
        id: `audience:${id}`,
        kind: 'audience' as const,
        title: name,
      })),
      edges: found.rows.flatMap(({ id, condition }) => [
        ...tagsIn(condition).map((tag) => ({ from: `tag:${tag}`, to: `audience:${id}` })),
        ...audiencesIn(condition).map((other) => ({ from: `audience:${other.id}`, to: `audience:${id}` })),
      ]),
    };
  };
}
