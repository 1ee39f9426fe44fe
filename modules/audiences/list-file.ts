import { audiencesProblems } from './audiences.problems.ts';

export interface ListFileOptions {
  /** Name of the column in the head, or its number from 1; without it the file has no head and its first column counts. */
  readonly column?: string | undefined;
}

export interface ListFileCounts {
  rows: number;
  empty: number;
  bytes: number;
}

const [TAB, LF, CR, QUOTE, COMMA, SEMICOLON, PIPE] = [9, 10, 13, 34, 44, 59, 124] as const;
const MARK = [0xef, 0xbb, 0xbf] as const;
const LONGEST = 512;
const CHUNK = 256 * 1024;

/**
 * Reads one column of a CSV or plain text file as it streams in and writes it as RowBinary `(line UInt32, value
 * String)`: one value a line; quotes, CRLF, a byte order mark and the separators `,` `;` tab `|` are understood.
 * Nothing but the present record is held.
 * @throws audiences.bad_list_file with the line: not UTF-8 text, a value longer than 512 bytes, a column that is not there
 * @source RFC 4180; ClickHouse RowBinary
 */
export async function* listRows(
  file: AsyncIterable<Uint8Array>,
  { column }: ListFileOptions,
  counts: ListFileCounts,
): AsyncGenerator<Uint8Array> {
  let out = Buffer.allocUnsafe(CHUNK + 4096);
  let filled = 0;
  const value = Buffer.allocUnsafe(LONGEST);
  let length = 0;
  let line = 1;
  let recordLine = 1;
  let field = 0;
  const isNamed = column !== undefined && !/^[1-9]\d{0,3}$/.test(column);
  // −1 while the head is read, whose every field is taken.
  let wanted = isNamed ? -1 : Number(column ?? 1) - 1;
  const head: string[] = [];
  let separator = -1;
  let inQuotes = false;
  let closedQuote = false;
  let fieldStarted = false;
  let hasAnything = false;
  let mark = 0;

  const fail = (detail: string): Error =>
    audiencesProblems.bad_list_file({ detail: `Line ${line}: ${detail}` });
  const endField = (): void => {
    if (wanted < 0) {
      head.push(value.toString('utf8', 0, length).trim());
      length = 0;
    }
    field++;
    fieldStarted = false;
    closedQuote = false;
  };
  const write = (): void => {
    let [start, end] = [0, length];
    while (start < end && isBlank(value[start] ?? 0)) start++;
    while (end > start && isBlank(value[end - 1] ?? 0)) end--;
    counts.rows++;
    const size = end - start;
    if (size === 0) {
      counts.empty++;
      return;
    }
    out.writeUInt32LE(recordLine, filled);
    filled += 4;
    if (size < 128) out[filled++] = size;
    else {
      out[filled++] = (size & 127) | 128;
      out[filled++] = size >> 7;
    }
    value.copy(out, filled, start, end);
    filled += size;
  };
  const endRecord = (): void => {
    if (!hasAnything) return;
    endField();
    if (wanted >= 0) write();
    else {
      wanted = head.indexOf(column ?? '');
      if (wanted < 0)
        throw fail(
          `the head has no column "${column}"; it has ${head.map((name) => `"${name}"`).join(', ')}.`,
        );
    }
    field = 0;
    length = 0;
    hasAnything = false;
  };

  for await (const chunk of file) {
    counts.bytes += chunk.length;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      // A byte order mark may stand before everything.
      if (mark < MARK.length) {
        if (byte === MARK[mark]) {
          mark++;
          continue;
        }
        mark = MARK.length;
      }
      if (byte === 0) throw fail('holds a zero byte; save the file as UTF-8 text (CSV or TXT).');
      if (inQuotes) {
        if (byte === QUOTE) {
          inQuotes = false;
          closedQuote = true;
          continue;
        }
        if (byte === LF) line++;
      } else if (byte === QUOTE && (closedQuote || !fieldStarted)) {
        // A doubled quote stands for one; a first one opens.
        inQuotes = true;
        if (!closedQuote) {
          fieldStarted = true;
          hasAnything = true;
          continue;
        }
        closedQuote = false;
      } else if (byte === LF) {
        endRecord();
        line++;
        recordLine = line;
        if (filled >= CHUNK) {
          yield out.subarray(0, filled);
          out = Buffer.allocUnsafe(CHUNK + 4096);
          filled = 0;
        }
        continue;
      } else if (byte === CR) continue;
      else if (isSeparator(byte, separator)) {
        separator = byte;
        hasAnything = true;
        endField();
        continue;
      }
      hasAnything = true;
      fieldStarted = true;
      if (field === wanted || wanted < 0) {
        if (length === LONGEST) throw fail(`holds a value longer than ${LONGEST} bytes.`);
        value[length++] = byte;
      }
    }
  }
  if (inQuotes) throw fail(`ends inside quotes that were opened in the record of line ${recordLine}.`);
  endRecord();
  if (counts.rows === 0)
    throw audiencesProblems.bad_list_file({
      detail: head.length > 0 ? 'The file has no rows below its head.' : 'The file is empty.',
    });
  if (filled > 0) yield out.subarray(0, filled);
}

const isBlank = (byte: number): boolean => byte === 32 || byte === TAB;
/** The first separator seen is the file's. */
const isSeparator = (byte: number, separator: number): boolean =>
  separator === -1
    ? byte === COMMA || byte === SEMICOLON || byte === TAB || byte === PIPE
    : byte === separator;
