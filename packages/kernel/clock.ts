/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number;

export interface Clock {
  /** The present instant. */
  now(): EpochMs;
}

export const systemClock: Clock = { now: () => Date.now() };

/** A clock that stands still until it is told to move; for tests and replays. */
export function fixedClock(startMs: EpochMs): Clock & { advance(ms: number): void } {
  let nowMs = startMs;
  return {
    now: () => nowMs,
    advance(ms) {
      nowMs += ms;
    },
  };
}

export const toIso = (at: EpochMs): string => new Date(at).toISOString();
