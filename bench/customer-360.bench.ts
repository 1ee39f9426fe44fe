// `npm run bench:customer-360 [-- customers]`: the whole picture of a customer over HTTP, of customers drawn at random
// and never asked for before, by one caller and by eight.
import { startTestServer } from '../apps/server/testing.ts';
import { type Figure, report, round, sizesOr, summarize } from './harness.ts';

const ASKED = 1_500;
const figures: Figure[] = [];
for (const customers of sizesOr([20_000, 200_000])) {
  const server = await startTestServer();
  try {
    const administrator = await server.as('admin');
    const started = await administrator('POST', '/demo', { customers });
    const jobId = String(started.body.jobId ?? started.body.id);
    for (;;) {
      const { body } = await administrator('GET', `/jobs/${jobId}`);
      if (body.state === 'done') break;
      if (body.state === 'failed') throw new Error(String(body.error));
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
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
      const start = performance.now();
      await Promise.all(Array.from({ length: callers }, () => call(Math.floor(ASKED / callers))));
      const seconds = (performance.now() - start) / 1000;
      const { p50Ms, p95Ms } = summarize(took);
      const sorted = [...took].sort((a, b) => a - b);
      const p99 = round(sorted[Math.ceil(0.99 * sorted.length) - 1] ?? Number.NaN);
      const who = callers === 1 ? 'one caller' : `${callers} callers`;
      figures.push({ name: `360, ${who}, p50`, value: p50Ms, unit: 'ms', size: customers });
      figures.push({ name: `360, ${who}, p95`, value: p95Ms, unit: 'ms', size: customers });
      figures.push({ name: `360, ${who}, p99`, value: p99, unit: 'ms', size: customers });
      figures.push({
        name: `360, ${who}, rate`,
        value: round(took.length / seconds),
        unit: '/s',
        size: customers,
      });
    }
  } finally {
    await server.stop();
  }
}
report('customer-360', figures);
