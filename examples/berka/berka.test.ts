import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLog, systemActor, systemClock } from '@rapport/kernel';
import { createSources, type Sources, sourcesMigrations } from '@rapport/sources';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { checkFacts, missingData } from './facts.ts';

// Whole banks are loaded, on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000 });

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
      allowedRoots: [datasets ?? '', stores.home],
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

  describe('a corrupted copy', () => {
    const yaml = async (): Promise<string> => {
      const text = await readFile(new URL('berka.source.yaml', import.meta.url), 'utf8');
      return text.replace(/^folder: .*$/m, `folder: ${join(stores.home, 'copy')}`);
    };
    const corrupt = async (file: string, change: (text: string) => string | Buffer): Promise<void> => {
      const from = join(datasets ?? '', 'berka');
      const copy = join(stores.home, 'copy');
      await mkdir(copy, { recursive: true });
      for (const name of await readdir(from)) {
        const text = await readFile(join(from, name), 'latin1');
        if (name === file) await writeFile(join(copy, name), change(text), 'latin1');
        else await writeFile(join(copy, name), text, 'latin1');
      }
      await sources.applyManifest(await yaml());
    };
    const isIntact = async (): Promise<boolean> => {
      const facts = await checkFacts(stores.warehouse, await stores.releases.current());
      return facts.every((fact) => fact.holds);
    };

    it('with a truncated last line, repeated keys and an amount of "abc" says exactly which records those are', async () => {
      await corrupt('loan.asc', (text) => {
        const lines = text.trimEnd().split('\r\n');
        const [first = ''] = lines.slice(1);
        const fields = (lines[2] ?? '').split(';');
        fields[3] = 'abc';
        lines[2] = fields.join(';');
        return [...lines.slice(0, -1), first, (lines.at(-1) ?? '').slice(0, 9)].join('\r\n');
      });
      const load = await sources.load('berka');
      expect(load.state).toBe('loaded');
      const { items } = await sources.quarantine('berka', {}, systemActor);
      expect(items.map(({ table, line, field, reason }) => [table, line, field, reason])).toEqual([
        ['loan', 3, 'amount', 'not_an_amount'],
        ['loan', 683, 'loan_id', 'duplicate_key'],
        ['loan', 684, '', 'truncated_record'],
      ]);
      expect(items[0]?.value).toBe('abc');
      expect(load.tables.find((table) => table.table === 'loan')).toMatchObject({
        read: 683,
        loaded: 680,
        quarantined: 3,
      });
    });

    it.each([
      [
        'a missing column',
        'account.asc',
        (text: string) => text.replace('"frequency"', '"freq"'),
        'missing_column',
      ],
      [
        'another encoding',
        'client.asc',
        (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le'),
        'wrong_encoding',
      ],
      [
        'another encoding in the rows',
        'district.asc',
        (text: string) => text.replaceAll('o', '\xf3'),
        'wrong_encoding',
      ],
      ['nothing in it', 'disp.asc', () => '', 'empty_file'],
    ])('with %s is refused, and the data of before answers', async (_what, file, change, code) => {
      await corrupt('', (text) => text);
      expect((await sources.load('berka')).state).toBe('loaded');
      await corrupt(file, change);
      const load = await sources.load('berka');
      expect(load.state).toBe('refused');
      expect(load.faults.map((fault) => fault.code)).toEqual([code]);
      expect(await isIntact()).toBe(true);
    });
  });
});
