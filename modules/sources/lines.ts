import { isUtf8 } from 'node:buffer';
import iconv from 'iconv-lite';

const LF = 0x0a;

/** Whole lines of a file as UTF-8. */
export interface LineChunk {
  /** Ends with a line feed, except perhaps in the last chunk. */
  readonly bytes: Buffer;
  /** Number of the first line, from 1. */
  readonly firstLine: number;
  /** Lines whose bytes are not valid in the encoding, in order. */
  readonly undecodable: readonly UndecodableLine[];
  readonly isLast: boolean;
  /** Bytes of the file consumed so far, this chunk included. */
  readonly bytesRead: number;
}

export interface UndecodableLine {
  readonly line: number;
  /** Where in the file the first bad byte stands, from 0; undefined where the encoding does not let it be known. */
  readonly byteOffset: number | undefined;
  /** The line as it stands in the file, without its end; undefined like `byteOffset`. */
  readonly bytes: Buffer | undefined;
}

/** What the bytes looked like, to tell a wrong encoding from a few bad bytes. */
export interface EncodingEvidence {
  /** Bytes above 0x7F in chunks that are valid UTF-8 although another encoding was declared. */
  utf8LookingBytes: number;
  /** Bytes in chunks that are not valid UTF-8, when another encoding was declared. */
  otherBytes: number;
}

export const newEvidence = (): EncodingEvidence => ({ utf8LookingBytes: 0, otherBytes: 0 });

/** Whether `readLines` knows the encoding. */
export const isKnownEncoding = (name: string): boolean => iconv.encodingExists(name);

const isUtf8Name = (name: string): boolean => /^utf-?8$/i.test(name);
const isWide = (name: string): boolean => /^(utf-?16|utf-?32|ucs-?2)/i.test(name);

/** A file with a line longer than this is not a text file. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

export class LineTooLong extends Error {
  override readonly name = 'LineTooLong';
  readonly line: number;
  constructor(line: number) {
    super(`Line ${line} is longer than ${MAX_LINE_BYTES} bytes.`);
    this.line = line;
  }
}

/**
 * Cuts a byte stream at line feeds and turns it into UTF-8. UTF-8 passes through untouched (a BOM is dropped);
 * other encodings are transcoded. In every encoding with ASCII at 0x00–0x3F a line feed is never part of a longer
 * character, so lines are cut on the raw bytes, and a bad byte is known by its line and its offset in the file.
 */
export async function* readLines(
  chunks: AsyncIterable<Buffer>,
  encoding: string,
  evidence: EncodingEvidence = newEvidence(),
): AsyncGenerator<LineChunk> {
  yield* isWide(encoding) ? readWide(chunks, encoding) : readNarrow(chunks, encoding, evidence);
}

async function* readNarrow(
  chunks: AsyncIterable<Buffer>,
  encoding: string,
  evidence: EncodingEvidence,
): AsyncGenerator<LineChunk> {
  const isUtf8Declared = isUtf8Name(encoding);
  let line = 1;
  let offset = 0;
  const convert = (raw: Buffer, isLast: boolean): LineChunk => {
    const firstLine = line;
    const start = offset;
    offset += raw.length;
    line += countLines(raw);
    const skip = start === 0 ? bomLength(raw, isUtf8Declared) : 0;
    const body = skip === 0 ? raw : raw.subarray(skip);
    const common = { firstLine, isLast, bytesRead: offset };
    if (isUtf8Declared) {
      const undecodable = isUtf8(body) ? [] : badLines(body, firstLine, start + skip, firstBadUtf8);
      return { ...common, bytes: body, undecodable };
    }
    const text = iconv.decode(body, encoding);
    if (isUtf8(body)) evidence.utf8LookingBytes += countHigh(body);
    else evidence.otherBytes += body.length;
    const isBad = (bytes: Buffer): number => {
      return iconv.decode(bytes, encoding).includes('\ufffd') ? firstBadIn(bytes, encoding) : -1;
    };
    const undecodable = text.includes('\ufffd') ? badLines(body, firstLine, start + skip, isBad) : [];
    return { ...common, bytes: Buffer.from(text, 'utf8'), undecodable };
  };

  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const chunk of chunks) {
    const cut = chunk.lastIndexOf(LF) + 1;
    if (cut === 0) {
      held.push(chunk);
      heldBytes += chunk.length;
      if (heldBytes > MAX_LINE_BYTES) throw new LineTooLong(line);
      continue;
    }
    const whole =
      held.length === 0 ? chunk.subarray(0, cut) : Buffer.concat([...held, chunk.subarray(0, cut)]);
    held = cut === chunk.length ? [] : [chunk.subarray(cut)];
    heldBytes = chunk.length - cut;
    yield convert(whole, false);
  }
  yield convert(Buffer.concat(held), true);
}

/** UTF-16 and UTF-32: decoded as a stream; where a bad unit stands is known by its line only. */
async function* readWide(chunks: AsyncIterable<Buffer>, encoding: string): AsyncGenerator<LineChunk> {
  const decoder = iconv.getDecoder(encoding);
  let held = '';
  let line = 1;
  let bytesRead = 0;
  const emit = (text: string, isLast: boolean): LineChunk => {
    const firstLine = line;
    const bytes = Buffer.from(text, 'utf8');
    line += countLines(bytes);
    const undecodable: UndecodableLine[] = [];
    if (text.includes('\ufffd')) {
      text.split('\n').forEach((part, index) => {
        if (part.includes('\ufffd')) {
          undecodable.push({ line: firstLine + index, byteOffset: undefined, bytes: undefined });
        }
      });
    }
    return { bytes, firstLine, undecodable, isLast, bytesRead };
  };
  for await (const chunk of chunks) {
    bytesRead += chunk.length;
    held += decoder.write(chunk);
    if (held.length > 2 * MAX_LINE_BYTES) throw new LineTooLong(line);
    const cut = held.lastIndexOf('\n') + 1;
    if (cut === 0) continue;
    const whole = held.slice(0, cut);
    held = held.slice(cut);
    yield emit(whole, false);
  }
  yield emit(held + (decoder.end() ?? ''), true);
}

function badLines(
  body: Buffer,
  firstLine: number,
  start: number,
  firstBad: (bytes: Buffer) => number,
): UndecodableLine[] {
  const found: UndecodableLine[] = [];
  let line = firstLine;
  for (let from = 0; from < body.length; line++) {
    const feed = body.indexOf(LF, from);
    const to = feed === -1 ? body.length : feed;
    const bytes = body.subarray(from, to);
    const bad = firstBad(bytes);
    if (bad !== -1) found.push({ line, byteOffset: start + from + bad, bytes: Buffer.from(bytes) });
    from = to + 1;
  }
  return found;
}

/** Offset of the first byte that does not belong to a valid UTF-8 sequence, or -1. */
export function firstBadUtf8(bytes: Buffer): number {
  if (isUtf8(bytes)) return -1;
  let from = 0;
  let to = bytes.length;
  // The longest valid prefix, by halving; a cut inside a character is told apart below.
  while (from < to) {
    const middle = (from + to + 1) >> 1;
    if (isValidPrefix(bytes, middle)) from = middle;
    else to = middle - 1;
  }
  while (from > 0 && !isUtf8(bytes.subarray(0, from))) from--;
  return from;
}

/** Whether the first `length` bytes are valid but for a character cut at their end that goes on validly. */
function isValidPrefix(bytes: Buffer, length: number): boolean {
  for (let back = 0; back < 4 && back <= length; back++) {
    if (isUtf8(bytes.subarray(0, length - back))) {
      if (back === 0) return true;
      for (let on = length + 1; on <= Math.min(bytes.length, length - back + 4); on++) {
        if (isUtf8(bytes.subarray(length - back, on))) return true;
      }
      return false;
    }
  }
  return false;
}

function firstBadIn(bytes: Buffer, encoding: string): number {
  const valid = iconv.decode(bytes, encoding).split('\ufffd', 1)[0] ?? '';
  return iconv.encode(valid, encoding).length;
}

/** An encoding in which bytes that are no UTF-8 make sense, to name in the refusal. */
export function guessEncoding(samples: readonly Buffer[]): string | undefined {
  const all = Buffer.concat(samples.flatMap((sample) => [sample, Buffer.from('\n')]));
  return ['gb18030', 'big5'].find((encoding) => !iconv.decode(all, encoding).includes('\ufffd'));
}

function bomLength(raw: Buffer, isUtf8Declared: boolean): number {
  if (isUtf8Declared) return raw[0] === 0xef && raw[1] === 0xbb && raw[2] === 0xbf ? 3 : 0;
  return raw[0] === 0x84 && raw[1] === 0x31 && raw[2] === 0x95 && raw[3] === 0x33 ? 4 : 0;
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) count++;
  return count;
}

function countHigh(bytes: Buffer): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] ?? 0) > 0x7f) count++;
  return count;
}
