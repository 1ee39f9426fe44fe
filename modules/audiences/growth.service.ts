import { businessCalendar, CALENDARS, type Calendar, dayIn } from '@rapport/calendar';
import type { AuditRecord } from '@rapport/governance';
import {
  type Actor,
  type Clock,
  type Component,
  type EpochMs,
  type Log,
  systemActor,
  toIso,
} from '@rapport/kernel';
import { type CidSet, cidSetFromBytes, type Jobs, type Relational } from '@rapport/stores';
import { Cron } from 'croner';
import { Type } from 'typebox';
import { audiencesProblems } from './audiences.problems.ts';
import type { Audiences } from './audiences.ts';
import { alertsOf, backcastInstants } from './growth.ts';
import type {
  FlowRequest,
  FlowResult,
  GrowthPoint,
  GrowthQuery,
  GrowthResult,
  PolicyResult,
  RefreshPolicy,
} from './insight.contract.ts';
import type { Lists } from './lists.service.ts';

export interface GrowthDeps {
  readonly relational: Pick<Relational, 'pool' | 'transaction'>;
  readonly jobs: Pick<Jobs, 'define' | 'enqueue'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: { record(entry: AuditRecord): Promise<void> };
  readonly audiences: Pick<Audiences, 'find' | 'resolve' | 'snapshot' | 'freeze'>;
  readonly lists: Pick<Lists, 'sweep'>;
}

/** Sizes of audiences over time, and when they are recorded. */
export interface Growth {
  /** Whoever sees a part of the bank is not told sizes, which are of the whole. */
  policy(audienceId: string, actor: Actor): Promise<PolicyResult>;
  /** @throws audiences.bad_policy */
  setPolicy(audienceId: string, policy: RefreshPolicy, actor: Actor): Promise<PolicyResult>;
  /**
   * Evaluates an audience over the whole bank now and records its size, who came and who went; freezes it too when its
   * policy says so. @throws audiences.whole_bank_only for an actor of an org scope
   */
  record(audienceId: string, actor: Actor): Promise<GrowthPoint>;
  history(audienceId: string, query: GrowthQuery, actor: Actor): Promise<GrowthResult>;
  flow(audienceId: string, request: FlowRequest, actor: Actor): Promise<FlowResult>;
  /** New data is there: queues every audience that waits for it, and once a day every live one. */
  onRefreshed(): Promise<void>;
  /** Queues the audiences whose schedule is due and deletes lists whose time is over. */
  keepSchedules(): Promise<void>;
  /** Keeps schedules every so often. */
  readonly component: Component;
}

const LIVE: RefreshPolicy = { mode: 'live' };
const EVERY_MS = 20_000;
const DAY_MS = 86_400_000;
const MOST_AT_ONCE = 500;
const REFRESH = 'audiences.refresh';

/** Audiences to record; those recorded since then are done already. */
const Refresh = Type.Object({
  audienceIds: Type.Array(Type.String()),
  since: Type.Integer(),
});

export function createGrowth(deps: GrowthDeps): Growth {
  const { clock, log, audit, audiences } = deps;
  const { pool } = deps.relational;

  const requireAudience = async (id: string) => {
    const found = await audiences.find(id);
    if (!found) throw audiencesProblems.not_found({ detail: `There is no audience ${id}.` });
    return found;
  };
  const policyOf = async (id: string): Promise<{ policy: RefreshPolicy; next_at: Date | null }> => {
    const found = await pool.query<{ policy: RefreshPolicy; next_at: Date | null }>(
      'select p.policy, p.next_at from audiences.policy p where p.audience_id = $1',
      [id],
    );
    return found.rows[0] ?? { policy: LIVE, next_at: null };
  };

  const calendars = new Map<string, Calendar>(CALENDARS.map((data) => [data.id, businessCalendar(data)]));
  const isBusinessDay = (day: string, calendarId: string): boolean => {
    const calendar = calendars.get(calendarId);
    // Nobody knows the holidays of years that were not announced yet.
    return calendar && day >= calendar.from && day <= calendar.to
      ? calendar.isBusinessDay(day)
      : ![0, 6].includes(new Date(`${day}T00:00:00Z`).getUTCDay());
  };
  const nextOf = (policy: RefreshPolicy, after: EpochMs): Date | null => {
    if (policy.mode !== 'schedule') return null;
    const { timeZone = ZONE, businessDays = false, calendar = CALENDAR } = policy;
    const cron = readCron(policy);
    let from = new Date(after);
    for (let tries = 0; tries < 400; tries++) {
      const next = cron.nextRun(from);
      if (!next) return null;
      if (!businessDays || isBusinessDay(dayIn(timeZone, next.getTime()), calendar)) return next;
      from = next;
    }
    return null;
  };

  const record: Growth['record'] = async (audienceId, actor) => {
    if (actor.orgScope)
      throw audiencesProblems.whole_bank_only({
        detail: `Sizes are recorded over the whole bank, and you see ${actor.orgScope.join(', ') || 'no org unit'}; count the audience instead.`,
      });
    const audience = await requireAudience(audienceId);
    const { policy } = await policyOf(audienceId);
    const { cids, release, snapshot } = await present(audienceId, policy, actor);
    const at = clock.now();
    return deps.relational.transaction(async (client) => {
      const locked = await client.query<{ cids: Buffer; version: number; size: string }>(
        'select m.cids, m.version, m.size from audiences.membership m where m.audience_id = $1 for update',
        [audienceId],
      );
      const [row] = locked.rows;
      // Who came and went is said only of one definition: another one selects other people for no event of theirs.
      const before: CidSet | undefined =
        row && row.version === audience.version ? cidSetFromBytes(row.cids) : undefined;
      const entered = before ? cids.andNot(before).size : undefined;
      const left = before ? before.andNot(cids).size : undefined;
      const alerts = alertsOf(policy.alert, {
        before: before?.size ?? cids.size,
        count: cids.size,
        entered: entered ?? 0,
        left: left ?? 0,
      });
      await client.query(
        `insert into audiences.size (audience_id, at, release, version, count, entered, gone, alerts, snapshot_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (audience_id, at) do nothing`,
        [
          audienceId,
          new Date(at),
          release,
          audience.version,
          cids.size,
          entered ?? null,
          left ?? null,
          alerts,
          snapshot ?? null,
        ],
      );
      await client.query(
        'update audiences.audience a set last_count = $3, last_count_at = $4 where a.id = $1 and a.version = $2',
        [audienceId, audience.version, cids.size, new Date(at)],
      );
      await client.query(
        `insert into audiences.membership (audience_id, at, release, version, size, cids) values ($1, $2, $3, $4, $5, $6)
         on conflict (audience_id) do update set at = $2, release = $3, version = $4, size = $5, cids = $6`,
        [audienceId, new Date(at), release, audience.version, cids.size, Buffer.from(cids.toBytes())],
      );
      if (alerts.length > 0) {
        log.warn(
          { audienceId, count: cids.size, before: before?.size, alerts },
          'an audience passed a threshold',
        );
        await audit.record({
          actor: systemActor,
          action: 'audience.alerted',
          subject: audienceId,
          details: { name: audience.name, count: cids.size, before: before?.size ?? null, alerts },
        });
      }
      return {
        at: toIso(at),
        count: cids.size,
        ...(entered === undefined ? {} : { entered }),
        ...(left === undefined ? {} : { left }),
        source: 'recorded' as const,
        version: audience.version,
        ...(snapshot === undefined ? {} : { snapshot }),
        ...(alerts.length > 0 ? { alerts } : {}),
      };
    });
  };
  /** Who is in now; frozen, where the policy keeps snapshots, so that the point and the snapshot are of one moment. */
  const present = async (
    audienceId: string,
    policy: RefreshPolicy,
    actor: Actor,
  ): Promise<{ cids: CidSet; release: number; snapshot?: string }> => {
    if (!policy.snapshot) return audiences.resolve({ audience: audienceId });
    const { id, release } = await audiences.freeze({ audienceId }, {}, actor);
    return { cids: (await audiences.snapshot(id)).cids, release, snapshot: id };
  };

  deps.jobs.define(
    REFRESH,
    Refresh,
    async ({ payload: { audienceIds, since }, signal, report }) => {
      const done = await pool.query<{ audience_id: string }>(
        'select m.audience_id from audiences.membership m where m.audience_id = any ($1) and m.at >= $2',
        [audienceIds, new Date(since)],
      );
      // A job that is taken up again after a crash does not record twice.
      const recorded = new Set(done.rows.map((row) => row.audience_id));
      const failed: { audienceId: string; reason: string }[] = [];
      for (const [at, audienceId] of audienceIds.entries()) {
        signal.throwIfAborted();
        if (recorded.has(audienceId)) continue;
        if (!(await audiences.find(audienceId))) {
          await pool.query('delete from audiences.policy p where p.audience_id = $1', [audienceId]);
          continue;
        }
        try {
          await record(audienceId, systemActor);
          recorded.add(audienceId);
        } catch (error) {
          // One that cannot be evaluated any more (its tag was retired) must not keep the others waiting.
          log.warn({ err: error, audienceId }, 'an audience could not be recorded');
          failed.push({ audienceId, reason: error instanceof Error ? error.message : String(error) });
        }
        await report({ share: (at + 1) / audienceIds.length, message: `${at + 1} of ${audienceIds.length}` });
      }
      return { recorded: recorded.size, failed };
    },
    { retries: 2 },
  );

  const onRefreshed: Growth['onRefreshed'] = async () => {
    const now = clock.now();
    const due = await pool.query<{ id: string }>(
      `select a.id from audiences.audience a left join audiences.policy p on p.audience_id = a.id
       left join audiences.membership m on m.audience_id = a.id
       where p.policy->>'mode' = 'after_refresh'
          or (coalesce(p.policy->>'mode', 'live') = 'live' and (m.at is null or m.at < $1))
       order by p.policy->>'mode' = 'after_refresh' desc nulls last, a.updated_at desc limit ${MOST_AT_ONCE}`,
      [new Date(now - DAY_MS + 3_600_000)],
    );
    if (due.rows.length === 0) return;
    await deps.jobs.enqueue(
      REFRESH,
      { audienceIds: due.rows.map(({ id }) => id), since: now },
      { subject: 'audiences' },
    );
  };

  const keepSchedules: Growth['keepSchedules'] = async () => {
    await deps.lists.sweep();
    const now = clock.now();
    await deps.relational.transaction(async (client) => {
      // Several processes may keep schedules: each takes what no other holds. A crash before the commit may queue twice,
      // never not at all.
      const due = await client.query<{ audience_id: string; policy: RefreshPolicy }>(
        `select p.audience_id, p.policy from audiences.policy p where p.next_at <= $1 order by p.next_at
         limit ${MOST_AT_ONCE} for update skip locked`,
        [new Date(now)],
      );
      if (due.rows.length === 0) return;
      const audienceIds = due.rows.map((row) => row.audience_id);
      await deps.jobs.enqueue(REFRESH, { audienceIds, since: now }, { subject: 'audiences' });
      for (const { audience_id, policy } of due.rows)
        await client.query('update audiences.policy p set next_at = $2 where p.audience_id = $1', [
          audience_id,
          nextOf(policy, now),
        ]);
    });
  };

  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  return {
    async policy(audienceId, actor) {
      await requireAudience(audienceId);
      const { policy, next_at } = await policyOf(audienceId);
      const last = await pool.query<{ at: Date; size: string }>(
        'select m.at, m.size from audiences.membership m where m.audience_id = $1',
        [audienceId],
      );
      const [row] = last.rows;
      return {
        policy,
        ...(next_at ? { nextAt: toIso(next_at.getTime()) } : {}),
        ...(row ? { lastAt: toIso(row.at.getTime()) } : {}),
        ...(row && !actor.orgScope ? { lastSize: Number(row.size) } : {}),
      };
    },
    async setPolicy(audienceId, policy, actor) {
      const audience = await requireAudience(audienceId);
      const next = nextOf(policy, clock.now());
      if (policy.mode === 'schedule' && !next)
        throw audiencesProblems.bad_policy({ detail: `The schedule "${policy.cron}" is never due.` });
      await pool.query(
        `insert into audiences.policy (audience_id, policy, next_at, changed_by, changed_at) values ($1, $2, $3, $4, $5)
         on conflict (audience_id) do update set policy = $2, next_at = $3, changed_by = $4, changed_at = $5`,
        [audienceId, JSON.stringify(policy), next, actor.id, new Date(clock.now())],
      );
      await audit.record({
        actor,
        action: 'audience.policy_changed',
        subject: audienceId,
        details: { name: audience.name, policy },
      });
      return this.policy(audienceId, actor);
    },
    record,
    async history(audienceId, { days = 90, backcast = 0 }, actor) {
      await requireAudience(audienceId);
      const now = clock.now();
      const recorded = actor.orgScope
        ? []
        : (
            await pool.query<{
              at: Date;
              version: number;
              count: string;
              entered: string | null;
              gone: string | null;
              alerts: string[];
              snapshot_id: string | null;
            }>(
              'select s.at, s.version, s.count, s.entered, s.gone, s.alerts, s.snapshot_id from audiences.size s where s.audience_id = $1 and s.at >= $2 order by s.at',
              [audienceId, new Date(now - days * DAY_MS)],
            )
          ).rows.map(
            (row): GrowthPoint => ({
              at: toIso(row.at.getTime()),
              count: Number(row.count),
              ...(row.entered === null ? {} : { entered: Number(row.entered) }),
              ...(row.gone === null ? {} : { left: Number(row.gone) }),
              source: 'recorded',
              version: row.version,
              ...(row.snapshot_id === null ? {} : { snapshot: row.snapshot_id }),
              ...(row.alerts.length > 0 ? { alerts: row.alerts.filter(isAlert) } : {}),
            }),
          );
      const past: GrowthPoint[] = [];
      for (const at of backcastInstants(now, days, backcast)) {
        const { cids } = await audiences.resolve(
          { audience: audienceId },
          { asOf: at, orgScope: actor.orgScope },
        );
        past.push({ at: toIso(at), count: cids.size, source: 'as_of' });
      }
      return { points: [...recorded, ...past].sort((a, b) => (a.at < b.at ? -1 : 1)) };
    },
    async flow(audienceId, request, actor) {
      await requireAudience(audienceId);
      const everybody = actor.orgScope
        ? (await audiences.resolve({ always: true }, { orgScope: actor.orgScope })).cids
        : undefined;
      const scoped = (cids: CidSet): CidSet => (everybody ? cids.and(everybody) : cids);
      const before = scoped((await audiences.snapshot(request.from)).cids);
      const after = scoped(
        request.to === undefined
          ? (await audiences.resolve({ audience: audienceId }, { orgScope: actor.orgScope })).cids
          : (await audiences.snapshot(request.to)).cids,
      );
      const stayed = before.and(after).size;
      return {
        before: before.size,
        after: after.size,
        stayed,
        entered: after.size - stayed,
        left: before.size - stayed,
      };
    },
    onRefreshed,
    keepSchedules,
    component: {
      name: 'audience-schedules',
      async start() {
        timer = setInterval(() => {
          running = running.then(keepSchedules).catch((error: unknown) => {
            log.warn({ err: error }, 'audience schedules could not be kept; the next round tries again');
          });
        }, EVERY_MS);
      },
      async stop() {
        clearInterval(timer);
        await running;
      },
    },
  };
}

const ZONE = 'Asia/Shanghai';
const CALENDAR = 'CN';
const ALERTS = ['growth', 'decline', 'turnover', 'below'] as const;
const isAlert = (text: string): text is (typeof ALERTS)[number] => ALERTS.some((alert) => alert === text);

function readCron(policy: RefreshPolicy): Cron {
  if (policy.cron === undefined)
    throw audiencesProblems.bad_policy({ detail: 'A schedule needs "cron", such as "0 7 * * 1-5".' });
  const { timeZone = ZONE } = policy;
  if (!isTimeZone(timeZone))
    throw audiencesProblems.bad_policy({
      detail: `"${timeZone}" is no time zone; name one such as "Asia/Taipei".`,
    });
  try {
    return new Cron(policy.cron, { timezone: timeZone, mode: '5-part' });
  } catch (error) {
    throw audiencesProblems.bad_policy({
      detail: `"${policy.cron}" is not a schedule: ${error instanceof Error ? error.message : String(error)}`,
      cause: error,
    });
  }
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}
