import type { CustomerList } from '@rapport/audiences/contract';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { listsQuery } from '../../api/lists.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { Ago, Day, Num, Percent } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Button } from '../../ui/kit.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { ListKindBadge } from './list-kind.tsx';
import './lists.css';
import { matchRate } from './match-parts.ts';
import { NewListDrawer } from './new-list-drawer.tsx';

/** Lists 名單: customers named one by one. */
export function ListsPage() {
  const t = useText();
  const may = useMay();
  const navigate = useNavigate();
  const lists = useQuery(listsQuery);
  const [isNew, setIsNew] = useState(false);
  const create = may('audiences.write') ? (
    <Button type="primary" icon={<AddIcon />} onClick={() => setIsNew(true)}>
      {t('lists.new')}
    </Button>
  ) : null;
  return (
    <Page title={t('lists.title')} intro={t('lists.intro')} actions={create}>
      <NewListDrawer open={isNew} onClose={() => setIsNew(false)} />
      <Panel flush>
        <Answer query={lists}>
          {({ items }) => (
            <DataTable<CustomerList>
              label={t('lists.title')}
              rows={items}
              rowKey={(list) => list.id}
              onOpen={({ id }) => void navigate({ to: '/lists/$listId', params: { listId: id } })}
              empty={<Nothing title={t('lists.empty')} hint={t('lists.emptyHint')} action={create} />}
              columns={[
                {
                  title: t('lists.name'),
                  render: (_, list) => (
                    <div style={{ maxWidth: 420 }}>
                      <Link to="/lists/$listId" params={{ listId: list.id }}>
                        <strong>{list.name}</strong>
                      </Link>
                      <div className="faint ellipsis">{list.purpose}</div>
                    </div>
                  ),
                },
                { title: t('lists.kind.title'), render: (_, list) => <ListKindBadge kind={list.kind} /> },
                { title: t('lists.origin.title'), render: (_, list) => t(`lists.origin.${list.origin}`) },
                {
                  title: t('lists.size'),
                  align: 'right',
                  render: (_, list) =>
                    list.version === 0 && list.origin === 'upload' ? (
                      <span className="faint">{t('lists.notYet')}</span>
                    ) : (
                      <Num value={list.size} />
                    ),
                },
                {
                  title: t('lists.match'),
                  align: 'right',
                  render: (_, list) => <Percent ratio={matchRate(list.report)} />,
                },
                { title: t('lists.owner'), dataIndex: 'ownerName' },
                { title: t('common.updated'), render: (_, list) => <Ago at={list.updatedAt} /> },
                {
                  title: t('lists.expires'),
                  render: (_, list) =>
                    list.expiresAt ? (
                      <Day date={list.expiresAt} />
                    ) : (
                      <span className="faint">{t('lists.never')}</span>
                    ),
                },
              ]}
            />
          )}
        </Answer>
      </Panel>
    </Page>
  );
}
