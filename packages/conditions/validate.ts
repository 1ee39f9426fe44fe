import { BUCKET_COUNT, type ProblemFault } from '@rapport/kernel';
import type { ConditionCatalog, EventEntry, ValueType } from './catalog.ts';
import { AGGREGATES_OF, aggregateType, OPERATORS_OF, operandKind, readDuration } from './comparison.ts';
import {
  AGGREGATES,
  type Aggregate,
  type AggregateName,
  aggregateParts,
  type Condition,
  OPERATORS,
  type Operator,
} from './condition.ts';
import { conditionProblems } from './problems.ts';
import { audiencesIn } from './relatives.ts';
import { isDay, parseInstant } from './values.ts';

/** Limits of one condition; more is a list's or an audience's work. */
export const LIMITS = {
  depth: 32,
  nodes: 1_000,
  /** Nodes after every audience it names has been put in its place. */
  expandedNodes: 5_000,
  values: 1_000,
  textLength: 1_000,
  steps: 8,
  saltLength: 100,
} as const;

export interface CheckOptions {
  /** The audience this condition is for, so that it cannot come to contain itself. */
  readonly audienceId?: string;
  /** Put before every pointer, such as `/condition` when the condition is a member of a request. */
  readonly at?: string;
}

/** What `checkCondition` found; `condition` is there when there are no faults. */
export interface CheckedCondition {
  readonly condition: Condition | undefined;
  readonly faults: readonly ProblemFault[];
}

interface Check {
  readonly catalog: ConditionCatalog;
  readonly faults: ProblemFault[];
  nodes: number;
}

type Members = Readonly<Record<string, unknown>>;

/**
 * Checks JSON of unknown origin against the language and a catalog: form, names, types of values, durations, limits,
 * and cycles between audiences. Every fault carries the RFC 6901 pointer of the member it is about.
 */
export function checkCondition(
  condition: unknown,
  catalog: ConditionCatalog,
  options: CheckOptions = {},
): CheckedCondition {
  const check: Check = { catalog, faults: [], nodes: 0 };
  const at = options.at ?? '';
  checkNode(check, condition, at, 0);
  if (check.faults.length > 0 || !isCondition(condition))
    return { condition: undefined, faults: check.faults };
  checkAudiences(check, condition, at, options.audienceId);
  return { condition: check.faults.length > 0 ? undefined : condition, faults: check.faults };
}

/**
 * The same, for callers that cannot go on with faults.
 * @throws conditions.invalid with every fault
 */
export function requireCondition(
  condition: unknown,
  catalog: ConditionCatalog,
  options: CheckOptions = {},
): Condition {
  const checked = checkCondition(condition, catalog, options);
  if (checked.condition) return checked.condition;
  throw conditionProblems.invalid({
    detail: checked.faults
      .slice(0, 5)
      .map((fault) => `${fault.pointer || '(whole condition)'}: ${fault.message}`)
      .join(' '),
    faults: checked.faults,
  });
}

/** True once `checkNode` found no fault; it looks only at what the type says about the root. */
function isCondition(value: unknown): value is Condition {
  return isMembers(value);
}

/* ── form and names ──────────────────────────────────────────────────────────────────────────────────── */

const KINDS = [
  'all',
  'any',
  'not',
  'tag',
  'event',
  'sequence',
  'audience',
  'list',
  'bucket',
  'always',
] as const;
const PROPERTY_KINDS = ['all', 'any', 'not', 'property'] as const;

function checkNode(check: Check, node: unknown, at: string, depth: number): void {
  const found = open(check, node, at, depth, KINDS);
  if (!found) return;
  const { kind, members } = found;
  switch (kind) {
    case 'all':
    case 'any':
      only(check, members, [kind], at);
      each(check, members[kind], `${at}/${kind}`, (part, place) => checkNode(check, part, place, depth + 1));
      return;
    case 'not':
      only(check, members, ['not'], at);
      checkNode(check, members.not, `${at}/not`, depth + 1);
      return;
    case 'tag':
      only(check, members, ['tag', 'op', 'value'], at);
      checkTag(check, members, at);
      return;
    case 'event':
      only(check, members, ['event', 'where', 'within', 'aggregate', 'op', 'value'], at);
      checkEvent(check, members, at, depth);
      return;
    case 'sequence':
      only(check, members, ['sequence', 'within'], at);
      checkSequence(check, members, at, depth);
      return;
    case 'audience':
      only(check, members, ['audience'], at);
      checkName(check, members.audience, `${at}/audience`, 'audience', (id) => check.catalog.audience(id));
      return;
    case 'list':
      only(check, members, ['list'], at);
      checkName(
        check,
        members.list,
        `${at}/list`,
        'list',
        (id) => check.catalog.list(id),
        () => check.catalog.listIds(),
      );
      return;
    case 'bucket':
      only(check, members, ['bucket'], at);
      checkBucket(check, members.bucket, `${at}/bucket`);
      return;
    case 'always':
      only(check, members, ['always'], at);
      if (members.always !== true)
        fault(check, `${at}/always`, 'Only true can stand here; use {"any": []} for never.');
  }
}

/** Counts and opens a node: an object of exactly one kind, not too deep, not one too many. */
function open<Kind extends string>(
  check: Check,
  node: unknown,
  at: string,
  depth: number,
  kinds: readonly Kind[],
): { kind: Kind; members: Members } | undefined {
  check.nodes += 1;
  if (check.nodes > LIMITS.nodes) {
    if (check.nodes === LIMITS.nodes + 1)
      fault(check, at, `A condition has at most ${LIMITS.nodes} nodes; put parts of it into audiences.`);
    return undefined;
  }
  if (depth >= LIMITS.depth) {
    fault(check, at, `A condition is at most ${LIMITS.depth} levels deep.`);
    return undefined;
  }
  if (!isMembers(node)) {
    fault(check, at, `A condition is a JSON object, not ${said(node)}.`);
    return undefined;
  }
  const present = kinds.filter((kind) => Object.hasOwn(node, kind));
  const [kind] = present;
  if (kind === undefined) {
    fault(check, at, `A condition has one of ${kinds.map((name) => `"${name}"`).join(', ')}.`);
    return undefined;
  }
  if (present.length > 1) {
    fault(
      check,
      at,
      `A condition is only one thing; this is ${present.map((name) => `"${name}"`).join(' and ')}.`,
    );
    return undefined;
  }
  return { kind, members: node };
}

function checkTag(check: Check, members: Members, at: string): void {
  const entry = checkName(
    check,
    members.tag,
    `${at}/tag`,
    'tag',
    (id) => check.catalog.tag(id),
    () => check.catalog.tagIds(),
  );
  checkComparison(check, members, at, entry?.type, entry && `tag "${String(members.tag)}"`);
}

function checkEvent(check: Check, members: Members, at: string, depth: number): void {
  const entry = checkEventName(check, members.event, `${at}/event`);
  if (Object.hasOwn(members, 'where')) checkProperties(check, members.where, `${at}/where`, depth + 1, entry);
  if (Object.hasOwn(members, 'within')) checkDuration(check, members.within, `${at}/within`, false);
  const result = checkAggregate(check, members, at, entry);
  checkComparison(check, members, at, result?.type, result?.what);
}

function checkEventName(check: Check, name: unknown, at: string): EventEntry | undefined {
  return checkName(
    check,
    name,
    at,
    'event',
    (id) => check.catalog.event(id),
    () => check.catalog.eventNames(),
  );
}

function checkAggregate(
  check: Check,
  members: Members,
  at: string,
  entry: EventEntry | undefined,
): { type: ValueType; what: string } | undefined {
  if (!Object.hasOwn(members, 'aggregate')) return { type: 'number', what: 'the number of events' };
  const aggregate = members.aggregate;
  if (!isAggregate(aggregate)) {
    const names = AGGREGATES.slice(1).map((name) => `"${name}"`);
    fault(
      check,
      `${at}/aggregate`,
      `An aggregate is "count" or an object with one of ${names.join(', ')} naming a property.`,
    );
    return undefined;
  }
  const parts = aggregateParts(aggregate);
  if (parts.name === 'count') return { type: 'number', what: 'the number of events' };
  const property = checkProperty(check, parts.property, `${at}/aggregate/${parts.name}`, entry);
  if (!property) return undefined;
  if (!AGGREGATES_OF[property.type].includes(parts.name)) {
    fault(
      check,
      `${at}/aggregate/${parts.name}`,
      `The property "${parts.property}" is of type ${property.type}, which has no ${parts.name}${oneOf(AGGREGATES_OF[property.type])}.`,
    );
    return undefined;
  }
  return {
    type: aggregateType(parts.name, property.type),
    what: `the ${parts.name} of "${parts.property}"`,
  };
}

function isAggregate(value: unknown): value is Aggregate {
  if (value === 'count') return true;
  if (!isMembers(value)) return false;
  const names = Object.keys(value);
  const [name] = names;
  return (
    names.length === 1 &&
    name !== undefined &&
    name !== 'count' &&
    isAggregateName(name) &&
    typeof value[name] === 'string'
  );
}

const isAggregateName = (name: string): name is AggregateName => AGGREGATES.some((known) => known === name);

function checkProperties(
  check: Check,
  node: unknown,
  at: string,
  depth: number,
  entry: EventEntry | undefined,
): void {
  const found = open(check, node, at, depth, PROPERTY_KINDS);
  if (!found) return;
  const { kind, members } = found;
  if (kind === 'property') {
    only(check, members, ['property', 'op', 'value'], at);
    const property = checkProperty(check, members.property, `${at}/property`, entry);
    checkComparison(check, members, at, property?.type, property && `property "${String(members.property)}"`);
    return;
  }
  only(check, members, [kind], at);
  if (kind === 'not') {
    checkProperties(check, members.not, `${at}/not`, depth + 1, entry);
    return;
  }
  each(check, members[kind], `${at}/${kind}`, (part, place) =>
    checkProperties(check, part, place, depth + 1, entry),
  );
}

function checkProperty(check: Check, name: unknown, at: string, entry: EventEntry | undefined) {
  if (!entry && typeof name === 'string') return undefined;
  return checkName(
    check,
    name,
    at,
    'property',
    (id) => (entry && Object.hasOwn(entry.properties, id) ? entry.properties[id] : undefined),
    () => (entry ? Object.keys(entry.properties) : []),
  );
}

function checkSequence(check: Check, members: Members, at: string, depth: number): void {
  const steps = members.sequence;
  const place = `${at}/sequence`;
  if (!Array.isArray(steps) || steps.length < 2 || steps.length > LIMITS.steps) {
    fault(check, place, `A sequence is a list of 2 to ${LIMITS.steps} events.`);
  } else {
    steps.forEach((step: unknown, index) => {
      const here = `${place}/${index}`;
      if (!isMembers(step)) {
        fault(check, here, `A step is an object with "event", not ${said(step)}.`);
        return;
      }
      only(check, step, ['event', 'where'], here);
      const entry = checkEventName(check, step.event, `${here}/event`);
      if (Object.hasOwn(step, 'where')) checkProperties(check, step.where, `${here}/where`, depth + 1, entry);
    });
  }
  if (!Object.hasOwn(members, 'within')) fault(check, at, 'A sequence needs "within", such as "P7D".');
  else checkDuration(check, members.within, `${at}/within`, false);
}

function checkBucket(check: Check, bucket: unknown, at: string): void {
  if (!isMembers(bucket)) {
    fault(check, at, `A bucket is an object with "salt", "from" and "to", not ${said(bucket)}.`);
    return;
  }
  only(check, bucket, ['salt', 'from', 'to'], at);
  const { salt, from, to } = bucket;
  if (typeof salt !== 'string' || salt === '' || salt.length > LIMITS.saltLength || !isWellFormed(salt))
    fault(
      check,
      `${at}/salt`,
      `A salt is a text of 1 to ${LIMITS.saltLength} characters, not ${said(salt)}.`,
    );
  const whole = (value: unknown, place: string): value is number => {
    const fine = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= BUCKET_COUNT;
    if (!fine)
      fault(check, place, `A bucket is a whole number from 0 to ${BUCKET_COUNT}, not ${said(value)}.`);
    return fine;
  };
  const fromFine = whole(from, `${at}/from`);
  if (whole(to, `${at}/to`) && fromFine && from > to)
    fault(check, `${at}/to`, `The range [${from}, ${to}) runs backwards.`);
}

/** Looks a name up; says what it is not and what may have been meant. */
function checkName<Entry>(
  check: Check,
  name: unknown,
  at: string,
  noun: string,
  find: (name: string) => Entry | undefined,
  known: () => readonly string[] = () => [],
): Entry | undefined {
  if (typeof name !== 'string' || name === '') {
    fault(check, at, `Here stands the name of ${article(noun)}, not ${said(name)}.`);
    return undefined;
  }
  const entry = find(name);
  if (entry === undefined) fault(check, at, `There is no ${noun} "${name}".${meant(name, known())}`);
  return entry;
}

/* ── operators and values ────────────────────────────────────────────────────────────────────────────── */

function checkComparison(
  check: Check,
  members: Members,
  at: string,
  type: ValueType | undefined,
  what: string | undefined,
): void {
  const { op, value } = members;
  if (!isOperator(op)) {
    fault(
      check,
      Object.hasOwn(members, 'op') ? `${at}/op` : at,
      `An operator is one of ${OPERATORS.map((name) => `"${name}"`).join(', ')}, not ${said(op)}.`,
    );
    return;
  }
  if (type === undefined) return;
  if (!OPERATORS_OF[type].includes(op)) {
    fault(
      check,
      `${at}/op`,
      `"${op}" cannot be asked of ${what}, which is of type ${type}${oneOf(OPERATORS_OF[type])}.`,
    );
    return;
  }
  checkOperand(check, members, { op, type, value, at });
}

function checkOperand(
  check: Check,
  members: Members,
  leaf: { op: Operator; type: ValueType; value: unknown; at: string },
): void {
  const { op, type, value, at } = leaf;
  const place = `${at}/value`;
  const kind = operandKind(op);
  if (kind === 'none') {
    if (Object.hasOwn(members, 'value')) fault(check, place, `"${op}" takes no value.`);
    return;
  }
  if (!Object.hasOwn(members, 'value')) {
    fault(check, at, `"${op}" needs a value.`);
    return;
  }
  switch (kind) {
    case 'one':
      checkScalar(check, value, place, type);
      return;
    case 'duration':
      checkDuration(check, value, place, type === 'date' || op === 'anniversary in next');
      return;
    case 'pair':
      if (!Array.isArray(value) || value.length !== 2) {
        fault(
          check,
          place,
          `"between" takes a pair [a, b], the first inside and the second outside, not ${said(value)}.`,
        );
        return;
      }
      value.forEach((end: unknown, index) => {
        checkScalar(check, end, `${place}/${index}`, type);
      });
      return;
    case 'many':
      if (!Array.isArray(value) || value.length === 0 || value.length > LIMITS.values) {
        fault(
          check,
          place,
          `"${op}" takes a list of 1 to ${LIMITS.values} values, not ${Array.isArray(value) ? `${value.length} values` : said(value)}.`,
        );
        return;
      }
      value.forEach((item: unknown, index) => {
        checkScalar(check, item, `${place}/${index}`, type);
      });
  }
}

function checkScalar(check: Check, value: unknown, at: string, type: ValueType): void {
  const wrong = faultOfScalar(value, type);
  if (wrong) fault(check, at, wrong);
}

function faultOfScalar(value: unknown, type: ValueType): string | undefined {
  switch (type) {
    case 'text':
    case 'list':
      if (typeof value !== 'string') return `This needs a text, not ${said(value)}.`;
      if (value === '') return 'An empty text is unknown; use "unknown" or "known".';
      if (value.length > LIMITS.textLength) return `A text has at most ${LIMITS.textLength} characters.`;
      return isWellFormed(value) ? undefined : 'This text is not valid Unicode.';
    case 'number':
      return typeof value === 'number' && Number.isFinite(value)
        ? undefined
        : `This needs a number, not ${said(value)}.`;
    case 'money':
      return typeof value === 'number' && Number.isSafeInteger(value)
        ? undefined
        : `This needs an amount in whole minor units (cents), not ${said(value)}.`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `This needs true or false, not ${said(value)}.`;
    case 'date':
      return typeof value === 'string' && isDay(value)
        ? undefined
        : `This needs a calendar day from 1900 to 2299 such as "2026-11-02", not ${said(value)}.`;
    case 'instant':
      return typeof value === 'string' && parseInstant(value) !== undefined
        ? undefined
        : `This needs an instant such as "2026-11-02T09:30:00Z", not ${said(value)}.`;
  }
}

function checkDuration(check: Check, value: unknown, at: string, wholeDays: boolean): void {
  const duration = typeof value === 'string' ? readDuration(value) : undefined;
  if (!duration)
    fault(
      check,
      at,
      `This needs an ISO 8601 duration of at most 100 years such as "P30D" or "PT12H", not ${said(value)}.`,
    );
  else if (wholeDays && duration.ms !== 0)
    fault(check, at, `Days are counted whole here; ${said(value)} has a time part.`);
}

/* ── audiences naming audiences ──────────────────────────────────────────────────────────────────────── */

function checkAudiences(check: Check, condition: Condition, at: string, self: string | undefined): void {
  const sizes = new Map<string, number>();
  const path: string[] = self === undefined ? [] : [self];
  /** Nodes of a condition with its audiences in place; undefined after a fault, which is told at `place`. */
  const expand = (part: Condition, place?: string): number | undefined => {
    let size = countNodes(part);
    for (const { id, pointer } of audiencesIn(part)) {
      const inner = sizeOf(id, place ?? `${at}${pointer}/audience`);
      if (inner === undefined) return undefined;
      size += inner;
    }
    return size;
  };
  const sizeOf = (id: string, place: string): number | undefined => {
    const start = path.indexOf(id);
    if (start >= 0) {
      fault(check, place, `Audiences cannot contain themselves: ${[...path.slice(start), id].join(' → ')}.`);
      return undefined;
    }
    const known = sizes.get(id);
    if (known !== undefined) return known;
    const inner = check.catalog.audience(id);
    if (!inner) {
      fault(
        check,
        place,
        `The audience "${path.at(-1) ?? ''}" names the audience "${id}", which does not exist.`,
      );
      return undefined;
    }
    const own: Check = { catalog: check.catalog, faults: [], nodes: 0 };
    checkNode(own, inner, '', 0);
    const [first] = own.faults;
    if (first) {
      fault(
        check,
        place,
        `The audience "${id}" is itself at fault at ${first.pointer || 'its root'}: ${first.message}`,
      );
      return undefined;
    }
    path.push(id);
    const size = expand(inner, place);
    path.pop();
    if (size !== undefined) sizes.set(id, size);
    return size;
  };
  const total = expand(condition);
  if (total !== undefined && total > LIMITS.expandedNodes)
    fault(
      check,
      at,
      `With the audiences it names put in place, the condition has ${total} nodes; at most ${LIMITS.expandedNodes} can be evaluated.`,
    );
}

function countNodes(condition: Condition): number {
  if ('all' in condition) return condition.all.reduce((sum, part) => sum + countNodes(part), 1);
  if ('any' in condition) return condition.any.reduce((sum, part) => sum + countNodes(part), 1);
  return 'not' in condition ? 1 + countNodes(condition.not) : 1;
}

/* ── small things ────────────────────────────────────────────────────────────────────────────────────── */

function fault(check: Check, pointer: string, message: string): void {
  check.faults.push({ pointer, message });
}

/** Refuses members that the language does not know. */
function only(check: Check, members: Members, known: readonly string[], at: string): void {
  for (const name of Object.keys(members)) {
    if (!known.includes(name))
      fault(
        check,
        `${at}/${escapePointer(name)}`,
        `Unknown member "${name}"; here can stand ${known.map((each) => `"${each}"`).join(', ')}.`,
      );
  }
}

function each(check: Check, parts: unknown, at: string, visit: (part: unknown, place: string) => void): void {
  if (!Array.isArray(parts)) {
    fault(check, at, `This needs a list of conditions, not ${said(parts)}.`);
    return;
  }
  parts.forEach((part: unknown, index) => {
    visit(part, `${at}/${index}`);
  });
}

const escapePointer = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');
const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isOperator = (value: unknown): value is Operator => OPERATORS.some((op) => op === value);
/** No half of a surrogate pair stands alone; such text has no UTF-8 form. */
const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);
const article = (noun: string): string => (/^[aeiou]/.test(noun) ? `an ${noun}` : `a ${noun}`);
const oneOf = (names: readonly string[]): string =>
  names.length === 0 ? '' : `; it takes ${names.map((name) => `"${name}"`).join(', ')}`;

function said(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** The closest known name, when it is close enough to be a slip. */
function meant(name: string, known: readonly string[]): string {
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known.slice(0, 5_000)) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance <= Math.max(2, Math.floor(name.length / 4)) && (!best || distance < best.distance))
      best = { name: candidate, distance };
  }
  return best ? ` Did you mean "${best.name}"?` : '';
}

/** @source Levenshtein 1965, two-row form */
function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const change = left[row - 1] === right[column - 1] ? 0 : 1;
      current.push(
        Math.min(
          (previous[column] ?? 0) + 1,
          (current[column - 1] ?? 0) + 1,
          (previous[column - 1] ?? 0) + change,
        ),
      );
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}
