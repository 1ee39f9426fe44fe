import { ConditionBody, type PropertyCondition } from '@rapport/conditions';
import { Instant, Page, PageQuery, Ratio } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

/* ── what a campaign is made of ──────────────────────────────────────────────────────────────────────── */

export const CAMPAIGN_MODES = ['batch'] as const;
export type CampaignMode = (typeof CAMPAIGN_MODES)[number];

export const CAMPAIGN_STATES = [
  'draft',
  'in_review',
  'approved',
  'rejected',
  'scheduled',
  'running',
  'paused',
  'finished',
  'stopped',
] as const;
export type CampaignState = (typeof CAMPAIGN_STATES)[number];
/** One state, as schema. */
export const StateOfCampaign = Type.Enum(CAMPAIGN_STATES, {
  description: 'Where the campaign stands (see docs/state-machines.md)',
  examples: ['running'],
});

export const CAMPAIGN_OBJECTIVES = [
  'acquisition',
  'activation',
  'cross_sell',
  'retention',
  'win_back',
  'aum_growth',
  'service',
] as const;

export const CampaignGoal = Type.Object(
  {
    text: Type.String({
      minLength: 1,
      maxLength: 500,
      description: 'What the campaign is to achieve, in words',
      examples: ['Move maturing deposits into the 12-month product'],
    }),
    objective: Type.Enum(CAMPAIGN_OBJECTIVES, { description: 'What kind of goal', examples: ['cross_sell'] }),
  },
  { description: 'Goal' },
);
export type CampaignGoal = Static<typeof CampaignGoal>;

const isoDuration = (description: string, example: string) =>
  Type.String({ pattern: '^P(\\d+[YMWD])*(T(\\d+[HMS])+)?$', description, examples: [example] });

const PropertyFilter = Type.Unsafe<PropertyCondition>(
  Type.Record(Type.String(), Type.Unknown(), {
    description: 'Condition over the properties of the event; see docs/conditions.md',
    examples: [{ property: 'product', op: '=', value: 'dep-12m' }],
  }),
);

export const CampaignKpi = Type.Object(
  {
    event: Type.String({
      minLength: 1,
      description: 'Event that counts as conversion 轉化',
      examples: ['deposit_opened'],
    }),
    where: Type.Optional(PropertyFilter),
    within: isoDuration('How long after the launch an event still counts', 'P14D'),
  },
  { description: 'What success is: this event within this time after launch, for treated and control alike' },
);
export type CampaignKpi = Static<typeof CampaignKpi>;

export const CampaignAudience = Type.Object(
  {
    audienceId: Type.Optional(
      Type.String({ description: 'A saved audience 客群', examples: ['aud_01j9z3'] }),
    ),
    condition: Type.Optional(ConditionBody),
    exclude: Type.Optional(
      Type.Object(
        {
          audienceIds: Type.Optional(
            Type.Array(Type.String({ examples: ['aud_01j9z4'], description: 'Audience id' }), {
              description: 'Nobody who is in one of these',
              examples: [['aud_01j9z4']],
            }),
          ),
          convertedIn: Type.Optional(
            Type.Array(Type.String({ examples: ['cmp_01j9z2'], description: 'Campaign id' }), {
              description: 'Nobody who converted in one of these campaigns',
              examples: [['cmp_01j9z2']],
            }),
          ),
        },
        { description: 'Who is left out; they are not targeted at all' },
      ),
    ),
  },
  {
    description: 'Whom to target: a saved audience or a condition of its own (exactly one), minus exclusions',
  },
);
export type CampaignAudience = Static<typeof CampaignAudience>;

export const CampaignControl = Type.Object(
  {
    share: Ratio('Share of the eligible that is not contacted, so that the effect can be seen'),
    salt: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 120,
        description: 'Seed of the draw; absent = the campaign’s id. The same salt draws the same customers',
        examples: ['autumn-deposits'],
      }),
    ),
  },
  { description: 'Control group 對照組' },
);
export type CampaignControl = Static<typeof CampaignControl>;

export const CampaignContent = Type.Object(
  {
    templateId: Type.String({ description: 'Template 模板', examples: ['tpl_01j9z3'] }),
    offerId: Type.Optional(Type.String({ description: 'Offer 權益 it carries', examples: ['off_01j9z3'] })),
  },
  { description: 'What is said' },
);
export type CampaignContent = Static<typeof CampaignContent>;

const timeOfDay = (description: string, example: string) =>
  Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d$', description, examples: [example] });

export const CampaignSchedule = Type.Object(
  {
    startAt: Type.Optional(
      Type.Union([Type.Literal('now'), Instant('Start')], {
        description:
          'When to start: an instant, or `now` = as soon as approved. Absent = when somebody launches it',
        examples: ['2026-11-24T01:00:00.000Z'],
      }),
    ),
    window: Type.Optional(
      Type.Object(
        {
          from: timeOfDay('First minute, local', '09:00'),
          to: timeOfDay('First minute after, local', '20:00'),
          zone: Type.String({ description: 'IANA time zone', examples: ['Asia/Hong_Kong'] }),
        },
        { description: 'Time of day in which messages may be handed over for sending' },
      ),
    ),
  },
  { description: 'When' },
);
export type CampaignSchedule = Static<typeof CampaignSchedule>;

export const CAMPAIGN_CHANNELS = ['email', 'sms'] as const;
export type CampaignChannel = (typeof CAMPAIGN_CHANNELS)[number];
export const CAMPAIGN_PURPOSES = ['marketing', 'service'] as const;
export type CampaignPurpose = (typeof CAMPAIGN_PURPOSES)[number];

const document = {
  name: Type.String({
    minLength: 1,
    maxLength: 200,
    description: 'Name of the campaign',
    examples: ['Term deposit, autumn'],
  }),
  mode: Type.Optional(
    Type.Enum(CAMPAIGN_MODES, { default: 'batch', description: 'Mode of the campaign', examples: ['batch'] }),
  ),
  purpose: Type.Optional(
    Type.Enum(CAMPAIGN_PURPOSES, {
      default: 'marketing',
      description: 'Marketing needs consent and counts against the contact policy; service messages do not',
      examples: ['marketing'],
    }),
  ),
  goal: Type.Optional(CampaignGoal),
  kpi: Type.Optional(CampaignKpi),
  audience: Type.Optional(CampaignAudience),
  control: Type.Optional(CampaignControl),
  content: Type.Optional(CampaignContent),
  channel: Type.Optional(Type.Enum(CAMPAIGN_CHANNELS, { description: 'Channel 渠道', examples: ['email'] })),
  providerId: Type.Optional(
    Type.String({
      description: 'Provider that sends; absent = the channel’s default provider',
      examples: ['prv_01j9z3'],
    }),
  ),
  schedule: Type.Optional(CampaignSchedule),
};

/** What a marketer writes. A draft may be incomplete; `GET /campaigns/{id}/steps` says what is still missing. */
export const CampaignDraft = Type.Object(document, { description: 'A campaign as its author writes it' });
export type CampaignDraft = Static<typeof CampaignDraft>;

export const CampaignChange = Type.Object(
  {
    ...document,
    version: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'The version that was edited; refused when the campaign changed meanwhile',
        examples: [3],
      }),
    ),
  },
  {
    description:
      'The whole campaign after an edit; what is left out is cleared. Editing after submission voids the approval and leads back to `draft`',
  },
);
export type CampaignChange = Static<typeof CampaignChange>;

/* ── a campaign as it is read ────────────────────────────────────────────────────────────────────────── */

export const CampaignTiming = Type.Object(
  {
    state: StateOfCampaign,
    seconds: Type.Number({
      minimum: 0,
      description: 'Time spent in it so far, in seconds',
      examples: [5400],
    }),
    visits: Type.Integer({ minimum: 1, description: 'How often it was entered', examples: [1] }),
  },
  { description: 'How long the campaign was in one state, all visits together' },
);
export type CampaignTiming = Static<typeof CampaignTiming>;

/** In the order in which they are tried; each customer leaves for the first that applies. */
export const EXIT_REASONS = ['ineligible', 'unsuitable', 'unreachable', 'no_consent', 'suppressed'] as const;
/**
 * Why somebody targeted leaves before the draw of the control group: the offer is not for them (`ineligible`) or too
 * risky (`unsuitable`), there is no address (`unreachable`), consent is missing, or they are suppressed.
 */
export type ExitReason = (typeof EXIT_REASONS)[number];

export const CampaignCounts = Type.Object(
  {
    targeted: Type.Integer({
      minimum: 0,
      description: 'Audience minus exclusions at launch',
      examples: [1000],
    }),
    exits: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), {
      description:
        'Customers who left before the draw, by reason: `ineligible`, `unsuitable`, `unreachable`, `no_consent`, `suppressed`',
      examples: [{ unreachable: 40, no_consent: 110, suppressed: 0 }],
    }),
    control: Type.Integer({ minimum: 0, description: 'Held back to compare with', examples: [85] }),
    queued: Type.Integer({
      minimum: 0,
      description: 'Chosen to be contacted; targeted = Σ exits + control + queued',
      examples: [765],
    }),
    expanded: Type.Integer({
      minimum: 0,
      description: 'Of the queued, how many stand in the outbox as messages',
      examples: [765],
    }),
    messages: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), {
      description: 'Messages in the outbox by state of the message',
      examples: [{ sent: 700, queued: 65 }],
    }),
  },
  { description: 'Where the customers of a launched campaign are' },
);
export type CampaignCounts = Static<typeof CampaignCounts>;

export const Campaign = Type.Object(
  {
    id: Type.String({ description: 'Campaign id', examples: ['cmp_01j9z3'] }),
    ...document,
    mode: Type.Enum(CAMPAIGN_MODES, { description: 'Mode of the campaign', examples: ['batch'] }),
    purpose: Type.Enum(CAMPAIGN_PURPOSES, {
      description: 'Marketing needs consent and counts against the contact policy; service messages do not',
      examples: ['marketing'],
    }),
    state: StateOfCampaign,
    version: Type.Integer({ minimum: 1, description: 'Grows by one with every edit', examples: [3] }),
    parentCampaignId: Type.Optional(
      Type.String({
        description: 'Campaign that this one follows up or was cloned from',
        examples: ['cmp_01j9z2'],
      }),
    ),
    createdBy: Type.String({ description: 'Who made it', examples: ['usr_01j9z3'] }),
    createdByName: Type.String({ description: 'Name of who made it', examples: ['Chen Wei'] }),
    createdAt: Instant('When it was made'),
    updatedAt: Instant('When it last changed'),
    submittedBy: Type.Optional(
      Type.String({ description: 'Maker who submitted it', examples: ['usr_01j9z3'] }),
    ),
    submittedAt: Type.Optional(Instant('When it was submitted')),
    approvalId: Type.Optional(
      Type.String({ description: 'The approval of this version', examples: ['apr_01j9z3'] }),
    ),
    approvedBy: Type.Optional(
      Type.String({ description: 'Checker who approved it', examples: ['usr_01j9z4'] }),
    ),
    approvedAt: Type.Optional(Instant('When it was approved')),
    contentHash: Type.Optional(
      Type.String({
        description:
          'SHA-256 of exactly what was submitted: campaign, template, offer and audience condition',
        examples: ['9f86d081884c7d65'],
      }),
    ),
    launchedAt: Type.Optional(Instant('When its audience was frozen and it began to run')),
    release: Type.Optional(
      Type.Integer({ description: 'Data release that the frozen audience was read from', examples: [17] }),
    ),
    finishedAt: Type.Optional(Instant('When it finished or was stopped')),
    timings: Type.Array(CampaignTiming, { description: 'Cycle times by state' }),
    counts: Type.Optional(CampaignCounts),
  },
  { description: 'A campaign 營銷活動' },
);
export type Campaign = Static<typeof Campaign>;

export const CampaignPage = Page(
  Campaign,
  'Campaigns, newest first; `counts` only stands on the single campaign',
);

export const CampaignQuery = Type.Object({
  ...PageQuery.properties,
  state: Type.Optional(StateOfCampaign),
  text: Type.Optional(
    Type.String({ maxLength: 200, description: 'Part of the name', examples: ['deposit'] }),
  ),
});
export type CampaignQuery = Static<typeof CampaignQuery>;

/* ── the five guided steps ───────────────────────────────────────────────────────────────────────────── */

export const STEP_IDS = ['analysis', 'audience', 'content', 'channel', 'measurement'] as const;
/**
 * 用戶分析 `analysis` (goal, KPI) · 用戶篩選 `audience` (audience, exclusions) · 內容定制 `content` (template, offer) ·
 * 渠道選擇與投放 `channel` (channel, provider, schedule) · 效果監測 `measurement` (control group, detectable lift).
 */
export type StepId = (typeof STEP_IDS)[number];

export const StepFault = Type.Object(
  {
    pointer: Type.String({ description: 'JSON pointer into the campaign', examples: ['/kpi/event'] }),
    code: Type.String({ description: 'Stable name of the fault', examples: ['kpi_missing'] }),
    severity: Type.Enum(['missing', 'warning'] as const, {
      description: '`missing` keeps the campaign from being submitted; `warning` does not',
      examples: ['missing'],
    }),
    message: Type.String({
      description: 'What is wrong and what to do',
      examples: ['There is no KPI. Choose the event that counts as success.'],
    }),
  },
  { description: 'A fault of one step' },
);
export type StepFault = Static<typeof StepFault>;

export const CampaignStep = Type.Object(
  {
    id: Type.Enum(STEP_IDS, { description: 'Which of the five steps', examples: ['analysis'] }),
    state: Type.Enum(['missing', 'warning', 'ok'] as const, {
      description: 'The worst of its faults',
      examples: ['ok'],
    }),
    faults: Type.Array(StepFault, { description: 'What is wrong with it; empty when ok' }),
    firstEditedAt: Type.Optional(Instant('When it was first worked on')),
    lastEditedAt: Type.Optional(Instant('When it was last changed')),
  },
  { description: 'One of the five guided steps' },
);
export type CampaignStep = Static<typeof CampaignStep>;

export const CampaignSteps = Type.Object(
  {
    steps: Type.Array(CampaignStep, { description: 'The five steps in order' }),
    submittable: Type.Boolean({ description: 'No step is missing anything', examples: [true] }),
    audienceSize: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Customers targeted now, after exclusions', examples: [1000] }),
    ),
  },
  { description: 'How complete a campaign is' },
);
export type CampaignSteps = Static<typeof CampaignSteps>;

/* ── sample-size advice ──────────────────────────────────────────────────────────────────────────────── */

export const AdviceRequest = Type.Object(
  {
    audienceSize: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'Customers targeted; or name an audience',
        examples: [20_000],
      }),
    ),
    audience: Type.Optional(CampaignAudience),
    controlShare: Ratio('Share held back'),
    baseRate: Type.Optional(
      Ratio(
        'Share that converts without the campaign; absent = measured in the past for `audience` and `kpi`',
      ),
    ),
    kpi: Type.Optional(CampaignKpi),
    power: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        exclusiveMaximum: 1,
        default: 0.8,
        description: 'Chance of seeing a lift of the answered size',
        examples: [0.8],
      }),
    ),
    alpha: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        exclusiveMaximum: 1,
        default: 0.05,
        description: 'Chance of seeing a lift where there is none (two-sided)',
        examples: [0.05],
      }),
    ),
  },
  { description: 'Question: how small a lift can this campaign detect?' },
);
export type AdviceRequest = Static<typeof AdviceRequest>;

export const Advice = Type.Object(
  {
    audienceSize: Type.Integer({ minimum: 0, description: 'Customers targeted', examples: [20_000] }),
    treated: Type.Integer({ minimum: 0, description: 'Customers contacted', examples: [18_000] }),
    control: Type.Integer({ minimum: 0, description: 'Customers held back', examples: [2_000] }),
    baseRate: Ratio('Share that converts without the campaign'),
    baseRateSource: Type.Enum(['given', 'history'] as const, {
      description:
        '`history`: share of this audience with the KPI event in the last window of the same length',
      examples: ['history'],
    }),
    detectableAbsolute: Type.Optional(
      Type.Number({
        description: 'Smallest detectable lift in share points (0.01 = one point); absent when no lift is',
        examples: [0.012],
      }),
    ),
    detectableRelative: Type.Optional(
      Type.Number({ description: 'The same, relative to the base rate', examples: [0.24] }),
    ),
    power: Type.Number({ description: 'Chance of seeing it', examples: [0.8] }),
    alpha: Type.Number({ description: 'Chance of seeing what is not there', examples: [0.05] }),
    sentence: Type.Object(
      {
        en: Type.String({
          description: 'In English',
          examples: ['This audience can detect a lift of 1.2 points with 80 % power.'],
        }),
        'zh-Hant': Type.String({
          description: 'In Traditional Chinese',
          examples: ['此客群可檢測到 1.2 個百分點的提升。'],
        }),
        'zh-Hans': Type.String({
          description: 'In Simplified Chinese',
          examples: ['此客群可检测到 1.2 个百分点的提升。'],
        }),
      },
      { description: 'The advice in words' },
    ),
  },
  { description: 'What a campaign of this size can find out' },
);
export type Advice = Static<typeof Advice>;

/* ── dry run ─────────────────────────────────────────────────────────────────────────────────────────── */

export const DryRunSample = Type.Object(
  {
    customerId: Type.String({ description: 'Customer', examples: ['C0000042'] }),
    variantId: Type.Optional(
      Type.String({ description: 'Variant 變體 chosen for them', examples: ['fallback'] }),
    ),
    subject: Type.Optional(
      Type.String({ description: 'Subject of the e-mail', examples: ['Your deposit matures soon'] }),
    ),
    html: Type.Optional(Type.String({ description: 'E-mail body', examples: ['<p>Dear Ms Chen</p>'] })),
    text: Type.String({ description: 'Text body', examples: ['Dear Ms Chen, …'] }),
    missing: Type.Array(Type.String({ description: 'Merge field', examples: ['tag.aum'] }), {
      description: 'Merge fields without a value for this customer',
      examples: [[]],
    }),
  },
  { description: 'A message as one customer would get it' },
);
export type DryRunSample = Static<typeof DryRunSample>;

export const DryRun = Type.Object(
  {
    at: Instant('The instant looked at'),
    release: Type.Integer({ description: 'Data release read', examples: [17] }),
    targeted: Type.Integer({ minimum: 0, description: 'Audience minus exclusions', examples: [1000] }),
    ineligible: Type.Integer({
      minimum: 0,
      description: 'The offer’s own condition does not hold for them',
      examples: [0],
    }),
    unsuitable: Type.Integer({
      minimum: 0,
      description: 'The offer is riskier than the customer may take 適當性',
      examples: [0],
    }),
    unreachable: Type.Integer({ minimum: 0, description: 'No address on this channel', examples: [40] }),
    noConsent: Type.Integer({ minimum: 0, description: 'Consent is missing', examples: [110] }),
    suppressed: Type.Integer({ minimum: 0, description: 'On a suppression list', examples: [0] }),
    control: Type.Integer({ minimum: 0, description: 'Held back', examples: [85] }),
    capped: Type.Integer({
      minimum: 0,
      description: 'Would be withheld by the contact policy if it were sent now',
      examples: [12],
    }),
    wouldBeSent: Type.Integer({
      minimum: 0,
      description:
        'targeted = ineligible + unsuitable + unreachable + noConsent + suppressed + control + capped + wouldBeSent',
      examples: [753],
    }),
    samples: Type.Array(DryRunSample, { description: 'Messages of up to five customers' }),
    contentFaults: Type.Array(StepFault, {
      description: 'Faults of the content, such as missing merge fields',
    }),
  },
  { description: 'What a launch would do now; nothing is sent and nothing reserved' },
);
export type DryRun = Static<typeof DryRun>;

/* ── sets and timeline ───────────────────────────────────────────────────────────────────────────────── */

export const SET_OUTCOMES = ['targeted', ...EXIT_REASONS, 'control', 'queued'] as const;
export type SetOutcome = (typeof SET_OUTCOMES)[number];

export const CampaignSetSize = Type.Object(
  {
    wave: Type.Integer({ minimum: 1, description: 'Wave 波次', examples: [1] }),
    node: Type.String({ description: 'Node 節點 of the journey', examples: ['send'] }),
    outcome: Type.Enum(SET_OUTCOMES, {
      description: '`targeted` is the disjoint union of all the others',
      examples: ['queued'],
    }),
    size: Type.Integer({ minimum: 0, description: 'Customers in it', examples: [765] }),
  },
  { description: 'One journey set' },
);
export type CampaignSetSize = Static<typeof CampaignSetSize>;
export const CampaignSets = Type.Object(
  { items: Type.Array(CampaignSetSize, { description: 'All sets of the campaign' }) },
  { description: 'Sizes of the journey sets' },
);

export const TimelineEntry = Type.Object(
  {
    at: Instant('When'),
    from: Type.Optional(StateOfCampaign),
    to: StateOfCampaign,
    action: Type.String({ description: 'What led there', examples: ['launch'] }),
    actorId: Type.String({ description: 'Who', examples: ['usr_01j9z3'] }),
    actorName: Type.String({ description: 'Their name', examples: ['Chen Wei'] }),
    note: Type.Optional(Type.String({ description: 'Why', examples: ['Wrong rate in the subject line'] })),
  },
  { description: 'A change of state' },
);
export type TimelineEntry = Static<typeof TimelineEntry>;
export const CampaignTimeline = Type.Object(
  { items: Type.Array(TimelineEntry, { description: 'Oldest first' }) },
  { description: 'State changes of a campaign' },
);

export const CampaignNote = Type.Object(
  {
    note: Type.Optional(
      Type.String({ maxLength: 1000, description: 'Why', examples: ['Wrong rate in the subject line'] }),
    ),
  },
  { description: 'A reason' },
);

export const CampaignClone = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'Name of the copy',
        examples: ['Term deposit, spring'],
      }),
    ),
    excludeConverted: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Leave out those who converted in the original (a follow-up)',
        examples: [true],
      }),
    ),
  },
  { description: 'How to copy' },
);
export type CampaignClone = Static<typeof CampaignClone>;

export const CampaignFile = Type.Object(
  {
    yaml: Type.String({
      minLength: 1,
      description: 'Text of a `*.campaign.yaml` file (docs/campaigns.md)',
      examples: ['name: Term deposit, autumn\ngoal: { text: …, objective: cross_sell }'],
    }),
  },
  { description: 'A campaign as a file' },
);
