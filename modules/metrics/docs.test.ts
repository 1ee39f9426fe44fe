import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { GRAINS, type MetricDefinition } from './contract.ts';
import { parseMetricsYaml, writeMetricsYaml } from './metrics.yaml.ts';

const page = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
const files = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
const KINDS: Readonly<Record<MetricDefinition['measure']['kind'], true>> = {
  sum: true,
  average: true,
  customers: true,
  ratio: true,
};

it('reads the file of docs/metrics.md, and the same again from what it writes', () => {
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    const metrics = parseMetricsYaml(file);
    expect(parseMetricsYaml(writeMetricsYaml(metrics))).toEqual(metrics);
    const ids = metrics.map(({ id }) => id);
    for (const { measure } of metrics)
      if (measure.kind === 'ratio')
        expect(ids).toEqual(expect.arrayContaining([measure.numerator, measure.denominator]));
  }
});

it('docs/metrics.md shows every measure and names every grain', () => {
  const shown = files.flatMap((file) => parseMetricsYaml(file).map(({ measure }) => measure.kind));
  expect(new Set(shown)).toEqual(new Set(Object.keys(KINDS)));
  for (const grain of GRAINS) expect(page).toContain(`| \`${grain}\` |`);
});
