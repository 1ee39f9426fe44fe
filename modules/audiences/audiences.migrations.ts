import type { ModuleMigrations } from '@rapport/stores';

/** Conditions are `json`, not `jsonb`: they stay as written, also texts that hold U+0000. */
export const audiencesMigrations: ModuleMigrations = {
  module: 'audiences',
  relational: [
    {
      id: '20261123T194500_audiences',
      sql: `
create schema if not exists audiences;

create table if not exists audiences.audience (
  id text primary key,
  name text not null,
  description text not null,
  condition json not null,
  owner text not null,
  owner_name text not null,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  last_count bigint,
  last_count_at timestamptz
);
create index if not exists audience_name on audiences.audience (name);
create index if not exists audience_updated on audiences.audience (updated_at desc, id desc);

create table if not exists audiences.snapshot (
  id text primary key,
  audience_id text,
  condition json not null,
  as_of timestamptz not null,
  release bigint not null,
  size bigint not null,
  cids bytea not null,
  created_at timestamptz not null,
  created_by text not null
);
create index if not exists snapshot_audience on audiences.snapshot (audience_id, created_at desc, id desc);
`,
    },
    {
      id: '20261125T050000_lists_and_growth',
      sql: `
create table if not exists audiences.list (
  id text primary key,
  name text not null,
  kind text not null,
  purpose text not null,
  origin text not null,
  owner text not null,
  owner_name text not null,
  version integer not null,
  size bigint not null,
  report json,
  lookalike json,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  expires_at timestamptz
);
create index if not exists list_created on audiences.list (created_at desc, id desc);
create index if not exists list_expires on audiences.list (expires_at) where expires_at is not null;

create table if not exists audiences.size (
  audience_id text not null,
  at timestamptz not null,
  release bigint not null,
  version integer not null,
  count bigint not null,
  entered bigint,
  gone bigint,
  alerts text[] not null default '{}',
  primary key (audience_id, at)
);
create table if not exists audiences.policy (
  audience_id text primary key,
  policy json not null,
  next_at timestamptz,
  changed_by text not null,
  changed_at timestamptz not null
);
create index if not exists policy_next on audiences.policy (next_at) where next_at is not null;
-- Who was in when an audience was last recorded: what the next record is compared with.
create table if not exists audiences.membership (
  audience_id text primary key,
  at timestamptz not null,
  release bigint not null,
  version integer not null,
  size bigint not null,
  cids bytea not null
);
`,
    },
    {
      id: '20261125T094000_size_snapshot',
      sql: 'alter table audiences.size add column if not exists snapshot_id text;',
    },
  ],
};
