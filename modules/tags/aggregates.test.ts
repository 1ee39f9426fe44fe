import { addDays, businessCalendar, dayIn, dayNumber, dayStart, TW } from '@rapport/calendar';
import { parseDuration, seededRandom, shiftInstant } from '@rapport/kernel';
import type { Release } from '@rapport/stores';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { periodNumber } from './aggregates.ts';
import { conditionCatalog, statisticEntries } from './catalog.ts';
import type { Period, StatisticalDefinition, TagAggregate, TagValueType, TagWindow } from './contract.ts';
import { planStatistic, type RowPlan } from './plan.ts';
import { periodBefore, periodStart } from './windows.ts';

const ZONE = 'Asia/Taipei';
const NONE: Record<string, string> = {};
const DAY = 86_400_000;
const NOW = Date.UTC(2026, 5, 17, 5, 30);

interface Row {
  readonly cid: number;
  readonly id: string;
  readonly account: string;
  readonly at: number;
  /** Day in the zone. */
  readonly day: string;
  readonly amount: number;
  readonly channel: string;
  readonly balance: number | undefined;
  readonly score: number | undefined;
}
interface Holding {
  readonly cid: number;
  readonly id: string;
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly amount: number | undefined;
}

/** Bookings of forty customers over two years, many at the edges of months and days in Taipei. */
function rowsOf(seed: number): Row[] {
  const random = seededRandom(seed);
  return Array.from({ length: 3_000 }, (_, at) => {
    const day = dayIn(ZONE, NOW - random.integer(500) * DAY);
    const base = random.next() < 0.3 ? dayStart(ZONE, periodStart('month', day)) : dayStart(ZONE, day);
    const instant = base + (random.integer(3) - 1) * (random.next() < 0.5 ? 1 : random.integer(DAY));
    return {
      cid: 1 + random.integer(40),
      id: `T${at}`,
      account: `A${random.integer(3)}`,
      at: instant,
      day: dayIn(ZONE, instant),
      amount: random.integer(50_000),
      channel: ['mobile', 'web', 'branch', ''][random.integer(4)] ?? '',
      balance: random.next() < 0.9 ? random.integer(1_000_000) : undefined,
      score: random.next() < 0.7 ? Math.round(random.normal() * 1e4) / 1e4 : undefined,
    };
  });
}

function holdingsOf(seed: number): Holding[] {
  const random = seededRandom(seed);
  return Array.from({ length: 120 }, (_, at) => {
    const since = addDays('2024-09-01', random.integer(700));
    return {
      cid: 1 + random.integer(40),
      id: `H${at}`,
      since: random.next() < 0.9 ? since : undefined,
      until: random.next() < 0.5 ? addDays(since, random.integer(300)) : undefined,
      amount: random.next() < 0.9 ? random.integer(1_000_000) : undefined,
    };
  });
}

/** Taipei is eight hours ahead all year. */
const localHour = (at: number): number => new Date(at + 8 * 3_600_000).getUTCHours();

describe('aggregates of statistical tags', () => {
  let stores: TestStores;
  let release: Release;
  const rows = rowsOf(3);
  const holdings = holdingsOf(5);

  beforeAll(async () => {
    stores = await startTestStores([]);
    const { warehouse } = stores;
    await warehouse.createTable({
      name: 'txn_test',
      columns:
        "cid UInt32, transaction_id String, account_id String, at DateTime64(3,'UTC'), amount_minor Int64, direction LowCardinality(String), currency LowCardinality(String), kind LowCardinality(String), channel LowCardinality(String), mcc LowCardinality(String), counterparty String, balance_minor Nullable(Int64), attributes Map(String,String), source LowCardinality(String)",
      orderBy: 'cid',
      spread: 'cid',
    });
    await warehouse.createTable({
      name: 'holding_test',
      columns:
        'cid UInt32, holding_id String, product_id String, kind LowCardinality(String), since Nullable(Date32), until Nullable(Date32), amount_minor Nullable(Int64), currency LowCardinality(String), status LowCardinality(String), attributes Map(String,String), source LowCardinality(String)',
      orderBy: 'cid',
      spread: 'cid',
    });
    await warehouse.insert(
      'txn_test',
      rows.map((row) => ({
        cid: row.cid,
        transaction_id: row.id,
        account_id: row.account,
        at: new Date(row.at).toISOString().replace('T', ' ').replace('Z', ''),
        amount_minor: row.amount,
        channel: row.channel,
        balance_minor: row.balance ?? null,
        attributes: row.score === undefined ? NONE : { score: String(row.score) },
      })),
    );
    await warehouse.insert(
      'holding_test',
      holdings.map((row) => ({
        cid: row.cid,
        holding_id: row.id,
        since: row.since ?? null,
        until: row.until ?? null,
        amount_minor: row.amount ?? null,
      })),
    );
    release = {
      number: 1,
      placements: new Map([
        ['transaction', { table: 'txn_test' }],
        ['holding', { table: 'holding_test' }],
      ]),
    };
  });
  afterAll(() => stores?.stop());

  const planOf = (valueType: TagValueType, definition: Partial<StatisticalDefinition>) => {
    const property = { name: '', count: 1, lastMs: undefined, properties: { score: 'number' as const } };
    const entries = statisticEntries(release, {
      released: new Map(),
      collected: new Map(),
      transaction: property,
      account: undefined,
      holding: { ...property, properties: {} },
      customer: undefined,
    });
    const full: StatisticalDefinition = {
      kind: 'statistical',
      over: 'transaction',
      aggregate: 'count',
      zone: ZONE,
      ...definition,
    };
    return planStatistic(
      { id: 'test_tag', title: { en: 'x' }, category: 'a', valueType, definition: full },
      full,
      {
        entries,
        catalog: conditionCatalog({ release, entries, definitions: [], placeOf: () => undefined }),
        asOf: NOW,
      },
    );
  };
  const values = async (plan: RowPlan | undefined, list = false): Promise<Map<number, unknown>> => {
    if (!plan) throw new Error('no plan');
    const found = await stores.warehouse.query(
      Type.Object({ cid: Type.Integer(), v: Type.Unknown() }),
      `SELECT cid, ${plan.value} AS v FROM ${plan.from} GROUP BY cid`,
      plan.params,
    );
    return new Map(found.map(({ cid, v }) => [cid, v === null && !list ? undefined : v]));
  };

  /** Compares the engine with a function over the rows of one customer in a window. */
  const compare = async (
    valueType: TagValueType,
    definition: Partial<StatisticalDefinition>,
    expected: (own: readonly Row[]) => unknown,
  ): Promise<void> => {
    const { plan, faults } = planOf(valueType, definition);
    expect(faults).toEqual([]);
    const found = await values(plan, valueType === 'list');
    for (let cid = 1; cid <= 40; cid++) {
      const own = rows.filter((row) => row.cid === cid);
      const want = expected(own);
      const got = found.get(cid);
      const where = `${JSON.stringify(definition)} of ${cid}`;
      if (typeof want === 'number' && !Number.isInteger(want))
        expect(Number(got), where).toBeCloseTo(want, 8);
      else expect(got, where).toEqual(want);
    }
  };
  const inWindow = (own: readonly Row[], start: number, end: number): Row[] =>
    own.filter((row) => row.at > start && row.at <= end);
  const sum = (own: readonly Row[]): number => own.reduce((total, row) => total + row.amount, 0);

  it('ranks, spreads and takes percentiles as their definitions say', async () => {
    const start = shiftInstant(NOW, { months: 0, days: 90, ms: 0 }, -1);
    await compare('list', { aggregate: { topK: { of: 'channel', k: 2 } }, within: 'P90D' }, (own) => {
      const counts = new Map<string, number>();
      for (const { channel } of inWindow(own, start, NOW))
        if (channel) counts.set(channel, (counts.get(channel) ?? 0) + 1);
      return [...counts]
        .toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
        .slice(0, 2)
        .map(([channel]) => channel)
        .toSorted();
    });
    const mostOf = <Value extends number>(all: readonly Value[]): Value | undefined => {
      const counts = new Map<Value, number>();
      for (const each of all) counts.set(each, (counts.get(each) ?? 0) + 1);
      return [...counts].toSorted(([a, n], [b, m]) => m - n || a - b)[0]?.[0];
    };
    await compare('number', { aggregate: { top: 'score' } }, (own) =>
      mostOf(inWindow(own, 0, NOW).flatMap(({ score }) => score ?? [])),
    );
    await compare('number', { aggregate: { top: 'at_hour' }, within: 'P90D' }, (own) =>
      mostOf(inWindow(own, start, NOW).map(({ at }) => localHour(at))),
    );
    await compare('instant', { aggregate: { top: 'at' }, within: 'P90D' }, (own) => {
      const found = mostOf(inWindow(own, start, NOW).map(({ at }) => at));
      return found === undefined ? undefined : new Date(found).toISOString();
    });
    for (const at of [0.1, 0.5, 0.9, 1])
      await compare('number', { aggregate: { percentile: { of: 'score', at } }, within: 'P90D' }, (own) => {
        const scores = inWindow(own, start, NOW)
          .flatMap(({ score }) => score ?? [])
          .toSorted((a, b) => a - b);
        return scores[Math.max(1, Math.ceil(at * scores.length)) - 1];
      });
    await compare('number', { aggregate: { stddev: 'amount_minor' }, within: 'P90D' }, (own) => {
      const amounts = inWindow(own, start, NOW).map(({ amount }) => amount);
      if (amounts.length < 2) return undefined;
      const mean = amounts.reduce((a, b) => a + b, 0) / amounts.length;
      return Math.sqrt(amounts.reduce((a, b) => a + (b - mean) ** 2, 0) / (amounts.length - 1));
    });
  });

  it('divides two filtered aggregates, and knows no answer over nothing', async () => {
    const mobile = { property: 'channel', op: '=', value: 'mobile' } as const;
    await compare(
      'number',
      {
        aggregate: { ratio: { of: { aggregate: 'count', where: mobile }, to: { aggregate: 'count' } } },
        within: 'P30D',
        where: { property: 'amount_minor', op: '>', value: 20_000 },
      },
      (own) => {
        const seen = inWindow(own, NOW - 30 * DAY, NOW).filter(({ amount }) => amount > 20_000);
        return seen.length === 0
          ? undefined
          : seen.filter(({ channel }) => channel === 'mobile').length / seen.length;
      },
    );
    await compare(
      'number',
      {
        aggregate: {
          ratio: {
            of: { aggregate: { sum: 'amount_minor' }, where: mobile },
            to: { aggregate: { avg: 'amount_minor' } },
          },
        },
        within: 'P60D',
      },
      (own) => {
        const seen = inWindow(own, NOW - 60 * DAY, NOW);
        const part = seen.filter(({ channel }) => channel === 'mobile');
        return part.length === 0 || sum(seen) === 0 ? undefined : sum(part) / (sum(seen) / seen.length);
      },
    );
  });

  it('finds slopes, figures a period, changes, runs and the last time', async () => {
    for (const per of ['week', 'month', 'quarter'] as const satisfies readonly Period[]) {
      const today = dayIn(ZONE, NOW);
      const periods = 5;
      const start = dayStart(ZONE, periodBefore(per, today, periods)) - 1;
      const end = dayStart(ZONE, periodStart(per, today)) - 1;
      const figures = (own: readonly Row[], of: (rows: readonly Row[]) => number): number[] => {
        const first = periodNumber(per, dayIn(ZONE, start + 1));
        const parts = Array.from({ length: periods }, (): Row[] => []);
        for (const row of inWindow(own, start, end)) parts[periodNumber(per, row.day) - first]?.push(row);
        return parts.map(of);
      };
      const slope = (ys: readonly number[]): number => {
        const mean = (periods - 1) / 2;
        const level = ys.reduce((a, b) => a + b, 0) / periods;
        const top = ys.reduce((a, y, x) => a + (x - mean) * (y - level), 0);
        return top / ys.reduce((a, _, x) => a + (x - mean) ** 2, 0);
      };
      await compare(
        'number',
        { aggregate: { trend: { of: { sum: 'amount_minor' }, per, periods } } },
        (own) => (inWindow(own, start, end).length === 0 ? undefined : slope(figures(own, sum))),
      );
      await compare('number', { aggregate: { trend: { of: 'count', per, periods } } }, (own) =>
        inWindow(own, start, end).length === 0 ? undefined : slope(figures(own, (part) => part.length)),
      );
      await compare(
        'number',
        { aggregate: { perPeriod: { of: 'count', per, periods } } },
        (own) => figures(own, (part) => part.length).reduce((a, b) => a + b, 0) / periods,
      );
      for (const which of ['longest', 'current'] as const)
        await compare(
          'number',
          { aggregate: { streak: { per, which } }, where: { property: 'channel', op: '=', value: 'branch' } },
          (own) => {
            const seen = new Set(
              own
                .filter(({ channel, at }) => channel === 'branch' && at <= NOW)
                .map(({ day }) => periodNumber(per, day)),
            );
            const now = periodNumber(per, dayIn(ZONE, NOW));
            let longest = 0;
            for (const from of seen) {
              let length = 0;
              while (seen.has(from + length)) length++;
              longest = Math.max(longest, length);
            }
            let current = 0;
            let at = seen.has(now) ? now : now - 1;
            while (seen.has(at)) {
              current++;
              at--;
            }
            return which === 'longest' ? longest : current;
          },
        );
    }
    await compare('number', { aggregate: { change: { sum: 'amount_minor' } }, within: 'P1M' }, (own) => {
      const month = parseDuration('P1M');
      if (!month) throw new Error('P1M');
      const start = shiftInstant(NOW, month, -1);
      const before = sum(inWindow(own, shiftInstant(start, month, -1), start));
      return before === 0 ? undefined : (sum(inWindow(own, start, NOW)) - before) / before;
    });
    await compare('number', { aggregate: { recency: 'days' } }, (own) => {
      const latest = Math.max(...inWindow(own, Number.NEGATIVE_INFINITY, NOW).map(({ at }) => at));
      return Number.isFinite(latest)
        ? dayNumber(dayIn(ZONE, NOW)) - dayNumber(dayIn(ZONE, latest))
        : undefined;
    });
    await compare('number', { aggregate: { recency: 'hours' } }, (own) => {
      const latest = Math.max(...inWindow(own, Number.NEGATIVE_INFINITY, NOW).map(({ at }) => at));
      return Number.isFinite(latest) ? Math.floor((NOW - latest) / 3_600_000) : undefined;
    });
  });

  it('cuts calendar, fiscal and business-day windows in the zone of the bank', async () => {
    const today = dayIn(ZONE, NOW);
    const calendar = businessCalendar(TW);
    const first = calendar.addBusinessDays(today, -9);
    const cases: [TagWindow, number, number][] = [
      [{ toDate: 'month' }, dayStart(ZONE, '2026-06-01') - 1, NOW],
      [{ toDate: 'fiscal_year', fiscalStart: 4 }, dayStart(ZONE, '2026-04-01') - 1, NOW],
      [{ last: 1, unit: 'quarter' }, dayStart(ZONE, '2026-01-01') - 1, dayStart(ZONE, '2026-04-01') - 1],
      [{ last: 2, unit: 'month' }, dayStart(ZONE, '2026-04-01') - 1, dayStart(ZONE, '2026-06-01') - 1],
      [{ last: 1, unit: 'week' }, dayStart(ZONE, '2026-06-08') - 1, dayStart(ZONE, '2026-06-15') - 1],
      [{ businessDays: 10, calendar: 'TW' }, dayStart(ZONE, first) - 1, NOW],
    ];
    for (const [window, start, end] of cases)
      await compare('number', { window }, (own) => inWindow(own, start, end).length);
    await compare(
      'number',
      { asOf: '2026-01-01T00:00:00.000Z', within: 'P30D' },
      (own) => inWindow(own, Date.UTC(2026, 0, 1) - 30 * DAY, Date.UTC(2026, 0, 1)).length,
    );
  });

  it('averages balances over days, accounts added up', async () => {
    const juneStart = dayStart(ZONE, '2026-06-01');
    const from = dayNumber('2026-05-01');
    const to = dayNumber('2026-06-01');
    await compare(
      'number',
      { aggregate: { dailyAverage: 'balance_minor' }, window: { last: 1, unit: 'month' } },
      (own) => {
        const known = own
          .filter(({ balance, at }) => balance !== undefined && at < juneStart)
          .toSorted((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
        if (known.length === 0) return undefined;
        let total = 0;
        for (let date = '2026-05-01'; date < '2026-06-01'; date = addDays(date, 1))
          for (const account of ['A0', 'A1', 'A2'])
            total += known.findLast((row) => row.account === account && row.day <= date)?.balance ?? 0;
        return total / (to - from);
      },
    );
    const { plan } = planOf('number', {
      over: 'holding',
      aggregate: { dailyAverage: 'amount_minor' },
      window: { last: 1, unit: 'month' },
    });
    const found = await values(plan);
    for (const cid of new Set(holdings.map((row) => row.cid))) {
      const own = holdings.filter(
        (row) => row.cid === cid && row.amount !== undefined && (row.since ?? '') < '2026-06-01',
      );
      let total = 0;
      for (const row of own)
        for (let day = from; day < to; day++)
          if (
            dayNumber(row.since ?? '1970-01-01') <= day &&
            (row.until === undefined || dayNumber(row.until) > day)
          )
            total += row.amount ?? 0;
      if (own.length === 0) expect(found.get(cid)).toBeUndefined();
      else expect(found.get(cid)).toBeCloseTo(total / (to - from), 6);
    }
  });

  it('refuses what makes no sense, and says where', () => {
    const faults = (valueType: TagValueType, definition: Partial<StatisticalDefinition>): string[] =>
      planOf(valueType, definition).faults.map(({ pointer, message }) => `${pointer} ${message}`);
    const trend: TagAggregate = { trend: { of: 'count', per: 'month', periods: 6 } };
    expect(faults('number', { aggregate: trend, within: 'P30D' })).toEqual([
      '/definition/within "trend" says its periods itself; leave the window out.',
    ]);
    expect(faults('number', { aggregate: { change: 'count' } })[0]).toContain('say within or window');
    expect(faults('number', { aggregate: { dailyAverage: 'balance_minor' } })[0]).toContain('needs a window');
    expect(faults('list', { aggregate: { topK: { of: 'amount_minor', k: 3 } } })).toEqual([
      '/definition/aggregate/topK topK cannot be taken of amount_minor, which is money.',
    ]);
    expect(faults('text', { aggregate: { percentile: { of: 'score', at: 0.5 } } })).toEqual([
      '/valueType percentile of score is number, not text.',
    ]);
    expect(
      faults('number', {
        aggregate: { ratio: { of: { aggregate: { sum: 'nope' } }, to: { aggregate: 'count' } } },
      })[0],
    ).toContain('/definition/aggregate/ratio/of/aggregate/sum There is no "nope"');
    expect(faults('number', { zone: 'Mars/Olympus' })[0]).toContain('no time zone "Mars/Olympus"');
    expect(
      faults('number', { window: { businessDays: 20, calendar: 'TW' }, asOf: '2035-01-01T00:00:00Z' }),
    ).toEqual([
      '/definition/window Calendar TW: it knows 2023-01-01 to 2026-12-31, not 2035-01-01; add the holidays of that year.',
    ]);
    expect(faults('number', { within: 'P1D', window: { toDate: 'month' } })[0]).toContain(
      'either "within" or "window"',
    );
  });
});
