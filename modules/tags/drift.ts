import type { ValueType } from '@rapport/conditions';
import { chiSquareQuantile } from '@rapport/statistics';
import type { TagDistribution, TagValue } from './contract.ts';

/** What one refresh found of a tag, as far as two of them are compared. */
export interface Spread {
  readonly known: number;
  readonly distinct: number;
  readonly distribution: TagDistribution;
  /** Instant of the values. */
  readonly asOf: number;
}

/** A part of the values, and the share of customers in it at both times. */
export interface SpreadBin {
  /** One value; absent for an interval, and for the values that are not listed. */
  readonly value?: TagValue;
  /** Ends of an interval (from, to]; the outer ones are open. */
  readonly from?: number;
  readonly to?: number;
  readonly before: number;
  readonly now: number;
}

export interface SpreadChange {
  /** Population stability index: Σ (now − before) · ln(now ÷ before) over the bins. */
  readonly psi: number;
  /** Greatest index that chance alone gives in 99 of 100 cases with as few customers. */
  readonly noise: number;
  readonly bins: readonly SpreadBin[];
}

/** A share that is not there is taken as this, so that the logarithm stays finite. */
const LEAST_SHARE = 0.0001;
const LISTED = 20;
const BINS = 10;

/**
 * Compares how values spread at two times. Days and instants are compared as they stand and as ages, and the smaller
 * change counts: a birthday stands still, a last visit moves with the day of the refresh.
 * @returns `undefined` where there is nothing to compare
 */
export function changeOfSpread(type: ValueType, before: Spread, now: Spread): SpreadChange | undefined {
  if (before.known === 0 || now.known === 0) return undefined;
  const isInTime = type === 'date' || type === 'instant';
  if (before.distribution.top.length > 0 && now.distribution.top.length > 0 && !isInTime)
    return changeOf(valueBins(type, before, now), before.known, now.known);
  const change = (shiftMs: number): SpreadChange | undefined => {
    const lines = linesOf(before.distribution, now.distribution, before.known, now.known);
    return lines && changeOf(lineBins(lines.before, lines.now, shiftMs), before.known, now.known);
  };
  const still = change(0);
  if (!isInTime || still === undefined) return still;
  const aged = change(now.asOf - before.asOf);
  return aged && aged.psi < still.psi ? aged : still;
}

function changeOf(bins: readonly SpreadBin[], known: number, knownNow: number): SpreadChange {
  const floor = (share: number): number => Math.max(share, LEAST_SHARE);
  const psi = bins.reduce((sum, bin) => {
    const [before, now] = [floor(bin.before), floor(bin.now)];
    return sum + (now - before) * Math.log(now / before);
  }, 0);
  const noise = bins.length < 2 ? 0 : (1 / known + 1 / knownNow) * chiSquareQuantile(0.99, bins.length - 1);
  return { psi, noise, bins };
}

/** Most frequent values one by one, the others together. */
function valueBins(type: ValueType, before: Spread, now: Spread): SpreadBin[] {
  const countsOf = ({ distribution }: Spread): Map<string, number> =>
    new Map(distribution.top.map(({ value, customers }) => [JSON.stringify(value), customers]));
  const [old, fresh] = [countsOf(before), countsOf(now)];
  const sum = (counts: ReadonlyMap<string, number>): number =>
    [...counts.values()].reduce((a, b) => a + b, 0);
  // Of a list a customer has several values: shares are of all that are listed.
  const [whole, wholeNow] =
    type === 'list' ? [Math.max(1, sum(old)), Math.max(1, sum(fresh))] : [before.known, now.known];
  /** Customers with a value; one that is not listed may have as many as the least that is. */
  const countIn = (
    spread: Spread,
    counts: ReadonlyMap<string, number>,
    key: string,
    atMost: number,
  ): number => {
    const listed = counts.get(key);
    if (listed !== undefined) return listed;
    return spread.distinct <= LISTED || spread.distribution.top.length < LISTED
      ? 0
      : Math.min(atMost, ...counts.values());
  };
  const bins = [...new Set([...old.keys(), ...fresh.keys()])].map((key): SpreadBin => {
    const value =
      before.distribution.top.find((each) => JSON.stringify(each.value) === key)?.value ??
      now.distribution.top.find((each) => JSON.stringify(each.value) === key)?.value;
    const had = countIn(before, old, key, ((fresh.get(key) ?? 0) / wholeNow) * whole);
    const has = countIn(now, fresh, key, ((old.get(key) ?? 0) / whole) * wholeNow);
    return { ...(value === undefined ? {} : { value }), before: had / whole, now: has / wholeNow };
  });
  const rest = (of: 'before' | 'now'): number => Math.max(0, 1 - bins.reduce((all, bin) => all + bin[of], 0));
  const others = { before: rest('before'), now: rest('now') };
  return others.before + others.now < 2 * LEAST_SHARE ? bins : [...bins, others];
}

/** Points (value, share of customers at or below it), both rising. */
type Line = readonly (readonly [number, number])[];

/** Both spreads as lines of the same making. */
function linesOf(
  before: TagDistribution,
  now: TagDistribution,
  known: number,
  knownNow: number,
): { before: Line; now: Line } | undefined {
  const [bars, barsNow] = [lineOfBars(before, known), lineOfBars(now, knownNow)];
  if (bars && barsNow) return { before: bars, now: barsNow };
  const [marks, marksNow] = [lineOfQuantiles(before), lineOfQuantiles(now)];
  return marks && marksNow ? { before: marks, now: marksNow } : undefined;
}

function lineOfBars({ histogram, min, max }: TagDistribution, known: number): Line | undefined {
  const [first, last] = [histogram[0], histogram.at(-1)];
  if (!first || !last || min === undefined || max === undefined) return undefined;
  const inside = histogram.reduce((sum, bar) => sum + bar.customers, 0);
  const outside = Math.max(0, known - inside);
  const isBelow = min < first.from;
  const isAbove = max > last.to;
  const below = isBelow ? (isAbove ? outside / 2 : outside) : 0;
  const all = Math.max(1, inside + (isBelow || isAbove ? outside : 0));
  const points: [number, number][] = [[Math.min(min, first.from), 0]];
  let sum = below;
  points.push([first.from, sum / all]);
  for (const bar of histogram) {
    sum += bar.customers;
    points.push([bar.to, sum / all]);
  }
  if (isAbove) points.push([max, 1]);
  return points;
}

function lineOfQuantiles({ quantiles, min, max }: TagDistribution): Line | undefined {
  if (!quantiles || min === undefined || max === undefined) return undefined;
  const { p5, p25, p50, p75, p95 } = quantiles;
  return [
    [min, 0],
    [p5, 0.05],
    [p25, 0.25],
    [p50, 0.5],
    [p75, 0.75],
    [p95, 0.95],
    [max, 1],
  ];
}

/** Share at or below `x`. */
function shareBelow(line: Line, x: number): number {
  const at = line.findLastIndex(([value]) => value <= x);
  const [low, high] = [line[at], line[at + 1]];
  if (!low) return 0;
  if (!high) return 1;
  const width = high[0] - low[0];
  return width === 0 ? high[1] : low[1] + ((x - low[0]) / width) * (high[1] - low[1]);
}

/** Value that a share of the customers lies at or below. */
function valueAt(line: Line, share: number): number {
  const at = line.findIndex(([, below]) => below >= share);
  const [low, high] = [line[at - 1], line[at]];
  if (!high) return line.at(-1)?.[0] ?? 0;
  if (!low || high[1] === low[1]) return high[0];
  return low[0] + ((share - low[1]) / (high[1] - low[1])) * (high[0] - low[0]);
}

/** Tenths of the customers of before, and how many of now lie in each. */
function lineBins(before: Line, now: Line, shift: number): SpreadBin[] {
  const edges = [
    ...new Set(Array.from({ length: BINS - 1 }, (_, index) => valueAt(before, (index + 1) / BINS))),
  ];
  return [...edges, undefined].map((to, index): SpreadBin => {
    const from = edges[index - 1];
    const between = (line: Line, by: number): number =>
      (to === undefined ? 1 : shareBelow(line, to + by)) -
      (from === undefined ? 0 : shareBelow(line, from + by));
    return {
      ...(from === undefined ? {} : { from: from + shift }),
      ...(to === undefined ? {} : { to: to + shift }),
      before: between(before, 0),
      now: between(now, shift),
    };
  });
}
