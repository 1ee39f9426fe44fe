import type { Consents } from '@rapport/channels';
import type { OneCustomer } from '@rapport/customers';
import type { Component, Log } from '@rapport/kernel';
import type { Releases } from '@rapport/stores';

const EVERY_MS = 10_000;

/**
 * Tells the consent ledger which bank ids are one customer, so that whoever said no under one of them is asked under
 * none: after every merge and unmerge, at the start, and whenever the records that were merged have changed otherwise.
 */
export function createConsentAliases(deps: {
  readonly aliases: Pick<OneCustomer['aliases'], 'bankIds'>;
  readonly consents: Pick<Consents, 'sameCustomers'>;
  readonly releases: Pick<Releases, 'current'>;
  readonly log: Log;
}): Component & { readonly renew: () => Promise<void> } {
  const { aliases, consents, releases, log } = deps;
  let timer: NodeJS.Timeout | undefined;
  let told: string | undefined;
  let turn: Promise<void> = Promise.resolve();

  const tell = async (): Promise<void> => {
    const { placements } = await releases.current();
    const now = ['alias', 'record', 'customer'].map((name) => placements.get(name)?.table ?? '').join(' ');
    if (now === told) return;
    await consents.sameCustomers(await aliases.bankIds());
    told = now;
  };
  const renew = (): Promise<void> => {
    const done = turn.then(tell);
    turn = done.catch((error) => {
      log.warn(
        { err: error },
        'merged customers could not be told to the consents; the next round tries again',
      );
    });
    return done;
  };
  return {
    name: 'consent-aliases',
    renew,
    async start() {
      await renew();
      timer = setInterval(() => void renew().catch(() => undefined), EVERY_MS);
    },
    async stop() {
      clearInterval(timer);
      await turn;
    },
  };
}
