import type { Actor } from '@rapport/kernel';
import type { ChannelsDeps } from './channels.ts';

/**
 * One page of rows about customers, without those of customers the actor may not see. Reads on until the page is
 * full, because rows of one branch may lie far apart.
 */
export async function visiblePage<Row, View>(input: {
  readonly query: { readonly cursor?: string; readonly limit?: number };
  readonly actor: Actor;
  readonly customers: ChannelsDeps['customers'];
  readonly idOf: (row: Row) => string;
  readonly customerOf: (row: Row) => string;
  /** Saves asking for the dense number when the row has it. */
  readonly cidOf?: (row: Row) => number;
  readonly present: (row: Row) => View;
  readonly read: (before: string | undefined, limit: number) => Promise<Row[]>;
}): Promise<{ items: View[]; nextCursor?: string }> {
  const { actor, customers, idOf, customerOf, cidOf, present, read } = input;
  const limit = input.query.limit ?? 50;
  const readLimit = actor.orgScope === undefined ? limit + 1 : Math.max(limit * 4, 500);
  const kept: Row[] = [];
  let before = input.query.cursor;
  for (;;) {
    const rows = await read(before, readLimit);
    for (const row of await seen(rows)) kept.push(row);
    before = rows.length < readLimit ? undefined : idOf(rows[rows.length - 1] ?? throwEmpty());
    if (before === undefined || kept.length > limit) break;
  }
  const items = kept.slice(0, limit);
  const last = items.at(-1);
  return {
    items: items.map(present),
    ...(kept.length > limit && last !== undefined ? { nextCursor: idOf(last) } : {}),
  };

  async function seen(rows: readonly Row[]): Promise<readonly Row[]> {
    if (actor.orgScope === undefined || rows.length === 0) return rows;
    const ids = cidOf ? undefined : await customers.cidsOf([...new Set(rows.map(customerOf))]);
    const numberOf = (row: Row): number => (cidOf ? cidOf(row) : (ids?.get(customerOf(row)) ?? -1));
    const visible = await customers.visible(actor, [...new Set(rows.map(numberOf))]);
    return rows.filter((row) => visible.has(numberOf(row)));
  }
}

function throwEmpty(): never {
  throw new Error('a full page has a last row');
}
