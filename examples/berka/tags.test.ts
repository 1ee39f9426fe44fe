import { readFile } from 'node:fs/promises';
import { createCustomers, createProjector, customersMigrations } from '@rapport/customers';
import { silentLog, systemActor, systemClock } from '@rapport/kernel';
import { createSources, type Sources, sourcesMigrations } from '@rapport/sources';
import { createTags, type Tags, tagsMigrations } from '@rapport/tags';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingData } from './facts.ts';

const datasets = process.env.RAPPORT_DATASETS;
const absent = await missingData(datasets);

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

describe.skipIf(absent !== undefined)('the tags of the Berka bank', () => {
  let stores: TestStores;
  let sources: Sources;
  let tags: Tags;
  let customerIds: string[];

  beforeAll(async () => {
    stores = await startTestStores([sourcesMigrations, customersMigrations, tagsMigrations], {
      runsJobs: false,
    });
    const audit = { record: async () => undefined };
    const dataKey = Buffer.alloc(32, 9);
    sources = createSources({
      stores,
      clock: systemClock,
      log: silentLog,
      audit,
      projector: createProjector({ ...stores, dataKey }),
      allowedRoots: [datasets ?? ''],
      variables: { RAPPORT_DATASETS: datasets },
    });
    const customers = createCustomers({
      ...stores,
      clock: systemClock,
      audit,
      dataKey,
      profileTags: (customer) => tags.profileOf(customer),
      consents: async () => [],
    });
    tags = createTags({
      ...stores,
      clock: systemClock,
      log: silentLog,
      audit,
      customers,
      manifests: () => sources.manifests(),
    });
    await stores.jobs.start();
    const read = (name: string) => readFile(new URL(name, import.meta.url), 'utf8');
    await sources.applyManifest(await read('berka.source.yaml'), { fileName: 'berka.source.yaml' });
    const load = await sources.load('berka');
    expect(load.rejected).toEqual([]);
    await tags.importYaml(await read('berka.tags.yaml'), {}, systemActor);
    const job = await stores.jobs.wait(await tags.refresh());
    expect(job.result).toMatchObject({ failed: [] });
    customerIds = (await customers.search({ limit: 200 }, systemActor)).items.map((item) => item.customerId);
  }, 180_000);
  afterAll(() => stores?.stop());

  it('are at least thirty, and have every figure of the bank', async () => {
    const { placements } = await stores.releases.current();
    const tables = [...placements]
      .filter(([logical]) => logical.startsWith('src/berka/'))
      .map(([logical, { table }]) => `${logical.slice('src/berka/'.length)} AS (SELECT * FROM ${table})`);
    const expectations = Value.Parse(
      Type.Array(Expectation),
      JSON.parse(await readFile(new URL('tags.expected.json', import.meta.url), 'utf8')),
    );
    const wrong: string[] = [];
    for (const { tag, figure, raw, expected } of expectations) {
      const placement = placements.get(`tag/${tag}`);
      const [byTag] = await stores.warehouse.query(
        Answer,
        `SELECT toString(${figure}) AS answer FROM (SELECT ${placement?.column} AS v FROM ${placement?.table})`,
      );
      const [byRaw] = await stores.warehouse.query(
        Answer,
        `WITH ${tables.join(', ')} SELECT toString(tupleElement(tuple(*), 1)) AS answer FROM (${raw})`,
      );
      if (byTag?.answer !== expected || byRaw?.answer !== expected)
        wrong.push(`${tag} ${figure}: expected ${expected}, tag ${byTag?.answer}, tables ${byRaw?.answer}`);
    }
    expect(wrong).toEqual([]);
    expect((await tags.list({})).items.length).toBeGreaterThanOrEqual(30);
    expect(new Set(expectations.map(({ tag }) => tag)).size).toBeGreaterThanOrEqual(30);
  });

  it('are recomputed from rows for any customer', async () => {
    const ids = (await tags.list({})).items.map(({ id }) => id);
    for (const [at, tagId] of ids.entries()) {
      for (const step of [0, 1]) {
        const customerId = customerIds[(at * 7 + step * 61) % customerIds.length] ?? '1';
        const evidence = await tags.evidence(tagId, customerId, systemActor);
        expect(
          evidence.agrees,
          `${tagId} of ${customerId}: ${evidence.stored} and ${evidence.recomputed}`,
        ).toBe(true);
      }
    }
  });

  it('are traced to the columns of the files, and a column to all that depends on it', async () => {
    const impact = await tags.lineage.impact('source_column:berka/loan.status');
    const reached = impact.dependants.map(({ id }) => id);
    expect(reached).toEqual(
      expect.arrayContaining([
        'canonical_column:holding.status',
        'tag:loan_status',
        'tag:loan_risk',
        'tag:gold_card_candidate',
      ]),
    );
    const graph = await tags.lineage.graph('tag:gender');
    expect(graph.nodes.map(({ id }) => id)).toContain('source_column:berka/client.birth_number');
  });
});
