import type { ModuleMigrations } from '@rapport/stores';

export const partnersMigrations: ModuleMigrations = {
  module: 'partners',
  relational: [
    {
      id: '20261123T191500_partners',
      sql: `
create schema if not exists partners;
create table if not exists partners.partner (
  id text primary key,
  name text not null unique,
  contact text not null,
  state text not null check (state in ('in_review', 'listed', 'revoked')),
  scopes text[] not null,
  offer_ids text[] not null,
  key_id text,
  created_at timestamptz not null
);
`,
    },
  ],
};
