import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { DeliveredSample } from './inspector.ts';
import { readLines } from './lines.ts';
import type { FileTable } from './manifest.ts';
import { readHeader } from './records.ts';

const SAMPLE_BYTES = 512 * 1024;
const SAMPLE_RECORDS = 400;

/** The header and first records of a CSV file as texts; undefined when it has no header or no text in it. */
export async function sampleCsv(
  table: FileTable,
  folder: string,
  file: string,
): Promise<DeliveredSample | undefined> {
  if (!table.header) return undefined;
  const stream = createReadStream(join(folder, file), { end: SAMPLE_BYTES - 1, highWaterMark: SAMPLE_BYTES });
  const chunks = (async function* () {
    for await (const chunk of stream) if (Buffer.isBuffer(chunk)) yield chunk;
  })();
  const dialect = {
    delimiter: table.delimiter.charCodeAt(0),
    quote: table.quote === '' ? -1 : table.quote.charCodeAt(0),
  };
  try {
    for await (const chunk of readLines(chunks, table.encoding)) {
      const first = readHeader(chunk, dialect);
      if (!first) return undefined;
      const records: (readonly string[])[] = [];
      let rest = first.rest;
      while (records.length < SAMPLE_RECORDS) {
        const next = readHeader(rest, dialect);
        if (!next) break;
        if (next.fields.length === first.fields.length) records.push(next.fields);
        rest = next.rest;
      }
      return { table, file, header: first.fields, records };
    }
    return undefined;
  } catch {
    // The sample only helps to explain a refusal that stands anyway.
    return undefined;
  } finally {
    stream.destroy();
  }
}
