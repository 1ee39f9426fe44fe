import type { Condition, PropertyCondition } from '@rapport/conditions';
import { systemActor } from '@rapport/kernel';
import { Type } from 'typebox';
import { type ExampleBank, loadExample, startExampleBank } from '../bank.ts';
import { type CheckedFigure, checkFigures, missingFile, readFigures } from '../figures.ts';

/** What to set when the data is not there. */
export const missingJourney = (datasets: string | undefined): Promise<string | undefined> =>
  missingFile(
    datasets,
    'complete-journey/campaigns.csv',
    '"complete-journey" with the files of dunnhumby\'s "The Complete Journey" (campaign_descriptions.csv, campaigns.csv, coupons.csv, coupon_redemptions.csv, demographics.csv and transactions_sample.csv)',
  );

/**
 * A type of campaign: households once for each of its campaigns.
 *
 * @source dunnhumby, The Complete Journey: pairs of household and campaign that are different
 */
const PUBLISHED = [
  { type: 'Type A', targeted: 3_647, redeemed: 604, rate: '16.56' },
  { type: 'Type B', targeted: 2_368, redeemed: 154, rate: '6.50' },
  { type: 'Type C', targeted: 574, redeemed: 34, rate: '5.92' },
] as const;

export interface FunnelRow {
  readonly type: string;
  readonly campaigns: number;
  readonly targeted: number;
  readonly redeemed: number;
  /** redeemed ÷ targeted, in per cent with two decimals. */
  readonly rate: string;
}

export interface JourneyOutcome {
  /** What the load read, loaded, refused and remarked. */
  readonly load: readonly string[];
  readonly funnel: readonly FunnelRow[];
  readonly figures: readonly CheckedFigure[];
}

/** Loads the campaigns, counts their funnel by audiences of events, and compares the published figures. */
export async function runCompleteJourney(
  options: { keep?: (home: string) => void } = {},
): Promise<JourneyOutcome> {
  const bank = await startExampleBank({
    name: 'The Complete Journey',
    currency: 'USD',
    zone: 'America/New_York',
    keep: options.keep !== undefined,
  });
  try {
    const load = await loadExample(bank, 'complete_journey', new URL('.', import.meta.url));
    const figures = await checkFigures(
      bank,
      'complete_journey',
      await readFigures(new URL('figures.json', import.meta.url)),
    );
    const funnel = await countFunnel(bank);
    const byType = PUBLISHED.flatMap(({ type, ...published }) => {
      const row = funnel.find((each) => each.type === type);
      return [
        figure(`${type}: targeted`, published.targeted, row?.targeted),
        figure(`${type}: redeemed`, published.redeemed, row?.redeemed),
        figure(`${type}: redeemed, per cent`, published.rate, row?.rate),
      ];
    });
    return { load, funnel, figures: [...figures, ...byType] };
  } finally {
    await bank.stop();
    options.keep?.(bank.home);
  }
}

const Campaign = Type.Object({ id: Type.String(), type: Type.String() });

/** Two audiences a campaign: who was targeted by it, and who of them redeemed a coupon of it. */
async function countFunnel({ platform, stores }: ExampleBank): Promise<FunnelRow[]> {
  const release = await stores.releases.current();
  const table = release.placements.get('src/complete_journey/campaign')?.table ?? '';
  const campaigns = await stores.warehouse.query(
    Campaign,
    `SELECT campaign_id AS id, campaign_type AS type FROM ${stores.warehouse.identifier(table)} ORDER BY toUInt16(campaign_id)`,
  );
  const rows = new Map<string, { campaigns: number; targeted: number; redeemed: number }>();
  for (const { id, type } of campaigns) {
    // A property whose values are all numbers is one.
    const where: PropertyCondition = { property: 'campaign', op: '=', value: Number(id) };
    const targeted: Condition = { event: 'campaign_targeted', where, op: '>=', value: 1 };
    const redeemed: Condition = { event: 'coupon_redeemed', where, op: '>=', value: 1 };
    const count = async (condition: Condition): Promise<number> =>
      (await platform.audiences.count({ condition }, systemActor)).count;
    const row = rows.get(type) ?? { campaigns: 0, targeted: 0, redeemed: 0 };
    rows.set(type, {
      campaigns: row.campaigns + 1,
      targeted: row.targeted + (await count(targeted)),
      redeemed: row.redeemed + (await count({ all: [targeted, redeemed] })),
    });
  }
  return [...rows]
    .map(([type, row]) => ({ type, ...row, rate: ((row.redeemed / row.targeted) * 100).toFixed(2) }))
    .toSorted((a, b) => a.type.localeCompare(b.type));
}

function figure(name: string, expected: number | string, found: number | string | undefined): CheckedFigure {
  return { name, expected: String(expected), found: String(found), holds: found === expected };
}
