import type { DryRun } from '@rapport/campaigns/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { actOnCampaign, adviceQuery, campaignQuery, dryRunCampaign } from '../../../api/campaigns.queries.ts';
import { useLocalized, useText } from '../../../i18n/i18n.ts';
import { useMay } from '../../../shell/session.ts';
import { Badge } from '../../../ui/badge.tsx';
import { FunnelChart } from '../../../ui/charts.tsx';
import { CustomerLink } from '../../../ui/customer-link.tsx';
import { Figure, Num, Percent, useFormats } from '../../../ui/figures.tsx';
import { SendIcon } from '../../../ui/icons.ts';
import { Button, InputNumber, Slider, Tabs } from '../../../ui/kit.ts';
import { MessageFrame, SmsBubble } from '../../../ui/message-frame.tsx';
import { cells, side } from '../../../ui/metrics.ts';
import { useNotify } from '../../../ui/notify.ts';
import { Panel } from '../../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../../ui/states.tsx';
import { useDebounced } from '../../../ui/use-debounced.ts';
import type { StepProps } from './step-props.ts';

const DEFAULT_SHARE = 0.1;

/** 效果監測: the control group and what it can show; then the dry run and the submission. */
export function MeasurementStep({ draft, change, flush, steps, campaignId }: StepProps) {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const share = draft.control?.share ?? DEFAULT_SHARE;
  const dryRun = useMutation({
    mutationFn: async () => {
      await flush();
      return dryRunCampaign(campaignId);
    },
  });
  const submit = useMutation({
    mutationFn: async () => {
      await flush();
      return actOnCampaign(campaignId, 'submit');
    },
    onSuccess: async (campaign) => {
      queries.setQueryData(campaignQuery(campaignId).queryKey, campaign);
      await queries.invalidateQueries({ queryKey: ['campaigns', 'list'] });
      await queries.invalidateQueries({ queryKey: ['approvals'] });
      notify.done(t('campaigns.submitted'));
      await navigate({ to: '/campaigns/$campaignId', params: { campaignId } });
    },
  });
  return (
    <div className="stack gap-m">
      <div className="split" style={side(440)}>
        <Panel title={t('campaigns.measure.control')} note={t('campaigns.measure.controlNote')}>
          <div className="row gap-m">
            <Slider
              style={{ flex: '1 1 240px' }}
              min={0}
              max={50}
              step={1}
              value={share * 100}
              ariaLabelForHandle={t('campaigns.measure.share')}
              onChange={(percent) => change({ control: { ...draft.control, share: percent / 100 } })}
            />
            <InputNumber
              min={0}
              max={99}
              suffix="%"
              style={{ width: 100 }}
              aria-label={t('campaigns.measure.share')}
              value={Math.round(share * 1000) / 10}
              onChange={(percent) => change({ control: { ...draft.control, share: (percent ?? 0) / 100 } })}
            />
          </div>
        </Panel>
        <Panel title={t('campaigns.measure.advice')}>
          <AdviceView draft={draft} share={share} />
        </Panel>
      </div>
      <Panel
        title={t('campaigns.dryRun.title')}
        note={t('campaigns.dryRun.note')}
        actions={
          <Button loading={dryRun.isPending} onClick={() => dryRun.mutate()}>
            {t('campaigns.dryRun.run')}
          </Button>
        }
      >
        {dryRun.error ? <ProblemView error={dryRun.error} /> : null}
        {dryRun.data ? (
          <DryRunView result={dryRun.data} />
        ) : dryRun.error ? null : (
          <Nothing title={t('campaigns.dryRun.none')} />
        )}
      </Panel>
      {submit.error ? <ProblemView error={submit.error} /> : null}
      {may('campaigns.submit') ? (
        <Panel>
          <div className="row between gap-m">
            <div>
              <h2 className="panel-title">{t('campaigns.submitTitle')}</h2>
              <p className="soft">
                {steps?.submittable ? t('campaigns.submitReady') : t('campaigns.submitMissing')}
              </p>
            </div>
            <Button
              type="primary"
              size="large"
              icon={<SendIcon />}
              disabled={steps?.submittable !== true}
              loading={submit.isPending}
              onClick={() => submit.mutate()}
            >
              {t('campaigns.submit')}
            </Button>
          </div>
        </Panel>
      ) : null}
    </div>
  );
}

function AdviceView({ draft, share }: { readonly draft: StepProps['draft']; readonly share: number }) {
  const t = useText();
  const formats = useFormats();
  const localized = useLocalized();
  const { audience, kpi } = draft;
  const controlShare = useDebounced(share, 300);
  const hasAudience = audience?.audienceId !== undefined || audience?.condition !== undefined;
  const advice = useQuery({
    ...adviceQuery({ controlShare, audience, kpi }),
    enabled: hasAudience && kpi !== undefined,
  });
  if (!hasAudience || kpi === undefined) return <Nothing title={t('campaigns.measure.needs')} />;
  return (
    <Answer query={advice}>
      {(result) => (
        <div className="stack gap-m">
          <p>{localized(result.sentence)}</p>
          <div className="grid" style={cells(120)}>
            <Figure label={t('campaigns.treated')} value={<Num value={result.treated} />} />
            <Figure label={t('campaigns.control')} value={<Num value={result.control} />} />
            <Figure
              label={t('campaigns.measure.base')}
              value={<Percent ratio={result.baseRate} digits={2} />}
              note={t(`campaigns.measure.baseFrom.${result.baseRateSource}`)}
            />
            <Figure
              label={t('campaigns.measure.detectable')}
              value={
                result.detectableAbsolute === undefined ? '—' : formats.points(result.detectableAbsolute)
              }
              note={
                result.detectableRelative === undefined
                  ? undefined
                  : `+${formats.percent(result.detectableRelative, 0)}`
              }
            />
          </div>
        </div>
      )}
    </Answer>
  );
}

function DryRunView({ result }: { readonly result: DryRun }) {
  const t = useText();
  const eligible = result.targeted - result.unreachable - result.noConsent - result.suppressed;
  return (
    <div className="split" style={side(480)}>
      <FunnelChart
        label={t('campaigns.dryRun.title')}
        steps={[
          {
            name: t('campaigns.funnel.step.targeted'),
            count: result.targeted,
            exits: [
              { reason: t('campaigns.funnel.reason.unreachable'), count: result.unreachable },
              { reason: t('campaigns.funnel.reason.no_consent'), count: result.noConsent },
              { reason: t('campaigns.funnel.reason.suppressed'), count: result.suppressed },
            ],
          },
          {
            name: t('campaigns.funnel.step.eligible'),
            count: eligible,
            exits: [{ reason: t('campaigns.control'), count: result.control }],
          },
          {
            name: t('campaigns.funnel.step.treated'),
            count: eligible - result.control,
            exits: [{ reason: t('campaigns.funnel.reason.rolling_cap'), count: result.capped }],
          },
          { name: t('campaigns.dryRun.wouldBeSent'), count: result.wouldBeSent, exits: [] },
        ]}
      />
      {result.samples.length === 0 ? (
        <Nothing title={t('campaigns.dryRun.noSamples')} />
      ) : (
        <Tabs
          size="small"
          items={result.samples.map((sample) => ({
            key: sample.customerId,
            label: sample.customerId,
            children: (
              <div className="stack gap-s">
                <div className="row gap-s">
                  <CustomerLink customerId={sample.customerId} />
                  {sample.variantId ? <Badge tone="primary">{sample.variantId}</Badge> : null}
                  {sample.missing.map((field) => (
                    <Badge key={field} tone="warn">
                      {t('content.preview.missing', { field })}
                    </Badge>
                  ))}
                </div>
                {sample.subject ? <strong>{sample.subject}</strong> : null}
                {sample.html ? (
                  <MessageFrame html={sample.html} title={sample.subject ?? sample.customerId} height={360} />
                ) : (
                  <SmsBubble text={sample.text} />
                )}
              </div>
            ),
          }))}
        />
      )}
    </div>
  );
}
