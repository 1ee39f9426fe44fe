import { describe, expect, it } from 'vitest';
import { type OverlapRegion, upsetLayout } from './upset-layout.ts';
import { distanceFor, lensArea, vennLayout } from './venn-layout.ts';

const region = (size: number, ...members: number[]): OverlapRegion => ({ members, size });

describe('an UpSet plot', () => {
  const regions = [region(10, 2), region(40, 0), region(25, 3, 0), region(0, 1), region(5, 0, 1, 2)];

  it('has a column for each region that somebody is in, largest first', () => {
    const { columns } = upsetLayout(regions, 10);
    expect(columns.map((column) => column.region.size)).toEqual([40, 25, 10, 5]);
    expect(columns.map((column) => column.height)).toEqual([1, 0.625, 0.25, 0.125]);
  });

  it('joins the dots of a column from its first set to its last', () => {
    const [, second, third] = upsetLayout(regions, 10).columns;
    expect(second).toMatchObject({ rows: [0, 3], from: 0, to: 3 });
    expect(third).toMatchObject({ rows: [2], from: 2, to: 2 });
  });

  it('loses nobody when it does not show all', () => {
    const { columns, rest } = upsetLayout(regions, 2);
    expect(columns).toHaveLength(2);
    expect(rest).toEqual({ regions: 2, size: 15 });
    expect(upsetLayout([], 5)).toEqual({ columns: [], rest: { regions: 0, size: 0 } });
  });
});

describe('circles that overlap', () => {
  it('share nothing apart and the smaller one within', () => {
    expect(lensArea(1, 2, 3)).toBe(0);
    expect(lensArea(1, 2, 0.5)).toBeCloseTo(Math.PI);
  });

  it('lie as far apart as their common area says', () => {
    for (const [a, b, area] of [
      [1, 1, 1],
      [3, 1, 0.2],
      [2, 5, 12],
    ] as const) {
      expect(lensArea(a, b, distanceFor(a, b, area))).toBeCloseTo(area, 6);
    }
  });
});

describe('a Venn diagram', () => {
  const inside = (x: number, y: number, circle: { x: number; y: number; r: number }): boolean =>
    Math.hypot(x - circle.x, y - circle.y) < circle.r;

  it('draws areas in proportion to two sets and what they share', () => {
    const { circles } = vennLayout([1000, 400], [region(800, 0), region(200, 0, 1), region(200, 1)]);
    const [a, b] = circles;
    if (!a || !b) throw new Error('Two circles were expected.');
    expect((b.r / a.r) ** 2).toBeCloseTo(0.4, 6);
    const shared = lensArea(a.r, b.r, Math.hypot(a.x - b.x, a.y - b.y));
    expect(shared / (Math.PI * a.r ** 2)).toBeCloseTo(0.2, 4);
  });

  it('puts every number inside exactly its sets', () => {
    const regions = [
      region(500, 0),
      region(300, 1),
      region(250, 2),
      region(120, 0, 1),
      region(90, 0, 2),
      region(80, 1, 2),
      region(60, 0, 1, 2),
    ];
    const { circles, labels, undrawn, height } = vennLayout([770, 560, 480], regions);
    expect(undrawn).toEqual([]);
    expect(labels).toHaveLength(7);
    for (const {
      region: { members },
      x,
      y,
    } of labels) {
      expect(circles.flatMap((circle, at) => (inside(x, y, circle) ? [at] : []))).toEqual(members);
    }
    for (const { x, y, r } of circles) {
      expect([x - r, y - r].every((edge) => edge > -1e-6)).toBe(true);
      expect(x + r).toBeLessThan(100.001);
      expect(y + r).toBeLessThan(height + 0.001);
    }
  });

  it('keeps sets apart that share nobody, one within the other that it belongs to, and says what it cannot draw', () => {
    const apart = vennLayout([100, 100], [region(100, 0), region(100, 1)]).circles;
    expect(Math.hypot((apart[0]?.x ?? 0) - (apart[1]?.x ?? 0), 0)).toBeGreaterThan(
      (apart[0]?.r ?? 0) + (apart[1]?.r ?? 0),
    );
    const within = vennLayout([100, 30], [region(70, 0), region(30, 0, 1)]);
    expect(within.labels).toHaveLength(2);
    const odd = vennLayout([100, 100, 100], [region(50, 0, 1), region(50, 0, 2), region(50, 1, 2)]);
    expect(odd.labels.length + odd.undrawn.length).toBe(3);
  });
});
