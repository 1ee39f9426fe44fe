import type { Component, Log } from '@rapport/kernel';
import type { Campaigns } from './campaigns.service.ts';

/**
 * The scheduler of campaigns (role `orchestrate`): takes over approvals, launches what is due, expands what runs and
 * finishes what is done, round after round. Everything it does is idempotent and guarded by row locks, so several
 * may run; it keeps nothing in memory, so it may die at any point.
 */
export function createOrchestrator(deps: {
  readonly campaigns: Pick<Campaigns, 'advance'>;
  readonly log: Log;
  /** Pause between two rounds. @default 500 ms */
  readonly pauseMs?: number;
}): Component {
  const { campaigns, log, pauseMs = 500 } = deps;
  let stopping = new AbortController();
  let running: Promise<void> | undefined;

  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      try {
        await campaigns.advance();
      } catch (error) {
        if (!signal.aborted) log.error({ err: error }, 'a round of the campaign scheduler failed');
      }
      await pause(pauseMs, signal);
    }
  };

  return {
    name: 'orchestrator',
    async start() {
      stopping = new AbortController();
      running = run(stopping.signal);
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
