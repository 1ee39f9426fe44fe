import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { type Source, sourcesQuery } from '../../api/sources.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { Ago, Num } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Button } from '../../ui/kit.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { LoadStateBadge } from './load-state.tsx';
import { ManifestDrawer } from './manifest-drawer.tsx';

const rowsOf = (source: Source): number => source.tables.reduce((sum, table) => sum + (table.rows ?? 0), 0);

export function SourcesPage() {
  const t = useText();
  const may = useMay();
  const localized = useLocalized();
  const navigate = useNavigate();
  const sources = useQuery(sourcesQuery);
  const [applying, setApplying] = useState(false);
  const apply = may('sources.write') ? (
    <Button type="primary" icon={<AddIcon />} onClick={() => setApplying(true)}>
      {t('sources.apply')}
    </Button>
  ) : null;
  return (
    <Page title={t('sources.title')} intro={t('sources.intro')} actions={apply}>
      <Panel flush>
        <Answer query={sources}>
          {({ items }) => (
            <DataTable<Source>
              label={t('sources.title')}
              rows={items}
              rowKey={(source) => source.id}
              onOpen={(source) =>
                void navigate({ to: '/sources/$sourceId', params: { sourceId: source.id } })
              }
              empty={<Nothing title={t('sources.empty')} hint={t('sources.emptyHint')} action={apply} />}
              columns={[
                {
                  title: t('common.name'),
                  render: (_, source) => (
                    <div>
                      <div style={{ fontWeight: 500 }}>{localized(source.title)}</div>
                      <code className="faint">{source.id}</code>
                    </div>
                  ),
                },
                {
                  title: t('common.state'),
                  render: (_, source) => <LoadStateBadge state={source.lastLoad?.state} />,
                },
                {
                  title: t('sources.freshness'),
                  render: (_, source) => (
                    <Ago at={source.lastLoad?.finishedAt ?? source.lastLoad?.startedAt} />
                  ),
                },
                {
                  title: t('sources.tables'),
                  align: 'right',
                  render: (_, source) => <Num value={source.tables.length} />,
                },
                {
                  title: t('sources.rows'),
                  align: 'right',
                  render: (_, source) => <Num value={rowsOf(source)} />,
                },
                {
                  title: t('sources.quarantined'),
                  align: 'right',
                  render: (_, source) => <Num value={source.openQuarantine} />,
                },
              ]}
            />
          )}
        </Answer>
      </Panel>
      {applying ? <ManifestDrawer onClose={() => setApplying(false)} /> : null}
    </Page>
  );
}
