import { readFile } from 'node:fs/promises';
import { Value } from 'typebox/value';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { ConnectionSettings } from './connection.schema.ts';
import { parseManifest } from './manifest.ts';
import { STREAM_REASONS } from './streams.service.ts';
import { ROW_REASONS } from './typing.ts';

const page = await readFile(new URL('../../docs/sources.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
const manifests = examples.filter((yaml) => yaml.startsWith('source:'));
const connections = examples.filter((yaml) => yaml.startsWith('connection:'));

it.each(manifests)('the manifest in docs/sources.md is valid: %s', (yaml) => {
  expect(parseManifest(yaml).tables.length).toBeGreaterThan(0);
});

it('the connections in docs/sources.md are valid, and there is one of each kind', () => {
  expect(manifests.length + connections.length).toBe(examples.length);
  const settings = connections.map((yaml): unknown => {
    const { connection: _name, ...rest } = parse(yaml);
    return rest;
  });
  for (const each of settings) expect([...Value.Errors(ConnectionSettings, each)]).toEqual([]);
  expect(settings.map((each) => (Value.Check(ConnectionSettings, each) ? each.kind : ''))).toEqual([
    's3',
    'http',
    'postgresql',
    'mysql',
  ]);
});

it('docs/sources.md shows every format and lists every reason', () => {
  expect(
    new Set(manifests.flatMap((yaml) => parseManifest(yaml).tables.map((table) => table.format))),
  ).toEqual(new Set(['csv', 'jsonl', 'parquet', 'fixed', 'xlsx', 'json']));
  for (const reason of [...ROW_REASONS, ...STREAM_REASONS]) expect(page).toContain(`\`${reason}\``);
});
