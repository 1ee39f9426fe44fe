import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admit, type Contact, quietUntil, windowMs } from './contact-policy.ts';
import type { ContactRule } from './contract.ts';

const HOUR = 3_600_000;
const rule = (change: Partial<ContactRule>): ContactRule => ({
  id: 'weekly',
  channel: 'any',
  max: 2,
  window: 'P7D',
  purpose: 'marketing',
  ...change,
});
const contact = (at: number, channel: Contact['channel'] = 'email'): Contact => ({
  deliveryId: `dlv_${at}`,
  channel,
  at,
});

/** The definition, checked on the finished ledger: every window that begins at a contact. */
function violates(rules: readonly ContactRule[], contacts: readonly Contact[]): boolean {
  return rules.some((one) => {
    const own = contacts.filter((each) => one.channel === 'any' || each.channel === one.channel);
    return own.some((first) => {
      const width = windowMs(one);
      return own.filter((each) => each.at >= first.at && each.at < first.at + width).length > one.max;
    });
  });
}

const rules = fc.array(
  fc.record({
    id: fc.constantFrom('a', 'b', 'c'),
    channel: fc.constantFrom('any' as const, 'email' as const, 'sms' as const),
    max: fc.integer({ min: 0, max: 4 }),
    window: fc.constantFrom('PT1H', 'PT6H', 'P1D', 'P2D'),
    purpose: fc.constant('marketing' as const),
  }),
  { maxLength: 3 },
);
const requests = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: 72 }).map((hour) => hour * HOUR),
    channel: fc.constantFrom('email' as const, 'sms' as const),
  }),
  { maxLength: 30 },
);

describe('admit', () => {
  it('grants exactly when no window anywhere would hold too many, in any order of instants', () => {
    fc.assert(
      fc.property(rules, requests, (some, wanted) => {
        const held: Contact[] = [];
        wanted.forEach((request, index) => {
          const next = { deliveryId: `dlv_${index}`, ...request };
          const { outcome } = admit({ rules: some }, held, request);
          expect(outcome).toBe(violates(some, [...held, next]) ? 'withheld' : 'granted');
          if (outcome === 'granted') held.push(next);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('says the first instant at which the same contact would be granted', () => {
    fc.assert(
      fc.property(rules, requests, (some, wanted) => {
        const held: Contact[] = [];
        wanted.forEach((request, index) => {
          const answer = admit({ rules: some }, held, request);
          if (answer.outcome === 'granted') {
            held.push({ deliveryId: `dlv_${index}`, ...request });
            return;
          }
          if (answer.until === undefined) return;
          expect(answer.until).toBeGreaterThan(request.at);
          expect(admit({ rules: some }, held, { ...request, at: answer.until }).outcome).toBe('granted');
          expect(admit({ rules: some }, held, { ...request, at: answer.until - 1 }).outcome).toBe('withheld');
        });
      }),
      { numRuns: 300 },
    );
  });

  it('frees a place the very millisecond a contact leaves the window', () => {
    const policy = { rules: [rule({ max: 1, window: 'PT1H' })] };
    expect(admit(policy, [contact(0)], { channel: 'email', at: HOUR - 1 }).outcome).toBe('withheld');
    expect(admit(policy, [contact(0)], { channel: 'email', at: HOUR }).outcome).toBe('granted');
  });

  it('counts only its own channel when the rule names one', () => {
    const policy = { rules: [rule({ channel: 'sms', max: 1 })] };
    expect(admit(policy, [contact(0, 'sms')], { channel: 'email', at: 1 }).outcome).toBe('granted');
    expect(admit(policy, [contact(0, 'sms')], { channel: 'sms', at: 1 })).toEqual({
      outcome: 'withheld',
      because: 'rolling_cap',
      ruleId: 'weekly',
      until: 7 * 24 * HOUR,
    });
  });

  it('waits for both the cap and the quiet hours', () => {
    const quietHours = { from: '21:00', to: '08:00', zone: 'UTC' };
    const at = Date.UTC(2026, 0, 1, 22);
    const policy = { rules: [rule({ max: 1, window: 'P1D' })], quietHours };
    expect(admit(policy, [contact(at)], { channel: 'email', at: at + 1 })).toMatchObject({
      because: 'rolling_cap',
      until: Date.UTC(2026, 0, 3, 8),
    });
  });
});

describe('quietUntil', () => {
  const night = { from: '21:00', to: '08:00', zone: 'Asia/Hong_Kong' };

  it('holds from the first minute until the minute before the end', () => {
    const at = (iso: string): string | undefined => {
      const end = quietUntil(night, Date.parse(iso));
      return end === undefined ? undefined : new Date(end).toISOString();
    };
    expect(at('2026-03-01T12:59:59Z')).toBeUndefined();
    expect(at('2026-03-01T13:00:00Z')).toBe('2026-03-02T00:00:00.000Z');
    expect(at('2026-03-01T23:59:59.999Z')).toBe('2026-03-02T00:00:00.000Z');
    expect(at('2026-03-02T00:00:00Z')).toBeUndefined();
  });

  it('ends at the local time also in the night in which the clocks change', () => {
    const berlin = { ...night, zone: 'Europe/Berlin' };
    // 29 March 2026: 02:00 → 03:00; 25 October 2026: 03:00 → 02:00.
    expect(quietUntil(berlin, Date.parse('2026-03-28T22:00:00Z'))).toBe(Date.parse('2026-03-29T06:00:00Z'));
    expect(quietUntil(berlin, Date.parse('2026-10-24T20:00:00Z'))).toBe(Date.parse('2026-10-25T07:00:00Z'));
  });

  it('takes the first minute after the gap when the clocks jump over the end', () => {
    const gap = { from: '21:00', to: '02:30', zone: 'Europe/Berlin' };
    expect(quietUntil(gap, Date.parse('2026-03-29T00:00:00Z'))).toBe(Date.parse('2026-03-29T01:00:00Z'));
  });
});
