import { Instant, LocalizedText, Ratio } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

/* ── contact policy 觸達策略 ─────────────────────────────────────────────────────────────────────────── */

export const CONTACT_CHANNELS = ['email', 'sms'] as const;

export const ContactRule = Type.Object(
  {
    id: Type.String({
      pattern: '^[a-z0-9_-]{1,60}$',
      description: 'Name of the rule, shown as the reason when it withholds a contact',
      examples: ['weekly_any'],
    }),
    channel: Type.Enum([...CONTACT_CHANNELS, 'any'] as const, {
      description: 'Channel whose contacts it counts; `any` counts all channels together',
      examples: ['any'],
    }),
    max: Type.Integer({
      minimum: 0,
      maximum: 1000,
      description: 'Most contacts in any window',
      examples: [3],
    }),
    window: Type.String({
      pattern: '^P(\\d+D|T\\d+H)$',
      description: 'Rolling window, in days (`P7D` is 168 hours) or hours (`PT24H`)',
      examples: ['P7D'],
    }),
    purpose: Type.Literal('marketing', {
      description: 'Contacts that it counts and limits; service messages are never capped',
      examples: ['marketing'],
    }),
  },
  { description: 'A rolling cap: in every half-open window of this length at most `max` contacts' },
);
export type ContactRule = Static<typeof ContactRule>;

const timeOfDay = (description: string, example: string) =>
  Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d$', description, examples: [example] });

export const QuietHours = Type.Object(
  {
    from: timeOfDay('First minute of the quiet time, local', '21:00'),
    to: timeOfDay('First minute after it, local; earlier than `from` means the next day', '08:00'),
    zone: Type.String({ description: 'IANA time zone', examples: ['Asia/Hong_Kong'] }),
  },
  { description: 'Time of day in which nobody is contacted for marketing' },
);
export type QuietHours = Static<typeof QuietHours>;

export const CONSENT_MODELS = ['opt_in', 'opt_out'] as const;

const policy = {
  rules: Type.Array(ContactRule, {
    maxItems: 50,
    description: 'Rolling caps; all of them hold at once',
    examples: [[{ id: 'weekly_any', channel: 'any', max: 3, window: 'P7D', purpose: 'marketing' }]],
  }),
  quietHours: Type.Optional(QuietHours),
  consentModel: Type.Enum(CONSENT_MODELS, {
    description:
      '`opt_in`: only customers who granted consent are contacted; `opt_out`: all but those who refused',
    examples: ['opt_in'],
  }),
};

export const ContactPolicyChange = Type.Object(
  {
    ...policy,
    version: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'The version that was edited; refused when the policy changed meanwhile',
        examples: [4],
      }),
    ),
  },
  { description: 'The whole contact policy after an edit' },
);
export type ContactPolicyChange = Static<typeof ContactPolicyChange>;

export const ContactPolicy = Type.Object(
  {
    ...policy,
    version: Type.Integer({ description: 'Grows by one with every edit', examples: [4] }),
    changedAt: Instant('When this version began to hold'),
    changedBy: Type.String({ description: 'Who changed it', examples: ['usr_01j9z3'] }),
  },
  { description: 'The contact policy of the whole bank' },
);
export type ContactPolicy = Static<typeof ContactPolicy>;

/* ── decisions 決策 ──────────────────────────────────────────────────────────────────────────────────── */

export const DecisionRequest = Type.Object(
  {
    customerId: Type.String({ minLength: 1, description: 'Customer', examples: ['C0000042'] }),
    slot: Type.Optional(
      Type.String({
        maxLength: 120,
        description: 'Where the offers will be shown 展位',
        examples: ['app-home'],
      }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 50, default: 3, description: 'Most offers wanted', examples: [3] }),
    ),
  },
  { description: 'A question: what shall we offer this customer here and now?' },
);
export type DecisionRequest = Static<typeof DecisionRequest>;

export const PROPENSITY_SOURCES = ['model', 'prior'] as const;

export const RankedOffer = Type.Object(
  {
    rank: Type.Integer({ description: 'From 1', examples: [1] }),
    offerId: Type.String({ description: 'Offer', examples: ['off_01j9z3'] }),
    offerVersion: Type.Integer({ description: 'Version of the offer that was used', examples: [3] }),
    name: Type.Unsafe<LocalizedText>({
      ...LocalizedText,
      description: 'Name of the offer',
      examples: [{ en: '12-month deposit at 1.95 %' }],
    }),
    landingUrl: Type.Optional(
      Type.String({ description: 'Where a click leads', examples: ['https://bank.example/deposit-12m'] }),
    ),
    propensity: Ratio('Chance that the customer accepts'),
    propensitySource: Type.Enum(PROPENSITY_SOURCES, {
      description: '`model`: a model scored it; `prior`: past answers to this offer, smoothed',
      examples: ['prior'],
    }),
    valueMinor: Type.Integer({ description: 'Worth of an acceptance, minor units', examples: [12_000] }),
    score: Type.Number({ description: 'Chance × value, minor units', examples: [600] }),
  },
  { description: 'An offer that won a place' },
);
export type RankedOffer = Static<typeof RankedOffer>;

export const LOSS_REASONS = ['not_yet_valid', 'expired', 'not_eligible', 'unsuitable', 'outranked'] as const;
export type LossReason = (typeof LOSS_REASONS)[number];

export const LosingOffer = Type.Object(
  {
    offerId: Type.String({ description: 'Offer', examples: ['off_01j9z4'] }),
    offerVersion: Type.Integer({ description: 'Version of the offer that was used', examples: [1] }),
    reason: Type.Enum(LOSS_REASONS, {
      description: 'The first gate that it did not pass',
      examples: ['unsuitable'],
    }),
    because: Type.String({
      description: 'What was found',
      examples: ['The offer is R4, the customer C2.'],
    }),
    wouldWinIf: Type.String({
      description: 'The smallest change that lets it pass this gate',
      examples: ['the customer were C4 or higher'],
    }),
  },
  { description: 'An offer that did not win, and why' },
);
export type LosingOffer = Static<typeof LosingOffer>;

export const RESPONSE_KINDS = ['shown', 'clicked', 'accepted', 'rejected'] as const;

export const NewDecisionResponse = Type.Object(
  {
    offerId: Type.String({ description: 'One of the offers that won', examples: ['off_01j9z3'] }),
    response: Type.Enum(RESPONSE_KINDS, { description: 'What happened', examples: ['accepted'] }),
    at: Type.Optional(Instant('When; absent = now')),
  },
  { description: 'What the customer did with a decision' },
);
export type NewDecisionResponse = Static<typeof NewDecisionResponse>;

export const DecisionResponse = Type.Object(
  {
    offerId: Type.String({ description: 'Offer', examples: ['off_01j9z3'] }),
    response: Type.Enum(RESPONSE_KINDS, { description: 'What happened', examples: ['accepted'] }),
    at: Instant('When'),
  },
  { description: 'A recorded response; the same response to the same offer counts once' },
);
export type DecisionResponse = Static<typeof DecisionResponse>;

export const Decision = Type.Object(
  {
    id: Type.String({ description: 'Decision id', examples: ['dec_01j9z3'] }),
    customerId: Type.String({ description: 'Customer', examples: ['C0000042'] }),
    slot: Type.Optional(Type.String({ description: 'Where 展位', examples: ['app-home'] })),
    at: Instant('The one instant that the decision looked at'),
    customerRisk: Type.Optional(
      Type.Enum(['C1', 'C2', 'C3', 'C4', 'C5'] as const, {
        description: 'Risk level of the customer; absent when unknown, then only R1 is suitable',
        examples: ['C2'],
      }),
    ),
    offers: Type.Array(RankedOffer, { description: 'Winners, best first' }),
    lost: Type.Array(LosingOffer, { description: 'Every other active offer and why it lost' }),
    engine: Type.String({ description: 'Version of the decision logic', examples: ['1'] }),
    release: Type.Integer({ description: 'Data release that the customer was read from', examples: [17] }),
    responses: Type.Array(DecisionResponse, { description: 'What came of it, oldest first' }),
  },
  { description: 'A decision 決策 with its inputs and reasons' },
);
export type Decision = Static<typeof Decision>;

export const DecisionReplay = Type.Object(
  {
    decisionId: Type.String({ description: 'Decision that was replayed', examples: ['dec_01j9z3'] }),
    identical: Type.Boolean({
      description: 'Whether the stored inputs give the stored result again',
      examples: [true],
    }),
    engine: Type.String({ description: 'Version of the decision logic that replayed it', examples: ['1'] }),
    offers: Type.Array(RankedOffer, { description: 'Winners of the replay' }),
    lost: Type.Array(LosingOffer, { description: 'Losers of the replay' }),
  },
  { description: 'A decision computed again from its stored inputs' },
);
export type DecisionReplay = Static<typeof DecisionReplay>;
