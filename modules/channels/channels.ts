import type { Content } from '@rapport/content';
import type { AuditRecord } from '@rapport/governance';
import type { Actor, Clock, EpochMs, Log } from '@rapport/kernel';
import type { CidSet, Relational } from '@rapport/stores';
import type {
  Channel,
  ConsentBody,
  ConsentView,
  DeliveryPurpose,
  DeliveryQuery,
  DeliveryState,
  DeliveryView,
  EmergencyStopBody,
  EmergencyStopView,
  ProviderBody,
  ProviderTest,
  ProviderView,
  ReceiptResult,
  SuppressionBody,
  SuppressionView,
} from './contract.ts';

export interface ChannelsDeps {
  readonly relational: Pick<Relational, 'pool' | 'transaction'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: { record(entry: AuditRecord): Promise<void> };
  readonly customers: {
    /** Which of these customers the actor may see. */
    visible(actor: Actor, cids: readonly number[]): Promise<ReadonlySet<number>>;
    /** Dense numbers of bank ids; unknown ones are absent. */
    cidsOf(customerIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
    /** Who has this phone number or e-mail address, for replies that name no message. */
    findByAddress(
      channel: Channel,
      address: string,
    ): Promise<{ cid: number; customerId: string } | undefined>;
  };
  readonly secrets: { readonly dataKey: Buffer; readonly linkKey: Buffer };
  /** Marketing needs consent given before (`opt_in`), or only none withdrawn (`opt_out`); asked whenever it matters. */
  readonly consentModel: () => Promise<'opt_in' | 'opt_out'>;
}

/** Where a message can be sent; never stored by this module. */
export interface ContactPoint {
  readonly cid: number;
  readonly customerId: string;
  readonly address: string;
  readonly language?: string | undefined;
}

/** The bank-wide contact ledger, as the decisions module implements it. */
export interface ContactLedgerPort {
  reserve(
    requests: readonly {
      readonly cid: number;
      readonly channel: Channel;
      readonly campaignId: string;
      readonly deliveryId: string;
      readonly at: EpochMs;
      readonly purpose: DeliveryPurpose;
    }[],
  ): Promise<
    readonly (
      | { readonly deliveryId: string; readonly outcome: 'granted' }
      | {
          readonly deliveryId: string;
          readonly outcome: 'withheld';
          readonly because: string;
          readonly until?: EpochMs;
        }
    )[]
  >;
  release(deliveryIds: readonly string[]): Promise<void>;
  confirm(deliveryIds: readonly string[]): Promise<void>;
}

export interface DispatcherDeps {
  readonly relational: Pick<Relational, 'pool' | 'transaction'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly channels: Channels;
  readonly content: Pick<Content, 'render'>;
  readonly customers: {
    contactPoints(cids: readonly number[], channel: Channel): Promise<readonly ContactPoint[]>;
  };
  readonly contacts: ContactLedgerPort;
  readonly secrets: { readonly dataKey: Buffer; readonly linkKey: Buffer };
  readonly consentModel: () => Promise<'opt_in' | 'opt_out'>;
  /** Where links in messages lead, without a slash at the end. */
  readonly publicUrl: string;
  readonly settings?: Partial<DispatcherSettings>;
}

export interface DispatcherSettings {
  /** How long to wait when there is nothing to send. @default 250 ms */
  readonly idleMs: number;
  /** Messages claimed at once. @default 200 */
  readonly batchSize: number;
  /** Hand-overs of one message at most; an outage of the provider does not count. @default 8 */
  readonly maxAttempts: number;
  /** First pause before another try; doubles each time, with jitter. @default 15,000 ms */
  readonly backoffMs: number;
  /** A dispatcher not seen for this long is taken for dead. @default 30,000 ms */
  readonly deadAfterMs: number;
}

/** Messages that differ only in who gets them. */
export interface MessageBatch {
  readonly campaignId: string;
  readonly campaignName: string;
  readonly node: string;
  readonly wave: number;
  readonly channel: Channel;
  readonly purpose: DeliveryPurpose;
  readonly templateId: string;
  readonly templateVersion: number;
  /** Higher goes first. @default 0 */
  readonly priority?: number;
  readonly notBefore?: EpochMs;
  readonly expiresAt?: EpochMs;
  readonly offerId?: string;
  /** Only by this provider; without it, by any enabled one of the channel. */
  readonly providerId?: string;
  readonly recipients: readonly {
    readonly cid: number;
    readonly customerId: string;
    readonly variantId?: string;
    readonly offerId?: string;
  }[];
}

export interface OutcomeGroup {
  readonly node: string;
  readonly wave: number;
  readonly channel: Channel;
  readonly variantId: string | undefined;
  readonly state: DeliveryState;
  readonly reason: string | undefined;
  readonly count: number;
  readonly cids: CidSet;
}

export interface CampaignOutcomes {
  /** Every message of the campaign stands in exactly one group. */
  readonly groups: readonly OutcomeGroup[];
  /** Whoever reached the milestone, whatever came after (a bounce after `sent`). */
  readonly milestones: {
    readonly sent: CidSet;
    readonly delivered: CidSet;
    readonly opened: CidSet;
    readonly clicked: CidSet;
  };
}

export interface Channels {
  /**
   * Puts messages into the durable outbox; (customer, campaign, node, wave, channel) is sent once, so a repeated
   * call inserts nothing twice. Messages of a stopped campaign go in as `cancelled`.
   * @returns how many are new
   */
  enqueue(batch: MessageBatch): Promise<{ inserted: number }>;
  /** For good: nothing of the campaign is handed over from now on; what is queued becomes `cancelled`. */
  cancel(campaignId: string): Promise<{ cancelled: number }>;
  pause(campaignId: string): Promise<void>;
  resume(campaignId: string): Promise<void>;
  /** Open and ended messages of a campaign by state, for progress. */
  progress(campaignId: string): Promise<Readonly<Record<DeliveryState, number>>>;
  outcomes(campaignId: string): Promise<CampaignOutcomes>;

  deliveries(query: DeliveryQuery, actor: Actor): Promise<{ items: DeliveryView[]; nextCursor?: string }>;
  delivery(deliveryId: string, actor: Actor): Promise<DeliveryView>;

  readonly providers: Providers;
  readonly consents: Consents;
  readonly stops: EmergencyStops;

  /** Verifies and applies receipts of a provider. @throws channels.bad_signature, channels.stale_signature */
  receive(
    providerId: string,
    request: { timestamp: string; signature: string; body: Buffer },
  ): Promise<ReceiptResult>;
  /** A link was followed: notes the click and answers where it leads. @throws channels.bad_link */
  follow(token: string): Promise<string>;
  /** The pixel was fetched; an unknown token does nothing. */
  noteOpen(token: string): Promise<void>;
  /** Whether the token is good, and whether it is opted out already. @throws channels.bad_link */
  readUnsubscribe(token: string): Promise<{ channel: Channel; optedOut: boolean }>;
  /** Withdraws marketing consent for the message's channel. @throws channels.bad_link */
  unsubscribe(token: string, evidence: string): Promise<{ channel: Channel }>;
}

export interface Providers {
  list(): Promise<ProviderView[]>;
  get(providerId: string): Promise<ProviderView>;
  create(provider: ProviderBody, actor: Actor): Promise<ProviderView>;
  replace(providerId: string, provider: ProviderBody, actor: Actor): Promise<ProviderView>;
  /** Connects and signs in; sends nothing to anyone. */
  test(providerId: string): Promise<ProviderTest>;
  /** With its secrets; for adapters only. */
  open(providerId: string): Promise<OpenProvider | undefined>;
  enabled(): Promise<OpenProvider[]>;
}

export interface OpenProvider {
  readonly view: ProviderView;
  readonly password: string | undefined;
  readonly signingKey: string | undefined;
  /** Changes whenever the provider does. */
  readonly revision: string;
}

export interface Consents {
  record(consent: ConsentBody, actor: Actor): Promise<ConsentView>;
  list(
    query: { customerId?: string; cursor?: string; limit?: number },
    actor: Actor,
  ): Promise<{ items: ConsentView[]; nextCursor?: string }>;
  /** Consents that a source delivers; entries that stand in the ledger already are left out. */
  importAll(
    rows: AsyncIterable<readonly ConsentBody[]> | Iterable<readonly ConsentBody[]>,
  ): Promise<{ inserted: number }>;
  suppress(suppression: SuppressionBody, actor: Actor): Promise<SuppressionView>;
  unsuppress(suppressionId: string, actor: Actor): Promise<void>;
  suppressions(
    query: { customerId?: string; cursor?: string; limit?: number },
    actor: Actor,
  ): Promise<{ items: SuppressionView[]; nextCursor?: string }>;
  /** Bank ids that are one customer, all of them: what was said under one holds for the others. */
  sameCustomers(ids: readonly { readonly customerId: string; readonly of: string }[]): Promise<void>;
  /** Why each customer may not get a message on this channel now; those who may are absent. */
  obstacles(
    customerIds: readonly string[],
    channel: Channel,
    purpose: DeliveryPurpose,
  ): Promise<ReadonlyMap<string, string>>;
}

export interface EmergencyStops {
  list(): Promise<EmergencyStopView[]>;
  /** In force when it resolves; hand-overs that begin later do not take place. */
  start(stop: EmergencyStopBody, actor: Actor): Promise<EmergencyStopView>;
  /** Messages still queued go on. @throws channels.stop_not_found */
  lift(stopId: string, actor: Actor): Promise<EmergencyStopView>;
}
