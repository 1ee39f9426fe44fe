import fc from 'fast-check';
import iconv from 'iconv-lite';
import { describe, expect, it } from 'vitest';
import { firstBadUtf8, type LineChunk, readLines } from './lines.ts';
import {
  createCsvSplitter,
  createJsonLinesSplitter,
  type RecordFault,
  readHeader,
  type Splitter,
} from './records.ts';

interface Row {
  readonly line: number;
  readonly fields: readonly string[];
}

async function* inChunks(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function run(splitter: Splitter, chunks: AsyncIterable<LineChunk>, columns: number) {
  const rows: Row[] = [];
  const raws: string[] = [];
  const faults: RecordFault[] = [];
  const take: Parameters<Splitter['push']>[1] = (batch) => {
    faults.push(...batch.faults);
    const bytes = Buffer.from(batch.bytes);
    let at = 0;
    const text = (): string => {
      let size = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[at++] ?? 0;
        size |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      at += size;
      return bytes.toString('utf8', at - size, at);
    };
    for (let row = 0; row < batch.rows; row++) {
      const line = Number(bytes.readBigUInt64LE(at));
      at += 10;
      rows.push({ line, fields: Array.from({ length: columns }, text) });
      raws.push(text());
    }
    expect(at).toBe(bytes.length);
  };
  for await (const chunk of chunks) splitter.push(chunk, take);
  splitter.end(take);
  return { rows, raws, faults, records: splitter.records() };
}

const csv = (
  text: string | Buffer,
  fields: number,
  options: { sizes?: number[]; encoding?: string; wanted?: boolean[] } = {},
) => {
  const wanted = options.wanted ?? Array.from({ length: fields }, () => true);
  const splitter = createCsvSplitter({ dialect: { delimiter: 0x2c, quote: 0x22 }, file: 0, fields, wanted });
  const chunks = readLines(
    inChunks(Buffer.from(text), options.sizes ?? [1 << 20]),
    options.encoding ?? 'utf-8',
  );
  return run(splitter, chunks, wanted.filter(Boolean).length);
};

/** The rules of the splitter, written again on text and one character at a time. */
function naive(text: string, expected: number) {
  const rows: Row[] = [];
  const faults: { line: number; reason: string; record: string }[] = [];
  const lines = text.split('\n');
  const isLineEnd = (at: number): boolean =>
    at >= text.length ||
    text[at] === '\n' ||
    (text[at] === '\r' && (at + 1 >= text.length || text[at + 1] === '\n'));
  const afterLineEnd = (at: number): number => {
    const feed = text.indexOf('\n', at);
    return feed === -1 ? text.length : feed + 1;
  };
  const parse = (from: number): { fields: string[]; end: number } | undefined => {
    const fields: string[] = [];
    let at = from;
    for (;;) {
      let value = '';
      if (text[at] === '"') {
        at++;
        while (at < text.length && (text[at] !== '"' || text[at + 1] === '"')) {
          value += text[at];
          at += text[at] === '"' ? 2 : 1;
        }
        if (at >= text.length) return undefined;
        at++;
        if (!isLineEnd(at) && text[at] !== ',') return undefined;
      } else {
        while (!isLineEnd(at) && text[at] !== ',') value += text[at++];
      }
      fields.push(value);
      if (isLineEnd(at)) return { fields, end: at };
      at++;
    }
  };
  let at = 0;
  let line = 1;
  while (at < text.length) {
    if (isLineEnd(at)) {
      at = afterLineEnd(at);
      line++;
      continue;
    }
    const record = parse(at);
    if (!record) {
      faults.push({ line, reason: 'broken_quote', record: (lines[line - 1] ?? '').replace(/\r$/, '') });
      at = afterLineEnd(at);
      line++;
      continue;
    }
    const whole = text.slice(at, record.end);
    if (record.fields.length === expected) rows.push({ line, fields: record.fields });
    else {
      const isCut = !text.includes('\n', record.end) && record.fields.length < expected;
      faults.push({ line, reason: isCut ? 'truncated_record' : 'wrong_field_count', record: whole });
    }
    line += whole.split('\n').length;
    at = afterLineEnd(record.end);
  }
  return { rows, faults };
}

describe('the CSV splitter', () => {
  it('reads quoted delimiters, line feeds and doubled quotes, and numbers records by their first line', async () => {
    const { rows, raws } = await csv('a,"b,1"\n\n"c\nd","e ""f"""\r\ng,h', 2);
    expect(rows).toEqual([
      { line: 1, fields: ['a', 'b,1'] },
      { line: 3, fields: ['c\nd', 'e "f"'] },
      { line: 5, fields: ['g', 'h'] },
    ]);
    expect(raws).toEqual(['a,"b,1"', '"c\nd","e ""f"""', '']);
  });

  it('reports a record cut at the end of the file, and one with too many fields', async () => {
    const { faults, rows } = await csv('a,b\nc,d,e\nf', 2);
    expect(rows).toHaveLength(1);
    expect(faults).toEqual([
      {
        file: 0,
        line: 2,
        reason: 'wrong_field_count',
        value: '3 of 2 fields',
        record: 'c,d,e',
        recordHex: '',
      },
      { file: 0, line: 3, reason: 'truncated_record', value: '1 of 2 fields', record: 'f', recordHex: '' },
    ]);
  });

  it('confines a stray quote to its line', async () => {
    const { faults, rows } = await csv('a,b\n"c,d\ne,f\n"g" x,h\ni,j\n', 2);
    expect(rows.map((row) => row.line)).toEqual([1, 3, 5]);
    expect(faults.map(({ line, reason, record }) => ({ line, reason, record }))).toEqual([
      { line: 2, reason: 'broken_quote', record: '"c,d' },
      { line: 4, reason: 'broken_quote', record: '"g" x,h' },
    ]);
  });

  it('keeps only the wanted columns and then the whole record beside them', async () => {
    const { rows, raws } = await csv('a,b,c\n', 3, { wanted: [true, false, true] });
    expect(rows[0]?.fields).toEqual(['a', 'c']);
    expect(raws).toEqual(['a,b,c']);
  });

  it('agrees with a naive parser on any text, however it is cut into chunks', async () => {
    const piece = fc.constantFrom(
      ',',
      '"',
      '""',
      '\n',
      '\r\n',
      '\r',
      'a',
      'é',
      '中',
      ' ',
      'xyz',
      ',"',
      '",',
      '"\n',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 40 }).map((parts) => parts.join('')),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 4 }),
        async (text, sizes, fields) => {
          const expected = naive(text, fields);
          const found = await csv(text, fields, { sizes });
          expect(found.rows).toEqual(expected.rows);
          expect(found.faults.map(({ line, reason, record }) => ({ line, reason, record }))).toEqual(
            expected.faults,
          );
          expect(found.records).toBe(found.rows.length + found.faults.length);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('gives back whatever was written by the rules', async () => {
    const field = fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => !text.includes('\0'));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 8 }), async (rows) => {
        const text = rows
          .map((row) => row.map((value) => `"${value.replaceAll('"', '""')}"`).join(','))
          .join('\n');
        const found = await csv(text, 2, { sizes: [7, 3, 11] });
        const isClean = Buffer.from(text).toString() === text;
        if (isClean) expect(found.rows.map((row) => row.fields)).toEqual(rows);
      }),
      { numRuns: 200 },
    );
  });
});

describe('encodings', () => {
  const text = '编号,姓名\n1,王小明|甲\n2,"李\n四"\n';
  it.each(['utf-8', 'gbk', 'gb18030', 'utf-16le'])(
    'reads the same records from %s in any chunks',
    async (encoding) => {
      const bytes = iconv.encode(text, encoding, { addBOM: encoding !== 'gbk' });
      for (const sizes of [[1], [2, 3], [1 << 20]]) {
        const { rows, faults } = await csv(bytes, 2, { encoding, sizes });
        expect(faults).toEqual([]);
        expect(rows.map((row) => row.fields)).toEqual([
          ['编号', '姓名'],
          ['1', '王小明|甲'],
          ['2', '李\n四'],
        ]);
      }
    },
  );

  it('names the line and the byte of what cannot be decoded, and keeps the bytes', async () => {
    const bytes = Buffer.concat([Buffer.from('a,é\nb,'), Buffer.from([0xc3, 0x28]), Buffer.from('\nc,d\n')]);
    const { rows, faults } = await csv(bytes, 2, { sizes: [3] });
    expect(rows.map((row) => row.line)).toEqual([1, 3]);
    expect(faults).toEqual([
      {
        file: 0,
        line: 2,
        reason: 'undecodable_bytes',
        value: 'byte 7 of the file',
        record: 'b,\ufffd(',
        recordHex: '622cc328',
      },
    ]);
  });

  it('does the same for GB18030', async () => {
    const bytes = Buffer.concat([
      iconv.encode('a,中\nb,文', 'gb18030'),
      Buffer.from([0xff]),
      Buffer.from('\nc,d\n'),
    ]);
    const { rows, faults } = await csv(bytes, 2, { encoding: 'gb18030' });
    expect(rows.map((row) => row.fields)).toEqual([
      ['a', '中'],
      ['c', 'd'],
    ]);
    expect(faults).toMatchObject([{ line: 2, reason: 'undecodable_bytes', value: 'byte 9 of the file' }]);
  });

  it('finds the first byte that is no UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), fc.string({ maxLength: 5 }), (good, tail) => {
        const start = Buffer.from(good);
        expect(firstBadUtf8(Buffer.concat([start, Buffer.from([0xff]), Buffer.from(tail)]))).toBe(
          start.length,
        );
      }),
    );
  });
});

describe('JSON lines', () => {
  it('skips blank lines and keeps line numbers', async () => {
    const splitter = createJsonLinesSplitter({ file: 0 });
    const found = await run(
      splitter,
      readLines(inChunks(Buffer.from('{"a":1}\r\n \n{"a":2}'), [4]), 'utf-8'),
      0,
    );
    expect(found.records).toBe(2);
    expect(found.raws).toEqual(['{"a":1}', '{"a":2}']);
  });
});

describe('the header', () => {
  it('is read with its quotes, and the records begin after it', async () => {
    for await (const chunk of readLines(
      inChunks(Buffer.from('\ufeff"a","b ""x"""\r\n1,2\n'), [100]),
      'utf-8',
    )) {
      const header = readHeader(chunk, { delimiter: 0x2c, quote: 0x22 });
      expect(header?.fields).toEqual(['a', 'b "x"']);
      expect(header?.rest.firstLine).toBe(2);
      expect(header?.rest.bytes.toString()).toBe('1,2\n');
      break;
    }
  });
});
