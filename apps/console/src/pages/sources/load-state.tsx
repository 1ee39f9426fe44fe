import type { LoadState } from '@rapport/sources/contract';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';

const tones: Readonly<Record<LoadState | 'done', Tone>> = {
  queued: 'calm',
  running: 'info',
  loaded: 'good',
  done: 'good',
  refused: 'warn',
  failed: 'bad',
};

const isLoadState = (text: string): text is keyof typeof tones => text in tones;

export function LoadStateBadge({ state }: { readonly state: string | undefined }) {
  const t = useText();
  const dynamic = useDynamicText();
  if (!state) return <Badge tone="calm">{t('sources.load.never')}</Badge>;
  return (
    <Badge tone={isLoadState(state) ? tones[state] : 'calm'} live={state === 'running'}>
      {dynamic(`sources.load.state.${state}`, state)}
    </Badge>
  );
}
