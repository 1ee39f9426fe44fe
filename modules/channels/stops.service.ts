import { newId, toIso } from '@rapport/kernel';
import { channelsProblems } from './channels.problems.ts';
import type { ChannelsDeps, EmergencyStops } from './channels.ts';
import type { Channel, EmergencyStopView, StopScope } from './contract.ts';

interface StopRow {
  readonly id: string;
  readonly kind: StopScope['kind'];
  readonly subject: string;
  readonly reason: string;
  readonly started_by: string;
  readonly started_at: Date;
  readonly lifted_at: Date | null;
}

const COLUMNS = 's.id, s.kind, s.subject, s.reason, s.started_by, s.started_at, s.lifted_at';

/** Emergency stops. The dispatcher reads them in the statement that begins each hand-over, so there is no cache to wait for. */
export function createStops(deps: Pick<ChannelsDeps, 'relational' | 'clock' | 'audit'>): EmergencyStops {
  const { clock, audit } = deps;
  const { pool } = deps.relational;
  return {
    async list() {
      const found = await pool.query<StopRow>(
        `select ${COLUMNS} from channels.emergency_stop s order by s.lifted_at is not null, s.id desc limit 200`,
      );
      return found.rows.map(present);
    },
    async start(stop, actor) {
      const written = await pool.query<StopRow>(
        `insert into channels.emergency_stop as s (id, kind, subject, reason, started_by, started_at)
         values ($1, $2, $3, $4, $5, $6) returning ${COLUMNS}`,
        [newId('stp'), stop.scope.kind, subjectOf(stop.scope), stop.reason, actor.id, new Date(clock.now())],
      );
      const row = written.rows[0];
      if (!row) throw new Error('the stop was not written');
      await audit.record({
        actor,
        action: 'emergency_stop.started',
        subject: row.id,
        details: { scope: stop.scope, reason: stop.reason },
      });
      return present(row);
    },
    async lift(stopId, actor) {
      const lifted = await pool.query<StopRow>(
        `update channels.emergency_stop s set lifted_at = $2 where s.id = $1 and s.lifted_at is null returning ${COLUMNS}`,
        [stopId, new Date(clock.now())],
      );
      const row = lifted.rows[0];
      if (!row)
        throw channelsProblems.stop_not_found({ detail: `There is no emergency stop ${stopId} in force.` });
      await audit.record({ actor, action: 'emergency_stop.lifted', subject: stopId });
      return present(row);
    },
  };
}

function subjectOf(scope: StopScope): string {
  if (scope.kind === 'global') return '*';
  return scope.kind === 'channel' ? scope.channel : scope.campaignId;
}

const isChannel = (text: string): text is Channel => text === 'email' || text === 'sms';

function scopeOf(row: StopRow): StopScope {
  if (row.kind === 'campaign') return { kind: 'campaign', campaignId: row.subject };
  if (row.kind === 'channel' && isChannel(row.subject)) return { kind: 'channel', channel: row.subject };
  return { kind: 'global' };
}

const present = (row: StopRow): EmergencyStopView => ({
  id: row.id,
  scope: scopeOf(row),
  reason: row.reason,
  startedBy: row.started_by,
  startedAt: toIso(row.started_at.getTime()),
  ...(row.lifted_at ? { liftedAt: toIso(row.lifted_at.getTime()) } : {}),
});
