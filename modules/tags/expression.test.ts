import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileExpression, EXPRESSION_FUNCTIONS } from './expression.ts';
import { rowScope } from './tables.ts';

const compile = (text: string) => compileExpression(text, rowScope('customer'), '/value');
const faults = (text: string): string[] => {
  const result = compile(text);
  return 'faults' in result ? result.faults.map(({ message }) => message) : [];
};

describe('an expression', () => {
  it('becomes SQL over the columns of its table and nothing else', () => {
    expect(compile("if(gender = 'female', upper(city), attributes['x\\'y'])")).toEqual({
      compiled: {
        sql: "(if ( nullIf(toString(gender), '') = 'female' , upperUTF8 ( nullIf(toString(city), '') ) , nullIf(attributes['x\\'y'], '') ))",
        names: ['gender', 'city', "attributes.x'y"],
      },
    });
    expect(compile('yearsSince(birth_date)')).toMatchObject({
      compiled: { sql: "(age('year', birth_date, toDate32({asOf:DateTime64(3, 'UTC')})))" },
    });
  });

  it('is refused with the place of the fault', () => {
    expect(faults('secret')[0]).toMatch(/There is no "secret".*at character 1/);
    expect(faults('lower(gender')[0]).toMatch(/not closed/);
    expect(faults('gender; drop')[0]).toMatch(/";" is not part/);
    expect(faults('{key:String}')[0]).toMatch(/"{" is not part/);
    expect(faults('tags[1]')[0]).toMatch(/name in quotes/);
    expect(faults("other['x']")[0]).toMatch(/no "other" with keys/);
    expect(faults('  ')).toEqual(['The expression is empty.']);
    expect(faults("file('/etc/passwd')")[0]).toMatch(/no function "file"/);
  });

  it('lets no word through that is not a column, a keyword or a function, and keeps brackets closed', () => {
    const words = [
      'gender',
      'city',
      'select',
      'from',
      'customer_pii',
      'and',
      '(',
      ')',
      "'a'",
      '1',
      '=',
      ',',
      '--',
      '/*',
      '`',
      '"',
      ';',
      '{',
      'sleep(',
      'lower(',
    ];
    const allowed = new Set([
      ...EXPRESSION_FUNCTIONS,
      'and',
      'or',
      'not',
      'is',
      'null',
      'in',
      'nullIf',
      'toString',
      'lowerUTF8',
      // Every column of the table may be named, and random text does name the short ones.
      ...rowScope('customer').known,
    ]);
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 4 })), { maxLength: 12 }),
        (parts) => {
          const result = compile(parts.join(' '));
          if ('faults' in result) return;
          // Without its texts and its numbers (`0e0` is one, not a word).
          const code = result.compiled.sql
            .replaceAll(/'(?:[^'\\]|\\.)*'/g, '')
            .replaceAll(/\b\d+(?:\.\d*)?(?:e[+-]?\d+)?\b/gi, '0');
          expect(code).not.toMatch(/--|\/\*|[;`"{}]/);
          let depth = 0;
          for (const [at, sign] of [...code].entries()) {
            depth += sign === '(' ? 1 : sign === ')' ? -1 : 0;
            if (at < code.length - 1) expect(depth).toBeGreaterThan(0);
          }
          expect(depth).toBe(0);
          for (const [word] of code.matchAll(/[A-Za-z_]\w*/g))
            expect(
              allowed.has(word) ||
                allowed.has(word.toLowerCase()) ||
                /^(?:asOf|TRUE|FALSE|CASE|WHEN|THEN|ELSE|END|LIKE|BETWEEN)$/.test(word),
              word,
            ).toBe(true);
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
