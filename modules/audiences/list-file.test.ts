import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ListFileCounts, listRows } from './list-file.ts';

async function read(
  text: string | Uint8Array,
  column?: string,
  cut = 7,
): Promise<{ rows: [line: number, value: string][]; counts: ListFileCounts }> {
  const bytes = Buffer.from(text);
  async function* file(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += cut) yield bytes.subarray(at, at + cut);
  }
  const counts = { rows: 0, empty: 0, bytes: 0 };
  const rows: [number, string][] = [];
  for await (const chunk of listRows(file(), { column }, counts)) {
    for (let at = 0; at < chunk.length; ) {
      const line = Buffer.from(chunk).readUInt32LE(at);
      let size = chunk[at + 4] ?? 0;
      at += 5;
      if (size >= 128) size = (size & 127) + ((chunk[at++] ?? 0) << 7);
      rows.push([line, Buffer.from(chunk.subarray(at, at + size)).toString('utf8')]);
      at += size;
    }
  }
  return { rows, counts };
}

describe('list files', () => {
  it('takes plain lines, with CRLF, a byte order mark and no end of line at the end', async () => {
    const { rows, counts } = await read('\uFEFFC1\r\n  C2 \r\n\r\nC3');
    expect(rows).toEqual([
      [1, 'C1'],
      [2, 'C2'],
      [4, 'C3'],
    ]);
    expect(counts).toMatchObject({ rows: 3, empty: 0 });
  });

  it('finds a column by name or number behind quotes, separators and line breaks inside quotes', async () => {
    const csv = 'name;phone\n"A; ""x""\nB";0912\nC;\n;"09""13"\n';
    expect((await read(csv, 'phone')).rows).toEqual([
      [2, '0912'],
      [5, '09"13'],
    ]);
    expect((await read(csv, 'phone')).counts).toMatchObject({ rows: 3, empty: 1 });
    expect((await read('a\tb\nc\td\n', '2')).rows.map(([, value]) => value)).toEqual(['b', 'd']);
  });

  it('says what is wrong and on which line', async () => {
    const code = (text: string, column?: string): Promise<unknown> => read(text, column);
    await expect(code('id\n1\n', 'phone')).rejects.toMatchObject({
      code: 'audiences.bad_list_file',
      message: 'Line 1: the head has no column "phone"; it has "id".',
    });
    await expect(code('', 'phone')).rejects.toMatchObject({ code: 'audiences.bad_list_file' });
    await expect(code('ok\n\0PK')).rejects.toThrow('Line 2: holds a zero byte');
    await expect(code(`ok\n${'x'.repeat(600)}\n`)).rejects.toThrow('Line 2: holds a value longer');
    await expect(code('ok\n"open\n\n')).rejects.toThrow('opened in the record of line 2');
  });

  it('gives back every value that was written as CSV, however the bytes are cut', async () => {
    const cell = fc.string({
      unit: fc.constantFrom('a', 'é', '客', '"', ',', '\n', ' ', ';', '9'),
      maxLength: 200,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 50 }),
        async (table, cut) => {
          const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;
          const csv = [['one', 'two'], ...table].map((row) => row.map(quote).join(',')).join('\r\n');
          const { rows, counts } = await read(csv, 'two', cut);
          const expected = table.map(([, two]) => two.replaceAll(/^[ \t]+|[ \t]+$/g, ''));
          expect(counts.rows).toBe(table.length);
          expect(rows.map(([, value]) => value)).toEqual(expected.filter((value) => value !== ''));
        },
      ),
      { numRuns: 200 },
    );
  });
});
