import { type ConditionCatalog, compileEvents } from '@rapport/conditions';
import type { EpochMs } from '@rapport/kernel';
import type { Release, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { HomeReport } from './contract.ts';
import type { AumMetric } from './insights.deps.ts';

export const MONTHS_SHOWN = 13;
const DAY = 86_400_000;
/** Holdings that are debts, not assets; the same words as the Customer 360 goes by. */
const DEBT_KINDS = ['loan', 'mortgage', 'card', 'credit_card', 'overdraft'] as const;
/** Event that counts as activity. */
const ACTIVITY_EVENT = 'login';

export interface BankFigures {
  readonly dataUntil: EpochMs | undefined;
  readonly customers: number;
  readonly aum: HomeReport['aum'];
  readonly mau: HomeReport['mau'];
}

interface Question {
  readonly warehouse: Warehouse;
  readonly release: Release;
  readonly catalog: ConditionCatalog;
  readonly now: EpochMs;
  readonly orgUnits: readonly string[] | undefined;
}

/** Assets under management and active users of the customers in the scope, with their trend of 13 months. */
export async function bankFigures(question: Question): Promise<BankFigures> {
  const customers = tableOf(question, 'customer');
  if (!customers) return { dataUntil: undefined, customers: 0, aum: [], mau: { users: 0, trend: [] } };
  const dataUntil = await latestInstant(question);
  const [count, aum, mau] = await Promise.all([
    countCustomers(question, customers),
    assets(question, dataUntil ?? question.now),
    activeUsers(question, dataUntil ?? question.now),
  ]);
  return { dataUntil, customers: count, aum, mau };
}

function tableOf({ release, warehouse }: Question, name: string): string | undefined {
  const placement = release.placements.get(name);
  return placement && warehouse.identifier(placement.table);
}

/** A test that `cid` lies in the scope, for queries with the parameter `units`. */
function scopeTest(question: Question): { sql: string; params: { units: readonly string[] } } {
  const customers = tableOf(question, 'customer');
  return question.orgUnits && customers
    ? {
        sql: `cid IN (SELECT cid FROM ${customers} WHERE org_unit IN {units:Array(String)})`,
        params: { units: question.orgUnits },
      }
    : { sql: '1', params: { units: [] } };
}

const Count = Type.Object({ n: Type.Number() });

async function countCustomers(question: Question, customers: string): Promise<number> {
  const scope = scopeTest(question);
  const [row] = await question.warehouse.query(
    Count,
    `SELECT count() AS n FROM ${customers} WHERE ${scope.sql}`,
    scope.params,
  );
  return row?.n ?? 0;
}

/** The latest transaction or event not after now; data of the past is shown as of its own end. */
async function latestInstant(question: Question): Promise<EpochMs | undefined> {
  const tables = ['transaction', 'event'].flatMap((name) => tableOf(question, name) ?? []);
  if (tables.length === 0) return undefined;
  const parts = tables.map(
    (table) =>
      `SELECT toUnixTimestamp64Milli(max(at)) AS n FROM ${table} WHERE at <= fromUnixTimestamp64Milli({now:Int64}, 'UTC')`,
  );
  const [row] = await question.warehouse.query(
    Count,
    `SELECT toFloat64(max(n)) AS n FROM (${parts.join(' UNION ALL ')})`,
    {
      now: question.now,
    },
  );
  return row && row.n > 0 ? row.n : undefined;
}

/** First instants of the 13 months that end with the one of `until`, oldest first, and of the month after. */
function monthStarts(until: EpochMs): EpochMs[] {
  const last = new Date(until);
  return Array.from({ length: MONTHS_SHOWN + 1 }, (_, index) =>
    Date.UTC(last.getUTCFullYear(), last.getUTCMonth() - MONTHS_SHOWN + 1 + index, 1),
  );
}

const monthName = (at: EpochMs): string => new Date(at).toISOString().slice(0, 7);

const BalanceRow = Type.Object({ currency: Type.String(), amount: Type.Number(), customers: Type.Number() });
const FlowRow = Type.Object({ currency: Type.String(), month: Type.String(), amount: Type.Number() });
const HoldingRow = Type.Object({ currency: Type.String(), month: Type.Integer(), amount: Type.Number() });

/**
 * AUM at the end of each month. Accounts: the balance now, less what was booked on them after the month; a source
 * that delivers no balances is read by the balance of the last booking. Holdings: the amount known now, from the day
 * they began to the day they ended, debts left out.
 */
async function assets(question: Question, until: EpochMs): Promise<HomeReport['aum']> {
  const { warehouse } = question;
  const scope = scopeTest(question);
  const [accounts, holdings, transactions] = ['account', 'holding', 'transaction'].map((name) =>
    tableOf(question, name),
  );
  const starts = monthStarts(until);
  const ends = [...starts.slice(1, -1), until + 1];
  const isOpen = '(closed_on IS NULL OR closed_on > toDate32({day:String}))';
  const params = { ...scope.params, day: new Date(until).toISOString().slice(0, 10) };

  const lastBalances = transactions
    ? `(SELECT account_id, argMax(balance_minor, (at, transaction_id)) AS last FROM ${transactions} WHERE balance_minor IS NOT NULL AND account_id IN (SELECT account_id FROM ${accounts} WHERE balance_minor IS NULL) GROUP BY account_id)`
    : "(SELECT '' AS account_id, CAST(NULL, 'Nullable(Int64)') AS last WHERE 0)";
  const balances = accounts
    ? await warehouse.query(
        BalanceRow,
        `SELECT currency, toFloat64(sum(coalesce(a.balance_minor, l.last, 0))) AS amount, toFloat64(uniqExact(cid)) AS customers FROM ${accounts} AS a LEFT JOIN ${lastBalances} AS l ON a.account_id = l.account_id WHERE ${isOpen} AND ${scope.sql} GROUP BY currency`,
        params,
      )
    : [];
  const flows =
    accounts && transactions
      ? await warehouse.query(
          FlowRow,
          `SELECT a.currency AS currency, formatDateTime(t.at, '%Y-%m') AS month, toFloat64(sum(if(t.direction = 'credit', t.amount_minor, -t.amount_minor))) AS amount FROM ${transactions} AS t INNER JOIN (SELECT account_id, currency FROM ${accounts} WHERE ${isOpen} AND ${scope.sql}) AS a ON t.account_id = a.account_id WHERE t.at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') GROUP BY currency, month`,
          { ...params, from: starts[0] ?? 0 },
        )
      : [];
  const held = holdings
    ? await warehouse.query(
        HoldingRow,
        `SELECT currency, month, toFloat64(sum(amount_minor)) AS amount FROM ${holdings} ARRAY JOIN arrayEnumerate({ends:Array(String)}) AS month WHERE amount_minor IS NOT NULL AND lower(kind) NOT IN {debts:Array(String)} AND ${scope.sql} AND (since IS NULL OR since < toDate32({ends:Array(String)}[month])) AND (\`until\` IS NULL OR \`until\` >= toDate32({ends:Array(String)}[month])) GROUP BY currency, month`,
        {
          ...scope.params,
          debts: DEBT_KINDS,
          ends: ends.map((end) => new Date(Math.ceil(end / DAY) * DAY).toISOString().slice(0, 10)),
        },
      )
    : [];

  const currencies = new Set([...balances, ...held].map((row) => row.currency));
  return [...currencies]
    .map((currency) => {
      const balance = balances.find((row) => row.currency === currency);
      const trend = ends.map((_, index) => {
        const laterFlow = flows
          .filter((row) => row.currency === currency && row.month > monthName(starts[index] ?? 0))
          .reduce((sum, row) => sum + row.amount, 0);
        const holding = held.find((row) => row.currency === currency && row.month === index + 1)?.amount ?? 0;
        return {
          month: monthName(starts[index] ?? 0),
          totalMinor: Math.round((balance?.amount ?? 0) - laterFlow + holding),
        };
      });
      const [before, now] = trend.slice(-2).map((month) => month.totalMinor);
      return {
        currency: currency === '' ? 'XXX' : currency,
        totalMinor: now ?? 0,
        customers: balance?.customers ?? 0,
        ...change(now, before),
        trend,
      };
    })
    .sort((a, b) => b.totalMinor - a.totalMinor);
}

/**
 * AUM by the bank's metric, so that home, report, SQL and API say one number. Its months are the last values kept in
 * them; months before the first kept one are those reckoned from bookings in the same currency, and marked so.
 */
export function aumByMetric(
  { metric, currency, day, totalMinor, customers, kept }: AumMetric,
  reckoned: HomeReport['aum'],
): HomeReport['aum'][number] {
  const thisMonth = day.slice(0, 7);
  const ofMonth = new Map(kept.map((value) => [value.day.slice(0, 7), value.totalMinor]));
  ofMonth.set(thisMonth, totalMinor);
  const months = [...ofMonth].sort(([a], [b]) => (a < b ? -1 : 1));
  const first = months[0]?.[0] ?? thisMonth;
  const earlier = (reckoned.find((one) => one.currency === currency)?.trend ?? [])
    .filter(({ month }) => month < first)
    .map((point) => ({ ...point, isReckoned: true }));
  const [before, now] = [months.at(-2), months.at(-1)];
  return {
    currency,
    totalMinor,
    customers,
    metric,
    // A gap of months is no month's change.
    ...(before && now && before[0] === monthBefore(now[0]) ? change(now[1], before[1]) : {}),
    trend: [...earlier, ...months.map(([month, then]) => ({ month, totalMinor: then }))].slice(-MONTHS_SHOWN),
  };
}

function monthBefore(month: string): string {
  const [year = 0, number = 1] = month.split('-').map(Number);
  return monthName(Date.UTC(year, number - 2, 1));
}

const UsersRow = Type.Object({ month: Type.String(), users: Type.Number() });
const RecentRow = Type.Object({ recent: Type.Number(), before: Type.Number() });

/** Customers with a login: in the last 30 days up to the end of the data, the 30 before, and by month. */
async function activeUsers(question: Question, until: EpochMs): Promise<HomeReport['mau']> {
  const { warehouse, catalog } = question;
  const starts = monthStarts(until);
  if (!catalog.event(ACTIVITY_EVENT)) return { users: 0, trend: [] };
  const scope = scopeTest(question);
  const { sql, params } = compileEvents(
    { event: ACTIVITY_EVENT, after: (starts[0] ?? 0) - 1, until },
    catalog,
  );
  const logins = `SELECT cid, at FROM (${sql}) WHERE ${scope.sql}`;
  const edge = (days: number): string => `fromUnixTimestamp64Milli({until:Int64} - ${days * DAY}, 'UTC')`;
  const [byMonth, [recent]] = await Promise.all([
    warehouse.query(
      UsersRow,
      `SELECT formatDateTime(at, '%Y-%m') AS month, toFloat64(uniqExact(cid)) AS users FROM (${logins}) GROUP BY month`,
      { ...scope.params, ...params },
    ),
    warehouse.query(
      RecentRow,
      `SELECT toFloat64(uniqExactIf(cid, at > ${edge(30)})) AS recent, toFloat64(uniqExactIf(cid, at > ${edge(60)} AND at <= ${edge(30)})) AS before FROM (${logins})`,
      { ...scope.params, ...params, until },
    ),
  ]);
  return {
    users: recent?.recent ?? 0,
    ...change(recent?.recent, recent?.before),
    trend: starts.slice(0, -1).map((start) => ({
      month: monthName(start),
      users: byMonth.find((row) => row.month === monthName(start))?.users ?? 0,
    })),
  };
}

const change = (now: number | undefined, before: number | undefined): { changeShare?: number } =>
  now !== undefined && before !== undefined && before > 0 ? { changeShare: now / before - 1 } : {};
