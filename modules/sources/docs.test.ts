import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { parseManifest } from './manifest.ts';
import { ROW_REASONS } from './typing.ts';

const page = await readFile(new URL('../../docs/sources.md', import.meta.url), 'utf8');
const manifests = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');

it.each(manifests)('the manifest in docs/sources.md is valid: %s', (yaml) => {
  expect(parseManifest(yaml).tables.length).toBeGreaterThan(0);
});

it('docs/sources.md shows every format and lists every reason', () => {
  expect(
    new Set(manifests.flatMap((yaml) => parseManifest(yaml).tables.map((table) => table.format))),
  ).toEqual(new Set(['csv', 'jsonl', 'parquet', 'fixed', 'xlsx', 'json']));
  for (const reason of ROW_REASONS) expect(page).toContain(`\`${reason}\``);
});
