import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { firstBadUtf8, type LineChunk, MAX_LINE_BYTES, type UndecodableLine } from './lines.ts';

const LF = 0x0a;
const CR = 0x0d;

/** What a file of UTF-8 text looks like from outside, and where its lines stand. */
export interface LineScan {
  readonly bytes: number;
  readonly sha256: string;
  /** The last one counts whether or not a line feed ends it. */
  readonly lines: number;
  /** Byte offsets at which lines begin, and the number of the line there, in order; the first is 0 and 1. */
  readonly marks: readonly { readonly offset: number; readonly line: number }[];
  readonly undecodable: readonly UndecodableLine[];
  readonly hasQuote: boolean;
  /** A carriage return that no line feed follows. */
  readonly hasLoneReturn: boolean;
  readonly hasMark: boolean;
  /** A line longer than `MAX_LINE_BYTES`. */
  readonly hasEndlessLine: boolean;
}

/**
 * Reads a file once, for its digest and for what decides whether the engine's own reader may be trusted with it.
 * @param quote code of the quote, or -1
 */
export async function scanLines(
  stream: Readable,
  quote: number,
  onBytes: (bytes: number) => void,
): Promise<LineScan> {
  const hash = createHash('sha256');
  const marks = [{ offset: 0, line: 1 }];
  const undecodable: UndecodableLine[] = [];
  let bytes = 0;
  let line = 1;
  let hasQuote = false;
  let hasLoneReturn = false;
  let hasMark = false;
  let hasEndlessLine = false;
  let held: Buffer[] = [];
  let heldBytes = 0;
  let endsWithFeed = true;

  /** @param whole lines, the last of which ends with a line feed unless the file ends with it */
  const take = (whole: Buffer): void => {
    const offset = marks.at(-1)?.offset ?? 0;
    hasMark ||= offset === 0 && whole[0] === 0xef && whole[1] === 0xbb && whole[2] === 0xbf;
    hasQuote ||= quote !== -1 && whole.includes(quote);
    for (let at = whole.indexOf(CR); at !== -1 && !hasLoneReturn; at = whole.indexOf(CR, at + 1)) {
      hasLoneReturn = whole[at + 1] !== LF;
    }
    if (!isUtf8(whole)) collectBad(whole, line, offset, undecodable);
    for (let at = whole.indexOf(LF); at !== -1; at = whole.indexOf(LF, at + 1)) line++;
    endsWithFeed = whole.at(-1) === LF;
    marks.push({ offset: offset + whole.length, line });
  };

  for await (const chunk of stream) {
    if (!Buffer.isBuffer(chunk)) continue;
    hash.update(chunk);
    bytes += chunk.length;
    onBytes(chunk.length);
    const cut = chunk.lastIndexOf(LF) + 1;
    if (cut === 0) {
      held.push(chunk);
      heldBytes += chunk.length;
      hasEndlessLine ||= heldBytes > MAX_LINE_BYTES;
      if (hasEndlessLine) break;
      continue;
    }
    take(held.length === 0 ? chunk.subarray(0, cut) : Buffer.concat([...held, chunk.subarray(0, cut)]));
    held = cut === chunk.length ? [] : [chunk.subarray(cut)];
    heldBytes = chunk.length - cut;
  }
  if (held.length > 0 && !hasEndlessLine) take(Buffer.concat(held));
  const lines = line - (endsWithFeed ? 1 : 0);
  return {
    bytes,
    sha256: hash.digest('hex'),
    lines,
    marks,
    undecodable,
    hasQuote,
    hasLoneReturn,
    hasMark,
    hasEndlessLine,
  };
}

function collectBad(whole: Buffer, firstLine: number, offset: number, found: UndecodableLine[]): void {
  let line = firstLine;
  for (let from = 0; from < whole.length; line++) {
    const feed = whole.indexOf(LF, from);
    const to = feed === -1 ? whole.length : feed;
    const bytes = whole.subarray(from, to);
    const bad = firstBadUtf8(bytes);
    if (bad !== -1) found.push({ line, byteOffset: offset + from + bad, bytes: Buffer.from(bytes) });
    from = to + 1;
  }
}

/**
 * Reads single lines of a scanned file again.
 * @param wanted line numbers, ascending
 */
export async function* readLinesAt(
  path: string,
  scan: LineScan,
  wanted: Uint32Array,
): AsyncGenerator<LineChunk> {
  if (wanted.length === 0) return;
  const bad = new Map(scan.undecodable.map((entry) => [entry.line, entry]));
  const file = await open(path);
  let at = 0;
  try {
    for (const [index, mark] of scan.marks.entries()) {
      const next = scan.marks[index + 1];
      if (!next || at >= wanted.length) return;
      // The last piece holds the file's last line, which no line feed may end.
      const isLastPiece = index + 2 === scan.marks.length;
      if ((wanted[at] ?? 0) >= next.line && !isLastPiece) continue;
      const piece = Buffer.allocUnsafe(next.offset - mark.offset);
      for (let read = 0; read < piece.length; ) {
        const { bytesRead } = await file.read(piece, read, piece.length - read, mark.offset + read);
        if (bytesRead === 0) throw new Error(`${path} became shorter while it was read.`);
        read += bytesRead;
      }
      let line = mark.line;
      for (let from = 0; from < piece.length && at < wanted.length; line++) {
        const feed = piece.indexOf(LF, from);
        const end = feed === -1 ? piece.length : feed + 1;
        if (line === wanted[at]) {
          at++;
          const entry = bad.get(line);
          yield {
            bytes: piece.subarray(from, end),
            firstLine: line,
            undecodable: entry ? [entry] : [],
            isLast: isLastPiece && end === piece.length,
            bytesRead: mark.offset + end,
          };
        }
        from = end;
      }
    }
  } finally {
    await file.close();
  }
}
