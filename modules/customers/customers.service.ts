import type { Audit } from '@rapport/governance';
import { type Actor, type Clock, mayDo, systemActor, toIso } from '@rapport/kernel';
import type { Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { Aliases } from './aliases.ts';
import { type CollectedEvents, createCollectedEvents, type NewCollectedEvent } from './collected-event.ts';
import type {
  AccountView,
  CurrencyTotal,
  CustomerProfile,
  CustomerSummary,
  HoldingView,
  OrgUnitItem,
  ProfileConsent,
  ProfileTag,
  TimelineItem,
} from './contract.ts';
import { type CardAccount, type CardHolding, readCard } from './customer-card.ts';
import { createKin } from './customer-kin.ts';
import { type CustomerRecords, createCustomerRecords } from './customer-records.ts';
import { customersProblems } from './customers.problems.ts';
import { createOrgUnits, type OrgUnits } from './org-units.ts';
import {
  decryptPii,
  derivePiiKeys,
  identityHash,
  maskEmail,
  maskName,
  maskPhone,
  type PiiField,
} from './pii.ts';
import { createTimeline, POINT_READ, type TimelineKind } from './timeline.ts';

export interface CustomersDeps {
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly clock: Clock;
  readonly audit: Pick<Audit, 'record'>;
  /** 32 bytes; the key that personal data is encrypted and identities are hashed with. */
  readonly dataKey: Buffer;
  /** Known tag values of a customer; the tags module answers it. */
  readonly profileTags: (customer: CustomerRef) => Promise<ProfileTag[]>;
  /** Consents of a customer; the channels module answers it. */
  readonly consents: (customer: CustomerRef) => Promise<ProfileConsent[]>;
  /** Whose the events of these numbers are, where it is another's: merged customers, users who signed in. */
  readonly ownersOf?: (cids: readonly number[]) => Promise<ReadonlyMap<number, number>>;
  /** Which records are one customer. @default nobody was ever merged */
  readonly aliases?: Aliases;
  /** Shareholders below this share are not shown as related. @default 0 */
  readonly minShare?: () => Promise<number>;
}

export interface CustomerRef {
  readonly cid: number;
  readonly customerId: string;
}

export interface SearchRequest {
  /** Beginning of a customer id, or an exact phone number or e-mail address. */
  readonly text?: string;
  readonly orgUnit?: string;
  readonly cursor?: string;
  /** @default 50 */
  readonly limit?: number;
}

/** Where to reach a customer, in clear: for dispatch only. */
export interface ContactPoint {
  readonly cid: number;
  readonly customerId: string;
  readonly address: string;
  readonly name: string | undefined;
  readonly language: string | undefined;
  readonly kind: string;
}

export interface Customers extends CustomerRecords {
  /** Customers the actor may see, by customer id. */
  search(request: SearchRequest, actor: Actor): Promise<{ items: CustomerSummary[]; nextCursor?: string }>;
  /** @throws customers.not_found also when the customer lies outside the actor's org scope */
  get360(customerId: string, actor: Actor): Promise<CustomerProfile>;
  /** @throws customers.not_found, customers.invalid_cursor */
  timeline(
    customerId: string,
    query: { kind?: TimelineKind; cursor?: string; limit?: number },
    actor: Actor,
  ): Promise<{ items: TimelineItem[]; nextCursor?: string }>;
  /** Finds one customer the actor may see. */
  find(customerId: string, actor: Actor): Promise<CustomerRef | undefined>;
  /**
   * Addresses in clear of these customers on a channel (`email` → e-mail, every other → phone); those without one
   * are left out. For dispatch: whoever calls it answers for what becomes of them.
   */
  contactPoints(cids: readonly number[], channel: string): Promise<ContactPoint[]>;
  /** Names in clear, for content; customers without a name are left out. */
  namesOf(cids: readonly number[]): Promise<Map<number, string>>;
  idsOf(cids: readonly number[]): Promise<Map<number, string>>;
  cidsOf(customerIds: readonly string[]): Promise<Map<string, number>>;
  /** Units the actor may see, with their customers. */
  orgUnits(actor: Actor): Promise<OrgUnitItem[]>;
  /** The actor's org scope with every unit below it; `undefined` = the whole bank. */
  scopeOf(actor: Actor): Promise<readonly string[] | undefined>;
  /**
   * Takes events the platform saw into `collected_event`, each `eventId` once, however often it comes; answers how
   * many were new.
   */
  collectEvents(events: readonly NewCollectedEvent[]): Promise<number>;
  /** Keyed SHA-256 by which identities are stored. */
  identityHash(kind: string, value: string): string;
}

const Text = Type.String();
const OptionalText = Type.Union([Type.String(), Type.Null()]);
const OptionalInteger = Type.Union([Type.Integer(), Type.Null()]);
const SummaryRow = Type.Object({
  cid: Type.Integer(),
  customer_id: Text,
  kind: Text,
  gender: Text,
  birth_date: OptionalText,
  opened_on: OptionalText,
  org_unit: Text,
  rm: Text,
  risk_level: OptionalInteger,
  city: Text,
  name_cipher: Text,
});
const ProductRow = Type.Object({ product_id: Text, name: Text });
const PointRow = Type.Object({
  cid: Type.Integer(),
  customer_id: Text,
  cipher: Text,
  name_cipher: Text,
  language: Text,
  kind: Text,
});
const NameRow = Type.Object({ cid: Type.Integer(), name_cipher: Text });
const KeyRow = Type.Object({ cid: Type.Integer(), customer_id: Text });
const RecordRow = Type.Object({ cid: Type.Integer(), record: Type.Integer() });

const SUMMARY_COLUMNS =
  'c.cid AS cid, c.customer_id AS customer_id, c.kind AS kind, c.gender AS gender, toString(c.birth_date) AS birth_date, toString(c.opened_on) AS opened_on, c.org_unit AS org_unit, c.rm AS rm, c.risk_level AS risk_level, c.city AS city';
/** Numbers kept in memory. */
const REMEMBERED = 100_000;
/** Customers a statement names at most. */
const CHUNK = 10_000;

export function createCustomers(deps: CustomersDeps): Customers {
  const { warehouse, releases, clock } = deps;
  const keys = derivePiiKeys(deps.dataKey);
  const orgUnits: OrgUnits = createOrgUnits({ warehouse, releases });
  const timeline = createTimeline({ warehouse, releases });
  const collected: CollectedEvents = createCollectedEvents({
    warehouse,
    clock,
    ...(deps.ownersOf ? { ownersOf: deps.ownersOf } : {}),
  });

  const kin = createKin({ warehouse, keys });
  /** Customers asked for before, by bank id; true as long as the bank ids are in the same table. */
  let numbers: { table: string | undefined; byId: Map<string, CustomerRef> } = {
    table: undefined,
    byId: new Map(),
  };
  let products: { table: string; names: Promise<ReadonlyMap<string, string>> } | undefined;

  const tableOf = async (logical: string): Promise<string | undefined> => {
    const placement = (await releases.current()).placements.get(logical);
    return placement && warehouse.identifier(placement.table);
  };

  const open = (field: PiiField, cid: number, cipher: string): string | undefined =>
    decryptPii(keys, field, cid, cipher);

  const summaryOf = (
    row: {
      cid: number;
      customer_id: string;
      kind: string;
      gender: string;
      birth_date: string | null;
      opened_on: string | null;
      org_unit: string;
      rm: string;
      risk_level: number | null;
      city: string;
      name_cipher: string;
    },
    isClear: boolean,
  ): CustomerSummary => {
    const name = open('name', row.cid, row.name_cipher);
    return {
      customerId: row.customer_id,
      kind: row.kind,
      ...(name === undefined ? {} : { name: isClear ? name : maskName(name) }),
      ...(row.gender === '' ? {} : { gender: row.gender }),
      ...(row.birth_date === null
        ? {}
        : { birthDate: isClear ? row.birth_date : `${row.birth_date.slice(0, 4)}-01-01` }),
      ...(row.org_unit === '' ? {} : { orgUnit: row.org_unit }),
      ...(row.rm === '' ? {} : { rm: row.rm }),
      ...(row.city === '' ? {} : { city: row.city }),
      ...(row.risk_level === null ? {} : { riskLevel: row.risk_level }),
      ...(row.opened_on === null ? {} : { openedOn: row.opened_on }),
    };
  };

  /** The table of bank ids is ordered by them, so this is a point read; a merged bank id finds the customer it is. */
  const find = async (customerId: string, actor: Actor): Promise<CustomerRef | undefined> => {
    const [customer, record] = await Promise.all([tableOf('customer'), tableOf('record')]);
    if (!customer || !record) return undefined;
    const scope = await orgUnits.scopeOf(actor);
    const [row] = await warehouse.query(
      KeyRow,
      `SELECT c.cid AS cid, c.customer_id AS customer_id FROM ${customer} AS c WHERE c.cid IN (SELECT cid FROM ${record} WHERE customer_id = {customerId:String})${scope ? ' AND c.org_unit IN {scope:Array(String)}' : ''} LIMIT 1`,
      { customerId, ...(scope ? { scope: [...scope] } : {}) },
      POINT_READ,
    );
    if (!row) return undefined;
    return { cid: row.cid, customerId: row.customer_id };
  };

  /**
   * The customer a bank id is, whoever may see it. One small table is read: only the bank id of a merged record need
   * be looked up once more.
   */
  const numberOf = async (customerId: string): Promise<CustomerRef | undefined> => {
    const record = await tableOf('record');
    if (!record) return undefined;
    const known = numbers.table === record ? numbers.byId.get(customerId) : undefined;
    if (known) return known;
    const [row] = await warehouse.query(
      RecordRow,
      `SELECT cid, record FROM ${record} WHERE customer_id = {customerId:String} LIMIT 1`,
      { customerId },
      POINT_READ,
    );
    if (!row) return undefined;
    const found = row.cid === row.record ? { cid: row.cid, customerId } : await find(customerId, systemActor);
    if (!found) return undefined;
    if (numbers.table !== record || numbers.byId.size >= REMEMBERED)
      numbers = { table: record, byId: new Map() };
    numbers.byId.set(customerId, found);
    return found;
  };

  const mustFind = async (customerId: string, actor: Actor): Promise<CustomerRef> => {
    const found = await find(customerId, actor);
    if (!found) throw notFound(customerId);
    return found;
  };

  const byChunks = async <Item, Row>(
    items: readonly Item[],
    readChunk: (chunk: readonly Item[]) => Promise<Row[]>,
  ): Promise<Row[]> => {
    const rows: Row[] = [];
    for (let at = 0; at < items.length; at += CHUNK) {
      for (const row of await readChunk(items.slice(at, at + CHUNK))) rows.push(row);
    }
    return rows;
  };

  /** Names of the shelf, read once a release. */
  const productNames = async (): Promise<ReadonlyMap<string, string>> => {
    const table = await tableOf('product');
    if (!table) return new Map();
    if (products?.table === table) return products.names;
    const names = warehouse
      .query(ProductRow, `SELECT product_id, name FROM ${table} LIMIT 100000`)
      .then((rows) => new Map(rows.map((row) => [row.product_id, row.name])));
    products = { table, names };
    names.catch(() => {
      products = undefined;
    });
    return names;
  };

  const get360 = async (customerId: string, actor: Actor): Promise<CustomerProfile> => {
    const startedAt = performance.now();
    const isClear = mayDo(actor, 'customers.pii');
    const customer = await numberOf(customerId);
    if (!customer) throw notFound(customerId);
    const { cid } = customer;
    const [scope, records, minShare, { placements }] = await Promise.all([
      orgUnits.scopeOf(actor),
      deps.aliases?.recordsOf(cid) ?? [cid],
      deps.minShare?.() ?? 0,
      releases.current(),
    ]);
    const [card, names, activity, tags, consents] = await Promise.all([
      readCard(warehouse, placements, cid, records),
      productNames(),
      timeline.activity(cid, 20),
      deps.profileTags(customer),
      deps.consents(customer),
    ]);
    const found = card.profile;
    // The number was found without asking who wants to see it.
    if (found?.customer_id !== customer.customerId || (scope && !scope.includes(found.org_unit))) {
      throw notFound(customerId);
    }
    const related = await kin.of({
      placements,
      cid,
      own: found.customer_id,
      records,
      relations: card.relations.filter(
        ({ kind, share }) => kind !== 'shareholder' || share === null || share >= minShare,
      ),
      households: card.households,
      customerOf: async (number) => deps.aliases?.customerOf(number) ?? number,
      scope,
      isClear,
    });
    const cipher = card.ciphers ?? { name_cipher: '', phone_cipher: '', email_cipher: '' };
    const row = { ...found, name_cipher: cipher.name_cipher };
    const phone = open('phone', cid, cipher.phone_cipher);
    const email = open('email', cid, cipher.email_cipher);
    if (isClear) {
      await deps.audit.record({
        actor,
        action: 'customer.pii_read',
        subject: customerId,
        details: { view: '360' },
      });
    }
    const today = toIso(clock.now()).slice(0, 10);
    const accountViews = card.accounts.map(presentAccount);
    const holdingViews = card.holdings.map((holding) =>
      presentHolding(holding, names.get(holding.product_id)),
    );
    const openAccounts = accountViews.filter((account) => !account.closedOn || account.closedOn > today);
    const openHoldings = holdingViews.filter((holding) => !holding.until || holding.until > today);
    return {
      ...summaryOf(row, isClear),
      ...(phone === undefined ? {} : { phone: isClear ? phone : maskPhone(phone) }),
      ...(email === undefined ? {} : { email: isClear ? email : maskEmail(email) }),
      piiClear: isClear,
      ...related,
      ...(row.language === '' ? {} : { language: row.language }),
      attributes: row.attributes,
      source: row.source,
      identities: [...card.identities],
      summary: {
        totals: totalsOf(openAccounts, openHoldings),
        accounts: openAccounts.length,
        holdings: openHoldings.length,
        transactions: activity.transactions,
        events: activity.events,
        contacts: activity.contacts,
        ...(activity.lastActivityMs === undefined ? {} : { lastActivityAt: toIso(activity.lastActivityMs) }),
      },
      accounts: accountViews,
      holdings: holdingViews,
      tags,
      consents,
      contacts: activity.latestContacts,
      timeline: activity.latest.items,
      ...(activity.latest.nextCursor === undefined ? {} : { timelineCursor: activity.latest.nextCursor }),
      tookMs: Math.round((performance.now() - startedAt) * 10) / 10,
    };
  };

  const search: Customers['search'] = async (request, actor) => {
    const customer = await tableOf('customer');
    if (!customer) return { items: [] };
    const limit = request.limit ?? 50;
    const [pii, identity, scope] = await Promise.all([
      tableOf('customer_pii'),
      tableOf('identity'),
      orgUnits.scopeOf(actor),
    ]);
    const text = request.text?.trim() ?? '';
    const units = request.orgUnit === undefined ? undefined : await orgUnits.withBelow([request.orgUnit]);
    const hashes = identityKindsOf(text).map((kind) => identityHash(keys, kind, text));
    const byIdentity =
      identity && hashes.length > 0
        ? ` OR c.cid IN (SELECT cid FROM ${identity} WHERE value_hash IN {hashes:Array(String)})`
        : '';
    const filters = [
      ...(text === '' ? [] : [`(startsWith(c.customer_id, {text:String})${byIdentity})`]),
      ...(scope ? ['c.org_unit IN {scope:Array(String)}'] : []),
      ...(units ? ['c.org_unit IN {units:Array(String)}'] : []),
      ...(request.cursor ? ['c.customer_id > {after:String}'] : []),
    ];
    const page = `SELECT * FROM ${customer} AS c${filters.length > 0 ? ` WHERE ${filters.join(' AND ')}` : ''} ORDER BY c.customer_id LIMIT {past:UInt32}`;
    const rows = await warehouse.query(
      SummaryRow,
      `WITH page AS (${page}) SELECT ${SUMMARY_COLUMNS}, ${pii ? 'p.name_cipher' : "''"} AS name_cipher FROM page AS c${pii ? ` LEFT JOIN (SELECT cid, name_cipher FROM ${pii} WHERE cid IN (SELECT cid FROM page)) AS p ON c.cid = p.cid` : ''} ORDER BY c.customer_id`,
      {
        past: limit + 1,
        ...(text === '' ? {} : { text }),
        ...(byIdentity === '' || text === '' ? {} : { hashes }),
        ...(scope ? { scope: [...scope] } : {}),
        ...(units ? { units: [...units] } : {}),
        ...(request.cursor ? { after: decodeCursor(request.cursor) } : {}),
      },
    );
    const isClear = mayDo(actor, 'customers.pii');
    const shown = rows.slice(0, limit);
    if (isClear && shown.length > 0) {
      await deps.audit.record({
        actor,
        action: 'customer.pii_listed',
        subject: 'customers',
        details: { count: shown.length, first: shown[0]?.customer_id, last: shown.at(-1)?.customer_id },
      });
    }
    const last = shown.at(-1);
    return {
      items: shown.map((row) => summaryOf(row, isClear)),
      ...(rows.length > limit && last
        ? { nextCursor: Buffer.from(last.customer_id).toString('base64url') }
        : {}),
    };
  };

  return {
    ...createCustomerRecords({ warehouse, releases, orgUnits, keys }),
    search,
    get360,
    find,
    async timeline(customerId, query, actor) {
      const { cid } = await mustFind(customerId, actor);
      return timeline.read(cid, query);
    },
    async contactPoints(cids, channel) {
      const [customer, pii] = await Promise.all([tableOf('customer'), tableOf('customer_pii')]);
      if (!customer || !pii) return [];
      const field = channel === 'email' ? 'email' : 'phone';
      const rows = await byChunks(cids, (chunk) =>
        warehouse.query(
          PointRow,
          `SELECT c.cid AS cid, c.customer_id AS customer_id, p.${field}_cipher AS cipher, p.name_cipher AS name_cipher, c.language AS language, c.kind AS kind FROM (SELECT cid, ${field}_cipher, name_cipher FROM ${pii} WHERE cid IN (${integers(chunk)}) AND ${field}_cipher != '') AS p INNER JOIN (SELECT cid, customer_id, language, kind FROM ${customer} WHERE cid IN (${integers(chunk)})) AS c ON c.cid = p.cid ORDER BY c.cid`,
        ),
      );
      return rows.flatMap((row) => {
        const address = open(field, row.cid, row.cipher);
        if (address === undefined) return [];
        return [
          {
            cid: row.cid,
            customerId: row.customer_id,
            address,
            name: open('name', row.cid, row.name_cipher),
            language: row.language === '' ? undefined : row.language,
            kind: row.kind,
          },
        ];
      });
    },
    async namesOf(cids) {
      const pii = await tableOf('customer_pii');
      if (!pii) return new Map();
      const rows = await byChunks(cids, (chunk) =>
        warehouse.query(NameRow, `SELECT cid, name_cipher FROM ${pii} WHERE cid IN (${integers(chunk)})`),
      );
      const named = rows.map((row) => [row.cid, open('name', row.cid, row.name_cipher)] as const);
      return new Map(named.flatMap(([cid, name]) => (name === undefined ? [] : [[cid, name] as const])));
    },
    async idsOf(cids) {
      const customer = await tableOf('customer');
      if (!customer) return new Map();
      const rows = await byChunks(cids, (chunk) =>
        warehouse.query(
          KeyRow,
          `SELECT c.cid AS cid, c.customer_id AS customer_id FROM ${customer} AS c WHERE c.cid IN (${integers(chunk)})`,
        ),
      );
      return new Map(rows.map((row) => [row.cid, row.customer_id]));
    },
    async cidsOf(customerIds) {
      const customer = await tableOf('customer');
      if (!customer) return new Map();
      const record = await tableOf('record');
      if (!record) return new Map();
      const rows = await byChunks(customerIds, (chunk) =>
        warehouse.query(
          KeyRow,
          `SELECT r.cid AS cid, r.customer_id AS customer_id FROM ${record} AS r WHERE r.customer_id IN {ids:Array(String)}`,
          { ids: [...chunk] },
        ),
      );
      return new Map(rows.map((row) => [row.customer_id, row.cid]));
    },
    orgUnits: (actor) => orgUnits.list(actor),
    scopeOf: (actor) => orgUnits.scopeOf(actor),
    collectEvents: (events) => collected.collect(events),
    identityHash: (kind, value) => identityHash(keys, kind, value),
  };
}

const notFound = (customerId: string) =>
  customersProblems.not_found({ detail: `There is no customer ${customerId} among those you may see.` });

/** Text that has the look of a phone number or an e-mail address. */
function identityKindsOf(text: string): ('phone' | 'email')[] {
  if (/^[^\s@]+@[^\s@]+$/.test(text)) return ['email'];
  return /^[+0-9][0-9 ()./-]{5,}$/.test(text) ? ['phone'] : [];
}

function presentAccount(row: CardAccount): AccountView {
  return {
    accountId: row.account_id,
    kind: row.kind,
    ...(row.opened_on === null ? {} : { openedOn: row.opened_on }),
    ...(row.closed_on === null ? {} : { closedOn: row.closed_on }),
    currency: row.currency,
    ...(row.balance_minor === null ? {} : { balanceMinor: Number(row.balance_minor) }),
    ...(row.org_unit === '' ? {} : { orgUnit: row.org_unit }),
    attributes: row.attributes,
    source: row.source,
  };
}

function presentHolding(row: CardHolding, productName: string | undefined): HoldingView {
  return {
    holdingId: row.holding_id,
    productId: row.product_id,
    ...(productName === undefined ? {} : { productName }),
    kind: row.kind,
    ...(row.since === null ? {} : { since: row.since }),
    ...(row.until === null ? {} : { until: row.until }),
    ...(row.amount_minor === null ? {} : { amountMinor: Number(row.amount_minor) }),
    currency: row.currency,
    status: row.status,
    attributes: row.attributes,
    source: row.source,
  };
}

const DEBT_KINDS = new Set(['loan', 'mortgage', 'card', 'credit_card', 'overdraft']);

/** Assets are balances and holdings, debts the amounts of loans and cards; nothing is converted. */
function totalsOf(accounts: readonly AccountView[], holdings: readonly HoldingView[]): CurrencyTotal[] {
  const totals = new Map<string, CurrencyTotal>();
  const add = (currency: string, assets: number, debts: number): void => {
    const total = totals.get(currency) ?? { currency, assetsMinor: 0, debtsMinor: 0 };
    totals.set(currency, {
      currency,
      assetsMinor: total.assetsMinor + assets,
      debtsMinor: total.debtsMinor + debts,
    });
  };
  for (const account of accounts) {
    if (account.balanceMinor === undefined) continue;
    if (DEBT_KINDS.has(account.kind)) add(account.currency, 0, Math.abs(account.balanceMinor));
    else add(account.currency, account.balanceMinor, 0);
  }
  for (const holding of holdings) {
    if (holding.amountMinor === undefined) continue;
    if (DEBT_KINDS.has(holding.kind)) add(holding.currency, 0, holding.amountMinor);
    else add(holding.currency, holding.amountMinor, 0);
  }
  return [...totals.values()].toSorted((a, b) => (a.currency < b.currency ? -1 : 1));
}

function decodeCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  if (text === '' || Buffer.from(text).toString('base64url') !== cursor) {
    throw customersProblems.invalid_cursor({ detail: `"${cursor}" is no cursor of this list.` });
  }
  return text;
}

/** Cids as SQL; they are checked to be integers, and thousands of bound values would be slower to parse. */
export function integers(cids: readonly number[]): string {
  const safe = cids.filter((cid) => Number.isInteger(cid) && cid >= 0 && cid < 2 ** 32);
  return safe.length === 0 ? 'NULL' : safe.join(',');
}
