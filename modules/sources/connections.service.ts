import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Audit } from '@rapport/governance';
import { type Actor, type Clock, toIso } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import type { ConnectionBody, ConnectionSettings, ConnectionView } from './connection.schema.ts';
import { sourcesProblems } from './sources.errors.ts';

/** A connection with its secret, for reading only; it never leaves this module. */
export interface OpenConnection {
  readonly id: string;
  readonly settings: ConnectionSettings;
  readonly secret: string;
}

interface ConnectionRow {
  id: string;
  settings: ConnectionSettings;
  secret: Buffer | null;
  updated_at: Date;
  updated_by: string;
}

const COLUMNS = 'c.id, c.settings, c.secret, c.updated_at, c.updated_by';

export type Connections = ReturnType<typeof createConnections>;

/** Named ways to other systems. Secrets are encrypted at rest and never shown. */
export function createConnections(deps: {
  readonly relational: Relational;
  readonly clock: Clock;
  readonly audit: Audit;
  /** AES-256 key. */
  readonly dataKey: Buffer;
}) {
  const { pool } = deps.relational;

  const rowOf = async (id: string): Promise<ConnectionRow | undefined> => {
    const { rows } = await pool.query<ConnectionRow>(
      `select ${COLUMNS} from sources.connection c where c.id = $1`,
      [id],
    );
    return rows[0];
  };

  return {
    async list(): Promise<ConnectionView[]> {
      const { rows } = await pool.query<ConnectionRow>(
        `select ${COLUMNS} from sources.connection c order by c.id`,
      );
      return rows.map(present);
    },

    /** A secret belongs to where it leads: another host, bucket or user needs it said again. */
    async put(id: string, body: ConnectionBody, actor: Actor): Promise<ConnectionView> {
      if (!/^[a-z][a-z0-9_-]{0,59}$/.test(id)) {
        throw sourcesProblems.invalid_connection({
          detail: `"${id}" is no name of a connection: lower-case letters, digits, "_" and "-", beginning with a letter.`,
        });
      }
      const before = await rowOf(id);
      const leadsElsewhere =
        before !== undefined &&
        JSON.stringify(targetOf(before.settings)) !== JSON.stringify(targetOf(body.settings));
      if (leadsElsewhere && before.secret !== null && body.secret === undefined) {
        throw sourcesProblems.invalid_connection({
          detail: `${id} would lead elsewhere with the secret it has. Give the secret again.`,
        });
      }
      const secret =
        body.secret === undefined
          ? (before?.secret ?? null)
          : body.secret === ''
            ? null
            : seal(deps.dataKey, id, body.secret);
      const { rows } = await pool.query<ConnectionRow>(
        `insert into sources.connection as c (id, settings, secret, updated_at, updated_by) values ($1, $2, $3, $4, $5)
         on conflict (id) do update set settings = excluded.settings, secret = excluded.secret,
           updated_at = excluded.updated_at, updated_by = excluded.updated_by
         returning ${COLUMNS}`,
        [id, JSON.stringify(body.settings), secret, new Date(deps.clock.now()), actor.id],
      );
      await deps.audit.record({
        actor,
        action: 'connection.set',
        subject: id,
        details: { settings: body.settings, secretChanged: body.secret !== undefined },
      });
      const [row] = rows;
      if (!row) throw new Error('The connection was not stored.');
      return present(row);
    },

    async remove(id: string, actor: Actor): Promise<void> {
      const { rowCount } = await pool.query('delete from sources.connection c where c.id = $1', [id]);
      if (rowCount === 0) throw notFound(id);
      await deps.audit.record({ actor, action: 'connection.removed', subject: id });
    },

    /** @throws sources.connection_not_found */
    async open(id: string): Promise<OpenConnection> {
      const row = await rowOf(id);
      if (!row) throw notFound(id);
      return {
        id,
        settings: row.settings,
        secret: row.secret === null ? '' : unseal(deps.dataKey, id, row.secret),
      };
    },
  };
}

const notFound = (id: string) =>
  sourcesProblems.connection_not_found({
    detail: `There is no connection "${id}". An administrator can add it, with its secret, under Connections.`,
  });

/** What a secret is given for. */
function targetOf(settings: ConnectionSettings): readonly unknown[] {
  switch (settings.kind) {
    case 'http':
      return [new URL(settings.url).host, settings.user];
    case 's3':
      return [settings.endpoint, settings.bucket, settings.accessKeyId];
    case 'postgresql':
    case 'mysql':
      return [settings.host, settings.port, settings.database, settings.user, settings.tls];
  }
}

const subjectOf = (id: string): Buffer => Buffer.from(`connection ${id}`);

function seal(key: Buffer, id: string, plain: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(subjectOf(id));
  return Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

function unseal(key: Buffer, id: string, sealed: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12)).setAAD(subjectOf(id));
  decipher.setAuthTag(sealed.subarray(-16));
  return decipher.update(sealed.subarray(12, -16), undefined, 'utf8') + decipher.final('utf8');
}

const present = (row: ConnectionRow): ConnectionView => ({
  id: row.id,
  settings: row.settings,
  hasSecret: row.secret !== null,
  updatedAt: toIso(row.updated_at.getTime()),
  updatedBy: row.updated_by,
});
