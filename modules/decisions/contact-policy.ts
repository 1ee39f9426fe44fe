import type { EpochMs } from '@rapport/kernel';
import type { ContactPolicy, ContactRule, QuietHours } from './contract.ts';

export type ContactChannel = Exclude<ContactRule['channel'], 'any'>;

/** One contact that holds a place in a customer's ledger. */
export interface Contact {
  readonly deliveryId: string;
  readonly channel: ContactChannel;
  readonly at: EpochMs;
}

export type Admission =
  | { readonly outcome: 'granted' }
  | {
      readonly outcome: 'withheld';
      readonly because: 'rolling_cap' | 'quiet_hours';
      /** The rule that withheld it (`rolling_cap` only). */
      readonly ruleId?: string;
      /** Earliest instant at which the same contact would be granted, as the ledger stands; absent = never. */
      readonly until?: EpochMs;
    };

type Policy = Pick<ContactPolicy, 'rules' | 'quietHours'>;

/** Contacts older than this are forgotten; no rule's window may be longer. */
export const LEDGER_DAYS = 366;

/** Length of a rule's window, which is written `PnD` or `PTnH`. */
export function windowMs(rule: Pick<ContactRule, 'window'>): number {
  const match = /^P(?:(\d+)D|T(\d+)H)$/.exec(rule.window);
  if (!match) return 0;
  return match[1] === undefined ? Number(match[2]) * 3_600_000 : Number(match[1]) * 86_400_000;
}

/**
 * Whether one more marketing contact keeps to the policy: no half-open window `[s, s + W)` of any rule, wherever
 * it begins, holds more than `max` contacts of its channel, the new one included, and its instant is not in the
 * quiet hours. Contacts may come in any order of their instants.
 * @param contacts  the customer's contacts so far, any order
 */
export function admit(
  policy: Policy,
  contacts: readonly Contact[],
  request: { readonly channel: ContactChannel; readonly at: EpochMs },
): Admission {
  const quietEnd = policy.quietHours && quietUntil(policy.quietHours, request.at);
  const violated = firstViolated(policy.rules, contacts, request.channel, request.at);
  if (quietEnd === undefined && violated === undefined) return { outcome: 'granted' };
  const until = earliest(policy, contacts, request);
  return {
    outcome: 'withheld',
    because: violated === undefined ? 'quiet_hours' : 'rolling_cap',
    ...(violated === undefined ? {} : { ruleId: violated.id }),
    ...(until === undefined ? {} : { until }),
  };
}

function firstViolated(
  rules: readonly ContactRule[],
  contacts: readonly Contact[],
  channel: ContactChannel,
  at: EpochMs,
): ContactRule | undefined {
  return rules.find((rule) => {
    if (rule.channel !== 'any' && rule.channel !== channel) return false;
    const width = windowMs(rule);
    const near = contacts
      .filter((contact) => rule.channel === 'any' || contact.channel === rule.channel)
      .map((contact) => contact.at)
      .filter((other) => other > at - width && other < at + width);
    // The fullest window that contains `at` begins at one of the contacts, so only those need a look.
    return [...near.filter((other) => other <= at), at].some(
      (start) => near.filter((other) => other >= start && other < start + width).length + 1 > rule.max,
    );
  });
}

/** A place frees itself only when a contact leaves a window or the quiet time ends, so only those are tried. */
function earliest(
  policy: Policy,
  contacts: readonly Contact[],
  request: { readonly channel: ContactChannel; readonly at: EpochMs },
): EpochMs | undefined {
  const { rules, quietHours } = policy;
  const afterQuiet = (at: EpochMs): EpochMs => (quietHours && quietUntil(quietHours, at)) ?? at;
  const candidates = rules
    .flatMap((rule) => contacts.map((contact) => contact.at + windowMs(rule)))
    .filter((at) => at > request.at)
    .concat(request.at)
    .map(afterQuiet)
    .sort((a, b) => a - b);
  return candidates.find((at) => firstViolated(rules, contacts, request.channel, at) === undefined);
}

/* ── quiet hours ─────────────────────────────────────────────────────────────────────────────────────── */

/** The end of the quiet time that `at` lies in, or `undefined` when it is not quiet then. */
export function quietUntil(quiet: QuietHours, at: EpochMs): EpochMs | undefined {
  if (!isQuiet(quiet, at)) return undefined;
  const end = minutes(quiet.to);
  let guess = at - (at % 60_000) + ((end - localMinutes(quiet.zone, at) + DAY) % DAY) * 60_000;
  // A change of the clocks on the way shifts the guess by as much as the clocks.
  const drift = ((end - localMinutes(quiet.zone, guess) + DAY + DAY / 2) % DAY) - DAY / 2;
  guess += drift * 60_000;
  // An end that the clocks jump over does not exist; the first minute that is not quiet is the end then.
  while (isQuiet(quiet, guess)) guess += 60_000;
  return guess;
}

function isQuiet(quiet: QuietHours, at: EpochMs): boolean {
  const local = localMinutes(quiet.zone, at);
  const from = minutes(quiet.from);
  const to = minutes(quiet.to);
  return from < to ? local >= from && local < to : local >= from || local < to;
}

/** Whether the platform knows this IANA zone. */
export function isZone(zone: string): boolean {
  try {
    formatter(zone);
    return true;
  } catch {
    return false;
  }
}

const DAY = 1440;
const minutes = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

function localMinutes(zone: string, at: EpochMs): number {
  const parts = formatter(zone).formatToParts(at);
  const part = (type: string): number => Number(parts.find((found) => found.type === type)?.value ?? 0);
  return part('hour') * 60 + part('minute');
}

/** Formatters are dear to make (≈ 50 µs) and never change, so one is kept for each zone. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string): Intl.DateTimeFormat {
  const known = formatters.get(zone);
  if (known) return known;
  const made = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  formatters.set(zone, made);
  return made;
}
