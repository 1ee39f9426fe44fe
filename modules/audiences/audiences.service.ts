import { createHash } from 'node:crypto';
import {
  audiencesIn,
  type Condition,
  type ConditionCatalog,
  checkCondition,
  compileCids,
  compilePredicate,
  conditionProblems,
  describeCondition,
  explainPredicate,
  kindOf,
  parseInstant,
  quoted,
  requireCondition,
  tagsIn,
  walkCondition,
  withAudiences,
} from '@rapport/conditions';
import { type Actor, type EpochMs, newId, toIso } from '@rapport/kernel';
import { createSetEngine, type NodeCount, type SetView } from '@rapport/sets';
import { type CidSet, cidSetFromBytes, emptyCidSet, type Release } from '@rapport/stores';
import { Type } from 'typebox';
import { audiencesProblems } from './audiences.problems.ts';
import {
  type AudienceRow,
  createAudienceStore,
  type Position,
  type SnapshotRow,
} from './audiences.store.sql.ts';
import type { AudienceFacts, Audiences, AudiencesDeps, AudienceUsage } from './audiences.ts';
import type { Audience, AudienceSnapshot, CountResult, ExplainNode, KnownValue } from './contract.ts';
import { loadCustomerStates } from './customer-states.ts';
import { createExpiringCache } from './expiring-cache.ts';
import { commonValues, presentVocabulary, searchValues } from './vocabulary.ts';

const CustomerRow = Type.Object({ cid: Type.Integer(), org_unit: Type.String() });
const IdRow = Type.Object({ cid: Type.Integer(), customer_id: Type.String() });

/** Customers whose ids are fetched, and whose states are loaded, at a time. */
const EXPORT_CHUNK = 20_000;
const STATE_CHUNK = 2_000;
/** A count that depends on the present moment or on events still coming in is shown this long. */
const LIVE_COUNT_MS = 3_000;
const STEADY_COUNT_MS = 10 * 60_000;
/** A client's clock may run this much ahead of ours. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** Everything one evaluation needs, all of one release and one instant. */
interface Evaluation {
  readonly condition: Condition;
  readonly catalog: ConditionCatalog;
  readonly release: Release;
  readonly now: EpochMs;
  /** Whether there are any customers loaded at all. */
  readonly hasCustomers: boolean;
}

/** Audiences 客群: saved conditions, live counts, explanations, frozen snapshots and exports. */
export function createAudiences(deps: AudiencesDeps): Audiences {
  const { warehouse, releases, clock, audit, log } = deps;
  const store = createAudienceStore(deps.relational);
  const sets = deps.sets ?? createSetEngine({ warehouse });
  const usageFinders: ((audienceId: string) => Promise<readonly AudienceUsage[]>)[] = [];
  const counts = createExpiringCache<{ count: number; total: number }>(clock, 1_000);
  const values = createExpiringCache<Promise<Map<string, KnownValue[]>>>(clock, 50);

  /* ── evaluations ───────────────────────────────────────────────────────────────────────────────────── */

  /** The release's catalog with the audiences that are named, directly or through others, laid over it. */
  const catalogFor = async (
    release: Release,
    conditions: readonly unknown[],
    asOf?: EpochMs,
  ): Promise<ConditionCatalog> => {
    const base = await deps.catalog(release, asOf);
    const known = new Map<string, AudienceRow>();
    let wanted = namedAudiences(conditions);
    while (wanted.length > 0) {
      const rows = await store.findMany(wanted);
      for (const row of rows) known.set(row.id, row);
      wanted = namedAudiences(rows.map((row) => row.condition)).filter((id) => !known.has(id));
    }
    return {
      customers: base.customers,
      tag: (id) => base.tag(id),
      event: (name) => base.event(name),
      list: (id) => base.list(id),
      tagIds: () => base.tagIds(),
      eventNames: () => base.eventNames(),
      listIds: () => base.listIds(),
      audience: (id) => known.get(id)?.condition,
      audienceTitle: (id) => known.get(id)?.name,
    };
  };
  const evaluation = async (
    condition: Condition,
    options: { now?: EpochMs | undefined; at?: string; audienceId?: string } = {},
  ): Promise<Evaluation> => {
    const release = await releases.current();
    const catalog = await catalogFor(release, [condition], options.now);
    const checked = requireCondition(condition, catalog, {
      ...(options.at === undefined ? {} : { at: options.at }),
      ...(options.audienceId === undefined ? {} : { audienceId: options.audienceId }),
    });
    deps.onEvaluated?.(withAudiences(checked, catalog.audience));
    return {
      condition: checked,
      catalog,
      release,
      now: options.now ?? clock.now(),
      hasCustomers: release.placements.has('customer'),
    };
  };
  /** @throws audiences.not_granted */
  const requireGranted = async (condition: Condition, actor: Actor): Promise<void> => {
    const faults = (await deps.useFaults?.(condition, actor)) ?? [];
    if (faults.length === 0) return;
    throw audiencesProblems.not_granted({
      detail: faults.map(({ pointer, message }) => `${pointer}: ${message}`).join(' '),
      faults: faults.map(({ pointer, message }) => ({ pointer: `/condition${pointer}`, message })),
    });
  };
  const instantOf = (asOf: string | undefined): EpochMs | undefined => {
    if (asOf === undefined) return undefined;
    const at = parseInstant(asOf);
    if (at === undefined) {
      throw audiencesProblems.bad_instant({
        detail: `asOf must be an instant from 1900 to 2299 such as "2026-11-02T09:30:00Z", not "${asOf}".`,
      });
    }
    requirePast(at);
    return at;
  };
  const requirePast = (asOf: EpochMs | undefined): void => {
    if (asOf !== undefined && asOf > clock.now() + CLOCK_SKEW_MS)
      throw audiencesProblems.bad_instant({ detail: `asOf lies in the future: ${toIso(asOf)}.` });
  };
  const viewOf = (
    { catalog, release, now }: Evaluation,
    orgScope: readonly string[] | undefined,
    signal: AbortSignal | undefined,
  ): SetView => ({
    catalog,
    placements: release.placements,
    now,
    ...(orgScope ? { orgUnits: orgScope } : {}),
    ...signalOf(signal),
  });
  const signalOf = (signal: AbortSignal | undefined): { signal?: AbortSignal } => (signal ? { signal } : {});

  const countOf = async (
    evaluated: Evaluation,
    asOf: EpochMs | undefined,
    orgScope: readonly string[] | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ count: number; total: number }> => {
    const { condition, catalog, release, hasCustomers } = evaluated;
    if (!hasCustomers) return { count: 0, total: 0 };
    const everything = withAudiences(condition, catalog.audience);
    const steady = !everything.some(dependsOnTime);
    const key = hashOf([release.number, everything, asOf ?? (steady ? null : 'now'), orgScope ?? null]);
    const known = counts.get(key);
    if (known) return known;
    const counted = await sets.count(condition, viewOf(evaluated, orgScope, signal));
    counts.set(key, counted, steady ? STEADY_COUNT_MS : LIVE_COUNT_MS);
    return counted;
  };
  const presentCount = (
    counted: { count: number; total: number },
    evaluated: Evaluation,
    started: number,
  ): CountResult => ({
    ...counted,
    ...stamp(evaluated.release, evaluated.now, started),
    ...tagsAsOf(evaluated),
  });

  const resolve: Audiences['resolve'] = async (condition, options = {}) => {
    const wanted = await evaluation(condition, { now: options.asOf });
    const { release, now } = wanted;
    if (!wanted.hasCustomers) return { cids: emptyCidSet(), release: release.number, asOf: now };
    const cids = await sets.evaluate(wanted.condition, viewOf(wanted, options.orgScope, options.signal));
    return { cids, release: release.number, asOf: now };
  };

  /* ── definitions ───────────────────────────────────────────────────────────────────────────────────── */

  const requireRow = async (id: string): Promise<AudienceRow> => {
    const row = await store.find(id);
    if (!row) throw audiencesProblems.not_found({ detail: `There is no audience ${id}.` });
    return row;
  };
  const changedMeanwhile = async (id: string, version: number | undefined): Promise<Error> => {
    const row = await requireRow(id);
    return audiencesProblems.changed_meanwhile({
      detail: `Audience ${id} is at version ${row.version}, this change was made from version ${version ?? '?'}; read it again and repeat the change.`,
      details: { version: row.version },
    });
  };
  /** A count beside the saved definition is a service, not a part of saving it: its failure is only logged. */
  const countAfterSaving = async (row: AudienceRow): Promise<AudienceRow> => {
    try {
      const { count } = await countOf(await evaluation(row.condition), undefined, undefined, undefined);
      const at = new Date(clock.now());
      await store.keepCount(row.id, row.version, count, at);
      return { ...row, last_count: String(count), last_count_at: at };
    } catch (error) {
      log.warn({ err: error, audienceId: row.id }, 'a saved audience could not be counted');
      return row;
    }
  };

  const usagesOf: Audiences['usagesOf'] = async (id) => {
    const others = (await store.mentioning(id)).filter((row) =>
      audiencesIn(row.condition).some((place) => place.id === id),
    );
    const elsewhere = await Promise.all(usageFinders.map((find) => find(id)));
    return [...others.map((row) => ({ kind: 'audience', id: row.id, title: row.name })), ...elsewhere.flat()];
  };

  /* ── snapshots and exports ─────────────────────────────────────────────────────────────────────────── */

  const snapshot: Audiences['snapshot'] = async (id) => {
    const row = await store.findSnapshot(id);
    if (!row) throw audiencesProblems.snapshot_not_found({ detail: `There is no snapshot ${id}.` });
    return { ...presentSnapshot(row), cids: cidSetFromBytes(row.cids) };
  };

  async function* customerIdsCsv(cids: CidSet, customers: string): AsyncIterable<string> {
    yield 'customer_id\r\n';
    let after: number | undefined;
    for (;;) {
      const chunk = cids.slice(after, EXPORT_CHUNK);
      if (chunk.length === 0) return;
      after = chunk.at(-1);
      const rows = await warehouse.query(
        IdRow,
        `SELECT c.cid AS cid, c.customer_id AS customer_id FROM ${quoted(customers)} AS c WHERE c.cid IN {cids:Array(UInt32)} ORDER BY c.cid`,
        { cids: [...chunk] },
      );
      yield rows.map((row) => `${csvField(row.customer_id)}\r\n`).join('');
    }
  }
  /** What is left of a set inside the actor's org units. */
  const scoped = async (cids: CidSet, actor: Actor): Promise<CidSet> =>
    actor.orgScope ? cids.and((await resolve({ always: true }, { orgScope: actor.orgScope })).cids) : cids;

  return {
    async list(query, actor) {
      const limit = query.limit ?? 50;
      const rows = await store.list({
        search: query.search,
        after: readCursor(query.cursor),
        limit: limit + 1,
      });
      return page(
        rows,
        limit,
        (row) => presentAudience(row, actor),
        (row) => ({ at: row.updated_at.getTime(), id: row.id }),
      );
    },
    get: async (id, actor) => presentAudience(await requireRow(id), actor),
    find: async (id) => facts(await store.find(id)),
    findByName: async (name) => facts(await store.findByName(name)),
    async create(audience, actor) {
      await requireGranted(audience.condition, actor);
      const { condition } = await evaluation(audience.condition, { at: '/condition' });
      const at = new Date(clock.now());
      const row: AudienceRow = {
        id: newId('aud'),
        name: audience.name,
        description: audience.description ?? '',
        condition,
        owner: actor.id,
        owner_name: actor.displayName,
        version: 1,
        created_at: at,
        updated_at: at,
        last_count: null,
        last_count_at: null,
      };
      await store.insert(row);
      await audit.record({
        actor,
        action: 'audience.created',
        subject: row.id,
        details: { name: row.name, condition },
      });
      return presentAudience(await countAfterSaving(row), actor);
    },
    async replace(id, audience, actor) {
      await requireGranted(audience.condition, actor);
      const before = await requireRow(id);
      const { condition } = await evaluation(audience.condition, { at: '/condition', audienceId: id });
      const row = await store.replace(id, audience.version, {
        name: audience.name,
        description: audience.description ?? '',
        condition,
        at: new Date(clock.now()),
      });
      if (!row) throw await changedMeanwhile(id, audience.version);
      await audit.record({
        actor,
        action: 'audience.changed',
        subject: id,
        details: { version: row.version, before: before.condition, after: condition },
      });
      return presentAudience(await countAfterSaving(row), actor);
    },
    async remove(id, { version }, actor) {
      const row = await requireRow(id);
      const usages = await usagesOf(id);
      if (usages.length > 0) {
        throw audiencesProblems.in_use({
          detail: `"${row.name}" is used by ${usages.map((usage) => `${usage.kind} "${usage.title}"`).join(', ')}; change those first.`,
          details: { usages },
        });
      }
      if (!(await store.remove(id, version))) throw await changedMeanwhile(id, version);
      await audit.record({
        actor,
        action: 'audience.deleted',
        subject: id,
        details: { name: row.name, condition: row.condition },
      });
    },
    onUsage(usages) {
      usageFinders.push(usages);
    },
    usagesOf,

    async count(request, actor, signal) {
      const started = performance.now();
      await requireGranted(request.condition, actor);
      const asOf = instantOf(request.asOf);
      const wanted = await evaluation(request.condition, { now: asOf, at: '/condition' });
      return presentCount(await countOf(wanted, asOf, actor.orgScope, signal), wanted, started);
    },
    async recount(id, actor, signal) {
      const started = performance.now();
      const row = await requireRow(id);
      const wanted = await evaluation(row.condition);
      const counted = await countOf(wanted, undefined, actor.orgScope, signal);
      if (!actor.orgScope) await store.keepCount(id, row.version, counted.count, new Date(clock.now()));
      return presentCount(counted, wanted, started);
    },
    async explain(request, actor, signal) {
      const started = performance.now();
      await requireGranted(request.condition, actor);
      const wanted = await evaluation(request.condition, { now: instantOf(request.asOf), at: '/condition' });
      const { condition, catalog } = wanted;
      const explained = wanted.hasCustomers
        ? await sets.explain(condition, viewOf(wanted, actor.orgScope, signal))
        : { total: 0, nodes: nothingCounted(condition) };
      const nodes = explained.nodes.map(
        (node): ExplainNode => ({
          ...place(node),
          kind: kindOf(node.node),
          sentence: describeCondition(node.node, catalog, request.language ?? 'en'),
          count: node.count,
          reached: node.reached,
          kept: node.kept,
          removed: node.reached - node.kept,
          ...(node.added === undefined ? {} : { added: node.added }),
        }),
      );
      return {
        count: nodes[0]?.count ?? 0,
        total: explained.total,
        ...stamp(wanted.release, wanted.now, started),
        ...tagsAsOf(wanted),
        nodes,
      };
    },
    async evaluate(request, actor, signal) {
      await requireGranted(request.condition, actor);
      const wanted = await evaluation(request.condition, { now: instantOf(request.asOf), at: '/condition' });
      const { condition, catalog, now, release } = wanted;
      const found = wanted.hasCustomers
        ? await warehouse.query(
            CustomerRow,
            `SELECT c.cid AS cid, c.org_unit AS org_unit FROM ${quoted(catalog.customers)} AS c WHERE c.customer_id = {id:String} LIMIT 1`,
            { id: request.customerId },
            signalOf(signal),
          )
        : [];
      const customer = found.find((row) => !actor.orgScope || actor.orgScope.includes(row.org_unit));
      if (!customer) {
        throw audiencesProblems.customer_not_found({
          detail: `There is no customer "${request.customerId}" that you may see.`,
        });
      }
      const customers = [{ cid: customer.cid, customerId: request.customerId }];
      const [state] = await loadCustomerStates(
        warehouse,
        { condition, catalog, customers, now },
        signalOf(signal),
      );
      const reasons = state ? explainPredicate(condition, catalog)(state, now) : [];
      return {
        matches: reasons[0]?.held ?? false,
        because: reasons.map((reason) => ({
          ...place(reason),
          kind: reason.kind,
          sentence: describeCondition(reason.node, catalog, request.language ?? 'en'),
          held: reason.held,
          ...(reason.seen === undefined ? {} : { seen: readable(reason.seen, reason.node, catalog) }),
          ...(reason.events === undefined ? {} : { events: reason.events }),
        })),
        asOf: toIso(now),
        release: release.number,
      };
    },
    async describe(request) {
      const { condition, catalog } = await evaluation(request.condition, { at: '/condition' });
      return { sentence: describeCondition(condition, catalog, request.language ?? 'en') };
    },
    async vocabulary(actor, signal) {
      const release = await releases.current();
      const [catalog, names] = await Promise.all([deps.catalog(release), store.names()]);
      const key = hashOf([release.number, catalog.tagIds(), actor.orgScope ?? null]);
      let known = values.get(key);
      if (!known && release.placements.has('customer')) {
        known = commonValues(warehouse, catalog, actor.orgScope, signalOf(signal));
        values.set(key, known, STEADY_COUNT_MS);
        known.catch(() => values.delete(key));
      }
      return presentVocabulary(release.number, catalog, names, (await known) ?? new Map());
    },
    async values(query, actor, signal) {
      const release = await releases.current();
      const catalog = await deps.catalog(release);
      const found = await searchValues(
        warehouse,
        catalog,
        { ...query, limit: query.limit ?? 50 },
        actor.orgScope,
        signalOf(signal),
      );
      if (!found) {
        throw audiencesProblems.nothing_to_list({
          detail: `Give a "tag", or an "event" with a "property", that exists; there is none for ${JSON.stringify(query)}.`,
        });
      }
      return { values: found };
    },

    sets,
    requireGranted,
    async withheld(tagIds, actor) {
      const named: Condition = { any: tagIds.map((tag) => ({ tag, op: 'known' })) };
      const faults = (await deps.useFaults?.(named, actor)) ?? [];
      return new Set(faults.flatMap(({ pointer }) => tagIds[Number(pointer.split('/')[2])] ?? []));
    },
    async faults(condition) {
      const catalog = await catalogFor(await releases.current(), [condition]);
      return checkCondition(condition, catalog).faults;
    },
    resolve,
    async matching(condition, customers, { asOf } = {}) {
      const wanted = await evaluation(condition, { now: asOf });
      const holds = compilePredicate(wanted.condition, wanted.catalog);
      const matched = new Set<number>();
      for (let from = 0; from < customers.length; from += STATE_CHUNK) {
        const states = await loadCustomerStates(warehouse, {
          ...wanted,
          customers: customers.slice(from, from + STATE_CHUNK),
        });
        for (const state of states) if (holds(state, wanted.now)) matched.add(state.cid);
      }
      return matched;
    },

    async freeze(what, options, actor) {
      requirePast(options.asOf);
      const audience = 'audienceId' in what ? await requireRow(what.audienceId) : undefined;
      const condition = 'condition' in what ? what.condition : audience?.condition;
      if (!condition) throw conditionProblems.invalid({ detail: 'There is no condition to freeze.' });
      const resolved = await resolve(condition, { ...options, orgScope: actor.orgScope });
      const row: SnapshotRow = {
        id: newId('snp'),
        audience_id: audience?.id ?? null,
        condition,
        as_of: new Date(resolved.asOf),
        release: String(resolved.release),
        size: String(resolved.cids.size),
        created_at: new Date(clock.now()),
        created_by: actor.id,
      };
      await store.insertSnapshot(row, resolved.cids.toBytes());
      if (audience && !actor.orgScope && options.asOf === undefined)
        await store.keepCount(audience.id, audience.version, resolved.cids.size, row.created_at);
      await audit.record({
        actor,
        action: 'audience.frozen',
        subject: row.id,
        details: { audienceId: row.audience_id, size: resolved.cids.size, release: resolved.release },
      });
      return presentSnapshot(row);
    },
    async snapshots(audienceId, query) {
      const limit = query.limit ?? 50;
      await requireRow(audienceId);
      const rows = await store.snapshots({ audienceId, after: readCursor(query.cursor), limit: limit + 1 });
      return page(rows, limit, presentSnapshot, (row) => ({ at: row.created_at.getTime(), id: row.id }));
    },
    snapshot,
    async conditionCatalog(condition, release) {
      const catalog = await catalogFor(release, [condition]);
      return { condition: requireCondition(condition, catalog, { at: '/condition' }), catalog };
    },
    async cidsSql(condition, release, options = {}) {
      const catalog = await catalogFor(release, [condition]);
      return compileCids(requireCondition(condition, catalog), catalog, { now: options.asOf ?? clock.now() });
    },
    async exportAudience(id, options, actor) {
      requirePast(options.asOf);
      const audience = await requireRow(id);
      const release = await releases.current();
      const catalog = await deps.catalog(release);
      const { cids, asOf } = await resolve(audience.condition, { ...options, orgScope: actor.orgScope });
      await audit.record({
        actor,
        action: 'audience.exported',
        subject: id,
        details: { size: cids.size, asOf: toIso(asOf), version: audience.version },
      });
      return customerIdsCsv(cids, catalog.customers);
    },
    async exportSnapshot(id, actor) {
      const frozen = await snapshot(id);
      const catalog = await deps.catalog(await releases.current());
      const cids = await scoped(frozen.cids, actor);
      await audit.record({
        actor,
        action: 'audience.exported',
        subject: id,
        details: { size: cids.size, asOf: frozen.asOf },
      });
      return customerIdsCsv(cids, catalog.customers);
    },
  };
}

/* ── small things ────────────────────────────────────────────────────────────────────────────────────── */

/** Audience ids named in JSON of unknown form. */
function namedAudiences(conditions: readonly unknown[]): string[] {
  const ids = new Set<string>();
  const look = (part: unknown, depth: number): void => {
    if (depth > 40 || typeof part !== 'object' || part === null) return;
    for (const [name, member] of Object.entries(part)) {
      if (name === 'audience' && typeof member === 'string') ids.add(member);
      else look(member, depth + 1);
    }
  };
  for (const condition of conditions) look(condition, 0);
  return [...ids].slice(0, 1_000);
}

/** Whether the answer can change while the data release stays: by events coming in, or by time going on. */
function dependsOnTime(condition: Condition): boolean {
  let depends = false;
  walkCondition(condition, (node) => {
    if ('event' in node || 'sequence' in node) depends = true;
    if (
      'tag' in node &&
      (node.op === 'in last' || node.op === 'in next' || node.op === 'anniversary in next')
    )
      depends = true;
  });
  return depends;
}

/** Of an evaluation that read values of past days: which day's, by tag; `present` where there are no older ones. */
function tagsAsOf({ condition, catalog }: Evaluation): { tagsAsOf?: Record<string, string> } {
  const tags = new Set(withAudiences(condition, catalog.audience).flatMap(tagsIn));
  const days = [...tags].map((id) => [id, catalog.tag(id)?.asOfDay] as const);
  return days.some(([, day]) => day !== undefined)
    ? { tagsAsOf: Object.fromEntries(days.map(([id, day]) => [id, day ?? 'present'])) }
    : {};
}

/** Every node of a condition while there are no customers. */
function nothingCounted(condition: Condition): NodeCount[] {
  const nodes: NodeCount[] = [];
  walkCondition(condition, (node, where) => {
    const isAlternative = /\/any\/\d+$/.test(where.pointer);
    nodes.push({ ...where, node, count: 0, reached: 0, kept: 0, added: isAlternative ? 0 : undefined });
  });
  return nodes;
}

const hashOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('base64url');

const stamp = (release: Release, now: EpochMs, started: number) => ({
  tookMs: Math.round((performance.now() - started) * 10) / 10,
  release: release.number,
  asOf: toIso(now),
});

const place = (node: { pointer: string; parent: string | undefined; depth: number }) => ({
  pointer: node.pointer,
  ...(node.parent === undefined ? {} : { parent: node.parent }),
  depth: node.depth,
});

/** Instants are told as people write them. */
function readable(seen: unknown, node: Condition, catalog: ConditionCatalog): unknown {
  const isInstant = 'tag' in node && catalog.tag(node.tag)?.type === 'instant';
  return isInstant && typeof seen === 'number' ? toIso(seen) : seen;
}

function presentAudience(row: AudienceRow, actor: Actor): Audience {
  // The kept count is of the whole bank; whoever sees only a part of it does not get it.
  const counted = !actor.orgScope && row.last_count !== null && row.last_count_at !== null;
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    condition: row.condition,
    owner: row.owner,
    ownerName: row.owner_name,
    version: row.version,
    createdAt: toIso(row.created_at.getTime()),
    updatedAt: toIso(row.updated_at.getTime()),
    ...(counted ? { lastCount: Number(row.last_count) } : {}),
    ...(counted && row.last_count_at ? { lastCountAt: toIso(row.last_count_at.getTime()) } : {}),
  };
}

function presentSnapshot(row: SnapshotRow): AudienceSnapshot {
  return {
    id: row.id,
    ...(row.audience_id === null ? {} : { audienceId: row.audience_id }),
    condition: row.condition,
    asOf: toIso(row.as_of.getTime()),
    release: Number(row.release),
    size: Number(row.size),
    createdAt: toIso(row.created_at.getTime()),
    createdBy: row.created_by,
  };
}

const facts = (row: AudienceRow | undefined): AudienceFacts | undefined =>
  row && { id: row.id, name: row.name, condition: row.condition, version: row.version };

/** A page of `limit` items, of rows that were read one further. */
function page<Row, Item>(
  rows: readonly Row[],
  limit: number,
  present: (row: Row) => Item,
  position: (row: Row) => Position,
): { items: Item[]; nextCursor?: string } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(present),
    ...(rows.length > limit && last ? { nextCursor: writeCursor(position(last)) } : {}),
  };
}

const writeCursor = ({ at, id }: Position): string => Buffer.from(`${at} ${id}`).toString('base64url');

function readCursor(cursor: string | undefined): Position | undefined {
  if (cursor === undefined) return undefined;
  const match = /^(\d{1,15}) ([\w.-]+)$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (!match?.[1] || !match[2])
    throw audiencesProblems.bad_cursor({ detail: `"${cursor}" is not a cursor of this list.` });
  return { at: Number(match[1]), id: match[2] };
}

/** @source RFC 4180 */
const csvField = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
