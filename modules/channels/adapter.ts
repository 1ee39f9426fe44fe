import type { ProviderTest } from './contract.ts';

/** A message ready to be handed over. */
export interface OutgoingMessage {
  /** Delivery id; also the idempotency key. */
  readonly id: string;
  readonly to: string;
  readonly subject?: string | undefined;
  readonly html?: string | undefined;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What became of a hand-over. */
export type HandOver =
  | { readonly outcome: 'accepted'; readonly providerMessageId: string; readonly detail?: string }
  /** Certainly not taken; may be tried again. */
  | { readonly outcome: 'deferred'; readonly detail: string }
  /** Certainly not taken, and no other message would be now: the provider is down, overloaded or refuses us. */
  | { readonly outcome: 'outage'; readonly detail: string; readonly retryAfterMs?: number }
  /** Perhaps taken; the provider drops repeated keys, so it is asked again. */
  | { readonly outcome: 'lost_repeatable'; readonly detail: string }
  /** Perhaps taken; asking again could send twice. */
  | { readonly outcome: 'lost'; readonly detail: string }
  /** The receiver's address is no good. */
  | { readonly outcome: 'bounced'; readonly detail: string }
  /** Refused for good. */
  | { readonly outcome: 'refused'; readonly detail: string };

/**
 * A provider as the dispatcher sees it. `send` never throws and is called with at most `concurrency` messages at a
 * time. Written for two kinds of provider; another one is another function that answers this.
 */
export interface ChannelAdapter {
  readonly concurrency: number;
  send(message: OutgoingMessage): Promise<HandOver>;
  /** Tries the connection without sending anything to anyone. */
  test(): Promise<ProviderTest>;
  close(): Promise<void>;
}
