import type { ExplainResult } from '@rapport/audiences/contract';
import { useState } from 'react';
import { useText } from '../../i18n/i18n.ts';
import { DayField } from '../../ui/date-fields.tsx';
import { useFormats } from '../../ui/figures.tsx';
import { Segmented, Slider } from '../../ui/kit.ts';
import { dayBefore, dayOf, daysBack, endOfDay } from './as-of.ts';

interface AsOfControlProps {
  readonly asOf: string | undefined;
  /** The answer for that instant, which says what values the tags had. */
  readonly result: ExplainResult | undefined;
  readonly titleOf: (tagId: string) => string;
  readonly onChange: (asOf: string | undefined) => void;
}

const FIRST_DAYS = 30;
const MOST_DAYS = 365;

/** Time travel: the count as of now or as of the end of a past day, by slider or by date. */
export function AsOfControl({ asOf, result, titleOf, onChange }: AsOfControlProps) {
  const t = useText();
  const formats = useFormats();
  // While the handle is dragged the day follows it; the question is asked when it is let go.
  const [dragged, setDragged] = useState<number | undefined>(undefined);
  const now = Date.now();
  const back = dragged ?? (asOf === undefined ? 0 : daysBack(now, asOf));
  const ask = (days: number): void => {
    setDragged(undefined);
    onChange(days <= 0 ? undefined : endOfDay(dayBefore(now, days)));
  };
  const kept = Object.entries(result?.tagsAsOf ?? {});
  const present = kept.filter(([, day]) => day === 'present').map(([tag]) => titleOf(tag));
  const days = [...new Set(kept.map(([, day]) => day).filter((day) => day !== 'present'))].sort();
  return (
    <section className="as-of" aria-label={t('insight.asOf.title')}>
      <div className="row gap-s">
        <span className="faint">{t('insight.asOf.title')}</span>
        <Segmented<'now' | 'past'>
          size="small"
          value={asOf === undefined && dragged === undefined ? 'now' : 'past'}
          onChange={(mode) => ask(mode === 'now' ? 0 : FIRST_DAYS)}
          options={[
            { value: 'now', label: t('insight.asOf.now') },
            { value: 'past', label: t('insight.asOf.past') },
          ]}
        />
        {asOf === undefined && dragged === undefined ? null : (
          <>
            <div className="as-of-slider">
              <Slider
                min={0}
                max={Math.max(MOST_DAYS, back)}
                reverse
                value={back}
                ariaLabelForHandle={t('insight.asOf.slide')}
                tooltip={{ formatter: (value) => t('insight.asOf.daysAgo', { count: value ?? 0 }) }}
                onChange={setDragged}
                onChangeComplete={ask}
              />
            </div>
            <DayField
              label={t('insight.asOf.day')}
              value={dragged === undefined && asOf !== undefined ? dayOf(asOf) : dayBefore(now, back)}
              onChange={(day) => ask(day === undefined ? 0 : daysBack(now, endOfDay(day)))}
            />
          </>
        )}
      </div>
      {asOf === undefined ? null : (
        <p className="as-of-note">
          {t('insight.asOf.counted', { day: formats.day(dayOf(asOf)) })}{' '}
          {days.map((day) => t('insight.asOf.kept', { day: formats.day(day) })).join(' ')}{' '}
          {present.length > 0 ? (
            <strong>{t('insight.asOf.present', { tags: present.join(t('insight.comma')) })}</strong>
          ) : null}
          {result?.nodes.some(({ kind }) => kind === 'tag') && kept.length === 0 ? (
            <strong>{t('insight.asOf.allPresent')}</strong>
          ) : null}
        </p>
      )}
    </section>
  );
}
