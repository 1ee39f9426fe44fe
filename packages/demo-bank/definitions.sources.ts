/** The demo bank's data as it comes from its systems: comma, bar and JSON files in UTF-8, GBK and Big5. */
const BANK = `# The demo bank's own files; written by the generator, described for the import.
source: demo
title: { en: Demo bank, zh-Hant: 演示銀行, zh-Hans: 演示银行 }
description:
  en: A synthetic bank with planted effects. Nobody in it exists.
  zh-Hant: 合成銀行數據，內含預設效果；其中的人物均為虛構。
  zh-Hans: 合成银行数据，内含预设效果；其中的人物均为虚构。
folder: data
defaults:
  format: csv
  zone: Asia/Shanghai
  currency: CNY

tables:
  org_unit:
    title: { en: Org units, zh-Hant: 機構, zh-Hans: 机构 }
    path: org_units.csv
    columns: { code: { type: text, required: true }, parent: text, name: text, level: text }
    key: [code]
    role: org_unit

  relationship_manager:
    title: { en: Relationship managers, zh-Hant: 客戶經理, zh-Hans: 客户经理 }
    path: relationship_managers.csv
    columns: { code: { type: text, required: true }, name: text, org_unit: text }
    key: [code]
    references: { org_unit: org_unit }

  product:
    title: { en: Products, zh-Hant: 產品, zh-Hans: 产品 }
    path: products.csv
    encoding: big5
    columns: { product_id: { type: text, required: true }, name: text, kind: text, risk_level: integer }
    key: [product_id]
    role: product

  customer_retail:
    title: { en: Retail customers, zh-Hant: 個人客戶, zh-Hans: 个人客户 }
    path: customers_retail.txt
    delimiter: '|'
    quote: ''
    encoding: gbk
    columns:
      customer_id: { type: text, from: 客户号, required: true }
      name: { type: text, from: 姓名, personal: true }
      gender: { type: text, from: 性别, values: [男, 女] }
      birth_date: { type: date, from: 出生日期, formats: [YYYYMMDD], personal: true }
      opened_on: { type: date, from: 开户日期, formats: [YYYYMMDD] }
      org_unit: { type: text, from: 机构号 }
      rm: { type: text, from: 客户经理 }
      risk_level: { type: text, from: 风险等级 }
      city: { type: text, from: 城市 }
      language: { type: text, from: 语言 }
      occupation: { type: text, from: 职业 }
      phone: { type: text, from: 手机, personal: true }
      email: { type: text, from: 邮箱, personal: true }
    key: [customer_id]
    role: customer
    map:
      kind: { value: retail }
      gender: { from: gender, values: { 男: male, 女: female } }

  customer_corporate:
    title: { en: Corporate customers, zh-Hant: 公司客戶, zh-Hans: 公司客户 }
    path: customers_corporate.csv
    encoding: big5
    columns:
      customer_id: { type: text, from: 客戶號, required: true }
      name: { type: text, from: 公司名稱 , personal: true }
      opened_on: { type: date, from: 開戶日 }
      org_unit: { type: text, from: 機構號 }
      rm: { type: text, from: 客戶經理 }
      city: { type: text, from: 城市 }
      phone: { type: text, from: 電話, personal: true }
      email: { type: text, from: 郵箱, personal: true }
    key: [customer_id]
    role: customer
    map:
      kind: { value: corporate }
      language: { value: zh-Hant }
      # This system writes traditional characters, the retail system simplified ones.
      city: { from: city, values: { 南灣: 南湾, 雲嶺: 云岭, 離島: 离岛 } }

  account:
    title: { en: Accounts, zh-Hant: 賬戶, zh-Hans: 账户 }
    path: accounts.csv
    columns:
      account_id: { type: text, required: true }
      customer_id: { type: text, required: true }
      kind: text
      opened_on: date
      closed_on: date
      currency: text
      balance: money
      org_unit: text
    key: [account_id]
    role: account
    map: { balance_minor: balance }

  holding:
    title: { en: Holdings, zh-Hant: 持倉, zh-Hans: 持仓 }
    path: holdings.txt
    delimiter: '|'
    quote: ''
    encoding: gbk
    columns:
      holding_id: { type: text, from: 持有编号, required: true }
      customer_id: { type: text, from: 客户号, required: true }
      product_id: { type: text, from: 产品号 }
      kind: { type: text, from: 类别, values: [定存, 基金, 信用卡, 贷款, 保险] }
      since: { type: date, from: 起始日, formats: [YYYYMMDD] }
      until: { type: date, from: 到期日, formats: [YYYYMMDD] }
      amount: { type: money, from: 金额 }
      status: { type: text, from: 状态 }
    key: [holding_id]
    references: { product_id: product }
    role: holding
    map:
      kind: { from: kind, values: { 定存: deposit, 基金: fund, 信用卡: card, 贷款: loan, 保险: insurance } }
      status: { from: status, values: { 正常: active } }
      amount_minor: amount
      currency: { value: CNY }

  transaction:
    title: { en: Transactions, zh-Hant: 交易, zh-Hans: 交易 }
    path: transactions.csv
    columns:
      transaction_id: { type: text, required: true }
      account_id: text
      customer_id: { type: text, required: true }
      booked_at: { type: instant, formats: ['YYYY-MM-DD hh:mm:ss'], required: true }
      amount: { type: money, required: true, min: 0 }
      direction: { type: text, values: [C, D] }
      kind: text
      channel: text
      mcc: text
      counterparty: text
      balance: money
    role: transaction
    map:
      at: booked_at
      amount_minor: amount
      balance_minor: balance
      direction: { from: direction, values: { C: credit, D: debit } }
      currency: { value: CNY }

  app_event:
    title: { en: App events, zh-Hant: 手機銀行事件, zh-Hans: 手机银行事件 }
    path: app_events.jsonl
    format: jsonl
    columns:
      event_id: { type: text, required: true }
      customer_id: { type: text, required: true }
      name: { type: text, required: true }
      at: { type: instant, required: true }
      device: text
      platform: text
      keyword: text
      results: integer
      page: text
      product_id: text
      seconds: integer
      amount_minor: integer
      currency: text
    role: event

  complaint:
    title: { en: Complaints, zh-Hant: 投訴, zh-Hans: 投诉 }
    path: complaints.csv
    encoding: big5
    columns:
      complaint_id: { type: text, required: true }
      customer_id: { type: text, required: true }
      at: { type: instant, formats: ['YYYY-MM-DD hh:mm:ss'], required: true }
      topic: text
      severity: integer
    role: event
    map: { event_id: complaint_id, name: { value: complaint } }

  consent:
    title: { en: Consents, zh-Hant: 授權, zh-Hans: 授权 }
    path: consents.csv
    columns:
      customer_id: { type: text, required: true }
      channel: { type: text, values: [email, sms] }
      purpose: text
      granted: { type: boolean, required: true }
      at: { type: instant, required: true }
      evidence: text
    role: consent

quality:
  - { name: enough_customers, sql: 'SELECT count() FROM customer_retail', min: 1 }
  - { name: accounts_in_credit, table: account, rows: 'balance >= 0', severity: warn }
`;

const RESPONSES = `# What customers did after campaigns: the files that the response generator writes.
source: demo_responses
title: { en: Campaign responses, zh-Hant: 活動響應, zh-Hans: 活动响应 }
folder: responses
tables:
  response:
    title: { en: Responses, zh-Hant: 響應, zh-Hans: 响应 }
    path: '*.jsonl'
    format: jsonl
    currency: CNY
    columns:
      event_id: { type: text, required: true }
      customer_id: { type: text, required: true }
      name: { type: text, required: true }
      at: { type: instant, required: true }
      product_id: text
      amount_minor: integer
      currency: text
    key: [event_id]
    duplicates: first
    role: event
`;

export const SOURCES = [
  { path: 'demo.source.yaml', text: BANK },
  { path: 'responses.source.yaml', text: RESPONSES },
] as const;
