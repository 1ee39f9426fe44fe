const retail = { tag: 'customer_kind', op: '=', value: 'retail' } as const;

/** Audiences to begin with, as `POST /audiences` takes them. */
export const AUDIENCES: readonly { name: string; description: string; condition: object }[] = [
  {
    name: '零售客戶 Retail customers',
    description: 'Every private customer',
    condition: retail,
  },
  {
    name: '定存即將到期 Deposits maturing soon',
    description: 'Private customers whose term deposit ends within 45 days',
    condition: { all: [retail, { tag: 'deposit_matures_on', op: 'in next', value: 'P45D' }] },
  },
  {
    name: '理財潛客 Wealth prospects',
    description: 'Looked at wealth pages in the last 30 days, hold no fund, and may take some risk',
    condition: {
      all: [
        retail,
        { event: 'wealth_viewed', within: 'P30D', op: '>=', value: 1 },
        { tag: 'fund_amount', op: 'unknown' },
        { tag: 'risk_level', op: '>=', value: 2 },
      ],
    },
  },
  {
    name: '年輕活躍用戶 Young app users',
    description: 'Under 35 and in the app this month',
    condition: {
      all: [retail, { tag: 'age', op: '<', value: 35 }, { tag: 'login_count_30d', op: '>=', value: 1 }],
    },
  },
  {
    name: '近一年投訴 Complained in the last year',
    description: 'To be left out of marketing',
    condition: { tag: 'complaints_365d', op: '>=', value: 1 },
  },
];
