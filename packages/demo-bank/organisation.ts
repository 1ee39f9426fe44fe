export interface OrgUnit {
  readonly code: string;
  readonly parent: string;
  readonly name: string;
  readonly level: 'head_office' | 'branch' | 'sub_branch' | 'outlet';
}

const BRANCHES = [
  ['B01', '滨海分行', '海州'],
  ['B02', '江城分行', '江城'],
  ['B03', '南湾分行', '南湾'],
  ['B04', '云岭分行', '云岭'],
  ['B05', '北川分行', '北川'],
  ['B06', '离岛分行', '离岛'],
] as const;
const DISTRICTS = ['中区', '东区', '西区'] as const;
const OUTLETS = ['营业部', '花园路网点'] as const;
/** Share of customers by branch. */
export const BRANCH_WEIGHTS = [0.28, 0.22, 0.18, 0.14, 0.12, 0.06] as const;
export const RMS_PER_OUTLET = 4;

/** Head office, 6 branches, 18 sub-branches, 36 outlets, parents first. */
export const ORG_UNITS: readonly OrgUnit[] = [
  { code: 'HO', parent: '', name: '演示银行总行', level: 'head_office' },
  ...BRANCHES.map(([code, name]): OrgUnit => ({ code, parent: 'HO', name, level: 'branch' })),
  ...BRANCHES.flatMap(([code, , city]) =>
    DISTRICTS.map(
      (district, index): OrgUnit => ({
        code: `${code}0${index + 1}`,
        parent: code,
        name: `${city}${district}支行`,
        level: 'sub_branch',
      }),
    ),
  ),
  ...BRANCHES.flatMap(([code, , city]) =>
    DISTRICTS.flatMap((district, index) =>
      OUTLETS.map(
        (outlet, number): OrgUnit => ({
          code: `${code}0${index + 1}0${number + 1}`,
          parent: `${code}0${index + 1}`,
          name: `${city}${district}${outlet}`,
          level: 'outlet',
        }),
      ),
    ),
  ),
];

/** Code of the outlet `number` (0 … 5) of a branch. */
export function outletOf(branch: number, number: number): string {
  return `B0${branch + 1}0${Math.floor(number / 2) + 1}0${(number % 2) + 1}`;
}

export const cityOf = (branch: number): string => BRANCHES[branch]?.[2] ?? BRANCHES[0][2];

export interface RelationshipManager {
  readonly code: string;
  readonly name: string;
  readonly orgUnit: string;
}

const RM_NAMES = ['林经理', '陈经理', '黄经理', '周经理'] as const;

export const RELATIONSHIP_MANAGERS: readonly RelationshipManager[] = ORG_UNITS.filter(
  (unit) => unit.level === 'outlet',
).flatMap((unit) =>
  Array.from({ length: RMS_PER_OUTLET }, (_, index) => ({
    code: `RM-${unit.code}-${index + 1}`,
    name: RM_NAMES[index] ?? RM_NAMES[0],
    orgUnit: unit.code,
  })),
);
