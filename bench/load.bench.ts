// `npm run bench:load [-- rows …]`: a CSV of transactions through `sources.load`, end to end, with and without the
// customers' projector, against the engine's own reading of the same file into the same table in the same run; then a
// delivery of 1 % more rows, appended, and one of new, late, corrected and repeated rows, upserted, against the whole load.
// The warehouse syncs every insert to the disk, as in production; figures are the best of as many runs as `runsOf` says.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createProjector, customersMigrations } from '@rapport/customers';
import { seededRandom, silentLog, systemClock } from '@rapport/kernel';
import { createSources, type Projector, sourcesMigrations } from '@rapport/sources';
import { startTestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { stringify } from 'yaml';
import { type Figure, measure, report, round, sizesOr } from './harness.ts';

/** The large sizes are steadier. */
const runsOf = (rows: number): number => (rows < 500_000 ? 5 : rows < 5_000_000 ? 3 : 2);
const ROWS_PER_CUSTOMER = 10;
/** One row in ten thousand has an amount that is none. */
const BAD_EVERY = 10_000;
const CREDIT_SHARE = 0.25;
/** Share of the rows that a day brings. */
const DAY = 0.01;
const HEADER = 'transaction_id,customer_id,at,amount,direction,kind,channel,counterparty';

const sizes = sizesOr([100_000, 1_000_000, 10_000_000]);
const figures: Figure[] = [];
const stores = await startTestStores([sourcesMigrations, customersMigrations], {
  engines: { warehouse: { isSynced: true } },
  runsJobs: false,
});
try {
  const root = join(stores.home, 'files');
  await mkdir(root);
  const real = createProjector({ ...stores, dataKey: Buffer.alloc(32, 3) });
  let isProjecting = true;
  const projector: Projector = {
    project: async (input) => (isProjecting ? real.project(input) : { set: {}, rejected: [] }),
  };
  const sources = createSources({
    stores,
    clock: systemClock,
    log: silentLog,
    audit: { record: async () => undefined },
    allowedRoots: [root],
    variables: {},
    projector,
  });
  await stores.jobs.start();

  const customers = Math.ceil(Math.max(...sizes) / ROWS_PER_CUSTOMER);
  await writeCustomers(join(root, 'core'), customers);
  await sources.applyManifest(
    stringify({
      source: 'core',
      title: { en: 'Core' },
      folder: 'core',
      tables: {
        customers: {
          path: 'customers.csv',
          role: 'customer',
          key: ['customer_id'],
          columns: { customer_id: 'text', name: 'text', email: 'text', org_unit: 'text', birth_date: 'date' },
        },
      },
    }),
  );
  expectLoaded(await sources.load('core'), customers, 0);

  for (const rows of [10_000, ...sizes]) {
    const isWarmUp = rows === 10_000 && !sizes.includes(rows);
    const id = `ledger_${rows}`;
    const file = join(root, id, 'transactions.csv');
    await writeTransactions(join(root, id), file, rows, customers);
    const { size: bytes } = await stat(file);
    await sources.applyManifest(manifest(id, 'full'));
    const bad = Math.floor(rows / BAD_EVERY);
    const best = {
      bare: Number.POSITIVE_INFINITY,
      projected: Number.POSITIVE_INFINITY,
      engine: Number.POSITIVE_INFINITY,
    };
    const cpu = {
      bare: Number.POSITIVE_INFINITY,
      projected: Number.POSITIVE_INFINITY,
      engine: Number.POSITIVE_INFINITY,
    };
    const peak = { bare: 0, projected: 0, engine: 0 };
    const pids = [stores.enginePids().warehouse];
    for (let run = 0; run < (isWarmUp ? 1 : runsOf(rows)); run++) {
      for (const variant of ['bare', 'projected'] as const) {
        isProjecting = variant === 'projected';
        const { tookMs, cpuSeconds, peakMiB, result } = await measure(pids, () => sources.load(id));
        expectLoaded(result, rows - bad, bad);
        best[variant] = Math.min(best[variant], tookMs);
        cpu[variant] = Math.min(cpu[variant], cpuSeconds);
        peak[variant] = Math.max(peak[variant], peakMiB);
      }
      const { tookMs, cpuSeconds, peakMiB } = await measure(pids, () => byEngine(id, file, rows - bad));
      best.engine = Math.min(best.engine, tookMs);
      cpu.engine = Math.min(cpu.engine, cpuSeconds);
      peak.engine = Math.max(peak.engine, peakMiB);
    }
    const increments: { name: string; tookMs: number; cpuSeconds: number; rows: number }[] = [];
    for (const mode of ['append', 'upsert'] as const) {
      const day = Math.round(rows * DAY);
      await writeDay(join(root, id, `day_${mode}.csv`), mode, day, rows, customers);
      await sources.applyManifest(manifest(id, mode));
      const { tookMs, cpuSeconds, result } = await measure(pids, () => sources.load(id));
      const repeated = mode === 'upsert' ? Math.floor(day / 5) : 0;
      expectLoaded(result, day - repeated, 0);
      const name =
        mode === 'append' ? 'append of 1 % new rows' : 'upsert of 1 %: new, late, corrected, repeated';
      increments.push({ name, tookMs, cpuSeconds, rows: day });
    }
    // The next size's canonical table shall not carry this one's rows.
    await stores.releases.publish({
      set: {},
      remove: [`src/${id}/transactions`, 'transaction'],
      note: 'measured',
    });
    await stores.releases.sweep(0);
    if (isWarmUp) continue;
    const perSecond = (tookMs: number): number => round(rows / (tookMs / 1000));
    const limit = perSecond(best.engine);
    for (const variant of ['bare', 'projected'] as const) {
      figures.push({
        name: variant === 'bare' ? 'load, typed table' : 'load, typed and canonical table',
        value: perSecond(best[variant]),
        unit: 'rows/s',
        size: rows,
        against: {
          name: "the engine's own INSERT … SELECT FROM file()",
          value: limit,
          ratio: round(perSecond(best[variant]) / limit),
        },
        note: `${round(best[variant] / 1000)} s, ${round(bytes / best[variant] / 1000)} MB/s, ${bad} rows quarantined`,
      });
      figures.push({
        name: `CPU, ${variant === 'bare' ? 'typed table' : 'typed and canonical table'}`,
        value: round((cpu[variant] / rows) * 1e6),
        unit: 's per million rows',
        size: rows,
        against: {
          name: "the engine's own reading",
          value: round((cpu.engine / rows) * 1e6),
          ratio: round(cpu[variant] / cpu.engine),
        },
      });
      figures.push({
        name: `peak memory of process and engine, ${variant === 'bare' ? 'typed' : 'and canonical'}`,
        value: peak[variant],
        unit: 'MiB',
        size: rows,
        against: {
          name: "the engine's own reading",
          value: peak.engine,
          ratio: round(peak[variant] / peak.engine),
        },
      });
    }
    for (const { name, tookMs, cpuSeconds, rows: day } of increments) {
      figures.push({
        name,
        value: round(tookMs / 1000),
        unit: 's',
        size: rows,
        against: {
          name: 'the load of all rows, typed and canonical',
          value: round(best.projected / 1000),
          ratio: round(tookMs / best.projected),
        },
        note: `${day} records, ${round(cpuSeconds)} s of CPU against ${round(cpu.projected)} s`,
      });
    }
  }
} finally {
  await stores.stop();
}
report('load', figures);

function manifest(id: string, mode: 'full' | 'append' | 'upsert'): string {
  return stringify({
    source: id,
    title: { en: id },
    folder: id,
    defaults: { currency: 'TWD' },
    tables: {
      transactions: {
        path: mode === 'full' ? 'transactions.csv' : ['transactions.csv', 'day_*.csv'],
        role: 'transaction',
        mode,
        key: ['transaction_id'],
        map: { amount_minor: 'amount', currency: { value: 'TWD' } },
        columns: {
          transaction_id: { type: 'text', required: true },
          customer_id: { type: 'text', required: true },
          at: { type: 'instant', required: true },
          amount: { type: 'money', required: true },
          direction: { type: 'text', values: ['credit', 'debit'] },
          kind: 'text',
          channel: 'text',
          counterparty: 'text',
        },
      },
    },
  });
}

/** What the engine does by itself: parse the file in parallel and insert it; a bad amount is skipped, not kept. */
async function byEngine(id: string, file: string, expected: number): Promise<void> {
  const { warehouse, releases } = stores;
  const placement = (await releases.current()).placements.get(`src/${id}/transactions`);
  const typed = warehouse.identifier(placement?.table ?? '');
  const own = warehouse.identifier(releases.newTableName('bench_engine'));
  await warehouse.command(`CREATE TABLE ${own} AS ${typed}`);
  await warehouse.command(
    `INSERT INTO ${own} SELECT transaction_id, customer_id, at, toInt64(amount * 100), direction, kind, channel, counterparty, 'transactions.csv', rowNumberInAllBlocks(), false FROM file('${file}', 'CSVWithNames', 'transaction_id String, customer_id String, at DateTime64(3, \\'UTC\\'), amount Decimal(18, 2), direction String, kind String, channel String, counterparty String')`,
    {},
    {
      maxSeconds: 600,
      settings: { input_format_allow_errors_ratio: 0.1, date_time_input_format: 'best_effort' },
    },
  );
  const [counted] = await warehouse.query(
    Type.Object({ n: Type.Integer() }),
    `SELECT count() AS n FROM ${own}`,
  );
  await warehouse.command(`DROP TABLE ${own}`);
  if (counted?.n !== expected) throw new Error(`The engine read ${counted?.n} rows instead of ${expected}.`);
}

function expectLoaded(
  load: {
    state: string;
    faults: unknown;
    tables: readonly { loaded: number; quarantined: number }[];
  },
  loaded: number,
  quarantined: number,
): void {
  const [table] = load.tables;
  if (load.state !== 'loaded' || table?.loaded !== loaded || table.quarantined !== quarantined)
    throw new Error(
      `Not loaded as expected: ${JSON.stringify({ ...load, loadedExpected: loaded, quarantined })}`,
    );
}

async function writeCustomers(folder: string, count: number): Promise<void> {
  await mkdir(folder);
  await writeLines(
    join(folder, 'customers.csv'),
    'customer_id,name,email,org_unit,birth_date',
    count,
    (at) =>
      `${customerId(at)},Customer ${at},c${at}@example.org,B${at % 50},19${50 + (at % 50)}-0${1 + (at % 9)}-1${at % 10}`,
  );
}

/**
 * What a day brings: new rows, of an upsert three fifths, half of them older than all that is there; a fifth of
 * rows that are there, corrected; a fifth of rows that are there, just as they are.
 */
async function writeDay(
  file: string,
  mode: 'append' | 'upsert',
  day: number,
  rows: number,
  customers: number,
): Promise<void> {
  const random = seededRandom(rows + 1);
  const source = transactions(rows, customers);
  const step = Math.floor(rows / day);
  const old = new Map<number, string>();
  for (let at = 0; mode === 'upsert' && at < rows; at++) {
    const line = source(at);
    const place = at % step === 0 ? at / step : day;
    // Bad rows are not there.
    if (place < day && at % BAD_EVERY !== BAD_EVERY - 1) old.set(place, line);
  }
  await writeLines(file, HEADER, day, (at) => {
    const known = at % 5 > 2 ? old.get(at) : undefined;
    if (known !== undefined) return at % 5 === 3 ? known : known.replace('Merchant', 'Corrected merchant');
    const begin = Date.UTC(mode === 'upsert' && at % 2 === 0 ? 2024 : 2026, 0, 1);
    const instant = new Date(begin + random.integer(80_000) * 1000).toISOString();
    return `${mode}${String(at).padStart(9, '0')},${customerId(random.integer(customers))},${instant},12.50,debit,card,app,Merchant 1`;
  });
}

/** The lines of a file of so many rows, in order. */
function transactions(rows: number, customers: number): (at: number) => string {
  const random = seededRandom(rows);
  const begin = Date.UTC(2025, 0, 1);
  const kinds = ['transfer', 'card', 'cash', 'fee', 'salary'];
  const channels = ['app', 'atm', 'branch', 'web'];
  return (at) => {
    const isBad = at % BAD_EVERY === BAD_EVERY - 1;
    const amount = isBad ? '12x.50' : `${random.integer(100_000)}.${10 + random.integer(90)}`;
    const instant = new Date(begin + random.integer(31_000_000) * 1000).toISOString();
    return `T${String(at).padStart(9, '0')},${customerId(random.integer(customers))},${instant},${amount},${random.next() < CREDIT_SHARE ? 'credit' : 'debit'},${kinds[random.integer(5)]},${channels[random.integer(4)]},Merchant ${random.integer(5_000)}`;
  };
}

async function writeTransactions(
  folder: string,
  file: string,
  rows: number,
  customers: number,
): Promise<void> {
  await mkdir(folder);
  await writeLines(file, HEADER, rows, transactions(rows, customers));
}

function customerId(at: number): string {
  return `C${String(at).padStart(8, '0')}`;
}

async function writeLines(
  file: string,
  header: string,
  count: number,
  line: (at: number) => string,
): Promise<void> {
  const stream = createWriteStream(file);
  let text = `${header}\n`;
  for (let at = 0; at < count; at++) {
    text += `${line(at)}\n`;
    if (text.length < 1 << 20 && at < count - 1) continue;
    if (!stream.write(text)) await once(stream, 'drain');
    text = '';
  }
  stream.end();
  await once(stream, 'finish');
}
