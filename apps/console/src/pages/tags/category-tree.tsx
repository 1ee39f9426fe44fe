import type { TagCategory } from '@rapport/tags/contract';
import { useText } from '../../i18n/i18n.ts';
import { useWords } from '../../i18n/words.ts';
import { Tree } from '../../ui/kit.ts';

interface Branch {
  readonly key: string;
  readonly title: string;
  readonly children: Branch[];
}

interface CategoryTreeProps {
  readonly categories: readonly TagCategory[];
  readonly chosen: string | undefined;
  readonly onChoose: (path: string | undefined) => void;
}

/** The taxonomy; choosing a category narrows the list. */
export function CategoryTree({ categories, chosen, onChoose }: CategoryTreeProps) {
  const t = useText();
  const words = useWords();
  const branches = new Map<string, Branch>();
  const roots: Branch[] = [];
  for (const category of categories) {
    const title = words.category(category.name);
    const branch: Branch = { key: category.path, title: `${title} (${category.tags})`, children: [] };
    branches.set(category.path, branch);
    const parent = category.parent === undefined ? undefined : branches.get(category.parent);
    (parent?.children ?? roots).push(branch);
  }
  return (
    <Tree
      aria-label={t('tags.taxonomy')}
      blockNode
      defaultExpandAll
      selectedKeys={chosen ? [chosen] : []}
      treeData={roots}
      onSelect={([key]) => onChoose(key === undefined ? undefined : String(key))}
    />
  );
}
