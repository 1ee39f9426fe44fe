import type { TagView } from '@rapport/tags/contract';
import { useMemo } from 'react';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useFormats } from '../../ui/figures.tsx';

interface ValueText {
  /** A number of the tag's distribution: an amount, a day in epoch milliseconds, a plain number. */
  number(value: number): string;
  /** A value by its title in the dictionary. */
  value(value: unknown): string;
}

/** Writes values of a tag as its type and dictionary say. */
export function useValueText(tag: Pick<TagView, 'valueType' | 'unit' | 'values'>): ValueText {
  const t = useText();
  const localized = useLocalized();
  const formats = useFormats();
  const { valueType, unit, values } = tag;
  return useMemo(() => {
    const number = (value: number): string => {
      if (valueType === 'money' && unit && /^[A-Z]{3}$/.test(unit))
        return formats.money(value, unit, { compact: true });
      if (valueType === 'date' || valueType === 'instant') return formats.day(value);
      return formats.number(value, { maximumFractionDigits: 2 });
    };
    return {
      number,
      value(value) {
        const titled = values?.find((one) => one.value === value);
        if (titled) return localized(titled.title);
        if (value === true) return t('common.yes');
        if (value === false) return t('common.no');
        return typeof value === 'number' ? number(value) : String(value);
      },
    };
  }, [t, localized, formats, valueType, unit, values]);
}
