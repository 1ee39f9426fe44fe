import type { TagSummary } from '@rapport/tags/contract';
import { describe, expect, it } from 'vitest';
import { readTagSearch, searchTags } from './tag-search.ts';

const tag = (id: string, over: Partial<TagSummary> = {}): TagSummary => ({
  id,
  title: { en: id.replaceAll('_', ' ') },
  category: 'asset/aum',
  valueType: 'number',
  definition: { kind: 'derived', expression: '1' },
  kind: 'derived',
  status: 'published',
  version: 1,
  state: 'fresh',
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  updatedBy: 'usr_1',
  usedBy: 0,
  isFavourite: false,
  views: 0,
  counted: 0,
  verdict: 'good',
  ...over,
});
const text = { title: ({ title }: TagSummary) => title.en, category: (path: string) => path };
const ids = (found: readonly TagSummary[]): string[] => found.map(({ id }) => id);

describe('the search of the tag market', () => {
  const tags = [
    tag('aum_month', {
      title: { en: 'AUM of the month', 'zh-Hant': '月日均資產' },
      counted: 4,
      costShare: 0.1,
    }),
    tag('age', { category: 'profile/person', description: 'Years; matters for AUM too', owner: 'Retail' }),
    tag('risk_level', { dataClass: 'C3', verdict: 'bad', usedBy: 2, isFavourite: true }),
  ];
  it('finds by every word, in any language, titles before descriptions', () => {
    expect(ids(searchTags(tags, { q: 'aum' }, text))).toEqual(['aum_month', 'age', 'risk_level']);
    expect(ids(searchTags(tags, { q: '日均' }, text))).toEqual(['aum_month']);
    expect(ids(searchTags(tags, { q: 'years retail' }, text))).toEqual(['age']);
    expect(ids(searchTags(tags, { q: 'years risk' }, text))).toEqual([]);
  });
  it('narrows by what stands in the address', () => {
    expect(ids(searchTags(tags, { category: 'profile' }, text))).toEqual(['age']);
    expect(ids(searchTags(tags, { category: 'prof' }, text))).toEqual([]);
    expect(ids(searchTags(tags, { dataClass: 'C3' }, text))).toEqual(['risk_level']);
    expect(ids(searchTags(tags, { mine: true }, text))).toEqual(['risk_level']);
    expect(ids(searchTags(tags, { unused: true }, text))).toEqual(['age']);
  });
  it('sorts as asked', () => {
    expect(ids(searchTags(tags, { sort: 'used' }, text))[0]).toBe('aum_month');
    expect(ids(searchTags(tags, { sort: 'quality' }, text))[0]).toBe('risk_level');
    expect(ids(searchTags(tags, {}, text))).toEqual(['age', 'aum_month', 'risk_level']);
  });
  it('reads the address and leaves out what does not fit', () => {
    expect(readTagSearch({ q: 'aum', kind: '', mine: true, sort: 'loudness', unused: 'yes' })).toEqual({
      q: 'aum',
      mine: true,
    });
  });
});
