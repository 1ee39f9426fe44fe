import type { WarehouseValue } from './ports.ts';

/** Quoted text, names and comments: what looks like a placeholder in them is none. */
const OPAQUE =
  /'(?:[^'\\]|\\[\s\S]|'')*'|`(?:[^`\\]|\\[\s\S])*`|"(?:[^"\\]|\\[\s\S])*"|--[^\n]*|\/\*[\s\S]*?\*\//g;

/** Servers refuse form fields beyond 128 KiB. @source ClickHouse, setting http_max_field_value_size */
const LONGEST_BOUND = 60_000;

/** Names of the placeholders `{name:Type}` of a statement. */
export function placeholdersOf(sql: string): Set<string> {
  const names = new Set<string>();
  for (const [, name] of sql.replace(OPAQUE, ' ').matchAll(/\{\s*([A-Za-z_]\w*)\s*:/g))
    if (name !== undefined) names.add(name);
  return names;
}

/**
 * Binds values as parameters, except for lists too long for one: those become literals in the statement, cast to the
 * type of their placeholder, as the engine itself does with a parameter.
 */
export function bindValues(
  sql: string,
  params: Readonly<Record<string, WarehouseValue>> = {},
): { sql: string; params: Record<string, WarehouseValue> } {
  const bound: Record<string, WarehouseValue> = {};
  let text = sql;
  for (const [name, value] of Object.entries(params)) {
    const literal = isLong(value) ? literalOf(value) : '';
    if (literal.length <= LONGEST_BOUND) bound[name] = value;
    else text = replacePlaceholder(text, name, literal);
  }
  return { sql: text, params: bound };
}

const isLong = (value: WarehouseValue): boolean =>
  typeof value === 'string' ? value.length > LONGEST_BOUND / 2 : Array.isArray(value) && value.length > 1000;

function replacePlaceholder(sql: string, name: string, literal: string): string {
  let replaced = '';
  let at = 0;
  const code = (part: string): string =>
    part.replace(
      new RegExp(`\\{\\s*${name}\\s*:\\s*([^{}]+?)\\s*\\}`, 'g'),
      (_, type: string) => `CAST(${literal}, ${quote(type)})`,
    );
  for (const { 0: opaque, index } of sql.matchAll(OPAQUE)) {
    replaced += code(sql.slice(at, index)) + opaque;
    at = index + opaque.length;
  }
  return replaced + code(sql.slice(at));
}

function literalOf(value: WarehouseValue): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'object') {
    if (isList(value)) return `[${value.map(literalOf).join(',')}]`;
    return `map(${Object.entries(value)
      .flatMap(([key, each]) => [quote(key), literalOf(each)])
      .join(',')})`;
  }
  return String(value);
}

const isList = (value: object): value is readonly WarehouseValue[] => Array.isArray(value);

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\0': '\\0',
  '\b': '\\b',
  '\f': '\\f',
};

/** Text as a literal of the engine. */
export function quote(text: string): string {
  return `'${text.replace(/[\\'\n\r\t\0\b\f]/g, (letter) => ESCAPES[letter] ?? letter)}'`;
}
