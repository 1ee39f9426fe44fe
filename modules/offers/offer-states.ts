import type { OfferState } from './contract.ts';

/** Where each action leads from each state; what is not here is refused. Drawn in docs/state-machines.md. */
export const TRANSITIONS: Readonly<Record<'activate' | 'retire', Partial<Record<OfferState, OfferState>>>> = {
  activate: { draft: 'active' },
  retire: { draft: 'retired', active: 'retired' },
};
