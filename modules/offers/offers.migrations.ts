import type { ModuleMigrations } from '@rapport/stores';

export const offersMigrations: ModuleMigrations = {
  module: 'offers',
  relational: [
    {
      id: '20261123T191500_offers',
      sql: `
create schema if not exists offers;

create table if not exists offers.offer (
  id text primary key,
  state text not null check (state in ('draft', 'active', 'retired')),
  version integer not null,
  currency text not null,
  created_at timestamptz not null,
  created_by text not null,
  updated_at timestamptz not null
);
create index if not exists offer_by_state on offers.offer (state, id desc);

create table if not exists offers.offer_version (
  offer_id text not null references offers.offer (id),
  version integer not null,
  document jsonb not null,
  at timestamptz not null,
  by text not null,
  primary key (offer_id, version)
);
`,
    },
  ],
};
