export { partnersMigrations } from './partners.migrations.ts';
export { partnersRoutes } from './partners.routes.ts';
export { createPartners, type Partners, type PartnersDeps, partnersProblems } from './partners.service.ts';
