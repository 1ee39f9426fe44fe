import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { LoadFile } from './contract.ts';
import { cutterOf, type FixedRecord, plainNumber, scaledInteger } from './fixed.ts';
import { MAX_LINE_BYTES } from './lines.ts';
import type { FileTable } from './manifest.ts';
import type { Staged, StagingDeps, StagingInput, TableReader } from './reader.ts';
import { createRecordFeed } from './record-feed.ts';
import { createJsonLinesSplitter } from './records.ts';
import { refuse } from './refusal.ts';
import { createInserter, createTarget, jsonTexts } from './staging.ts';

const LF = 0x0a;
const CR = 0x0d;
const READ_BYTES = 1024 * 1024;

/** A line as it stands in the file, without its end. */
interface RawLine {
  readonly line: number;
  readonly bytes: Buffer;
  readonly byteOffset: number;
  readonly isLast: boolean;
}

/**
 * Fixed-width text. A record in quarantine is the JSON object of its fields (its bytes in hex where they cannot be
 * decoded), so that it can be corrected and read again.
 */
export const fixedReader: TableReader = {
  async read(deps: StagingDeps, input: StagingInput): Promise<Staged> {
    const { table } = input;
    const { fixed } = table;
    if (!fixed) throw new Error(`${table.name} has no fixed-width layout.`);
    const target = await createTarget(deps, input);
    const inserter = createInserter(deps.warehouse, target, input);
    const files: LoadFile[] = [];
    let read = 0;
    for (const [index, name] of input.files.entries()) {
      const place = `${table.name} (${name})`;
      const hash = createHash('sha256');
      let bytes = 0;
      const stream =
        input.open?.(name) ??
        createReadStream(join(input.folder, name), { highWaterMark: READ_BYTES, signal: input.signal });
      const chunks = (async function* () {
        for await (const chunk of stream) {
          if (!Buffer.isBuffer(chunk)) continue;
          hash.update(chunk);
          bytes += chunk.length;
          input.onBytes(chunk.length);
          yield chunk;
        }
      })();
      const splitter = createJsonLinesSplitter({ file: index });
      const books = createControlBooks(fixed, table, place);
      const feed = createRecordFeed(splitter, inserter);
      let undecodable = 0;
      let records = 0;
      for await (const raw of rawLines(chunks, place)) {
        const kind = books.kindOf(raw, table.encoding);
        if (kind !== 'detail') {
          if (kind === 'trailer') books.take(raw);
          continue;
        }
        records++;
        const cutter = cutterOf(raw.bytes, fixed.unit, table.encoding);
        const fields = fixed.fields.map((field) => {
          const text = cutter.cut(field);
          return text === undefined ? undefined : field.isNumber ? plainNumber(text, field) : text.trimEnd();
        });
        const bad = fields.indexOf(undefined);
        const isShort = cutter.length < minimumWidth(fixed);
        const fault = isShort
          ? {
              reason: 'wrong_record_length' as const,
              value: `${cutter.length} of ${fixed.width} ${fixed.unit}`,
            }
          : bad !== -1
            ? {
                reason: 'undecodable_bytes' as const,
                value: `${fixed.fields[bad]?.name ?? ''} at byte ${raw.byteOffset + (fixed.fields[bad]?.start ?? 0)} of the file`,
              }
            : undefined;
        if (fault) {
          if (fault.reason === 'undecodable_bytes') undecodable++;
          books.skip(fields);
          feed.fault({
            file: index,
            line: raw.line,
            ...fault,
            record: raw.bytes.toString('latin1'),
            recordHex: fault.reason === 'undecodable_bytes' ? raw.bytes.toString('hex') : '',
          });
          continue;
        }
        books.count(fields);
        await feed.add(
          raw.line,
          JSON.stringify(Object.fromEntries(fixed.fields.map((field, at) => [field.from, fields[at]]))),
        );
      }
      await feed.end();
      if (records > 0 && undecodable / records > table.maxUndecodableShare) {
        refuse(
          'wrong_encoding',
          place,
          `${undecodable} of the ${records} records of ${name} cannot be decoded as ${table.encoding}, or fields begin inside a character. Set the right encoding, and count widths in ${fixed.unit === 'bytes' ? 'bytes of that encoding' : 'characters'}.`,
        );
      }
      books.check();
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

/** Blanks at the end of a record may be cut off, but not into its last field's first place. */
function minimumWidth(fixed: FixedRecord): number {
  const last = fixed.fields.reduce(
    (far, field) => (field.start > far.start ? field : far),
    fixed.fields[0] ?? { start: 0, width: 0, isNumber: false },
  );
  return last.isNumber ? last.start + last.width : last.start;
}

async function* rawLines(chunks: AsyncIterable<Buffer>, place: string): AsyncGenerator<RawLine> {
  let held: Buffer = Buffer.alloc(0);
  let line = 0;
  let offset = 0;
  let waiting: RawLine | undefined;
  const next = (bytes: Buffer, at: number): RawLine => {
    line++;
    const skip = line === 1 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    const end = bytes.length > 0 && bytes.at(-1) === CR ? bytes.length - 1 : bytes.length;
    return { line, bytes: bytes.subarray(skip, end), byteOffset: at + skip, isLast: false };
  };
  const isBlank = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0x20 || byte === 0x1a);
  for await (const chunk of chunks) {
    const all: Buffer = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    let from = 0;
    for (let feed = all.indexOf(LF); feed !== -1; feed = all.indexOf(LF, from)) {
      const found = next(all.subarray(from, feed), offset + from);
      from = feed + 1;
      if (isBlank(found.bytes)) continue;
      if (waiting) yield waiting;
      waiting = found;
    }
    held = all.subarray(from);
    offset += from;
    if (held.length > MAX_LINE_BYTES) {
      refuse('not_text', `${place}:${line + 1}`, `Line ${line + 1} is longer than ${MAX_LINE_BYTES} bytes.`);
    }
  }
  if (held.length > 0) {
    const found = next(held, offset);
    if (!isBlank(found.bytes)) {
      if (waiting) yield waiting;
      waiting = found;
    }
  }
  if (waiting) yield { ...waiting, isLast: true };
}

/** Counts records and sums columns, and compares them with what the trailer says. */
function createControlBooks(fixed: FixedRecord, table: FileTable, place: string) {
  let records = 0;
  const sums = fixed.sums.map((control) => {
    const at = fixed.fields.findIndex((field) => field.name === control.column);
    return { control, at, total: 0n, scale: Math.max(control.decimals, fixed.fields[at]?.decimals ?? 0) };
  });
  let trailer: RawLine | undefined;
  const add = (fields: readonly (string | undefined)[]): void => {
    records++;
    for (const sum of sums) sum.total += scaledInteger(fields[sum.at] ?? '', sum.scale) ?? 0n;
  };
  return {
    kindOf(raw: RawLine, encoding: string): 'header' | 'detail' | 'trailer' {
      if (raw.line <= fixed.headerLines) return 'header';
      if (fixed.type) {
        const text = cutterOf(raw.bytes, fixed.unit, encoding).cut(fixed.type)?.trim();
        if (fixed.type.header !== undefined && text === fixed.type.header) return 'header';
        if (fixed.type.trailer !== undefined && text === fixed.type.trailer) return 'trailer';
        if (fixed.type.detail !== undefined && text !== fixed.type.detail) {
          return refuse(
            'unknown_record_type',
            `${place}:${raw.line}`,
            `Line ${raw.line} has the record type "${text ?? '?'}", which is neither ${[fixed.type.header, fixed.type.detail, fixed.type.trailer].filter((known) => known !== undefined).join(', nor ')}. Correct \`fixed.type\`, or have the file delivered again.`,
          );
        }
        return 'detail';
      }
      return fixed.trailerLines > 0 && raw.isLast ? 'trailer' : 'detail';
    },
    count: add,
    /** A record that is refused was delivered nevertheless, so it counts. */
    skip: add,
    take(raw: RawLine): void {
      trailer = raw;
    },
    check(): void {
      if (!fixed.count && sums.length === 0) return;
      if (!trailer) {
        refuse(
          'missing_trailer',
          place,
          'The file has no trailer record: it was cut. Have it delivered again.',
        );
        return;
      }
      const cutter = cutterOf(trailer.bytes, fixed.unit, table.encoding);
      const at = `${place}:${trailer.line}`;
      if (fixed.count) {
        const text = cutter.cut(fixed.count) ?? '';
        const said = Number(text.trim());
        if (!/^\s*\d+\s*$/.test(text) || said !== records) {
          refuse(
            'control_total',
            at,
            `The trailer says ${/^\s*\d+\s*$/.test(text) ? said : `"${text}"`} records, the file has ${records}. Have it delivered again.`,
          );
        }
      }
      for (const { control, total, scale } of sums) {
        const text = cutter.cut(control) ?? '';
        const number = plainNumber(text, { decimals: control.decimals, sign: signIn(text) });
        const said = scaledInteger(number, scale);
        if (said !== total) {
          refuse(
            'control_total',
            at,
            `The trailer says the sum of ${control.column} is ${said === undefined ? `"${text}"` : decimal(said, scale)}, the records add up to ${decimal(total, scale)}. Have the file delivered again.`,
          );
        }
      }
    },
  };
}

const signIn = (text: string): 'leading' | 'trailing' | 'overpunch' => {
  const trimmed = text.trim();
  if (/[+-]$/.test(trimmed)) return 'trailing';
  return /[{}A-R]$/.test(trimmed) ? 'overpunch' : 'leading';
};

function decimal(value: bigint, scale: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${value < 0n ? '-' : ''}${digits.slice(0, point)}${scale === 0 ? '' : `.${digits.slice(point)}`}`;
}
