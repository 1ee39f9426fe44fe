import type { WarehouseTable } from './ports.ts';
import { createTableSql, quoteIdentifier } from './warehouse.ts';

/** What of a cluster decides how its tables are made. */
export interface ClusterShape {
  /** Name in the servers' `remote_servers`. */
  readonly cluster: string;
  /** Database that every name is read in. */
  readonly database: string;
  /** Database of the parts that lie on each node. */
  readonly shardDatabase: string;
  /** Whether a shard has more than one replica. */
  readonly isReplicated: boolean;
  /** Customers in a row that stay together on one shard. */
  readonly block: number;
}

/** One statement and the database that its names without one are looked up in. */
export interface Statement {
  readonly database: string;
  readonly sql: string;
}

/**
 * Statements that make a table on a node. Rows lie in the shard database under the table's own name, so that a
 * statement over one node's customers is the same text run there; the plain name is a `Distributed` table over all
 * nodes. A copy lies under the plain name, and the shard database has a view of it.
 *
 * Customers are shared out by blocks of numbers: a container of a roaring bitmap holds 65,536 numbers, and those of a
 * block of that size or a multiple lie whole on one shard, so that bitmaps are as small on many nodes as on one.
 */
export function tableStatements(shape: ClusterShape, table: WarehouseTable): Statement[] {
  const { database, shardDatabase } = shape;
  const name = quoteIdentifier(table.name);
  const made = {
    ...table,
    engine: engineOf(shape, table),
    ...(table.spread === 'copy' ? { comment: 'copy' } : {}),
  };
  if (table.spread === 'copy') {
    return [
      { database, sql: createTableSql(made) },
      {
        database: shardDatabase,
        sql: viewSql(table.name, `SELECT * FROM ${quoteIdentifier(database)}.${name}`, table.ifNotExists),
      },
    ];
  }
  return [
    { database: shardDatabase, sql: createTableSql(made) },
    { database, sql: distributedSql(shape, table.name, table.spread, table.ifNotExists) },
  ];
}

/** Statements that make a view on a node: over the customers of each, or over all. */
export function viewStatements(
  shape: ClusterShape,
  view: string,
  select: string,
  spread: 'cid' | 'any' | undefined,
): Statement[] {
  if (spread === undefined) return [{ database: shape.database, sql: viewSql(view, select) }];
  return [
    { database: shape.shardDatabase, sql: viewSql(view, select) },
    { database: shape.database, sql: distributedSql(shape, view, spread) },
  ];
}

export function dropStatements(shape: ClusterShape, name: string): Statement[] {
  const sql = `DROP TABLE IF EXISTS ${quoteIdentifier(name)}${shape.isReplicated ? ' SYNC' : ''}`;
  return [
    { database: shape.database, sql },
    { database: shape.shardDatabase, sql },
  ];
}

/** The same statement for all nodes at once, by the cluster's own queue of such statements. */
export function onCluster(shape: ClusterShape, { database, sql }: Statement): string {
  const placed = /^((?:CREATE|DROP) (?:TABLE|VIEW) (?:IF (?:NOT )?EXISTS )?)(`\w+`)/.exec(sql);
  if (!placed) return sql;
  const [whole, verb, name] = placed;
  return `${verb}${quoteIdentifier(database)}.${name} ON CLUSTER ${quoteIdentifier(shape.cluster)}${sql.slice(whole.length)}`;
}

const viewSql = (view: string, select: string, ifNotExists = false): string =>
  `CREATE VIEW ${ifNotExists ? 'IF NOT EXISTS ' : ''}${quoteIdentifier(view)} AS ${select}`;

/** Columns are those of the parts, asked of a node. */
function distributedSql(
  shape: ClusterShape,
  name: string,
  spread: 'cid' | 'any',
  ifNotExists = false,
): string {
  // Rows of no customer are dealt out one by one; the same block is dealt out the same way when it is sent again.
  const key = spread === 'cid' ? `intDiv(cid, ${shape.block})` : 'rowNumberInBlock()';
  return `CREATE TABLE ${ifNotExists ? 'IF NOT EXISTS ' : ''}${quoteIdentifier(name)} ENGINE = Distributed(${[shape.cluster, shape.shardDatabase, name].map(quoteIdentifier).join(', ')}, ${key}) COMMENT '${spread}'`;
}

/**
 * The engine of a table's parts. With replicas it is the replicated one: parts of a shard are kept by its replicas, a
 * copy by all nodes of all shards.
 *
 * @source ClickHouse documentation, Data replication: macros {shard} and {replica} of each server
 */
function engineOf(shape: ClusterShape, table: WarehouseTable): string {
  const engine = table.engine ?? 'MergeTree';
  if (!shape.isReplicated || !/MergeTree\b/.test(engine)) return engine;
  const [, name = '', rest = ''] = /^(\w+)\s*(?:\((.*)\))?$/s.exec(engine) ?? [];
  const isCopy = table.spread === 'copy';
  const path = `/clickhouse/tables/${isCopy ? 'all' : '{shard}'}/${shape.database}/${table.name}`;
  const replica = isCopy ? '{shard}-{replica}' : '{replica}';
  const own = rest.trim() === '' ? '' : `, ${rest}`;
  return `Replicated${name}('${path}', '${replica}'${own})`;
}
