import type { DerivedLineage } from '@rapport/sources';
import type { SourceManifest } from '@rapport/sources/contract';
import type { LineageEdge, LineageGraph, LineageImpact, LineageNode, TagDefinition } from './contract.ts';
import { dependenciesOf } from './plan.ts';
import { tagsProblems } from './tags.problems.ts';

/** Part of the graph that another module knows, such as audiences and what they are made of. */
export type LineageContributor = () => Promise<{
  readonly nodes: readonly LineageNode[];
  readonly edges: readonly LineageEdge[];
}>;

/** Roles whose map has no canonical home for other columns. */
const REST: Readonly<Record<string, string>> = {
  customer: 'attributes',
  account: 'attributes',
  holding: 'attributes',
  transaction: 'attributes',
  product: 'attributes',
  event: 'properties',
};
const CANONICAL: Readonly<Record<string, readonly string[]>> = {
  customer: [
    'customer_id',
    'kind',
    'gender',
    'birth_date',
    'opened_on',
    'org_unit',
    'rm',
    'risk_level',
    'city',
    'language',
    'name',
    'phone',
    'email',
  ],
  identity: ['customer_id', 'kind', 'value'],
  account: [
    'customer_id',
    'account_id',
    'kind',
    'opened_on',
    'closed_on',
    'currency',
    'balance_minor',
    'org_unit',
  ],
  holding: [
    'customer_id',
    'holding_id',
    'product_id',
    'kind',
    'since',
    'until',
    'amount_minor',
    'currency',
    'status',
  ],
  transaction: [
    'customer_id',
    'transaction_id',
    'account_id',
    'at',
    'amount_minor',
    'direction',
    'currency',
    'kind',
    'channel',
    'mcc',
    'counterparty',
    'balance_minor',
  ],
  event: ['customer_id', 'event_id', 'name', 'at'],
  product: ['product_id', 'name', 'kind', 'risk_level'],
  org_unit: ['code', 'parent', 'name', 'level'],
  consent: ['customer_id', 'channel', 'purpose', 'granted', 'at', 'evidence'],
};

/** A table of a manifest with the columns that its physical table really has. */
export interface SourceTable {
  readonly sourceId: string;
  readonly table: string;
  readonly columns: readonly string[];
}

/**
 * Source columns → canonical columns → tags. A column of a derived table depends on the columns its values are made
 * of, the table itself on those that decide about its rows, as the engine reads its SQL. Where the engine cannot read
 * it (nothing loaded yet), the table depends on every column its SQL names: more than the truth at times, never less.
 */
export function buildLineage(input: {
  readonly manifests: readonly SourceManifest[];
  /** Columns of derived tables, as far as they were loaded. */
  readonly derivedColumns: (sourceId: string, table: string) => readonly string[];
  /** What columns of a derived table are made of; `undefined` where the engine cannot tell. */
  readonly derivedLineage: (sourceId: string, table: string) => DerivedLineage | undefined;
  readonly tags: readonly TagDefinition[];
}): LineageGraph {
  const nodes = new Map<string, LineageNode>();
  const edges = new Map<string, LineageEdge>();
  const node = (kind: string, name: string, title: string): string => {
    const id = `${kind}:${name}`;
    if (!nodes.has(id)) nodes.set(id, { id, kind, title });
    return id;
  };
  const edge = (from: string, to: string): void => {
    if (from !== to) edges.set(`${from}\n${to}`, { from, to });
  };

  for (const manifest of input.manifests) {
    const source = manifest.source;
    const columnsOf = new Map<string, readonly string[]>();
    const columnNode = (table: string, column: string): string =>
      node('source_column', `${source}/${table}.${column}`, `${table}.${column}`);
    const declare = (table: string, columns: readonly string[]): void => {
      columnsOf.set(table, columns);
      const tableNode = node('source_table', `${source}/${table}`, `${source}/${table}`);
      for (const column of columns) edge(tableNode, columnNode(table, column));
    };
    for (const [name, table] of Object.entries(manifest.tables)) declare(name, Object.keys(table.columns));
    const derived = Object.entries(manifest.derived ?? {});
    // All are declared before any is looked into: a stored manifest does not keep the order of its tables.
    for (const [name] of derived) declare(name, input.derivedColumns(source, name));
    for (const [name, table] of derived) {
      const lineage = input.derivedLineage(source, name);
      if (lineage) {
        for (const { table: from, column } of lineage.rows)
          edge(columnNode(from, column), node('source_table', `${source}/${name}`, `${source}/${name}`));
        for (const [column, refs] of Object.entries(lineage.columns))
          for (const ref of refs) edge(columnNode(ref.table, ref.column), columnNode(name, column));
        continue;
      }
      const words = new Set(table.sql.match(/[\p{L}_][\p{L}\p{N}_]*/gu) ?? []);
      const tableNode = node('source_table', `${source}/${name}`, `${source}/${name}`);
      const readsAll = /\*/.test(table.sql.replaceAll(/count\(\s*\*\s*\)/gi, ''));
      for (const [other, columns] of columnsOf) {
        if (other === name || !words.has(other)) continue;
        for (const column of columns)
          if (readsAll || words.has(column)) edge(columnNode(other, column), tableNode);
      }
    }
    for (const [name, table] of [
      ...Object.entries(manifest.tables),
      ...Object.entries(manifest.derived ?? {}),
    ]) {
      const { role } = table;
      if (!role) continue;
      const mapped = new Set<string>();
      const canonical = (column: string): string =>
        node('canonical_column', `${role}.${column}`, `${role}.${column}`);
      for (const [target, entry] of Object.entries(table.map ?? {})) {
        const from = typeof entry === 'string' ? entry : 'from' in entry ? entry.from : undefined;
        if (from === undefined) continue;
        mapped.add(from);
        edge(columnNode(name, from), canonical(target));
      }
      for (const column of columnsOf.get(name) ?? []) {
        if (CANONICAL[role]?.includes(column)) edge(columnNode(name, column), canonical(column));
        else if (!mapped.has(column) && REST[role] !== undefined && keepsAttribute(table.attributes, column))
          edge(columnNode(name, column), canonical(`${REST[role]}.${column}`));
      }
    }
  }
  for (const tag of input.tags) {
    const tagNode = node('tag', tag.id, tag.title.en);
    const { tags, columns } = dependenciesOf(tag);
    for (const column of columns) edge(node('canonical_column', column, column), tagNode);
    if (tag.definition.kind === 'model')
      edge(node('model', tag.definition.modelId, tag.definition.modelId), tagNode);
    for (const other of tags) {
      const title = input.tags.find((candidate) => candidate.id === other)?.title.en ?? other;
      edge(node('tag', other, title), tagNode);
    }
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

const keepsAttribute = (
  attributes: 'all' | 'none' | readonly string[] | undefined,
  column: string,
): boolean =>
  attributes === undefined || attributes === 'all' || (attributes !== 'none' && attributes.includes(column));

/** Joins graphs; of nodes with one id the first stays. */
export function joinGraphs(
  graphs: readonly { nodes: readonly LineageNode[]; edges: readonly LineageEdge[] }[],
): LineageGraph {
  const nodes = new Map<string, LineageNode>();
  const edges = new Map<string, LineageEdge>();
  for (const graph of graphs) {
    for (const each of graph.nodes) if (!nodes.has(each.id)) nodes.set(each.id, each);
    for (const each of graph.edges) edges.set(`${each.from}\n${each.to}`, each);
  }
  for (const { from, to } of edges.values()) {
    for (const id of [from, to]) {
      if (!nodes.has(id)) {
        const [kind = '', title = id] = [id.slice(0, id.indexOf(':')), id.slice(id.indexOf(':') + 1)];
        nodes.set(id, { id, kind, title });
      }
    }
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

/** Only what lies above and below one node. @throws tags.unknown_node */
export function focusOn(graph: LineageGraph, focus: string): LineageGraph {
  const kept = new Set([focus, ...reach(graph, focus, 'up').keys(), ...reach(graph, focus, 'down').keys()]);
  if (!graph.nodes.some((each) => each.id === focus)) throw unknownNode(focus);
  return {
    nodes: graph.nodes.filter((each) => kept.has(each.id)),
    edges: graph.edges.filter((each) => kept.has(each.from) && kept.has(each.to)),
  };
}

/** Everything that depends on a node, nearest first. @throws tags.unknown_node */
export function impactOf(graph: LineageGraph, id: string): LineageImpact {
  const node = graph.nodes.find((each) => each.id === id);
  if (!node) throw unknownNode(id);
  const distances = reach(graph, id, 'down');
  return {
    node,
    dependants: graph.nodes
      .flatMap((each) => {
        const distance = distances.get(each.id);
        return distance === undefined || each.id === id ? [] : [{ ...each, distance }];
      })
      .toSorted((a, b) => a.distance - b.distance || (a.id < b.id ? -1 : 1)),
  };
}

/** Nodes that can be reached, with the number of steps. */
function reach(graph: LineageGraph, from: string, direction: 'up' | 'down'): Map<string, number> {
  const next = new Map<string, string[]>();
  for (const each of graph.edges) {
    const [start, end] = direction === 'down' ? [each.from, each.to] : [each.to, each.from];
    const ends = next.get(start);
    if (ends) ends.push(end);
    else next.set(start, [end]);
  }
  const distances = new Map<string, number>();
  let front = [from];
  for (let distance = 1; front.length > 0; distance++) {
    const reached: string[] = [];
    for (const id of front)
      for (const end of next.get(id) ?? [])
        if (!distances.has(end) && end !== from) {
          distances.set(end, distance);
          reached.push(end);
        }
    front = reached;
  }
  return distances;
}

const unknownNode = (id: string) =>
  tagsProblems.unknown_node({
    detail: `There is no node "${id}" in the lineage; nodes are named such as tag:gender.`,
  });
