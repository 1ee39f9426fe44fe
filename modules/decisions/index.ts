export {
  type ContactLedger,
  type ContactOutcome,
  type ContactRequest,
  createContactLedger,
  type LedgerEntry,
} from './contact-ledger.service.ts';
export { type ContactPolicies, createContactPolicies, FIRST_POLICY } from './contact-policies.service.ts';
export { type Admission, admit, type ContactChannel, isZone, quietUntil } from './contact-policy.ts';
export type { ContactPolicy, ContactRule, Decision, QuietHours } from './contract.ts';
export { DECISION_ENGINE, decide, isSuitable } from './decide.ts';
export { decisionsMigrations } from './decisions.migrations.ts';
export { decisionsProblems } from './decisions.problems.ts';
export { decisionsRoutes } from './decisions.routes.ts';
export {
  createDecisions,
  type Decisions,
  type DecisionsDeps,
  type ResponseEvent,
} from './decisions.service.ts';
export { judgeBy } from './judge.ts';
