import type { Condition } from '@rapport/conditions';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { begin, type History, record, redo, undo } from './history.ts';
import {
  duplicateNode,
  type GroupNode,
  insertNode,
  moveNode,
  newGroup,
  newLeaf,
  nodesOf,
  removeNode,
  setGroupKind,
  setLeaf,
  treeOf,
  unwrapGroup,
  wrapNode,
  written,
} from './tree.ts';

const leaf = fc.integer({ min: 0, max: 9 }).map((n): Condition => ({ tag: `t${n}`, op: '>=', value: n }));
const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie('condition'), { maxLength: 3 }).map((all): Condition => ({ all })),
    fc.array(tie('condition'), { maxLength: 3 }).map((any): Condition => ({ any })),
    tie('condition').map((not): Condition => ({ not })),
  ),
}));

type Step = {
  readonly op:
    | 'insert'
    | 'insertGroup'
    | 'remove'
    | 'move'
    | 'wrap'
    | 'unwrap'
    | 'kind'
    | 'leaf'
    | 'duplicate';
  readonly which: number;
  readonly where: number;
  readonly index: number;
};
const step: fc.Arbitrary<Step> = fc.record({
  op: fc.constantFrom(
    'insert',
    'insertGroup',
    'remove',
    'move',
    'wrap',
    'unwrap',
    'kind',
    'leaf',
    'duplicate',
  ),
  which: fc.nat(50),
  where: fc.nat(50),
  index: fc.nat(5),
});

function counter(): () => string {
  let next = 0;
  return () => `n${next++}`;
}

function apply(root: GroupNode, { op, which, where, index }: Step, newId: () => string): GroupNode {
  const nodes = [...nodesOf(root)];
  const id = nodes[which % nodes.length]?.id ?? root.id;
  const parentId = nodes[where % nodes.length]?.id ?? root.id;
  const kind = (['all', 'any', 'not'] as const)[index % 3] ?? 'all';
  switch (op) {
    case 'insert':
      return insertNode(root, newLeaf({ tag: 'new', op: 'known' }, newId), { parentId, index });
    case 'insertGroup':
      return insertNode(root, newGroup(kind, newId), { parentId, index });
    case 'remove':
      return removeNode(root, id);
    case 'move':
      return moveNode(root, id, { parentId, index });
    case 'wrap':
      return wrapNode(root, id, kind, newId);
    case 'unwrap':
      return unwrapGroup(root, id);
    case 'kind':
      return setGroupKind(root, id, kind);
    case 'leaf':
      return setLeaf(root, id, { tag: 'changed', op: '=', value: index });
    case 'duplicate':
      return duplicateNode(root, id, newId);
  }
}

const leavesOf = (root: GroupNode): string[] =>
  [...nodesOf(root)].flatMap((node) => (node.kind === 'leaf' ? [node.id] : [])).sort();

describe('the condition tree', () => {
  it('returns to the start when every step is undone, and to the end when they are redone', () => {
    fc.assert(
      fc.property(condition, fc.array(step, { maxLength: 25 }), (start, steps) => {
        const newId = counter();
        const first = treeOf(start, newId);
        let history: History<GroupNode> = begin(first);
        for (const one of steps) history = record(history, apply(history.present, one, newId));
        const last = history.present;
        const count = history.past.length;
        for (let i = 0; i < count; i++) history = undo(history);
        expect(history.present).toBe(first);
        for (let i = 0; i < count; i++) history = redo(history);
        expect(history.present).toBe(last);
      }),
    );
  });

  it('never has two nodes of one name', () => {
    fc.assert(
      fc.property(condition, fc.array(step, { maxLength: 25 }), (start, steps) => {
        const newId = counter();
        let root = treeOf(start, newId);
        for (const one of steps) root = apply(root, one, newId);
        const ids = [...nodesOf(root)].map((node) => node.id);
        expect(new Set(ids).size).toBe(ids.length);
      }),
    );
  });

  it('loses and doubles no leaf by moving, wrapping, unwrapping and changing the kind of groups', () => {
    const moving = step.filter(
      ({ op }) => op === 'move' || op === 'wrap' || op === 'unwrap' || op === 'kind',
    );
    fc.assert(
      fc.property(condition, fc.array(moving, { maxLength: 25 }), (start, steps) => {
        const newId = counter();
        const first = treeOf(start, newId);
        let root = first;
        for (const one of steps) root = apply(root, one, newId);
        expect(leavesOf(root)).toEqual(leavesOf(first));
      }),
    );
  });

  it('writes a condition that reads back as the same tree', () => {
    fc.assert(
      fc.property(condition, (start) => {
        const once = written(treeOf(start, counter())).condition;
        expect(written(treeOf(once, counter())).condition).toEqual(once);
      }),
    );
  });

  it('knows the node at each pointer of the condition it writes', () => {
    fc.assert(
      fc.property(condition, (start) => {
        const root = treeOf(start, counter());
        const { condition: text, pointers } = written(root);
        expect(new Set(pointers.values()).size).toBe([...nodesOf(root)].length);
        for (const pointer of pointers.keys()) expect(at(text, pointer)).toBeDefined();
      }),
    );
  });

  it('does not move a group into itself', () => {
    const newId = counter();
    const root = treeOf({ all: [{ any: [{ tag: 'a', op: 'known' }] }] }, newId);
    const inner = root.children[0];
    expect(moveNode(root, inner?.id ?? '', { parentId: inner?.id ?? '', index: 0 })).toBe(root);
  });
});

function at(value: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((inner, part) => {
      if (typeof inner !== 'object' || inner === null) return undefined;
      return Object.entries(inner).find(([name]) => name === part)?.[1];
    }, value);
}
