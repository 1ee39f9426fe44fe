import type { ModuleMigrations } from '@rapport/stores';

export const workbenchMigrations: ModuleMigrations = {
  module: 'workbench',
  relational: [
    {
      id: '20261125T043500_workbench',
      sql: `
create schema if not exists workbench;
create table if not exists workbench.query (
  id text primary key,
  name text not null,
  description text not null,
  sql text not null,
  shared boolean not null,
  owner text not null,
  owner_name text not null,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index if not exists query_updated on workbench.query (updated_at desc, id);
create table if not exists workbench.run (
  id text primary key,
  by text not null,
  by_name text not null,
  purpose text not null check (purpose in ('run', 'export')),
  sql text not null,
  state text not null check (state in ('running', 'done', 'refused', 'failed', 'cancelled')),
  started_at timestamptz not null,
  took_ms integer,
  rows bigint,
  tables jsonb not null default '[]',
  columns jsonb not null default '[]',
  error text
);
create index if not exists run_by on workbench.run (by, started_at desc);
`,
    },
  ],
};
