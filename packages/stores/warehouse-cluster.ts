import { type Log, Problem } from '@rapport/kernel';
import { Type } from 'typebox';
import { ulid } from 'ulid';
import {
  type ClusterShape,
  dropStatements,
  onCluster,
  type Statement,
  tableStatements,
  viewStatements,
} from './cluster-sql.ts';
import type { Warehouse, WarehouseTable } from './ports.ts';
import { storesProblems } from './problems.ts';
import { createWarehouse, type Ping, quoteIdentifier } from './warehouse.ts';

export interface ClusterTarget {
  /** Addresses of all nodes, or of one that speaks for all (then the servers need Keeper, for `ON CLUSTER`). */
  readonly urls: readonly string[];
  readonly username: string;
  readonly password: string;
  readonly database: string;
  /** Name in the servers' `remote_servers`. */
  readonly cluster: string;
  /** Customers in a row that stay together on one shard; fixed once tables exist. @default 65,536 */
  readonly block?: number;
}

/** As many as a container of a roaring bitmap holds. */
const BLOCK = 65_536;
const DEDUPE_WINDOW = 1000;
/** A node that is down is another's turn, or a clear refusal, after this long. */
const RECOVERY_MS = 3_000;

/** Complete or refused, never partial; written on every node before it is acknowledged. */
const SETTINGS = {
  skip_unavailable_shards: 0,
  distributed_foreground_insert: 1,
  // Rows go where their key says, also from one distributed table to another.
  parallel_distributed_insert_select: 0,
  // Where a joined table or a set of an IN lies on many nodes, it is made once and sent to all.
  distributed_product_mode: 'global',
  optimize_skip_unused_shards: 1,
  optimize_distributed_group_by_sharding_key: 1,
  // The same replica answers what it was told, as long as it lives; later ones may lag behind.
  load_balancing: 'in_order',
} as const;

/** With replicas: an insert counts when most of a shard's have it, and stale ones do not answer. */
const REPLICATED_SETTINGS = {
  insert_quorum: 'auto',
  fallback_to_stale_replicas_for_distributed_queries: 0,
} as const;

/**
 * ClickHouse 26 cannot plan a set that is a UNION of distributed tables in the mode `global` (“Invalid local IN function name globalIn”); then every
 * node asks all others for it, which costs more and answers the same.
 */
const FALLBACK = {
  fits: (message: string): boolean => message.includes('globalIn'),
  settings: { distributed_product_mode: 'allow' },
} as const;

interface Node {
  readonly url: string;
  readonly all: Warehouse & Ping;
  /** The same node, seen from its own part of the data. */
  readonly part: Warehouse & Ping;
}

const Host = Type.Object({ shard: Type.Integer(), replica: Type.Integer(), isLocal: Type.Boolean() });
const Commented = Type.Object({ name: Type.String(), comment: Type.String() });

/**
 * A ClickHouse cluster behind the same port as one node. Tables are made on all nodes; a name reads all of them.
 * What is told about spreads by `createTable` is kept in the comments of the tables, so that every process knows it.
 */
export function createClusterWarehouse(target: ClusterTarget, log: Log): Warehouse & Ping {
  const shardDatabase = `${target.database}_shard`;
  const nodeAt = (url: string, database: string): Warehouse & Ping =>
    createWarehouse(
      {
        url,
        username: target.username,
        password: target.password,
        database,
        readsLocalFiles: false,
        settings: SETTINGS,
        fallback: FALLBACK,
        recoveryMs: RECOVERY_MS,
      },
      log,
    );
  let nodes: Node[] = target.urls.map((url) => ({
    url,
    all: nodeAt(url, target.database),
    part: nodeAt(url, shardDatabase),
  }));
  let shape: ClusterShape = {
    cluster: target.cluster,
    database: target.database,
    shardDatabase,
    isReplicated: false,
    block: target.block ?? BLOCK,
  };
  let shards = 0;
  /** One node of each shard; absent when not every shard has an address. */
  let shardNodes: readonly Node[] | undefined;
  const copies = new Map<string, boolean>();
  const dedupingTables = new Set<string>();
  let turn = 0;
  let settings: Readonly<Record<string, string | number>> = {};

  const first = (): Node => {
    const [node] = nodes;
    if (!node) throw storesProblems.engine_down({ detail: 'The cluster has no address.' });
    return node;
  };

  /** A node's turn; another's when it does not answer and the statement never reached it. */
  const onOne = async <Result>(work: (node: Node) => Promise<Result>): Promise<Result> => {
    const start = turn++;
    let down: unknown;
    for (let tried = 0; tried < nodes.length; tried++) {
      const node = nodes[(start + tried) % nodes.length] ?? first();
      try {
        return await work(node);
      } catch (error) {
        if (!(error instanceof Problem) || error.code !== 'stores.engine_down') throw error;
        down = error;
        log.warn({ err: error, node: node.url }, 'a node of the warehouse does not answer');
      }
    }
    throw down;
  };

  /** The same on every node, one statement after the other. */
  const define = async (statements: readonly Statement[]): Promise<void> => {
    if (nodes.length === 1 && shards > 1) {
      for (const each of statements) await first().all.command(onCluster(shape, each));
      return;
    }
    for (const { database, sql } of statements) {
      await Promise.all(
        nodes.map((node) => (database === shardDatabase ? node.part : node.all).command(sql)),
      );
    }
  };

  const isCopy = async (table: string): Promise<boolean> => {
    const known = copies.get(table);
    if (known !== undefined) return known;
    const rows = await first().all.query(
      Commented,
      'SELECT name, comment FROM system.tables WHERE database = currentDatabase() AND name = {table:String}',
      { table },
    );
    const found = rows.some(({ comment }) => comment === 'copy');
    if (rows.length > 0) copies.set(table, found);
    return found;
  };

  /** Whether rows for `table` must be given to every shard; replicas of a copy pass them on by themselves. */
  const needsCopies = async (table: string): Promise<boolean> =>
    shards > 1 && !shape.isReplicated && (await isCopy(table));

  const intoShard = (table: string): string =>
    `FUNCTION cluster(${[shape.cluster, shape.database, table].map(quoteIdentifier).join(', ')})`;

  const eachShard = async (work: (shard: number) => Promise<void>): Promise<void> => {
    for (let shard = 1; shard <= shards; shard++) await work(shard);
  };

  /** Rows that a SELECT answers, once, are kept aside and then given to every shard, so that all copies are equal. */
  const insertSelectCopies = async (
    node: Node,
    insert: InsertTarget,
    run: (sql: string) => Promise<void>,
  ): Promise<void> => {
    const aside = `aside_${ulid().toLowerCase()}`;
    const placed = `${quoteIdentifier(shardDatabase)}.${quoteIdentifier(aside)}`;
    await node.part.command(
      `CREATE TABLE ${placed} AS ${quoteIdentifier(target.database)}.${quoteIdentifier(insert.table)}`,
    );
    try {
      await run(`INSERT INTO ${placed} ${insert.rest}`);
      await eachShard((shard) =>
        node.all.command(
          `INSERT INTO ${intoShard(insert.table)} SELECT * FROM ${placed}`,
          {},
          {
            maxSeconds: 3_600,
            settings: { insert_shard_id: shard },
          },
        ),
      );
    } finally {
      await node.part.command(`DROP TABLE IF EXISTS ${placed}`).catch(() => undefined);
    }
  };

  const command: Warehouse['command'] = async (sql, params, options = {}) => {
    const { perCustomer, ...rest } = options;
    const given = { ...rest, settings: { ...settings, ...rest.settings } };
    if (perCustomer && shardNodes) {
      await Promise.all(shardNodes.map((node) => node.part.command(sql, params, given)));
      return;
    }
    const insert = insertTarget(sql);
    if (insert && (await needsCopies(insert.table))) {
      const node = first();
      await insertSelectCopies(node, insert, (text) => node.all.command(text, params, given));
      return;
    }
    const added = /^\s*ALTER\s+TABLE\s+`?(\w+)`?\s+ADD\s+COLUMN\s+IF\s+NOT\s+EXISTS\s/i.exec(sql)?.[1];
    if (added !== undefined) {
      // The parts first: the table over them must not ask for a column that they lack.
      if (!(await isCopy(added)))
        await Promise.all(nodes.map((node) => node.part.command(sql, params, given)));
      await Promise.all(nodes.map((node) => node.all.command(sql, params, given)));
      return;
    }
    const refused = /^\s*(CREATE|ALTER|DROP|RENAME|EXCHANGE|TRUNCATE|OPTIMIZE|DELETE|UPDATE)\b/i.exec(sql);
    if (refused) {
      throw storesProblems.query_failed({
        detail: `${refused[1]} would reach one node of the cluster only. Tables are made by createTable, createView and drop: ${sql.slice(0, 200)}`,
      });
    }
    await onOne((node) => node.all.command(sql, params, given));
  };

  const rememberTokens = async (table: string): Promise<void> => {
    if (dedupingTables.has(table)) return;
    const isPlain = await isCopy(table);
    if (!shape.isReplicated) {
      await Promise.all(
        nodes.map((node) =>
          (isPlain ? node.all : node.part).command(
            `ALTER TABLE ${quoteIdentifier(table)} MODIFY SETTING non_replicated_deduplication_window = ${DEDUPE_WINDOW}`,
          ),
        ),
      );
    }
    dedupingTables.add(table);
  };

  return {
    name: 'warehouse',
    readsLocalFiles: false,
    identifier: quoteIdentifier,
    async start() {
      await Promise.all(nodes.map(startNode));
      const known = await Promise.all(
        nodes.map(async (node) => ({
          node,
          hosts: await node.all.query(
            Host,
            'SELECT shard_num AS shard, replica_num AS replica, toBool(is_local) AS isLocal FROM system.clusters WHERE cluster = {cluster:String} ORDER BY shard, replica',
            { cluster: target.cluster },
          ),
        })),
      );
      const hosts = checkHosts(target, known);
      shards = new Set(hosts.map(({ shard }) => shard)).size;
      shape = { ...shape, isReplicated: hosts.length > shards };
      if (nodes.length === 1 && shards > 1 && !shape.isReplicated) {
        throw storesProblems.engine_down({
          detail: `The cluster "${target.cluster}" has ${shards} shards without replicas. Give the address of every node.`,
        });
      }
      settings = shape.isReplicated ? REPLICATED_SETTINGS : {};
      const byShard = new Map<number, Node>();
      // Nodes in the order of the cluster, so that every process begins with the same ones.
      const placed = known
        .map(({ node, hosts: seen }) => ({ node, host: seen.find(({ isLocal }) => isLocal) }))
        .toSorted(
          (a, b) =>
            (a.host?.shard ?? 0) - (b.host?.shard ?? 0) || (a.host?.replica ?? 0) - (b.host?.replica ?? 0),
        );
      for (const { node, host } of placed) {
        if (host && !byShard.has(host.shard)) byShard.set(host.shard, node);
      }
      nodes = placed.map(({ node }) => node);
      shardNodes = byShard.size === shards ? [...byShard.values()] : undefined;
      await checkPlaces(placed, shards);
      await checkBlock(first().all, shape);
    },
    async stop() {
      await Promise.all(nodes.flatMap(({ all, part }) => [all.stop(), part.stop()]));
    },
    async ping() {
      await Promise.all(nodes.map(({ all }) => all.ping()));
      await first().all.command(
        `SELECT count() FROM cluster(${quoteIdentifier(target.cluster)}, system.one)`,
        {},
        { maxSeconds: 5 },
      );
    },

    async createTable(table: WarehouseTable) {
      await define(tableStatements(shape, table));
      copies.set(table.name, table.spread === 'copy');
    },
    createView: (view, select, options) => define(viewStatements(shape, view, select, options?.spread)),
    async drop(...names) {
      for (const each of names) {
        await define(dropStatements(shape, each));
        copies.delete(each);
        dedupingTables.delete(each);
      }
    },

    command,
    query: (row, sql, params, options) => onOne((node) => node.all.query(row, sql, params, options)),
    queryCids: (sql, params, options) => onOne((node) => node.all.queryCids(sql, params, options)),
    queryBytes: (sql, params, options) => onOne((node) => node.all.queryBytes(sql, params, options)),
    async *stream(row, sql, params, options) {
      const node = nodes[turn++ % nodes.length] ?? first();
      yield* node.all.stream(row, sql, params, options);
    },

    async insert(table, rows, options) {
      if (options?.dedupeToken !== undefined) await rememberTokens(table);
      if (await needsCopies(table)) {
        // A copy is whole under its plain name on every node.
        for (const node of nodes) await node.all.insert(table, rows, options);
        return;
      }
      await onOne((node) => node.all.insert(table, rows, options));
    },

    async insertStream(sql, bytes, options) {
      const insert = insertTarget(sql);
      if (insert && (await needsCopies(insert.table))) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of bytes) chunks.push(chunk);
        const again = async function* (): AsyncIterable<Uint8Array> {
          yield* chunks;
        };
        for (const node of nodes) await node.all.insertStream(sql, again(), options);
        return;
      }
      await onOne((node) => node.all.insertStream(sql, bytes, options));
    },
  };
}

async function startNode(node: Node): Promise<void> {
  await node.all.start();
  await node.part.start();
}

interface InsertTarget {
  readonly table: string;
  /** What follows the name. */
  readonly rest: string;
}

/** The table of `INSERT INTO name …`, when it is written without a database. */
export function insertTarget(sql: string): InsertTarget | undefined {
  const found = /^\s*INSERT\s+INTO\s+(?:TABLE\s+)?(?!FUNCTION\b)(?:`(\w+)`|(\w+))(?![\w.]|\s*\.)/i.exec(sql);
  const table = found?.[1] ?? found?.[2];
  return found && table !== undefined ? { table, rest: sql.slice(found[0].length) } : undefined;
}

interface KnownHost {
  readonly shard: number;
  readonly replica: number;
  readonly isLocal: boolean;
}

/** Whether all nodes know the same cluster and enough of them can be reached. */
function checkHosts(
  target: ClusterTarget,
  known: readonly { readonly node: Node; readonly hosts: readonly KnownHost[] }[],
): readonly KnownHost[] {
  const [firstKnown] = known;
  for (const { node, hosts } of known) {
    if (hosts.length === 0) {
      throw storesProblems.engine_down({
        detail: `${node.url} knows no cluster "${target.cluster}". Name one of its remote_servers, the same on all nodes.`,
      });
    }
    if (hosts.length !== firstKnown?.hosts.length) {
      throw storesProblems.engine_down({
        detail: `${node.url} counts ${hosts.length} nodes in the cluster "${target.cluster}", ${firstKnown?.node.url} ${firstKnown?.hosts.length}. Give all nodes the same remote_servers.`,
      });
    }
  }
  const hosts = firstKnown?.hosts ?? [];
  if (target.urls.length !== 1 && target.urls.length !== hosts.length) {
    throw storesProblems.engine_down({
      detail: `${target.urls.length} addresses are given and the cluster "${target.cluster}" has ${hosts.length} nodes. Give the address of every node, or a single one where the nodes share a Keeper.`,
    });
  }
  return hosts;
}

const Place = Type.Object({ shard: Type.Integer(), shards: Type.Integer() });

/**
 * Rows lie where their key said when they came: with another number of shards, or the shards in another order, it would
 * be asked for elsewhere, and answers would lack it. So each node keeps which of how many it is.
 */
async function checkPlaces(
  placed: readonly { readonly node: Node; readonly host: KnownHost | undefined }[],
  shards: number,
): Promise<void> {
  for (const { node, host } of placed) {
    const made = await node.all.query(
      Type.Object({ name: Type.String() }),
      "SELECT name FROM system.tables WHERE database = currentDatabase() AND name = 'cluster_place'",
    );
    if (made.length === 0) continue;
    const [was] = await node.all.query(Place, 'SELECT shard, shards FROM cluster_place');
    if (!was) continue;
    const hasMoved = host !== undefined && was.shard !== 0 && was.shard !== host.shard;
    if (was.shards !== shards || hasMoved) {
      throw storesProblems.engine_down({
        detail: `${node.url} holds shard ${was.shard} of ${was.shards}, remote_servers make it shard ${host?.shard ?? '?'} of ${shards}: rows would be looked for where they are not. Give the shards back their number and order, or share the data out anew (docs/scale.md).`,
      });
    }
  }
  await Promise.all(
    placed.map(({ node, host }) =>
      node.all.command(
        `CREATE VIEW IF NOT EXISTS cluster_place AS SELECT toUInt32(${host?.shard ?? 0}) AS shard, toUInt32(${shards}) AS shards`,
      ),
    ),
  );
}

const Keys = Type.Object({ name: Type.String(), key: Type.String() });

/** Tables of another block do not lie beside each other: joins on one node would miss rows. */
async function checkBlock(warehouse: Warehouse, shape: ClusterShape): Promise<void> {
  const [other] = await warehouse.query(
    Keys,
    "SELECT name, extract(engine_full, 'intDiv\\\\(cid, (\\\\d+)\\\\)') AS key FROM system.tables WHERE database = currentDatabase() AND engine = 'Distributed' AND comment = 'cid' AND key != {block:String} LIMIT 1",
    { block: String(shape.block) },
  );
  if (other) {
    throw storesProblems.engine_down({
      detail: `Tables of this cluster keep ${other.key} customers in a row together (${other.name}), the settings say ${shape.block}. Keep it, or load into another database.`,
    });
  }
}
