export { type ApprovalsService, createApprovals } from './approvals.service.ts';
export { type AuditTrail, createAudit } from './audit.service.ts';
export type { Role } from './contract.ts';
export { governanceMigrations } from './governance.migrations.ts';
export { governanceProblems } from './governance.problems.ts';
export { governanceRoutes, SESSION_COOKIE, tokenOf } from './governance.routes.ts';
export type { ApprovalRequest, Approvals, Audit, AuditRecord } from './governance.ts';
export { createIdentity, type Identity, subtree } from './identity.service.ts';
export { permissionsOf } from './permissions.ts';
