export type { Offer, OfferDraft, OfferState, RiskLevel } from './contract.ts';
export { offersMigrations } from './offers.migrations.ts';
export { offersProblems } from './offers.problems.ts';
export { offersRoutes } from './offers.routes.ts';
export { createOffers, type Offers, type OffersDeps } from './offers.service.ts';
