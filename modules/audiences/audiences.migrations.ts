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
  ],
};
