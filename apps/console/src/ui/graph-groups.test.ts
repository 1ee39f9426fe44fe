import { describe, expect, it } from 'vitest';
import type { Graph, GraphNode } from './graph-focus.ts';
import { groupGraph, groupId } from './graph-groups.ts';

const node = (id: string, kind: string): GraphNode => ({ id, kind, title: id, color: 'red' });
/** 200 tags of four categories over one column; two tags flow into an audience. */
const graph: Graph = {
  nodes: [
    node('column', 'column'),
    ...Array.from({ length: 200 }, (_, at) => node(`tag${at}`, 'tag')),
    node('audience', 'audience'),
  ],
  links: [
    ...Array.from({ length: 200 }, (_, at) => ({ from: 'column', to: `tag${at}` })),
    { from: 'tag0', to: 'audience' },
    { from: 'tag4', to: 'audience' },
  ],
};
const grouping = {
  pathOf: ({ id, kind }: GraphNode) => {
    const at = Number(id.slice(3));
    return kind === 'tag' ? [`c${at % 4}`, `s${at % 8}`] : [];
  },
  titleOf: (path: readonly string[]) => path.join(' › '),
  open: new Set<string>(),
  shown: new Set<string>(),
  most: 10,
};

describe('a graph in groups', () => {
  it('shows few nodes for many, with each link once', () => {
    const grouped = groupGraph(graph, grouping);
    expect(grouped.nodes.map(({ title, members }) => [title, members])).toEqual([
      ['column', undefined],
      ['c0', 50],
      ['c1', 50],
      ['c2', 50],
      ['c3', 50],
      ['audience', undefined],
    ]);
    expect(grouped.links).toHaveLength(5);
    expect(grouped.links).toContainEqual({ from: groupId('tag', ['c0']), to: 'audience' });
  });
  it('opens a group into those in it, then into its nodes', () => {
    const open = new Set([groupId('tag', ['c0'])]);
    expect(groupGraph(graph, { ...grouping, open }).nodes.map(({ title }) => title)).toContain('c0 › s4');
    open.add(groupId('tag', ['c0', 's4']));
    const opened = groupGraph(graph, { ...grouping, open });
    expect(opened.nodes.filter(({ id }) => id.startsWith('tag'))).toHaveLength(25);
    expect(opened.links).toContainEqual({ from: 'tag4', to: 'audience' });
  });
  it('always shows the focus, and leaves few as they are', () => {
    expect(
      groupGraph(graph, { ...grouping, shown: new Set(['tag3']) }).nodes.some(({ id }) => id === 'tag3'),
    ).toBe(true);
    expect(groupGraph(graph, { ...grouping, most: 200 }).nodes).toHaveLength(202);
  });
});
