import type { DemoCustomer } from './customers.ts';
import { logistic } from './draws.ts';

/** The planted effects: who would respond to what, and by how much. */

export const OFFER_KINDS = ['rate', 'coupon', 'points', 'service', 'message'] as const;
export type DemoOfferKind = (typeof OFFER_KINDS)[number];

export const FEATURES = [
  'wealth',
  'decades',
  'digital',
  'risk',
  'views',
  'maturing',
  'hasFund',
  'hasCard',
  'payroll',
  'corporate',
] as const;
export type Feature = (typeof FEATURES)[number];
export type Weights = { readonly intercept: number } & Readonly<Partial<Record<Feature, number>>>;

export interface ResponseModel {
  readonly kind: DemoOfferKind;
  /** Event that counts as conversion. */
  readonly kpiEvent: string;
  /** Product that a conversion names; empty when it concerns none. */
  readonly productId: string;
  /** Days after launch in which it happens. */
  readonly windowDays: number;
  /** Log-odds of converting without treatment. */
  readonly base: Weights;
  /** What a delivered message adds to the log-odds. */
  readonly uplift: Weights;
  /** Median amount at wealth 0, minor units; grows with e^(0.6·wealth), spread e^(0.4·normal). */
  readonly amountMinor: number;
  readonly meaning: string;
}

export const RESPONSE_MODELS: Readonly<Record<DemoOfferKind, ResponseModel>> = {
  rate: {
    kind: 'rate',
    kpiEvent: 'deposit_opened',
    productId: 'DEP12',
    windowDays: 14,
    base: { intercept: -2.95, wealth: 0.45, decades: 0.12, maturing: 0.8, hasFund: -0.25, corporate: -2 },
    uplift: { intercept: 0.62, maturing: 0.55, wealth: -0.1, hasFund: -0.2, corporate: -0.5 },
    amountMinor: 3_000_000,
    meaning: 'A better rate moves those whose deposit is about to end; the wealthy would come anyway.',
  },
  coupon: {
    kind: 'coupon',
    kpiEvent: 'wealth_bought',
    productId: 'FUND-R2',
    windowDays: 14,
    base: { intercept: -3.4, wealth: 0.4, views: 0.28, risk: 0.25, hasFund: 0.3, corporate: -3 },
    uplift: { intercept: 0.35, views: 0.16, hasFund: -0.3, risk: 0.05 },
    amountMinor: 1_000_000,
    meaning: 'A first-purchase coupon moves those who already look at wealth pages.',
  },
  points: {
    kind: 'points',
    kpiEvent: 'card_goal_reached',
    productId: 'CARD-STD',
    windowDays: 30,
    base: { intercept: -2.0, digital: 1.2, wealth: 0.2, hasCard: 0.6, corporate: -4 },
    uplift: { intercept: 0.45, decades: -0.3 },
    amountMinor: 200_000,
    meaning: 'Points please the young; the oldest are put off (do not disturb).',
  },
  service: {
    kind: 'service',
    kpiEvent: 'payroll_moved',
    productId: 'SAV',
    windowDays: 30,
    base: { intercept: -3.6, digital: 0.8, payroll: -2.5, corporate: -4 },
    uplift: { intercept: 0.9, payroll: -0.7, digital: 0.3 },
    amountMinor: 800_000,
    meaning: 'A welcome service moves those whose salary goes elsewhere.',
  },
  message: {
    kind: 'message',
    kpiEvent: 'app_returned',
    productId: '',
    windowDays: 14,
    base: { intercept: -1.6, digital: 1.0, corporate: -3 },
    uplift: { intercept: 0 },
    amountMinor: 0,
    meaning: 'A mere newsletter changes nothing: the planted effect is zero.',
  },
};

export function featuresOf(customer: DemoCustomer): Readonly<Record<Feature, number>> {
  return {
    wealth: customer.wealth,
    decades: customer.kind === 'retail' ? (customer.age - 43) / 10 : 0,
    digital: customer.digital - 0.5,
    risk: customer.riskLevel - 3,
    views: Math.min(6, customer.wealthViews),
    maturing: Number(customer.maturing),
    hasFund: Number(customer.hasFund),
    hasCard: Number(customer.hasCard),
    payroll: Number(customer.payroll),
    corporate: Number(customer.kind === 'corporate'),
  };
}

export interface Potential {
  /** Probability of converting in the window without a delivered message. */
  readonly untreated: number;
  /** The same with one. */
  readonly treated: number;
}

/** Both potential conversion probabilities of a customer. */
export function potentialOf(customer: DemoCustomer, model: ResponseModel): Potential {
  const features = featuresOf(customer);
  const base = score(model.base, features);
  return { untreated: logistic(base), treated: logistic(base + score(model.uplift, features)) };
}

function score(weights: Weights, features: Readonly<Record<Feature, number>>): number {
  let sum = weights.intercept;
  for (const feature of FEATURES) sum += (weights[feature] ?? 0) * features[feature];
  return sum;
}

/** Persuadables convert only when treated, sure things either way, lost causes never, sleeping dogs only if left alone. */
export const RESPONSE_TYPES = ['persuadable', 'sure_thing', 'lost_cause', 'do_not_disturb'] as const;
export type ResponseType = (typeof RESPONSE_TYPES)[number];

/** The type that one draw makes of a customer: the same draw decides under treatment and without. */
export function responseTypeOf({ untreated, treated }: Potential, draw: number): ResponseType {
  if (draw < untreated) return draw < treated ? 'sure_thing' : 'do_not_disturb';
  return draw < treated ? 'persuadable' : 'lost_cause';
}
