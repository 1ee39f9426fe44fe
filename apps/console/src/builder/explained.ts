import type { ExplainResult } from '@rapport/audiences/contract';

export type ExplainedNode = ExplainResult['nodes'][number];

/** What explain said of each node of the tree, by the node's name. */
export function explainedByNode(
  result: ExplainResult | undefined,
  pointers: ReadonlyMap<string, string>,
): ReadonlyMap<string, ExplainedNode> {
  const byNode = new Map<string, ExplainedNode>();
  for (const node of result?.nodes ?? []) {
    const id = pointers.get(node.pointer);
    if (id !== undefined) byNode.set(id, node);
  }
  return byNode;
}
