import { sqlName } from './sql-text.ts';

/** A table that SQL of a manifest may read, by the name it has there. */
export interface ReadableTable {
  readonly name: string;
  /** Warehouse table. */
  readonly physical: string;
  readonly columns: readonly string[];
}

const FORBIDDEN_WORDS = /^(INTO|OUTFILE|INFILE|SETTINGS)$/i;
/** What reaches beyond the tables or keeps the engine busy; some of it acts while a statement is only analysed. */
const FORBIDDEN_FUNCTIONS =
  /^(file|url|urlcluster|filecluster|s3|s3cluster|gcs|oss|cosn|azureblobstorage.*|hdfs.*|remote|remotesecure|cluster|clusterallreplicas|mysql|postgresql|mongodb|sqlite|odbc|jdbc|redis|executable|input|loop|merge|mergetree.*|view.*|iceberg.*|deltalake.*|hudi.*|ytsaurus|dict.*|dictionary|joinget.*|getsetting.*|getserversetting|getmacro|sleep.*|hostname|fqdn|currentuser|user|currentroles|enabledroles|defaultroles|currentprofiles|connectionid|filesystem.*|catboost.*|naivebayes.*|address.*|demangle|buildid|serveruuid|encrypt|decrypt|trydecrypt|aes_.*|throwif|generaterandom|fuzz.*|showcertificate|evalmlmethod|structureto.*|initializeaggregation|throw.*|python)$/i;

/**
 * Looks at SQL of a manifest before the engine does. Answers what is wrong with it, or undefined. What it reads is
 * checked afterwards on the engine's own analysis by `foreignTables`.
 */
export function lexicalFault(sql: string, kind: 'select' | 'expression' = 'select'): string | undefined {
  const token =
    /\s+|--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*"|`(?:[^`\\]|\\[\s\S]|``)*`|[A-Za-z_][A-Za-z0-9_]*|[0-9][A-Za-z0-9_.]*|[\s\S]/gy;
  let depth = 0;
  let isFirst = true;
  const words = [...sql.matchAll(token)].map((match) => match[0]);
  const significant = words.filter((word) => !/^(\s|--|\/\*)/.test(word) || word === '-' || word === '/');
  for (const [index, word] of significant.entries()) {
    if (word === '(') depth++;
    if (word === ')') depth--;
    if (depth < 0) return 'a closing parenthesis has no opening one';
    if (["'", '"', '`'].includes(word)) return 'a quote is not closed';
    if (word === ';') return 'only one statement is allowed, without ";"';
    if (word === '{' || word === '}' || word === '$') return `"${word}" is not allowed`;
    if (word === '#') return 'comments begin with --';
    if (word === '/' && significant[index + 1] === '*') return 'a comment is not closed';
    if (kind === 'select' && isFirst && word !== '(' && !/^(SELECT|WITH)$/i.test(word))
      return 'must be one SELECT';
    if (word !== '(') isFirst = false;
    if (FORBIDDEN_WORDS.test(word) && significant[index - 1] !== '.') return `"${word}" is not allowed`;
    const name = word.replace(/^[`"]|[`"]$/g, '');
    if (significant[index + 1] === '(' && FORBIDDEN_FUNCTIONS.test(name))
      return `the function "${name}" is not allowed`;
  }
  if (depth !== 0) return 'a parenthesis is not closed';
  if (isFirst) return 'is empty';
  return undefined;
}

/** The same for an expression over one row. */
export const expressionFault = (sql: string): string | undefined => lexicalFault(sql, 'expression');

/** The SELECT of a manifest with its table names bound to physical tables, as one subquery. */
export function bindTables(sql: string, tables: readonly ReadableTable[]): string {
  const bindings = tables.map(
    (table) =>
      `${sqlName(table.name)} AS (SELECT ${table.columns.map(sqlName).join(', ')} FROM ${sqlName(table.physical)})`,
  );
  const prelude = bindings.length === 0 ? '' : `WITH ${bindings.join(',\n')}\n`;
  return `SELECT * FROM (${prelude}SELECT * FROM (\n${sql}\n))`;
}

const HARMLESS_TABLE_FUNCTIONS = new Set([
  'numbers',
  'generate_series',
  'generateseries',
  'values',
  'zeros',
  'null',
]);

/** Tables and table functions that the engine's query tree reads beyond the allowed ones. */
export function foreignTables(
  queryTree: readonly string[],
  database: string,
  tables: readonly ReadableTable[],
): string[] {
  const allowed = new Set(tables.flatMap((table) => [table.physical, `${database}.${table.physical}`]));
  allowed.add('system.one');
  return queryTree.flatMap((line) => {
    const table = /^\s*TABLE id: \d+,.*?table_name: (\S+)/.exec(line)?.[1];
    if (table !== undefined && !allowed.has(table)) return [table];
    const called = /^\s*TABLE_FUNCTION id: \d+,.*?table_function_name: (\w+)/.exec(line)?.[1];
    if (called !== undefined && !HARMLESS_TABLE_FUNCTIONS.has(called.toLowerCase())) return [`${called}()`];
    return [];
  });
}
