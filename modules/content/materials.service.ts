import { createHash } from 'node:crypto';
import type { AuditRecord } from '@rapport/governance';
import { type Actor, type Clock, newId, toIso } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import { contentProblems } from './content.problems.ts';
import type { MaterialView, NewMaterial } from './contract.ts';

const MAX_BYTES = 2 * 1024 * 1024;

interface MaterialRow {
  readonly id: string;
  readonly name: string;
  readonly mime: MaterialView['mime'];
  readonly size_bytes: number;
  readonly created_at: Date;
}

export interface Materials {
  list(query: { limit: number; before?: string }): Promise<MaterialView[]>;
  /** The same bytes uploaded again answer the material there is. */
  create(material: NewMaterial, actor: Actor): Promise<MaterialView>;
  content(materialId: string): Promise<{ mime: string; bytes: Buffer; sha256: string }>;
}

/** Images 素材, kept in the database: few and small, and backed up with everything else. */
export function createMaterials(deps: {
  readonly relational: Pick<Relational, 'pool'>;
  readonly clock: Clock;
  readonly audit: { record(entry: AuditRecord): Promise<void> };
}): Materials {
  const { pool } = deps.relational;
  const columns = 'm.id, m.name, m.mime, octet_length(m.bytes) as size_bytes, m.created_at';
  return {
    async list(query) {
      const found = await pool.query<MaterialRow>(
        `select ${columns} from content.material m where $1::text is null or m.id < $1 order by m.id desc limit $2`,
        [query.before ?? null, query.limit],
      );
      return found.rows.map(toView);
    },
    async create(material, actor) {
      const bytes = Buffer.from(material.contentBase64, 'base64');
      if (bytes.length > MAX_BYTES) {
        throw contentProblems.material_too_large({
          detail: `${material.name} has ${bytes.length} bytes; ${MAX_BYTES} are allowed.`,
        });
      }
      if (sniff(bytes) !== material.mime) {
        throw contentProblems.material_refused({
          detail: `${material.name} is not ${material.mime}; its bytes say ${sniff(bytes) ?? 'no known image type'}.`,
        });
      }
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const id = newId('mat');
      await pool.query(
        `insert into content.material (id, name, mime, bytes, sha256, created_at, created_by)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (sha256) do nothing`,
        [id, material.name, material.mime, bytes, sha256, new Date(deps.clock.now()), actor.id],
      );
      const stored = await pool.query<MaterialRow>(
        `select ${columns} from content.material m where m.sha256 = $1`,
        [sha256],
      );
      const row = stored.rows[0];
      if (!row) throw new Error('the material was not stored');
      if (row.id === id)
        await deps.audit.record({
          actor,
          action: 'material.created',
          subject: id,
          details: { name: material.name },
        });
      return toView(row);
    },
    async content(materialId) {
      const found = await pool.query<{ mime: string; bytes: Buffer; sha256: string }>(
        'select m.mime, m.bytes, m.sha256 from content.material m where m.id = $1',
        [materialId],
      );
      const row = found.rows[0];
      if (!row) throw contentProblems.material_not_found({ detail: `There is no material ${materialId}.` });
      return row;
    },
  };
}

const toView = (row: MaterialRow): MaterialView => ({
  id: row.id,
  name: row.name,
  mime: row.mime,
  sizeBytes: row.size_bytes,
  url: `/api/v1/materials/${row.id}/content`,
  createdAt: toIso(row.created_at.getTime()),
});

/** The media type by the first bytes; a claim alone could smuggle a script to a mail reader. */
function sniff(bytes: Buffer): MaterialView['mime'] | undefined {
  if (bytes.subarray(0, 8).equals(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])))
    return 'image/png';
  if (bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))) return 'image/jpeg';
  if (/^GIF8[79]a$/.test(bytes.subarray(0, 6).toString('latin1'))) return 'image/gif';
  if (
    bytes.subarray(0, 4).toString('latin1') === 'RIFF' &&
    bytes.subarray(8, 12).toString('latin1') === 'WEBP'
  )
    return 'image/webp';
  return undefined;
}
