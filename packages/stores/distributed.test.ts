import { randomUUID } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { silentLog } from '@rapport/kernel';
import { Redis } from 'ioredis';
import { afterAll, describe, it } from 'vitest';
import { keyValueConformance } from './key-value.conformance.ts';
import { createRedisKeyValue } from './key-value.redis.ts';
import { relationalConformance } from './relational.conformance.ts';
import { createRelational } from './relational.ts';
import { streamConformance } from './stream.conformance.ts';
import { createNatsStream } from './stream.nats.ts';
import { warehouseConformance } from './warehouse.conformance.ts';
import { createWarehouse } from './warehouse.ts';

const {
  RAPPORT_TEST_POSTGRES_URL,
  RAPPORT_TEST_CLICKHOUSE_URL,
  RAPPORT_TEST_REDIS_URL,
  RAPPORT_TEST_NATS_URL,
} = process.env;

describe('engines by URL', () => {
  it('are those whose RAPPORT_TEST_…_URL is set', () => undefined);
});

if (RAPPORT_TEST_POSTGRES_URL !== undefined) {
  const relational = createRelational({ pool: { connectionString: RAPPORT_TEST_POSTGRES_URL } }, silentLog);
  relationalConformance(
    'PostgreSQL by URL',
    async () => relational.start().then(() => relational),
    () => relational.stop(),
  );
}

if (RAPPORT_TEST_CLICKHOUSE_URL !== undefined) {
  const { username, password } = new URL(RAPPORT_TEST_CLICKHOUSE_URL);
  const database = `conformance_${randomUUID().replaceAll('-', '')}`;
  const warehouse = createWarehouse(
    {
      url: RAPPORT_TEST_CLICKHOUSE_URL,
      username: username || 'default',
      password,
      database,
      readsLocalFiles: false,
    },
    silentLog,
  );
  warehouseConformance(
    'ClickHouse by URL',
    async () => warehouse.start().then(() => warehouse),
    async () => {
      await warehouse.command(`DROP DATABASE ${database}`);
      await warehouse.stop();
    },
  );
}

const prefix = `test-${randomUUID().slice(0, 8)}`;
if (RAPPORT_TEST_REDIS_URL !== undefined) {
  const url = RAPPORT_TEST_REDIS_URL;
  keyValueConformance('Redis', async () => createRedisKeyValue({ url, prefix, log: silentLog }));
}
if (RAPPORT_TEST_NATS_URL !== undefined) {
  const url = RAPPORT_TEST_NATS_URL;
  streamConformance('NATS JetStream', async () => createNatsStream({ url, prefix, log: silentLog }));
}

afterAll(async () => {
  if (RAPPORT_TEST_REDIS_URL !== undefined) await removeRedisKeys(RAPPORT_TEST_REDIS_URL);
  if (RAPPORT_TEST_NATS_URL !== undefined) await removeNatsStreams(RAPPORT_TEST_NATS_URL);
});

async function removeRedisKeys(url: string): Promise<void> {
  const redis = new Redis(url);
  for await (const keys of redis.scanStream({ match: `{${prefix}}:*`, count: 1000 })) {
    if (keys.length > 0) await redis.unlink(keys);
  }
  redis.disconnect();
}

async function removeNatsStreams(url: string): Promise<void> {
  const connection = await connect({ servers: url });
  const manager = await jetstreamManager(connection);
  for await (const { config } of manager.streams.list()) {
    if (config.name.startsWith(`${prefix}-`)) await manager.streams.delete(config.name);
  }
  await connection.close();
}
