import type { EpochMs, Random } from '@rapport/kernel';
import { type BankPlan, DAY, type DemoCustomer } from './customers.ts';
import { pick, poisson, stream, uniform, weighted } from './draws.ts';
import { OFFER_KINDS, potentialOf, RESPONSE_MODELS } from './effects.ts';

export interface Booking {
  readonly at: EpochMs;
  readonly amountMinor: number;
  readonly direction: 'credit' | 'debit';
  readonly kind: 'payroll' | 'purchase' | 'transfer' | 'cash' | 'fee' | 'interest' | 'business';
  readonly channel: 'app' | 'branch' | 'card' | 'atm' | 'system';
  readonly mcc: string;
  readonly counterparty: string;
  readonly balanceMinor: number;
}

export interface AppEvent {
  readonly name: string;
  readonly at: EpochMs;
  readonly properties: Readonly<Record<string, string | number>>;
}

/** Merchant category codes (ISO 18245) with their typical amount in minor units and weight. */
const MERCHANTS = [
  ['5411', '家家超市', 12_000, 30],
  ['5812', '江畔餐厅', 15_000, 24],
  ['4111', '城市交通', 1_500, 14],
  ['5541', '东风加油站', 30_000, 8],
  ['5732', '数码商城', 180_000, 4],
  ['5651', '云裳服饰', 45_000, 8],
  ['4511', '远航航空', 160_000, 3],
  ['7011', '望海酒店', 90_000, 3],
  ['8062', '市立医院', 40_000, 3],
  ['5942', '知行书店', 8_000, 3],
] as const;
const MERCHANT_WEIGHTS = MERCHANTS.map(([, , , weight]) => weight);

const KEYWORDS: readonly [string, ...string[]] = [
  '定期存款',
  '理财',
  '基金',
  '信用卡额度',
  '转账限额',
  '房贷利率',
  '养老金',
  '外汇',
  '黄金',
  '积分兑换',
  '定存利率',
  '分期',
  '挂失',
  '开户证明',
  '美元定存',
];
const MONTHS = 13;

/** The bookings of a customer's account over 13 months, oldest first; the last balance is what the account holds. */
export function bookingsOf(plan: BankPlan, customer: DemoCustomer, activity: number): Booking[] {
  const random = stream(plan.seed, 'bookings', customer.index);
  const drafts: Omit<Booking, 'balanceMinor'>[] = [];
  const push = (draft: Omit<Booking, 'balanceMinor'>): void => {
    if (draft.at >= customer.openedOn && draft.at < plan.asOf && draft.amountMinor > 0) drafts.push(draft);
  };
  const perMonth = activity * (customer.kind === 'retail' ? 0.6 + 2.4 * customer.digital : 3);
  for (let month = 0; month < MONTHS; month++) {
    const start = monthStart(plan.asOf, month - MONTHS + 1);
    const length = monthStart(plan.asOf, month - MONTHS + 2) - start;
    const any = (): EpochMs => start + Math.floor(random.next() * length);
    if (customer.payroll) {
      push({
        at: start + 7 * DAY + random.integer(3 * DAY),
        amountMinor: Math.round(customer.incomeMinor * (0.97 + 0.06 * random.next())),
        direction: 'credit',
        kind: 'payroll',
        channel: 'system',
        mcc: '',
        counterparty: '演示雇主',
      });
    }
    for (let n = poisson(random, perMonth); n > 0; n--) push(retailOrBusiness(random, customer, any()));
    if (random.next() < 0.25 * activity) {
      push({
        at: any(),
        amountMinor: 10_000 * (1 + random.integer(30)),
        direction: 'debit',
        kind: 'cash',
        channel: 'atm',
        mcc: '6011',
        counterparty: '',
      });
    }
  }
  drafts.sort((a, b) => a.at - b.at);
  // The account ends at its savings, lifted where the way there would have led below zero.
  const net = drafts.reduce((sum, draft) => sum + signed(draft), 0);
  let [balance, lowest] = [customer.savingsMinor - net, 0];
  let running = balance;
  lowest = Math.min(0, running);
  for (const draft of drafts) {
    running += signed(draft);
    lowest = Math.min(lowest, running);
  }
  balance -= lowest;
  return drafts.map((draft) => {
    balance += signed(draft);
    return { ...draft, balanceMinor: balance };
  });
}

const signed = (draft: Omit<Booking, 'balanceMinor'>): number =>
  draft.direction === 'credit' ? draft.amountMinor : -draft.amountMinor;

function retailOrBusiness(
  random: Random,
  customer: DemoCustomer,
  at: EpochMs,
): Omit<Booking, 'balanceMinor'> {
  if (customer.kind === 'corporate') {
    const credit = random.next() < 0.5;
    const amountMinor = Math.round((customer.incomeMinor / 4) * Math.exp(0.6 * random.normal()));
    return {
      at,
      amountMinor,
      direction: credit ? 'credit' : 'debit',
      kind: 'business',
      channel: 'app',
      mcc: '',
      counterparty: credit ? '客户回款' : '供应商付款',
    };
  }
  if (random.next() < 0.22) {
    const credit = random.next() < (customer.payroll ? 0.3 : 0.6);
    const amountMinor = Math.round(80_000 * Math.exp(0.9 * random.normal() + 0.5 * customer.wealth));
    const channel = random.next() < customer.digital ? 'app' : 'branch';
    return {
      at,
      amountMinor,
      direction: credit ? 'credit' : 'debit',
      kind: 'transfer',
      channel,
      mcc: '',
      counterparty: credit ? '他行转入' : '他行转出',
    };
  }
  const [mcc, name, typical] = MERCHANTS[weighted(random, MERCHANT_WEIGHTS)] ?? MERCHANTS[0];
  const amountMinor = Math.max(
    100,
    Math.round(typical * Math.exp(0.5 * random.normal() + 0.3 * customer.wealth)),
  );
  return {
    at,
    amountMinor,
    direction: 'debit',
    kind: 'purchase',
    channel: customer.hasCard ? 'card' : 'app',
    mcc,
    counterparty: name,
  };
}

/** What a customer did in the app over 13 months, and the conversions that happened by themselves, oldest first. */
export function eventsOf(plan: BankPlan, customer: DemoCustomer, activity: number): AppEvent[] {
  const random = stream(plan.seed, 'events', customer.index);
  const events: AppEvent[] = [];
  const push = (name: string, at: EpochMs, properties: AppEvent['properties'] = {}): void => {
    if (at >= customer.openedOn && at < plan.asOf) events.push({ name, at, properties });
  };
  const ago = (days: number): EpochMs => plan.asOf - 1 - Math.floor(random.next() * days * DAY);
  const device = `dev-${customer.id}`;
  if (customer.kind === 'retail') {
    for (let month = 0; month < MONTHS; month++) {
      const start = monthStart(plan.asOf, month - MONTHS + 1);
      const length = monthStart(plan.asOf, month - MONTHS + 2) - start;
      for (let n = poisson(random, 2.6 * activity * customer.digital ** 1.5); n > 0; n--) {
        const at = start + Math.floor(random.next() * length);
        push('login', at, { device, platform: random.next() < 0.6 ? 'android' : 'ios' });
        if (random.next() < 0.2)
          push('search', at + 60_000, { keyword: pick(random, KEYWORDS), results: random.integer(9) });
        if (random.next() < 0.12)
          push('page_viewed', at + 90_000, { page: pick(random, ['card', 'loan', 'transfer', 'rewards']) });
      }
    }
    for (let n = customer.wealthViews; n > 0; n--) {
      push('wealth_viewed', ago(30), {
        product_id: pick(random, ['FUND-R2', 'FUND-R3', 'FUND-R4', 'DEP12']),
        seconds: 5 + random.integer(120),
      });
    }
    for (let n = poisson(random, customer.wealthViews * 0.8); n > 0; n--) {
      push('wealth_viewed', ago(300), {
        product_id: pick(random, ['FUND-R2', 'FUND-R3', 'DEP12']),
        seconds: 5 + random.integer(120),
      });
    }
    // What people do unasked, at the planted base rate: so past windows show the rate that a control group will show.
    for (const kind of OFFER_KINDS) {
      const model = RESPONSE_MODELS[kind];
      const { untreated } = potentialOf(customer, model);
      for (let period = 1; period <= Math.floor(84 / model.windowDays); period++) {
        if (uniform(`${plan.seed}/past/${kind}/${period}/${customer.id}`) >= untreated) continue;
        const at = plan.asOf - (period - random.next()) * model.windowDays * DAY;
        push(model.kpiEvent, Math.floor(at), conversionProperties(random, customer, kind));
      }
    }
  }
  return events.sort((a, b) => a.at - b.at);
}

/** What a conversion says of itself. */
export function conversionProperties(
  random: Random,
  customer: DemoCustomer,
  kind: keyof typeof RESPONSE_MODELS,
): AppEvent['properties'] {
  const { amountMinor, productId } = RESPONSE_MODELS[kind];
  if (amountMinor === 0) return {};
  const amount = amountMinor * Math.exp(0.6 * customer.wealth + 0.4 * random.normal());
  return {
    product_id: productId,
    amount_minor: Math.max(100, Math.round(amount / 100) * 100),
    currency: 'CNY',
  };
}

export interface Complaint {
  readonly at: EpochMs;
  readonly topic: string;
  readonly severity: number;
}

export function complaintsOf(plan: BankPlan, customer: DemoCustomer): Complaint[] {
  const random = stream(plan.seed, 'complaints', customer.index);
  return Array.from({ length: poisson(random, 0.03) }, () => ({
    at: plan.asOf - 1 - Math.floor(random.next() * 365 * DAY),
    topic: pick(random, ['手續費', '服務態度', '系統故障', '騷擾電話', '貸款審批']),
    severity: 1 + random.integer(3),
  }));
}

export interface Consent {
  readonly channel: 'email' | 'sms';
  readonly granted: boolean;
  readonly at: EpochMs;
  readonly evidence: string;
}

export function consentsOf(plan: BankPlan, customer: DemoCustomer): Consent[] {
  const random = stream(plan.seed, 'consents', customer.index);
  return (['email', 'sms'] as const).flatMap((channel): Consent[] => {
    const draw = random.next();
    const at =
      customer.openedOn + Math.floor(random.next() * Math.max(1, plan.asOf - customer.openedOn - DAY));
    if (draw < 0.72) return [{ channel, granted: true, at, evidence: 'app-consent-v3' }];
    if (draw < 0.8) return [{ channel, granted: false, at, evidence: 'branch-form-12' }];
    return [];
  });
}

/** How a customer can be reached; a few have no e-mail address or no phone. Reserved domain, unassigned country code. */
export function contactsOf(plan: BankPlan, customer: DemoCustomer): { phone: string; email: string } {
  const random = stream(plan.seed, 'contacts', customer.index);
  const [hasPhone, hasEmail] = [random.next() < 0.97, random.next() < 0.93];
  return {
    phone: hasPhone ? `+9991${String(customer.index).padStart(9, '0')}` : '',
    email: hasEmail ? `${customer.id.toLowerCase()}@example.com` : '',
  };
}

/** First instant of the month that lies `offset` months from the one before asOf’s last day. */
function monthStart(asOf: EpochMs, offset: number): EpochMs {
  const last = new Date(asOf - 1);
  return Date.UTC(last.getUTCFullYear(), last.getUTCMonth() + offset, 1);
}
