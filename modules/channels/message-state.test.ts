import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DELIVERY_STATES } from './contract.ts';
import { FINAL_STATES, MESSAGE_EVENTS, nextState, TRANSITIONS } from './message-state.ts';

const anyState = fc.constantFrom(...DELIVERY_STATES);
const anyEvent = fc.constantFrom(...MESSAGE_EVENTS);

describe('the message state machine', () => {
  it('never leaves an end, whatever happens', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...FINAL_STATES),
        fc.array(anyEvent),
        fc.boolean(),
        (end, events, ambiguous) => {
          expect(events.reduce((state, event) => nextState(state, event, ambiguous), end)).toBe(end);
        },
      ),
    );
  });

  it('begins a hand-over from the queue only, and at most once without going back to it', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 30 }), (events) => {
        let state: (typeof DELIVERY_STATES)[number] = 'queued';
        let open = 0;
        for (const event of events) {
          const next = nextState(state, event);
          if (event === 'begin' && state !== next) open += 1;
          if (state !== 'queued' && next === 'queued') {
            expect(event).toBe('retry');
            expect(state).toBe('sending');
            open -= 1;
          }
          expect(open).toBeLessThanOrEqual(1);
          state = next;
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('is steady: what is repeated changes nothing', () => {
    fc.assert(
      fc.property(
        anyState,
        anyEvent.filter((event) => event !== 'begin'),
        fc.boolean(),
        (state, event, ambiguous) => {
          const once = nextState(state, event, ambiguous);
          expect(nextState(once, event, ambiguous)).toBe(once);
        },
      ),
    );
  });

  it('never calls unsent what may have been sent', () => {
    fc.assert(
      fc.property(anyState, anyEvent, (state, event) => {
        const next = nextState(state, event, true);
        if (next !== state) expect(['suppressed', 'expired', 'cancelled', 'failed']).not.toContain(next);
      }),
    );
  });

  it('is drawn in docs/state-machines.md as it is', () => {
    const page = readFileSync(new URL('../../docs/state-machines.md', import.meta.url), 'utf8');
    const drawing = /## Message\n[\s\S]*?```mermaid\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const drawn = [...drawing.matchAll(/^ {2}(\w+) --> (\w+): (\w+)$/gm)].map(
      ([, from, to, event]) => `${from} ${event} ${to}`,
    );
    const coded = MESSAGE_EVENTS.flatMap((event) =>
      TRANSITIONS[event].from.map((from) => `${from} ${event} ${TRANSITIONS[event].to}`),
    );
    expect(drawn.sort()).toEqual(coded.sort());
  });

  it('reaches every state from the queue', () => {
    const reached = new Set<string>(['queued']);
    for (let round = 0; round < DELIVERY_STATES.length; round++) {
      for (const { from, to } of Object.values(TRANSITIONS))
        if (from.some((state) => reached.has(state))) reached.add(to);
    }
    expect([...reached].sort()).toEqual([...DELIVERY_STATES].sort());
  });
});
