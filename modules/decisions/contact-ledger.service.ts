import type { EpochMs } from '@rapport/kernel';
import type { KeyValue } from '@rapport/stores';
import { type Admission, admit, type Contact, type ContactChannel, LEDGER_DAYS } from './contact-policy.ts';
import type { ContactPolicy } from './contract.ts';

export interface ContactRequest {
  readonly cid: number;
  readonly channel: ContactChannel;
  readonly campaignId: string;
  readonly deliveryId: string;
  /** The instant of the contact; usually now. */
  readonly at: EpochMs;
  /** Service messages are neither counted nor withheld. @default 'marketing' */
  readonly purpose?: 'marketing' | 'service';
}

export type ContactOutcome = { readonly deliveryId: string } & Admission;

/**
 * The one ledger of contacts of the whole bank. A place is reserved before a message is handed over; however many
 * processes reserve at once, no customer ever holds more places than the policy gives.
 */
export interface ContactLedger {
  /**
   * Asks for a place for each contact, atomically per customer and durable when it resolves; the requests of one
   * customer are tried in their order, the answers stand in the order of the requests. A delivery that holds a
   * place already is granted again and counted once.
   */
  reserve(requests: readonly ContactRequest[]): Promise<ContactOutcome[]>;
  /** The same answers, with nothing reserved; each request is looked at by itself. */
  peek(requests: readonly ContactRequest[]): Promise<ContactOutcome[]>;
  /** Gives places back, because nothing was sent; deliveries without a place and confirmed ones are left alone. */
  release(deliveryIds: readonly string[]): Promise<void>;
  /** The contact took place (or may have): its place is kept for good. */
  confirm(deliveryIds: readonly string[]): Promise<void>;
  /** What the ledger holds of a customer, oldest first. */
  contactsOf(cid: number): Promise<LedgerEntry[]>;
}

export interface LedgerEntry extends Contact {
  readonly campaignId: string;
  readonly confirmed: boolean;
}

/** Customers updated at the same time; LMDB commits them as one group, Redis pipelines them. */
const GROUP = 2_000;

export function createContactLedger(deps: {
  readonly keyValue: KeyValue;
  /** The policy in force; asked once a call. */
  readonly policy: () => Promise<Pick<ContactPolicy, 'rules' | 'quietHours'>>;
}): ContactLedger {
  const { keyValue } = deps;

  const settle = async (
    deliveryIds: readonly string[],
    change: (entries: LedgerEntry[], own: ReadonlySet<string>) => LedgerEntry[],
  ): Promise<void> => {
    const unique = [...new Set(deliveryIds)];
    for (const group of groupsOf(unique, GROUP)) {
      const pointers = await keyValue.getMany(group.map(pointerKey));
      const byCid = new Map<number, Set<string>>();
      group.forEach((deliveryId, index) => {
        const pointer = pointers[index];
        if (!pointer) return;
        const cid = Number(decoder.decode(pointer));
        byCid.set(cid, (byCid.get(cid) ?? new Set()).add(deliveryId));
      });
      await Promise.all(
        [...byCid].map(([cid, own]) =>
          keyValue.update(ledgerKey(cid), (value) => encode(change(decode(value), own))),
        ),
      );
      // The pointer goes last: a crash before this leaves it, and the same call again does the rest.
      await keyValue.delete(group.map(pointerKey));
    }
  };

  return {
    async reserve(requests) {
      const policy = await deps.policy();
      const outcomes = new Map<ContactRequest, ContactOutcome>();
      for (const request of requests) {
        if (request.purpose === 'service') outcomes.set(request, granted(request));
      }
      const counted = requests.filter((request) => request.purpose !== 'service');
      for (const group of groupsOf([...byCustomer(counted)], GROUP)) {
        // The pointer comes first: a place without a pointer could never be given back.
        await keyValue.put(
          group.flatMap(([cid, own]) =>
            own.map((request) => ({
              key: pointerKey(request.deliveryId),
              value: encoder.encode(String(cid)),
            })),
          ),
        );
        await Promise.all(
          group.map(([cid, own]) =>
            keyValue.update(ledgerKey(cid), (value) => {
              const entries = decode(value);
              const kept = entries.length;
              for (const request of own) {
                const outcome = decide(policy, entries, request);
                outcomes.set(request, outcome);
                if (outcome.outcome === 'granted' && !holds(entries, request)) entries.push(entryOf(request));
              }
              return entries.length === kept ? 'keep' : encode(forgetOld(entries));
            }),
          ),
        );
        const idle = group
          .flatMap(([, own]) => own)
          .filter((request) => outcomes.get(request)?.outcome === 'withheld');
        if (idle.length > 0) await keyValue.delete(idle.map((request) => pointerKey(request.deliveryId)));
      }
      return requests.map((request) => outcomes.get(request) ?? granted(request));
    },
    async peek(requests) {
      const policy = await deps.policy();
      const outcomes: ContactOutcome[] = [];
      for (const group of groupsOf(requests, GROUP)) {
        const values = await keyValue.getMany(group.map((request) => ledgerKey(request.cid)));
        group.forEach((request, index) => {
          outcomes.push(
            request.purpose === 'service' ? granted(request) : decide(policy, decode(values[index]), request),
          );
        });
      }
      return outcomes;
    },
    release: (deliveryIds) =>
      settle(deliveryIds, (entries, own) =>
        entries.filter((entry) => entry.confirmed || !own.has(entry.deliveryId)),
      ),
    confirm: (deliveryIds) =>
      settle(deliveryIds, (entries, own) =>
        entries.map((entry) => (own.has(entry.deliveryId) ? { ...entry, confirmed: true } : entry)),
      ),
    async contactsOf(cid) {
      return decode(await keyValue.get(ledgerKey(cid))).sort((a, b) => a.at - b.at);
    },
  };
}

function decide(
  policy: Pick<ContactPolicy, 'rules' | 'quietHours'>,
  entries: readonly LedgerEntry[],
  request: ContactRequest,
): ContactOutcome {
  if (holds(entries, request)) return granted(request);
  return { deliveryId: request.deliveryId, ...admit(policy, entries, request) };
}

const granted = (request: ContactRequest): ContactOutcome => ({
  deliveryId: request.deliveryId,
  outcome: 'granted',
});
const holds = (entries: readonly LedgerEntry[], request: ContactRequest): boolean =>
  entries.some((entry) => entry.deliveryId === request.deliveryId);
const entryOf = ({ deliveryId, channel, campaignId, at }: ContactRequest): LedgerEntry => ({
  deliveryId,
  channel,
  campaignId,
  at,
  confirmed: false,
});

function forgetOld(entries: readonly LedgerEntry[]): readonly LedgerEntry[] {
  const latest = entries.reduce((at, entry) => Math.max(at, entry.at), 0);
  return entries.filter((entry) => entry.at > latest - LEDGER_DAYS * 86_400_000);
}

function byCustomer(requests: readonly ContactRequest[]): Map<number, ContactRequest[]> {
  const groups = new Map<number, ContactRequest[]>();
  for (const request of requests) {
    const own = groups.get(request.cid);
    if (own) own.push(request);
    else groups.set(request.cid, [request]);
  }
  return groups;
}

function groupsOf<Item>(items: readonly Item[], size: number): Item[][] {
  const groups: Item[][] = [];
  for (let at = 0; at < items.length; at += size) groups.push(items.slice(at, at + size));
  return groups;
}

/* ── how an entry is stored: one tab-separated line each, which is small and readable in any store ───── */

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const ledgerKey = (cid: number): string => `contact/c/${cid}`;
const pointerKey = (deliveryId: string): string => `contact/d/${deliveryId}`;

function encode(entries: readonly LedgerEntry[]): Uint8Array | undefined {
  if (entries.length === 0) return undefined;
  return encoder.encode(
    entries
      .map(({ deliveryId, channel, campaignId, at, confirmed }) =>
        [deliveryId, channel, campaignId, at, confirmed ? 1 : 0].join('\t'),
      )
      .join('\n'),
  );
}

function decode(value: Uint8Array | undefined): LedgerEntry[] {
  if (!value || value.length === 0) return [];
  return decoder
    .decode(value)
    .split('\n')
    .map((line) => {
      const [deliveryId = '', channel, campaignId = '', at, confirmed] = line.split('\t');
      return {
        deliveryId,
        channel: channel === 'sms' ? 'sms' : 'email',
        campaignId,
        at: Number(at),
        confirmed: confirmed === '1',
      };
    });
}
