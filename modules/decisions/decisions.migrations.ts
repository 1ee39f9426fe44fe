import type { ModuleMigrations } from '@rapport/stores';

export const decisionsMigrations: ModuleMigrations = {
  module: 'decisions',
  relational: [
    {
      id: '20261123T192000_decisions',
      sql: `
create schema if not exists decisions;

create table if not exists decisions.contact_policy (
  version integer primary key,
  document jsonb not null,
  changed_at timestamptz not null,
  changed_by text not null
);

create table if not exists decisions.decision (
  id text primary key,
  customer_id text not null,
  cid bigint not null,
  slot text,
  at timestamptz not null,
  engine text not null,
  release bigint not null,
  inputs jsonb not null,
  result jsonb not null
);
create index if not exists decision_by_customer on decisions.decision (customer_id, at desc);

create table if not exists decisions.response (
  decision_id text not null references decisions.decision (id),
  offer_id text not null,
  response text not null check (response in ('shown', 'clicked', 'accepted', 'rejected')),
  at timestamptz not null,
  primary key (decision_id, offer_id, response)
);
create index if not exists response_by_offer on decisions.response (offer_id, response);
`,
    },
  ],
};
