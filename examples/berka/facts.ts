import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Release, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { Value } from 'typebox/value';

const Facts = Type.Array(Type.Object({ name: Type.String(), sql: Type.String(), expected: Type.String() }));
const Answer = Type.Object({ answer: Type.String() });

export interface CheckedFact {
  readonly name: string;
  readonly expected: string;
  readonly found: string;
  readonly holds: boolean;
}

const SOURCE = 'src/berka/';

/**
 * Compares every published figure of the Berka bank (`facts.json`) with the loaded tables of the source `berka`.
 * @returns one entry a fact, in their order; all of them `holds` when the import is exact
 */
export async function checkFacts(warehouse: Warehouse, release: Release): Promise<CheckedFact[]> {
  const facts = Value.Parse(
    Facts,
    JSON.parse(await readFile(new URL('facts.json', import.meta.url), 'utf8')),
  );
  const tables = [...release.placements]
    .filter(([logical]) => logical.startsWith(SOURCE))
    .map(([logical, placement]) => {
      const name = warehouse.identifier(logical.slice(SOURCE.length));
      return `${name} AS (SELECT * FROM ${warehouse.identifier(placement.table)})`;
    });
  if (tables.length === 0)
    throw new Error('The source "berka" was not loaded yet: rapport source load berka.');
  const checked: CheckedFact[] = [];
  for (const fact of facts) {
    const [row] = await warehouse.query(
      Answer,
      `WITH ${tables.join(', ')} SELECT tupleElement(tuple(*), 1) AS answer FROM (${fact.sql})`,
    );
    const found = row?.answer ?? '';
    checked.push({ name: fact.name, expected: fact.expected, found, holds: found === fact.expected });
  }
  return checked;
}

/** Whether the files of the bank are there; answers what to set when they are not. */
export async function missingData(datasets: string | undefined): Promise<string | undefined> {
  const advice =
    'Set RAPPORT_DATASETS to the folder that holds "berka" with the files of the PKDD\'99 Discovery Challenge (account.asc, card.asc, client.asc, disp.asc, district.asc, loan.asc, order.asc and the transaction files).';
  if (datasets === undefined || datasets === '') return `RAPPORT_DATASETS is not set. ${advice}`;
  const folder = join(datasets, 'berka');
  const isThere = await access(join(folder, 'account.asc')).then(
    () => true,
    () => false,
  );
  return isThere ? undefined : `There is no ${join(folder, 'account.asc')}. ${advice}`;
}
