import { describe, expect, it } from 'vitest';
import { columnName, guessColumn, readHead } from './list-file.ts';

describe('a file before it is uploaded', () => {
  it.each([
    [
      'comma',
      'name,phone\nLi,13800000001\n',
      [
        ['name', 'phone'],
        ['Li', '13800000001'],
      ],
    ],
    [
      'semicolon and CRLF',
      'name;phone\r\nLi;1\r\n',
      [
        ['name', 'phone'],
        ['Li', '1'],
      ],
    ],
    ['quotes', '"Li, Wei","a ""b"""\n', [['Li, Wei', 'a "b"']]],
    ['a byte order mark and no end of line', '\uFEFFC001', [['C001']]],
    ['empty lines', 'C001\n\n\nC002\n', [['C001'], ['C002']]],
  ])('is cut into fields: %s', (_name, text, rows) => {
    expect(readHead(text).rows).toEqual(rows);
  });

  it('shows no more than the first lines', () => {
    expect(readHead('x\n'.repeat(100)).rows).toHaveLength(5);
    expect(readHead('').rows).toEqual([]);
  });

  it.each([
    ['the head', 'name,手機號碼\nLi,138\n', { column: 1, hasHead: true, key: 'phone' }],
    ['values under an unknown head', 'a,b\nx,li@bank.example\n', { column: 1, hasHead: true, key: 'email' }],
    [
      'values of a file without a head',
      '+86 13800000001\n+86 13800000002\n',
      { column: 0, hasHead: false, key: 'phone' },
    ],
    ['one value alone', 'li@bank.example', { column: 0, hasHead: false, key: 'email' }],
    [
      'nothing: customer ids in the first column',
      'C0001\nC0002\n',
      { column: 0, hasHead: false, key: 'customer_id' },
    ],
    ['hashes', `phone_hash\n${'ab'.repeat(32)}\n`, { column: 0, hasHead: true, key: 'phone_sha256' }],
  ])('has its column guessed by %s', (_name, text, guess) => {
    expect(guessColumn(readHead(text))).toEqual(guess);
  });

  it('names the column by its head, and by its number where there is none', () => {
    const head = readHead('name,phone\nLi,13800000001\n');
    expect(columnName(head, { column: 1, hasHead: true, key: 'phone' })).toBe('phone');
    expect(columnName(head, { column: 1, hasHead: false, key: 'phone' })).toBe('2');
    expect(columnName(readHead('7,8\nC1,C2\n'), { column: 1, hasHead: true, key: 'customer_id' })).toBe('2');
  });
});
