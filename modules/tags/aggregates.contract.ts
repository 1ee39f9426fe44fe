import type { PropertyCondition } from '@rapport/conditions';
import { type Static, Type } from 'typebox';

/** Functions of one column that give one value. */
export const AGGREGATE_FUNCTIONS = [
  'sum',
  'avg',
  'min',
  'max',
  'last',
  'first',
  'distinct',
  'top',
  'stddev',
  'dailyAverage',
] as const;
export const PERIODS = ['day', 'week', 'month', 'quarter', 'year'] as const;
export type Period = (typeof PERIODS)[number];

const ColumnName = Type.String({
  minLength: 1,
  maxLength: 200,
  description: 'Column or event property',
  examples: ['amount_minor'],
});
const PeriodName = Type.Enum(PERIODS, {
  description: 'Calendar period; a week begins on Monday',
  examples: ['month'],
});
const PeriodCount = Type.Integer({
  minimum: 2,
  maximum: 120,
  description: 'How many complete periods',
  examples: [6],
});
const aggregateOf = (name: (typeof AGGREGATE_FUNCTIONS)[number], description: string) =>
  Type.Object({ [name]: ColumnName }, { additionalProperties: false, description });
const named = <
  Name extends string,
  Schema extends ReturnType<typeof Type.Object> | ReturnType<typeof Type.Union>,
>(
  name: Name,
  schema: Schema,
  description: string,
) => Type.Object({ [name]: schema }, { additionalProperties: false, description });

/** `"count"`, or the sum of a column: what can be put into periods and compared. */
export type AdditiveAggregate = 'count' | { readonly sum: string };
/** An aggregate over the rows of the tag for which a condition of its own holds. */
export interface AggregatePart {
  readonly aggregate:
    | 'count'
    | { readonly sum: string }
    | { readonly avg: string }
    | { readonly distinct: string };
  readonly where?: PropertyCondition;
}
export type SimpleAggregate =
  | 'count'
  | { readonly sum: string }
  | { readonly avg: string }
  | { readonly min: string }
  | { readonly max: string }
  | { readonly last: string }
  | { readonly first: string }
  | { readonly distinct: string }
  | { readonly top: string }
  | { readonly stddev: string }
  | { readonly dailyAverage: string };
/** How rows become one value; docs/tags.md says what each is over no rows. */
export type TagAggregate =
  | SimpleAggregate
  | { readonly topK: { readonly of: string; readonly k: number } }
  | { readonly percentile: { readonly of: string; readonly at: number } }
  | { readonly ratio: { readonly of: AggregatePart; readonly to: AggregatePart } }
  | { readonly trend: { readonly of: AdditiveAggregate; readonly per: Period; readonly periods: number } }
  | { readonly perPeriod: { readonly of: AdditiveAggregate; readonly per: Period; readonly periods: number } }
  | { readonly change: AdditiveAggregate }
  | { readonly streak: { readonly per: Period; readonly which?: 'longest' | 'current' } }
  | { readonly recency: 'days' | 'hours' };

const Additive = Type.Union(
  [
    Type.Literal('count', { description: 'Number of rows', examples: ['count'] }),
    aggregateOf('sum', 'Sum of a column'),
  ],
  { description: 'What is counted or added', examples: [{ sum: 'amount_minor' }] },
);
const Part = Type.Object(
  {
    aggregate: Type.Union(
      [
        Type.Literal('count', { description: 'Number of rows', examples: ['count'] }),
        aggregateOf('sum', 'Sum'),
        aggregateOf('avg', 'Mean'),
        aggregateOf('distinct', 'Number of different values'),
      ],
      { description: 'Aggregate of this side', examples: ['count'] },
    ),
    where: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'Only rows for which this holds, among those of the tag',
        examples: [{ property: 'channel', op: '=', value: 'mobile' }],
      }),
    ),
  },
  { additionalProperties: false, description: 'One side of a ratio' },
);
const InPeriods = Type.Object(
  { of: Additive, per: PeriodName, periods: PeriodCount },
  { additionalProperties: false, description: 'A figure per period' },
);

export const TagAggregateSchema = Type.Unsafe<TagAggregate>(
  Type.Union(
    [
      Type.Literal('count', { description: 'Number of rows', examples: ['count'] }),
      aggregateOf('sum', 'Sum; unknown over no rows'),
      aggregateOf('avg', 'Mean; unknown over no rows'),
      aggregateOf('min', 'Least'),
      aggregateOf('max', 'Greatest'),
      aggregateOf(
        'last',
        'Value of the latest row, known or not; of rows at one instant the greatest known value',
      ),
      aggregateOf(
        'first',
        'Value of the earliest row, known or not; of rows at one instant the greatest known value',
      ),
      aggregateOf('distinct', 'Number of distinct known values; 0 over no rows'),
      aggregateOf('top', 'Most frequent known value; of equals the least'),
      aggregateOf('stddev', 'Sample standard deviation; unknown under two values'),
      aggregateOf(
        'dailyAverage',
        'Average over the days of the window of the balance at the end of each day, accounts added up',
      ),
      named(
        'topK',
        Type.Object(
          {
            of: ColumnName,
            k: Type.Integer({ minimum: 1, maximum: 20, description: 'How many values', examples: [3] }),
          },
          { additionalProperties: false, description: 'Column and number' },
        ),
        'The most frequent known values as a list; of equals the least',
      ),
      named(
        'percentile',
        Type.Object(
          {
            of: ColumnName,
            at: Type.Number({
              exclusiveMinimum: 0,
              maximum: 1,
              description: 'Share of values at or below it',
              examples: [0.9],
            }),
          },
          { additionalProperties: false, description: 'Column and share' },
        ),
        'Nearest-rank percentile: the least value that at least this share of the values do not exceed',
      ),
      named(
        'ratio',
        Type.Object({ of: Part, to: Part }, { additionalProperties: false, description: 'Two aggregates' }),
        'First ÷ second; unknown when either is unknown or the second is 0',
      ),
      named('trend', InPeriods, 'Least-squares slope a period of the figures of the last complete periods'),
      named('perPeriod', InPeriods, 'Figure over the last complete periods ÷ their number'),
      named('change', Additive, '(window − the window before) ÷ the window before; unknown when that is 0'),
      named(
        'streak',
        Type.Object(
          {
            per: PeriodName,
            which: Type.Optional(
              Type.Union([Type.Literal('longest'), Type.Literal('current')], {
                description: 'The longest run, or the one that reaches this period or the one before',
                default: 'longest',
                examples: ['current'],
              }),
            ),
          },
          { additionalProperties: false, description: 'A run of periods' },
        ),
        'Number of periods in a row with at least one row; 0 over no rows',
      ),
      Type.Object(
        {
          recency: Type.Union([Type.Literal('days'), Type.Literal('hours')], {
            description: 'Calendar days or whole hours',
            examples: ['days'],
          }),
        },
        { additionalProperties: false, description: 'Time since the latest row; unknown over no rows' },
      ),
    ],
    { description: 'How rows become one value', examples: [{ sum: 'amount_minor' }] },
  ),
);

/** A window in the bank's calendar instead of one that rolls. */
export const TagWindow = Type.Union(
  [
    Type.Object(
      {
        toDate: Type.Enum([...PERIODS, 'fiscal_year'] as const, {
          description: 'From the beginning of this period up to now: month to date',
          examples: ['month'],
        }),
        fiscalStart: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 12,
            description: 'First month of the fiscal year',
            default: 1,
            examples: [4],
          }),
        ),
      },
      { additionalProperties: false, description: 'Period to date' },
    ),
    Type.Object(
      {
        last: Type.Integer({
          minimum: 1,
          maximum: 120,
          description: 'How many complete periods',
          examples: [1],
        }),
        unit: Type.Enum([...PERIODS, 'fiscal_year'] as const, {
          description: 'Period',
          examples: ['quarter'],
        }),
        fiscalStart: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 12,
            description: 'First month of the fiscal year',
            default: 1,
            examples: [4],
          }),
        ),
      },
      { additionalProperties: false, description: 'The last complete periods' },
    ),
    Type.Object(
      {
        businessDays: Type.Integer({ minimum: 1, maximum: 260, description: 'How many', examples: [20] }),
        calendar: Type.Enum(['CN', 'TW', 'HK'] as const, {
          description: 'Business calendar',
          examples: ['TW'],
        }),
      },
      { additionalProperties: false, description: 'The last business days up to and with today' },
    ),
  ],
  { description: 'A calendar window', examples: [{ toDate: 'month' }] },
);
export type TagWindow = Static<typeof TagWindow>;
