import type { Migration } from '@rapport/stores';

/** What was judged of tags after each refresh, and how often conditions named them. */
export const qualityMigration: Migration = {
  id: '20261125T092000_tag_quality',
  sql: `
create table tags.quality (
  tag_id text not null,
  refresh_id text not null,
  at timestamptz not null,
  psi_before double precision,
  psi_baseline double precision,
  findings jsonb not null,
  primary key (tag_id, refresh_id)
);
create table tags.quality_rule (
  tag_id text primary key,
  thresholds jsonb not null default '{}',
  -- The refresh that drift is measured against, and whether somebody chose it.
  baseline text,
  is_chosen boolean not null default false
);
create table tags.use_count (
  tag_id text not null,
  day date not null,
  counted integer not null,
  primary key (tag_id, day)
);
-- Alerts of tags stand with all others in the catalogue.
drop table tags.alert;
`,
};
