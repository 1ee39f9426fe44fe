import type { ModuleMigrations } from '@rapport/stores';
import { qualityMigration } from './quality.migrations.ts';
import { refreshMigration } from './refresh.migrations.ts';

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
    {
      id: '20261125T044500_tag_workflow',
      sql: `
create table tags.lifecycle (
  tag_id text primary key,
  status text not null check (status in ('demand', 'design', 'review', 'published', 'monitored', 'retired')),
  demand jsonb,
  steward text,
  sla_hours integer,
  is_restricted boolean not null default false,
  replacement text,
  approval_id text,
  proposal jsonb,
  since timestamptz not null,
  by text not null
);
create table tags.lifecycle_step (
  id bigint generated always as identity primary key,
  tag_id text not null,
  action text not null,
  from_status text,
  to_status text not null,
  note text,
  at timestamptz not null,
  by text not null
);
create index lifecycle_step_tag on tags.lifecycle_step (tag_id, id);
create table tags.access (
  id text primary key,
  tag_id text not null,
  state text not null check (state in ('requested', 'approved', 'refused', 'revoked')),
  purpose text not null,
  requested_by text not null,
  org_unit text,
  requested_at timestamptz not null,
  expires_at timestamptz not null,
  decided_by text,
  approval_id text
);
create index access_tag on tags.access (tag_id, requested_at desc);
create table tags.category (
  id text primary key,
  parent_id text references tags.category (id),
  name text not null,
  title jsonb not null,
  owner text,
  position integer not null default 0,
  unique nulls not distinct (parent_id, name)
);
create table tags.category_move (
  id bigint generated always as identity primary key,
  from_path text not null,
  to_path text not null,
  tags integer not null,
  at timestamptz not null,
  by text not null
);
create table tags.dictionary (
  id text primary key,
  title jsonb not null,
  values jsonb not null
);
create table tags.favourite (
  user_id text not null,
  tag_id text not null,
  primary key (user_id, tag_id)
);
create table tags.view_count (
  tag_id text not null,
  day date not null,
  views integer not null default 0,
  primary key (tag_id, day)
);
create table tags.manual_value (
  tag_id text not null,
  customer_id text not null,
  cid bigint not null,
  value jsonb not null,
  reason text not null,
  set_by text not null,
  set_at timestamptz not null,
  expires_at timestamptz,
  primary key (tag_id, customer_id)
);
create index manual_value_expiry on tags.manual_value (tag_id, expires_at);
create table tags.alert (
  id bigint generated always as identity primary key,
  tag_id text not null,
  kind text not null,
  message text not null,
  at timestamptz not null,
  resolved_at timestamptz
);
create unique index alert_open on tags.alert (tag_id, kind) where resolved_at is null;
`,
    },
    refreshMigration,
    qualityMigration,
  ],
};
