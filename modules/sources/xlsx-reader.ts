import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { LoadFile } from './contract.ts';
import type { FileTable } from './manifest.ts';
import type { TableReader } from './reader.ts';
import { createRecordFeed } from './record-feed.ts';
import { createJsonLinesSplitter } from './records.ts';
import { refuse } from './refusal.ts';
import { createInserter, createTarget, jsonTexts } from './staging.ts';
import { cellName, sheetRows, WorkbookFault } from './workbook.ts';

/** Rows of one sheet of Excel workbooks; a line number is the row of the sheet. */
export const xlsxReader: TableReader = {
  async check(table, folder, file) {
    for await (const rows of rowsOf(table, folder, file)) {
      const header = rows.find((row) => row.row >= table.headerRow);
      if (!header) continue;
      if (header.row === table.headerRow) checkHeader(table, file, header.cells);
      else refuseEmpty(table, file);
      return;
    }
    refuseEmpty(table, file);
  },

  async read(deps, input) {
    const { table } = input;
    const target = await createTarget(deps, input);
    const inserter = createInserter(deps.warehouse, target, input);
    const files: LoadFile[] = [];
    const headers: Record<string, readonly string[]> = {};
    const notes: string[] = [];
    let read = 0;
    for (const [index, name] of input.files.entries()) {
      const hash = createHash('sha256');
      let bytes = 0;
      for await (const chunk of createReadStream(join(input.folder, name), { signal: input.signal })) {
        if (!Buffer.isBuffer(chunk)) continue;
        hash.update(chunk);
        bytes += chunk.length;
        input.onBytes(chunk.length);
      }
      const splitter = createJsonLinesSplitter({ file: index });
      const feed = createRecordFeed(splitter, inserter);
      let columns: readonly { readonly from: string; readonly at: number }[] | undefined;
      let records = 0;
      for await (const rows of rowsOf(table, input.folder, name)) {
        input.signal.throwIfAborted();
        for (const { row, cells } of rows) {
          if (row < table.headerRow) continue;
          if (!columns) {
            if (row !== table.headerRow) refuseEmpty(table, name);
            const found = checkHeader(table, name, cells);
            headers[name] = found.names.filter((text) => text !== '');
            notes.push(...found.notes);
            columns = found.columns;
            continue;
          }
          if (columns.every(({ at }) => (cells[at] ?? '').trim() === '')) continue;
          records++;
          const fields = columns.flatMap(({ from, at }) => {
            const text = cells[at];
            return text === undefined ? [] : [[from, text] as const];
          });
          await feed.add(row, JSON.stringify(Object.fromEntries(fields)));
        }
      }
      if (!columns) refuseEmpty(table, name);
      await feed.end();
      files.push({ file: name, bytes, sha256: hash.digest('hex'), records });
      read += records;
    }
    await inserter.finish();
    return {
      texts: jsonTexts(target.stage),
      faultTable: target.faults,
      files,
      headers,
      read,
      notes,
      columns: table.columns,
      temporary: [target.stage, target.faults],
    };
  },
};

async function* rowsOf(table: FileTable, folder: string, file: string) {
  try {
    yield* sheetRows(join(folder, file), { sheet: table.sheet, fillsMerged: table.fillsMerged });
  } catch (error) {
    if (!(error instanceof WorkbookFault)) throw error;
    refuse(
      error.code,
      `${table.name} (${file})`,
      `${file} cannot be read: ${error.message}. ${error.code === 'missing_sheet' ? 'Correct `sheet`, or have it delivered again.' : 'Have it delivered again.'}`,
    );
  }
}

function refuseEmpty(table: FileTable, file: string): never {
  return refuse(
    'empty_file',
    `${table.name} (${file})`,
    `${file} has nothing in row ${table.headerRow}, where the column names should stand. Set \`headerRow\`, or have the file delivered again.`,
  );
}

/** Where the wanted columns stand. @throws LoadRefused */
function checkHeader(table: FileTable, file: string, cells: readonly (string | undefined)[]) {
  const place = `${table.name} (${file} ${cellName(table.headerRow, 0)})`;
  const names = Array.from(cells, (cell) => (cell ?? '').trim());
  const twice = names.filter((name, index) => name !== '' && names.indexOf(name) !== index);
  const wantedTwice = twice.find((name) => table.columns.some((column) => column.from === name));
  if (wantedTwice !== undefined)
    refuse(
      'duplicate_column',
      place,
      `${file} has the column "${wantedTwice}" more than once: ${names.flatMap((name, at) => (name === wantedTwice ? [cellName(table.headerRow, at)] : [])).join(', ')}.`,
    );
  const columns = table.columns.map((column) => ({ from: column.from, at: names.indexOf(column.from) }));
  const missing = columns.filter(({ at }) => at === -1).map(({ from }) => `"${from}"`);
  if (missing.length > 0) {
    refuse(
      'missing_column',
      place,
      `${file} has no column ${missing.join(', ')} in row ${table.headerRow}; it has ${names.filter((name) => name !== '').join(', ')}. Is \`headerRow\` right?`,
    );
  }
  const extra = names.filter((name) => name !== '' && !table.columns.some((column) => column.from === name));
  const message = `${file} has the columns ${extra.map((name) => `"${name}"`).join(', ')}, which the manifest does not list.`;
  if (extra.length > 0 && table.refusesExtraColumns) refuse('extra_column', place, message);
  return { names, columns, notes: extra.length > 0 ? [message] : [] };
}
