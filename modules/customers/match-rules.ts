import { type Static, Type } from 'typebox';

/** What two records are compared by; the order is that of the places in a pattern. */
export const MATCH_FIELDS = [
  'name',
  'birth_date',
  'gender',
  'id_document',
  'phone',
  'email',
  'address',
  'device',
] as const;
export type MatchField = (typeof MATCH_FIELDS)[number];

/** How alike two values are; `unknown` when either record has none. */
export const LIKENESSES = ['unknown', 'different', 'close', 'alike', 'common', 'same'] as const;
export type Likeness = (typeof LIKENESSES)[number];

/**
 * Levels of a field from 0 (different) up. Values that many records share say less than rare ones, so equality of
 * names and phones has levels by how many records have the value: the greater the level, the rarer it is.
 */
export interface FieldLevels {
  readonly likeness: readonly Likeness[];
  /** Greatest number of records with the value for each `same` level, rarest last. */
  readonly counts?: readonly number[];
}

export const NAME_COUNTS = [Number.POSITIVE_INFINITY, 1_000, 300, 100, 30, 10, 3] as const;
export const PHONE_COUNTS = [Number.POSITIVE_INFINITY, 20, 5, 2] as const;
export const ADDRESS_COUNTS = [Number.POSITIVE_INFINITY, 20, 5, 2] as const;

export const FIELD_LEVELS: Readonly<Record<MatchField, FieldLevels>> = {
  name: {
    likeness: ['different', 'close', 'alike', ...NAME_COUNTS.map((): Likeness => 'same')],
    counts: NAME_COUNTS,
  },
  birth_date: { likeness: ['different', 'close', 'same'] },
  gender: { likeness: ['different', 'same'] },
  id_document: { likeness: ['different', 'close', 'same'] },
  phone: { likeness: ['different', 'close', 'common', 'common', 'same', 'same'], counts: PHONE_COUNTS },
  email: { likeness: ['different', 'close', 'same'] },
  address: { likeness: ['different', 'close', 'common', 'common', 'same', 'same'], counts: ADDRESS_COUNTS },
  /** Two people may well use different devices: only a shared one says something. */
  device: { likeness: ['different', 'same'] },
};

const Field = Type.Enum(MATCH_FIELDS, { description: 'What is compared', examples: ['name'] });

/** Parts of a blocking key. */
export const BLOCK_PARTS = [
  'name',
  'sound',
  'birth_date',
  'birth_year',
  'gender',
  'id_document',
  'phone',
  'phone_tail',
  'email',
  'address',
  'device',
  'city',
] as const;
export type BlockPart = (typeof BLOCK_PARTS)[number];

const Outcome = Type.Union(
  [
    Type.Literal('merge'),
    Type.Literal('review'),
    Type.Literal('no'),
    Type.Literal('by_probability'),
    Type.Literal('review_by_probability'),
  ],
  {
    description:
      'merge, review or no: always so; by_probability: as the thresholds say; review_by_probability: the same, but at most to review',
    examples: ['merge'],
  },
);

export const MatchRule = Type.Object(
  {
    name: Type.String({
      pattern: '^[a-z][a-z0-9_]{0,59}$',
      description: 'Name by which merges say why they were made',
      examples: ['same_document'],
    }),
    when: Type.Partial(
      Type.Record(
        Field,
        Type.Array(Type.Enum(LIKENESSES, { description: 'How alike', examples: ['same'] }), {
          minItems: 1,
          description: 'Any of these',
          examples: [['same', 'alike']],
        }),
      ),
      { description: 'All of these fields must be so; without any the rule always applies', examples: [{}] },
    ),
    decide: Outcome,
  },
  { additionalProperties: false, description: 'A rule; the first whose conditions hold decides' },
);
export type MatchRule = Static<typeof MatchRule>;

const Probability = (description: string, example: number) =>
  Type.Number({ minimum: 0, maximum: 1, description, examples: [example] });

export const MatchRules = Type.Object(
  {
    country: Type.String({
      pattern: '^\\+[0-9]{1,3}$',
      description: 'Country code of phone numbers that have none',
      examples: ['+86'],
    }),
    blocks: Type.Array(
      Type.Array(Type.Enum(BLOCK_PARTS, { description: 'A part of the key', examples: ['sound'] }), {
        minItems: 1,
        description: 'Only records that are equal in all of these are compared',
        examples: [['sound', 'birth_date']],
      }),
      {
        minItems: 1,
        maxItems: 20,
        description: 'Blocking keys; a pair is compared when any of them is equal',
      },
    ),
    maxBlock: Type.Integer({
      minimum: 2,
      maximum: 1000,
      description: 'A key that more records share is not compared by: it is a switchboard, not a person',
      examples: [50],
    }),
    rules: Type.Array(MatchRule, {
      minItems: 1,
      maxItems: 50,
      description: 'In order; the first that holds decides',
    }),
    mergeFrom: Probability('Probability from which two records are merged without a person looking', 0.99),
    reviewFrom: Probability('Probability from which a pair goes to review', 0.5),
    maxCluster: Type.Integer({
      minimum: 2,
      maximum: 1000,
      description: 'Records of one customer at most; what would make more goes to review',
      examples: [12],
    }),
    sharedDevice: Type.Integer({
      minimum: 1,
      maximum: 100,
      description:
        'A device that more customers sign in on is shared: its visitors are not taken for one of them',
      examples: [3],
    }),
    bulkFrom: Type.Integer({
      minimum: 2,
      maximum: 100000,
      description: 'Merges decided at once from this many on need a second person',
      examples: [20],
    }),
    afterLoad: Type.Optional(
      Type.Boolean({
        description: 'Whether every load is followed by a run; default false: runs are started by hand',
        examples: [true],
      }),
    ),
    model: Type.Optional(
      Type.Record(
        Field,
        Type.Object(
          {
            m: Type.Array(Probability('Share of true pairs', 0.9), {
              description: 'For each level from `different` up: how often two records of one person are so',
              examples: [[0.05, 0.95]],
            }),
            u: Type.Array(Probability('Share of other pairs', 0.5), {
              description: 'For each level: how often records of two people are so',
              examples: [[0.5, 0.5]],
            }),
          },
          { additionalProperties: false, description: 'Given probabilities of a field' },
        ),
        {
          description:
            'Fields whose probabilities are given; those of the others are estimated from the data',
        },
      ),
    ),
    survivorship: Type.Optional(
      Type.Object(
        {
          sources: Type.Optional(
            Type.Array(Type.String({ description: 'Source id', examples: ['core_bank'] }), {
              description: 'Sources from the most to the least trusted; the others follow by id',
              examples: [['core_bank', 'crm']],
            }),
          ),
          fields: Type.Optional(
            Type.Record(
              Type.String(),
              Type.Object(
                {
                  by: Type.Union(
                    [
                      Type.Literal('source'),
                      Type.Literal('recent'),
                      Type.Literal('complete'),
                      Type.Literal('longest'),
                      Type.Literal('verified'),
                    ],
                    {
                      description:
                        'source: the most trusted; recent: the latest; complete: the record that knows most; longest: the longest text; verified: one that its source has verified',
                      examples: ['recent'],
                    },
                  ),
                  /** Attribute that holds the instant or the flag. */
                  attribute: Type.Optional(
                    Type.String({
                      description:
                        'For recent: attribute with the day or instant of the row, default updated_at; for verified: attribute that says yes, default <field>_verified',
                      examples: ['updated_at'],
                    }),
                  ),
                  sources: Type.Optional(
                    Type.Array(Type.String({ description: 'Source id', examples: ['crm'] }), {
                      description: 'Sources from the most to the least trusted for this field',
                      examples: [['crm', 'core_bank']],
                    }),
                  ),
                },
                { additionalProperties: false, description: 'How the value of a field is chosen' },
              ),
              {
                description: 'Fields that are not chosen by source; `*` is every other field',
                examples: [{ phone: { by: 'recent' } }],
              },
            ),
          ),
        },
        { additionalProperties: false, description: 'Which of several values of a field a customer has' },
      ),
    ),
    household: Type.Optional(
      Type.Object(
        {
          maxSize: Type.Integer({
            minimum: 2,
            maximum: 50,
            description: 'People at one address or phone; more are no household',
            examples: [8],
          }),
        },
        { additionalProperties: false, description: 'How households are found' },
      ),
    ),
    minShare: Type.Optional(
      Probability('Shareholders below this share are not shown as related to the enterprise', 0.1),
    ),
  },
  { additionalProperties: false, description: 'Rules by which records are found to be one customer' },
);
export type MatchRules = Static<typeof MatchRules>;

/** What holds until a bank sets its own. */
export const DEFAULT_RULES: MatchRules = {
  country: '+86',
  blocks: [
    ['id_document'],
    ['phone', 'gender'],
    ['phone', 'sound'],
    ['email'],
    ['device'],
    ['sound', 'birth_date'],
    ['name', 'address'],
    ['name', 'phone_tail'],
    ['birth_date', 'address'],
    ['birth_date', 'phone_tail'],
  ],
  maxBlock: 50,
  rules: [
    {
      name: 'same_document',
      when: {
        id_document: ['same'],
        name: ['same', 'alike', 'close'],
        birth_date: ['same', 'close', 'unknown'],
      },
      decide: 'merge',
    },
    { name: 'document_of_another_name', when: { id_document: ['same'] }, decide: 'review' },
    { name: 'misread_document', when: { id_document: ['close'] }, decide: 'review_by_probability' },
    { name: 'other_document', when: { id_document: ['different'] }, decide: 'no' },
    { name: 'other_name', when: { name: ['different', 'unknown'] }, decide: 'no' },
    { name: 'other_birth_date', when: { birth_date: ['different'] }, decide: 'review_by_probability' },
    { name: 'close_name', when: { name: ['close'] }, decide: 'review_by_probability' },
    { name: 'probability', when: {}, decide: 'by_probability' },
  ],
  mergeFrom: 0.995,
  reviewFrom: 0.6,
  maxCluster: 12,
  sharedDevice: 3,
  bulkFrom: 20,
  household: { maxSize: 8 },
  minShare: 0.1,
};

/* ── patterns ──────────────────────────────────────────────────────────────────────────────────────── */

/** Levels by field; `undefined` = unknown. */
export type Pattern = Readonly<Partial<Record<MatchField, number>>>;

/** Places in a pattern's number are in this base: more than any field has levels. */
export const PATTERN_BASE = 12;

/** Opens a number that the warehouse made: Σ (level + 1) · base^place, 0 = unknown. */
export function openPattern(code: number): Pattern {
  const pattern: Partial<Record<MatchField, number>> = {};
  let rest = code;
  for (const field of MATCH_FIELDS) {
    const digit = rest % PATTERN_BASE;
    rest = Math.floor(rest / PATTERN_BASE);
    if (digit > 0) pattern[field] = digit - 1;
  }
  return pattern;
}

export function likenessOf(field: MatchField, level: number | undefined): Likeness {
  return level === undefined ? 'unknown' : (FIELD_LEVELS[field].likeness[level] ?? 'unknown');
}

export interface Verdict {
  readonly outcome: 'merge' | 'review' | 'no';
  /** Name of the rule that decided. */
  readonly rule: string;
}

/** What the rules say of a pair. */
export function judge(rules: MatchRules, pattern: Pattern, probability: number): Verdict {
  const rule = rules.rules.find(({ when }) =>
    MATCH_FIELDS.every((field) => {
      const wanted = when[field];
      return wanted === undefined || wanted.includes(likenessOf(field, pattern[field]));
    }),
  );
  if (!rule) return { outcome: 'no', rule: 'none' };
  const byProbability =
    probability >= rules.mergeFrom ? 'merge' : probability >= rules.reviewFrom ? 'review' : 'no';
  switch (rule.decide) {
    case 'by_probability':
      return { outcome: byProbability, rule: rule.name };
    case 'review_by_probability':
      return { outcome: byProbability === 'no' ? 'no' : 'review', rule: rule.name };
    default:
      return { outcome: rule.decide, rule: rule.name };
  }
}
