import { describe, expect, it } from 'vitest';
import { en } from './en/index.ts';
import { preferredLanguage } from './languages.ts';
import { zhHans } from './zh-Hans/index.ts';
import { zhHant } from './zh-Hant/index.ts';

/** Key and text of every leaf; plural forms count as one key. */
function textsOf(tree: object, path = ''): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [name, value] of Object.entries(tree)) {
    const key = `${path}${name}`;
    if (typeof value === 'string') texts.set(key.replace(/_(one|other)$/, ''), value);
    else for (const [inner, text] of textsOf(value, `${key}.`)) texts.set(inner, text);
  }
  return texts;
}
const holesOf = (text: string): string[] =>
  [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1] ?? '').sort();

const english = textsOf(en);

describe.each([
  ['zh-Hant', textsOf(zhHant)],
  ['zh-Hans', textsOf(zhHans)],
])('the texts in %s', (_language, texts) => {
  it('have exactly the keys of the English ones', () => {
    expect([...texts.keys()].sort()).toEqual([...english.keys()].sort());
  });

  it('are none of them empty', () => {
    expect([...texts].filter(([, text]) => text.trim() === '')).toEqual([]);
  });

  it('fill in the same values', () => {
    const differing = [...texts].filter(
      ([key, text]) => holesOf(text).join() !== holesOf(english.get(key) ?? '').join(),
    );
    expect(differing).toEqual([]);
  });
});

describe('the language of the console', () => {
  it.each([
    [['zh-TW'], 'zh-Hant'],
    [['zh-HK', 'en'], 'zh-Hant'],
    [['zh-Hant-CN'], 'zh-Hant'],
    [['zh-CN'], 'zh-Hans'],
    [['zh'], 'zh-Hans'],
    [['en-US', 'zh-TW'], 'en'],
    [['de', 'zh-TW'], 'zh-Hant'],
    [['de'], 'en'],
  ])('for a browser that prefers %j is %s', (preferences, language) => {
    expect(preferredLanguage(preferences)).toBe(language);
  });
});
