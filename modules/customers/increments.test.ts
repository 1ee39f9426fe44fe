import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Random, seededRandom, silentLog, systemActor, systemClock } from '@rapport/kernel';
import { createSources, type Sources, sourcesMigrations } from '@rapport/sources';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProjector, customersMigrations } from './index.ts';

const CHAINS = 2;
const STEPS = 6;
const Row = Type.Object({ row: Type.String() });
const Fact = Type.Object({ fact: Type.String() });

let stores: TestStores;
let sources: Sources;
let root: string;
beforeAll(async () => {
  stores = await startTestStores([sourcesMigrations, customersMigrations], { runsJobs: false });
  root = join(stores.home, 'files');
  await mkdir(root);
  sources = createSources({
    stores,
    clock: systemClock,
    log: silentLog,
    audit: { record: async () => undefined },
    allowedRoots: [root],
    variables: {},
    projector: createProjector({ ...stores, dataKey: Buffer.alloc(32, 5) }),
  });
  await stores.jobs.start();
});
afterAll(() => stores?.stop());

const table = async (logical: string): Promise<string> => {
  const placement = (await stores.releases.current()).placements.get(logical);
  return stores.warehouse.identifier(placement?.table ?? 'nothing');
};
const facts = async (): Promise<string[]> => {
  const rows = await stores.warehouse.query(
    Fact,
    `SELECT concat(r.customer_id, ' ', t.transaction_id, ' ', toString(toUnixTimestamp64Milli(t.at)), ' ', toString(t.amount_minor)) AS fact
     FROM ${await table('transaction')} AS t INNER JOIN ${await table('record')} AS r ON t.record = r.record ORDER BY fact`,
  );
  return rows.map(({ fact }) => fact);
};
const load = async (source: string) => {
  const view = await sources.load(source);
  if (view.state !== 'loaded') throw new Error(JSON.stringify(view.faults));
  for (const each of view.tables)
    expect(each.read).toBe(each.loaded + each.quarantined + (each.repeated ?? 0));
  return view;
};

const COLUMNS = `
      id: text
      customer_id: { type: text, required: true }
      at: { type: instant, required: true }
      amount: { type: money, required: true }
      version: integer
      op: text`;
const moves = (source: string, mode: string, path: string, more = ''): string => `
source: ${source}
title: { en: ${source} }
folder: ${source}
tables:
  customer:
    path: customer.csv
    role: customer
    mode: upsert
    key: [customer_id]
    columns: { customer_id: text, city: text }
  move:
    path: '${path}'
    role: transaction
    key: [id]
    mode: ${mode}
    ${more}
    map: { transaction_id: id, amount_minor: amount, direction: { value: debit }, currency: { value: TWD } }
    attributes: none
    columns:${COLUMNS}
`;
const versioned = (yaml: string): string =>
  yaml.replace('version: integer', 'version: { type: integer, required: true }');
const UPSERT = 'version: version\n    deletes: { column: op, values: [D] }\n    maxQuarantineShare: 1';

interface Move {
  readonly id: string;
  readonly customer: string;
  readonly atMs: number;
  readonly amount: number;
  readonly version: number;
  readonly op: string;
}
const instant = (ms: number): string => new Date(ms).toISOString();
const line = (move: Move): string =>
  `${move.id},${move.customer},${instant(move.atMs)},${move.amount}.00,${move.version},${move.op}`;
const csv = (rows: readonly Move[]): string =>
  `id,customer_id,at,amount,version,op\n${rows.map(line).join('\n')}\n`;
const BEGIN = Date.UTC(2025, 0, 1);

/** Rows of a delivery: new ones, ones that came before, corrected ones, deletions; most instants are few. */
function delivery(random: Random, seen: Map<string, Move>, step: number): Move[] {
  return Array.from({ length: 10 + random.integer(30) }, (): Move => {
    const old = [...seen.values()][random.integer(seen.size + 1)];
    const kind = old ? random.integer(6) : 0;
    const fresh: Move = {
      id: `m${random.integer(90)}`,
      customer: `C${random.integer(14)}`,
      atMs: BEGIN + random.integer(12) * 3_600_000,
      amount: random.integer(4),
      version: step * 2 + random.integer(2),
      op: 'I',
    };
    if (!old || kind < 3) return fresh;
    if (kind === 3) return old;
    if (kind === 4) return { ...old, amount: old.amount + 1, version: old.version + random.integer(3) - 1 };
    return { ...old, op: 'D', version: old.version + 1 };
  });
}

/** What a table holds after a delivery, the plain way. Deleted rows stay in the map, so that older ones do not return. */
function reference(
  mode: 'append' | 'upsert',
  held: Map<string, Move>,
  files: readonly (readonly Move[])[],
): void {
  const delivered = new Map<string, Move>();
  for (const move of files.flat()) {
    const other = delivered.get(move.id);
    if (!other || (mode === 'upsert' && move.version >= other.version)) delivered.set(move.id, move);
  }
  for (const [id, move] of delivered) {
    const other = held.get(id);
    if (!other || (mode === 'upsert' && move.version >= other.version)) held.set(id, move);
  }
}

describe('a table that grows by deliveries', () => {
  it('holds what a map by key holds, and so do the facts, whatever comes late, twice, corrected or deleted', {
    timeout: 600_000,
  }, async () => {
    for (let chain = 0; chain < CHAINS; chain++) {
      const random = seededRandom(900 + chain);
      const mode = chain % 2 === 0 ? 'upsert' : 'append';
      const source = `chain_${chain}`;
      const folder = join(root, source);
      await mkdir(folder);
      const growing = versioned(
        moves(source, mode, 'd_*.csv', mode === 'upsert' ? UPSERT : 'maxQuarantineShare: 1'),
      );
      const isLive = (move: Move): boolean => mode === 'append' || move.op !== 'D';
      let held = new Map<string, Move>();
      let customers = 4;
      let again = '';
      for (let step = 0; step < STEPS; step++) {
        const files = Array.from({ length: 1 + random.integer(2) }, () => delivery(random, held, step));
        if (step === 3) files.push(files[0] ?? []);
        customers = Math.min(14, customers + random.integer(4));
        await writeFile(
          join(folder, 'customer.csv'),
          `customer_id,city\n${Array.from({ length: customers }, (_, at) => `C${at},Taipei`).join('\n')}\n`,
        );
        // Now and then all is delivered anew.
        const isFull = step === 4;
        for (const [at, rows] of files.entries())
          await writeFile(join(folder, isFull ? `full_${at}.csv` : `d_${step}_${at}.csv`), csv(rows));
        // What was delivered before comes again under another name.
        if (step === 2) again = csv(files[0] ?? []);
        if (step === 5) await writeFile(join(folder, 'd_5_again.csv'), again);
        await sources.applyManifest(
          isFull ? versioned(moves(source, 'full', 'full_*.csv', 'maxQuarantineShare: 1')) : growing,
        );
        if (isFull) held = new Map();
        reference(isFull ? 'append' : mode, held, files);
        await load(source);
        // What says that a key is gone is a row like others to whoever does not know of it.
        const live = [...held.values()].filter((move) => isFull || isLive(move));
        const rows = await stores.warehouse.query(
          Row,
          `SELECT concat(id, ' ', customer_id, ' ', toString(toUnixTimestamp64Milli(at)), ' ', toString(amount), ' ', toString(version), ' ', op) AS row FROM ${await table(`src/${source}/move`)}`,
        );
        expect(rows.map(({ row }) => row).sort(), `rows of ${source} after step ${step}`).toEqual(
          live
            .map((move) =>
              [move.id, move.customer, move.atMs, move.amount * 100, move.version, move.op].join(' '),
            )
            .sort(),
        );
        const known = live.filter((move) => Number(move.customer.slice(1)) < customers);
        expect(await facts(), `facts after step ${step} of ${source}`).toEqual(
          known.map((move) => `${move.customer} ${move.id} ${move.atMs} ${move.amount * 100}`).sort(),
        );
      }
      await stores.releases.publish({
        set: {},
        remove: [
          'transaction',
          'customer',
          'record',
          'customer_pii',
          `src/${source}/move`,
          `src/${source}/customer`,
        ],
        note: 'next chain',
      });
      await rm(folder, { recursive: true });
    }
  });

  it('leaves the segments of before where they are, beside one of the increment', async () => {
    const folder = join(root, 'bank');
    await mkdir(folder);
    await sources.applyManifest(moves('bank', 'append', 'd_*.csv', 'maxQuarantineShare: 0.5'));
    await writeFile(join(folder, 'customer.csv'), 'customer_id,city\nC1,Taipei\nC2,Hsinchu\n');
    const move = (at: number, customer: string): Move => ({
      id: `x${at}`,
      customer,
      atMs: BEGIN + at * 1000,
      amount: 1,
      version: 1,
      op: 'I',
    });
    await writeFile(join(folder, 'd_1.csv'), csv(Array.from({ length: 500 }, (_, at) => move(at, 'C1'))));
    await load('bank');
    const first = (await stores.releases.current()).placements.get('transaction');
    expect(first?.segments).toBeUndefined();

    // Later, but older than all that is there; one row is there already, one says something else.
    await writeFile(
      join(folder, 'd_2.csv'),
      csv([move(-5, 'C2'), move(-6, 'C9'), move(3, 'C1'), { ...move(4, 'C1'), amount: 9 }]),
    );
    const view = await load('bank');
    expect(view.tables.find(({ table: name }) => name === 'move')).toMatchObject({
      read: 4,
      loaded: 2,
      repeated: 1,
      quarantined: 1,
      rows: 502,
      skippedFiles: ['d_1.csv'],
    });
    expect(view.rejected).toEqual([{ table: 'move', reason: 'unknown_customer', count: 1 }]);
    const second = (await stores.releases.current()).placements.get('transaction');
    expect(second?.segments?.[0]).toBe(first?.table);
    expect(second?.segments).toHaveLength(2);
    const infos = await stores.releases.segments(second?.segments ?? []);
    expect(infos.get(second?.segments?.[1] ?? '')).toMatchObject({
      rows: 1,
      minAtMs: BEGIN - 5_000,
      createdBy: view.id,
    });
    const refused = await sources.quarantine('bank', { reason: 'duplicate_key' }, systemActor);
    expect(refused.items).toMatchObject([{ file: 'd_2.csv', line: 5, value: 'x4' }]);

    // The customer comes after the movement; what is refused stays in quarantine; nothing is swept away.
    await writeFile(join(folder, 'customer.csv'), 'customer_id,city\nC1,Taipei\nC2,Hsinchu\nC9,Tainan\n');
    await load('bank');
    await stores.releases.sweep(0);
    const third = (await stores.releases.current()).placements.get('transaction');
    expect(third?.segments?.slice(0, 2)).toEqual(second?.segments);
    expect((await facts()).filter((fact) => fact.startsWith('C9'))).toEqual([`C9 x-6 ${BEGIN - 6_000} 100`]);
    expect((await facts()).length).toBe(502);
    const open = await sources.quarantine('bank', { reason: 'duplicate_key' }, systemActor);
    expect(open.items).toMatchObject([{ file: 'd_2.csv', line: 5, value: 'x4' }]);
  });

  it('takes a new column, and says exactly which change the rows of before cannot follow', async () => {
    const refusal = async (yaml: string): Promise<string> => {
      await sources.applyManifest(yaml);
      const view = await sources.load('bank');
      expect(view.state).toBe('refused');
      return view.faults.map(({ place, message }) => `${place}: ${message}`).join('\n');
    };
    const before = await facts();
    const folder = join(root, 'bank');
    await writeFile(join(folder, 'd_3.csv'), csv([]));
    const manifest = moves('bank', 'append', 'd_*.csv', 'maxQuarantineShare: 0.5');
    expect(await refusal(manifest.replace('version: integer', 'version: text'))).toContain(
      'move.version: The column "version" was integer and is text; the rows loaded before cannot be read so. Load it once with mode: full',
    );
    expect(await refusal(versioned(manifest))).toContain(
      'The column "version" was integer without being required and is required',
    );
    expect(await refusal(manifest.replace('key: [id]', 'key: [id, at]'))).toContain(
      'The key of move was id and is id, at',
    );
    expect(await facts()).toEqual(before);

    await sources.applyManifest(`${manifest}      branch: text\n`);
    await writeFile(
      join(folder, 'd_3.csv'),
      `id,customer_id,at,amount,version,op,branch\nx900,C1,${instant(BEGIN)},5.00,1,I,B7\n`,
    );
    await load('bank');
    const branches = await stores.warehouse.query(
      Row,
      `SELECT concat(branch, ' ', toString(count())) AS row FROM ${await table('src/bank/move')} GROUP BY branch ORDER BY row`,
    );
    expect(branches.map(({ row }) => row)).toEqual([' 502', 'B7 1']);
    expect((await facts()).length).toBe(503);
  });
});
