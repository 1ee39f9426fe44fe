import type { TagSummary } from '@rapport/tags/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { allTagsQuery, exportTags, markTag, tagTaxonomyQuery } from '../../api/tags.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { saveBlob } from '../../ui/download.ts';
import { Ago, Meter, Num, Percent } from '../../ui/figures.tsx';
import { AddIcon, DownloadIcon, LibraryIcon, RefreshIcon, StarFullIcon, StarIcon } from '../../ui/icons.ts';
import { Button, Checkbox, Input, Select } from '../../ui/kit.ts';
import { side } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { useNarrow } from '../../ui/use-narrow.ts';
import { STATUSES, StatusBadge, VERDICTS, VerdictBadge } from './badges.tsx';
import { CategoryTree, useCategoryName } from './category-tree.tsx';
import { DemandDrawer } from './demand-drawer.tsx';
import { ImportTagsDrawer } from './import-tags-drawer.tsx';
import { SORTS, type Sort, searchTags, type TagSearch } from './tag-search.ts';
import { TagStateBadge } from './tag-state.tsx';
import { useTagRefresh } from './use-refresh.tsx';

const KINDS = ['fact', 'statistical', 'rule', 'derived', 'model', 'manual', 'stream'] as const;
const CLASSES = ['C1', 'C2', 'C3'] as const;

/** The tag market: every tag, found by words, category and what is known of it. */
export function TagsPage() {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const navigate = useNavigate();
  const [drawer, setDrawer] = useState<'import' | 'demand' | undefined>(undefined);
  const tags = useQuery(allTagsQuery);
  const refresh = useTagRefresh();
  const download = useMutation({
    mutationFn: exportTags,
    onSuccess: ({ yaml }) => saveBlob(new Blob([yaml], { type: 'application/yaml' }), 'bank.tags.yaml'),
    onError: notify.problem,
  });
  return (
    <Page
      title={t('tags.title')}
      intro={t('tags.intro')}
      actions={
        <>
          <Button icon={<DownloadIcon />} loading={download.isPending} onClick={() => download.mutate()}>
            {t('tags.export')}
          </Button>
          {may('tags.write') ? (
            <>
              <Button onClick={() => setDrawer('import')}>{t('tags.import.title')}</Button>
              <Button icon={<RefreshIcon />} loading={refresh.isStarting} onClick={refresh.start}>
                {t('tags.refreshAll')}
              </Button>
              <Button icon={<LibraryIcon />} onClick={() => void navigate({ to: '/tag-library' })}>
                {t('market.library.title')}
              </Button>
            </>
          ) : null}
          <Button onClick={() => setDrawer('demand')}>{t('market.demand.title')}</Button>
          {may('tags.write') ? (
            <Button type="primary" icon={<AddIcon />} onClick={() => void navigate({ to: '/tags/new' })}>
              {t('tags.new')}
            </Button>
          ) : null}
        </>
      }
    >
      {refresh.progress}
      <Answer query={tags} rows={12}>
        {(all) => <Market tags={all} />}
      </Answer>
      {drawer === 'import' ? <ImportTagsDrawer onClose={() => setDrawer(undefined)} /> : null}
      {drawer === 'demand' ? <DemandDrawer onClose={() => setDrawer(undefined)} /> : null}
    </Page>
  );
}

function Market({ tags }: { readonly tags: readonly TagSummary[] }) {
  const t = useText();
  const localized = useLocalized();
  const navigate = useNavigate();
  const isNarrow = useNarrow();
  const search = useSearch({ from: '/signed-in/tags' });
  const taxonomy = useQuery(tagTaxonomyQuery);
  const nodes = taxonomy.data?.items ?? NO_NODES;
  const category = useCategoryName(nodes);
  const narrow = (change: TagSearch): void => {
    const next = Object.fromEntries(
      Object.entries({ ...search, ...change }).filter(
        ([, value]) => value !== undefined && value !== '' && value !== false,
      ),
    );
    void navigate({ to: '/tags', search: next, replace: true });
  };
  const text = useMemo(
    () => ({ title: (tag: TagSummary) => localized(tag.title), category }),
    [localized, category],
  );
  const found = useMemo(() => searchTags(tags, search, text), [tags, search, text]);
  const inTree = useMemo(
    () => searchTags(tags, { ...search, category: undefined }, text).map((tag) => tag.category),
    [tags, search, text],
  );
  const owners = useMemo(
    () => [...new Set(tags.flatMap(({ owner }) => (owner === undefined ? [] : [owner])))].toSorted(),
    [tags],
  );
  const isNarrowed = Object.keys(search).some((name) => name !== 'sort');
  const tree = (
    <CategoryTree
      paths={inTree}
      nodes={nodes}
      chosen={search.category}
      onChoose={(path) => narrow({ category: path })}
    />
  );
  if (tags.length === 0)
    return (
      <Panel>
        <Nothing
          title={t('tags.empty')}
          hint={t('market.emptyHint')}
          action={<Link to="/tag-library">{t('market.library.open')}</Link>}
        />
      </Panel>
    );
  return (
    <div className="split side-first" style={side(260)}>
      {isNarrow ? null : <Panel title={t('tags.taxonomy')}>{tree}</Panel>}
      <div className="stack gap-m">
        <search className="stack gap-s">
          <Input
            allowClear
            autoFocus={!isNarrow}
            type="search"
            placeholder={t('market.search')}
            aria-label={t('market.search')}
            defaultValue={search.q ?? ''}
            onChange={({ target }) => narrow({ q: target.value.trim() })}
          />
          <div className="row gap-s">
            <Facet
              label={t('tags.kindTitle')}
              value={search.kind}
              options={KINDS.map((kind) => ({ value: kind, label: t(`tags.kind.${kind}`) }))}
              onChange={(kind) => narrow({ kind })}
            />
            <Facet
              label={t('market.statusTitle')}
              value={search.status}
              options={STATUSES.map((status) => ({ value: status, label: t(`market.status.${status}`) }))}
              onChange={(status) => narrow({ status })}
            />
            <Facet
              label={t('market.quality')}
              value={search.verdict}
              options={VERDICTS.map((verdict) => ({ value: verdict, label: t(`market.verdict.${verdict}`) }))}
              onChange={(verdict) => narrow({ verdict })}
            />
            <Facet
              label={t('tags.dataClass')}
              value={search.dataClass}
              options={CLASSES.map((one) => ({ value: one, label: t(`tags.dataClasses.${one}`) }))}
              onChange={(dataClass) => narrow({ dataClass })}
            />
            <Facet
              label={t('tags.owner')}
              value={search.owner}
              options={owners.map((owner) => ({ value: owner, label: owner }))}
              onChange={(owner) => narrow({ owner })}
            />
            {isNarrow ? (
              <Facet
                label={t('tags.categoryTitle')}
                value={search.category}
                options={[...new Set(inTree)].toSorted().map((path) => ({
                  value: path,
                  label: path
                    .split('/')
                    .map((_, at, parts) => category(parts.slice(0, at + 1).join('/')))
                    .join(' › '),
                }))}
                onChange={(path) => narrow({ category: path })}
              />
            ) : null}
            <Checkbox
              checked={search.mine === true}
              onChange={({ target }) => narrow({ mine: target.checked })}
            >
              {t('market.favourites')}
            </Checkbox>
            <Checkbox
              checked={search.unused === true}
              onChange={({ target }) => narrow({ unused: target.checked })}
            >
              {t('market.unused')}
            </Checkbox>
          </div>
        </search>
        <div className="row between gap-s">
          <span className="faint" role="status">
            {t('market.found', { shown: found.length, all: tags.length })}{' '}
            {isNarrowed ? (
              <Button type="link" size="small" onClick={() => void navigate({ to: '/tags', search: {} })}>
                {t('market.clear')}
              </Button>
            ) : null}
          </span>
          <Select<Sort>
            aria-label={t('market.sortBy')}
            value={search.sort ?? 'title'}
            style={{ minWidth: 190 }}
            onChange={(sort) => narrow({ sort: sort === 'title' ? undefined : sort })}
            options={SORTS.map((sort) => ({ value: sort, label: t(`market.sort.${sort}`) }))}
          />
        </div>
        <Panel flush>
          {isNarrow ? <TagCards tags={found} /> : <TagTable tags={found} category={category} />}
        </Panel>
      </div>
    </div>
  );
}

const NO_NODES: readonly never[] = [];

function Facet({
  label,
  value,
  options,
  onChange,
}: {
  readonly label: string;
  readonly value: string | undefined;
  readonly options: { value: string; label: string }[];
  readonly onChange: (value: string | undefined) => void;
}) {
  return (
    <Select<string | undefined>
      allowClear
      showSearch={{ optionFilterProp: 'label' }}
      style={{ minWidth: 132, maxWidth: 260 }}
      popupMatchSelectWidth={false}
      aria-label={label}
      placeholder={label}
      value={value}
      options={options}
      onChange={(next) => onChange(next)}
    />
  );
}

function TagTable({
  tags,
  category,
}: {
  readonly tags: readonly TagSummary[];
  readonly category: (path: string) => string;
}) {
  const t = useText();
  const localized = useLocalized();
  const navigate = useNavigate();
  const placeOf = (path: string): string =>
    path
      .split('/')
      .map((_, at, parts) => category(parts.slice(0, at + 1).join('/')))
      .join(' › ');
  return (
    <DataTable<TagSummary>
      label={t('tags.title')}
      rows={tags}
      rowKey={(tag) => tag.id}
      pageSize={50}
      onOpen={({ id }) => void navigate({ to: '/tags/$tagId', params: { tagId: id } })}
      empty={<Nothing title={t('tags.empty')} hint={t('market.nothingFits')} />}
      columns={[
        { title: '', width: 44, render: (_, tag) => <Favourite tag={tag} /> },
        {
          title: t('tags.tag'),
          render: (_, tag) => (
            <div style={{ maxWidth: 300 }}>
              <Link to="/tags/$tagId" params={{ tagId: tag.id }}>
                <strong style={{ fontWeight: 550 }}>{localized(tag.title)}</strong>
              </Link>{' '}
              {tag.dataClass === 'C3' ? <Badge tone="violet">{t('tags.dataClasses.C3')}</Badge> : null}
              <div className="faint ellipsis" title={placeOf(tag.category)}>
                <code>{tag.id}</code>
              </div>
              <div className="faint ellipsis">
                {t(`tags.kind.${tag.kind}`)} · {placeOf(tag.category)}
              </div>
            </div>
          ),
        },
        {
          title: t('market.statusTitle'),
          render: (_, tag) => (
            <div className="stack gap-xs" style={{ alignItems: 'flex-start' }}>
              <StatusBadge status={tag.status} />
              {tag.state === 'fresh' ? null : <TagStateBadge state={tag.state} />}
            </div>
          ),
        },
        { title: t('market.quality'), render: (_, tag) => <VerdictBadge verdict={tag.verdict} /> },
        {
          title: t('tags.coverage'),
          width: 110,
          render: (_, tag) => (
            <div>
              <Percent ratio={tag.coverage} />
              {tag.coverage === undefined ? null : <Meter share={tag.coverage} />}
            </div>
          ),
        },
        {
          title: t('market.use'),
          align: 'right',
          render: (_, tag) => (
            <span className="num">
              <Num value={tag.usedBy} />
              <span className="faint"> · {t('market.times', { shown: tag.counted })}</span>
            </span>
          ),
        },
        {
          title: t('market.costShare'),
          align: 'right',
          render: (_, tag) => <Percent ratio={tag.costShare} digits={2} />,
        },
        { title: t('tags.refreshed'), render: (_, tag) => <Ago at={tag.refreshedAt} /> },
      ]}
    />
  );
}

const CARDS = 60;

function TagCards({ tags }: { readonly tags: readonly TagSummary[] }) {
  const t = useText();
  const localized = useLocalized();
  const [shown, setShown] = useState(CARDS);
  if (tags.length === 0) return <Nothing title={t('tags.empty')} hint={t('market.nothingFits')} />;
  return (
    <ul className="list-plain list-rows" aria-label={t('tags.title')}>
      {tags.slice(0, shown).map((tag) => (
        <li key={tag.id} style={{ padding: '10px 14px' }}>
          <div className="row between gap-s" style={{ flexWrap: 'nowrap' }}>
            <Link to="/tags/$tagId" params={{ tagId: tag.id }}>
              <strong style={{ fontWeight: 550 }}>{localized(tag.title)}</strong>
            </Link>
            <Favourite tag={tag} />
          </div>
          <div className="row gap-s">
            <StatusBadge status={tag.status} />
            <VerdictBadge verdict={tag.verdict} />
            <span className="faint">
              {t(`tags.kind.${tag.kind}`)} · <Percent ratio={tag.coverage} /> ·{' '}
              {t('market.times', { shown: tag.counted })}
            </span>
          </div>
        </li>
      ))}
      {tags.length > shown ? (
        <li style={{ textAlign: 'center', padding: 14 }}>
          <Button onClick={() => setShown(shown + CARDS)}>{t('common.more')}</Button>
        </li>
      ) : null}
    </ul>
  );
}

/** Keeps a tag among one's favourites. */
export function Favourite({ tag }: { readonly tag: Pick<TagSummary, 'id' | 'isFavourite'> }) {
  const t = useText();
  const notify = useNotify();
  const queries = useQueryClient();
  const mark = useMutation({
    mutationFn: (isFavourite: boolean) => markTag(tag.id, isFavourite),
    onMutate: (isFavourite) => {
      queries.setQueryData(allTagsQuery.queryKey, (all) =>
        all?.map((each) => (each.id === tag.id ? { ...each, isFavourite } : each)),
      );
    },
    onError: async (error) => {
      notify.problem(error);
      await queries.invalidateQueries({ queryKey: allTagsQuery.queryKey });
    },
  });
  return (
    <Button
      type="text"
      size="small"
      aria-pressed={tag.isFavourite}
      aria-label={t('market.favourite')}
      icon={tag.isFavourite ? <StarFullIcon /> : <StarIcon />}
      onClick={() => mark.mutate(!tag.isFavourite)}
    />
  );
}
