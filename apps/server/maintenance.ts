import type { Component, Log } from '@rapport/kernel';
import type { Releases } from '@rapport/stores';

const EVERY_MS = 60_000;
/** A reader keeps its release for one evaluation; none takes this long. */
const GRACE_MS = 15 * 60_000;

/** Drops the tables of releases that nobody reads any more. */
export function createMaintenance({
  releases,
  log,
}: {
  readonly releases: Pick<Releases, 'sweep'>;
  readonly log: Log;
}): Component {
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  const sweep = async (): Promise<void> => {
    try {
      const dropped = await releases.sweep(GRACE_MS);
      if (dropped.length > 0)
        log.info({ dropped: dropped.length }, 'dropped tables that no release refers to');
    } catch (error) {
      log.warn({ err: error }, 'tables could not be swept; the next round tries again');
    }
  };
  return {
    name: 'maintenance',
    async start() {
      timer = setInterval(() => {
        sweeping = sweeping.then(sweep);
      }, EVERY_MS);
    },
    async stop() {
      clearInterval(timer);
      await sweeping;
    },
  };
}
