import type { Campaign, CampaignChange, CampaignStep, StepId } from '@rapport/campaigns/contract';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { campaignQuery, campaignStepsQuery } from '../../api/campaigns.queries.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { Badge } from '../../ui/badge.tsx';
import { Alert, Button, Input, Steps } from '../../ui/kit.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, ProblemView } from '../../ui/states.tsx';
import { useNarrow } from '../../ui/use-narrow.ts';
import { AnalysisStep } from './steps/analysis-step.tsx';
import { AudienceStep } from './steps/audience-step.tsx';
import { ChannelStep } from './steps/channel-step.tsx';
import { ContentStep } from './steps/content-step.tsx';
import { MeasurementStep } from './steps/measurement-step.tsx';
import type { StepProps } from './steps/step-props.ts';
import { type SaveState, useAutosave } from './use-autosave.ts';

const STEPS = [
  'analysis',
  'audience',
  'content',
  'channel',
  'measurement',
] as const satisfies readonly StepId[];

export function WizardPage() {
  const t = useText();
  const { campaignId } = useParams({ from: '/signed-in/campaigns/$campaignId/edit' });
  const campaign = useQuery({ ...campaignQuery(campaignId), refetchInterval: false });
  if (campaign.data) return <Wizard key={campaignId} campaign={campaign.data} />;
  return (
    <Page title={t('campaigns.title')} crumbs={[{ label: t('campaigns.title'), to: '/campaigns' }]}>
      <Answer query={campaign}>{() => null}</Answer>
    </Page>
  );
}

/** The part of a campaign that its author writes. */
function draftOf(campaign: Campaign): CampaignChange {
  const { name, mode, purpose, goal, kpi, audience, control, content, channel, providerId, schedule } =
    campaign;
  return { name, mode, purpose, goal, kpi, audience, control, content, channel, providerId, schedule };
}

function Wizard({ campaign }: { readonly campaign: Campaign }) {
  const t = useText();
  const dynamic = useDynamicText();
  const narrow = useNarrow();
  const navigate = useNavigate();
  const [draft, setDraft] = useState<CampaignChange>(() => draftOf(campaign));
  const [current, setCurrent] = useState(0);
  const autosave = useAutosave(campaign, draft);
  const steps = useQuery(campaignStepsQuery(campaign.id));
  const stepId = STEPS[current] ?? 'analysis';
  const checked = steps.data?.steps.find((step) => step.id === stepId);
  const props: StepProps = {
    campaignId: campaign.id,
    draft,
    change: (part) => setDraft((before) => ({ ...before, ...part })),
    flush: autosave.flush,
    steps: steps.data,
  };
  const isVoided = campaign.state === 'in_review' || campaign.state === 'approved';
  return (
    <Page
      title={draft.name}
      heading={
        <Input
          variant="borderless"
          style={{ fontSize: 26, fontWeight: 650, padding: 0 }}
          aria-label={t('campaigns.name')}
          value={draft.name}
          onChange={(event) => setDraft({ ...draft, name: event.target.value })}
        />
      }
      crumbs={[{ label: t('campaigns.title'), to: '/campaigns' }]}
      actions={
        <>
          <SaveNote state={autosave.state} />
          <Button
            onClick={() =>
              void navigate({ to: '/campaigns/$campaignId', params: { campaignId: campaign.id } })
            }
          >
            {t('campaigns.overview')}
          </Button>
        </>
      }
    >
      {isVoided ? <Alert type="warning" showIcon title={t('campaigns.editVoids')} /> : null}
      {autosave.error ? <ProblemView error={autosave.error} /> : null}
      <Panel>
        <Steps
          current={current}
          onChange={setCurrent}
          orientation={narrow ? 'vertical' : 'horizontal'}
          size="small"
          items={STEPS.map((id, index) => ({
            title: t(`campaigns.step.${id}`),
            status: statusOf(
              steps.data?.steps.find((step) => step.id === id),
              index === current,
            ),
          }))}
        />
      </Panel>
      {checked && checked.faults.length > 0 ? (
        <Alert
          showIcon
          type={checked.state === 'missing' ? 'warning' : 'info'}
          title={t(`campaigns.stepState.${checked.state}`)}
          description={
            <ul style={{ margin: 0, paddingLeft: 18 }}>
              {checked.faults.map((fault) => (
                <li key={`${fault.pointer}${fault.code}${fault.message}`}>
                  {dynamic(`campaigns.fault.${fault.code}`, fault.message)}
                </li>
              ))}
            </ul>
          }
        />
      ) : null}
      <StepBody step={stepId} {...props} />
      <div className="row between">
        <Button disabled={current === 0} onClick={() => setCurrent(current - 1)}>
          {t('common.back')}
        </Button>
        {current < STEPS.length - 1 ? (
          <Button type="primary" onClick={() => setCurrent(current + 1)}>
            {t('common.next')}
          </Button>
        ) : null}
      </div>
    </Page>
  );
}

function statusOf(
  step: CampaignStep | undefined,
  isCurrent: boolean,
): 'process' | 'finish' | 'error' | 'wait' {
  if (isCurrent) return 'process';
  if (step?.state === 'missing') return step.lastEditedAt ? 'error' : 'wait';
  return step ? 'finish' : 'wait';
}

function StepBody({ step, ...props }: StepProps & { readonly step: StepId }) {
  switch (step) {
    case 'analysis':
      return <AnalysisStep {...props} />;
    case 'audience':
      return <AudienceStep {...props} />;
    case 'content':
      return <ContentStep {...props} />;
    case 'channel':
      return <ChannelStep {...props} />;
    case 'measurement':
      return <MeasurementStep {...props} />;
  }
}

function SaveNote({ state }: { readonly state: SaveState }) {
  const t = useText();
  const tone = state === 'problem' ? 'bad' : state === 'saved' ? 'good' : 'calm';
  return (
    <span role="status">
      <Badge tone={tone} live={state === 'saving'}>
        {t(`campaigns.save.${state}`)}
      </Badge>
    </span>
  );
}
