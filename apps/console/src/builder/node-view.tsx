import { useDraggable, useDroppable } from '@dnd-kit/core';
import type { ConditionLeaf } from '@rapport/conditions';
import { useText } from '../i18n/i18n.ts';
import { useFormats } from '../ui/figures.tsx';
import { CopyIcon, GripIcon, MenuIcon, RemoveIcon } from '../ui/icons.ts';
import { Button, Dropdown, Segmented } from '../ui/kit.ts';
import type { ExplainedNode } from './explained.ts';
import { LeafEditor } from './leaf-editor.tsx';
import type { GroupKind, GroupNode, LeafNode, Place, TreeNode } from './tree.ts';
import { isComplete, type VocabularyOf } from './vocabulary.ts';

/** What nodes need of the builder around them. */
export interface BuilderActions {
  readonly vocabulary: VocabularyOf;
  readonly explained: ReadonlyMap<string, ExplainedNode>;
  readonly selectedId: string;
  readonly dragging: boolean;
  select(groupId: string): void;
  setLeaf(id: string, leaf: ConditionLeaf): void;
  setKind(id: string, kind: GroupKind): void;
  remove(id: string): void;
  duplicate(id: string): void;
  wrap(id: string, kind: GroupKind): void;
  unwrap(id: string): void;
  canUnwrap(id: string): boolean;
}

interface NodeProps<Node extends TreeNode> {
  readonly node: Node;
  readonly isRoot?: boolean;
  readonly actions: BuilderActions;
}

export function GroupView({ node, isRoot, actions }: NodeProps<GroupNode>) {
  const t = useText();
  const kinds = (['all', 'any', 'not'] as const).map((kind) => ({
    value: kind,
    label: t(`builder.group.${kind}`),
  }));
  const selected = actions.selectedId === node.id;
  return (
    // A click anywhere in a group selects it; the keyboard does so by its header button.
    // biome-ignore lint/a11y/useKeyWithClickEvents: the header holds a real button for it
    // biome-ignore lint/a11y/useSemanticElements: a fieldset can not hold the drop slots' layout
    <div
      className="group"
      role="group"
      aria-label={t(`builder.group.${node.kind}`)}
      data-kind={node.kind}
      data-selected={selected}
      onClick={(event) => {
        event.stopPropagation();
        actions.select(node.id);
      }}
    >
      <div className="row between gap-s group-head">
        <div className="row gap-s">
          {isRoot ? null : <Handle id={node.id} label={t('builder.moveGroup')} />}
          <Segmented<GroupKind>
            size="small"
            value={node.kind}
            onChange={(kind) => actions.setKind(node.id, kind)}
            options={kinds}
          />
          {selected ? (
            <span className="faint" style={{ fontSize: 12 }}>
              {t('builder.selected')}
            </span>
          ) : (
            <Button size="small" type="text" onClick={() => actions.select(node.id)}>
              {t('builder.select')}
            </Button>
          )}
        </div>
        <div className="row gap-s">
          <Kept explained={actions.explained.get(node.id)} />
          {isRoot ? null : <NodeMenu node={node} actions={actions} />}
        </div>
      </div>
      <Slot place={{ parentId: node.id, index: 0 }} actions={actions} empty={node.children.length === 0} />
      {node.children.map((child, index) => (
        <div key={child.id}>
          {child.kind === 'leaf' ? (
            <LeafView node={child} actions={actions} />
          ) : (
            <GroupView node={child} actions={actions} />
          )}
          <Slot place={{ parentId: node.id, index: index + 1 }} actions={actions} />
        </div>
      ))}
    </div>
  );
}

function LeafView({ node, actions }: NodeProps<LeafNode>) {
  const t = useText();
  const complete = isComplete(node.leaf, actions.vocabulary);
  return (
    <div className="leaf" data-complete={complete}>
      <Handle id={node.id} label={t('builder.move')} />
      <div className="grow">
        <LeafEditor
          vocabulary={actions.vocabulary}
          leaf={node.leaf}
          onChange={(leaf) => actions.setLeaf(node.id, leaf)}
        />
        {complete ? null : <div className="leaf-missing">{t('builder.incomplete')}</div>}
      </div>
      <Kept explained={actions.explained.get(node.id)} />
      <NodeMenu node={node} actions={actions} />
    </div>
  );
}

/** How many of those who reached this node it keeps. */
function Kept({ explained }: { readonly explained: ExplainedNode | undefined }) {
  const t = useText();
  const formats = useFormats();
  if (!explained) return null;
  const share = explained.reached === 0 ? 0 : explained.kept / explained.reached;
  const text = t('builder.kept', {
    kept: formats.number(explained.kept),
    reached: formats.number(explained.reached),
    removed: formats.number(explained.removed),
  });
  return (
    <div className="kept" title={text} role="img" aria-label={text}>
      <div className="row between gap-s">
        <span className="num">{formats.number(explained.kept)}</span>
        <span className="faint num">−{formats.compact(explained.removed)}</span>
      </div>
      <div className="meter">
        <span style={{ width: `${share * 100}%` }} />
      </div>
    </div>
  );
}

function Handle({ id, label }: { readonly id: string; readonly label: string }) {
  const { setNodeRef, listeners, attributes } = useDraggable({
    id: `node:${id}`,
    data: { kind: 'node', id },
  });
  return (
    <button
      type="button"
      ref={setNodeRef}
      className="handle"
      {...attributes}
      {...listeners}
      aria-label={label}
    >
      <GripIcon aria-hidden="true" />
    </button>
  );
}

function NodeMenu({ node, actions }: NodeProps<TreeNode>) {
  const t = useText();
  return (
    <div className="row">
      <Button
        type="text"
        size="small"
        icon={<RemoveIcon />}
        aria-label={t('builder.remove')}
        onClick={(event) => {
          event.stopPropagation();
          actions.remove(node.id);
        }}
      />
      <Dropdown
        trigger={['click']}
        menu={{
          items: [
            {
              key: 'copy',
              icon: <CopyIcon />,
              label: t('builder.duplicate'),
              onClick: () => actions.duplicate(node.id),
            },
            { type: 'divider' },
            ...(['all', 'any', 'not'] as const).map((kind) => ({
              key: kind,
              label: t(`builder.wrap.${kind}`),
              onClick: () => actions.wrap(node.id, kind),
            })),
            ...(actions.canUnwrap(node.id)
              ? [{ key: 'unwrap', label: t('builder.unwrap'), onClick: () => actions.unwrap(node.id) }]
              : []),
          ],
        }}
      >
        <Button
          type="text"
          size="small"
          icon={<MenuIcon />}
          aria-label={t('builder.nodeMenu')}
          onClick={(event) => event.stopPropagation()}
        />
      </Dropdown>
    </div>
  );
}

interface SlotProps {
  readonly place: Place;
  readonly actions: BuilderActions;
  readonly empty?: boolean;
}

/** A gap between parts of a group, into which something can be dropped. */
function Slot({ place, actions, empty }: SlotProps) {
  const t = useText();
  const { setNodeRef, isOver } = useDroppable({
    id: `slot:${place.parentId}:${place.index}`,
    data: { place },
  });
  return (
    <div
      ref={setNodeRef}
      className="slot"
      data-over={isOver}
      data-dragging={actions.dragging}
      data-empty={empty === true}
    >
      {empty ? <span>{t('builder.dropHere')}</span> : null}
    </div>
  );
}
