import { useDraggable } from '@dnd-kit/core';
import { useState } from 'react';
import { useText } from '../i18n/i18n.ts';
import { GripIcon } from '../ui/icons.ts';
import { Input, Segmented } from '../ui/kit.ts';
import { Nothing } from '../ui/states.tsx';
import type { PaletteItem, PaletteSection } from './palette-items.ts';

interface PaletteProps {
  readonly items: readonly PaletteItem[];
  /** Adds without dragging: by click or Enter. */
  readonly onAdd: (item: PaletteItem) => void;
}

const SECTIONS: readonly PaletteSection[] = ['tags', 'events', 'audiences', 'lists', 'structure'];
const MOST_SHOWN = 150;

/** Everything a condition can be made of: drag it in, or choose it to add it to the selected group. */
export function Palette({ items, onAdd }: PaletteProps) {
  const t = useText();
  const [section, setSection] = useState<PaletteSection>('tags');
  const [search, setSearch] = useState('');
  const wanted = search.trim().toLowerCase();
  const found = items.filter((item) =>
    wanted === ''
      ? item.section === section
      : `${item.title} ${item.id} ${item.group}`.toLowerCase().includes(wanted),
  );
  const shown = found.slice(0, MOST_SHOWN);
  const groups = [...new Set(shown.map((item) => item.group))];
  return (
    <section className="palette" aria-label={t('builder.palette')}>
      <Input
        allowClear
        aria-label={t('builder.searchPalette')}
        placeholder={t('builder.searchPalette')}
        value={search}
        onChange={(event) => setSearch(event.target.value)}
      />
      {wanted === '' ? (
        <Segmented<PaletteSection>
          size="small"
          value={section}
          onChange={setSection}
          options={SECTIONS.filter((one) => items.some((item) => item.section === one)).map((one) => ({
            value: one,
            label: t(`builder.section.${one}`),
          }))}
        />
      ) : null}
      <div className="palette-list">
        {shown.length === 0 ? <Nothing title={t('builder.nothingFound')} /> : null}
        {groups.map((group) => (
          <div key={group}>
            {group ? <div className="palette-group">{group}</div> : null}
            {shown
              .filter((item) => item.group === group)
              .map((item) => (
                <Row key={item.id} item={item} onAdd={onAdd} />
              ))}
          </div>
        ))}
      </div>
    </section>
  );
}

function Row({ item, onAdd }: { readonly item: PaletteItem; readonly onAdd: (item: PaletteItem) => void }) {
  const { setNodeRef, listeners, attributes, isDragging } = useDraggable({
    id: `palette:${item.id}`,
    data: { kind: 'palette', item },
  });
  return (
    <button
      type="button"
      ref={setNodeRef}
      className="palette-item"
      data-section={item.section}
      data-dragging={isDragging}
      {...attributes}
      {...listeners}
      onClick={() => onAdd(item)}
    >
      <GripIcon aria-hidden="true" />
      <span className="ellipsis">{item.title}</span>
    </button>
  );
}
