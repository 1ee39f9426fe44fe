import { readFile } from 'node:fs/promises';
import { lexicalFault } from '@rapport/sources';
import { expect, it } from 'vitest';
import { workbenchProblems } from './workbench.problems.ts';

const page = await readFile(new URL('../../docs/workbench.md', import.meta.url), 'utf8');
const allowed = [...page.matchAll(/```sql\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
const refused = [
  ...(/## What is refused([\s\S]*?)\n## /.exec(page)?.[1] ?? '').matchAll(/^\| `(.+?)` \|/gm),
].map((match) => match[1] ?? '');

it.each(allowed)('lets through what docs/workbench.md asks: %s', (sql) => {
  expect(lexicalFault(sql)).toBeUndefined();
});

it.each(refused)('refuses what docs/workbench.md calls refused: %s', (sql) => {
  expect(lexicalFault(sql)).toBeDefined();
});

it('docs/workbench.md has examples of both, and names only refusals that exist', () => {
  expect(allowed.length).toBeGreaterThan(2);
  expect(refused.length).toBeGreaterThan(5);
  for (const [, code] of page.matchAll(/`workbench\.(not_\w+|failed|too_\w+|b\w+)`/g))
    expect(Object.keys(workbenchProblems)).toContain(code);
});
