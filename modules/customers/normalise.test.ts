import { startTestStores, type TestStores } from '@rapport/testkit';
import fc from 'fast-check';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNormaliser } from './normalise.ts';

const Texts = Type.Object({ texts: Type.Array(Type.String()) });
const KINDS = ['name', 'sound', 'phone', 'email', 'address', 'document'] as const;

describe('normalisation', () => {
  const normaliser = createNormaliser({ country: '+886' });
  let stores: TestStores;
  beforeAll(async () => {
    stores = await startTestStores();
  });
  afterAll(() => stores?.stop());

  it('writes one name in one way', () => {
    const { name, sound } = normaliser;
    expect(name('陳 小明 先生')).toBe('陈小明');
    expect(name('ＬＥＥ，Ann-Marie')).toBe(name('Ann Marie Lee'));
    expect(name('海州宏達貿易股份有限公司')).toBe(name('海州宏达贸易有限公司'));
    expect(sound(name('張偉'))).toBe(sound(name('章伟')));
    expect(sound(name('張偉'))).not.toBe(sound(name('王伟')));
  });

  it('writes one number in one way', () => {
    const { phone, email, document } = normaliser;
    expect(phone('0912-345-678')).toBe('+886912345678');
    expect(phone('+886 0912 345 678')).toBe('+886912345678');
    expect(phone('１３８００１３８０００')).toBe('+8613800138000');
    expect(phone('0086 138 0013 8000')).toBe('+8613800138000');
    expect(email('Ann.Lee+shop@GMail.com')).toBe('annlee@gmail.com');
    // The worked example of GB 11643: 11010519491231002X.
    expect(document('110105491231002')).toBe('11010519491231002X');
  });

  it('writes one address in one way', () => {
    const { address } = normaliser;
    expect(address('臺北市中山區南京東路二段 12 號 3 樓')).toBe(address('台北中山南京东路2段12号3楼'));
    expect(address('上海市浦东新区世纪大道100号2栋301室')).toBe(address('上海浦东新区世纪大道100号2幢301'));
  });

  it('gives the same in the warehouse', async () => {
    const word = fc.constantFrom(
      ...'陳陈臺台小明 张張-王,.（）()ＡＢab号路段12３0912+8613@gmail.com先生有限公司ltd co mrs\'"\\'.split(
        '',
      ),
    );
    const text = fc.oneof(
      fc.array(word, { maxLength: 14 }).map((words) => words.join('')),
      fc.string({ unit: 'grapheme-ascii', maxLength: 12 }),
      fc.constantFrom('0912345678', '13800138000', '886912345678', '110105491231002', 'Mr John Smith Ltd'),
    );
    const samples = fc.sample(text, { numRuns: 1_500, seed: 11 });
    for (const kind of KINDS) {
      const [row] = await stores.warehouse.query(
        Texts,
        `SELECT groupArray(t) AS texts FROM (SELECT ${normaliser.sql[kind]('x')} AS t FROM (SELECT arrayJoin(arrayEnumerate({texts:Array(String)})) AS place, {texts:Array(String)}[place] AS x) ORDER BY place)`,
        { texts: samples },
      );
      const here = samples.map((sample) => normaliser[kind](sample));
      const differing = samples
        .map((sample, place) => ({ sample, here: here[place], there: row?.texts[place] }))
        .filter((each) => each.here !== each.there);
      expect({ kind, differing: differing.slice(0, 5) }).toEqual({ kind, differing: [] });
    }
  });
});
