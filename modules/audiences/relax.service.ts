import {
  type Condition,
  type ConditionCatalog,
  describeCondition,
  type Scalar,
  type TagEntry,
  type TagLeaf,
  walkCondition,
} from '@rapport/conditions';
import { type Actor, type Language, toIso } from '@rapport/kernel';
import type { CidSet, Releases } from '@rapport/stores';
import { audiencesProblems } from './audiences.problems.ts';
import type { Audiences } from './audiences.ts';
import type { CodedBucket } from './coded-tag.ts';
import type { CodedTags } from './coded-tags.ts';
import type { RelaxRequest, RelaxResult } from './insight.contract.ts';
import { countWith, dropLeaf, type LeafContext, leafContexts, nearestEdge, replaceNode } from './relax.ts';

export interface RelaxDeps {
  readonly audiences: Pick<Audiences, 'resolve' | 'conditionCatalog' | 'requireGranted'>;
  readonly releases: Pick<Releases, 'current'>;
  readonly codes: CodedTags;
}

interface Change {
  readonly pointer: string;
  readonly kind: RelaxResult['proposals'][number]['changes'][number]['kind'];
  readonly before: Condition;
  /** Absent: taken out. */
  readonly after: Condition | undefined;
  readonly distance: number;
  readonly count: number;
}
interface Proposal {
  readonly condition: Condition;
  readonly count: number;
  readonly distance: number;
  readonly changes: readonly Change[];
}

/** Beyond the share of customers moved: a condition somebody wrote is not lightly thrown away, nor are two changed. */
const DROP_PENALTY = 0.5;
const SECOND_CHANGE = 0.1;
/** Edges tried for one leaf. */
const MOST_EDGES = 14;
const MOST_VALUES = 12;
const MOST_PAIRS = 6;
/** Within this share of the wanted size counts as reaching it. */
const NEAR = 0.01;
const WINDOWS = ['P1D', 'P3D', 'P7D', 'P14D', 'P30D', 'P60D', 'P90D', 'P180D', 'P365D', 'P730D'] as const;
const EDGED = new Set(['<', '<=', '>', '>=', 'before', 'after']);

/** Looks for the smallest changes of a condition that give an audience of another size. */
export function createRelaxing(deps: RelaxDeps) {
  const { audiences, releases, codes } = deps;

  return async (request: RelaxRequest, actor: Actor, signal?: AbortSignal): Promise<RelaxResult> => {
    const started = performance.now();
    await audiences.requireGranted(request.condition, actor);
    const release = await releases.current();
    const { condition, catalog } = await audiences.conditionCatalog(request.condition, release);
    const options = { orgScope: actor.orgScope, ...(signal ? { signal } : {}) };
    const setOf = async (leaf: Condition): Promise<CidSet> => (await audiences.resolve(leaf, options)).cids;
    const everybody = await setOf({ always: true });

    const leaves = new Map<string, Condition>();
    walkCondition(condition, (node, { pointer }) => {
      if (!('all' in node || 'any' in node || 'not' in node)) leaves.set(pointer, node);
    });
    const sets = new Map<string, CidSet>();
    await Promise.all([...leaves].map(async ([pointer, leaf]) => sets.set(pointer, await setOf(leaf))));
    const leafSet = (pointer: string): CidSet => sets.get(pointer) ?? everybody;
    const contexts = leafContexts(condition, leafSet, everybody);
    const count = (await setOf(condition)).size;
    const kept = new Set(request.keep ?? []);
    const strange = [...kept].find((pointer) => !leaves.has(pointer));
    if (strange !== undefined)
      throw audiencesProblems.unknown_leaf({
        detail: `"keep" names "${strange}"; the leaves are ${[...leaves.keys()].map((pointer) => `"${pointer}"`).join(', ')}.`,
      });
    const free = contexts.filter((context) => !kept.has(context.pointer));
    const search: Search = { catalog, setOf, everybody, codes, release, signal };

    const singles: Change[] = [];
    for (const context of free) {
      signal?.throwIfAborted();
      const present = leafSet(context.pointer);
      singles.push(drop(search, condition, context, present));
      singles.push(...(await changesOf(search, context, present, request.wanted, count)));
    }
    const proposals: Proposal[] = singles.map((change) => ({
      condition: change.after
        ? replaceNode(condition, change.pointer, change.after)
        : dropLeaf(condition, change.pointer).condition,
      count: change.count,
      distance: change.distance,
      changes: [change],
    }));
    // When one change reaches the size, a second only makes it larger.
    const reached = proposals.some(
      (proposal) => isNear(proposal.count, request.wanted) && proposal.distance < DROP_PENALTY,
    );
    if (!reached || proposals.length < 3)
      proposals.push(...(await pairsOf(search, condition, free, leafSet, request.wanted, count)));

    const ranked = rank(proposals, request.wanted, count).slice(0, request.limit ?? 8);
    return {
      count,
      wanted: request.wanted,
      proposals: ranked.map((proposal) => present(proposal, catalog, request.language ?? 'en')),
      tookMs: Math.round((performance.now() - started) * 10) / 10,
      release: release.number,
    };
  };
}

interface Search {
  readonly catalog: ConditionCatalog;
  readonly setOf: (leaf: Condition) => Promise<CidSet>;
  readonly everybody: CidSet;
  readonly codes: CodedTags;
  readonly release: Awaited<ReturnType<Releases['current']>>;
  readonly signal: AbortSignal | undefined;
}

const isNear = (count: number, wanted: number): boolean =>
  Math.abs(count - wanted) <= Math.max(1, wanted * NEAR);

/** Those that reach the size by their distance, then the others by how near they come. */
function rank(proposals: readonly Proposal[], wanted: number, count: number): Proposal[] {
  const seen = new Set<string>();
  return proposals
    .filter((proposal) => {
      const key = JSON.stringify(proposal.condition);
      if (seen.has(key) || proposal.count === count) return false;
      seen.add(key);
      // A change that leads away from the wanted size is no proposal.
      return Math.abs(proposal.count - wanted) < Math.abs(count - wanted);
    })
    .sort((a, b) => {
      const [near, other] = [isNear(a.count, wanted), isNear(b.count, wanted)];
      if (near !== other) return near ? -1 : 1;
      if (near) return a.distance - b.distance;
      return Math.abs(a.count - wanted) - Math.abs(b.count - wanted) || a.distance - b.distance;
    });
}

const shareMoved = (search: Search, before: CidSet, after: CidSet): number =>
  (after.andNot(before).size + before.andNot(after).size) / Math.max(1, search.everybody.size);

/** A leaf left out. */
function drop(search: Search, condition: Condition, context: LeafContext, present: CidSet): Change {
  const { everybody } = search;
  const { leafHolds } = dropLeaf(condition, context.pointer);
  const without = leafHolds === 'for all' ? everybody : everybody.andNot(everybody);
  return {
    pointer: context.pointer,
    kind: 'drop',
    before: context.leaf,
    after: undefined,
    distance: DROP_PENALTY + shareMoved(search, present, without),
    count: countWith(context, without),
  };
}

/** The changes of one leaf that come nearest to the wanted size. */
async function changesOf(
  search: Search,
  context: LeafContext,
  present: CidSet,
  wanted: number,
  count: number,
): Promise<Change[]> {
  const { leaf, pointer } = context;
  const changeTo = async (kind: Change['kind'], after: Condition): Promise<Change> => {
    const set = await search.setOf(after);
    return {
      pointer,
      kind,
      before: leaf,
      after,
      distance: shareMoved(search, present, set),
      count: countWith(context, set),
    };
  };
  const changes: Change[] = [];
  const grows = wanted > count;
  if ('tag' in leaf) {
    const entry = search.catalog.tag(leaf.tag);
    if (entry && EDGED.has(leaf.op)) {
      const found = await movedEdge(search, context, leaf, entry, wanted, grows);
      if (found) changes.push(await changeTo('threshold', found));
    } else if (entry && leaf.op === 'between' && Array.isArray(leaf.value)) {
      for (const end of [0, 1] as const) {
        const found = await movedEnd(search, context, leaf, entry, wanted, grows, end);
        if (found) changes.push(await changeTo('threshold', found));
      }
    } else if (entry && (leaf.op === 'in' || leaf.op === '=') && entry.type !== 'boolean') {
      for (const next of await widened(search, context, leaf, present, wanted, grows))
        changes.push(await changeTo('values', next));
    } else if (leaf.op === 'in last' || leaf.op === 'in next') {
      for (const value of windowsAround(leaf.value, grows === context.positive))
        changes.push(await changeTo('window', { ...leaf, value }));
    }
  } else if ('event' in leaf && leaf.within !== undefined) {
    // Each costs a scan of the events, so only the next few windows are tried.
    for (const within of windowsAround(leaf.within, grows === context.positive).slice(0, 2))
      changes.push(await changeTo('window', { ...leaf, within }));
  } else if ('bucket' in leaf) {
    const { salt, from, to } = leaf.bucket;
    const inside = context.decisive.and(present).size;
    const need = context.positive ? wanted - context.always : context.always + context.decisive.size - wanted;
    const width = Math.round(((to - from) * need) / Math.max(1, inside));
    const nextTo = Math.min(10_000, from + Math.max(1, width));
    const nextFrom = Math.max(0, nextTo - Math.max(1, width));
    if (nextTo !== to || nextFrom !== from)
      changes.push(await changeTo('share', { bucket: { salt, from: nextFrom, to: nextTo } }));
  }
  return changes;
}

/** What a tag's values are on a line of numbers, and how to write one back. */
function lineOf(
  entry: TagEntry,
): { read: (value: Scalar) => number; write: (at: number) => Scalar; step: number } | undefined {
  switch (entry.type) {
    case 'number':
      return { read: Number, write: (at) => at, step: 0 };
    case 'money':
      return { read: Number, write: (at) => Math.round(at), step: 1 };
    case 'date':
      return {
        read: (value) => Math.round(Date.parse(String(value)) / 86_400_000),
        write: (at) => toIso(Math.round(at) * 86_400_000).slice(0, 10),
        step: 1,
      };
    case 'instant':
      return { read: (value) => Date.parse(String(value)), write: (at) => toIso(Math.round(at)), step: 1 };
    default:
      return undefined;
  }
}

/** A threshold moved to where the size comes nearest to what is wanted, along the values the tag really has. */
async function movedEdge(
  search: Search,
  context: LeafContext,
  leaf: TagLeaf,
  entry: TagEntry,
  wanted: number,
  grows: boolean,
): Promise<Condition | undefined> {
  const line = lineOf(entry);
  if (!line || leaf.value === undefined || typeof leaf.value === 'object') return undefined;
  const here = line.read(leaf.value);
  // More customers by the leaf means: a lower bound goes down, an upper one up.
  const lower = leaf.op === '>=' || leaf.op === '>' || leaf.op === 'after';
  const down = lower === (grows === context.positive);
  const at = (edge: number): Condition => ({ ...leaf, value: line.write(edge) });
  return searchEdge(search, context, leaf.tag, { at, here, down, wanted, line });
}

async function movedEnd(
  search: Search,
  context: LeafContext,
  leaf: TagLeaf,
  entry: TagEntry,
  wanted: number,
  grows: boolean,
  end: 0 | 1,
): Promise<Condition | undefined> {
  const line = lineOf(entry);
  const [from, to] = Array.isArray(leaf.value) ? leaf.value : [];
  if (!line || from === undefined || to === undefined) return undefined;
  const here = line.read(end === 0 ? from : to);
  const down = (end === 0) === (grows === context.positive);
  const at = (edge: number): Condition => ({
    ...leaf,
    value: end === 0 ? [line.write(edge), to] : [from, line.write(edge)],
  });
  const other = line.read(end === 0 ? to : from);
  return searchEdge(search, context, leaf.tag, { at, here, down, wanted, line, stop: other });
}

async function searchEdge(
  search: Search,
  context: LeafContext,
  tag: string,
  of: {
    at: (edge: number) => Condition;
    here: number;
    down: boolean;
    wanted: number;
    line: { step: number; read: (value: Scalar) => number };
    stop?: number;
  },
): Promise<Condition | undefined> {
  const { at, here, down, wanted, line } = of;
  const countAt = async (edge: number): Promise<number> => countWith(context, await search.setOf(at(edge)));
  // The buckets of the tag narrow the search before any threshold is tried.
  // An end of a range does not pass the other one.
  const stop = of.stop !== undefined && (down ? of.stop < here : of.stop > here) ? of.stop : undefined;
  const edges = (await edgesOf(search, tag, line.read))
    .filter((edge) => (down ? edge < here : edge > here))
    .filter((edge) => stop === undefined || (down ? edge > stop : edge < stop))
    .sort((a, b) => (down ? b - a : a - b));
  const span = Math.max(1, Math.abs((edges.at(-1) ?? here) - here), Math.abs(here));
  let last = { at: here, count: await countAt(here) };
  const start = Math.sign(last.count - wanted);
  if (start === 0) return undefined;
  const ends = [...edges, stop ?? (down ? here - 4 * span : here + 4 * span)];
  let bracket: { low: typeof last; high: typeof last } | undefined;
  // Few edges: halve over them, for the count only grows or only falls along the line.
  let [left, right] = [0, ends.length - 1];
  while (left <= right) {
    const middle = (left + right) >> 1;
    const edge = ends[middle] ?? here;
    const found = { at: edge, count: await countAt(edge) };
    if (Math.sign(found.count - wanted) === start) {
      last = found;
      left = middle + 1;
    } else {
      bracket = { low: last, high: found };
      right = middle - 1;
    }
  }
  if (!bracket) {
    // The size is out of reach: the least change that gets as near to it, for nothing lies beyond the tag's last value.
    if (last.at === here) return undefined;
    const least = await leastEdge({ countAt, near: here, far: last, edges, most: MOST_EDGES });
    const rounded = tidy(least, Math.abs(least - here), line.step);
    return at((await countAt(rounded)) === last.count ? rounded : least);
  }
  const { high } = bracket;
  const found = await nearestEdge({
    countAt,
    low: last,
    high,
    wanted,
    round: (edge) => tidy(edge, Math.abs(high.at - last.at), line.step),
    most: MOST_EDGES,
  });
  return found.at === here ? undefined : at(found.at);
}

/** The edge nearest to `near` that counts what the far one does, where counts only grow or only fall along the line. */
async function leastEdge(of: {
  readonly countAt: (edge: number) => Promise<number>;
  readonly near: number;
  readonly far: { readonly at: number; readonly count: number };
  /** Values the tag has, from the near end to the far one; tried before any other. */
  readonly edges: readonly number[];
  readonly most: number;
}): Promise<number> {
  const isFar = async (edge: number): Promise<boolean> => (await of.countAt(edge)) === of.far.count;
  let [left, right] = [0, of.edges.length];
  while (left < right) {
    const middle = (left + right) >> 1;
    if (await isFar(of.edges[middle] ?? of.far.at)) right = middle;
    else left = middle + 1;
  }
  let far = of.edges[right] ?? of.far.at;
  // A value of the tag is as good an end as any; only what lies past all of them is narrowed.
  if (right < of.edges.length) return far;
  let near = of.edges.at(-1) ?? of.near;
  for (let tries = 0; tries < of.most; tries++) {
    const middle = (near + far) / 2;
    if (await isFar(middle)) far = middle;
    else near = middle;
  }
  return far;
}

/** As few digits as the search needs: no marketer wants 481,733.19327. */
function tidy(edge: number, span: number, step: number): number {
  const digit = 10 ** Math.floor(Math.log10(Math.max(span, Number.MIN_VALUE)) - 3);
  const unit = Math.max(step, digit);
  const rounded = Math.round(edge / unit) * unit;
  return Number(rounded.toPrecision(12));
}

async function edgesOf(
  { codes, catalog, release, signal }: Search,
  tag: string,
  read: (value: Scalar) => number,
): Promise<number[]> {
  const edges = new Set<number>();
  for (const bucket of await codes.buckets(tag, catalog, release, signal)) {
    for (const edge of [bucket.from, bucket.to, ...(bucket.values ?? [])])
      if (edge !== undefined) edges.add(read(edge));
  }
  return [...edges].filter(Number.isFinite);
}

/** More values beside those asked for, the ones whose customers fit best otherwise; or fewer. */
async function widened(
  search: Search,
  context: LeafContext,
  leaf: TagLeaf,
  present: CidSet,
  wanted: number,
  grows: boolean,
): Promise<Condition[]> {
  const values: readonly Scalar[] =
    leaf.value === undefined ? [] : typeof leaf.value === 'object' ? leaf.value : [leaf.value];
  const toGrow = grows === context.positive;
  const next = (list: readonly Scalar[]): Condition =>
    list.length === 1 && list[0] !== undefined
      ? { tag: leaf.tag, op: '=', value: list[0] }
      : { tag: leaf.tag, op: 'in', value: [...list] };
  if (!toGrow) {
    if (values.length < 2) return [];
    return values.map((value) => next(values.filter((other) => other !== value))).slice(0, MOST_VALUES);
  }
  const buckets = await search.codes.buckets(leaf.tag, search.catalog, search.release, search.signal);
  const others = buckets
    .flatMap((bucket: CodedBucket) => (bucket.isOther ? [] : (bucket.values ?? [])))
    .filter((value) => !values.includes(value));
  const scored: { value: Scalar; fit: number; gain: number }[] = [];
  for (const value of others.slice(0, MOST_VALUES)) {
    const set = await search.setOf({ tag: leaf.tag, op: '=', value });
    const inside = context.decisive.and(set).size;
    scored.push({ value, gain: inside, fit: set.size > 0 ? inside / set.size : 0 });
  }
  scored.sort((a, b) => b.fit - a.fit || b.gain - a.gain);
  const need = Math.abs(wanted - countWith(context, present));
  const widenings: Condition[] = [];
  const added: Scalar[] = [];
  let gained = 0;
  for (const { value, gain } of scored) {
    if (gain === 0) continue;
    added.push(value);
    gained += gain;
    widenings.push(next([...values, ...added]));
    if (gained >= need) break;
  }
  // And the single value that comes nearest.
  const nearest = scored.toSorted((a, b) => Math.abs(a.gain - need) - Math.abs(b.gain - need))[0];
  if (nearest && nearest.gain > 0) widenings.push(next([...values, nearest.value]));
  return widenings.slice(-4);
}

function windowsAround(value: unknown, wider: boolean): string[] {
  const at = WINDOWS.findIndex((window) => daysOf(window) >= daysOf(value));
  const here = at < 0 ? WINDOWS.length : at;
  const same = WINDOWS[here] !== undefined && daysOf(WINDOWS[here]) === daysOf(value);
  return wider
    ? WINDOWS.slice(here + (same ? 1 : 0), here + 4)
    : WINDOWS.slice(Math.max(0, here - 3), here).toReversed();
}
function daysOf(value: unknown): number {
  const [, count = '0', unit = 'D'] = /^P(?:T)?(\d+)([DWMYH])/.exec(String(value)) ?? [];
  const days = { D: 1, W: 7, M: 30.4, Y: 365, H: 1 / 24 }[unit] ?? 1;
  return Number(count) * days;
}

/** Two leaves changed together: one goes half the way, the other the rest. */
async function pairsOf(
  search: Search,
  condition: Condition,
  free: readonly LeafContext[],
  leafSet: (pointer: string) => CidSet,
  wanted: number,
  count: number,
): Promise<Proposal[]> {
  const halfway = Math.round(Math.sqrt(Math.max(1, count) * Math.max(1, wanted)));
  const able = free.filter(({ leaf }) => 'tag' in leaf || 'bucket' in leaf).slice(0, 5);
  const proposals: Proposal[] = [];
  for (const one of able) {
    if (proposals.length >= MOST_PAIRS) break;
    const firsts = await changesOf(search, one, leafSet(one.pointer), halfway, count);
    const [half] = firsts.sort((a, b) => Math.abs(a.count - halfway) - Math.abs(b.count - halfway));
    if (!half?.after) continue;
    const changedSet = await search.setOf(half.after);
    const contexts = leafContexts(
      condition,
      (pointer) => (pointer === one.pointer ? changedSet : leafSet(pointer)),
      search.everybody,
    );
    for (const other of able) {
      if (other.pointer <= one.pointer || proposals.length >= MOST_PAIRS) continue;
      const context = contexts.find(({ pointer }) => pointer === other.pointer);
      if (!context) continue;
      search.signal?.throwIfAborted();
      const seconds = await changesOf(search, context, leafSet(other.pointer), wanted, half.count);
      const [rest] = seconds.sort((a, b) => Math.abs(a.count - wanted) - Math.abs(b.count - wanted));
      if (!rest?.after) continue;
      proposals.push({
        condition: replaceNode(replaceNode(condition, one.pointer, half.after), other.pointer, rest.after),
        count: rest.count,
        distance: half.distance + rest.distance + SECOND_CHANGE,
        changes: [half, rest],
      });
    }
  }
  return proposals;
}

function present(
  proposal: Proposal,
  catalog: ConditionCatalog,
  language: Language,
): RelaxResult['proposals'][number] {
  const say = (condition: Condition): string => describeCondition(condition, catalog, language);
  const quote = (text: string): string => (language === 'zh-Hant' ? `「${text}」` : `“${text}”`);
  const changes = proposal.changes.map(({ pointer, kind, before, after }) => ({
    pointer,
    kind,
    before: say(before),
    ...(after ? { after: say(after) } : {}),
  }));
  const words = {
    en: { becomes: ' becomes ', dropped: ' is left out', and: '; ' },
    'zh-Hant': { becomes: '改為', dropped: '不再要求', and: '；' },
    'zh-Hans': { becomes: '改为', dropped: '不再要求', and: '；' },
  }[language];
  return {
    condition: proposal.condition,
    count: proposal.count,
    distance: Math.round(proposal.distance * 1e6) / 1e6,
    sentence: changes
      .map(({ before, after }) =>
        after === undefined
          ? `${quote(before)}${words.dropped}`
          : `${quote(before)}${words.becomes}${quote(after)}`,
      )
      .join(words.and),
    changes,
  };
}
