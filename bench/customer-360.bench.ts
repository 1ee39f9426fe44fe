// `npm run bench:customer-360 [-- customers]`: the whole picture of a customer over HTTP, of customers drawn at random
// and never asked for before, by one caller and by eight. CPU times are those of the server, which is this process, and
// of the warehouse: unlike times they hold on a machine that does other work too.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startTestServer } from '../apps/server/testing.ts';
import { type Figure, measure, report, round, sizesOr, summarize } from './harness.ts';

const ASKED = 1_500;
const figures: Figure[] = [];
for (const customers of sizesOr([20_000, 200_000, 1_000_000])) {
  const server = await startTestServer({
    withDemo: true,
    env: { RAPPORT_DEMO_CUSTOMERS: String(customers) },
  });
  try {
    const administrator = await server.as('admin');
    const warehouse = Number(await readFile(join(server.home, 'warehouse/engine.pid'), 'utf8'));
    const retail = Math.floor(customers * 0.97);
    const step = 7_919;
    let at = 0;
    const next = (): string => `C${String(((at++ * step) % retail) + 1).padStart(8, '0')}`;
    for (const callers of [1, 8]) {
      const took: number[] = [];
      const call = async (count: number): Promise<void> => {
        for (let done = 0; done < count; done++) {
          const start = performance.now();
          const { status } = await administrator('GET', `/customers/${next()}`);
          took.push(performance.now() - start);
          if (status !== 200) throw new Error(`A customer was answered with ${status}.`);
        }
      };
      await call(50);
      took.length = 0;
      const { tookMs, cpuSeconds } = await measure([warehouse], () =>
        Promise.all(Array.from({ length: callers }, () => call(Math.floor(ASKED / callers)))),
      );
      const { p50Ms, p95Ms } = summarize(took);
      const sorted = [...took].sort((a, b) => a - b);
      const p99Ms = round(sorted[Math.ceil(0.99 * sorted.length) - 1] ?? Number.NaN);
      const who = callers === 1 ? 'one caller' : `${callers} callers`;
      const add = (name: string, value: number, unit: string): void => {
        figures.push({ name: `360, ${who}, ${name}`, value: round(value), unit, size: customers });
      };
      add('p50', p50Ms, 'ms');
      add('p95', p95Ms, 'ms');
      add('p99', p99Ms, 'ms');
      add('rate', took.length / (tookMs / 1000), '/s');
      add('CPU a customer', (1000 * cpuSeconds) / took.length, 'ms');
    }
  } finally {
    await server.stop();
  }
}
report('customer-360', figures);
