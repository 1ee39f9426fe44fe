import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, startTestServer, type TestServer } from './testing.ts';

const CUSTOMERS = 60;
const SOURCE = `
source: travel_bank
title: { en: Bank of yesterday }
folder: travel
defaults: { format: csv, nulls: [""] }
tables:
  customer:
    path: customers.csv
    columns:
      customer_id: { type: text, required: true }
      points: integer
    key: [customer_id]
    role: customer
    map: { kind: { value: retail } }
    attributes: [points]
`;
const tagsOf = (asOf: string): string => `asOf: ${asOf}
tags:
  - id: points
    title: { en: Points }
    category: test/travel
    valueType: number
    definition: { kind: fact, from: customer, value: "toNumber(attributes['points'])" }
`;
const DAY_1 = '2026-10-30T15:00:00.000Z';
const DAY_2 = '2026-10-31T15:00:00.000Z';
/** Points of a customer on the first day and on the second. */
const pointsOn = { [DAY_1]: (at: number) => at % 10, [DAY_2]: (at: number) => (at % 10) + (at % 3) };
const naive = (points: (at: number) => number): number =>
  Array.from({ length: CUSTOMERS }, (_, at) => at).filter((at) => points(at) >= 7).length;

let server: TestServer;
let admin: Caller;
let analyst: Caller;
beforeAll(async () => {
  server = await startTestServer();
  admin = await server.as('admin');
  analyst = await server.as('analyst');
  await mkdir(join(server.home, 'travel'));
  await deliver(DAY_1);
  await ok(admin('POST', '/sources', { yaml: SOURCE, baseDir: server.home }));
  await refreshed(DAY_1);
  await deliver(DAY_2);
  await refreshed(DAY_2);
}, 120_000);
afterAll(() => server?.stop());

async function deliver(day: keyof typeof pointsOn): Promise<void> {
  const rows = Array.from({ length: CUSTOMERS }, (_, at) => `C${at},${pointsOn[day](at)}`);
  await writeFile(join(server.home, 'travel', 'customers.csv'), `customer_id,points\n${rows.join('\n')}\n`);
}

async function refreshed(day: string): Promise<void> {
  await ok(analyst('POST', '/tags/import', { yaml: tagsOf(day) }));
  await finished(await ok(admin('POST', '/sources/travel_bank/loads')));
  await finished(await ok(analyst('POST', '/tags/refresh', {})));
}

async function ok(answer: ReturnType<Caller>): Promise<Record<string, unknown>> {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body;
}

async function finished({ jobId }: Record<string, unknown>): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const job = await ok(admin('GET', `/jobs/${jobId}`));
    if (job.state === 'done') return;
    if (job.state === 'failed') throw new Error(JSON.stringify(job));
    await sleep(100);
  }
  throw new Error(`job ${jobId} does not end`);
}

describe('an audience as of a past day', () => {
  const condition = { tag: 'points', op: '>=', value: 7 };

  it('counts and explains with the values of that day', async () => {
    const [before, after] = [naive(pointsOn[DAY_1]), naive(pointsOn[DAY_2])];
    expect(before).not.toBe(after);
    expect(await ok(analyst('POST', '/audiences/count', { condition }))).toMatchObject({ count: after });
    expect(await ok(analyst('POST', '/audiences/count', { condition, asOf: DAY_2 }))).toMatchObject({
      count: after,
    });
    expect(await ok(analyst('POST', '/audiences/count', { condition, asOf: DAY_1 }))).toMatchObject({
      count: before,
      total: CUSTOMERS,
      tagsAsOf: { points: '2026-10-30' },
    });
    expect(await ok(analyst('POST', '/audiences/explain', { condition, asOf: DAY_1 }))).toMatchObject({
      nodes: [{ count: before }],
    });
  });

  it('holds for a customer by the values of that day', async () => {
    // Customer 5 had 5 points and has 7.
    const evaluate = async (asOf?: string) =>
      ok(analyst('POST', '/audiences/evaluate', { condition, customerId: 'C5', ...(asOf ? { asOf } : {}) }));
    expect(await evaluate()).toMatchObject({ matches: true });
    expect(await evaluate(DAY_1)).toMatchObject({ matches: false });
  });
});
