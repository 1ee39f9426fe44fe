import type { Decision, DecisionRequest, NewDecisionResponse } from '@rapport/decisions/contract';
import type { Offer, OfferChange, OfferDraft, OfferState } from '@rapport/offers/contract';
import { api } from './client.ts';
import { pagedQuery } from './paged.ts';

export const offersQuery = (state?: OfferState) =>
  pagedQuery<Offer>(['offers'], '/offers', { state, limit: 200 });
export const createOffer = (body: OfferDraft) => api.post<Offer>('/offers', { body });
export const replaceOffer = (id: string, body: OfferChange) => api.put<Offer>(`/offers/${id}`, { body });
export const activateOffer = (id: string) => api.post<Offer>(`/offers/${id}/activate`);
export const retireOffer = (id: string) => api.post<Offer>(`/offers/${id}/retire`);

export const decide = (body: DecisionRequest) => api.post<Decision>('/decisions', { body });
export const replayDecision = (id: string) => api.post<{ identical: boolean }>(`/decisions/${id}/replay`);
export const recordResponse = (id: string, body: NewDecisionResponse) =>
  api.post<Decision>(`/decisions/${id}/responses`, { body });
