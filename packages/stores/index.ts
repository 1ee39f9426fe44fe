export type { CidSet } from './cid-set.ts';
export {
  cidSetEngine,
  cidSetFromBytes,
  cidSetFromWarehouseBytes,
  cidSetOf,
  emptyCidSet,
} from './cid-sets.ts';
export { runMigrations, statementsOf } from './migrations.ts';
export type {
  JobProgress,
  JobRun,
  Jobs,
  JobView,
  KeyValue,
  KeyValueEntry,
  Migration,
  ModuleMigrations,
  Placement,
  Relational,
  Release,
  Releases,
  Stores,
  Stream,
  StreamConsumer,
  StreamRecord,
  Warehouse,
  WarehouseOptions,
  WarehouseTable,
  WarehouseValue,
} from './ports.ts';
export { storesProblems } from './problems.ts';
export type { SegmentInfo } from './segments.ts';
export { createStores, type StartedStores, type StoresConfig } from './stores.ts';
