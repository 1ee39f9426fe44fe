import type { TagSummary } from '@rapport/tags/contract';
import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { itemsOf } from '../../api/paged.ts';
import { exportTags, tagCategoriesQuery, tagsQuery } from '../../api/tags.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { saveBlob } from '../../ui/download.ts';
import { Ago, Num, Percent } from '../../ui/figures.tsx';
import { AddIcon, DownloadIcon, RefreshIcon } from '../../ui/icons.ts';
import { Button, Input, Segmented } from '../../ui/kit.ts';
import { side } from '../../ui/metrics.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { CategoryTree } from './category-tree.tsx';
import { ImportTagsDrawer } from './import-tags-drawer.tsx';
import { TagStateBadge } from './tag-state.tsx';
import { useTagRefresh } from './use-refresh.tsx';

type Kind = TagSummary['kind'];
const KINDS = ['fact', 'statistical', 'rule', 'derived'] as const satisfies readonly Kind[];

export function TagsPage() {
  const t = useText();
  const may = useMay();
  const localized = useLocalized();
  const notify = useNotify();
  const navigate = useNavigate();
  const [q, setQ] = useState('');
  const [category, setCategory] = useState<string | undefined>(undefined);
  const [kind, setKind] = useState<Kind | 'all'>('all');
  const [importing, setImporting] = useState(false);
  const categories = useQuery(tagCategoriesQuery);
  const tags = useInfiniteQuery(tagsQuery({ q, category, kind: kind === 'all' ? undefined : kind }));
  const refresh = useTagRefresh();
  const download = useMutation({
    mutationFn: exportTags,
    onSuccess: ({ yaml }) => saveBlob(new Blob([yaml], { type: 'application/yaml' }), 'bank.tags.yaml'),
    onError: notify.problem,
  });
  const mayWrite = may('tags.write');
  return (
    <Page
      title={t('tags.title')}
      intro={t('tags.intro')}
      actions={
        <>
          <Button icon={<DownloadIcon />} loading={download.isPending} onClick={() => download.mutate()}>
            {t('tags.export')}
          </Button>
          {mayWrite ? (
            <>
              <Button onClick={() => setImporting(true)}>{t('tags.import.title')}</Button>
              <Button icon={<RefreshIcon />} loading={refresh.isStarting} onClick={refresh.start}>
                {t('tags.refreshAll')}
              </Button>
              <Button type="primary" icon={<AddIcon />} onClick={() => void navigate({ to: '/tags/new' })}>
                {t('tags.new')}
              </Button>
            </>
          ) : null}
        </>
      }
    >
      {refresh.progress}
      <div className="split side-first" style={side(250)}>
        <Panel title={t('tags.taxonomy')}>
          <Answer
            query={categories}
            isEmpty={({ items }) => items.length === 0}
            empty={<Nothing title={t('tags.noCategories')} />}
          >
            {({ items }) => <CategoryTree categories={items} chosen={category} onChoose={setCategory} />}
          </Answer>
        </Panel>
        <div className="stack gap-m">
          <div className="row gap-s">
            <Input.Search
              allowClear
              style={{ maxWidth: 320 }}
              placeholder={t('tags.search')}
              aria-label={t('tags.search')}
              onSearch={(text) => setQ(text.trim())}
            />
            <Segmented<Kind | 'all'>
              value={kind}
              onChange={setKind}
              options={[
                { value: 'all', label: t('common.all') },
                ...KINDS.map((one) => ({ value: one, label: t(`tags.kind.${one}`) })),
              ]}
            />
          </div>
          <Panel flush>
            <Answer query={tags}>
              {(data) => (
                <>
                  <DataTable<TagSummary>
                    label={t('tags.title')}
                    rows={itemsOf(data)}
                    rowKey={(tag) => tag.id}
                    pageSize={50}
                    onOpen={({ id }) => void navigate({ to: '/tags/$tagId', params: { tagId: id } })}
                    empty={<Nothing title={t('tags.empty')} hint={t('tags.emptyHint')} />}
                    columns={[
                      {
                        title: t('tags.tag'),
                        render: (_, tag) => (
                          <div>
                            <Link to="/tags/$tagId" params={{ tagId: tag.id }}>
                              <strong style={{ fontWeight: 550 }}>{localized(tag.title)}</strong>
                            </Link>
                            <div>
                              <code className="faint">{tag.id}</code>
                            </div>
                          </div>
                        ),
                      },
                      { title: t('tags.kindTitle'), render: (_, tag) => t(`tags.kind.${tag.kind}`) },
                      { title: t('tags.valueType'), render: (_, tag) => t(`tags.type.${tag.valueType}`) },
                      {
                        title: t('tags.coverage'),
                        align: 'right',
                        render: (_, tag) => <Percent ratio={tag.coverage} />,
                      },
                      { title: t('common.state'), render: (_, tag) => <TagStateBadge state={tag.state} /> },
                      { title: t('tags.refreshed'), render: (_, tag) => <Ago at={tag.refreshedAt} /> },
                      {
                        title: t('tags.usedBy'),
                        align: 'right',
                        render: (_, tag) => <Num value={tag.usedBy} />,
                      },
                    ]}
                  />
                  <MoreButton query={tags} />
                </>
              )}
            </Answer>
          </Panel>
        </div>
      </div>
      {importing ? <ImportTagsDrawer onClose={() => setImporting(false)} /> : null}
    </Page>
  );
}
