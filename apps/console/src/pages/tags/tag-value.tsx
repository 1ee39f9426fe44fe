import type { TagValue, TagValueType } from '@rapport/tags/contract';
import { useText } from '../../i18n/i18n.ts';
import { Day, Money, Num, When } from '../../ui/figures.tsx';

interface TagValueTextProps {
  readonly value: TagValue | null | undefined;
  readonly valueType: TagValueType | string;
  readonly unit?: string | undefined;
  /** What the value is called, where the tag has a dictionary. */
  readonly title?: string | undefined;
}

const CURRENCY = /^[A-Z]{3}$/;

/** A tag value in the words of its type. */
export function TagValueText({ value, valueType, unit, title }: TagValueTextProps) {
  const t = useText();
  if (value === null || value === undefined) return <span className="faint">{t('common.unknown')}</span>;
  if (title) return <span>{title}</span>;
  if (typeof value === 'boolean') return <span>{value ? t('common.yes') : t('common.no')}</span>;
  if (Array.isArray(value)) return <span>{value.join(', ')}</span>;
  if (valueType === 'money' && typeof value === 'number' && unit && CURRENCY.test(unit)) {
    return <Money amountMinor={value} currency={unit} />;
  }
  if (typeof value === 'number') {
    return (
      <span>
        <Num value={value} />
        {unit ? <span className="faint"> {unit}</span> : null}
      </span>
    );
  }
  if (valueType === 'date') return <Day date={value} />;
  if (valueType === 'instant') return <When at={value} />;
  return <span>{value}</span>;
}
