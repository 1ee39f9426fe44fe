import {
  association,
  benjaminiHochberg,
  cohensH,
  holm,
  standardisedMeanDifference,
  twoByTwoPValue,
} from '@rapport/statistics';
import { CODES } from './coded-tag.ts';

/** Counts of one tag's codes: index = code, 0 = unknown; they add up to the sizes, unless they overlap. */
export interface TagCounts {
  readonly tag: string;
  /** Middles of the buckets by code where they are ranges of numbers; makes a mean difference possible. */
  readonly middles?: readonly (number | undefined)[];
  /** Whether the codes 1, 2, … stand in an order that means something. */
  readonly ordered: boolean;
  /** Whether a customer may have several codes, so that counts add up to more than the sizes. */
  readonly overlapping?: boolean;
  readonly audience: ArrayLike<number>;
  readonly base: ArrayLike<number>;
  /** Members of the base outside the audience: what the audience is tested against. */
  readonly rest: ArrayLike<number>;
}

export interface ProfileOptions {
  readonly audienceSize: number;
  readonly baseSize: number;
  readonly restSize: number;
  /** Buckets that hold less than this share of audience and base are shown but not tested. */
  readonly minSupport: number;
  /** |h| below which a difference is too small to tell anybody. */
  readonly minEffect: number;
  readonly correction: 'benjamini-hochberg' | 'holm';
  /** Corrected p-values above it are no findings. */
  readonly level: number;
}

export interface BucketProfile {
  readonly code: number;
  readonly audience: number;
  readonly base: number;
  readonly audienceShare: number;
  readonly baseShare: number;
  /** 100 × audience share / base share; undefined when nobody in the base is in the bucket. */
  readonly tgi: number | undefined;
  /** Cohen's h of audience against rest. */
  readonly effect: number;
  /** Undefined where the bucket is too small to be tested. */
  readonly pValue: number | undefined;
  readonly corrected: number | undefined;
  readonly isFinding: boolean;
  /** |effect| × √support: what ranks. */
  readonly score: number;
}

export interface TagProfile {
  readonly tag: string;
  readonly buckets: readonly BucketProfile[];
  /** 0 … 1, bias-corrected. */
  readonly cramersV: number;
  /** In standard deviations, of ordered tags. */
  readonly meanDifference: number | undefined;
  /** The best score of its findings; of a tag without one, 0. */
  readonly score: number;
}

/**
 * Compares how an audience and its base are spread over the buckets of many tags. Each bucket's test is audience against
 * the rest of the base (the two do not overlap, so the test is honest; against the whole base it would be too mild), the
 * p-values are corrected over all tested buckets of all tags, and what ranks is the size of the difference times how
 * many it concerns: at ten million customers everything is significant.
 */
export function profileOf(tags: readonly TagCounts[], options: ProfileOptions): TagProfile[] {
  const { audienceSize, baseSize, restSize } = options;
  const buckets = tags.map((tag) =>
    Array.from({ length: CODES }, (_, code) => {
      const audience = tag.audience[code] ?? 0;
      const base = tag.base[code] ?? 0;
      const rest = tag.rest[code] ?? 0;
      const audienceShare = share(audience, audienceSize);
      const baseShare = share(base, baseSize);
      const restShare = share(rest, restSize);
      const support = Math.max(audienceShare, baseShare);
      const isTested =
        restSize > 0 && audienceSize > 0 && support >= options.minSupport && audience + rest > 0;
      const effect = cohensH(audienceShare, restSize > 0 ? restShare : baseShare);
      return {
        code,
        audience,
        base,
        audienceShare,
        baseShare,
        tgi: baseShare > 0 ? (100 * audienceShare) / baseShare : undefined,
        effect,
        pValue: isTested
          ? twoByTwoPValue({ size: audienceSize, having: audience, otherSize: restSize, otherHaving: rest })
          : undefined,
        score: Math.abs(effect) * Math.sqrt(support),
      };
    }),
  );
  const tested = buckets.flat().flatMap(({ pValue }) => (pValue === undefined ? [] : [pValue]));
  const corrected = options.correction === 'holm' ? holm(tested) : benjaminiHochberg(tested);
  let next = 0;
  return tags.map((tag, index) => {
    const profiled = (buckets[index] ?? [])
      .map((bucket): BucketProfile => {
        const p = bucket.pValue === undefined ? undefined : corrected[next++];
        return {
          ...bucket,
          corrected: p,
          isFinding: p !== undefined && p <= options.level && Math.abs(bucket.effect) >= options.minEffect,
        };
      })
      .filter((bucket) => bucket.audience > 0 || bucket.base > 0);
    return {
      tag: tag.tag,
      buckets: profiled,
      cramersV: tag.overlapping
        ? Math.max(0, ...Array.from({ length: CODES }, (_, code) => ownAssociation(tag, code, options)))
        : association([...Array.from(tag.audience), ...Array.from(tag.rest)], CODES).cramersV,
      meanDifference: meanDifference(tag),
      score: Math.max(0, ...profiled.filter((bucket) => bucket.isFinding).map((bucket) => bucket.score)),
    };
  });
}

/** Of one code against all who do not have it. */
function ownAssociation(
  { audience, rest }: TagCounts,
  code: number,
  { audienceSize, restSize }: ProfileOptions,
): number {
  const [inside, outside] = [audience[code] ?? 0, rest[code] ?? 0];
  return association([inside, audienceSize - inside, outside, restSize - outside], 2).cramersV;
}

const share = (count: number, size: number): number => (size > 0 ? count / size : 0);

function meanDifference(tag: TagCounts): number | undefined {
  const { middles } = tag;
  if (!middles) return undefined;
  const moments = (counts: ArrayLike<number>): { size: number; mean: number; variance: number } => {
    let [size, sum] = [0, 0];
    for (let code = 1; code < CODES; code++) {
      const middle = middles[code];
      if (middle === undefined) continue;
      size += counts[code] ?? 0;
      sum += (counts[code] ?? 0) * middle;
    }
    const mean = size > 0 ? sum / size : 0;
    let squares = 0;
    for (let code = 1; code < CODES; code++)
      squares += (counts[code] ?? 0) * ((middles[code] ?? mean) - mean) ** 2;
    return { size, mean, variance: size > 1 ? squares / (size - 1) : 0 };
  };
  const [audience, rest] = [moments(tag.audience), moments(tag.rest)];
  return audience.size > 1 && rest.size > 1 ? standardisedMeanDifference(audience, rest) : undefined;
}

/** A finding: one bucket, or neighbouring buckets of an ordered tag that all differ the same way. */
export interface Finding {
  readonly tag: string;
  readonly codes: readonly number[];
  readonly audienceShare: number;
  readonly baseShare: number;
  readonly effect: number;
  readonly corrected: number;
  readonly score: number;
  /** Tags that say the same again about these customers. */
  readonly alike: readonly string[];
}

/**
 * The findings worth saying, best first: of each tag the strongest bucket (with its neighbours, where buckets have an
 * order), and of tags that hang together only the strongest.
 * @param alikeness  how strongly two tags hang together, 0 … 1
 * @param alikeFrom  from which strength on two tags say the same
 */
export function findingsOf(
  tags: readonly TagProfile[],
  ordered: ReadonlySet<string>,
  alikeness: (one: string, other: string) => number,
  limit: number,
  alikeFrom = 0.6,
): Finding[] {
  const candidates = tags
    .flatMap((tag) => {
      const found = strongest(tag, ordered.has(tag.tag));
      return found ? [found] : [];
    })
    .sort((a, b) => b.score - a.score || (a.tag < b.tag ? -1 : 1));
  const heads: (Finding & { alike: string[] })[] = [];
  for (const candidate of candidates) {
    const head = heads.find((one) => alikeness(one.tag, candidate.tag) >= alikeFrom);
    if (head) head.alike.push(candidate.tag);
    else if (heads.length < limit) heads.push({ ...candidate, alike: [] });
  }
  return heads;
}

/** A lack is told in place of an abundance only when it is this much stronger: people act on who is there. */
const LACK_OVER_ABUNDANCE = 1.25;

function strongest(tag: TagProfile, ordered: boolean): Omit<Finding, 'alike'> | undefined {
  const abundance = strongestOf(tag, ordered, 1);
  const lack = strongestOf(tag, ordered, -1);
  if (!abundance || !lack) return abundance ?? lack;
  return lack.score > abundance.score * LACK_OVER_ABUNDANCE ? lack : abundance;
}

function strongestOf(
  tag: TagProfile,
  ordered: boolean,
  direction: 1 | -1,
): Omit<Finding, 'alike'> | undefined {
  const alike = tag.buckets.filter((bucket) => bucket.isFinding && bucket.effect * direction > 0);
  const [first] = alike.toSorted((a, b) => b.score - a.score || a.code - b.code);
  if (!first) return undefined;
  const joined = [first];
  if (ordered && first.code > 0) {
    const at = (code: number): BucketProfile | undefined =>
      alike.find((bucket) => bucket.code === code && code > 0);
    for (let code = first.code - 1, bucket = at(code); bucket; bucket = at(--code)) joined.unshift(bucket);
    for (let code = first.code + 1, bucket = at(code); bucket; bucket = at(++code)) joined.push(bucket);
  }
  const audienceShare = joined.reduce((sum, bucket) => sum + bucket.audienceShare, 0);
  const baseShare = joined.reduce((sum, bucket) => sum + bucket.baseShare, 0);
  const effect = joined.length === 1 ? first.effect : cohensH(audienceShare, baseShare);
  return {
    tag: tag.tag,
    codes: joined.map((bucket) => bucket.code),
    audienceShare,
    baseShare,
    effect,
    corrected: Math.max(...joined.map((bucket) => bucket.corrected ?? 1)),
    score: Math.max(first.score, Math.abs(effect) * Math.sqrt(Math.max(audienceShare, baseShare))),
  };
}

/** Cramér's V of two tags over the same customers, from their codes. */
export function alikenessOf(one: Uint8Array, other: Uint8Array): number {
  const table = new Float64Array(CODES * CODES);
  for (let at = 0; at < one.length; at++) {
    const cell = (one[at] ?? 0) * CODES + (other[at] ?? 0);
    table[cell] = (table[cell] ?? 0) + 1;
  }
  return association(table, CODES).cramersV;
}
