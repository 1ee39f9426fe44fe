import type { Audit } from '@rapport/governance';
import { type Actor, type Clock, type LocalizedText, type Log, newId, toIso } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import { catalogProblems } from './catalog.problems.ts';
import type { AlertPage, AlertView } from './contract.ts';

export type AlertSeverity = 'info' | 'warn' | 'critical';

export interface NewAlert {
  /** Such as `quality`, `drift`, `arrival`, `load`. */
  readonly kind: string;
  readonly severity: AlertSeverity;
  /** What it is about, such as `src/core/client` or a source id. */
  readonly subject: string;
  /** Which of the things that can be wrong with the subject; one open alert a cause. */
  readonly cause: string;
  readonly message: LocalizedText;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Where alerts go beside the list: a webhook, a mailbox. */
export interface AlertSink {
  readonly name: string;
  send(alert: AlertView): Promise<void>;
}

interface AlertRow {
  id: string;
  kind: string;
  severity: AlertSeverity;
  subject: string;
  cause: string;
  message: LocalizedText;
  details: Record<string, unknown>;
  raised_at: Date;
  last_seen_at: Date;
  seen: number;
  acknowledged_at: Date | null;
  acknowledged_by: string | null;
  note: string | null;
  resolved_at: Date | null;
}

const COLUMNS = `a.id, a.kind, a.severity, a.subject, a.cause, a.message, a.details, a.raised_at, a.last_seen_at, a.seen,
  a.acknowledged_at, a.acknowledged_by, a.note, a.resolved_at`;

export type Alerts = ReturnType<typeof createAlerts>;

/**
 * What somebody should look at. An alert that is raised again while it is open counts on; it is sent to the sinks
 * when it is new, and once more when it gets more severe.
 */
export function createAlerts(deps: {
  readonly relational: Relational;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly sinks: readonly AlertSink[];
}) {
  const { pool } = deps.relational;

  const tell = (alert: AlertView): void => {
    for (const sink of deps.sinks) {
      // The alert is in the list whatever becomes of the message.
      void sink.send(alert).catch((error: unknown) => {
        deps.log.warn({ err: error, sink: sink.name, alertId: alert.id }, 'an alert could not be sent');
      });
    }
  };

  return {
    async raise(alert: NewAlert): Promise<AlertView> {
      const now = new Date(deps.clock.now());
      const { rows } = await pool.query<AlertRow & { inserted: boolean; was: AlertSeverity | null }>(
        `with before as (
           select b.severity from catalog.alert b
           where b.kind = $2 and b.subject = $4 and b.cause = $5 and b.resolved_at is null
         )
         insert into catalog.alert as a (id, kind, severity, subject, cause, message, details, raised_at, last_seen_at, seen)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8, 1)
         on conflict (kind, subject, cause) where resolved_at is null do update set
           severity = excluded.severity, message = excluded.message, details = excluded.details,
           last_seen_at = excluded.last_seen_at, seen = a.seen + 1
         returning ${COLUMNS}, (a.xmax = 0) as inserted, (select before.severity from before) as was`,
        [
          newId('alt'),
          alert.kind,
          alert.severity,
          alert.subject,
          alert.cause,
          JSON.stringify(alert.message),
          JSON.stringify(alert.details ?? {}),
          now,
        ],
      );
      const [row] = rows;
      if (!row) throw new Error('The alert was not stored.');
      const view = present(row);
      const isWorse = row.was !== null && RANK[row.severity] > RANK[row.was];
      if (row.inserted || isWorse) tell(view);
      return view;
    },

    /** Ends open alerts whose cause is gone. */
    async resolve(kind: string, subject: string, cause?: string): Promise<void> {
      await pool.query(
        `update catalog.alert a set resolved_at = $4
         where a.kind = $1 and a.subject = $2 and ($3::text is null or a.cause = $3) and a.resolved_at is null`,
        [kind, subject, cause ?? null, new Date(deps.clock.now())],
      );
    },

    async list(query: {
      state?: 'open' | 'acknowledged' | 'resolved';
      kind?: string;
      subject?: string;
      cursor?: string;
      limit?: number;
    }): Promise<AlertPage> {
      const limit = query.limit ?? 50;
      const { rows } = await pool.query<AlertRow>(
        `select ${COLUMNS} from catalog.alert a
         where ($1::text is null or a.kind = $1) and ($2::text is null or a.subject = $2)
           and ($3::text is null
             or ($3 = 'open' and a.resolved_at is null and a.acknowledged_at is null)
             or ($3 = 'acknowledged' and a.resolved_at is null and a.acknowledged_at is not null)
             or ($3 = 'resolved' and a.resolved_at is not null))
           and ($4::text is null or a.id < $4)
         order by a.id desc limit $5`,
        [query.kind ?? null, query.subject ?? null, query.state ?? null, query.cursor ?? null, limit + 1],
      );
      const items = rows.slice(0, limit).map(present);
      const last = items.at(-1);
      const counts = await pool.query<{ severity: AlertSeverity; n: number }>(
        `select a.severity, count(*)::integer as n from catalog.alert a
         where a.resolved_at is null and a.acknowledged_at is null group by a.severity`,
      );
      const open = { info: 0, warn: 0, critical: 0 };
      for (const row of counts.rows) open[row.severity] = row.n;
      return { items, open, ...(rows.length > limit && last ? { nextCursor: last.id } : {}) };
    },

    async acknowledge(alertId: string, note: string | undefined, actor: Actor): Promise<AlertView> {
      const { rows } = await pool.query<AlertRow>(
        `update catalog.alert a set acknowledged_at = coalesce(a.acknowledged_at, $2),
           acknowledged_by = coalesce(a.acknowledged_by, $3), note = coalesce($4, a.note)
         where a.id = $1 returning ${COLUMNS}`,
        [alertId, new Date(deps.clock.now()), actor.displayName, note ?? null],
      );
      const [row] = rows;
      if (!row) throw catalogProblems.alert_not_found({ detail: `There is no alert ${alertId}.` });
      await deps.audit.record({
        actor,
        action: 'alert.acknowledged',
        subject: alertId,
        details: { kind: row.kind, about: row.subject, ...(note === undefined ? {} : { note }) },
      });
      return present(row);
    },
  };
}

const RANK = { info: 0, warn: 1, critical: 2 } as const;

function present(row: AlertRow): AlertView {
  return {
    id: row.id,
    kind: row.kind,
    severity: row.severity,
    subject: row.subject,
    message: row.message,
    details: row.details,
    state: row.resolved_at !== null ? 'resolved' : row.acknowledged_at !== null ? 'acknowledged' : 'open',
    raisedAt: toIso(row.raised_at.getTime()),
    lastSeenAt: toIso(row.last_seen_at.getTime()),
    seen: row.seen,
    ...(row.acknowledged_at ? { acknowledgedAt: toIso(row.acknowledged_at.getTime()) } : {}),
    ...(row.acknowledged_by === null ? {} : { acknowledgedBy: row.acknowledged_by }),
    ...(row.note === null ? {} : { note: row.note }),
    ...(row.resolved_at ? { resolvedAt: toIso(row.resolved_at.getTime()) } : {}),
  };
}
