import type { ModuleMigrations } from '@rapport/stores';

export const metricsMigrations: ModuleMigrations = {
  module: 'metrics',
  relational: [
    {
      id: '20261125T041500_metrics',
      sql: `
create schema if not exists metrics;
create table if not exists metrics.metric (
  id text primary key,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  updated_by text not null
);
create table if not exists metrics.metric_version (
  metric_id text not null references metrics.metric (id) on delete cascade,
  version integer not null,
  document jsonb not null,
  at timestamptz not null,
  by text not null,
  primary key (metric_id, version)
);
-- The additive parts of one metric on one day, by org unit and relationship manager: everything above is their sum.
create table if not exists metrics.cell (
  metric_id text not null references metrics.metric (id) on delete cascade,
  day date not null,
  version integer not null,
  org_unit text not null,
  rm text not null,
  total numeric not null,
  base numeric not null,
  customers bigint not null,
  primary key (metric_id, day, org_unit, rm)
);
`,
    },
  ],
};
