import type { EpochMs, LocalizedText } from '@rapport/kernel';
import type { LosingOffer, RankedOffer } from './contract.ts';

/** Grows whenever the same inputs may give another result; a replay by another engine says so. */
export const DECISION_ENGINE = '1';

/** Everything a decision looks at; stored with it, so that it can be replayed. */
export interface DecisionInputs {
  readonly at: EpochMs;
  readonly limit: number;
  /** C1–C5 as 1–5; absent when the customer was never rated. */
  readonly customerRisk?: number;
  readonly candidates: readonly Candidate[];
}

export interface Candidate {
  readonly offerId: string;
  readonly version: number;
  readonly name: LocalizedText;
  readonly landingUrl?: string;
  readonly valueMinor: number;
  /** R1–R5 as 1–5: the higher of the offer's and its product's; absent when neither is an investment. */
  readonly risk?: number;
  readonly validFrom?: EpochMs;
  readonly validUntil?: EpochMs;
  readonly eligibility: { readonly matches: boolean; readonly because: string };
  readonly propensity: {
    readonly value: number;
    readonly source: 'model' | 'prior';
    readonly detail: string;
  };
}

export interface DecisionResult {
  readonly offers: readonly RankedOffer[];
  readonly lost: readonly LosingOffer[];
}

/**
 * Ranks offers for one customer: validity, eligibility and suitability are gates in this order; what passes is
 * ranked by chance × value, ties by offer id. Pure: the same inputs give the same result for ever.
 */
export function decide(inputs: DecisionInputs): DecisionResult {
  const lost: LosingOffer[] = [];
  const passed: { candidate: Candidate; score: number }[] = [];
  for (const candidate of inputs.candidates) {
    const loss = gate(candidate, inputs);
    if (loss) lost.push({ offerId: candidate.offerId, offerVersion: candidate.version, ...loss });
    else passed.push({ candidate, score: candidate.propensity.value * candidate.valueMinor });
  }
  passed.sort((a, b) => b.score - a.score || (a.candidate.offerId < b.candidate.offerId ? -1 : 1));
  const offers = passed.slice(0, inputs.limit).map(({ candidate, score }, index) => ({
    rank: index + 1,
    offerId: candidate.offerId,
    offerVersion: candidate.version,
    name: candidate.name,
    ...(candidate.landingUrl === undefined ? {} : { landingUrl: candidate.landingUrl }),
    propensity: candidate.propensity.value,
    propensitySource: candidate.propensity.source,
    valueMinor: candidate.valueMinor,
    score,
  }));
  const last = offers.at(-1);
  for (const { candidate, score } of passed.slice(inputs.limit)) {
    lost.push({
      offerId: candidate.offerId,
      offerVersion: candidate.version,
      ...outranked(candidate, score, last?.score ?? 0, inputs.limit),
    });
  }
  return { offers, lost };
}

/**
 * Whether a customer may be offered something of this risk: R at most C; a customer never rated only R1; what
 * carries no risk level is no investment and suits everybody.
 */
export function isSuitable(risk: number | undefined, customerRisk: number | undefined): boolean {
  return risk === undefined || risk <= (customerRisk ?? 1);
}

type Loss = Pick<LosingOffer, 'reason' | 'because' | 'wouldWinIf'>;

function gate(candidate: Candidate, inputs: DecisionInputs): Loss | undefined {
  const { at, customerRisk } = inputs;
  if (candidate.validFrom !== undefined && at < candidate.validFrom) {
    const from = new Date(candidate.validFrom).toISOString();
    return {
      reason: 'not_yet_valid',
      because: `It begins on ${from}.`,
      wouldWinIf: `it were ${from} or later`,
    };
  }
  if (candidate.validUntil !== undefined && at >= candidate.validUntil) {
    const until = new Date(candidate.validUntil).toISOString();
    return { reason: 'expired', because: `It ended on ${until}.`, wouldWinIf: `it were before ${until}` };
  }
  if (!candidate.eligibility.matches) {
    const { because } = candidate.eligibility;
    return { reason: 'not_eligible', because, wouldWinIf: 'the customer met the condition of the offer' };
  }
  if (!isSuitable(candidate.risk, customerRisk)) {
    return {
      reason: 'unsuitable',
      because:
        customerRisk === undefined
          ? `The offer is R${candidate.risk}, the customer was never rated, so only R1 suits.`
          : `The offer is R${candidate.risk}, the customer C${customerRisk}.`,
      wouldWinIf: `the customer were C${candidate.risk} or higher`,
    };
  }
  return undefined;
}

function outranked(candidate: Candidate, score: number, threshold: number, limit: number): Loss {
  const { valueMinor, propensity } = candidate;
  const chance = valueMinor > 0 ? threshold / valueMinor : Number.POSITIVE_INFINITY;
  const value = propensity.value > 0 ? threshold / propensity.value : Number.POSITIVE_INFINITY;
  const changes = [
    chance < 1 ? `its chance were above ${round(chance)}` : undefined,
    Number.isFinite(value) ? `its value were above ${Math.floor(value)} minor units` : undefined,
  ].filter((change) => change !== undefined);
  return {
    reason: 'outranked',
    because: `It scores ${round(score)}, the last of the ${limit} places went to ${round(threshold)}.`,
    wouldWinIf: changes.length > 0 ? changes.join(', or ') : 'fewer offers were active',
  };
}

const round = (value: number): string => String(Number(value.toPrecision(4)));
