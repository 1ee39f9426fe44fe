import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, type DecisionInputs, decide, isSuitable } from './decide.ts';

const candidate = (change: Partial<Candidate>): Candidate => ({
  offerId: 'off_a',
  version: 1,
  name: { en: 'A' },
  valueMinor: 10_000,
  eligibility: { matches: true, because: 'It is open to everybody.' },
  propensity: { value: 0.05, source: 'prior', detail: '0 of 0 accepted' },
  ...change,
});

const maybe = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined });
const anyCandidate: fc.Arbitrary<Candidate> = fc
  .record({
    offerId: fc.integer({ min: 0, max: 1e6 }).map((number) => `off_${number}`),
    version: fc.integer({ min: 1, max: 9 }),
    name: fc.constant({ en: 'x' }),
    valueMinor: fc.integer({ min: 0, max: 1e7 }),
    risk: maybe(fc.integer({ min: 1, max: 5 })),
    validFrom: maybe(fc.integer({ min: -5, max: 5 })),
    validUntil: maybe(fc.integer({ min: -5, max: 5 })),
    eligibility: fc.record({ matches: fc.boolean(), because: fc.constant('because') }),
    propensity: fc.record({
      value: fc.double({ min: 0, max: 1, noNaN: true }),
      source: fc.constantFrom('model' as const, 'prior' as const),
      detail: fc.constant(''),
    }),
  })
  .map(({ risk, validFrom, validUntil, ...rest }) => ({
    ...rest,
    ...(risk === undefined ? {} : { risk }),
    ...(validFrom === undefined ? {} : { validFrom }),
    ...(validUntil === undefined ? {} : { validUntil }),
  }));
const anyInputs: fc.Arbitrary<DecisionInputs> = fc
  .record({
    limit: fc.integer({ min: 1, max: 6 }),
    customerRisk: maybe(fc.integer({ min: 1, max: 5 })),
    candidates: fc.uniqueArray(anyCandidate, { selector: (one) => one.offerId, maxLength: 12 }),
  })
  .map(({ customerRisk, ...rest }) => ({
    at: 0,
    ...rest,
    ...(customerRisk === undefined ? {} : { customerRisk }),
  }));

describe('decide', () => {
  it('never offers anything riskier than the customer may take', () => {
    fc.assert(
      fc.property(anyInputs, (inputs) => {
        const risks = new Map(inputs.candidates.map((one) => [one.offerId, one.risk]));
        return decide(inputs).offers.every(
          (offer) => (risks.get(offer.offerId) ?? 0) <= (inputs.customerRisk ?? 1),
        );
      }),
      { numRuns: 3000 },
    );
  });

  it('names every candidate exactly once, as a winner or as a loser with a reason', () => {
    fc.assert(
      fc.property(anyInputs, (inputs) => {
        const { offers, lost } = decide(inputs);
        const named = [...offers, ...lost].map((one) => one.offerId).sort();
        expect(named).toEqual(inputs.candidates.map((one) => one.offerId).sort());
        expect(offers.length).toBeLessThanOrEqual(inputs.limit);
      }),
    );
  });

  it('does not depend on the order of the candidates and survives storage as JSON', () => {
    fc.assert(
      fc.property(anyInputs, (inputs) => {
        const stored: DecisionInputs = JSON.parse(JSON.stringify(inputs));
        expect(decide(stored)).toEqual(decide(inputs));
        const reversed = decide({ ...inputs, candidates: [...inputs.candidates].reverse() });
        expect(reversed.offers).toEqual(decide(inputs).offers);
      }),
    );
  });

  it('tells a loser the chance or value that would have won it the place', () => {
    const { lost } = decide({
      at: 0,
      limit: 1,
      candidates: [candidate({}), candidate({ offerId: 'off_b', valueMinor: 5_000 })],
    });
    expect(lost).toEqual([
      {
        offerId: 'off_b',
        offerVersion: 1,
        reason: 'outranked',
        because: 'It scores 250, the last of the 1 places went to 500.',
        wouldWinIf: 'its chance were above 0.1, or its value were above 10000 minor units',
      },
    ]);
  });

  it('gives a customer who was never rated only what is R1 or carries no risk', () => {
    expect([undefined, 1, 2].map((risk) => isSuitable(risk, undefined))).toEqual([true, true, false]);
  });
});
