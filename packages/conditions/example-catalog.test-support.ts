import type { LocalizedText } from '@rapport/kernel';
import type { ConditionCatalog, EventEntry, TagEntry, ValueType } from './catalog.ts';
import type { Condition } from './condition.ts';

const title = (en: string, hant: string, hans: string): LocalizedText => ({
  en,
  'zh-Hant': hant,
  'zh-Hans': hans,
});
const tag = (type: ValueType, titled: LocalizedText, more: Partial<TagEntry> = {}): TagEntry => ({
  type,
  title: titled,
  table: 'tags',
  column: 'value',
  ...more,
});
const money = { currency: 'CNY', currencyDigits: 2 };

const TAGS = new Map<string, TagEntry>([
  ['aum_month_avg', tag('money', title('Monthly average AUM', '月日均資產', '月日均资产'), money)],
  [
    'risk_level',
    tag('text', title('Risk level', '風險等級', '风险等级'), {
      valueTitles: { C3: title('balanced', '平衡型', '平衡型') },
    }),
  ],
  ['city', tag('text', title('City', '城市', '城市'))],
  ['age', tag('number', title('Age', '年齡', '年龄'))],
  ['has_app', tag('boolean', title('Uses the app', '使用手機銀行', '使用手机银行'))],
  ['birth_date', tag('date', title('Birth date', '出生日期', '出生日期'))],
  ['deposit_matures', tag('date', title('Deposit maturity', '存款到期日', '存款到期日'))],
  ['last_login', tag('instant', title('Last login', '最近登入', '最近登录'))],
  ['interests', tag('list', title('Interests', '興趣', '兴趣'))],
]);

const property = (type: ValueType, titled: LocalizedText, more: object = {}) => ({
  type,
  title: titled,
  sql: 'NULL',
  ...more,
});
const event = (titled: LocalizedText, properties: EventEntry['properties']): EventEntry => ({
  title: titled,
  from: 'event',
  at: 'at',
  properties,
});

const EVENTS = new Map<string, EventEntry>([
  [
    'wealth_viewed',
    event(title('Wealth page viewed', '瀏覽理財頁', '浏览理财页'), {
      product: property('text', title('product', '產品', '产品')),
    }),
  ],
  [
    'wealth_bought',
    event(title('Wealth product bought', '購買理財', '购买理财'), {
      amount: property('money', title('amount', '金額', '金额'), money),
    }),
  ],
  [
    'search',
    event(title('Search', '搜尋', '搜索'), {
      keyword: property('text', title('keyword', '關鍵字', '关键字')),
    }),
  ],
  [
    'transaction',
    event(title('Transaction', '交易', '交易'), {
      amount: property('money', title('amount', '金額', '金额'), money),
      merchant: property('text', title('merchant', '商戶', '商户')),
      channel: property('text', title('channel', '渠道', '渠道')),
    }),
  ],
]);

const AUDIENCES = new Map<string, Condition>([['aud_rich', { tag: 'aum_month_avg', op: '>=', value: 100 }]]);

/** The names that the examples of `docs/conditions.md` use. */
export const exampleCatalog: ConditionCatalog = {
  customers: 'customer',
  tag: (id) => TAGS.get(id),
  event: (name) => EVENTS.get(name),
  audience: (id) => AUDIENCES.get(id),
  audienceTitle: (id) => (id === 'aud_rich' ? 'Affluent' : undefined),
  list: (id) =>
    id === 'lst_complaints'
      ? { title: title('Open complaints', '投訴處理中', '投诉处理中'), cidQuery: 'SELECT 1' }
      : undefined,
  tagIds: () => [...TAGS.keys()],
  eventNames: () => [...EVENTS.keys()],
  listIds: () => ['lst_complaints'],
};
