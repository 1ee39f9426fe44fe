import type { RecordBatch, RecordFault, Splitter } from './records.ts';

/** Records are handed on in pieces of about this many characters. */
const PIECE = 256 * 1024;

/** Hands records that were made here on to a splitter of JSON lines, each under its own line number. */
export interface RecordFeed {
  /** `line` grows from record to record; `json` holds no line feed. */
  add(line: number, json: string): Promise<void>;
  fault(fault: RecordFault): void;
  end(): Promise<void>;
}

export function createRecordFeed(
  splitter: Splitter,
  inserter: { readonly take: (batch: RecordBatch) => void; settle(): Promise<void> },
): RecordFeed {
  let piece: string[] = [];
  let size = 0;
  let firstLine = 1;
  let nextLine = 1;
  let faults: RecordFault[] = [];
  const handOver = async (): Promise<void> => {
    if (piece.length > 0) {
      const bytes = Buffer.from(piece.join(''));
      splitter.push(
        { bytes, firstLine, undecodable: [], isLast: false, bytesRead: bytes.length },
        inserter.take,
      );
    }
    if (faults.length > 0) inserter.take({ rows: 0, bytes: new Uint8Array(0), faults });
    piece = [];
    size = 0;
    faults = [];
    await inserter.settle();
  };
  return {
    async add(line, json) {
      if (piece.length > 0 && line - nextLine > 1_000) await handOver();
      if (piece.length === 0) {
        firstLine = line;
        nextLine = line;
      }
      // Blank lines are no records; they only count.
      if (line > nextLine) piece.push('\n'.repeat(line - nextLine));
      piece.push(json, '\n');
      nextLine = line + 1;
      size += json.length;
      if (size >= PIECE) await handOver();
    },
    fault(fault) {
      faults.push(fault);
    },
    async end() {
      await handOver();
      splitter.end(inserter.take);
      await inserter.settle();
    },
  };
}
