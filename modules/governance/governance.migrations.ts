import type { ModuleMigrations } from '@rapport/stores';

export const governanceMigrations: ModuleMigrations = {
  module: 'governance',
  relational: [
    {
      id: '20261123T190000_governance',
      sql: `
create schema if not exists governance;

create table if not exists governance.app_user (
  id text primary key,
  username text not null unique,
  display_name text not null,
  password_hash text not null,
  roles text[] not null,
  org_unit text,
  active boolean not null default true,
  failed_sign_ins integer not null default 0,
  locked_until timestamptz,
  created_at timestamptz not null
);

create table if not exists governance.session (
  token_hash text primary key,
  user_id text not null references governance.app_user (id) on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null
);
create index if not exists session_by_user on governance.session (user_id);

create table if not exists governance.api_key (
  id text primary key,
  name text not null,
  secret_hash text not null unique,
  scopes text[] not null,
  owner_id text not null references governance.app_user (id),
  created_at timestamptz not null,
  revoked_at timestamptz
);

create table if not exists governance.approval (
  id text primary key,
  subject_kind text not null,
  subject_id text not null,
  title text not null,
  content_hash text not null,
  state text not null check (state in ('pending', 'approved', 'rejected', 'withdrawn')),
  requested_by text not null,
  requested_by_name text not null,
  requested_at timestamptz not null,
  decided_by text,
  decided_by_name text,
  decided_at timestamptz,
  comment text,
  check (decided_by is null or decided_by <> requested_by)
);
create unique index if not exists one_pending_approval on governance.approval (subject_kind, subject_id) where state = 'pending';
create index if not exists approval_by_time on governance.approval (requested_at desc);

create table if not exists governance.audit (
  id bigint primary key,
  at timestamptz not null,
  actor_id text not null,
  actor_name text not null,
  action text not null,
  subject text not null,
  details text not null,
  previous_hash text not null,
  hash text not null
);
create index if not exists audit_by_subject on governance.audit (subject, id desc);

create or replace function governance.refuse_change() returns trigger language plpgsql as
  $refuse$ begin raise exception 'the audit trail is append-only'; end $refuse$;
drop trigger if exists audit_append_only on governance.audit;
create trigger audit_append_only before update or delete or truncate on governance.audit
  for each statement execute function governance.refuse_change();

create table if not exists governance.idempotent_request (
  actor_id text not null,
  key text not null,
  request_hash text not null,
  status integer,
  body text,
  created_at timestamptz not null,
  primary key (actor_id, key)
);
`,
    },
  ],
};
