import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EpochMs, toIso } from '@rapport/kernel';
import { bookingsOf, complaintsOf, consentsOf, contactsOf, eventsOf } from './activity.ts';
import { type BankPlan, corporateCount, customerAt, DAY, type DemoCustomer } from './customers.ts';
import { writeDefinitions } from './definitions.ts';
import { OFFER_KINDS, potentialOf, RESPONSE_MODELS } from './effects.ts';
import { compactDay, createTextFile, csvField, day, localSecond, major, type TextFile } from './files.ts';
import { ORG_UNITS, RELATIONSHIP_MANAGERS } from './organisation.ts';
import { PRODUCTS } from './products.ts';
import { type BadRow, createEffectSums, type Truth } from './truth.ts';

export interface GenerateOptions {
  readonly customers: number;
  readonly seed: number;
  /** Folder for the files; made when absent. */
  readonly outDir: string;
  /** Data reaches up to this day (midnight UTC), exclusive. */
  readonly asOf: EpochMs;
  /** How busy customers are; 1 gives about 35 transactions and 20 events each. @default 1 */
  readonly activity?: number;
  readonly onProgress?: (share: number) => void;
}

const PROGRESS_EVERY = 2_000;

/**
 * Writes a synthetic bank: data files of several formats and encodings with a few planted faults, the manifests,
 * tags, audiences, templates, offers and campaigns to go with them, and `truth.json`. Customers are made and
 * written one by one, so memory does not grow with the bank; the same options give the same bytes.
 * @returns the truth, as written
 */
export async function generateDemoBank(options: GenerateOptions): Promise<Truth> {
  const { outDir, activity = 1 } = options;
  const plan: BankPlan = {
    seed: options.seed,
    customers: options.customers,
    asOf: Math.floor(options.asOf / DAY) * DAY,
  };
  const dataDir = join(outDir, 'data');
  await mkdir(join(outDir, 'responses'), { recursive: true });
  await mkdir(dataDir, { recursive: true });
  const files = await openFiles(dataDir);
  const badRows: BadRow[] = [];
  const plant = plantedFaults(files, badRows);

  await writeReference(files);
  const sums = OFFER_KINDS.map((kind) => ({ kind, sums: createEffectSums() }));
  const holdings: Record<string, number> = {};
  const events: Record<string, number> = {};
  const counts = {
    accounts: 0,
    transactions: 0,
    transactionAmountMinor: 0,
    consents: 0,
    assetsMinor: 0,
    activeLast30Days: 0,
  };
  for (let index = 0; index < plan.customers; index++) {
    const customer = customerAt(plan, index);
    await writeCustomer(files, plan, customer);
    for (const { kind, sums: effect } of sums) effect.add(potentialOf(customer, RESPONSE_MODELS[kind]));

    for (const holding of customer.holdings) {
      holdings[holding.kind] = (holdings[holding.kind] ?? 0) + 1;
      if (holding.kind !== 'loan' && holding.kind !== 'card') counts.assetsMinor += holding.amountMinor;
      await files.holdings.line(
        [
          holding.id,
          customer.id,
          holding.productId,
          HOLDING_CODES[holding.kind],
          compactDay(holding.since),
          holding.until === undefined ? '' : compactDay(holding.until),
          major(holding.amountMinor),
          '正常',
        ].join('|'),
      );
    }
    const accountId = `A${customer.id}`;
    const bookings = bookingsOf(plan, customer, activity);
    const balance = bookings.at(-1)?.balanceMinor ?? customer.savingsMinor;
    counts.accounts++;
    counts.assetsMinor += balance;
    await files.accounts.line(
      [
        accountId,
        customer.id,
        customer.kind === 'retail' ? 'savings' : 'current',
        day(customer.openedOn),
        '',
        'CNY',
        major(balance),
        customer.orgUnit,
      ].join(','),
    );
    for (const [number, booking] of bookings.entries()) {
      counts.transactions++;
      counts.transactionAmountMinor += booking.amountMinor;
      await files.transactions.line(
        [
          `T${customer.id}-${number + 1}`,
          accountId,
          customer.id,
          localSecond(booking.at),
          major(booking.amountMinor),
          booking.direction === 'credit' ? 'C' : 'D',
          booking.kind,
          booking.channel,
          booking.mcc,
          booking.counterparty,
          major(booking.balanceMinor),
        ].join(','),
      );
    }
    let activeUntil = 0;
    for (const [number, event] of eventsOf(plan, customer, activity).entries()) {
      events[event.name] = (events[event.name] ?? 0) + 1;
      if (event.name === 'login') activeUntil = event.at;
      await files.events.line(
        JSON.stringify({
          event_id: `E${customer.id}-${number + 1}`,
          customer_id: customer.id,
          name: event.name,
          at: toIso(event.at),
          ...event.properties,
        }),
      );
    }
    if (activeUntil >= plan.asOf - 30 * DAY) counts.activeLast30Days++;
    for (const complaint of complaintsOf(plan, customer)) {
      events.complaint = (events.complaint ?? 0) + 1;
      await files.complaints.line(
        [
          `K${customer.id}-${events.complaint}`,
          customer.id,
          localSecond(complaint.at),
          complaint.topic,
          complaint.severity,
        ].join(','),
      );
    }
    for (const consent of consentsOf(plan, customer)) {
      counts.consents++;
      await files.consents.line(
        [
          customer.id,
          consent.channel,
          'marketing',
          consent.granted ? 'Y' : 'N',
          toIso(consent.at),
          consent.evidence,
        ].join(','),
      );
    }
    if (index === Math.min(99, plan.customers - 1)) await plant(plan);
    if (index % PROGRESS_EVERY === 0) options.onProgress?.(index / plan.customers);
  }
  for (const file of Object.values(files)) await file.close();

  const [rate, coupon, points, service, message] = sums.map(({ kind, sums: effect }) => effect.planted(kind));
  if (!rate || !coupon || !points || !service || !message) throw new Error('an offer kind has no effect');
  const corporate = corporateCount(plan.customers);
  const truth: Truth = {
    version: 1,
    seed: plan.seed,
    customers: plan.customers,
    asOf: toIso(plan.asOf),
    counts: { retail: plan.customers - corporate, corporate, ...counts, holdings, events },
    badRows,
    effects: { rate, coupon, points, service, message },
  };
  await writeDefinitions(outDir);
  await writeFile(join(outDir, 'truth.json'), `${JSON.stringify(truth, null, 2)}\n`);
  options.onProgress?.(1);
  return truth;
}

interface BankFiles {
  readonly orgUnits: TextFile;
  readonly managers: TextFile;
  readonly products: TextFile;
  readonly retail: TextFile;
  readonly corporate: TextFile;
  readonly accounts: TextFile;
  readonly holdings: TextFile;
  readonly transactions: TextFile;
  readonly events: TextFile;
  readonly complaints: TextFile;
  readonly consents: TextFile;
}

async function openFiles(dataDir: string): Promise<BankFiles & Record<string, TextFile>> {
  const file = (name: string, encoding: string): Promise<TextFile> =>
    createTextFile(join(dataDir, name), name, encoding);
  return {
    orgUnits: await file('org_units.csv', 'utf-8'),
    managers: await file('relationship_managers.csv', 'utf-8'),
    products: await file('products.csv', 'big5'),
    retail: await file('customers_retail.txt', 'gbk'),
    corporate: await file('customers_corporate.csv', 'big5'),
    accounts: await file('accounts.csv', 'utf-8'),
    holdings: await file('holdings.txt', 'gbk'),
    transactions: await file('transactions.csv', 'utf-8'),
    events: await file('app_events.jsonl', 'utf-8'),
    complaints: await file('complaints.csv', 'big5'),
    consents: await file('consents.csv', 'utf-8'),
  };
}

async function writeReference(files: BankFiles): Promise<void> {
  await files.orgUnits.line('code,parent,name,level');
  for (const unit of ORG_UNITS)
    await files.orgUnits.line([unit.code, unit.parent, unit.name, unit.level].map(csvField).join(','));
  await files.managers.line('code,name,org_unit');
  for (const rm of RELATIONSHIP_MANAGERS) await files.managers.line([rm.code, rm.name, rm.orgUnit].join(','));
  await files.products.line('product_id,name,kind,risk_level');
  for (const product of PRODUCTS)
    await files.products.line([product.id, product.name, product.kind, product.riskLevel ?? ''].join(','));
  await files.retail.line(
    '客户号|姓名|性别|出生日期|开户日期|机构号|客户经理|风险等级|城市|语言|职业|手机|邮箱',
  );
  await files.corporate.line('客戶號,公司名稱,開戶日,機構號,客戶經理,城市,電話,郵箱');
  await files.accounts.line('account_id,customer_id,kind,opened_on,closed_on,currency,balance,org_unit');
  await files.holdings.line('持有编号|客户号|产品号|类别|起始日|到期日|金额|状态');
  await files.transactions.line(
    'transaction_id,account_id,customer_id,booked_at,amount,direction,kind,channel,mcc,counterparty,balance',
  );
  await files.complaints.line('complaint_id,customer_id,at,topic,severity');
  await files.consents.line('customer_id,channel,purpose,granted,at,evidence');
}

const HOLDING_CODES = {
  deposit: '定存',
  fund: '基金',
  card: '信用卡',
  loan: '贷款',
  insurance: '保险',
} as const;
const TRADITIONAL_CITIES: Readonly<Record<string, string>> = { 南湾: '南灣', 云岭: '雲嶺', 离岛: '離島' };

async function writeCustomer(files: BankFiles, plan: BankPlan, customer: DemoCustomer): Promise<void> {
  const { phone, email } = contactsOf(plan, customer);
  if (customer.kind === 'corporate') {
    await files.corporate.line(
      [
        customer.id,
        customer.name,
        day(customer.openedOn),
        customer.orgUnit,
        customer.rm,
        TRADITIONAL_CITIES[customer.city] ?? customer.city,
        phone,
        email,
      ].join(','),
    );
    return;
  }
  await files.retail.line(
    [
      customer.id,
      customer.name,
      customer.gender === 'female' ? '女' : '男',
      customer.birth === undefined ? '' : compactDay(customer.birth),
      compactDay(customer.openedOn),
      customer.orgUnit,
      customer.rm,
      `C${customer.riskLevel}`,
      customer.city,
      customer.language,
      customer.occupation,
      phone,
      email,
    ].join('|'),
  );
}

/** Rows that a careful import refuses, each with its reason; they stand in the middle of good ones. */
function plantedFaults(files: BankFiles, badRows: BadRow[]): (plan: BankPlan) => Promise<void> {
  const note = (table: string, file: TextFile, field: string, value: string, reason: string): void => {
    badRows.push({ table, file: file.name, line: file.lines, field, value, reason });
  };
  return async ({ asOf }) => {
    await files.retail.line('C99999901|残缺行');
    note('customer_retail', files.retail, '', '', 'wrong_field_count');
    await files.retail.line('C99999902|错日期|女|19901341|20200101|B010101||C3|海州|zh-Hans|职员||');
    note('customer_retail', files.retail, 'birth_date', '19901341', 'not_a_date');
    await files.retail.bytes(
      Buffer.concat([
        Buffer.from('C99999903|'),
        Buffer.from([0xff, 0xff]),
        Buffer.from('|||20200101|B010101||C3||||'),
      ]),
    );
    note('customer_retail', files.retail, '', '', 'undecodable_bytes');
    await files.retail.line('C00000001|重复户|女|19900101|20200101|B010101||C3|海州|zh-Hans|职员||');
    note('customer_retail', files.retail, 'customer_id', 'C00000001', 'duplicate_key');
    await files.accounts.line('AX1,C99999999,savings,2020-01-01,,CNY,100.00,B010101');
    note('account', files.accounts, 'customer_id', 'C99999999', 'unknown_customer');
    await files.transactions.line(
      `TX1,AC00000001,C00000001,${localSecond(asOf - DAY)},abc,C,transfer,app,,,0.00`,
    );
    note('transaction', files.transactions, 'amount', 'abc', 'not_an_amount');
    await files.transactions.line('TX2,AC00000001,C00000001,yesterday,1.00,C,transfer,app,,,0.00');
    note('transaction', files.transactions, 'booked_at', 'yesterday', 'not_an_instant');
    await files.events.line('{"event_id":"EX1","customer_id":"C00000001","name":"login","at":');
    note('app_event', files.events, '', '', 'not_a_json_object');
    await files.events.line('{"event_id":"EX2","customer_id":"C00000001","name":"login"}');
    note('app_event', files.events, 'at', '', 'missing_value');
    await files.consents.line(`C00000001,email,marketing,maybe,${toIso(asOf - DAY)},form`);
    note('consent', files.consents, 'granted', 'maybe', 'not_a_boolean');
  };
}
