import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { storesProblems } from './problems.ts';

export interface RowReader {
  /** @param text JSONEachRow with quoted 64-bit integers and decimals */
  read<Row>(text: string, sql: string): Row[];
}

/** Reads rows by their schema: quoted numbers become numbers where the schema says so, and every row is checked. */
export function createRowReader(row: TSchema): RowReader {
  const convert = conversionOf(row);
  const validator = Compile(row);
  return {
    read<Row>(text: string, sql: string): Row[] {
      const body = text.trimEnd();
      if (body === '') return [];
      const rows: unknown[] = JSON.parse(`[${body.replaceAll('\n', ',')}]`);
      const converted = convert ? rows.map((value) => convert(value, '')) : rows;
      const isChecked = (value: unknown): value is Row => validator.Check(value);
      return converted.map((value, index) => {
        if (isChecked(value)) return value;
        const [fault] = validator.Errors(value);
        throw storesProblems.row_mismatch({
          detail: `Row ${index + 1} of ${sql.slice(0, 200)} ${fault ? `${fault.instancePath || '/'} ${fault.message}` : 'does not fit'}: ${JSON.stringify(value)?.slice(0, 300)}`,
        });
      });
    },
  };
}

type Convert = (value: unknown, path: string) => unknown;

/** Only the keywords of JSON schema that carry number types below them. */
interface Keywords {
  readonly type?: unknown;
  readonly anyOf?: readonly unknown[];
  readonly items?: unknown;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly patternProperties?: Readonly<Record<string, unknown>>;
  readonly additionalProperties?: unknown;
  readonly const?: unknown;
}

/** `undefined` when nothing below needs converting, so that most values are left as they were parsed. */
function conversionOf(schema: unknown): Convert | undefined {
  const keywords: Keywords = typeof schema === 'object' && schema !== null ? schema : {};
  const { type } = keywords;
  if (type === 'integer' || type === 'number' || typeof keywords.const === 'number') return toNumber;
  if (type === 'bigint') return toBigInt;
  if (keywords.anyOf) return conversionOfUnion(keywords.anyOf);
  if (type === 'array') {
    const item = Array.isArray(keywords.items) ? undefined : conversionOf(keywords.items);
    if (Array.isArray(keywords.items)) return conversionOfTuple(keywords.items);
    return (
      item &&
      ((value, path) =>
        Array.isArray(value) ? value.map((each, index) => item(each, `${path}/${index}`)) : value)
    );
  }
  if (type === 'object') return conversionOfObject(keywords);
  return undefined;
}

function conversionOfTuple(items: readonly unknown[]): Convert | undefined {
  const conversions = items.map(conversionOf);
  if (conversions.every((each) => each === undefined)) return undefined;
  return (value, path) =>
    Array.isArray(value)
      ? value.map((each, index) => conversions[index]?.(each, `${path}/${index}`) ?? each)
      : value;
}

/** A union converts by its one convertible member, unless another member takes text as it is. */
function conversionOfUnion(members: readonly unknown[]): Convert | undefined {
  const isText = members.some(
    (member) => typeof member === 'object' && member !== null && 'type' in member && member.type === 'string',
  );
  if (isText) return undefined;
  for (const member of members) {
    const convert = conversionOf(member);
    if (convert) return (value, path) => (value === null ? null : convert(value, path));
  }
  return undefined;
}

function conversionOfObject(keywords: Keywords): Convert | undefined {
  const properties = Object.entries(keywords.properties ?? {}).flatMap(([name, schema]) => {
    const convert = conversionOf(schema);
    return convert ? [{ name, convert }] : [];
  });
  const [pattern] = Object.values(keywords.patternProperties ?? {});
  const rest = conversionOf(pattern ?? keywords.additionalProperties);
  if (properties.length === 0 && !rest) return undefined;
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const fields: Record<string, unknown> = { ...value };
    for (const { name, convert } of properties) {
      if (name in fields) fields[name] = convert(fields[name], `${path}/${name}`);
    }
    if (rest) {
      for (const name of Object.keys(fields)) {
        if (!keywords.properties || !(name in keywords.properties))
          fields[name] = rest(fields[name], `${path}/${name}`);
      }
    }
    return fields;
  };
}

function toNumber(value: unknown, path: string): unknown {
  if (typeof value !== 'string' || value === '') return value;
  const number = Number(value);
  if (Number.isNaN(number)) return value;
  if (Number.isInteger(number) && !Number.isSafeInteger(number) && /^-?\d+$/.test(value)) {
    throw storesProblems.row_mismatch({
      detail: `${path} is ${value}, which a number cannot hold exactly; declare it as text or bigint.`,
    });
  }
  return number;
}

const toBigInt: Convert = (value) =>
  typeof value === 'string' || typeof value === 'number' ? BigInt(value) : value;
