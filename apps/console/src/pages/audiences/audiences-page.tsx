import type { Audience } from '@rapport/audiences/contract';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { audiencesQuery } from '../../api/audiences.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { Ago, Num } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Button, Input } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';

export function AudiencesPage() {
  const t = useText();
  const may = useMay();
  const navigate = useNavigate();
  const [search, setSearch] = useState('');
  const audiences = useInfiniteQuery(audiencesQuery(search));
  const create = may('audiences.write') ? (
    <Button type="primary" icon={<AddIcon />} onClick={() => void navigate({ to: '/audiences/new' })}>
      {t('audiences.new')}
    </Button>
  ) : null;
  return (
    <Page title={t('audiences.title')} intro={t('audiences.intro')} actions={create}>
      <Input.Search
        allowClear
        style={{ maxWidth: 360 }}
        placeholder={t('audiences.search')}
        aria-label={t('audiences.search')}
        onSearch={(text) => setSearch(text.trim())}
      />
      <Panel flush>
        <Answer query={audiences}>
          {(data) => (
            <>
              <DataTable<Audience>
                label={t('audiences.title')}
                rows={itemsOf(data)}
                rowKey={(audience) => audience.id}
                pageSize={100_000}
                onOpen={({ id }) =>
                  void navigate({ to: '/audiences/$audienceId', params: { audienceId: id } })
                }
                empty={
                  <Nothing title={t('audiences.empty')} hint={t('audiences.emptyHint')} action={create} />
                }
                columns={[
                  {
                    title: t('common.name'),
                    render: (_, audience) => (
                      <div style={{ maxWidth: 520 }}>
                        <Link to="/audiences/$audienceId" params={{ audienceId: audience.id }}>
                          <strong>{audience.name}</strong>
                        </Link>
                        <div className="faint ellipsis">{audience.description}</div>
                      </div>
                    ),
                  },
                  {
                    title: t('audiences.lastCount'),
                    align: 'right',
                    render: (_, audience) => <Num value={audience.lastCount} />,
                  },
                  {
                    title: t('audiences.countedAt'),
                    render: (_, audience) => <Ago at={audience.lastCountAt} />,
                  },
                  { title: t('audiences.owner'), dataIndex: 'ownerName' },
                  { title: t('common.updated'), render: (_, audience) => <Ago at={audience.updatedAt} /> },
                ]}
              />
              <MoreButton query={audiences} />
            </>
          )}
        </Answer>
      </Panel>
    </Page>
  );
}
