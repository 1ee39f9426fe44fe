import { sqlName, sqlText, sqlTexts } from './sql-text.ts';
import { type Column, layered, limit, quickValue, type StagedTexts } from './typing.ts';

/** A form in which ISO instants are written. */
export interface InstantForm {
  readonly separator: 'T' | ' ';
  readonly hasMilliseconds: boolean;
  readonly isUtc: boolean;
}

/** Forms of the instants of a file by column, as far as its first records show. */
export type InstantForms = ReadonlyMap<string, readonly InstantForm[]>;

/** Engine setting that `plainSql` needs: it writes as many digits of a second as the type has. */
export const PLAIN_SETTINGS = { formatdatetime_f_prints_scale_number_of_digits: 1 } as const;

/** A column may mix forms; each costs the records that do not have it. */
const MAX_FORMS = 2;

/** @param texts of one column */
export function instantFormsOf(texts: readonly string[]): InstantForm[] {
  const found = new Map<string, InstantForm>();
  for (const text of texts) {
    const match = /^\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d{3})?(Z)?$/.exec(text);
    if (!match) continue;
    const form: InstantForm = {
      separator: match[1] === ' ' ? ' ' : 'T',
      hasMilliseconds: match[2] !== undefined,
      isUtc: match[3] !== undefined,
    };
    found.set(JSON.stringify(form), form);
  }
  return found.size > MAX_FORMS ? [] : [...found.values()];
}

/**
 * The statement that turns texts into typed rows where there can be no doubt: values in the usual form of their column
 * are told at a fraction of the cost. It leaves every other record out, whether or not it is good; somebody else must
 * type those in full. Columns without a usual form are typed in full here.
 */
export function plainSql(
  columns: readonly Column[],
  staged: StagedTexts,
  references: ReadonlyMap<string, string>,
  forms: InstantForms,
): string {
  const plain = new Map(
    columns.flatMap((column) => {
      const found = staged.isNullable
        ? undefined
        : plainColumn(column, staged.source(column), references.get(column.name), forms);
      return found ? [[column.name, found] as const] : [];
    }),
  );
  const full = layered(
    columns.filter((column) => !plain.has(column.name)),
    staged,
    references,
  );
  const known = [...plain].flatMap(([name, { value }]) =>
    value === undefined ? [] : [`, ${value} AS ${knownName(name)}`],
  );
  const doubts = [
    ...(staged.unreadable ? [staged.unreadable.condition] : []),
    ...[...plain.values()].flatMap((column) => column.doubts),
    ...full.faults,
  ];
  const goods = columns.map((column) => {
    const good =
      plain.get(column.name)?.good ?? full.typed.find(({ name }) => name === column.name)?.levels.good;
    return `${good} AS ${sqlName(column.name)}`;
  });
  const where = doubts.length === 0 ? '' : ` WHERE NOT (${doubts.map((doubt) => `(${doubt})`).join(' OR ')})`;
  const from = full.typed.length === 0 ? staged.table : `(${full.from})`;
  return `SELECT ${goods.join(', ')}, file, line FROM (SELECT *${known.join('')} FROM ${from})${where}`;
}

interface PlainColumn {
  /** SQL of the value, NULL where the text is not in the usual form. */
  readonly value: string | undefined;
  readonly good: string;
  readonly doubts: readonly string[];
}

const knownName = (column: string): string => sqlName(`p_${column}`);

function plainColumn(
  column: Column,
  source: string,
  reference: string | undefined,
  forms: InstantForms,
): PlainColumn | undefined {
  if (column.type === 'text') return plainText(column, source, reference);
  if (column.values || column.pattern !== undefined) return undefined;
  const value = plainValue(column, source, forms);
  if (value === undefined) return undefined;
  const known = knownName(column.name);
  const sure = `assumeNotNull(${known})`;
  const doubts = [
    column.required || column.nulls.length === 0
      ? `isNull(${known})`
      : `isNull(${known}) AND ${source} NOT IN (${sqlTexts(column.nulls)})`,
  ];
  if (column.min !== undefined) doubts.push(`${sure} < ${limit(column, column.min)} AND isNotNull(${known})`);
  if (column.max !== undefined) doubts.push(`${sure} > ${limit(column, column.max)} AND isNotNull(${known})`);
  if (reference !== undefined) doubts.push(`${sure} NOT IN (${reference}) AND isNotNull(${known})`);
  return { value, good: column.required ? sure : known, doubts };
}

function plainText(column: Column, source: string, reference: string | undefined): PlainColumn | undefined {
  if (column.digits || column.min !== undefined || column.max !== undefined) return undefined;
  const isEmptyOnly = column.nulls.every((marker) => marker === '');
  const present =
    column.nulls.length === 0
      ? ''
      : isEmptyOnly
        ? `notEmpty(${source}) AND `
        : `${source} NOT IN (${sqlTexts(column.nulls)}) AND `;
  const doubts: string[] = [];
  if (column.trim) doubts.push(`trimBoth(${source}) != ${source}`);
  if (column.required)
    doubts.push(isEmptyOnly ? `empty(${source})` : `${source} IN (${sqlTexts(['', ...column.nulls])})`);
  if (column.values) doubts.push(`${present}${source} NOT IN (${sqlTexts(column.values)})`);
  if (column.pattern !== undefined)
    doubts.push(`${present}NOT match(${source}, ${sqlText(`^(?:${column.pattern})$`)})`);
  if (reference !== undefined) doubts.push(`${present}${source} NOT IN (${reference})`);
  const good =
    isEmptyOnly || column.required ? source : `if(${source} IN (${sqlTexts(column.nulls)}), '', ${source})`;
  return { value: undefined, good, doubts };
}

function plainValue(column: Column, source: string, forms: InstantForms): string | undefined {
  switch (column.type) {
    case 'instant':
      return plainInstant(column, source, forms.get(column.name) ?? []);
    case 'boolean': {
      const words = [...column.trueWords, ...column.falseWords];
      if (words.some((word) => word !== word.toLowerCase() || column.nulls.includes(word))) return undefined;
      return `multiIf(${source} IN (${sqlTexts(column.trueWords)}), toNullable(true), ${source} IN (${sqlTexts(column.falseWords)}), toNullable(false), NULL)`;
    }
    default:
      return quickValue(column, source);
  }
}

/** The instant of a text that is written back just as it stood, which no wrong reading of it would be. */
function plainInstant(column: Column, source: string, forms: readonly InstantForm[]): string | undefined {
  const isMarked = column.nulls.some((marker) => /[0-9０-９]/.test(marker));
  if (column.dates.formats[0] !== 'ISO' || isMarked || forms.length === 0) return undefined;
  const cases = forms.map(({ separator, hasMilliseconds, isUtc }) => {
    const zone = isUtc ? 'UTC' : column.dates.zone;
    const at = `parseDateTime64BestEffortOrZero(${source}, 3, ${sqlText(zone)})`;
    const pattern = `%Y-%m-%d${separator}%H:%i:%S${hasMilliseconds ? '.%f' : ''}${isUtc ? 'Z' : ''}`;
    const value = zone === 'UTC' ? at : `toTimeZone(${at}, 'UTC')`;
    return `formatDateTime(${at}, ${sqlText(pattern)}) = ${source}, toNullable(${value})`;
  });
  return `multiIf(${cases.join(', ')}, NULL)`;
}
