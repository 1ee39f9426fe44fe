import { Instant, Page } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

export const CUSTOMER_KINDS = ['retail', 'corporate'] as const;
const Minor = (description: string, example: number) => Type.Integer({ description, examples: [example] });
const Day = (description: string, example: string) =>
  Type.String({ format: 'date', description, examples: [example] });
const Currency = Type.String({ description: 'ISO 4217 currency code', examples: ['TWD'] });
const Attributes = Type.Record(Type.String(), Type.String(), {
  description: 'Columns of the source that have no canonical home',
  examples: [{ district: 'Praha' }],
});
const SourceId = Type.String({ description: 'Source that delivered it', examples: ['core_bank'] });

export const CustomerSummary = Type.Object(
  {
    customerId: Type.String({ description: 'The bank’s customer id', examples: ['C00001234'] }),
    kind: Type.String({ description: '`retail` or `corporate`', examples: ['retail'] }),
    name: Type.Optional(
      Type.String({ description: 'Name; masked without the permission customers.pii', examples: ['陳●●'] }),
    ),
    gender: Type.Optional(Type.String({ description: '`female` or `male`', examples: ['female'] })),
    birthDate: Type.Optional(Day('Day of birth; the year only without customers.pii', '1984-05-17')),
    orgUnit: Type.Optional(Type.String({ description: 'Code of the org unit', examples: ['B01'] })),
    rm: Type.Optional(Type.String({ description: 'Relationship manager', examples: ['RM017'] })),
    city: Type.Optional(Type.String({ description: 'City', examples: ['Taipei'] })),
    riskLevel: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 5, description: 'Risk capacity, C1–C5 as 1–5', examples: [3] }),
    ),
    openedOn: Type.Optional(Day('Customer since', '2015-03-01')),
  },
  { description: 'A customer 客戶 in a list' },
);
export type CustomerSummary = Static<typeof CustomerSummary>;

export const CustomerPage = Page(CustomerSummary, 'Customers by customer id');

export const CustomerQuery = Type.Object({
  q: Type.Optional(
    Type.String({
      maxLength: 200,
      description: 'Beginning of a customer id, or an exact phone number or e-mail address',
      examples: ['C0000'],
    }),
  ),
  orgUnit: Type.Optional(
    Type.String({ description: 'Only customers of this unit and those below', examples: ['B01'] }),
  ),
  cursor: Type.Optional(Type.String({ description: 'Where the page before ended', examples: ['QzAwMDE'] })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'Items a page', examples: [50] }),
  ),
});
export type CustomerQuery = Static<typeof CustomerQuery>;

export const AccountView = Type.Object(
  {
    accountId: Type.String({ description: 'Account number', examples: ['A-1001'] }),
    kind: Type.String({ description: 'Kind of account', examples: ['savings'] }),
    openedOn: Type.Optional(Day('Opened', '2015-03-01')),
    closedOn: Type.Optional(Day('Closed', '2024-03-01')),
    currency: Currency,
    balanceMinor: Type.Optional(Minor('Balance in minor units', 1250000)),
    orgUnit: Type.Optional(Type.String({ description: 'Unit that keeps it', examples: ['B01'] })),
    attributes: Attributes,
    source: SourceId,
  },
  { description: 'An account' },
);
export type AccountView = Static<typeof AccountView>;

export const HoldingView = Type.Object(
  {
    holdingId: Type.String({ description: 'Id of the holding', examples: ['H-1001'] }),
    productId: Type.String({ description: 'Product held', examples: ['FUND-017'] }),
    productName: Type.Optional(
      Type.String({ description: 'Name of the product', examples: ['Asia bond fund'] }),
    ),
    kind: Type.String({ description: 'deposit, loan, card, fund, insurance, …', examples: ['fund'] }),
    since: Type.Optional(Day('Held since', '2020-01-15')),
    until: Type.Optional(Day('Held until', '2027-01-15')),
    amountMinor: Type.Optional(Minor('Amount in minor units', 30000000)),
    currency: Currency,
    status: Type.String({ description: 'Status in the source’s words', examples: ['active'] }),
    attributes: Attributes,
    source: SourceId,
  },
  { description: 'A product a customer holds' },
);
export type HoldingView = Static<typeof HoldingView>;

export const TIMELINE_KINDS = ['transaction', 'event', 'contact'] as const;
export const TimelineItem = Type.Object(
  {
    kind: Type.Enum(TIMELINE_KINDS, {
      description: 'A booking, something the customer did, or a message from us',
      examples: ['event'],
    }),
    id: Type.String({ description: 'Id of the transaction or event', examples: ['T-88123'] }),
    at: Instant('When it happened'),
    name: Type.String({
      description: 'Event name; for a transaction its kind, or `transaction`',
      examples: ['wealth_viewed'],
    }),
    direction: Type.Optional(Type.String({ description: '`credit` or `debit`', examples: ['debit'] })),
    amountMinor: Type.Optional(Minor('Amount of a transaction in minor units', 52000)),
    currency: Type.Optional(Currency),
    properties: Type.Record(Type.String(), Type.String(), {
      description: 'What else is known of it',
      examples: [{ product_id: 'FUND-017' }],
    }),
    source: SourceId,
  },
  { description: 'One thing on a customer’s timeline' },
);
export type TimelineItem = Static<typeof TimelineItem>;
export const TimelinePage = Page(TimelineItem, 'The timeline, newest first');
export const TimelineQuery = Type.Object({
  kind: Type.Optional(Type.Enum(TIMELINE_KINDS, { description: 'Only this kind', examples: ['contact'] })),
  cursor: Type.Optional(
    Type.String({ description: 'Where the page before ended', examples: ['b2Zmc2V0OjUw'] }),
  ),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'Items a page', examples: [50] }),
  ),
});
export type TimelineQuery = Static<typeof TimelineQuery>;

export const ProfileTag = Type.Object(
  {
    tagId: Type.String({ description: 'Tag id', examples: ['aum_month_avg'] }),
    title: Type.Object(
      {
        en: Type.String({ description: 'English title', examples: ['Monthly average AUM'] }),
        'zh-Hant': Type.Optional(
          Type.String({ description: 'Traditional Chinese title', examples: ['月日均資產'] }),
        ),
        'zh-Hans': Type.Optional(
          Type.String({ description: 'Simplified Chinese title', examples: ['月日均资产'] }),
        ),
      },
      { description: 'Title of the tag' },
    ),
    category: Type.String({ description: 'Path in the taxonomy', examples: ['asset/aum'] }),
    valueType: Type.String({ description: 'Type of the value', examples: ['money'] }),
    unit: Type.Optional(Type.String({ description: 'Unit of the value', examples: ['TWD'] })),
    value: Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Array(Type.String())], {
      description: 'The value; money in minor units, days and instants as ISO 8601',
      examples: [52000000],
    }),
    valueTitle: Type.Optional(
      Type.String({
        description: 'English title of the value, where the tag has a dictionary',
        examples: ['High'],
      }),
    ),
    asOf: Instant('Instant the value was computed for'),
    evidencePath: Type.String({
      description: 'Where the API shows the rows behind it',
      examples: ['/api/v1/tags/aum_month_avg/evidence?customerId=C00001234'],
    }),
  },
  { description: 'A tag value of one customer' },
);
export type ProfileTag = Static<typeof ProfileTag>;

export const ProfileConsent = Type.Object(
  {
    channel: Type.String({ description: 'Channel', examples: ['email'] }),
    purpose: Type.String({ description: 'Purpose', examples: ['marketing'] }),
    granted: Type.Boolean({ description: 'Whether it is granted now', examples: [true] }),
    at: Instant('Since when'),
    evidence: Type.Optional(
      Type.String({ description: 'Where it comes from', examples: ['branch form 2024-11'] }),
    ),
  },
  { description: 'A consent 授權 or its withdrawal' },
);
export type ProfileConsent = Static<typeof ProfileConsent>;

export const CurrencyTotal = Type.Object(
  {
    currency: Currency,
    assetsMinor: Minor('Balances of open accounts and holdings other than loans and cards', 52000000),
    debtsMinor: Minor('Amounts of loans and cards', 10000000),
  },
  { description: 'Totals in one currency' },
);
export type CurrencyTotal = Static<typeof CurrencyTotal>;

const Related = {
  customerId: Type.String({ description: 'The other customer', examples: ['C00005678'] }),
  kind: Type.String({ description: '`retail` or `corporate`', examples: ['corporate'] }),
  name: Type.Optional(
    Type.String({ description: 'Name; masked without the permission customers.pii', examples: ['海●●'] }),
  ),
} as const;
const Hidden = Type.Integer({
  minimum: 0,
  description: 'How many more there are outside the caller’s org scope',
  examples: [0],
});

export const ProfileHousehold = Type.Object(
  {
    because: Type.String({
      description:
        'What they have in common: address_and_surname, address_and_phone, phone_and_surname or joint_account',
      examples: ['address_and_surname'],
    }),
    members: Type.Array(Type.Object(Related, { description: 'Another member' }), {
      description: 'The others of the household, by customer id',
    }),
    hidden: Hidden,
  },
  { description: 'The household 家庭 as the latest identity run found it' },
);
export type ProfileHousehold = Static<typeof ProfileHousehold>;

export const ProfileRelation = Type.Object(
  {
    ...Related,
    relation: Type.String({
      description: 'legal_representative, shareholder, payroll, supplier or another kind of the source',
      examples: ['shareholder'],
    }),
    direction: Type.Union([Type.Literal('out'), Type.Literal('in')], {
      description: '`out`: from this customer to the other; `in`: from the other to this one',
      examples: ['out'],
    }),
    share: Type.Optional(Type.Number({ description: 'Share held, 0 … 1', examples: [0.4] })),
    since: Type.Optional(Day('Since', '2020-01-15')),
    until: Type.Optional(Day('Until', '2027-01-15')),
    source: SourceId,
  },
  { description: 'A relation between people and enterprises 企業' },
);
export type ProfileRelation = Static<typeof ProfileRelation>;

export const CustomerProfile = Type.Object(
  {
    ...CustomerSummary.properties,
    records: Type.Array(Type.String({ description: 'Bank id', examples: ['C00001234'] }), {
      description: 'Bank ids that are this customer, its own first',
    }),
    household: Type.Optional(ProfileHousehold),
    relations: Type.Array(ProfileRelation, {
      description: 'Relations with other customers; shareholders below `minShare` of the rules are left out',
    }),
    hiddenRelations: Hidden,
    phone: Type.Optional(
      Type.String({ description: 'Phone; masked without customers.pii', examples: ['09●●●●●678'] }),
    ),
    email: Type.Optional(
      Type.String({ description: 'E-mail; masked without customers.pii', examples: ['c●●●@example.com'] }),
    ),
    piiClear: Type.Boolean({ description: 'Whether personal data stands here in clear', examples: [false] }),
    language: Type.Optional(
      Type.String({ description: 'Language to write to them in', examples: ['zh-Hant'] }),
    ),
    attributes: Attributes,
    source: SourceId,
    identities: Type.Array(
      Type.Object(
        {
          kind: Type.String({ description: 'Kind of identity', examples: ['phone'] }),
          source: SourceId,
        },
        { description: 'A way to recognise the customer; its value is stored only as a keyed hash' },
      ),
      { description: 'Identities 身份' },
    ),
    summary: Type.Object(
      {
        totals: Type.Array(CurrencyTotal, { description: 'Assets and debts by currency' }),
        accounts: Type.Integer({ description: 'Open accounts', examples: [2] }),
        holdings: Type.Integer({ description: 'Holdings that have not ended', examples: [3] }),
        transactions: Type.Integer({ description: 'Transactions ever', examples: [412] }),
        events: Type.Integer({ description: 'Events ever', examples: [87] }),
        contacts: Type.Integer({ description: 'Messages we sent', examples: [4] }),
        lastActivityAt: Type.Optional(Instant('Latest transaction or event')),
      },
      { description: 'Figures at a glance' },
    ),
    accounts: Type.Array(AccountView, { description: 'Accounts, open ones first' }),
    holdings: Type.Array(HoldingView, { description: 'Holdings, current ones first' }),
    tags: Type.Array(ProfileTag, { description: 'Known tag values by category' }),
    consents: Type.Array(ProfileConsent, { description: 'Consents by channel and purpose' }),
    contacts: Type.Array(TimelineItem, { description: 'Latest contacts, newest first, at most 20' }),
    timeline: Type.Array(TimelineItem, { description: 'Latest 20 items of the timeline' }),
    timelineCursor: Type.Optional(
      Type.String({ description: 'Pass to /timeline to read on', examples: ['b2Zmc2V0OjUw'] }),
    ),
    tookMs: Type.Number({ description: 'Time it took to gather', examples: [31.5] }),
  },
  { description: 'Customer 360: everything known of one customer' },
);
export type CustomerProfile = Static<typeof CustomerProfile>;

export const OrgUnitItem = Type.Object(
  {
    code: Type.String({ description: 'Org unit code', examples: ['B01'] }),
    parent: Type.Optional(Type.String({ description: 'Code of the unit above', examples: ['HO'] })),
    name: Type.String({ description: 'Name', examples: ['Harbour branch'] }),
    level: Type.String({
      description: '`head_office`, `branch`, `sub_branch` or `outlet`',
      examples: ['branch'],
    }),
    customers: Type.Integer({ description: 'Customers of this very unit', examples: [1200] }),
  },
  { description: 'An org unit 機構' },
);
export type OrgUnitItem = Static<typeof OrgUnitItem>;
export const OrgUnitItems = Type.Object(
  { items: Type.Array(OrgUnitItem, { description: 'Units the caller may see, by code' }) },
  { description: 'Org units' },
);

export {
  CustomerIdentityView,
  DecideBody,
  Decided,
  FieldProvenance,
  Identified,
  IdentifyBody,
  IdentityHistoryItem,
  IdentitySummary,
  LIKENESSES,
  MATCH_FIELDS,
  type MatchField,
  MatchRules,
  MatchRulesView,
  MergeBody,
  MergeDone,
  REVIEW_STATES,
  ReviewPage,
  ReviewPair,
  ReviewQuery,
  UnmergeBody,
} from './identity-contract.ts';
