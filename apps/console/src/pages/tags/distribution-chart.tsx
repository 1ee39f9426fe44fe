import type { TagDistribution } from '@rapport/tags/contract';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { BarsChart } from '../../ui/charts.tsx';
import { useFormats } from '../../ui/figures.tsx';
import { Nothing } from '../../ui/states.tsx';

interface DistributionChartProps {
  readonly distribution: TagDistribution;
  readonly valueType: string;
  readonly unit?: string | undefined;
  readonly values?:
    | readonly { readonly value: unknown; readonly title: { readonly en: string } }[]
    | undefined;
}

/** How a tag's values spread: a histogram of amounts, otherwise the most frequent values. */
export function DistributionChart({ distribution, valueType, unit, values }: DistributionChartProps) {
  const t = useText();
  const localized = useLocalized();
  const formats = useFormats();
  const write = (value: number): string => {
    if (valueType === 'money' && unit && /^[A-Z]{3}$/.test(unit))
      return formats.money(value, unit, { compact: true });
    if (valueType === 'date' || valueType === 'instant') return formats.day(value);
    return formats.compact(value);
  };
  const wordOf = (value: unknown): string => {
    const titled = values?.find((one) => one.value === value);
    if (titled) return localized(titled.title);
    if (value === true) return t('common.yes');
    if (value === false) return t('common.no');
    return typeof value === 'number' ? write(value) : String(value);
  };
  // A histogram says more than a list of values once there are many different amounts.
  if (distribution.histogram.length > 0 && (distribution.top.length === 0 || valueType === 'money')) {
    return (
      <BarsChart
        label={t('tags.distribution')}
        categories={distribution.histogram.map((bar) => `${write(bar.from)} – ${write(bar.to)}`)}
        series={[{ name: t('customers.title'), values: distribution.histogram.map((bar) => bar.customers) }]}
        height={260}
      />
    );
  }
  if (distribution.top.length === 0) return <Nothing title={t('tags.noDistribution')} />;
  return (
    <BarsChart
      horizontal
      label={t('tags.distribution')}
      categories={distribution.top.map((one) => wordOf(one.value))}
      series={[{ name: t('customers.title'), values: distribution.top.map((one) => one.customers) }]}
      height={Math.max(140, distribution.top.length * 30 + 30)}
    />
  );
}
