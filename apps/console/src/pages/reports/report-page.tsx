import type { CampaignReport, ChannelRow } from '@rapport/insights/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { campaignReportQuery, exportReport, followUp } from '../../api/insights.queries.ts';
import { useDynamicText, useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { BarsChart, IntervalChart, TrendChart } from '../../ui/charts.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { saveBlob } from '../../ui/download.ts';
import { Facts, Figure, Money, Num, Percent, useFormats, When } from '../../ui/figures.tsx';
import { DownloadIcon, SendIcon } from '../../ui/icons.ts';
import { Alert, Button, Tooltip } from '../../ui/kit.ts';
import { cells, side } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { CampaignStateBadge } from '../campaigns/campaign-state.tsx';
import { CampaignFunnelView } from '../campaigns/funnel-view.tsx';

export function ReportPage() {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { campaignId } = useParams({ from: '/signed-in/campaigns/$campaignId/report' });
  const report = useQuery({ ...campaignReportQuery(campaignId), refetchInterval: 30_000 });
  const download = useMutation({
    mutationFn: async () => saveBlob(await exportReport(campaignId), `${campaignId}.csv`),
    onError: notify.problem,
  });
  const follow = useMutation({
    mutationFn: () => followUp(campaignId),
    onSuccess: async (draft) => {
      await queries.invalidateQueries({ queryKey: ['campaigns', 'list'] });
      notify.done(t('reports.followed', { count: draft.excluded }));
      await navigate({ to: '/campaigns/$campaignId/edit', params: { campaignId: draft.campaignId } });
    },
    onError: notify.problem,
  });
  const title = report.data ? t('reports.of', { name: report.data.name }) : t('reports.report');
  return (
    <Page
      title={title}
      heading={
        <span className="row gap-m">
          {title} {report.data ? <CampaignStateBadge state={report.data.state} /> : null}
        </span>
      }
      crumbs={[
        { label: t('campaigns.title'), to: '/campaigns' },
        { label: report.data?.name ?? campaignId, to: `/campaigns/${campaignId}` },
      ]}
      actions={
        <>
          <Button icon={<DownloadIcon />} loading={download.isPending} onClick={() => download.mutate()}>
            {t('reports.export')}
          </Button>
          {may('campaigns.write') ? (
            <Button
              type="primary"
              icon={<SendIcon />}
              loading={follow.isPending}
              onClick={() => follow.mutate()}
            >
              {t('reports.followUp')}
            </Button>
          ) : null}
        </>
      }
    >
      <Answer query={report} rows={12}>
        {(data) => <ReportContent report={data} />}
      </Answer>
    </Page>
  );
}

function ReportContent({ report }: { readonly report: CampaignReport }) {
  const t = useText();
  const localized = useLocalized();
  return (
    <>
      <Panel>
        <p style={{ fontSize: 18, lineHeight: 1.55, maxWidth: '75ch' }} data-testid="report-narrative">
          {localized(report.narrative)}
        </p>
        {report.kpi ? (
          <p className="faint" style={{ marginTop: 8 }}>
            <code>{report.kpi.event}</code> · <When at={report.kpi.from} /> – <When at={report.kpi.until} />
          </p>
        ) : null}
      </Panel>
      {report.warnings.length > 0 ? (
        <Alert
          showIcon
          type={report.warnings.some((warning) => warning.code === 'sample_ratio') ? 'error' : 'warning'}
          title={t('reports.bearInMind')}
          description={
            <ul style={{ margin: 0, paddingLeft: 18 }}>
              {report.warnings.map((warning) => (
                <li key={warning.code}>{localized(warning.text)}</li>
              ))}
            </ul>
          }
        />
      ) : null}
      <div className="split" style={side(440)}>
        <div className="stack gap-m">
          <ArmsPanel report={report} />
          <Panel title={t('campaigns.funnel.title')} note={t('campaigns.funnel.note')}>
            <CampaignFunnelView funnel={report.funnel} />
          </Panel>
        </div>
        <div className="stack gap-m">
          <LiftPanel report={report} />
          {report.value ? <ValuePanel value={report.value} /> : null}
          <ReachedPanel report={report} />
        </div>
      </div>
      <DailyPanel report={report} />
      <ChannelsPanel title={t('reports.byChannel')} rows={report.channels} />
      <ChannelsPanel title={t('reports.byVariant')} rows={report.variants} note={t('reports.variantNote')} />
    </>
  );
}

function ArmsPanel({ report }: { readonly report: CampaignReport }) {
  const t = useText();
  const formats = useFormats();
  const arms = [
    { name: t('campaigns.treated'), arm: report.treated },
    { name: t('campaigns.control'), arm: report.control },
  ];
  const { pValue, ok } = report.sampleRatio;
  return (
    <Panel
      title={t('reports.arms')}
      note={t('reports.armsNote')}
      actions={
        <Tooltip
          title={t('reports.sampleRatioHint', { p: formats.number(pValue, { maximumSignificantDigits: 3 }) })}
        >
          <span>
            <Badge tone={ok ? 'good' : 'bad'}>
              {ok ? t('reports.sampleRatioOk') : t('reports.sampleRatioBad')}
            </Badge>
          </span>
        </Tooltip>
      }
    >
      <div className="grid" style={cells(150)}>
        {arms.map(({ name, arm }) => (
          <Figure
            key={name}
            label={name}
            value={<Percent ratio={arm.rate} digits={2} />}
            note={
              <>
                <Num value={arm.conversions} /> / <Num value={arm.customers} />
                <br />
                {t('reports.between', {
                  low: formats.percent(arm.rateInterval.low ?? 0, 2),
                  high: formats.percent(arm.rateInterval.high ?? 1, 2),
                })}
              </>
            }
          />
        ))}
        <Figure
          label={t('reports.incremental')}
          value={<Num value={report.lift ? Math.round(report.lift.incremental * 10) / 10 : undefined} />}
          note={
            report.lift
              ? t('reports.between', {
                  low: formats.number(report.lift.incrementalInterval.low ?? 0, { maximumFractionDigits: 1 }),
                  high: formats.number(report.lift.incrementalInterval.high ?? 0, {
                    maximumFractionDigits: 1,
                  }),
                })
              : undefined
          }
        />
      </div>
      <BarsChart
        horizontal
        height={130}
        label={t('reports.arms')}
        categories={arms.map(({ name }) => name)}
        series={[{ name: t('reports.rate'), values: arms.map(({ arm }) => arm.rate) }]}
        format={(value) => formats.percent(value, 2)}
      />
    </Panel>
  );
}

function LiftPanel({ report }: { readonly report: CampaignReport }) {
  const t = useText();
  const formats = useFormats();
  const { lift, detectable } = report;
  if (!lift) {
    return (
      <Panel title={t('reports.lift')}>
        <Nothing title={t('reports.noLift')} />
      </Panel>
    );
  }
  const { low, high } = lift.absoluteInterval;
  return (
    <Panel
      title={t('reports.lift')}
      note={t('reports.liftNote')}
      actions={
        <Badge tone={lift.significant ? (lift.absolute > 0 ? 'good' : 'bad') : 'calm'}>
          {lift.significant ? t('reports.significant') : t('reports.notSignificant')}
        </Badge>
      }
    >
      <div className="stack gap-m">
        <Figure
          label={t('reports.absolute')}
          value={<span data-testid="report-lift">{formats.points(lift.absolute)}</span>}
          note={
            lift.relative === undefined
              ? undefined
              : t('reports.relative', { share: formats.percent(lift.relative, 0) })
          }
        />
        {low !== undefined && high !== undefined ? (
          <IntervalChart
            label={t('reports.lift')}
            format={(value) => formats.points(value)}
            intervals={[{ name: t('reports.interval'), low, estimate: lift.absolute, high }]}
          />
        ) : null}
        <Facts
          items={[
            {
              term: t('reports.pValue'),
              // Smaller figures say nothing more to a reader.
              value:
                lift.pValue < 0.001
                  ? '< 0.001'
                  : formats.number(lift.pValue, { maximumSignificantDigits: 2 }),
            },
            detectable
              ? { term: t('reports.detectable'), value: formats.points(detectable.absolute) }
              : undefined,
            report.cost
              ? {
                  term: t('reports.cost'),
                  value: <Money amountMinor={report.cost.amountMinor} currency={report.cost.currency} />,
                }
              : undefined,
          ]}
        />
      </div>
    </Panel>
  );
}

function ValuePanel({ value }: { readonly value: NonNullable<CampaignReport['value']> }) {
  const t = useText();
  const formats = useFormats();
  const write = (amount: number): string =>
    value.currency ? formats.money(Math.round(amount), value.currency) : formats.number(Math.round(amount));
  const { low, high } = value.incrementalInterval;
  return (
    <Panel title={t('reports.value')} note={<code>{value.property}</code>}>
      <Figure
        label={t('reports.valueAll')}
        value={write(value.incrementalMinor)}
        note={
          low !== undefined && high !== undefined
            ? t('reports.between', { low: write(low), high: write(high) })
            : undefined
        }
      />
      <p className="soft">{t('reports.valueEach', { amount: write(value.perCustomer) })}</p>
    </Panel>
  );
}

function ReachedPanel({ report }: { readonly report: CampaignReport }) {
  const t = useText();
  const formats = useFormats();
  const { deliveredOnly } = report;
  return (
    <Panel title={t('reports.reached')} note={t('reports.reachedNote')}>
      <Facts
        items={[
          { term: t('reports.delivered'), value: <Num value={deliveredOnly.customers} /> },
          {
            term: t('reports.converted'),
            value: (
              <>
                <Num value={deliveredOnly.conversions} /> (<Percent ratio={deliveredOnly.rate} digits={2} />)
              </>
            ),
          },
          deliveredOnly.hoursToConversion === undefined
            ? undefined
            : {
                term: t('reports.hoursToConversion'),
                value: formats.number(deliveredOnly.hoursToConversion, { maximumFractionDigits: 1 }),
              },
        ]}
      />
    </Panel>
  );
}

function DailyPanel({ report }: { readonly report: CampaignReport }) {
  const t = useText();
  const formats = useFormats();
  // One day is a point, not a curve.
  if (report.daily.length < 2) return null;
  return (
    <Panel title={t('reports.daily')} note={t('reports.dailyNote')}>
      <TrendChart
        label={t('reports.daily')}
        days={report.daily.map((day) => day.day)}
        series={[
          { name: t('campaigns.treated'), values: report.daily.map((day) => day.treatedRate) },
          { name: t('campaigns.control'), values: report.daily.map((day) => day.controlRate) },
        ]}
        format={(value) => formats.percent(value, 2)}
        height={280}
      />
    </Panel>
  );
}

interface ChannelsPanelProps {
  readonly title: string;
  readonly rows: readonly ChannelRow[];
  readonly note?: string;
}

function ChannelsPanel({ title, rows, note }: ChannelsPanelProps) {
  const t = useText();
  const dynamic = useDynamicText();
  if (rows.length === 0) return null;
  const figure = (name: string, pick: (row: ChannelRow) => number) => ({
    title: name,
    align: 'right' as const,
    render: (_: unknown, row: ChannelRow) => <Num value={pick(row)} />,
  });
  return (
    <Panel flush title={title} note={note}>
      <DataTable<ChannelRow>
        label={title}
        rows={rows}
        rowKey={(row) => `${row.channel}/${row.variantId ?? ''}`}
        columns={[
          {
            title: t('campaigns.channel'),
            render: (_, row) => (
              <>
                {dynamic(`common.channel.${row.channel}`, row.channel)}{' '}
                {row.variantId ? `· ${row.variantId}` : ''}
              </>
            ),
          },
          figure(t('reports.messages'), (row) => row.messages),
          figure(t('reports.sent'), (row) => row.sent),
          figure(t('reports.delivered'), (row) => row.delivered),
          figure(t('reports.opened'), (row) => row.opened),
          figure(t('reports.clicked'), (row) => row.clicked),
          figure(t('reports.converted'), (row) => row.converted),
          figure(t('reports.optedOut'), (row) => row.optedOut),
        ]}
      />
    </Panel>
  );
}
