import { bucketOf, type EpochMs } from '@rapport/kernel';
import type { ConditionCatalog, EventEntry, ValueType } from './catalog.ts';
import { aggregateType, comparisonOf, isRelative, type ValueTest, valueTest } from './comparison.ts';
import {
  aggregateParts,
  type BucketLeaf,
  type Condition,
  type ConditionKind,
  type EventLeaf,
  kindOf,
  type Operator,
  type PropertyAggregateName,
  type PropertyCondition,
  type SequenceLeaf,
  type Value,
} from './condition.ts';
import { conditionProblems } from './problems.ts';
import { compareText, readValue, type TagValue } from './values.ts';
import { windowStart } from './window.ts';

export interface CustomerEvent {
  readonly name: string;
  readonly at: EpochMs;
  /** Raw values; each is read as the type the catalog gives its property. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** All that a condition can see of one customer. Events may be in any order and of any time. */
export interface CustomerState {
  readonly customerId: string;
  readonly cid: number;
  readonly tags: Readonly<Record<string, TagValue | undefined>>;
  readonly events: readonly CustomerEvent[];
  readonly lists: ReadonlySet<string>;
}

export type Predicate = (state: CustomerState, now: EpochMs) => boolean;

/** What one node said about a customer. */
export interface NodeReason {
  readonly pointer: string;
  readonly parent: string | undefined;
  readonly depth: number;
  readonly kind: ConditionKind;
  readonly node: Condition;
  readonly held: boolean;
  /** What was compared; `undefined` for inner nodes, `null` for unknown. */
  readonly seen: TagValue | null | undefined;
  /** Events that passed the filter and the window. */
  readonly events: number | undefined;
}

/**
 * Compiles a checked condition to closures over one customer's state; it answers the same as the warehouse query of
 * `compileCids` on the same data and instant.
 * @throws conditions.invalid when a name is no longer in the catalog, or audiences contain each other
 */
export function compilePredicate(condition: Condition, catalog: ConditionCatalog): Predicate {
  return compileNode({ catalog, audiences: new Map(), inside: [] }, condition).test;
}

/** Evaluates every node on its own, without stopping early, and tells what each one saw. */
export function explainPredicate(
  condition: Condition,
  catalog: ConditionCatalog,
): (state: CustomerState, now: EpochMs) => NodeReason[] {
  const root = compileNode({ catalog, audiences: new Map(), inside: [] }, condition);
  return (state, now) => {
    const reasons: NodeReason[] = [];
    const visit = (node: CompiledNode, pointer: string, parent: string | undefined, depth: number): void => {
      const seen = node.look?.(state, now);
      reasons.push({
        pointer,
        parent,
        depth,
        kind: kindOf(node.condition),
        node: node.condition,
        held: node.test(state, now),
        seen: seen?.value,
        events: seen?.events,
      });
      const parts = node.parts ?? [];
      const kind = kindOf(node.condition);
      parts.forEach((part, index) => {
        visit(part, kind === 'not' ? `${pointer}/not` : `${pointer}/${kind}/${index}`, pointer, depth + 1);
      });
    };
    visit(root, '', undefined, 0);
    return reasons;
  };
}

interface CompiledNode {
  readonly condition: Condition;
  readonly test: Predicate;
  readonly parts?: readonly CompiledNode[];
  /** What a leaf looks at, for explanations. */
  readonly look?: (state: CustomerState, now: EpochMs) => { value: TagValue | null; events?: number };
}

interface Compiling {
  readonly catalog: ConditionCatalog;
  readonly audiences: Map<string, CompiledNode>;
  readonly inside: string[];
}

function compileNode(compiling: Compiling, condition: Condition): CompiledNode {
  if ('all' in condition) {
    const parts = condition.all.map((part) => compileNode(compiling, part));
    const tests = parts.map((part) => part.test);
    return { condition, parts, test: (state, now) => everyHolds(tests, state, now) };
  }
  if ('any' in condition) {
    const parts = condition.any.map((part) => compileNode(compiling, part));
    const tests = parts.map((part) => part.test);
    return { condition, parts, test: (state, now) => someHolds(tests, state, now) };
  }
  if ('not' in condition) {
    const part = compileNode(compiling, condition.not);
    return { condition, parts: [part], test: (state, now) => !part.test(state, now) };
  }
  if ('tag' in condition) {
    const id = condition.tag;
    const { type } = compiling.catalog.tag(id) ?? missing('tag', id);
    const compared = compileComparison(type, condition.op, condition.value);
    const read = (state: CustomerState): TagValue | undefined => readValue(type, state.tags[id]);
    return {
      condition,
      test: (state, now) => compared(read(state), now),
      look: (state) => ({ value: read(state) ?? null }),
    };
  }
  if ('event' in condition) return compileEvent(compiling, condition);
  if ('sequence' in condition) return compileSequence(compiling, condition);
  if ('audience' in condition) {
    const inner = compileAudience(compiling, condition.audience);
    return { condition, test: inner.test, look: (state, now) => ({ value: inner.test(state, now) }) };
  }
  if ('list' in condition) {
    const id = condition.list;
    if (!compiling.catalog.list(id)) missing('list', id);
    return {
      condition,
      test: (state) => state.lists.has(id),
      look: (state) => ({ value: state.lists.has(id) }),
    };
  }
  if ('bucket' in condition) return compileBucket(condition);
  return { condition, test: () => true };
}

function everyHolds(tests: readonly Predicate[], state: CustomerState, now: EpochMs): boolean {
  for (const test of tests) if (!test(state, now)) return false;
  return true;
}

function someHolds(tests: readonly Predicate[], state: CustomerState, now: EpochMs): boolean {
  for (const test of tests) if (test(state, now)) return true;
  return false;
}

function compileAudience(compiling: Compiling, id: string): CompiledNode {
  const known = compiling.audiences.get(id);
  if (known) return known;
  if (compiling.inside.includes(id)) {
    throw conditionProblems.invalid({
      detail: `Audiences contain each other: ${[...compiling.inside, id].join(' → ')}.`,
    });
  }
  const condition = compiling.catalog.audience(id) ?? missing('audience', id);
  compiling.inside.push(id);
  const compiled = compileNode(compiling, condition);
  compiling.inside.pop();
  compiling.audiences.set(id, compiled);
  return compiled;
}

function compileBucket(condition: BucketLeaf): CompiledNode {
  const { salt, from, to } = condition.bucket;
  return {
    condition,
    test: (state) => {
      const bucket = bucketOf(salt, state.customerId);
      return bucket >= from && bucket < to;
    },
    look: (state) => ({ value: bucketOf(salt, state.customerId) }),
  };
}

type Compared = (value: TagValue | bigint | undefined, now: EpochMs) => boolean;

/** An operator with its value; those relative to `now` keep the test of the last instant they were asked at. */
function compileComparison(type: ValueType, op: Operator, value: Value | undefined): Compared {
  if (op === 'unknown') return (seen) => seen === undefined;
  if (!isRelative(op)) {
    const test = valueTest(type, comparisonOf(type, op, value, 0));
    return (seen) => seen !== undefined && test(seen);
  }
  let last: { readonly now: EpochMs; readonly test: ValueTest } | undefined;
  return (seen, now) => {
    if (seen === undefined) return false;
    if (last?.now !== now) last = { now, test: valueTest(type, comparisonOf(type, op, value, now)) };
    return last.test(seen);
  };
}

/* ── events ──────────────────────────────────────────────────────────────────────────────────────────── */

type PropertyTest = (properties: Readonly<Record<string, unknown>>, now: EpochMs) => boolean;

function compileProperties(entry: EventEntry, event: string, condition: PropertyCondition): PropertyTest {
  if ('all' in condition) {
    const tests = condition.all.map((part) => compileProperties(entry, event, part));
    return (properties, now) => tests.every((test) => test(properties, now));
  }
  if ('any' in condition) {
    const tests = condition.any.map((part) => compileProperties(entry, event, part));
    return (properties, now) => tests.some((test) => test(properties, now));
  }
  if ('not' in condition) {
    const test = compileProperties(entry, event, condition.not);
    return (properties, now) => !test(properties, now);
  }
  const name = condition.property;
  const type = propertyType(entry, event, name);
  const compared = compileComparison(type, condition.op, condition.value);
  return (properties, now) => compared(readValue(type, properties[name]), now);
}

function compileEvent(compiling: Compiling, condition: EventLeaf): CompiledNode {
  const { event, where, within } = condition;
  const entry = compiling.catalog.event(event) ?? missing('event', event);
  const passes = where ? compileProperties(entry, event, where) : undefined;
  const aggregate = aggregateParts(condition.aggregate);
  const type = aggregate.name === 'count' ? 'number' : propertyType(entry, event, aggregate.property);
  const compared = compileComparison(aggregateType(aggregate.name, type), condition.op, condition.value);
  const visitEvents = (state: CustomerState, now: EpochMs, visit: (event: CustomerEvent) => void): void => {
    const after = windowStart(now, within);
    for (const each of state.events) {
      if (
        each.name === event &&
        each.at > after &&
        each.at <= now &&
        (!passes || passes(each.properties, now))
      )
        visit(each);
    }
  };
  const count = (state: CustomerState, now: EpochMs): number => {
    let events = 0;
    visitEvents(state, now, () => {
      events += 1;
    });
    return events;
  };
  const compute = (state: CustomerState, now: EpochMs): TagValue | bigint | undefined => {
    if (aggregate.name === 'count') return count(state, now);
    const fold = folds[aggregate.name](type);
    visitEvents(state, now, (each) => {
      fold.add(readValue(type, each.properties[aggregate.property]), each.at);
    });
    return fold.result();
  };
  return {
    condition,
    test: (state, now) => compared(compute(state, now), now),
    look: (state, now) => {
      const value = compute(state, now);
      return {
        value: typeof value === 'bigint' ? Number(value) : (value ?? null),
        events: count(state, now),
      };
    },
  };
}

interface Fold {
  add(value: TagValue | undefined, at: EpochMs): void;
  result(): TagValue | bigint | undefined;
}

const folds: Readonly<Record<PropertyAggregateName, (type: ValueType) => Fold>> = {
  sum: (type) => numberFold(type, (total) => total),
  avg: (type) => numberFold(type, (total, count) => Number(total) / count),
  min: () => extremeFold((candidate, best) => compareValues(candidate, best) < 0),
  max: () => extremeFold((candidate, best) => compareValues(candidate, best) > 0),
  last: lastFold,
  distinct() {
    const values = new Set<TagValue>();
    return {
      add(value) {
        if (value !== undefined) values.add(value);
      },
      result: () => values.size,
    };
  },
};

/** Money adds up exactly, beyond 2^53 as a bigint; doubles are added in ascending order, as the warehouse does. */
function numberFold(
  type: ValueType,
  finish: (total: number | bigint, count: number) => number | bigint,
): Fold {
  const values: number[] = [];
  return {
    add(value) {
      if (typeof value === 'number') values.push(value);
    },
    result() {
      if (values.length === 0) return undefined;
      const total = type === 'money' ? moneyTotal(values) : doubleTotal(values);
      const result = finish(total, values.length);
      return typeof result === 'bigint' || Number.isFinite(result) ? result : undefined;
    },
  };
}

function moneyTotal(values: readonly number[]): number | bigint {
  let total = 0;
  for (const value of values) {
    total += value;
    if (!Number.isSafeInteger(total)) return values.reduce((sum, each) => sum + BigInt(each), 0n);
  }
  return total;
}

function doubleTotal(values: number[]): number {
  values.sort((left, right) => left - right);
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function extremeFold(better: (candidate: TagValue, best: TagValue) => boolean): Fold {
  let best: TagValue | undefined;
  return {
    add(value) {
      if (value !== undefined && (best === undefined || better(value, best))) best = value;
    },
    result: () => best,
  };
}

/** The value of the latest event; of several at that instant the greatest known one. */
function lastFold(): Fold {
  let latest = Number.NEGATIVE_INFINITY;
  let value: TagValue | undefined;
  return {
    add(candidate, at) {
      if (at < latest) return;
      if (at > latest) value = candidate;
      else if (candidate !== undefined && (value === undefined || compareValues(candidate, value) > 0))
        value = candidate;
      latest = at;
    },
    result: () => value,
  };
}

function compareValues(left: TagValue, right: TagValue): number {
  return typeof left === 'string' && typeof right === 'string'
    ? compareText(left, right)
    : Number(left) - Number(right);
}

/* ── sequences ───────────────────────────────────────────────────────────────────────────────────────── */

interface Served {
  readonly at: EpochMs;
  /** Bit i is set when the event can serve step i. */
  readonly mask: number;
}

function compileSequence(compiling: Compiling, condition: SequenceLeaf): CompiledNode {
  const { within } = condition;
  const steps = condition.sequence.map(({ event, where }) => {
    const entry = compiling.catalog.event(event) ?? missing('event', event);
    return { event, passes: where ? compileProperties(entry, event, where) : undefined };
  });
  const stepsDone = (state: CustomerState, now: EpochMs): number => {
    const after = windowStart(now, within);
    const served: Served[] = [];
    for (const each of state.events) {
      if (each.at <= after || each.at > now) continue;
      let mask = 0;
      steps.forEach((step, index) => {
        if (step.event === each.name && (!step.passes || step.passes(each.properties, now)))
          mask |= 1 << index;
      });
      if (mask !== 0) served.push({ at: each.at, mask });
    }
    return countStepsDone(served, steps.length);
  };
  return {
    condition,
    test: (state, now) => stepsDone(state, now) === steps.length,
    look: (state, now) => ({ value: stepsDone(state, now) }),
  };
}

/**
 * The most first steps that distinct events can serve at instants that do not decrease. Instants are taken in order;
 * within one, steps are matched to its events one after the other by augmenting paths.
 * @source Kuhn 1955; a step that cannot be added to the matching now could not be by any other matching either
 */
function countStepsDone(served: Served[], stepCount: number): number {
  served.sort((left, right) => left.at - right.at);
  let done = 0;
  for (let start = 0; start < served.length && done < stepCount; ) {
    let end = start + 1;
    while (end < served.length && served[end]?.at === served[start]?.at) end += 1;
    const tied = served.slice(start, end);
    const stepOf: (number | undefined)[] = tied.map(() => undefined);
    while (done < stepCount && serve(done, tied, stepOf, new Set())) done += 1;
    start = end;
  }
  return done;
}

function serve(
  step: number,
  tied: readonly Served[],
  stepOf: (number | undefined)[],
  tried: Set<number>,
): boolean {
  for (let event = 0; event < tied.length; event++) {
    if (tried.has(event) || ((tied[event]?.mask ?? 0) & (1 << step)) === 0) continue;
    tried.add(event);
    const other = stepOf[event];
    if (other === undefined || serve(other, tied, stepOf, tried)) {
      stepOf[event] = step;
      return true;
    }
  }
  return false;
}

function propertyType(entry: EventEntry, event: string, name: string): ValueType {
  const property = Object.hasOwn(entry.properties, name) ? entry.properties[name] : undefined;
  return (property ?? missing('property', `${event}.${name}`)).type;
}

function missing(noun: string, name: string): never {
  throw conditionProblems.invalid({ detail: `There is no ${noun} "${name}" any more.` });
}
