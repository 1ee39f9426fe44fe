import type { TagSummary } from '@rapport/tags/contract';
import { useText } from '../../i18n/i18n.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';

type Status = TagSummary['status'];
type Verdict = TagSummary['verdict'];

export const STATUSES = [
  'demand',
  'design',
  'review',
  'published',
  'monitored',
  'retired',
] as const satisfies readonly Status[];
export const VERDICTS = ['good', 'warn', 'bad', 'unknown'] as const satisfies readonly Verdict[];

const statusTones: Readonly<Record<Status, Tone>> = {
  demand: 'accent',
  design: 'violet',
  review: 'warn',
  published: 'info',
  monitored: 'primary',
  retired: 'calm',
};
const verdictTones: Readonly<Record<Verdict, Tone>> = {
  good: 'good',
  warn: 'warn',
  bad: 'bad',
  unknown: 'calm',
};

/** Where a tag stands in its life. */
export function StatusBadge({ status }: { readonly status: Status }) {
  const t = useText();
  return <Badge tone={statusTones[status]}>{t(`market.status.${status}`)}</Badge>;
}

/** How good the values of a tag are. */
export function VerdictBadge({ verdict }: { readonly verdict: Verdict }) {
  const t = useText();
  return <Badge tone={verdictTones[verdict]}>{t(`market.verdict.${verdict}`)}</Badge>;
}
