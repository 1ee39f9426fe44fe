import { ConditionBody } from '@rapport/conditions';
import { Instant, LANGUAGES, Ratio } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

const language = Type.Optional(
  Type.Enum(LANGUAGES, { description: 'Language of the sentences', default: 'en', examples: ['zh-Hant'] }),
);
const Count = (description: string) => Type.Integer({ minimum: 0, description, examples: [12840] });
const AudienceIdField = Type.String({ description: 'Audience id', examples: ['aud_01j9z3'] });
const TagIdField = Type.String({ description: 'Tag id', examples: ['risk_level'] });
const tookMs = Type.Number({ minimum: 0, description: 'Milliseconds it took', examples: [420] });
const release = Type.Integer({ description: 'Data release it was computed on', examples: [17] });

/* ── profile ─────────────────────────────────────────────────────────────────────────────────────────── */

const profileFields = {
  base: Type.Optional(
    Type.Object(
      {
        audience: Type.Optional(AudienceIdField),
        condition: Type.Optional(ConditionBody),
      },
      {
        additionalProperties: false,
        description: 'Whom to compare with; all customers the caller may see when absent',
        examples: [{ audience: 'aud_01j9z3' }],
      },
    ),
  ),
  tags: Type.Optional(
    Type.Array(TagIdField, {
      maxItems: 5000,
      description: 'Tags to look at; all when absent',
      examples: [['risk_level', 'aum_band']],
    }),
  ),
  minSupport: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 1,
      default: 0.005,
      description: 'Values that fewer than this share of audience and base have are shown but not tested',
      examples: [0.005],
    }),
  ),
  minEffect: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 3.2,
      default: 0.1,
      description: 'Differences smaller than this (Cohen’s h) are no findings, however certain',
      examples: [0.1],
    }),
  ),
  correction: Type.Optional(
    Type.Enum(['benjamini-hochberg', 'holm'] as const, {
      default: 'benjamini-hochberg',
      description: 'How p-values are corrected for the number of values tested',
      examples: ['benjamini-hochberg'],
    }),
  ),
  findings: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 12,
      description: 'At most so many findings',
      examples: [12],
    }),
  ),
  language,
};
export const ProfileRequest = Type.Object(
  { condition: ConditionBody, ...profileFields },
  { additionalProperties: false, description: 'Whom to profile, against whom' },
);
export type ProfileRequest = Static<typeof ProfileRequest>;
export const ProfileAudienceRequest = Type.Object(profileFields, {
  additionalProperties: false,
  description: 'Against whom to profile a saved audience',
});
export type ProfileAudienceRequest = Static<typeof ProfileAudienceRequest>;

export const ProfileBucket = Type.Object(
  {
    label: Type.String({ description: 'The value or range in words', examples: ['C4'] }),
    condition: ConditionBody,
    unknown: Type.Optional(Type.Boolean({ description: 'Those without a value', examples: [true] })),
    audience: Count('Customers of the audience in it'),
    base: Count('Customers of the base in it'),
    audienceShare: Ratio('Share of the audience'),
    baseShare: Ratio('Share of the base'),
    tgi: Type.Optional(
      Type.Number({ description: '100 × audience share / base share; 100 = as common', examples: [238] }),
    ),
    effect: Type.Number({
      description:
        'Cohen’s h against the rest of the base: 0.2 small, 0.5 medium, 0.8 large; negative = rarer',
      examples: [0.51],
    }),
    pValue: Type.Optional(
      Type.Number({ minimum: 0, maximum: 1, description: 'Of this value alone', examples: [0.0002] }),
    ),
    corrected: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'Corrected for all values tested',
        examples: [0.004],
      }),
    ),
    isFinding: Type.Boolean({ description: 'Certain and large enough to tell', examples: [true] }),
  },
  { description: 'One value or range of a tag' },
);
export const ProfileTag = Type.Object(
  {
    tag: TagIdField,
    title: Type.String({ description: 'Title in the language asked for', examples: ['Risk tolerance'] }),
    defining: Type.Boolean({
      description: 'Whether the audience is defined by this tag, so that its difference is no news',
      examples: [false],
    }),
    ordered: Type.Boolean({ description: 'Whether its buckets are ranges in order', examples: [true] }),
    cramersV: Ratio(
      'How strongly the tag and membership hang together; of tags of several values, the value that does most',
    ),
    meanDifference: Type.Optional(
      Type.Number({
        description: 'Of ranges: how far the means lie apart, in standard deviations',
        examples: [0.4],
      }),
    ),
    score: Type.Number({
      minimum: 0,
      description: 'Effect × √support of its best finding; ranks',
      examples: [0.31],
    }),
    buckets: Type.Array(ProfileBucket, {
      description: 'In the order of the values; of tags of several values a customer may be in several',
    }),
  },
  { description: 'One tag of a profile' },
);
export const ProfileFinding = Type.Object(
  {
    tag: TagIdField,
    sentence: Type.String({
      description: 'The finding in words',
      examples: ['Own funds: 2.4 times as common (38% against 16% among all customers)'],
    }),
    condition: ConditionBody,
    audienceShare: Ratio('Share of the audience'),
    baseShare: Ratio('Share of the base'),
    effect: Type.Number({ description: 'Cohen’s h', examples: [0.51] }),
    corrected: Ratio('Corrected p-value'),
    score: Type.Number({ minimum: 0, description: 'Effect × √support', examples: [0.31] }),
    defining: Type.Boolean({ description: 'Whether the audience is defined by this tag', examples: [false] }),
    alike: Type.Array(
      Type.Object(
        { tag: TagIdField, title: Type.String({ description: 'Its title', examples: ['Fund amount'] }) },
        { description: 'A tag' },
      ),
      { description: 'Tags that say the same again about these customers' },
    ),
  },
  { description: 'What sets the audience apart' },
);
export const ProfileResult = Type.Object(
  {
    size: Count('Customers in the audience'),
    baseSize: Count('Customers in the base'),
    tested: Type.Integer({ minimum: 0, description: 'Values tested', examples: [3120] }),
    findings: Type.Array(ProfileFinding, {
      description: 'Strongest first; of tags that repeat each other only one',
    }),
    tags: Type.Array(ProfileTag, { description: 'Every tag, strongest first' }),
    skipped: Type.Array(TagIdField, {
      description:
        'Tags that cannot be profiled, such as lists of too many different values, or whose use the caller was not granted',
    }),
    tookMs,
    release,
  },
  { description: 'How an audience differs from a base' },
);
export type ProfileResult = Static<typeof ProfileResult>;

/* ── overlap ─────────────────────────────────────────────────────────────────────────────────────────── */

export const OverlapRequest = Type.Object(
  {
    sets: Type.Array(
      Type.Object(
        {
          name: Type.Optional(
            Type.String({ maxLength: 200, description: 'What to call it', examples: ['Wealthy'] }),
          ),
          audience: Type.Optional(AudienceIdField),
          condition: Type.Optional(ConditionBody),
          snapshot: Type.Optional(Type.String({ description: 'Snapshot id', examples: ['snp_01j9z3'] })),
        },
        { additionalProperties: false, description: 'A set: a saved audience, a condition or a snapshot' },
      ),
      { minItems: 1, maxItems: 8, description: 'Sets to compare' },
    ),
  },
  { additionalProperties: false, description: 'Which sets to compare' },
);
export type OverlapRequest = Static<typeof OverlapRequest>;
export const OverlapResult = Type.Object(
  {
    sets: Type.Array(
      Type.Object(
        {
          name: Type.String({ description: 'What it is called', examples: ['Wealthy'] }),
          size: Count('Customers in it'),
          only: Count('Of those, the ones in no other set'),
        },
        { description: 'One set' },
      ),
      { description: 'In the order asked' },
    ),
    regions: Type.Array(
      Type.Object(
        {
          members: Type.Array(Type.Integer({ minimum: 0, description: 'Position of a set', examples: [0] }), {
            description: 'Customers in exactly these sets',
          }),
          size: Count('How many'),
        },
        { description: 'Customers in exactly some of the sets' },
      ),
      { description: 'Largest first; together they are the union' },
    ),
    pairs: Type.Array(
      Type.Object(
        {
          one: Type.Integer({ minimum: 0, description: 'Position of a set', examples: [0] }),
          other: Type.Integer({ minimum: 0, description: 'Position of another', examples: [1] }),
          both: Count('Customers in both'),
          jaccard: Ratio('Both over either: 0 apart, 1 the same'),
        },
        { description: 'Two sets' },
      ),
      { description: 'Every pair' },
    ),
    union: Count('Customers in any of them'),
    total: Count('All customers the caller may see'),
    tookMs,
    release,
  },
  { description: 'How sets overlap, exactly' },
);
export type OverlapResult = Static<typeof OverlapResult>;

/* ── relax ───────────────────────────────────────────────────────────────────────────────────────────── */

export const RelaxRequest = Type.Object(
  {
    condition: ConditionBody,
    wanted: Type.Integer({ minimum: 0, description: 'Customers wanted', examples: [50000] }),
    keep: Type.Optional(
      Type.Array(Type.String({ description: 'JSON pointer', examples: ['/all/0'] }), {
        maxItems: 100,
        description: 'Leaves that must stay as they are',
      }),
    ),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 50,
        default: 8,
        description: 'At most so many proposals',
        examples: [8],
      }),
    ),
    language,
  },
  { additionalProperties: false, description: 'What to change, and how many customers are wanted' },
);
export type RelaxRequest = Static<typeof RelaxRequest>;
export const RelaxResult = Type.Object(
  {
    count: Count('Customers the condition holds for now'),
    wanted: Count('Customers wanted'),
    proposals: Type.Array(
      Type.Object(
        {
          condition: ConditionBody,
          count: Count('Customers the changed condition holds for, exactly'),
          distance: Type.Number({
            minimum: 0,
            description:
              'How far it departs: share of customers whose answer a changed leaf changes, 0.5 more for a dropped leaf',
            examples: [0.07],
          }),
          sentence: Type.String({
            description: 'The change in words',
            examples: ['“AUM is at least CNY 500,000” becomes “AUM is at least CNY 420,000”'],
          }),
          changes: Type.Array(
            Type.Object(
              {
                pointer: Type.String({ description: 'Leaf that changes', examples: ['/all/0'] }),
                kind: Type.Enum(['threshold', 'values', 'window', 'share', 'drop'] as const, {
                  description: 'Kind of change',
                  examples: ['threshold'],
                }),
                before: Type.String({
                  description: 'The leaf in words',
                  examples: ['AUM is at least CNY 500,000'],
                }),
                after: Type.Optional(
                  Type.String({
                    description: 'What it becomes; absent when dropped',
                    examples: ['AUM is at least CNY 420,000'],
                  }),
                ),
              },
              { description: 'One change' },
            ),
            { description: 'One change or two' },
          ),
        },
        { description: 'A changed condition' },
      ),
      { description: 'Those that reach the size, smallest change first; then the nearest that do not' },
    ),
    tookMs,
    release,
  },
  { description: 'The nearest conditions of another size' },
);
export type RelaxResult = Static<typeof RelaxResult>;

/* ── look-alike ──────────────────────────────────────────────────────────────────────────────────────── */

export const LookalikeRequest = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 200,
      pattern: '^[^\\u0000]*$',
      description: 'What to call the result',
      examples: ['Like our fund buyers'],
    }),
    seed: Type.Object(
      {
        audience: Type.Optional(AudienceIdField),
        condition: Type.Optional(ConditionBody),
        snapshot: Type.Optional(Type.String({ description: 'Snapshot id', examples: ['snp_01j9z3'] })),
      },
      { additionalProperties: false, description: 'The customers to be like; exactly one of the three' },
    ),
    within: Type.Optional(ConditionBody),
    size: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'How many customers to take, the best scored first',
        examples: [100000],
      }),
    ),
    threshold: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'Or everybody likelier than this',
        examples: [0.5],
      }),
    ),
    excludeTags: Type.Optional(
      Type.Array(TagIdField, {
        maxItems: 5000,
        description: 'Tags that must not count',
        examples: [['city']],
      }),
    ),
    allowProtected: Type.Optional(
      Type.Array(TagIdField, {
        maxItems: 100,
        description: 'Protected tags that may count all the same; recorded in the audit trail',
        examples: [['age']],
      }),
    ),
    scoreTag: Type.Optional(
      Type.String({
        pattern: '^[a-z][a-z0-9_]{0,62}$',
        description: 'Tag to keep the scores in; none when absent',
        examples: ['like_fund_buyers'],
      }),
    ),
    randomSeed: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2 ** 31,
        default: 1,
        description: 'The same number draws the same customers',
        examples: [1],
      }),
    ),
  },
  { additionalProperties: false, description: 'A look-alike to make' },
);
export type LookalikeRequest = Static<typeof LookalikeRequest>;

export const LookalikeResult = Type.Object(
  {
    seedSize: Count('Customers of the seed'),
    candidates: Count('Customers that could be taken'),
    size: Count('Customers taken'),
    listId: Type.String({ description: 'List that holds them', examples: ['lst_01j9z3'] }),
    scoreTag: Type.Optional(TagIdField),
    threshold: Type.Number({ description: 'Least likelihood taken, as the model sees it', examples: [0.62] }),
    auc: Ratio('Area under the ROC curve on customers kept aside; 0.5 = no better than chance'),
    aucSe: Type.Number({ minimum: 0, description: 'Its standard error', examples: [0.004] }),
    heldOut: Count('Customers kept aside'),
    lifts: Type.Array(
      Type.Object(
        {
          share: Ratio('The best-scored share of all customers'),
          lift: Type.Number({ minimum: 0, description: 'Seeds in it over chance', examples: [6.2] }),
          captured: Ratio('Share of the seeds kept aside that is in it'),
        },
        { description: 'Lift at one share' },
      ),
      { description: 'Lift at 1, 5, 10 and 20 %' },
    ),
    traits: Type.Array(
      Type.Object(
        {
          tag: TagIdField,
          title: Type.Object(
            { en: Type.String({ description: 'English', examples: ['Age'] }) },
            { additionalProperties: true, description: 'Title' },
          ),
          weight: Type.Number({
            minimum: 0,
            description: 'How much the tag moves the scores of customers',
            examples: [0.8],
          }),
          condition: ConditionBody,
          logOdds: Type.Number({
            description: 'What that value adds against the average customer',
            examples: [1.2],
          }),
        },
        { description: 'A tag that counts, with its strongest value' },
      ),
      { description: 'What makes customers alike, strongest first' },
    ),
    excluded: Type.Array(
      Type.Object(
        {
          tag: TagIdField,
          reason: Type.Enum(
            [
              'asked',
              'protected',
              'defines_seed',
              'not_granted',
              'gives_seed_away',
              'same_for_all',
              'says_nothing',
              'not_coded',
            ] as const,
            {
              description: 'Why it does not count',
              examples: ['protected'],
            },
          ),
        },
        { description: 'A tag that does not count' },
      ),
      { description: 'Tags left out' },
    ),
    tookMs,
    release,
  },
  { description: 'A look-alike, with how well it tells the seed from others' },
);
export type LookalikeResult = Static<typeof LookalikeResult>;
export const JobStarted = Type.Object(
  {
    jobId: Type.String({
      description: 'Job to follow at /jobs/{id}; its result is the answer',
      examples: ['job_01j9z3'],
    }),
  },
  { description: 'Work that goes on' },
);

/* ── lists ───────────────────────────────────────────────────────────────────────────────────────────── */

export const LIST_KINDS = ['target', 'white', 'grey', 'black', 'test'] as const;
export const LIST_KEYS = ['customer_id', 'phone', 'email', 'openid', 'phone_sha256'] as const;
const ListIdField = Type.String({ description: 'List id', examples: ['lst_01j9z3'] });
const listName = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^[^\\u0000]*$',
  description: 'What people call it',
  examples: ['Autumn fair visitors'],
});
const listKind = Type.Enum(LIST_KINDS, {
  description:
    'What it is for: `target` to be reached, `white` always allowed, `grey` to be handled with care, `black` never to be contacted, `test` colleagues',
  examples: ['target'],
});
const purpose = Type.String({
  minLength: 1,
  maxLength: 2000,
  pattern: '^[^\\u0000]*$',
  description: 'Why the bank may use it, and for what',
  examples: ['Invitation to the autumn fair; consent given on the visitor form'],
});
const expiresAt = Type.Optional(Instant('When it deletes itself; never when absent'));

export const MatchReport = Type.Object(
  {
    file: Type.String({ description: 'Name of the file', examples: ['visitors.csv'] }),
    key: Type.Enum(LIST_KEYS, { description: 'By what customers were recognised', examples: ['phone'] }),
    bytes: Count('Bytes read'),
    rows: Count('Rows read'),
    empty: Count('Rows without a value'),
    invalid: Count('Rows whose value cannot be such a key'),
    duplicates: Count('Rows that repeat an earlier one'),
    matched: Count('Different values that belong to exactly one customer'),
    ambiguous: Count('Different values that belong to several customers; left out'),
    unmatched: Count('Different values that belong to no customer'),
    sameCustomer: Count('Values beyond the first of one customer'),
    customers: Count('Customers on the list'),
    examples: Type.Array(
      Type.Object(
        {
          line: Type.Integer({ minimum: 1, description: 'Line of the file', examples: [17] }),
          value: Type.String({ description: 'The value, masked', examples: ['09●●●●●678'] }),
          reason: Type.Enum(['invalid', 'unmatched', 'ambiguous'] as const, {
            description: 'Why it is not on the list',
            examples: ['unmatched'],
          }),
        },
        { description: 'A row that is not on the list' },
      ),
      { description: 'The first few rows that are not on the list' },
    ),
    rowsPerSecond: Count('Rows matched a second'),
    tookMs,
  },
  {
    description:
      'What became of every row: rows = empty + invalid + duplicates + matched + ambiguous + unmatched',
  },
);
export type MatchReport = Static<typeof MatchReport>;
export const CustomerList = Type.Object(
  {
    id: ListIdField,
    name: listName,
    kind: listKind,
    purpose,
    origin: Type.Enum(['upload', 'lookalike', 'snapshot'] as const, {
      description: 'Where its customers come from',
      examples: ['upload'],
    }),
    owner: Type.String({ description: 'Id of who made it', examples: ['usr_01j9z3'] }),
    ownerName: Type.String({ description: 'Their name', examples: ['Chen Wei'] }),
    version: Type.Integer({
      minimum: 0,
      description: 'Grows with each upload; 0 before the first',
      examples: [1],
    }),
    size: Count('Customers on it'),
    createdAt: Instant('When it was made'),
    updatedAt: Instant('When its customers were last replaced'),
    expiresAt,
    report: Type.Optional(MatchReport),
    lookalike: Type.Optional(
      Type.Unsafe<LookalikeResult>(
        Type.Record(Type.String(), Type.Unknown(), {
          description: 'How the look-alike was made',
          examples: [{ auc: 0.81 }],
        }),
      ),
    ),
  },
  { description: 'A list of customers; conditions name it as { "list": id }' },
);
export type CustomerList = Static<typeof CustomerList>;
export const CustomerLists = Type.Object(
  { items: Type.Array(CustomerList, { description: 'Newest first' }) },
  { description: 'Lists' },
);
export const CreateList = Type.Object(
  { name: listName, kind: listKind, purpose, expiresAt },
  { additionalProperties: false, description: 'A new list, still empty' },
);
export type CreateList = Static<typeof CreateList>;
export const ListParams = Type.Object({ id: ListIdField });
export const UploadQuery = Type.Object({
  key: Type.Enum(LIST_KEYS, { description: 'By what customers are recognised', examples: ['phone'] }),
  column: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description:
        'Column of the file: a name in its head, or a number from 1; the first column of a file without a head when absent',
      examples: ['phone'],
    }),
  ),
  file: Type.Optional(
    Type.String({
      maxLength: 300,
      description: 'Name of the file, for the record',
      examples: ['visitors.csv'],
    }),
  ),
});
export type UploadQuery = Static<typeof UploadQuery>;

/* ── growth ──────────────────────────────────────────────────────────────────────────────────────────── */

export const RefreshPolicy = Type.Object(
  {
    mode: Type.Enum(['live', 'schedule', 'after_refresh', 'frozen'] as const, {
      description:
        '`live` is recorded once a day after a tag refresh; `schedule` when it is due; `after_refresh` after every tag refresh; `frozen` only when asked',
      examples: ['after_refresh'],
    }),
    cron: Type.Optional(
      Type.String({
        maxLength: 100,
        description: 'Of `schedule`: minute hour day month weekday',
        examples: ['0 7 * * 1-5'],
      }),
    ),
    timeZone: Type.Optional(
      Type.String({
        maxLength: 60,
        description: 'Time zone of the schedule',
        default: 'Asia/Shanghai',
        examples: ['Asia/Taipei'],
      }),
    ),
    businessDays: Type.Optional(
      Type.Boolean({
        description: 'Of `schedule`: not on days off of the business calendar',
        default: false,
        examples: [true],
      }),
    ),
    calendar: Type.Optional(
      Type.Enum(['CN', 'HK', 'TW'] as const, {
        description: 'Business calendar; beyond the years it knows Monday to Friday are business days',
        default: 'CN',
        examples: ['TW'],
      }),
    ),
    snapshot: Type.Optional(
      Type.Boolean({
        description: 'Freeze who is in as a snapshot each time it is recorded',
        default: false,
        examples: [true],
      }),
    ),
    alert: Type.Optional(
      Type.Object(
        {
          growth: Type.Optional(
            Type.Number({
              minimum: 0,
              description: 'Warn when it grows by more than this share',
              examples: [0.2],
            }),
          ),
          decline: Type.Optional(Ratio('Warn when it shrinks by more than this share')),
          turnover: Type.Optional(
            Type.Number({
              minimum: 0,
              description: 'Warn when more than this share comes or goes',
              examples: [0.3],
            }),
          ),
          below: Type.Optional(
            Type.Integer({ minimum: 0, description: 'Warn when it has fewer customers', examples: [1000] }),
          ),
        },
        { additionalProperties: false, description: 'When to warn' },
      ),
    ),
  },
  { additionalProperties: false, description: 'When an audience is evaluated and recorded' },
);
export type RefreshPolicy = Static<typeof RefreshPolicy>;
export const PolicyResult = Type.Object(
  {
    policy: RefreshPolicy,
    nextAt: Type.Optional(Instant('When it is due next')),
    lastAt: Type.Optional(Instant('When it was last recorded')),
    lastSize: Type.Optional(Count('Customers then')),
  },
  { description: 'A refresh policy and where it stands' },
);
export type PolicyResult = Static<typeof PolicyResult>;
export const GrowthPoint = Type.Object(
  {
    at: Instant('The instant counted'),
    count: Count('Customers then'),
    entered: Type.Optional(Count('Came since the point before')),
    left: Type.Optional(Count('Went since the point before')),
    source: Type.Enum(['recorded', 'as_of'] as const, {
      description: 'Recorded then, or counted now as of then',
      examples: ['recorded'],
    }),
    version: Type.Optional(
      Type.Integer({ minimum: 1, description: 'Version of the definition', examples: [3] }),
    ),
    snapshot: Type.Optional(
      Type.String({ description: 'Snapshot that was frozen then', examples: ['snp_01j9z3'] }),
    ),
    alerts: Type.Optional(
      Type.Array(
        Type.Enum(['growth', 'decline', 'turnover', 'below'] as const, {
          description: 'Threshold',
          examples: ['decline'],
        }),
        { description: 'Thresholds passed' },
      ),
    ),
  },
  { description: 'Size of an audience at one instant' },
);
export type GrowthPoint = Static<typeof GrowthPoint>;
export const GrowthQuery = Type.Object({
  days: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 730, default: 90, description: 'Days back', examples: [90] }),
  ),
  backcast: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 60,
      default: 0,
      description: 'Past points to count as of then, spread over the days',
      examples: [12],
    }),
  ),
});
export type GrowthQuery = Static<typeof GrowthQuery>;
export const GrowthResult = Type.Object(
  { points: Type.Array(GrowthPoint, { description: 'Oldest first' }) },
  { description: 'How an audience grew' },
);
export type GrowthResult = Static<typeof GrowthResult>;
export const FlowRequest = Type.Object(
  {
    from: Type.String({ description: 'Earlier snapshot', examples: ['snp_01j9z3'] }),
    to: Type.Optional(
      Type.String({ description: 'Later snapshot; who is in now when absent', examples: ['snp_01j9z4'] }),
    ),
  },
  { additionalProperties: false, description: 'Two moments to compare' },
);
export type FlowRequest = Static<typeof FlowRequest>;
export const FlowResult = Type.Object(
  {
    before: Count('Customers before'),
    after: Count('Customers after'),
    stayed: Count('In both'),
    entered: Count('Only after'),
    left: Count('Only before'),
  },
  { description: 'Who came and went' },
);
export type FlowResult = Static<typeof FlowResult>;
