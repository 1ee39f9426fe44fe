import type { Readable } from 'node:stream';
import type { Releases, Warehouse } from '@rapport/stores';
import type { LoadFile } from './contract.ts';
import type { FileFormat } from './manifest.schema.ts';
import type { FileTable } from './manifest.ts';
import type { Column, StagedTexts } from './typing.ts';

/**
 * How the records of a table come into the warehouse as texts: one reader a format. What the texts mean is not its
 * business: types, faults of values, keys and references are the table builder's, the same for every format.
 */
export interface TableReader {
  /** Looks at an input before anything is read, so that such faults are known of all tables at once. @throws LoadRefused */
  check?(table: FileTable, folder: string, file: string): Promise<void>;
  /** @throws LoadRefused when the input as a whole cannot be read */
  read(deps: StagingDeps, input: StagingInput): Promise<Staged>;
}

export type TableReaders = Readonly<Record<FileFormat, TableReader>>;

export interface StagingDeps {
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  /** Readers by format, beside or in place of the own ones (`reader.ts`). */
  readonly readers?: Partial<TableReaders>;
}

/** The texts of a table's records in the warehouse, and what could not even be split. */
export interface Staged {
  readonly texts: StagedTexts;
  /** `file UInt16, line UInt64, faults Array(Tuple(field, value, reason)), record String, record_hex String` */
  readonly faultTable: string;
  readonly files: readonly LoadFile[];
  /** Header by file, of CSV. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly read: number;
  readonly notes: readonly string[];
  /** Columns as they must be typed: of Parquet, dates and instants that are such in the file are ISO texts. */
  readonly columns: readonly Column[];
  /** Tables to drop afterwards. */
  readonly temporary: readonly string[];
}

/** A record to read again. */
export interface LooseRecord {
  readonly file: string;
  readonly line: number;
  readonly record: string;
}

export interface StagingInput {
  readonly table: FileTable;
  readonly sourceId: string;
  readonly folder: string;
  readonly files: readonly string[];
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
  /** Opens a file that does not lie in the folder. */
  readonly open?: (file: string) => Readable;
  /** Names of temporary tables as soon as they exist. */
  readonly onTable: (name: string) => void;
}
