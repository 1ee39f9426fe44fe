import type { FileTable } from './manifest.ts';
import type { StagingDeps, TableReader, TableReaders } from './reader.ts';
import { checkCsvHeader, stageParquet, stageText } from './staging.ts';

/** The readers of the formats of files. */
const READERS: TableReaders = {
  csv: { check: checkCsvHeader, read: stageText },
  jsonl: { read: stageText },
  parquet: { read: stageParquet },
};

export const readerOf = (deps: Pick<StagingDeps, 'readers'>, table: Pick<FileTable, 'format'>): TableReader =>
  deps.readers?.[table.format] ?? READERS[table.format];
