import type { LineageNode } from '@rapport/tags/contract';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { lineageQuery } from '../../api/tags.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { Button, Select, Slider } from '../../ui/kit.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { LineageView, useKindName } from './lineage-view.tsx';

const DEFAULT_DEPTH = 3;

/** From source column to message: first in groups, then around whatever is chosen. */
export function LineagePage() {
  const t = useText();
  const navigate = useNavigate();
  const kindName = useKindName();
  const { focus, depth = DEFAULT_DEPTH } = useSearch({ from: '/signed-in/lineage' });
  const graph = useQuery(lineageQuery(undefined));
  const nodes = graph.data?.nodes ?? NO_NODES;
  const setFocus = (next: string | undefined): void =>
    void navigate({ to: '/lineage', search: next ? { focus: next, depth } : {} });
  const options = useMemo(
    () =>
      [...new Set(nodes.map(({ kind }) => kind))].map((kind) => ({
        label: kindName(kind),
        options: nodes
          .filter((node) => node.kind === kind)
          .map((node) => ({ value: node.id, label: labelOf(node) })),
      })),
    [nodes, kindName],
  );
  return (
    <Page title={t('tags.lineage.title')} intro={t('tags.lineage.intro')}>
      <div className="row gap-m">
        <Select<string>
          allowClear
          showSearch={{ optionFilterProp: 'label' }}
          style={{ width: 380, maxWidth: '100%' }}
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
            <Button type="text" onClick={() => setFocus(undefined)}>
              {t('tags.lineage.clear')}
            </Button>
          </>
        ) : (
          <span className="faint">{t('market.l.hint')}</span>
        )}
      </div>
      <Panel flush>
        <Answer
          query={graph}
          rows={10}
          isEmpty={(all) => all.nodes.length === 0}
          empty={<Nothing title={t('tags.lineage.empty')} hint={t('tags.lineage.emptyHint')} />}
        >
          {(all) => (
            <LineageView key={focus ?? ''} graph={all} focus={focus} depth={depth} onFocus={setFocus} />
          )}
        </Answer>
      </Panel>
    </Page>
  );
}

const NO_NODES: readonly LineageNode[] = [];

/** A tag is found by its id as well as by its title. */
const labelOf = ({ id, kind, title }: LineageNode): string => {
  const name = id.slice(id.indexOf(':') + 1);
  return kind === 'tag' && name !== title ? `${title} · ${name}` : title;
};
