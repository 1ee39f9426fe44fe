import {
  bookings,
  both,
  derived,
  inDays,
  is,
  type LibraryTag,
  lastDays,
  rule,
  type Titles,
  tag,
  than,
  theme,
  value,
  whether,
  YES_NO,
} from './form.ts';

const SUM = { sum: 'amount_minor' } as const;
const COLLECT = both(is('kind', 'business'), is('direction', 'credit'));
const PAY = both(is('kind', 'business'), is('direction', 'debit'));

const side = (
  name: 'collected' | 'paid',
  [en, hant, hans]: Titles,
  where: ReturnType<typeof both>,
  partner: Titles,
): LibraryTag[] => [
  ...([30, 90, 365] as const).map((days) =>
    tag(
      `firm_${name}_${days}d`,
      inDays([en, `${hant}金額`, `${hans}金额`], days),
      `corporate/${name}/amount`,
      'money',
      bookings(SUM, { where, ...lastDays(days) }),
      `${en} in the course of business in the last ${days} days.`,
    ),
  ),
  tag(
    `firm_${name}_count_90d`,
    inDays([`${en}: bookings`, `${hant}筆數`, `${hans}笔数`], 90),
    `corporate/${name}/number`,
    'number',
    bookings('count', { where, ...lastDays(90) }),
    `Bookings of business of this side in the last 90 days.`,
    { unit: 'bookings' },
  ),
  tag(
    `firm_${name}_change_90d`,
    inDays([`Change of ${en.toLowerCase()}`, `${hant}變化率`, `${hans}变化率`], 90),
    `corporate/${name}/trend`,
    'number',
    bookings({ change: SUM }, { where, ...lastDays(90) }),
    'Sum of the last 90 days against that of the 90 days before.',
    { unit: 'share' },
  ),
  tag(
    `firm_${name}_trend_12m`,
    [`Trend of ${en.toLowerCase()}, 12 months`, `近12個月${hant}趨勢`, `近12个月${hans}趋势`],
    `corporate/${name}/trend`,
    'money',
    bookings({ trend: { of: SUM, per: 'month', periods: 12 } }, { where }),
    'What the monthly sum grows by a month: least-squares slope over twelve complete months.',
  ),
  tag(
    `firm_${name}_partners_365d`,
    inDays([partner[0], `${partner[1]}數`, `${partner[2]}数`], 365),
    `corporate/${name}/partners`,
    'number',
    bookings({ distinct: 'counterparty' }, { where, ...lastDays(365) }),
    'Different counterparties of this side in the last 365 days.',
    { unit: 'firms' },
  ),
  tag(
    `firm_${name}_main_partner_365d`,
    inDays(
      [`Main ${partner[0].toLowerCase().replace(/s$/, '')}`, `主要${partner[1]}`, `主要${partner[2]}`],
      365,
    ),
    `corporate/${name}/partners`,
    'text',
    bookings({ top: 'counterparty' }, { where, ...lastDays(365) }),
    'Counterparty of most bookings of this side in the last 365 days.',
  ),
];

/** Firms: what they collect and pay, and what they borrow. */
export const CORPORATE = theme('corporate', ['Corporate', '公司客戶', '公司客户'], 'Corporate banking', [
  side('collected', ['Collected', '經營回款', '经营回款'], COLLECT, ['Payers', '付款方', '付款方']),
  side('paid', ['Paid', '經營付款', '经营付款'], PAY, ['Suppliers', '供應商', '供应商']),
  tag(
    'firm_margin_365d',
    inDays(['Operating surplus', '經營淨流入', '经营净流入'], 365),
    'corporate/business/surplus',
    'money',
    derived(
      'if(firm_collected_365d is null and firm_paid_365d is null, null, ifNull(firm_collected_365d, 0) - ifNull(firm_paid_365d, 0))',
    ),
    'Collected less paid in the last 365 days.',
  ),
  tag(
    'firm_collecting_months',
    ['Months of collections in a row', '連續回款月數', '连续回款月数'],
    'corporate/business/regularity',
    'number',
    bookings({ streak: { per: 'month', which: 'current' } }, { where: COLLECT }),
    'Months in a row up to now in which something was collected.',
    { unit: 'months' },
  ),
  tag(
    'firm_collected_last_days',
    ['Days since the last collection', '距最近回款天數', '距最近回款天数'],
    'corporate/business/regularity',
    'number',
    bookings({ recency: 'days' }, { where: COLLECT }),
    'Days since something was last collected.',
    { unit: 'days' },
  ),
  tag(
    'firm_size',
    ['Size of business', '經營規模', '经营规模'],
    'corporate/business/size',
    'text',
    rule([
      [than('firm_collected_365d', '>=', 4_000_000_000), 'large'],
      [than('firm_collected_365d', '>=', 200_000_000), 'middle'],
      [than('firm_collected_365d', '>=', 30_000_000), 'small'],
      [than('firm_collected_365d', '>', 0), 'micro'],
    ]),
    'Band of what was collected here in 365 days at 0.3, 2 and 40 million of the currency; set the limits of your market after installing.',
    {
      values: [
        value('micro', 'Micro', '微型', '微型'),
        value('small', 'Small', '小型', '小型'),
        value('middle', 'Middle', '中型', '中型'),
        value('large', 'Large', '大型', '大型'),
      ],
    },
  ),
  tag(
    'firm_loan_by_collected',
    ['Loans by turnover', '貸款回款比', '贷款回款比'],
    'corporate/credit/burden',
    'number',
    derived("if(customer_type = 'corporate', loan_value / nullIf(firm_collected_365d, 0), null)"),
    'Loans outstanding ÷ collected in 365 days, of firms.',
    { unit: 'ratio' },
  ),
  tag(
    'firm_deposit_by_loan',
    ['Balance by loans', '存貸比', '存贷比'],
    'corporate/credit/return',
    'number',
    derived("if(customer_type = 'corporate', aum_now / nullIf(loan_value, 0), null)"),
    'AUM ÷ loans outstanding, of firms: how much of the business comes back.',
    { unit: 'ratio' },
  ),
  tag(
    'firm_renewal_due',
    ['Loan to renew', '續貸機會', '续贷机会'],
    'corporate/credit/renewal',
    'boolean',
    whether({
      all: [
        than('customer_type', '=', 'corporate'),
        { tag: 'loan_next_end_on', op: 'in next', value: 'P90D' },
      ],
    }),
    'A loan of the firm ends within 90 days.',
    { values: YES_NO },
  ),
  tag(
    'firm_without_loan',
    ['Firm without a loan', '無貸戶', '无贷户'],
    'corporate/credit/gap',
    'boolean',
    whether({
      all: [
        than('customer_type', '=', 'corporate'),
        than('loan_held', '=', false),
        than('firm_collecting_months', '>=', 6),
      ],
    }),
    'A firm that collects every month for half a year and has no loan here.',
    { values: YES_NO },
  ),
  tag(
    'firm_weakening',
    ['Business weakening', '經營轉弱', '经营转弱'],
    'corporate/watch/decline',
    'boolean',
    whether(than('firm_collected_change_90d', '<=', -0.3)),
    'Collections of 90 days fell by 30 % or more.',
    { values: YES_NO },
  ),
]);
