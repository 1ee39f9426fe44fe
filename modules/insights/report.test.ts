import { LANGUAGES } from '@rapport/kernel';
import { cidSetOf } from '@rapport/stores';
import { describe, expect, it } from 'vitest';
import type { Conversion, Conversions } from './conversions.ts';
import { narrativeOf, percent, points, warningsOf, whole } from './narrative.ts';
import { dailyCurve, deliveredOnly, type Experiment, estimate } from './report.ts';

const LAUNCH = Date.UTC(2026, 10, 23, 1);
const HOUR = 3_600_000;

/** Treated are 1 … treated, control follow; the first of each arm converted. */
function experiment(
  treated: number,
  treatedConversions: number,
  control: number,
  controlConversions: number,
): Experiment {
  const range = (from: number, count: number): number[] =>
    Array.from({ length: count }, (_, index) => from + index);
  const converted = [...range(1, treatedConversions), ...range(treated + 1, controlConversions)];
  const byCid = new Map<number, Conversion>(
    converted.map((cid, index) => [
      cid,
      { firstAt: LAUNCH + (index % 72) * HOUR + 1, events: 1, amountMinor: 10_000 },
    ]),
  );
  const conversions: Conversions = {
    cids: cidSetOf(converted),
    byCid,
    amountProperty: 'amount_minor',
    currency: 'CNY',
  };
  return {
    treated: cidSetOf(range(1, treated)),
    control: cidSetOf(range(treated + 1, control)),
    plannedControlShare: 0.1,
    conversions,
  };
}

describe('estimate', () => {
  it('compares the arms as assigned', () => {
    const { treated, control, lift, value, sampleRatio } = estimate(experiment(9000, 720, 1000, 50));
    expect([treated.rate, control.rate]).toEqual([0.08, 0.05]);
    expect(lift?.absolute).toBeCloseTo(0.03, 12);
    expect(lift?.relative).toBeCloseTo(0.6, 12);
    expect(lift?.significant).toBe(true);
    expect(lift?.incremental).toBeCloseTo(270, 9);
    expect(value?.perCustomer).toBeCloseTo(300, 9);
    expect(value?.incrementalMinor).toBe(2_700_000);
    expect(sampleRatio).toEqual({ pValue: 1, ok: true });
  });

  it('finds a broken split', () => {
    expect(estimate(experiment(9000, 1, 1400, 1)).sampleRatio.ok).toBe(false);
  });

  it('leaves open what cannot be told', () => {
    expect(estimate(experiment(100, 5, 0, 0)).lift).toBeUndefined();
    const open = estimate(experiment(900, 9, 100, 0)).lift;
    expect(open?.relative).toBeUndefined();
    expect(open?.relativeInterval.high).toBeUndefined();
  });
});

describe('dailyCurve', () => {
  it('ends where the arms end', () => {
    const measured = experiment(9000, 720, 1000, 50);
    const days = dailyCurve(measured, { after: LAUNCH, until: LAUNCH + 14 * 24 * HOUR });
    expect(days[0]?.day).toBe('2026-11-23');
    expect(days.reduce((sum, day) => sum + day.treated, 0)).toBe(720);
    expect(days.at(-1)?.treatedRate).toBe(0.08);
    expect(days.at(-1)?.controlRate).toBe(0.05);
  });

  it('tells the median time to conversion of those reached', () => {
    const { conversions } = experiment(9000, 3, 0, 0);
    expect(deliveredOnly(cidSetOf([1, 2, 3, 4]), conversions, LAUNCH).hoursToConversion).toBeCloseTo(1, 5);
  });
});

describe('narrative', () => {
  const cases: [string, Experiment][] = [
    ['a clear gain', experiment(9000, 720, 1000, 50)],
    ['chance', experiment(900, 60, 100, 5)],
    ['a loss', experiment(9000, 200, 1000, 60)],
    ['no control', experiment(500, 40, 0, 0)],
    ['rare conversions', experiment(90_000, 90, 10_000, 4)],
  ];

  it.each(cases)('names only figures of the report: %s', (_, measured) => {
    const result = estimate(measured);
    const { treated, control, lift } = result;
    const signless = (text: string): string => text.replace('−', '');
    const allowed = new Set(
      [
        whole(treated.customers),
        whole(control.customers),
        percent(treated.rate),
        percent(control.rate),
        '95 %',
        ...(lift
          ? [
              points(lift.absolute),
              points(lift.absoluteInterval.low ?? 0),
              points(lift.absoluteInterval.high ?? 0),
              whole(lift.incremental),
              whole(lift.incrementalInterval.low ?? 0),
              whole(lift.incrementalInterval.high ?? 0),
            ]
          : []),
      ].map((text) => signless(text).replace(' %', '')),
    );
    for (const language of LANGUAGES) {
      const sentence = narrativeOf(result)[language];
      const numbers = sentence.match(/\d[\d,]*(\.\d+)?/g) ?? [];
      expect(numbers.length).toBeGreaterThan(0);
      for (const number of numbers) expect(allowed, `${number} in “${sentence}”`).toContain(number);
      expect(sentence).toContain(percent(treated.rate));
    }
  });

  it('warns of an open window and of too little power', () => {
    const result = estimate(experiment(900, 60, 100, 5));
    const codes = warningsOf({
      estimate: result,
      isLaunched: true,
      isOver: true,
      isSending: false,
      plannedControlShare: 0.1,
      window: { until: LAUNCH + HOUR },
      now: LAUNCH,
      delivered: 850,
    }).map((warning) => warning.code);
    expect(codes).toEqual(['window_open', 'underpowered']);
  });
});
