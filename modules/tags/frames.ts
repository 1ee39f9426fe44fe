import type { EpochMs } from '@rapport/kernel';
import type { TagWindow } from './aggregates.contract.ts';

/** The instants a tag looks at: (start, end], in milliseconds; no start = everything up to `end`. */
export interface Frame {
  readonly start: EpochMs | undefined;
  readonly end: EpochMs;
}

/** What a statistical definition says of time. */
export interface Timing {
  readonly within?: string;
  readonly offset?: string;
  readonly window?: TagWindow;
  readonly zone?: string;
  readonly asOf?: string;
}

/** Windows of a tag at one instant. */
export interface Frames {
  readonly frame: Frame;
  /** The window before it, for a change. */
  readonly before: Frame | undefined;
  /** IANA zone that days and periods are cut in. */
  readonly zone: string;
}
