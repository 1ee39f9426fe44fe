import type { ModuleMigrations } from '@rapport/stores';

export const customersMigrations: ModuleMigrations = {
  module: 'customers',
  relational: [
    {
      id: '20261123T191000_customers',
      sql: `
create schema if not exists customers;
create table if not exists customers.key_range (
  id text primary key,
  first_cid bigint not null,
  past_cid bigint not null,
  state text not null check (state in ('open', 'complete', 'void')),
  created_at timestamptz not null default now(),
  check (past_cid > first_cid)
);
create unique index if not exists key_range_first on customers.key_range (first_cid);
`,
    },
  ],
  warehouse: [
    {
      id: '20261123T191000_customers',
      tables: [
        {
          name: 'customer_key',
          columns: 'customer_id String, cid UInt32',
          orderBy: 'customer_id',
          spread: 'cid',
        },
        {
          name: 'collected_event',
          columns:
            "cid UInt32, event_id String, name LowCardinality(String), at DateTime64(3, 'UTC'), properties Map(LowCardinality(String), String) CODEC(ZSTD(1)), source LowCardinality(String), inserted_at DateTime64(3, 'UTC')",
          engine: 'ReplacingMergeTree(inserted_at)',
          orderBy: 'cid, name, at, event_id',
          spread: 'cid',
        },
      ],
    },
  ],
};
