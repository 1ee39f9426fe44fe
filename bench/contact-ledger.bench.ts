// `npm run bench:contact-ledger [-- reservations …]`: reservations of the bank's one contact ledger, durable when
// answered, against `keyValue.update` of the same number of keys with values of the same size in the same run. On
// LMDB, which syncs every commit as in production, and on Redis when RAPPORT_TEST_REDIS_URL names one.
import { type ContactRequest, createContactLedger } from '@rapport/decisions';
import type { KeyValue } from '@rapport/stores';
import { startTestStores } from '@rapport/testkit';
import { type Figure, measure, report, residentBytes, round, sizesOr, summarize } from './harness.ts';

/** What the dispatcher asks for at once. */
const BATCH = 200;
const RUNS = 2;
const SINGLES = 200;
const HISTORIES = 1_000;
const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 10, 23, 4);
/** Three contacts in seven days, as the first policy of an installation, beside a yearly cap that never bites. */
const policy = {
  rules: [
    { id: 'week', channel: 'any' as const, max: 3, window: 'P7D', purpose: 'marketing' as const },
    { id: 'year', channel: 'email' as const, max: 300, window: 'P365D', purpose: 'marketing' as const },
  ],
};

type Measured = Pick<Awaited<ReturnType<typeof measure>>, 'tookMs' | 'cpuSeconds'>;

const sizes = sizesOr([10_000, 100_000]);
const figures: Figure[] = [];
const redisUrl = process.env.RAPPORT_TEST_REDIS_URL;
for (const engine of [
  { name: 'LMDB', url: undefined },
  ...(redisUrl === undefined ? [] : [{ name: 'Redis', url: redisUrl }]),
]) {
  const stores = await startTestStores([], {
    runsJobs: false,
    ...(engine.url === undefined
      ? {}
      : { engines: { keyValue: { url: engine.url, prefix: `bench-${Date.now()}` } } }),
  });
  try {
    await run(engine.name, stores.keyValue);
  } finally {
    if (engine.url !== undefined) await clear(stores.keyValue);
    await stores.stop();
  }
}
report('contact-ledger', figures);

async function run(engine: string, keyValue: KeyValue): Promise<void> {
  const ledger = createContactLedger({ keyValue, policy: async () => policy });
  const seeding = createContactLedger({ keyValue, policy: async () => ({ rules: [] }) });
  const value = new TextEncoder().encode(
    ['dlv_01jbexample0000000000000000', 'email', 'cmp_bench', NOW, 0].join('\t'),
  );
  let nextCid = 0;
  let made = 0;
  const requestOf = (cid: number, at: number): ContactRequest => ({
    cid,
    channel: 'email',
    campaignId: 'cmp_bench',
    deliveryId: `dlv_${String(made++).padStart(26, '0')}`,
    at,
  });

  for (const size of sizes) {
    for (const batch of [BATCH, 2_000]) {
      const ours: Measured[] = [];
      const raw: Measured[] = [];
      for (let turn = 0; turn < (size < 50_000 ? RUNS : 1); turn++) {
        const first = nextCid;
        nextCid += size;
        const requests = Array.from({ length: size }, (_, at) => requestOf(first + at, NOW));
        ours.push(
          await measure([], async () => {
            for (let at = 0; at < size; at += batch) {
              const outcomes = await ledger.reserve(requests.slice(at, at + batch));
              if (outcomes.some(({ outcome }) => outcome !== 'granted'))
                throw new Error('a first contact was withheld');
            }
          }),
        );
        raw.push(
          await measure([], async () => {
            for (let at = 0; at < size; at += batch)
              await Promise.all(
                Array.from({ length: Math.min(batch, size - at) }, (_, index) =>
                  keyValue.update(`bench/${first + at + index}`, () => value),
                ),
              );
          }),
        );
      }
      const perSecond = (all: readonly Measured[]): number =>
        round(size / (Math.min(...all.map(({ tookMs }) => tookMs)) / 1000));
      const cpuEach = (all: readonly Measured[]): number =>
        round((Math.min(...all.map(({ cpuSeconds }) => cpuSeconds)) / size) * 1e6);
      figures.push({
        name: `${engine}: reserve, ${batch.toLocaleString('en')} at once`,
        value: perSecond(ours),
        unit: 'reservations/s',
        size,
        against: {
          name: 'keyValue.update, as many at once',
          value: perSecond(raw),
          ratio: round(perSecond(ours) / perSecond(raw)),
        },
      });
      figures.push({
        name: `${engine}: CPU of the process, ${batch.toLocaleString('en')} at once`,
        value: cpuEach(ours),
        unit: 'µs a reservation',
        size,
        against: {
          name: 'keyValue.update',
          value: cpuEach(raw),
          ratio: round(cpuEach(ours) / cpuEach(raw)),
        },
      });
    }
  }

  // How a customer's history makes it dearer: contacts that lie back far enough to be allowed beside.
  for (const history of [0, 10, 50]) {
    const first = nextCid;
    nextCid += HISTORIES;
    for (let entry = history; entry > 0; entry--)
      await seeding.reserve(
        Array.from({ length: HISTORIES }, (_, at) => requestOf(first + at, NOW - entry * 3 * DAY_MS)),
      );
    const requests = Array.from({ length: HISTORIES }, (_, at) => requestOf(first + at, NOW));
    const ms = await took(async () => {
      for (let at = 0; at < requests.length; at += BATCH)
        await ledger.reserve(requests.slice(at, at + BATCH));
    });
    figures.push({
      name: `${engine}: reserve, ${history} contacts before`,
      value: round(requests.length / (ms / 1000)),
      unit: 'reservations/s',
      size: requests.length,
    });
  }

  const singles: number[] = [];
  const updates: number[] = [];
  for (let at = 0; at < SINGLES; at++) {
    singles.push(await took(() => ledger.reserve([requestOf(nextCid++, NOW)])));
    updates.push(await took(() => keyValue.update(`bench/single/${at}`, () => value)));
  }
  for (const which of ['p50Ms', 'p95Ms'] as const) {
    const own = summarize(singles)[which];
    const peer = summarize(updates)[which];
    figures.push({
      name: `${engine}: one reservation, ${which.slice(0, 3)}`,
      value: own,
      unit: 'ms',
      against: { name: 'one keyValue.update', value: peer, ratio: round(own / peer) },
    });
  }
  figures.push({
    name: `${engine}: memory of the process`,
    value: round(residentBytes() / 1024 ** 2),
    unit: 'MiB',
    size: made,
  });
}

async function took(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function clear(keyValue: KeyValue): Promise<void> {
  let keys: string[] = [];
  for await (const { key } of keyValue.range({ from: '', to: '\u{10ffff}' })) {
    keys.push(key);
    if (keys.length < 5_000) continue;
    await keyValue.delete(keys);
    keys = [];
  }
  if (keys.length > 0) await keyValue.delete(keys);
}
