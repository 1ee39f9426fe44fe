import type { ConditionLeaf } from '@rapport/conditions';
import { type GroupKind, type NewNodeId, newGroup, newLeaf, type TreeNode } from './tree.ts';
import { firstOperator, type VocabularyOf } from './vocabulary.ts';

export type PaletteSection = 'tags' | 'events' | 'audiences' | 'lists' | 'structure';

/** Something that can be dragged from the palette into the condition. */
export interface PaletteItem {
  readonly id: string;
  readonly section: PaletteSection;
  readonly title: string;
  /** Taxonomy path or another subtitle to group by. */
  readonly group: string;
  readonly make: (newId: NewNodeId) => TreeNode;
}

export interface PaletteWords {
  localized(text: { readonly en: string } | undefined): string;
  category(name: string): string;
  event(name: string, title: { readonly en: string }): string;
  readonly groups: Readonly<Record<GroupKind, string>>;
  readonly sequence: string;
  readonly bucket: string;
}

export function paletteItems(vocabulary: VocabularyOf, words: PaletteWords): readonly PaletteItem[] {
  const leaf = (make: () => ConditionLeaf) => (newId: NewNodeId) => newLeaf(make(), newId);
  return [
    ...vocabulary.tags.map(
      (tag): PaletteItem => ({
        id: `tag:${tag.id}`,
        section: 'tags',
        title: words.localized(tag.title),
        group: tag.category.map((name) => words.category(name.en)).join(' › '),
        make: leaf(() => ({ tag: tag.id, op: firstOperator(tag.operators, tag.type) })),
      }),
    ),
    ...vocabulary.events.map(
      (event): PaletteItem => ({
        id: `event:${event.name}`,
        section: 'events',
        title: words.event(event.name, event.title),
        group: '',
        make: leaf(() => ({ event: event.name, within: 'P30D', op: '>=', value: 1 })),
      }),
    ),
    ...vocabulary.audiences.map(
      (audience): PaletteItem => ({
        id: `audience:${audience.id}`,
        section: 'audiences',
        title: audience.name,
        group: '',
        make: leaf(() => ({ audience: audience.id })),
      }),
    ),
    ...vocabulary.lists.map(
      (list): PaletteItem => ({
        id: `list:${list.id}`,
        section: 'lists',
        title: words.localized(list.title),
        group: '',
        make: leaf(() => ({ list: list.id })),
      }),
    ),
    ...(['all', 'any', 'not'] as const).map(
      (kind): PaletteItem => ({
        id: `group:${kind}`,
        section: 'structure',
        title: words.groups[kind],
        group: '',
        make: (newId) => newGroup(kind, newId),
      }),
    ),
    {
      id: 'sequence',
      section: 'structure',
      title: words.sequence,
      group: '',
      make: leaf(() => ({ sequence: [{ event: '' }, { event: '' }], within: 'P7D' })),
    },
    {
      id: 'bucket',
      section: 'structure',
      title: words.bucket,
      group: '',
      make: leaf(() => ({ bucket: { salt: 'split-1', from: 0, to: 1000 } })),
    },
  ];
}
