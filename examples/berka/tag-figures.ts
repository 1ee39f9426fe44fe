import { readFile } from 'node:fs/promises';
import type { Release, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { Value } from 'typebox/value';

/** A figure of a tag, and the same by plain SQL over the bank's own tables; `published` where the data set says it. */
const Expectation = Type.Object({
  tag: Type.String(),
  /** SQL over `v`, the values of the tag. */
  figure: Type.String(),
  /** SQL over the tables of the source. */
  raw: Type.String(),
  expected: Type.String(),
  published: Type.Optional(Type.Boolean()),
});
const Answer = Type.Object({ answer: Type.String() });

export interface CheckedFigure {
  readonly tag: string;
  readonly figure: string;
  readonly expected: string;
  readonly byTag: string | undefined;
  readonly byTables: string | undefined;
  readonly holds: boolean;
}

/** Compares the tags of the Berka bank with `tags.expected.json` and with plain SQL over its tables. */
export async function checkTagFigures(warehouse: Warehouse, release: Release): Promise<CheckedFigure[]> {
  const { placements } = release;
  const tables = [...placements]
    .filter(([logical]) => logical.startsWith('src/berka/'))
    .map(([logical, { table }]) => `${logical.slice('src/berka/'.length)} AS (SELECT * FROM ${table})`);
  const expectations = Value.Parse(
    Type.Array(Expectation),
    JSON.parse(await readFile(new URL('tags.expected.json', import.meta.url), 'utf8')),
  );
  const checked: CheckedFigure[] = [];
  for (const { tag, figure, raw, expected } of expectations) {
    const placement = placements.get(`tag/${tag}`);
    const [byTag] = await warehouse.query(
      Answer,
      `SELECT toString(${figure}) AS answer FROM (SELECT ${placement?.column} AS v FROM ${placement?.table})`,
    );
    const [byTables] = await warehouse.query(
      Answer,
      `WITH ${tables.join(', ')} SELECT toString(tupleElement(tuple(*), 1)) AS answer FROM (${raw})`,
    );
    checked.push({
      tag,
      figure,
      expected,
      byTag: byTag?.answer,
      byTables: byTables?.answer,
      holds: byTag?.answer === expected && byTables?.answer === expected,
    });
  }
  return checked;
}
