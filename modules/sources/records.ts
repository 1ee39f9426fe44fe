import type { LineChunk, UndecodableLine } from './lines.ts';

const LF = 0x0a;
const CR = 0x0d;

export interface CsvDialect {
  /** ASCII code of the delimiter. */
  readonly delimiter: number;
  /** ASCII code of the quote, or -1 for none. */
  readonly quote: number;
}

/** A record that could not be split into fields. */
export interface RecordFault {
  readonly file: number;
  readonly line: number;
  readonly reason:
    | 'wrong_field_count'
    | 'wrong_record_length'
    | 'truncated_record'
    | 'broken_quote'
    | 'undecodable_bytes'
    | 'record_too_long';
  /** What was found, such as the number of fields. */
  readonly value: string;
  readonly record: string;
  /** The bytes in hex when they could not be decoded. */
  readonly recordHex: string;
}

/** Records as rows of RowBinary, ready for the staging table. */
export interface RecordBatch {
  readonly rows: number;
  readonly bytes: Uint8Array;
  readonly faults: readonly RecordFault[];
}

export interface Splitter {
  /** Splits the chunk and hands batches of about `BATCH_BYTES` to `take`, in order. */
  push(chunk: LineChunk, take: (batch: RecordBatch) => void): void;
  /** Hands over what is left. */
  end(take: (batch: RecordBatch) => void): void;
  /** Records seen so far, faults included. */
  readonly records: () => number;
  /** Whether a record has begun that what was pushed so far does not end. */
  readonly isOpen: () => boolean;
}

export const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_FAULTS = 5_000;
/** A quoted field may hold line feeds; a record longer than this has a quote that was never closed. */
export const MAX_RECORD_BYTES = 1024 * 1024;

/**
 * Splits CSV on bytes. Row layout: `line UInt64, file UInt16, <wanted fields> String…, raw String`; `raw` is empty
 * when the record is exactly its wanted fields joined by the delimiter.
 *
 * A field that begins with the quote ends with it; inside, the quote is doubled and delimiters and line feeds stand
 * for themselves. A quote elsewhere is an ordinary character. Records end with LF or CRLF; blank lines are no
 * records. When a quoted field never ends, or goes on after its end, its first line alone is the fault and reading
 * resumes with the next line, so that one stray quote never swallows its neighbours.
 */
export function createCsvSplitter(options: {
  readonly dialect: CsvDialect;
  readonly file: number;
  /** Fields of a whole record. */
  readonly fields: number;
  /** For each field of the file, whether it goes into the row. */
  readonly wanted: readonly boolean[];
}): Splitter {
  const { delimiter, quote } = options.dialect;
  const fieldCount = options.fields;
  const wanted = Uint8Array.from({ length: fieldCount }, (_, index) => (options.wanted[index] ? 1 : 0));
  const allWanted = wanted.every((flag) => flag === 1);
  const writer = createRowWriter(options.file);
  let held: Buffer = Buffer.alloc(0);
  let heldLine = 1;
  let undecodable: readonly UndecodableLine[] = [];
  let nextBad = 0;
  let records = 0;

  const split = (
    bytes: Buffer,
    firstLine: number,
    isLast: boolean,
    take: (batch: RecordBatch) => void,
  ): void => {
    const end = bytes.length;
    let at = 0;
    let line = firstLine;
    while (at < end) {
      if (bytes[at] === LF || (bytes[at] === CR && (at + 1 === end ? isLast : bytes[at + 1] === LF))) {
        at += bytes[at] === LF ? 1 : 2;
        line++;
        continue;
      }
      const start = at;
      let fields = 0;
      let isQuoted = false;
      let feeds = 0;
      let isOpen = false;
      let isBroken = false;
      let recordEnd = -1;
      let next = -1;
      writer.begin(line);
      while (next === -1) {
        const take1 = fields < fieldCount && wanted[fields] === 1;
        if (quote !== -1 && bytes[at] === quote) {
          isQuoted = true;
          let scan = at + 1;
          let doubled = 0;
          for (;;) {
            while (scan < end && bytes[scan] !== quote) {
              if (bytes[scan] === LF) feeds++;
              scan++;
            }
            if (scan >= end) {
              isOpen = true;
              break;
            }
            if (bytes[scan + 1] !== quote) break;
            doubled++;
            scan += 2;
          }
          if (isOpen) break;
          if (take1) {
            if (doubled === 0) writer.field(bytes, at + 1, scan);
            else writer.unquoted(bytes, at + 1, scan, doubled, quote);
          }
          at = scan + 1;
          if (at >= end) {
            recordEnd = at;
            next = at;
          } else if (bytes[at] === LF) {
            recordEnd = at;
            next = at + 1;
          } else if (bytes[at] === CR && (at + 1 >= end || bytes[at + 1] === LF)) {
            recordEnd = at;
            next = Math.min(at + 2, end);
          } else if (bytes[at] !== delimiter) {
            isBroken = true;
            break;
          }
        } else {
          let scan = at;
          let byte = bytes[scan];
          while (scan < end && byte !== delimiter && byte !== LF) byte = bytes[++scan];
          let fieldEnd = scan;
          if (scan >= end || byte === LF) {
            if (fieldEnd > at && bytes[fieldEnd - 1] === CR) fieldEnd--;
            recordEnd = fieldEnd;
            next = scan >= end ? end : scan + 1;
          }
          if (take1) writer.field(bytes, at, fieldEnd);
          at = scan;
        }
        fields++;
        if (next === -1) at++;
      }
      if (isOpen && !isLast && end - start <= MAX_RECORD_BYTES) {
        writer.rollback();
        held = bytes.subarray(start);
        heldLine = line;
        return;
      }
      records++;
      if (isOpen || isBroken) {
        writer.rollback();
        const feed = bytes.indexOf(LF, start);
        const lineEnd = feed === -1 ? end : feed;
        const textEnd = lineEnd > start && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
        addFault(line, line, 'broken_quote', '', bytes, start, textEnd);
        at = feed === -1 ? end : feed + 1;
        line++;
      } else {
        const lastLine = line + feeds;
        if (firstBadLine(line, lastLine)) {
          writer.rollback();
          addFault(line, lastLine, 'undecodable_bytes', '', bytes, start, recordEnd);
        } else if (fields !== fieldCount) {
          writer.rollback();
          const isCut = isLast && next >= end && bytes[end - 1] !== LF && fields < fieldCount;
          const reason = isCut ? 'truncated_record' : 'wrong_field_count';
          addFault(line, lastLine, reason, `${fields} of ${fieldCount} fields`, bytes, start, recordEnd);
        } else {
          if (isQuoted || !allWanted) writer.field(bytes, start, recordEnd);
          else writer.empty();
          writer.commit();
        }
        at = next;
        line = lastLine + 1;
      }
      if (writer.isFull()) take(writer.flush());
    }
    held = Buffer.alloc(0);
    heldLine = line;
  };

  /** Records come in the order of their lines, so bad lines before this one never matter again. */
  const firstBadLine = (line: number, lastLine: number): UndecodableLine | undefined => {
    let bad = undecodable[nextBad];
    while (bad && bad.line < line) bad = undecodable[++nextBad];
    return bad && bad.line <= lastLine ? bad : undefined;
  };

  const addFault = (
    line: number,
    lastLine: number,
    reason: RecordFault['reason'],
    value: string,
    bytes: Buffer,
    from: number,
    to: number,
  ): void => {
    const bad = firstBadLine(line, lastLine);
    writer.fault({
      line,
      reason: bad ? 'undecodable_bytes' : reason,
      value: bad ? describeOffset(bad) : value,
      record: bytes.toString('utf8', from, to),
      recordHex: bad?.bytes && line === lastLine ? withoutCr(bad.bytes).toString('hex') : '',
    });
  };

  return {
    push(chunk, take) {
      if (chunk.undecodable.length > 0) {
        undecodable = [...undecodable.slice(nextBad), ...chunk.undecodable];
        nextBad = 0;
      }
      const hasHeld = held.length > 0;
      const bytes = hasHeld ? Buffer.concat([held, chunk.bytes]) : chunk.bytes;
      split(bytes, hasHeld ? heldLine : chunk.firstLine, chunk.isLast, take);
    },
    end(take) {
      take(writer.flush());
    },
    records: () => records,
    isOpen: () => held.length > 0,
  };
}

/** Splits JSON lines: `line UInt64, file UInt16, raw String`; whether a line is JSON is the engine's to say. */
export function createJsonLinesSplitter(options: { readonly file: number }): Splitter {
  const writer = createRowWriter(options.file);
  let records = 0;
  return {
    push(chunk, take) {
      const { bytes } = chunk;
      const bad = new Map(chunk.undecodable.map((entry) => [entry.line, entry]));
      let line = chunk.firstLine;
      for (let from = 0; from < bytes.length; line++) {
        const feed = bytes.indexOf(LF, from);
        const lineEnd = feed === -1 ? bytes.length : feed;
        const to = lineEnd > from && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
        const fault = bad.get(line);
        if (!isBlank(bytes, from, to)) {
          records++;
          if (fault || to - from > MAX_RECORD_BYTES) {
            writer.fault({
              line,
              reason: fault ? 'undecodable_bytes' : 'record_too_long',
              value: fault ? describeOffset(fault) : `${to - from} bytes`,
              record: bytes.toString('utf8', from, Math.min(to, from + MAX_RECORD_BYTES)),
              recordHex: fault?.bytes ? withoutCr(fault.bytes).toString('hex') : '',
            });
          } else {
            writer.begin(line);
            writer.field(bytes, from, to);
            writer.commit();
          }
          if (writer.isFull()) take(writer.flush());
        }
        from = lineEnd + 1;
      }
    },
    end(take) {
      take(writer.flush());
    },
    records: () => records,
    isOpen: () => false,
  };
}

const isBlank = (bytes: Buffer, from: number, to: number): boolean => {
  for (let at = from; at < to; at++) if (bytes[at] !== 0x20 && bytes[at] !== 0x09) return false;
  return true;
};

const describeOffset = (bad: UndecodableLine): string =>
  bad.byteOffset === undefined ? '' : `byte ${bad.byteOffset} of the file`;

const withoutCr = (bytes: Buffer): Buffer => (bytes.at(-1) === CR ? bytes.subarray(0, -1) : bytes);

/** Writes rows of RowBinary into one growing buffer. */
function createRowWriter(file: number) {
  let out = Buffer.allocUnsafe(BATCH_BYTES + 1024 * 1024);
  let at = 0;
  let rowStart = 0;
  let rows = 0;
  let faults: RecordFault[] = [];

  const ensure = (bytes: number): void => {
    if (at + bytes <= out.length) return;
    const grown = Buffer.allocUnsafe(Math.max(out.length * 2, at + bytes));
    out.copy(grown, 0, 0, at);
    out = grown;
  };
  const length = (value: number): void => {
    let rest = value;
    while (rest > 0x7f) {
      out[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    out[at++] = rest;
  };

  return {
    begin(line: number): void {
      ensure(32);
      rowStart = at;
      out.writeUInt32LE(line >>> 0, at);
      out.writeUInt32LE(Math.floor(line / 0x1_0000_0000), at + 4);
      out[at + 8] = file & 0xff;
      out[at + 9] = file >>> 8;
      at += 10;
    },
    field(bytes: Buffer, from: number, to: number): void {
      const size = to - from;
      ensure(size + 8);
      length(size);
      if (size > 32) {
        bytes.copy(out, at, from, to);
        at += size;
        return;
      }
      for (let source = from; source < to; source++) out[at++] = bytes[source] ?? 0;
    },
    /** A quoted field in which `doubled` quotes stand twice. */
    unquoted(bytes: Buffer, from: number, to: number, doubled: number, quote: number): void {
      ensure(to - from + 8);
      length(to - from - doubled);
      for (let source = from; source < to; source++) {
        const byte = bytes[source] ?? 0;
        out[at++] = byte;
        if (byte === quote) source++;
      }
    },
    empty(): void {
      ensure(1);
      out[at++] = 0;
    },
    commit(): void {
      rows++;
    },
    rollback(): void {
      at = rowStart;
    },
    fault(fault: Omit<RecordFault, 'file'>): void {
      faults.push({ ...fault, file });
    },
    isFull: (): boolean => at >= BATCH_BYTES || faults.length >= BATCH_FAULTS,
    flush(): RecordBatch {
      const batch = { rows, bytes: out.subarray(0, at), faults };
      out = Buffer.allocUnsafe(BATCH_BYTES + 1024 * 1024);
      at = 0;
      rows = 0;
      faults = [];
      return batch;
    },
  };
}

/** The fields of the first record, and where the second begins; undefined when there is no whole record. */
export function readHeader(
  chunk: LineChunk,
  dialect: CsvDialect,
): { readonly fields: readonly string[]; readonly rest: LineChunk } | undefined {
  const { bytes } = chunk;
  let at = 0;
  let line = chunk.firstLine;
  while (at < bytes.length && (bytes[at] === LF || bytes[at] === CR)) {
    if (bytes[at] === LF) line++;
    at++;
  }
  if (at >= bytes.length) return undefined;
  const fields: string[] = [];
  for (;;) {
    let text = '';
    if (dialect.quote !== -1 && bytes[at] === dialect.quote) {
      at++;
      for (;;) {
        const close = bytes.indexOf(dialect.quote, at);
        if (close === -1) return undefined;
        text += bytes.toString('utf8', at, close);
        at = close + 1;
        if (bytes[at] !== dialect.quote) break;
        text += String.fromCharCode(dialect.quote);
        at++;
      }
    }
    const from = at;
    while (at < bytes.length && bytes[at] !== dialect.delimiter && bytes[at] !== LF) at++;
    text += bytes.toString('utf8', from, at);
    fields.push(text.replace(/\r$/, '').trim());
    if (bytes[at] !== dialect.delimiter) break;
    at++;
  }
  const rest = bytes.subarray(Math.min(at + 1, bytes.length));
  const headerLines = bytes.subarray(0, at + 1).reduce((count, byte) => count + (byte === LF ? 1 : 0), 0);
  return {
    fields,
    rest: { ...chunk, bytes: rest, firstLine: Math.max(line, chunk.firstLine + headerLines) },
  };
}
