import type { TagSummary } from '@rapport/tags/contract';
import { useText } from '../../i18n/i18n.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';

const tones: Readonly<Record<TagSummary['state'], Tone>> = {
  new: 'calm',
  fresh: 'good',
  stale: 'warn',
  failed: 'bad',
};

export function TagStateBadge({ state }: { readonly state: TagSummary['state'] }) {
  const t = useText();
  return <Badge tone={tones[state]}>{t(`tags.state.${state}`)}</Badge>;
}
