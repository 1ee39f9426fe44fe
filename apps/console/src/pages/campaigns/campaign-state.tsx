import type { CampaignState } from '@rapport/campaigns/contract';
import { useDynamicText } from '../../i18n/i18n.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';

const tones: Readonly<Record<CampaignState, Tone>> = {
  draft: 'calm',
  in_review: 'warn',
  approved: 'primary',
  rejected: 'bad',
  scheduled: 'info',
  running: 'good',
  paused: 'warn',
  finished: 'primary',
  stopped: 'bad',
};

const isCampaignState = (text: string): text is CampaignState => text in tones;

export function CampaignStateBadge({ state }: { readonly state: string }) {
  const dynamic = useDynamicText();
  return (
    <Badge tone={isCampaignState(state) ? tones[state] : 'calm'} live={state === 'running'}>
      {dynamic(`campaigns.state.${state}`, state)}
    </Badge>
  );
}
