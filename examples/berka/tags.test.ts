import { readFile } from 'node:fs/promises';
import { createCustomers, createProjector, customersMigrations } from '@rapport/customers';
import { silentLog, systemActor, systemClock } from '@rapport/kernel';
import { createSources, type Sources, sourcesMigrations } from '@rapport/sources';
import { createTags, type Tags, tagsMigrations } from '@rapport/tags';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingData } from './facts.ts';
import { checkTagFigures } from './tag-figures.ts';

const datasets = process.env.RAPPORT_DATASETS;
const absent = await missingData(datasets);

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
    const figures = await checkTagFigures(stores.warehouse, await stores.releases.current());
    expect(figures.filter(({ holds }) => !holds)).toEqual([]);
    expect((await tags.list({})).items.length).toBeGreaterThanOrEqual(30);
    expect(new Set(figures.map(({ tag }) => tag)).size).toBeGreaterThanOrEqual(30);
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
