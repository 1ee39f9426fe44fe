import type { HomeReport } from '@rapport/insights/contract';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { homeQuery } from '../../api/insights.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay, useSession } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { TrendChart } from '../../ui/charts.tsx';
import { Ago, Figure, Meter, Money, Num, Points, useFormats, When } from '../../ui/figures.tsx';
import { cells, side } from '../../ui/metrics.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { CampaignStateBadge } from '../campaigns/campaign-state.tsx';
import { LoadStateBadge } from '../sources/load-state.tsx';

export function HomePage() {
  const t = useText();
  const session = useSession();
  const home = useQuery(homeQuery);
  return (
    <Page
      title={t('home.title')}
      heading={t('home.welcome', { name: session?.user.displayName ?? '' })}
      intro={
        home.data?.dataUntil ? (
          <>
            {t('home.dataUntil')} <When at={home.data.dataUntil} />
          </>
        ) : undefined
      }
    >
      <Answer
        query={home}
        rows={10}
        isEmpty={(data) => data.release === 0}
        empty={
          <Panel>
            <Nothing
              title={t('home.empty')}
              hint={t('home.emptyHint')}
              action={<Link to="/sources">{t('home.toSources')}</Link>}
            />
          </Panel>
        }
      >
        {(data) => <HomeContent home={data} />}
      </Answer>
    </Page>
  );
}

function HomeContent({ home }: { readonly home: HomeReport }) {
  const t = useText();
  return (
    <>
      <div className="grid" style={cells(200)}>
        <Panel>
          <Figure
            label={t('home.customers')}
            value={<Num value={home.customers} />}
            note={t('home.inRelease', { release: home.release })}
          />
        </Panel>
        <Panel>
          <Link to="/campaigns" style={{ color: 'inherit' }}>
            <Figure
              label={t('home.running')}
              value={<Num value={home.campaigns.running} />}
              note={t('home.alsoCampaigns', {
                scheduled: home.campaigns.scheduled,
                drafts: home.campaigns.drafts,
                finished: home.campaigns.finished,
              })}
            />
          </Link>
        </Panel>
        <Panel>
          <Link to="/approvals" style={{ color: 'inherit' }}>
            <Figure
              label={t('home.pending')}
              value={<Num value={home.pendingApprovals} />}
              note={home.pendingApprovals > 0 ? t('home.toApprovals') : t('home.noPending')}
            />
          </Link>
        </Panel>
        <Panel>
          <Figure
            label={t('home.refused')}
            value={<Num value={home.loads.reduce((sum, load) => sum + load.quarantined, 0)} />}
            note={t('home.refusedNote')}
          />
        </Panel>
      </div>
      <div className="grid" style={cells(420)}>
        {home.aum.map((aum) => (
          <AumPanel key={aum.currency} aum={aum} definition={home.aumDefinition} />
        ))}
        <MauPanel mau={home.mau} />
      </div>
      <div className="split" style={side(420)}>
        <RunningPanel home={home} />
        <div className="stack gap-m">
          <ResultsPanel home={home} />
          <LoadsPanel home={home} />
        </div>
      </div>
    </>
  );
}

function Change({ share }: { readonly share: number | undefined }) {
  const t = useText();
  const formats = useFormats();
  if (share === undefined) return null;
  return (
    <span className="row gap-s">
      <Badge tone={share >= 0 ? 'good' : 'bad'}>
        <span className="num">{formats.change(share)}</span>
      </Badge>
      {t('home.againstBefore')}
    </span>
  );
}

/** A month is drawn at its first day. */
const dayOf = (month: string): string => `${month}-01`;

interface AumPanelProps {
  readonly aum: HomeReport['aum'][number];
  readonly definition: HomeReport['aumDefinition'];
}

function AumPanel({ aum, definition }: AumPanelProps) {
  const t = useText();
  const may = useMay();
  const formats = useFormats();
  const localized = useLocalized();
  const { metric, trend } = aum;
  const title = t('home.aum', { currency: aum.currency });
  const lineOf = (isReckoned: boolean): (number | undefined)[] =>
    trend.map((point) => ((point.isReckoned === true) === isReckoned ? point.totalMinor : undefined));
  const hasReckoned = trend.some((point) => point.isReckoned);
  const note = metric
    ? t('home.aumMetric', { title: localized(metric.title), version: metric.version })
    : localized(definition);
  return (
    <Panel
      title={title}
      note={
        metric && may('metrics.read') ? (
          <Link to="/insights/metrics/$metricId" params={{ metricId: metric.id }}>
            {note}
          </Link>
        ) : (
          note
        )
      }
    >
      <Figure
        label={t('home.aumCustomers', { count: formats.number(aum.customers) })}
        value={<Money amountMinor={aum.totalMinor} currency={aum.currency} compact />}
        note={<Change share={aum.changeShare} />}
      />
      <TrendChart
        label={title}
        days={trend.map((point) => dayOf(point.month))}
        series={[
          { name: hasReckoned ? t('home.aumKept') : title, values: lineOf(false) },
          ...(hasReckoned ? [{ name: t('home.aumReckoned'), values: lineOf(true), dashed: true }] : []),
        ]}
        format={(amount) => formats.money(amount, aum.currency, { compact: true })}
        height={200}
        area={!hasReckoned}
        monthly
      />
    </Panel>
  );
}

function MauPanel({ mau }: { readonly mau: HomeReport['mau'] }) {
  const t = useText();
  return (
    <Panel title={t('home.mau')} note={t('home.mauNote')}>
      <Figure
        label={t('home.mauUsers')}
        value={<Num value={mau.users} />}
        note={<Change share={mau.changeShare} />}
      />
      <TrendChart
        label={t('home.mau')}
        days={mau.trend.map((point) => dayOf(point.month))}
        series={[{ name: t('home.mau'), values: mau.trend.map((point) => point.users) }]}
        height={200}
        area
        monthly
        unfinished
      />
    </Panel>
  );
}

function RunningPanel({ home }: { readonly home: HomeReport }) {
  const t = useText();
  return (
    <Panel title={t('home.underWay')} actions={<Link to="/campaigns">{t('home.allCampaigns')}</Link>}>
      {home.campaigns.items.length === 0 ? (
        <Nothing title={t('home.noneUnderWay')} hint={t('home.noneUnderWayHint')} />
      ) : (
        <ul className="list-plain list-rows">
          {home.campaigns.items.map((campaign) => (
            <li key={campaign.campaignId}>
              <div className="row between gap-s">
                <Link to="/campaigns/$campaignId" params={{ campaignId: campaign.campaignId }}>
                  <strong>{campaign.name}</strong>
                </Link>
                <CampaignStateBadge state={campaign.state} />
              </div>
              {campaign.treated ? (
                <div className="stack gap-xs" style={{ marginTop: 6 }}>
                  <Meter share={(campaign.sent ?? 0) / campaign.treated} label={t('home.sentShare')} />
                  <span className="faint">
                    <Num value={campaign.sent ?? 0} /> / <Num value={campaign.treated} /> {t('home.sent')} ·{' '}
                    <Ago at={campaign.launchedAt} />
                  </span>
                </div>
              ) : null}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function ResultsPanel({ home }: { readonly home: HomeReport }) {
  const t = useText();
  return (
    <Panel title={t('home.results')} note={t('home.resultsNote')}>
      {home.results.length === 0 ? (
        <Nothing title={t('home.noResults')} />
      ) : (
        <ul className="list-plain list-rows">
          {home.results.map((result) => (
            <li key={result.campaignId} className="row between gap-s">
              <Link to="/campaigns/$campaignId/report" params={{ campaignId: result.campaignId }}>
                {result.name}
              </Link>
              <Badge tone={result.significant ? (result.absolute > 0 ? 'good' : 'bad') : 'calm'}>
                <Points difference={result.absolute} />
              </Badge>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function LoadsPanel({ home }: { readonly home: HomeReport }) {
  const t = useText();
  return (
    <Panel title={t('home.freshness')}>
      {home.loads.length === 0 ? (
        <Nothing title={t('home.noLoads')} />
      ) : (
        <ul className="list-plain list-rows">
          {home.loads.map((load) => (
            <li key={load.sourceId} className="row between gap-s">
              <div>
                <Link to="/sources/$sourceId" params={{ sourceId: load.sourceId }}>
                  {load.name}
                </Link>
                <div className="faint">
                  <Num value={load.rows} /> {t('home.rows')} · <Ago at={load.loadedAt} />
                </div>
              </div>
              <LoadStateBadge state={load.state} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
