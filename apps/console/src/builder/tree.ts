import type { Condition, ConditionLeaf } from '@rapport/conditions';

export type GroupKind = 'all' | 'any' | 'not';

/** All of, any of, or none of its parts. */
export interface GroupNode {
  readonly id: string;
  readonly kind: GroupKind;
  readonly children: readonly TreeNode[];
}

export interface LeafNode {
  readonly id: string;
  readonly kind: 'leaf';
  readonly leaf: ConditionLeaf;
}

/** A node of the builder: a condition whose nodes have names, so that they can be moved about. */
export type TreeNode = GroupNode | LeafNode;

export type NewNodeId = () => string;

export function newGroup(kind: GroupKind, newId: NewNodeId, children: readonly TreeNode[] = []): GroupNode {
  return { id: newId(), kind, children };
}

export const newLeaf = (leaf: ConditionLeaf, newId: NewNodeId): LeafNode => ({
  id: newId(),
  kind: 'leaf',
  leaf,
});

/** Reads a condition into a tree whose root is a group. */
export function treeOf(condition: Condition, newId: NewNodeId): GroupNode {
  const node = nodeOf(condition, newId);
  return node.kind === 'leaf' ? newGroup('all', newId, [node]) : node;
}

export function nodeOf(condition: Condition, newId: NewNodeId): TreeNode {
  const read = (part: Condition): TreeNode => nodeOf(part, newId);
  if ('all' in condition) return newGroup('all', newId, condition.all.map(read));
  if ('any' in condition) return newGroup('any', newId, condition.any.map(read));
  if ('not' in condition) {
    const inner = condition.not;
    // "None of" is written as the complement of "any of"; one part needs no "any".
    if ('any' in inner && inner.any.length !== 1) return newGroup('not', newId, inner.any.map(read));
    return newGroup('not', newId, [read(inner)]);
  }
  return newLeaf(condition, newId);
}

/** A condition, and which node stands at which JSON pointer of it. */
export interface Written {
  readonly condition: Condition;
  readonly pointers: ReadonlyMap<string, string>;
}

export function written(root: TreeNode): Written {
  const pointers = new Map<string, string>();
  return { condition: write(root, '', pointers), pointers };
}

function write(node: TreeNode, pointer: string, pointers: Map<string, string>): Condition {
  pointers.set(pointer, node.id);
  if (node.kind === 'leaf') return node.leaf;
  const parts = (path: string): Condition[] =>
    node.children.map((child, index) => write(child, `${path}/${index}`, pointers));
  if (node.kind === 'all') return { all: parts(`${pointer}/all`) };
  if (node.kind === 'any') return { any: parts(`${pointer}/any`) };
  const only = node.children.length === 1 ? node.children[0] : undefined;
  if (only) return { not: write(only, `${pointer}/not`, pointers) };
  return { not: { any: parts(`${pointer}/not/any`) } };
}

export function* nodesOf(node: TreeNode): Generator<TreeNode> {
  yield node;
  if (node.kind === 'leaf') return;
  for (const child of node.children) yield* nodesOf(child);
}

export function findNode(root: TreeNode, id: string): TreeNode | undefined {
  for (const node of nodesOf(root)) if (node.id === id) return node;
  return undefined;
}

export interface Place {
  readonly parentId: string;
  /** Before the child that stands here now; the number of children = at the end. */
  readonly index: number;
}

export function placeOf(root: TreeNode, id: string): Place | undefined {
  for (const node of nodesOf(root)) {
    if (node.kind === 'leaf') continue;
    const index = node.children.findIndex((child) => child.id === id);
    if (index >= 0) return { parentId: node.id, index };
  }
  return undefined;
}

/* Every operation answers the same root when it would change nothing. */

export function insertNode(root: GroupNode, node: TreeNode, place: Place): GroupNode {
  const parent = findNode(root, place.parentId);
  if (!parent || parent.kind === 'leaf') return root;
  const index = Math.max(0, Math.min(place.index, parent.children.length));
  return changeGroup(root, parent.id, (group) => ({
    ...group,
    children: [...group.children.slice(0, index), node, ...group.children.slice(index)],
  }));
}

export function removeNode(root: GroupNode, id: string): GroupNode {
  const place = placeOf(root, id);
  if (!place) return root;
  return changeGroup(root, place.parentId, (group) => ({
    ...group,
    children: group.children.filter((child) => child.id !== id),
  }));
}

/** Moves a node to a place; a group can not be moved into itself. */
export function moveNode(root: GroupNode, id: string, place: Place): GroupNode {
  const node = findNode(root, id);
  const from = placeOf(root, id);
  const target = findNode(root, place.parentId);
  if (!node || !from || !target || target.kind === 'leaf' || findNode(node, place.parentId)) return root;
  const sameParent = from.parentId === place.parentId;
  if (sameParent && (place.index === from.index || place.index === from.index + 1)) return root;
  // Taking the node out shifts what stood behind it.
  const index = sameParent && place.index > from.index ? place.index - 1 : place.index;
  return insertNode(removeNode(root, id), node, { parentId: place.parentId, index });
}

/** Puts a node into a new group of its own, at the same place. */
export function wrapNode(root: GroupNode, id: string, kind: GroupKind, newId: NewNodeId): GroupNode {
  const place = placeOf(root, id);
  const node = findNode(root, id);
  if (!place || !node) return root;
  return insertNode(removeNode(root, id), newGroup(kind, newId, [node]), place);
}

/** Dissolves a group into the one around it. Only for groups whose parts mean the same there; see `canUnwrap`. */
export function unwrapGroup(root: GroupNode, id: string): GroupNode {
  const node = findNode(root, id);
  const place = placeOf(root, id);
  if (!node || node.kind === 'leaf' || !place) return root;
  return changeGroup(root, place.parentId, (parent) => ({
    ...parent,
    children: parent.children.flatMap((child) => (child.id === id ? node.children : [child])),
  }));
}

/** Whether a group means the same when its parts stand in the group around it. */
export function canUnwrap(root: GroupNode, id: string): boolean {
  const node = findNode(root, id);
  const place = placeOf(root, id);
  if (!node || node.kind === 'leaf' || node.kind === 'not' || !place) return false;
  const parent = findNode(root, place.parentId);
  return node.children.length === 1 || parent?.kind === node.kind;
}

export function setGroupKind(root: GroupNode, id: string, kind: GroupKind): GroupNode {
  const node = findNode(root, id);
  if (!node || node.kind === 'leaf' || node.kind === kind) return root;
  return changeGroup(root, id, (group) => ({ ...group, kind }));
}

export function setLeaf(root: GroupNode, id: string, leaf: ConditionLeaf): GroupNode {
  const place = placeOf(root, id);
  if (!place) return root;
  return changeGroup(root, place.parentId, (group) => ({
    ...group,
    children: group.children.map((child) =>
      child.id === id && child.kind === 'leaf' ? { ...child, leaf } : child,
    ),
  }));
}

export function duplicateNode(root: GroupNode, id: string, newId: NewNodeId): GroupNode {
  const node = findNode(root, id);
  const place = placeOf(root, id);
  if (!node || !place) return root;
  return insertNode(root, renamed(node, newId), { parentId: place.parentId, index: place.index + 1 });
}

function renamed(node: TreeNode, newId: NewNodeId): TreeNode {
  if (node.kind === 'leaf') return { ...node, id: newId() };
  return { ...node, id: newId(), children: node.children.map((child) => renamed(child, newId)) };
}

function changeGroup(root: GroupNode, id: string, change: (group: GroupNode) => GroupNode): GroupNode {
  if (root.id === id) return change(root);
  let changed = false;
  const children = root.children.map((child) => {
    if (child.kind === 'leaf') return child;
    const next = changeGroup(child, id, change);
    if (next !== child) changed = true;
    return next;
  });
  return changed ? { ...root, children } : root;
}
