// `npm run bench:tag-refresh [-- customers …]`: 200 statistical tags over a hundred transactions a customer. In the same
// run: all of them in one scan, one query a tag, and the day after, when a hundredth of new rows came and every window
// moved by a day, brought up to date against computed again. Figures and indexes of the values are not part of it.
// RAPPORT_BENCH_HOME keeps the banks from run to run; making the largest takes longer than everything else.
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog, systemClock } from '@rapport/kernel';
import { createStores, type Placement, type Release, type StartedStores } from '@rapport/stores';
import { makeTestHome, removeTestHome } from '@rapport/stores/testing';
import { Type } from 'typebox';
import { type Computed, createComputation, type TagWorld, worldOf } from '../modules/tags/compute.ts';
import type { Registry } from '../modules/tags/registry.ts';
import { type Figure, measure, report, round, sizesOr } from './harness.ts';
import { AS_OF_MS, benchBank, DAY_MS } from './tag-refresh.data.ts';
import { benchTags } from './tag-refresh.tags.ts';

/** Tags that are computed by themselves; the time of all 200 is taken from theirs. */
const SAMPLE = { small: 40, large: 8 } as const;
const LARGE = 300_000;
const TAGS = benchTags();
const ORDERED = TAGS.map((tag) => ({ tag, level: 0 }));
const DEFINITIONS = new Map(TAGS.map((tag) => [tag.id, tag]));
const figures: Figure[] = [];
const kept = process.env.RAPPORT_BENCH_HOME;

for (const size of sizesOr([10_000, 100_000, 1_000_000])) {
  const home = kept === undefined ? await makeTestHome() : join(kept, `tag-refresh-${size}`);
  if (kept !== undefined) {
    mkdirSync(home, { recursive: true });
    for (const folder of [kept, home]) chmodSync(folder, 0o711);
  }
  const stores = await createStores({
    home,
    log: silentLog,
    clock: systemClock,
    warehouse: { memoryBytes: 7 * 1024 ** 3, sessions: 4 },
  });
  await stores.start();
  try {
    await benchmark(stores, home, size);
  } finally {
    await stores.stop();
    if (kept === undefined) await removeTestHome(home);
  }
  report('tag-refresh', figures);
}

async function benchmark(stores: StartedStores, home: string, customers: number): Promise<void> {
  const { warehouse, releases } = stores;
  const computation = createComputation(stores);
  const bank = await benchBank(stores, home, customers);
  const [counted] = await warehouse.query(
    Type.Object({ n: Type.Integer() }),
    `SELECT count() AS n FROM ${bank.transaction}`,
  );
  const size = counted?.n ?? 0;
  const placements: Release['placements'] = new Map([
    ['customer', { table: bank.customer }],
    ['transaction', { table: bank.transaction }],
  ]);
  const world = worldAt({ number: 1, placements }, AS_OF_MS);
  const run = async (work: () => Promise<Computed>) => {
    const measured = await measure([stores.enginePids().warehouse], work);
    const failed = [...measured.result.failed];
    if (failed.length > 0) throw new Error(`Tags failed: ${JSON.stringify(failed)}`);
    const { steps } = measured.result;
    return {
      ...measured,
      rows: steps.reduce((sum, step) => sum + step.rowsRead, 0),
      bytes: steps.reduce((sum, step) => sum + step.bytesRead, 0),
    };
  };
  const drop = async (computed: Computed): Promise<void> =>
    warehouse.drop(
      ...new Set([...computed.places.values()].flatMap(({ table, segments = [] }) => [table, ...segments])),
    );
  const add = (figure: Omit<Figure, 'size'>): void => {
    figures.push({ ...figure, size });
    console.log(size.toLocaleString('en'), JSON.stringify(figure));
  };

  const full = await run(() => computation.compute(world, ORDERED));
  add({
    name: `full refresh of ${TAGS.length} tags, time`,
    value: round(full.tookMs / 1000),
    unit: 's',
    note: `peak ${full.peakMiB} MiB of process and engine`,
  });

  const step = Math.ceil(TAGS.length / (customers > LARGE ? SAMPLE.large : SAMPLE.small));
  const sample = ORDERED.filter((_, at) => at % step === Math.floor(step / 2));
  const each = { cpuSeconds: 0, rows: 0, bytes: 0 };
  for (const one of sample) {
    const alone = await run(() => computation.compute(world, [one]));
    each.cpuSeconds += alone.cpuSeconds;
    each.rows += alone.rows;
    each.bytes += alone.bytes;
    await drop(alone.result);
  }
  const against = (name: string, value: number, own: number): Figure['against'] => ({
    name,
    value: round(value),
    ratio: round(own / value),
  });
  const scale = TAGS.length / sample.length;
  const note = `one query a tag from ${sample.length} of the tags`;
  for (const [what, unit, own, other] of [
    ['CPU', 's', full.cpuSeconds, each.cpuSeconds],
    ['rows read', 'M', full.rows / 1e6, each.rows / 1e6],
    ['bytes read', 'MB', full.bytes / 1e6, each.bytes / 1e6],
  ] as const)
    add({
      name: `full refresh of ${TAGS.length} tags, ${what}`,
      value: round(own),
      unit,
      against: against('one query a tag', other * scale, own),
      note,
    });

  const view = releases.newTableName('transaction');
  await warehouse.createView(
    view,
    [bank.transaction, bank.day].map((table) => `SELECT * FROM ${table}`).join(' UNION ALL '),
    { spread: 'cid' },
  );
  const next = worldAt(
    {
      number: 2,
      placements: new Map<string, Placement>([
        ...placements,
        ...[...full.result.places].map(
          ([id, { table, column }]) => [`tag/${id}`, { table, column }] as const,
        ),
        ['transaction', { table: view, segments: [bank.transaction, bank.day] }],
      ]),
    },
    AS_OF_MS + DAY_MS,
  );
  const day = await run(() => computation.compute(next, ORDERED, { standing: full.result.inputs }));
  const changed = Math.max(...day.result.steps.map((each) => each.customers ?? 0));
  const patched = [...day.result.places.values()].filter((place) => place.patched !== undefined).length;
  for (const [what, unit, own, other] of [
    ['CPU', 's', day.cpuSeconds, full.cpuSeconds],
    ['time', 's', day.tookMs / 1000, full.tookMs / 1000],
    ['rows read', 'M', day.rows / 1e6, full.rows / 1e6],
    ['bytes read', 'MB', day.bytes / 1e6, full.bytes / 1e6],
  ] as const)
    add({
      name: `the day after, ${what}`,
      value: round(own),
      unit,
      against: against('full refresh', other, own),
      note: `${patched} tags brought up to date, ${changed.toLocaleString('en')} customers changed, peak ${day.peakMiB} MiB`,
    });
  if (customers <= LARGE) {
    const again = await run(() => computation.compute(next, ORDERED));
    await compare(stores, day.result, again.result);
    add({
      name: 'the day after, CPU',
      value: round(day.cpuSeconds),
      unit: 's',
      against: against('full refresh of that day', again.cpuSeconds, day.cpuSeconds),
      note: 'every value compared',
    });
    await drop(again.result);
  }
  await drop(day.result);
  await drop(full.result);
  await warehouse.drop(view);
}

function worldAt(release: Release, asOf: number): TagWorld {
  const registry: Registry = {
    released: new Map(),
    collected: new Map(),
    transaction: { name: '', count: 1, lastMs: undefined, properties: {} },
    account: undefined,
    holding: undefined,
    customer: undefined,
  };
  return worldOf({ release, registry, asOf, definitions: DEFINITIONS });
}

/** Both ways must say the same of every customer, or one of them would be cheap for the wrong reason. */
async function compare({ warehouse }: StartedStores, one: Computed, other: Computed): Promise<void> {
  const digests = async (computed: Computed): Promise<Map<string, unknown>> => {
    const found = new Map<string, unknown>();
    for (const table of new Set([...computed.places.values()].map((place) => place.table))) {
      const ids = [...computed.places].filter(([, place]) => place.table === table).map(([id]) => id);
      const [row] = await warehouse.query(
        Type.Record(Type.String(), Type.Unknown()),
        `SELECT ${ids.map((id) => `toString(sum(sipHash64(cid, toString(${id})))) AS ${id}`).join(', ')} FROM ${table}`,
      );
      for (const id of ids) found.set(id, row?.[id]);
    }
    return found;
  };
  const [a, b] = [await digests(one), await digests(other)];
  const differing = TAGS.filter(({ id }) => a.get(id) !== b.get(id)).map(({ id }) => id);
  if (differing.length > 0) throw new Error(`The tags ${differing.join(', ')} differ.`);
}
