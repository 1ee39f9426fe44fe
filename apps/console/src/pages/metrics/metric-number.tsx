import type { MetricDefinition } from '@rapport/metrics/contract';
import { Money, Num, Percent } from '../../ui/figures.tsx';

/** A value of a metric as its definition says. */
export function MetricNumber({
  definition,
  value,
  compact,
}: {
  readonly definition: Pick<MetricDefinition, 'format' | 'unit'>;
  readonly value: number | undefined;
  readonly compact?: boolean;
}) {
  if (definition.format === 'money')
    return <Money amountMinor={value} currency={definition.unit ?? 'XXX'} compact={compact === true} />;
  if (definition.format === 'share') return <Percent ratio={value} digits={1} />;
  return <Num value={value} compact={compact === true} />;
}
