import type { RoleTable } from '@rapport/sources';
import { PII_FIELDS, SHAPES } from './canonical.ts';
import type { MatchRules } from './match-rules.ts';

export type Survivorship = NonNullable<MatchRules['survivorship']>;
type FieldChoice = NonNullable<Survivorship['fields']>[string];

/** Fields of a customer, personal ones included; `attributes` is decided key by key. */
export const CUSTOMER_FIELDS: readonly string[] = [
  ...SHAPES.customer.columns.map((column) => column.name),
  ...PII_FIELDS,
];
export const PERSONAL_FIELDS: ReadonlySet<string> = new Set([...PII_FIELDS, 'birth_date']);

/**
 * Rows of all role tables `customer` as they came, with the place each came from: `ord` (place of its table in the
 * order of trust), `_file`, `_line`, `source`, `tbl` (name in the manifest), `customer_id` and the fields.
 * @param where  condition on `customer_id`, SQL made by us
 */
export function candidateRows(tables: readonly RoleTable[], where = ''): string {
  return tables
    .map((table, order) => {
      const fields = CUSTOMER_FIELDS.map((name) => (isDelivered(table, name) ? name : `'' AS ${name}`));
      return `SELECT toUInt32(${order}) AS ord, _file, _line, customer_id, ${fields.join(', ')}, ${literal(table.sourceId)} AS source, ${literal(table.table)} AS tbl FROM (${table.select}) WHERE customer_id != ''${where === '' ? '' : ` AND ${where}`}`;
    })
    .join(' UNION ALL ');
}

/** `address` came later than the others: role tables that do not deliver it need not have the column at all. */
const isDelivered = (table: RoleTable, name: string): boolean =>
  name !== 'address' || table.columns.includes(name);

/** Whether a value is one; an expression over the column as it is named. */
export function isKnownSql(name: string, column = name): string {
  if (name === 'attributes') return `notEmpty(${column})`;
  const type = SHAPES.customer.columns.find((candidate) => candidate.name === name)?.type;
  return type?.startsWith('Nullable') ? `${column} IS NOT NULL` : `${column} != ''`;
}

/** How a field's value is chosen, and by what list of sources. */
export function choiceOf(survivorship: Survivorship | undefined, field: string): FieldChoice {
  return survivorship?.fields?.[field] ?? survivorship?.fields?.['*'] ?? { by: 'source' };
}

/**
 * A tuple by which candidates for a field are ordered, the first known one wins; over the columns of
 * `candidateRows`, each under `prefix`.
 */
export function orderSql(survivorship: Survivorship | undefined, field: string, prefix = ''): string {
  const choice = choiceOf(survivorship, field);
  const place = `${prefix}ord, ${prefix}_file, ${prefix}_line`;
  const sources = choice.sources ?? [];
  const trust =
    sources.length === 0
      ? 'toUInt32(0)'
      : `toUInt32(transform(${prefix}source, [${sources.map(literal).join(', ')}], [${sources.map((_, at) => at).join(', ')}], ${sources.length}))`;
  const tuple = (first: string): string => `(toInt64(${first}), ${trust}, ${place})`;
  switch (choice.by) {
    case 'source':
      return tuple('0');
    case 'recent':
      return tuple(
        `-toUnixTimestamp(parseDateTimeBestEffortOrZero(${prefix}attributes[${literal(choice.attribute ?? 'updated_at')}], 'UTC'))`,
      );
    case 'complete':
      return tuple(
        `-(${CUSTOMER_FIELDS.map((name) => `toInt64(${isKnownSql(name, prefix + name)})`).join(' + ')})`,
      );
    case 'longest':
      return tuple(
        field === 'attributes'
          ? `-length(${prefix}attributes)`
          : `-lengthUTF8(ifNull(toString(${prefix}${field}), ''))`,
      );
    case 'verified':
      return tuple(
        `if(lowerUTF8(${prefix}attributes[${literal(choice.attribute ?? `${field}_verified`)}]) IN ('true', 't', 'yes', 'y', '1', '是'), 0, 1)`,
      );
  }
}

/** The aggregate that gives a field's surviving value; of maps, every key by itself. Columns are named `i_…`. */
export function survivingSql(survivorship: Survivorship | undefined, field: string): string {
  const order = orderSql(survivorship, field, 'i_');
  if (field === 'attributes') {
    return `arrayFold((known, more) -> mapUpdate(more.2, known), arraySort(groupArray((${order}, i_attributes))), CAST(map() AS Map(String, String)))`;
  }
  return `argMinIf(i_${field}, ${order}, ${isKnownSql(field, `i_${field}`)})`;
}

export const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** Role tables from the most to the least trusted source, then by id and name. */
export function inOrder(tables: readonly RoleTable[], order: readonly string[] = []): RoleTable[] {
  const rank = (sourceId: string): number => {
    const at = order.indexOf(sourceId);
    return at < 0 ? order.length : at;
  };
  return tables.toSorted(
    (a, b) =>
      rank(a.sourceId) - rank(b.sourceId) ||
      (a.sourceId < b.sourceId ? -1 : a.sourceId > b.sourceId ? 1 : 0) ||
      (a.table < b.table ? -1 : a.table > b.table ? 1 : 0),
  );
}
