import type { Graph, GraphLink, GraphNode } from './graph-focus.ts';

export interface GroupedNode extends GraphNode {
  /** How many nodes it stands for; absent = it is a node. */
  readonly members?: number;
}

interface Grouping {
  /** Where a node belongs, from the widest group to the narrowest; empty = to none. */
  readonly pathOf: (node: GraphNode) => readonly string[];
  /** What a group is called. */
  readonly titleOf: (path: readonly string[], node: GraphNode) => string;
  /** Groups that are opened, by id. */
  readonly open: ReadonlySet<string>;
  /** Nodes that are always shown themselves. */
  readonly shown: ReadonlySet<string>;
  /** Kinds with at most so many nodes are not grouped. */
  readonly most: number;
}

const SEPARATOR = '\u001f';
export const groupId = (kind: string, path: readonly string[]): string =>
  `group${SEPARATOR}${kind}${SEPARATOR}${path.join('/')}`;
export const isGroup = (id: string): boolean => id.startsWith(`group${SEPARATOR}`);

/**
 * Puts nodes of one kind that belong together into one, so that a graph of a thousand nodes is a page that can be
 * read. A group that is opened shows the groups in it, then its nodes; links between the same two are drawn once.
 */
export function groupGraph(graph: Graph, grouping: Grouping): { nodes: GroupedNode[]; links: GraphLink[] } {
  const perKind = new Map<string, number>();
  for (const { kind } of graph.nodes) perKind.set(kind, (perKind.get(kind) ?? 0) + 1);
  const paths = new Map<string, readonly string[]>();
  const sizes = new Map<string, number>();
  for (const node of graph.nodes) {
    const isFew = (perKind.get(node.kind) ?? 0) <= grouping.most;
    const path = isFew || grouping.shown.has(node.id) ? [] : grouping.pathOf(node);
    paths.set(node.id, path);
    for (let depth = 1; depth <= path.length; depth++) {
      const id = groupId(node.kind, path.slice(0, depth));
      sizes.set(id, (sizes.get(id) ?? 0) + 1);
    }
  }
  const nodes = new Map<string, GroupedNode>();
  const standsFor = new Map<string, string>();
  for (const node of graph.nodes) {
    const path = paths.get(node.id) ?? [];
    const depth = path.findIndex((_, at) => {
      const id = groupId(node.kind, path.slice(0, at + 1));
      return !grouping.open.has(id) && (sizes.get(id) ?? 0) > 1;
    });
    if (depth < 0) {
      nodes.set(node.id, node);
      standsFor.set(node.id, node.id);
      continue;
    }
    const own = path.slice(0, depth + 1);
    const id = groupId(node.kind, own);
    standsFor.set(node.id, id);
    if (!nodes.has(id))
      nodes.set(id, {
        id,
        kind: node.kind,
        color: node.color,
        title: grouping.titleOf(own, node),
        members: sizes.get(id) ?? 0,
      });
  }
  const links = new Map<string, GraphLink>();
  for (const link of graph.links) {
    const [from, to] = [standsFor.get(link.from), standsFor.get(link.to)];
    if (from === undefined || to === undefined || from === to) continue;
    links.set(`${from}→${to}`, { from, to });
  }
  return { nodes: [...nodes.values()], links: [...links.values()] };
}
