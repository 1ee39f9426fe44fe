import { Instant } from '@rapport/kernel';
import { type Static, Type } from 'typebox';
import { MATCH_FIELDS, MatchRules } from './match-rules.ts';

export { LIKENESSES, MATCH_FIELDS, type MatchField, MatchRules } from './match-rules.ts';

const Record = Type.Integer({ minimum: 1, description: 'Number of a record (a bank id)', examples: [17] });
const Reason = Type.Optional(
  Type.String({
    maxLength: 500,
    description: 'Why, in the words of who decided',
    examples: ['Same passport shown'],
  }),
);
const Text = (description: string, example: string) => Type.String({ description, examples: [example] });

export const REVIEW_STATES = ['open', 'later', 'merged', 'distinct'] as const;
const ReviewState = Type.Enum(REVIEW_STATES, { description: 'What was decided so far', examples: ['open'] });

export const MatchRulesView = Type.Object(
  {
    version: Type.Integer({ description: '0 = the rules that the platform comes with', examples: [3] }),
    rules: MatchRules,
    changedBy: Type.Optional(Text('Who set them', 'Ada Analyst')),
    changedAt: Type.Optional(Instant('When')),
  },
  { description: 'The rules in force by which records are found to be one customer' },
);
export type MatchRulesView = Static<typeof MatchRulesView>;

const Evidence = Type.Object(
  {
    field: Type.Enum(MATCH_FIELDS, { description: 'What was compared', examples: ['name'] }),
    likeness: Text('How alike the two are: different, close, alike, common, same', 'same'),
    bits: Type.Number({
      description: 'log2 of m/u: how much it speaks for (or against) one person',
      examples: [12.4],
    }),
  },
  { description: 'What one field says' },
);

const Side = Type.Object(
  {
    record: Record,
    bankId: Text('Bank id of the record', 'C00001234'),
    customerId: Text('Customer it belongs to now', 'C00001234'),
    fields: Type.Record(Type.String(), Type.String(), {
      description: 'Fields of the record; personal ones masked without customers.pii',
      examples: [{ name: '陳●●', city: 'Taipei' }],
    }),
    sources: Type.Array(Text('Source id', 'core_bank'), { description: 'Sources that deliver the record' }),
  },
  { description: 'One of the two records' },
);

export const ReviewPair = Type.Object(
  {
    a: Record,
    b: Record,
    state: ReviewState,
    probability: Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'Probability of one person',
      examples: [0.93],
    }),
    rule: Text('Rule that sent the pair to review', 'close_name'),
    blockedBy: Type.Optional(Text('Why an automatic merge was not made', 'conflicting_documents')),
    evidence: Type.Array(Evidence, { description: 'Field by field' }),
    sides: Type.Array(Side, { description: 'The two records' }),
    likeThis: Type.Object(
      {
        merged: Type.Integer({ description: 'Merged', examples: [12] }),
        distinct: Type.Integer({ description: 'Found to be two', examples: [1] }),
      },
      { description: 'How people decided pairs of the very same likeness' },
    ),
    foundAt: Instant('When the pair was found'),
    decidedAt: Type.Optional(Instant('When it was decided')),
    decidedBy: Type.Optional(Text('Who decided', 'Ada Analyst')),
  },
  { description: 'Two records that may be one customer' },
);
export type ReviewPair = Static<typeof ReviewPair>;

export const ReviewPage = Type.Object(
  {
    items: Type.Array(ReviewPair, { description: 'Pairs, the most probable first' }),
    nextCursor: Type.Optional(Text('Where to go on', 'MC45MyAxNyAyMw')),
  },
  { description: 'A page of the review queue' },
);
export const ReviewQuery = Type.Object({
  state: Type.Optional(ReviewState),
  rule: Type.Optional(Text('Only pairs of this rule', 'close_name')),
  minProbability: Type.Optional(
    Type.Number({ minimum: 0, maximum: 1, description: 'Only pairs at least so probable', examples: [0.9] }),
  ),
  cursor: Type.Optional(Text('Where the page before ended', 'MC45MyAxNyAyMw')),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'Items a page', examples: [20] }),
  ),
});
export type ReviewQuery = Static<typeof ReviewQuery>;

const Decision = Type.Union([Type.Literal('merge'), Type.Literal('distinct'), Type.Literal('later')], {
  description: 'One customer; two customers, never proposed again; or to be looked at later',
  examples: ['merge'],
});
const Pair = Type.Object(
  { a: Record, b: Record },
  { additionalProperties: false, description: 'Two records' },
);
export const DecideBody = Type.Object(
  {
    decision: Decision,
    pairs: Type.Optional(Type.Array(Pair, { minItems: 1, maxItems: 10_000, description: 'These pairs' })),
    rule: Type.Optional(Text('Instead of pairs: all open pairs of this rule', 'misread_document')),
    minProbability: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'With rule: only those at least so probable',
        examples: [0.99],
      }),
    ),
    reason: Reason,
  },
  { additionalProperties: false, description: 'A decision on pairs' },
);
export type DecideBody = Static<typeof DecideBody>;
export const Decided = Type.Object(
  {
    decided: Type.Integer({ description: 'Pairs decided', examples: [1] }),
    refused: Type.Array(
      Type.Object(
        { a: Record, b: Record, because: Text('Why not', 'conflicting_documents') },
        { description: 'A pair that could not be merged' },
      ),
      { description: 'Pairs left as they are' },
    ),
    approvalId: Type.Optional(Text('The merge waits for a second person', 'apr_01jb')),
  },
  { description: 'What became of a decision' },
);
export type Decided = Static<typeof Decided>;

export const IdentitySummary = Type.Object(
  {
    lastRun: Type.Optional(
      Type.Object(
        {
          state: Text('running, done or failed', 'done'),
          startedAt: Instant('Start'),
          finishedAt: Type.Optional(Instant('End')),
          error: Type.Optional(Text('Why it failed', 'The warehouse is not reachable.')),
          figures: Type.Record(Type.String(), Type.Number(), {
            description: 'What the run saw and did',
            examples: [{ records: 20000, compared: 8123, merged: 211, review: 17 }],
          }),
          crowded: Type.Array(
            Type.Object(
              {
                block: Text('Blocking key', 'phone + gender'),
                values: Type.Integer({ description: 'Values shared by too many records', examples: [2] }),
                greatest: Type.Integer({ description: 'Most records with one value', examples: [282] }),
              },
              { description: 'Values that were not compared by' },
            ),
            { description: 'Values that too many records share, such as a company’s phone' },
          ),
        },
        { description: 'The latest run' },
      ),
    ),
    queue: Type.Array(
      Type.Object(
        {
          state: ReviewState,
          rule: Text('Rule', 'close_name'),
          pairs: Type.Integer({ description: 'Pairs', examples: [17] }),
        },
        { description: 'Pairs of a rule in a state' },
      ),
      { description: 'The review queue by rule' },
    ),
    merges: Type.Integer({ description: 'Merges that hold', examples: [211] }),
    mergedCustomers: Type.Integer({ description: 'Customers with more than one record', examples: [198] }),
    distinct: Type.Integer({ description: 'Pairs known to be two', examples: [41] }),
    pending: Type.Integer({ description: 'Records whose new customer is not yet to be seen', examples: [0] }),
    digest: Text('Digest of the state; replaying the log must give the same', 'a3f0…'),
  },
  { description: 'How far the customers are one' },
);
export type IdentitySummary = Static<typeof IdentitySummary>;

export const IdentityHistoryItem = Type.Object(
  {
    id: Text('Id of the event', 'ide_01jb'),
    kind: Text('merge, unmerge, distinct or undistinct', 'merge'),
    bankIds: Type.Array(Text('Bank id', 'C00001234'), { description: 'The two records' }),
    rule: Text('Rule, or person', 'same_document'),
    probability: Type.Optional(Type.Number({ description: 'Probability of one person', examples: [0.999] })),
    evidence: Type.Record(Type.String(), Type.Number(), {
      description: 'Bits by field',
      examples: [{ name: 11.2 }],
    }),
    reason: Type.Optional(Text('Reason given', 'Same passport shown')),
    by: Text('Who', 'Ada Analyst'),
    at: Instant('When'),
    holds: Type.Boolean({ description: 'A merge that was not undone', examples: [true] }),
  },
  { description: 'Something decided of a customer’s records' },
);

const Candidate = Type.Object(
  {
    value: Text('The value; personal ones masked without customers.pii', 'Taipei'),
    bankId: Text('Record it came with', 'C00001234'),
    source: Text('Source', 'core_bank'),
    table: Text('Table of the source', 'customers'),
    file: Type.Optional(Text('File', 'customers.csv')),
    line: Type.Optional(Type.Integer({ description: 'Line in the file', examples: [17] })),
    loadedAt: Type.Optional(Instant('When it was loaded')),
  },
  { description: 'A value and where it came from' },
);
export const FieldProvenance = Type.Object(
  {
    field: Text('Field', 'city'),
    by: Text('How the value was chosen: source, recent, complete, longest or verified', 'source'),
    chosen: Candidate,
    others: Type.Array(
      Type.Object(
        {
          ...Candidate.properties,
          because: Text(
            'Why it lost: same_value, less_trusted, older, less_complete, shorter, unverified or later_line',
            'less_trusted',
          ),
        },
        { description: 'A value that was not chosen' },
      ),
      { description: 'What else is known of the field' },
    ),
  },
  { description: 'Where the value of a field came from' },
);
export type FieldProvenance = Static<typeof FieldProvenance>;

export const CustomerIdentityView = Type.Object(
  {
    customerId: Text('The customer', 'C00001234'),
    records: Type.Array(
      Type.Object(
        {
          record: Record,
          bankId: Text('Bank id', 'C00001234'),
          isOwn: Type.Boolean({ description: 'The one whose number the customer has', examples: [true] }),
        },
        { description: 'A record of the customer' },
      ),
      { description: 'Bank ids that are this customer' },
    ),
    history: Type.Array(IdentityHistoryItem, {
      description: 'Merges and what else was decided, latest first',
    }),
    provenance: Type.Array(FieldProvenance, { description: 'Field by field' }),
    quality: Type.Object(
      {
        completeness: Type.Number({
          description: 'Share of the fields that matter which are known',
          examples: [0.83],
        }),
        accuracy: Type.Number({
          description: 'Share of known fields that are well-formed and on which the sources agree',
          examples: [0.95],
        }),
        missing: Type.Array(Text('Field', 'email'), { description: 'Fields not known' }),
        conflicting: Type.Array(Text('Field', 'city'), { description: 'Fields on which sources differ' }),
        malformed: Type.Array(Text('Field', 'phone'), { description: 'Fields that cannot be right' }),
      },
      { description: 'How complete and how accurate the record is' },
    ),
  },
  { description: 'Whence everything known of a customer came, and which records it is made of' },
);
export type CustomerIdentityView = Static<typeof CustomerIdentityView>;

export const MergeBody = Type.Object(
  {
    with: Text('Bank id of the other customer', 'C00005678'),
    reason: Type.String({
      minLength: 1,
      maxLength: 500,
      description: 'Why',
      examples: ['Same passport shown'],
    }),
    despiteDistinct: Type.Optional(
      Type.Boolean({ description: 'Also when somebody decided that they are two', examples: [false] }),
    ),
  },
  { additionalProperties: false, description: 'A merge by hand' },
);
export type MergeBody = Static<typeof MergeBody>;
export const UnmergeBody = Type.Object(
  { reason: Type.String({ minLength: 1, maxLength: 500, description: 'Why', examples: ['Father and son'] }) },
  { additionalProperties: false, description: 'Undoes a merge' },
);
export const MergeDone = Type.Object(
  { mergeId: Text('Id of the merge', 'ide_01jb') },
  { description: 'The decision is recorded; it becomes visible within moments' },
);

export const IdentifyBody = Type.Object(
  {
    kind: Type.Union([Type.Literal('device'), Type.Literal('cookie'), Type.Literal('openid')], {
      description: 'What the anonymous id is',
      examples: ['device'],
    }),
    anonymousId: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Anonymous id',
      examples: ['a1b2c3'],
    }),
    customerId: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Bank id of who signed in, verified by the bank',
        examples: ['C00001234'],
      }),
    ),
    at: Type.Optional(Instant('When; default now')),
  },
  { additionalProperties: false, description: 'Somebody was seen, or signed in' },
);
export type IdentifyBody = Static<typeof IdentifyBody>;
export const Identified = Type.Object(
  {
    level: Type.Union([Type.Literal('anonymous'), Type.Literal('customer')], {
      description: 'What is known of who uses it',
      examples: ['customer'],
    }),
    userNumber: Type.Integer({
      description: 'Number of the user, among those of customers',
      examples: [4711],
    }),
    customerId: Type.Optional(Text('Customer the history belongs to', 'C00001234')),
    because: Text(
      'stitched, already_stitched, shared_device, other_customer, not_signed_in or unknown_customer',
      'stitched',
    ),
    movedEvents: Type.Integer({
      description: 'Events of the anonymous history that are the customer’s now',
      examples: [12],
    }),
  },
  { description: 'Who it is' },
);
export type Identified = Static<typeof Identified>;
