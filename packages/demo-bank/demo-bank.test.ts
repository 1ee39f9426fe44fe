import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import iconv from 'iconv-lite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  customerAt,
  customerIdOf,
  generateDemoBank,
  indexOf,
  OFFER_KINDS,
  planOf,
  plantedEffect,
  potentialOf,
  RESPONSE_MODELS,
  respond,
  type Truth,
} from './index.ts';

const AS_OF = Date.UTC(2026, 10, 23);
const DAY = 86_400_000;
const OPTIONS = { customers: 600, seed: 3, asOf: AS_OF };

let folder: string;
let truth: Truth;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rapport-demo-'));
  truth = await generateDemoBank({ ...OPTIONS, outDir: join(folder, 'a') });
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

const dataLines = async (name: string, encoding: string): Promise<string[]> => {
  const text = iconv.decode(await readFile(join(folder, 'a/data', name)), encoding);
  return text.trimEnd().split('\n');
};

describe('generateDemoBank', () => {
  it('writes the same bytes for the same seed and others for another', async () => {
    await generateDemoBank({ ...OPTIONS, outDir: join(folder, 'b') });
    await generateDemoBank({ ...OPTIONS, seed: 4, outDir: join(folder, 'c') });
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => digests(join(folder, name))));
    expect(b).toEqual(a);
    expect(c?.['data/transactions.csv']).not.toBe(a?.['data/transactions.csv']);
  });

  it('counts in the truth file what stands in the data files', async () => {
    const bad = (file: string): number => truth.badRows.filter((row) => row.file === file).length;
    const rows = async (name: string, encoding = 'utf-8'): Promise<number> =>
      (await dataLines(name, encoding)).length - (name.endsWith('.jsonl') ? 0 : 1) - bad(name);
    expect(await rows('customers_retail.txt', 'gbk')).toBe(truth.counts.retail);
    expect(await rows('customers_corporate.csv', 'big5')).toBe(truth.counts.corporate);
    expect(await rows('accounts.csv')).toBe(truth.counts.accounts);
    expect(await rows('transactions.csv')).toBe(truth.counts.transactions);
    expect(await rows('consents.csv')).toBe(truth.counts.consents);
    const { complaint = 0, ...events } = truth.counts.events;
    expect(await rows('app_events.jsonl')).toBe(Object.values(events).reduce((sum, count) => sum + count, 0));
    expect(await rows('complaints.csv', 'big5')).toBe(complaint);
  });

  it('names the line of every planted fault', async () => {
    const files: Record<string, string> = { 'customers_retail.txt': 'gbk' };
    for (const row of truth.badRows) {
      const line = (await dataLines(row.file, files[row.file] ?? 'utf-8'))[row.line - 1] ?? '';
      if (row.value !== '') expect(line).toContain(row.value);
      else expect(line).toMatch(/C99999901|C99999903|EX[12]/);
    }
    expect(truth.badRows).toHaveLength(10);
  });

  it('writes Chinese that survives GBK and Big5, and only reserved addresses', async () => {
    const retail = await dataLines('customers_retail.txt', 'gbk');
    const corporate = await dataLines('customers_corporate.csv', 'big5');
    expect(retail[0]).toContain('客户号|姓名');
    expect(corporate[0]).toContain('客戶號,公司名稱');
    expect(`${corporate.join('')}${(await dataLines('products.csv', 'big5')).join('')}`).not.toMatch(
      /[?\uFFFD]/,
    );
    const addresses = retail.join('\n').match(/[^|]+@[^|\n]+/g) ?? [];
    expect(addresses.length).toBeGreaterThan(400);
    for (const address of addresses) expect(address).toMatch(/@example\.com$/);
    expect(retail[1]?.split('|')[11]).toMatch(/^\+9991\d{9}$|^$/);
  });

  it('keeps every balance the sum of its bookings and never below zero', async () => {
    const bookings = (await dataLines('transactions.csv', 'utf-8')).slice(1).map((line) => line.split(','));
    const minor = (text = ''): number => Math.round(Number(text) * 100);
    let [account, balance] = ['', 0];
    for (const [, id = '', , , amount, direction, , , , , after] of bookings) {
      if (amount === 'abc' || id === '') continue;
      if (amount === '1.00' && after === '0.00') continue;
      const change = direction === 'C' ? minor(amount) : -minor(amount);
      if (id === account) expect(minor(after)).toBe(balance + change);
      [account, balance] = [id, minor(after)];
      expect(balance).toBeGreaterThanOrEqual(0);
    }
  });

  it('states the population averages of the planted models', () => {
    const plan = planOf(truth);
    for (const kind of OFFER_KINDS) {
      let sum = 0;
      for (let index = 0; index < plan.customers; index++) {
        const potential = potentialOf(customerAt(plan, index), RESPONSE_MODELS[kind]);
        sum += potential.treated - potential.untreated;
      }
      const { population } = truth.effects[kind];
      expect(population.effect).toBeCloseTo(sum / plan.customers, 12);
      expect(Object.values(population.types).reduce((all, share) => all + share, 0)).toBeCloseTo(1, 9);
    }
    expect(truth.effects.message.population.effect).toBe(0);
    expect(truth.effects.rate.population.effect).toBeGreaterThan(0.03);
  });

  it('knows customers again by their id', () => {
    const plan = planOf(truth);
    for (const index of [0, 1, 581, 582, 599]) expect(indexOf(plan, customerIdOf(plan, index))).toBe(index);
    for (const id of ['C99999999', 'E0000019', 'X1', '', 'C1']) expect(indexOf(plan, id)).toBeUndefined();
  });
});

describe('respond', () => {
  const plan = { seed: 3, customers: 4_000, asOf: AS_OF };
  const ids = Array.from({ length: plan.customers }, (_, index) => customerIdOf(plan, index));
  const launchedAt = AS_OF + 9 * 3_600_000;
  const base = { plan, kind: 'rate', campaign: 'cmp_1', launchedAt } as const;
  const converts = (input: Parameters<typeof respond>[0]): Set<string> =>
    new Set([...respond(input)].flatMap(({ event }) => event?.customer_id ?? []));

  it('answers the same for the same input and differently for another outcome seed', () => {
    const input = {
      ...base,
      treated: ids.map((customerId) => ({ customerId, deliveredAt: launchedAt + 1 })),
      control: [],
    };
    expect([...respond(input)]).toEqual([...respond(input)]);
    expect(converts({ ...input, outcomeSeed: 1 })).not.toEqual(converts(input));
  });

  it('is monotone where the planted effect is positive: who would convert untreated converts when treated', () => {
    const untreated = converts({ ...base, treated: [], control: ids });
    const treated = converts({
      ...base,
      treated: ids.map((customerId) => ({ customerId, deliveredAt: launchedAt })),
      control: [],
    });
    for (const id of untreated) {
      const { treated: p1, untreated: p0 } = potentialOf(
        customerAt(plan, indexOf(plan, id) ?? 0),
        RESPONSE_MODELS.rate,
      );
      if (p1 >= p0) expect(treated).toContain(id);
    }
    const effect = (treated.size - untreated.size) / ids.length;
    const planted = plantedEffect({
      plan,
      kind: 'rate',
      treated: ids.map((customerId) => ({ customerId, deliveredAt: 1 })),
    });
    expect(Math.abs(effect - planted)).toBeLessThan(0.015);
  });

  it('does nothing to whom no message reached', () => {
    const undelivered = converts({
      ...base,
      treated: ids.map((customerId) => ({ customerId })),
      control: [],
    });
    expect(undelivered).toEqual(converts({ ...base, treated: [], control: ids }));
    expect(plantedEffect({ plan, kind: 'rate', treated: ids.map((customerId) => ({ customerId })) })).toBe(0);
  });

  it('keeps conversions inside the window and receipts after the message, an open before its click', () => {
    const deliveredAt = launchedAt + 3_600_000;
    const treated = ids.map((customerId) => ({ customerId, deliveredAt, deliveryId: `dlv_${customerId}` }));
    const opened = new Map<string, string>();
    let clicks = 0;
    for (const { event, receipt } of respond({ ...base, treated, control: [] })) {
      if (event) {
        const at = Date.parse(event.at);
        expect(at).toBeGreaterThan(launchedAt);
        expect(at).toBeLessThanOrEqual(launchedAt + 14 * DAY);
      } else if (receipt?.kind === 'opened') {
        expect(Date.parse(receipt.at)).toBeGreaterThanOrEqual(deliveredAt);
        opened.set(receipt.deliveryId, receipt.at);
      } else if (receipt) {
        clicks++;
        expect(receipt.at >= (opened.get(receipt.deliveryId) ?? '9')).toBe(true);
      }
    }
    expect(opened.size).toBeGreaterThan(ids.length / 10);
    expect(clicks).toBeGreaterThan(50);
  });
});

async function digests(root: string): Promise<Record<string, string>> {
  const names = await readdir(root, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const pairs = await Promise.all(
    files.map(
      async (file): Promise<[string, string]> => [
        file.slice(root.length + 1),
        createHash('sha256')
          .update(await readFile(file))
          .digest('hex'),
      ],
    ),
  );
  return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
}
