import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { LoadFile } from './contract.ts';
import { jsonRows, NotJsonRows } from './json-rows.ts';
import type { TableReader } from './reader.ts';
import { createRecordFeed } from './record-feed.ts';
import { createJsonLinesSplitter } from './records.ts';
import { refuse } from './refusal.ts';
import { createInserter, createTarget, jsonTexts } from './staging.ts';

/** JSON documents whose rows are the elements of an array; a line number is the place of the element, from 1. */
export const jsonReader: TableReader = {
  async read(deps, input) {
    const { table } = input;
    const target = await createTarget(deps, input);
    const inserter = createInserter(deps.warehouse, target, input);
    const files: LoadFile[] = [];
    let read = 0;
    for (const [index, name] of input.files.entries()) {
      const place = `${table.name} (${name})`;
      const hash = createHash('sha256');
      let bytes = 0;
      const stream =
        input.open?.(name) ?? createReadStream(join(input.folder, name), { signal: input.signal });
      const counted = Readable.from(
        (async function* () {
          for await (const chunk of stream) {
            if (!Buffer.isBuffer(chunk)) continue;
            hash.update(chunk);
            bytes += chunk.length;
            input.onBytes(chunk.length);
            yield chunk;
          }
        })(),
      );
      const splitter = createJsonLinesSplitter({ file: index });
      const feed = createRecordFeed(splitter, inserter);
      let records = 0;
      try {
        for await (const rows of jsonRows(counted, table.rowsPath)) {
          for (const row of rows) await feed.add(++records, row.text);
        }
      } catch (error) {
        if (!(error instanceof NotJsonRows)) throw error;
        refuse(
          'broken_file',
          `${place}:${error.line}`,
          `${name}: ${error.message}. Have it delivered again.`,
        );
      }
      await feed.end();
      files.push({ file: name, bytes, sha256: hash.digest('hex'), records });
      read += records;
    }
    await inserter.finish();
    return {
      texts: jsonTexts(target.stage),
      faultTable: target.faults,
      files,
      headers: {},
      read,
      notes: [],
      columns: table.columns,
      temporary: [target.stage, target.faults],
    };
  },
};
