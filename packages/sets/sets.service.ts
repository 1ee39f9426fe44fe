import {
  type Condition,
  type ConditionLeaf,
  compileLeaves,
  conditionProblems,
  decideValues,
  quoted,
  type TagEntry,
  type TagLeaf,
  type ValueDecision,
  walkCondition,
} from '@rapport/conditions';
import {
  accumulateCids,
  type CidSet,
  cidSetFromWarehouseBytesAt,
  cidSetOf,
  emptyCidSet,
  freeCids,
  type Warehouse,
} from '@rapport/stores';
import { createByteCache } from './byte-cache.ts';
import { createIndexReader, type EntryDetail, nameOf, type PieceRef } from './index-reader.ts';
import { type LeafPlan, planLeaf } from './leaf-plan.ts';
import { createPace, type Pace } from './pace.ts';
import type { NodeCount, SetEngine, SetView, TagCodes, TagIndexEntry } from './set-engine.ts';
import { allOf, anyOf, borrowed, free, own, type Part, type SignedSet, unite } from './signed-sets.ts';
import { CODE_BLOCK, PIECE, pieceKey, type TagDirectory } from './tag-index.ts';

export interface SetEngineDeps {
  readonly warehouse: Pick<Warehouse, 'query' | 'queryBytes' | 'queryCids' | 'identifier'>;
  /** What may be kept in memory: bitmaps, and values at the edges of comparisons. @default 2 GiB */
  readonly budgetBytes?: number;
  /** Whether what leaves come to is kept beside the pieces that they are made of. @default true */
  readonly keepsLeaves?: boolean;
}

const DEFAULT_BUDGET = 2 * 1024 ** 3;

/** Bitmaps, values of customers at the edge of a comparison, and the numbers that a segment's codes are of. */
type Kept = CidSet | EntryDetail;

/** One leaf of a tree, and how it will be answered. */
interface PlannedLeaf {
  readonly leaf: ConditionLeaf;
  /** Equal leaves of one evaluation, and those kept from earlier ones, have the same name. */
  readonly name: string;
  readonly byIndex: IndexedLeaf | undefined;
}

interface IndexedLeaf {
  readonly decision: ValueDecision;
  /** The segments of the tag, oldest first. */
  readonly parts: readonly {
    readonly directory: TagDirectory;
    readonly plan: LeafPlan;
    readonly customers: PieceRef | undefined;
  }[];
}

/** The set engine over a warehouse: one for all evaluations of a process, which share what it keeps. */
export function createSetEngine(deps: SetEngineDeps): SetEngine {
  const { warehouse } = deps;
  const cache = createByteCache<Kept>(deps.budgetBytes ?? DEFAULT_BUDGET);
  const positions = createByteCache<Uint32Array>(256 * 1024 ** 2);
  const reader = createIndexReader(warehouse, cache);

  const keptSet = (name: string): CidSet | undefined => {
    const kept = cache.get(name);
    return kept && 'has' in kept ? kept : undefined;
  };
  const keep = (name: string, set: CidSet): CidSet => {
    cache.set(name, set, set.bytes);
    return set;
  };

  const universe: SetEngine['universe'] = async ({ catalog, orgUnits, signal }) => {
    const name = `customers ${catalog.customers} ${orgUnits ? JSON.stringify(orgUnits) : ''}`;
    const known = keptSet(name);
    if (known) return known;
    const scope = orgUnits ? ' WHERE org_unit IN {units:Array(String)}' : '';
    const all = await warehouse.queryCids(
      `SELECT groupBitmapState(cid) FROM ${quoted(catalog.customers)}${scope}`,
      orgUnits ? { units: [...orgUnits] } : {},
      signal ? { signal } : undefined,
    );
    return keep(name, all);
  };

  /* ── leaves ────────────────────────────────────────────────────────────────────────────────────────── */

  /** Answers all leaves of a condition: those of the index by its pieces, others by statements, everything at once. */
  const answerLeaves = async (condition: Condition, view: SetView, pace: Pace): Promise<Answers> => {
    const leaves = leavesIn(condition, view);
    const unkept: CidSet[] = [];
    await loadDirectories(leaves, view);
    const answers = new Map<string, SignedSet>();
    const names = new Map<ConditionLeaf, string>();
    const planned = new Map<string, PlannedLeaf>();
    for (const leaf of leaves) {
      const plan = planOf(leaf, view);
      names.set(leaf, plan.name);
      const known = keptSet(plan.name);
      const negated = plan.byIndex?.decision.isUnknown ?? false;
      if (known) answers.set(plan.name, { ...borrowed(known), negated });
      else planned.set(plan.name, plan);
    }
    const missing = [...planned.values()];
    const indexed = missing.filter((each) => each.byIndex);
    const others = missing.filter((each) => !each.byIndex);
    const [pieces, details] = await Promise.all([
      reader.bitmaps(
        indexed.flatMap(({ byIndex }) => (byIndex ? piecesOf(byIndex) : [])),
        view.signal,
      ),
      reader.details(
        indexed.flatMap(({ byIndex }) => (byIndex ? partialsOf(byIndex) : [])),
        view.signal,
      ),
      answerBySql(others, view, answers),
    ]);
    for (const { name, byIndex } of indexed) {
      if (!byIndex) continue;
      const { set, isOwn } = compose(byIndex, pieces, details);
      answers.set(name, { ...borrowed(set), negated: byIndex.decision.isUnknown });
      // A set that is not own is a single piece, which is kept already.
      if (isOwn && deps.keepsLeaves !== false) keep(name, set);
      else if (isOwn) unkept.push(set);
      await pace.rest();
    }
    return {
      of: (leaf) => answers.get(names.get(leaf) ?? '') ?? { ...borrowed(emptyCidSet()), negated: false },
      free: () => unkept.forEach(freeCids),
    };
  };

  const loadDirectories = (leaves: readonly ConditionLeaf[], view: SetView): Promise<void> =>
    reader.loadDirectories(
      leaves.flatMap((leaf) => {
        const entry = 'tag' in leaf ? view.catalog.tag(leaf.tag) : undefined;
        return entry ? placesOf(entry) : [];
      }),
      view.placements,
      view.signal,
    );

  const planOf = (leaf: ConditionLeaf, view: SetView): PlannedLeaf => {
    if (!('tag' in leaf)) return { leaf, name: JSON.stringify(leaf), byIndex: undefined };
    const entry = tagOf(leaf, view);
    const decision = decideValues(entry.type, leaf.op, leaf.value, view.now);
    const segments = segmentsOf(entry);
    const name = `${segments.join(' ')}/${entry.column} ${entry.type} ${decision.name}`;
    const parts: IndexedLeaf['parts'][number][] = [];
    for (const [at, segment] of segments.entries()) {
      const directory = reader.directory(segment, entry.column);
      const own = at === 0 ? undefined : reader.directory(segment, '');
      const plan = directory && planLeaf(directory, decision);
      if (!directory || !plan || (at > 0 && !own)) return { leaf, name, byIndex: undefined };
      const customers = own && { pieces: own.pieces, key: pieceKey(own.position, PIECE.customers) };
      parts.push({ directory, plan, customers });
    }
    return { leaf, name, byIndex: { decision, parts } };
  };

  /** Leaves that no index answers, by the SQL reader; those over the same table of tags in one scan. */
  const answerBySql = async (
    leaves: readonly PlannedLeaf[],
    view: SetView,
    answers: Map<string, SignedSet>,
  ): Promise<void> => {
    const missing: { readonly planned: PlannedLeaf; readonly name: string | undefined }[] = [];
    for (const planned of leaves) {
      if ('always' in planned.leaf) {
        answers.set(planned.name, { ...borrowed(emptyCidSet()), negated: true });
        continue;
      }
      const [statement] = compileLeaves([planned.leaf], view.catalog, { now: view.now });
      const [column] = statement?.columns ?? [];
      const name =
        statement && !isLive(planned.leaf, view)
          ? 'tag' in planned.leaf
            ? `sql ${planned.name}`
            : `sql ${statement.sql} ${JSON.stringify(statement.params)}`
          : undefined;
      const known = name === undefined ? undefined : keptSet(name);
      if (known) answers.set(planned.name, { ...borrowed(known), negated: column?.complement ?? false });
      else missing.push({ planned, name });
    }
    const statements = compileLeaves(
      missing.map(({ planned }) => planned.leaf),
      view.catalog,
      { now: view.now },
    );
    await Promise.all(
      statements.map(async ({ sql, params, columns }) => {
        const bytes = await warehouse.queryBytes(
          sql,
          params,
          view.signal ? { signal: view.signal } : undefined,
        );
        let offset = 0;
        for (const { leaf, complement } of columns) {
          const { set, end } = cidSetFromWarehouseBytesAt(bytes, offset);
          offset = end;
          const answered = missing[leaf];
          if (!answered) continue;
          if (answered.name !== undefined) keep(answered.name, set);
          answers.set(answered.planned.name, { ...borrowed(set), negated: complement });
        }
      }),
    );
  };

  /* ── trees ─────────────────────────────────────────────────────────────────────────────────────────── */

  /** Solves a condition for its reader, who takes from it what it needs; then all that is left over is freed. */
  const solve = async <Result>(
    condition: Condition,
    view: SetView,
    read: (all: CidSet, solved: SignedSet) => Result,
  ): Promise<Result> => {
    const pace = createPace();
    const [all, answers] = await Promise.all([universe(view), answerLeaves(condition, view, pace)]);
    try {
      const solved = await solveNode(condition, view, answers.of, pace);
      const result = read(all, solved);
      free(solved);
      return result;
    } finally {
      answers.free();
    }
  };

  return {
    universe,
    evaluate: (condition, view) =>
      solve(condition, view, (all, { set, negated }) => (negated ? all.andNot(set) : all.and(set))),
    count: (condition, view) =>
      solve(condition, view, (all, { set, negated }) => {
        const inside = all.andSize(set);
        return { count: negated ? all.size - inside : inside, total: all.size };
      }),
    async explain(condition, view) {
      const pace = createPace();
      const [all, answers] = await Promise.all([universe(view), answerLeaves(condition, view, pace)]);
      try {
        return { total: all.size, nodes: await countNodes(condition, view, all, answers.of, pace) };
      } finally {
        answers.free();
      }
    },

    async buckets(tagId, view) {
      const entry = view.catalog.tag(tagId);
      const [first] = entry ? segmentsOf(entry) : [];
      if (!entry || first === undefined) return undefined;
      await reader.loadDirectories(placesOf(entry), view.placements, view.signal);
      return reader.directory(first, entry.column)?.buckets;
    },
    async codes(tagId, view) {
      return (await codesOf([tagId], view)).get(tagId);
    },
    codesOf,
    async entries(tagId, view, limit) {
      const entry = view.catalog.tag(tagId);
      const [segment, ...later] = entry ? segmentsOf(entry) : [];
      if (!entry || segment === undefined || later.length > 0) return undefined;
      await reader.loadDirectories(placesOf(entry), view.placements, view.signal);
      const directory = reader.directory(segment, entry.column);
      if (!directory || directory.form === 'none') return undefined;
      const isNumbered = directory.form === 'numbers' || directory.form === 'ranges';
      const chosen = directory.ids
        .map((id, place) => ({ place, key: pieceKey(directory.position, PIECE.entry, id) }))
        .sort((one, other) => (directory.sizes[other.place] ?? 0) - (directory.sizes[one.place] ?? 0))
        .slice(0, limit);
      const pieces = await reader.bitmaps(
        chosen.map(({ key }) => ({ pieces: directory.pieces, key })),
        view.signal,
      );
      return chosen.flatMap(({ place, key }): TagIndexEntry[] => {
        const cids = pieces.get(nameOf({ pieces: directory.pieces, key }));
        if (!cids) return [];
        const size = directory.sizes[place] ?? 0;
        const low = directory.lows[place];
        const high = directory.highs[place];
        const label = directory.labels[place];
        if (isNumbered) return low === undefined || high === undefined ? [] : [{ low, high, size, cids }];
        return label === undefined ? [] : [{ label, size, cids }];
      });
    },

    get kept() {
      return { bytes: cache.bytes, sets: cache.size };
    },
    clear() {
      reader.clear();
      positions.clear();
    },
  };

  async function codesOf(tagIds: readonly string[], view: SetView): Promise<ReadonlyMap<string, TagCodes>> {
    const tags = tagIds.flatMap((tagId) => {
      const entry = view.catalog.tag(tagId);
      return entry && entry.type !== 'list' ? [{ tagId, entry }] : [];
    });
    await reader.loadDirectories(
      tags.flatMap(({ entry }) =>
        segmentsOf(entry).flatMap((segment) => [
          { segment, column: entry.column },
          { segment, column: '' },
        ]),
      ),
      view.placements,
      view.signal,
    );
    const coded = tags.flatMap(({ tagId, entry }) => {
      const segments = segmentsOf(entry);
      const parts = segments.flatMap((segment) => {
        const directory = reader.directory(segment, entry.column);
        const own = reader.directory(segment, '');
        return directory && own ? [{ directory, own }] : [];
      });
      return parts.length === segments.length ? [{ tagId, parts }] : [];
    });
    const blocks = await reader.codes(
      coded.flatMap(({ parts }) => parts.flatMap(({ directory }) => codePieces(directory))),
      view.signal,
    );
    const found = new Map<string, TagCodes>();
    for (const { tagId, parts } of coded) {
      let codes = new Uint8Array();
      for (const { directory, own } of parts) {
        const places = await placesOfCustomers(own, view);
        const top = (places.at(-1) ?? -1) + 1;
        if (top > codes.length) {
          const wider = new Uint8Array(top);
          wider.set(codes);
          codes = wider;
        }
        putCodes(codes, directory, places, blocks);
      }
      found.set(tagId, { codes, buckets: parts[0]?.directory.buckets ?? [] });
    }
    return found;
  }

  /** The numbers of a segment's customers, in the order of their codes. */
  async function placesOfCustomers(own: TagDirectory, view: SetView): Promise<Uint32Array> {
    const piece = { pieces: own.pieces, key: pieceKey(own.position, PIECE.customers) };
    const known = positions.get(nameOf(piece));
    if (known) return known;
    const places = (
      (await reader.bitmaps([piece], view.signal)).get(nameOf(piece)) ?? emptyCidSet()
    ).toArray();
    positions.set(nameOf(piece), places, places.byteLength);
    return places;
  }
}

/* ── codes ───────────────────────────────────────────────────────────────────────────────────────────── */

const codePieces = (directory: TagDirectory): PieceRef[] =>
  directory.blocks.map((block) => ({
    pieces: directory.pieces,
    key: pieceKey(directory.position, PIECE.codes, block),
  }));

/** Puts the codes of a segment's blocks at the numbers of its customers. */
function putCodes(
  codes: Uint8Array,
  directory: TagDirectory,
  places: Uint32Array,
  blocks: ReadonlyMap<string, Uint8Array>,
): void {
  const pieces = codePieces(directory);
  let from = 0;
  directory.blocks.forEach((block, at) => {
    const piece = pieces[at];
    const part = (piece && blocks.get(nameOf(piece))) ?? new Uint8Array();
    const first = places[from] ?? 0;
    // Mostly every number of a block is a customer's.
    if (first === block * CODE_BLOCK && places[from + part.length - 1] === first + part.length - 1)
      codes.set(part, first);
    else
      for (let index = 0; index < part.length; index++) codes[places[from + index] ?? 0] = part[index] ?? 0;
    from += part.length;
  });
}

/* ── what leaves name ────────────────────────────────────────────────────────────────────────────────── */

/** Tables a tag's values stand in, oldest first. */
const segmentsOf = (entry: TagEntry): readonly string[] => entry.segments ?? [entry.table];

/** What must be known of a tag's index: each segment's, and of later ones which customers they replace. */
const placesOf = (entry: TagEntry): { segment: string; column: string }[] =>
  segmentsOf(entry).flatMap((segment, at) => [
    { segment, column: entry.column },
    ...(at === 0 ? [] : [{ segment, column: '' }]),
  ]);

function tagOf(leaf: TagLeaf, view: SetView): TagEntry {
  return view.catalog.tag(leaf.tag) ?? missing('tag', leaf.tag);
}

function missing(noun: string, name: string): never {
  throw conditionProblems.invalid({ detail: `There is no ${noun} "${name}" any more.` });
}

/** Whether what a leaf reads can change while its tables keep their names. */
function isLive(leaf: ConditionLeaf, { catalog }: SetView): boolean {
  if ('event' in leaf) return catalog.event(leaf.event)?.isLive ?? false;
  if ('sequence' in leaf) return leaf.sequence.some(({ event }) => catalog.event(event)?.isLive);
  return false;
}

/** Every leaf of a condition and of the audiences it names; those themselves are none. */
function leavesIn(condition: Condition, view: SetView): ConditionLeaf[] {
  const leaves: ConditionLeaf[] = [];
  const seen = new Set<string>();
  const visit = (root: Condition, inside: readonly string[]): void =>
    walkCondition(root, (node) => {
      if ('all' in node || 'any' in node || 'not' in node) return;
      if (!('audience' in node)) {
        leaves.push(node);
        return;
      }
      if (inside.includes(node.audience))
        throw conditionProblems.invalid({
          detail: `Audiences contain each other: ${[...inside, node.audience].join(' → ')}.`,
        });
      if (seen.has(node.audience)) return;
      const inner = view.catalog.audience(node.audience) ?? missing('audience', node.audience);
      visit(inner, [...inside, node.audience]);
      seen.add(node.audience);
    });
  visit(condition, []);
  return leaves;
}

/* ── putting leaves together ─────────────────────────────────────────────────────────────────────────── */

const entryPiece = (directory: TagDirectory, place: number): PieceRef => ({
  pieces: directory.pieces,
  key: pieceKey(directory.position, PIECE.entry, directory.ids[place] ?? 0),
});
const checkpointPiece = (directory: TagDirectory, checkpoint: number): PieceRef => ({
  pieces: directory.pieces,
  key: pieceKey(directory.position, PIECE.checkpoint, checkpoint),
});
const knownPiece = (directory: TagDirectory): PieceRef => ({
  pieces: directory.pieces,
  key: pieceKey(directory.position, PIECE.known),
});

function piecesOf({ parts }: IndexedLeaf): PieceRef[] {
  return parts.flatMap(({ directory, plan, customers }) => [
    ...(customers ? [customers] : []),
    ...(plan.kind === 'known' || (plan.kind === 'runs' && plan.complement) ? [knownPiece(directory)] : []),
    ...(plan.kind === 'runs'
      ? plan.runs.flatMap(({ checkpoint, without, add, remove }) => [
          ...[checkpoint, without].flatMap((each) =>
            each === undefined ? [] : [checkpointPiece(directory, each)],
          ),
          ...[...add, ...remove].map((place) => entryPiece(directory, place)),
        ])
      : []),
  ]);
}

function partialsOf({ parts }: IndexedLeaf): PieceRef[] {
  return parts.flatMap(({ directory, plan }) =>
    plan.kind === 'runs' ? plan.partial.map((place) => entryPiece(directory, place)) : [],
  );
}

/** The customers of a leaf: of each segment in its turn, later ones in place of earlier ones. */
export function compose(
  { parts, decision }: IndexedLeaf,
  pieces: ReadonlyMap<string, CidSet>,
  details: ReadonlyMap<string, EntryDetail>,
): Part {
  const piece = (ref: PieceRef): CidSet => pieces.get(nameOf(ref)) ?? lost(ref);
  let folded: Part | undefined;
  for (const { directory, plan, customers } of parts) {
    const newer = composePart(directory, plan, decision, piece, details);
    if (folded && customers) {
      const { set, isOwn } = folded;
      // Not the set itself: there were two combinations.
      folded = own(accumulateCids(set, isOwn).andNot(piece(customers)).or(newer.set).done());
      free(newer);
    } else folded = newer;
  }
  return folded ?? own(emptyCidSet());
}

function lost({ pieces, key }: PieceRef): never {
  throw new Error(`The index ${pieces} lacks the piece ${key} that its directory names.`);
}

function composePart(
  directory: TagDirectory,
  plan: LeafPlan,
  decision: ValueDecision,
  piece: (ref: PieceRef) => CidSet,
  details: ReadonlyMap<string, EntryDetail>,
): Part {
  if (plan.kind === 'empty') return own(emptyCidSet());
  if (plan.kind === 'known') return borrowed(piece(knownPiece(directory)));
  const runs = plan.runs.map(({ checkpoint, without, add, remove }): Part => {
    const added = add.map((place) => piece(entryPiece(directory, place)));
    if (checkpoint === undefined) return unite(added.map(borrowed));
    const start = piece(checkpointPiece(directory, checkpoint));
    if (without === undefined && remove.length + added.length === 0) return borrowed(start);
    const run = accumulateCids(start);
    if (without !== undefined) run.andNot(piece(checkpointPiece(directory, without)));
    for (const place of remove) run.andNot(piece(entryPiece(directory, place)));
    for (const each of added) run.or(each);
    return own(run.done());
  });
  const passed = plan.partial.map((place): Part => {
    const ref = entryPiece(directory, place);
    return own(passing(details.get(nameOf(ref)) ?? lost(ref), decision));
  });
  if (!plan.complement) return unite([...runs, ...passed]);
  const others = accumulateCids(piece(knownPiece(directory)));
  for (const run of runs) {
    others.andNot(run.set);
    free(run);
  }
  return unite([runs.length === 0 ? borrowed(others.done()) : own(others.done()), ...passed]);
}

/** The customers of a range whose own value passes. */
function passing({ cids, numbers }: EntryDetail, decision: ValueDecision): CidSet {
  const passed = new Uint32Array(cids.length);
  const holds = decision.points ? betweenPoints(decision, decision.points) : decision.holds;
  let size = 0;
  for (let at = 0; at < cids.length; at++)
    if (holds(numbers[at] ?? Number.NaN)) passed[size++] = cids[at] ?? 0;
  return cidSetOf(passed.subarray(0, size));
}

/** The same decision, asked once for all keys between two of its points. */
function betweenPoints(decision: ValueDecision, points: readonly number[]): (key: number) => boolean {
  const known = new Map<number, boolean>();
  return (key) => {
    let between = 0;
    for (const point of points) {
      if (key === point) return decision.holds(key);
      if (key > point) between += 1;
    }
    const before = known.get(between);
    if (before !== undefined) return before;
    const holds = decision.holds(key);
    known.set(between, holds);
    return holds;
  };
}

type Answer = (leaf: ConditionLeaf) => SignedSet;

interface Answers {
  readonly of: Answer;
  /** Gives back the sets that nothing keeps. */
  free(): void;
}

async function solveNode(node: Condition, view: SetView, answer: Answer, pace: Pace): Promise<SignedSet> {
  if ('all' in node) return allOf(await solveParts(node.all, view, answer, pace), pace);
  if ('any' in node) return anyOf(await solveParts(node.any, view, answer, pace), pace);
  if ('not' in node) {
    const inner = await solveNode(node.not, view, answer, pace);
    return { ...inner, negated: !inner.negated };
  }
  if ('audience' in node)
    return solveNode(
      view.catalog.audience(node.audience) ?? missing('audience', node.audience),
      view,
      answer,
      pace,
    );
  return answer(node);
}

async function solveParts(
  parts: readonly Condition[],
  view: SetView,
  answer: Answer,
  pace: Pace,
): Promise<SignedSet[]> {
  const solved: SignedSet[] = [];
  for (const part of parts) solved.push(await solveNode(part, view, answer, pace));
  return solved;
}

/* ── explaining ──────────────────────────────────────────────────────────────────────────────────────── */

/** What each node counts, of all customers; what it keeps, of those that reach it. */
async function countNodes(
  root: Condition,
  view: SetView,
  all: CidSet,
  answer: Answer,
  pace: Pace,
): Promise<NodeCount[]> {
  const nodes: NodeCount[] = [];
  const sets = new Map<Condition, CidSet>();
  const made: CidSet[] = [];
  const note = (set: CidSet): CidSet => {
    made.push(set);
    return set;
  };
  /** Every node's own set, of the leaves up. */
  const setOf = async (node: Condition): Promise<CidSet> => {
    const known = sets.get(node);
    if (known) return known;
    let signed: SignedSet;
    if ('all' in node || 'any' in node) {
      const parts: SignedSet[] = [];
      for (const part of 'all' in node ? node.all : node.any)
        parts.push({ ...borrowed(await setOf(part)), negated: false });
      signed = 'all' in node ? await allOf(parts, pace) : await anyOf(parts, pace);
    } else if ('not' in node) signed = { ...borrowed(await setOf(node.not)), negated: true };
    else signed = await solveNode(node, view, answer, pace);
    const set = note(signed.negated ? all.andNot(signed.set) : all.and(signed.set));
    free(signed);
    sets.set(node, set);
    await pace.rest();
    return set;
  };
  const visit = async (
    node: Condition,
    place: { pointer: string; parent: string | undefined; depth: number },
    input: CidSet,
    before: CidSet | undefined,
  ): Promise<void> => {
    const set = await setOf(node);
    const kept = input === all ? set.size : input.andSize(set);
    let added: number | undefined;
    if (before) {
      const through = before.size === 0 ? undefined : input.and(set);
      added = through ? through.andNotSize(before) : kept;
      if (through) freeCids(through);
    }
    nodes.push({ ...place, node, count: set.size, reached: input.size, kept, added });
    await pace.rest();
    const inner = (name: string) => ({
      pointer: `${place.pointer}/${name}`,
      parent: place.pointer,
      depth: place.depth + 1,
    });
    if ('all' in node) {
      let left = input;
      for (const [index, part] of node.all.entries()) {
        await visit(part, inner(`all/${index}`), left, undefined);
        if (index < node.all.length - 1) left = note(left.and(await setOf(part)));
      }
    } else if ('any' in node) {
      let earlier = emptyCidSet();
      for (const [index, part] of node.any.entries()) {
        await visit(part, inner(`any/${index}`), input, earlier);
        if (index < node.any.length - 1) earlier = note(earlier.or(await setOf(part)));
      }
    } else if ('not' in node) await visit(node.not, inner('not'), input, undefined);
  };
  try {
    await visit(root, { pointer: '', parent: undefined, depth: 0 }, all, undefined);
    return nodes;
  } finally {
    made.forEach(freeCids);
  }
}
