import type { ModuleMigrations } from '@rapport/stores';

export const catalogMigrations: ModuleMigrations = {
  module: 'catalog',
  relational: [
    {
      id: '20261125T040000_catalog',
      sql: `
create schema if not exists catalog;
-- What each load brought, so that the next can be compared with it.
create table catalog.profile (
  id text primary key,
  source_id text not null,
  table_name text not null,
  load_id text not null,
  at timestamptz not null,
  rows bigint not null,
  profile jsonb not null,
  accepted boolean not null
);
create index profile_by_table on catalog.profile (source_id, table_name, at desc);
create table catalog.drift (
  id text primary key,
  source_id text not null,
  table_name text not null,
  load_id text not null,
  at timestamptz not null,
  policy text not null,
  refused boolean not null,
  findings jsonb not null
);
create index drift_by_source on catalog.drift (source_id, at desc, id desc);
-- Rules made in the console; those of manifests stand in the manifests.
create table catalog.rule (
  id text primary key,
  table_name text not null,
  rule jsonb not null,
  enabled boolean not null,
  created_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create table catalog.outcome (
  id text primary key,
  rule_key text not null,
  table_name text not null,
  load_id text,
  at timestamptz not null,
  passed boolean not null,
  outcome jsonb not null
);
create index outcome_by_rule on catalog.outcome (rule_key, at desc);
create index outcome_by_table on catalog.outcome (table_name, at desc);
-- Tags over a blocked table or column keep their values until the block ends.
create table catalog.block (
  id text primary key,
  table_name text not null,
  column_name text,
  because text not null check (because in ('quality', 'arrival', 'freeze')),
  cause text not null,
  message text not null,
  since timestamptz not null,
  ended_at timestamptz,
  released_by text,
  release_reason text
);
create unique index block_open on catalog.block (table_name, coalesce(column_name, ''), because, cause) where ended_at is null;
create table catalog.alert (
  id text primary key,
  kind text not null,
  severity text not null check (severity in ('info', 'warn', 'critical')),
  subject text not null,
  cause text not null,
  message jsonb not null,
  details jsonb not null,
  raised_at timestamptz not null,
  last_seen_at timestamptz not null,
  seen integer not null,
  acknowledged_at timestamptz,
  acknowledged_by text,
  note text,
  resolved_at timestamptz
);
create unique index alert_open on catalog.alert (kind, subject, cause) where resolved_at is null;
create index alert_recent on catalog.alert (raised_at desc, id desc);
create table catalog.arrival (
  source_id text not null,
  business_day date not null,
  due_at timestamptz not null,
  state text not null check (state in ('waiting', 'arrived', 'late', 'missing', 'released')),
  arrived_at timestamptz,
  load_id text,
  released_by text,
  release_reason text,
  primary key (source_id, business_day)
);
create table catalog.freeze (
  id text primary key,
  from_at timestamptz not null,
  to_at timestamptz not null,
  sources jsonb not null,
  reason text not null,
  created_by text not null,
  created_at timestamptz not null,
  cancelled_at timestamptz
);
create table catalog.note (
  table_name text not null,
  column_name text not null,
  owner text,
  steward text,
  description jsonb,
  data_class text,
  sla text,
  updated_by text not null,
  updated_at timestamptz not null,
  primary key (table_name, column_name)
);
create table catalog.word (
  id text primary key,
  term jsonb not null,
  meaning jsonb not null,
  columns jsonb not null,
  updated_by text not null,
  updated_at timestamptz not null
);
create table catalog.access (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  actor_id text not null,
  actor_name text not null,
  how text not null,
  table_name text not null,
  columns jsonb not null,
  rows bigint,
  purpose text,
  details jsonb not null
);
create index access_by_table on catalog.access (table_name, id desc);
create index access_by_actor on catalog.access (actor_id, id desc);
`,
    },
  ],
};
