import type { Campaign } from '@rapport/campaigns/contract';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { audienceQuery } from '../../api/audiences.queries.ts';
import { campaignFunnelQuery, campaignQuery, campaignTimelineQuery } from '../../api/campaigns.queries.ts';
import { templateQuery } from '../../api/content.queries.ts';
import { approvalsQuery } from '../../api/governance.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Facts, Figure, Meter, Num, Percent, useFormats, When } from '../../ui/figures.tsx';
import { Tabs } from '../../ui/kit.ts';
import { cells, side } from '../../ui/metrics.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { DeliveriesPanel } from '../realtime/deliveries-panel.tsx';
import { ApprovalCard } from './approval-card.tsx';
import { CampaignActions } from './campaign-actions.tsx';
import { CampaignStateBadge } from './campaign-state.tsx';
import { CampaignFunnelView } from './funnel-view.tsx';

export function CampaignPage() {
  const t = useText();
  const { campaignId } = useParams({ from: '/signed-in/campaigns/$campaignId' });
  const campaign = useQuery(campaignQuery(campaignId));
  const title = campaign.data?.name ?? campaignId;
  return (
    <Page
      title={title}
      heading={
        <span className="row gap-m">
          {title} {campaign.data ? <CampaignStateBadge state={campaign.data.state} /> : null}
        </span>
      }
      intro={campaign.data?.goal?.text}
      crumbs={[{ label: t('campaigns.title'), to: '/campaigns' }]}
      actions={campaign.data ? <CampaignActions campaign={campaign.data} /> : null}
    >
      <Answer query={campaign} rows={10}>
        {(data) => <CampaignContent campaign={data} />}
      </Answer>
    </Page>
  );
}

function CampaignContent({ campaign }: { readonly campaign: Campaign }) {
  const t = useText();
  const isLaunched = campaign.launchedAt !== undefined;
  return (
    <>
      {campaign.state === 'in_review' ? <PendingApproval campaign={campaign} /> : null}
      {campaign.counts ? <ProgressPanel campaign={campaign} counts={campaign.counts} /> : null}
      <Tabs
        items={[
          ...(isLaunched
            ? [
                {
                  key: 'funnel',
                  label: t('campaigns.funnel.title'),
                  children: <FunnelPanel campaign={campaign} />,
                },
                {
                  key: 'deliveries',
                  label: t('contacts.title'),
                  children: (
                    <DeliveriesPanel
                      filter={{ campaignId: campaign.id }}
                      live={campaign.state === 'running'}
                    />
                  ),
                },
              ]
            : []),
          { key: 'plan', label: t('campaigns.plan'), children: <PlanPanel campaign={campaign} /> },
          { key: 'history', label: t('campaigns.history'), children: <HistoryPanel campaign={campaign} /> },
        ]}
      />
    </>
  );
}

function PendingApproval({ campaign }: { readonly campaign: Campaign }) {
  const may = useMay();
  const approvals = useInfiniteQuery({ ...approvalsQuery('pending'), enabled: may('approvals.read') });
  const approval = approvals.data
    ? itemsOf(approvals.data).find((one) => one.id === campaign.approvalId || one.subjectId === campaign.id)
    : undefined;
  return approval ? <ApprovalCard approval={approval} /> : null;
}

interface ProgressPanelProps {
  readonly campaign: Campaign;
  readonly counts: NonNullable<Campaign['counts']>;
}

const WAITING = new Set(['queued', 'sending']);

function ProgressPanel({ campaign, counts }: ProgressPanelProps) {
  const t = useText();
  const dynamic = useDynamicText();
  const messages = Object.entries(counts.messages).filter(([, count]) => count > 0);
  const settled = messages
    .filter(([state]) => !WAITING.has(state))
    .reduce((sum, [, count]) => sum + count, 0);
  const share = counts.queued === 0 ? 1 : settled / counts.queued;
  return (
    <Panel title={t('campaigns.progress')} note={<When at={campaign.launchedAt} />}>
      <div className="stack gap-m">
        <div className="grid" style={cells(130)}>
          <Figure label={t('campaigns.funnel.step.targeted')} value={<Num value={counts.targeted} />} />
          <Figure label={t('campaigns.control')} value={<Num value={counts.control} />} />
          <Figure label={t('campaigns.treated')} value={<Num value={counts.queued} />} />
          <Figure
            label={t('campaigns.handled')}
            value={<Num value={settled} />}
            note={<Percent ratio={Math.min(1, share)} />}
          />
        </div>
        <Meter share={share} label={t('campaigns.progress')} />
        {messages.length > 0 ? (
          <div className="row gap-m soft" aria-live="polite">
            {messages.map(([state, count]) => (
              <span key={state}>
                {dynamic(`contacts.state.${state}`, state)} <Num value={count} />
              </span>
            ))}
          </div>
        ) : null}
      </div>
    </Panel>
  );
}

function FunnelPanel({ campaign }: { readonly campaign: Campaign }) {
  const t = useText();
  const funnel = useQuery({
    ...campaignFunnelQuery(campaign.id),
    refetchInterval: campaign.state === 'running' ? 3000 : false,
  });
  return (
    <Panel title={t('campaigns.funnel.title')} note={t('campaigns.funnel.note')}>
      <Answer query={funnel}>{(data) => <CampaignFunnelView funnel={data} />}</Answer>
    </Panel>
  );
}

function PlanPanel({ campaign }: { readonly campaign: Campaign }) {
  const t = useText();
  const formats = useFormats();
  const { audience, content, kpi, schedule } = campaign;
  const start = schedule?.startAt;
  return (
    <div className="split" style={side(420)}>
      <Panel title={t('campaigns.plan')}>
        <Facts
          items={[
            {
              term: t('campaigns.objective'),
              value: campaign.goal ? t(`campaigns.objectives.${campaign.goal.objective}`) : undefined,
            },
            { term: t('campaigns.purpose'), value: t(`common.purpose.${campaign.purpose}`) },
            {
              term: t('campaigns.analysis.kpi'),
              value: kpi ? (
                <code>
                  {kpi.event} ≤ {kpi.within}
                </code>
              ) : undefined,
            },
            {
              term: t('campaigns.audience.title'),
              value: audience?.audienceId ? (
                <AudienceName audienceId={audience.audienceId} />
              ) : audience?.condition ? (
                t('campaigns.audience.own')
              ) : undefined,
            },
            {
              term: t('campaigns.content.template'),
              value: content ? <TemplateName templateId={content.templateId} /> : undefined,
            },
            {
              term: t('campaigns.channel'),
              value: campaign.channel ? t(`common.channel.${campaign.channel}`) : undefined,
            },
            {
              term: t('campaigns.delivery.start'),
              value:
                start === undefined ? (
                  t('campaigns.delivery.manual')
                ) : start === 'now' ? (
                  t('campaigns.delivery.now')
                ) : (
                  <When at={start} />
                ),
            },
            {
              term: t('campaigns.delivery.window'),
              value: schedule?.window
                ? `${schedule.window.from}–${schedule.window.to} (${schedule.window.zone})`
                : t('campaigns.delivery.anyTime'),
            },
            {
              term: t('campaigns.measure.share'),
              value: campaign.control ? formats.percent(campaign.control.share) : undefined,
            },
            campaign.parentCampaignId
              ? {
                  term: t('campaigns.follows'),
                  value: (
                    <Link to="/campaigns/$campaignId" params={{ campaignId: campaign.parentCampaignId }}>
                      {campaign.parentCampaignId}
                    </Link>
                  ),
                }
              : undefined,
          ]}
        />
      </Panel>
      <Panel title={t('campaigns.record')}>
        <Facts
          items={[
            { term: t('campaigns.maker'), value: campaign.createdByName },
            { term: t('common.created'), value: <When at={campaign.createdAt} /> },
            { term: t('common.version'), value: campaign.version },
            { term: t('campaigns.submittedAt'), value: <When at={campaign.submittedAt} /> },
            { term: t('campaigns.approvedAt'), value: <When at={campaign.approvedAt} /> },
            { term: t('campaigns.launched'), value: <When at={campaign.launchedAt} /> },
            { term: t('campaigns.finishedAt'), value: <When at={campaign.finishedAt} /> },
            { term: t('campaigns.release'), value: <Num value={campaign.release} /> },
            {
              term: t('campaigns.contentHash'),
              value: campaign.contentHash ? <code>{campaign.contentHash.slice(0, 16)}</code> : undefined,
            },
          ]}
        />
      </Panel>
    </div>
  );
}

function AudienceName({ audienceId }: { readonly audienceId: string }) {
  const audience = useQuery(audienceQuery(audienceId));
  return (
    <Link to="/audiences/$audienceId" params={{ audienceId }}>
      {audience.data?.name ?? audienceId}
    </Link>
  );
}

function TemplateName({ templateId }: { readonly templateId: string }) {
  const template = useQuery(templateQuery(templateId));
  return (
    <Link to="/templates/$templateId" params={{ templateId }}>
      {template.data?.name ?? templateId}
    </Link>
  );
}

function HistoryPanel({ campaign }: { readonly campaign: Campaign }) {
  const t = useText();
  const dynamic = useDynamicText();
  const timeline = useQuery({ ...campaignTimelineQuery(campaign.id), refetchInterval: 10_000 });
  return (
    <Panel title={t('campaigns.history')}>
      <Answer
        query={timeline}
        isEmpty={({ items }) => items.length === 0}
        empty={<Nothing title={t('campaigns.noHistory')} />}
      >
        {({ items }) => (
          <ol className="list-plain list-rows">
            {items.map((entry) => (
              <li key={`${entry.at}${entry.action}${entry.to}`} className="row between gap-m">
                <div className="row gap-s">
                  <CampaignStateBadge state={entry.to} />
                  <span>{dynamic(`campaigns.action.${entry.action}`, entry.action)}</span>
                  <span className="faint">{entry.note}</span>
                </div>
                <span className="faint">
                  {entry.actorName} · <When at={entry.at} />
                </span>
              </li>
            ))}
          </ol>
        )}
      </Answer>
    </Panel>
  );
}
