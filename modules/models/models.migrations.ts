import type { ModuleMigrations } from '@rapport/stores';

export const modelsMigrations: ModuleMigrations = {
  module: 'models',
  relational: [
    {
      id: '20261123T194500_models',
      sql: `
create schema if not exists models;
create table if not exists models.model (
  id text primary key,
  definition jsonb not null,
  version integer not null default 0,
  scored_version integer,
  scored_at timestamptz,
  scored bigint,
  created_by text not null,
  created_at timestamptz not null
);
create index if not exists model_created on models.model (created_at desc, id desc);
create table if not exists models.version (
  model_id text not null references models.model (id) on delete cascade,
  version integer not null,
  encoding jsonb not null,
  weights jsonb not null,
  intercept double precision not null,
  card jsonb not null,
  created_at timestamptz not null,
  primary key (model_id, version)
);
`,
    },
  ],
};
