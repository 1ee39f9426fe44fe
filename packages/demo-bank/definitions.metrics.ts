import { stringify } from 'yaml';

type Titles = readonly [en: string, hant: string, hans: string];

const metric = (
  id: string,
  [en, hant, hans]: Titles,
  format: 'money' | 'number' | 'share',
  measure: object,
  description: string,
): object => ({
  id,
  title: { en, 'zh-Hant': hant, 'zh-Hans': hans },
  description,
  ...(format === 'money' ? { unit: 'CNY' } : {}),
  format,
  owner: 'Finance',
  measure,
});
const sum = (tag: string): object => ({ kind: 'sum', tag });
const customers = (condition: object): object => ({ kind: 'customers', condition });

const METRICS: readonly object[] = [
  metric(
    'aum',
    ['Assets under management', '管理資產 AUM', '管理资产 AUM'],
    'money',
    sum('total_assets'),
    'Balances of accounts, term deposits and funds of all customers; debts are left out.',
  ),
  metric(
    'deposits',
    ['Term deposits', '定期存款', '定期存款'],
    'money',
    sum('deposit_amount'),
    'Term deposits held.',
  ),
  metric('funds', ['Funds', '基金保有量', '基金保有量'], 'money', sum('fund_amount'), 'Funds held.'),
  metric(
    'mau',
    ['Monthly active users', '月活躍用戶 MAU', '月活跃用户 MAU'],
    'number',
    customers({ tag: 'app_active', op: '=', value: true }),
    'Customers who used the app in the last 30 days.',
  ),
  metric(
    'customers',
    ['Customers', '客戶數', '客户数'],
    'number',
    customers({ always: true }),
    'All customers.',
  ),
  metric(
    'fund_holders',
    ['Customers with funds', '持有基金的客戶', '持有基金的客户'],
    'number',
    customers({ tag: 'fund_amount', op: '>', value: 0 }),
    'Customers who hold a fund.',
  ),
  metric(
    'mau_share',
    ['Share of active customers', '活躍率', '活跃率'],
    'share',
    { kind: 'ratio', numerator: 'mau', denominator: 'customers' },
    'Monthly active users by all customers.',
  ),
  metric(
    'aum_per_customer',
    ['Assets a customer', '戶均資產', '户均资产'],
    'money',
    { kind: 'ratio', numerator: 'aum', denominator: 'customers' },
    'Assets under management by all customers.',
  ),
];

export const METRICS_YAML = stringify({ metrics: METRICS });
