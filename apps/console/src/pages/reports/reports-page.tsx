import type { Campaign } from '@rapport/campaigns/contract';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { campaignsQuery } from '../../api/campaigns.queries.ts';
import { homeQuery } from '../../api/insights.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { IntervalChart } from '../../ui/charts.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { useFormats, When } from '../../ui/figures.tsx';
import { side } from '../../ui/metrics.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { CampaignStateBadge } from '../campaigns/campaign-state.tsx';

export function ReportsPage() {
  const t = useText();
  const may = useMay();
  const navigate = useNavigate();
  const formats = useFormats();
  const campaigns = useInfiniteQuery({ ...campaignsQuery(), enabled: may('campaigns.read') });
  const home = useQuery(homeQuery);
  return (
    <Page title={t('reports.title')} intro={t('reports.intro')}>
      <div className="split" style={side(420)}>
        <Panel flush title={t('reports.launched')}>
          <Answer query={campaigns}>
            {(data) => (
              <>
                <DataTable<Campaign>
                  label={t('reports.launched')}
                  rows={itemsOf(data).filter((campaign) => campaign.launchedAt !== undefined)}
                  rowKey={(campaign) => campaign.id}
                  pageSize={100_000}
                  onOpen={({ id }) =>
                    void navigate({ to: '/campaigns/$campaignId/report', params: { campaignId: id } })
                  }
                  empty={<Nothing title={t('reports.empty')} hint={t('reports.emptyHint')} />}
                  columns={[
                    {
                      title: t('common.name'),
                      render: (_, campaign) => (
                        <Link to="/campaigns/$campaignId/report" params={{ campaignId: campaign.id }}>
                          <strong>{campaign.name}</strong>
                        </Link>
                      ),
                    },
                    {
                      title: t('common.state'),
                      render: (_, campaign) => <CampaignStateBadge state={campaign.state} />,
                    },
                    {
                      title: t('campaigns.launched'),
                      render: (_, campaign) => <When at={campaign.launchedAt} />,
                    },
                  ]}
                />
                <MoreButton query={campaigns} />
              </>
            )}
          </Answer>
        </Panel>
        <Panel title={t('home.results')} note={t('home.resultsNote')}>
          <Answer
            query={home}
            isEmpty={({ results }) => results.length === 0}
            empty={<Nothing title={t('home.noResults')} />}
          >
            {({ results }) => (
              <IntervalChart
                label={t('home.results')}
                format={(value) => formats.points(value)}
                intervals={results.map((result) => ({
                  name: result.name,
                  low: result.low,
                  estimate: result.absolute,
                  high: result.high,
                }))}
              />
            )}
          </Answer>
        </Panel>
      </div>
    </Page>
  );
}
