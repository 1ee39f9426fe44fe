import type { CategoryNode } from '@rapport/tags/contract';
import { useMemo } from 'react';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useWords } from '../../i18n/words.ts';
import { Tree } from '../../ui/kit.ts';

interface Branch {
  readonly key: string;
  readonly title: string;
  readonly children: Branch[];
}

interface CategoryTreeProps {
  /** Category path of each tag that is shown. */
  readonly paths: readonly string[];
  readonly nodes: readonly CategoryNode[];
  readonly chosen: string | undefined;
  readonly onChoose: (path: string | undefined) => void;
}

/** The taxonomy with the number of tags found in each category; choosing one narrows the list. */
export function CategoryTree({ paths, nodes, chosen, onChoose }: CategoryTreeProps) {
  const t = useText();
  const name = useCategoryName(nodes);
  const roots = useMemo(() => branchesOf(paths, nodes, name), [paths, nodes, name]);
  return (
    <Tree
      // Opened branches are those of the choice; another choice made elsewhere opens its own.
      key={chosen ?? ''}
      aria-label={t('tags.taxonomy')}
      blockNode
      defaultExpandedKeys={chosen === undefined ? [] : aboveOf(chosen)}
      selectedKeys={chosen ? [chosen] : []}
      treeData={roots}
      onSelect={([key]) => onChoose(key === undefined ? undefined : String(key))}
    />
  );
}

/** Names a category by its title in the taxonomy, else by our word for it. */
export function useCategoryName(nodes: readonly CategoryNode[]): (path: string) => string {
  const localized = useLocalized();
  const words = useWords();
  return useMemo(() => {
    const titles = new Map(nodes.map((node) => [node.path, node.title]));
    return (path) => {
      const last = path.slice(path.lastIndexOf('/') + 1);
      const title = titles.get(path);
      const own = title ? localized(title) : '';
      const isMadeUp =
        title !== undefined && title['zh-Hant'] === undefined && title['zh-Hans'] === undefined;
      return own !== '' && !isMadeUp ? own : words.category(last);
    };
  }, [nodes, localized, words]);
}

export const aboveOf = (path: string): string[] =>
  path.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/'));

function branchesOf(
  paths: readonly string[],
  nodes: readonly CategoryNode[],
  name: (path: string) => string,
): Branch[] {
  const counts = new Map<string, number>();
  for (const path of paths) for (const each of aboveOf(path)) counts.set(each, (counts.get(each) ?? 0) + 1);
  const order = new Map(nodes.map(({ path }, index) => [path, index]));
  const branches = new Map<string, Branch>();
  const roots: Branch[] = [];
  const sorted = [...counts].toSorted(
    ([a], [b]) =>
      (order.get(a) ?? Number.MAX_SAFE_INTEGER) - (order.get(b) ?? Number.MAX_SAFE_INTEGER) ||
      (a < b ? -1 : 1),
  );
  // Shorter paths first, so that every branch finds the one above it.
  for (const [path, count] of sorted.toSorted(([a], [b]) => a.split('/').length - b.split('/').length)) {
    const branch: Branch = { key: path, title: `${name(path)} (${count})`, children: [] };
    branches.set(path, branch);
    const cut = path.lastIndexOf('/');
    (branches.get(path.slice(0, Math.max(0, cut)))?.children ?? roots).push(branch);
  }
  return roots;
}
