import type { LoadFault, LoadQuality, LoadTable } from './contract.ts';
import type { FileTable, RoleMapping, Source } from './manifest.ts';
import type { TableDescription } from './sources.store.sql.ts';

/** A table of a load as it is about to become visible. */
export interface InspectedTable {
  readonly name: string;
  /** What reads it in the warehouse, by name. */
  readonly physical: string;
  readonly columns: TableDescription['columns'];
  readonly rows: number;
  readonly derived: boolean;
  readonly key: readonly string[];
  readonly roleMapping: RoleMapping | undefined;
  /** Column names that the files have, in their order; absent where the format names none. */
  readonly delivered: readonly string[] | undefined;
  readonly reconciliation: LoadTable | undefined;
  /** Warehouse table of its refused records: `faults Array(Tuple(field, value, reason))`. */
  readonly faultTable: string | undefined;
}

export interface LoadInspection {
  readonly source: Source;
  readonly loadId: string;
  readonly attempt: string;
  readonly kind: 'load' | 'replay';
  readonly tables: readonly InspectedTable[];
  readonly quality: readonly LoadQuality[];
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Fields of the first records of a delivered file, as they stand in it. */
export interface DeliveredSample {
  readonly table: FileTable;
  readonly file: string;
  readonly header: readonly string[];
  readonly records: readonly (readonly string[])[];
}

/** Watches what loads bring; implemented by the catalogue. */
export interface LoadInspector {
  /** Looks at a load before anything of it becomes visible. Faults refuse it; the data of before stays. */
  inspect(
    load: LoadInspection,
  ): Promise<{ readonly faults: readonly LoadFault[]; readonly notes: readonly string[] }>;
  /**
   * Says more of columns that are not there: what became of them, what depends on them, what to do.
   * @returns the faults, with what is known added to their messages
   */
  explain(
    source: Source,
    samples: readonly DeliveredSample[],
    faults: readonly LoadFault[],
  ): Promise<readonly LoadFault[]>;
}

/** Where the files of a table lie, when not in the folder of the source. */
export interface DeliveredTable {
  readonly folder: string;
  readonly files: readonly string[];
}
