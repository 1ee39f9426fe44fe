import type { TagLibraryInstall, TagLibraryInstalled, TagLibraryView } from '@rapport/tags/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { installLibrary, tagLibraryQuery } from '../../api/tags.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Meter } from '../../ui/figures.tsx';
import { Alert, Button, Checkbox, Drawer, Input, Tooltip } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';
import { useTagRefresh } from './use-refresh.tsx';

type Item = TagLibraryView['items'][number];

/** Ready-made tags by theme, and which of them the bank has the data for. */
export function LibraryPage() {
  const t = useText();
  const library = useQuery(tagLibraryQuery);
  return (
    <Page
      title={t('market.library.title')}
      intro={t('market.library.intro')}
      crumbs={[{ label: t('tags.title'), to: '/tags' }]}
    >
      <Answer query={library} rows={10}>
        {(view) => <Library view={view} />}
      </Answer>
    </Page>
  );
}

function Library({ view }: { readonly view: TagLibraryView }) {
  const t = useText();
  const localized = useLocalized();
  const may = useMay();
  const refresh = useTagRefresh();
  const [theme, setTheme] = useState<string | undefined>(undefined);
  const [q, setQ] = useState('');
  const [hasData, setHasData] = useState(false);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [asked, setAsked] = useState<TagLibraryInstall | undefined>(undefined);
  const items = useMemo(() => {
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    return view.items.filter((item) => {
      if (theme !== undefined && item.theme !== theme) return false;
      if (hasData && !item.available) return false;
      const text =
        `${Object.values(item.title).join(' ')} ${item.id} ${item.description} ${item.owner}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }, [view.items, theme, hasData, q]);
  const toggle = (id: string): void => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const mayWrite = may('tags.write');
  return (
    <>
      {refresh.progress}
      <ul className="list-plain grid" style={cells(200)} aria-label={t('market.library.themes')}>
        {view.themes.map((one) => (
          <li key={one.id} className="panel" style={{ padding: 14 }}>
            <button
              type="button"
              className="plain-button"
              aria-pressed={theme === one.id}
              onClick={() => setTheme(theme === one.id ? undefined : one.id)}
            >
              <strong style={{ fontWeight: 550 }}>{localized(one.title)}</strong>
            </button>
            <div className="faint">
              {t('market.library.counts', {
                available: one.available,
                tags: one.tags,
                installed: one.installed,
              })}
            </div>
            <Meter
              share={one.tags === 0 ? 0 : one.installed / one.tags}
              label={t('market.library.installed')}
            />
            {mayWrite ? (
              <Button
                size="small"
                style={{ marginTop: 8 }}
                disabled={one.installed >= one.available}
                onClick={() => setAsked({ themes: [one.id] })}
              >
                {t('market.library.install')}
              </Button>
            ) : null}
          </li>
        ))}
      </ul>
      <div className="row between gap-s">
        <div className="row gap-s">
          <Input
            allowClear
            type="search"
            style={{ width: 280 }}
            placeholder={t('market.search')}
            aria-label={t('market.search')}
            onChange={({ target }) => setQ(target.value)}
          />
          <Checkbox checked={hasData} onChange={({ target }) => setHasData(target.checked)}>
            {t('market.library.withData')}
          </Checkbox>
          {theme === undefined ? null : (
            <Button type="link" size="small" onClick={() => setTheme(undefined)}>
              {t('market.clear')}
            </Button>
          )}
        </div>
        {mayWrite ? (
          <div className="row gap-s">
            <Button disabled={chosen.size === 0} onClick={() => setAsked({ ids: [...chosen] })}>
              {t('market.library.installChosen', { shown: chosen.size })}
            </Button>
            <Button type="primary" onClick={() => setAsked({})}>
              {t('market.library.installAll')}
            </Button>
          </div>
        ) : null}
      </div>
      <Panel flush>
        <DataTable<Item>
          label={t('market.library.title')}
          rows={items}
          rowKey={(item) => item.id}
          pageSize={50}
          empty={<Nothing title={t('tags.empty')} hint={t('market.nothingFits')} />}
          columns={[
            ...(mayWrite
              ? [
                  {
                    title: '',
                    key: 'choose',
                    width: 44,
                    render: (_: unknown, item: Item) => (
                      <Checkbox
                        aria-label={t('market.library.choose', { tag: localized(item.title) })}
                        disabled={item.installed}
                        checked={item.installed || chosen.has(item.id)}
                        onChange={() => toggle(item.id)}
                      />
                    ),
                  },
                ]
              : []),
            {
              title: t('tags.tag'),
              render: (_, item) => (
                <div style={{ maxWidth: 460 }}>
                  {item.installed ? (
                    <Link to="/tags/$tagId" params={{ tagId: item.id }}>
                      <strong style={{ fontWeight: 550 }}>{localized(item.title)}</strong>
                    </Link>
                  ) : (
                    <strong style={{ fontWeight: 550 }}>{localized(item.title)}</strong>
                  )}
                  <div className="faint">
                    <code>{item.id}</code>
                  </div>
                  <div className="soft">{item.description}</div>
                </div>
              ),
            },
            { title: t('tags.owner'), dataIndex: 'owner' },
            {
              title: t('market.library.reads'),
              render: (_, item) => (
                <Tooltip title={[...item.needs, ...item.reads].join(', ')}>
                  <span className="faint">
                    {t('market.library.readsCount', { columns: item.needs.length, tags: item.reads.length })}
                  </span>
                </Tooltip>
              ),
            },
            {
              title: t('common.state'),
              render: (_, item) =>
                item.installed ? (
                  <Badge tone="primary">{t('market.library.installed')}</Badge>
                ) : item.available ? (
                  <Badge tone="good">{t('market.library.available')}</Badge>
                ) : (
                  <div style={{ maxWidth: 300 }}>
                    <Badge tone="warn">{t('market.library.noData')}</Badge>
                    <div className="faint">{item.reasons.join(' ')}</div>
                  </div>
                ),
            },
          ]}
        />
      </Panel>
      {asked ? (
        <InstallDrawer
          request={asked}
          onClose={() => setAsked(undefined)}
          onInstalled={() => {
            setAsked(undefined);
            setChosen(new Set());
            refresh.start();
          }}
        />
      ) : null}
    </>
  );
}

/** First says what would happen, then does it. */
function InstallDrawer({
  request,
  onClose,
  onInstalled,
}: {
  readonly request: TagLibraryInstall;
  readonly onClose: () => void;
  readonly onInstalled: () => void;
}) {
  const t = useText();
  const notify = useNotify();
  const queries = useQueryClient();
  const plan = useQuery({
    queryKey: ['tags', 'library', 'plan', request],
    queryFn: () => installLibrary({ ...request, dryRun: true }),
    staleTime: 0,
  });
  const install = useMutation({
    mutationFn: () => installLibrary(request),
    onSuccess: async ({ created }) => {
      await queries.invalidateQueries({ queryKey: ['tags'] });
      notify.done(t('market.library.done', { shown: created.length }));
      onInstalled();
    },
  });
  return (
    <Drawer
      open
      size={620}
      title={t('market.library.install')}
      onClose={onClose}
      extra={
        <Button
          type="primary"
          loading={install.isPending}
          disabled={(plan.data?.created.length ?? 0) + (plan.data?.changed.length ?? 0) === 0}
          onClick={() => install.mutate()}
        >
          {t('market.library.installAndCompute')}
        </Button>
      }
    >
      {install.error ? <ProblemView error={install.error} /> : null}
      <Answer query={plan}>{(data) => <Plan plan={data} />}</Answer>
    </Drawer>
  );
}

function Plan({ plan }: { readonly plan: TagLibraryInstalled }) {
  const t = useText();
  const list = (title: string, ids: readonly string[]) =>
    ids.length === 0 ? null : (
      <section>
        <h3 className="panel-title">
          {title} <span className="faint num">{ids.length}</span>
        </h3>
        <p className="mono" style={{ overflowWrap: 'anywhere' }}>
          {ids.join(' · ')}
        </p>
      </section>
    );
  return (
    <div className="stack gap-l">
      <Alert
        showIcon
        type="info"
        title={t('market.library.measures', { currency: plan.currency ?? '—', zone: plan.zone })}
      />
      {list(t('market.library.created'), plan.created)}
      {list(t('tags.import.changed'), plan.changed)}
      {list(t('market.library.kept'), plan.kept)}
      {list(t('tags.import.unchanged'), plan.unchanged)}
      {plan.skipped.length === 0 ? null : (
        <section>
          <h3 className="panel-title">
            {t('market.library.skipped')} <span className="faint num">{plan.skipped.length}</span>
          </h3>
          <ul className="list-plain list-rows">
            {plan.skipped.map(({ id, reasons }) => (
              <li key={id}>
                <code>{id}</code> <span className="faint">{reasons.join(' ')}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}
