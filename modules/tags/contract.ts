import { ConditionBody, type PropertyCondition } from '@rapport/conditions';
import { Instant, LocalizedText, Page, Ratio } from '@rapport/kernel';
import { type Static, Type } from 'typebox';
import { PERIODS, TagAggregateSchema, TagWindow } from './aggregates.contract.ts';
import { QUALITY_VERDICTS } from './quality.contract.ts';
import { TagStatusName } from './workflow.contract.ts';

export {
  type AdditiveAggregate,
  AGGREGATE_FUNCTIONS,
  type AggregatePart,
  PERIODS,
  type Period,
  type SimpleAggregate,
  type TagAggregate,
  TagAggregateSchema,
  TagWindow,
} from './aggregates.contract.ts';

export * from './library.contract.ts';
export * from './quality.contract.ts';
export * from './workflow.contract.ts';

export const TAG_VALUE_TYPES = ['text', 'number', 'money', 'boolean', 'date', 'instant', 'list'] as const;
export const TAG_KINDS = ['fact', 'statistical', 'rule', 'derived', 'model', 'manual', 'stream'] as const;
export const TAG_DATA_CLASSES = ['C1', 'C2', 'C3'] as const;
/** Canonical tables a fact can be read from. */
export const FACT_TABLES = ['customer', 'account', 'holding', 'identity', 'relation'] as const;
/** Canonical tables that statistics run over. */
export const STATISTIC_TABLES = ['transaction', 'event', 'holding', 'account', 'relation'] as const;

export const TagId = Type.String({
  pattern: '^[a-z][a-z0-9_]{0,62}$',
  description: 'Tag id, snake_case',
  examples: ['txn_count_90d'],
});
export const TagValueType = Type.Enum(TAG_VALUE_TYPES, {
  description: 'What the values are; `money` is integer minor units',
  examples: ['number'],
});
export type TagValueType = (typeof TAG_VALUE_TYPES)[number];
export const TagValue = Type.Union(
  [Type.String(), Type.Number(), Type.Boolean(), Type.Array(Type.String())],
  {
    description: 'A tag value; money in minor units, days and instants as ISO 8601',
    examples: ['gold'],
  },
);
export type TagValue = Static<typeof TagValue>;
const Duration = (description: string) =>
  Type.String({ pattern: '^P(?=.)[0-9YMWDTHS]+$', maxLength: 40, description, examples: ['P90D'] });
const Expression = (description: string, example: string) =>
  Type.String({ minLength: 1, maxLength: 2000, description, examples: [example] });

export const FactDefinition = Type.Object(
  {
    kind: Type.Literal('fact', { description: 'Read from a canonical row', examples: ['fact'] }),
    from: Type.Enum(FACT_TABLES, { description: 'Canonical table', examples: ['customer'] }),
    value: Expression('Expression over the columns of that table', "attributes['frequency']"),
    where: Type.Optional(Expression('Only rows for which this holds', "kind = 'card'")),
    pick: Type.Optional(
      Type.Union(
        [
          Type.Literal('first'),
          Type.Literal('last'),
          Type.Literal('min'),
          Type.Literal('max'),
          Type.Literal('list'),
        ],
        {
          description:
            'Which value when a customer has several rows: `first` or `last` known by opening day and id, `min`, `max`, or all distinct ones as a `list`',
          default: 'first',
          examples: ['first'],
        },
      ),
    ),
  },
  { additionalProperties: false, description: 'A fact tag' },
);
export type FactDefinition = Static<typeof FactDefinition>;

/** Conditions are checked by `checkCondition`, which names each fault; the edge takes any object. */
const PropertyConditionBody = Type.Unsafe<PropertyCondition>(
  Type.Record(Type.String(), Type.Unknown(), {
    description: 'Only rows for which this holds; see docs/conditions.md',
    examples: [{ property: 'direction', op: '=', value: 'debit' }],
  }),
);

export const StatisticalDefinition = Type.Object(
  {
    kind: Type.Literal('statistical', {
      description: 'Computed over rows of a window',
      examples: ['statistical'],
    }),
    over: Type.Enum(STATISTIC_TABLES, { description: 'Canonical table', examples: ['transaction'] }),
    event: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'Event name, when over events',
        examples: ['wealth_viewed'],
      }),
    ),
    where: Type.Optional(PropertyConditionBody),
    aggregate: TagAggregateSchema,
    within: Type.Optional(
      Duration('Only rows in (asOf − offset − within, asOf − offset]; absent = everything up to then'),
    ),
    offset: Type.Optional(Duration('Moves the end of the window back')),
    window: Type.Optional(TagWindow),
    zone: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 60,
        description: 'IANA time zone that days and periods are cut in',
        default: 'UTC',
        examples: ['Asia/Taipei'],
      }),
    ),
    asOf: Type.Optional(Instant('Fixed instant that the window ends at; absent = that of the refresh')),
  },
  { additionalProperties: false, description: 'A statistical tag' },
);
export type StatisticalDefinition = Static<typeof StatisticalDefinition>;

export const RuleDefinition = Type.Object(
  {
    kind: Type.Literal('rule', { description: 'Given by conditions', examples: ['rule'] }),
    cases: Type.Array(
      Type.Object(
        { when: ConditionBody, value: TagValue },
        { additionalProperties: false, description: 'The first case that holds gives the value' },
      ),
      { minItems: 1, maxItems: 100, description: 'Cases, in order' },
    ),
    otherwise: Type.Optional(TagValue),
  },
  { additionalProperties: false, description: 'A rule tag' },
);
export type RuleDefinition = Static<typeof RuleDefinition>;

export const DerivedDefinition = Type.Object(
  {
    kind: Type.Literal('derived', { description: 'Calculated from other tags', examples: ['derived'] }),
    expression: Expression('Expression whose names are tag ids', 'debit_sum_90d / nullIf(txn_count_90d, 0)'),
  },
  { additionalProperties: false, description: 'A derived tag' },
);
export type DerivedDefinition = Static<typeof DerivedDefinition>;

export const ModelDefinition = Type.Object(
  {
    kind: Type.Literal('model', { description: 'Scores of a model', examples: ['model'] }),
    modelId: Type.String({
      minLength: 1,
      maxLength: 100,
      description: 'Model that gives it',
      examples: ['mdl_01j9z3'],
    }),
  },
  {
    additionalProperties: false,
    description: 'A tag whose values a model writes; nobody defines it by hand',
  },
);
export type ModelDefinition = Static<typeof ModelDefinition>;

export const ManualDefinition = Type.Object(
  {
    kind: Type.Literal('manual', { description: 'Set by hand or by a list', examples: ['manual'] }),
    expiresAfter: Type.Optional(Duration('How long a value holds when whoever sets it says nothing')),
  },
  { additionalProperties: false, description: 'A tag whose values people set, one by one or as a file' },
);
export type ManualDefinition = Static<typeof ManualDefinition>;

export const StreamDefinition = Type.Object(
  {
    kind: Type.Literal('stream', {
      description: 'Kept by events as they come, and by every refresh',
      examples: ['stream'],
    }),
    event: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Event name',
      examples: ['app_login'],
    }),
    where: Type.Optional(PropertyConditionBody),
    aggregate: TagAggregateSchema,
    toDate: Type.Optional(
      Type.Enum(PERIODS, {
        description: 'Only events of this period so far: `day` counts today; absent = all',
        examples: ['day'],
      }),
    ),
    zone: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 60,
        description: 'IANA time zone that periods are cut in',
        default: 'UTC',
        examples: ['Asia/Taipei'],
      }),
    ),
  },
  { additionalProperties: false, description: 'A tag that is up to date within seconds' },
);
export type StreamDefinition = Static<typeof StreamDefinition>;

export const TagComputation = Type.Union(
  [
    FactDefinition,
    StatisticalDefinition,
    RuleDefinition,
    DerivedDefinition,
    ModelDefinition,
    ManualDefinition,
    StreamDefinition,
  ],
  {
    description: 'How the value comes about',
    examples: [{ kind: 'statistical', over: 'transaction', aggregate: 'count', within: 'P90D' }],
  },
);
export type TagComputation = Static<typeof TagComputation>;

/** Schema of a computation by its kind: a fault is clearer against one than against all. */
export const COMPUTATION_OF_KIND = {
  fact: FactDefinition,
  statistical: StatisticalDefinition,
  rule: RuleDefinition,
  derived: DerivedDefinition,
  model: ModelDefinition,
  manual: ManualDefinition,
  stream: StreamDefinition,
} as const;

const TAG_FIELDS = {
  title: LocalizedText,
  description: Type.Optional(
    Type.String({
      maxLength: 2000,
      description: 'What it means and what it is for',
      examples: ['Bookings in the last 90 days'],
    }),
  ),
  category: Type.String({
    pattern: '^[a-z0-9_]+(/[a-z0-9_]+){0,5}$',
    description: 'Path in the taxonomy',
    examples: ['behaviour/transactions'],
  }),
  valueType: TagValueType,
  unit: Type.Optional(
    Type.String({ maxLength: 40, description: 'Unit; for money the currency', examples: ['TWD'] }),
  ),
  values: Type.Optional(
    Type.Array(
      Type.Object(
        { value: TagValue, title: LocalizedText },
        { additionalProperties: false, description: 'A value and what it is called' },
      ),
      { maxItems: 500, description: 'Dictionary of the values' },
    ),
  ),
  dictionary: Type.Optional(
    Type.String({
      pattern: '^[a-z][a-z0-9_]{0,62}$',
      description: 'Dictionary that several tags share, in place of `values`',
      examples: ['yes_no'],
    }),
  ),
  owner: Type.Optional(
    Type.String({ maxLength: 120, description: 'Who answers for it', examples: ['Retail analytics'] }),
  ),
  dataClass: Type.Optional(
    Type.Enum(TAG_DATA_CLASSES, {
      description: 'Sensitivity: C1 open, C2 internal, C3 sensitive',
      default: 'C2',
      examples: ['C2'],
    }),
  ),
  definition: TagComputation,
};

export const TagDefinition = Type.Object(
  { id: TagId, ...TAG_FIELDS },
  { additionalProperties: false, description: 'A tag 標籤 as it is written' },
);
export type TagDefinition = Static<typeof TagDefinition>;
/** A PUT replaces everything but the id. */
export const TagReplacement = Type.Object(TAG_FIELDS, {
  additionalProperties: false,
  description: 'A tag without its id',
});
export type TagReplacement = Static<typeof TagReplacement>;

const Count = (description: string, example: number) =>
  Type.Integer({ minimum: 0, description, examples: [example] });

export const TagDistribution = Type.Object(
  {
    top: Type.Array(
      Type.Object(
        { value: TagValue, customers: Count('Customers with it', 1200) },
        { description: 'A value and how many have it' },
      ),
      { description: 'Most frequent values, at most 20; empty for continuous values' },
    ),
    histogram: Type.Array(
      Type.Object(
        {
          from: Type.Number({
            description: 'Lower end, included (instants and days in epoch milliseconds)',
            examples: [0],
          }),
          to: Type.Number({ description: 'Upper end, excluded but in the last bar', examples: [100] }),
          customers: Count('Customers in it', 300),
        },
        { description: 'A bar' },
      ),
      { description: 'Bars between the 1st and 99th percentile, for values that are numbers' },
    ),
    min: Type.Optional(Type.Number({ description: 'Least value', examples: [0] })),
    max: Type.Optional(Type.Number({ description: 'Greatest value', examples: [412] })),
    mean: Type.Optional(Type.Number({ description: 'Mean', examples: [17.4] })),
    quantiles: Type.Optional(
      Type.Object(
        {
          p5: Type.Number({ description: '5th percentile', examples: [1] }),
          p25: Type.Number({ description: '25th percentile', examples: [5] }),
          p50: Type.Number({ description: 'Median', examples: [12] }),
          p75: Type.Number({ description: '75th percentile', examples: [24] }),
          p95: Type.Number({ description: '95th percentile', examples: [60] }),
        },
        { description: 'Percentiles' },
      ),
    ),
  },
  { description: 'How the values spread' },
);
export type TagDistribution = Static<typeof TagDistribution>;

export const TagStatistics = Type.Object(
  {
    refreshId: Type.String({ description: 'Refresh that computed it', examples: ['trf_01j9z3'] }),
    refreshedAt: Instant('When it was computed'),
    asOf: Instant('Instant it was computed for'),
    definitionVersion: Type.Integer({
      description: 'Version of the definition it was computed by',
      examples: [3],
    }),
    known: Count('Customers with a known value', 4500),
    customers: Count('All customers', 5369),
    coverage: Ratio('known ÷ customers'),
    distinct: Count('Different values (estimated above 10,000)', 3),
    tookMs: Type.Integer({ description: 'Time of the scan it was part of', examples: [180] }),
    distribution: TagDistribution,
  },
  { description: 'Figures of the current values' },
);
export type TagStatistics = Static<typeof TagStatistics>;

export const TagUse = Type.Object(
  {
    kind: Type.String({
      description: '`tag`, `audience`, `template`, `campaign`, …',
      examples: ['audience'],
    }),
    id: Type.String({ description: 'Id of what uses it', examples: ['aud_01j9z3'] }),
    title: Type.String({ description: 'Its title', examples: ['Wealth browsers'] }),
  },
  { description: 'Something that uses the tag' },
);
export type TagUse = Static<typeof TagUse>;

export const TAG_STATES = ['new', 'fresh', 'stale', 'failed'] as const;
const TAG_STATE = {
  status: TagStatusName,
  kind: Type.Enum(TAG_KINDS, { description: 'Kind of definition', examples: ['statistical'] }),
  version: Type.Integer({ minimum: 1, description: 'Version of the definition', examples: [1] }),
  state: Type.Enum(TAG_STATES, {
    description:
      '`new`: never computed; `fresh`: values of this definition and the current data; `stale`: definition or data changed since; `failed`: the last refresh could not compute it',
    examples: ['fresh'],
  }),
  error: Type.Optional(
    Type.String({ description: 'Why the last refresh failed', examples: ['There is no tag "aum".'] }),
  ),
  createdAt: Instant('When it was made'),
  updatedAt: Instant('When it was last changed'),
  updatedBy: Type.String({ description: 'Who changed it last', examples: ['usr_01j9z3'] }),
};

export const TagSummary = Type.Object(
  {
    ...TagDefinition.properties,
    ...TAG_STATE,
    coverage: Type.Optional(Ratio('Share of customers with a known value')),
    refreshedAt: Type.Optional(Instant('When it was last computed')),
    usedBy: Count('How many things use it', 2),
    isFavourite: Type.Boolean({ description: 'Whether it is among your favourites', examples: [false] }),
    views: Count('How often people looked at it in the last 90 days', 12),
    counted: Count('How often conditions that name it were evaluated in the last 90 days', 431),
    verdict: Type.Enum(QUALITY_VERDICTS, { description: 'Quality of its values', examples: ['good'] }),
    costShare: Type.Optional(Ratio('Part of the time that all tags took in the last 30 days')),
  },
  { description: 'A tag in a list' },
);
export type TagSummary = Static<typeof TagSummary>;
export const TagPage = Page(TagSummary, 'Tags by id');

export const TagView = Type.Object(
  {
    ...TagDefinition.properties,
    ...TAG_STATE,
    statistics: Type.Optional(TagStatistics),
    uses: Type.Array(TagUse, { description: 'What uses it' }),
  },
  { description: 'A tag with its figures' },
);
export type TagView = Static<typeof TagView>;

export const TagQuery = Type.Object({
  q: Type.Optional(
    Type.String({ maxLength: 200, description: 'Part of id, title or description', examples: ['aum'] }),
  ),
  category: Type.Optional(
    Type.String({
      maxLength: 200,
      description: 'Category path or the beginning of one',
      examples: ['asset'],
    }),
  ),
  kind: Type.Optional(Type.Enum(TAG_KINDS, { description: 'Kind of definition', examples: ['rule'] })),
  status: Type.Optional(TagStatusName),
  owner: Type.Optional(
    Type.String({ maxLength: 120, description: 'Who answers for it', examples: ['Retail analytics'] }),
  ),
  dataClass: Type.Optional(Type.Enum(TAG_DATA_CLASSES, { description: 'Sensitivity', examples: ['C3'] })),
  favourites: Type.Optional(
    Type.Boolean({ description: 'Only your favourites', default: false, examples: [true] }),
  ),
  cursor: Type.Optional(Type.String({ description: 'Where the page before ended', examples: ['YXVt'] })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 500, default: 100, description: 'Items a page', examples: [100] }),
  ),
});
export type TagQuery = Static<typeof TagQuery>;

export const TagCategory = Type.Object(
  {
    path: Type.String({ description: 'Path in the taxonomy', examples: ['asset/aum'] }),
    parent: Type.Optional(Type.String({ description: 'Path above', examples: ['asset'] })),
    name: Type.String({ description: 'Last part of the path', examples: ['aum'] }),
    tags: Count('Tags here and below', 4),
  },
  { description: 'A category' },
);
export type TagCategory = Static<typeof TagCategory>;
export const TagCategories = Type.Object(
  { items: Type.Array(TagCategory, { description: 'Every category, parents before children' }) },
  { description: 'The taxonomy of tags' },
);

export const TagRefreshRequest = Type.Object(
  {
    tagIds: Type.Optional(
      Type.Array(TagId, {
        maxItems: 1000,
        description: 'Only these and what they need; absent = all',
        examples: [['txn_count_90d']],
      }),
    ),
    asOf: Type.Optional(Instant('Instant to compute for; absent = the bank’s data date or now')),
    full: Type.Optional(
      Type.Boolean({
        description: 'Compute everything again, also what nothing has changed',
        default: false,
        examples: [true],
      }),
    ),
  },
  { additionalProperties: false, description: 'What to refresh' },
);
export type TagRefreshRequest = Static<typeof TagRefreshRequest>;
export const TagRefreshStarted = Type.Object(
  { jobId: Type.String({ description: 'Job to watch at /jobs/{jobId}', examples: ['job_01j9z3'] }) },
  { description: 'A refresh that was started' },
);

export const TagRefreshView = Type.Object(
  {
    id: Type.String({ description: 'Refresh id', examples: ['trf_01j9z3'] }),
    state: Type.Union([Type.Literal('running'), Type.Literal('done'), Type.Literal('failed')], {
      description: 'Where it stands',
      examples: ['done'],
    }),
    asOf: Instant('Instant computed for'),
    startedAt: Instant('When it started'),
    finishedAt: Type.Optional(Instant('When it ended')),
    release: Type.Optional(Type.Integer({ description: 'Release that made it visible', examples: [7] })),
    tags: Count('Tags computed', 34),
    failed: Type.Array(
      Type.Object(
        {
          tagId: TagId,
          error: Type.String({ description: 'Why', examples: ['There is no tag "aum".'] }),
        },
        { description: 'A tag that could not be computed; its earlier values stay' },
      ),
      { description: 'Tags left as they were' },
    ),
    error: Type.Optional(
      Type.String({ description: 'Why the refresh failed', examples: ['The data is gone.'] }),
    ),
  },
  { description: 'A refresh of tags' },
);
export type TagRefreshView = Static<typeof TagRefreshView>;
export const REFRESH_WORK = ['scan', 'patch', 'rule', 'derived', 'figures', 'index'] as const;
export const REFRESH_OUTCOMES = ['computed', 'patched', 'kept', 'failed', 'blocked'] as const;
export const TagRefreshDetail = Type.Object(
  {
    ...TagRefreshView.properties,
    cpuMs: Type.Optional(
      Type.Integer({
        description:
          'CPU time of the service and the warehouse meanwhile, in milliseconds; other work at the same time counts too',
        examples: [4200],
      }),
    ),
    steps: Type.Array(
      Type.Object(
        {
          work: Type.Enum(REFRESH_WORK, {
            description: 'scan = all rows, patch = rows of the customers that may have changed',
            examples: ['scan'],
          }),
          tagIds: Type.Array(TagId, { description: 'Tags that shared it' }),
          customers: Type.Optional(Count('Customers written; absent = all', 1200)),
          tookMs: Type.Integer({ description: 'Time it took', examples: [840] }),
          rowsRead: Count('Rows that the warehouse read', 10_000_000),
          bytesRead: Count('Bytes that the warehouse read', 420_000_000),
        },
        { description: 'A piece of work' },
      ),
      { description: 'What was done, in order' },
    ),
    outcomes: Type.Array(
      Type.Object(
        {
          tagId: TagId,
          outcome: Type.Enum(REFRESH_OUTCOMES, {
            description: 'kept = nothing has changed it',
            examples: ['patched'],
          }),
          because: Type.String({
            description: 'first, definition, data, window, inputs, unchanged; or why it failed or is blocked',
            examples: ['data'],
          }),
          tookMs: Type.Optional(Type.Integer({ description: 'Share of the work', examples: [12] })),
          rowsRead: Type.Optional(Count('Share of the rows read', 50_000)),
        },
        { description: 'What became of a tag' },
      ),
      { description: 'By tag id' },
    ),
  },
  { description: 'A refresh with its cost' },
);
export type TagRefreshDetail = Static<typeof TagRefreshDetail>;
export const TagRefreshPage = Page(TagRefreshView, 'Refreshes, newest first');

export const TagPreviewRequest = Type.Object(
  {
    valueType: TagValueType,
    definition: TagComputation,
    asOf: Type.Optional(Instant('Instant to compute for')),
  },
  { additionalProperties: false, description: 'A definition to try' },
);
export type TagPreviewRequest = Static<typeof TagPreviewRequest>;
export const TagPreview = Type.Object(
  {
    known: Count('Customers with a known value', 4500),
    customers: Count('All customers', 5369),
    coverage: Ratio('known ÷ customers'),
    distinct: Count('Different values', 3),
    distribution: TagDistribution,
    asOf: Instant('Instant it was computed for'),
    tookMs: Type.Integer({ description: 'Time it took', examples: [42] }),
  },
  { description: 'What a definition would give on the current data' },
);
export type TagPreview = Static<typeof TagPreview>;

export const TagDictionary = Type.Object(
  {
    id: Type.String({
      pattern: '^[a-z][a-z0-9_]{0,62}$',
      description: 'Dictionary id',
      examples: ['yes_no'],
    }),
    title: LocalizedText,
    values: Type.Array(
      Type.Object(
        { value: TagValue, title: LocalizedText },
        { additionalProperties: false, description: 'A value and what it is called' },
      ),
      { maxItems: 500, description: 'Values, in order' },
    ),
  },
  { additionalProperties: false, description: 'A dictionary of values that tags share 碼值字典' },
);
export type TagDictionary = Static<typeof TagDictionary>;
export const TagDictionaries = Type.Object(
  { items: Type.Array(TagDictionary, { description: 'By id' }) },
  { description: 'Dictionaries' },
);

export const TagsDocument = Type.Object(
  {
    asOf: Type.Optional(
      Instant(
        'Instant that tags are computed for when a refresh names none: the day a historic data set ends',
      ),
    ),
    taxonomy: Type.Optional(
      Type.Array(
        Type.Object(
          {
            path: Type.String({
              pattern: '^[a-z0-9_]+(/[a-z0-9_]+){0,5}$',
              description: 'Path',
              examples: ['asset/aum'],
            }),
            title: LocalizedText,
          },
          { additionalProperties: false, description: 'A category' },
        ),
        { description: 'What the categories are called' },
      ),
    ),
    dictionaries: Type.Optional(Type.Array(TagDictionary, { description: 'Dictionaries of values' })),
    tags: Type.Array(TagDefinition, { description: 'Tags, by id' }),
  },
  { additionalProperties: false, description: 'Content of a `*.tags.yaml` file' },
);
export type TagsDocument = Static<typeof TagsDocument>;
export const TagImportRequest = Type.Object(
  {
    yaml: Type.String({
      maxLength: 5_000_000,
      description: 'Content of a `*.tags.yaml` file',
      examples: ['tags:\n  - id: gender\n'],
    }),
    dryRun: Type.Optional(
      Type.Boolean({ description: 'Only tell what would change', default: false, examples: [true] }),
    ),
  },
  { additionalProperties: false, description: 'Tags to import' },
);
export type TagImportRequest = Static<typeof TagImportRequest>;
export const TagImportResult = Type.Object(
  {
    created: Type.Array(TagId, { description: 'New tags', examples: [['gender']] }),
    changed: Type.Array(
      Type.Object(
        {
          id: TagId,
          fields: Type.Array(Type.String(), {
            description: 'JSON pointers of what differs',
            examples: [['/definition/within']],
          }),
        },
        { description: 'A tag that differs' },
      ),
      { description: 'Changed tags' },
    ),
    unchanged: Type.Array(TagId, { description: 'Tags that stay', examples: [['age']] }),
    proposed: Type.Optional(
      Type.Array(TagId, { description: 'Changes that wait for a review', examples: [['age']] }),
    ),
    applied: Type.Boolean({ description: 'False for a dry run', examples: [true] }),
  },
  { description: 'What an import changes' },
);
export type TagImportResult = Static<typeof TagImportResult>;
export const TagDiffRequest = Type.Object(
  {
    yaml: Type.String({
      maxLength: 5_000_000,
      description: 'Content of a `*.tags.yaml` file',
      examples: ['tags:\n  - id: gender\n'],
    }),
  },
  { additionalProperties: false, description: 'A file to compare' },
);
export type TagDiffRequest = Static<typeof TagDiffRequest>;
export const DefinitionChange = Type.Object(
  {
    pointer: Type.String({ description: 'What differs', examples: ['/definition/within'] }),
    before: Type.Optional(Type.String({ description: 'As JSON; absent = not there', examples: ['"P30D"'] })),
    after: Type.Optional(Type.String({ description: 'As JSON; absent = not there', examples: ['"P90D"'] })),
  },
  { description: 'A difference' },
);
export type DefinitionChange = Static<typeof DefinitionChange>;
export const TagDiff = Type.Object(
  {
    created: Type.Array(Type.Object({ id: TagId, title: LocalizedText }, { description: 'A tag' }), {
      description: 'Tags that only the file has',
    }),
    changed: Type.Array(
      Type.Object(
        {
          id: TagId,
          changes: Type.Array(DefinitionChange, { description: 'From what is here to what the file says' }),
        },
        { description: 'A tag that differs' },
      ),
      { description: 'Tags that differ' },
    ),
    missing: Type.Array(Type.Object({ id: TagId, title: LocalizedText }, { description: 'A tag' }), {
      description: 'Tags that the file does not have; an import leaves them as they are',
    }),
    unchanged: Type.Array(TagId, { description: 'Tags that are the same', examples: [['age']] }),
    dictionaries: Type.Array(Type.String(), {
      description: 'Dictionaries of the file that are new or differ',
      examples: [['yes_no']],
    }),
  },
  { description: 'How a file differs from the tags that are defined' },
);
export type TagDiff = Static<typeof TagDiff>;
export const TagExport = Type.Object(
  {
    yaml: Type.String({
      description: 'Every tag as a `*.tags.yaml` file',
      examples: ['tags:\n  - id: gender\n'],
    }),
  },
  { description: 'Exported tags' },
);

export const ManualValue = Type.Object(
  {
    customerId: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'The bank’s customer id',
      examples: ['C00001234'],
    }),
    value: TagValue,
    reason: Type.String({
      minLength: 1,
      maxLength: 500,
      description: 'Why',
      examples: ['Told by the customer on the phone'],
    }),
    expiresAt: Type.Optional(Instant('When the value ends; absent = as the tag says')),
  },
  { additionalProperties: false, description: 'A value set by hand' },
);
export type ManualValue = Static<typeof ManualValue>;
export const ManualValueView = Type.Object(
  {
    ...ManualValue.properties,
    setBy: Type.String({ description: 'Who set it', examples: ['usr_01j9z3'] }),
    setAt: Instant('When it was set'),
    isExpired: Type.Boolean({ description: 'Whether it has ended', examples: [false] }),
  },
  { description: 'A value set by hand' },
);
export type ManualValueView = Static<typeof ManualValueView>;
export const ManualValuePage = Page(ManualValueView, 'Values by customer id');
export const ManualUpload = Type.Object(
  {
    csv: Type.String({
      maxLength: 50_000_000,
      description: 'Lines of customer id and value, with a heading',
      examples: ['customer_id,value\nC00001234,gold\n'],
    }),
    reason: Type.String({ minLength: 1, maxLength: 500, description: 'Why', examples: ['Golf day 2026'] }),
    expiresAt: Type.Optional(Instant('When the values end')),
    replace: Type.Optional(
      Type.Boolean({
        description: 'Whether customers who are not in the file lose their values',
        default: false,
        examples: [true],
      }),
    ),
    dryRun: Type.Optional(Type.Boolean({ description: 'Only check', default: false, examples: [true] })),
  },
  { additionalProperties: false, description: 'A file of values' },
);
export type ManualUpload = Static<typeof ManualUpload>;
export const ManualUploadResult = Type.Object(
  {
    lines: Count('Lines read, without the heading', 120),
    set: Count('Values set, or that would be', 117),
    cleared: Count('Values taken away', 0),
    faults: Type.Array(
      Type.Object(
        {
          line: Type.Integer({ minimum: 1, description: 'Line of the file', examples: [17] }),
          message: Type.String({
            description: 'What is wrong',
            examples: ['There is no customer "C9" among those you may see.'],
          }),
        },
        { description: 'A line that was left out' },
      ),
      { description: 'Lines that were left out, the first hundred' },
    ),
    refused: Count('Lines left out in all', 3),
  },
  { description: 'What a file of values did' },
);
export type ManualUploadResult = Static<typeof ManualUploadResult>;

export const TagEvidenceQuery = Type.Object({
  customerId: Type.String({
    minLength: 1,
    maxLength: 200,
    description: 'The bank’s customer id',
    examples: ['C00001234'],
  }),
});
export const EvidenceRow = Type.Record(
  Type.String(),
  Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]),
  {
    description: 'A row behind the value, by column',
    examples: [{ transaction_id: 'T-88123', amount_minor: 52000 }],
  },
);
export type EvidenceRow = Static<typeof EvidenceRow>;
export const TagEvidence = Type.Object(
  {
    tagId: TagId,
    customerId: Type.String({ description: 'The bank’s customer id', examples: ['C00001234'] }),
    asOf: Instant('Instant the value was computed for'),
    stored: Type.Optional(TagValue),
    recomputed: Type.Optional(TagValue),
    agrees: Type.Boolean({
      description: 'Whether the stored value equals the recomputed one',
      examples: [true],
    }),
    definitionVersion: Type.Integer({
      description: 'Version of the definition that was computed',
      examples: [1],
    }),
    table: Type.Optional(
      Type.String({ description: 'Canonical table the rows are from', examples: ['transaction'] }),
    ),
    rows: Type.Array(EvidenceRow, { description: 'Rows used, at most 100, newest first' }),
    rowCount: Count('Rows used in all', 17),
    inputs: Type.Array(
      Type.Object(
        { tagId: TagId, value: Type.Optional(TagValue) },
        { description: 'Another tag that the value depends on' },
      ),
      { description: 'Tags used by a rule or derived tag' },
    ),
    matchedCase: Type.Optional(
      Type.Integer({
        description: 'Index of the case of a rule that gave the value; −1 for otherwise',
        examples: [0],
      }),
    ),
    sql: Type.String({ description: 'What was asked of the warehouse', examples: ['SELECT count() …'] }),
  },
  { description: 'Why this customer has this tag' },
);
export type TagEvidence = Static<typeof TagEvidence>;

export const LINEAGE_KINDS = [
  'source_column',
  'source_table',
  'canonical_column',
  'tag',
  'audience',
  'template',
  'offer',
  'campaign',
  'message',
] as const;
export const LineageNode = Type.Object(
  {
    id: Type.String({
      description:
        '`<kind>:<name>`, such as `tag:gender`, `source_column:core/client.birth_number`, `canonical_column:customer.gender`',
      examples: ['tag:gender'],
    }),
    kind: Type.String({ description: 'Kind of thing; new kinds may come', examples: ['tag'] }),
    title: Type.String({ description: 'What to show', examples: ['Gender'] }),
  },
  { description: 'A node of the lineage graph' },
);
export type LineageNode = Static<typeof LineageNode>;
export const LineageEdge = Type.Object(
  {
    from: Type.String({ description: 'Upstream node', examples: ['canonical_column:customer.gender'] }),
    to: Type.String({ description: 'Downstream node', examples: ['tag:gender'] }),
  },
  { description: 'Something flows from one node into another' },
);
export type LineageEdge = Static<typeof LineageEdge>;
export const LineageGraph = Type.Object(
  {
    nodes: Type.Array(LineageNode, { description: 'Nodes' }),
    edges: Type.Array(LineageEdge, { description: 'Edges from upstream to downstream' }),
  },
  { description: 'Lineage 血緣' },
);
export type LineageGraph = Static<typeof LineageGraph>;
export const LineageQuery = Type.Object({
  focus: Type.Optional(
    Type.String({
      maxLength: 400,
      description: 'Only what lies above and below this node',
      examples: ['tag:gender'],
    }),
  ),
});
export const ImpactQuery = Type.Object({
  node: Type.String({
    minLength: 1,
    maxLength: 400,
    description: 'Node that would change',
    examples: ['canonical_column:customer.gender'],
  }),
});
export const LineageImpact = Type.Object(
  {
    node: LineageNode,
    dependants: Type.Array(
      Type.Object(
        {
          ...LineageNode.properties,
          distance: Type.Integer({ minimum: 1, description: 'Steps from the node', examples: [1] }),
        },
        { description: 'Something that depends on the node' },
      ),
      { description: 'All dependants, nearest first' },
    ),
  },
  { description: 'What a change would reach' },
);
export type LineageImpact = Static<typeof LineageImpact>;

export const CatalogView = Type.Object(
  {
    tags: Type.Array(
      Type.Object(
        {
          id: TagId,
          title: LocalizedText,
          category: Type.String({ description: 'Path in the taxonomy', examples: ['asset/aum'] }),
          valueType: TagValueType,
          unit: Type.Optional(Type.String({ description: 'Unit', examples: ['TWD'] })),
          values: Type.Optional(
            Type.Array(
              Type.Object(
                { value: TagValue, title: LocalizedText },
                { description: 'A value and its title' },
              ),
              { description: 'Dictionary of the values' },
            ),
          ),
        },
        { description: 'A tag that conditions may name' },
      ),
      { description: 'Tags with values' },
    ),
    events: Type.Array(
      Type.Object(
        {
          name: Type.String({ description: 'Event name', examples: ['wealth_viewed'] }),
          properties: Type.Array(
            Type.Object(
              {
                name: Type.String({ description: 'Property name', examples: ['product_id'] }),
                type: TagValueType,
              },
              { description: 'A property' },
            ),
            { description: 'Properties' },
          ),
          count: Count('Rows known', 18000),
          lastAt: Type.Optional(Instant('Latest one')),
        },
        { description: 'An event that conditions may name' },
      ),
      { description: 'Events' },
    ),
  },
  { description: 'What conditions may name at this moment' },
);
export type CatalogView = Static<typeof CatalogView>;
