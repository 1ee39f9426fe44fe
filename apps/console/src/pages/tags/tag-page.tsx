import type { TagView } from '@rapport/tags/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import {
  allTagsQuery,
  deleteTag,
  tagLifecycleQuery,
  tagLineageQuery,
  tagQuery,
} from '../../api/tags.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useWords } from '../../i18n/words.ts';
import { useMay } from '../../shell/session.ts';
import { CodeEditor } from '../../ui/code-editor.tsx';
import { useConfirm } from '../../ui/confirm.ts';
import { Ago, Facts, Figure, Num, Percent, useFormats, When } from '../../ui/figures.tsx';
import { EditIcon, RefreshIcon, RemoveIcon } from '../../ui/icons.ts';
import { Alert, Button, Input, Tabs } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { AccessDrawer } from './access-drawer.tsx';
import { StatusBadge, VerdictBadge } from './badges.tsx';
import { DistributionChart } from './distribution-chart.tsx';
import { EvidenceDrawer } from './evidence-drawer.tsx';
import { LifeActions } from './life-actions.tsx';
import { LifeTab } from './life-tab.tsx';
import { LineageView } from './lineage-view.tsx';
import { QualityTab } from './quality-tab.tsx';
import { TagStateBadge } from './tag-state.tsx';
import { Favourite } from './tags-page.tsx';
import { useTagRefresh } from './use-refresh.tsx';
import { CostTab, UseTab } from './use-tab.tsx';
import { VersionsTab } from './versions-tab.tsx';

export function TagPage() {
  const t = useText();
  const may = useMay();
  const localized = useLocalized();
  const notify = useNotify();
  const confirm = useConfirm();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { tagId } = useParams({ from: '/signed-in/tags/$tagId' });
  const tag = useQuery(tagQuery(tagId));
  const life = useQuery(tagLifecycleQuery(tagId));
  const all = useQuery(allTagsQuery);
  const own = all.data?.find(({ id }) => id === tagId);
  const [asking, setAsking] = useState(false);
  const refresh = useTagRefresh([tagId]);
  const remove = useMutation({
    mutationFn: () => deleteTag(tagId),
    onSuccess: async () => {
      await navigate({ to: '/tags' });
      await queries.invalidateQueries({ queryKey: ['tags', 'list'] });
    },
    onError: notify.problem,
  });
  const handleRemove = async (): Promise<void> => {
    const sure = await confirm({
      title: t('tags.deleteTitle', { tag: tagId }),
      text: t('tags.deleteText'),
      action: t('common.delete'),
      danger: true,
    });
    if (sure) remove.mutate();
  };
  const title = tag.data ? localized(tag.data.title) : tagId;
  return (
    <Page
      title={title}
      heading={
        <span className="row gap-m">
          {title}
          {own ? <Favourite tag={own} /> : null}
          {tag.data ? <StatusBadge status={tag.data.status} /> : null}
          {tag.data ? <TagStateBadge state={tag.data.state} /> : null}
          {own ? <VerdictBadge verdict={own.verdict} /> : null}
        </span>
      }
      intro={tag.data?.description}
      crumbs={[{ label: t('tags.title'), to: '/tags' }]}
      actions={
        <>
          {tag.data && (tag.data.dataClass === 'C3' || life.data?.isRestricted === true) ? (
            <Button onClick={() => setAsking(true)}>{t('market.access.ask')}</Button>
          ) : null}
          {life.data ? <LifeActions life={life.data} /> : null}
          {may('tags.write') ? (
            <>
              <Button
                danger
                type="text"
                icon={<RemoveIcon />}
                aria-label={t('common.delete')}
                onClick={() => void handleRemove()}
              />
              <Button
                icon={<EditIcon />}
                onClick={() => void navigate({ to: '/tags/$tagId/edit', params: { tagId } })}
              >
                {t('common.edit')}
              </Button>
              <Button
                type="primary"
                icon={<RefreshIcon />}
                loading={refresh.isStarting}
                onClick={refresh.start}
              >
                {t('tags.refresh')}
              </Button>
            </>
          ) : null}
        </>
      }
    >
      {refresh.progress}
      <Answer query={tag}>{(data) => <TagContent tag={data} />}</Answer>
      {asking ? <AccessDrawer tagId={tagId} onClose={() => setAsking(false)} /> : null}
    </Page>
  );
}

function TagContent({ tag }: { readonly tag: TagView }) {
  const t = useText();
  const words = useWords();
  const formats = useFormats();
  const { statistics } = tag;
  const may = useMay();
  const navigate = useNavigate();
  const { tab = 'values' } = useSearch({ from: '/signed-in/tags/$tagId' });
  return (
    <>
      {tag.error ? <Alert type="error" showIcon title={tag.error} /> : null}
      <Panel>
        <div className="grid" style={cells(150)}>
          <Figure
            label={t('tags.coverage')}
            value={<Percent ratio={statistics?.coverage} />}
            note={
              statistics ? (
                <>
                  <Num value={statistics.known} /> / <Num value={statistics.customers} />
                </>
              ) : undefined
            }
          />
          <Figure label={t('tags.distinct')} value={<Num value={statistics?.distinct} />} />
          <Figure
            label={t('tags.refreshed')}
            value={<Ago at={statistics?.refreshedAt} />}
            note={
              statistics ? (
                <>
                  {t('tags.asOf')} <When at={statistics.asOf} /> ·{' '}
                  {t('common.took', { time: formats.duration(statistics.tookMs) })}
                </>
              ) : undefined
            }
          />
          <Figure label={t('tags.usedBy')} value={<Num value={tag.uses.length} />} />
        </div>
      </Panel>
      <Tabs
        activeKey={tab}
        onChange={(next) =>
          void navigate({
            to: '/tags/$tagId',
            params: { tagId: tag.id },
            search: { tab: next },
            replace: true,
          })
        }
        items={[
          {
            key: 'values',
            label: t('tags.distribution'),
            children: (
              <Panel title={t('tags.distribution')}>
                {statistics ? (
                  <div className="stack gap-l">
                    <DistributionChart
                      distribution={statistics.distribution}
                      valueType={tag.valueType}
                      unit={tag.unit}
                      values={tag.values}
                    />
                    <Quantiles tag={tag} />
                  </div>
                ) : (
                  <Nothing title={t('tags.neverRefreshed')} />
                )}
              </Panel>
            ),
          },
          {
            key: 'definition',
            label: t('tags.definition'),
            children: (
              <Panel title={t('tags.definition')}>
                <div className="stack gap-l">
                  <Facts
                    items={[
                      { term: t('tags.id'), value: <code>{tag.id}</code> },
                      { term: t('tags.kindTitle'), value: t(`tags.kind.${tag.kind}`) },
                      {
                        term: t('tags.categoryTitle'),
                        value: tag.category
                          .split('/')
                          .map((part) => words.category(part))
                          .join(' › '),
                      },
                      {
                        term: t('tags.valueType'),
                        value: `${t(`tags.type.${tag.valueType}`)}${tag.unit ? ` (${tag.unit})` : ''}`,
                      },
                      { term: t('tags.owner'), value: tag.owner },
                      {
                        term: t('tags.dataClass'),
                        value: tag.dataClass ? t(`tags.dataClasses.${tag.dataClass}`) : undefined,
                      },
                      { term: t('common.version'), value: tag.version },
                      { term: t('common.updated'), value: <When at={tag.updatedAt} /> },
                    ]}
                  />
                  <CodeEditor
                    readOnly
                    language="json"
                    label={t('tags.definition')}
                    value={JSON.stringify(tag.definition, null, 2)}
                  />
                </div>
              </Panel>
            ),
          },
          { key: 'quality', label: t('market.quality'), children: <QualityTab tag={tag} /> },
          { key: 'uses', label: t('tags.uses'), children: <UseTab tag={tag} /> },
          { key: 'cost', label: t('market.cost'), children: <CostTab tag={tag} /> },
          ...(may('lineage.read')
            ? [{ key: 'lineage', label: t('tags.lineage.title'), children: <LineageTab tag={tag} /> }]
            : []),
          ...(may('customers.read')
            ? [{ key: 'evidence', label: t('market.evidence.title'), children: <EvidenceTab tag={tag} /> }]
            : []),
          { key: 'versions', label: t('market.v.title'), children: <VersionsTab tag={tag} /> },
          { key: 'life', label: t('market.workflow.life'), children: <LifeTab tag={tag} /> },
        ]}
      />
    </>
  );
}

function Quantiles({ tag }: { readonly tag: TagView }) {
  const t = useText();
  const formats = useFormats();
  const distribution = tag.statistics?.distribution;
  const quantiles = distribution?.quantiles;
  if (!quantiles) return null;
  const write = (value: number): string => {
    if (tag.valueType === 'money' && tag.unit && /^[A-Z]{3}$/.test(tag.unit))
      return formats.money(value, tag.unit);
    if (tag.valueType === 'date' || tag.valueType === 'instant') return formats.day(value);
    return formats.number(value, { maximumFractionDigits: 2 });
  };
  const row = (label: string, value: number | undefined) =>
    value === undefined ? null : (
      <div key={label}>
        <div className="figure-label">{label}</div>
        <div className="num" style={{ fontWeight: 550 }}>
          {write(value)}
        </div>
      </div>
    );
  return (
    <div className="grid" style={cells(110)}>
      {row(t('tags.quantile.min'), distribution.min)}
      {row('P5', quantiles.p5)}
      {row('P25', quantiles.p25)}
      {row(t('tags.quantile.median'), quantiles.p50)}
      {row('P75', quantiles.p75)}
      {row('P95', quantiles.p95)}
      {row(t('tags.quantile.max'), distribution.max)}
      {tag.valueType === 'date' || tag.valueType === 'instant'
        ? null
        : row(t('tags.quantile.mean'), distribution.mean)}
    </div>
  );
}

function LineageTab({ tag }: { readonly tag: TagView }) {
  const navigate = useNavigate();
  const lineage = useQuery(tagLineageQuery(tag.id));
  const focus = `tag:${tag.id}`;
  return (
    <Panel flush>
      <Answer query={lineage} rows={8}>
        {(graph) => (
          <LineageView
            graph={graph}
            focus={focus}
            depth={6}
            height={520}
            onFocus={(node) => void navigate({ to: '/lineage', search: { focus: node } })}
          />
        )}
      </Answer>
    </Panel>
  );
}

function EvidenceTab({ tag }: { readonly tag: TagView }) {
  const t = useText();
  const localized = useLocalized();
  const [customerId, setCustomerId] = useState<string | undefined>(undefined);
  return (
    <Panel title={t('market.evidence.title')} note={t('market.evidence.note')}>
      <Input.Search
        allowClear
        enterButton
        style={{ maxWidth: 360 }}
        placeholder={t('market.evidence.customer')}
        aria-label={t('market.evidence.customer')}
        onSearch={(text) => setCustomerId(text.trim() || undefined)}
      />
      {customerId ? (
        <EvidenceDrawer
          tagId={tag.id}
          title={localized(tag.title)}
          valueType={tag.valueType}
          unit={tag.unit}
          customerId={customerId}
          onClose={() => setCustomerId(undefined)}
        />
      ) : null}
    </Panel>
  );
}
