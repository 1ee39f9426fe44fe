import { silentLog, systemClock } from '@rapport/kernel';
import { cidSetOf, createStores, type StartedStores, type Warehouse } from '@rapport/stores';
import { makeTestHome, removeTestHome, testStoresConfig } from '@rapport/stores/testing';
import { warehouseConformance } from '@rapport/stores/warehouse.conformance';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClickHouseCluster, startClickHouseCluster } from './clickhouse-cluster.ts';

const Count = Type.Object({ n: Type.Integer() });

describe.runIf(process.env.RAPPORT_TEST_CLICKHOUSE_CLUSTER === '1')('a ClickHouse cluster by URL', () => {
  let cluster: ClickHouseCluster;
  let home: string;
  const opened: StartedStores[] = [];
  /** The same stores as ever, but for the address of the warehouse. */
  const openNode = async (index: number): Promise<Warehouse> => {
    const stores = await createStores({
      ...(await testStoresConfig(`${home}${index}`)),
      log: silentLog,
      clock: systemClock,
      warehouse: { url: cluster.nodes[index]?.url ?? '', user: cluster.user, password: cluster.password },
    });
    opened.push(stores);
    await stores.start();
    return stores.warehouse;
  };
  beforeAll(async () => {
    home = await makeTestHome();
    cluster = await startClickHouseCluster(3);
  });
  afterAll(async () => {
    for (const stores of opened) await stores.stop();
    await cluster?.stop();
    for (const suffix of ['', '0', '1', '2']) await removeTestHome(`${home}${suffix}`);
  });

  it('spreads rows over shards and answers sets of customers from all of them', async () => {
    const nodes = [await openNode(0), await openNode(1), await openNode(2)];
    for (const node of nodes)
      await node.command(
        'CREATE TABLE event_local (cid UInt32, name String) ENGINE = MergeTree ORDER BY cid',
      );
    const [first, second] = nodes;
    if (!first || !second) throw new Error('no nodes');
    await first.command(
      `CREATE TABLE event AS event_local ENGINE = Distributed(${cluster.cluster}, rapport, event_local, intHash32(cid))`,
    );
    await first.command(
      "INSERT INTO event SELECT number, if(number % 3 = 0, 'login', 'view') FROM numbers(300000) SETTINGS distributed_foreground_insert = 1",
    );
    const shares = await Promise.all(
      nodes.map(async (node) => (await node.query(Count, 'SELECT count() AS n FROM event_local'))[0]?.n ?? 0),
    );
    expect(shares.reduce((sum, n) => sum + n, 0)).toBe(300_000);
    for (const share of shares) expect(share).toBeGreaterThan(90_000);
    const set = await first.queryCids('SELECT groupBitmapState(cid) FROM event WHERE name = {name:String}', {
      name: 'login',
    });
    expect(set.andNot(cidSetOf(Array.from({ length: 100_000 }, (_, index) => index * 3))).size).toBe(0);
    expect(set.size).toBe(100_000);
  });
});

/** One server by its address, and three that share the customers out: the same port, the same suite. */
const SIZES = process.env.RAPPORT_TEST_CLICKHOUSE_CLUSTER === '1' ? [1, 3] : [];
for (const size of SIZES) {
  let cluster: ClickHouseCluster | undefined;
  let stores: StartedStores | undefined;
  let home = '';
  warehouseConformance(
    size === 1 ? 'a ClickHouse server by URL' : `a ClickHouse cluster of ${size}`,
    async () => {
      home = await makeTestHome();
      cluster = await startClickHouseCluster(size);
      const { user, password, nodes } = cluster;
      const urls = nodes.map(({ url }) => url);
      const address =
        size === 1 ? { url: urls[0] ?? '' } : { cluster: { name: cluster.cluster, urls, block: 64 } };
      const warehouse = { ...address, user, password };
      stores = await createStores({ ...(await testStoresConfig(home)), warehouse });
      await stores.start();
      return stores.warehouse;
    },
    async () => {
      await stores?.stop();
      await cluster?.stop();
      await removeTestHome(home);
    },
  );
}

describe.runIf(SIZES.length > 0)('a cluster whose shards are not those of its data', () => {
  it('is refused, and named, and taken again as it was', async () => {
    const home = await makeTestHome();
    const cluster = await startClickHouseCluster(2);
    const opened: StartedStores[] = [];
    const open = async (): Promise<StartedStores> => {
      const { user, password, nodes } = cluster;
      const place = { name: cluster.cluster, urls: nodes.map(({ url }) => url) };
      const stores = await createStores({
        ...(await testStoresConfig(`${home}${opened.length}`)),
        warehouse: { cluster: place, user, password },
      });
      opened.push(stores);
      await stores.start();
      return stores;
    };
    const remember = async (shard: number, shards: number): Promise<void> => {
      const [, second] = cluster.nodes;
      const account = new URLSearchParams({ user: cluster.user, password: cluster.password });
      const answer = await fetch(`${second?.url}/?${account}`, {
        method: 'POST',
        body: `CREATE OR REPLACE VIEW rapport.cluster_place AS SELECT toUInt32(${shard}) AS shard, toUInt32(${shards}) AS shards`,
      });
      expect(await answer.text()).toBe('');
    };
    try {
      await (await open()).stop();
      await (await open()).stop();
      await remember(2, 1);
      await expect(open()).rejects.toMatchObject({
        code: 'stores.engine_down',
        message: expect.stringMatching(/holds shard 2 of 1, remote_servers make it shard 2 of 2/),
      });
      await remember(1, 2);
      await expect(open()).rejects.toMatchObject({
        message: expect.stringMatching(/holds shard 1 of 2, remote_servers make it shard 2 of 2/),
      });
      await remember(2, 2);
      await (await open()).stop();
    } finally {
      for (const stores of opened) await stores.stop().catch(() => undefined);
      await cluster.stop();
      for (const [index] of opened.entries()) await removeTestHome(`${home}${index}`);
      await removeTestHome(home);
    }
  });
});

describe('the cluster tests', () => {
  it('run when RAPPORT_TEST_CLICKHOUSE_CLUSTER is 1', () => undefined);
});
