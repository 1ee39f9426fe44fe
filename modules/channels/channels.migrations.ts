import type { ModuleMigrations } from '@rapport/stores';

export const channelsMigrations: ModuleMigrations = {
  module: 'channels',
  relational: [
    {
      id: '20261123T192000_channels',
      sql: `
create schema if not exists channels;

create table if not exists channels.provider (
  id text primary key,
  channel text not null check (channel in ('email', 'sms')),
  kind text not null check (kind in ('smtp', 'sms_http')),
  name text not null,
  settings jsonb not null,
  secret bytea,
  rate_per_second double precision not null,
  enabled boolean not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

create table if not exists channels.campaign (
  id text primary key,
  name text not null,
  state text not null default 'running' check (state in ('running', 'paused', 'stopped')),
  has_queued boolean not null default true
);
create index if not exists campaign_with_queue on channels.campaign (id) where has_queued;

create table if not exists channels.message (
  id text primary key,
  cid integer not null,
  customer_id text not null,
  campaign_id text not null,
  node text not null,
  wave integer not null,
  channel text not null,
  purpose text not null,
  template_id text not null,
  template_version integer not null,
  variant_id text,
  offer_id text,
  priority smallint not null,
  not_before timestamptz not null,
  expires_at timestamptz,
  state text not null,
  reason text,
  detail text,
  ambiguous boolean not null default false,
  attempts smallint not null default 0,
  wanted_provider_id text,
  provider_id text,
  provider_message_id text,
  lease_owner text,
  lease_until timestamptz,
  queued_at timestamptz not null,
  sent_at timestamptz,
  delivered_at timestamptz,
  opened_at timestamptz,
  clicked_at timestamptz,
  ended_at timestamptz
) with (fillfactor = 80);
create unique index if not exists one_message on channels.message (campaign_id, cid, node, wave, channel);
create index if not exists message_to_claim on channels.message (campaign_id, channel, priority desc, not_before) where state = 'queued';
create index if not exists message_in_flight on channels.message (lease_owner) where state = 'sending';
create index if not exists message_by_customer on channels.message (customer_id, id desc);
create index if not exists message_by_provider on channels.message (provider_id, provider_message_id) where provider_message_id is not null;

create table if not exists channels.dispatcher (
  id text primary key,
  host text not null,
  process text not null,
  seen_at timestamptz not null
);

create table if not exists channels.emergency_stop (
  id text primary key,
  kind text not null check (kind in ('global', 'channel', 'campaign')),
  subject text not null,
  reason text not null,
  started_by text not null,
  started_at timestamptz not null,
  lifted_at timestamptz
);
create index if not exists stop_in_force on channels.emergency_stop (kind, subject) where lifted_at is null;

create table if not exists channels.consent (
  id text primary key,
  customer_id text not null,
  channel text not null,
  purpose text not null,
  granted boolean not null,
  at timestamptz not null,
  evidence text not null,
  source text not null,
  recorded_at timestamptz not null
);
create unique index if not exists one_consent on channels.consent (customer_id, channel, purpose, at, granted);
create or replace function channels.refuse_change() returns trigger language plpgsql as
  $refuse$ begin raise exception 'the consent ledger is append-only'; end $refuse$;
drop trigger if exists consent_append_only on channels.consent;
create trigger consent_append_only before update or delete or truncate on channels.consent
  for each statement execute function channels.refuse_change();

create table if not exists channels.suppression (
  id text primary key,
  customer_id text not null,
  channel text not null,
  applies_to text not null check (applies_to in ('marketing', 'all')),
  reason text not null,
  source text not null,
  until timestamptz,
  created_at timestamptz not null,
  ended_at timestamptz
);
create index if not exists suppression_of_customer on channels.suppression (customer_id) where ended_at is null;

create table if not exists channels.receipt (
  provider_id text not null,
  receipt_id text not null,
  kind text not null,
  message_id text,
  at timestamptz not null,
  detail text,
  received_at timestamptz not null,
  primary key (provider_id, receipt_id)
);

create table if not exists channels.link (
  id integer generated always as identity primary key,
  campaign_id text not null,
  url text not null,
  url_hash text not null
);
create unique index if not exists one_link on channels.link (campaign_id, url_hash);

create table if not exists channels.contact_event (
  seq bigint generated always as identity primary key,
  id text not null,
  cid integer not null,
  name text not null,
  at timestamptz not null,
  properties jsonb not null
);

create or replace function channels.may_send(p_customer text, p_channel text, p_purpose text, p_now timestamptz, p_needs_consent boolean)
returns text language sql stable as $may$
  select coalesce(
    (select 'suppressed:' || s.reason from channels.suppression s
      where s.customer_id = p_customer and s.ended_at is null and (s.channel = '*' or s.channel = p_channel)
        and (s.applies_to = 'all' or p_purpose = 'marketing') and (s.until is null or s.until > p_now)
      order by s.created_at limit 1),
    case when p_purpose = 'marketing' then
      case (select c.granted from channels.consent c
             where c.customer_id = p_customer and c.channel = p_channel and c.purpose = p_purpose and c.at <= p_now
             order by c.at desc, c.granted asc limit 1)
        when false then 'suppressed:opted_out'
        when true then null
        else case when p_needs_consent then 'suppressed:no_consent' end
      end
    end)
$may$;

create or replace function channels.obstacle(p_customer text, p_campaign text, p_channel text, p_purpose text, p_expires timestamptz, p_now timestamptz, p_needs_consent boolean)
returns text language sql stable as $obstacle$
  select case
    when exists (select 1 from channels.emergency_stop s where s.lifted_at is null and (s.kind = 'global'
      or (s.kind = 'channel' and s.subject = p_channel) or (s.kind = 'campaign' and s.subject = p_campaign))) then 'hold:emergency_stop'
    else case (select c.state from channels.campaign c where c.id = p_campaign)
      when 'paused' then 'hold:paused'
      when 'stopped' then 'cancelled:campaign_stopped'
      else case when p_expires <= p_now then 'expired:too_late'
        else channels.may_send(p_customer, p_channel, p_purpose, p_now, p_needs_consent) end
    end
  end
$obstacle$;
`,
    },
    {
      id: '20261123T202500_deliveries_of_a_campaign',
      sql: 'create index if not exists message_by_campaign on channels.message (campaign_id, id desc);',
    },
    {
      id: '20261125T111000_consents_of_one_customer',
      sql: `
-- Bank ids that are one customer: whoever said no under one of them is asked under none.
create table channels.alias (
  customer_id text primary key,
  of text not null
);
create index alias_of on channels.alias (of);

create function channels.ids_of(p_customer text)
returns text[] language sql stable as $ids$
  select array(
    select p_customer
    union
    select a.of from channels.alias a where a.customer_id = p_customer
    union
    select a.customer_id from channels.alias a
     where a.of = p_customer or a.of = (select b.of from channels.alias b where b.customer_id = p_customer))
$ids$;

create or replace function channels.may_send(p_customer text, p_channel text, p_purpose text, p_now timestamptz, p_needs_consent boolean)
returns text language sql stable as $may$
  select coalesce(
    (select 'suppressed:' || s.reason from channels.suppression s
      where s.customer_id = any(channels.ids_of(p_customer)) and s.ended_at is null and (s.channel = '*' or s.channel = p_channel)
        and (s.applies_to = 'all' or p_purpose = 'marketing') and (s.until is null or s.until > p_now)
      order by s.created_at limit 1),
    case when p_purpose = 'marketing' then
      case (select c.granted from channels.consent c
             where c.customer_id = any(channels.ids_of(p_customer)) and c.channel = p_channel and c.purpose = p_purpose and c.at <= p_now
             order by c.at desc, c.granted asc limit 1)
        when false then 'suppressed:opted_out'
        when true then null
        else case when p_needs_consent then 'suppressed:no_consent' end
      end
    end)
$may$;
`,
    },
  ],
};
