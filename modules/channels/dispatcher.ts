import { setTimeout as sleep } from 'node:timers/promises';
import { type Component, newId } from '@rapport/kernel';
import type { DispatcherDeps, DispatcherSettings, OpenProvider } from './channels.ts';
import { createLinkTokens } from './link-token.ts';
import { createLinks } from './links.service.ts';
import { openAdapter } from './open-adapter.ts';
import { createOutbox } from './outbox.store.sql.ts';
import { hostIdentity, isRunning, processIdentity } from './process-identity.ts';
import { type ProviderWorker, startProviderWorker } from './provider-worker.ts';
import { createRateLimiter, type RateLimiter } from './rate-limiter.ts';

const DEFAULTS: DispatcherSettings = {
  idleMs: 250,
  batchSize: 200,
  maxAttempts: 8,
  backoffMs: 15_000,
  deadAfterMs: 30_000,
};
const HEARTBEAT_MS = 1_000;
const RECOVER_EVERY = 10;

interface Running {
  readonly provider: OpenProvider;
  readonly limiter: RateLimiter;
  readonly worker: ProviderWorker;
}

/**
 * Sends what stands in the outbox: role `deliver`, as many processes as wished. Messages that a dead process left in
 * mid-hand-over become `unknown` (SMTP) or are asked for again under the same key (idempotent SMS providers).
 */
export function createDispatcher(deps: DispatcherDeps): Component {
  const { relational, channels, contacts, log } = deps;
  const settings = { ...DEFAULTS, ...deps.settings };
  const outbox = createOutbox(relational);
  const tokens = createLinkTokens(deps.secrets.linkKey);
  const links = createLinks({ relational, tokens, publicUrl: deps.publicUrl });
  const owner = newId('dsp');
  const host = hostIdentity();
  const running = new Map<string, Running>();
  let stopping = new AbortController();
  let ticking: Promise<void> = Promise.resolve();
  let beating: NodeJS.Timeout | undefined;

  const beat = (): Promise<void> => outbox.heartbeat(owner, host, processIdentity());

  const recover = async (): Promise<void> => {
    const all = await outbox.dispatchers();
    const isAlive = (one: (typeof all)[number]): boolean =>
      one.id === owner || (one.ageMs < settings.deadAfterMs && (one.host !== host || isRunning(one.process)));
    const dead = all.filter((one) => !isAlive(one)).map(({ id }) => id);
    const living = all.filter(isAlive).map(({ id }) => id);
    for (const { limiter, provider } of running.values())
      limiter.setRate(provider.view.ratePerSecond / Math.max(1, living.length));
    await outbox.freeLeases(dead);
    for (;;) {
      const orphans = await outbox.orphans(living);
      if (orphans.length === 0) break;
      const at = deps.clock.now();
      const repeatable = await repeatableProviders(orphans.flatMap((orphan) => orphan.provider_id ?? []));
      await outbox.settle(
        orphans.map(({ id, provider_id: providerId }) =>
          providerId !== null && repeatable.has(providerId)
            ? { id, event: 'retry', at, ambiguous: true, reason: 'process_ended' }
            : { id, event: 'lose', at, reason: 'process_ended' },
        ),
      );
      await contacts.confirm(orphans.map(({ id }) => id));
      log.warn(
        { messages: orphans.length },
        'a dispatcher ended in mid-hand-over; its messages are accounted for',
      );
    }
    await outbox.forgetDispatchers(dead);
  };

  const repeatableProviders = async (providerIds: readonly string[]): Promise<Set<string>> => {
    const repeatable = new Set<string>();
    for (const id of new Set(providerIds)) {
      const provider = await channels.providers.open(id);
      if (provider && 'idempotent' in provider.view.settings && provider.view.settings.idempotent)
        repeatable.add(id);
    }
    return repeatable;
  };

  /** Starts, replaces and stops workers as providers are switched on, changed and switched off. */
  const arrangeWorkers = async (): Promise<void> => {
    const enabled = new Map(
      (await channels.providers.enabled()).map((provider) => [provider.view.id, provider]),
    );
    for (const [id, { provider, worker }] of running) {
      if (enabled.get(id)?.revision === provider.revision) continue;
      running.delete(id);
      await worker.stop();
    }
    for (const [id, provider] of enabled) {
      if (running.has(id)) continue;
      const adapter = openOrTell(provider);
      if (!adapter) continue;
      const limiter = createRateLimiter(provider.view.ratePerSecond);
      const worker = startProviderWorker({
        owner,
        provider,
        adapter,
        limiter,
        outbox,
        links,
        tokens,
        deps,
        settings,
        log,
      });
      running.set(id, { provider, limiter, worker });
    }
  };

  /** One provider whose settings do not fit must not keep the others from sending. */
  const openOrTell = (provider: OpenProvider): ReturnType<typeof openAdapter> | undefined => {
    try {
      return openAdapter(provider);
    } catch (error) {
      log.error({ err: error, providerId: provider.view.id }, 'the provider can not be used');
      return undefined;
    }
  };

  const tick = async (count: number): Promise<void> => {
    await arrangeWorkers();
    if (count % RECOVER_EVERY !== 0) return;
    await recover();
    for (const campaignId of await outbox.tidyCampaigns()) await outbox.cancel(campaignId, deps.clock.now());
  };

  return {
    name: 'dispatcher',
    async start() {
      stopping = new AbortController();
      await beat();
      await recover();
      await arrangeWorkers();
      // On its own, since a worker that is being replaced may take long to finish what it has begun.
      beating = setInterval(() => void beat().catch(() => undefined), HEARTBEAT_MS);
      ticking = (async () => {
        for (let count = 1; !stopping.signal.aborted; count++) {
          await sleep(HEARTBEAT_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
          if (stopping.signal.aborted) break;
          await tick(count).catch((error: unknown) =>
            log.error({ err: error }, 'the dispatcher’s upkeep failed; trying again'),
          );
        }
      })();
    },
    async stop() {
      stopping.abort();
      await ticking;
      const workers = [...running.values()];
      running.clear();
      await Promise.all(workers.map(({ worker }) => worker.stop()));
      clearInterval(beating);
      await outbox.forgetDispatchers([owner]).catch(() => undefined);
    },
  };
}
