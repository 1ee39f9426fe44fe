/** A column of a table that a SELECT reads. */
export interface ColumnRef {
  readonly table: string;
  readonly column: string;
}

/** What a SELECT's result depends on. */
export interface ColumnLineage {
  /** Of every column of the result, by position: the columns its values are made of. */
  readonly columns: readonly (readonly ColumnRef[])[];
  /** Columns that decide which rows there are: of conditions, joins, groups, orders with a limit. */
  readonly rows: readonly ColumnRef[];
}

interface TreeNode {
  readonly text: string;
  readonly kind: string;
  readonly id: string | undefined;
  readonly children: TreeNode[];
}

/** Parts of a query whose columns decide about rows. */
const ROW_PARTS = ['WHERE', 'PREWHERE', 'GROUP BY', 'HAVING', 'QUALIFY', 'LIMIT BY', 'INTERPOLATE'];

/**
 * Reads the columns that a statement depends on off the engine's own analysis, in which names, stars, aliases,
 * subqueries and CTEs are resolved.
 * @param explain lines of `EXPLAIN QUERY TREE SELECT …`; a table is named `database.table`
 */
export function columnLineage(explain: readonly string[]): ColumnLineage {
  const root = parseTree(explain);
  const byId = new Map<string, TreeNode>();
  const index = (node: TreeNode): void => {
    // A node that is used twice is printed twice; columns only point at sources, which stand in JOIN TREE whole.
    if (node.id !== undefined && !byId.has(node.id)) byId.set(node.id, node);
    for (const child of node.children) index(child);
  };
  index(root);
  const top = root.children[0];
  if (!top) return { columns: [], rows: [] };

  const valuesById = new Map<string, References>();
  const rowsById = new Map<string, References>();

  /** The references of column `at` of a query or union. */
  const valuesAt = (query: TreeNode, at: number): References => {
    const key = `${query.id}#${at}`;
    const known = valuesById.get(key);
    if (known) return known;
    valuesById.set(key, new Map());
    const found =
      query.kind === 'UNION'
        ? union(partsOf(query).map((part) => valuesAt(part, at)))
        : referencesOf(projections(query)[at]);
    valuesById.set(key, found);
    return found;
  };
  const valuesByName = (query: TreeNode, column: TreeNode): References => {
    const first = query.kind === 'UNION' ? partsOf(query)[0] : query;
    const name = property(column, 'column_name');
    const names = first ? (section(first, 'PROJECTION COLUMNS')?.children ?? []) : [];
    const exact = names.findIndex((each) => each.text === `${name} ${property(column, 'result_type')}`);
    const at = exact >= 0 ? exact : names.findIndex((each) => each.text.startsWith(`${name} `));
    return at < 0 ? new Map() : valuesAt(query, at);
  };

  const referencesOf = (node: TreeNode | undefined): References => {
    if (!node) return new Map();
    if (node.kind === 'QUERY' || node.kind === 'UNION') {
      const width = projections(node.kind === 'UNION' ? (partsOf(node)[0] ?? node) : node).length;
      return union([...Array.from({ length: width }, (_, at) => valuesAt(node, at)), rowsOf(node)]);
    }
    if (node.kind !== 'COLUMN') return union(node.children.map(referencesOf));
    // An array that is joined, or the two sides of USING.
    if (node.children.length > 0) return union(node.children.map(referencesOf));
    const source = byId.get(property(node, 'source_id'));
    if (!source) return new Map();
    if (source.kind === 'QUERY' || source.kind === 'UNION') return valuesByName(source, node);
    if (source.kind === 'ARRAY_JOIN') {
      const name = property(node, 'column_name');
      const joined = descendants(source).find(
        (each) =>
          each.kind === 'COLUMN' && each.children.length > 0 && property(each, 'column_name') === name,
      );
      return referencesOf(joined);
    }
    if (source.kind !== 'TABLE') return new Map();
    const ref = { table: property(source, 'table_name'), column: property(node, 'column_name') };
    return new Map([[`${ref.table}\n${ref.column}`, ref]]);
  };

  const rowsOf = (query: TreeNode): References => {
    const key = query.id ?? '';
    const known = rowsById.get(key);
    if (known) return known;
    rowsById.set(key, new Map());
    const found =
      query.kind === 'UNION'
        ? union([
            ...partsOf(query).map(rowsOf),
            // Which rows are distinct depends on all of their values.
            ...(property(query, 'union_mode').endsWith('_DISTINCT') ? partsOf(query).map(allValues) : []),
          ])
        : union([
            ...ROW_PARTS.map((name) => referencesOf(section(query, name))),
            ...(section(query, 'LIMIT') || section(query, 'OFFSET')
              ? [referencesOf(section(query, 'ORDER BY'))]
              : []),
            ...(/is_distinct: 1/.test(query.text) ? [allValues(query)] : []),
            rowsOfSources(section(query, 'JOIN TREE')),
          ]);
    rowsById.set(key, found);
    return found;
  };
  const allValues = (query: TreeNode): References =>
    union(projections(query).map((_, at) => valuesAt(query, at)));
  /** Conditions of joins, arrays that multiply rows, and what decides about the rows of subqueries. */
  const rowsOfSources = (node: TreeNode | undefined): References => {
    if (!node) return new Map();
    if (node.kind === 'QUERY' || node.kind === 'UNION') return rowsOf(node);
    const own =
      node.kind === 'JOIN'
        ? referencesOf(section(node, 'JOIN EXPRESSION'))
        : node.kind === 'ARRAY_JOIN'
          ? referencesOf(section(node, 'JOIN EXPRESSIONS'))
          : new Map<string, ColumnRef>();
    return union([own, ...node.children.map(rowsOfSources)]);
  };

  const first = top.kind === 'UNION' ? partsOf(top)[0] : top;
  const width = first ? projections(first).length : 0;
  return {
    columns: Array.from({ length: width }, (_, at) => [...valuesAt(top, at).values()]),
    rows: [...rowsOf(top).values()],
  };
}

type References = ReadonlyMap<string, ColumnRef>;

const union = (parts: readonly References[]): References => new Map(parts.flatMap((part) => [...part]));

/** Indentation of two blanks a level. */
function parseTree(lines: readonly string[]): TreeNode {
  const root: TreeNode = { text: '', kind: 'ROOT', id: undefined, children: [] };
  const path: TreeNode[] = [root];
  for (const line of lines) {
    const text = line.trimStart();
    if (text === '') continue;
    const depth = (line.length - text.length) / 2;
    const node: TreeNode = {
      text: text.trimEnd(),
      kind: /^([A-Z_]+) id: /.exec(text)?.[1] ?? '',
      id: /^[A-Z_]+ id: (\d+)/.exec(text)?.[1],
      children: [],
    };
    // A line of a constant's text that holds a line end lies outside the tree.
    const parent = path[depth];
    if (!parent) continue;
    parent.children.push(node);
    path.length = depth + 1;
    path.push(node);
  }
  return root;
}

const section = (node: TreeNode, name: string): TreeNode | undefined =>
  node.children.find((child) => child.text === name);
const listOf = (node: TreeNode | undefined): TreeNode[] => node?.children[0]?.children ?? [];
const projections = (query: TreeNode): TreeNode[] => listOf(section(query, 'PROJECTION'));
const partsOf = (union: TreeNode): TreeNode[] => listOf(section(union, 'QUERIES'));
const descendants = (node: TreeNode): TreeNode[] => [node, ...node.children.flatMap(descendants)];

/** A member of a node's line, such as `source_id: 3`; types and names may hold commas. */
function property(node: TreeNode, name: string): string {
  const match = new RegExp(`\\b${name}: (.*?)(?:, (?:[a-z_]+): |$)`).exec(node.text);
  return match?.[1] ?? '';
}
