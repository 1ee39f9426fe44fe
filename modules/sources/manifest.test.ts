import { Problem } from '@rapport/kernel';
import { describe, expect, it } from 'vitest';
import { checkFormat } from './dates.ts';
import { parseManifest, resolveManifest } from './manifest.ts';
import { bindTables, expressionFault, foreignTables, lexicalFault } from './sql-guard.ts';
import { sqlName, sqlText } from './sql-text.ts';
import { majorUnits } from './table-view.ts';

const head = 'source: x\ntitle: { en: X }\nfolder: .\n';

function faultsOf(yaml: string): string[] {
  try {
    parseManifest(yaml, 'x.source.yaml');
  } catch (error) {
    if (error instanceof Problem) return error.faults.map((fault) => `${fault.pointer}: ${fault.message}`);
    throw error;
  }
  return [];
}

describe('a manifest', () => {
  it('fills in every default', () => {
    const source = parseManifest(
      `${head}defaults: { delimiter: ';', nulls: ['?'], zone: Asia/Taipei, currency: TWD }\ntables:\n  t: { path: t.csv, columns: { id: integer, sum: { type: money, from: 金額 } }, key: [id] }\n`,
    );
    expect(source.tables[0]).toMatchObject({
      format: 'csv',
      delimiter: ';',
      quote: '"',
      header: true,
      encoding: 'utf-8',
      duplicates: 'quarantine',
      maxQuarantineShare: 0.2,
      columns: [
        { name: 'id', required: true, nulls: ['?'], trim: true },
        { name: 'sum', from: '金額', scale: 2, currency: 'TWD', required: false },
      ],
    });
  });

  it('is the same as YAML and as JSON', () => {
    const yaml = `${head}tables: { t: { path: t.csv, columns: { id: integer } } }`;
    const json = {
      source: 'x',
      title: { en: 'X' },
      folder: '.',
      tables: { t: { path: 't.csv', columns: { id: 'integer' } } },
    };
    expect(resolveManifest(json)).toEqual(parseManifest(yaml));
  });

  it('puts tables after those they refer to', () => {
    const source = parseManifest(
      `${head}tables:\n  b: { path: b, columns: { a: integer }, references: { a: a } }\n  a: { path: a, columns: { id: integer }, key: [id] }\n`,
    );
    expect(source.tables.map((table) => table.name)).toEqual(['a', 'b']);
  });

  it('takes the columns behind name, phone, email and identities for personal', () => {
    const source = parseManifest(
      `${head}tables:\n  c: { path: c, columns: { customer_id: text, name: text, mobile: text }, role: customer, map: { phone: mobile } }\n`,
    );
    expect(source.tables[0]?.columns.map((column) => column.personal)).toEqual([false, true, true]);
  });

  it.each([
    ['source: x\ntitle: {\n', /^x\.source\.yaml:\d: /],
    [
      `${head}tables:\n  t:\n    path: t.csv\n    colums: { id: integer }\n    columns: { id: integer }\n`,
      /^x\.source\.yaml:5 \/tables\/t: there is no setting "colums" here$/,
    ],
    [
      `${head}tables:\n  t:\n    path: t.csv\n    columns:\n      id: integr\n`,
      /^x\.source\.yaml:8 \/tables\/t\/columns\/id: must be equal to one of the allowed values/,
    ],
    [
      `${head}tables:\n  t: { columns: { id: text } }\n`,
      /^x\.source\.yaml:5 \/tables\/t: needs `path` \(files\), `relation` \(a table of a database\) or `stream`$/,
    ],
    [`${head}tables:\n  T: { path: t, columns: { id: text } }\n`, /\/tables\/T: a table name is/],
    [
      `${head}tables:\n  t: { path: t, encoding: utf-9, columns: { id: text } }\n`,
      /the encoding "utf-9" is not known/,
    ],
    [
      `${head}tables:\n  t: { path: t, delimiter: '5', columns: { id: text } }\n`,
      /\/tables\/t\/delimiter: must be one ASCII character/,
    ],
    [
      `${head}tables:\n  t: { path: t, columns: { d: { type: date, formats: [YYMM] } } }\n`,
      /\/formats\/0: "YYMM" needs one of DD and D/,
    ],
    [
      `${head}tables:\n  t: { path: t, columns: { d: { type: instant, zone: Mars/Phobos } } }\n`,
      /there is no time zone "Mars\/Phobos"/,
    ],
    [
      `${head}tables:\n  t: { path: t, columns: { d: { type: text, pattern: '(' } } }\n`,
      /is not a regular expression/,
    ],
    [`${head}tables:\n  t: { path: t, columns: { d: { type: date, min: 5 } } }\n`, /\/min: must be a date/],
    [
      `${head}tables:\n  t: { path: t, columns: { id: text }, key: [no] }\n`,
      /\/tables\/t\/key: there is no column "no"/,
    ],
    [
      `${head}tables:\n  t: { path: t, columns: { id: text }, references: { id: u } }\n`,
      /there is no table "u"/,
    ],
    [
      `${head}tables:\n  t: { path: t, columns: { id: text }, references: { id: u } }\n  u: { path: u, columns: { id: integer }, key: [id] }\n`,
      /id is a text, u\.id is a integer/,
    ],
    [
      `${head}tables:\n  t: { path: t, columns: { id: text }, key: [id], references: { id: u } }\n  u: { path: u, columns: { id: text }, key: [id], references: { id: t } }\n`,
      /the references go round: t → u → t/,
    ],
    [
      `${head}tables:\n  t: { path: t, columns: { id: text }, role: customer }\n`,
      /the role customer needs customer_id/,
    ],
    [
      `${head}tables:\n  t: { path: t, columns: { id: text }, role: product, map: { product_id: id, price: id } }\n`,
      /the role product has no column "price"/,
    ],
    [
      `${head}tables:\n  t: { path: t, columns: { id: text } }\nderived:\n  t: { sql: SELECT 1 AS a }\n`,
      /there is a table "t" already/,
    ],
    [
      `${head}tables:\n  t: { path: t, columns: { id: text } }\nquality:\n  - { name: q, table: u, rows: '1' }\n`,
      /^x\.source\.yaml:7 \/quality\/0\/table: there is no table "u"/,
    ],
  ])('says file, line and pointer of what is wrong: %s', (yaml, message) => {
    expect(faultsOf(yaml)[0]).toMatch(message);
  });

  it('reports all faults at once', () => {
    expect(
      faultsOf(
        `${head}tables:\n  t: { path: t, columns: { a: { type: text, formats: [ISO] }, b: { type: boolean, min: 1 } }, key: [c] }\n`,
      ),
    ).toHaveLength(3);
  });
});

describe('date formats', () => {
  it('are checked before anything is loaded', () => {
    expect(checkFormat('YYMMDD', 'date')).toBeUndefined();
    expect(checkFormat('YYYY年M月D日', 'date')).toBeUndefined();
    expect(checkFormat('DD.MM.YYYY [at] hh:mm', 'instant')).toBeUndefined();
    expect(checkFormat('epoch_ms', 'date')).toMatch(/is an instant/);
    expect(checkFormat('YYYYMMDDmm', 'instant')).toMatch(/a time without/);
    expect(checkFormat('YYYYMMDD MM', 'date')).toMatch(/needs one of MM and M/);
  });
});

describe('SQL of manifests', () => {
  it('may be one SELECT and nothing that reaches elsewhere', () => {
    expect(
      lexicalFault("WITH a AS (SELECT 1) SELECT ';' AS x, `set` FROM a -- ; )\n/* ; */"),
    ).toBeUndefined();
    expect(lexicalFault('(SELECT 1) UNION ALL (SELECT 2)')).toBeUndefined();
    for (const sql of [
      '',
      'DELETE FROM a',
      'SELECT 1; SELECT 2',
      'SELECT (1',
      "SELECT 'a",
      'SELECT {a:String}',
      'SELECT sleep(3)',
      'SELECT "file" (1)',
      'SELECT 1 INTO OUTFILE 1',
    ]) {
      expect([sql, lexicalFault(sql)]).not.toEqual([sql, undefined]);
    }
    expect(expressionFault('amount > 0 -- positive')).toBeUndefined();
    expect(expressionFault('1) FROM a WHERE (1')).toMatch(/closing/);
  });

  it('sees tables by their names in the manifest, and no others', () => {
    const tables = [{ name: 'order', physical: 'src_x_order__1', columns: ['id', 'select'] }];
    expect(bindTables('SELECT 1', tables)).toBe(
      'SELECT * FROM (WITH `order` AS (SELECT `id`, `select` FROM `src_x_order__1`)\nSELECT * FROM (\nSELECT 1\n))',
    );
    const tree = [
      '  TABLE id: 1, alias: __table1, table_name: rapport.src_x_order__1',
      '  TABLE id: 2, alias: __table2, table_name: other.src_x_order__1',
      '  TABLE id: 3, table_name: system.one',
      '  TABLE_FUNCTION id: 4, alias: t, table_function_name: numbers',
      '  TABLE_FUNCTION id: 5, alias: t, table_function_name: url',
      "  CONSTANT id: 6, constant_value: 'TABLE id: 1, table_name: x'",
    ];
    expect(foreignTables(tree, 'rapport', tables)).toEqual(['other.src_x_order__1', 'url()']);
  });

  it('quotes texts and names', () => {
    expect(sqlText("a'b\\c\0")).toBe("'a\\'b\\\\c\\0'");
    expect(sqlName('a`b')).toBe('`a\\`b`');
  });
});

describe('amounts', () => {
  it('are shown in major units', () => {
    expect([
      majorUnits('5', 2),
      majorUnits('-5', 2),
      majorUnits('123456', 2),
      majorUnits('7', 0),
      majorUnits('', 2),
    ]).toEqual(['0.05', '-0.05', '1234.56', '7', '']);
  });
});
