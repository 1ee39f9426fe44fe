export interface GraphNode {
  readonly id: string;
  readonly title: string;
  readonly kind: string;
  readonly color: string;
}

export interface GraphLink {
  readonly from: string;
  readonly to: string;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly links: readonly GraphLink[];
}

/**
 * The part of a graph around one node: everything up to `depth` steps upstream and downstream of it. Sideways
 * neighbours (another tag of the same column) are left out, which is what keeps a big graph readable.
 */
export function focusGraph(graph: Graph, focus: string, depth: number): Graph {
  const kept = new Set([
    focus,
    ...reach(graph.links, focus, depth, 'up'),
    ...reach(graph.links, focus, depth, 'down'),
  ]);
  return {
    nodes: graph.nodes.filter((node) => kept.has(node.id)),
    links: graph.links.filter((link) => kept.has(link.from) && kept.has(link.to)),
  };
}

function reach(
  links: readonly GraphLink[],
  start: string,
  depth: number,
  direction: 'up' | 'down',
): Set<string> {
  const neighbours = new Map<string, string[]>();
  for (const link of links) {
    const [from, to] = direction === 'down' ? [link.from, link.to] : [link.to, link.from];
    const known = neighbours.get(from);
    if (known) known.push(to);
    else neighbours.set(from, [to]);
  }
  const seen = new Set<string>();
  let front = [start];
  for (let step = 0; step < depth && front.length > 0; step++) {
    const next: string[] = [];
    for (const node of front) {
      for (const neighbour of neighbours.get(node) ?? []) {
        if (neighbour === start || seen.has(neighbour)) continue;
        seen.add(neighbour);
        next.push(neighbour);
      }
    }
    front = next;
  }
  return seen;
}
