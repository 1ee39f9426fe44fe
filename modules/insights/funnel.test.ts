import { cidSetOf } from '@rapport/stores';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countFunnel, funnelSets } from './funnel.ts';
import type { JourneySet, MessageGroup, MessageOutcomes } from './insights.deps.ts';

const OUTCOMES = [
  'ineligible',
  'unsuitable',
  'unreachable',
  'no_consent',
  'suppressed',
  'control',
  'queued',
] as const;
const STATES = [
  'queued',
  'sending',
  'sent',
  'delivered',
  'opened',
  'clicked',
  'bounced',
  'failed',
  'suppressed',
  'expired',
  'cancelled',
  'unknown',
] as const;
const REASONS = [
  undefined,
  'no_consent',
  'opted_out',
  'complaint',
  'rolling_cap',
  'quiet_hours',
  'no_contact_point',
] as const;

const messages = fc.array(
  fc.record({
    state: fc.constantFrom(...STATES),
    reason: fc.constantFrom(...REASONS),
    variantId: fc.constantFrom(undefined, 'a', 'b'),
  }),
  { maxLength: 3 },
);
const customer = fc.record({ outcome: fc.constantFrom(...OUTCOMES), messages, converted: fc.boolean() });

describe('process funnel', () => {
  it('conserves for every customer: targeted = control + delivered + Σ exits, one reason each', () => {
    fc.assert(
      fc.property(fc.array(customer, { maxLength: 120 }), fc.boolean(), (customers, isOver) => {
        const { sets, outcomes } = world(customers);
        const placed = funnelSets(sets, outcomes, isOver);
        const converted = cidSetOf(customers.flatMap((each, cid) => (each.converted ? [cid + 1] : [])));
        const funnel = countFunnel('cmp_test', '2026-11-23T00:00:00.000Z', placed, converted);
        expect(funnel.difference).toBe(0);
        expect(funnel.targeted).toBe(customers.length);
        const parts = [placed.control, placed.delivered, ...placed.exits.values()];
        for (const cid of placed.targeted.toArray()) {
          expect(parts.filter((part) => part.has(cid))).toHaveLength(1);
        }
        const steps = Object.fromEntries(funnel.steps.map((step) => [step.id, step.customers]));
        expect(steps.eligible).toBe((steps.treated ?? 0) + funnel.control);
        expect(steps.clicked ?? 0).toBeLessThanOrEqual(steps.opened ?? 0);
        expect(steps.opened ?? 0).toBeLessThanOrEqual(steps.delivered ?? 0);
        expect(steps.delivered ?? 0).toBeLessThanOrEqual(steps.handed_over ?? 0);
        expect(steps.handed_over ?? 0).toBeLessThanOrEqual(steps.treated ?? 0);
      }),
      { numRuns: 1_000 },
    );
  });

  it('shows a broken set as a difference instead of hiding it', () => {
    const { sets, outcomes } = world([{ outcome: 'control', messages: [], converted: false }]);
    const broken = sets.map((set) => (set.outcome === 'targeted' ? { ...set, cids: cidSetOf([1, 2]) } : set));
    const funnel = countFunnel('cmp_test', '', funnelSets(broken, outcomes, true), cidSetOf([]));
    expect(funnel.difference).toBe(1);
  });

  it('takes a queued customer without a message as pending, and as cancelled once the campaign is over', () => {
    const { sets, outcomes } = world([{ outcome: 'queued', messages: [], converted: false }]);
    const reason = (isOver: boolean): string | undefined =>
      countFunnel('cmp_test', '', funnelSets(sets, outcomes, isOver), cidSetOf([])).exits[0]?.reason;
    expect(reason(false)).toBe('pending');
    expect(reason(true)).toBe('cancelled');
  });
});

interface Customer {
  readonly outcome: (typeof OUTCOMES)[number];
  readonly messages: readonly {
    state: string;
    reason?: string | undefined;
    variantId?: string | undefined;
  }[];
  readonly converted: boolean;
}

/** Customer `i` has the number `i + 1`; only queued ones have messages, as in a real launch. */
function world(customers: readonly Customer[]): { sets: JourneySet[]; outcomes: MessageOutcomes } {
  const cidsWhere = (test: (each: Customer) => boolean): ReturnType<typeof cidSetOf> =>
    cidSetOf(customers.flatMap((each, index) => (test(each) ? [index + 1] : [])));
  const sets = ['targeted', ...OUTCOMES].map((outcome) => ({
    outcome,
    cids: cidsWhere((each) => outcome === 'targeted' || each.outcome === outcome),
  }));
  const groups = new Map<string, MessageGroup>();
  const reached: Record<'sent' | 'delivered' | 'opened' | 'clicked', number[]> = {
    sent: [],
    delivered: [],
    opened: [],
    clicked: [],
  };
  customers.forEach((each, index) => {
    if (each.outcome !== 'queued') return;
    for (const message of each.messages) {
      const key = JSON.stringify(message);
      const cids = groups.get(key)?.cids ?? cidSetOf([]);
      groups.set(key, { channel: 'email', ...message, cids: cids.or(cidSetOf([index + 1])) });
      const way = ['sent', 'delivered', 'opened', 'clicked'] as const;
      const last = way.find((milestone) => milestone === message.state);
      for (const milestone of last ? way.slice(0, way.indexOf(last) + 1) : [])
        reached[milestone].push(index + 1);
    }
  });
  return {
    sets,
    outcomes: {
      groups: [...groups.values()],
      milestones: {
        sent: cidSetOf(reached.sent),
        delivered: cidSetOf(reached.delivered),
        opened: cidSetOf(reached.opened),
        clicked: cidSetOf(reached.clicked),
      },
    },
  };
}
