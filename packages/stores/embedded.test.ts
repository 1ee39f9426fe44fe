import { afterAll } from 'vitest';
import { keyValueConformance } from './key-value.conformance.ts';
import { relationalConformance } from './relational.conformance.ts';
import { streamConformance } from './stream.conformance.ts';
import { startTemporaryStores, type TemporaryStores } from './testing.ts';
import { warehouseConformance } from './warehouse.conformance.ts';

let booting: Promise<TemporaryStores> | undefined;
const stores = (): Promise<TemporaryStores> => {
  booting ??= startTemporaryStores();
  return booting;
};
const kept = async (): Promise<void> => undefined;

/** The stores run already; a suite may start and stop them as its own. */
const borrowed = <Store extends object>(
  store: Store,
): Store & { start(): Promise<void>; stop(): Promise<void> } => ({
  ...store,
  start: kept,
  stop: kept,
});

relationalConformance('the embedded PostgreSQL', async () => (await stores()).relational, kept);
warehouseConformance('the embedded ClickHouse', async () => (await stores()).warehouse, kept);
keyValueConformance('LMDB', async () => borrowed((await stores()).keyValue));
streamConformance('LMDB', async () => borrowed((await stores()).stream));

afterAll(async () => (await booting)?.stop());
