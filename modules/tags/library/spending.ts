import {
  bookings,
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
const PURCHASE = is('kind', 'purchase');

/** Merchant category codes (ISO 18245) by what people would call the subject. */
export const MCC_GROUPS: readonly { id: string; titles: Titles; codes: readonly string[] }[] = [
  {
    id: 'groceries',
    titles: ['Groceries', '超市食品', '超市食品'],
    codes: ['5411', '5422', '5441', '5451', '5462', '5499'],
  },
  { id: 'dining', titles: ['Restaurants', '餐飲', '餐饮'], codes: ['5811', '5812', '5813', '5814'] },
  {
    id: 'transport',
    titles: ['Local transport', '市內交通', '市内交通'],
    codes: ['4111', '4112', '4121', '4131', '4784'],
  },
  {
    id: 'fuel',
    titles: ['Cars and fuel', '汽車與加油', '汽车与加油'],
    codes: ['5541', '5542', '5511', '5533', '7523', '7538'],
  },
  {
    id: 'travel',
    titles: ['Travel', '旅行', '旅行'],
    codes: ['4511', '4411', '4722', '7011', '7012', '7512'],
  },
  {
    id: 'electronics',
    titles: ['Electronics', '數碼電器', '数码电器'],
    codes: ['5045', '5722', '5732', '5734'],
  },
  {
    id: 'clothing',
    titles: ['Clothing', '服飾', '服饰'],
    codes: ['5611', '5621', '5631', '5641', '5651', '5661', '5691', '5699'],
  },
  {
    id: 'health',
    titles: ['Health', '醫療健康', '医疗健康'],
    codes: ['5912', '8011', '8021', '8042', '8062', '8071', '8099'],
  },
  {
    id: 'education',
    titles: ['Books and education', '圖書教育', '图书教育'],
    codes: ['5942', '8211', '8220', '8241', '8249', '8299'],
  },
  {
    id: 'home',
    titles: ['Home and furnishing', '家居裝修', '家居装修'],
    codes: ['5200', '5211', '5712', '5713', '5714', '5719'],
  },
  {
    id: 'leisure',
    titles: ['Leisure and sport', '休閒運動', '休闲运动'],
    codes: ['5941', '7832', '7922', '7941', '7991', '7996', '7997', '7999'],
  },
  { id: 'beauty', titles: ['Beauty', '美容美妝', '美容美妆'], codes: ['5977', '7230', '7297', '7298'] },
  {
    id: 'luxury',
    titles: ['Jewellery and luxury', '珠寶奢侈品', '珠宝奢侈品'],
    codes: ['5094', '5681', '5932', '5937', '5944', '5948'],
  },
  {
    id: 'digital',
    titles: ['Digital goods', '數位內容', '数字内容'],
    codes: ['5815', '5816', '5817', '5818', '4899'],
  },
  {
    id: 'utilities',
    titles: ['Utilities and telecom', '水電通訊', '水电通讯'],
    codes: ['4812', '4814', '4900'],
  },
  { id: 'children', titles: ['Children', '母嬰', '母婴'], codes: ['5641', '5945', '8351'] },
];

const ofGroup = ({ id, titles: [en, hant, hans], codes }: (typeof MCC_GROUPS)[number]): LibraryTag[] => {
  const where = is('mcc', codes);
  const listed = codes.join(', ');
  return [
    tag(
      `spend_${id}_90d`,
      inDays([en, `${hant}消費`, `${hans}消费`], 90),
      `spending/subjects/${id}`,
      'money',
      bookings(SUM, { where, ...lastDays(90) }),
      `Sum of the last 90 days at merchants of the categories ${listed}.`,
    ),
    tag(
      `spend_${id}_count_365d`,
      inDays([`${en}: purchases`, `${hant}消費筆數`, `${hans}消费笔数`], 365),
      `spending/subjects/${id}`,
      'number',
      bookings('count', { where, ...lastDays(365) }),
      `Bookings of the last 365 days at merchants of the categories ${listed}.`,
      { unit: 'purchases' },
    ),
    tag(
      `spend_${id}_365d`,
      inDays([en, `${hant}消費`, `${hans}消费`], 365),
      `spending/subjects/${id}`,
      'money',
      bookings(SUM, { where, ...lastDays(365) }),
      `Sum of the last 365 days at merchants of the categories ${listed}.`,
    ),
    tag(
      `spend_${id}_share_365d`,
      inDays([`${en}: share of spending`, `${hant}消費佔比`, `${hans}消费占比`], 365),
      `spending/subjects/${id}`,
      'number',
      derived(`ifNull(spend_${id}_365d, 0) / nullIf(purchases_365d, 0)`),
      `What was spent there ÷ all purchases of the last 365 days.`,
      { unit: 'share' },
    ),
  ];
};

/** What money is spent on. */
export const SPENDING = theme(
  'spending',
  ['Spending', '消費', '消费'],
  'Card business',
  [
    ([30, 90, 180, 365] as const).flatMap((days) => [
      tag(
        `purchases_${days}d`,
        inDays(['Spending on purchases', '消費金額', '消费金额'], days),
        'spending/all/amount',
        'money',
        bookings(SUM, { where: PURCHASE, ...lastDays(days) }),
        `Sum of purchases of the last ${days} days.`,
      ),
      tag(
        `purchases_count_${days}d`,
        inDays(['Purchases', '消費筆數', '消费笔数'], days),
        'spending/all/number',
        'number',
        bookings('count', { where: PURCHASE, ...lastDays(days) }),
        `Purchases of the last ${days} days.`,
        { unit: 'purchases' },
      ),
    ]),
    tag(
      'purchase_mean_90d',
      inDays(['Mean purchase', '筆均消費', '笔均消费'], 90),
      'spending/all/ticket',
      'money',
      bookings({ avg: 'amount_minor' }, { where: PURCHASE, ...lastDays(90) }),
      'Mean amount of a purchase in the last 90 days.',
    ),
    tag(
      'purchase_median_365d',
      inDays(['Median purchase', '消費中位數', '消费中位数'], 365),
      'spending/all/ticket',
      'money',
      bookings({ percentile: { of: 'amount_minor', at: 0.5 } }, { where: PURCHASE, ...lastDays(365) }),
      'Median amount of a purchase in the last 365 days (nearest rank).',
    ),
    tag(
      'purchase_p90_365d',
      inDays(['Large purchase (90th percentile)', '消費90分位數', '消费90分位数'], 365),
      'spending/all/ticket',
      'money',
      bookings({ percentile: { of: 'amount_minor', at: 0.9 } }, { where: PURCHASE, ...lastDays(365) }),
      'Nine purchases in ten of the last 365 days were of at most this amount (nearest rank).',
    ),
    tag(
      'purchase_largest_365d',
      inDays(['Largest purchase', '最大單筆消費', '最大单笔消费'], 365),
      'spending/all/ticket',
      'money',
      bookings({ max: 'amount_minor' }, { where: PURCHASE, ...lastDays(365) }),
      'Largest purchase of the last 365 days.',
    ),
    tag(
      'purchase_trend_6m',
      ['Trend of spending, 6 months', '近6個月消費趨勢', '近6个月消费趋势'],
      'spending/all/trend',
      'money',
      bookings({ trend: { of: SUM, per: 'month', periods: 6 } }, { where: PURCHASE }),
      'What monthly spending grows by a month: least-squares slope over six complete months.',
    ),
    tag(
      'purchase_change_90d',
      inDays(['Change of spending', '消費變化率', '消费变化率'], 90),
      'spending/all/trend',
      'number',
      bookings({ change: SUM }, { where: PURCHASE, ...lastDays(90) }),
      'Spending of the last 90 days against that of the 90 days before.',
      { unit: 'share' },
    ),
    tag(
      'purchase_monthly_6m',
      ['Spending a month, 6 months', '近6個月月均消費', '近6个月月均消费'],
      'spending/all/trend',
      'money',
      bookings({ perPeriod: { of: SUM, per: 'month', periods: 6 } }, { where: PURCHASE }),
      'Spending of the last six complete months ÷ 6.',
    ),
    tag(
      'purchase_streak_weeks',
      ['Longest run of weeks with purchases', '最長連續消費週數', '最长连续消费周数'],
      'spending/all/habit',
      'number',
      bookings({ streak: { per: 'week' } }, { where: PURCHASE, ...lastDays(365) }),
      'Longest run of weeks in the last 365 days with at least one purchase each.',
      { unit: 'weeks' },
    ),
    tag(
      'purchase_mccs_90d',
      inDays(['Merchant categories', '消費商戶類別數', '消费商户类别数'], 90),
      'spending/all/variety',
      'number',
      bookings({ distinct: 'mcc' }, { where: PURCHASE, ...lastDays(90) }),
      'Different merchant category codes among purchases of the last 90 days.',
      { unit: 'categories' },
    ),
    tag(
      'purchase_merchants_90d',
      inDays(['Merchants', '消費商戶數', '消费商户数'], 90),
      'spending/all/variety',
      'number',
      bookings({ distinct: 'counterparty' }, { where: PURCHASE, ...lastDays(90) }),
      'Different merchants among purchases of the last 90 days.',
      { unit: 'merchants' },
    ),
    tag(
      'purchase_top_mcc_365d',
      inDays(['Most frequent merchant category', '最常消費類別', '最常消费类别'], 365),
      'spending/all/variety',
      'text',
      bookings({ top: 'mcc' }, { where: PURCHASE, ...lastDays(365) }),
      'Merchant category code of most purchases of the last 365 days.',
    ),
    tag(
      'purchase_top3_mccs_365d',
      inDays(['Three most frequent merchant categories', '最常消費三類', '最常消费三类'], 365),
      'spending/all/variety',
      'list',
      bookings({ topK: { of: 'mcc', k: 3 } }, { where: PURCHASE, ...lastDays(365) }),
      'The three merchant category codes of most purchases of the last 365 days.',
    ),
    tag(
      'purchase_top_merchant_365d',
      inDays(['Most frequent merchant', '最常消費商戶', '最常消费商户'], 365),
      'spending/all/variety',
      'text',
      bookings({ top: 'counterparty' }, { where: PURCHASE, ...lastDays(365) }),
      'Merchant of most purchases of the last 365 days.',
    ),
    MCC_GROUPS.map(ofGroup),
  ]
    .map((each) => (Array.isArray(each) ? each.flat() : each))
    .concat([
      tag(
        'spending_style',
        ['Spending style', '消費風格', '消费风格'],
        'spending/all/style',
        'text',
        rule(
          [
            [than('purchases_count_365d', '=', 0), 'none'],
            [than('spend_travel_share_365d', '>=', 0.3), 'traveller'],
            [than('spend_dining_share_365d', '>=', 0.35), 'diner'],
            [than('spend_groceries_share_365d', '>=', 0.35), 'household'],
            [than('spend_electronics_share_365d', '>=', 0.3), 'technology'],
            [than('spend_clothing_share_365d', '>=', 0.3), 'fashion'],
          ],
          'mixed',
        ),
        'The subject that stands out in the purchases of the last 365 days; the first that reaches its share.',
        {
          values: [
            value('none', 'No purchases', '無消費', '无消费'),
            value('traveller', 'Traveller', '旅行達人', '旅行达人'),
            value('diner', 'Eats out', '美食愛好者', '美食爱好者'),
            value('household', 'Household', '居家型', '居家型'),
            value('technology', 'Technology', '數碼愛好者', '数码爱好者'),
            value('fashion', 'Fashion', '時尚型', '时尚型'),
            value('mixed', 'Mixed', '均衡型', '均衡型'),
          ],
        },
      ),
      tag(
        'drives_a_car',
        ['Drives a car', '有車一族', '有车一族'],
        'spending/all/style',
        'boolean',
        whether(than('spend_fuel_count_365d', '>=', 3)),
        'At least three purchases of fuel or for a car in the last 365 days.',
        { values: YES_NO },
      ),
      tag(
        'travels_often',
        ['Travels often', '常旅客', '常旅客'],
        'spending/all/style',
        'boolean',
        whether(than('spend_travel_count_365d', '>=', 3)),
        'At least three purchases of travel in the last 365 days.',
        { values: YES_NO },
      ),
    ]),
);
