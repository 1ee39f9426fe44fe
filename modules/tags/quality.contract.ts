import { Instant, LocalizedText, Ratio } from '@rapport/kernel';
import { type Static, Type } from 'typebox';
import { TAG_STATUSES } from './tag-states.ts';

const Id = Type.String({
  pattern: '^[a-z][a-z0-9_]{0,62}$',
  description: 'Tag id',
  examples: ['aum_daily_avg_month'],
});
const RefreshId = (description: string) => Type.String({ description, examples: ['trf_01j9z3'] });
const Count = (description: string, example: number) =>
  Type.Integer({ minimum: 0, description, examples: [example] });
const Value = Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Array(Type.String())], {
  description: 'A value',
  examples: ['gold'],
});

export const QUALITY_CHECKS = ['refresh', 'coverage', 'drift', 'values', 'freshness'] as const;
export const QUALITY_VERDICTS = ['good', 'warn', 'bad', 'unknown'] as const;
export type QualityCheck = (typeof QUALITY_CHECKS)[number];
export type QualityVerdict = (typeof QUALITY_VERDICTS)[number];

const THRESHOLDS = {
  minCoverage: Type.Number({
    minimum: 0,
    maximum: 1,
    description: 'Coverage below this is bad',
    examples: [0.9],
  }),
  coverageChange: Type.Number({
    minimum: 0,
    maximum: 1,
    description:
      'Coverage may differ by so much from that of before and of the baseline; a loss of twice as much is bad',
    examples: [0.05],
  }),
  driftWarn: Type.Number({
    minimum: 0,
    maximum: 100,
    description: 'A population stability index from here on is a warning',
    examples: [0.1],
  }),
  driftBad: Type.Number({
    minimum: 0,
    maximum: 100,
    description: 'A population stability index from here on is bad',
    examples: [0.25],
  }),
  unlisted: Type.Number({
    minimum: 0,
    maximum: 1,
    description: 'Share of customers whose value is not in the dictionary; ten times as many are bad',
    examples: [0.01],
  }),
  maxAgeHours: Type.Integer({
    minimum: 1,
    maximum: 8760,
    description: 'Values must be younger than this',
    examples: [48],
  }),
};
export const QualityThresholds = Type.Object(THRESHOLDS, {
  additionalProperties: false,
  description: 'When a tag is no longer good',
});
export type QualityThresholds = Static<typeof QualityThresholds>;
export const OwnThresholds = Type.Partial(QualityThresholds, {
  additionalProperties: false,
  description: 'Thresholds that differ from the usual ones',
});
export type OwnThresholds = Static<typeof OwnThresholds>;

export const QualityFinding = Type.Object(
  {
    check: Type.Enum(QUALITY_CHECKS, { description: 'What was looked at', examples: ['drift'] }),
    severity: Type.Union([Type.Literal('warn'), Type.Literal('bad')], {
      description: 'How far it is off',
      examples: ['bad'],
    }),
    against: Type.Optional(
      Type.Union([Type.Literal('before'), Type.Literal('baseline')], {
        description: 'What it was compared with; absent = a fixed limit',
        examples: ['baseline'],
      }),
    ),
    value: Type.Optional(Type.Number({ description: 'What was found', examples: [0.31] })),
    limit: Type.Optional(Type.Number({ description: 'What is allowed', examples: [0.25] })),
    message: LocalizedText,
  },
  { description: 'Something that is off' },
);
export type QualityFinding = Static<typeof QualityFinding>;

export const TagQualityPoint = Type.Object(
  {
    refreshId: RefreshId('Refresh'),
    at: Instant('When it was computed'),
    asOf: Instant('Instant of the values'),
    definitionVersion: Count('Version of the definition', 3),
    known: Count('Customers with a value', 4500),
    customers: Count('All customers', 5369),
    coverage: Ratio('known ÷ customers'),
    distinct: Count('Different values', 12),
    mean: Type.Optional(Type.Number({ description: 'Mean of numbers', examples: [17.4] })),
    median: Type.Optional(Type.Number({ description: 'Median of numbers', examples: [12] })),
    psiBefore: Type.Optional(
      Type.Number({ description: 'Stability index against the refresh before', examples: [0.02] }),
    ),
    psiBaseline: Type.Optional(
      Type.Number({ description: 'Stability index against the baseline', examples: [0.11] }),
    ),
    verdict: Type.Enum(QUALITY_VERDICTS, { description: 'What came of it', examples: ['good'] }),
    findings: Type.Array(QualityFinding, { description: 'What was off' }),
  },
  { description: 'Quality of a tag after one refresh' },
);
export type TagQualityPoint = Static<typeof TagQualityPoint>;

export const TagQuality = Type.Object(
  {
    tagId: Id,
    verdict: Type.Enum(QUALITY_VERDICTS, { description: 'How it is now', examples: ['good'] }),
    findings: Type.Array(QualityFinding, { description: 'What is off now' }),
    alerts: Type.Boolean({
      description: 'Whether findings become alerts: they do once the tag is monitored',
      examples: [true],
    }),
    thresholds: QualityThresholds,
    own: OwnThresholds,
    baseline: Type.Optional(
      Type.Object(
        {
          refreshId: RefreshId('Refresh that it is of'),
          at: Instant('When that was'),
          isChosen: Type.Boolean({
            description: 'Whether somebody chose it; else it is the first of this definition',
            examples: [false],
          }),
        },
        { description: 'What drift is measured against' },
      ),
    ),
    bins: Type.Array(
      Type.Object(
        {
          value: Type.Optional(Value),
          from: Type.Optional(Type.Number({ description: 'Above this', examples: [10] })),
          to: Type.Optional(Type.Number({ description: 'Up to this', examples: [20] })),
          before: Ratio('Share at the baseline'),
          now: Ratio('Share now'),
          psi: Type.Number({ description: 'What it adds to the index', examples: [0.01] }),
        },
        { description: 'A value, an interval, or all other values' },
      ),
      { description: 'Where the spread differs from the baseline' },
    ),
    history: Type.Array(TagQualityPoint, { description: 'Refreshes, newest first, at most 90' }),
  },
  { description: 'Quality of a tag' },
);
export type TagQuality = Static<typeof TagQuality>;

export const TagQualityChange = Type.Object(
  {
    thresholds: Type.Optional(OwnThresholds),
    baseline: Type.Optional(
      Type.Union([Type.String({ maxLength: 60 }), Type.Null()], {
        description: 'Refresh that drift is measured against from now on; null = the first of the definition',
        examples: ['trf_01j9z3'],
      }),
    ),
  },
  { additionalProperties: false, description: 'What to change; what is absent stays' },
);
export type TagQualityChange = Static<typeof TagQualityChange>;

export const TagQualityRow = Type.Object(
  {
    tagId: Id,
    title: LocalizedText,
    status: Type.Enum(TAG_STATUSES, { description: 'Where the tag stands', examples: ['monitored'] }),
    owner: Type.Optional(Type.String({ description: 'Who answers for it', examples: ['Wealth data'] })),
    verdict: Type.Enum(QUALITY_VERDICTS, { description: 'How it is', examples: ['good'] }),
    coverage: Type.Optional(Ratio('known ÷ customers')),
    psi: Type.Optional(
      Type.Number({ description: 'Greater of the two stability indexes', examples: [0.02] }),
    ),
    refreshedAt: Type.Optional(Instant('When it was computed')),
    findings: Type.Array(QualityFinding, { description: 'What is off' }),
  },
  { description: 'Quality of a tag' },
);
export type TagQualityRow = Static<typeof TagQualityRow>;
export const TagQualityBoard = Type.Object(
  {
    thresholds: QualityThresholds,
    counts: Type.Object(
      {
        good: Count('Tags without findings', 430),
        warn: Count('Tags with warnings', 10),
        bad: Count('Tags that are bad', 2),
        unknown: Count('Tags without values', 0),
      },
      { description: 'Tags by verdict' },
    ),
    items: Type.Array(TagQualityRow, { description: 'The worst first' }),
  },
  { description: 'Quality of all tags that are not retired' },
);
export type TagQualityBoard = Static<typeof TagQualityBoard>;

/* ── what tags cost and what they are for ──────────────────────────────────────────────────────────────── */

export const TagCostTotal = Type.Object(
  {
    tagId: Id,
    refreshes: Count('Refreshes that it was part of', 30),
    computed: Count('… in which it was computed, for all or for some customers', 9),
    tookMs: Count('Its shares of the work, in milliseconds', 5400),
    rowsRead: Count('Its shares of the rows read', 12_000_000),
    share: Ratio('Part of the time that all tags took'),
  },
  { description: 'What a tag cost' },
);
export type TagCostTotal = Static<typeof TagCostTotal>;
export const TagCosts = Type.Object(
  {
    days: Count('Days that were looked at', 30),
    tookMs: Count('Work of all tags, in milliseconds', 420_000),
    items: Type.Array(TagCostTotal, { description: 'The dearest first' }),
  },
  { description: 'What tags cost' },
);
export type TagCosts = Static<typeof TagCosts>;
export const TagCost = Type.Object(
  {
    ...TagCostTotal.properties,
    days: Count('Days that were looked at', 30),
    rank: Count('Place among all tags, 1 = the dearest; 0 = never computed', 17),
    history: Type.Array(
      Type.Object(
        {
          refreshId: RefreshId('Refresh'),
          at: Instant('When it started'),
          outcome: Type.String({
            description: 'computed, patched, kept, failed or blocked',
            examples: ['patched'],
          }),
          because: Type.String({ description: 'Why', examples: ['data'] }),
          tookMs: Type.Optional(Count('Share of the work', 12)),
          rowsRead: Type.Optional(Count('Share of the rows', 50_000)),
        },
        { description: 'What a refresh did for it' },
      ),
      { description: 'Refreshes, newest first' },
    ),
  },
  { description: 'What a tag cost' },
);
export type TagCost = Static<typeof TagCost>;

export const TagUsage = Type.Object(
  {
    tagId: Id,
    days: Count('Days that were looked at', 90),
    counted: Count('How often a condition that names it was evaluated', 431),
    lastCountedOn: Type.Optional(
      Type.String({ description: 'Last day that this was so', examples: ['2026-11-24'] }),
    ),
    views: Count('How often somebody opened it', 12),
    byDay: Type.Array(
      Type.Object(
        {
          day: Type.String({ description: 'Day', examples: ['2026-11-24'] }),
          counted: Count('Evaluations', 12),
        },
        { description: 'A day' },
      ),
      { description: 'Days on which it was evaluated, oldest first' },
    ),
    uses: Type.Array(
      Type.Object(
        {
          kind: Type.String({ description: 'tag, audience, metric, campaign, …', examples: ['campaign'] }),
          id: Type.String({ description: 'Its id', examples: ['cmp_01j9z3'] }),
          title: Type.String({ description: 'Its title', examples: ['Autumn wealth'] }),
          distance: Type.Integer({
            minimum: 1,
            description: '1 = names the tag itself; more = through others',
            examples: [2],
          }),
        },
        { description: 'Something that depends on it' },
      ),
      { description: 'All that depends on it, nearest first' },
    ),
    mayRetire: Type.Boolean({
      description: 'Whether it can be retired: nothing names it',
      examples: [false],
    }),
  },
  { description: 'What a tag is used for' },
);
export type TagUsage = Static<typeof TagUsage>;
