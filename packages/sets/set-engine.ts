import type { Condition, ConditionCatalog } from '@rapport/conditions';
import type { EpochMs } from '@rapport/kernel';
import type { CidSet, Placement } from '@rapport/stores';
import type { TagBucket } from './tag-index.ts';

/** What one evaluation sees: one release at one instant. */
export interface SetView {
  readonly catalog: ConditionCatalog;
  /** The placements of the release that the catalog is of; the tag indexes are found by them. */
  readonly placements: ReadonlyMap<string, Placement>;
  readonly now: EpochMs;
  /** Only customers of these org units exist for this evaluation; absent = the whole bank. */
  readonly orgUnits?: readonly string[];
  readonly signal?: AbortSignal;
}

/** One distinct value of a tag, or one range of values, and how many customers have it. */
export interface TagIndexEntry {
  /** A text, a member of lists; absent for numbers. */
  readonly label?: string;
  /** Least and greatest key (see `keySql`), both included; equal where it is one value. */
  readonly low?: number;
  readonly high?: number;
  readonly size: number;
  /** Its customers. */
  readonly cids: CidSet;
}

/** A byte a customer, by customer number: 0 = unknown, 1 … 15 = the bucket. Customers past the end are unknown. */
export interface TagCodes {
  readonly codes: Uint8Array;
  readonly buckets: readonly TagBucket[];
}

/** What a node of a condition counts, keeps and removes. */
export interface NodeCount {
  readonly pointer: string;
  readonly parent: string | undefined;
  readonly depth: number;
  readonly node: Condition;
  /** Customers it holds for. */
  readonly count: number;
  /** Customers that reach it. */
  readonly reached: number;
  /** Of those, the ones it holds for. */
  readonly kept: number;
  /** Inside an `any`: kept and by no alternative before it. */
  readonly added: number | undefined;
}

/**
 * Answers conditions by set algebra over the tag index, and what the index does not have by the SQL reader, leaf by
 * leaf. Answers are exact, and the same as those of `compileCids` and of the predicate.
 */
export interface SetEngine {
  /** The customers a checked condition holds for. @throws conditions.invalid when a name is no longer in the catalog */
  evaluate(condition: Condition, view: SetView): Promise<CidSet>;
  /** How many they are, and how many customers there are; cheaper than `evaluate`. */
  count(condition: Condition, view: SetView): Promise<{ readonly count: number; readonly total: number }>;
  /** Every node's numbers, a parent before its parts. */
  explain(
    condition: Condition,
    view: SetView,
  ): Promise<{ readonly total: number; readonly nodes: readonly NodeCount[] }>;
  /** All customers (of the org units). */
  universe(view: SetView): Promise<CidSet>;
  /**
   * A tag's values as codes; `undefined` when it is not indexed, or a list (whose buckets overlap: see `entries`).
   * Not kept: ten million customers take ten megabytes.
   */
  codes(tagId: string, view: SetView): Promise<TagCodes | undefined>;
  /** The same of several tags in one statement; those that have no codes are left out. */
  codesOf(tagIds: readonly string[], view: SetView): Promise<ReadonlyMap<string, TagCodes>>;
  /** A tag's buckets, which need no bitmaps; `undefined` when it is not indexed. */
  buckets(tagId: string, view: SetView): Promise<readonly TagBucket[] | undefined>;
  /**
   * A tag's entries with their customers, the largest first; `undefined` when it is not indexed, has too many texts,
   * or stands in several segments.
   * @param limit  how many at most
   */
  entries(tagId: string, view: SetView, limit: number): Promise<readonly TagIndexEntry[] | undefined>;
  /** What is kept in memory. */
  readonly kept: { readonly bytes: number; readonly sets: number };
  /** Forgets everything that is kept. */
  clear(): void;
}
