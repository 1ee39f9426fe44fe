import type { ModuleMigrations } from '@rapport/stores';

export const contentMigrations: ModuleMigrations = {
  module: 'content',
  relational: [
    {
      id: '20261123T191500_content',
      sql: `
create schema if not exists content;

create table if not exists content.template (
  id text primary key,
  name text not null,
  channel text not null check (channel in ('email', 'sms')),
  purpose text not null check (purpose in ('marketing', 'service')),
  variants jsonb not null,
  changed boolean not null default true,
  version integer not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  published_at timestamptz,
  deleted_at timestamptz
);
create index if not exists template_by_time on content.template (id desc) where deleted_at is null;

create table if not exists content.template_version (
  template_id text not null references content.template (id),
  version integer not null,
  name text not null,
  channel text not null,
  purpose text not null,
  variants jsonb not null,
  published_at timestamptz not null,
  published_by text not null,
  primary key (template_id, version)
);

create table if not exists content.material (
  id text primary key,
  name text not null,
  mime text not null,
  bytes bytea not null,
  sha256 text not null unique,
  created_at timestamptz not null,
  created_by text not null
);
`,
    },
  ],
};
