import type { Actor } from '@rapport/kernel';
import type { ApprovalDecision, ApprovalView } from './contract.ts';

/** What was done, to be recorded in the audit trail. */
export interface AuditRecord {
  readonly actor: Actor;
  /** `<noun>.<verb>`, such as `campaign.submitted`. */
  readonly action: string;
  /** Id of what it was done to. */
  readonly subject: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface Audit {
  /** Durable, in order, when it resolves. */
  record(entry: AuditRecord): Promise<void>;
}

export interface ApprovalRequest {
  readonly subjectKind: string;
  readonly subjectId: string;
  readonly title: string;
  /** Hash of exactly what is to be approved; a later change of the subject voids the approval. */
  readonly contentHash: string;
  readonly requestedBy: Actor;
}

export interface Approvals {
  /** Opens an approval; an earlier pending one of the same subject is withdrawn. */
  request(request: ApprovalRequest): Promise<ApprovalView>;
  get(approvalId: string): Promise<ApprovalView | undefined>;
  /** The latest approval of a subject. */
  ofSubject(subjectKind: string, subjectId: string): Promise<ApprovalView | undefined>;
  /** @throws governance.self_approval when the maker decides; governance.already_decided */
  decide(approvalId: string, decision: ApprovalDecision, actor: Actor): Promise<ApprovalView>;
  withdraw(approvalId: string, actor: Actor): Promise<void>;
  /** Listeners run after the decision is committed; a failing one is logged, so they reconcile on their own too. */
  onDecided(listener: (approval: ApprovalView) => Promise<void>): void;
}
