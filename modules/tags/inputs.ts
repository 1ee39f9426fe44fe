import { createHash } from 'node:crypto';
import type { SqlValue } from '@rapport/conditions';
import type { EpochMs } from '@rapport/kernel';
import type { Placement, Release, SegmentInfo } from '@rapport/stores';
import type { Frame } from './frames.ts';
import type { RowPlan } from './plan.ts';
import type { StateColumn } from './states.ts';

/** What the values of a tag were made from; as long as it is the same, so are they. */
export interface TagInputs {
  /** Digest of everything that is read and done: the statement, its values and the physical tables it names. */
  readonly fingerprint: string;
  /** Digest of what is done to the rows of a window, whichever window it is; absent where values cannot be patched. */
  readonly shape?: string;
  /** The windows that `shape` leaves open. */
  readonly frames: readonly Frame[];
  /** Physical tables by logical name, oldest first. */
  readonly segments: Readonly<Record<string, readonly string[]>>;
  /** What is kept beside the value to bring it up to date, in the order in which the value names it. */
  readonly states?: readonly StateColumn[];
}

/** Inputs of a rule or a derived tag. */
export const inputsOfStatement = (parts: readonly unknown[], nonce: string): TagInputs => ({
  fingerprint: fingerprintOf(parts, nonce),
  frames: [],
  segments: {},
});

/** What was read and how, as one short text. Rows that are still coming in make it another one every time. */
function fingerprintOf(parts: readonly unknown[], nonce: string): string {
  const text = JSON.stringify(parts);
  return digest(text.includes('collected_event') ? text + nonce : text);
}

export function inputsOfRows(plan: RowPlan, release: Release, over: string, nonce: string): TagInputs {
  const { fused } = plan;
  const customer = release.placements.get('customer')?.table;
  const all = [
    plan.from,
    plan.value,
    plan.rows,
    plan.params,
    plan.tag.valueType,
    plan.isZeroWithoutRows,
    customer,
  ];
  const canPatch = fused?.isOfRowsOnly === true && !plan.from.includes('collected_event');
  const shape = canPatch
    ? digest(
        JSON.stringify([
          fused.filter,
          sorted(plan.params),
          fused.value((frame) => `w${fused.frames.findIndex((each) => isSame(each, frame))}`),
          plan.tag.valueType,
          plan.isZeroWithoutRows,
        ]),
      )
    : undefined;
  return {
    fingerprint: fingerprintOf(all, nonce),
    ...(shape === undefined ? {} : { shape }),
    frames: fused?.frames ?? [],
    segments: Object.fromEntries(
      ['customer', over].flatMap((name) => {
        const placement = release.placements.get(name);
        return placement ? [[name, segmentsOf(placement)]] : [];
      }),
    ),
  };
}

export const segmentsOf = (placement: Placement): readonly string[] =>
  placement.segments ?? [placement.table];

const isSame = (a: Frame, b: Frame): boolean => a.start === b.start && a.end === b.end;
const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');
const sorted = (params: Readonly<Record<string, SqlValue>>): unknown =>
  Object.entries(params).toSorted(([a], [b]) => (a < b ? -1 : 1));

/** Tables whose rows came or went between two lists of segments. */
export interface SegmentChange {
  readonly added: readonly string[];
  readonly withdrawn: readonly string[];
}

/**
 * What changed from one list of segments to a later one.
 * @returns `undefined` when it cannot be told from what the segments say of themselves
 */
export function changeOf(
  before: readonly string[],
  after: readonly string[],
  infos: ReadonlyMap<string, SegmentInfo>,
): SegmentChange | undefined {
  const old = new Set(before);
  const kept = new Set<string>();
  const added: string[] = [];
  const withdrawn: string[] = [];
  const visit = (name: string): boolean => {
    if (old.has(name)) {
      // A segment that two others are made of would count its rows twice.
      if (kept.has(name)) return false;
      kept.add(name);
      return true;
    }
    const info = infos.get(name);
    if (!info?.madeOf) {
      added.push(name);
      return true;
    }
    if (info.withdrawn !== undefined) withdrawn.push(info.withdrawn);
    return info.madeOf.every(visit);
  };
  if (!after.every(visit)) return undefined;
  return kept.size === old.size ? { added, withdrawn } : undefined;
}

/**
 * Stretches of time whose rows leave or enter windows that move.
 * @returns half-open from the left, (start, end], without duplicates
 */
export function edgesOf(before: readonly Frame[], after: readonly Frame[]): readonly Frame[] {
  const edges = new Map<string, Frame>();
  const between = (a: EpochMs | undefined, b: EpochMs | undefined): void => {
    if (a === undefined || b === undefined || a === b) return;
    const edge = { start: Math.min(a, b), end: Math.max(a, b) };
    edges.set(`${edge.start}:${edge.end}`, edge);
  };
  after.forEach((frame, at) => {
    between(before[at]?.start, frame.start);
    between(before[at]?.end, frame.end);
  });
  return [...edges.values()];
}
