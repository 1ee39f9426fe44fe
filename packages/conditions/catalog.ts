import type { LocalizedText } from '@rapport/kernel';
import type { Condition } from './condition.ts';

/**
 * What a tag's or property's values are. `money` is integer minor units; `date` is a calendar day; `instant` a
 * moment; `list` a set of texts. Unknown is NULL; an empty text and an empty list are unknown too.
 */
export type ValueType = 'text' | 'number' | 'money' | 'boolean' | 'date' | 'instant' | 'list';

export const VALUE_TYPES: readonly ValueType[] = [
  'text',
  'number',
  'money',
  'boolean',
  'date',
  'instant',
  'list',
];

/** What people read about a name. */
export interface Titled {
  readonly title: LocalizedText;
  readonly description?: LocalizedText;
  /** ISO 4217 currency of `money`. */
  readonly currency?: string;
  /** Minor digits of that currency. @default 2 */
  readonly currencyDigits?: number;
  /** Titles of text values that are codes, such as `{ "C3": { en: "Balanced" } }`. */
  readonly valueTitles?: Readonly<Record<string, LocalizedText>>;
}

export interface TagEntry extends Titled {
  readonly type: ValueType;
  /** Taxonomy nodes from the root to the one that holds this tag. */
  readonly category?: readonly LocalizedText[];
  /** Warehouse table with one row a customer at most, its `cid` column, and the nullable value column. */
  readonly table: string;
  readonly column: string;
  /**
   * Immutable tables that `table` is a view over, oldest first, where it is one: a customer's row in a later one
   * stands in place of those in earlier ones. Absent when `table` is itself the only one.
   */
  readonly segments?: readonly string[];
  /** The day (`YYYY-MM-DD`) whose values these are, where an evaluation as of a past instant reads older ones. */
  readonly asOfDay?: string;
}

export interface PropertyEntry extends Titled {
  readonly type: ValueType;
  /**
   * Warehouse expression over the event's row, NULL when unknown; made by us, never by users. A property held as
   * text in a map is read by `propertySql(type, "properties['amount']")`, which reads it exactly as the predicate does.
   */
  readonly sql: string;
}

export interface EventEntry extends Titled {
  /** Warehouse table or parenthesised subquery with columns `cid UInt32` and those that the expressions name. */
  readonly from: string;
  /** Fixed filter over its rows, such as `name = 'login'`; made by us. */
  readonly filter?: string;
  /** Expression of the event's instant, `DateTime64(3, 'UTC')`. */
  readonly at: string;
  /** Whether rows can still come into `from` under this same name; what is computed from it is then not kept. */
  readonly isLive?: boolean;
  readonly properties: Readonly<Record<string, PropertyEntry>>;
}

export interface ListEntry {
  readonly title?: LocalizedText;
  /** Warehouse query answering `cid`. */
  readonly cidQuery: string;
}

/**
 * The names a condition may use and where their values are, all of one release. Built by the tags module from
 * placements; the compilers know nothing else about the stores. Audiences come later in the import order, so the
 * tags module answers `undefined` for them and the audiences module lays its own over it.
 */
export interface ConditionCatalog {
  /** Warehouse table of all customers with `cid`, `customer_id` and `org_unit`. */
  readonly customers: string;
  tag(id: string): TagEntry | undefined;
  event(name: string): EventEntry | undefined;
  /** The condition of another audience. */
  audience(id: string): Condition | undefined;
  /** What people call that audience. */
  audienceTitle?(id: string): string | undefined;
  /** Warehouse table and filter of an uploaded or suppression list: a query answering `cid`. */
  list(id: string): ListEntry | undefined;
  /** Every tag id, in the order of the taxonomy: the builder's palette. */
  tagIds(): readonly string[];
  eventNames(): readonly string[];
  listIds(): readonly string[];
}
