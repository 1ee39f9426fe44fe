import { ConditionBody } from '@rapport/conditions';
import { Instant, LocalizedText, Page, PageQuery } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

export const OFFER_KINDS = ['rate', 'coupon', 'points', 'service', 'message'] as const;
export type OfferKind = (typeof OFFER_KINDS)[number];

export const OFFER_STATES = ['draft', 'active', 'retired'] as const;
export type OfferState = (typeof OFFER_STATES)[number];

/** A product's risk, R1 (lowest) to R5; a customer of level Cn may be offered R1 … Rn. */
export const RISK_LEVELS = ['R1', 'R2', 'R3', 'R4', 'R5'] as const;
export type RiskLevel = (typeof RISK_LEVELS)[number];

const editable = {
  name: Type.Unsafe<LocalizedText>({
    ...LocalizedText,
    description: 'Name shown to customers and in lists',
    examples: [{ en: '12-month deposit at 1.95 %', 'zh-Hant': '十二個月定存 1.95 釐' }],
  }),
  description: Type.Optional(
    Type.Unsafe<LocalizedText>({
      ...LocalizedText,
      description: 'What the customer gets',
      examples: [{ en: 'A fixed rate for new money from 10,000.' }],
    }),
  ),
  kind: Type.Enum(OFFER_KINDS, { description: 'What is given', examples: ['rate'] }),
  productId: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'Product on the shelf that it promotes',
      examples: ['dep-12m'],
    }),
  ),
  valueMinor: Type.Integer({
    minimum: 0,
    description:
      'What one acceptance is worth to the bank, in minor units; ranking multiplies it by the chance',
    examples: [12_000],
  }),
  currency: Type.String({
    pattern: '^[A-Z]{3}$',
    description: 'Reporting currency of the value; all active offers share one',
    examples: ['CNY'],
  }),
  riskLevel: Type.Optional(
    Type.Enum(RISK_LEVELS, {
      description: 'Risk of what is offered; absent for offers that are no investment',
      examples: ['R3'],
    }),
  ),
  validFrom: Type.Optional(Instant('First instant at which it may be offered')),
  validUntil: Type.Optional(Instant('Instant from which it is no longer offered')),
  landingUrl: Type.Optional(
    Type.String({
      pattern: '^https?://',
      description: 'Where a click leads',
      examples: ['https://bank.example/deposit-12m'],
    }),
  ),
  eligibility: Type.Optional(ConditionBody),
};

export const OfferDraft = Type.Object(editable, { description: 'An offer 權益 as its author writes it' });
export type OfferDraft = Static<typeof OfferDraft>;

export const OfferChange = Type.Object(
  {
    ...editable,
    version: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'The version that was edited; refused when the offer changed meanwhile',
        examples: [3],
      }),
    ),
  },
  { description: 'The whole offer after an edit' },
);
export type OfferChange = Static<typeof OfferChange>;

export const Offer = Type.Object(
  {
    id: Type.String({ description: 'Offer id', examples: ['off_01j9z3'] }),
    ...editable,
    state: Type.Enum(OFFER_STATES, { description: 'Only active offers are offered', examples: ['active'] }),
    version: Type.Integer({ description: 'Grows by one with every edit', examples: [3] }),
    createdAt: Instant('When it was made'),
    createdBy: Type.String({ description: 'Who made it', examples: ['usr_01j9z3'] }),
    updatedAt: Instant('When it was last edited'),
  },
  { description: 'An offer 權益' },
);
export type Offer = Static<typeof Offer>;

export const OfferPage = Page(Offer, 'Offers, newest first');

export const OfferQuery = Type.Object({
  ...PageQuery.properties,
  state: Type.Optional(
    Type.Enum(OFFER_STATES, { description: 'Only offers in this state', examples: ['active'] }),
  ),
});
export type OfferQuery = Static<typeof OfferQuery>;
