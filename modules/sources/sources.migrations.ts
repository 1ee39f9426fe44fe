import type { ModuleMigrations } from '@rapport/stores';

export const sourcesMigrations: ModuleMigrations = {
  module: 'sources',
  relational: [
    {
      id: '20261123T191000_sources',
      sql: `
create schema if not exists sources;
create table sources.source (
  id text primary key,
  yaml text not null,
  manifest jsonb not null,
  base_dir text,
  version integer not null,
  updated_at timestamptz not null,
  updated_by text not null
);
create table sources.load (
  id text primary key,
  source_id text not null references sources.source (id),
  kind text not null check (kind in ('load', 'replay')),
  state text not null check (state in ('queued', 'running', 'loaded', 'refused', 'failed')),
  job_id text,
  -- The run of the job whose quarantine rows count; those of runs that died do not.
  attempt text,
  manifest_version integer,
  request jsonb not null,
  share double precision not null,
  message text not null,
  requested_by text not null,
  started_at timestamptz not null,
  finished_at timestamptz,
  release bigint,
  tables jsonb not null,
  quality jsonb not null,
  rejected jsonb not null,
  faults jsonb not null,
  notes jsonb not null
);
create index load_by_source on sources.load (source_id, started_at desc, id desc);
-- Written before a physical table is published, so that whoever finds it in a release finds its description too.
create table sources.physical_table (
  physical text primary key,
  source_id text not null,
  table_name text not null,
  load_id text not null,
  description jsonb not null
);
`,
    },
    {
      id: '20261125T050000_connections',
      sql: `
-- Ways to other systems; secrets are encrypted and stand nowhere else.
create table sources.connection (
  id text primary key,
  settings jsonb not null,
  secret bytea,
  updated_at timestamptz not null,
  updated_by text not null
);
`,
    },
    {
      id: '20261125T101000_streams',
      sql: `
create table sources.stream (
  source_id text not null references sources.source (id),
  table_name text not null,
  taken bigint not null,
  repeated bigint not null,
  late bigint not null,
  refused bigint not null,
  last_at timestamptz not null,
  primary key (source_id, table_name)
);
`,
    },
  ],
  warehouse: [
    {
      id: '20261123T191001_quarantine',
      tables: [
        {
          name: 'quarantine',
          columns: `
  source LowCardinality(String),
  load_id String,
  attempt String,
  table LowCardinality(String),
  file LowCardinality(String),
  line UInt64,
  field LowCardinality(String),
  value String,
  reason LowCardinality(String),
  other_faults Array(Tuple(field String, value String, reason String)),
  record String,
  record_hex String,
  state LowCardinality(String),
  at DateTime64(3, 'UTC')`,
          orderBy: 'source, attempt, table, file, line',
          spread: 'any',
        },
      ],
    },
  ],
};
