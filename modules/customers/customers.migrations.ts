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
    {
      id: '20261125T045500_one_customer',
      sql: `
create table if not exists customers.identity_event (
  seq bigint generated always as identity primary key,
  id text not null unique,
  kind text not null check (kind in ('merge', 'unmerge', 'distinct', 'undistinct')),
  a bigint not null,
  b bigint not null,
  merge_id text,
  rule text not null,
  probability double precision,
  weights jsonb,
  reason text,
  batch_id text,
  actor_id text not null,
  actor_name text not null,
  at timestamptz not null,
  check (a < b)
);
create index if not exists identity_event_a on customers.identity_event (a);
create index if not exists identity_event_b on customers.identity_event (b);
create table if not exists customers.review_pair (
  a bigint not null,
  b bigint not null,
  state text not null check (state in ('open', 'later', 'merged', 'distinct', 'gone')),
  rule text not null,
  probability double precision not null,
  pattern text not null,
  weights jsonb not null,
  blocked_by text,
  run_id text not null,
  found_at timestamptz not null,
  decided_at timestamptz,
  decided_by text,
  primary key (a, b),
  check (a < b)
);
create index if not exists review_pair_queue on customers.review_pair (state, probability desc, a, b);
create index if not exists review_pair_pattern on customers.review_pair (pattern, state);
create table if not exists customers.match_run (
  id text primary key,
  state text not null check (state in ('running', 'done', 'failed')),
  started_at timestamptz not null,
  finished_at timestamptz,
  rules_version integer not null,
  figures jsonb,
  model jsonb,
  error text
);
create table if not exists customers.match_rules (
  version integer primary key,
  rules jsonb not null,
  actor_name text not null,
  at timestamptz not null
);
create table if not exists customers.merge_batch (
  id text primary key,
  decision text not null check (decision in ('merge', 'distinct')),
  pairs jsonb not null,
  reason text,
  content_hash text not null,
  state text not null check (state in ('waiting', 'done', 'rejected')),
  requested_by text not null,
  at timestamptz not null
);
create table if not exists customers.app_user (
  identity_hash text primary key,
  kind text not null,
  user_cid bigint not null unique,
  stitched_to bigint,
  stitched_at timestamptz,
  shared boolean not null default false,
  first_seen timestamptz not null
);
create index if not exists app_user_stitched on customers.app_user (stitched_to);
create table if not exists customers.user_login (
  identity_hash text not null references customers.app_user (identity_hash),
  record bigint not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  primary key (identity_hash, record)
);
`,
    },
    {
      id: '20261125T065600_user_number',
      sql: `
create table if not exists customers.user_number (
  id integer primary key check (id = 1),
  next bigint not null,
  past bigint not null
);
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
            "cid UInt32, event_id String, name LowCardinality(String), at DateTime64(3, 'UTC'), properties Map(LowCardinality(String), String) CODEC(ZSTD(1)), source LowCardinality(String), inserted_at DateTime64(3, 'UTC'), record UInt32 DEFAULT cid",
          engine: 'ReplacingMergeTree(inserted_at)',
          orderBy: 'cid, name, at, event_id',
          spread: 'cid',
        },
      ],
    },
    {
      // For stores made before rows knew whose they were when they came.
      id: '20261125T045500_collected_record',
      sql: 'ALTER TABLE collected_event ADD COLUMN IF NOT EXISTS record UInt32 DEFAULT cid',
    },
  ],
};
