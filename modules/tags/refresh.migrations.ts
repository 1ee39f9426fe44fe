import type { Migration } from '@rapport/stores';

/** What standing values were made from, and what refreshes cost. */
export const refreshMigration: Migration = {
  id: '20261125T071500_tag_refresh',
  sql: `
create table tags.refresh_input (
  tag_id text primary key,
  refresh_id text not null,
  definition_version integer not null,
  -- The table of the values: another one means that they came from somewhere else since.
  placed text not null,
  document jsonb not null
);
create table tags.refresh_cost (
  refresh_id text not null,
  position integer not null,
  -- scan = all rows read, patch = rows of some customers, rule, derived, figures, index
  work text not null,
  tag_ids text[] not null,
  customers bigint,
  took_ms integer not null,
  rows_read bigint not null,
  bytes_read bigint not null,
  primary key (refresh_id, position)
);
create table tags.refresh_outcome (
  refresh_id text not null,
  tag_id text not null,
  outcome text not null check (outcome in ('computed', 'patched', 'kept', 'failed', 'blocked')),
  because text not null,
  took_ms integer,
  rows_read bigint,
  primary key (refresh_id, tag_id)
);
alter table tags.refresh add column cpu_ms integer;
`,
};
