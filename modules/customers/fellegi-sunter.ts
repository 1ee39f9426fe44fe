import { FIELD_LEVELS, MATCH_FIELDS, type MatchField, type Pattern } from './match-rules.ts';

/** Probabilities of the levels of a field, for pairs of one person (m) and of two (u). */
export interface FieldModel {
  readonly m: readonly number[];
  readonly u: readonly number[];
}

export interface MatchModel {
  readonly fields: Readonly<Record<MatchField, FieldModel>>;
  /** Share of all pairs of records that are one person. */
  readonly prior: number;
}

export interface PatternCount {
  readonly pattern: Pattern;
  readonly count: number;
}

/** Evidence of one field: log2(m/u), in bits. */
export type Weights = Readonly<Partial<Record<MatchField, number>>>;

/**
 * The evidence of a pair, field by field in bits, and the probability that it is one person.
 * @source Fellegi & Sunter 1969, “A Theory for Record Linkage”, JASA 64(328); log2 weights after Newcombe
 */
export function score(model: MatchModel, pattern: Pattern): { weights: Weights; probability: number } {
  const weights: Partial<Record<MatchField, number>> = {};
  let bits = Math.log2(model.prior / (1 - model.prior));
  for (const field of MATCH_FIELDS) {
    const level = pattern[field];
    if (level === undefined) continue;
    const { m, u } = model.fields[field];
    const weight = Math.log2((m[level] ?? 1e-9) / (u[level] ?? 1e-9));
    weights[field] = weight;
    bits += weight;
  }
  return { weights, probability: 1 / (1 + 2 ** -bits) };
}

/** Pseudo-counts that keep a level which was never seen from being impossible. */
const SMOOTHING = 0.5;
/** m before anything was seen: mostly equal. */
const EQUAL = 0.9;

/**
 * Estimates m and the prior by expectation–maximisation over counted patterns, u staying as given. Pairs that share
 * no blocking key are not counted one by one; they are taken to be of two people, which is why `totalPairs` is given.
 * @param counts      patterns of the compared pairs
 * @param u           by field, the share of random pairs at each level; its sum is 1
 * @param totalPairs  N(N−1)/2 over all records, ≥ Σ count
 * @param given       fields whose m and u are set by hand
 * @source Winkler 1988, “Using the EM Algorithm for Weight Computation in the Fellegi–Sunter Model of Record Linkage”
 */
export function estimate(
  counts: readonly PatternCount[],
  u: Readonly<Record<MatchField, readonly number[]>>,
  totalPairs: number,
  given: Partial<Readonly<Record<MatchField, FieldModel>>> = {},
): MatchModel {
  const start = (field: MatchField): FieldModel => {
    const fixed = given[field];
    if (fixed) return fixed;
    const { likeness } = FIELD_LEVELS[field];
    const equal = likeness.filter((each) => each === 'same' || each === 'common').length;
    const other = likeness.length - equal;
    // Equal values of a person are as rare or common as values are: a level holds what part of all records it has.
    const shares = likeness.map((each, level) =>
      each === 'same' || each === 'common' ? Math.sqrt(u[field][level] ?? 0) + 1e-3 : 0,
    );
    const total = shares.reduce((sum, share) => sum + share, 0);
    const m = likeness.map((each, level) =>
      each === 'same' || each === 'common'
        ? (EQUAL * (shares[level] ?? 0)) / total
        : (1 - EQUAL) / Math.max(1, other),
    );
    return { m, u: u[field] };
  };
  let model: MatchModel = {
    fields: fieldsBy(start),
    prior: Math.min(0.5, Math.max(1, counts.length) / Math.max(2, totalPairs)),
  };
  for (let round = 0; round < 60; round++) {
    const expected = fieldsBy((field) => FIELD_LEVELS[field].likeness.map(() => SMOOTHING));
    let matches = 0;
    for (const { pattern, count } of counts) {
      const weight = score(model, pattern).probability * count;
      if (weight === 0) continue;
      matches += weight;
      for (const field of MATCH_FIELDS) {
        const level = pattern[field];
        const levels = expected[field];
        if (level !== undefined && levels[level] !== undefined) levels[level] += weight;
      }
    }
    const before = model.prior;
    model = {
      fields: fieldsBy((field) => {
        const fixed = given[field];
        if (fixed) return fixed;
        const total = expected[field].reduce((sum, each) => sum + each, 0);
        return { m: expected[field].map((each) => each / total), u: u[field] };
      }),
      prior: Math.min(0.5, Math.max(matches, SMOOTHING) / Math.max(1, totalPairs)),
    };
    if (Math.abs(model.prior - before) <= before * 1e-6) break;
  }
  return model;
}

function fieldsBy<Value>(make: (field: MatchField) => Value): Record<MatchField, Value> {
  return {
    name: make('name'),
    birth_date: make('birth_date'),
    gender: make('gender'),
    id_document: make('id_document'),
    phone: make('phone'),
    email: make('email'),
    address: make('address'),
    device: make('device'),
  };
}
