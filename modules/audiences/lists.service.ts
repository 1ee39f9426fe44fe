import { type Condition, type ConditionCatalog, listsIn } from '@rapport/conditions';
import type { IdentityMatcher } from '@rapport/customers';
import type { AuditRecord } from '@rapport/governance';
import { type Actor, type Clock, type EpochMs, type Log, newId, systemActor, toIso } from '@rapport/kernel';
import type { CidSet, Placement, Relational, Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { audiencesProblems } from './audiences.problems.ts';
import type { AudienceUsage } from './audiences.ts';
import type {
  CreateList,
  CustomerList,
  LookalikeResult,
  MatchReport,
  UploadQuery,
} from './insight.contract.ts';
import { type ListFileCounts, listRows } from './list-file.ts';

export interface ListsDeps {
  readonly relational: Pick<Relational, 'pool'>;
  readonly warehouse: Warehouse;
  readonly releases: Pick<Releases, 'current' | 'publish' | 'newTableName'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: { record(entry: AuditRecord): Promise<void> };
  readonly matcher: IdentityMatcher;
  /** Who names a list, so that it is not deleted under them. */
  readonly usages?: (listId: string) => Promise<readonly AudienceUsage[]>;
}

/** Lists 名單 of customers: uploaded and matched, or made by the platform; conditions name them. */
export interface Lists {
  list(): Promise<CustomerList[]>;
  /** @throws audiences.list_not_found */
  get(id: string): Promise<CustomerList>;
  create(list: CreateList, actor: Actor): Promise<CustomerList>;
  /**
   * Matches a file as it streams in and puts the customers found in place of those the list had, in one release.
   * @throws audiences.bad_list_file, audiences.list_kind_not_loaded, audiences.list_not_found
   */
  upload(
    id: string,
    file: AsyncIterable<Uint8Array>,
    options: UploadQuery,
    actor: Actor,
  ): Promise<CustomerList>;
  /** Makes a list of customers known already. */
  keep(
    list: CreateList & { readonly origin: 'lookalike' | 'snapshot' },
    cids: CidSet,
    actor: Actor,
    lookalike?: Omit<LookalikeResult, 'listId'>,
  ): Promise<CustomerList>;
  /** @throws audiences.list_in_use */
  remove(id: string, actor: Actor): Promise<void>;
  /** Deletes lists whose time is over; answers how many. */
  sweep(): Promise<number>;
  /** A catalog in which lists have their titles. */
  titled(catalog: ConditionCatalog): Promise<ConditionCatalog>;
}

interface ListRow {
  readonly id: string;
  readonly name: string;
  readonly kind: CustomerList['kind'];
  readonly purpose: string;
  readonly origin: CustomerList['origin'];
  readonly owner: string;
  readonly owner_name: string;
  readonly version: number;
  readonly size: string;
  readonly report: MatchReport | null;
  readonly lookalike: LookalikeResult | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly expires_at: Date | null;
}

const COLUMNS =
  'l.id, l.name, l.kind, l.purpose, l.origin, l.owner, l.owner_name, l.version, l.size, l.report, l.lookalike, l.created_at, l.updated_at, l.expires_at';
const Totals = Type.Object({
  rows: Type.Integer(),
  invalid: Type.Integer(),
  valid: Type.Integer(),
  matched: Type.Integer(),
  ambiguous: Type.Integer(),
  unmatched: Type.Integer(),
  customers: Type.Integer(),
});
const ExampleRow = Type.Object({
  line: Type.Integer(),
  value: Type.String(),
  reason: Type.Enum(['invalid', 'unmatched', 'ambiguous'] as const),
});
const EXAMPLES = 20;
const LONG = { maxSeconds: 3_600 } as const;

export function createLists(deps: ListsDeps): Lists {
  const { warehouse, releases, clock, audit } = deps;
  const { pool } = deps.relational;

  const find = async (id: string): Promise<ListRow> => {
    const found = await pool.query<ListRow>(`select ${COLUMNS} from audiences.list l where l.id = $1`, [id]);
    const [row] = found.rows;
    if (!row) throw audiencesProblems.list_not_found({ detail: `There is no list ${id}.` });
    return row;
  };
  const insert = async (list: CreateList, origin: CustomerList['origin'], actor: Actor): Promise<string> => {
    const id = newId('lst');
    const at = new Date(clock.now());
    await pool.query(
      `insert into audiences.list (id, name, kind, purpose, origin, owner, owner_name, version, size, created_at, updated_at, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, $8, $9)`,
      [
        id,
        list.name,
        list.kind,
        list.purpose,
        origin,
        actor.id,
        actor.displayName,
        at,
        expiryOf(list, clock.now()),
      ],
    );
    await audit.record({
      actor,
      action: 'list.created',
      subject: id,
      details: { name: list.name, kind: list.kind, purpose: list.purpose, origin },
    });
    return id;
  };
  const newMembers = async (): Promise<string> => {
    const table = releases.newTableName('list');
    await warehouse.createTable({ name: table, columns: 'cid UInt32', orderBy: 'cid', spread: 'cid' });
    return table;
  };
  /** Makes the table the list's customers; in the order of release, then record, so a crash leaves the old or the new. */
  const publish = async (
    row: ListRow,
    table: string,
    size: number,
    more: { report?: MatchReport; lookalike?: Omit<LookalikeResult, 'listId'> },
  ): Promise<CustomerList> => {
    const placement: Placement = { table };
    await releases.publish({ set: { [`list/${row.id}`]: placement }, note: `list ${row.name}` });
    await pool.query(
      `update audiences.list l set version = l.version + 1, size = $2, updated_at = $3, report = $4, lookalike = $5 where l.id = $1`,
      [
        row.id,
        size,
        new Date(clock.now()),
        more.report ? JSON.stringify(more.report) : null,
        more.lookalike ? JSON.stringify(more.lookalike) : null,
      ],
    );
    return present(await find(row.id));
  };
  const drop = async (id: string): Promise<void> => {
    await releases.publish({ set: {}, remove: [`list/${id}`], note: `list ${id} deleted` });
    await pool.query('delete from audiences.list l where l.id = $1', [id]);
  };

  return {
    async list() {
      const found = await pool.query<ListRow>(
        `select ${COLUMNS} from audiences.list l order by l.created_at desc, l.id desc limit 1000`,
      );
      return found.rows.map(present);
    },
    get: async (id) => present(await find(id)),
    async create(list, actor) {
      return present(await find(await insert(list, 'upload', actor)));
    },
    async upload(id, file, options, actor) {
      const started = performance.now();
      const row = await find(id);
      const release = await releases.current();
      const match = deps.matcher.match(options.key, release);
      if (!match) {
        throw audiencesProblems.list_kind_not_loaded({
          detail: `Customers cannot be recognised by ${options.key}: load a source that has it first.`,
        });
      }
      // Short-lived tables of this upload alone; dropped at its end, or by the sweep when the process dies.
      const staged = releases.newTableName('list_upload');
      const keyed = releases.newTableName('list_key');
      const found = releases.newTableName('list_match');
      const members = await newMembers();
      try {
        await warehouse.createTable({
          name: staged,
          columns: 'line UInt32, value String',
          orderBy: 'tuple()',
          spread: 'any',
        });
        const counts: ListFileCounts = { rows: 0, empty: 0, bytes: 0 };
        await warehouse.insertStream(
          `INSERT INTO ${warehouse.identifier(staged)} (line, value) FORMAT RowBinary`,
          listRows(file, { column: options.column }, counts),
          LONG,
        );
        await warehouse.createTable({
          name: keyed,
          columns: 'key String, valid UInt8, first UInt32, times UInt32',
          orderBy: 'tuple()',
          spread: 'any',
        });
        await warehouse.createTable({
          name: found,
          columns: 'line UInt32, times UInt32, valid UInt8, customers UInt32, cid UInt32',
          orderBy: 'tuple()',
          spread: 'any',
        });
        // One row a different value: looked up once, however often it stands in the file. What is no key stays a row each.
        await deps.matcher.command(
          `INSERT INTO ${warehouse.identifier(keyed)} (key, valid, first, times) SELECT if(valid, ${match.key('value')}, toString(line)) AS key, valid, min(line), count() FROM (SELECT line, value, ${match.isKey('value')} AS valid FROM ${warehouse.identifier(staged)}) GROUP BY key, valid`,
          {},
          LONG,
        );
        const given = warehouse.identifier(keyed);
        const customer = release.placements.get('customer')?.table;
        // Whoever sees a part of the bank does not learn from a list who is a customer elsewhere.
        const scope =
          actor.orgScope && customer !== undefined
            ? ` AND cid IN (SELECT c.cid FROM ${warehouse.identifier(customer)} AS c WHERE c.org_unit IN {units:Array(String)})`
            : '';
        const known = `SELECT key, min(cid) AS least, if(least = max(cid), 1, 2) AS customers FROM (${match.keys}) WHERE key IN (SELECT key FROM ${given} WHERE valid)${scope} GROUP BY key`;
        await deps.matcher.command(
          `INSERT INTO ${warehouse.identifier(found)} (line, times, valid, customers, cid) SELECT g.first, g.times, g.valid, if(g.valid, k.customers, 0), k.least FROM ${given} AS g LEFT JOIN (${known}) AS k ON g.key = k.key`,
          scope === '' ? {} : { units: [...(actor.orgScope ?? [])] },
          { ...LONG, settings: { join_use_nulls: 0 } },
        );
        const from = warehouse.identifier(found);
        await warehouse.command(
          `INSERT INTO ${warehouse.identifier(members)} SELECT DISTINCT cid FROM ${from} WHERE customers = 1`,
          {},
          LONG,
        );
        const [totals] = await warehouse.query(
          Totals,
          `SELECT sum(f.times) AS rows, sumIf(f.times, NOT f.valid) AS invalid, countIf(f.valid) AS valid, countIf(f.customers = 1) AS matched, countIf(f.customers > 1) AS ambiguous, countIf(f.valid AND f.customers = 0) AS unmatched, uniqExactIf(f.cid, f.customers = 1) AS customers FROM ${from} AS f`,
        );
        const examples = await warehouse.query(
          ExampleRow,
          `SELECT s.line AS line, s.value AS value, f.reason AS reason FROM ${warehouse.identifier(staged)} AS s INNER JOIN (SELECT line, multiIf(NOT valid, 'invalid', customers = 0, 'unmatched', 'ambiguous') AS reason FROM ${from} WHERE NOT valid OR customers != 1 ORDER BY line LIMIT ${EXAMPLES}) AS f ON s.line = f.line ORDER BY line LIMIT ${EXAMPLES}`,
        );
        const tookMs = Math.max(1, Math.round(performance.now() - started));
        const of = totals ?? {
          rows: 0,
          invalid: 0,
          valid: 0,
          matched: 0,
          ambiguous: 0,
          unmatched: 0,
          customers: 0,
        };
        const report: MatchReport = {
          file: options.file ?? '',
          key: options.key,
          bytes: counts.bytes,
          rows: counts.rows,
          empty: counts.empty,
          invalid: of.invalid,
          duplicates: of.rows - of.invalid - of.valid,
          matched: of.matched,
          ambiguous: of.ambiguous,
          unmatched: of.unmatched,
          sameCustomer: of.matched - of.customers,
          customers: of.customers,
          examples: examples.map((example) => ({ ...example, value: masked(options.key, example.value) })),
          rowsPerSecond: Math.round((counts.rows / tookMs) * 1000),
          tookMs,
        };
        const published = await publish(row, members, of.customers, { report });
        await audit.record({
          actor,
          action: 'list.uploaded',
          subject: id,
          details: { file: report.file, key: report.key, rows: report.rows, customers: report.customers },
        });
        return published;
      } catch (error) {
        await warehouse.drop(members).catch(() => undefined);
        throw error;
      } finally {
        await warehouse.drop(staged, keyed, found).catch((error: unknown) => {
          deps.log.warn({ err: error }, 'tables of an upload could not be dropped; the sweep will');
        });
      }
    },
    async keep(list, cids, actor, lookalike) {
      const { origin, ...meta } = list;
      const row = await find(await insert(meta, origin, actor));
      const table = await newMembers();
      await warehouse.insertStream(
        `INSERT INTO ${warehouse.identifier(table)} (cid) FORMAT RowBinary`,
        cidRows(cids),
        LONG,
      );
      return publish(row, table, cids.size, lookalike ? { lookalike } : {});
    },
    async remove(id, actor) {
      const row = await find(id);
      const named = await pool.query<{ id: string; name: string; condition: Condition }>(
        'select a.id, a.name, a.condition from audiences.audience a where position($1 in a.condition::text) > 0',
        [id],
      );
      const usages = [
        ...named.rows
          .filter(({ condition }) => listsIn(condition).includes(id))
          .map((audience) => ({ kind: 'audience', id: audience.id, title: audience.name })),
        ...((await deps.usages?.(id)) ?? []),
      ];
      if (usages.length > 0) {
        throw audiencesProblems.list_in_use({
          detail: `"${row.name}" is used by ${usages.map((usage) => `${usage.kind} "${usage.title}"`).join(', ')}; change those first.`,
          details: { usages },
        });
      }
      await drop(id);
      await audit.record({ actor, action: 'list.deleted', subject: id, details: { name: row.name } });
    },
    async sweep() {
      const due = await pool.query<{ id: string; name: string }>(
        'select l.id, l.name from audiences.list l where l.expires_at <= $1',
        [new Date(clock.now())],
      );
      for (const { id, name } of due.rows) {
        await drop(id);
        await audit.record({ actor: systemActor, action: 'list.expired', subject: id, details: { name } });
      }
      return due.rows.length;
    },
    async titled(catalog) {
      const ids = catalog.listIds();
      if (ids.length === 0) return catalog;
      const found = await pool.query<{ id: string; name: string }>(
        'select l.id, l.name from audiences.list l where l.id = any ($1)',
        [[...ids]],
      );
      const names = new Map(found.rows.map(({ id, name }) => [id, name]));
      return {
        ...catalog,
        list: (id) => {
          const entry = catalog.list(id);
          const name = names.get(id);
          return entry && name !== undefined ? { ...entry, title: { en: name } } : entry;
        },
      };
    },
  };
}

function expiryOf(list: CreateList, now: EpochMs): Date | null {
  if (list.expiresAt === undefined) return null;
  const at = Date.parse(list.expiresAt);
  if (!(at > now))
    throw audiencesProblems.bad_instant({ detail: `expiresAt ${list.expiresAt} is not in the future.` });
  return new Date(at);
}

const ROWS_A_CHUNK = 262_144;

async function* cidRows(cids: CidSet): AsyncGenerator<Uint8Array> {
  const all = cids.toArray();
  for (let from = 0; from < all.length; from += ROWS_A_CHUNK) {
    const part = all.slice(from, from + ROWS_A_CHUNK);
    yield new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  }
}

/** Enough to find the row in the file, not enough to read somebody's address from a report. */
function masked(key: UploadQuery['key'], value: string): string {
  if (key === 'customer_id') return value.slice(0, 60);
  const shown = [...value.slice(0, 60)];
  if (key === 'email') {
    const at = shown.indexOf('@');
    return at < 1 ? '●●●' : `${shown[0] ?? ''}●●●${shown.slice(at).join('')}`;
  }
  if (shown.length <= 5) return '●'.repeat(shown.length);
  return `${shown.slice(0, 2).join('')}●●●${shown.slice(-3).join('')}`;
}

function present(row: ListRow): CustomerList {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    purpose: row.purpose,
    origin: row.origin,
    owner: row.owner,
    ownerName: row.owner_name,
    version: row.version,
    size: Number(row.size),
    createdAt: toIso(row.created_at.getTime()),
    updatedAt: toIso(row.updated_at.getTime()),
    ...(row.expires_at ? { expiresAt: toIso(row.expires_at.getTime()) } : {}),
    ...(row.report ? { report: row.report } : {}),
    ...(row.lookalike ? { lookalike: { ...row.lookalike, listId: row.id } } : {}),
  };
}
