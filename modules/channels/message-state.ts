import type { DeliveryState } from './contract.ts';

/**
 * What can happen to a message. `begin` is written down before the hand-over to the provider, everything from
 * `accept` on after it; the milestones come as receipts and may overtake the answer of the hand-over.
 */
export const MESSAGE_EVENTS = [
  'begin',
  'accept',
  'retry',
  'fail',
  'bounce',
  'lose',
  'suppress',
  'expire',
  'cancel',
  'deliver',
  'open',
  'click',
] as const;
export type MessageEvent = (typeof MESSAGE_EVENTS)[number];

/**
 * From which states an event moves a message, and where to. An event that does not stand under a state leaves the
 * message as it is, so late, repeated and overtaking news do no harm.
 */
export const TRANSITIONS: {
  readonly [E in MessageEvent]: { readonly from: readonly DeliveryState[]; readonly to: DeliveryState };
} = {
  begin: { from: ['queued'], to: 'sending' },
  // A lost answer may still come: after the message was given up as unknown, or put back to be asked for again.
  accept: { from: ['queued', 'sending', 'unknown'], to: 'sent' },
  retry: { from: ['sending'], to: 'queued' },
  fail: { from: ['queued', 'sending'], to: 'failed' },
  bounce: { from: ['sending', 'sent', 'delivered', 'unknown'], to: 'bounced' },
  lose: { from: ['sending'], to: 'unknown' },
  suppress: { from: ['queued'], to: 'suppressed' },
  expire: { from: ['queued'], to: 'expired' },
  cancel: { from: ['queued'], to: 'cancelled' },
  // `queued` here is a message that waits for a repeated hand-over although the first one had arrived.
  deliver: { from: ['queued', 'sending', 'sent', 'unknown'], to: 'delivered' },
  open: { from: ['queued', 'sending', 'sent', 'unknown', 'delivered'], to: 'opened' },
  click: { from: ['queued', 'sending', 'sent', 'unknown', 'delivered', 'opened'], to: 'clicked' },
};

/** Ends from which nothing leads away. `unknown` is no such end: a receipt can still tell what became of it. */
export const FINAL_STATES: readonly DeliveryState[] = [
  'bounced',
  'failed',
  'suppressed',
  'expired',
  'cancelled',
  'clicked',
];

/**
 * The state after an event.
 * @param isAmbiguous a hand-over took place whose answer is not known; then the message can not be called unsent
 */
export function nextState(state: DeliveryState, event: MessageEvent, isAmbiguous = false): DeliveryState {
  const { from, to } = TRANSITIONS[event];
  if (!from.includes(state)) return state;
  const claimsUnsent = to === 'suppressed' || to === 'expired' || to === 'cancelled' || to === 'failed';
  return claimsUnsent && isAmbiguous ? 'unknown' : to;
}

/** Milestones a state implies: what was clicked was opened, delivered and sent. */
export const MILESTONES = ['sent', 'delivered', 'opened', 'clicked'] as const;
