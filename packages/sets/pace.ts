import { setImmediate } from 'node:timers/promises';

/** Lets others have their turn during long work. */
export interface Pace {
  /** Waits for the others when this work has gone on for a while; mostly it does not. */
  rest(): Promise<void>;
}

const TURN_MS = 12;

export function createPace(): Pace {
  let since = performance.now();
  return {
    async rest() {
      if (performance.now() - since < TURN_MS) return;
      await setImmediate();
      since = performance.now();
    },
  };
}
