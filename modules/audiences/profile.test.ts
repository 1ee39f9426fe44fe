import { seededRandom } from '@rapport/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODES, codeCounts, countBytes, gather, packPair, totalBytes } from './coded-tag.ts';
import { sayFinding, sayShare } from './finding-words.ts';
import { alikenessOf, findingsOf, type ProfileOptions, profileOf, type TagCounts } from './profile.ts';

const CUSTOMERS = 8_000;
const options = (audienceSize: number, more: Partial<ProfileOptions> = {}): ProfileOptions => ({
  audienceSize,
  baseSize: CUSTOMERS,
  restSize: CUSTOMERS - audienceSize,
  minSupport: 0.005,
  minEffect: 0.1,
  correction: 'benjamini-hochberg',
  level: 0.05,
  ...more,
});

function tagOf(draw: (cid: number) => number): Uint8Array {
  return Uint8Array.from({ length: CUSTOMERS }, (_, cid) => draw(cid));
}
function countsOf(tag: string, codes: Uint8Array, members: Uint32Array): TagCounts {
  const audience = codeCounts(countBytes(codes, members), 0);
  const base = codeCounts(totalBytes(codes), 0);
  base[0] = CUSTOMERS - base.reduce((sum, count, code) => (code > 0 ? sum + count : sum), 0);
  return {
    tag,
    ordered: false,
    audience,
    base,
    rest: base.map((count, code) => count - (audience[code] ?? 0)),
  };
}

describe('counting codes', () => {
  it('agrees with counting one by one, for two tags in a byte, any members and lengths', () => {
    const codesOf = fc.array(fc.integer({ min: 0, max: CODES - 1 }), { maxLength: 200 });
    fc.assert(
      fc.property(
        codesOf,
        codesOf,
        fc.uniqueArray(fc.nat({ max: 300 }), { maxLength: 150 }),
        (one, other, cids) => {
          const bytes = packPair(Uint8Array.from(one), Uint8Array.from(other));
          const members = Uint32Array.from(cids.toSorted((a, b) => a - b));
          for (const [list, shift] of [
            [one, 0],
            [other, 4],
          ] as const) {
            const expected: number[] = new Array<number>(CODES).fill(0);
            for (const cid of members) expected[list[cid] ?? 0] = (expected[list[cid] ?? 0] ?? 0) + 1;
            expect([...codeCounts(countBytes(bytes, members), shift)]).toEqual(expected);
            expect([...gather({ bytes, shift }, members)]).toEqual([...members].map((cid) => list[cid] ?? 0));
            const totals: number[] = new Array<number>(CODES).fill(0);
            for (const code of list) if (code > 0) totals[code] = (totals[code] ?? 0) + 1;
            expect([...codeCounts(totalBytes(bytes), shift)].slice(1)).toEqual(totals.slice(1));
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('a profile', () => {
  it('ranks a planted trait first and puts the tag that repeats it beside it', () => {
    const random = seededRandom(11);
    const isMember = Uint8Array.from({ length: CUSTOMERS }, () => (random.next() < 0.2 ? 1 : 0));
    const members = Uint32Array.from([...isMember.keys()].filter((cid) => isMember[cid] === 1));
    const noise = Array.from({ length: 30 }, () => tagOf(() => 1 + random.integer(6)));
    const planted = tagOf((cid) => (random.next() < (isMember[cid] ? 0.38 : 0.16) ? 2 : 1));
    const repeated = tagOf((cid) => (random.next() < 0.03 ? 1 : (planted[cid] ?? 0)));
    const weak = tagOf((cid) => (random.next() < (isMember[cid] ? 0.3 : 0.22) ? 3 : 1));
    const all = new Map<string, Uint8Array>([
      ...noise.map((codes, at): [string, Uint8Array] => [`noise_${at}`, codes]),
      ['weak', weak],
      ['repeated', repeated],
      ['planted', planted],
    ]);
    const tags = profileOf(
      [...all].map(([tag, codes]) => countsOf(tag, codes, members)),
      options(members.length),
    );
    const findings = findingsOf(
      tags,
      new Set(),
      (one, other) => alikenessOf(all.get(one) ?? planted, all.get(other) ?? planted),
      10,
    );
    expect(findings.map((finding) => finding.tag).slice(0, 2)).toEqual(['planted', 'weak']);
    expect(findings[0]?.alike).toEqual(['repeated']);
    const bucket = tags.find((tag) => tag.tag === 'planted')?.buckets.find((one) => one.code === 2);
    expect(bucket?.tgi).toBeGreaterThan(170);
    expect(bucket?.effect).toBeGreaterThan(0.4);
  });

  it('makes false findings in at most five of a hundred random audiences, exact tests included', () => {
    const random = seededRandom(5);
    const tags = Array.from({ length: 25 }, (_, at) =>
      tagOf(() => (at % 3 === 0 ? (random.next() < 0.004 ? 2 : 1) : 1 + random.integer(2 + (at % 5)))),
    );
    const totals = tags.map((codes, at) => countsOf(`t${at}`, codes, new Uint32Array()));
    for (const correction of ['benjamini-hochberg', 'holm'] as const) {
      let wrong = 0;
      const rounds = 120;
      for (let round = 0; round < rounds; round++) {
        const share = round % 2 === 0 ? 0.02 : 0.2;
        const drawn: number[] = [];
        for (let cid = 0; cid < CUSTOMERS; cid++) if (random.next() < share) drawn.push(cid);
        const members = Uint32Array.from(drawn);
        const profiled = profileOf(
          totals.map((total, at) => {
            const audience = codeCounts(countBytes(tags[at] ?? new Uint8Array(), members), 0);
            const rest = Float64Array.from(audience, (count, code) => (total.base[code] ?? 0) - count);
            return { ...total, audience, rest };
          }),
          options(members.length, { minEffect: 0, minSupport: 0, correction }),
        );
        if (profiled.some((tag) => tag.buckets.some((bucket) => bucket.isFinding))) wrong++;
      }
      // Both bound the chance at 5 % when nothing is true; 120 rounds may show 11 % at three standard errors.
      expect(wrong / rounds, correction).toBeLessThan(0.11);
    }
  });

  it('joins neighbouring ranges that differ the same way', () => {
    const counts = (list: readonly number[]): Float64Array =>
      Float64Array.from({ length: CODES }, (_, at) => list[at] ?? 0);
    const audience = counts([0, 100, 200, 800, 900]);
    const base = counts([0, 2000, 2000, 2000, 2000]);
    const tags = profileOf(
      [
        {
          tag: 'aum',
          ordered: true,
          middles: [undefined, 1, 2, 3, 4],
          audience,
          base,
          rest: base.map((count, code) => count - (audience[code] ?? 0)),
        },
      ],
      options(2000),
    );
    const [finding] = findingsOf(tags, new Set(['aum']), () => 0, 5);
    expect(finding?.codes).toEqual([3, 4]);
    expect(finding?.audienceShare).toBeCloseTo(0.85, 10);
    expect(finding?.baseShare).toBeCloseTo(0.5, 10);
    expect(tags[0]?.meanDifference).toBeGreaterThan(0.5);
  });

  it('is silent about an audience of everybody', () => {
    const codes = tagOf((cid) => 1 + (cid % 3));
    const everybody = Uint32Array.from({ length: CUSTOMERS }, (_, cid) => cid);
    const [tag] = profileOf([countsOf('t', codes, everybody)], options(CUSTOMERS));
    expect(tag?.score).toBe(0);
    expect(
      tag?.buckets.every((bucket) => !bucket.isFinding && Math.abs((bucket.tgi ?? 0) - 100) < 1e-9),
    ).toBe(true);
  });
});

describe('a finding in words', () => {
  const facts = { trait: 'Own funds: yes', audienceShare: 0.38, baseShare: 0.16 };
  it('says how many times as many and both shares, and no cause', () => {
    expect(sayFinding(facts, 'en')).toBe(
      'Own funds: yes: 2.4 times as common (38% against 16% among all customers)',
    );
    expect(sayFinding({ ...facts, trait: '持有基金:是' }, 'zh-Hant')).toBe(
      '持有基金:是：佔比為全體客戶的 2.4 倍（本客群 38%，全體客戶 16%）',
    );
    expect(sayFinding({ ...facts, trait: '持有基金:是', baseName: '潜力客户' }, 'zh-Hans')).toContain(
      '“潜力客户”',
    );
    for (const language of ['en', 'zh-Hant', 'zh-Hans'] as const)
      for (const [audienceShare, baseShare] of [
        [0, 0.3],
        [0.3, 0],
        [0.1, 0.3],
        [0.31, 0.3],
        [0.29, 0.3],
      ] as const)
        expect(sayFinding({ trait: 'x', audienceShare, baseShare }, language)).not.toMatch(
          /because|cause|因為|因为|導致|导致|NaN|Infinity/,
        );
  });
  it('writes shares with the digits they need', () => {
    expect([0.38, 0.042, 0.0007, 0.00001, 1, 0.9999, 0].map(sayShare)).toEqual([
      '38%',
      '4.2%',
      '0.07%',
      '<0.01%',
      '100%',
      '>99.5%',
      '0%',
    ]);
  });
});
