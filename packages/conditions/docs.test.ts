import { readFileSync } from 'node:fs';
import { LANGUAGES } from '@rapport/kernel';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { AGGREGATES, aggregateParts, ConditionSchema, OPERATORS } from './condition.ts';
import { exampleCatalog } from './example-catalog.test-support.ts';
import { walkCondition } from './relatives.ts';
import { describeCondition } from './sentence.ts';
import { requireCondition } from './validate.ts';

const page = readFileSync(new URL('../../docs/conditions.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```json\n([^`]+)```\n\n((?:>.*\n)*)/g)].map(
  ([, json = '', quote = '']) => ({
    json: json.trim(),
    sentences: quote
      .trim()
      .split('\n')
      .map((line) => line.replace(/^> /, '').replace(/ {2}$/, '')),
  }),
);
const conditions = examples.map(({ json }) => requireCondition(JSON.parse(json), exampleCatalog));

describe('docs/conditions.md', () => {
  it.each(examples)('$json reads as it says there', ({ json, sentences }) => {
    const condition = requireCondition(JSON.parse(json), exampleCatalog);
    expect(Value.Check(ConditionSchema, condition)).toBe(true);
    const order = ['en', 'zh-Hant', 'zh-Hans'] as const;
    expect([...order].sort()).toEqual([...LANGUAGES].sort());
    expect(order.map((language) => describeCondition(condition, exampleCatalog, language))).toEqual(
      sentences,
    );
  });

  it('has an example of every operator, aggregate and kind of node', () => {
    const used = new Set<string>();
    for (const condition of conditions) {
      walkCondition(condition, (node) => {
        for (const name of Object.keys(node)) used.add(name);
        if ('op' in node) used.add(node.op);
        if ('event' in node) used.add(aggregateParts(node.aggregate).name);
      });
    }
    const kinds = ['all', 'any', 'not', 'tag', 'event', 'sequence', 'audience', 'list', 'bucket', 'always'];
    expect([...OPERATORS, ...AGGREGATES, ...kinds].filter((name) => !used.has(name))).toEqual([]);
  });
});
