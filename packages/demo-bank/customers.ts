import type { EpochMs } from '@rapport/kernel';
import { logistic, poisson, stream, weighted } from './draws.ts';
import { firmName, personName } from './names.ts';
import { BRANCH_WEIGHTS, cityOf, outletOf, RMS_PER_OUTLET } from './organisation.ts';

/** What makes a bank: the same plan gives the same bank, byte for byte. */
export interface BankPlan {
  readonly seed: number;
  readonly customers: number;
  /** Midnight UTC of the day up to which the bank has data, exclusive. */
  readonly asOf: EpochMs;
}

export const DAY = 86_400_000;
/** Share of corporate customers; they come after the retail ones. */
const CORPORATE_SHARE = 0.03;

export interface Holding {
  readonly id: string;
  readonly productId: string;
  readonly kind: 'deposit' | 'fund' | 'card' | 'loan' | 'insurance';
  readonly since: EpochMs;
  readonly until: EpochMs | undefined;
  readonly amountMinor: number;
}

/** A customer and the latent traits that drive what they do and how they respond. */
export interface DemoCustomer {
  readonly index: number;
  readonly id: string;
  readonly kind: 'retail' | 'corporate';
  readonly name: string;
  readonly gender: 'female' | 'male' | '';
  readonly birth: EpochMs | undefined;
  readonly openedOn: EpochMs;
  readonly orgUnit: string;
  readonly rm: string;
  readonly city: string;
  readonly riskLevel: number;
  readonly language: 'zh-Hans' | 'zh-Hant' | 'en';
  readonly occupation: string;
  readonly holdings: readonly Holding[];
  /** Years, at asOf; 0 for firms. */
  readonly age: number;
  /** Standardised logarithm of assets: about normal with mean 0 and deviation 1. */
  readonly wealth: number;
  /** 0 … 1 */
  readonly digital: number;
  readonly payroll: boolean;
  /** Minor units a month. */
  readonly incomeMinor: number;
  readonly savingsMinor: number;
  /** Visits to wealth pages in the last 30 days. */
  readonly wealthViews: number;
  /** A term deposit ends within 45 days after asOf. */
  readonly maturing: boolean;
  readonly hasDeposit: boolean;
  readonly hasFund: boolean;
  readonly hasCard: boolean;
}

const LANGUAGES = ['zh-Hans', 'zh-Hant', 'en'] as const;
const OCCUPATIONS = [
  '职员',
  '教师',
  '工程师',
  '个体经营',
  '医护',
  '公务员',
  '学生',
  '退休',
  '自由职业',
] as const;

export function corporateCount(customers: number): number {
  return Math.round(customers * CORPORATE_SHARE);
}

export function customerIdOf(plan: BankPlan, index: number): string {
  const retail = plan.customers - corporateCount(plan.customers);
  return index < retail
    ? `C${String(index + 1).padStart(8, '0')}`
    : `E${String(index - retail + 1).padStart(7, '0')}`;
}

/** The place of a customer id in the bank; `undefined` when it is none of this bank's. */
export function indexOf(plan: BankPlan, customerId: string): number | undefined {
  const number = Number(customerId.slice(1));
  const retail = plan.customers - corporateCount(plan.customers);
  const index = customerId.startsWith('E') ? retail + number - 1 : number - 1;
  return Number.isInteger(index) &&
    index >= 0 &&
    index < plan.customers &&
    customerIdOf(plan, index) === customerId
    ? index
    : undefined;
}

/** The customer at one place, computed from the plan alone: nothing has to be kept to know them again. */
export function customerAt(plan: BankPlan, index: number): DemoCustomer {
  return index < plan.customers - corporateCount(plan.customers) ? person(plan, index) : firm(plan, index);
}

function person(plan: BankPlan, index: number): DemoCustomer {
  const random = stream(plan.seed, 'customer', index);
  const id = customerIdOf(plan, index);
  const gender = random.next() < 0.51 ? 'female' : 'male';
  const language = LANGUAGES[weighted(random, [0.62, 0.26, 0.12])] ?? 'zh-Hans';
  const age = Math.round(Math.min(88, Math.max(18, 43 + 14 * random.normal())));
  const wealth = 0.93 * random.normal() + 0.027 * (age - 43);
  const digital = logistic(0.5 + 0.9 * random.normal() - 0.045 * (age - 43));
  const riskLevel = Math.min(
    5,
    Math.max(1, Math.round(2.7 + 0.9 * random.normal() + 0.25 * wealth - 0.012 * (age - 43))),
  );
  const payroll = age < 60 && random.next() < 0.55;
  const incomeMinor = Math.round(700_000 * Math.exp(0.35 * wealth + 0.25 * random.normal()));
  const assets = 4_000_000 * Math.exp(1.25 * wealth);
  const branch = weighted(random, BRANCH_WEIGHTS);
  const orgUnit = outletOf(branch, random.integer(6));
  const birth = Date.UTC(
    new Date(plan.asOf).getUTCFullYear() - age,
    random.integer(12),
    1 + random.integer(28),
  );
  const openedOn = plan.asOf - Math.floor(DAY * (30 + 365 * Math.min(age - 17, 18) * random.next() ** 1.3));
  const rm =
    wealth > 0.8 || random.next() < 0.25 ? `RM-${orgUnit}-${1 + random.integer(RMS_PER_OUTLET)}` : '';

  const hasDeposit = random.next() < logistic(-0.5 + 0.6 * wealth + 0.02 * (age - 43));
  const hasFund =
    random.next() < logistic(-1.3 + 0.7 * wealth + 1.2 * (digital - 0.5) + 0.3 * (riskLevel - 3));
  const hasCard = random.next() < logistic(0.2 + 1.2 * (digital - 0.5) + 0.2 * wealth);
  const hasLoan = random.next() < (age < 55 ? 0.22 : 0.05);
  const hasInsurance = random.next() < 0.14;
  const wealthViews = poisson(random, 2.4 * digital * logistic(-0.6 + 0.8 * wealth + 0.4 * (riskLevel - 3)));

  const holdings: Holding[] = [];
  const hold = (
    kind: Holding['kind'],
    productId: string,
    amount: number,
    since: EpochMs,
    until?: EpochMs,
  ): void => {
    holdings.push({
      id: `H${id.slice(1)}${holdings.length + 1}`,
      productId,
      kind,
      since: Math.max(since, openedOn),
      until,
      amountMinor: Math.round(amount / 100) * 100,
    });
  };
  let maturing = false;
  if (hasDeposit) {
    const soon = random.next() < 0.22;
    const until = plan.asOf + DAY * (soon ? 1 + random.integer(45) : 46 + random.integer(300));
    maturing = soon;
    hold('deposit', 'DEP12', assets * (0.4 + 0.4 * random.next()), until - 365 * DAY, until);
  }
  if (hasFund) {
    const product = ['FUND-R2', 'FUND-R3', 'FUND-R4'][Math.min(2, Math.max(0, riskLevel - 2))] ?? 'FUND-R2';
    hold('fund', product, assets * (0.2 + 0.5 * random.next()), plan.asOf - DAY * (1 + random.integer(900)));
  }
  if (hasCard)
    hold(
      'card',
      wealth > 1 ? 'CARD-PLAT' : 'CARD-STD',
      incomeMinor * 0.4 * random.next(),
      plan.asOf - DAY * (1 + random.integer(1500)),
    );
  if (hasLoan)
    hold(
      'loan',
      age > 28 ? 'LOAN-HOME' : 'LOAN-CONS',
      assets * (2 + 3 * random.next()),
      plan.asOf - DAY * (1 + random.integer(1800)),
      plan.asOf + DAY * (400 + random.integer(5000)),
    );
  if (hasInsurance)
    hold('insurance', 'INS-LIFE', assets * 0.15, plan.asOf - DAY * (1 + random.integer(1500)));

  return {
    index,
    id,
    kind: 'retail',
    name: personName(random, language, gender),
    gender,
    birth,
    openedOn,
    orgUnit,
    rm,
    city: cityOf(branch),
    riskLevel,
    language,
    occupation:
      age >= 62 ? '退休' : age < 23 ? '学生' : (OCCUPATIONS[random.integer(OCCUPATIONS.length)] ?? '职员'),
    holdings,
    age,
    wealth,
    digital,
    payroll,
    incomeMinor,
    savingsMinor: Math.round(assets * (0.15 + 0.45 * random.next())),
    wealthViews,
    maturing,
    hasDeposit,
    hasFund,
    hasCard,
  };
}

function firm(plan: BankPlan, index: number): DemoCustomer {
  const random = stream(plan.seed, 'customer', index);
  const id = customerIdOf(plan, index);
  const wealth = random.normal();
  const branch = weighted(random, BRANCH_WEIGHTS);
  const orgUnit = outletOf(branch, random.integer(6));
  const assets = 60_000_000 * Math.exp(1.2 * wealth);
  const openedOn = plan.asOf - DAY * (90 + random.integer(5000));
  const hasDeposit = random.next() < 0.4;
  const hasLoan = random.next() < 0.35;
  const holdings: Holding[] = [];
  if (hasDeposit) {
    const until = plan.asOf + DAY * (1 + random.integer(360));
    holdings.push({
      id: `H${id}1`,
      productId: 'DEP-CORP',
      kind: 'deposit',
      since: Math.max(openedOn, until - 365 * DAY),
      until,
      amountMinor: Math.round(assets / 100) * 100,
    });
  }
  if (hasLoan) {
    holdings.push({
      id: `H${id}2`,
      productId: 'LOAN-CORP',
      kind: 'loan',
      since: openedOn,
      until: plan.asOf + DAY * (200 + random.integer(1500)),
      amountMinor: Math.round(assets / 50) * 100,
    });
  }
  return {
    index,
    id,
    kind: 'corporate',
    name: firmName(random),
    gender: '',
    birth: undefined,
    openedOn,
    orgUnit,
    rm: `RM-${orgUnit}-${1 + random.integer(RMS_PER_OUTLET)}`,
    city: cityOf(branch),
    riskLevel: 3,
    language: 'zh-Hant',
    occupation: '',
    holdings,
    age: 0,
    wealth,
    digital: 0.5,
    payroll: false,
    incomeMinor: Math.round(8_000_000 * Math.exp(wealth)),
    savingsMinor: Math.round(assets * 0.5),
    wealthViews: 0,
    maturing: false,
    hasDeposit,
    hasFund: false,
    hasCard: false,
  };
}
