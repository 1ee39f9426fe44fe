import { stringify } from 'yaml';

type Titles = readonly [en: string, hant: string, hans: string];
type ValueType = 'text' | 'number' | 'money' | 'boolean' | 'date' | 'instant' | 'list';

const tag = (
  id: string,
  titles: Titles,
  category: string,
  valueType: ValueType,
  definition: object,
  more: object = {},
): object => ({
  id,
  title: { en: titles[0], 'zh-Hant': titles[1], 'zh-Hans': titles[2] },
  category,
  valueType,
  ...(valueType === 'money' ? { unit: 'CNY' } : {}),
  ...more,
  definition,
});

const fact = (value: string, from = 'customer', more: object = {}): object => ({
  kind: 'fact',
  from,
  value,
  ...more,
});
const is = (property: string, value: string | readonly string[]): object => ({
  property,
  op: typeof value === 'string' ? '=' : 'in',
  value,
});
const over = (
  table: 'transaction' | 'holding' | 'account',
  aggregate: unknown,
  within?: string,
  where?: object,
): object => ({
  kind: 'statistical',
  over: table,
  aggregate,
  ...(within === undefined ? {} : { within }),
  ...(where === undefined ? {} : { where }),
});
const events = (event: string, aggregate: unknown, within: string, where?: object): object => ({
  kind: 'statistical',
  over: 'event',
  event,
  aggregate,
  within,
  ...(where === undefined ? {} : { where }),
});
const rule = (
  cases: readonly (readonly [when: object, value: string | boolean])[],
  otherwise?: string | boolean,
): object => ({
  kind: 'rule',
  cases: cases.map(([when, value]) => ({ when, value })),
  ...(otherwise === undefined ? {} : { otherwise }),
});
const value = (name: string, ...titles: [string, string, string]): object => ({
  value: name,
  title: { en: titles[0], 'zh-Hant': titles[1], 'zh-Hans': titles[2] },
});

const TAG_LIST: readonly object[] = [
  tag('customer_kind', ['Customer kind', '客戶類型', '客户类型'], 'profile/basic', 'text', fact('kind'), {
    values: [value('retail', 'Retail', '個人', '个人'), value('corporate', 'Corporate', '公司', '公司')],
  }),
  tag('gender', ['Gender', '性別', '性别'], 'profile/basic', 'text', fact('gender'), {
    values: [value('female', 'Female', '女', '女'), value('male', 'Male', '男', '男')],
  }),
  tag('age', ['Age', '年齡', '年龄'], 'profile/basic', 'number', fact('yearsSince(birth_date)')),
  tag('city', ['City', '城市', '城市'], 'profile/basic', 'text', fact('city')),
  tag('language', ['Language', '語言', '语言'], 'profile/basic', 'text', fact('language')),
  tag('org_unit', ['Org unit', '所屬機構', '所属机构'], 'profile/basic', 'text', fact('org_unit')),
  tag(
    'occupation',
    ['Occupation', '職業', '职业'],
    'profile/basic',
    'text',
    fact("attributes['occupation']"),
  ),
  tag(
    'tenure_months',
    ['Months with the bank', '開戶月數', '开户月数'],
    'profile/relationship',
    'number',
    fact('monthsSince(opened_on)'),
  ),
  tag('rm', ['Relationship manager', '客戶經理', '客户经理'], 'profile/relationship', 'text', fact('rm')),
  tag(
    'risk_level',
    ['Risk tolerance', '風險承受等級', '风险承受等级'],
    'profile/suitability',
    'number',
    fact('risk_level'),
  ),

  tag(
    'account_balance',
    ['Balance of accounts', '賬戶餘額', '账户余额'],
    'assets/holdings',
    'money',
    over('account', { sum: 'balance_minor' }),
  ),
  tag(
    'deposit_amount',
    ['Term deposits', '定期存款金額', '定期存款金额'],
    'assets/holdings',
    'money',
    over('holding', { sum: 'amount_minor' }, undefined, is('kind', 'deposit')),
  ),
  tag(
    'fund_amount',
    ['Funds', '基金金額', '基金金额'],
    'assets/holdings',
    'money',
    over('holding', { sum: 'amount_minor' }, undefined, is('kind', 'fund')),
  ),
  tag(
    'loan_amount',
    ['Loans', '貸款金額', '贷款金额'],
    'assets/holdings',
    'money',
    over('holding', { sum: 'amount_minor' }, undefined, is('kind', 'loan')),
  ),
  tag(
    'products_held',
    ['Kinds of products held', '持有產品種類', '持有产品种类'],
    'assets/holdings',
    'number',
    over('holding', { distinct: 'kind' }),
  ),
  tag(
    'deposit_matures_on',
    ['Next deposit matures on', '定存到期日', '定存到期日'],
    'assets/holdings',
    'date',
    fact('until', 'holding', { where: "kind = 'deposit'", pick: 'min' }),
  ),
  tag('total_assets', ['Total assets', '總資產', '总资产'], 'assets/aum', 'money', {
    kind: 'derived',
    expression: 'ifNull(account_balance, 0) + ifNull(deposit_amount, 0) + ifNull(fund_amount, 0)',
  }),
  tag(
    'aum_band',
    ['AUM band', '資產分層', '资产分层'],
    'assets/aum',
    'text',
    rule(
      [
        [{ tag: 'total_assets', op: '>=', value: 50_000_000 }, 'private'],
        [{ tag: 'total_assets', op: '>=', value: 10_000_000 }, 'wealth'],
        [{ tag: 'total_assets', op: '>=', value: 1_000_000 }, 'affluent'],
      ],
      'mass',
    ),
    {
      values: [
        value('private', 'Private banking', '私人銀行', '私人银行'),
        value('wealth', 'Wealth', '財富', '财富'),
        value('affluent', 'Affluent', '富裕', '富裕'),
        value('mass', 'Mass', '大眾', '大众'),
      ],
    },
  ),

  tag(
    'txn_count_30d',
    ['Transactions, 30 days', '近30天交易筆數', '近30天交易笔数'],
    'behaviour/transactions',
    'number',
    over('transaction', 'count', 'P30D'),
  ),
  tag(
    'txn_count_90d',
    ['Transactions, 90 days', '近90天交易筆數', '近90天交易笔数'],
    'behaviour/transactions',
    'number',
    over('transaction', 'count', 'P90D'),
  ),
  tag(
    'spend_90d',
    ['Spending, 90 days', '近90天消費金額', '近90天消费金额'],
    'behaviour/transactions',
    'money',
    over('transaction', { sum: 'amount_minor' }, 'P90D', is('kind', 'purchase')),
  ),
  tag(
    'income_90d',
    ['Money in, 90 days', '近90天入賬金額', '近90天入账金额'],
    'behaviour/transactions',
    'money',
    over('transaction', { sum: 'amount_minor' }, 'P90D', is('direction', 'credit')),
  ),
  tag(
    'payroll_90d',
    ['Salary, 90 days', '近90天代發工資', '近90天代发工资'],
    'behaviour/transactions',
    'money',
    over('transaction', { sum: 'amount_minor' }, 'P90D', is('kind', 'payroll')),
  ),
  tag(
    'dining_spend_90d',
    ['Restaurants, 90 days', '近90天餐飲消費', '近90天餐饮消费'],
    'behaviour/transactions',
    'money',
    over('transaction', { sum: 'amount_minor' }, 'P90D', is('mcc', '5812')),
  ),
  tag(
    'travel_spend_180d',
    ['Travel, 180 days', '近180天差旅消費', '近180天差旅消费'],
    'behaviour/transactions',
    'money',
    over('transaction', { sum: 'amount_minor' }, 'P180D', is('mcc', ['4511', '7011'])),
  ),
  tag(
    'favourite_mcc_180d',
    ['Favourite merchant category', '常去商戶類別', '常去商户类别'],
    'behaviour/transactions',
    'text',
    over('transaction', { top: 'mcc' }, 'P180D', is('kind', 'purchase')),
  ),
  tag(
    'largest_debit_90d',
    ['Largest debit, 90 days', '近90天最大支出', '近90天最大支出'],
    'behaviour/transactions',
    'money',
    over('transaction', { max: 'amount_minor' }, 'P90D', is('direction', 'debit')),
  ),

  tag(
    'login_count_30d',
    ['Logins, 30 days', '近30天登錄次數', '近30天登录次数'],
    'behaviour/app',
    'number',
    events('login', 'count', 'P30D'),
  ),
  tag(
    'wealth_views_30d',
    ['Wealth page views, 30 days', '近30天理財瀏覽', '近30天理财浏览'],
    'behaviour/app',
    'number',
    events('wealth_viewed', 'count', 'P30D'),
  ),
  tag(
    'wealth_seconds_30d',
    ['Seconds on wealth pages, 30 days', '近30天理財停留秒數', '近30天理财停留秒数'],
    'behaviour/app',
    'number',
    events('wealth_viewed', { sum: 'seconds' }, 'P30D'),
  ),
  tag(
    'search_count_90d',
    ['Searches, 90 days', '近90天搜索次數', '近90天搜索次数'],
    'behaviour/app',
    'number',
    events('search', 'count', 'P90D'),
  ),
  tag(
    'last_keyword_90d',
    ['Last search', '最近搜索詞', '最近搜索词'],
    'behaviour/app',
    'text',
    events('search', { last: 'keyword' }, 'P90D'),
  ),
  tag(
    'wealth_bought_180d',
    ['Fund purchases, 180 days', '近180天購買基金次數', '近180天购买基金次数'],
    'behaviour/app',
    'number',
    events('wealth_bought', 'count', 'P180D'),
  ),
  tag(
    'deposits_opened_90d',
    ['Deposits opened, 90 days', '近90天開立定存次數', '近90天开立定存次数'],
    'behaviour/app',
    'number',
    events('deposit_opened', 'count', 'P90D'),
  ),
  tag(
    'complaints_365d',
    ['Complaints, 12 months', '近一年投訴次數', '近一年投诉次数'],
    'service/complaints',
    'number',
    events('complaint', 'count', 'P365D'),
  ),

  tag(
    'deposit_maturing',
    ['Deposit matures within 45 days', '定存45天內到期', '定存45天内到期'],
    'intent/deposit',
    'boolean',
    rule([[{ tag: 'deposit_matures_on', op: 'in next', value: 'P45D' }, true]], false),
  ),
  tag(
    'app_active',
    ['Active in the app', '手機銀行活躍', '手机银行活跃'],
    'lifecycle/activity',
    'boolean',
    rule([[{ tag: 'login_count_30d', op: '>=', value: 1 }, true]], false),
  ),
  tag(
    'payroll_customer',
    ['Salary is paid here', '代發工資客戶', '代发工资客户'],
    'lifecycle/relationship',
    'boolean',
    rule([[{ tag: 'payroll_90d', op: '>', value: 0 }, true]], false),
  ),
  tag(
    'wealth_prospect',
    ['Wealth prospect', '理財潛客', '理财潜客'],
    'intent/wealth',
    'boolean',
    rule(
      [
        [
          {
            all: [
              { tag: 'wealth_views_30d', op: '>=', value: 1 },
              { tag: 'fund_amount', op: 'unknown' },
              { tag: 'risk_level', op: '>=', value: 2 },
            ],
          },
          true,
        ],
      ],
      false,
    ),
  ),
  tag(
    'activity_stage',
    ['Activity stage', '活躍階段', '活跃阶段'],
    'lifecycle/stage',
    'text',
    rule(
      [
        [{ tag: 'tenure_months', op: '<', value: 6 }, 'new'],
        [
          {
            all: [
              { tag: 'txn_count_90d', op: '=', value: 0 },
              { tag: 'login_count_30d', op: '=', value: 0 },
            ],
          },
          'dormant',
        ],
        [{ tag: 'products_held', op: '>=', value: 3 }, 'loyal'],
      ],
      'active',
    ),
    {
      values: [
        value('new', 'New', '新客', '新客'),
        value('active', 'Active', '活躍', '活跃'),
        value('loyal', 'Loyal', '忠誠', '忠诚'),
        value('dormant', 'Dormant', '沉睡', '沉睡'),
      ],
    },
  ),
];

/** More than forty tags over the demo bank. */
export const TAGS = stringify({ tags: TAG_LIST }, { lineWidth: 110, aliasDuplicateObjects: false });
