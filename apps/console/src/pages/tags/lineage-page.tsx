import type { LineageNode } from '@rapport/tags/contract';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { lineageQuery } from '../../api/tags.queries.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { chartPalette, colors, productColors } from '../../theme/tokens.ts';
import { FlowGraph } from '../../ui/flow-graph-lazy.tsx';
import { focusGraph } from '../../ui/graph-focus.ts';
import { Button, Select, Slider } from '../../ui/kit.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';

const kindColors: Readonly<Record<string, string>> = {
  source_column: colors.lineStrong,
  source_table: colors.inkFaint,
  canonical_column: colors.gold,
  tag: colors.info,
  audience: colors.primary,
  template: colors.violet,
  offer: colors.good,
  model: productColors.insights,
  campaign: colors.accent,
  message: chartPalette[6],
};

const DEFAULT_DEPTH = 3;
/** More than this is a wall of boxes; only what is around a focus is shown. */
const MOST_WITHOUT_FOCUS = 120;

export function LineagePage() {
  const t = useText();
  const dynamic = useDynamicText();
  const navigate = useNavigate();
  const { focus: wished, depth = DEFAULT_DEPTH } = useSearch({ from: '/signed-in/lineage' });
  const graph = useQuery(lineageQuery(undefined));
  const focus = wished ?? firstFocus(graph.data?.nodes ?? []);
  const kindName = (kind: string): string => dynamic(`tags.lineage.kind.${kind}`, kind.replaceAll('_', ' '));
  const whole = useMemo(
    () => ({
      nodes: (graph.data?.nodes ?? []).map((node) => ({
        id: node.id,
        title: node.title,
        kind: dynamic(`tags.lineage.kind.${node.kind}`, node.kind.replaceAll('_', ' ')),
        color: kindColors[node.kind] ?? colors.inkFaint,
      })),
      links: graph.data?.edges ?? [],
    }),
    [graph.data, dynamic],
  );
  const shown = useMemo(() => (focus ? focusGraph(whole, focus, depth) : whole), [whole, focus, depth]);
  const setFocus = (next: string | undefined): void =>
    void navigate({ to: '/lineage', search: next ? { focus: next, depth } : {} });
  const options = kindsOf(graph.data?.nodes ?? []).map((kind) => ({
    label: kindName(kind),
    options: (graph.data?.nodes ?? [])
      .filter((node) => node.kind === kind)
      .map((node) => ({ value: node.id, label: node.title })),
  }));
  return (
    <Page title={t('tags.lineage.title')} intro={t('tags.lineage.intro')}>
      <div className="row gap-m">
        <Select<string>
          allowClear
          showSearch={{ optionFilterProp: 'label' }}
          style={{ width: 340, maxWidth: '100%' }}
          aria-label={t('tags.lineage.focus')}
          placeholder={t('tags.lineage.focus')}
          value={focus}
          onChange={(next) => setFocus(next)}
          options={options}
        />
        {focus ? (
          <>
            <span className="faint">{t('tags.lineage.depth')}</span>
            <Slider
              min={1}
              max={6}
              style={{ width: 160 }}
              value={depth}
              ariaLabelForHandle={t('tags.lineage.depth')}
              onChange={(next) =>
                void navigate({ to: '/lineage', search: { focus, depth: next }, replace: true })
              }
            />
            {wished ? (
              <Button type="text" onClick={() => setFocus(undefined)}>
                {t('tags.lineage.clear')}
              </Button>
            ) : null}
          </>
        ) : null}
      </div>
      <Panel flush>
        <Answer
          query={graph}
          rows={10}
          isEmpty={({ nodes }) => nodes.length === 0}
          empty={<Nothing title={t('tags.lineage.empty')} hint={t('tags.lineage.emptyHint')} />}
        >
          {() => (
            <FlowGraph
              label={t('tags.lineage.title')}
              nodes={shown.nodes}
              links={shown.links}
              focus={focus}
              onOpen={setFocus}
              height={640}
            />
          )}
        </Answer>
      </Panel>
      <ul className="list-plain row gap-m" aria-label={t('tags.lineage.legend')}>
        {kindsOf(graph.data?.nodes ?? []).map((kind) => (
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
    </Page>
  );
}

/** In a big graph the reader starts at a campaign, or whatever lies furthest downstream. */
function firstFocus(nodes: readonly LineageNode[]): string | undefined {
  if (nodes.length <= MOST_WITHOUT_FOCUS) return undefined;
  return ['campaign', 'audience', 'tag'].flatMap((kind) => nodes.filter((node) => node.kind === kind))[0]?.id;
}

const kindsOf = (nodes: readonly LineageNode[]): readonly string[] => [
  ...new Set(nodes.map((node) => node.kind)),
];
