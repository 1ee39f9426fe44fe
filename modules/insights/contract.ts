import { Instant, LocalizedText, Ratio } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

export * from './lifecycle.contract.ts';

const count = (description: string, example = 100) =>
  Type.Integer({ minimum: 0, description, examples: [example] });
const signed = (description: string, example: number) => Type.Number({ description, examples: [example] });
const money = (description: string, example = 1_250_000) =>
  Type.Integer({ description: `${description}, minor units`, examples: [example] });
const text = (description: string, example: string) => Type.String({ description, examples: [example] });
const sentence = (description: string, en: string) =>
  Type.Unsafe<LocalizedText>({ ...LocalizedText, description, examples: [{ en }] });

/* ── process funnel ──────────────────────────────────────────────────────────────────────────────────── */

/**
 * Why somebody targeted got no message, each targeted customer at most one. The first five can be found before the
 * control group is drawn; `pending` is still under way.
 */
export const FUNNEL_REASONS = [
  'ineligible',
  'unsuitable',
  'unreachable',
  'no_consent',
  'suppressed',
  'rolling_cap',
  'quiet_hours',
  'expired',
  'cancelled',
  'failed',
  'bounced',
  'unknown',
  'pending',
  'other',
] as const;
export type FunnelReason = (typeof FUNNEL_REASONS)[number];

export const FUNNEL_STAGES = ['eligibility', 'contact_policy', 'dispatch', 'channel', 'under_way'] as const;
export type FunnelStage = (typeof FUNNEL_STAGES)[number];

export const FunnelExit = Type.Object(
  {
    reason: Type.Enum(FUNNEL_REASONS, {
      description: 'The one reason of each of them',
      examples: ['no_consent'],
    }),
    stage: Type.Enum(FUNNEL_STAGES, { description: 'Where on the way they left', examples: ['eligibility'] }),
    customers: count('Customers who left for it', 110),
    share: Ratio('Share of the targeted'),
  },
  { description: 'An exit of the funnel' },
);
export type FunnelExit = Static<typeof FunnelExit>;

export const FUNNEL_STEPS = [
  'targeted',
  'eligible',
  'treated',
  'handed_over',
  'delivered',
  'opened',
  'clicked',
  'converted',
] as const;
export const FunnelStep = Type.Object(
  {
    id: Type.Enum(FUNNEL_STEPS, {
      description:
        '`eligible` = targeted without the exits of eligibility; `treated` = eligible without control; `handed_over` = given to the provider; `delivered` = not bounced either; `converted` = delivered and did the KPI event in the window',
      examples: ['eligible'],
    }),
    customers: count('Customers who came this far', 850),
    share: Ratio('Share of the targeted'),
  },
  { description: 'A step of the funnel' },
);
export type FunnelStep = Static<typeof FunnelStep>;

export const CampaignFunnel = Type.Object(
  {
    campaignId: text('Campaign', 'cmp_01j9z3'),
    at: Instant('When it was counted'),
    targeted: count('Audience minus exclusions at launch', 1000),
    control: count('Held back to compare with', 85),
    delivered: count('Messages the provider took and did not bounce', 720),
    exits: Type.Array(FunnelExit, {
      description: 'Everybody else, by reason; reasons without customers are left out',
    }),
    difference: Type.Integer({
      description: 'targeted − control − delivered − Σ exits; 0, or the books are broken',
      examples: [0],
    }),
    steps: Type.Array(FunnelStep, {
      description: 'The same as steps, then opened, clicked, converted; a customer counts once',
    }),
  },
  { description: 'Process funnel: targeted = control + delivered + Σ exits' },
);
export type CampaignFunnel = Static<typeof CampaignFunnel>;

/* ── report ──────────────────────────────────────────────────────────────────────────────────────────── */

export const IntervalOf = (description: string, low: number, high: number) =>
  Type.Object(
    {
      low: Type.Optional(signed('Lower end; absent = open below', low)),
      high: Type.Optional(signed('Upper end; absent = open above', high)),
    },
    { description },
  );

export const ReportArm = Type.Object(
  {
    customers: count('Customers assigned to it', 765),
    conversions: count('Of them, how many did the KPI event in the window', 61),
    rate: Ratio('conversions / customers'),
    rateInterval: IntervalOf('95 % interval of the rate (Wilson)', 0.062, 0.101),
    events: count('KPI events of them in the window, repeats included', 64),
    amountMinor: Type.Optional(money('Sum of the amounts of these events')),
    amountPerCustomer: Type.Optional(
      signed('Mean amount over all customers of the arm, minor units', 1634.2),
    ),
  },
  { description: 'One arm of the experiment' },
);
export type ReportArm = Static<typeof ReportArm>;

export const ReportLift = Type.Object(
  {
    absolute: signed('Treated rate − control rate (0.01 = one point)', 0.021),
    absoluteInterval: IntervalOf('95 % interval of it (Miettinen–Nurminen score)', 0.004, 0.038),
    relative: Type.Optional(signed('Absolute / control rate; absent when nobody in control converted', 0.35)),
    relativeInterval: IntervalOf('95 % interval of it (score)', 0.05, 0.77),
    pValue: Ratio('Two-sided p-value; below 0.05 exactly when the interval excludes 0'),
    significant: Type.Boolean({ description: 'p-value below 0.05', examples: [true] }),
    incremental: signed('Conversions that the campaign caused: absolute × treated', 16.1),
    incrementalInterval: IntervalOf('95 % interval of it', 3.1, 29.1),
  },
  { description: 'What the campaign caused' },
);
export type ReportLift = Static<typeof ReportLift>;

export const ReportValue = Type.Object(
  {
    property: text('Property of the KPI event that was summed', 'amount_minor'),
    currency: Type.Optional(text('Currency, where all amounts share one', 'CNY')),
    perCustomer: signed('Caused amount per treated customer, minor units', 412.5),
    perCustomerInterval: IntervalOf('95 % interval of it (Welch)', 60.1, 764.9),
    pValue: Ratio('Two-sided p-value'),
    incrementalMinor: signed('Caused amount in all: per customer × treated, minor units', 315_562),
    incrementalInterval: IntervalOf('95 % interval of it', 45_976, 585_148),
  },
  { description: 'Caused value' },
);
export type ReportValue = Static<typeof ReportValue>;

export const ReportDay = Type.Object(
  {
    day: Type.String({ format: 'date', description: 'Day (UTC)', examples: ['2026-11-25'] }),
    treated: count('Treated customers whose first conversion was that day', 9),
    control: count('Control customers whose first conversion was that day', 1),
    treatedRate: Ratio('Share of treated converted until then'),
    controlRate: Ratio('Share of control converted until then'),
  },
  { description: 'A day of the window' },
);

export const ChannelRow = Type.Object(
  {
    channel: text('Channel', 'email'),
    variantId: Type.Optional(text('Variant, in the table by variant', 'wealth')),
    messages: count('Messages made', 765),
    sent: count('Taken by the provider', 740),
    delivered: count('Taken and not bounced', 720),
    opened: count('Opened', 288),
    clicked: count('Clicked', 61),
    converted: count(
      'Receivers who converted in the window (descriptive: variants are not drawn at random)',
      58,
    ),
    optedOut: count('Receivers who opted out since', 2),
  },
  { description: 'What became of the messages' },
);
export type ChannelRow = Static<typeof ChannelRow>;

export const WARNING_CODES = [
  'no_control',
  'sample_ratio',
  'underpowered',
  'window_open',
  'not_finished',
  'no_conversions',
  'low_delivery',
  'not_launched',
] as const;
export const ReportWarning = Type.Object(
  {
    code: Type.Enum(WARNING_CODES, { description: 'Stable name', examples: ['window_open'] }),
    text: sentence('What to bear in mind', 'The window is open until 9 December; figures will still grow.'),
  },
  { description: 'Something to bear in mind when reading' },
);
export type ReportWarning = Static<typeof ReportWarning>;

export const CampaignReport = Type.Object(
  {
    campaignId: text('Campaign', 'cmp_01j9z3'),
    name: text('Its name', 'Term deposit, autumn'),
    state: text('Its state', 'running'),
    at: Instant('When the report was computed'),
    launchedAt: Type.Optional(Instant('When it was launched; every arm is measured from here')),
    kpi: Type.Optional(
      Type.Object(
        {
          event: text('Event that counts as conversion', 'deposit_opened'),
          within: text('How long after launch', 'P14D'),
          from: Instant('Launch, exclusive'),
          until: Instant('End of the window, inclusive'),
          open: Type.Boolean({ description: 'The window has not ended yet', examples: [false] }),
        },
        { description: 'What was measured' },
      ),
    ),
    treated: ReportArm,
    control: ReportArm,
    plannedControlShare: Ratio('Control share that was planned'),
    lift: Type.Optional(ReportLift),
    value: Type.Optional(ReportValue),
    sampleRatio: Type.Object(
      {
        pValue: Ratio('Chance of a split at least this uneven, if the draw works'),
        ok: Type.Boolean({ description: 'p-value at least 0.001', examples: [true] }),
      },
      { description: 'Sample-ratio check' },
    ),
    deliveredOnly: Type.Object(
      {
        customers: count('Treated customers whose message was delivered', 720),
        conversions: count('Of them converted', 60),
        rate: Ratio('conversions / customers'),
        hoursToConversion: Type.Optional(signed('Median hours from launch to first conversion', 30.5)),
      },
      {
        description:
          'Descriptive only: who could be reached differs from who could not, so this is not an effect. The lift above compares everybody as assigned',
      },
    ),
    detectable: Type.Optional(
      Type.Object(
        {
          absolute: signed('Smallest lift found with 80 % power, in rate points', 0.02),
          relative: Type.Optional(signed('The same over the control rate', 0.33)),
        },
        { description: 'What arms of these sizes can find at the observed control rate' },
      ),
    ),
    daily: Type.Array(ReportDay, { description: 'The window day by day' }),
    channels: Type.Array(ChannelRow, { description: 'By channel' }),
    variants: Type.Array(ChannelRow, { description: 'By variant' }),
    cost: Type.Optional(
      Type.Object(
        {
          amountMinor: money('Cost of the messages sent', 37_000),
          currency: text('Currency', 'CNY'),
          perIncremental: Type.Optional(signed('Cost of one caused conversion, minor units', 2298.1)),
        },
        { description: 'Cost, where the price of a message is known' },
      ),
    ),
    funnel: CampaignFunnel,
    narrative: sentence(
      'The result in a sentence',
      'Of 765 treated customers 8.0 % converted, of 85 in control 5.9 %.',
    ),
    warnings: Type.Array(ReportWarning, { description: 'What to bear in mind' }),
    release: Type.Optional(count('Data release that was read', 17)),
    tookMs: signed('Milliseconds it took', 84),
  },
  { description: 'What a campaign caused' },
);
export type CampaignReport = Static<typeof CampaignReport>;

export const FollowUpBody = Type.Object(
  {
    excludeConverted: Type.Optional(
      Type.Boolean({ default: true, description: 'Leave out those who converted', examples: [true] }),
    ),
  },
  { description: 'How to follow up' },
);
export type FollowUpBody = Static<typeof FollowUpBody>;
export const FollowUpView = Type.Object(
  {
    campaignId: text('The new draft', 'cmp_01j9z9'),
    parentCampaignId: text('The campaign it follows', 'cmp_01j9z3'),
    excluded: count('Customers left out because they converted', 61),
  },
  { description: 'The next campaign’s draft' },
);
export type FollowUpView = Static<typeof FollowUpView>;

/* ── home ────────────────────────────────────────────────────────────────────────────────────────────── */

export const HomeAum = Type.Object(
  {
    currency: text('Currency', 'CNY'),
    totalMinor: money(
      'Assets under management: the metric `aum` where the bank has defined it',
      52_000_000_000,
    ),
    customers: count('Customers with assets', 18_204),
    metric: Type.Optional(
      Type.Object(
        {
          id: text('Metric', 'aum'),
          title: sentence('Its title', 'Assets under management'),
          version: count('Version of its definition', 1),
        },
        { description: 'The metric that the figure is of; absent when it is reckoned from balances' },
      ),
    ),
    changeShare: Type.Optional(
      signed(
        'Change against the month before (0.01 = +1 %); absent when the two were reckoned differently',
        0.012,
      ),
    ),
    trend: Type.Array(
      Type.Object(
        {
          month: Type.String({ description: 'Month', examples: ['2026-10'] }),
          totalMinor: money('AUM at its end (at the latest data for the current one)', 51_000_000_000),
          isReckoned: Type.Optional(
            Type.Boolean({
              description:
                'Of a metric: a month before its first kept value, reckoned back from bookings and holdings',
              examples: [true],
            }),
          ),
        },
        { description: 'A month' },
      ),
      { description: 'At most thirteen months, oldest first' },
    ),
  },
  { description: 'AUM in one currency' },
);
export const HomeMau = Type.Object(
  {
    users: count('Customers with at least one login in the last 30 days of data', 9120),
    changeShare: Type.Optional(signed('Change against the 30 days before', -0.03)),
    trend: Type.Array(
      Type.Object(
        {
          month: Type.String({ description: 'Month', examples: ['2026-10'] }),
          users: count('Customers with at least one login in it', 9008),
        },
        { description: 'A month' },
      ),
      { description: 'Thirteen months, oldest first' },
    ),
  },
  { description: 'Monthly active users' },
);

export const HomeCampaign = Type.Object(
  {
    campaignId: text('Campaign', 'cmp_01j9z3'),
    name: text('Its name', 'Term deposit, autumn'),
    state: text('Its state', 'running'),
    launchedAt: Type.Optional(Instant('When it was launched')),
    treated: Type.Optional(count('Customers chosen to be contacted', 765)),
    sent: Type.Optional(count('Messages taken by the provider', 700)),
  },
  { description: 'A campaign under way' },
);

export const HomeResult = Type.Object(
  {
    campaignId: text('Campaign', 'cmp_01j9z3'),
    name: text('Its name', 'Term deposit, autumn'),
    treatedRate: Ratio('Rate of the treated'),
    controlRate: Ratio('Rate of the control group'),
    absolute: signed('Lift in rate points', 0.021),
    low: signed('Lower end of the 95 % interval', 0.004),
    high: signed('Upper end of the 95 % interval', 0.038),
    significant: Type.Boolean({ description: 'The interval excludes 0', examples: [true] }),
    incremental: signed('Caused conversions', 16.1),
  },
  { description: 'A measured campaign' },
);

export const HomeLoad = Type.Object(
  {
    sourceId: text('Source', 'demo'),
    name: text('Its name', 'Demo bank'),
    loadedAt: Instant('End of its last load'),
    state: text('How the load ended', 'done'),
    rows: count('Rows loaded', 1_200_000),
    quarantined: count('Rows refused', 12),
  },
  { description: 'The last load of a source' },
);

export const HomeReport = Type.Object(
  {
    at: Instant('When it was computed'),
    release: count('Data release that was read; 0 before the first load', 17),
    dataUntil: Type.Optional(
      Instant('Latest transaction or event in the data, never after `at`; windows end here'),
    ),
    customers: count('Customers the caller may see', 20_000),
    aum: Type.Array(HomeAum, { description: 'By currency, largest first' }),
    aumDefinition: sentence(
      'What AUM means here',
      'Balances of open accounts plus current holdings other than loans and cards.',
    ),
    mau: HomeMau,
    campaigns: Type.Object(
      {
        running: count('Campaigns running', 2),
        paused: count('Campaigns paused', 0),
        scheduled: count('Campaigns scheduled', 1),
        inReview: count('Campaigns waiting for approval', 1),
        drafts: count('Drafts', 4),
        finished: count('Campaigns finished', 9),
        items: Type.Array(HomeCampaign, { description: 'Those under way, newest first, at most 10' }),
      },
      { description: 'Campaigns' },
    ),
    pendingApprovals: count('Approvals waiting for a decision', 1),
    loads: Type.Array(HomeLoad, { description: 'Last load of each source, newest first' }),
    results: Type.Array(HomeResult, {
      description: 'Latest measured campaigns by caused conversions, at most 5',
    }),
    tookMs: signed('Milliseconds it took', 120),
  },
  { description: 'The home page' },
);
export type HomeReport = Static<typeof HomeReport>;
