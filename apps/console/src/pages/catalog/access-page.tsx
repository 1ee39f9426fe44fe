import type { AccessEntry } from '@rapport/catalog/contract';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { dataAccessQuery } from '../../api/catalog.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { Num, When } from '../../ui/figures.tsx';
import { Input } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { CatalogFrame } from './catalog-frame.tsx';

/** Who read which data, how and what for. */
export function AccessPage() {
  const t = useText();
  const dynamic = useDynamicText();
  const navigate = useNavigate();
  const { table } = useSearch({ from: '/signed-in/catalog/access' });
  const access = useInfiniteQuery(dataAccessQuery(table));
  return (
    <CatalogFrame>
      <Input.Search
        allowClear
        style={{ maxWidth: 320 }}
        placeholder="src/core/client"
        aria-label={t('catalog.table')}
        defaultValue={table ?? ''}
        onSearch={(text) =>
          void navigate({ to: '/catalog/access', search: text.trim() ? { table: text.trim() } : {} })
        }
      />
      <Panel flush>
        <Answer query={access} rows={8}>
          {(data) => (
            <>
              <DataTable<AccessEntry>
                label={t('catalog.tab.access')}
                rows={itemsOf(data)}
                rowKey={(entry) => entry.id}
                pageSize={200}
                empty={<Nothing title={t('catalog.noAccess')} />}
                columns={[
                  { title: t('catalog.when'), render: (_, entry) => <When at={entry.at} /> },
                  { title: t('catalog.who'), dataIndex: 'actorName' },
                  {
                    title: t('catalog.how'),
                    render: (_, entry) => dynamic(`catalog.how2.${entry.how}`, entry.how),
                  },
                  {
                    title: t('catalog.table'),
                    render: (_, entry) => (
                      <Link to="/catalog/table" search={{ name: entry.table }}>
                        <code>{entry.table}</code>
                      </Link>
                    ),
                  },
                  {
                    title: t('catalog.columns'),
                    render: (_, entry) => (
                      <div
                        className="faint ellipsis"
                        style={{ maxWidth: 260 }}
                        title={entry.columns.join(', ')}
                      >
                        {entry.columns.join(', ')}
                      </div>
                    ),
                  },
                  {
                    title: t('catalog.rows'),
                    align: 'right',
                    render: (_, entry) => <Num value={entry.rows} />,
                  },
                  { title: t('catalog.purpose'), render: (_, entry) => entry.purpose ?? '—' },
                ]}
              />
              <MoreButton query={access} />
            </>
          )}
        </Answer>
      </Panel>
    </CatalogFrame>
  );
}
