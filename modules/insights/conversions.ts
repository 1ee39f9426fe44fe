import {
  type ConditionCatalog,
  compileEvents,
  type EventEntry,
  type PropertyCondition,
} from '@rapport/conditions';
import type { EpochMs } from '@rapport/kernel';
import { type CidSet, cidSetOf, type Warehouse } from '@rapport/stores';
import { Type } from 'typebox';

/** What customers did that counts: at most one entry a customer. */
export interface Conversions {
  readonly cids: CidSet;
  readonly byCid: ReadonlyMap<number, Conversion>;
  /** Property that amounts were read from. */
  readonly amountProperty: string | undefined;
  /** The currency, where all amounts share one. */
  readonly currency: string | undefined;
}

export interface Conversion {
  /** First KPI event in the window. */
  readonly firstAt: EpochMs;
  readonly events: number;
  /** Sum over these events, minor units. */
  readonly amountMinor: number;
}

export interface ConversionQuestion {
  readonly event: string;
  readonly where?: PropertyCondition | undefined;
  readonly after: EpochMs;
  readonly until: EpochMs;
  /** Only these customers are kept. */
  readonly among: CidSet;
}

const ConversionRow = Type.Object({
  cid: Type.Integer(),
  first_at: Type.Number(),
  events: Type.Integer(),
  amount: Type.Union([Type.Number(), Type.Null()]),
  currencies: Type.Array(Type.String()),
});

/**
 * Reads who did the KPI event in `(after, until]`, when first, how often, and for how much. The rows of an event that
 * no source delivers yet are none.
 */
export async function readConversions(
  warehouse: Warehouse,
  catalog: ConditionCatalog,
  question: ConversionQuestion,
): Promise<Conversions> {
  const entry = catalog.event(question.event);
  const byCid = new Map<number, Conversion>();
  const currencies = new Set<string>();
  const amountProperty = entry && amountPropertyOf(entry);
  if (entry) {
    const hasCurrency = entry.properties.currency !== undefined;
    const properties = [...(amountProperty ? [amountProperty] : []), ...(hasCurrency ? ['currency'] : [])];
    const { sql, params } = compileEvents(
      {
        event: question.event,
        ...(question.where ? { where: question.where } : {}),
        after: question.after,
        until: question.until,
        properties,
      },
      catalog,
    );
    // Major units become minor ones; amounts that a source delivers as money are minor already.
    const scale = amountProperty === 'amount' && entry.properties.amount?.type === 'number' ? 100 : 1;
    const amount = amountProperty ? `sum(toFloat64(v0)) * ${scale}` : 'NULL';
    const currency = hasCurrency
      ? `groupUniqArrayIf(3)(assumeNotNull(v${properties.length - 1}), isNotNull(v${properties.length - 1}))`
      : "CAST([], 'Array(String)')";
    const rows = warehouse.stream(
      ConversionRow,
      `SELECT cid, toFloat64(toUnixTimestamp64Milli(min(at))) AS first_at, count() AS events, ${amount} AS amount, ${currency} AS currencies FROM (${sql}) GROUP BY cid`,
      params,
    );
    for await (const batch of rows) {
      for (const row of batch) {
        if (!question.among.has(row.cid)) continue;
        byCid.set(row.cid, {
          firstAt: row.first_at,
          events: row.events,
          amountMinor: Math.round(row.amount ?? 0),
        });
        for (const each of row.currencies) currencies.add(each);
      }
    }
  }
  const [currency, ...others] = currencies;
  return {
    cids: cidSetOf(byCid.keys()),
    byCid,
    amountProperty,
    currency: others.length === 0 ? currency : undefined,
  };
}

/** `amount_minor`, else `amount`, else the first property that is money. */
function amountPropertyOf(entry: EventEntry): string | undefined {
  const isNumeric = (name: string): boolean =>
    ['number', 'money'].includes(entry.properties[name]?.type ?? '');
  if (isNumeric('amount_minor')) return 'amount_minor';
  if (isNumeric('amount')) return 'amount';
  return Object.keys(entry.properties).find((name) => entry.properties[name]?.type === 'money');
}
