import type { RoleTable } from '@rapport/sources';
import type { Placement, Release, Releases, SegmentInfo, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { type CanonicalRole, canonicalTable } from './canonical.ts';
import type { CustomerBuilder } from './project-customers.ts';

export interface Applied {
  readonly release: Release;
  /** Records that are another customer's now than before. */
  readonly changed: number;
  /** Customers with other rows than before, those that are no more included. */
  readonly customers: readonly number[];
  /** Rows of facts that have another customer now. */
  readonly movedRows: number;
}

const AliasRow = Type.Object({ record: Type.Integer(), cid: Type.Integer() });
const Moved = Type.Object({ n: Type.Integer(), min_at: Type.Integer(), max_at: Type.Integer() });
const Counted = Type.Object({ n: Type.Integer() });

const FACTS = ['account', 'holding', 'transaction', 'event'] as const satisfies readonly CanonicalRole[];
const BUILD = { maxSeconds: 6 * 3_600, settings: { max_insert_threads: 1 } } as const;
/** Segments of fewer rows are written anew without the moved ones; of greater ones a view leaves them out. */
const COPIED = 1_000_000;
/** Rows in one insert. */
const CHUNK = 100_000;

/**
 * Makes the release show what the log of identities says: customers, their personal data and identities are chosen
 * anew for the customers concerned and copied for all others; facts keep their rows and only those of records whose
 * customer changed move, into a segment of their own. A bank's hundred million transactions are not written again.
 * Publishes once, at the end; a crash before leaves the old customers, and running it again does all of it.
 */
export function createAliasApplier(deps: {
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly builder: CustomerBuilder;
  /** Role tables of the release, most trusted source first. */
  readonly roleTables: (release: Release) => Promise<readonly RoleTable[]>;
  /** Anonymous users whose history is that of one of these records. */
  readonly stitchedTo?: (records: readonly number[]) => Promise<readonly { user: number; record: number }[]>;
}) {
  const { warehouse, releases, builder } = deps;
  const q = (table: string): string => warehouse.identifier(table);

  /**
   * @param wanted  the customer that each absorbed record is
   * @returns undefined when the release says so already, or has no customers yet
   */
  return async function apply(wanted: ReadonlyMap<number, number>): Promise<Applied | undefined> {
    const release = await releases.current();
    const record = release.placements.get('record')?.table;
    const customer = release.placements.get('customer')?.table;
    const pii = release.placements.get('customer_pii')?.table;
    const identity = release.placements.get('identity')?.table;
    if (!record || !customer || !pii || !identity) return undefined;
    const before = await readAliases(release.placements.get('alias')?.table);
    const changed = [...new Set([...wanted.keys(), ...before.keys()])].filter(
      (each) => (wanted.get(each) ?? each) !== (before.get(each) ?? each),
    );
    if (changed.length === 0) return undefined;
    const customers = new Set(
      changed.flatMap((each) => [wanted.get(each) ?? each, before.get(each) ?? each]),
    );
    const affected = new Set([...changed, ...customers]);
    for (const map of [wanted, before]) {
      for (const [each, of] of map) if (customers.has(of)) affected.add(each);
    }

    /** Work tables: records of the customers concerned, and the records that move. Views of segments read the latter. */
    const concerned = await numbersTable('aliased', affected, wanted);
    const moves = await numbersTable('moved', new Set(changed), wanted);
    try {
      const alias = await numbersTable('alias', new Set(wanted.keys()), wanted);
      const tables = await deps.roleTables(release);
      const ofRole = (role: CanonicalRole): RoleTable[] => tables.filter((table) => table.role === role);
      const only = {
        customerIds: `SELECT customer_id FROM ${q(record)} WHERE record IN (SELECT record FROM ${q(concerned)})`,
      };

      const built = await builder.customers(ofRole('customer'), alias, { only });
      const gone = [...customers].join(',');
      const keep = (column: string, list: string): string => `${column} NOT IN (${list})`;
      await copy(customer, built.customer, 'customer', keep('cid', gone));
      await copy(pii, built.pii, 'customer_pii', keep('cid', gone));
      await warehouse.command(
        `INSERT INTO ${q(built.record)} (customer_id, cid, record) SELECT customer_id, cid, record FROM ${q(record)} WHERE record NOT IN (SELECT record FROM ${q(concerned)})`,
        {},
        BUILD,
      );
      const identities = await builder.identities(built.record, ofRole('customer'), ofRole('identity'), {
        only,
        hasMerged: true,
      });
      await copy(identity, identities, 'identity', keep('cid', gone));
      const set: Record<string, Placement> = {
        alias: { table: alias },
        record: { table: built.record },
        customer: { table: built.customer },
        customer_pii: { table: built.pii },
        identity: { table: identities },
        relation: { table: (await builder.relations(built.record, ofRole('relation'))).table },
      };
      let movedRows = 0;
      for (const role of FACTS) {
        const placement = release.placements.get(role);
        if (!placement) continue;
        const moved = await move(role, placement, moves, gone);
        if (!moved) continue;
        set[role] = moved.placement;
        movedRows += moved.rows;
      }
      movedRows += await moveCollected(changed, wanted);
      const after = await releases.publish({ set, note: `identity: ${changed.length} records` });
      return { release: after, changed: changed.length, customers: [...customers], movedRows };
    } finally {
      await warehouse.drop(concerned);
    }
  };

  async function readAliases(table: string | undefined): Promise<Map<number, number>> {
    if (table === undefined) return new Map();
    const found = new Map<number, number>();
    for await (const rows of warehouse.stream(AliasRow, `SELECT record, cid FROM ${q(table)}`)) {
      for (const row of rows) found.set(row.record, row.cid);
    }
    return found;
  }

  async function numbersTable(
    logical: string,
    records: ReadonlySet<number>,
    wanted: ReadonlyMap<number, number>,
  ): Promise<string> {
    const table = releases.newTableName(logical);
    await warehouse.createTable({
      name: table,
      columns: 'record UInt32, cid UInt32',
      orderBy: 'record',
      spread: 'copy',
    });
    const rows = [...records].map((record) => ({ record, cid: wanted.get(record) ?? record }));
    for (let at = 0; at < rows.length; at += CHUNK) await warehouse.insert(table, rows.slice(at, at + CHUNK));
    return table;
  }

  async function columnsOf(role: CanonicalRole | 'customer_pii'): Promise<string[]> {
    const { columns } = canonicalTable(role, 'any');
    // Column names are the first word of each definition outside parentheses.
    const names: string[] = [];
    let depth = 0;
    let definition = '';
    for (const character of `${columns},`) {
      if (character === '(') depth++;
      if (character === ')') depth--;
      if (character === ',' && depth === 0) {
        const [name = ''] = definition.trim().split(' ');
        if (name !== 'INDEX') names.push(name);
        definition = '';
      } else definition += character;
    }
    return names;
  }

  async function copy(
    from: string,
    to: string,
    role: 'customer' | 'customer_pii' | 'identity',
    where: string,
  ): Promise<void> {
    const names = (await columnsOf(role)).join(', ');
    await warehouse.command(
      `INSERT INTO ${q(to)} (${names}) SELECT ${names} FROM ${q(from)} WHERE ${where}`,
      {},
      BUILD,
    );
  }

  /** Moves the rows of records whose customer changed; undefined when there are none. */
  async function move(
    role: (typeof FACTS)[number],
    placement: Placement,
    moves: string,
    customers: string,
  ): Promise<{ placement: Placement; rows: number } | undefined> {
    const names = await columnsOf(role);
    const list = names.join(', ');
    // `cid` is what tables are ordered by: with it only a few granules are read.
    const mine = `cid IN (${customers}) AND record IN (SELECT record FROM ${q(moves)})`;
    const hasInstant = role === 'transaction' || role === 'event';
    const instants = hasInstant
      ? 'toUnixTimestamp64Milli(min(at)) AS min_at, toUnixTimestamp64Milli(max(at)) AS max_at'
      : 'toInt64(0) AS min_at, toInt64(0) AS max_at';
    const segments = placement.segments ?? [placement.table];
    const known = await releases.segments(segments);
    const next: string[] = [];
    const infos: SegmentInfo[] = [];
    const target = releases.newTableName(role);
    let rows = 0;
    let earliest: number | undefined;
    let latest: number | undefined;
    for (const segment of segments) {
      const [found] = await warehouse.query(
        Moved,
        `SELECT count() AS n, ${instants} FROM ${q(segment)} WHERE ${mine}`,
        {},
        BUILD,
      );
      if (!found || found.n === 0) {
        next.push(segment);
        continue;
      }
      if (rows === 0) await warehouse.createTable(canonicalTable(role, target));
      rows += found.n;
      if (hasInstant) {
        earliest = Math.min(earliest ?? found.min_at, found.min_at);
        latest = Math.max(latest ?? found.max_at, found.max_at);
      }
      const withdrawn = releases.newTableName(`${role}_withdrawn`);
      await warehouse.createTable(canonicalTable(role, withdrawn));
      await warehouse.command(
        `INSERT INTO ${q(withdrawn)} (${list}) SELECT ${list} FROM ${q(segment)} WHERE ${mine}`,
        {},
        BUILD,
      );
      const moved = names.map((name) => (name === 'cid' ? 'm.cid' : `r.${name}`)).join(', ');
      await warehouse.command(
        `INSERT INTO ${q(target)} (${list}) SELECT ${moved} FROM ${q(withdrawn)} AS r INNER JOIN ${q(moves)} AS m ON r.record = m.record`,
        {},
        BUILD,
      );
      const [counted] = await warehouse.query(Counted, `SELECT count() AS n FROM ${q(segment)}`, {}, BUILD);
      const left = (counted?.n ?? 0) - found.n;
      const rest = releases.newTableName(role);
      const others = `SELECT ${list} FROM ${q(segment)} WHERE NOT (${mine})`;
      const isCopied = left <= COPIED;
      if (isCopied) {
        await warehouse.createTable(canonicalTable(role, rest));
        await warehouse.command(`INSERT INTO ${q(rest)} (${list}) ${others}`, {}, BUILD);
      } else {
        await warehouse.createView(rest, others);
      }
      const info = known.get(segment);
      infos.push({
        name: rest,
        rows: left,
        ...(info?.minAtMs === undefined ? {} : { minAtMs: info.minAtMs }),
        ...(info?.maxAtMs === undefined ? {} : { maxAtMs: info.maxAtMs }),
        madeOf: [segment],
        withdrawn,
        ...(hasInstant ? { earliestChangedAtMs: found.min_at } : {}),
        ...(isCopied ? {} : { reads: [segment, moves, ...(info?.reads ?? [])] }),
        createdBy: 'identity',
      });
      next.push(rest);
    }
    if (rows === 0) return undefined;
    infos.push({
      name: target,
      rows,
      ...(earliest === undefined ? {} : { minAtMs: earliest, earliestChangedAtMs: earliest }),
      ...(latest === undefined ? {} : { maxAtMs: latest }),
      createdBy: 'identity',
    });
    next.push(target);
    await releases.describeSegments(infos);
    const view = releases.newTableName(role);
    await warehouse.createView(
      view,
      next.map((segment) => `SELECT ${list} FROM ${q(segment)}`).join(' UNION ALL '),
    );
    await releases.describeSegments([{ name: view, rows: 0, reads: next }]);
    return { placement: { table: view, segments: next }, rows };
  }

  /**
   * Events the platform collected stand in one table that only grows: the rows get their new customer before the
   * release does, and running it again finds what is still to be done.
   */
  async function moveCollected(
    changed: readonly number[],
    wanted: ReadonlyMap<number, number>,
  ): Promise<number> {
    const users = (await deps.stitchedTo?.(changed)) ?? [];
    const owners = new Map(changed.map((record) => [record, wanted.get(record) ?? record]));
    for (const { user, record } of users) owners.set(user, wanted.get(record) ?? record);
    const moves = await numbersTable('moved', new Set(owners.keys()), owners);
    try {
      return await moveCollectedBy(moves);
    } finally {
      await warehouse.drop(moves);
    }
  }

  async function moveCollectedBy(moves: string): Promise<number> {
    const due = `SELECT record, cid FROM ${q(moves)}`;
    const [found] = await warehouse.query(
      Counted,
      `SELECT count() AS n FROM collected_event AS e FINAL INNER JOIN (${due}) AS m ON e.record = m.record WHERE e.cid != m.cid`,
      {},
      BUILD,
    );
    if (!found || found.n === 0) return 0;
    const names = ['event_id', 'name', 'at', 'properties', 'source', 'inserted_at', 'record'];
    await warehouse.command(
      `INSERT INTO collected_event (cid, ${names.join(', ')}) SELECT m.cid, ${names.map((name) => `e.${name}`).join(', ')} FROM collected_event AS e FINAL INNER JOIN (${due}) AS m ON e.record = m.record WHERE e.cid != m.cid`,
      {},
      BUILD,
    );
    await warehouse.command(
      `DELETE FROM collected_event WHERE record IN (SELECT record FROM ${q(moves)}) AND (record, cid) NOT IN (${due})`,
      {},
      BUILD,
    );
    return found.n;
  }
}
