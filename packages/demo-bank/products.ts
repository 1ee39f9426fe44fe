export interface Product {
  readonly id: string;
  readonly name: string;
  readonly kind: 'deposit' | 'fund' | 'card' | 'loan' | 'insurance' | 'account';
  readonly riskLevel: number | undefined;
}

/** The shelf; names in traditional characters, since the file is written in Big5. */
export const PRODUCTS: readonly Product[] = [
  { id: 'SAV', name: '活期儲蓄', kind: 'account', riskLevel: undefined },
  { id: 'DEP12', name: '十二個月定期存款', kind: 'deposit', riskLevel: 1 },
  { id: 'DEP-CORP', name: '對公定期存款', kind: 'deposit', riskLevel: 1 },
  { id: 'FUND-R2', name: '穩健債券基金', kind: 'fund', riskLevel: 2 },
  { id: 'FUND-R3', name: '平衡配置基金', kind: 'fund', riskLevel: 3 },
  { id: 'FUND-R4', name: '成長股票基金', kind: 'fund', riskLevel: 4 },
  { id: 'CARD-STD', name: '標準信用卡', kind: 'card', riskLevel: undefined },
  { id: 'CARD-PLAT', name: '白金信用卡', kind: 'card', riskLevel: undefined },
  { id: 'LOAN-HOME', name: '住房貸款', kind: 'loan', riskLevel: undefined },
  { id: 'LOAN-CONS', name: '消費貸款', kind: 'loan', riskLevel: undefined },
  { id: 'LOAN-CORP', name: '流動資金貸款', kind: 'loan', riskLevel: undefined },
  { id: 'INS-LIFE', name: '定期壽險', kind: 'insurance', riskLevel: 2 },
];
