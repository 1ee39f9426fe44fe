import type { Condition, ConditionCatalog } from '@rapport/conditions';
import type { AuditRecord } from '@rapport/governance';
import { type Actor, type Clock, localized, seededRandom, systemActor } from '@rapport/kernel';
import type { CidSet, Jobs, Placement, Release, Releases, Warehouse } from '@rapport/stores';
import { cidSetOf } from '@rapport/stores';
import { type Static, Type } from 'typebox';
import { audiencesProblems } from './audiences.problems.ts';
import type { Audiences } from './audiences.ts';
import { bucketCondition, CODES, type CodedBucket, gather } from './coded-tag.ts';
import type { CodedTags } from './coded-tags.ts';
import { definingTags, type TagEdge } from './defining-tags.ts';
import { LookalikeRequest, type LookalikeResult } from './insight.contract.ts';
import type { Lists } from './lists.service.ts';
import {
  addPairScores,
  aucOfTag,
  drawEvenly,
  fitCodedLogistic,
  judgeLookalike,
  takeBest,
  tellingTags,
} from './lookalike.ts';

export interface LookalikeDeps {
  readonly audiences: Pick<
    Audiences,
    'find' | 'resolve' | 'snapshot' | 'faults' | 'requireGranted' | 'withheld'
  >;
  readonly releases: Pick<Releases, 'current' | 'newTableName'>;
  readonly warehouse: Warehouse;
  readonly jobs: Pick<Jobs, 'define' | 'enqueue' | 'list'>;
  readonly clock: Clock;
  readonly audit: { record(entry: AuditRecord): Promise<void> };
  readonly catalog: (release: Release) => Promise<ConditionCatalog>;
  readonly codes: CodedTags;
  readonly tagEdges: () => Promise<readonly TagEdge[]>;
  readonly lists: Lists;
  /** Keeps scores as a tag; the tags module does it for models and for look-alikes alike. */
  readonly publishScores?: (scores: {
    readonly tagId: string;
    readonly modelId: string;
    readonly title: string;
    readonly description: string;
    readonly placement: Placement & { readonly column: string };
    readonly note: string;
  }) => Promise<unknown>;
}

export interface Lookalikes {
  /** Starts the work; answers the job. @throws audiences.bad_seed, conditions.invalid */
  start(request: LookalikeRequest, actor: Actor): Promise<string>;
  /** Does it at once. */
  make(
    request: LookalikeRequest,
    actor: Actor,
    options?: { signal?: AbortSignal; report?: (share: number, message: string) => Promise<void> },
  ): Promise<LookalikeResult>;
}

const Payload = Type.Object({
  request: LookalikeRequest,
  actor: Type.Object({
    id: Type.String(),
    kind: Type.Enum(['user', 'api_key', 'system'] as const),
    displayName: Type.String(),
    permissions: Type.Array(Type.String()),
    orgScope: Type.Optional(Type.Array(Type.String())),
  }),
});
type Payload = Static<typeof Payload>;

const FEWEST_SEEDS = 100;
const MOST_SEEDS = 50_000;
const MOST_OTHERS = 100_000;
const HELD_OUT = 0.2;
const L2 = 5;
const TRAITS = 20;
/** Tags that a model learns from at most: beyond the ones that tell most, more teach it noise. */
const MOST_TAGS = 150;
/** A tag that alone ranks a seed above another customer this surely was how the seed was made, or follows from it. */
const GIVES_AWAY = 0.97;
/**
 * Traits by which people must not be treated differently unless somebody answers for it: sex, age, family, origin,
 * faith, health, disability. Matched against tag ids and English titles, word by word.
 */
const PROTECTED =
  /(^|[^a-z])(gender|sex|age|ages|birth|birthday|birthdate|birth_date|born|marital|married|pregnan\w*|children|ethnic\w*|race|nationality|native_place|religio\w*|faith|disab\w*|health|illness|union)([^a-z]|$)/i;

/** Whether a tag is of a kind that look-alikes leave out unless told otherwise. */
export const isProtected = (tagId: string, englishTitle: string): boolean =>
  PROTECTED.test(tagId.replaceAll('_', ' ')) || PROTECTED.test(englishTitle);

/** Look-alikes 相似人群: who is like a seed, by a model over coded tags, scored over everybody. */
export function createLookalikes(deps: LookalikeDeps): Lookalikes {
  const { audiences, releases, codes, lists, audit, warehouse } = deps;

  const seedOf = async (
    seed: LookalikeRequest['seed'],
    actor: Actor,
  ): Promise<{ cids: CidSet; condition: Condition | undefined }> => {
    const given = [seed.audience, seed.condition, seed.snapshot].filter((one) => one !== undefined).length;
    if (given !== 1)
      throw audiencesProblems.bad_seed({
        detail: 'Give exactly one of "audience", "condition" and "snapshot" as the seed.',
      });
    const scope = { orgScope: actor.orgScope };
    if (seed.snapshot !== undefined) {
      const frozen = await audiences.snapshot(seed.snapshot);
      const everybody = (await audiences.resolve({ always: true }, scope)).cids;
      return { cids: frozen.cids.and(everybody), condition: frozen.condition };
    }
    if (seed.condition) await audiences.requireGranted(seed.condition, actor);
    const condition =
      seed.audience !== undefined ? { audience: seed.audience } : (seed.condition ?? { always: true });
    return { cids: (await audiences.resolve(condition, scope)).cids, condition };
  };

  const make: Lookalikes['make'] = async (request, actor, options = {}) => {
    const started = performance.now();
    const { signal, report = async () => undefined } = options;
    const release = await releases.current();
    const catalog = await deps.catalog(release);
    const seed = await seedOf(request.seed, actor);
    const everybody = (
      await audiences.resolve(request.within ?? { always: true }, { orgScope: actor.orgScope })
    ).cids;
    const others = everybody.andNot(seed.cids);
    if (seed.cids.size < FEWEST_SEEDS || others.size < FEWEST_SEEDS) {
      throw audiencesProblems.bad_seed({
        detail: `The seed has ${seed.cids.size} customers and ${others.size} others could be like them; at least ${FEWEST_SEEDS} of each are needed to learn from.`,
      });
    }

    const random = seededRandom(request.randomSeed ?? 1);
    const seedDrawn = drawEvenly(seed.cids.toArray(), MOST_SEEDS, random);
    const otherCids = others.toArray();
    const otherDrawn = drawEvenly(otherCids, MOST_OTHERS, random);
    const drawn = new Uint32Array(seedDrawn.length + otherDrawn.length);
    drawn.set(seedDrawn);
    drawn.set(otherDrawn, seedDrawn.length);
    const order = Uint32Array.from(drawn.keys()).sort((a, b) => (drawn[a] ?? 0) - (drawn[b] ?? 0));
    const cids = order.map((at) => drawn[at] ?? 0);
    const labels = Uint8Array.from(order, (at) => (at < seedDrawn.length ? 1 : 0));
    const isHeld = Uint8Array.from(cids, () => (random.next() < HELD_OUT ? 1 : 0));

    /* which tags may count */
    const excluded: LookalikeResult['excluded'] = [];
    const defining = seed.condition
      ? await definingTags(seed.condition, audiences, await deps.tagEdges())
      : new Set<string>();
    const asked = new Set(request.excludeTags ?? []);
    const allowed = new Set(request.allowProtected ?? []);
    const withheld = await audiences.withheld(catalog.tagIds(), actor);
    const wanted = catalog.tagIds().filter((id) => {
      const entry = catalog.tag(id);
      const reason = asked.has(id)
        ? 'asked'
        : id === request.scoreTag || defining.has(id)
          ? 'defines_seed'
          : entry && isProtected(id, entry.title.en) && !allowed.has(id)
            ? 'protected'
            : withheld.has(id)
              ? 'not_granted'
              : entry?.type === 'list'
                ? 'not_coded'
                : undefined;
      if (reason) excluded.push({ tag: id, reason });
      return reason === undefined;
    });

    await report(0.02, 'reading tags');
    const columns: Uint8Array[] = [];
    const tags: { id: string; buckets: readonly CodedBucket[] }[] = [];
    let seen = 0;
    for await (const { bytes, tags: inPair } of codes.pairs(wanted, catalog, release, signal)) {
      signal?.throwIfAborted();
      for (const { tag, shift, buckets } of inPair) {
        const codesOf = gather({ bytes, shift }, cids);
        const reason = codesOf.every((code) => code === codesOf[0])
          ? 'same_for_all'
          : aucOfTag(codesOf, labels) > GIVES_AWAY
            ? 'gives_seed_away'
            : undefined;
        if (reason) excluded.push({ tag, reason });
        else {
          columns.push(codesOf);
          tags.push({ id: tag, buckets });
        }
      }
      seen += inPair.length;
      if (seen % 50 < 2) await report(0.02 + (0.28 * seen) / Math.max(1, wanted.length), 'reading tags');
    }
    /* learn and judge */
    const [train, held] = [rowsWhere(isHeld, 0), rowsWhere(isHeld, 1)];
    const part = (rows: Uint32Array): { columns: Uint8Array[]; labels: Uint8Array } => ({
      columns: columns.map((column) => Uint8Array.from(rows, (row) => column[row] ?? 0)),
      labels: Uint8Array.from(rows, (row) => labels[row] ?? 0),
    });
    // The customers kept aside have no say in which tags count either.
    const telling = new Set(tellingTags(part(train), MOST_TAGS));
    for (let at = columns.length - 1; at >= 0; at--) {
      if (telling.has(at)) continue;
      excluded.push({ tag: tags[at]?.id ?? '', reason: 'says_nothing' });
      columns.splice(at, 1);
      tags.splice(at, 1);
    }
    if (columns.length === 0)
      throw audiencesProblems.bad_seed({
        detail:
          'No tag is left to learn from: all are excluded, protected, give the seed away or do not tell it from others.',
      });
    const model = await fitCodedLogistic(part(train), {
      l2: L2,
      mostSteps: 60,
      signal,
      onStep: async (step) => report(0.3 + 0.35 * Math.min(1, step / 40), 'learning'),
    });
    const heldRows = part(held);
    const heldScores = Float64Array.from(heldRows.labels, (_, row) =>
      heldRows.columns.reduce(
        (sum, column, at) => sum + (model.weights[at * CODES + (column[row] ?? 0)] ?? 0),
        model.intercept,
      ),
    );
    // Each drawn customer stands for several: the lifts are those of the whole bank.
    const weight = others.size / otherDrawn.length / (seed.cids.size / seedDrawn.length);
    const quality = judgeLookalike(heldRows.labels, heldScores, weight);

    /* score everybody */
    await report(0.66, 'scoring');
    const last = everybody.toArray().at(-1) ?? 0;
    const scores = new Float32Array(last + 1).fill(model.intercept);
    const columnOf = new Map(tags.map(({ id }, at) => [id, at]));
    let scored = 0;
    for await (const pair of codes.pairs(
      tags.map(({ id }) => id),
      catalog,
      release,
      signal,
    )) {
      signal?.throwIfAborted();
      addPairScores(
        scores,
        pair,
        model,
        pair.tags.map(({ tag }) => columnOf.get(tag)),
      );
      scored += pair.tags.length;
      if (scored % 20 < 2) await report(0.66 + (0.24 * scored) / tags.length, 'scoring');
    }
    const salt = `lookalike:${request.randomSeed ?? 1}`;
    const taken =
      request.threshold === undefined
        ? takeBest(scores, otherCids, request.size ?? Math.min(otherCids.length, seed.cids.size), salt)
        : limited(
            otherCids.filter((cid) => (scores[cid] ?? 0) >= logit(request.threshold ?? 0.5)),
            scores,
            request.size,
            salt,
          );
    const least = taken.reduce((low, cid) => Math.min(low, scores[cid] ?? 0), Number.POSITIVE_INFINITY);

    const found: Omit<LookalikeResult, 'listId'> = {
      seedSize: seed.cids.size,
      candidates: others.size,
      size: taken.length,
      ...(request.scoreTag === undefined ? {} : { scoreTag: request.scoreTag }),
      threshold: taken.length > 0 ? sigmoid(least) : 1,
      auc: quality.auc,
      aucSe: quality.aucSe,
      heldOut: quality.rows,
      lifts: quality.lifts.map((lift) => ({ ...lift })),
      traits: traitsOf(tags, columns, model.weights, catalog),
      excluded,
      tookMs: Math.round(performance.now() - started),
      release: release.number,
    };
    await report(0.92, 'keeping the list');
    const list = await lists.keep(
      { name: request.name, kind: 'target', purpose: 'Look-alike of a seed audience', origin: 'lookalike' },
      cidSetOf(taken),
      actor,
      found,
    );
    if (request.scoreTag !== undefined && deps.publishScores)
      await keepScores(request.scoreTag, request.name, list.id, scores, everybody);
    await audit.record({
      actor,
      action: 'lookalike.made',
      subject: list.id,
      details: {
        seed: request.seed,
        size: taken.length,
        auc: quality.auc,
        protectedAllowed: [...allowed],
        excluded: excluded.length,
      },
    });
    return { ...found, listId: list.id, tookMs: Math.round(performance.now() - started) };
  };

  const keepScores = async (
    tagId: string,
    title: string,
    listId: string,
    scores: Float32Array,
    everybody: CidSet,
  ): Promise<void> => {
    const table = releases.newTableName('lookalike_score');
    await warehouse.createTable({
      name: table,
      columns: 'cid UInt32, score Nullable(Float64)',
      orderBy: 'cid',
      spread: 'cid',
    });
    await warehouse.insertStream(
      `INSERT INTO ${warehouse.identifier(table)} (cid, score) FORMAT RowBinary`,
      scoreRows(scores, everybody.toArray()),
      { maxSeconds: 3_600 },
    );
    await deps.publishScores?.({
      tagId,
      modelId: listId,
      title,
      description: 'How much like the seed of a look-alike a customer is, 0 to 1',
      placement: { table, column: 'score' },
      note: `look-alike ${title}`,
    });
  };

  deps.jobs.define('audiences.lookalike', Payload, async ({ payload, signal, report }) => {
    const actor = actorOf(payload);
    return make(payload.request, actor, {
      signal,
      report: async (share, message) => report({ share, message }),
    });
  });

  return {
    make,
    async start(request, actor) {
      if (request.within) {
        await audiences.requireGranted(request.within, actor);
        const faults = await audiences.faults(request.within);
        if (faults.length > 0)
          throw audiencesProblems.bad_seed({ detail: 'The condition "within" is not valid.', faults });
      }
      await seedOf(request.seed, actor);
      return deps.jobs.enqueue(
        'audiences.lookalike',
        {
          request,
          actor: {
            id: actor.id,
            kind: actor.kind,
            displayName: actor.displayName,
            permissions: [...actor.permissions],
            ...(actor.orgScope ? { orgScope: [...actor.orgScope] } : {}),
          },
        },
        { subject: actor.id, singleton: 'audiences.lookalike' },
      );
    },
  };
}

const actorOf = ({ actor }: Payload): Actor =>
  actor.kind === 'system'
    ? systemActor
    : {
        kind: actor.kind,
        id: actor.id,
        displayName: actor.displayName,
        permissions: new Set(actor.permissions),
        orgScope: actor.orgScope,
      };

const rowsWhere = (flags: Uint8Array, wanted: 0 | 1): Uint32Array =>
  Uint32Array.from(flags.keys()).filter((row) => flags[row] === wanted);
const sigmoid = (score: number): number => 1 / (1 + Math.exp(-score));
const logit = (share: number): number => Math.log(Math.max(1e-12, share) / Math.max(1e-12, 1 - share));

function limited(
  members: Uint32Array,
  scores: Float32Array,
  size: number | undefined,
  salt: string,
): Uint32Array {
  return size === undefined ? members : takeBest(scores, members, size, salt);
}

/** What moves the scores: tags by the spread of what they add, each with the value that adds most to a good share. */
function traitsOf(
  tags: readonly { readonly id: string; readonly buckets: readonly CodedBucket[] }[],
  columns: readonly Uint8Array[],
  weights: Float64Array,
  catalog: ConditionCatalog,
): LookalikeResult['traits'] {
  return tags
    .flatMap(({ id, buckets }, at) => {
      const counts = new Float64Array(CODES);
      for (const code of columns[at] ?? []) counts[code] = (counts[code] ?? 0) + 1;
      const rows = Math.max(1, columns[at]?.length ?? 0);
      const added = (code: number): number => weights[at * CODES + code] ?? 0;
      const mean = counts.reduce((sum, count, code) => sum + (count / rows) * added(code), 0);
      const spread = Math.sqrt(
        counts.reduce((sum, count, code) => sum + (count / rows) * (added(code) - mean) ** 2, 0),
      );
      const strength = (code: number): number =>
        Math.abs(added(code) - mean) * Math.sqrt((counts[code] ?? 0) / rows);
      const [best = 0] = Array.from({ length: CODES }, (_, code) => code).sort(
        (a, b) => strength(b) - strength(a),
      );
      const entry = catalog.tag(id);
      if (!entry) return [];
      const bucket = buckets.find((one) => one.code === best) ?? 'unknown';
      return [
        {
          tag: id,
          title: { ...entry.title, en: localized(entry.title, 'en') },
          weight: spread,
          condition: bucketCondition(id, entry, bucket),
          logOdds: added(best) - mean,
        },
      ];
    })
    .sort((a, b) => b.weight - a.weight)
    .slice(0, TRAITS);
}

const SCORES_A_CHUNK = 100_000;
const ROW_BYTES = 13;

/** RowBinary of `(cid UInt32, score Nullable(Float64))`. */
async function* scoreRows(scores: Float32Array, members: Uint32Array): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < members.length; from += SCORES_A_CHUNK) {
    const part = members.subarray(from, from + SCORES_A_CHUNK);
    const bytes = new Uint8Array(part.length * ROW_BYTES);
    const view = new DataView(bytes.buffer);
    part.forEach((cid, row) => {
      view.setUint32(row * ROW_BYTES, cid, true);
      view.setFloat64(row * ROW_BYTES + 5, sigmoid(scores[cid] ?? Number.NEGATIVE_INFINITY), true);
    });
    yield bytes;
  }
}
