import { describe, expect, it } from 'vitest';
import { bindValues, placeholdersOf, quote } from './warehouse-params.ts';

describe('parameters of warehouse statements', () => {
  it('are found outside of quotes and comments only', () => {
    const sql =
      "SELECT {a:UInt8}, '{b:String}', `{c:X}`, { d : Array(String) } -- {e:UInt8}\n/* {f:UInt8} */ FROM \"{g:Y}\" WHERE x = 'it''s {h:Z}'";
    expect([...placeholdersOf(sql)]).toEqual(['a', 'd']);
  });

  it('stay parameters while they are short', () => {
    expect(bindValues('SELECT {a:String}', { a: "x'" })).toEqual({
      sql: 'SELECT {a:String}',
      params: { a: "x'" },
    });
  });

  it('become literals, everywhere and nowhere else, when a list is too long', () => {
    const cids = Array.from({ length: 20_000 }, (_, index) => index);
    const { sql, params } = bindValues(
      "SELECT '{cids:Array(UInt32)}', has({cids:Array(UInt32)}, {one:UInt32})",
      { cids, one: 1 },
    );
    expect(params).toEqual({ one: 1 });
    expect(sql).toBe(
      `SELECT '{cids:Array(UInt32)}', has(CAST([${cids.join(',')}], 'Array(UInt32)'), {one:UInt32})`,
    );
  });

  it('keep text in lists as data', () => {
    const names = Array.from({ length: 20_000 }, () => "');$& DROP TABLE x; --\\\n");
    const { sql } = bindValues('SELECT {names:Array(String)}', { names });
    expect(sql).toContain("['\\');$& DROP TABLE x; --\\\\\\n',");
    expect(quote("\\'")).toBe("'\\\\\\''");
  });
});
