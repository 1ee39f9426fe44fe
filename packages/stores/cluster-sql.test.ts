import { describe, expect, it } from 'vitest';
import {
  type ClusterShape,
  dropStatements,
  onCluster,
  tableStatements,
  viewStatements,
} from './cluster-sql.ts';
import type { WarehouseTable } from './ports.ts';
import { insertTarget } from './warehouse-cluster.ts';

const SHARDS: ClusterShape = {
  cluster: 'bank',
  database: 'rapport',
  shardDatabase: 'rapport_shard',
  isReplicated: false,
  block: 65_536,
};
const REPLICAS: ClusterShape = { ...SHARDS, isReplicated: true };
const EVENT: WarehouseTable = {
  name: 'event__1',
  columns: 'cid UInt32, name String',
  orderBy: 'cid, name',
  engine: 'ReplacingMergeTree(inserted_at)',
  settings: 'index_granularity = 1024',
  spread: 'cid',
};
const text = (shape: ClusterShape, table: WarehouseTable): string[] =>
  tableStatements(shape, table).map(({ database, sql }) => `${database}: ${sql}`);

describe('tables of a cluster', () => {
  it('keep the parts under the same name in the database of the node', () => {
    expect(text(SHARDS, EVENT)).toEqual([
      'rapport_shard: CREATE TABLE `event__1` (cid UInt32, name String) ENGINE = ReplacingMergeTree(inserted_at) ORDER BY (cid, name) SETTINGS index_granularity = 1024',
      "rapport: CREATE TABLE `event__1` ENGINE = Distributed(`bank`, `rapport_shard`, `event__1`, intDiv(cid, 65536)) COMMENT 'cid'",
    ]);
  });

  it('deal rows of no customer out one by one, and copy small tables to every node', () => {
    expect(text(SHARDS, { name: 't', columns: 'a String', orderBy: 'a', spread: 'any' })[1]).toContain(
      'rowNumberInBlock()',
    );
    expect(
      text(SHARDS, { name: 'p', columns: 'a String', orderBy: 'a', spread: 'copy', ifNotExists: true }),
    ).toEqual([
      "rapport: CREATE TABLE IF NOT EXISTS `p` (a String) ENGINE = MergeTree ORDER BY (a) COMMENT 'copy'",
      'rapport_shard: CREATE VIEW IF NOT EXISTS `p` AS SELECT * FROM `rapport`.`p`',
    ]);
  });

  it('are replicated by shard, and copies over all nodes, where the cluster has replicas', () => {
    expect(text(REPLICAS, EVENT)[0]).toContain(
      "ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/rapport/event__1', '{replica}', inserted_at) ORDER BY",
    );
    expect(text(REPLICAS, { name: 'p', columns: 'a String', orderBy: 'a', spread: 'copy' })[0]).toContain(
      "ENGINE = ReplicatedMergeTree('/clickhouse/tables/all/rapport/p', '{shard}-{replica}') ORDER BY",
    );
    expect(
      text(REPLICAS, { name: 'm', columns: 'a String', orderBy: 'a', engine: 'Memory', spread: 'any' })[0],
    ).toContain('ENGINE = Memory');
    expect(dropStatements(REPLICAS, 'p').map(({ sql }) => sql)).toEqual([
      'DROP TABLE IF EXISTS `p` SYNC',
      'DROP TABLE IF EXISTS `p` SYNC',
    ]);
  });

  it('are made on all nodes by one of them through the queue of the cluster', () => {
    expect(tableStatements(REPLICAS, EVENT).map((each) => onCluster(REPLICAS, each).slice(0, 62))).toEqual(
      [
        'CREATE TABLE `rapport_shard`.`event__1` ON CLUSTER `bank` (cid ',
        'CREATE TABLE `rapport`.`event__1` ON CLUSTER `bank` ENGINE = Dis',
      ].map((each) => each.slice(0, 62)),
    );
    expect(dropStatements(REPLICAS, 'p').map((each) => onCluster(REPLICAS, each))).toEqual([
      'DROP TABLE IF EXISTS `rapport`.`p` ON CLUSTER `bank` SYNC',
      'DROP TABLE IF EXISTS `rapport_shard`.`p` ON CLUSTER `bank` SYNC',
    ]);
  });

  it('have views that each node answers for its own, or one for all', () => {
    expect(viewStatements(SHARDS, 'v', 'SELECT cid FROM a', 'cid')).toEqual([
      { database: 'rapport_shard', sql: 'CREATE VIEW `v` AS SELECT cid FROM a' },
      {
        database: 'rapport',
        sql: "CREATE TABLE `v` ENGINE = Distributed(`bank`, `rapport_shard`, `v`, intDiv(cid, 65536)) COMMENT 'cid'",
      },
    ]);
    expect(viewStatements(SHARDS, 'v', 'SELECT 1', undefined)).toEqual([
      { database: 'rapport', sql: 'CREATE VIEW `v` AS SELECT 1' },
    ]);
  });

  it('are found in inserts that name them without a database', () => {
    expect(insertTarget('INSERT INTO `a1` (x) SELECT 1')).toEqual({ table: 'a1', rest: ' (x) SELECT 1' });
    expect(insertTarget('insert into a1 format CSV')).toEqual({ table: 'a1', rest: ' format CSV' });
    for (const other of [
      'INSERT INTO `b`.`a1` SELECT 1',
      'INSERT INTO b.a1 SELECT 1',
      "INSERT INTO FUNCTION file('x') SELECT 1",
      'SELECT 1',
    ])
      expect(insertTarget(other)).toBeUndefined();
  });
});
