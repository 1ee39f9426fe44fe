import { fixedReader } from './fixed-reader.ts';
import { jsonReader } from './json-reader.ts';
import type { FileTable } from './manifest.ts';
import type { StagingDeps, TableReader, TableReaders } from './reader.ts';
import { checkCsvHeader, stageParquet, stageText } from './staging.ts';
import { xlsxReader } from './xlsx-reader.ts';

/** The readers of the formats of files. */
const READERS: TableReaders = {
  csv: { check: checkCsvHeader, read: stageText },
  jsonl: { read: stageText },
  parquet: { read: stageParquet },
  fixed: fixedReader,
  xlsx: xlsxReader,
  json: jsonReader,
};

export const readerOf = (deps: Pick<StagingDeps, 'readers'>, table: Pick<FileTable, 'format'>): TableReader =>
  deps.readers?.[table.format] ?? READERS[table.format];
