import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, EpochMs, Log } from '@rapport/kernel';
import type { ChannelAdapter, HandOver } from './adapter.ts';
import type { DispatcherDeps, DispatcherSettings, OpenProvider } from './channels.ts';
import { createCombiner } from './combiner.ts';
import type { LinkTokens } from './link-token.ts';
import type { Links } from './links.service.ts';
import type { ClaimedMessage, Happening, Outbox } from './outbox.store.sql.ts';
import type { RateLimiter } from './rate-limiter.ts';

const LEASE_MS = 60_000;
const COMBINED = 500;
const LONGEST_BACKOFF_MS = 3_600_000;
const LONGEST_OUTAGE_PAUSE_MS = 30_000;

interface Ready {
  readonly message: ClaimedMessage;
  readonly leasedAt: number;
  readonly variantId: string;
  readonly to: string;
  readonly subject: string | undefined;
  readonly html: string | undefined;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ProviderWorker {
  /** Lets hand-overs under way finish and gives everything else back. */
  stop(): Promise<void>;
}

/**
 * Sends by one provider: one loop leases, checks and renders messages ahead; as many loops as the provider takes at
 * once hand them over. Every hand-over is written ahead, and every answer written down, in shared round trips.
 */
export function startProviderWorker(input: {
  readonly owner: string;
  readonly provider: OpenProvider;
  readonly adapter: ChannelAdapter;
  readonly limiter: RateLimiter;
  readonly outbox: Outbox;
  readonly links: Links;
  readonly tokens: LinkTokens;
  readonly deps: Pick<DispatcherDeps, 'content' | 'customers' | 'contacts' | 'consentModel' | 'publicUrl'> & {
    readonly clock: Clock;
  };
  readonly settings: DispatcherSettings;
  readonly log: Log;
}): ProviderWorker {
  const { owner, provider, adapter, limiter, outbox, links, tokens, deps, settings, log } = input;
  const { clock, contacts } = deps;
  const { id: providerId, channel, ratePerSecond } = provider.view;
  const needsConsent = async (): Promise<boolean> => (await deps.consentModel()) === 'opt_in';
  const stopping = new AbortController();
  const ready: Ready[] = [];
  /** Answers of the provider on their way to the outbox; what a crash leaves `unknown` is at most these and those in hand-over. */
  const unwritten = new Set<Promise<void>>();
  const batchSize = Math.max(1, Math.min(settings.batchSize, Math.ceil(ratePerSecond * 5)));
  let outages = 0;
  let pausedUntil = 0;
  let wakeSenders: (() => void)[] = [];

  const begin = createCombiner(
    async (
      messages: readonly { id: string; variantId: string }[],
    ): Promise<readonly { obstacle: string | null | undefined }[]> => {
      const begun = await outbox.begin({
        owner,
        providerId,
        now: clock.now(),
        needsConsent: await needsConsent(),
        messages,
      });
      return messages.map(({ id }) => ({ obstacle: begun.get(id) }));
    },
    COMBINED,
  );
  const settle = createCombiner(async (happenings: readonly Happening[]): Promise<readonly true[]> => {
    await untilWritten('settle', () => outbox.settle(happenings, owner));
    return happenings.map(() => true);
  }, COMBINED);
  const confirm = createCombiner(async (ids: readonly string[]): Promise<readonly true[]> => {
    await contacts.confirm(ids);
    return ids.map(() => true);
  }, COMBINED);
  const release = createCombiner(async (ids: readonly string[]): Promise<readonly true[]> => {
    await contacts.release(ids);
    return ids.map(() => true);
  }, COMBINED);

  /** What happened is known only here; so it is kept and tried until the database takes it. */
  const untilWritten = async (what: string, write: () => Promise<unknown>): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        await write();
        return;
      } catch (error) {
        log.warn({ err: error, what, attempt }, 'the outbox does not answer; trying again');
        await sleep(Math.min(5_000, 100 * 2 ** attempt));
      }
    }
  };

  const feed = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        const isPaused = performance.now() < pausedUntil;
        const claimed = isPaused || ready.length > batchSize / 2 ? [] : await claim();
        if (claimed.length === 0)
          await sleep(ready.length > 0 ? 5 : settings.idleMs, undefined, { signal: stopping.signal });
        else await prepare(claimed);
      } catch (error) {
        if (stopping.signal.aborted) break;
        log.error({ err: error, providerId }, 'preparing messages failed; trying again');
        await sleep(1_000, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
      wake();
    }
  };
  const claim = async (): Promise<ClaimedMessage[]> =>
    outbox.claim({
      channel,
      providerId,
      owner,
      leaseMs: LEASE_MS,
      limit: batchSize,
      now: clock.now(),
      needsConsent: await needsConsent(),
    });

  const prepare = async (claimed: readonly ClaimedMessage[]): Promise<void> => {
    const leasedAt = performance.now();
    try {
      const open = await withoutObstacles(claimed);
      const reachable = await withAddress(open);
      const granted = await withPlace(reachable);
      for (const one of await rendered(granted)) ready.push({ ...one, leasedAt });
    } catch (error) {
      // Those not ready yet go back; whoever has a place keeps it for the next try, which is granted again.
      const kept = new Set(ready.map(({ message }) => message.id));
      const back = claimed
        .filter(({ id }) => !kept.has(id))
        .map(({ id }) => ({ id, notBefore: clock.now() + 2_000 }));
      await outbox.unlease(owner, back).catch(() => undefined);
      throw error;
    }
  };

  /** Ends what may never be sent; what only has to wait goes back. */
  const withoutObstacles = async (claimed: readonly ClaimedMessage[]): Promise<ClaimedMessage[]> => {
    const blocked = claimed.filter((message) => message.obstacle !== null);
    const ends = blocked.flatMap((message) => endOf(message.id, message.obstacle ?? '', clock.now()) ?? []);
    const ended = new Set(ends.map(({ id }) => id));
    await outbox.settle(ends, owner);
    await outbox.unlease(
      owner,
      blocked.filter(({ id }) => !ended.has(id)),
    );
    return claimed.filter((message) => message.obstacle === null);
  };

  const withAddress = async (
    messages: readonly ClaimedMessage[],
  ): Promise<{ message: ClaimedMessage; to: string }[]> => {
    if (messages.length === 0) return [];
    const points = await deps.customers.contactPoints(
      [...new Set(messages.map((message) => message.cid))],
      channel,
    );
    const byCid = new Map(points.map((point) => [point.cid, point.address]));
    const lacking: Happening[] = [];
    const reachable: { message: ClaimedMessage; to: string }[] = [];
    for (const message of messages) {
      const to = byCid.get(message.cid);
      if (to === undefined || to === '')
        lacking.push({ id: message.id, event: 'suppress', at: clock.now(), reason: 'no_contact_point' });
      else reachable.push({ message, to });
    }
    await outbox.settle(lacking, owner);
    return reachable;
  };

  const withPlace = async (
    messages: readonly { message: ClaimedMessage; to: string }[],
  ): Promise<{ message: ClaimedMessage; to: string }[]> => {
    if (messages.length === 0) return [];
    const at = clock.now();
    const outcomes = await contacts.reserve(
      messages.map(({ message }) => ({
        cid: message.cid,
        channel,
        campaignId: message.campaign_id,
        deliveryId: message.id,
        at,
        purpose: message.purpose,
      })),
    );
    const withheld: Happening[] = [];
    const later: { id: string; notBefore: EpochMs }[] = [];
    const granted: { message: ClaimedMessage; to: string }[] = [];
    for (const [index, one] of messages.entries()) {
      const outcome = outcomes[index];
      const { id, expires_at: expiresAt } = one.message;
      if (outcome === undefined || outcome.outcome === 'granted') {
        granted.push(one);
        continue;
      }
      const isPassing = outcome.because === 'quiet_hours' && outcome.until !== undefined;
      if (
        isPassing &&
        outcome.until !== undefined &&
        (expiresAt === null || outcome.until < expiresAt.getTime())
      ) {
        later.push({ id, notBefore: outcome.until });
      } else if (isPassing) withheld.push({ id, event: 'expire', at, reason: outcome.because });
      else withheld.push({ id, event: 'suppress', at, reason: outcome.because });
    }
    await outbox.settle(withheld, owner);
    await outbox.unlease(owner, later);
    return granted;
  };

  const rendered = async (
    messages: readonly { message: ClaimedMessage; to: string }[],
  ): Promise<Omit<Ready, 'leasedAt'>[]> => {
    if (messages.length === 0) return [];
    const unsubscribeUrls = messages.map(
      ({ message }) =>
        `${deps.publicUrl}/u/${tokens.sign('unsubscribe', { deliveryId: message.id, linkId: 0 })}`,
    );
    const results = await deps.content.render(
      messages.map(({ message }, index) => ({
        recipient: { cid: message.cid, customerId: message.customer_id },
        templateId: message.template_id,
        version: message.template_version,
        variantId: message.variant_id ?? undefined,
        offerId: message.offer_id ?? undefined,
        campaign: { id: message.campaign_id, name: message.campaign_name },
        unsubscribeUrl: unsubscribeUrls[index] ?? '',
      })),
    );
    const done: Omit<Ready, 'leasedAt'>[] = [];
    const failed: Happening[] = [];
    for (const [index, { message, to }] of messages.entries()) {
      const result = results[index];
      const unsubscribeUrl = unsubscribeUrls[index] ?? '';
      if (!result?.ok) {
        failed.push({
          id: message.id,
          event: 'fail',
          at: clock.now(),
          reason: result?.reason ?? 'render_failed',
          detail: result?.detail,
        });
        continue;
      }
      const { html, text } = await links.track({
        deliveryId: message.id,
        campaignId: message.campaign_id,
        html: result.html,
        text: result.text,
        keep: [unsubscribeUrl],
      });
      const isMarketingMail = message.purpose === 'marketing' && channel === 'email';
      const headers: Readonly<Record<string, string>> = isMarketingMail
        ? { 'List-Unsubscribe': `<${unsubscribeUrl}>`, 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' }
        : {};
      done.push({ message, to, variantId: result.variantId, subject: result.subject, html, text, headers });
    }
    await outbox.settle(failed, owner);
    if (failed.length > 0) await contacts.release(failed.map(({ id }) => id));
    return done;
  };

  const send = async (): Promise<void> => {
    for (;;) {
      const next = performance.now() < pausedUntil ? undefined : ready.shift();
      if (!next) {
        if (stopping.signal.aborted) return;
        await new Promise<void>((resolve) => wakeSenders.push(resolve));
        continue;
      }
      try {
        await limiter.take(stopping.signal);
        if (stopping.signal.aborted) throw stopping.signal.reason;
      } catch {
        ready.unshift(next);
        return;
      }
      await handOver(next).catch((error: unknown) =>
        log.error({ err: error, deliveryId: next.message.id }, 'a hand-over ended unexpectedly'),
      );
    }
  };

  const handOver = async (one: Ready): Promise<void> => {
    const { message } = one;
    const { id } = message;
    let obstacle: string | null | undefined;
    try {
      ({ obstacle } = await begin({ id, variantId: one.variantId }));
    } catch (error) {
      // Whether `sending` was committed is not known, but nothing was handed over: put it back either way.
      log.warn({ err: error, deliveryId: id }, 'writing ahead failed; the message goes back');
      if (!message.ambiguous) await release(id);
      await settle({ id, event: 'retry', at: clock.now(), notBefore: clock.now() + 1_000 });
      await outbox.unlease(owner, [{ id }]).catch(() => undefined);
      return;
    }
    if (obstacle === undefined) {
      // No longer ours: ended meanwhile, or leased anew by another, who then holds the place.
      if (performance.now() - one.leasedAt < LEASE_MS) await release(id);
      return;
    }
    if (obstacle !== null) {
      const end = endOf(id, obstacle, clock.now());
      await (message.ambiguous ? confirm(id) : release(id));
      if (end) await settle(end);
      else await outbox.unlease(owner, [{ id }]);
      return;
    }
    const outcome = await adapter.send({
      id,
      to: one.to,
      subject: one.subject,
      html: one.html,
      text: one.text,
      headers: one.headers,
    });
    noteHealth(outcome);
    // Writing the answer down needs no provider, so the next message need not wait for it.
    const writing = writeDown(happeningOf(outcome, message), message).finally(() =>
      unwritten.delete(writing),
    );
    unwritten.add(writing);
    if (unwritten.size >= adapter.concurrency) await Promise.race(unwritten);
  };

  /** A place is given back before the message may be claimed again, lest the next claim's place be given back. */
  const writeDown = async (happening: Happening, message: ClaimedMessage): Promise<void> => {
    const mayHaveArrived =
      message.ambiguous || ['accept', 'lose'].includes(happening.event) || happening.ambiguous === true;
    try {
      if (!mayHaveArrived) await release(message.id);
      await settle(happening);
      if (mayHaveArrived) await confirm(message.id);
    } catch (error) {
      log.error({ err: error, deliveryId: message.id }, 'the contact ledger did not take the outcome');
      await settle(happening);
    }
  };

  const happeningOf = (outcome: HandOver, message: ClaimedMessage): Happening => {
    const { id } = message;
    const at = clock.now();
    const attempt = message.attempts + 1;
    const { detail } = outcome;
    const again =
      at + Math.min(LONGEST_BACKOFF_MS, settings.backoffMs * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
    const isLast = attempt >= settings.maxAttempts;
    switch (outcome.outcome) {
      case 'accepted':
        return { id, event: 'accept', at, providerMessageId: outcome.providerMessageId, detail };
      case 'deferred':
        return isLast
          ? { id, event: 'fail', at, reason: 'retries_exhausted', detail }
          : { id, event: 'retry', at, notBefore: again, detail };
      case 'outage':
        return {
          id,
          event: 'retry',
          at,
          notBefore: at + Math.max(0, pausedUntil - performance.now()),
          detail,
          uncounted: true,
        };
      case 'lost_repeatable':
        return isLast
          ? { id, event: 'lose', at, reason: 'no_answer', detail }
          : { id, event: 'retry', at, notBefore: again, ambiguous: true, detail };
      case 'lost':
        return { id, event: 'lose', at, reason: 'no_answer', detail };
      case 'bounced':
        return { id, event: 'bounce', at, reason: 'hard_bounce', detail };
      case 'refused':
        return { id, event: 'fail', at, reason: 'refused', detail };
    }
  };

  /** While a provider is down, trying with every message would only wear them out. */
  const noteHealth = (outcome: HandOver): void => {
    if (outcome.outcome === 'accepted') {
      if (outages > 0) log.info({ providerId }, 'the provider takes messages again');
      outages = 0;
      return;
    }
    if (outcome.outcome !== 'outage') return;
    if (performance.now() < pausedUntil) return;
    if (outages === 0)
      log.warn({ providerId, detail: outcome.detail }, 'the provider takes no messages; waiting');
    outages += 1;
    const pauseMs = outcome.retryAfterMs ?? Math.min(LONGEST_OUTAGE_PAUSE_MS, 500 * 2 ** (outages - 1));
    pausedUntil = performance.now() + pauseMs;
    setTimeout(wake, pauseMs + 1).unref();
  };

  const wake = (): void => {
    const woken = wakeSenders;
    wakeSenders = [];
    for (const resume of woken) resume();
  };

  const feeding = feed();
  const sending = Array.from({ length: adapter.concurrency }, () => send());
  return {
    async stop() {
      stopping.abort();
      await feeding;
      const left = ready.splice(0);
      wake();
      await Promise.all(sending);
      await Promise.all(unwritten);
      left.push(...ready.splice(0));
      await contacts.release(
        left.filter(({ message }) => !message.ambiguous).map(({ message }) => message.id),
      );
      await outbox.unlease(
        owner,
        left.map(({ message }) => ({ id: message.id })),
      );
      await adapter.close();
    },
  };
}

/** What an obstacle means for a message; `undefined` when it only has to wait. */
function endOf(id: string, obstacle: string, at: EpochMs): Happening | undefined {
  const [what, reason] = [
    obstacle.slice(0, obstacle.indexOf(':')),
    obstacle.slice(obstacle.indexOf(':') + 1),
  ];
  switch (what) {
    case 'suppressed':
      return { id, event: 'suppress', at, reason };
    case 'expired':
      return { id, event: 'expire', at, reason };
    case 'cancelled':
      return { id, event: 'cancel', at, reason };
    default:
      return undefined;
  }
}
