import type { LineageGraph } from '@rapport/tags/contract';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { allTagsQuery, tagTaxonomyQuery } from '../../api/tags.queries.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { chartPalette, colors, productColors } from '../../theme/tokens.ts';
import { FlowGraph } from '../../ui/flow-graph-lazy.tsx';
import { focusGraph, type GraphNode } from '../../ui/graph-focus.ts';
import { groupGraph, isGroup } from '../../ui/graph-groups.ts';
import { Button } from '../../ui/kit.ts';
import { useCategoryName } from './category-tree.tsx';

const kindColors: Readonly<Record<string, string>> = {
  source_column: colors.lineStrong,
  source_table: colors.inkFaint,
  canonical_column: colors.gold,
  tag: colors.info,
  audience: colors.primary,
  template: colors.violet,
  offer: colors.good,
  model: productColors.insights,
  metric: productColors.lab,
  campaign: colors.accent,
  message: chartPalette[6],
};

/** Kinds with at most so many nodes are drawn one by one. */
const MOST = 10;
const NO_NODES: readonly never[] = [];

interface LineageViewProps {
  readonly graph: LineageGraph;
  readonly focus: string | undefined;
  readonly depth: number;
  readonly height?: number;
  readonly onFocus: (nodeId: string) => void;
}

/** The lineage, whole or around one thing; what belongs together stands in one box until it is opened. */
export function LineageView({ graph, focus, depth, height = 720, onFocus }: LineageViewProps) {
  const t = useText();
  const dynamic = useDynamicText();
  const tags = useQuery(allTagsQuery);
  const taxonomy = useQuery(tagTaxonomyQuery);
  const category = useCategoryName(taxonomy.data?.items ?? NO_NODES);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const kindName = useKindName();
  const whole = useMemo(
    () => ({
      nodes: graph.nodes.map((node) => ({
        id: node.id,
        title: node.title,
        kind: kindName(node.kind),
        color: kindColors[node.kind] ?? colors.inkFaint,
      })),
      links: graph.edges,
    }),
    [graph, kindName],
  );
  const shown = useMemo(() => {
    const categories = new Map((tags.data ?? []).map((tag) => [`tag:${tag.id}`, tag.category]));
    const around = focus ? focusGraph(whole, focus, depth) : whole;
    return groupGraph(around, {
      pathOf: (node) => pathOf(node, categories),
      titleOf: (path, node) => {
        if (node.id.startsWith('tag:'))
          return path.map((_, at) => category(path.slice(0, at + 1).join('/'))).join(' › ');
        return path.length === 1 && node.id.startsWith(`${path[0]}:`) ? node.kind : path.join(' / ');
      },
      open,
      shown: new Set(focus ? [focus] : []),
      most: MOST,
    });
  }, [whole, focus, depth, open, tags.data, category]);
  return (
    <div>
      <FlowGraph
        label={t('tags.lineage.title')}
        nodes={shown.nodes.map(({ members, ...node }) =>
          members === undefined
            ? node
            : {
                ...node,
                kind: `${node.kind} · ${dynamic('market.l.inside', String(members), { shown: members })}`,
                isGroup: true,
              },
        )}
        links={shown.links}
        focus={focus}
        onOpen={(id) => (isGroup(id) ? setOpen(new Set([...open, id])) : onFocus(id))}
        height={height}
      />
      <div className="row between gap-m" style={{ padding: '10px 14px' }}>
        <Legend graph={graph} />
        <span className="row gap-s">
          <span className="faint" role="status">
            {t('market.l.shown', { shown: shown.nodes.length, all: graph.nodes.length })}
          </span>
          {open.size > 0 ? (
            <Button size="small" onClick={() => setOpen(new Set())}>
              {t('market.l.closeGroups')}
            </Button>
          ) : null}
        </span>
      </div>
    </div>
  );
}

/** Where a thing belongs: a tag in its category, a column in its table. */
function pathOf(node: GraphNode, categories: ReadonlyMap<string, string>): readonly string[] {
  const cut = node.id.indexOf(':');
  const [kind, name] = [node.id.slice(0, cut), node.id.slice(cut + 1)];
  switch (kind) {
    case 'tag':
      return categories.get(node.id)?.split('/') ?? [];
    case 'canonical_column':
      return [name.slice(0, Math.max(0, name.indexOf('.')))];
    case 'source_column':
      return name.slice(0, Math.max(0, name.lastIndexOf('.'))).split('/');
    case 'source_table':
      return name.split('/').slice(0, -1);
    default:
      // Nothing is known of where it belongs: all of a kind stand together.
      return [kind];
  }
}

function Legend({ graph }: { readonly graph: LineageGraph }) {
  const t = useText();
  const kindName = useKindName();
  const kinds = [...new Set(graph.nodes.map(({ kind }) => kind))];
  return (
    <ul className="list-plain row gap-m" aria-label={t('tags.lineage.legend')}>
      {kinds.map((kind) => (
        <li key={kind} className="row gap-s faint">
          <span
            style={{
              width: 10,
              height: 10,
              borderRadius: 3,
              background: kindColors[kind] ?? colors.inkFaint,
            }}
            aria-hidden="true"
          />
          {kindName(kind)}
        </li>
      ))}
    </ul>
  );
}

export function useKindName(): (kind: string) => string {
  const dynamic = useDynamicText();
  return useMemo(() => (kind) => dynamic(`tags.lineage.kind.${kind}`, kind.replaceAll('_', ' ')), [dynamic]);
}
