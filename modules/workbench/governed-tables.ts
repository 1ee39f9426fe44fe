import { hkdfSync } from 'node:crypto';
import type { SqlValue } from '@rapport/conditions';
import type { Actor } from '@rapport/kernel';
import { mayDo } from '@rapport/kernel';
import type { Metrics, MetricWorld } from '@rapport/metrics';
import type { Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { WorkbenchTable } from './contract.ts';

/** What the workbench must know of a tag. */
export interface WorkbenchTag {
  readonly id: string;
  readonly title: string;
  readonly dataClass: string;
}

export interface GovernedDeps {
  readonly warehouse: Warehouse;
  readonly world: () => Promise<MetricWorld | undefined>;
  readonly tags: () => Promise<readonly WorkbenchTag[]>;
  readonly metrics: Pick<Metrics, 'list' | 'customerValues'>;
  readonly audiences: () => Promise<readonly { id: string; name: string }[]>;
  readonly scopeOf: (actor: Actor) => Promise<readonly string[] | undefined>;
  /** Secret that the key of pseudonyms is derived from. */
  readonly pseudonymKey: Buffer;
}

/** A table under the name it has in the workbench, with the query that answers what this caller may see of it. */
export interface GovernedTable {
  readonly view: WorkbenchTable;
  readonly select: string;
  /** Warehouse tables the query reads. */
  readonly physical: readonly string[];
}

export interface Governed {
  readonly release: number;
  readonly isScoped: boolean;
  readonly tables: ReadonlyMap<string, GovernedTable>;
  readonly params: Readonly<Record<string, SqlValue>>;
}

const CANONICAL = [
  ['customer', 'Customers'],
  ['account', 'Accounts'],
  ['holding', 'Products held'],
  ['transaction', 'Bookings'],
  ['event', 'Events'],
  ['relation', 'Relations between customers'],
  ['product', 'Products'],
  ['org_unit', 'Org units'],
] as const;
/** Columns that point at a person or an account: they join as pseudonyms and show nothing. */
const SENSITIVE: ReadonlySet<string> = new Set([
  'customer.customer_id',
  'customer.rm',
  'account.account_id',
  'transaction.account_id',
  'transaction.transaction_id',
  'transaction.counterparty',
  'holding.holding_id',
  'event.event_id',
]);
/** Keys of attributes and properties that are personal data by their name, in the languages of our banks. */
const SENSITIVE_KEY =
  '(phone|mobile|tel|id_?no|id_?card|identity|passport|e?mail|address|card_?no|account|name|birth|身份|证件|證件|手机|手機|电话|電話|地址|姓名|卡号|卡號|邮箱|郵箱)';

const ColumnRow = Type.Object({ name: Type.String(), type: Type.String() });

/** 128 bits as two decimal texts, for no other use than pseudonyms. @source RFC 5869 (HKDF) */
export function pseudonymKeys(secret: Buffer): [string, string] {
  const bytes = Buffer.from(hkdfSync('sha256', secret, '', 'rapport workbench pseudonyms', 16));
  return [bytes.readBigUInt64LE(0).toString(), bytes.readBigUInt64LE(8).toString()];
}

/** Words of a text that could be names. */
export const namesIn = (sql: string): Set<string> => new Set(sql.match(/[\p{L}_][\p{L}\p{N}_]*/gu) ?? []);

/**
 * The tables one caller may ask. Rows: customers of the caller's org units. Columns: sensitive ones as pseudonyms or
 * not at all, unless the caller may see personal data. Of tags, metrics and audiences only those that `sql` names
 * are made, so that hundreds of them cost nothing; without `sql` all are listed.
 */
export async function governedTables(
  deps: GovernedDeps,
  actor: Actor,
  sql?: string,
): Promise<Governed | undefined> {
  const { warehouse } = deps;
  const world = await deps.world();
  if (!world) return undefined;
  const [scope, tags, metrics, audiences] = await Promise.all([
    deps.scopeOf(actor),
    deps.tags(),
    deps.metrics.list(actor),
    deps.audiences(),
  ]);
  const words = sql === undefined ? undefined : namesIn(sql);
  const isNamed = (name: string): boolean => words === undefined || words.has(name);
  const seesPersonal = mayDo(actor, 'customers.pii');
  const placed = (logical: string): string | undefined => world.release.placements.get(logical)?.table;
  const customer = placed('customer') ?? '';
  const keys = pseudonymKeys(deps.pseudonymKey);
  const tables = new Map<string, GovernedTable>();
  const params: Record<string, SqlValue> = {
    pseudonym0: keys[0],
    pseudonym1: keys[1],
    ...(scope ? { units: scope } : {}),
  };
  const inScope = scope
    ? `cid IN (SELECT cid FROM ${warehouse.identifier(customer)} WHERE org_unit IN {units:Array(String)})`
    : undefined;
  const where = (tests: readonly (string | undefined)[]): string => {
    const known = tests.filter((test) => test !== undefined);
    return known.length === 0 ? '' : ` WHERE ${known.join(' AND ')}`;
  };

  for (const [name, title] of CANONICAL) {
    const physical = placed(name);
    if (physical === undefined || !isNamed(name)) continue;
    const columns = await columnsOf(warehouse, physical);
    const view: WorkbenchTable = {
      name,
      kind: 'canonical',
      title,
      columns: columns.map((column) => ({
        ...column,
        dataClass: SENSITIVE.has(`${name}.${column.name}`) ? 'C3' : 'C2',
        access: SENSITIVE.has(`${name}.${column.name}`) && !seesPersonal ? 'pseudonym' : 'clear',
      })),
    };
    const values = view.columns.map((column) => columnSql(warehouse, column, seesPersonal)).join(', ');
    const ofCustomer = columns.some((column) => column.name === 'cid');
    const test =
      name === 'org_unit' ? scope && 'code IN {units:Array(String)}' : ofCustomer ? inScope : undefined;
    const released = `SELECT ${values} FROM ${warehouse.identifier(physical)}${where([test])}`;
    const withCollected = name === 'event';
    tables.set(name, {
      view,
      select: withCollected
        ? `${released} UNION ALL SELECT ${values} FROM collected_event FINAL${where([test])}`
        : released,
      physical: [
        physical,
        ...(withCollected ? ['collected_event'] : []),
        ...(test && inScope ? [customer] : []),
      ],
    });
  }

  const visible = tags.flatMap((tag) => {
    const entry = world.catalog.tag(tag.id);
    return entry && isNamed(tag.id)
      ? [{ ...tag, entry, isHidden: tag.dataClass === 'C3' && !seesPersonal }]
      : [];
  });
  if (isNamed('tags') && customer !== '') {
    const byTable = new Map<string, typeof visible>();
    for (const tag of visible) {
      if (tag.isHidden) continue;
      const group = byTable.get(tag.entry.table);
      if (group) group.push(tag);
      else byTable.set(tag.entry.table, [tag]);
    }
    const joined = [...byTable].map(
      ([table, group], at) =>
        ` LEFT JOIN (SELECT cid, ${group.map(({ entry, id }) => `${warehouse.identifier(entry.column)} AS ${warehouse.identifier(id)}`).join(', ')} FROM ${warehouse.identifier(table)}) AS t${at} ON t${at}.cid = c.cid`,
    );
    const values = [...byTable.values()].flatMap((group, at) =>
      group.map(({ id }) => `, t${at}.${warehouse.identifier(id)} AS ${warehouse.identifier(id)}`),
    );
    tables.set('tags', {
      view: {
        name: 'tags',
        kind: 'tags',
        title: 'Tag values, a customer a row',
        columns: [
          { name: 'cid', type: 'UInt32', dataClass: 'C2', access: 'clear' },
          ...visible.map((tag) => ({
            name: tag.id,
            type: tag.entry.type,
            dataClass: tag.dataClass,
            access: tag.isHidden ? ('hidden' as const) : ('clear' as const),
          })),
        ],
      },
      select: `SELECT c.cid AS cid${values.join('')} FROM (SELECT cid FROM ${warehouse.identifier(customer)}${where([inScope])}) AS c${joined.join('')}`,
      physical: [customer, ...byTable.keys()],
    });
  }

  const add = (
    view: Omit<WorkbenchTable, 'columns'>,
    columns: string[],
    compiled: Compiled,
    physical: string[],
  ) => {
    tables.set(view.name, {
      view: {
        ...view,
        columns: columns.map((name) => ({
          name,
          type: name === 'cid' ? 'UInt32' : 'number',
          dataClass: 'C2',
          access: 'clear',
        })),
      },
      select: `SELECT * FROM (${renamed(compiled, `${view.name}_`, params)})${where([inScope])}`,
      physical: [customer, ...physical],
    });
  };
  for (const { definition } of metrics) {
    const name = `metric_${definition.id}`;
    if (!isNamed(name)) continue;
    const compiled = await deps.metrics.customerValues(definition.id, world);
    if (compiled)
      add(
        { name, kind: 'metric', title: definition.title.en },
        ['cid', 'value'],
        compiled,
        physicalIn(compiled.sql),
      );
  }
  for (const { id, name: title } of audiences) {
    const name = id;
    if (!isNamed(name)) continue;
    const compiled =
      words === undefined ? { sql: 'SELECT 0', params: {} } : await world.conditionSql({ audience: id });
    add(
      { name, kind: 'audience', title },
      ['cid'],
      { sql: `SELECT arrayJoin(bitmapToArray((${compiled.sql}))) AS cid`, params: compiled.params },
      physicalIn(compiled.sql),
    );
  }
  return { release: world.release.number, isScoped: scope !== undefined, tables, params };
}

interface Compiled {
  readonly sql: string;
  readonly params: Readonly<Record<string, SqlValue>>;
}

/** The statement to run: what it names is defined in front of it, each as what the caller may see of it. */
export function bindGoverned(
  sql: string,
  governed: Governed,
): { sql: string; physical: string[]; used: string[] } {
  const used = [...governed.tables.keys()].filter((name) => namesIn(sql).has(name));
  const bindings = used.map((name) => `\`${name}\` AS (${governed.tables.get(name)?.select ?? ''})`);
  const physical = [...new Set(used.flatMap((name) => governed.tables.get(name)?.physical ?? []))];
  if (bindings.length === 0) return { sql, physical, used };
  // A query that begins with a WITH of its own goes on with ours in front.
  const own = /^\s*WITH\b/i.exec(sql);
  return {
    sql: own
      ? `WITH ${bindings.join(',\n')},\n${sql.slice(own[0].length)}`
      : `WITH ${bindings.join(',\n')}\n${sql}`,
    physical,
    used,
  };
}

function columnSql(
  warehouse: Warehouse,
  column: WorkbenchTable['columns'][number],
  seesPersonal: boolean,
): string {
  const name = warehouse.identifier(column.name);
  if (column.access === 'pseudonym')
    return `if(${name} = '', '', lower(hex(sipHash128Keyed((toUInt64({pseudonym0:String}), toUInt64({pseudonym1:String})), ${name})))) AS ${name}`;
  if (!seesPersonal && column.type.startsWith('Map('))
    return `mapFilter((k, v) -> NOT match(lower(k), '${SENSITIVE_KEY}'), ${name}) AS ${name}`;
  return name;
}

async function columnsOf(warehouse: Warehouse, table: string): Promise<{ name: string; type: string }[]> {
  return warehouse.query(
    ColumnRow,
    'SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position',
    { table },
  );
}

/** Tables in SQL that we compiled ourselves. */
function physicalIn(sql: string): string[] {
  return [...sql.matchAll(/\b(?:FROM|JOIN) `?([\p{L}_][\p{L}\p{N}_]*)`?/gu)].flatMap(
    ([, name]) => name ?? [],
  );
}

function renamed(compiled: Compiled, prefix: string, params: Record<string, SqlValue>): string {
  for (const [name, value] of Object.entries(compiled.params)) params[`${prefix}${name}`] = value;
  return compiled.sql.replaceAll(/\{(\w+):/g, (_, name: string) => `{${prefix}${name}:`);
}
