import type { RoleTable } from '@rapport/sources';
import type { Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { CustomerIdentityView, FieldProvenance } from './identity-contract.ts';
import type { MatchRules } from './match-rules.ts';
import { maskEmail, maskName, maskPhone } from './pii.ts';
import {
  CUSTOMER_FIELDS,
  candidateRows,
  choiceOf,
  isKnownSql,
  orderSql,
  PERSONAL_FIELDS,
} from './survivorship.ts';

/** A value that some record has, in the order in which values are chosen: the first is the customer's. */
export interface CandidateValue {
  readonly value: string;
  readonly customerId: string;
  readonly source: string;
  readonly table: string;
  readonly file: string;
  readonly line: number;
}

const Row = Type.Object({
  field: Type.String(),
  value: Type.String(),
  customer_id: Type.String(),
  source: Type.String(),
  tbl: Type.String(),
  file: Type.String(),
  line: Type.Integer(),
});
/** Rows of one customer that are looked at most. */
const MOST = 5_000;

/**
 * Every known value of every field of these bank ids, ordered as the projection chooses: the same expressions, so
 * what stands first is what the customer has. `attributes` come one by one, as `attributes.<key>`.
 */
export async function readCandidates(input: {
  readonly warehouse: Warehouse;
  /** Role tables `customer`, most trusted first. */
  readonly tables: readonly RoleTable[];
  readonly customerIds: readonly string[];
  readonly survivorship: MatchRules['survivorship'];
}): Promise<Map<string, CandidateValue[]>> {
  const found = new Map<string, CandidateValue[]>();
  if (input.tables.length === 0 || input.customerIds.length === 0) return found;
  const rows = `SELECT * FROM (${candidateRows(input.tables, 'customer_id IN {ids:Array(String)}')})`;
  const place = 'customer_id, source, tbl, _file AS file, _line AS line';
  const fields = CUSTOMER_FIELDS.filter((field) => field !== 'attributes').map(
    (field) =>
      `SELECT '${field}' AS field, ifNull(toString(${field}), '') AS value, ${place}, row_number() OVER (ORDER BY ${orderSql(input.survivorship, field)}) AS n FROM (${rows}) WHERE ${isKnownSql(field)}`,
  );
  const attributes = `SELECT concat('attributes.', kv.1) AS field, kv.2 AS value, ${place}, row_number() OVER (ORDER BY ${orderSql(input.survivorship, 'attributes')}) AS n FROM (SELECT *, arrayJoin(CAST(attributes, 'Array(Tuple(String, String))')) AS kv FROM (${rows})) WHERE kv.2 != ''`;
  const answered = await input.warehouse.query(
    Row,
    `SELECT field, value, customer_id, source, tbl, file, line FROM (${[...fields, attributes].join(' UNION ALL ')}) ORDER BY field, n LIMIT ${MOST}`,
    { ids: [...input.customerIds] },
  );
  for (const { field, value, customer_id, source, tbl, file, line } of answered) {
    const values = found.get(field);
    const candidate = { value, customerId: customer_id, source, table: tbl, file, line };
    if (values) values.push(candidate);
    else found.set(field, [candidate]);
  }
  return found;
}

/** Why a later value of a field is not the customer's. */
const LOST = {
  source: 'less_trusted',
  recent: 'older',
  complete: 'less_complete',
  longest: 'shorter',
  verified: 'unverified',
} as const;

export function presentProvenance(
  candidates: ReadonlyMap<string, readonly CandidateValue[]>,
  options: {
    readonly survivorship: MatchRules['survivorship'];
    readonly isClear: boolean;
    readonly loadedAt: (candidate: CandidateValue) => string | undefined;
  },
): FieldProvenance[] {
  return [...candidates].map(([field, values]) => {
    const choice = choiceOf(options.survivorship, field.startsWith('attributes.') ? 'attributes' : field);
    const view = (candidate: CandidateValue) => {
      const loadedAt = options.loadedAt(candidate);
      return {
        value: options.isClear ? candidate.value : masked(field, candidate.value),
        bankId: candidate.customerId,
        source: candidate.source,
        table: candidate.table,
        ...(candidate.file === '' ? {} : { file: candidate.file, line: candidate.line }),
        ...(loadedAt === undefined ? {} : { loadedAt }),
      };
    };
    const [first, ...others] = values;
    const chosen = first ?? { value: '', customerId: '', source: '', table: '', file: '', line: 0 };
    return {
      field,
      by: choice.by,
      chosen: view(chosen),
      others: others.map((other) => ({
        ...view(other),
        because:
          other.value === chosen.value
            ? 'same_value'
            : choice.by === 'source' && other.source === chosen.source && other.table === chosen.table
              ? 'later_line'
              : LOST[choice.by],
      })),
    };
  });
}

/** A personal value as those may see it who may not see it. */
export function masked(field: string, value: string): string {
  if (!PERSONAL_FIELDS.has(field)) return value;
  switch (field) {
    case 'phone':
      return maskPhone(value);
    case 'email':
      return maskEmail(value);
    case 'birth_date':
      return `${value.slice(0, 4)}-●●-●●`;
    default:
      return maskName(value);
  }
}

/** Fields a bank should know; a firm has neither a birthday nor a gender. */
const WANTED = [
  'name',
  'birth_date',
  'gender',
  'phone',
  'email',
  'address',
  'org_unit',
  'rm',
  'risk_level',
  'city',
  'language',
  'opened_on',
] as const;
const OF_PEOPLE = new Set<string>(['birth_date', 'gender']);

/**
 * How complete a customer is: the share of wanted fields that are known. How accurate: the share of known fields
 * that can be right and on which all rows agree.
 * @param normalised  spelling by which two values are the same
 */
export function qualityOf(
  candidates: ReadonlyMap<string, readonly CandidateValue[]>,
  options: {
    readonly isFirm: boolean;
    readonly today: string;
    readonly normalised: (field: string, value: string) => string;
  },
): CustomerIdentityView['quality'] {
  const wanted = WANTED.filter((field) => !options.isFirm || !OF_PEOPLE.has(field));
  const missing = wanted.filter((field) => !candidates.has(field));
  const known = wanted.filter((field) => candidates.has(field));
  const conflicting = known.filter(
    (field) =>
      new Set((candidates.get(field) ?? []).map(({ value }) => options.normalised(field, value))).size > 1,
  );
  const malformed = known.filter((field) => {
    const value = candidates.get(field)?.[0]?.value ?? '';
    return !isWellFormed(field, options.normalised(field, value), options.today);
  });
  const wrong = new Set<string>([...conflicting, ...malformed]);
  return {
    completeness: known.length / wanted.length,
    accuracy: known.length === 0 ? 1 : 1 - wrong.size / known.length,
    missing,
    conflicting,
    malformed,
  };
}

function isWellFormed(field: string, value: string, today: string): boolean {
  switch (field) {
    case 'phone':
      return /^\+[1-9][0-9]{6,14}$/.test(value);
    case 'email':
      return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value);
    case 'birth_date':
      return value <= today && Number(value.slice(0, 4)) > Number(today.slice(0, 4)) - 120;
    case 'opened_on':
      return value <= today;
    default:
      return true;
  }
}
