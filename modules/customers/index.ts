export type { NewCollectedEvent } from './collected-event.ts';
export type { CustomerRecord } from './customer-records.ts';
export { customersMigrations } from './customers.migrations.ts';
export { customersProblems } from './customers.problems.ts';
export { customersRoutes } from './customers.routes.ts';
export {
  type ContactPoint,
  type CustomerRef,
  type Customers,
  type CustomersDeps,
  createCustomers,
  type SearchRequest,
} from './customers.service.ts';
export { identityRoutes } from './identity.routes.ts';
export {
  createIdentityMatcher,
  type IdentityMatch,
  type IdentityMatcher,
  MATCH_KINDS,
  type MatchKind,
} from './identity-match.ts';
export { createOneCustomer, type OneCustomer } from './one-customer.ts';
export { createProjector, type ProjectorDeps } from './projector.ts';
export type { Resolution } from './resolution.service.ts';
