import type { CampaignFunnel } from '@rapport/insights/contract';
import { useText } from '../../i18n/i18n.ts';
import { Badge } from '../../ui/badge.tsx';
import { FunnelChart, type FunnelStep } from '../../ui/charts.tsx';
import { useFormats } from '../../ui/figures.tsx';

type StageName = CampaignFunnel['exits'][number]['stage'];

/** After which step the exits of a stage are counted. */
const STAGES_AFTER: Readonly<Partial<Record<CampaignFunnel['steps'][number]['id'], readonly StageName[]>>> = {
  targeted: ['eligibility'],
  treated: ['contact_policy', 'dispatch', 'under_way'],
  handed_over: ['channel'],
};

/** The process funnel with everybody accounted for: what leaves a step stands beneath it. */
export function CampaignFunnelView({ funnel }: { readonly funnel: CampaignFunnel }) {
  const t = useText();
  const formats = useFormats();
  const steps: readonly FunnelStep[] = funnel.steps.map((step) => ({
    name: t(`campaigns.funnel.step.${step.id}`),
    count: step.customers,
    exits: [
      ...(step.id === 'eligible' ? [{ reason: t('campaigns.control'), count: funnel.control }] : []),
      ...funnel.exits
        .filter((exit) => STAGES_AFTER[step.id]?.includes(exit.stage))
        .map((exit) => ({ reason: t(`campaigns.funnel.reason.${exit.reason}`), count: exit.customers })),
    ],
  }));
  return (
    <div className="stack gap-m">
      <FunnelChart label={t('campaigns.funnel.title')} steps={steps} />
      <div className="row gap-s">
        <Badge tone={funnel.difference === 0 ? 'good' : 'bad'}>
          {funnel.difference === 0
            ? t('campaigns.funnel.conserved')
            : t('campaigns.funnel.broken', { count: formats.number(funnel.difference) })}
        </Badge>
        <span className="faint">
          {t('campaigns.funnel.sum', {
            targeted: formats.number(funnel.targeted),
            control: formats.number(funnel.control),
            delivered: formats.number(funnel.delivered),
            exits: formats.number(funnel.exits.reduce((sum, exit) => sum + exit.customers, 0)),
          })}
        </span>
      </div>
    </div>
  );
}
