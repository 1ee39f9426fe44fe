import type { EpochMs } from '@rapport/kernel';
import type { Placement, Release } from '@rapport/stores';
import type { Placed } from './compute.ts';

/** Answers placements that become visible together with the new values, and names that end with them. */
export type PublishExtender = (refresh: {
  readonly refreshId: string;
  readonly asOf: EpochMs;
  /** The release that the values were computed from. */
  readonly release: Release;
  /** New values by tag id; of patched tags the last segment is new. */
  readonly places: ReadonlyMap<string, Placed>;
  readonly signal: AbortSignal;
}) => Promise<{ readonly set: Readonly<Record<string, Placement>>; readonly remove?: readonly string[] }>;
