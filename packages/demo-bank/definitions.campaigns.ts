const mail = (
  greeting: string,
  paragraphs: readonly string[],
  button: string,
  unsubscribe: string,
): string => `<mjml>
  <mj-head>
    <mj-attributes><mj-all font-family="Helvetica, Arial, sans-serif" /><mj-text font-size="15px" line-height="1.6" color="#1f2937" /></mj-attributes>
  </mj-head>
  <mj-body background-color="#f3f4f6">
    <mj-section background-color="#0f4c81"><mj-column><mj-text color="#ffffff" font-size="20px">{{ bank.name }}</mj-text></mj-column></mj-section>
    <mj-section background-color="#ffffff"><mj-column>
      <mj-text>${greeting}</mj-text>
${paragraphs.map((paragraph) => `      <mj-text>${paragraph}</mj-text>`).join('\n')}
      <mj-button background-color="#0f4c81" href="{{ offer.url | default: 'https://bank.example/' }}">${button}</mj-button>
    </mj-column></mj-section>
    <mj-section><mj-column><mj-text font-size="12px" color="#6b7280"><a href="{{ unsubscribe_url }}">${unsubscribe}</a></mj-text></mj-column></mj-section>
  </mj-body>
</mjml>
`;

const indent = (text: string, spaces: number): string =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `${' '.repeat(spaces)}${line}`)
    .join('\n');

const mailVariant = (
  id: string,
  name: string,
  language: string | undefined,
  subject: string,
  body: string,
): string =>
  `      - id: ${id}
        name: ${name}
${language === undefined ? '' : `        language: ${language}\n`}        subject: ${JSON.stringify(subject)}
        body: |
${indent(body, 10)}`;

const DEPOSIT = `# A better rate for those who save; the planted effect is a rise of about four points.
name: 定存優利 Term deposit, autumn
purpose: marketing
goal:
  text: Move savings and maturing deposits into the 12-month product
  objective: aum_growth
kpi:
  event: deposit_opened
  within: P14D
audience:
  saved: 零售客戶 Retail customers
  exclude:
    audiences: [近一年投訴 Complained in the last year]
control:
  share: 0.2
content:
  template:
    name: 定存優利 Term deposit e-mail
    channel: email
    purpose: marketing
    variants:
${mailVariant('hant', 'Traditional Chinese', 'zh-Hant', '{{ offer.name }}：為您保留的利率', mail('{{ customer.salutation | default: "尊敬的客戶" }}，您好：', ['現在存入十二個月定期存款，享 <b>{{ offer.name }}</b>。', '新資金滿一萬元即可辦理，手機銀行三步完成。'], '立即查看', '不想再收到此類郵件'))}
${mailVariant('hans', 'Simplified Chinese', 'zh-Hans', '{{ offer.name }}：为您保留的利率', mail('{{ customer.salutation | default: "尊敬的客户" }}，您好：', ['现在存入十二个月定期存款，享 <b>{{ offer.name }}</b>。', '新资金满一万元即可办理，手机银行三步完成。'], '立即查看', '不想再收到此类邮件'))}
${mailVariant('everyone', 'English (fallback)', undefined, '{{ offer.name }}, kept for you', mail('Dear {{ customer.salutation | default: "customer" }},', ['Our 12-month deposit now pays more: <b>{{ offer.name }}</b>.', 'New money from 10,000 on, opened in the app in three steps.'], 'See the offer', 'No more mails like this'))}
  offer:
    name: { en: 12-month deposit at 1.95 %, zh-Hant: 十二個月定存 1.95%, zh-Hans: 十二个月定存 1.95% }
    kind: rate
    productId: DEP12
    valueMinor: 12000
    currency: CNY
    riskLevel: R1
    landingUrl: https://bank.example/deposit-12m
channel: email
`;

const FUND = `# A first-purchase coupon for those who already look at funds.
name: 理財首購禮 First fund coupon
purpose: marketing
goal:
  text: Win a first fund purchase from customers who look at wealth pages
  objective: cross_sell
kpi:
  event: wealth_bought
  within: P14D
audience:
  saved: 理財潛客 Wealth prospects
control:
  share: 0.3
content:
  template:
    name: 理財首購禮 First fund SMS
    channel: sms
    purpose: marketing
    variants:
      - id: hant
        name: Traditional Chinese
        language: zh-Hant
        body: '{{ bank.name }}：{{ customer.salutation | default: "您" }}好，{{ offer.name }}，詳見手機銀行。投資有風險。{{ sms_opt_out }}'
      - id: hans
        name: Simplified Chinese
        language: zh-Hans
        body: '{{ bank.name }}：{{ customer.salutation | default: "您" }}好，{{ offer.name }}，详见手机银行。投资有风险。{{ sms_opt_out }}'
      - id: everyone
        name: English (fallback)
        body: '{{ bank.name }}: {{ offer.name }}. See the app. Investments carry risk. {{ sms_opt_out }}'
  offer:
    name: { en: Coupon of 30 for your first fund, zh-Hant: 基金首購立減30元, zh-Hans: 基金首购立减30元 }
    kind: coupon
    productId: FUND-R2
    valueMinor: 8000
    currency: CNY
    riskLevel: R2
    landingUrl: https://bank.example/first-fund
channel: sms
`;

const NEWSLETTER = `# A plain newsletter: the planted effect is zero, and the report should not find one.
name: 手機銀行通訊 App newsletter
purpose: marketing
goal:
  text: Bring customers back into the app
  objective: activation
kpi:
  event: app_returned
  within: P14D
audience:
  condition: { all: [{ tag: customer_kind, op: '=', value: retail }, { tag: login_count_30d, op: '=', value: 0 }] }
control:
  share: 0.3
content:
  template:
    name: 手機銀行通訊 Newsletter e-mail
    channel: email
    purpose: marketing
    variants:
${mailVariant('hant', 'Traditional Chinese', 'zh-Hant', '手機銀行本月更新', mail('{{ customer.salutation | default: "尊敬的客戶" }}，您好：', ['手機銀行本月新增多項便民功能，歡迎登錄體驗。'], '打開手機銀行', '不想再收到此類郵件'))}
${mailVariant('hans', 'Simplified Chinese', 'zh-Hans', '手机银行本月更新', mail('{{ customer.salutation | default: "尊敬的客户" }}，您好：', ['手机银行本月新增多项便民功能，欢迎登录体验。'], '打开手机银行', '不想再收到此类邮件'))}
${mailVariant('everyone', 'English (fallback)', undefined, 'New in the app this month', mail('Dear {{ customer.salutation | default: "customer" }},', ['Our app has learned a few new things this month. Come and see.'], 'Open the app', 'No more mails like this'))}
  offer:
    name: { en: What is new in the app, zh-Hant: 手機銀行新功能, zh-Hans: 手机银行新功能 }
    kind: message
    valueMinor: 100
    currency: CNY
    landingUrl: https://bank.example/app
channel: email
`;

export const CAMPAIGNS = [
  { path: 'campaigns/deposit.campaign.yaml', text: DEPOSIT },
  { path: 'campaigns/fund.campaign.yaml', text: FUND },
  { path: 'campaigns/newsletter.campaign.yaml', text: NEWSLETTER },
] as const;
