import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { type Condition, type ConditionCatalog, describeCondition, type TagEntry } from '@rapport/conditions';
import { type Actor, type Language, localized, seededRandom } from '@rapport/kernel';
import type { CidSet, Releases } from '@rapport/stores';
import { audiencesProblems } from './audiences.problems.ts';
import type { Audiences } from './audiences.ts';
import { bucketLabel } from './bucket-label.ts';
import {
  bucketCondition,
  CODES,
  type CodedBucket,
  codeCounts,
  countBytes,
  gather,
  isOrdered,
} from './coded-tag.ts';
import type { CodedTags, ListMember } from './coded-tags.ts';
import { definingTags, type TagEdge } from './defining-tags.ts';
import { sayFinding } from './finding-words.ts';
import type {
  OverlapRequest,
  OverlapResult,
  ProfileAudienceRequest,
  ProfileRequest,
  ProfileResult,
} from './insight.contract.ts';
import { drawEvenly } from './lookalike.ts';
import { intersectionSize, jaccard, regionsOf } from './overlap.ts';
import {
  alikenessOf,
  type Finding,
  findingsOf,
  profileOf,
  type TagCounts,
  type TagProfile,
} from './profile.ts';

export interface InsightDeps {
  readonly audiences: Pick<Audiences, 'find' | 'resolve' | 'snapshot' | 'requireGranted' | 'withheld'>;
  readonly releases: Pick<Releases, 'current'>;
  readonly catalog: (release: Awaited<ReturnType<Releases['current']>>) => Promise<ConditionCatalog>;
  readonly codes: CodedTags;
  readonly tagEdges: () => Promise<readonly TagEdge[]>;
}

export interface ProfileService {
  /** How an audience differs from a base, over many tags. @throws conditions.invalid, audiences.not_found */
  profile(request: ProfileRequest, actor: Actor, signal?: AbortSignal): Promise<ProfileResult>;
  profileAudience(
    id: string,
    request: ProfileAudienceRequest,
    actor: Actor,
    signal?: AbortSignal,
  ): Promise<ProfileResult>;
  /** A profile as CSV, a line a value. */
  csv(result: ProfileResult): string;
  /** How up to eight sets overlap. */
  overlap(request: OverlapRequest, actor: Actor, signal?: AbortSignal): Promise<OverlapResult>;
}

const EVERYONE: Condition = { always: true };
/** Tags are compared with each other on so many customers: enough to see that two say the same. */
const ALIKE_SAMPLE = 30_000;
/** Only the strongest tags can become findings, and only those are compared with each other. */
const ALIKE_TAGS = 80;
const YIELD_MS = 12;

interface Counted extends TagCounts {
  readonly entry: TagEntry;
  readonly buckets: readonly CodedBucket[];
  /** The codes of some customers. */
  readonly gather: (cids: Uint32Array) => Uint8Array;
}

/** Profiles and overlaps of audiences. */
export function createProfiles(deps: InsightDeps): ProfileService {
  const { audiences, releases, codes } = deps;
  const conditionOf = async (
    of: { readonly audience?: string; readonly condition?: Condition },
    fallback: Condition,
  ): Promise<{ condition: Condition; name: string | undefined }> => {
    if (of.audience === undefined) return { condition: of.condition ?? fallback, name: undefined };
    const found = await audiences.find(of.audience);
    if (!found) throw audiencesProblems.not_found({ detail: `There is no audience ${of.audience}.` });
    return { condition: found.condition, name: found.name };
  };

  const profile: ProfileService['profile'] = async (request, actor, signal) => {
    const started = performance.now();
    const { language = 'en' } = request;
    const release = await releases.current();
    const catalog = await deps.catalog(release);
    const scope = { orgScope: actor.orgScope, ...(signal ? { signal } : {}) };
    await audiences.requireGranted(request.condition, actor);
    if (request.base?.condition && request.base.audience !== undefined)
      throw audiencesProblems.bad_set({
        detail: 'The base is either an "audience" or a "condition", not both.',
      });
    if (request.base?.condition) await audiences.requireGranted(request.base.condition, actor);
    const base = await conditionOf(request.base ?? {}, EVERYONE);
    const isWhole = 'always' in base.condition && actor.orgScope === undefined;
    const [{ cids: audience }, { cids: baseSet }] = await Promise.all([
      audiences.resolve(request.condition, scope),
      audiences.resolve(base.condition, scope),
    ]);
    const rest = baseSet.andNot(audience);
    const members = audience.toArray();
    // Of a base that is everybody the spread is known per tag; any other is looked up, together with what the two share.
    const restMembers = isWhole ? undefined : rest.toArray();
    const sharedMembers = isWhole ? undefined : baseSet.and(audience).toArray();

    const counted: Counted[] = [];
    const asked = request.tags ?? catalog.tagIds();
    const unknown = asked.find((id) => !catalog.tag(id));
    if (unknown !== undefined)
      throw audiencesProblems.unknown_tag({ detail: `There is no tag "${unknown}" with values.` });
    const withheld = await audiences.withheld(asked, actor);
    const allowed = asked.filter((id) => !withheld.has(id));
    let breath = performance.now();
    for await (const { bytes, totals, tags } of codes.pairs(allowed, catalog, release, signal)) {
      signal?.throwIfAborted();
      const audienceBytes = countBytes(bytes, members);
      const restBytes = restMembers && countBytes(bytes, restMembers);
      const sharedBytes = sharedMembers && countBytes(bytes, sharedMembers);
      for (const { tag, shift, buckets } of tags) {
        const entry = catalog.tag(tag);
        if (!entry) continue;
        const counts = codeCounts(audienceBytes, shift);
        const spread =
          restBytes && sharedBytes
            ? partCounts(codeCounts(sharedBytes, shift), codeCounts(restBytes, shift))
            : wholeCounts(codeCounts(totals, shift), counts, baseSet.size);
        const middles = middlesOf(buckets);
        counted.push({
          tag,
          ordered: isOrdered({ buckets }),
          ...(middles ? { middles } : {}),
          audience: counts,
          ...spread,
          entry,
          buckets,
          gather: (cids) => gather({ bytes, shift }, cids),
        });
      }
      if (performance.now() - breath > YIELD_MS) {
        await yieldToLoop();
        breath = performance.now();
      }
    }
    for (const tag of allowed) {
      const entry = catalog.tag(tag);
      const members = entry && (await codes.members(tag, catalog, release, signal));
      if (!members) continue;
      const without = (await audiences.resolve({ tag, op: 'unknown' }, scope)).cids;
      counted.push(
        countMembers(tag, entry, members, without, { audience, base: isWhole ? undefined : baseSet, rest }),
      );
    }
    const profiledTags = new Set(counted.map(({ tag }) => tag));
    const skipped = asked.filter((id) => !profiledTags.has(id));

    const profiled = profileOf(counted, {
      audienceSize: audience.size,
      baseSize: baseSet.size,
      restSize: rest.size,
      minSupport: request.minSupport ?? 0.005,
      minEffect: request.minEffect ?? 0.1,
      correction: request.correction ?? 'benjamini-hochberg',
      level: 0.05,
    });
    const defining = await definingTags(request.condition, audiences, await deps.tagEdges());
    const byTag = new Map(counted.map((one) => [one.tag, one]));
    const found = rankFindings(profiled, byTag, defining, baseSet, request.findings ?? 12);
    const ranked = profiled.toSorted(
      (a, b) => b.score - a.score || b.cramersV - a.cramersV || compare(a.tag, b.tag),
    );
    return {
      size: audience.size,
      baseSize: baseSet.size,
      tested: profiled.reduce(
        (sum, tag) => sum + tag.buckets.filter((bucket) => bucket.pValue !== undefined).length,
        0,
      ),
      findings: found.flatMap((finding) => {
        const tag = byTag.get(finding.tag);
        if (!tag) return [];
        const condition = findingCondition(finding, tag);
        return [
          {
            tag: finding.tag,
            sentence: sayFinding(
              {
                trait: describeCondition(condition, catalog, language),
                audienceShare: finding.audienceShare,
                baseShare: finding.baseShare,
                ...(base.name === undefined ? {} : { baseName: base.name }),
              },
              language,
            ),
            condition,
            audienceShare: unit(finding.audienceShare),
            baseShare: unit(finding.baseShare),
            effect: finding.effect,
            corrected: finding.corrected,
            score: finding.score,
            defining: defining.has(finding.tag),
            alike: finding.alike.map((id) => ({
              tag: id,
              title: titleOf(byTag.get(id)?.entry, id, language),
            })),
          },
        ];
      }),
      tags: ranked.flatMap((tag) => {
        const one = byTag.get(tag.tag);
        return one ? [presentTag(tag, one, defining.has(tag.tag), language)] : [];
      }),
      skipped,
      tookMs: Math.round((performance.now() - started) * 10) / 10,
      release: release.number,
    };
  };

  return {
    profile,
    async profileAudience(id, request, actor, signal) {
      return profile({ condition: { audience: id }, ...request }, actor, signal);
    },
    csv: profileCsv,
    async overlap(request, actor, signal) {
      const started = performance.now();
      request.sets.forEach((set, at) => {
        if ([set.audience, set.condition, set.snapshot].filter((one) => one !== undefined).length !== 1)
          throw audiencesProblems.bad_set({
            detail: `Give exactly one of "audience", "condition" and "snapshot" at /sets/${at}.`,
          });
      });
      const release = await releases.current();
      const scope = { orgScope: actor.orgScope, ...(signal ? { signal } : {}) };
      const everybody = (await audiences.resolve(EVERYONE, scope)).cids;
      const named = await Promise.all(
        request.sets.map(async (set, index) => {
          if (set.snapshot !== undefined) {
            const frozen = await audiences.snapshot(set.snapshot);
            return { name: set.name ?? frozen.createdAt.slice(0, 10), cids: frozen.cids.and(everybody) };
          }
          if (set.condition) await audiences.requireGranted(set.condition, actor);
          const { condition, name } = await conditionOf(set, EVERYONE);
          return {
            name: set.name ?? name ?? String(index + 1),
            cids: (await audiences.resolve(condition, scope)).cids,
          };
        }),
      );
      const regions = regionsOf(named.map((set) => set.cids));
      const positions = named.map((_, index) => index);
      return {
        sets: named.map(({ name, cids }, index) => ({
          name,
          size: cids.size,
          only: regions.find((region) => region.mask === 1 << index)?.size ?? 0,
        })),
        regions: regions.map((region) => ({
          members: positions.filter((index) => region.mask & (1 << index)),
          size: region.size,
        })),
        pairs: positions.flatMap((one) =>
          positions.slice(one + 1).map((other) => ({
            one,
            other,
            both: intersectionSize(regions, (1 << one) | (1 << other)),
            jaccard: jaccard(regions, one, other),
          })),
        ),
        union: regions.reduce((sum, region) => sum + region.size, 0),
        total: everybody.size,
        tookMs: Math.round((performance.now() - started) * 10) / 10,
        release: release.number,
      };
    },
  };
}

/** Everybody's counts of a tag, and those outside the audience. */
function wholeCounts(
  total: Float64Array,
  audience: Float64Array,
  size: number,
): { base: Float64Array; rest: Float64Array } {
  const base = Float64Array.from(total);
  const known = total.reduce((sum, count, code) => (code > 0 ? sum + count : sum), 0);
  base[0] = Math.max(audience[0] ?? 0, size - known);
  return { base, rest: base.map((count, code) => Math.max(0, count - (audience[code] ?? 0))) };
}
const partCounts = (
  shared: Float64Array,
  rest: Float64Array,
): { base: Float64Array; rest: Float64Array } => ({
  base: rest.map((count, code) => count + (shared[code] ?? 0)),
  rest,
});

/** A list tag: each member by its customers, who may have several. */
function countMembers(
  tag: string,
  entry: TagEntry,
  members: readonly ListMember[],
  without: CidSet,
  sets: { readonly audience: CidSet; readonly base: CidSet | undefined; readonly rest: CidSet },
): Counted {
  const [audience, base, rest] = [new Float64Array(CODES), new Float64Array(CODES), new Float64Array(CODES)];
  for (const { bucket, cids } of [{ bucket: { code: 0 }, cids: without }, ...members]) {
    audience[bucket.code] = sets.audience.andSize(cids);
    base[bucket.code] = sets.base ? sets.base.andSize(cids) : cids.size;
    rest[bucket.code] = sets.rest.andSize(cids);
  }
  return {
    tag,
    ordered: false,
    overlapping: true,
    audience,
    base,
    rest,
    entry,
    buckets: members.map(({ bucket }) => bucket),
    // To tell whether two tags say the same, the commonest member that a customer has is enough.
    gather: (cids) =>
      Uint8Array.from(cids, (cid) => members.find((one) => one.cids.has(cid))?.bucket.code ?? 0),
  };
}

/** Middles of ranges as numbers; of ranges open at an end, the end there is. */
function middlesOf(buckets: readonly CodedBucket[]): (number | undefined)[] | undefined {
  if (!isOrdered({ buckets })) return undefined;
  const middles: (number | undefined)[] = new Array<undefined>(CODES).fill(undefined);
  for (const { code, from, to } of buckets) {
    const [low, high] = [numberOf(from), numberOf(to)];
    middles[code] = low === undefined ? high : high === undefined ? low : (low + high) / 2;
  }
  return middles;
}
function numberOf(edge: number | string | undefined): number | undefined {
  if (typeof edge === 'number') return edge;
  const at = edge === undefined ? Number.NaN : Date.parse(edge);
  return Number.isNaN(at) ? undefined : at;
}

/**
 * News first: what the audience was defined by differs by definition, so those tags neither take the place of others
 * nor swallow what hangs together with them; they follow at the end.
 */
function rankFindings(
  profiled: readonly TagProfile[],
  byTag: ReadonlyMap<string, Counted>,
  defining: ReadonlySet<string>,
  base: CidSet,
  limit: number,
): Finding[] {
  const ordered = new Set([...byTag.values()].filter((tag) => tag.ordered).map((tag) => tag.tag));
  const strongest = profiled
    .filter((tag) => tag.score > 0)
    .toSorted((a, b) => b.score - a.score || compare(a.tag, b.tag))
    .slice(0, ALIKE_TAGS + defining.size);
  const sample =
    strongest.length > 1 ? drawEvenly(base.toArray(), ALIKE_SAMPLE, seededRandom(1)) : new Uint32Array();
  const known = new Map<string, number>();
  const drawn = new Map(
    strongest.flatMap(({ tag }) => {
      const one = byTag.get(tag);
      return one ? [[tag, one.gather(sample)] as const] : [];
    }),
  );
  const alikeness = (one: string, other: string): number => {
    const key = one < other ? `${one} ${other}` : `${other} ${one}`;
    const [a, b] = [drawn.get(one), drawn.get(other)];
    const found = known.get(key) ?? (a && b ? alikenessOf(a, b) : 0);
    known.set(key, found);
    return found;
  };
  const news = findingsOf(
    strongest.filter((tag) => !defining.has(tag.tag)),
    ordered,
    alikeness,
    limit,
  );
  const own = findingsOf(
    strongest.filter((tag) => defining.has(tag.tag)),
    ordered,
    () => 0,
    limit,
  );
  return [...news, ...own];
}

function findingCondition(finding: Finding, { tag, entry, buckets }: Counted): Condition {
  const [first, last] = [bucketOf(buckets, finding.codes[0]), bucketOf(buckets, finding.codes.at(-1))];
  if (first === 'unknown' || last === 'unknown' || first === last) return bucketCondition(tag, entry, first);
  return bucketCondition(tag, entry, {
    code: first.code,
    ...(first.from === undefined ? {} : { from: first.from }),
    ...(last.to === undefined ? {} : { to: last.to }),
  });
}
const bucketOf = (buckets: readonly CodedBucket[], code: number | undefined): CodedBucket | 'unknown' =>
  buckets.find((bucket) => bucket.code === code) ?? 'unknown';

const titleOf = (entry: TagEntry | undefined, id: string, language: Language): string =>
  entry ? localized(entry.title, language) : id;
const unit = (share: number): number => Math.min(1, Math.max(0, share));
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function presentTag(
  tag: TagProfile,
  { entry, buckets, ordered }: Counted,
  defining: boolean,
  language: Language,
): ProfileResult['tags'][number] {
  return {
    tag: tag.tag,
    title: titleOf(entry, tag.tag, language),
    defining,
    ordered,
    cramersV: tag.cramersV,
    ...(tag.meanDifference === undefined ? {} : { meanDifference: tag.meanDifference }),
    score: tag.score,
    buckets: [
      ...tag.buckets.filter((one) => one.code > 0),
      ...tag.buckets.filter((one) => one.code === 0),
    ].map(({ code, audience, base, audienceShare, baseShare, tgi, effect, pValue, corrected, isFinding }) => {
      const bucket = bucketOf(buckets, code);
      return {
        label: bucketLabel(entry, bucket, language),
        condition: bucketCondition(tag.tag, entry, bucket),
        ...(bucket === 'unknown' ? { unknown: true } : {}),
        audience,
        base,
        audienceShare: unit(audienceShare),
        baseShare: unit(baseShare),
        ...(tgi === undefined ? {} : { tgi }),
        effect,
        ...(pValue === undefined ? {} : { pValue }),
        ...(corrected === undefined ? {} : { corrected }),
        isFinding,
      };
    }),
  };
}

/** @source RFC 4180; cells that a spreadsheet would run as a formula are kept as text */
function profileCsv(result: ProfileResult): string {
  const cell = (value: string | number | boolean | undefined): string => {
    const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? '');
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const head =
    'tag,title,value,audience,base,audience_share,base_share,tgi,cohens_h,p_value,corrected_p_value,finding,cramers_v';
  const lines = result.tags.flatMap((tag) =>
    tag.buckets.map((bucket) =>
      [
        tag.tag,
        tag.title,
        bucket.label,
        bucket.audience,
        bucket.base,
        bucket.audienceShare,
        bucket.baseShare,
        bucket.tgi,
        bucket.effect,
        bucket.pValue,
        bucket.corrected,
        bucket.isFinding,
        tag.cramersV,
      ]
        .map(cell)
        .join(','),
    ),
  );
  return `${[head, ...lines].join('\r\n')}\r\n`;
}
