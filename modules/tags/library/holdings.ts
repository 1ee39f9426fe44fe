import type { PropertyCondition } from '@rapport/conditions';
import {
  both,
  derived,
  fact,
  is,
  type LibraryTag,
  lastDays,
  over,
  type Titles,
  tag,
  than,
  theme,
  whether,
  YES_NO,
} from './form.ts';

/** Not ended yet: without an end, or with one that is today or later. */
export const LIVE: PropertyCondition = {
  any: [
    { property: 'until', op: 'unknown' },
    { property: 'until', op: 'in next', value: 'P100Y' },
  ],
};

/** What every bank wants to know of a kind of product. */
const ofKind = (kind: string, [en, hant, hans]: Titles, amount: Titles): LibraryTag[] => [
  tag(
    `${kind}_count`,
    [`${en}s held`, `持有${hant}筆數`, `持有${hans}笔数`],
    `holdings/${kind}/number`,
    'number',
    over('holding', 'count', { where: both(is('kind', kind), LIVE) }),
    `Holdings of kind ${kind} that have not ended.`,
    { unit: 'holdings' },
  ),
  tag(
    `${kind}_held`,
    [`Holds a ${en.toLowerCase()}`, `持有${hant}`, `持有${hans}`],
    `holdings/${kind}/number`,
    'boolean',
    whether(than(`${kind}_count`, '>=', 1)),
    `Whether a holding of kind ${kind} has not ended.`,
    { values: YES_NO },
  ),
  tag(
    `${kind}_value`,
    amount,
    `holdings/${kind}/value`,
    'money',
    over('holding', { sum: 'amount_minor' }, { where: both(is('kind', kind), LIVE) }),
    `Sum of the amounts of holdings of kind ${kind} that have not ended; unknown without any.`,
  ),
  tag(
    `${kind}_first_on`,
    [`First ${en.toLowerCase()} on`, `首次持有${hant}日期`, `首次持有${hans}日期`],
    `holdings/${kind}/history`,
    'date',
    fact('holding', 'since', { where: `kind = '${kind}'`, pick: 'min' }),
    `Day since which the first holding of kind ${kind} has been held.`,
  ),
  tag(
    `${kind}_last_days`,
    [`Days since the last ${en.toLowerCase()}`, `距最近持有${hant}天數`, `距最近持有${hans}天数`],
    `holdings/${kind}/history`,
    'number',
    over('holding', { recency: 'days' }, { where: is('kind', kind) }),
    `Days since a holding of kind ${kind} was last begun.`,
    { unit: 'days' },
  ),
  tag(
    `${kind}_taken_365d`,
    [`${en}s taken, 365 days`, `近365天新增${hant}筆數`, `近365天新增${hans}笔数`],
    `holdings/${kind}/history`,
    'number',
    over('holding', 'count', { where: is('kind', kind), ...lastDays(365) }),
    `Holdings of kind ${kind} begun in the last 365 days.`,
    { unit: 'holdings' },
  ),
];

/** Of products that end on a day. */
const endOf = (kind: string, [en, hant, hans]: Titles): LibraryTag[] => [
  tag(
    `${kind}_next_end_on`,
    [`Next ${en.toLowerCase()} ends on`, `最近${hant}到期日`, `最近${hans}到期日`],
    `holdings/${kind}/maturity`,
    'date',
    fact('holding', 'until', { where: `kind = '${kind}' and daysSince(until) <= 0`, pick: 'min' }),
    `Earliest day, today or later, on which a holding of kind ${kind} ends.`,
  ),
  ...([30, 90] as const).map((days) =>
    tag(
      `${kind}_ending_${days}d_value`,
      [`${en}s ending within ${days} days`, `未來${days}天到期${hant}金額`, `未来${days}天到期${hans}金额`],
      `holdings/${kind}/maturity`,
      'money',
      over(
        'holding',
        { sum: 'amount_minor' },
        { where: both(is('kind', kind), { property: 'until', op: 'in next', value: `P${days}D` }) },
      ),
      `Sum of the holdings of kind ${kind} that end within ${days} days, today included.`,
    ),
  ),
];

const DEPOSIT: Titles = ['Term deposit', '定期存款', '定期存款'];
const WEALTH: Titles = ['Wealth product', '理財產品', '理财产品'];
const LOAN: Titles = ['Loan', '貸款', '贷款'];

/** What the customer holds, by kind of product. */
export const HOLDINGS = theme('holdings', ['Holdings', '產品持有', '产品持有'], 'Product management', [
  ofKind('deposit', DEPOSIT, ['Value of term deposits', '定期存款餘額', '定期存款余额']),
  endOf('deposit', DEPOSIT),
  ofKind('wealth', WEALTH, ['Value of wealth products', '理財產品餘額', '理财产品余额']),
  endOf('wealth', WEALTH),
  ofKind('fund', ['Fund', '基金', '基金'], ['Value of funds', '基金市值', '基金市值']),
  ofKind('insurance', ['Insurance policy', '保險', '保险'], ['Value of insurance', '保險金額', '保险金额']),
  ofKind(
    'card',
    ['Credit card', '信用卡', '信用卡'],
    ['Balance owed on credit cards', '信用卡欠款餘額', '信用卡欠款余额'],
  ),
  ofKind('loan', LOAN, ['Loans outstanding', '貸款餘額', '贷款余额']),
  endOf('loan', LOAN),
  tag(
    'holdings_live',
    ['Holdings', '有效持倉筆數', '有效持仓笔数'],
    'holdings/all/number',
    'number',
    over('holding', 'count', { where: LIVE }),
    'Holdings of any kind that have not ended.',
    { unit: 'holdings' },
  ),
  tag(
    'holding_kind_list',
    ['Kinds held', '持有產品類別', '持有产品类别'],
    'holdings/all/kind',
    'list',
    fact('holding', 'kind', { pick: 'list' }),
    'Every kind of product ever held.',
  ),
  tag(
    'holding_product_list',
    ['Products held', '持有產品清單', '持有产品清单'],
    'holdings/all/kind',
    'list',
    fact('holding', 'product_id', { pick: 'list' }),
    'Every product ever held, by its code.',
  ),
  tag(
    'holding_first_kind',
    ['First product', '首個產品類別', '首个产品类别'],
    'holdings/all/history',
    'text',
    over('holding', { first: 'kind' }),
    'Kind of the product that was taken first: how the customer came.',
  ),
  tag(
    'holding_last_kind',
    ['Latest product', '最近產品類別', '最近产品类别'],
    'holdings/all/history',
    'text',
    over('holding', { last: 'kind' }),
    'Kind of the product that was taken last.',
  ),
  tag(
    'holding_largest',
    ['Largest holding', '最大單筆持倉', '最大单笔持仓'],
    'holdings/all/value',
    'money',
    over(
      'holding',
      { max: 'amount_minor' },
      { where: both(LIVE, is('kind', ['deposit', 'wealth', 'fund', 'insurance'])) },
    ),
    'Largest single holding among deposits, wealth products, funds and insurance.',
  ),
  tag(
    'holding_fund_share',
    ['Funds in all investments', '基金佔比', '基金占比'],
    'holdings/all/mix',
    'number',
    derived('ifNull(fund_value, 0) / nullIf(investment_now, 0)'),
    'Share of funds in deposits, wealth products, funds and insurance by value.',
    { unit: 'share' },
  ),
  tag(
    'holding_deposit_share',
    ['Deposits in all investments', '定存佔比', '定存占比'],
    'holdings/all/mix',
    'number',
    derived('ifNull(deposit_value, 0) / nullIf(investment_now, 0)'),
    'Share of term deposits in deposits, wealth products, funds and insurance by value.',
    { unit: 'share' },
  ),
  tag(
    'holdings_ending_90d',
    ['Holdings ending within 90 days', '未來90天到期筆數', '未来90天到期笔数'],
    'holdings/all/maturity',
    'number',
    over('holding', 'count', { where: { property: 'until', op: 'in next', value: 'P90D' } }),
    'Holdings of any kind that end within 90 days, today included.',
    { unit: 'holdings' },
  ),
]);
