import {
  type CollisionDetection,
  closestCenter,
  DndContext,
  type DragEndEvent,
  type DragOverEvent,
  DragOverlay,
  type DragStartEvent,
  KeyboardSensor,
  PointerSensor,
  pointerWithin,
  useSensor,
  useSensors,
} from '@dnd-kit/core';
import type { Condition } from '@rapport/conditions';
import { useCallback, useEffect, useMemo, useReducer, useRef, useState } from 'react';
import { useLocalized, useText } from '../i18n/i18n.ts';
import { useWords } from '../i18n/words.ts';
import { AddIcon, RedoIcon, UndoIcon } from '../ui/icons.ts';
import { Button, Drawer, Tooltip } from '../ui/kit.ts';
import { useNarrow } from '../ui/use-narrow.ts';
import './builder.css';
import type { ExplainedNode } from './explained.ts';
import { begin, type History, record, redo, undo } from './history.ts';
import { slotCoordinates } from './keyboard-slots.ts';
import { type BuilderActions, GroupView } from './node-view.tsx';
import { Palette } from './palette.tsx';
import { type PaletteItem, paletteItems } from './palette-items.ts';
import {
  canUnwrap,
  duplicateNode,
  findNode,
  type GroupNode,
  insertNode,
  moveNode,
  nodesOf,
  type Place,
  removeNode,
  setGroupKind,
  setLeaf,
  treeOf,
  unwrapGroup,
  wrapNode,
  written,
} from './tree.ts';
import { isComplete, type VocabularyOf } from './vocabulary.ts';

/** A condition as the builder shows it: whether it can be counted, and which node stands at which pointer. */
export interface Built {
  readonly condition: Condition;
  readonly complete: boolean;
  readonly pointers: ReadonlyMap<string, string>;
}

interface ConditionBuilderProps {
  readonly vocabulary: VocabularyOf;
  /** The condition to begin with; give the builder a new `key` to begin anew. */
  readonly initial: Condition;
  /** A condition from outside, such as a proposal or JSON, that takes the place of the present one; undo brings that back. */
  readonly replacement?: { readonly condition: Condition; readonly round: number } | undefined;
  readonly explained: ReadonlyMap<string, ExplainedNode>;
  readonly onChange: (built: Built) => void;
  /** What the condition would be if what is dragged were dropped where it hovers; `undefined` when it is nowhere. */
  readonly onHover?: (wouldBe: Built | undefined) => void;
}

type Action =
  | { readonly type: 'set'; readonly change: (root: GroupNode) => GroupNode; readonly tag?: string }
  | { readonly type: 'undo' }
  | { readonly type: 'redo' };

function reduce(history: History<GroupNode>, action: Action): History<GroupNode> {
  if (action.type === 'undo') return undo(history);
  if (action.type === 'redo') return redo(history);
  return record(history, action.change(history.present), action.tag);
}

const newId = (): string => crypto.randomUUID();

// The slot under the pointer; by keyboard, or between slots, the nearest one.
const nearestSlot: CollisionDetection = (input) => {
  const within = pointerWithin(input);
  return within.length > 0 ? within : closestCenter(input);
};

export function built(root: GroupNode, vocabulary: VocabularyOf): Built {
  const complete = [...nodesOf(root)].every(
    (node) => node.kind !== 'leaf' || isComplete(node.leaf, vocabulary),
  );
  return { ...written(root), complete };
}

/** Builds a condition by dragging its parts together. */
export function ConditionBuilder({
  vocabulary,
  initial,
  replacement,
  explained,
  onChange,
  onHover,
}: ConditionBuilderProps) {
  const t = useText();
  const localized = useLocalized();
  const words = useWords();
  const narrow = useNarrow();
  const [history, dispatch] = useReducer(reduce, initial, (condition) => begin(treeOf(condition, newId)));
  const root = history.present;
  const [selected, setSelected] = useState(root.id);
  const [dragged, setDragged] = useState<string | undefined>(undefined);
  const [paletteOpen, setPaletteOpen] = useState(false);
  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: 5 } }),
    // Enter stays the key that chooses; Space picks up and drops.
    useSensor(KeyboardSensor, {
      coordinateGetter: slotCoordinates,
      keyboardCodes: { start: ['Space'], end: ['Space', 'Enter'], cancel: ['Escape'] },
    }),
  );

  const tell = useRef(onChange);
  tell.current = onChange;
  useEffect(() => {
    tell.current(built(root, vocabulary));
  }, [root, vocabulary]);

  const change = useCallback((next: (now: GroupNode) => GroupNode, tag?: string) => {
    dispatch({ type: 'set', change: next, ...(tag === undefined ? {} : { tag }) });
  }, []);

  const lastRound = useRef(replacement?.round);
  useEffect(() => {
    if (!replacement || replacement.round === lastRound.current) return;
    lastRound.current = replacement.round;
    change(() => treeOf(replacement.condition, newId));
  }, [replacement, change]);

  useEffect(() => {
    const handleKey = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'z') return;
      // Text fields undo their own typing first.
      if (
        event.target instanceof HTMLElement &&
        event.target.closest('input, textarea, [contenteditable="true"]')
      )
        return;
      event.preventDefault();
      dispatch({ type: event.shiftKey ? 'redo' : 'undo' });
    };
    document.addEventListener('keydown', handleKey);
    return () => document.removeEventListener('keydown', handleKey);
  }, []);

  const items = useMemo(
    () =>
      paletteItems(vocabulary, {
        localized: (text) => localized(text),
        category: (name) => words.category(name),
        event: (name, title) => words.event(name, title),
        groups: { all: t('builder.group.all'), any: t('builder.group.any'), not: t('builder.group.not') },
        sequence: t('builder.sequence'),
        bucket: t('builder.bucket'),
      }),
    [vocabulary, localized, words, t],
  );

  const selectedGroup = findNode(root, selected);
  const target = selectedGroup && selectedGroup.kind !== 'leaf' ? selectedGroup : root;
  const handleAdd = (item: PaletteItem): void => {
    change((now) =>
      insertNode(now, item.make(newId), { parentId: target.id, index: target.children.length }),
    );
    setPaletteOpen(false);
  };

  const handleDragStart = ({ active }: DragStartEvent): void => {
    const item = items.find((one) => `palette:${one.id}` === active.id);
    setDragged(item?.title ?? t('builder.condition'));
  };
  /** The tree with what is dragged put where it hovers; `undefined` when that is nowhere. */
  const dropped = ({
    active,
    over,
  }: DragEndEvent | DragOverEvent): ((now: GroupNode) => GroupNode) | undefined => {
    const place = placeIn(over?.data.current);
    if (!place) return undefined;
    const item = items.find((one) => `palette:${one.id}` === active.id);
    if (item) return (now) => insertNode(now, item.make(newId), place);
    const id = String(active.id).replace(/^node:/, '');
    return (now) => moveNode(now, id, place);
  };
  const handleDragOver = (event: DragOverEvent): void => {
    const next = dropped(event)?.(root);
    onHover?.(next && next !== root ? built(next, vocabulary) : undefined);
  };
  const handleDragEnd = (event: DragEndEvent): void => {
    setDragged(undefined);
    onHover?.(undefined);
    const next = dropped(event);
    if (next) change(next);
  };
  const handleDragCancel = (): void => {
    setDragged(undefined);
    onHover?.(undefined);
  };

  const actions: BuilderActions = {
    vocabulary,
    explained,
    selectedId: target.id,
    dragging: dragged !== undefined,
    select: setSelected,
    setLeaf: (id, leaf) => change((now) => setLeaf(now, id, leaf), `leaf:${id}`),
    setKind: (id, kind) => change((now) => setGroupKind(now, id, kind)),
    remove: (id) => change((now) => removeNode(now, id)),
    duplicate: (id) => change((now) => duplicateNode(now, id, newId)),
    wrap: (id, kind) => change((now) => wrapNode(now, id, kind, newId)),
    unwrap: (id) => change((now) => unwrapGroup(now, id)),
    canUnwrap: (id) => canUnwrap(root, id),
  };
  const palette = <Palette items={items} onAdd={handleAdd} />;

  return (
    <DndContext
      sensors={sensors}
      collisionDetection={nearestSlot}
      onDragStart={handleDragStart}
      onDragOver={handleDragOver}
      onDragEnd={handleDragEnd}
      onDragCancel={handleDragCancel}
      accessibility={{
        screenReaderInstructions: { draggable: t('builder.dragHelp') },
        announcements: {
          onDragStart: () => t('builder.said.pickedUp'),
          onDragOver: ({ over }) => (over ? t('builder.said.over') : t('builder.said.nowhere')),
          onDragEnd: ({ over }) => (over ? t('builder.said.dropped') : t('builder.said.cancelled')),
          onDragCancel: () => t('builder.said.cancelled'),
        },
      }}
    >
      <div className="builder">
        {narrow ? (
          <Drawer
            open={paletteOpen}
            placement="bottom"
            size="75%"
            title={t('builder.palette')}
            onClose={() => setPaletteOpen(false)}
          >
            {palette}
          </Drawer>
        ) : (
          palette
        )}
        <div className="stack gap-s">
          <div className="row between gap-s">
            <div className="row gap-xs">
              <Tooltip title={t('builder.undo')}>
                <Button
                  type="text"
                  icon={<UndoIcon />}
                  aria-label={t('builder.undo')}
                  disabled={history.past.length === 0}
                  onClick={() => dispatch({ type: 'undo' })}
                />
              </Tooltip>
              <Tooltip title={t('builder.redo')}>
                <Button
                  type="text"
                  icon={<RedoIcon />}
                  aria-label={t('builder.redo')}
                  disabled={history.future.length === 0}
                  onClick={() => dispatch({ type: 'redo' })}
                />
              </Tooltip>
            </div>
            {narrow ? (
              <Button icon={<AddIcon />} onClick={() => setPaletteOpen(true)}>
                {t('builder.add')}
              </Button>
            ) : (
              <span className="faint" style={{ fontSize: 13 }}>
                {t('builder.hint')}
              </span>
            )}
          </div>
          <GroupView node={root} isRoot actions={actions} />
        </div>
      </div>
      <DragOverlay dropAnimation={null}>
        {dragged ? <div className="drag-chip">{dragged}</div> : null}
      </DragOverlay>
    </DndContext>
  );
}

function placeIn(data: Record<string, unknown> | undefined): Place | undefined {
  const place = data?.place;
  if (typeof place !== 'object' || place === null || !('parentId' in place) || !('index' in place))
    return undefined;
  const { parentId, index } = place;
  return typeof parentId === 'string' && typeof index === 'number' ? { parentId, index } : undefined;
}
