import type { Placement, Release } from '@rapport/stores';
import type { TableRole } from './manifest.schema.ts';

/** A table of a source that plays a role. */
export interface RoleTable {
  readonly sourceId: string;
  /** Name in the manifest. */
  readonly table: string;
  readonly role: TableRole;
  /** Physical warehouse table with the typed rows, as the source named them. */
  readonly physical: string;
  /** True for the tables of the load that is going on, false for the current ones of other sources. */
  readonly fresh: boolean;
  /** Canonical columns that the source really delivers; the others have the absent value in `select`. */
  readonly columns: readonly string[];
  /**
   * SELECT answering every column of the role (docs/data-model.md, “Roles”) in canonical order, name and type:
   * `customer_id String` in place of `cid`, without `source`; unmapped columns in `attributes Map(String, String)`
   * (`event`: `properties Map(String, String)`); for `customer` also `name`, `phone`, `email` in clear. Last stand
   * `_file String` and `_line UInt64`, the place the row came from ('' and 0 for derived tables).
   */
  readonly select: string;
  /**
   * Of a fresh table that is the released one of before with rows added and withdrawn: SELECTs of those rows, like
   * `select`. Absent where it may be another table altogether.
   */
  readonly change?: { readonly added: string; readonly withdrawn: string | undefined };
}

export interface ProjectorInput {
  /** The source being loaded. */
  readonly sourceId: string;
  /** The role tables of all sources: the new ones of this source, the released ones of the others. */
  readonly roleTables: readonly RoleTable[];
  /** The release before this load. */
  readonly release: Release;
  /** Roles that a table of this source played before and plays no more, or differently. @default any */
  readonly lostRoles?: ReadonlySet<TableRole>;
  /** The load, for the record of what it made. */
  readonly loadId?: string;
  readonly signal?: AbortSignal;
}

export interface RejectedRows {
  readonly sourceId: string;
  /** Manifest table. */
  readonly table: string;
  /** Stable reason, such as `unknown_customer`. */
  readonly reason: string;
  readonly count: number;
  /** SELECT answering `_file String, _line UInt64, value String` of those rows, so that quarantine can list them. */
  readonly rowsSql?: string;
}

export interface Projection {
  /** Logical canonical name (`customer`, `account`, …) → its new physical table. */
  readonly set: Readonly<Record<string, Placement>>;
  readonly rejected: readonly RejectedRows[];
}

/** Builds the canonical tables from the role tables of all sources; implemented by customers. */
export interface Projector {
  project(input: ProjectorInput): Promise<Projection>;
}

export interface ConsentRow {
  readonly customerId: string;
  readonly channel: string;
  readonly purpose: string;
  readonly granted: boolean;
  readonly atMs: number;
  readonly evidence: string;
}

/** Takes the rows of `consent` role tables into the consent ledger; called after the load became visible. */
export interface ConsentSink {
  /** Idempotent: the same row may come again with every load. */
  take(input: {
    sourceId: string;
    loadId: string;
    rows: AsyncIterable<readonly ConsentRow[]>;
  }): Promise<void>;
}
