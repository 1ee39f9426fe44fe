import type { CompiledSql, Condition, ConditionCatalog } from '@rapport/conditions';
import type { AuditRecord } from '@rapport/governance';
import type { Actor, Clock, EpochMs, Log, ProblemFault } from '@rapport/kernel';
import type { SetEngine } from '@rapport/sets';
import type { CidSet, Relational, Release, Releases, Warehouse } from '@rapport/stores';
import type {
  Audience,
  AudiencePage,
  AudienceSnapshot,
  AudienceSnapshotPage,
  CountRequest,
  CountResult,
  CreateAudience,
  DescribeRequest,
  DescribeResult,
  EvaluateRequest,
  EvaluateResult,
  ExplainRequest,
  ExplainResult,
  ReplaceAudience,
  ValuesResult,
  Vocabulary,
} from './contract.ts';
import type { KnownCustomer } from './customer-states.ts';

export interface AudiencesDeps {
  readonly relational: Pick<Relational, 'pool'>;
  readonly warehouse: Warehouse;
  readonly releases: Pick<Releases, 'current'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: { record(entry: AuditRecord): Promise<void> };
  /**
   * The tags, events and lists of a release, tags with the values that they had at a past instant where those are
   * kept; audiences are laid over it here.
   */
  readonly catalog: (release: Release, asOf?: EpochMs) => Promise<ConditionCatalog>;
  /** Names in a condition whose use this actor has not been granted. @default nothing is withheld */
  readonly useFaults?: (condition: Condition, actor: Actor) => Promise<readonly ProblemFault[]>;
  /** Told of every condition that is evaluated, with those of the audiences in it. Returns at once. */
  readonly onEvaluated?: (conditions: readonly Condition[]) => void;
  /** Shared by all who evaluate conditions in this process. @default one of its own */
  readonly sets?: SetEngine;
}

/** Who needs an audience, told by a later module so that it is not deleted under it. */
export interface AudienceUsage {
  /** Noun such as `campaign`. */
  readonly kind: string;
  readonly id: string;
  readonly title: string;
}

export interface ResolveOptions {
  /** @default now */
  readonly asOf?: EpochMs;
  /** Only customers of these org units; `undefined` = the whole bank. */
  readonly orgScope?: readonly string[] | undefined;
  readonly signal?: AbortSignal;
}

export interface Resolved {
  readonly cids: CidSet;
  /** Number of the data release it was read from. */
  readonly release: number;
  readonly asOf: EpochMs;
}

export interface AudienceFacts {
  readonly id: string;
  readonly name: string;
  readonly condition: Condition;
  readonly version: number;
}

/** A snapshot with its customers. */
export type FrozenAudience = AudienceSnapshot & { readonly cids: CidSet };

export interface Audiences {
  list(query: { search?: string; cursor?: string; limit?: number }, actor: Actor): Promise<AudiencePage>;
  /** @throws audiences.not_found */
  get(id: string, actor: Actor): Promise<Audience>;
  find(id: string): Promise<AudienceFacts | undefined>;
  findByName(name: string): Promise<AudienceFacts | undefined>;
  /** @throws conditions.invalid */
  create(audience: CreateAudience, actor: Actor): Promise<Audience>;
  /** @throws audiences.not_found, audiences.changed_meanwhile, conditions.invalid */
  replace(id: string, audience: ReplaceAudience, actor: Actor): Promise<Audience>;
  /** @throws audiences.not_found, audiences.changed_meanwhile, audiences.in_use */
  remove(id: string, options: { version?: number }, actor: Actor): Promise<void>;
  /** Asks a later module who uses an audience before it is deleted. */
  onUsage(usages: (audienceId: string) => Promise<readonly AudienceUsage[]>): void;
  /** What needs this audience, other audiences included. */
  usagesOf(id: string): Promise<AudienceUsage[]>;

  count(request: CountRequest, actor: Actor, signal?: AbortSignal): Promise<CountResult>;
  /** Counts a saved audience; over the whole bank the count is kept with it. */
  recount(id: string, actor: Actor, signal?: AbortSignal): Promise<CountResult>;
  explain(request: ExplainRequest, actor: Actor, signal?: AbortSignal): Promise<ExplainResult>;
  /** @throws audiences.customer_not_found also for customers outside the actor's org scope */
  evaluate(request: EvaluateRequest, actor: Actor, signal?: AbortSignal): Promise<EvaluateResult>;
  describe(request: DescribeRequest): Promise<DescribeResult>;
  vocabulary(actor: Actor, signal?: AbortSignal): Promise<Vocabulary>;
  /** @throws audiences.nothing_to_list */
  values(
    query: { tag?: string; event?: string; property?: string; search?: string; limit?: number },
    actor: Actor,
    signal?: AbortSignal,
  ): Promise<ValuesResult>;

  /** The engine that answers conditions here; one for all of a process, which share what it keeps. */
  readonly sets: SetEngine;
  /** Refuses a condition that names tags this actor has not been granted. @throws audiences.not_granted */
  requireGranted(condition: Condition, actor: Actor): Promise<void>;
  /** Those of these tags that this actor has not been granted. */
  withheld(tagIds: readonly string[], actor: Actor): Promise<ReadonlySet<string>>;

  /** Faults of a condition against the present catalog, with pointers into it; none when it is fine. */
  faults(condition: Condition): Promise<readonly ProblemFault[]>;
  /** Whom a condition holds for. An audience is the condition `{ audience: id }`. @throws conditions.invalid */
  resolve(condition: Condition, options?: ResolveOptions): Promise<Resolved>;
  /** A checked condition and the catalog that knows the audiences it names. @throws conditions.invalid */
  conditionCatalog(
    condition: Condition,
    release: Release,
  ): Promise<{ readonly condition: Condition; readonly catalog: ConditionCatalog }>;
  /**
   * A warehouse query answering the bitmap of the customers a condition holds for, to stand inside a larger query
   * over the same release. @throws conditions.invalid
   */
  cidsSql(condition: Condition, release: Release, options?: { asOf?: EpochMs }): Promise<CompiledSql>;
  /** For which of these customers a condition holds, by cid, through the predicate reader. */
  matching(
    condition: Condition,
    customers: readonly KnownCustomer[],
    options?: { asOf?: EpochMs },
  ): Promise<ReadonlySet<number>>;

  /** Freezes whom a condition or a saved audience selects; the snapshot never changes. */
  freeze(
    what: { audienceId: string } | { condition: Condition },
    options: { asOf?: EpochMs },
    actor: Actor,
  ): Promise<AudienceSnapshot>;
  snapshots(audienceId: string, query: { cursor?: string; limit?: number }): Promise<AudienceSnapshotPage>;
  /** @throws audiences.snapshot_not_found */
  snapshot(id: string): Promise<FrozenAudience>;
  /** Customer ids as CSV, a header first; recorded in the audit trail before the first byte. */
  exportAudience(id: string, options: { asOf?: EpochMs }, actor: Actor): Promise<AsyncIterable<string>>;
  exportSnapshot(id: string, actor: Actor): Promise<AsyncIterable<string>>;
}
