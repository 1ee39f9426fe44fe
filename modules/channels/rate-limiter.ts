import { setTimeout as sleep } from 'node:timers/promises';

export interface RateLimiter {
  /** Resolves when one more may go. */
  take(signal: AbortSignal): Promise<void>;
  setRate(perSecond: number): void;
}

/** Timers fire late; up to this much may be caught up, so that the rate is reached but no burst arises. */
const CATCH_UP_MS = 50;

/** Spaces calls evenly: over any second at most the rate, and what fits into 50 ms more. */
export function createRateLimiter(
  perSecond: number,
  now: () => number = () => performance.now(),
): RateLimiter {
  let gapMs = 1000 / perSecond;
  let nextAt = now();
  return {
    async take(signal) {
      const at = now();
      nextAt = Math.max(nextAt, at - CATCH_UP_MS);
      const waitMs = nextAt - at;
      nextAt += gapMs;
      if (waitMs > 1) await sleep(waitMs, undefined, { signal });
    },
    setRate(rate) {
      gapMs = 1000 / rate;
    },
  };
}
