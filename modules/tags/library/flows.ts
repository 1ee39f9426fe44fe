import {
  bands,
  bookings,
  both,
  derived,
  inDays,
  is,
  type LibraryTag,
  lastDays,
  type Titles,
  tag,
  than,
  theme,
  value,
  whether,
  YES_NO,
} from './form.ts';

const SUM = { sum: 'amount_minor' } as const;
const WINDOWS = [7, 30, 90, 180, 365] as const;

/** Money in or out over every usual window, and how it moves. */
const flow = (
  name: 'inflow' | 'outflow',
  direction: 'credit' | 'debit',
  [en, hant, hans]: Titles,
): LibraryTag[] => {
  const where = is('direction', direction);
  const said = direction === 'credit' ? 'credited to' : 'debited from';
  return [
    ...WINDOWS.flatMap((days) => [
      tag(
        `${name}_${days}d`,
        inDays([en, `${hant}金額`, `${hans}金额`], days),
        `flows/${name}/amount`,
        'money',
        bookings(SUM, { where, ...lastDays(days) }),
        `Sum ${said} the customer's accounts in the last ${days} days.`,
      ),
      tag(
        `${name}_count_${days}d`,
        inDays([`${en}: bookings`, `${hant}筆數`, `${hans}笔数`], days),
        `flows/${name}/number`,
        'number',
        bookings('count', { where, ...lastDays(days) }),
        `Bookings ${said} the customer's accounts in the last ${days} days.`,
        { unit: 'bookings' },
      ),
    ]),
    tag(
      `${name}_largest_90d`,
      inDays([`Largest ${en.toLowerCase()}`, `最大單筆${hant}`, `最大单笔${hans}`], 90),
      `flows/${name}/amount`,
      'money',
      bookings({ max: 'amount_minor' }, { where, ...lastDays(90) }),
      `Largest single booking ${said} the accounts in the last 90 days.`,
    ),
    tag(
      `${name}_typical_90d`,
      inDays([`Median ${en.toLowerCase()}`, `單筆${hant}中位數`, `单笔${hans}中位数`], 90),
      `flows/${name}/amount`,
      'money',
      bookings({ percentile: { of: 'amount_minor', at: 0.5 } }, { where, ...lastDays(90) }),
      `Median booking ${said} the accounts in the last 90 days (nearest rank).`,
    ),
    tag(
      `${name}_month_to_date`,
      [`${en}, month to date`, `本月至今${hant}金額`, `本月至今${hans}金额`],
      `flows/${name}/calendar`,
      'money',
      bookings(SUM, { where, window: { toDate: 'month' } }),
      `Sum ${said} the accounts this month so far.`,
    ),
    tag(
      `${name}_last_month`,
      [`${en}, last month`, `上月${hant}金額`, `上月${hans}金额`],
      `flows/${name}/calendar`,
      'money',
      bookings(SUM, { where, window: { last: 1, unit: 'month' } }),
      `Sum ${said} the accounts in the last complete month.`,
    ),
    tag(
      `${name}_year_to_date`,
      [`${en}, year to date`, `本年至今${hant}金額`, `本年至今${hans}金额`],
      `flows/${name}/calendar`,
      'money',
      bookings(SUM, { where, window: { toDate: 'year' } }),
      `Sum ${said} the accounts this year so far.`,
    ),
    tag(
      `${name}_monthly_6m`,
      [`${en} a month, 6 months`, `近6個月月均${hant}`, `近6个月月均${hans}`],
      `flows/${name}/trend`,
      'money',
      bookings({ perPeriod: { of: SUM, per: 'month', periods: 6 } }, { where }),
      `Sum ${said} the accounts in the last six complete months ÷ 6.`,
    ),
    tag(
      `${name}_trend_6m`,
      [`Trend of ${en.toLowerCase()}, 6 months`, `近6個月${hant}趨勢`, `近6个月${hans}趋势`],
      `flows/${name}/trend`,
      'money',
      bookings({ trend: { of: SUM, per: 'month', periods: 6 } }, { where }),
      `What the monthly sum ${said} the accounts grows by a month: least-squares slope over six complete months.`,
    ),
    tag(
      `${name}_change_90d`,
      inDays([`Change of ${en.toLowerCase()}`, `${hant}變化率`, `${hans}变化率`], 90),
      `flows/${name}/trend`,
      'number',
      bookings({ change: SUM }, { where, ...lastDays(90) }),
      `Sum ${said} the accounts in the last 90 days against that of the 90 days before.`,
      { unit: 'share' },
    ),
    tag(
      `${name}_last_days`,
      [`Days since the last ${en.toLowerCase()}`, `距最近${hant}天數`, `距最近${hans}天数`],
      `flows/${name}/recency`,
      'number',
      bookings({ recency: 'days' }, { where }),
      `Days since a booking was last ${said} the accounts.`,
      { unit: 'days' },
    ),
  ];
};

/** A kind of booking that means something of its own. */
const ofKind = (
  id: string,
  kind: string,
  titles: Titles,
  windows: readonly number[],
  said: string,
  where = is('kind', kind),
): LibraryTag[] =>
  windows.map((days) =>
    tag(
      `${id}_${days}d`,
      inDays(titles, days),
      `flows/kinds/${id}`,
      'money',
      bookings(SUM, { where, ...lastDays(days) }),
      `${said} in the last ${days} days.`,
    ),
  );

/** Money in and out. */
export const FLOWS = theme('flows', ['Money flows', '資金流', '资金流'], 'Retail analytics', [
  flow('inflow', 'credit', ['Money in', '轉入', '转入']),
  flow('outflow', 'debit', ['Money out', '轉出', '转出']),
  WINDOWS.map((days) =>
    tag(
      `net_flow_${days}d`,
      inDays(['Net flow', '淨流入', '净流入'], days),
      'flows/net/amount',
      'money',
      derived(
        `if(inflow_${days}d is null and outflow_${days}d is null, null, ifNull(inflow_${days}d, 0) - ifNull(outflow_${days}d, 0))`,
      ),
      `Money in less money out of the last ${days} days.`,
    ),
  ),
  tag(
    'outflow_by_inflow_90d',
    inDays(['Money out by money in', '轉出轉入比', '转出转入比'], 90),
    'flows/net/ratio',
    'number',
    derived('ifNull(outflow_90d, 0) / nullIf(inflow_90d, 0)'),
    'Money out ÷ money in of the last 90 days.',
    { unit: 'ratio' },
  ),
  tag(
    'inflow_unusual_30d',
    inDays(['Unusual money in', '異常大額轉入', '异常大额转入'], 30),
    'flows/net/events',
    'boolean',
    derived(
      'ifNull(inflow_30d >= 3 * inflow_monthly_6m and inflow_30d - inflow_monthly_6m >= 1000000, false)',
    ),
    'Money in of 30 days is at least three times the monthly average of six months, and 10,000 of the currency above it: ask what it is for.',
    { values: YES_NO },
  ),
  tag(
    'counterparties_90d',
    inDays(['Counterparties', '交易對手數', '交易对手数'], 90),
    'flows/net/counterparties',
    'number',
    bookings({ distinct: 'counterparty' }, lastDays(90)),
    'Different counterparties of bookings in the last 90 days.',
    { unit: 'counterparties' },
  ),

  ofKind(
    'salary',
    'payroll',
    ['Salary', '代發工資', '代发工资'],
    [30, 90, 365],
    'Salary credited',
    both(is('kind', 'payroll'), is('direction', 'credit')),
  ),
  tag(
    'salary_monthly_6m',
    ['Salary a month, 6 months', '近6個月月均工資', '近6个月月均工资'],
    'flows/kinds/salary',
    'money',
    bookings(
      { perPeriod: { of: SUM, per: 'month', periods: 6 } },
      { where: both(is('kind', 'payroll'), is('direction', 'credit')) },
    ),
    'Salary of the last six complete months ÷ 6.',
    { dataClass: 'C3' },
  ),
  tag(
    'salary_months_running',
    ['Months of salary in a row', '連續代發月數', '连续代发月数'],
    'flows/kinds/salary',
    'number',
    bookings(
      { streak: { per: 'month', which: 'current' } },
      { where: both(is('kind', 'payroll'), is('direction', 'credit')) },
    ),
    'Months in a row up to now in which a salary was credited.',
    { unit: 'months' },
  ),
  tag(
    'salary_last_days',
    ['Days since the last salary', '距最近代發天數', '距最近代发天数'],
    'flows/kinds/salary',
    'number',
    bookings({ recency: 'days' }, { where: both(is('kind', 'payroll'), is('direction', 'credit')) }),
    'Days since a salary was last credited.',
    { unit: 'days' },
  ),
  tag(
    'salary_regular',
    ['Regular salary', '穩定代發', '稳定代发'],
    'flows/kinds/salary',
    'boolean',
    whether(than('salary_months_running', '>=', 3)),
    'A salary came in each of at least three months in a row.',
    { values: YES_NO },
  ),
  tag(
    'salary_stopped',
    ['Salary stopped', '代發中斷', '代发中断'],
    'flows/kinds/salary',
    'boolean',
    whether({ all: [than('salary_last_days', '>', 45), than('salary_last_days', '<=', 180)] }),
    'The last salary came between 45 and 180 days ago: the customer may have moved it to another bank.',
    { values: YES_NO },
  ),
  tag(
    'salary_level',
    ['Salary level', '工資水平', '工资水平'],
    'flows/kinds/salary',
    'text',
    bands(
      'salary_monthly_6m',
      [
        [3_000_000, 'high'],
        [1_500_000, 'upper'],
        [800_000, 'middle'],
      ],
      'lower',
    ),
    'Band of the monthly salary at 8, 15 and 30 thousand of the currency; set the limits of your market after installing.',
    {
      dataClass: 'C3',
      values: [
        value('lower', 'Lower', '較低', '较低'),
        value('middle', 'Middle', '中等', '中等'),
        value('upper', 'Upper', '中高', '中高'),
        value('high', 'High', '高', '高'),
      ],
    },
  ),
  ofKind(
    'transfer_in',
    'transfer',
    ['Transfers in', '轉賬轉入', '转账转入'],
    [30, 90, 365],
    'Transfers credited',
    both(is('kind', 'transfer'), is('direction', 'credit')),
  ),
  ofKind(
    'transfer_out',
    'transfer',
    ['Transfers out', '轉賬轉出', '转账转出'],
    [30, 90, 365],
    'Transfers debited',
    both(is('kind', 'transfer'), is('direction', 'debit')),
  ),
  ofKind(
    'cash_out',
    'cash',
    ['Cash withdrawn', '現金支取', '现金支取'],
    [30, 90, 365],
    'Cash withdrawn',
    both(is('kind', 'cash'), is('direction', 'debit')),
  ),
  ofKind(
    'fees',
    'fee',
    ['Fees paid', '手續費支出', '手续费支出'],
    [90, 365],
    'Fees debited',
    both(is('kind', 'fee'), is('direction', 'debit')),
  ),
  ofKind(
    'interest',
    'interest',
    ['Interest received', '利息收入', '利息收入'],
    [365],
    'Interest credited',
    both(is('kind', 'interest'), is('direction', 'credit')),
  ),
]);
