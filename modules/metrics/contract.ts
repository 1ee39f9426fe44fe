import { ConditionBody } from '@rapport/conditions';
import { Instant, LocalizedText } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

export const METRIC_ID = '^[a-z][a-z0-9_]{0,62}$';
const MetricId = (description: string) => Type.String({ pattern: METRIC_ID, description, examples: ['aum'] });
const TagId = Type.String({ minLength: 1, maxLength: 63, description: 'Tag', examples: ['aum_point'] });

export const MetricMeasure = Type.Union(
  [
    Type.Object(
      {
        kind: Type.Literal('sum', { description: 'Sum over customers', examples: ['sum'] }),
        tag: TagId,
      },
      { description: 'Sum of a number or money tag over customers', additionalProperties: false },
    ),
    Type.Object(
      {
        kind: Type.Literal('average', { description: 'Mean over customers', examples: ['average'] }),
        tag: TagId,
      },
      {
        description: 'Mean of a number or money tag over the customers it is known of',
        additionalProperties: false,
      },
    ),
    Type.Object(
      {
        kind: Type.Literal('customers', { description: 'Number of customers', examples: ['customers'] }),
        condition: ConditionBody,
      },
      { description: 'Number of customers a condition holds for', additionalProperties: false },
    ),
    Type.Object(
      {
        kind: Type.Literal('ratio', { description: 'One metric by another', examples: ['ratio'] }),
        numerator: MetricId('Metric above the line'),
        denominator: MetricId('Metric below the line'),
      },
      {
        description: 'One metric divided by another, at every grain from their sums there',
        additionalProperties: false,
      },
    ),
  ],
  { description: 'How the metric is calculated', examples: [{ kind: 'sum', tag: 'aum_point' }] },
);
export type MetricMeasure = Static<typeof MetricMeasure>;

export const MetricDefinition = Type.Object(
  {
    id: MetricId('Id, snake_case'),
    title: LocalizedText,
    description: Type.Optional(
      Type.String({
        maxLength: 2_000,
        description: 'What it means and what it leaves out',
        examples: ['Deposits, funds and insurance of a customer, without debts'],
      }),
    ),
    unit: Type.Optional(
      Type.String({ maxLength: 20, description: 'Unit, such as a currency', examples: ['CNY'] }),
    ),
    format: Type.Enum(['money', 'number', 'share'], {
      description: 'How it is shown: `money` is minor units of `unit`, `share` a part of one',
      examples: ['money'],
    }),
    owner: Type.Optional(
      Type.String({ maxLength: 100, description: 'Who answers for it', examples: ['Finance'] }),
    ),
    measure: MetricMeasure,
  },
  { description: 'Definition of a metric 指標', additionalProperties: false },
);
export type MetricDefinition = Static<typeof MetricDefinition>;

export const MetricView = Type.Object(
  {
    definition: MetricDefinition,
    version: Type.Integer({ description: 'Version of the definition', examples: [3] }),
    createdAt: Instant('Defined'),
    updatedAt: Instant('Last changed'),
    updatedBy: Type.String({ description: 'User who changed it last', examples: ['usr_01j9z3'] }),
    usedBy: Type.Array(Type.String({ description: 'Metric', examples: ['aum_per_customer'] }), {
      description: 'Metrics calculated from it',
    }),
    latest: Type.Optional(
      Type.Object(
        {
          day: Type.String({ format: 'date', description: 'Day of the value', examples: ['2026-11-24'] }),
          value: Type.Optional(
            Type.Number({ description: 'Value; absent when nothing is known', examples: [125000000] }),
          ),
          customers: Type.Integer({ description: 'Customers it is known of', examples: [18000] }),
          before: Type.Optional(
            Type.Number({ description: 'Value about a month earlier', examples: [121000000] }),
          ),
        },
        { description: 'Latest kept value of the whole bank, or of the units the caller may see' },
      ),
    ),
  },
  { description: 'A metric with its latest value' },
);
export type MetricView = Static<typeof MetricView>;

export const MetricList = Type.Object(
  { items: Type.Array(MetricView, { description: 'Metrics by id' }) },
  { description: 'All metrics' },
);
export type MetricList = Static<typeof MetricList>;

export const MetricVersions = Type.Object(
  {
    items: Type.Array(
      Type.Object({
        version: Type.Integer({ description: 'Version', examples: [2] }),
        definition: MetricDefinition,
        at: Instant('Since when'),
        by: Type.String({ description: 'User', examples: ['usr_01j9z3'] }),
      }),
      { description: 'Newest first' },
    ),
  },
  { description: 'Every version of a metric' },
);
export type MetricVersions = Static<typeof MetricVersions>;

export const GRAINS = ['bank', 'org_unit', 'rm', 'audience', 'customer'] as const;
export type Grain = (typeof GRAINS)[number];

export const MetricValuesQuery = Type.Object({
  grain: Type.Optional(
    Type.Enum(GRAINS, {
      description: 'By what it is told apart',
      default: 'bank',
      examples: ['org_unit'],
    }),
  ),
  key: Type.Optional(
    Type.String({
      maxLength: 200,
      description:
        'Only this org unit, relationship manager, audience or customer; needed for `audience` and `customer`',
      examples: ['B01'],
    }),
  ),
  within: Type.Optional(
    Type.String({
      maxLength: 100,
      description: 'Of grain `rm`: only customers of this org unit and those below',
      examples: ['B01'],
    }),
  ),
  day: Type.Optional(
    Type.String({
      format: 'date',
      description: 'Kept values of a past day in place of the present ones; not for audiences and customers',
      examples: ['2026-10-31'],
    }),
  ),
});
export type MetricValuesQuery = Static<typeof MetricValuesQuery>;

export const MetricValue = Type.Object(
  {
    key: Type.String({
      description: 'Org unit, relationship manager, audience or customer; empty where none is recorded',
      examples: ['B01'],
    }),
    title: Type.String({ description: 'What people call it', examples: ['East branch'] }),
    parent: Type.Optional(
      Type.String({ description: 'Org unit above; absent at the top', examples: ['HQ'] }),
    ),
    depth: Type.Optional(Type.Integer({ description: 'Steps below the bank', examples: [1] })),
    value: Type.Optional(
      Type.Number({ description: 'Value; absent when nothing is known', examples: [125000000] }),
    ),
    own: Type.Optional(
      Type.Number({
        description: 'Of an org unit: the part of customers it keeps itself, without units below',
        examples: [5000000],
      }),
    ),
    customers: Type.Integer({ description: 'Customers it is known of', examples: [310] }),
  },
  { description: 'A metric at one place' },
);
export type MetricValue = Static<typeof MetricValue>;

export const MetricValues = Type.Object(
  {
    metricId: MetricId('Metric'),
    version: Type.Integer({ description: 'Version of the definition', examples: [3] }),
    grain: Type.Enum(GRAINS, { description: 'By what it is told apart', examples: ['org_unit'] }),
    day: Type.String({ format: 'date', description: 'Day of the values', examples: ['2026-11-24'] }),
    release: Type.Optional(
      Type.Integer({ description: 'Data release; absent for kept values', examples: [42] }),
    ),
    isAdditive: Type.Boolean({
      description: 'Whether the values of the parts add up to the total',
      examples: [true],
    }),
    total: Type.Optional(
      Type.Number({ description: 'Value over everything the caller may see', examples: [980000000] }),
    ),
    items: Type.Array(MetricValue, {
      description: 'Org units parents first, relationship managers and others by key',
    }),
  },
  { description: 'Values of a metric at one grain' },
);
export type MetricValues = Static<typeof MetricValues>;

export const MetricTrendQuery = Type.Object({
  grain: Type.Optional(
    Type.Enum(['bank', 'org_unit', 'rm'], {
      description: 'By what it is told apart',
      default: 'bank',
      examples: ['org_unit'],
    }),
  ),
  key: Type.Optional(
    Type.String({ maxLength: 200, description: 'Org unit or relationship manager', examples: ['B01'] }),
  ),
});
export type MetricTrendQuery = Static<typeof MetricTrendQuery>;

export const MetricTrend = Type.Object(
  {
    items: Type.Array(
      Type.Object({
        day: Type.String({ format: 'date', description: 'Day', examples: ['2026-10-31'] }),
        version: Type.Integer({ description: 'Version of the definition it was computed by', examples: [3] }),
        value: Type.Optional(Type.Number({ description: 'Value', examples: [980000000] })),
        customers: Type.Integer({ description: 'Customers it is known of', examples: [18000] }),
      }),
      { description: 'Kept days, oldest first' },
    ),
  },
  { description: 'A metric over time' },
);
export type MetricTrend = Static<typeof MetricTrend>;

export const MetricCheck = Type.Object(
  {
    day: Type.String({ format: 'date', description: 'Day', examples: ['2026-11-24'] }),
    stored: Type.Optional(Type.Number({ description: 'Kept value of the bank', examples: [980000000] })),
    recomputed: Type.Optional(
      Type.Number({ description: 'Value from the tag values of that day', examples: [980000000] }),
    ),
    cells: Type.Integer({
      description: 'Org units and relationship managers compared',
      examples: [120],
    }),
    differing: Type.Array(
      Type.Object({
        orgUnit: Type.String({ description: 'Org unit', examples: ['B01'] }),
        rm: Type.String({ description: 'Relationship manager', examples: ['RM017'] }),
        stored: Type.String({ description: 'Kept sum', examples: ['1200'] }),
        recomputed: Type.String({ description: 'Sum now', examples: ['1250'] }),
      }),
      { description: 'Where they differ, at most 100' },
    ),
    agrees: Type.Boolean({ description: 'Whether everything is equal', examples: [true] }),
  },
  { description: 'Kept values against a recomputation' },
);
export type MetricCheck = Static<typeof MetricCheck>;

export const MetricImport = Type.Object(
  {
    yaml: Type.String({
      maxLength: 1_000_000,
      description: 'A `*.metrics.yaml`',
      examples: ['metrics: []'],
    }),
    dryRun: Type.Optional(Type.Boolean({ description: 'Only tell what would change', examples: [true] })),
  },
  { description: 'A file of metrics' },
);
export const MetricImportResult = Type.Object(
  {
    created: Type.Array(Type.String({ description: 'Metric', examples: ['aum'] }), {
      description: 'New metrics',
    }),
    changed: Type.Array(Type.String({ description: 'Metric', examples: ['mau'] }), {
      description: 'Metrics that get a new version',
    }),
    unchanged: Type.Array(Type.String({ description: 'Metric', examples: ['deposits'] }), {
      description: 'Metrics that are as the file says',
    }),
    applied: Type.Boolean({ description: 'False after a dry run', examples: [true] }),
  },
  { description: 'What a file of metrics changed' },
);
export type MetricImportResult = Static<typeof MetricImportResult>;
