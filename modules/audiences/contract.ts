import { AGGREGATES, ConditionBody, OPERATORS, VALUE_TYPES } from '@rapport/conditions';
import { Instant, LANGUAGES, LocalizedText, Page, PageQuery } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

const Pointer = Type.String({
  description: 'RFC 6901 pointer to the node within the condition; empty for the root',
  examples: ['/all/0'],
});
const AudienceIdField = Type.String({ description: 'Audience id', examples: ['aud_01j9z3'] });
const Count = (description: string) => Type.Integer({ minimum: 0, description, examples: [12840] });

/* ── definitions ─────────────────────────────────────────────────────────────────────────────────────── */

const name = Type.String({
  minLength: 1,
  pattern: '^[^\\u0000]*$',
  maxLength: 200,
  description: 'What people call it',
  examples: ['Wealth viewers without a fund'],
});
const description = Type.String({
  pattern: '^[^\\u0000]*$',
  maxLength: 4000,
  description: 'What it is for',
  examples: ['For the autumn fund campaign'],
});

export const Audience = Type.Object(
  {
    id: AudienceIdField,
    name,
    description,
    condition: ConditionBody,
    owner: Type.String({ description: 'Id of who created it', examples: ['usr_01j9z3'] }),
    ownerName: Type.String({ description: 'Their name', examples: ['Chen Wei'] }),
    version: Type.Integer({ minimum: 1, description: 'Grows by one with each change', examples: [3] }),
    createdAt: Instant('When it was created'),
    updatedAt: Instant('When it was last changed'),
    lastCount: Type.Optional(
      Count('Customers at the last count over the whole bank; absent before the first'),
    ),
    lastCountAt: Type.Optional(Instant('When that was counted')),
  },
  { description: 'A saved description of customers' },
);
export type Audience = Static<typeof Audience>;
export const AudiencePage = Page(Audience, 'Audiences, most recently changed first');
export type AudiencePage = Static<typeof AudiencePage>;

export const AudienceQuery = Type.Object({
  ...PageQuery.properties,
  search: Type.Optional(
    Type.String({ maxLength: 200, description: 'Part of the name or description', examples: ['wealth'] }),
  ),
});

export const CreateAudience = Type.Object(
  { name, description: Type.Optional(description), condition: ConditionBody },
  { additionalProperties: false, description: 'A new audience' },
);
export type CreateAudience = Static<typeof CreateAudience>;

export const ReplaceAudience = Type.Object(
  {
    name,
    description: Type.Optional(description),
    condition: ConditionBody,
    version: Type.Integer({
      minimum: 1,
      description: 'The version this change was made from; refused when somebody changed it since',
      examples: [3],
    }),
  },
  { additionalProperties: false, description: 'The audience as it shall be' },
);
export type ReplaceAudience = Static<typeof ReplaceAudience>;

export const AudienceParams = Type.Object({ id: AudienceIdField });
export const DeleteAudienceQuery = Type.Object({
  version: Type.Optional(
    Type.Integer({ minimum: 1, description: 'Delete only this version', examples: [3] }),
  ),
});

/* ── live answers ────────────────────────────────────────────────────────────────────────────────────── */

const asOf = Type.Optional(
  Instant(
    'Evaluate as of this past instant: events and windows obey it, and each tag has the values of the latest day kept that is not after it; `tagsAsOf` of the answer says which',
  ),
);
const tagsAsOf = Type.Optional(
  Type.Record(Type.String(), Type.String(), {
    description:
      'Of an evaluation as of a past instant: the day whose values each tag of the condition had, or `present` where no older ones are kept; absent when all values are the present ones',
    examples: [{ aum_month_avg: '2026-10-31', city: 'present' }],
  }),
);
const language = Type.Optional(
  Type.Enum(LANGUAGES, { description: 'Language of the sentences', default: 'en', examples: ['zh-Hant'] }),
);

export const CountRequest = Type.Object(
  { condition: ConditionBody, asOf },
  { additionalProperties: false, description: 'What to count' },
);
export type CountRequest = Static<typeof CountRequest>;
export const CountResult = Type.Object(
  {
    count: Count('Customers the condition holds for'),
    total: Type.Integer({ minimum: 0, description: 'All customers the caller may see', examples: [100000] }),
    tookMs: Type.Number({ minimum: 0, description: 'Milliseconds it took', examples: [42] }),
    release: Type.Integer({ description: 'Data release it was counted on', examples: [17] }),
    asOf: Instant('The instant it was evaluated at'),
    tagsAsOf,
  },
  { description: 'Exact count' },
);
export type CountResult = Static<typeof CountResult>;

const NodeKind = Type.Enum(
  ['all', 'any', 'not', 'tag', 'event', 'sequence', 'audience', 'list', 'bucket', 'always'],
  { description: 'Kind of node', examples: ['tag'] },
);

export const ExplainRequest = Type.Object(
  { condition: ConditionBody, asOf, language },
  { additionalProperties: false, description: 'What to explain' },
);
export type ExplainRequest = Static<typeof ExplainRequest>;

export const ExplainNode = Type.Object(
  {
    pointer: Pointer,
    parent: Type.Optional(Pointer),
    depth: Type.Integer({ minimum: 0, description: '0 for the root', examples: [1] }),
    kind: NodeKind,
    sentence: Type.String({
      description: 'The node in words',
      examples: ['monthly average AUM is at least 500,000'],
    }),
    count: Count('Customers this node alone holds for'),
    reached: Count(
      'Customers that reach this node: what its parent was given, less what earlier parts of an `all` removed',
    ),
    kept: Count('Of those, the ones it holds for'),
    removed: Count('Of those, the ones it does not hold for: reached − kept'),
    added: Type.Optional(Count('Inside an `any`: kept, and by none of the alternatives before it')),
  },
  { description: 'What one node of the condition does' },
);
export type ExplainNode = Static<typeof ExplainNode>;
export const ExplainResult = Type.Object(
  {
    count: Count('Customers the whole condition holds for'),
    total: Type.Integer({ minimum: 0, description: 'All customers the caller may see', examples: [100000] }),
    tookMs: Type.Number({ minimum: 0, description: 'Milliseconds it took', examples: [55] }),
    release: Type.Integer({ description: 'Data release it was counted on', examples: [17] }),
    asOf: Instant('The instant it was evaluated at'),
    tagsAsOf,
    nodes: Type.Array(ExplainNode, {
      description: 'Every node, a parent before its parts, in the order of the condition',
    }),
  },
  { description: 'How many customers each node keeps or removes' },
);
export type ExplainResult = Static<typeof ExplainResult>;

export const EvaluateRequest = Type.Object(
  {
    condition: ConditionBody,
    customerId: Type.String({ minLength: 1, description: "The bank's customer id", examples: ['C000123'] }),
    asOf,
    language,
  },
  { additionalProperties: false, description: 'Whether one customer fulfils a condition' },
);
export type EvaluateRequest = Static<typeof EvaluateRequest>;

export const Reason = Type.Object(
  {
    pointer: Pointer,
    parent: Type.Optional(Pointer),
    depth: Type.Integer({ minimum: 0, description: '0 for the root', examples: [1] }),
    kind: NodeKind,
    sentence: Type.String({ description: 'The node in words', examples: ['risk level is C3'] }),
    held: Type.Boolean({ description: 'Whether it holds for this customer', examples: [true] }),
    seen: Type.Optional(
      Type.Unknown({
        description:
          "What was compared: the tag's value, the aggregate over the events, the customer's bucket; null when unknown",
        examples: [620000],
      }),
    ),
    events: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Events that passed the filter and window', examples: [4] }),
    ),
  },
  { description: 'What one node said about the customer' },
);
export type Reason = Static<typeof Reason>;
export const EvaluateResult = Type.Object(
  {
    matches: Type.Boolean({ description: 'Whether the condition holds', examples: [true] }),
    because: Type.Array(Reason, { description: 'Every node, a parent before its parts' }),
    asOf: Instant('The instant it was evaluated at'),
    release: Type.Integer({ description: 'Data release it was evaluated on', examples: [17] }),
  },
  { description: 'The answer for one customer, with its reasons' },
);
export type EvaluateResult = Static<typeof EvaluateResult>;

export const DescribeRequest = Type.Object(
  { condition: ConditionBody, language },
  { additionalProperties: false, description: 'What to put in words' },
);
export type DescribeRequest = Static<typeof DescribeRequest>;
export const DescribeResult = Type.Object(
  {
    sentence: Type.String({
      description: 'The condition in words',
      examples: [
        'Monthly average AUM is at least 500,000 and Wealth page viewed at least 3 times in the last 30 days',
      ],
    }),
  },
  { description: 'The condition as a sentence' },
);
export type DescribeResult = Static<typeof DescribeResult>;

/* ── vocabulary ──────────────────────────────────────────────────────────────────────────────────────── */

export const ValueTypeSchema = Type.Enum(VALUE_TYPES, {
  description: 'Type of the values',
  examples: ['money'],
});
const Operators = Type.Array(Type.Enum(OPERATORS), {
  description: 'Operators it takes',
  examples: [['=', '!=', 'in', 'not in', 'known', 'unknown']],
});

export const KnownValue = Type.Object(
  {
    value: Type.String({ description: 'The value as a condition names it', examples: ['C3'] }),
    title: Type.Optional(LocalizedText),
    count: Count('Customers (of a tag) or events (of a property) that have it'),
  },
  { description: 'A value that occurs' },
);
export type KnownValue = Static<typeof KnownValue>;

const vocabularyFields = {
  title: LocalizedText,
  description: Type.Optional(LocalizedText),
  type: ValueTypeSchema,
  currency: Type.Optional(Type.String({ description: 'ISO 4217 currency of money', examples: ['CNY'] })),
  currencyDigits: Type.Optional(Type.Integer({ description: 'Minor digits of the currency', examples: [2] })),
  operators: Operators,
};

export const VocabularyTag = Type.Object(
  {
    id: Type.String({ description: 'Tag id', examples: ['aum_month_avg'] }),
    ...vocabularyFields,
    category: Type.Array(LocalizedText, { description: 'Taxonomy nodes from the root' }),
    values: Type.Optional(
      Type.Array(KnownValue, { description: 'Commonest values of text, list and boolean tags, at most 20' }),
    ),
  },
  { description: 'A tag a condition may name' },
);
export const VocabularyProperty = Type.Object(
  {
    name: Type.String({ description: 'Property name', examples: ['amount'] }),
    ...vocabularyFields,
    aggregates: Type.Array(Type.Enum(AGGREGATES), {
      description: 'Aggregates it takes',
      examples: [['sum', 'avg', 'min', 'max', 'last', 'distinct']],
    }),
  },
  { description: 'A property of an event' },
);
export const VocabularyEvent = Type.Object(
  {
    name: Type.String({ description: 'Event name', examples: ['wealth_viewed'] }),
    title: LocalizedText,
    description: Type.Optional(LocalizedText),
    properties: Type.Array(VocabularyProperty, { description: 'Its properties' }),
  },
  { description: 'An event a condition may name' },
);
export const VocabularyOperator = Type.Object(
  {
    op: Type.Enum(OPERATORS, { description: 'Operator', examples: ['>='] }),
    title: LocalizedText,
    value: Type.Enum(['none', 'one', 'many', 'pair', 'duration'], {
      description: 'What it takes as value',
      examples: ['one'],
    }),
  },
  { description: 'An operator and how a builder offers it' },
);
export const VocabularyAggregate = Type.Object(
  {
    aggregate: Type.Enum(AGGREGATES, { description: 'Aggregate', examples: ['sum'] }),
    title: LocalizedText,
    needsProperty: Type.Boolean({ description: 'Whether it is of a property', examples: [true] }),
  },
  { description: 'An aggregate over events' },
);
export const Vocabulary = Type.Object(
  {
    release: Type.Integer({ description: 'Data release it describes', examples: [17] }),
    tags: Type.Array(VocabularyTag, { description: 'Tags in taxonomy order' }),
    events: Type.Array(VocabularyEvent, { description: 'Events' }),
    lists: Type.Array(
      Type.Object(
        {
          id: Type.String({ description: 'List id', examples: ['lst_01j9z3'] }),
          title: LocalizedText,
        },
        { description: 'A list of customers' },
      ),
      { description: 'Uploaded and suppression lists' },
    ),
    audiences: Type.Array(
      Type.Object(
        {
          id: AudienceIdField,
          name: Type.String({ description: 'Its name', examples: ['Wealth viewers'] }),
        },
        { description: 'An audience' },
      ),
      { description: 'Audiences that can be named' },
    ),
    operators: Type.Array(VocabularyOperator, { description: 'Every operator with its title' }),
    aggregates: Type.Array(VocabularyAggregate, { description: 'Every aggregate with its title' }),
  },
  { description: "The builder's palette: everything a condition may name" },
);
export type Vocabulary = Static<typeof Vocabulary>;

export const ValuesQuery = Type.Object({
  tag: Type.Optional(Type.String({ description: 'Tag id', examples: ['city'] })),
  event: Type.Optional(Type.String({ description: 'Event name, with `property`', examples: ['search'] })),
  property: Type.Optional(Type.String({ description: 'Property of that event', examples: ['keyword'] })),
  search: Type.Optional(Type.String({ maxLength: 200, description: 'Part of the value', examples: ['pei'] })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 500, default: 50, description: 'At most so many', examples: [50] }),
  ),
});
export const ValuesResult = Type.Object(
  { values: Type.Array(KnownValue, { description: 'Commonest first' }) },
  { description: 'Values that occur' },
);
export type ValuesResult = Static<typeof ValuesResult>;

/* ── snapshots ───────────────────────────────────────────────────────────────────────────────────────── */

const SnapshotId = Type.String({ description: 'Snapshot id', examples: ['snp_01j9z3'] });

export const AudienceSnapshot = Type.Object(
  {
    id: SnapshotId,
    audienceId: Type.Optional(AudienceIdField),
    condition: ConditionBody,
    asOf: Instant('The instant it was evaluated at'),
    release: Type.Integer({ description: 'Data release it was evaluated on', examples: [17] }),
    size: Count('Customers in it'),
    createdAt: Instant('When it was frozen'),
    createdBy: Type.String({ description: 'Who froze it', examples: ['usr_01j9z3'] }),
  },
  { description: 'The customers of an audience, frozen; it never changes' },
);
export type AudienceSnapshot = Static<typeof AudienceSnapshot>;
export const AudienceSnapshotPage = Page(AudienceSnapshot, 'Snapshots, newest first');
export type AudienceSnapshotPage = Static<typeof AudienceSnapshotPage>;
export const CreateSnapshot = Type.Object(
  { asOf },
  { additionalProperties: false, description: 'When to evaluate; now when absent' },
);
export type CreateSnapshot = Static<typeof CreateSnapshot>;
export const SnapshotParams = Type.Object({ id: SnapshotId });
export const ExportQuery = Type.Object({ asOf });

export {
  type CreateList,
  type CustomerList,
  type FlowResult,
  type GrowthPoint,
  type GrowthResult,
  LIST_KEYS,
  LIST_KINDS,
  type LookalikeRequest,
  type LookalikeResult,
  type MatchReport,
  type OverlapRequest,
  type OverlapResult,
  type PolicyResult,
  type ProfileRequest,
  type ProfileResult,
  type RefreshPolicy,
  type RelaxResult,
} from './insight.contract.ts';
