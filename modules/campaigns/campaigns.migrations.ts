import type { ModuleMigrations } from '@rapport/stores';

export const campaignsMigrations: ModuleMigrations = {
  module: 'campaigns',
  relational: [
    {
      id: '20261123T193000_campaigns',
      sql: `
create schema if not exists campaigns;

create table if not exists campaigns.campaign (
  id text primary key,
  name text not null,
  state text not null check (state in ('draft', 'in_review', 'approved', 'rejected', 'scheduled', 'running', 'paused', 'finished', 'stopped')),
  version integer not null,
  document jsonb not null,
  step_edits jsonb not null,
  org_scope text[],
  parent_campaign_id text references campaigns.campaign (id) on delete set null,
  created_by text not null,
  created_by_name text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  submitted_by text,
  submitted_at timestamptz,
  approval_id text,
  approved_by text,
  approved_at timestamptz,
  content_hash text,
  frozen jsonb,
  launched_at timestamptz,
  release bigint,
  finished_at timestamptz
);
create index if not exists campaign_by_state on campaigns.campaign (state, id desc);
create index if not exists campaign_by_name on campaigns.campaign (name);

create table if not exists campaigns.transition (
  campaign_id text not null references campaigns.campaign (id) on delete cascade,
  number integer not null,
  at timestamptz not null,
  from_state text,
  to_state text not null,
  action text not null,
  actor_id text not null,
  actor_name text not null,
  note text,
  primary key (campaign_id, number)
);

create table if not exists campaigns.journey_set (
  campaign_id text not null references campaigns.campaign (id) on delete cascade,
  wave integer not null,
  node text not null,
  outcome text not null,
  cids bytea not null,
  size integer not null,
  primary key (campaign_id, wave, node, outcome)
);

create table if not exists campaigns.expansion (
  campaign_id text not null references campaigns.campaign (id) on delete cascade,
  wave integer not null,
  node text not null,
  cursor bigint,
  expanded integer not null default 0,
  done boolean not null default false,
  primary key (campaign_id, wave, node)
);
`,
    },
  ],
};
