import { type Static, Type } from 'typebox';

/** Comparisons a leaf may use; `docs/conditions.md` says which value types take which. */
export const OPERATORS = [
  '=',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'in',
  'not in',
  'between',
  'contains',
  'starts with',
  'known',
  'unknown',
  'before',
  'after',
  'in last',
  'in next',
  'anniversary in next',
] as const;
export type Operator = (typeof OPERATORS)[number];

export const AGGREGATES = ['count', 'sum', 'avg', 'min', 'max', 'last', 'distinct'] as const;
export type AggregateName = (typeof AGGREGATES)[number];
export type PropertyAggregateName = Exclude<AggregateName, 'count'>;

export type Scalar = string | number | boolean;
export type Value = Scalar | readonly Scalar[];

/** `"count"`, or an aggregate of one property: `{ "sum": "amount" }`. */
export type Aggregate =
  | 'count'
  | { readonly sum: string }
  | { readonly avg: string }
  | { readonly min: string }
  | { readonly max: string }
  | { readonly last: string }
  | { readonly distinct: string };

export interface PropertyLeaf {
  readonly property: string;
  readonly op: Operator;
  readonly value?: Value;
}

/** The same language over one event's properties. */
export type PropertyCondition =
  | { readonly all: readonly PropertyCondition[] }
  | { readonly any: readonly PropertyCondition[] }
  | { readonly not: PropertyCondition }
  | PropertyLeaf;

export interface TagLeaf {
  readonly tag: string;
  readonly op: Operator;
  readonly value?: Value;
}

export interface EventLeaf {
  readonly event: string;
  readonly where?: PropertyCondition;
  /** ISO 8601 duration; the window is `(now − within, now]`. */
  readonly within?: string;
  readonly aggregate?: Aggregate;
  readonly op: Operator;
  readonly value?: Value;
}

export interface SequenceStep {
  readonly event: string;
  readonly where?: PropertyCondition;
}

export interface SequenceLeaf {
  readonly sequence: readonly SequenceStep[];
  readonly within: string;
}

export interface AudienceLeaf {
  readonly audience: string;
}

export interface ListLeaf {
  readonly list: string;
}

export interface BucketLeaf {
  readonly bucket: { readonly salt: string; readonly from: number; readonly to: number };
}

export interface AlwaysLeaf {
  readonly always: true;
}

export interface AllNode {
  readonly all: readonly Condition[];
}
export interface AnyNode {
  readonly any: readonly Condition[];
}
export interface NotNode {
  readonly not: Condition;
}

export type ConditionLeaf =
  | TagLeaf
  | EventLeaf
  | SequenceLeaf
  | AudienceLeaf
  | ListLeaf
  | BucketLeaf
  | AlwaysLeaf;

/** A condition tree (version 1). `checkCondition` makes one from JSON of unknown origin. */
export type Condition = AllNode | AnyNode | NotNode | ConditionLeaf;

export type ConditionKind =
  | 'all'
  | 'any'
  | 'not'
  | 'tag'
  | 'event'
  | 'sequence'
  | 'audience'
  | 'list'
  | 'bucket'
  | 'always';

const strict = { additionalProperties: false } as const;

const OperatorSchema = Type.Enum(OPERATORS, { description: 'How to compare', examples: ['>='] });
const ScalarSchema = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);
const ValueSchema = Type.Union([ScalarSchema, Type.Array(ScalarSchema)], {
  description:
    'What to compare with; a list for `in` and `not in`, a pair for `between`, absent for `known` and `unknown`',
  examples: [500000],
});
const Within = Type.String({
  description: 'ISO 8601 duration: the window is (now − within, now]',
  examples: ['P30D'],
});
const EventName = Type.String({ description: 'Name of an event', examples: ['wealth_viewed'] });

const aggregateOf = <Name extends PropertyAggregateName>(name: Name, description: string) =>
  Type.Object({ [name]: Type.String({ description, examples: ['amount'] }) }, strict);

/** JSON Schema of `Aggregate`. */
export const AggregateSchema = Type.Union(
  [
    Type.Literal('count'),
    aggregateOf('sum', 'Sum of this property'),
    aggregateOf('avg', 'Mean of this property'),
    aggregateOf('min', 'Least value of this property'),
    aggregateOf('max', 'Greatest value of this property'),
    aggregateOf('last', 'Value of this property in the latest event'),
    aggregateOf('distinct', 'Number of different values of this property'),
  ],
  {
    description: 'What to compute over the events; `count` when absent',
    examples: ['count', { sum: 'amount' }],
  },
);

const definitions = {
  PropertyCondition: Type.Union([
    Type.Object({ all: Type.Array(Type.Ref('PropertyCondition')) }, strict),
    Type.Object({ any: Type.Array(Type.Ref('PropertyCondition')) }, strict),
    Type.Object({ not: Type.Ref('PropertyCondition') }, strict),
    Type.Object(
      {
        property: Type.String({ description: 'Property of the event', examples: ['amount'] }),
        op: OperatorSchema,
        value: Type.Optional(ValueSchema),
      },
      strict,
    ),
  ]),
  Condition: Type.Union([
    Type.Object({ all: Type.Array(Type.Ref('Condition')) }, strict),
    Type.Object({ any: Type.Array(Type.Ref('Condition')) }, strict),
    Type.Object({ not: Type.Ref('Condition') }, strict),
    Type.Object(
      {
        tag: Type.String({ description: 'Tag id', examples: ['aum_month_avg'] }),
        op: OperatorSchema,
        value: Type.Optional(ValueSchema),
      },
      strict,
    ),
    Type.Object(
      {
        event: EventName,
        where: Type.Optional(Type.Ref('PropertyCondition')),
        within: Type.Optional(Within),
        aggregate: Type.Optional(AggregateSchema),
        op: OperatorSchema,
        value: Type.Optional(ValueSchema),
      },
      strict,
    ),
    Type.Object(
      {
        sequence: Type.Array(
          Type.Object({ event: EventName, where: Type.Optional(Type.Ref('PropertyCondition')) }, strict),
          { minItems: 2, maxItems: 8 },
        ),
        within: Within,
      },
      strict,
    ),
    Type.Object({ audience: Type.String({ description: 'Audience id', examples: ['aud_01j9z3'] }) }, strict),
    Type.Object({ list: Type.String({ description: 'List id', examples: ['lst_01j9z3'] }) }, strict),
    Type.Object(
      {
        bucket: Type.Object(
          {
            salt: Type.String({ description: 'Names the split', examples: ['exp-1'] }),
            from: Type.Integer({ minimum: 0, maximum: 10000, description: 'First bucket', examples: [0] }),
            to: Type.Integer({
              minimum: 0,
              maximum: 10000,
              description: 'Bucket after the last',
              examples: [1000],
            }),
          },
          strict,
        ),
      },
      strict,
    ),
    Type.Object({ always: Type.Literal(true) }, strict),
  ]),
};

/** JSON Schema of a whole condition, recursive and strict. */
export const ConditionSchema = Type.Cyclic(definitions, 'Condition');
/** JSON Schema of a condition over one event's properties. */
export const PropertyConditionSchema = Type.Cyclic(definitions, 'PropertyCondition');

/**
 * A condition as a member of a request or response. The edge takes any JSON object; `checkCondition` then refuses
 * what is wrong with the pointer of each fault, which a schema of unions cannot say.
 */
export const ConditionBody = Type.Unsafe<Condition>(
  Type.Record(Type.String(), Type.Unknown(), {
    description: 'A condition tree; see docs/conditions.md',
    examples: [
      {
        all: [
          { tag: 'aum_month_avg', op: '>=', value: 50000000 },
          { event: 'wealth_viewed', within: 'P30D', op: '>=', value: 3 },
        ],
      },
    ],
  }),
);

/** What the schema infers; kept equal to `Condition` by a type test. */
export type InferredCondition = Static<typeof ConditionSchema>;

/** Which kind of node this is. */
export function kindOf(condition: Condition): ConditionKind {
  if ('all' in condition) return 'all';
  if ('any' in condition) return 'any';
  if ('not' in condition) return 'not';
  if ('tag' in condition) return 'tag';
  if ('event' in condition) return 'event';
  if ('sequence' in condition) return 'sequence';
  if ('audience' in condition) return 'audience';
  if ('list' in condition) return 'list';
  if ('bucket' in condition) return 'bucket';
  return 'always';
}

/** The aggregate's name and property. */
export function aggregateParts(
  aggregate: Aggregate | undefined,
): { name: 'count' } | { name: PropertyAggregateName; property: string } {
  if (aggregate === undefined || aggregate === 'count') return { name: 'count' };
  if ('sum' in aggregate) return { name: 'sum', property: aggregate.sum };
  if ('avg' in aggregate) return { name: 'avg', property: aggregate.avg };
  if ('min' in aggregate) return { name: 'min', property: aggregate.min };
  if ('max' in aggregate) return { name: 'max', property: aggregate.max };
  if ('last' in aggregate) return { name: 'last', property: aggregate.last };
  return { name: 'distinct', property: aggregate.distinct };
}
