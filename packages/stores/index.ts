export type { CidAccumulator, CidSet } from './cid-set.ts';
export {
  accumulateCids,
  cidSetEngine,
  cidSetFromBytes,
  cidSetFromWarehouseBytes,
  cidSetFromWarehouseBytesAt,
  cidSetOf,
  emptyCidSet,
  freeCids,
  unionOfCidSets,
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
  SegmentInfo,
  Stores,
  Stream,
  StreamConsumer,
  StreamRecord,
  TableMigration,
  Warehouse,
  WarehouseOptions,
  WarehouseTable,
  WarehouseValue,
} from './ports.ts';
export { storesProblems } from './problems.ts';
export { createStores, type StartedStores, type StoresConfig } from './stores.ts';
