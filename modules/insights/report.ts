import type { EpochMs } from '@rapport/kernel';
import {
  compareMeans,
  compareProportions,
  detectableLift,
  type Interval,
  meanArm,
  rateInterval,
  sampleRatioPValue,
} from '@rapport/statistics';
import type { CidSet } from '@rapport/stores';
import type { CampaignReport, ReportArm, ReportLift, ReportValue } from './contract.ts';
import type { Conversions } from './conversions.ts';

const DAY = 86_400_000;
/** Below this p-value the split is taken to be broken; the usual bar for sample-ratio checks. */
const SAMPLE_RATIO_ALPHA = 0.001;
const MOST_DAYS = 400;

export interface Experiment {
  /** Everybody assigned to be contacted, reached or not: the arms are compared as assigned. */
  readonly treated: CidSet;
  readonly control: CidSet;
  readonly plannedControlShare: number;
  readonly conversions: Conversions;
}

export interface Estimate {
  readonly treated: ReportArm;
  readonly control: ReportArm;
  readonly lift: ReportLift | undefined;
  readonly value: ReportValue | undefined;
  readonly sampleRatio: CampaignReport['sampleRatio'];
  readonly detectable: CampaignReport['detectable'];
}

/**
 * What a campaign caused, by intention to treat: everybody assigned to treatment against everybody assigned to
 * control, over the same window from the same instant. Whom a message could reach differs from whom it could not, so
 * comparing only the reached with control would mistake that difference for an effect.
 */
export function estimate(experiment: Experiment): Estimate {
  const treated = armOf(experiment.treated, experiment.conversions);
  const control = armOf(experiment.control, experiment.conversions);
  const sizes = { treated: treated.arm.customers, control: control.arm.customers };
  const share = experiment.plannedControlShare;
  const pValue =
    share > 0 && share < 1 ? sampleRatioPValue([sizes.treated, sizes.control], [1 - share, share]) : 1;
  return {
    treated: treated.arm,
    control: control.arm,
    lift: liftOf(treated.arm, control.arm),
    value: valueLiftOf(treated, control, experiment.conversions),
    sampleRatio: { pValue, ok: pValue >= SAMPLE_RATIO_ALPHA },
    detectable: detectableLift({ ...sizes, baseRate: control.arm.rate }),
  };
}

interface MeasuredArm {
  readonly arm: ReportArm;
  readonly sum: number;
  readonly sumOfSquares: number;
}

function armOf(cids: CidSet, conversions: Conversions): MeasuredArm {
  let [events, sum, sumOfSquares] = [0, 0, 0];
  const converted = cids.and(conversions.cids);
  for (const cid of converted.toArray()) {
    const conversion = conversions.byCid.get(cid);
    if (!conversion) continue;
    events += conversion.events;
    sum += conversion.amountMinor;
    sumOfSquares += conversion.amountMinor ** 2;
  }
  const [customers, count] = [cids.size, converted.size];
  const interval = rateInterval({ size: customers, conversions: count });
  return {
    sum,
    sumOfSquares,
    arm: {
      customers,
      conversions: count,
      rate: customers > 0 ? count / customers : 0,
      rateInterval: { low: interval.low, high: interval.high },
      events,
      ...(conversions.amountProperty === undefined
        ? {}
        : { amountMinor: sum, amountPerCustomer: customers > 0 ? sum / customers : 0 }),
    },
  };
}

function liftOf(treated: ReportArm, control: ReportArm): ReportLift | undefined {
  const result = compareProportions(
    { size: treated.customers, conversions: treated.conversions },
    { size: control.customers, conversions: control.conversions },
  );
  if (!result) return undefined;
  const { differenceInterval: interval } = result;
  return {
    absolute: result.difference,
    absoluteInterval: finite(interval),
    ...(result.relative === undefined ? {} : { relative: result.relative }),
    relativeInterval: finite(result.relativeInterval),
    pValue: result.pValue,
    significant: result.pValue < 0.05,
    incremental: result.difference * treated.customers,
    incrementalInterval: finite({
      low: interval.low * treated.customers,
      high: interval.high * treated.customers,
    }),
  };
}

function valueLiftOf(
  treated: MeasuredArm,
  control: MeasuredArm,
  conversions: Conversions,
): ReportValue | undefined {
  if (conversions.amountProperty === undefined) return undefined;
  const size = treated.arm.customers;
  const result = compareMeans(
    meanArm(size, treated.sum, treated.sumOfSquares),
    meanArm(control.arm.customers, control.sum, control.sumOfSquares),
  );
  if (!result) return undefined;
  return {
    property: conversions.amountProperty,
    ...(conversions.currency === undefined ? {} : { currency: conversions.currency }),
    perCustomer: result.difference,
    perCustomerInterval: finite(result.interval),
    pValue: result.pValue,
    incrementalMinor: Math.round(result.difference * size),
    incrementalInterval: finite({ low: result.interval.low * size, high: result.interval.high * size }),
  };
}

/** JSON knows no infinity: an open end is left out. */
const finite = ({ low, high }: Interval): { low?: number; high?: number } => ({
  ...(Number.isFinite(low) ? { low } : {}),
  ...(Number.isFinite(high) ? { high } : {}),
});

/** First conversions day by day (UTC) and the share converted until each day. */
export function dailyCurve(
  experiment: Pick<Experiment, 'treated' | 'control' | 'conversions'>,
  window: { readonly after: EpochMs; readonly until: EpochMs },
): CampaignReport['daily'] {
  const firstDay = Math.floor(window.after / DAY);
  const days = Math.min(MOST_DAYS, Math.max(1, Math.floor(window.until / DAY) - firstDay + 1));
  const counts = Array.from({ length: days }, () => ({ treated: 0, control: 0 }));
  for (const [cid, { firstAt }] of experiment.conversions.byCid) {
    const count = counts[Math.min(days - 1, Math.max(0, Math.floor(firstAt / DAY) - firstDay))];
    if (!count) continue;
    if (experiment.treated.has(cid)) count.treated++;
    else if (experiment.control.has(cid)) count.control++;
  }
  let [treated, control] = [0, 0];
  return counts.map((count, index) => {
    treated += count.treated;
    control += count.control;
    return {
      day: new Date((firstDay + index) * DAY).toISOString().slice(0, 10),
      ...count,
      treatedRate: experiment.treated.size > 0 ? treated / experiment.treated.size : 0,
      controlRate: experiment.control.size > 0 ? control / experiment.control.size : 0,
    };
  });
}

/** Of those a message reached: how many converted, and how soon. Descriptive, never an effect. */
export function deliveredOnly(
  delivered: CidSet,
  conversions: Conversions,
  after: EpochMs,
): CampaignReport['deliveredOnly'] {
  const converted = delivered.and(conversions.cids);
  const hours = [...converted.toArray()]
    .map((cid) => ((conversions.byCid.get(cid)?.firstAt ?? after) - after) / 3_600_000)
    .sort((a, b) => a - b);
  const middle = hours[Math.floor((hours.length - 1) / 2)];
  return {
    customers: delivered.size,
    conversions: converted.size,
    rate: delivered.size > 0 ? converted.size / delivered.size : 0,
    ...(middle === undefined ? {} : { hoursToConversion: middle }),
  };
}
