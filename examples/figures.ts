import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConditionBody } from '@rapport/conditions';
import { systemActor } from '@rapport/kernel';
import type { RunningServer } from '@rapport/server';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

/** A published figure of a data set, and the questions, one or more, whose answer it must be. */
const Figure = Type.Object(
  {
    name: Type.String(),
    expected: Type.String(),
    /** One SELECT of one value over the tables of the source, `customer` and `tag_<id>` (cid, v). */
    sql: Type.Optional(Type.String()),
    /** Customers to count by the interface that audiences use. */
    condition: Type.Optional(ConditionBody),
    /** A tag of a customer, recomputed from the rows. */
    evidence: Type.Optional(Type.Object({ tag: Type.String(), customerId: Type.String() })),
  },
  { additionalProperties: false },
);
export type Figure = Static<typeof Figure>;
const Answer = Type.Object({ answer: Type.String() });

export interface CheckedFigure {
  readonly name: string;
  readonly expected: string;
  readonly found: string;
  readonly holds: boolean;
}

/** The figures of a JSON file beside an example. */
export async function readFigures(file: URL): Promise<Figure[]> {
  return Value.Parse(Type.Array(Figure), JSON.parse(await readFile(file, 'utf8')));
}

/**
 * Asks the platform every question of `figures`.
 * @param source whose tables the SQL may name
 * @returns one entry a figure, in their order; all of them `holds` when the example is exact
 */
export async function checkFigures(
  { platform, stores }: Pick<RunningServer, 'platform' | 'stores'>,
  source: string,
  figures: readonly Figure[],
): Promise<CheckedFigure[]> {
  const { warehouse } = stores;
  const tables: string[] = [];
  for (const [logical, { table, column }] of (await stores.releases.current()).placements) {
    const physical = warehouse.identifier(table);
    const own = `src/${source}/`;
    if (logical.startsWith(own))
      tables.push(`${warehouse.identifier(logical.slice(own.length))} AS (SELECT * FROM ${physical})`);
    if (logical === 'customer') tables.push(`customer AS (SELECT cid, customer_id FROM ${physical})`);
    if (logical.startsWith('tag/') && column !== undefined)
      tables.push(
        `${warehouse.identifier(`tag_${logical.slice(4)}`)} AS (SELECT cid, ${warehouse.identifier(column)} AS v FROM ${physical})`,
      );
  }

  const bySql = async (sql: string): Promise<string> => {
    const [row] = await warehouse.query(
      Answer,
      `WITH ${tables.join(', ')} SELECT toString(tupleElement(tuple(*), 1)) AS answer FROM (${sql})`,
    );
    return row?.answer ?? '';
  };
  const byEvidence = async (tag: string, customerId: string): Promise<string> => {
    const { recomputed, agrees } = await platform.tags.evidence(tag, customerId, systemActor);
    return agrees ? String(recomputed) : `${recomputed}, which is not the stored value`;
  };

  /** The answers of all questions of a figure; more than one when they do not agree. */
  const ask = async ({ name, sql, condition, evidence }: Figure): Promise<string> => {
    const answers = new Set<string>();
    if (condition !== undefined)
      answers.add(String((await platform.audiences.count({ condition }, systemActor)).count));
    if (evidence) answers.add(await byEvidence(evidence.tag, evidence.customerId));
    if (sql !== undefined) answers.add(await bySql(sql));
    if (answers.size === 0) throw new Error(`The figure "${name}" has no question.`);
    return [...answers].join(' ≠ ');
  };

  const checked: CheckedFigure[] = [];
  for (const figure of figures) {
    const found = await ask(figure);
    checked.push({
      name: figure.name,
      expected: figure.expected,
      found,
      holds: found === figure.expected,
    });
  }
  return checked;
}

/**
 * Whether the data of an example is there; answers what to set when it is not.
 * @param file a file of the set, under `datasets`
 * @param about what the set is and where it comes from, as the end of a sentence that says what to put there
 */
export async function missingFile(
  datasets: string | undefined,
  file: string,
  about: string,
): Promise<string | undefined> {
  const advice = `Set RAPPORT_DATASETS to the folder that holds ${about}.`;
  if (datasets === undefined || datasets === '') return `RAPPORT_DATASETS is not set. ${advice}`;
  const path = join(datasets, file);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere ? undefined : `There is no ${path}. ${advice}`;
}

/** Prints the figures, a line each. @returns whether all of them hold */
export function printFigures(figures: readonly CheckedFigure[]): boolean {
  for (const { name, expected, found, holds } of figures)
    console.log(`${holds ? '=' : '≠'} ${name}: ${found}${holds ? '' : `, expected ${expected}`}`);
  const held = figures.filter(({ holds }) => holds).length;
  console.log(`${held} of ${figures.length} hold`);
  return held === figures.length;
}
