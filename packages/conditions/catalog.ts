import type { Condition } from './condition.ts';

/** What a tag's or property's values are. `money` is integer minor units; `date` is a calendar day; `instant` a moment. */
export type ValueType = 'text' | 'number' | 'money' | 'boolean' | 'date' | 'instant' | 'list';

export interface TagEntry {
  readonly type: ValueType;
  /** Warehouse table with one row a customer at most, its `cid` column, and the nullable value column. */
  readonly table: string;
  readonly column: string;
}

export interface PropertyEntry {
  readonly type: ValueType;
  /** Warehouse expression over the event's row, NULL when unknown; made by us, never by users. */
  readonly sql: string;
}

export interface EventEntry {
  /** Warehouse table or parenthesised subquery with columns `cid UInt32` and those that the expressions name. */
  readonly from: string;
  /** Fixed filter over its rows, such as `name = 'login'`; made by us. */
  readonly filter?: string;
  /** Expression of the event's instant, `DateTime64(3, 'UTC')`. */
  readonly at: string;
  readonly properties: Readonly<Record<string, PropertyEntry>>;
}

/**
 * The names a condition may use and where their values are, all of one release. Built by the tags module from
 * placements; the compilers know nothing else about the stores.
 */
export interface ConditionCatalog {
  /** Warehouse table of all customers with `cid` and `customer_id`. */
  readonly customers: string;
  tag(id: string): TagEntry | undefined;
  event(name: string): EventEntry | undefined;
  /** The condition of another audience. */
  audience(id: string): Condition | undefined;
  /** Warehouse table and filter of an uploaded or suppression list: a query answering `cid`. */
  list(id: string): { readonly cidQuery: string } | undefined;
}
