import type { CatalogEntry } from '@rapport/catalog/contract';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { catalogTablesQuery } from '../../api/catalog.queries.ts';
import { useDynamicText, useLocalized, useText } from '../../i18n/i18n.ts';
import { Badge } from '../../ui/badge.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Ago, Num } from '../../ui/figures.tsx';
import { Input, Segmented, Select } from '../../ui/kit.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { useDebounced } from '../../ui/use-debounced.ts';
import { CatalogFrame } from './catalog-frame.tsx';

const KINDS = ['canonical', 'source', 'derived'] as const;
const CLASSES = ['C1', 'C2', 'C3'] as const;

/** Every table of the bank, found by words. */
export function TablesPage() {
  const t = useText();
  const localized = useLocalized();
  const dynamic = useDynamicText();
  const navigate = useNavigate();
  const search = useSearch({ from: '/signed-in/catalog' });
  const settled = useDebounced(search.q, 250);
  const tables = useQuery(
    catalogTablesQuery({
      ...(settled ? { search: settled } : {}),
      ...(search.kind ? { kind: search.kind } : {}),
      ...(search.dataClass ? { dataClass: search.dataClass } : {}),
    }),
  );
  const narrow = (change: {
    q?: string;
    kind?: string | undefined;
    dataClass?: string | undefined;
  }): void => {
    const next = Object.fromEntries(Object.entries({ ...search, ...change }).filter(([, value]) => value));
    void navigate({ to: '/catalog', search: next, replace: true });
  };
  return (
    <CatalogFrame>
      <search className="row gap-s">
        <Input
          allowClear
          type="search"
          style={{ width: 320, maxWidth: '100%' }}
          placeholder={t('catalog.search')}
          aria-label={t('catalog.search')}
          defaultValue={search.q ?? ''}
          onChange={({ target }) => narrow({ q: target.value })}
        />
        <Segmented<string>
          value={search.kind ?? 'all'}
          onChange={(kind) => narrow({ kind: kind === 'all' ? undefined : kind })}
          options={[
            { value: 'all', label: t('common.all') },
            ...KINDS.map((kind) => ({ value: kind, label: t(`catalog.kind.${kind}`) })),
          ]}
        />
        <Select<string | undefined>
          allowClear
          style={{ minWidth: 130 }}
          placeholder={t('catalog.class')}
          aria-label={t('catalog.class')}
          value={search.dataClass}
          onChange={(dataClass) => narrow({ dataClass })}
          options={CLASSES.map((one) => ({ value: one, label: t(`tags.dataClasses.${one}`) }))}
        />
      </search>
      <Panel flush>
        <Answer query={tables} rows={10}>
          {({ items }) => (
            <DataTable<CatalogEntry>
              label={t('catalog.tab.tables')}
              rows={items}
              rowKey={(entry) => entry.table}
              pageSize={50}
              onOpen={({ table }) => void navigate({ to: '/catalog/table', search: { name: table } })}
              empty={<Nothing title={t('catalog.none')} hint={t('catalog.noneHint')} />}
              columns={[
                {
                  title: t('catalog.table'),
                  render: (_, entry) => (
                    <div>
                      <Link to="/catalog/table" search={{ name: entry.table }}>
                        <strong style={{ fontWeight: 550 }}>{localized(entry.title) || entry.table}</strong>
                      </Link>
                      <div className="faint">
                        <code>{entry.table}</code>
                      </div>
                      {entry.matches.length > 0 ? (
                        <div className="faint">
                          {t('catalog.matches')}: {entry.matches.join(', ')}
                        </div>
                      ) : null}
                    </div>
                  ),
                },
                { title: t('catalog.kindTitle'), render: (_, entry) => t(`catalog.kind.${entry.kind}`) },
                {
                  title: t('catalog.role'),
                  render: (_, entry) =>
                    entry.role ? dynamic(`tags.editor.tables.${entry.role}`, entry.role) : '—',
                },
                { title: t('catalog.owner'), render: (_, entry) => entry.owner ?? '—' },
                {
                  title: t('catalog.class'),
                  render: (_, entry) => (entry.dataClass ? <ClassBadge dataClass={entry.dataClass} /> : '—'),
                },
                {
                  title: t('catalog.rows'),
                  align: 'right',
                  render: (_, entry) => <Num value={entry.rows} />,
                },
                {
                  title: t('catalog.columns'),
                  align: 'right',
                  render: (_, entry) => <Num value={entry.columns} />,
                },
                { title: t('catalog.loaded'), render: (_, entry) => <Ago at={entry.loadedAt} /> },
                { title: t('catalog.state'), render: (_, entry) => <EntryState entry={entry} /> },
              ]}
            />
          )}
        </Answer>
      </Panel>
    </CatalogFrame>
  );
}

export function ClassBadge({ dataClass }: { readonly dataClass: string }) {
  const dynamic = useDynamicText();
  const tone = dataClass === 'C3' ? 'violet' : dataClass === 'C1' ? 'good' : 'calm';
  return <Badge tone={tone}>{dynamic(`tags.dataClasses.${dataClass}`, dataClass)}</Badge>;
}

export function EntryState({ entry }: { readonly entry: CatalogEntry }) {
  const t = useText();
  if (entry.blocked) return <Badge tone="bad">{t('catalog.blocked')}</Badge>;
  if (entry.failingRules > 0)
    return <Badge tone="warn">{t('catalog.failing', { shown: entry.failingRules })}</Badge>;
  return <Badge tone="good">{t('catalog.fine')}</Badge>;
}
