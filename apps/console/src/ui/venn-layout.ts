import type { OverlapRegion } from './upset-layout.ts';

export interface Circle {
  readonly x: number;
  readonly y: number;
  readonly r: number;
}

export interface VennLabel {
  readonly region: OverlapRegion;
  readonly x: number;
  readonly y: number;
}

export interface VennLayout {
  readonly circles: readonly Circle[];
  /** A point inside each region that the circles draw, as far from their edges as can be. */
  readonly labels: readonly VennLabel[];
  /** Regions with customers that three circles cannot draw. */
  readonly undrawn: readonly OverlapRegion[];
}

const WIDTH = 100;
const STEPS = 90;

/** Area that two circles share whose centres lie so far apart. */
export function lensArea(a: number, b: number, distance: number): number {
  if (distance >= a + b) return 0;
  if (distance <= Math.abs(a - b)) return Math.PI * Math.min(a, b) ** 2;
  const part = (r: number, s: number): number => {
    const cosine = (distance ** 2 + r ** 2 - s ** 2) / (2 * distance * r);
    return r ** 2 * Math.acos(Math.max(-1, Math.min(1, cosine)));
  };
  const kite = (-distance + a + b) * (distance + a - b) * (distance - a + b) * (distance + a + b);
  return part(a, b) + part(b, a) - Math.sqrt(Math.max(0, kite)) / 2;
}

/** How far apart two circles must lie to share an area; found by halving, the area falls with the distance. */
export function distanceFor(a: number, b: number, area: number): number {
  let [near, far] = [Math.abs(a - b), a + b];
  for (let step = 0; step < 60; step++) {
    const middle = (near + far) / 2;
    if (lensArea(a, b, middle) > area) near = middle;
    else far = middle;
  }
  return (near + far) / 2;
}

/**
 * Two or three circles whose areas are the sizes of the sets and whose pairs share the right area. Two circles are
 * exact; with three, the middle follows from the pairs and is right only in shape. Coordinates fit a box 100 wide.
 */
export function vennLayout(
  sizes: readonly number[],
  regions: readonly OverlapRegion[],
): VennLayout & { readonly height: number } {
  const radii = sizes.map((size) => Math.sqrt(Math.max(size, 0) / Math.PI));
  const r = (at: number): number => radii[at] ?? 0;
  const shared = (one: number, other: number): number =>
    regions
      .filter(({ members }) => members.includes(one) && members.includes(other))
      .reduce((sum, { size }) => sum + size, 0);
  const apart = (one: number, other: number): number => {
    const both = shared(one, other);
    // Sets without common customers stand clear of each other.
    return both === 0 ? (r(one) + r(other)) * 1.06 : distanceFor(r(one), r(other), both);
  };
  const ab = apart(0, 1);
  const centres = [
    { x: 0, y: 0 },
    { x: ab, y: 0 },
  ];
  if (sizes.length > 2) {
    const [ac, bc] = [apart(0, 2), apart(1, 2)];
    // Where the three distances make no triangle, the third circle lies on the line of the first two.
    const x = ab === 0 ? 0 : (ac ** 2 - bc ** 2 + ab ** 2) / (2 * ab);
    const bounded = Math.max(-ac, Math.min(ac, x));
    centres.push({ x: bounded, y: Math.sqrt(Math.max(0, ac ** 2 - bounded ** 2)) });
  }
  const raw = centres.slice(0, sizes.length).map((centre, at) => ({ ...centre, r: r(at) }));
  const [left, right] = [Math.min(...raw.map((c) => c.x - c.r)), Math.max(...raw.map((c) => c.x + c.r))];
  const [top, bottom] = [Math.min(...raw.map((c) => c.y - c.r)), Math.max(...raw.map((c) => c.y + c.r))];
  const scale = WIDTH / Math.max(right - left, 1e-9);
  const circles = raw.map((c) => ({ x: (c.x - left) * scale, y: (c.y - top) * scale, r: c.r * scale }));
  const height = (bottom - top) * scale;
  const filled = regions.filter(({ size }) => size > 0);
  const labels: VennLabel[] = [];
  const undrawn: OverlapRegion[] = [];
  for (const region of filled) {
    const point = poleOf(region.members, circles, height);
    if (point) labels.push({ region, ...point });
    else undrawn.push(region);
  }
  return { circles, labels, undrawn, height };
}

/** The point of a grid inside exactly these circles that is farthest from every edge. */
function poleOf(
  members: readonly number[],
  circles: readonly Circle[],
  height: number,
): { x: number; y: number } | undefined {
  let best: { x: number; y: number } | undefined;
  let farthest = 0;
  for (let row = 0; row <= STEPS; row++) {
    for (let column = 0; column <= STEPS; column++) {
      const [x, y] = [(column / STEPS) * WIDTH, (row / STEPS) * height];
      const room = Math.min(
        ...circles.map((circle, at) => {
          const inside = circle.r - Math.hypot(x - circle.x, y - circle.y);
          return members.includes(at) ? inside : -inside;
        }),
      );
      if (room > farthest) {
        farthest = room;
        best = { x, y };
      }
    }
  }
  return best;
}
