import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestStores, type TestStores } from '@rapport/testkit';
import fc from 'fast-check';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseManifest } from './manifest.ts';
import { stageText } from './staging.ts';
import { type BuiltTable, buildTable } from './table-builder.ts';

let stores: TestStores;
let folder: string;
beforeAll(async () => {
  stores = await startTestStores([]);
  folder = await mkdtemp(join(tmpdir(), 'rapport-direct-'));
});
afterAll(async () => {
  await stores?.stop();
  await rm(folder, { recursive: true, force: true });
});

const Row = Type.Object({ row: Type.String() });

interface Outcome {
  readonly refused?: string;
  readonly rows?: readonly string[];
  readonly faults?: readonly string[];
  readonly summary?: unknown;
}

/** What a table comes out as: rows with their places, refused records with all that is said of them, and the counts. */
async function build(yaml: string, files: readonly string[], isExact: boolean): Promise<Outcome> {
  const source = parseManifest(yaml);
  const [table] = source.tables;
  if (!table) throw new Error('no table');
  const temporary: string[] = [];
  const { warehouse } = stores;
  let built: BuiltTable;
  try {
    built = await buildTable(
      {
        warehouse,
        releases: stores.releases,
        ...(isExact ? { readers: { csv: { read: stageText }, jsonl: { read: stageText } } } : {}),
      },
      {
        table,
        sourceId: 'p',
        folder,
        files,
        signal: new AbortController().signal,
        onBytes: () => undefined,
        onTable: (name) => temporary.push(name),
      },
      { kind: 'files' },
      () => '',
    );
  } catch (error) {
    return { refused: error instanceof Error ? error.message : String(error) };
  }
  const columns = [...table.columns.map(({ name }) => name), '_file', '_line', '_replayed'];
  const rows = await warehouse.query(
    Row,
    `SELECT toString(tuple(${columns.join(', ')})) AS row FROM ${built.physical} ORDER BY _file, _line`,
  );
  const faults = await warehouse.query(
    Row,
    `SELECT toString(tuple(file, line, faults, record, record_hex)) AS row FROM ${built.faultTable} ORDER BY file, line, row`,
  );
  await warehouse.drop(...temporary);
  return {
    rows: rows.map(({ row }) => row),
    faults: faults.map(({ row }) => row),
    summary: built.summary,
  };
}

const COLUMNS = `
      id: { type: text, required: true }
      n: integer
      amount: { type: money, min: -1000 }
      price: { type: number }
      day: date
      at: { type: instant, zone: Asia/Shanghai }
      flag: boolean
      kind: { type: text, values: [a, b, 'c d'], trim: true }
      code: { type: text, pattern: '[A-Z]{2}[0-9]+' }`;

const csvManifest = (settings: string, key: string): string => `
source: p
title: { en: P }
folder: .
tables:
  t:
    path: t.csv
    maxQuarantineShare: 1
    maxUndecodableShare: 1
${settings}
    ${key}
    columns:${COLUMNS}
`;

const value = (good: readonly string[], bad: readonly string[]) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...good) },
    { weight: 1, arbitrary: fc.constantFrom(...bad) },
  );

const FIELDS = [
  value(['T1', 'T2', 'T3', 'x y', '客戶', 'T9'], ['', ' ', '\\N', 'a"b']),
  value(
    ['1', '-5', '0', '', '123456789'],
    ['+7', '1.0', '9223372036854775808', ' 4 ', '１２', '0x1', '1e3', '--1', '+-1', 'NULL'],
  ),
  value(
    ['12.50', '-3.00', '0.01', '', '99999.99'],
    [
      '12',
      '1.5',
      '.50',
      '-.50',
      '+1.00',
      '+-1.00',
      '1,000.00',
      '12x.50',
      '1.234',
      '1.2.34',
      ' 1.00',
      '-2000.00',
      '123456789012345.00',
      '1e2.00',
      '12.5O',
      '١.00',
    ],
  ),
  value(['1.5', '2', '-0.25', '1e3', ''], ['nan', 'inf', '1e999', '.', '1.', '.5', '0x10', '1_0']),
  value(
    ['2024-02-29', '2025-12-31', '', '1950-01-01'],
    ['2023-02-29', '2025-13-01', '20250101', '2025-1-1', '0000-00-00', '2299-12-31', '1899-01-01'],
  ),
  value(
    [
      '2025-01-31T10:20:30Z',
      '2025-01-31T10:20:30.123Z',
      '2025-01-31 10:20:30',
      '2025-01-31 10:20:30.5',
      '',
      '2025-01-31T10:20:30+08:00',
    ],
    [
      '2025-02-30T10:20:30Z',
      '2025-01-31T25:00:00Z',
      '2025-01-31T10:20:30,123Z',
      '2025-01-31t10:20:30z',
      '2025-01-31',
      '2025-01-31T10:20Z',
      '1960-01-01T00:00:00.000Z',
      '2025-01-31T10:20:60.000Z',
      '1738290030',
    ],
  ),
  value(['true', 'N', '是', '', '1'], ['maybe', ' y ', 'TRUE']),
  value(['a', 'b', 'c d', ' a ', ''], ['e', 'A', '\ta']),
  value(['AB1', 'ZZ99', ''], ['ab1', 'AB', ' AB1']),
];

/** A record as a dirty system writes it. */
const record = (delimiter: string) =>
  fc
    .record({
      fields: fc.tuple(...FIELDS),
      quoting: fc.constantFrom('none', 'none', 'needed', 'all'),
      accident: fc.oneof(
        { weight: 30, arbitrary: fc.constant('') },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            'short',
            'long',
            'blank',
            'feed',
            'open',
            'after',
            'stray',
            'spaced',
            'bytes',
            'return',
            'cut',
            'one',
          ),
        },
      ),
    })
    .map(({ fields, quoting, accident }): Buffer => {
      const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;
      const texts = fields.map((text) =>
        quoting === 'all' || (quoting === 'needed' && /[",;|\t]/.test(text)) ? quote(text) : text,
      );
      switch (accident) {
        case 'short':
          return Buffer.from(texts.slice(0, -2).join(delimiter));
        case 'long':
          return Buffer.from([...texts, 'more', ''].join(delimiter));
        case 'blank':
          return Buffer.from('');
        case 'one':
          return Buffer.from(' ');
        case 'feed':
          return Buffer.from([quote('two\nlines'), ...texts.slice(1)].join(delimiter));
        case 'open':
          return Buffer.from([`"${texts[0]}`, ...texts.slice(1)].join(delimiter));
        case 'after':
          return Buffer.from([`"x"y`, ...texts.slice(1)].join(delimiter));
        case 'spaced':
          return Buffer.from([`"x" `, ...texts.slice(1)].join(delimiter));
        case 'stray':
          return Buffer.from([`5" pipe`, ...texts.slice(1)].join(delimiter));
        case 'cut':
          return Buffer.from([quote(`a${delimiter}b""c`), ...texts.slice(1)].join(delimiter));
        case 'bytes':
          return Buffer.concat([Buffer.from([0xc4, 0xe3]), Buffer.from(texts.join(delimiter))]);
        case 'return':
          return Buffer.from([`a\rb`, ...texts.slice(1)].join(delimiter));
        default:
          return Buffer.from(texts.join(delimiter));
      }
    });

const table = fc.constantFrom(',', ';', '|', '\t').chain((delimiter) =>
  fc.record({
    delimiter: fc.constant(delimiter),
    records: fc.array(record(delimiter), { minLength: 30, maxLength: 150 }),
    end: fc.constantFrom('\n', '\n', '\r\n'),
    tail: fc.constantFrom('end', 'none', 'blank'),
    hasHeader: fc.boolean(),
    hasMark: fc.constantFrom(false, false, true),
    quote: fc.constantFrom('"', '"', ''),
    key: fc.constantFrom(
      '',
      'key: [id]',
      'key: [id, n]\n    duplicates: last',
      'key: [id]\n    duplicates: all',
    ),
  }),
);

const HEADER = ['id', 'n', 'amount', 'price', 'day', 'at', 'flag', 'kind', 'code'];

describe('reading by the engine', () => {
  it('gives the rows, places and faults of the exact reader, whatever stands in a CSV file', {
    timeout: 600_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(table, async (given) => {
        const parts: Buffer[] = [];
        if (given.hasMark) parts.push(Buffer.from([0xef, 0xbb, 0xbf]));
        if (given.hasHeader) parts.push(Buffer.from(HEADER.join(given.delimiter) + given.end));
        given.records.forEach((bytes, index) => {
          const isLast = index === given.records.length - 1;
          parts.push(bytes, Buffer.from(isLast && given.tail === 'none' ? '' : given.end));
        });
        if (given.tail === 'blank') parts.push(Buffer.from(given.end));
        await writeFile(join(folder, 't.csv'), Buffer.concat(parts));
        const settings = `    delimiter: ${JSON.stringify(given.delimiter)}\n    quote: ${JSON.stringify(given.quote)}\n    header: ${given.hasHeader}`;
        const yaml = csvManifest(settings, given.key);
        expect(await build(yaml, ['t.csv'], false)).toEqual(await build(yaml, ['t.csv'], true));
      }),
      { numRuns: Number(process.env.DIRECT_RUNS ?? 10), endOnFailure: true },
    );
  });

  it('knows the line of each row of a file that the engine cuts into pieces', async () => {
    const padding = 'x'.repeat(200);
    const lines = Array.from({ length: 150_000 }, (_, at) =>
      at % 9_999 === 7 ? `${at + 2},no date,${padding}` : `${at + 2},2025-01-31T10:20:30Z,${padding}`,
    );
    await writeFile(join(folder, 'big.csv'), `line,at,padding\n${lines.join('\n')}\n`);
    const yaml = `
source: p
title: { en: P }
folder: .
tables:
  t: { path: big.csv, columns: { line: integer, at: { type: instant, required: true }, padding: text } }
`;
    const [table] = parseManifest(yaml).tables;
    if (!table) throw new Error('no table');
    const { warehouse, releases } = stores;
    const temporary: string[] = [];
    const built = await buildTable(
      { warehouse, releases },
      {
        table,
        sourceId: 'p',
        folder,
        files: ['big.csv'],
        signal: new AbortController().signal,
        onBytes: () => undefined,
        onTable: (name) => temporary.push(name),
      },
      { kind: 'files' },
      () => '',
    );
    const [counted] = await warehouse.query(
      Type.Object({ rows: Type.Integer(), wrong: Type.Integer() }),
      `SELECT count() AS rows, countIf(line != _line) AS wrong FROM ${built.physical}`,
    );
    const refused = lines.filter((line) => line.includes('no date')).length;
    expect(counted).toEqual({ rows: lines.length - refused, wrong: 0 });
    const faults = await warehouse.query(
      Row,
      `SELECT toString(line) AS row FROM ${built.faultTable} ORDER BY line`,
    );
    expect(faults.map(({ row }) => Number(row))).toEqual(
      lines.flatMap((line, at) => (line.includes('no date') ? [at + 2] : [])),
    );
    await warehouse.drop(...temporary);
  });
});
