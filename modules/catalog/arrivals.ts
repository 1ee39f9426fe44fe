import { addDays, type Calendar, dayIn, dayStart } from '@rapport/calendar';
import type { Audit } from '@rapport/governance';
import {
  type Actor,
  type Clock,
  type Component,
  type Log,
  newId,
  parseDuration,
  toIso,
} from '@rapport/kernel';
import type { Sources } from '@rapport/sources';
import type { Arrival, SourceManifest } from '@rapport/sources/contract';
import type { Relational } from '@rapport/stores';
import type { Alerts } from './alerts.ts';
import type { Blocks } from './blocks.ts';
import { catalogProblems } from './catalog.problems.ts';
import type { ArrivalBoard, ArrivalState, ArrivalView, FreezeView, NewFreeze } from './contract.ts';

interface ArrivalRow {
  source_id: string;
  business_day: string;
  due_at: Date;
  state: ArrivalState;
  arrived_at: Date | null;
  load_id: string | null;
  released_by: string | null;
  release_reason: string | null;
}

interface FreezeRow {
  id: string;
  from_at: Date;
  to_at: Date;
  sources: string[];
  reason: string;
  created_by: string;
  cancelled_at: Date | null;
}

const COLUMNS = `a.source_id, to_char(a.business_day, 'YYYY-MM-DD') as business_day, a.due_at, a.state, a.arrived_at, a.load_id,
  a.released_by, a.release_reason`;
const EVERY_MS = 30_000;
const HOUR_MS = 3_600_000;

/** When the data of a day was due, by the expectation of its source. */
export interface Due {
  readonly day: string;
  readonly dueAt: number;
}

/**
 * The day whose data is due last at or before `now`: the local day itself, when it is one on which a load is due and
 * its time has begun. `undefined` before the first.
 */
export function dueDay(
  arrival: Arrival,
  now: number,
  settings: { readonly zone: string; readonly calendar: Calendar | undefined },
): Due | undefined {
  const zone = arrival.zone ?? settings.zone;
  let day = dayIn(zone, now);
  for (let back = 0; back < 62; back++) {
    if (isDueOn(arrival, day, settings.calendar)) return { day, dueAt: timeOn(day, arrival.by, zone) };
    day = addDays(day, -1);
  }
  return undefined;
}

/** The local time of a day as an instant. */
function timeOn(day: string, time: string, zone: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return dayStart(zone, day) + hours * HOUR_MS + minutes * 60_000;
}

/** Whether a calendar says that people work; outside its years, and without one, Monday to Friday. */
export function isBusinessDay(day: string, calendar: Calendar | undefined): boolean {
  if (calendar && day >= calendar.from && day <= calendar.to) return calendar.isBusinessDay(day);
  const weekday = new Date(`${day}T00:00:00Z`).getUTCDay();
  return weekday !== 0 && weekday !== 6;
}

function isDueOn(arrival: Arrival, day: string, calendar: Calendar | undefined): boolean {
  switch (arrival.every ?? 'business day') {
    case 'day':
      return true;
    case 'business day':
      return isBusinessDay(day, calendar);
    case 'month': {
      if (!isBusinessDay(day, calendar)) return false;
      for (let other = `${day.slice(0, 7)}-01`; other < day; other = addDays(other, 1)) {
        if (isBusinessDay(other, calendar)) return false;
      }
      return true;
    }
    default:
      return false;
  }
}

export type Arrivals = ReturnType<typeof createArrivals>;

/**
 * Which data of yesterday (T-1) should be there by when, and whether it is. A source that is late is told about once,
 * and again when it is missing; while its gate is closed, tags over it keep their values. Somebody may open the gate
 * by hand, saying why.
 */
export function createArrivals(deps: {
  readonly relational: Relational;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly sources: Pick<Sources, 'manifests'>;
  readonly alerts: Alerts;
  readonly blocks: Blocks;
  /** Time zone of sources that name none. */
  readonly zone: string;
  readonly calendar: (id: string) => Calendar | undefined;
}) {
  const { clock, alerts, blocks } = deps;
  const { pool } = deps.relational;

  const expecting = async (): Promise<(SourceManifest & { arrives: Arrival })[]> =>
    (await deps.sources.manifests()).flatMap((manifest) =>
      manifest.arrives ? [{ ...manifest, arrives: manifest.arrives }] : [],
    );
  const calendarOf = (arrival: Arrival): Calendar | undefined =>
    arrival.calendar === undefined ? undefined : deps.calendar(arrival.calendar);

  const rowOf = async (sourceId: string, day: string): Promise<ArrivalRow | undefined> => {
    const { rows } = await pool.query<ArrivalRow>(
      `select ${COLUMNS} from catalog.arrival a where a.source_id = $1 and a.business_day = $2`,
      [sourceId, day],
    );
    return rows[0];
  };

  const activeFreezes = async (): Promise<FreezeRow[]> => {
    const { rows } = await pool.query<FreezeRow>(
      `select f.id, f.from_at, f.to_at, f.sources, f.reason, f.created_by, f.cancelled_at from catalog.freeze f
       where f.cancelled_at is null and f.from_at <= $1 and f.to_at > $1`,
      [new Date(clock.now())],
    );
    return rows;
  };

  /** Looks at every source once: what is due, what is late, what is missing; opens and closes gates. */
  const check = async (): Promise<void> => {
    const now = clock.now();
    const manifests = await expecting();
    for (const manifest of manifests) {
      const { arrives } = manifest;
      const due = dueDay(arrives, now, { zone: deps.zone, calendar: calendarOf(arrives) });
      if (!due) continue;
      await pool.query(
        `insert into catalog.arrival (source_id, business_day, due_at, state) values ($1, $2, $3, 'waiting')
         on conflict (source_id, business_day) do update set due_at = excluded.due_at
           where catalog.arrival.state = 'waiting'`,
        [manifest.source, due.day, new Date(due.dueAt)],
      );
      const row = await rowOf(manifest.source, due.day);
      if (!row || row.state === 'arrived' || row.state === 'released') continue;
      if (now < due.dueAt) continue;
      const missingAfter = parseDuration(arrives.missingAfter ?? 'PT4H')?.ms ?? 4 * HOUR_MS;
      const state = now >= due.dueAt + missingAfter ? 'missing' : 'late';
      if (state === row.state) continue;
      await pool.query(
        `update catalog.arrival a set state = $3
         where a.source_id = $1 and a.business_day = $2 and a.state in ('waiting', 'late')`,
        [manifest.source, due.day, state],
      );
      const words = {
        en: `${manifest.title.en}: the data due on ${due.day} by ${arrives.by} is ${state}.`,
        'zh-Hant': `${manifest.title['zh-Hant'] ?? manifest.title.en}：${due.day} ${arrives.by} 應到的資料${state === 'late' ? '延遲未到' : '缺失'}。`,
        'zh-Hans': `${manifest.title['zh-Hans'] ?? manifest.title.en}：${due.day} ${arrives.by} 应到的数据${state === 'late' ? '延迟未到' : '缺失'}。`,
      };
      await alerts.raise({
        kind: 'arrival',
        severity: state === 'missing' ? 'critical' : 'warn',
        subject: manifest.source,
        cause: due.day,
        message: words,
        details: { sourceId: manifest.source, businessDay: due.day, dueAt: toIso(due.dueAt), state },
      });
      if (arrives.gate ?? true) {
        for (const table of [...Object.keys(manifest.tables), ...Object.keys(manifest.derived ?? {})]) {
          await blocks.begin({
            table: `src/${manifest.source}/${table}`,
            because: 'arrival',
            cause: `${manifest.source} ${due.day}`,
            message: `The data of ${manifest.source} due on ${due.day} by ${arrives.by} has not arrived. Load it, or release the day on the arrival board.`,
          });
        }
      }
    }
    await freezeBlocks();
  };

  const freezeBlocks = async (): Promise<void> => {
    const active = await activeFreezes();
    const known = await deps.sources.manifests();
    const ids = new Set(active.map((freeze) => freeze.id));
    const openFreezes = (await blocks.list(500)).filter(
      (block) => block.because === 'freeze' && block.endedAt === undefined,
    );
    for (const block of openFreezes) if (!ids.has(block.cause)) await blocks.end('freeze', block.cause);
    for (const freeze of active) {
      for (const manifest of known) {
        if (freeze.sources.length > 0 && !freeze.sources.includes(manifest.source)) continue;
        for (const table of Object.keys(manifest.tables)) {
          await blocks.begin({
            table: `src/${manifest.source}/${table}`,
            because: 'freeze',
            cause: freeze.id,
            message: `Frozen until ${toIso(freeze.to_at.getTime())}: ${freeze.reason}.`,
          });
        }
      }
    }
  };

  return {
    check,

    /** A load of the source became visible: the day it was due for has arrived. */
    async arrived(sourceId: string, loadId: string): Promise<void> {
      const manifest = (await expecting()).find((candidate) => candidate.source === sourceId);
      if (!manifest) return;
      const now = clock.now();
      const due = dueDay(manifest.arrives, now, {
        zone: deps.zone,
        calendar: calendarOf(manifest.arrives),
      });
      if (!due) return;
      await pool.query(
        `insert into catalog.arrival as a (source_id, business_day, due_at, state, arrived_at, load_id)
         values ($1, $2, $3, 'arrived', $4, $5)
         on conflict (source_id, business_day) do update set state = 'arrived',
           arrived_at = coalesce(a.arrived_at, excluded.arrived_at), load_id = excluded.load_id`,
        [sourceId, due.day, new Date(due.dueAt), new Date(now), loadId],
      );
      await alerts.resolve('arrival', sourceId);
      const { rows } = await pool.query<{ cause: string }>(
        `select distinct b.cause from catalog.block b where b.because = 'arrival' and b.ended_at is null and b.cause like $1`,
        [`${sourceId} %`],
      );
      for (const row of rows) await blocks.end('arrival', row.cause);
    },

    /** Opens the gate of a day by hand. @throws catalog.arrival_not_found, catalog.already_arrived */
    async release(sourceId: string, day: string, reason: string, actor: Actor): Promise<ArrivalView> {
      const row = await rowOf(sourceId, day);
      if (!row) {
        throw catalogProblems.arrival_not_found({
          detail: `Nothing was due from ${sourceId} on ${day}. Look at the arrival board for the days that were.`,
        });
      }
      if (row.state === 'arrived') {
        throw catalogProblems.already_arrived({ detail: `The data of ${sourceId} due on ${day} arrived.` });
      }
      await pool.query(
        `update catalog.arrival a set state = 'released', released_by = $3, release_reason = $4
         where a.source_id = $1 and a.business_day = $2 and a.state <> 'arrived'`,
        [sourceId, day, actor.displayName, reason],
      );
      await blocks.end('arrival', `${sourceId} ${day}`);
      await alerts.resolve('arrival', sourceId, day);
      await deps.audit.record({
        actor,
        action: 'arrival.released',
        subject: sourceId,
        details: { businessDay: day, reason },
      });
      return present((await rowOf(sourceId, day)) ?? row);
    },

    /** T-1 by source and day. */
    async board(days: number): Promise<ArrivalBoard> {
      await check();
      const manifests = await expecting();
      const { rows } = await pool.query<ArrivalRow>(
        `select ${COLUMNS} from catalog.arrival a where a.business_day > current_date - $1::integer order by a.business_day desc`,
        [days + 3],
      );
      const names = [...new Set(rows.map((row) => row.business_day))].sort().reverse().slice(0, days);
      const today = names[0];
      const ofToday = rows.filter((row) => row.business_day === today);
      const freezes = await pool.query<FreezeRow>(
        `select f.id, f.from_at, f.to_at, f.sources, f.reason, f.created_by, f.cancelled_at from catalog.freeze f
         where f.cancelled_at is null and f.to_at > $1 order by f.from_at`,
        [new Date(clock.now())],
      );
      return {
        days: names,
        sources: manifests.map((manifest) => ({
          sourceId: manifest.source,
          title: manifest.title,
          by: manifest.arrives.by,
          zone: manifest.arrives.zone ?? deps.zone,
          every: manifest.arrives.every ?? 'business day',
          ...(manifest.arrives.calendar === undefined ? {} : { calendar: manifest.arrives.calendar }),
          gate: manifest.arrives.gate ?? true,
          days: rows
            .filter((row) => row.source_id === manifest.source && names.includes(row.business_day))
            .map(present),
        })),
        ...(today === undefined
          ? {}
          : {
              latest: {
                day: today,
                due: ofToday.length,
                arrived: ofToday.filter((row) => row.state === 'arrived').length,
                complete:
                  ofToday.length > 0 &&
                  ofToday.every((row) => row.state === 'arrived' || row.state === 'released'),
              },
            }),
        freezes: freezes.rows.map(presentFreeze),
      };
    },

    async freeze(body: NewFreeze, actor: Actor): Promise<FreezeView> {
      const [from, to] = [Date.parse(body.from), Date.parse(body.to)];
      if (!(from < to)) {
        throw catalogProblems.invalid_freeze({
          detail: `A freeze from ${body.from} to ${body.to} has no duration; \`to\` must be later than \`from\`.`,
        });
      }
      const row: FreezeRow = {
        id: newId('frz'),
        from_at: new Date(from),
        to_at: new Date(to),
        sources: [...(body.sources ?? [])],
        reason: body.reason,
        created_by: actor.displayName,
        cancelled_at: null,
      };
      await pool.query(
        `insert into catalog.freeze (id, from_at, to_at, sources, reason, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)`,
        [
          row.id,
          row.from_at,
          row.to_at,
          JSON.stringify(row.sources),
          row.reason,
          row.created_by,
          new Date(clock.now()),
        ],
      );
      await deps.audit.record({
        actor,
        action: 'freeze.set',
        subject: row.id,
        details: { from: body.from, to: body.to, reason: body.reason, sources: row.sources },
      });
      await check();
      return presentFreeze(row);
    },

    async cancelFreeze(freezeId: string, actor: Actor): Promise<void> {
      const { rowCount } = await pool.query(
        'update catalog.freeze f set cancelled_at = $2 where f.id = $1 and f.cancelled_at is null',
        [freezeId, new Date(clock.now())],
      );
      if (rowCount === 0) {
        throw catalogProblems.freeze_not_found({ detail: `There is no open freeze ${freezeId}.` });
      }
      await blocks.end('freeze', freezeId);
      await deps.audit.record({ actor, action: 'freeze.cancelled', subject: freezeId });
    },

    /** Looks at the sources twice a minute. */
    watch(): Component {
      let timer: NodeJS.Timeout | undefined;
      let checking: Promise<void> = Promise.resolve();
      const round = async (): Promise<void> => {
        try {
          await check();
        } catch (error) {
          deps.log.warn({ err: error }, 'arrivals could not be checked; the next round tries again');
        }
      };
      return {
        name: 'arrivals',
        async start() {
          timer = setInterval(() => {
            checking = checking.then(round);
          }, EVERY_MS);
        },
        async stop() {
          clearInterval(timer);
          await checking;
        },
      };
    },
  };
}

function present(row: ArrivalRow): ArrivalView {
  return {
    sourceId: row.source_id,
    businessDay: row.business_day,
    dueAt: toIso(row.due_at.getTime()),
    state: row.state,
    ...(row.arrived_at ? { arrivedAt: toIso(row.arrived_at.getTime()) } : {}),
    ...(row.load_id === null ? {} : { loadId: row.load_id }),
    ...(row.released_by === null ? {} : { releasedBy: row.released_by }),
    ...(row.release_reason === null ? {} : { releaseReason: row.release_reason }),
  };
}

const presentFreeze = (row: FreezeRow): FreezeView => ({
  id: row.id,
  from: toIso(row.from_at.getTime()),
  to: toIso(row.to_at.getTime()),
  sources: row.sources,
  reason: row.reason,
  createdBy: row.created_by,
});
