import { readFile } from 'node:fs/promises';
import { silentLog, systemClock } from '@rapport/kernel';
import { createSources, type Sources, sourcesMigrations } from '@rapport/sources';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkFacts, missingData } from './facts.ts';

const datasets = process.env.RAPPORT_DATASETS;
const absent = await missingData(datasets);

describe('the advice when the data is absent', () => {
  it('names the variable and the files', async () => {
    expect(await missingData(undefined)).toMatch(/RAPPORT_DATASETS is not set/);
    expect(await missingData('/nowhere')).toMatch(/There is no \/nowhere\/berka\/account.asc/);
  });
});

describe.skipIf(absent !== undefined)('the Berka bank', () => {
  let stores: TestStores;
  let sources: Sources;

  beforeAll(async () => {
    stores = await startTestStores([sourcesMigrations], { runsJobs: false });
    sources = createSources({
      stores,
      clock: systemClock,
      log: silentLog,
      audit: { record: async () => undefined },
      allowedRoots: [datasets ?? ''],
      variables: { RAPPORT_DATASETS: datasets },
    });
    await stores.jobs.start();
    const yaml = await readFile(new URL('berka.source.yaml', import.meta.url), 'utf8');
    await sources.applyManifest(yaml, { fileName: 'berka.source.yaml' });
  });

  afterAll(() => stores?.stop());

  it('is loaded with every published figure', async () => {
    const load = await sources.load('berka');
    expect(load.faults).toEqual([]);
    expect(load.state).toBe('loaded');
    for (const table of load.tables) expect(table.read).toBe(table.loaded + table.quarantined);
    const facts = await checkFacts(stores.warehouse, await stores.releases.current());
    expect(facts.filter((fact) => !fact.holds)).toEqual([]);
    expect(facts.length).toBeGreaterThan(40);
  });

  it('says that figures of one district are not known', async () => {
    const { items } = await sources.loads('berka');
    const rule = items[0]?.quality.find((quality) => quality.name === 'district_figures_are_known');
    expect(rule).toMatchObject({ passed: false, severity: 'warn' });
    expect(rule?.message).toMatch(/^1 of 77 rows/);
  });
});
