import {
  bands,
  bookings,
  both,
  derived,
  inDays,
  is,
  type LibraryTag,
  lastDays,
  type Over,
  over,
  type Titles,
  tag,
  than,
  theme,
  value,
  whether,
  YES_NO,
} from './form.ts';
import { LIVE } from './holdings.ts';

const INVESTED = both(LIVE, is('kind', ['deposit', 'wealth', 'fund', 'insurance']));
const BALANCE: Titles = ['Average daily account balance', '日均賬戶餘額', '日均账户余额'];
const INVESTMENT: Titles = ['Average daily investments', '日均投資餘額', '日均投资余额'];
const AUM: Titles = ['Average daily AUM', '日均管理資產', '日均管理资产'];

/** Account balance, investments and their sum as daily averages of one window. */
const dailyAverages = (
  suffix: string,
  title: (titles: Titles) => Titles,
  window: Over,
  said: string,
): LibraryTag[] => [
  tag(
    `balance_avg_${suffix}`,
    title(BALANCE),
    'assets/average/accounts',
    'money',
    bookings({ dailyAverage: 'balance_minor' }, window),
    `Average over the days of ${said} of the balance at the end of each day, all accounts added up.`,
    { dataClass: 'C3' },
  ),
  tag(
    `investment_avg_${suffix}`,
    title(INVESTMENT),
    'assets/average/investments',
    'money',
    over(
      'holding',
      { dailyAverage: 'amount_minor' },
      { where: is('kind', ['deposit', 'wealth', 'fund', 'insurance']), ...window },
    ),
    `Average over the days of ${said} of deposits, wealth products, funds and insurance held; begun and ended within it they count for their days.`,
    { dataClass: 'C3' },
  ),
  tag(
    `aum_avg_${suffix}`,
    title(AUM),
    'assets/average/aum',
    'money',
    derived(
      `if(balance_avg_${suffix} is null and investment_avg_${suffix} is null, null, ifNull(balance_avg_${suffix}, 0) + ifNull(investment_avg_${suffix}, 0))`,
    ),
    `Average daily account balance and investments of ${said} together.`,
    { dataClass: 'C3' },
  ),
];

/** Assets under management: as of today, and as daily averages. */
export const ASSETS = theme(
  'assets',
  ['Assets under management', '管理資產', '管理资产'],
  'Wealth management',
  [
    tag(
      'balance_now',
      ['Account balance', '賬戶時點餘額', '账户时点余额'],
      'assets/point/accounts',
      'money',
      over(
        'account',
        { sum: 'balance_minor' },
        {
          where: {
            any: [
              { property: 'closed_on', op: 'unknown' },
              { property: 'closed_on', op: 'in next', value: 'P100Y' },
            ],
          },
        },
      ),
      'Sum of the balances of all accounts that are not closed.',
      { dataClass: 'C3' },
    ),
    tag(
      'investment_now',
      ['Investments', '投資時點餘額', '投资时点余额'],
      'assets/point/investments',
      'money',
      over('holding', { sum: 'amount_minor' }, { where: INVESTED }),
      'Sum of deposits, wealth products, funds and insurance that have not ended.',
      { dataClass: 'C3' },
    ),
    tag(
      'aum_now',
      ['AUM', '管理資產時點值', '管理资产时点值'],
      'assets/point/aum',
      'money',
      derived(
        'if(balance_now is null and investment_now is null, null, ifNull(balance_now, 0) + ifNull(investment_now, 0))',
      ),
      'Account balance and investments together.',
      { dataClass: 'C3' },
    ),
    tag(
      'liabilities_now',
      ['Liabilities', '負債餘額', '负债余额'],
      'assets/point/liabilities',
      'money',
      over('holding', { sum: 'amount_minor' }, { where: both(LIVE, is('kind', ['loan', 'card'])) }),
      'Sum of loans and card balances that have not ended.',
      { dataClass: 'C3' },
    ),
    tag(
      'net_position_now',
      ['Net position', '淨資產', '净资产'],
      'assets/point/net',
      'money',
      derived(
        'if(aum_now is null and liabilities_now is null, null, ifNull(aum_now, 0) - ifNull(liabilities_now, 0))',
      ),
      'AUM less liabilities.',
      { dataClass: 'C3' },
    ),
    tag(
      'aum_level',
      ['AUM level', '管理資產等級', '管理资产等级'],
      'assets/point/level',
      'text',
      bands(
        'aum_now',
        [
          [600_000_000, 'private'],
          [50_000_000, 'wealth'],
          [20_000_000, 'affluent'],
          [5_000_000, 'emerging'],
          [1_000_000, 'mass'],
        ],
        'basic',
      ),
      'Band of AUM at 10, 50, 200, 500 thousand and 6 million of the currency; set the limits of your bank after installing.',
      {
        values: [
          value('basic', 'Basic', '基礎客戶', '基础客户'),
          value('mass', 'Mass', '大眾客戶', '大众客户'),
          value('emerging', 'Emerging', '潛力客戶', '潜力客户'),
          value('affluent', 'Affluent', '富裕客戶', '富裕客户'),
          value('wealth', 'Wealth', '財富客戶', '财富客户'),
          value('private', 'Private banking', '私人銀行客戶', '私人银行客户'),
        ],
      },
    ),
    tag(
      'aum_to_next_level',
      ['AUM missing to the next level', '距上一等級差額', '距上一等级差额'],
      'assets/point/level',
      'money',
      derived(
        'multiIf(aum_now < 1000000, 1000000 - aum_now, aum_now < 5000000, 5000000 - aum_now, aum_now < 20000000, 20000000 - aum_now, aum_now < 50000000, 50000000 - aum_now, aum_now < 600000000, 600000000 - aum_now, null)',
      ),
      'What is missing to the next band of the AUM level; unknown at the top.',
    ),
    tag(
      'investment_share',
      ['Investments in AUM', '投資佔比', '投资占比'],
      'assets/mix/investments',
      'number',
      derived('ifNull(investment_now, 0) / nullIf(aum_now, 0)'),
      'Share of investments in AUM.',
      { unit: 'share' },
    ),
    tag(
      'liability_ratio',
      ['Liabilities by AUM', '負債資產比', '负债资产比'],
      'assets/mix/liabilities',
      'number',
      derived('ifNull(liabilities_now, 0) / nullIf(aum_now, 0)'),
      'Liabilities ÷ AUM.',
      { unit: 'ratio' },
    ),
    tag(
      'idle_balance',
      ['Idle money', '閒置資金', '闲置资金'],
      'assets/mix/idle',
      'boolean',
      whether({ all: [than('balance_low_90d', '>=', 1_000_000), than('investment_share', '<', 0.3)] }),
      'The lowest balance in 90 days was at least 10,000 of the currency, and under 30 % is invested.',
      { values: YES_NO },
    ),

    ([30, 90, 180, 365] as const).flatMap((days) =>
      dailyAverages(`${days}d`, (titles) => inDays(titles, days), lastDays(days), `the last ${days} days`),
    ),
    dailyAverages(
      'month_to_date',
      ([en, hant, hans]) => [`${en}, month to date`, `本月至今${hant}`, `本月至今${hans}`],
      { window: { toDate: 'month' } },
      'this month so far',
    ),
    dailyAverages(
      'last_month',
      ([en, hant, hans]) => [`${en}, last month`, `上月${hant}`, `上月${hans}`],
      { window: { last: 1, unit: 'month' } },
      'the last complete month',
    ),
    dailyAverages(
      'last_quarter',
      ([en, hant, hans]) => [`${en}, last quarter`, `上季${hant}`, `上季${hans}`],
      { window: { last: 1, unit: 'quarter' } },
      'the last complete quarter',
    ),
    dailyAverages(
      'year_to_date',
      ([en, hant, hans]) => [`${en}, year to date`, `本年至今${hant}`, `本年至今${hans}`],
      { window: { toDate: 'year' } },
      'this year so far',
    ),

    tag(
      'balance_avg_90d_before',
      ['Average daily account balance, 90 days before', '前90天日均賬戶餘額', '前90天日均账户余额'],
      'assets/trend/accounts',
      'money',
      bookings({ dailyAverage: 'balance_minor' }, { ...lastDays(90), offset: 'P90D' }),
      'Average daily account balance of the 90 days before the last 90.',
      { dataClass: 'C3' },
    ),
    tag(
      'balance_avg_change_90d',
      ['Change of the average balance, 90 days', '近90天日均餘額變化率', '近90天日均余额变化率'],
      'assets/trend/accounts',
      'number',
      derived('(balance_avg_90d - balance_avg_90d_before) / nullIf(abs(balance_avg_90d_before), 0)'),
      'Average daily balance of the last 90 days against that of the 90 days before.',
      { unit: 'share' },
    ),
    tag(
      'balance_draining',
      ['Balance draining', '資金流失', '资金流失'],
      'assets/trend/accounts',
      'boolean',
      whether(than('balance_avg_change_90d', '<=', -0.3)),
      'The average daily balance fell by 30 % or more.',
      { values: YES_NO },
    ),
    tag(
      'balance_low_90d',
      ['Lowest balance after a booking, 90 days', '近90天最低餘額', '近90天最低余额'],
      'assets/trend/range',
      'money',
      bookings({ min: 'balance_minor' }, lastDays(90)),
      'Lowest balance that a booking of the last 90 days left.',
    ),
    tag(
      'balance_high_90d',
      ['Highest balance after a booking, 90 days', '近90天最高餘額', '近90天最高余额'],
      'assets/trend/range',
      'money',
      bookings({ max: 'balance_minor' }, lastDays(90)),
      'Highest balance that a booking of the last 90 days left.',
    ),
    tag(
      'balance_spread_365d',
      ['Spread of the balance, 365 days', '近365天餘額波動', '近365天余额波动'],
      'assets/trend/range',
      'number',
      bookings({ stddev: 'balance_minor' }, lastDays(365)),
      'Sample standard deviation, in minor units, of the balances that bookings of the last 365 days left.',
      { unit: 'minor units' },
    ),
  ],
);
