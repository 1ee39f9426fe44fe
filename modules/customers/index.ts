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
export {
  createIdentityMatcher,
  type IdentityMatch,
  type IdentityMatcher,
  MATCH_KINDS,
  type MatchKind,
} from './identity-match.ts';
export { createProjector, type ProjectorDeps } from './projector.ts';
