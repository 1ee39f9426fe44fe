import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { OFFER_STATES } from './contract.ts';
import { TRANSITIONS } from './offer-states.ts';

it('draws the states of an offer in docs/state-machines.md exactly as the table has them', () => {
  const drawing = readFileSync(new URL('../../docs/state-machines.md', import.meta.url), 'utf8');
  const section = drawing.slice(drawing.indexOf('## Offer'));
  const chart = section.slice(0, section.indexOf('```', section.indexOf('```mermaid') + 3));
  const drawn = [...chart.matchAll(/^ {2}(\w+) --> (\w+): (\w+)$/gm)].map(
    ([, from, to, action]) => `${action}: ${from} → ${to}`,
  );
  const table = (['activate', 'retire'] as const).flatMap((action) =>
    OFFER_STATES.flatMap((from) => {
      const to = TRANSITIONS[action][from];
      return to === undefined ? [] : [`${action}: ${from} → ${to}`];
    }),
  );
  expect(drawn.sort()).toEqual(table.sort());
});
