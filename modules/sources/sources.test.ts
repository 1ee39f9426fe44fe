import { mkdir, readFile, symlink, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Actor, silentLog, systemActor, systemClock } from '@rapport/kernel';
import { startTestStores, type TestStores } from '@rapport/testkit';
import iconv from 'iconv-lite';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import type { LoadView } from './contract.ts';
import {
  type ConsentRow,
  createSources,
  type ProjectorInput,
  type RejectedRows,
  type Sources,
  sourcesMigrations,
} from './index.ts';
import { parseManifest } from './manifest.ts';
import { buildTable } from './table-builder.ts';

let stores: TestStores;
let sources: Sources;
let root: string;
const projected: ProjectorInput[] = [];
const consents: ConsentRow[] = [];
const loaded: string[] = [];
let rejecting = false;

beforeAll(async () => {
  stores = await startTestStores([sourcesMigrations], { runsJobs: false });
  root = join(stores.home, 'files');
  await mkdir(root);
  sources = createSources({
    stores,
    clock: systemClock,
    log: silentLog,
    audit: { record: async () => undefined },
    allowedRoots: [root],
    variables: { RAPPORT_DATASETS: root },
    projector: {
      async project(input) {
        projected.push(input);
        if (rejecting) throw new Error('the projector fails');
        return { set: {}, rejected: input.sourceId === 'strangers' ? [strangers(input)] : [] };
      },
    },
    consents: {
      async take({ rows }) {
        for await (const batch of rows) consents.push(...batch);
      },
    },
  });
  sources.onLoaded(async ({ sourceId }) => void loaded.push(sourceId));
  await stores.jobs.start();
});

afterAll(() => stores?.stop());

// Many small loads, on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000 });

/** What customers answer for rows that name nobody. */
function strangers(input: ProjectorInput): RejectedRows {
  const [table] = input.roleTables.filter((role) => role.sourceId === 'strangers');
  return {
    sourceId: 'strangers',
    table: 't',
    reason: 'unknown_customer',
    count: 2,
    rowsSql: `SELECT _file, _line, customer_id AS value FROM (${table?.select ?? ''}) WHERE customer_id != '1'`,
  };
}

const Texts = Type.Object({ texts: Type.Array(Type.Union([Type.String(), Type.Null()])) });

/** Rows of a loaded table as texts, in the order of its first column. */
async function rowsOf(
  sourceId: string,
  table: string,
  columns: readonly string[],
): Promise<(string | null)[][]> {
  const release = await stores.releases.current();
  const physical = release.placements.get(`src/${sourceId}/${table}`)?.table ?? 'absent';
  const rows = await stores.warehouse.query(
    Texts,
    `SELECT [${columns.map((column) => `CAST(${column}, 'Nullable(String)')`).join(', ')}] AS texts FROM ${stores.warehouse.identifier(physical)} ORDER BY ${columns.join(', ')}`,
  );
  return rows.map((row) => row.texts);
}

async function write(folder: string, files: Record<string, string | Buffer>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(root, folder, name, '..'), { recursive: true });
    await writeFile(join(root, folder, name), content);
  }
}

/** Applies a manifest whose id is its folder, and loads it. */
async function load(
  id: string,
  manifest: Record<string, unknown>,
  files: Record<string, string | Buffer>,
): Promise<LoadView> {
  await write(id, files);
  await sources.applyManifest(stringify({ source: id, title: { en: id }, folder: id, ...manifest }));
  return sources.load(id);
}

const quarantine = async (id: string, actor: Actor = systemActor) =>
  (await sources.quarantine(id, {}, actor)).items.map(({ file, line, field, value, reason, record }) => ({
    file,
    line,
    field,
    value,
    reason,
    record,
  }));

const simple = (columns: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  tables: { t: { path: 't.csv', maxQuarantineShare: 1, columns, ...more } },
});

describe('formats and encodings', () => {
  const people = [
    {
      id: '1',
      name: '王小明',
      born: '1980-02-29',
      balance: '1234.50',
      vip: 'true',
      seen: '2026-01-02T03:04:05Z',
    },
    { id: '2', name: '李 "四"', born: '', balance: '-0.05', vip: 'false', seen: '2026-07-01T12:00:00Z' },
    { id: '3', name: '陳,大文', born: '2001-12-31', balance: '', vip: '', seen: '' },
  ];
  const columns = {
    id: 'integer',
    name: { type: 'text', required: true },
    born: 'date',
    balance: 'money',
    vip: 'boolean',
    seen: 'instant',
  };
  const names = Object.keys(columns);
  const csv = (delimiter: string): string => {
    const lines = people.map((person) =>
      Object.values(person)
        .map((value) => `"${value.replaceAll('"', '""')}"`)
        .join(delimiter),
    );
    return `${names.join(delimiter)}\n${lines.join('\n')}\n`;
  };
  const expected = [
    ['1', '王小明', '1980-02-29', '123450', 'true', '2026-01-02 03:04:05.000'],
    ['2', '李 "四"', null, '-5', 'false', '2026-07-01 12:00:00.000'],
    ['3', '陳,大文', '2001-12-31', null, null, null],
  ];

  it('gives identical tables from eight formats and encodings', async () => {
    const json = people
      .map((person) =>
        JSON.stringify({
          id: Number(person.id),
          who: { name: person.name },
          born: person.born || null,
          balance: person.balance === '' ? undefined : Number(person.balance),
          vip: person.vip === '' ? null : person.vip === 'true',
          seen: person.seen,
        }),
      )
      .join('\n');
    await write('formats', {
      'utf8.csv': `\ufeff${csv(',')}`,
      'gbk.csv': iconv.encode(csv(';').replaceAll('陳', '陳'), 'gbk'),
      'gb18030.txt': iconv.encode(csv('|').replaceAll('\n', '\r\n'), 'gb18030'),
      'big5.csv': iconv.encode(csv('|'), 'big5'),
      'utf16.tsv': iconv.encode(csv('\t'), 'utf-16le', { addBOM: true }),
      'plain.csv': `${csv(',').split('\n').slice(1).join('\n')}`,
      'people.jsonl': json,
    });
    const parquet = join(root, 'formats', 'people.parquet');
    const values = people.map(
      (person) =>
        `(${person.id}, '${person.name}', ${person.born ? `'${person.born}'` : 'NULL'}, ${person.balance || 'NULL'}, ${person.vip || 'NULL'}, ${person.seen ? `parseDateTimeBestEffort('${person.seen}')` : 'NULL'})`,
    );
    await stores.warehouse.command(
      `INSERT INTO FUNCTION file('${parquet}', 'Parquet', 'id Int32, name String, born Nullable(Date32), balance Nullable(Decimal(18, 2)), vip Nullable(Bool), seen Nullable(DateTime64(3, \\'UTC\\'))') VALUES ${values.join(', ')}`,
    );
    await sources.applyManifest(
      stringify({
        source: 'formats',
        title: { en: 'Formats' },
        folder: `\${RAPPORT_DATASETS}/formats`,
        tables: {
          utf8: { path: 'utf8.csv', columns, key: ['id'] },
          gbk: { path: 'gbk.csv', delimiter: ';', encoding: 'gbk', columns, key: ['id'] },
          gb18030: { path: 'gb18030.txt', delimiter: '|', encoding: 'gb18030', columns, key: ['id'] },
          big5: {
            path: 'big5.csv',
            delimiter: '|',
            encoding: 'big5',
            columns: columns,
            key: ['id'],
            maxUndecodableShare: 1,
            maxQuarantineShare: 1,
          },
          utf16: { path: 'utf16.tsv', delimiter: '\t', encoding: 'utf-16le', columns, key: ['id'] },
          plain: { path: 'plain.csv', header: false, columns, key: ['id'] },
          jsonl: {
            path: 'people.jsonl',
            format: 'jsonl',
            columns: { ...columns, name: { type: 'text', from: 'who.name', required: true } },
            key: ['id'],
          },
          // Local time of the manifest's zone says nothing about instants that are such in the file.
          parquet: { path: 'people.parquet', format: 'parquet', zone: 'Asia/Shanghai', columns, key: ['id'] },
        },
      }),
    );
    const outcome = await sources.load('formats');
    expect(outcome.faults).toEqual([]);
    for (const table of ['utf8', 'gbk', 'gb18030', 'utf16', 'plain', 'jsonl', 'parquet']) {
      expect([table, await rowsOf('formats', table, names)]).toEqual([table, expected]);
    }
    // Big5 knows no simplified characters, but these three names are written in characters it has.
    expect(await rowsOf('formats', 'big5', names)).toEqual(expected);
  });

  it('reads the same Parquet rows where the engine cannot see the file', async () => {
    const file = join(root, 'formats', 'people.parquet');
    const yaml = stringify({
      source: 'remote',
      title: { en: 'x' },
      folder: '.',
      tables: {
        t: {
          path: 'people.parquet',
          format: 'parquet',
          columns: { id: 'integer', name: 'text', balance: 'money' },
        },
      },
    });
    const [table] = parseManifest(yaml).tables;
    if (!table) throw new Error('The manifest has no table.');
    const built = await buildTable(
      { warehouse: { ...stores.warehouse, readsLocalFiles: false }, releases: stores.releases },
      {
        table,
        sourceId: 'remote',
        folder: dirname(file),
        files: ['people.parquet'],
        signal: new AbortController().signal,
        onBytes: () => undefined,
        onTable: () => undefined,
      },
      { kind: 'files' },
      () => '',
    );
    const rows = await stores.warehouse.query(
      Texts,
      `SELECT [toString(id), name, toString(balance), toString(_line)] AS texts FROM ${stores.warehouse.identifier(built.physical)} ORDER BY id`,
    );
    expect(rows.map((row) => row.texts)).toEqual([
      ['1', '王小明', '123450', '1'],
      ['2', '李 "四"', '-5', '2'],
      ['3', '陳,大文', null, '3'],
    ]);
  });

  it('takes full-width digits for what they mean', async () => {
    const outcome = await load(
      'width',
      simple({
        id: 'integer',
        day: { type: 'date', formats: ['YYYYMMDD'] },
        sum: 'money',
        phone: { type: 'text', digits: true },
        note: 'text',
      }),
      {
        't.csv': 'id,day,sum,phone,note\n１２,２０２６０１３１,－１２．５０,１３８００,第１號\n',
      },
    );
    expect(outcome.state).toBe('loaded');
    expect(await rowsOf('width', 't', ['id', 'day', 'sum', 'phone', 'note'])).toEqual([
      ['12', '2026-01-31', '-1250', '13800', '第１號'],
    ]);
  });

  it('appends all files of a glob and keeps file and line of each row', async () => {
    const outcome = await load(
      'globbed',
      { tables: { t: { path: 'day/*.csv', columns: { id: 'integer' } } } },
      {
        'day/b.csv': 'id\n3\n',
        'day/a.csv': 'id\n1\n\n2\n',
      },
    );
    expect(outcome.tables[0]).toMatchObject({
      read: 3,
      loaded: 3,
      files: [
        { file: 'day/a.csv', records: 2 },
        { file: 'day/b.csv', records: 1 },
      ],
    });
    expect(await rowsOf('globbed', 't', ['_file', '_line'])).toEqual([
      ['day/a.csv', '2'],
      ['day/a.csv', '4'],
      ['day/b.csv', '2'],
    ]);
  });
});

describe('typing', () => {
  const accepted: readonly (readonly [string, Record<string, unknown>, string, string | null])[] = [
    ['integer', { type: 'integer' }, '-007', '-7'],
    ['integer', { type: 'integer' }, ' 42 ', '42'],
    ['grouped integer', { type: 'integer', thousands: ',' }, '1,234,567', '1234567'],
    ['number', { type: 'number' }, '-1.5e3', '-1500'],
    ['money', { type: 'money' }, '+5', '500'],
    ['money with zeros', { type: 'money' }, '8033.000', '803300'],
    ['money without decimals', { type: 'money', scale: 0 }, '8033', '8033'],
    ['money with six decimals', { type: 'money', scale: 6 }, '1234567890.123456', '1234567890123456'],
    ['European money', { type: 'money', decimal: ',', thousands: '.' }, '1.234,5', '123450'],
    ['boolean', { type: 'boolean' }, '是', 'true'],
    ['own words', { type: 'boolean', true: ['A'], false: ['B'] }, 'b', 'false'],
    ['short date', { type: 'date', formats: ['YYMMDD'], centuryFrom: 1900 }, '930101', '1993-01-01'],
    ['short date by default', { type: 'date', formats: ['YYMMDD'] }, '690101', '2069-01-01'],
    ['short date after the pivot', { type: 'date', formats: ['YYMMDD'] }, '700101', '1970-01-01'],
    ['date with words', { type: 'date', formats: ['YYYY年M月D日'] }, '2024年2月29日', '2024-02-29'],
    ['second format', { type: 'date', formats: ['YYYYMMDD', 'D.M.YYYY'] }, '1.12.1999', '1999-12-01'],
    ['old date', { type: 'date' }, '1900-01-01', '1900-01-01'],
    ['instant with offset', { type: 'instant' }, '2026-01-31T08:00:00.25+08:00', '2026-01-31 00:00:00.250'],
    [
      'local instant',
      { type: 'instant', zone: 'Asia/Shanghai' },
      '2026-01-31 08:00',
      '2026-01-31 00:00:00.000',
    ],
    [
      'local instant in summer',
      { type: 'instant', zone: 'Europe/Prague', formats: ['DD.MM.YYYY hh:mm:ss'] },
      '01.07.2026 00:00:00',
      '2026-06-30 22:00:00.000',
    ],
    ['epoch', { type: 'instant', formats: ['epoch_ms'] }, '1000', '1970-01-01 00:00:01.000'],
    ['epoch in seconds', { type: 'instant', formats: ['epoch_s'] }, '-1', '1969-12-31 23:59:59.000'],
    ['null marker', { type: 'integer', nulls: ['?', 'n/a'] }, '?', null],
  ];
  const refused: readonly (readonly [string, Record<string, unknown>, string, string])[] = [
    ['integer', { type: 'integer' }, '12abc', 'not_an_integer'],
    ['integer', { type: 'integer' }, '1e5', 'not_an_integer'],
    ['integer', { type: 'integer' }, '1.0', 'not_an_integer'],
    ['integer', { type: 'integer' }, '99999999999999999999', 'not_an_integer'],
    ['grouped integer', { type: 'integer', thousands: ',' }, '12,34', 'not_an_integer'],
    ['number', { type: 'number' }, 'nan', 'not_a_number'],
    ['number', { type: 'number' }, '1,5', 'not_a_number'],
    ['number', { type: 'number' }, '1e999', 'not_a_number'],
    ['money', { type: 'money' }, '1.005', 'not_an_amount'],
    ['money', { type: 'money' }, 'abc', 'not_an_amount'],
    ['money', { type: 'money' }, '1e3', 'not_an_amount'],
    ['money', { type: 'money' }, '123456789012345', 'not_an_amount'],
    ['European money', { type: 'money', decimal: ',' }, '1.5', 'not_an_amount'],
    ['boolean', { type: 'boolean' }, 'maybe', 'not_a_boolean'],
    ['no such day', { type: 'date' }, '2023-02-30', 'not_a_date'],
    ['no leap year', { type: 'date', formats: ['YYYYMMDD'] }, '19000229', 'not_a_date'],
    ['month 13', { type: 'date', formats: ['YYMMDD'] }, '931301', 'not_a_date'],
    ['too long', { type: 'date', formats: ['YYMMDD'] }, '9301010', 'not_a_date'],
    ['hour 24', { type: 'instant' }, '2026-01-01T24:00:00Z', 'not_an_instant'],
    ['skipped hour', { type: 'instant', zone: 'Europe/Prague' }, '2026-03-29 02:30:00', 'not_an_instant'],
    ['allowed values', { type: 'text', values: ['A', 'B'] }, 'C', 'not_allowed_value'],
    ['least', { type: 'money', min: 0 }, '-0.01', 'below_minimum'],
    ['greatest', { type: 'date', max: '2026-01-01' }, '2026-01-02', 'above_maximum'],
    ['pattern', { type: 'text', pattern: '1[0-9]{10}' }, '138', 'pattern_mismatch'],
    ['required text', { type: 'text', required: true }, '', 'missing_value'],
    ['required number', { type: 'integer', required: true, nulls: ['?'] }, '?', 'missing_value'],
  ];

  it('reads what says exactly one value, and refuses what does not', async () => {
    const cases = [...accepted, ...refused];
    const columns = Object.fromEntries(cases.map(([, column], index) => [`c${index}`, column]));
    const manifest = {
      tables: Object.fromEntries(
        cases.map(([, column], index) => [
          `t${index}`,
          {
            path: `t${index}.csv`,
            maxQuarantineShare: 1,
            quote: '"',
            columns: { line: 'integer', value: column },
          },
        ]),
      ),
    };
    expect(Object.keys(columns)).toHaveLength(cases.length);
    const files = Object.fromEntries(
      cases.map(([, , text], index) => [`t${index}.csv`, `line,value\n1,"${text}"\n`]),
    );
    const outcome = await load('typing', manifest, files);
    expect(outcome.faults).toEqual([]);
    for (const [index, [what, , text, value]] of accepted.entries()) {
      expect([what, text, await rowsOf('typing', `t${index}`, ['value'])]).toEqual([what, text, [[value]]]);
    }
    const found = new Map(
      (await sources.quarantine('typing', { limit: 500 }, systemActor)).items.map((row) => [row.table, row]),
    );
    for (const [index, [what, , text, reason]] of refused.entries()) {
      const row = found.get(`t${accepted.length + index}`);
      expect([what, text, row?.reason, row?.value, row?.field]).toEqual([what, text, reason, text, 'value']);
    }
  });
});

describe('quarantine', () => {
  it('holds file, line, field, value, reason and the whole record, and the books balance', async () => {
    const outcome = await load(
      'books',
      {
        tables: {
          client: {
            path: 'client.csv',
            columns: { id: 'integer', name: { type: 'text', required: true } },
            key: ['id'],
            maxQuarantineShare: 1,
          },
          loan: {
            path: 'loan.csv',
            delimiter: ';',
            columns: {
              id: 'integer',
              client: { type: 'integer', required: true },
              amount: { type: 'money', min: 0 },
              day: 'date',
            },
            key: ['id'],
            references: { client: 'client' },
            maxQuarantineShare: 1,
          },
        },
      },
      {
        'client.csv': 'id,name\n1,Ann\n2,\n3,"Bob\nB"\n3,Carl\n',
        'loan.csv':
          'id;client;amount;day\n1;1;10.00;2020-01-01\n2;1;abc;2020-02-30\n3;2;5;\n4;9;5;\n5;1;-1;\n"6;1;1;\n7;1;1\n8;1;7;2020-01-01;x\n9;3;1;2020-01-0',
      },
    );
    expect(outcome.state).toBe('loaded');
    expect(
      outcome.tables.map(({ table, read, loaded: rows, quarantined }) => [table, read, rows, quarantined]),
    ).toEqual([
      ['client', 4, 2, 2],
      ['loan', 9, 1, 8],
    ]);
    expect(await quarantine('books')).toEqual([
      { file: 'client.csv', line: 3, field: 'name', value: '', reason: 'missing_value', record: '2,' },
      { file: 'client.csv', line: 6, field: 'id', value: '3', reason: 'duplicate_key', record: '3,Carl' },
      {
        file: 'loan.csv',
        line: 3,
        field: 'amount',
        value: 'abc',
        reason: 'not_an_amount',
        record: '2;1;abc;2020-02-30',
      },
      {
        file: 'loan.csv',
        line: 4,
        field: 'client',
        value: '2',
        reason: 'unknown_reference',
        record: '3;2;5;',
      },
      {
        file: 'loan.csv',
        line: 5,
        field: 'client',
        value: '9',
        reason: 'unknown_reference',
        record: '4;9;5;',
      },
      { file: 'loan.csv', line: 6, field: 'amount', value: '-1', reason: 'below_minimum', record: '5;1;-1;' },
      { file: 'loan.csv', line: 7, field: '', value: '', reason: 'broken_quote', record: '"6;1;1;' },
      {
        file: 'loan.csv',
        line: 8,
        field: '',
        value: '3 of 4 fields',
        reason: 'wrong_field_count',
        record: '7;1;1',
      },
      {
        file: 'loan.csv',
        line: 9,
        field: '',
        value: '5 of 4 fields',
        reason: 'wrong_field_count',
        record: '8;1;7;2020-01-01;x',
      },
      {
        file: 'loan.csv',
        line: 10,
        field: 'day',
        value: '2020-01-0',
        reason: 'not_a_date',
        record: '9;3;1;2020-01-0',
      },
    ]);
    const page = await sources.quarantine('books', { reason: 'not_a_date' }, systemActor);
    expect(page.items.map((row) => [row.line, row.otherFaults])).toEqual([
      [3, [{ field: 'day', value: '2020-02-30', reason: 'not_a_date' }]],
      [10, []],
    ]);
    expect(page.summary.find((entry) => entry.reason === 'wrong_field_count')).toEqual({
      table: 'loan',
      reason: 'wrong_field_count',
      field: '',
      count: 2,
    });
  });

  it('pages, and hides personal data from whoever may not see it', async () => {
    await load(
      'masked',
      simple({ id: 'integer', phone: { type: 'text', pattern: '[0-9]+', personal: true } }),
      {
        't.csv': 'id,phone\n1,x1\n2,x2\n3,138\n',
      },
    );
    const clerk: Actor = { ...systemActor, kind: 'user', permissions: new Set(['sources.read']) };
    const first = await sources.quarantine('masked', { limit: 1 }, clerk);
    expect(first.items).toMatchObject([{ line: 2, value: '•••', record: '•••' }]);
    const second = await sources.quarantine('masked', { limit: 1, cursor: first.nextCursor ?? '' }, clerk);
    expect(second.items.map((row) => row.line)).toEqual([3]);
    expect(second.nextCursor).toBeUndefined();
    const view = await sources.table('masked', 't', 5, clerk);
    expect(view.sample).toEqual([{ id: '3', phone: '•••' }]);
    expect(view.columns[1]).toMatchObject({ name: 'phone', personal: true, unknown: 0, distinct: 1 });
    expect(view.columns[1]).not.toHaveProperty('least');
    expect((await sources.table('masked', 't', 5, systemActor)).sample).toEqual([{ id: '3', phone: '138' }]);
    const scoped: Actor = { ...systemActor, orgScope: ['B01'] };
    expect((await sources.table('masked', 't', 5, scoped)).sample).toEqual([]);
    let text = '';
    for await (const piece of await sources.exportQuarantine('masked', {}, systemActor)) text += piece;
    expect(text).toBe(
      'table,file,line,field,value,reason,state,record\r\nt,t.csv,2,phone,x1,pattern_mismatch,open,"1,x1"\r\nt,t.csv,3,phone,x2,pattern_mismatch,open,"2,x2"\r\n',
    );
  });

  it.each([
    [
      'quarantine',
      [
        ['1', 'a'],
        ['2', 'd'],
      ],
      ['duplicate_key', 'duplicate_key'],
      0,
    ],
    [
      'first',
      [
        ['1', 'a'],
        ['2', 'd'],
      ],
      ['superseded', 'superseded'],
      2,
    ],
    [
      'last',
      [
        ['1', 'c'],
        ['2', 'd'],
      ],
      ['superseded', 'superseded'],
      2,
    ],
    ['all', [['2', 'd']], ['duplicate_key', 'duplicate_key', 'duplicate_key'], 0],
  ])('treats repeated keys as %s says', async (duplicates, rows, reasons, superseded) => {
    const id = `twice_${duplicates}`;
    const outcome = await load(id, simple({ id: 'integer', v: 'text' }, { key: ['id'], duplicates }), {
      't.csv': 'id,v\n1,a\n1,b\n1,c\n2,d\n',
    });
    expect(await rowsOf(id, 't', ['id', 'v'])).toEqual(rows);
    expect((await quarantine(id)).map((row) => row.reason)).toEqual(reasons);
    expect(outcome.tables[0]).toMatchObject({
      read: 4,
      superseded,
      loaded: rows.length,
      quarantined: reasons.length,
    });
  });

  it('follows references inside one table until all of them hold', async () => {
    await load(
      'tree',
      simple({ code: 'text', parent: 'text' }, { key: ['code'], references: { parent: 't' } }),
      {
        't.csv': 'code,parent\nHO,\nA,HO\nB,X\nC,B\nD,C\n',
      },
    );
    expect(await rowsOf('tree', 't', ['code'])).toEqual([['A'], ['HO']]);
    expect((await quarantine('tree')).map((row) => [row.line, row.reason])).toEqual([
      [4, 'unknown_reference'],
      [5, 'unknown_reference'],
      [6, 'unknown_reference'],
    ]);
  });

  it('refuses lines that are no JSON objects, and keeps JSON lines whole', async () => {
    const outcome = await load(
      'lines',
      {
        tables: {
          t: {
            path: 't.jsonl',
            format: 'jsonl',
            maxQuarantineShare: 1,
            columns: {
              id: 'integer',
              tag: { type: 'text', from: 'a.tag' },
              all: { type: 'text', from: 'a' },
            },
          },
        },
      },
      {
        't.jsonl': '{"id": 1, "a": {"tag": "x"}}\n{"id": 2\n[1]\n\n{"id": "x"}\n{"id": 9007199254740993}\n',
      },
    );
    expect(outcome.tables[0]).toMatchObject({ read: 5, loaded: 2, quarantined: 3 });
    expect(await rowsOf('lines', 't', ['id', 'tag', '`all`'])).toEqual([
      ['1', 'x', '{"tag":"x"}'],
      ['9007199254740993', '', ''],
    ]);
    expect((await quarantine('lines')).map(({ line, reason, record }) => [line, reason, record])).toEqual([
      [2, 'not_a_json_object', '{"id": 2'],
      [3, 'not_a_json_object', '[1]'],
      [5, 'not_an_integer', '{"id": "x"}'],
    ]);
  });
});

describe('a load that does not pass', () => {
  const good = { 't.csv': 'id,name,sum\n1,张三,1.00\n2,李四,2.00\n' };
  const columns = { id: 'integer', name: 'text', sum: 'money' };
  const manifest = { tables: { t: { path: 't.csv', columns, key: ['id'] } } };
  const before = [
    ['1', '100'],
    ['2', '200'],
  ];

  it.each([
    ['a missing column', 'id,sum\n1,2\n', 'missing_column', /t\.csv has no column "name"; it has id, sum\./],
    ['another delimiter', 'id;name;sum\n1;a;2\n', 'missing_column', /is the delimiter right\?/],
    ['an empty file', '', 'empty_file', /has no header line/],
    [
      'GBK bytes',
      iconv.encode('id,name,sum\n1,张三,1.00\n2,李四,2.00\n', 'gbk'),
      'wrong_encoding',
      /2 of its 2 records cannot be decoded as utf-8\. They look like gb18030/,
    ],
    [
      'too many bad amounts',
      'id,name,sum\n1,a,abc\n2,b,x\n3,c,1\n',
      'too_many_refused',
      /2 of 3 records \(66\.7 %\) are refused, more than the 20 % allowed: 2 × sum not_an_amount \(first at t\.csv:2, "abc"\)/,
    ],
  ])('leaves the data of before: %s', async (what, content, code, message) => {
    const id = `refused_${code}_${what.length}`;
    expect((await load(id, manifest, good)).state).toBe('loaded');
    const outcome = await load(id, manifest, { 't.csv': content });
    expect(outcome.state).toBe('refused');
    expect(outcome.faults.map((fault) => fault.code)).toEqual([code]);
    expect(outcome.faults[0]?.message).toMatch(message);
    expect(await rowsOf(id, 't', ['id', '`sum`'])).toEqual(before);
    const detail = await sources.get(id);
    expect(detail.source.lastLoad?.state).toBe('refused');
    expect(detail.source.tables[0]?.rows).toBe(2);
  });

  it('names every missing file and wrong header at once', async () => {
    const outcome = await load(
      'many',
      {
        tables: {
          a: { path: 'a.csv', columns: { x: 'text' } },
          b: { path: 'b*.csv', columns: { x: 'text' } },
          c: { path: 'c.csv', columns: { x: 'text' } },
        },
      },
      { 'c.csv': 'y\n1\n' },
    );
    expect(outcome.faults.map((fault) => [fault.code, fault.place])).toEqual([
      ['missing_file', 'a'],
      ['missing_file', 'b'],
      ['missing_column', 'c (c.csv:1)'],
    ]);
  });

  it('refuses UTF-8 text declared as GBK', async () => {
    const text = `id,name\n${Array.from({ length: 40 }, (_, index) => `${index},客户姓名测试`).join('\n')}\n`;
    const outcome = await load(
      'mojibake',
      {
        tables: {
          t: {
            path: 't.csv',
            encoding: 'gbk',
            columns: { id: 'integer', name: 'text' },
            maxUndecodableShare: 1,
            maxQuarantineShare: 1,
          },
        },
      },
      { 't.csv': text },
    );
    expect(outcome.faults[0]).toMatchObject({
      code: 'wrong_encoding',
      message: expect.stringContaining('Set encoding: utf-8'),
    });
  });

  it('refuses a broken Parquet file and one without a column', async () => {
    const parquet = { tables: { t: { path: 't.parquet', format: 'parquet', columns: { id: 'integer' } } } };
    const broken = await load('parquet_broken', parquet, { 't.parquet': 'PAR1 this is not parquet PAR1' });
    expect(broken.faults).toMatchObject([{ code: 'broken_file' }]);
    await unlink(join(root, 'parquet_broken', 't.parquet'));
    await stores.warehouse.command(
      `INSERT INTO FUNCTION file('${join(root, 'parquet_broken', 't.parquet')}', 'Parquet', 'x Int32') VALUES (1)`,
    );
    const outcome = await sources.load('parquet_broken');
    expect(outcome.faults).toMatchObject([
      { code: 'missing_column', message: 't.parquet has no column "id"; it has x.' },
    ]);
  });

  it('leaves the data of before when a quality rule fails, and reports those that only warn', async () => {
    const rules = (most: number) => ({
      tables: { t: { path: 't.csv', columns, key: ['id'] } },
      quality: [
        { name: 'few', sql: 'SELECT count() FROM t', max: most },
        { name: 'small', table: 't', rows: 'sum < 150', severity: 'warn' },
      ],
    });
    const first = await load('quality', rules(2), good);
    expect(first.quality).toMatchObject([
      { name: 'few', passed: true, severity: 'fail', message: 'It is 2, and should be at most 2.' },
      { name: 'small', passed: false, severity: 'warn', message: '1 of 2 rows of t fail sum < 150.' },
    ]);
    const outcome = await load('quality', rules(2), { 't.csv': 'id,name,sum\n1,a,1\n2,b,2\n3,c,3\n' });
    expect(outcome).toMatchObject({ state: 'refused', faults: [{ code: 'quality', place: 'quality few' }] });
    expect(await rowsOf('quality', 't', ['id', '`sum`'])).toEqual(before);
  });

  it('leaves nothing behind when the projector fails, and says that the platform failed', async () => {
    rejecting = true;
    try {
      await write('projector', good);
      await sources.applyManifest(
        stringify({ source: 'projector', title: { en: 'x' }, folder: 'projector', ...manifest }),
      );
      await expect(sources.load('projector')).rejects.toThrow(/the projector fails/);
    } finally {
      rejecting = false;
    }
    const { items } = await sources.loads('projector');
    expect(items[0]).toMatchObject({ state: 'failed', message: 'the projector fails' });
    expect((await stores.releases.current()).placements.has('src/projector/t')).toBe(false);
    const Names = Type.Object({ name: Type.String() });
    const left = await stores.warehouse.query(
      Names,
      `SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%projector%'`,
    );
    expect(left).toEqual([]);
  });
});

describe('derived tables and roles', () => {
  const manifest = {
    tables: {
      client: {
        path: 'client.csv',
        columns: { id: 'integer', name: 'text', mobile: 'text', sex: 'text', opened: 'date', extra: 'text' },
        key: ['id'],
        role: 'customer',
        map: {
          customer_id: 'id',
          phone: 'mobile',
          kind: { value: 'retail' },
          gender: { from: 'sex', values: { F: 'female', M: 'male' }, otherwise: '' },
          opened_on: 'opened',
        },
      },
      consent: {
        path: 'consent.csv',
        columns: { customer_id: 'text', channel: 'text', granted: 'boolean', at: 'instant' },
        role: 'consent',
      },
    },
    derived: {
      women: {
        sql: "SELECT id, name FROM client WHERE sex = 'F' -- comment",
        key: ['id'],
        personal: ['name'],
      },
      pairs: {
        sql: 'WITH w AS (SELECT id FROM women) SELECT w.id AS one, c.id AS other FROM w CROSS JOIN client AS c',
      },
    },
  };
  const files = {
    'client.csv':
      'id,name,mobile,sex,opened,extra\n1,Ann,138,F,2020-01-01,x\n2,Bob,139,M,,\n3,Cat,,?,2021-01-01,z\n',
    'consent.csv':
      'customer_id,channel,granted,at\n1,sms,yes,2026-01-01T00:00:00Z\n2,email,no,2026-01-02T00:00:00Z\n',
  };

  it('hands role tables to the projector with the canonical columns', async () => {
    const outcome = await load('roles', manifest, files);
    expect(outcome.faults).toEqual([]);
    expect(loaded).toContain('roles');
    expect(await rowsOf('roles', 'women', ['id', 'name'])).toEqual([['1', 'Ann']]);
    expect(await rowsOf('roles', 'pairs', ['one', 'other'])).toEqual([
      ['1', '1'],
      ['1', '2'],
      ['1', '3'],
    ]);
    const table = projected
      .at(-1)
      ?.roleTables.find((role) => role.sourceId === 'roles' && role.role === 'customer');
    expect(table).toMatchObject({
      fresh: true,
      table: 'client',
      columns: ['customer_id', 'kind', 'gender', 'opened_on', 'name', 'phone', 'attributes'],
    });
    const Row = Type.Object({ row: Type.String() });
    const rows = await stores.warehouse.query(
      Row,
      `SELECT toString(tuple(*)) AS row FROM (${table?.select ?? ''}) ORDER BY customer_id`,
    );
    expect(rows.map(({ row }) => row)).toEqual([
      "('1','retail','female',NULL,'2020-01-01','','',NULL,'','','Ann','138','','','',{'extra':'x'},'client.csv',2)",
      "('2','retail','male',NULL,NULL,'','',NULL,'','','Bob','139','','','',{},'client.csv',3)",
      "('3','retail','',NULL,'2021-01-01','','',NULL,'','','Cat','','','','',{'extra':'z'},'client.csv',4)",
    ]);
    expect(consents).toEqual([
      {
        customerId: '1',
        channel: 'sms',
        purpose: '',
        granted: true,
        atMs: Date.UTC(2026, 0, 1),
        evidence: '',
      },
      {
        customerId: '2',
        channel: 'email',
        purpose: '',
        granted: false,
        atMs: Date.UTC(2026, 0, 2),
        evidence: '',
      },
    ]);
    // The next load of another source meets these role tables as they were published.
    await load('other', simple({ id: 'integer' }), { 't.csv': 'id\n1\n' });
    expect(projected.at(-1)?.roleTables.find((role) => role.sourceId === 'roles')?.fresh).toBe(false);
  });

  it.each([
    ['SELECT name FROM system.tables', /reads system\.tables/],
    ['SELECT * FROM quarantine', /reads rapport\.quarantine/],
    ["SELECT * FROM file('/etc/passwd', 'LineAsString', 'x String')", /function "file" is not allowed/],
    ["SELECT file('/etc/passwd') AS x FROM client", /function "file" is not allowed/],
    ["SELECT `url`('http://x') AS x", /function "url" is not allowed/],
    ['SELECT 1 AS a; DROP TABLE client', /only one statement/],
    ['SELECT 1 AS a) UNION ALL (SELECT 2', /closing parenthesis has no opening/],
    ['SELECT 1 AS a SETTINGS max_memory_usage = 0', /"SETTINGS" is not allowed/],
    ['INSERT INTO client SELECT * FROM client', /must be one SELECT/],
    ['SELECT 1 AS a WHERE 1 IN other__x', /SQL fails/],
    ["SELECT '1' /* unclosed", /comment is not closed/],
    ['SELECT nothing FROM client', /The SQL fails: .*nothing/],
    ['SELECT 1 + 1', /Name the column "plus\(1, 1\)" by AS/],
  ])('refuses SQL that is wrong or reaches elsewhere: %s', async (sql, message) => {
    const outcome = await load(
      'guarded',
      { tables: { client: { path: 'client.csv', columns: { id: 'integer' } } }, derived: { d: { sql } } },
      { 'client.csv': 'id\n1\n' },
    );
    expect(outcome.state).toBe('refused');
    expect(outcome.faults[0]?.message).toMatch(message);
  });

  it('lists rows that the canonical tables refused, and counts them', async () => {
    const outcome = await load(
      'strangers',
      simple({ customer_id: 'text', account_id: 'text' }, { role: 'account' }),
      { 't.csv': 'customer_id,account_id\n1,a\n8,b\n9,c\n' },
    );
    expect(outcome.rejected).toEqual([{ table: 't', reason: 'unknown_customer', count: 2 }]);
    expect(outcome.tables[0]).toMatchObject({ read: 3, loaded: 3, quarantined: 0 });
    expect(
      (await quarantine('strangers')).map(({ file, line, value, reason }) => [file, line, value, reason]),
    ).toEqual([
      ['t.csv', 3, '8', 'unknown_customer'],
      ['t.csv', 4, '9', 'unknown_customer'],
    ]);
    // There is no record to read again: the row itself is loaded.
    expect((await sources.replay('strangers', {})).faults).toMatchObject([{ code: 'nothing_to_replay' }]);
  });

  it('refuses a derived table that cannot play its role', async () => {
    const outcome = await load(
      'miscast',
      {
        tables: { t: { path: 't.csv', columns: { id: 'integer' } } },
        derived: { d: { sql: 'SELECT id AS customer_id, 0.5 AS balance_minor FROM t', role: 'account' } },
      },
      { 't.csv': 'id\n1\n' },
    );
    expect(outcome.faults.map((fault) => fault.message)).toEqual([
      'the role account needs account_id.',
      'balance_minor must be an integer in minor units, but balance_minor is Float64.',
    ]);
  });
});

describe('replay', () => {
  const manifest = (pattern: string) => ({
    tables: {
      a: {
        path: 'a.csv',
        columns: { name: 'text', id: 'integer', amount: { type: 'money', from: 'sum' } },
        key: ['id'],
        maxQuarantineShare: 1,
      },
      b: {
        path: 'b.csv',
        columns: { id: 'integer', a: { type: 'integer', required: true }, code: { type: 'text', pattern } },
        references: { a: 'a' },
        maxQuarantineShare: 1,
      },
    },
    derived: { total: { sql: 'SELECT sum(amount) AS amount FROM a' } },
  });
  const files = {
    'a.csv': 'id,name,sum\n1,x,1\n2,y,abc\n3,z,bad\n1,w,5\n',
    'b.csv': 'id,a,code\n1,1,A1\n2,2,A2\n3,1,B3\n',
  };

  it('loads corrected records, marks them, and keeps the rest in quarantine', async () => {
    await load('replay', manifest('A.'), files);
    expect(await rowsOf('replay', 'total', ['amount'])).toEqual([['100']]);
    const outcome = await sources.replay('replay', {
      records: [
        { table: 'a', file: 'a.csv', line: 3, record: '2,y,7.00' },
        { table: 'a', file: 'a.csv', line: 5 },
        { table: 'b', file: 'b.csv', line: 3 },
      ],
    });
    expect(outcome).toMatchObject({ kind: 'replay', state: 'loaded' });
    expect(
      outcome.tables
        .filter((table) => !table.derived)
        .map(({ table, read, loaded: rows, quarantined }) => [table, read, rows, quarantined]),
    ).toEqual([
      ['a', 2, 1, 1],
      ['b', 1, 1, 0],
    ]);
    expect(await rowsOf('replay', 'a', ['id', 'amount', '_line', '_replayed'])).toEqual([
      ['1', '100', '2', 'false'],
      ['2', '700', '3', 'true'],
    ]);
    expect(await rowsOf('replay', 'b', ['id', '_replayed'])).toEqual([
      ['1', 'false'],
      ['2', 'true'],
    ]);
    expect(await rowsOf('replay', 'total', ['amount'])).toEqual([['800']]);
    const { items } = await sources.quarantine('replay', {}, systemActor);
    expect(items.map(({ table, line, reason, state }) => [table, line, reason, state])).toEqual([
      ['a', 3, 'not_an_amount', 'replayed'],
      ['a', 4, 'not_an_amount', 'open'],
      ['a', 5, 'duplicate_key', 'open'],
      ['b', 3, 'unknown_reference', 'replayed'],
      ['b', 4, 'pattern_mismatch', 'open'],
    ]);
    expect((await sources.get('replay')).source.openQuarantine).toBe(3);
  });

  it('reads everything again after the manifest changed', async () => {
    await sources.applyManifest(
      stringify({ source: 'replay', title: { en: 'x' }, folder: 'replay', ...manifest('[AB].') }),
    );
    const outcome = await sources.replay('replay', { table: 'b' });
    expect(outcome.state).toBe('loaded');
    expect((await rowsOf('replay', 'b', ['id', '_replayed'])).at(-1)).toEqual(['3', 'true']);
    const { items } = await sources.quarantine('replay', { state: 'open' }, systemActor);
    expect(items.map((row) => [row.table, row.line])).toEqual([
      ['a', 4],
      ['a', 5],
    ]);
  });

  it('refuses records that are not in quarantine, and tables that changed their columns', async () => {
    const absent = await sources.replay('replay', {
      records: [{ table: 'a', file: 'a.csv', line: 2, record: '1,x,1' }],
    });
    expect(absent).toMatchObject({ state: 'refused', faults: [{ code: 'nothing_to_replay' }] });
    const changed = manifest('.*');
    Object.assign(changed.tables.a.columns, { amount: { type: 'integer', from: 'sum', required: true } });
    await sources.applyManifest(
      stringify({ source: 'replay', title: { en: 'x' }, folder: 'replay', ...changed }),
    );
    const outcome = await sources.replay('replay', {});
    expect(outcome).toMatchObject({ state: 'refused', faults: [{ code: 'structure_changed' }] });
  });

  it('reads undecodable bytes again once the encoding is right', async () => {
    const encoded = {
      tables: {
        t: {
          path: 't.csv',
          columns: { id: 'integer', name: 'text' },
          maxUndecodableShare: 1,
          maxQuarantineShare: 1,
        },
      },
    };
    const bytes = Buffer.concat([
      Buffer.from('id,name\n1,a\n2,'),
      iconv.encode('中文', 'gbk'),
      Buffer.from('\n'),
    ]);
    await load('bytes', encoded, { 't.csv': bytes });
    expect((await quarantine('bytes')).map((row) => [row.line, row.reason, row.value])).toEqual([
      [3, 'undecodable_bytes', 'byte 14 of the file'],
    ]);
    const corrected = { tables: { t: { ...encoded.tables.t, encoding: 'gbk' } } };
    await sources.applyManifest(
      stringify({ source: 'bytes', title: { en: 'x' }, folder: 'bytes', ...corrected }),
    );
    expect((await sources.replay('bytes', {})).state).toBe('loaded');
    expect(await rowsOf('bytes', 't', ['id', 'name'])).toEqual([
      ['1', 'a'],
      ['2', '中文'],
    ]);
  });
});

describe('folders', () => {
  it('never leave the allowed roots', async () => {
    const manifest = (folder: string, path = 't.csv') =>
      stringify({
        source: 'outside',
        title: { en: 'x' },
        folder,
        tables: { t: { path, columns: { id: 'text' } } },
      });
    await expect(sources.applyManifest(manifest('/etc'))).rejects.toThrow(/outside the folders/);
    await expect(sources.applyManifest(manifest('../..'))).rejects.toThrow(/outside the folders/);
    await write('outside', { 'real.csv': 'id\n1\n' });
    await symlink('/etc', join(root, 'outside', 'etc'));
    await expect(sources.applyManifest(manifest('outside/etc'))).rejects.toThrow(/outside the folders/);
    await symlink('/etc/passwd', join(root, 'outside', 't.csv'));
    await sources.applyManifest(manifest('outside'));
    expect((await sources.load('outside')).faults).toMatchObject([{ code: 'missing_file' }]);
    await sources.applyManifest(manifest('outside', '../formats/*.csv'));
    expect((await sources.load('outside')).faults).toMatchObject([{ code: 'folder_not_allowed' }]);
  });

  it('say which setting is missing', async () => {
    await sources.applyManifest(
      stringify({
        source: 'unset',
        title: { en: 'x' },
        folder: `\${MISSING_FOLDER}/x`,
        tables: { t: { path: 't', columns: { id: 'text' } } },
      }),
    );
    expect((await sources.load('unset')).faults).toMatchObject([
      { code: 'variable_not_set', message: expect.stringContaining('needs MISSING_FOLDER') },
    ]);
  });
});

describe('the record of loads', () => {
  it('answers one load at a time and knows what is unknown', async () => {
    await expect(sources.startLoad('nobody', systemActor)).rejects.toThrow(/There is no source "nobody"/);
    await load('once', simple({ id: 'integer' }), { 't.csv': 'id\n1\n' });
    const first = await sources.startLoad('once', systemActor);
    await expect(sources.startLoad('once', systemActor)).rejects.toThrow(/being loaded already/);
    await stores.jobs.wait(first.jobId);
    const view = await sources.getLoad('once', first.loadId);
    expect(view).toMatchObject({ state: 'loaded', progress: 1, message: '1 rows loaded, 0 in quarantine' });
    expect(view.tables[0]?.files[0]).toMatchObject({
      file: 't.csv',
      bytes: 5,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    await expect(sources.table('once', 'x', 1, systemActor)).rejects.toThrow(/no table "x"/);
    await expect(sources.getLoad('once', 'lod_x')).rejects.toThrow(/no load lod_x/);
  });

  it('lists sources by id', async () => {
    const page = await sources.list({ limit: 2 });
    expect(page.items).toHaveLength(2);
    const next = await sources.list({ limit: 500, cursor: page.nextCursor ?? '' });
    expect(next.items.map((source) => source.id)).toContain('once');
  });
});

describe('deliveries', () => {
  it('do what docs/sources.md shows', async () => {
    const page = await readFile(new URL('../../docs/sources.md', import.meta.url), 'utf8');
    const [, yaml = '', script = ''] =
      /```yaml\n(source: ledger\n[\s\S]*?)```\n\n```sh\n([\s\S]*?)```/.exec(page) ?? [];
    await mkdir(join(root, 'ledger'));
    let loads = 0;
    for (const line of script.split('\n')) {
      const [, content, file] = /^printf '(.*)' > (\S+)$/.exec(line) ?? [];
      if (content && file) await writeFile(join(root, file), content.replaceAll('\\n', '\n'));
      if (line.includes('source apply')) await sources.applyManifest(yaml, { baseDir: root });
      if (!line.includes('source load')) continue;
      loads++;
      const view = await sources.load('ledger');
      expect(view.faults).toEqual([]);
      const expected = /(\d) rows$/.exec(line)?.[1];
      expect(view.tables[0]).toMatchObject(
        expected === undefined ? { read: 0, rows: 2 } : { rows: Number(expected) },
      );
      if (loads === 2) expect(view.tables[0]).toMatchObject({ read: 3, loaded: 3, replaced: 2, deleted: 1 });
    }
    expect(loads).toBe(3);
    expect(await rowsOf('ledger', 'movements', ['id', 'amount'])).toEqual([
      ['1', '1100'],
      ['3', '500'],
    ]);
  });

  it('keep refused records for a replay, which adds to what stands', async () => {
    const manifest = simple(
      { id: 'integer', n: 'integer', op: 'text' },
      { path: 't_*.csv', key: ['id'], mode: 'upsert', deletes: { column: 'op', values: ['D'] } },
    );
    await load('kept', manifest, { 't_1.csv': 'id,n,op\n1,10,I\n2,x,I\n3,30,I\n' });
    await load('kept', manifest, { 't_2.csv': 'id,n,op\n1,11,U\n3,30,D\n' });
    expect(await quarantine('kept')).toMatchObject([{ file: 't_1.csv', line: 3, value: 'x' }]);
    const view = await sources.replay('kept', {
      records: [{ table: 't', file: 't_1.csv', line: 3, record: '2,20,I' }],
    });
    expect(view.state).toBe('loaded');
    await load('kept', manifest, { 't_3.csv': 'id,n,op\n4,40,I\n2,20,I\n' });
    expect(await rowsOf('kept', 't', ['id', 'n'])).toEqual([
      ['1', '11'],
      ['2', '20'],
      ['4', '40'],
    ]);
    expect(await quarantine('kept')).toEqual([]);
  });
});
