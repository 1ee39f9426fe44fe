import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateAudience } from '@rapport/audiences/contract';
import { generateDemoBank, type Truth } from '@rapport/demo-bank';
import { silentLog, systemActor, systemClock } from '@rapport/kernel';
import { NewModel } from '@rapport/models/contract';
import { runMigrations } from '@rapport/stores';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compose, type Platform } from '../apps/server/compose.ts';
import { readConfig } from '../apps/server/config.ts';
import { openSecrets } from '../apps/server/secrets.ts';

const AudienceFile = Type.Object({ audiences: Type.Array(CreateAudience) });

let stores: TestStores;
let platform: Platform;
let truth: Truth;
let folder: string;

beforeAll(async () => {
  stores = await startTestStores([], { runsJobs: false });
  platform = compose({
    stores,
    config: readConfig({ RAPPORT_HOME: stores.home, LOG_LEVEL: 'silent' }, process.cwd()),
    secrets: await openSecrets(stores.home),
    clock: systemClock,
    log: silentLog,
    publicUrl: 'http://127.0.0.1:8080',
  });
  await runMigrations(stores, platform.migrations);
  await stores.jobs.start();
  folder = join(stores.home, 'demo');
  await mkdir(folder, { recursive: true });
  truth = await generateDemoBank({ customers: 1_500, seed: 11, outDir: folder, asOf: systemClock.now() });
  await platform.sources.applyManifest(await readFile(join(folder, 'demo.source.yaml'), 'utf8'), {
    baseDir: folder,
    fileName: 'demo.source.yaml',
  });
  await platform.sources.load('demo');
});
afterAll(async () => stores.stop());

describe('the demo bank, loaded like any bank', () => {
  it('quarantines exactly the planted faults, by file, line and reason', async () => {
    const { items } = await platform.sources.quarantine('demo', { limit: 100 }, systemActor);
    const found = items.map(({ table, file, line, field, reason }) => ({ table, file, line, field, reason }));
    const planted = truth.badRows.map(({ table, file, line, field, reason }) => ({
      table,
      file,
      line,
      field,
      reason,
    }));
    const order = (rows: typeof found): typeof found =>
      rows.toSorted((a, b) => `${a.table}${a.line}`.localeCompare(`${b.table}${b.line}`));
    expect(order(found)).toEqual(order(planted));
  });

  it('holds what the truth file says', async () => {
    const home = await platform.insights.home(systemActor);
    expect(home.customers).toBe(truth.customers);
    expect(home.mau.users).toBe(truth.counts.activeLast30Days);
    expect(home.aum.map(({ currency, totalMinor }) => [currency, totalMinor])).toEqual([
      ['CNY', truth.counts.assetsMinor],
    ]);
    const Sum = Type.Object({ n: Type.Number(), amount: Type.Number() });
    const { placements } = await stores.releases.current();
    const table = stores.warehouse.identifier(placements.get('transaction')?.table ?? '');
    const [row] = await stores.warehouse.query(
      Sum,
      `SELECT toFloat64(count()) AS n, toFloat64(sum(amount_minor)) AS amount FROM ${table}`,
    );
    expect(row).toEqual({ n: truth.counts.transactions, amount: truth.counts.transactionAmountMinor });
  });

  it('computes every tag, and audiences and a model over them', async () => {
    await platform.tags.importYaml(await readFile(join(folder, 'demo.tags.yaml'), 'utf8'), {}, systemActor);
    const job = await stores.jobs.wait(await platform.tags.refresh());
    expect(job.result).toMatchObject({ tags: 40, failed: [] });

    const parsed: unknown = JSON.parse(await readFile(join(folder, 'demo.audiences.json'), 'utf8'));
    for (const audience of Value.Parse(AudienceFile, parsed).audiences) {
      const { count } = await platform.audiences.count({ condition: audience.condition }, systemActor);
      expect(count, audience.name).toBeGreaterThan(0);
      await platform.audiences.create(audience, systemActor);
    }
    for (const file of ['deposit', 'fund', 'newsletter']) {
      const campaign = await platform.campaigns.applyFile(
        await readFile(join(folder, 'campaigns', `${file}.campaign.yaml`), 'utf8'),
        systemActor,
      );
      const { steps } = await platform.campaigns.steps(campaign.id);
      const missing = steps.flatMap((step) => step.faults).filter((fault) => fault.severity === 'missing');
      expect(
        missing.filter(
          (fault) => !fault.pointer.startsWith('/provider') && !fault.pointer.startsWith('/channel'),
        ),
      ).toEqual([]);
    }

    const definition: unknown = JSON.parse(await readFile(join(folder, 'demo.model.json'), 'utf8'));
    const model = await platform.models.create(Value.Parse(NewModel, definition), systemActor);
    await stores.jobs.wait(await platform.models.train(model.id, systemActor));
    await stores.jobs.wait(await platform.models.score(model.id, systemActor));
    const scored = await platform.models.get(model.id);
    expect(scored.card?.validation.auc).toBeGreaterThan(0.5);
    expect(scored.scored).toBe(truth.customers);
    const { count } = await platform.audiences.count(
      { condition: { tag: 'score_deposit_propensity', op: 'known' } },
      systemActor,
    );
    expect(count).toBe(truth.customers);
  });
});
