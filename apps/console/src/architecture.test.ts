import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = dirname(fileURLToPath(import.meta.url));
const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.name.includes('.test.'))
  .map((entry) => relative(root, join(entry.parentPath, entry.name)));
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');

describe('the source of the console', () => {
  it('imports Ant Design, ECharts, React Flow and the code editor in ui/ only', () => {
    const outside = files.filter(
      (file) =>
        !file.startsWith('ui/') &&
        /from '(antd|@ant-design|echarts|@xyflow|@dagrejs|@codemirror|@lezer)[/']/.test(textOf(file)),
    );
    expect(outside).toEqual([]);
  });

  it('names colours in the tokens only', () => {
    const outside = files.filter(
      (file) => /^(pages|shell|builder)\//.test(file) && /['" ]#[0-9a-f]{6}\b/.test(textOf(file)),
    );
    expect(outside).toEqual(['pages/content/starters.ts']);
  });

  it('takes only types from the contracts, so that no schema reaches the browser', () => {
    const values = files.filter((file) => /^import (?!type)[^;]*'@rapport\//m.test(textOf(file)));
    expect(values).toEqual([]);
  });

  it('writes no words into its pages', () => {
    const literal = files.flatMap((file) =>
      file.endsWith('.tsx')
        ? [...textOf(file).matchAll(/>\s*([A-Z][a-z]+(?: [a-z]+)+)\s*</g)].map(
            (match) => `${file}: ${match[1]}`,
          )
        : [],
    );
    expect(literal).toEqual([]);
  });
});
