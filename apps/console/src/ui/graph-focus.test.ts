import { describe, expect, it } from 'vitest';
import { focusGraph } from './graph-focus.ts';

const node = (id: string) => ({ id, title: id, kind: 'tag', color: 'black' });
const graph = {
  nodes: ['a', 'b', 'c', 'd', 'sibling'].map(node),
  links: [
    { from: 'a', to: 'b' },
    { from: 'b', to: 'c' },
    { from: 'c', to: 'd' },
    { from: 'a', to: 'sibling' },
  ],
};
const ids = (depth: number) => focusGraph(graph, 'b', depth).nodes.map(({ id }) => id);

describe('focusing a graph', () => {
  it('keeps what lies so many steps upstream and downstream', () => {
    expect(ids(1)).toEqual(['a', 'b', 'c']);
    expect(ids(2)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('leaves out neighbours that are only reached sideways', () => {
    expect(ids(9)).not.toContain('sibling');
  });

  it('drops links whose ends are gone', () => {
    expect(focusGraph(graph, 'b', 1).links).toEqual([
      { from: 'a', to: 'b' },
      { from: 'b', to: 'c' },
    ]);
  });
});
