import type { EpochMs } from '@rapport/kernel';
import {
  type DemoOfferKind,
  type Potential,
  RESPONSE_MODELS,
  RESPONSE_TYPES,
  type ResponseModel,
  type ResponseType,
} from './effects.ts';

/** A row written wrong on purpose, and why it has to be refused. */
export interface BadRow {
  readonly table: string;
  readonly file: string;
  readonly line: number;
  readonly field: string;
  readonly value: string;
  readonly reason: string;
}

export interface PlantedEffect extends ResponseModel {
  readonly population: {
    readonly customers: number;
    /** Mean probability of converting without treatment, with it, and the difference: the average effect. */
    readonly untreated: number;
    readonly treated: number;
    readonly effect: number;
    /** Expected share of each type of responder. */
    readonly types: Readonly<Record<ResponseType, number>>;
  };
}

/** Everything a check may hold against what the platform finds. */
export interface Truth {
  readonly version: 1;
  readonly seed: number;
  readonly customers: number;
  readonly asOf: string;
  readonly counts: {
    readonly retail: number;
    readonly corporate: number;
    readonly accounts: number;
    readonly holdings: Readonly<Record<string, number>>;
    readonly transactions: number;
    readonly transactionAmountMinor: number;
    readonly events: Readonly<Record<string, number>>;
    readonly consents: number;
    readonly assetsMinor: number;
    readonly activeLast30Days: number;
  };
  readonly badRows: readonly BadRow[];
  readonly effects: Readonly<Record<DemoOfferKind, PlantedEffect>>;
}

/** Adds up potential outcomes, so that averages need no list of customers. */
export interface EffectSums {
  add(potential: Potential): void;
  planted(kind: DemoOfferKind): PlantedEffect;
}

export function createEffectSums(): EffectSums {
  let [customers, untreated, treated] = [0, 0, 0];
  const types: Record<ResponseType, number> = {
    persuadable: 0,
    sure_thing: 0,
    lost_cause: 0,
    do_not_disturb: 0,
  };
  return {
    add(potential) {
      customers++;
      untreated += potential.untreated;
      treated += potential.treated;
      types.persuadable += Math.max(0, potential.treated - potential.untreated);
      types.do_not_disturb += Math.max(0, potential.untreated - potential.treated);
      types.sure_thing += Math.min(potential.untreated, potential.treated);
      types.lost_cause += 1 - Math.max(potential.untreated, potential.treated);
    },
    planted(kind) {
      const mean = (sum: number): number => (customers > 0 ? sum / customers : 0);
      for (const type of RESPONSE_TYPES) types[type] = mean(types[type]);
      return {
        ...RESPONSE_MODELS[kind],
        population: {
          customers,
          untreated: mean(untreated),
          treated: mean(treated),
          effect: mean(treated - untreated),
          types: { ...types },
        },
      };
    },
  };
}

/** The bank that a truth file describes. */
export const planOf = (truth: Truth): { seed: number; customers: number; asOf: EpochMs } => ({
  seed: truth.seed,
  customers: truth.customers,
  asOf: Date.parse(truth.asOf),
});
