import type { ModuleMigrations } from '@rapport/stores';

export const tagsMigrations: ModuleMigrations = {
  module: 'tags',
  relational: [
    {
      id: '20261123T192000_tags',
      sql: `
create schema if not exists tags;
create table if not exists tags.definition (
  id text primary key,
  version integer not null,
  document jsonb not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  updated_by text not null
);
create table if not exists tags.definition_version (
  tag_id text not null,
  version integer not null,
  document jsonb not null,
  at timestamptz not null,
  by text not null,
  primary key (tag_id, version)
);
create table if not exists tags.refresh (
  id text primary key,
  state text not null check (state in ('running', 'done', 'failed')),
  as_of timestamptz not null,
  started_at timestamptz not null,
  finished_at timestamptz,
  release bigint,
  tags integer not null default 0,
  failed jsonb not null default '[]',
  error text
);
create index if not exists refresh_started on tags.refresh (started_at desc, id);
create table if not exists tags.refresh_tag (
  refresh_id text not null,
  tag_id text not null,
  definition_version integer not null,
  as_of timestamptz not null,
  refreshed_at timestamptz not null,
  basis jsonb not null,
  known bigint not null,
  customers bigint not null,
  distinct_values bigint not null,
  took_ms integer not null,
  distribution jsonb not null,
  primary key (tag_id, refresh_id)
);
create index if not exists refresh_tag_latest on tags.refresh_tag (tag_id, refreshed_at desc);
create table if not exists tags.fault (
  tag_id text primary key,
  refresh_id text not null,
  error text not null
);
create table if not exists tags.setting (
  key text primary key,
  value jsonb not null
);
create table if not exists tags.registry (
  physical text primary key,
  document jsonb not null,
  computed_at timestamptz not null
);
`,
    },
  ],
};
