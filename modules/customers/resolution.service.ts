import { createHash } from 'node:crypto';
import type { Approvals, Audit } from '@rapport/governance';
import type { ApprovalView } from '@rapport/governance/contract';
import { type Actor, type Clock, type Log, newId, systemActor, toIso } from '@rapport/kernel';
import type { RoleTable } from '@rapport/sources';
import type { Jobs, Placement, Relational, Release, Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { Check } from 'typebox/value';
import { type Applied, createAliasApplier } from './apply-aliases.ts';
import { joinRecords, type Link } from './clusters.ts';
import { createCustomerKeys } from './customer-key.ts';
import { customersProblems } from './customers.problems.ts';
import type { MatchModel } from './fellegi-sunter.ts';
import { buildHouseholds } from './households.ts';
import {
  createIdentityStore,
  type IdentityStore,
  type NewIdentityEvent,
  type StoredPair,
} from './identity.store.sql.ts';
import type { DecideBody, Decided, IdentitySummary, MatchRulesView } from './identity-contract.ts';
import { aliasesOf, clusterOf, distinctPairs, type IdentityState, pairKey } from './identity-log.ts';
import { MATCH_FIELDS, MatchRules, type Pattern } from './match-rules.ts';
import { createMatcher, type MatchResult, type ScoredPair } from './matcher.ts';
import { derivePiiKeys } from './pii.ts';
import { createCustomerBuilder, identityRows } from './project-customers.ts';
import { candidateRows, inOrder } from './survivorship.ts';

export interface ResolutionDeps {
  readonly relational: Relational;
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly jobs: Jobs;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly approvals: Pick<Approvals, 'request'>;
  readonly dataKey: Buffer;
  /** Role tables that a release shows. */
  readonly roleTables: (release: Release) => Promise<readonly RoleTable[]>;
  /** Anonymous users whose history is that of one of these records. */
  readonly stitchedTo?: (records: readonly number[]) => Promise<readonly { user: number; record: number }[]>;
  /** Runs `work` while nobody else projects and publishes. */
  readonly exclusively: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

export interface Resolution {
  readonly store: IdentityStore;
  rules(): Promise<MatchRulesView>;
  /** @throws customers.invalid_rules */
  putRules(rules: MatchRules, actor: Actor): Promise<MatchRulesView>;
  /** Starts a run; answers the job. Without `full` only new and changed records are compared with the others. */
  startRun(options: { full?: boolean }, actor: Actor): Promise<string>;
  /** Runs now; what the job does. */
  run(options?: { full?: boolean; runId?: string; signal?: AbortSignal }): Promise<RunFigures>;
  /**
   * Merges two customers by hand; visible once applied.
   * @throws customers.already_one, customers.known_distinct, customers.conflicting_documents, customers.cluster_too_large
   */
  merge(
    pair: Link,
    options: { reason: string; despiteDistinct?: boolean },
    actor: Actor,
  ): Promise<{ mergeId: string }>;
  /** Undoes exactly that merge, and remembers that the two are not the same. @throws customers.not_merged */
  unmerge(mergeId: string, reason: string, actor: Actor): Promise<void>;
  decide(body: DecideBody, actor: Actor): Promise<Decided>;
  /** Carries out a bulk merge that was approved. */
  onApprovalDecided(
    approval: Pick<ApprovalView, 'subjectKind' | 'subjectId' | 'state' | 'requestedBy' | 'requestedByName'>,
  ): Promise<void>;
  summary(): Promise<IdentitySummary>;
  /** Makes what was decided visible; also called after every decision by a job of its own. */
  applyNow(): Promise<Applied | undefined>;
  /** Called after merges became visible. */
  onApplied(listener: (applied: Applied) => Promise<void>): void;
  /** Replays the whole log and compares it with the state kept up event by event. */
  verify(): Promise<{ digest: string; agrees: boolean }>;
}

export interface RunFigures {
  readonly records: number;
  readonly fresh: number;
  readonly compared: number;
  readonly merged: number;
  readonly review: number;
  readonly refused: number;
  readonly households: number;
  readonly tookMs: number;
}

const RunPayload = Type.Object({ runId: Type.String(), full: Type.Boolean() });
const Counted = Type.Object({ n: Type.Integer() });
const MAX_QUEUE = 200_000;
const LONG = { maxSeconds: 6 * 3_600 } as const;

/** One customer: which records are the same, who decided it, and making it visible. */
export function createResolution(deps: ResolutionDeps): Resolution {
  const { relational, warehouse, releases, jobs, clock, log, audit } = deps;
  const store = createIdentityStore({ relational });
  const matcher = createMatcher({ warehouse, newTableName: releases.newTableName });
  const listeners: ((applied: Applied) => Promise<void>)[] = [];

  const survivorship = async () => (await store.rules()).rules.survivorship;
  const roleTables = async (release: Release): Promise<readonly RoleTable[]> =>
    inOrder(await deps.roleTables(release), (await survivorship())?.sources);
  const apply = createAliasApplier({
    warehouse,
    releases,
    roleTables,
    ...(deps.stitchedTo ? { stitchedTo: deps.stitchedTo } : {}),
    builder: createCustomerBuilder({
      warehouse,
      releases,
      customerKeys: createCustomerKeys({ relational, warehouse }),
      keys: derivePiiKeys(deps.dataKey),
      survivorship,
    }),
  });

  const applyNow = async (): Promise<Applied | undefined> => {
    const applied = await deps.exclusively(async () => apply(aliasesOf(await store.state())));
    if (applied) {
      for (const listener of listeners) {
        try {
          await listener(applied);
        } catch (error) {
          log.error({ err: error }, 'a listener for merged customers failed');
        }
      }
    }
    return applied;
  };
  const applySoon = async (): Promise<void> => {
    await jobs.enqueue('customers.apply', {}, { singleton: 'customers.apply', subject: 'identity' });
  };

  /* ── runs ──────────────────────────────────────────────────────────────────────────────────────────── */

  const run: Resolution['run'] = async ({ full = false, runId = newId('mrn'), signal } = {}) => {
    const startedAt = performance.now();
    const { version, rules } = await store.rules();
    const last = await store.lastRun();
    const release = await releases.current();
    const record = release.placements.get('record')?.table;
    const stateTable = release.placements.get('matchstate')?.table;
    const model = modelOf(last?.model);
    await store.startRun(runId, version, clock.now());
    try {
      if (!record) {
        const nothing = {
          records: 0,
          fresh: 0,
          compared: 0,
          merged: 0,
          review: 0,
          refused: 0,
          households: 0,
          tookMs: 0,
        };
        await store.endRun(runId, { figures: { ...nothing, crowded: [] } }, clock.now());
        return nothing;
      }
      // Rules that changed judge every pair anew; a model needs all pairs once.
      const isFull = full || !stateTable || !model || last?.rulesVersion !== version;
      const tables = await roleTables(release);
      const customers = tables.filter((table) => table.role === 'customer');
      const identities = tables.filter((table) => table.role === 'identity');
      const keyed = (sql: string): string =>
        `SELECT k.record AS record, r.* EXCEPT customer_id FROM (${sql}) AS r INNER JOIN (SELECT customer_id, record FROM ${warehouse.identifier(record)}) AS k ON r.customer_id = k.customer_id`;
      const records = keyed(
        `SELECT customer_id, if(kind = '', 'retail', kind) AS kind, name, birth_date, gender, address, city FROM (${candidateRows(customers)})`,
      );
      const known = keyed(
        identityRows(customers, identities)
          .map((sql) => `SELECT customer_id, kind, value FROM (${sql})`)
          .join(' UNION ALL ') || "SELECT '' AS customer_id, '' AS kind, '' AS value WHERE 0",
      );
      const nextState = releases.newTableName('matchstate');
      await warehouse.createTable({
        name: nextState,
        columns: 'record UInt32, hash UInt64',
        orderBy: 'record',
        spread: 'copy',
      });
      await warehouse.command(
        `INSERT INTO ${warehouse.identifier(nextState)} SELECT record, sum(h) AS hash FROM (SELECT record, sipHash64(kind, name, ifNull(toString(birth_date), ''), gender, address, city) AS h FROM (${records}) UNION ALL SELECT record, sipHash64(kind, value) AS h FROM (${known})) GROUP BY record`,
        {},
        LONG,
      );
      const changed = `SELECT record FROM ${warehouse.identifier(nextState)} WHERE (record, hash) NOT IN (SELECT record, hash FROM ${warehouse.identifier(stateTable ?? nextState)})`;
      const fresh = isFull
        ? await count(`SELECT count() AS n FROM ${warehouse.identifier(nextState)}`)
        : await count(`SELECT count() AS n FROM (${changed})`);
      const matched: MatchResult | undefined =
        fresh === 0
          ? undefined
          : await matcher.match({
              records,
              identities: known,
              rules,
              ...(isFull ? {} : { fresh: changed, ...(model ? { model } : {}) }),
              ...(signal ? { signal } : {}),
            });
      const kept: NewIdentityEvent[] = [];
      const review = new Map<string, ScoredPair & { blockedBy?: string }>();
      if (matched) {
        await store.append(
          (state) => {
            const { kept: links, refused } = joinRecords({
              links: matched.merge,
              existing: [...state.links.values()],
              documents: matched.documents,
              distinct: distinctPairs(state),
              maxSize: rules.maxCluster,
            });
            review.clear();
            const aliases = aliasesOf(state);
            const of = (each: number): number => aliases.get(each) ?? each;
            for (const pair of matched.review) review.set(pairKey(pair.a, pair.b), pair);
            for (const { link, because } of refused) {
              if (because !== 'known_distinct')
                review.set(pairKey(link.a, link.b), { ...link, blockedBy: because });
            }
            for (const [key, pair] of review) {
              if (state.distinct.has(key) || of(pair.a) === of(pair.b)) review.delete(key);
            }
            kept.length = 0;
            kept.push(
              ...links.map((link) => ({
                id: newId('ide'),
                kind: 'merge' as const,
                a: link.a,
                b: link.b,
                rule: link.rule,
                probability: link.probability,
                weights: link.weights,
                batchId: runId,
              })),
            );
            return kept;
          },
          systemActor,
          clock.now(),
        );
        const queued = [...review.values()].sort((x, y) => y.probability - x.probability).slice(0, MAX_QUEUE);
        await store.queue(
          queued.map((pair) => ({
            a: pair.a,
            b: pair.b,
            rule: pair.rule,
            probability: pair.probability,
            pattern: patternText(pair.pattern),
            weights: pair.weights,
            ...(pair.blockedBy === undefined ? {} : { blockedBy: pair.blockedBy }),
          })),
          runId,
          clock.now(),
        );
        await store.settle(kept, 'merged', undefined, clock.now());
        if (isFull) await store.forgetOthers(runId);
      }
      const applied = await applyNow();
      const households = await deps.exclusively(async () => {
        const now = await releases.current();
        const built = await buildHouseholds({
          warehouse,
          releases,
          country: rules.country,
          maxSize: rules.household?.maxSize ?? 8,
          customerTables: customers,
          accountTables: tables.filter((table) => table.role === 'account'),
          record: now.placements.get('record')?.table ?? record,
        });
        const set: Record<string, Placement> = {
          household: { table: built.table },
          matchstate: { table: nextState },
        };
        await releases.publish({ set, note: `identity run ${runId}` });
        return built;
      });
      const figures: RunFigures = {
        records:
          matched?.records ?? (await count(`SELECT count() AS n FROM ${warehouse.identifier(nextState)}`)),
        fresh,
        compared: matched?.compared ?? 0,
        merged: kept.length,
        review: review.size,
        refused: [...review.values()].filter((pair) => pair.blockedBy !== undefined).length,
        households: households.households,
        tookMs: Math.round(performance.now() - startedAt),
      };
      await store.endRun(
        runId,
        {
          figures: { ...figures, moved: applied?.movedRows ?? 0, crowded: matched?.crowded ?? [] },
          model: matched?.model ?? model,
        },
        clock.now(),
      );
      await audit.record({
        actor: systemActor,
        action: 'identity.run',
        subject: runId,
        details: { ...figures },
      });
      return figures;
    } catch (error) {
      await store.endRun(
        runId,
        { model, error: error instanceof Error ? error.message : String(error) },
        clock.now(),
      );
      throw error;
    }
  };

  const count = async (sql: string): Promise<number> =>
    (await warehouse.query(Counted, sql, {}, LONG))[0]?.n ?? 0;

  jobs.define(
    'customers.match',
    RunPayload,
    ({ payload, signal }) => run({ full: payload.full, runId: payload.runId, signal }),
    { retries: 2, concurrency: 1 },
  );
  jobs.define(
    'customers.apply',
    Type.Object({}),
    async () => {
      const applied = await applyNow();
      return { changed: applied?.changed ?? 0 };
    },
    { retries: 5, concurrency: 1 },
  );

  /* ── decisions ─────────────────────────────────────────────────────────────────────────────────────── */

  /** Why two records cannot be merged by hand; undefined = they can. */
  const refusalOf = (
    state: IdentityState,
    { a, b }: Link,
    maxCluster: number,
    despiteDistinct = false,
  ): 'already_one' | 'known_distinct' | 'cluster_too_large' | undefined => {
    const left = clusterOf(state, a);
    if (left.includes(b)) return 'already_one';
    const right = clusterOf(state, b);
    if (left.length + right.length > maxCluster) return 'cluster_too_large';
    const isDistinct = left.some((x) => right.some((y) => state.distinct.has(pairKey(x, y))));
    return isDistinct && !despiteDistinct ? 'known_distinct' : undefined;
  };

  const merge: Resolution['merge'] = async (pair, { reason, despiteDistinct }, actor) => {
    if (pair.a === pair.b) throw customersProblems.already_one({ detail: 'It is the same record.' });
    const { rules } = await store.rules();
    const mergeId = newId('ide');
    await store.append(
      (state) => {
        const refusal = refusalOf(state, pair, rules.maxCluster, despiteDistinct);
        if (refusal) {
          throw customersProblems[refusal]({
            detail:
              refusal === 'known_distinct'
                ? 'Say despiteDistinct to merge them all the same; the earlier decision is taken back.'
                : refusal === 'cluster_too_large'
                  ? `A customer has ${rules.maxCluster} records at most (maxCluster of the matching rules).`
                  : 'Nothing is left to do.',
          });
        }
        const left = clusterOf(state, pair.a);
        const right = clusterOf(state, pair.b);
        const revoked = left.flatMap((x) =>
          right
            .filter((y) => state.distinct.has(pairKey(x, y)))
            .map((y) => ({
              id: newId('ide'),
              kind: 'undistinct' as const,
              a: x,
              b: y,
              rule: 'person',
              reason,
            })),
        );
        return [...revoked, { id: mergeId, kind: 'merge', a: pair.a, b: pair.b, rule: 'person', reason }];
      },
      actor,
      clock.now(),
    );
    await store.settle([pair], 'merged', actor.displayName, clock.now());
    await audit.record({
      actor,
      action: 'customer.merged',
      subject: mergeId,
      details: { a: pair.a, b: pair.b, reason },
    });
    await applySoon();
    return { mergeId };
  };

  const unmerge: Resolution['unmerge'] = async (mergeId, reason, actor) => {
    let pair: Link | undefined;
    await store.append(
      (state) => {
        pair = state.links.get(mergeId);
        if (!pair) throw customersProblems.not_merged({ detail: `There is no merge ${mergeId} that holds.` });
        return [
          { id: newId('ide'), kind: 'unmerge', a: pair.a, b: pair.b, mergeId, rule: 'person', reason },
          { id: newId('ide'), kind: 'distinct', a: pair.a, b: pair.b, rule: 'person', reason },
        ];
      },
      actor,
      clock.now(),
    );
    if (pair) await store.settle([pair], 'distinct', actor.displayName, clock.now());
    await audit.record({
      actor,
      action: 'customer.unmerged',
      subject: mergeId,
      details: { ...pair, reason },
    });
    await applySoon();
  };

  const carryOut = async (
    pairs: readonly Link[],
    decision: 'merge' | 'distinct',
    reason: string | undefined,
    actor: Actor,
    batchId: string,
  ): Promise<Decided> => {
    const { rules } = await store.rules();
    const found = new Map<string, StoredPair>();
    for (const { a, b } of pairs) {
      const pair = await store.pair(a, b);
      if (!pair) {
        throw customersProblems.invalid_pair({ detail: `The pair ${a}, ${b} is not in the review queue.` });
      }
      found.set(pairKey(a, b), pair);
    }
    const refused: Decided['refused'] = [];
    const done: Link[] = [];
    await store.append(
      (state) => {
        refused.length = 0;
        done.length = 0;
        const links = new Map(state.links);
        const events: NewIdentityEvent[] = [];
        for (const { a, b } of pairs) {
          const pair = found.get(pairKey(a, b));
          const evidence = {
            rule: 'person',
            ...(pair ? { probability: pair.probability, weights: pair.weights } : {}),
            ...(reason === undefined ? {} : { reason }),
            batchId,
          };
          if (decision === 'distinct') {
            events.push({ id: newId('ide'), kind: 'distinct', a, b, ...evidence });
            done.push({ a, b });
            continue;
          }
          const refusal = refusalOf({ ...state, links }, { a, b }, rules.maxCluster);
          if (refusal && refusal !== 'already_one') {
            refused.push({ a, b, because: refusal });
            continue;
          }
          done.push({ a, b });
          if (refusal) continue;
          const id = newId('ide');
          links.set(id, { a, b });
          events.push({ id, kind: 'merge', a, b, ...evidence });
        }
        return events;
      },
      actor,
      clock.now(),
    );
    await store.settle(done, decision === 'merge' ? 'merged' : 'distinct', actor.displayName, clock.now());
    await audit.record({
      actor,
      action: decision === 'merge' ? 'customer.merged' : 'customer.found_distinct',
      subject: batchId,
      details: { pairs: done.length, refused: refused.length, reason },
    });
    if (decision === 'merge' && done.length > 0) await applySoon();
    return { decided: done.length, refused };
  };

  const decide: Resolution['decide'] = async ({ decision, pairs, rule, minProbability, reason }, actor) => {
    const wanted: Link[] =
      pairs ??
      (rule === undefined
        ? []
        : await store.pairs({
            state: 'open',
            rule,
            ...(minProbability === undefined ? {} : { minProbability }),
            limit: 10_000,
          }));
    if (wanted.length === 0) return { decided: 0, refused: [] };
    if (decision === 'later') {
      await store.settle(wanted, 'later', actor.displayName, clock.now());
      return { decided: wanted.length, refused: [] };
    }
    const { rules } = await store.rules();
    const batchId = newId('mrb');
    if (decision === 'merge' && wanted.length >= rules.bulkFrom) {
      const contentHash = createHash('sha256')
        .update(JSON.stringify(wanted.map(({ a, b }) => [a, b])))
        .digest('hex');
      await store.addBatch({
        id: batchId,
        decision,
        pairs: wanted,
        reason,
        contentHash,
        requestedBy: actor.id,
        at: clock.now(),
      });
      const approval = await deps.approvals.request({
        subjectKind: 'identity.merge',
        subjectId: batchId,
        title: `Merge ${wanted.length} pairs of customers${rule === undefined ? '' : ` (${rule})`}`,
        contentHash,
        requestedBy: actor,
      });
      return { decided: 0, refused: [], approvalId: approval.id };
    }
    return carryOut(wanted, decision, reason, actor, batchId);
  };

  return {
    store,
    run,
    merge,
    unmerge,
    decide,
    applyNow,
    onApplied: (listener) => void listeners.push(listener),
    async rules() {
      const { version, rules, actorName, at } = await store.rules();
      return {
        version,
        rules,
        ...(actorName === undefined ? {} : { changedBy: actorName }),
        ...(at === undefined ? {} : { changedAt: toIso(at) }),
      };
    },
    async putRules(rules, actor) {
      checkRules(rules);
      const version = await store.putRules(rules, actor, clock.now());
      await audit.record({
        actor,
        action: 'identity.rules_changed',
        subject: `v${version}`,
        details: { rules },
      });
      return this.rules();
    },
    async startRun({ full = false }) {
      return jobs.enqueue(
        'customers.match',
        { runId: newId('mrn'), full },
        { singleton: 'customers.match', subject: 'identity' },
      );
    },
    async onApprovalDecided({ subjectKind, subjectId, state, requestedBy, requestedByName }) {
      if (subjectKind !== 'identity.merge') return;
      const batch = await store.batch(subjectId);
      if (batch?.state !== 'waiting') return;
      if (state !== 'approved') {
        await store.endBatch(subjectId, 'rejected');
        return;
      }
      const maker = { ...systemActor, id: requestedBy, displayName: requestedByName };
      await carryOut(batch.pairs, batch.decision, batch.reason ?? undefined, maker, subjectId);
      await store.endBatch(subjectId, 'done');
    },
    async verify() {
      const [replayed, kept] = [await store.replay(), await store.state()];
      return { digest: replayed.digest, agrees: replayed.digest === kept.digest };
    },
    async summary() {
      const [last, queue, state, release] = await Promise.all([
        store.lastRun(),
        store.countPairs(),
        store.state(),
        releases.current(),
      ]);
      const aliases = aliasesOf(state);
      const shown = release.placements.get('alias')?.table;
      const visible = shown ? await count(`SELECT count() AS n FROM ${warehouse.identifier(shown)}`) : 0;
      const figures = numbersOf(last?.figures);
      return {
        ...(last
          ? {
              lastRun: {
                state: last.state,
                startedAt: toIso(last.startedAt),
                ...(last.finishedAt === undefined ? {} : { finishedAt: toIso(last.finishedAt) }),
                ...(last.error === undefined ? {} : { error: last.error }),
                figures,
                crowded: crowdedOf(last.figures),
              },
            }
          : {}),
        queue: queue.flatMap(({ state: each, rule, n }) =>
          each === 'gone' ? [] : [{ state: each, rule, pairs: n }],
        ),
        merges: state.links.size,
        mergedCustomers: new Set(aliases.values()).size,
        distinct: state.distinct.size,
        pending: Math.abs(aliases.size - visible),
        digest: state.digest,
      };
    },
  };
}

/** @throws customers.invalid_rules with what cannot work */
export function checkRules(rules: unknown): asserts rules is MatchRules {
  const refuse = (detail: string): never => {
    throw customersProblems.invalid_rules({ detail });
  };
  if (!Check(MatchRules, rules)) return refuse('They do not have the form that docs/identity.md describes.');
  if (rules.reviewFrom > rules.mergeFrom) {
    refuse(`reviewFrom ${rules.reviewFrom} is above mergeFrom ${rules.mergeFrom}.`);
  }
  const names = rules.rules.map((rule) => rule.name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) refuse(`Two rules are named "${twice}".`);
  for (const { name, when, decide } of rules.rules) {
    if (decide !== 'merge') continue;
    const documents = when.id_document ?? [];
    if (documents.includes('different') || documents.includes('close')) {
      refuse(`Rule "${name}" would merge customers with different identity documents; only a person may.`);
    }
    if (Object.keys(when).length === 0) refuse(`Rule "${name}" would merge every pair that is compared.`);
  }
  for (const [field, given] of Object.entries(rules.model ?? {})) {
    for (const [which, shares] of Object.entries(given)) {
      const sum = shares.reduce((total, share) => total + share, 0);
      if (Math.abs(sum - 1) > 0.01) refuse(`model.${field}.${which} sums to ${sum}, not to 1.`);
    }
  }
}

export const patternText = (pattern: Pattern): string =>
  MATCH_FIELDS.map((field) => pattern[field] ?? '-').join('.');

export function patternOfText(text: string): Pattern {
  const levels = text.split('.');
  return Object.fromEntries(
    MATCH_FIELDS.flatMap((field, at) =>
      levels[at] === '-' || levels[at] === undefined ? [] : [[field, Number(levels[at])]],
    ),
  );
}

const Model = Type.Object({
  prior: Type.Number(),
  fields: Type.Record(
    Type.String(),
    Type.Object({ m: Type.Array(Type.Number()), u: Type.Array(Type.Number()) }),
  ),
});

/** A model as it was kept, if it is one of today's fields. */
function modelOf(kept: unknown): MatchModel | undefined {
  if (!Check(Model, kept)) return undefined;
  const { name, birth_date, gender, id_document, phone, email, address, device } = kept.fields;
  if (!name || !birth_date || !gender || !id_document || !phone || !email || !address || !device)
    return undefined;
  return {
    prior: kept.prior,
    fields: { name, birth_date, gender, id_document, phone, email, address, device },
  };
}

function numbersOf(figures: unknown): Record<string, number> {
  if (typeof figures !== 'object' || figures === null) return {};
  return Object.fromEntries(
    Object.entries(figures).flatMap(([name, value]) => (typeof value === 'number' ? [[name, value]] : [])),
  );
}

const Crowded = Type.Object({
  crowded: Type.Array(
    Type.Object({ block: Type.String(), values: Type.Integer(), greatest: Type.Integer() }),
  ),
});
const crowdedOf = (figures: unknown): { block: string; values: number; greatest: number }[] =>
  Check(Crowded, figures) ? figures.crowded : [];
