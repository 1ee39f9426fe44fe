// A dispatcher in a process of its own, to be killed in mid-dispatch by the crash test. Its one argument is a JSON
// document with the PostgreSQL connection.
import { silentLog, systemClock } from '@rapport/kernel';
import type { PoolClient, PoolConfig } from 'pg';
import pg from 'pg';
import { createChannels, createDispatcher } from '../index.ts';
import { addressOf, idOf, KEYS, PUBLIC_URL, plainContent, rememberingLedger } from './world.ts';

const config: PoolConfig = JSON.parse(process.argv[2] ?? '{}');
const pool = new pg.Pool(config);
pool.on('error', () => undefined);
const relational = {
  pool,
  async transaction<Result>(work: (client: PoolClient) => Promise<Result>): Promise<Result> {
    const client = await pool.connect();
    try {
      await client.query('begin');
      const result = await work(client);
      await client.query('commit');
      return result;
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  },
};
const channels = createChannels({
  relational,
  clock: systemClock,
  log: silentLog,
  audit: { record: async () => undefined },
  customers: {
    visible: async () => new Set(),
    cidsOf: async () => new Map(),
    findByAddress: async () => undefined,
  },
  secrets: KEYS,
  consentModel: async () => 'opt_out',
});
const dispatcher = createDispatcher({
  relational,
  clock: systemClock,
  log: silentLog,
  channels,
  content: plainContent,
  customers: {
    contactPoints: async (cids, channel) =>
      cids.map((cid) => ({ cid, customerId: idOf(cid), address: addressOf(cid, channel) })),
  },
  contacts: rememberingLedger().ledger,
  secrets: KEYS,
  consentModel: async () => 'opt_out',
  publicUrl: PUBLIC_URL,
  settings: { idleMs: 20, backoffMs: 50 },
});
await dispatcher.start();
process.stdout.write('started\n');
