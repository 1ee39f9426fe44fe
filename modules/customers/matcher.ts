import type { Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { Link } from './clusters.ts';
import { estimate, type FieldModel, type MatchModel, score, type Weights } from './fellegi-sunter.ts';
import {
  ADDRESS_COUNTS,
  type BlockPart,
  FIELD_LEVELS,
  judge,
  MATCH_FIELDS,
  type MatchField,
  type MatchRules,
  NAME_COUNTS,
  openPattern,
  PATTERN_BASE,
  type Pattern,
  PHONE_COUNTS,
} from './match-rules.ts';
import { createNormaliser, type Normaliser } from './normalise.ts';

/** What a match reads; SQL made by us. */
export interface MatchInput {
  /** `record UInt32, kind, name, birth_date Nullable(Date32), gender, address, city`, one row or more a record. */
  readonly records: string;
  /** `record UInt32, kind, value` in clear: `phone`, `email`, `id_document`; every other kind counts as a device. */
  readonly identities: string;
  readonly rules: MatchRules;
  /** Records that are new or changed, as a query of one column: only pairs with one of them are compared. */
  readonly fresh?: string;
  /** A model made before; without it one is estimated from the pairs compared. */
  readonly model?: MatchModel;
  readonly signal?: AbortSignal;
}

export interface ScoredPair extends Link {
  readonly pattern: Pattern;
  readonly probability: number;
  readonly weights: Weights;
  readonly rule: string;
}

export interface MatchResult {
  readonly records: number;
  /** Pairs that shared a blocking key. */
  readonly compared: number;
  /** Values of blocking keys that too many records share, by key. */
  readonly crowded: readonly { readonly block: string; readonly values: number; readonly greatest: number }[];
  readonly model: MatchModel;
  /** Best first. */
  readonly merge: readonly ScoredPair[];
  readonly review: readonly ScoredPair[];
  /** Normalised documents of the records that stand in `merge`, hashed. */
  readonly documents: ReadonlyMap<number, readonly string[]>;
}

export interface Matcher {
  match(input: MatchInput): Promise<MatchResult>;
}

const Counted = Type.Object({ n: Type.Integer() });
const PatternRow = Type.Object({ pattern: Type.Integer(), n: Type.Integer() });
const PairRow = Type.Object({ a: Type.Integer(), b: Type.Integer(), pattern: Type.Integer() });
const CrowdedRow = Type.Object({ block: Type.Integer(), n: Type.Integer(), greatest: Type.Integer() });
const DocumentRow = Type.Object({ record: Type.Integer(), documents: Type.Array(Type.String()) });
const Shares = Type.Object({ level: Type.Integer(), share: Type.Number() });

const MAX_SECONDS = 6 * 3_600;
/** Records drawn to see how alike two people are by chance: about a million pairs. */
const SAMPLE = 1_400;
/** Pairs named in one statement. */
const CHUNK = 50_000;

/**
 * Finds records that may be one person, in the warehouse: normalises, puts records that share a key into blocks,
 * compares within them, counts the patterns of likeness, estimates what each says, and judges by the rules. The
 * working tables hold what the sources' tables hold and are dropped at the end, whatever happens.
 * @source Fellegi & Sunter 1969; blocking by the union of several keys after Hernández & Stolfo 1995
 */
export function createMatcher(deps: {
  readonly warehouse: Warehouse;
  readonly newTableName: (logical: string) => string;
}): Matcher {
  const { warehouse } = deps;

  return {
    async match({ records, identities, rules, fresh, model: given, signal }) {
      const normaliser = createNormaliser({ country: rules.country });
      const options = {
        maxSeconds: MAX_SECONDS,
        settings: { join_algorithm: 'grace_hash,hash', max_bytes_before_external_group_by: 2_000_000_000 },
        ...(signal ? { signal } : {}),
      };
      const [features, keys, pairs] = ['matchfeature', 'matchkey', 'matchpair'].map((name) =>
        deps.newTableName(name),
      ) as [string, string, string];
      const name = (table: string): string => warehouse.identifier(table);
      try {
        await warehouse.createTable({
          name: features,
          columns:
            'record UInt32, kind LowCardinality(String), name String, sound String, name_count UInt32, birth UInt32, gender LowCardinality(String), address String, address_count UInt32, city LowCardinality(String), documents Array(String), phones Array(String), phone_counts Array(UInt32), emails Array(String), devices Array(UInt64)',
          orderBy: 'record',
          spread: 'copy',
        });
        await warehouse.command(
          `INSERT INTO ${name(features)} ${featuresSql(normaliser, records, identities)}`,
          {},
          options,
        );
        const total = await count(`SELECT count() AS n FROM ${name(features)}`);

        await warehouse.createTable({
          name: keys,
          columns: 'block UInt8, key UInt64, record UInt32, fresh Bool',
          orderBy: 'key',
          spread: 'copy',
        });
        await warehouse.command(
          `INSERT INTO ${name(keys)} (block, key, record, fresh) ${rules.blocks
            .map((parts, block) => blockSql(name(features), parts, block, fresh))
            .join(' UNION ALL ')}`,
          {},
          options,
        );
        const crowded = await warehouse.query(
          CrowdedRow,
          `SELECT block, count() AS n, max(size) AS greatest FROM (SELECT any(block) AS block, uniqExact(record) AS size FROM ${name(keys)} GROUP BY key HAVING size > ${rules.maxBlock}) GROUP BY block ORDER BY block`,
          {},
          options,
        );

        await warehouse.createTable({
          name: pairs,
          columns: 'a UInt32, b UInt32, pattern UInt64',
          orderBy: 'pattern',
          spread: 'copy',
        });
        const mates = `SELECT arraySort(groupUniqArray((record, fresh))) AS mates FROM ${name(keys)} GROUP BY key HAVING length(mates) BETWEEN 2 AND ${rules.maxBlock} AND arrayExists(mate -> mate.2, mates)`;
        const candidates = `SELECT pair.1 AS a, pair.2 AS b FROM (SELECT arrayJoin(arrayFlatten(arrayMap((one, at) -> arrayMap(other -> (one.1, other.1), arrayFilter(other -> one.2 OR other.2, arraySlice(mates, at + 1))), mates, arrayEnumerate(mates)))) AS pair FROM (${mates})) GROUP BY a, b`;
        const left = `SELECT f.* FROM ${name(features)} AS f`;
        await warehouse.command(
          `INSERT INTO ${name(pairs)} (a, b, pattern) SELECT p.a, p.b, ${patternSql('x', 'y')} FROM (${candidates}) AS p INNER JOIN (${left}) AS x ON p.a = x.record INNER JOIN (${left}) AS y ON p.b = y.record WHERE x.kind = y.kind`,
          {},
          options,
        );
        const counted = await warehouse.query(
          PatternRow,
          `SELECT pattern, count() AS n FROM ${name(pairs)} GROUP BY pattern ORDER BY pattern`,
          {},
          options,
        );
        const patterns = counted.map((row) => ({
          code: row.pattern,
          pattern: openPattern(row.pattern),
          count: row.n,
        }));
        const model =
          given ??
          estimate(
            patterns,
            await chance(name(features), total),
            (total * (total - 1)) / 2,
            rules.model ?? {},
          );

        const judged = new Map(
          patterns.map(({ code, pattern }) => {
            const { probability, weights } = score(model, pattern);
            return [code, { pattern, probability, weights, ...judge(rules, pattern, probability) }];
          }),
        );
        const pairsOf = async (outcome: 'merge' | 'review'): Promise<ScoredPair[]> => {
          const wanted = [...judged].flatMap(([code, verdict]) =>
            verdict.outcome === outcome ? [code] : [],
          );
          const found: ScoredPair[] = [];
          if (wanted.length === 0) return found;
          for await (const batch of warehouse.stream(
            PairRow,
            `SELECT a, b, pattern FROM ${name(pairs)} WHERE pattern IN (${wanted.join(',')})`,
            {},
            options,
          )) {
            for (const { a, b, pattern } of batch) {
              const verdict = judged.get(pattern);
              if (verdict) found.push({ a, b, ...verdict });
            }
          }
          // Best first; of equal ones the lesser numbers, so that every run gives the same customers.
          return found.sort((x, y) => y.probability - x.probability || x.a - y.a || x.b - y.b);
        };
        const merge = await pairsOf('merge');
        const review = await pairsOf('review');
        return {
          records: total,
          compared: patterns.reduce((sum, each) => sum + each.count, 0),
          crowded: crowded.map((row) => ({
            block: (rules.blocks[row.block] ?? []).join(' + '),
            values: row.n,
            greatest: row.greatest,
          })),
          model,
          merge,
          review,
          documents: await documentsOf(
            name(features),
            [...merge, ...review].flatMap(({ a, b }) => [a, b]),
          ),
        };
      } finally {
        await warehouse.drop(features, keys, pairs);
      }
    },
  };

  async function count(sql: string): Promise<number> {
    const [row] = await warehouse.query(Counted, sql, {}, { maxSeconds: MAX_SECONDS });
    return row?.n ?? 0;
  }

  async function documentsOf(features: string, records: readonly number[]): Promise<Map<number, string[]>> {
    const unique = [...new Set(records)];
    const found = new Map<number, string[]>();
    for (let at = 0; at < unique.length; at += CHUNK) {
      const rows = await warehouse.query(
        DocumentRow,
        `SELECT record, arrayMap(d -> hex(sipHash128(d)), documents) AS documents FROM ${features} WHERE record IN (${unique.slice(at, at + CHUNK).join(',')}) AND notEmpty(documents)`,
        {},
        { maxSeconds: MAX_SECONDS },
      );
      for (const row of rows) found.set(row.record, row.documents);
    }
    return found;
  }

  /**
   * How often two people are alike by chance (u): partial likeness from the pairs of a sample, equality from how
   * often each value occurs, because a sample of a million pairs would never see a shared phone number.
   */
  async function chance(features: string, total: number): Promise<Record<MatchField, readonly number[]>> {
    const sample = `SELECT * FROM ${features} ORDER BY sipHash64(record, 'chance') LIMIT ${SAMPLE}`;
    const sampled = await warehouse.query(
      PatternRow,
      `SELECT ${patternSql('x', 'y')} AS pattern, count() AS n FROM (${sample}) AS x CROSS JOIN (${sample}) AS y WHERE x.record < y.record AND x.kind = y.kind GROUP BY pattern`,
      {},
      { maxSeconds: MAX_SECONDS },
    );
    const drawn = sampled.map((row) => ({ pattern: openPattern(row.pattern), count: row.n }));
    const perPair = Math.max(1, total) * Math.max(1, total - 1);
    /** Share of pairs that have a value in common, by how many records have it. */
    const shared = async (values: string, counts: readonly number[]): Promise<number[]> => {
      const level = `multiIf(${[...counts]
        .map((most, at) => ({ most, at }))
        .reverse()
        .filter(({ most }) => Number.isFinite(most))
        .map(({ most, at }) => `c <= ${most}, ${at}`)
        .join(', ')}${counts.length > 1 ? ', ' : ''}0)`;
      const rows = await warehouse.query(
        Shares,
        `SELECT toUInt32(${counts.length > 1 ? level : '0'}) AS level, sum(toFloat64(c) * (c - 1)) / ${perPair} AS share FROM (SELECT count() AS c FROM (${values}) GROUP BY v HAVING c > 1) GROUP BY level`,
        {},
        { maxSeconds: MAX_SECONDS },
      );
      return counts.map((_, at) => rows.find((row) => row.level === at)?.share ?? 0);
    };
    const exact: Partial<Record<MatchField, number[]>> = {
      name: await shared(`SELECT (kind, name) AS v FROM ${features} WHERE name != ''`, NAME_COUNTS),
      id_document: await shared(`SELECT arrayJoin(documents) AS v FROM ${features}`, [1]),
      phone: await shared(`SELECT arrayJoin(phones) AS v FROM ${features}`, PHONE_COUNTS),
      email: await shared(`SELECT arrayJoin(emails) AS v FROM ${features}`, [1]),
      address: await shared(`SELECT address AS v FROM ${features} WHERE address != ''`, ADDRESS_COUNTS),
      device: await shared(`SELECT arrayJoin(devices) AS v FROM ${features}`, [1]),
      birth_date: await shared(`SELECT birth AS v FROM ${features} WHERE birth != 0`, [1]),
    };
    const u = (field: MatchField): number[] => {
      const { likeness } = FIELD_LEVELS[field];
      const levels = likeness.map(() => 0.5);
      let seen = 0.5 * levels.length;
      for (const { pattern, count: times } of drawn) {
        const level = pattern[field];
        if (level === undefined) continue;
        levels[level] = (levels[level] ?? 0) + times;
        seen += times;
      }
      const shares = levels.map((times) => times / seen);
      const equal = exact[field];
      if (equal) {
        const first = likeness.length - equal.length;
        // Half a pair over all of them stands for a level that no two people happened to reach.
        equal.forEach((share, at) => {
          shares[first + at] = Math.max(share, 0.5 / perPair);
        });
        const rest = shares.slice(1).reduce((sum, share) => sum + share, 0);
        shares[0] = Math.max(1e-6, 1 - rest);
      }
      return shares;
    };
    return {
      name: u('name'),
      birth_date: u('birth_date'),
      gender: u('gender'),
      id_document: u('id_document'),
      phone: u('phone'),
      email: u('email'),
      address: u('address'),
      device: u('device'),
    };
  }
}

export type { FieldModel };

/** One row a record, everything in the spelling it is compared by. */
function featuresSql({ sql }: Normaliser, records: string, identities: string): string {
  const base = `SELECT record, any(kind) AS kind, anyIf(name, name != '') AS raw_name, anyIf(birth_date, birth_date IS NOT NULL) AS born, anyIf(gender, gender != '') AS gender, anyIf(address, address != '') AS raw_address, anyIf(city, city != '') AS city FROM (${records}) GROUP BY record`;
  const named = `SELECT record, kind, ${sql.name('raw_name')} AS name, if(born IS NULL, 0, toYYYYMMDD(assumeNotNull(born))) AS birth, gender, ${sql.address('raw_address')} AS address, city FROM (${base})`;
  const ids = `SELECT record, groupUniqArrayIf(v, k = 'id_document') AS documents, groupUniqArrayIf(v, k = 'phone') AS phones, groupUniqArrayIf(v, k = 'email') AS emails, groupUniqArrayIf(sipHash64(k, v), k NOT IN ('id_document', 'phone', 'email')) AS devices FROM (SELECT record, kind AS k, multiIf(k = 'phone', ${sql.phone('value')}, k = 'email', ${sql.email('value')}, k = 'id_document', ${sql.document('value')}, trimBoth(value)) AS v FROM (${identities})) WHERE v != '' GROUP BY record`;
  const joined = `SELECT n.record AS record, n.kind AS kind, n.name AS name, ${sql.sound('n.name')} AS sound, count() OVER (PARTITION BY n.kind, n.name) AS name_count, n.birth AS birth, n.gender AS gender, n.address AS address, count() OVER (PARTITION BY n.address) AS address_count, n.city AS city, i.documents AS documents, arraySort(i.phones) AS phones, i.emails AS emails, i.devices AS devices FROM (${named}) AS n LEFT JOIN (${ids}) AS i ON n.record = i.record`;
  const counts = `SELECT record, groupArray((phone, c)) AS counted FROM (SELECT record, phone, count() OVER (PARTITION BY phone) AS c FROM (SELECT record, arrayJoin(phones) AS phone FROM (${ids}))) GROUP BY record`;
  return `SELECT j.record, j.kind, j.name, j.sound, toUInt32(j.name_count), toUInt32(j.birth), j.gender, j.address, toUInt32(j.address_count), j.city, j.documents, arrayMap(pc -> pc.1, c.counted), arrayMap(pc -> toUInt32(pc.2), c.counted), j.emails, j.devices FROM (${joined}) AS j LEFT JOIN (${counts}) AS c ON j.record = c.record`;
}

/** Rows of one blocking key: only records that have every part. */
function blockSql(
  features: string,
  parts: readonly BlockPart[],
  block: number,
  fresh: string | undefined,
): string {
  const part: Readonly<Record<BlockPart, { value: string; known: string }>> = {
    name: { value: 'name', known: "name != ''" },
    sound: { value: 'sound', known: "sound != ''" },
    birth_date: { value: 'birth', known: 'birth != 0' },
    birth_year: { value: 'intDiv(birth, 10000)', known: 'birth != 0' },
    gender: { value: 'gender', known: 'true' },
    id_document: { value: 'arrayJoin(documents)', known: 'notEmpty(documents)' },
    phone: { value: 'arrayJoin(phones)', known: 'notEmpty(phones)' },
    phone_tail: { value: 'substring(arrayJoin(phones), -4)', known: 'notEmpty(phones)' },
    email: { value: 'arrayJoin(emails)', known: 'notEmpty(emails)' },
    address: { value: 'address', known: "address != ''" },
    device: { value: 'arrayJoin(devices)', known: 'notEmpty(devices)' },
    city: { value: 'city', known: "city != ''" },
  };
  const values = parts.map((each) => part[each].value).join(', ');
  const known = parts.map((each) => part[each].known).join(' AND ');
  const isFresh = fresh === undefined ? 'true' : `record IN (${fresh})`;
  return `SELECT toUInt8(${block}) AS block, sipHash64(${block}, kind, ${values}) AS key, record, ${isFresh} AS fresh FROM ${features} WHERE ${known}`;
}

/** Number of the pattern of two feature rows, see `openPattern`. */
function patternSql(x: string, y: string): string {
  const unknown = (condition: string, otherwise: string): string => `if(${condition}, 0, 1 + (${otherwise}))`;
  /** One character wrong, missing, more, or two neighbours swapped. */
  const typo = (one: string, other: string): string =>
    `abs(toInt32(length(${one})) - toInt32(length(${other}))) <= 1 AND damerauLevenshteinDistance(${one}, ${other}) <= 1`;
  const rarity = (counted: string, counts: readonly number[], first: number): string =>
    `multiIf(${[...counts]
      .map((most, at) => ({ most, at }))
      .reverse()
      .filter(({ most }) => Number.isFinite(most))
      .map(({ most, at }) => `${counted} <= ${most}, ${first + at}`)
      .join(', ')}, ${first})`;
  const level: Readonly<Record<MatchField, string>> = {
    name: unknown(
      `${x}.name = '' OR ${y}.name = ''`,
      `multiIf(${x}.name = ${y}.name, ${rarity(`${x}.name_count`, NAME_COUNTS, 3)}, ${x}.sound = ${y}.sound, 2, ${closeName(x, y)}, 1, 0)`,
    ),
    birth_date: unknown(
      `${x}.birth = 0 OR ${y}.birth = 0`,
      `multiIf(${x}.birth = ${y}.birth, 2, ${closeDay(`${x}.birth`, `${y}.birth`)}, 1, 0)`,
    ),
    gender: unknown(`${x}.gender = '' OR ${y}.gender = ''`, `if(${x}.gender = ${y}.gender, 1, 0)`),
    id_document: unknown(
      `empty(${x}.documents) OR empty(${y}.documents)`,
      `multiIf(hasAny(${x}.documents, ${y}.documents), 2, arrayExists(one -> arrayExists(other -> ${typo('one', 'other')}, ${y}.documents), ${x}.documents), 1, 0)`,
    ),
    phone: unknown(
      `empty(${x}.phones) OR empty(${y}.phones)`,
      `multiIf(hasAny(${x}.phones, ${y}.phones), ${rarity(`arrayMin(arrayFilter((c, p) -> has(${y}.phones, p), ${x}.phone_counts, ${x}.phones))`, PHONE_COUNTS, 2)}, arrayExists(one -> arrayExists(other -> ${typo('one', 'other')}, ${y}.phones), ${x}.phones), 1, 0)`,
    ),
    email: unknown(
      `empty(${x}.emails) OR empty(${y}.emails)`,
      `multiIf(hasAny(${x}.emails, ${y}.emails), 2, arrayExists(one -> arrayExists(other -> splitByChar('@', one)[1] = splitByChar('@', other)[1] AND length(splitByChar('@', one)[1]) >= 6 OR ${typo('one', 'other')}, ${y}.emails), ${x}.emails), 1, 0)`,
    ),
    address: unknown(
      `${x}.address = '' OR ${y}.address = ''`,
      `multiIf(${x}.address = ${y}.address, ${rarity(`${x}.address_count`, ADDRESS_COUNTS, 2)}, ngramDistanceUTF8(${x}.address, ${y}.address) < 0.35 AND extractAll(${x}.address, '[0-9]+') = extractAll(${y}.address, '[0-9]+'), 1, 0)`,
    ),
    // Two devices that differ say nothing against one person.
    device: `if(hasAny(${x}.devices, ${y}.devices), 2, 0)`,
  };
  return MATCH_FIELDS.map((field, at) => `toUInt64(${level[field]}) * ${PATTERN_BASE ** at}`).join(' + ');
}

/** Latin names: one or two letters off. Han names: one character off of at least two, and the same surname. */
function closeName(x: string, y: string): string {
  const han = `lengthUTF8(${x}.sound) >= 2 AND lengthUTF8(${y}.sound) >= 2 AND substringUTF8(${x}.sound, 1, 1) = substringUTF8(${y}.sound, 1, 1) AND editDistanceUTF8(${x}.sound, ${y}.sound) <= 1 AND greatest(lengthUTF8(${x}.sound), lengthUTF8(${y}.sound)) >= 3`;
  const latin = `least(length(${x}.name), length(${y}.name)) >= 5 AND (damerauLevenshteinDistance(${x}.name, ${y}.name) <= 2 OR jaroWinklerSimilarity(${x}.name, ${y}.name) >= 0.94)`;
  return `if(match(${x}.name, '[a-z]'), ${latin}, ${han})`;
}

/** One digit off, or day and month in the other order; of days as numbers YYYYMMDD. */
function closeDay(x: string, y: string): string {
  const text = (day: string): string => `toString(${day})`;
  const swapped = `intDiv(${x}, 10000) = intDiv(${y}, 10000) AND intDiv(${x} % 10000, 100) = ${y} % 100 AND ${x} % 100 = intDiv(${y} % 10000, 100)`;
  return `damerauLevenshteinDistance(${text(x)}, ${text(y)}) <= 1 OR ${swapped}`;
}
