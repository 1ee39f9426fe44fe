/**
 * Does the report find the effects that were planted? Runs many campaigns over demo banks, each with its own bank
 * seed, control salt and outcome seed, through the bucket draw and the estimator that campaigns and insights use, and
 * counts in how many the planted effect lies inside the 95 % interval.
 *
 *   npx tsx scripts/planted-lift.ts [--seeds 100] [--customers 20000] [--kind rate] [--control 0.2] [--reach 0.92]
 *
 * Exit code 1 when fewer than 93 % of the intervals hold the planted effect.
 */
import { parseArgs } from 'node:util';
import {
  customerIdOf,
  type DemoOfferKind,
  OFFER_KINDS,
  plantedEffect,
  RESPONSE_MODELS,
  respond,
  type Treated,
} from '@rapport/demo-bank';
import { type Conversion, type Conversions, estimate } from '@rapport/insights';
import { BUCKET_COUNT, bucketOf } from '@rapport/kernel';
import { cidSetOf } from '@rapport/stores';

const AS_OF = Date.UTC(2026, 10, 23);
const DAY = 86_400_000;

export interface CoverageOptions {
  readonly seeds: number;
  readonly customers: number;
  readonly kind: DemoOfferKind;
  readonly controlShare: number;
  /** Share of treated customers whose message is delivered. */
  readonly reach: number;
}

export interface CoverageRun {
  readonly seed: number;
  readonly treated: number;
  readonly control: number;
  readonly planted: number;
  readonly found: number;
  readonly low: number;
  readonly high: number;
  readonly inside: boolean;
}

/** One campaign over one bank: drawn, answered and measured. */
export function runCampaign(seed: number, options: CoverageOptions): CoverageRun {
  const plan = { seed, customers: options.customers, asOf: AS_OF };
  const launchedAt = AS_OF + 9 * 3_600_000;
  const salt = `coverage-${seed}`;
  const [treated, control]: [Treated[], string[]] = [[], []];
  const cids = new Map<string, number>();
  for (let index = 0; index < options.customers; index++) {
    const customerId = customerIdOf(plan, index);
    cids.set(customerId, index + 1);
    if (bucketOf(salt, customerId) < options.controlShare * BUCKET_COUNT) control.push(customerId);
    else {
      const delivered = bucketOf(`${salt}/delivery`, customerId) < options.reach * BUCKET_COUNT;
      treated.push(delivered ? { customerId, deliveredAt: launchedAt + 60_000 } : { customerId });
    }
  }
  const byCid = new Map<number, Conversion>();
  const answers = respond({
    plan,
    kind: options.kind,
    campaign: salt,
    outcomeSeed: seed,
    launchedAt,
    treated,
    control,
  });
  const until = launchedAt + RESPONSE_MODELS[options.kind].windowDays * DAY;
  for (const { event } of answers) {
    const cid = event && cids.get(event.customer_id);
    const at = event ? Date.parse(event.at) : 0;
    if (event && cid !== undefined && at > launchedAt && at <= until) {
      byCid.set(cid, { firstAt: at, events: 1, amountMinor: Number(event.amount_minor ?? 0) });
    }
  }
  const conversions: Conversions = {
    cids: cidSetOf(byCid.keys()),
    byCid,
    amountProperty: 'amount_minor',
    currency: 'CNY',
  };
  const setOf = (ids: readonly string[]): ReturnType<typeof cidSetOf> =>
    cidSetOf(ids.map((id) => cids.get(id) ?? 0));
  const { lift } = estimate({
    treated: setOf(treated.map((each) => each.customerId)),
    control: setOf(control),
    plannedControlShare: options.controlShare,
    conversions,
  });
  const planted = plantedEffect({ plan, kind: options.kind, treated });
  const [low, high] = [lift?.absoluteInterval.low ?? -1, lift?.absoluteInterval.high ?? 1];
  return {
    seed,
    treated: treated.length,
    control: control.length,
    planted,
    found: lift?.absolute ?? 0,
    low,
    high,
    inside: low <= planted && planted <= high,
  };
}

const points = (share: number): string => (share * 100).toFixed(2).padStart(7);

function main(): void {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100' },
      customers: { type: 'string', default: '20000' },
      kind: { type: 'string', default: 'rate' },
      control: { type: 'string', default: '0.2' },
      reach: { type: 'string', default: '0.92' },
    },
  });
  const kind = OFFER_KINDS.find((each) => each === values.kind);
  if (!kind) throw new Error(`--kind must be one of ${OFFER_KINDS.join(', ')}, not ${values.kind}`);
  const options: CoverageOptions = {
    seeds: Number(values.seeds),
    customers: Number(values.customers),
    kind,
    controlShare: Number(values.control),
    reach: Number(values.reach),
  };
  console.log('seed  treated control  planted    found      low     high  (points)');
  let [inside, bias] = [0, 0];
  for (let seed = 1; seed <= options.seeds; seed++) {
    const run = runCampaign(seed, options);
    if (run.inside) inside++;
    bias += (run.found - run.planted) / options.seeds;
    console.log(
      `${String(seed).padStart(4)} ${String(run.treated).padStart(8)} ${String(run.control).padStart(7)}  ${points(run.planted)}  ${points(run.found)}  ${points(run.low)}  ${points(run.high)}  ${run.inside ? '' : 'outside'}`,
    );
  }
  const needed = Math.ceil(options.seeds * 0.93);
  console.log(
    `\n${kind}: the planted effect lies inside the 95 % interval in ${inside} of ${options.seeds} campaigns (at least ${needed} expected); mean error ${points(bias).trim()} points.`,
  );
  if (inside < needed) process.exitCode = 1;
}

if (process.argv[1]?.endsWith('planted-lift.ts')) main();
