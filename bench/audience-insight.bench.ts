// `npm run bench:audience-insight [-- customers …]`: what is done with an audience beyond counting it, over 500 tags:
// profile, explain, look-alike, overlap, relaxations, and lists uploaded and matched. The profile beside one SQL pass
// with a GROUP BY a tag over the same tables, the upload beside the engine reading the same file, in the same run.
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Condition, ConditionCatalog } from '@rapport/conditions';
import { createIdentityMatcher } from '@rapport/customers';
import { fixedClock, seededRandom, silentLog, systemActor } from '@rapport/kernel';
import type { SetView } from '@rapport/sets';
import { runMigrations, type StartedStores } from '@rapport/stores';
import { Type } from 'typebox';
import { audiencesMigrations, createAudienceInsight, createAudiences } from '../modules/audiences/index.ts';
import { NOW, openHome, TABLES, TAGS, tableName, tree } from './audience-home.ts';
import { type Figure, measure, report, residentBytes, round, sizesOr, summarize } from './harness.ts';

/** What makes a customer likely to be in the audience that is profiled and looked like: five tags, in log-odds. */
const PLANTED = TAGS.filter(({ table, kind }) => table === 0 && kind !== 'list')
  .filter(({ kind }, at, tags) => tags.findIndex((other) => other.kind === kind) === at)
  .map(({ id, kind }) => ({
    tag: id,
    sql: {
      text: `ifNull(${id} = 'v0', 0)`,
      boolean: `ifNull(${id}, 0)`,
      count: `ifNull(${id} >= 5, 0)`,
      money: `ifNull(${id} >= 1000000, 0)`,
      date: `ifNull(${id} < toDate32('1970-01-01'), 0)`,
      list: '0',
    }[kind],
  }));
const LOG_ODDS = 1.3;
const MEMBER = `intHash64(cid + 7) / 18446744073709551616 < likely`;
const LIKELY = `SELECT cid, 1 / (1 + exp({base:Float64} - ${LOG_ODDS} * (${PLANTED.map(({ sql }) => sql).join(' + ')}))) AS likely FROM ${tableName(0)}`;

interface Counts {
  readonly base: number;
  readonly audience: number;
}
const NOBODY: Counts = { base: 0, audience: 0 };
const MemberRow = Type.Object({ member: Type.String(), base: Type.Integer(), audience: Type.Integer() });
const SqlRow = Type.Object({
  tag: Type.Integer(),
  code: Type.Integer(),
  base: Type.Integer(),
  audience: Type.Integer(),
});

const figures: Figure[] = [];
for (const customers of sizesOr([100_000, 1_000_000, 10_000_000])) await benchmark(customers);
report('audience-insight', figures);

async function benchmark(customers: number): Promise<void> {
  const { stores, view } = await openHome(customers);
  const engines = [stores.enginePids().warehouse];
  const add: Add = (name, value, unit, more = {}) => {
    figures.push({ name, value: round(value), unit, size: customers, ...more });
    console.log(`  ${customers.toLocaleString('en')} ${name}: ${round(value)} ${unit} ${more.note ?? ''}`);
  };
  const memory = (): string =>
    `${round(residentBytes() / 1024 ** 2)} MiB, ${round(residentBytes(engines) / 1024 ** 2)} with the warehouse`;
  try {
    const bank = await startBank(stores, view);
    const { audiences, insight } = bank;
    const tenth = await plantedTenth(stores, customers);
    const members = tenth.cids;
    const seed = await bank.keep('Tenth', members);
    const condition: Condition = { list: seed };

    /* profile */
    const cold = await measure(engines, () => insight.profile({ condition }, systemActor));
    add('profile, first after a start', cold.tookMs / 1000, 's', {
      note: `${cold.cpuSeconds} s of CPU; then ${memory()}`,
    });
    const warm: number[] = [];
    let warmCpu = 0;
    for (let run = 0; run < 5; run++) {
      const { tookMs, cpuSeconds } = await measure(engines, () =>
        insight.profile({ condition }, systemActor),
      );
      warm.push(tookMs);
      warmCpu += cpuSeconds / 5;
    }
    const scan = await profileBySql(bank, seed);
    const profile = cold.result;
    for (const tag of profile.tags) {
      const members = scan.members.get(tag.tag);
      const counted = scan.counts.get(tag.tag) ?? [];
      const shown = tag.buckets.map(({ base, audience }) => [base, audience]);
      const wanted = members
        ? tag.buckets.map(({ label, unknown }) => members.get(unknown ? '' : label) ?? NOBODY)
        : [...counted.slice(1), ...counted.slice(0, 1)].filter(({ base }) => base > 0);
      if (JSON.stringify(shown) !== JSON.stringify(wanted.map(({ base, audience }) => [base, audience])))
        throw new Error(`${tag.tag}: the profile and SQL differ: ${JSON.stringify([shown, wanted])}`);
    }
    add(`profile of ${members.size.toLocaleString('en')} over 500 tags`, summarize(warm).p50Ms / 1000, 's', {
      against: against('one SQL pass', scan.tookMs / 1000, summarize(warm).p50Ms / 1000),
      note: `max ${round(summarize(warm).maxMs / 1000)} s, ${round(warmCpu)} s of CPU; ${profile.tested} values tested; finds ${profile.findings.map((one) => one.tag).join(', ')}`,
    });
    const part: Condition = { all: [condition, { tag: 'boolean0', op: '=', value: true }] };
    const against2 = await measure(engines, () =>
      insight.profile({ condition: part, base: { condition } }, systemActor),
    );
    add('profile against another audience', against2.tookMs / 1000, 's', {
      note: `${against2.result.size} of ${against2.result.baseSize}`,
    });

    /* explain */
    const random = seededRandom(11);
    for (const leaves of [10, 30]) {
      const unseen: number[] = [];
      const counted: number[] = [];
      for (let run = 0; run < 20; run++) {
        for (const took of [unseen, counted]) {
          const asked = tree(random, TAGS, leaves);
          // A builder counts a condition while it is put together, before anybody asks for more.
          if (took === counted) await audiences.count({ condition: asked }, systemActor);
          const startedAt = performance.now();
          await audiences.explain({ condition: asked }, systemActor);
          took.push(performance.now() - startedAt);
        }
      }
      const found = summarize(counted);
      add(`explain, ${leaves} leaves, p95`, found.p95Ms, 'ms', {
        note: `p50 ${found.p50Ms}, max ${found.maxMs} ms; counted before`,
      });
      const first = summarize(unseen);
      add(`explain, ${leaves} leaves not seen before, p95`, first.p95Ms, 'ms', {
        note: `p50 ${first.p50Ms}, max ${first.maxMs} ms`,
      });
    }

    /* relax */
    const relaxed: number[] = [];
    let reached = 0;
    for (let run = 0; run < 10; run++) {
      const asked = tree(random, TAGS, 5);
      const { count } = await audiences.count({ condition: asked }, systemActor);
      const wanted = Math.round(Math.min(customers * 0.9, count * 1.5 + customers / 100));
      const startedAt = performance.now();
      const { proposals } = await insight.relax({ condition: asked, wanted }, systemActor);
      relaxed.push(performance.now() - startedAt);
      if (proposals.some((one) => Math.abs(one.count - wanted) <= wanted / 100)) reached += 1;
    }
    const relax = summarize(relaxed);
    add('relaxations of 5 leaves, p50', relax.p50Ms / 1000, 's', {
      note: `max ${round(relax.maxMs / 1000)} s; ${reached} of 10 reached within 1 %`,
    });

    /* overlap */
    const sets = [{ condition }, ...Array.from({ length: 4 }, () => ({ condition: tree(random, TAGS, 3) }))];
    const overlapped: number[] = [];
    for (let run = 0; run < 6; run++)
      overlapped.push((await measure(engines, () => insight.overlap({ sets }, systemActor))).tookMs);
    const overlap = summarize(overlapped.slice(1));
    add('overlap of 5 audiences, p50', overlap.p50Ms, 'ms', {
      note: `first ${round(overlapped[0] ?? 0)} ms`,
    });

    /* look-alike */
    const made = await measure(engines, () =>
      insight.lookalikes.make({ name: 'Like the tenth', seed: { condition } }, systemActor),
    );
    add('look-alike', made.tookMs / 1000, 's', {
      note: `AUC ${made.result.auc.toFixed(3)}, best possible ${tenth.bestAuc.toFixed(3)}; ${made.cpuSeconds} s of CPU, peak ${made.peakMiB} MiB`,
    });
    await insight.lists.remove(made.result.listId, systemActor);

    /* lists */
    await uploads(bank, engines, customers, add);
    await insight.lists.remove(seed, systemActor);
  } finally {
    await stores.stop();
  }
}

/* ── the bank ────────────────────────────────────────────────────────────────────────────────────────── */

type Bank = Awaited<ReturnType<typeof startBank>>;
type Add = (name: string, value: number, unit: string, more?: Partial<Figure>) => void;

/** The audiences module over the home, as the server composes it; uploaded lists become conditions. */
async function startBank(stores: StartedStores, view: SetView) {
  await runMigrations(stores, [audiencesMigrations]);
  const { releases, warehouse, jobs, relational } = stores;
  await releases.publish({ set: { customer: { table: 'bench_customer' } }, note: 'benchmark: customers' });
  const clock = fixedClock(NOW);
  const catalog = async ({
    placements,
  }: {
    placements: SetView['placements'];
  }): Promise<ConditionCatalog> => ({
    ...view.catalog,
    list: (id) => {
      const table = placements.get(`list/${id}`)?.table;
      return table === undefined
        ? undefined
        : { title: { en: id }, cidQuery: `SELECT cid FROM ${warehouse.identifier(table)}` };
    },
  });
  const shared = {
    relational,
    warehouse,
    releases,
    jobs,
    clock,
    log: silentLog,
    audit: { record: async () => undefined },
    catalog,
  };
  const audiences = createAudiences(shared);
  const insight = createAudienceInsight({
    ...shared,
    audiences,
    matcher: createIdentityMatcher({ warehouse, dataKey: Buffer.alloc(32, 7) }),
  });
  return {
    stores,
    view,
    audiences,
    insight,
    list: async (name: string): Promise<string> =>
      (await insight.lists.create({ name, kind: 'target', purpose: 'Benchmark' }, systemActor)).id,
    keep: async (name: string, cids: Parameters<typeof insight.lists.keep>[1]): Promise<string> =>
      (
        await insight.lists.keep(
          { name, kind: 'target', purpose: 'Benchmark', origin: 'snapshot' },
          cids,
          systemActor,
        )
      ).id,
  };
}

/** About a tenth of the customers, and how well the truth itself tells them from the others. */
async function plantedTenth({ warehouse }: StartedStores, customers: number) {
  const Share = Type.Object({ share: Type.Number() });
  // The base rate that gives a tenth, to a thousandth.
  let [low, high] = [0, 12];
  for (let step = 0; step < 12; step++) {
    const base = (low + high) / 2;
    const [row] = await warehouse.query(Share, `SELECT avg(likely) AS share FROM (${LIKELY} LIMIT 200000)`, {
      base,
    });
    if ((row?.share ?? 0) > 0.1) low = base;
    else high = base;
  }
  const base = (low + high) / 2;
  const rows = await warehouse.query(
    Type.Object({ likely: Type.Number(), n: Type.Number() }),
    `SELECT likely, count() AS n FROM (${LIKELY}) GROUP BY likely ORDER BY likely`,
    { base },
  );
  let [below, seeds, concordant] = [0, 0, 0];
  for (const { likely, n } of rows) {
    const [inside, outside] = [likely * n, (1 - likely) * n];
    concordant += inside * (below + outside / 2);
    below += outside;
    seeds += inside;
  }
  const cids = await warehouse.queryCids(`SELECT groupBitmapState(cid) FROM (${LIKELY}) WHERE ${MEMBER}`, {
    base,
  });
  if (Math.abs(cids.size / customers - 0.1) > 0.02)
    throw new Error(`The audience has ${cids.size} of ${customers}, not a tenth.`);
  return { cids, bestAuc: concordant / (below * seeds) };
}

/* ── the same profile by SQL ─────────────────────────────────────────────────────────────────────────── */

/** What an analyst would write: every table once, a GROUP BY of its own for each tag, members by a look-up. */
async function profileBySql({ stores, audiences, view }: Bank, listId: string) {
  const { warehouse } = stores;
  const { placements } = await stores.releases.current();
  const listTable = placements.get(`list/${listId}`)?.table ?? '';
  const counts = new Map<string, Counts[]>();
  const members = new Map<string, Map<string, Counts>>();
  const inside = `cid IN (SELECT cid FROM ${warehouse.identifier(listTable)})`;
  const long = { maxSeconds: 3_600, settings: { group_by_use_nulls: 1 } };
  let tookMs = 0;
  for (let table = 0; table < TABLES; table++) {
    const tags = TAGS.filter((tag) => tag.table === table && tag.kind !== 'list');
    const codes: string[] = [];
    for (const tag of tags) {
      const buckets = (await audiences.sets.buckets(tag.id, view)) ?? [];
      counts.set(
        tag.id,
        Array.from({ length: buckets.length + 1 }, () => NOBODY),
      );
      codes.push(codeSql(tag.id, tag.kind, buckets));
    }
    const names = tags.map((_, at) => `c${at}`);
    const startedAt = performance.now();
    const rows = await warehouse.query(
      SqlRow,
      `SELECT arrayFirstIndex(c -> isNotNull(c), [${names.join(', ')}]) AS tag, coalesce(${names.join(', ')}) AS code, count() AS base, countIf(inside) AS audience
       FROM (SELECT ${inside} AS inside, ${codes.map((sql, at) => `${sql} AS c${at}`).join(', ')} FROM ${tableName(table)})
       GROUP BY GROUPING SETS (${names.map((name) => `(${name})`).join(', ')})`,
      {},
      long,
    );
    tookMs += performance.now() - startedAt;
    for (const { tag, code, base, audience } of rows) {
      const own = counts.get(tags[tag - 1]?.id ?? '');
      if (own) own[code] = { base, audience };
    }
  }
  for (const { id, table } of TAGS.filter(({ kind }) => kind === 'list')) {
    const startedAt = performance.now();
    const rows = await warehouse.query(
      MemberRow,
      `SELECT member, count() AS base, countIf(inside) AS audience
       FROM (SELECT ${inside} AS inside, arrayJoin(if(empty(${id}), [''], ${id})) AS member FROM ${tableName(table)}) GROUP BY member`,
      {},
      long,
    );
    tookMs += performance.now() - startedAt;
    members.set(id, new Map(rows.map(({ member, ...counted }) => [member, counted])));
  }
  return { tookMs, counts, members };
}

type Buckets = NonNullable<Awaited<ReturnType<Bank['audiences']['sets']['buckets']>>>;

function codeSql(column: string, kind: (typeof TAGS)[number]['kind'], buckets: Buckets): string {
  const literal = (value: unknown): string =>
    kind === 'date' ? `toDate32('${value}')` : typeof value === 'string' ? `'${value}'` : String(value);
  if (buckets.some(({ from, to }) => from !== undefined || to !== undefined)) {
    const branches = buckets.flatMap(({ to, code }) =>
      to === undefined ? [] : [`${column} < ${literal(to)}, ${code}`],
    );
    return `toUInt8(if(isNull(${column}), 0, multiIf(${branches.join(', ')}, ${buckets.length})))`;
  }
  const own = buckets.filter(({ isOther }) => !isOther);
  const other = buckets.find(({ isOther }) => isOther)?.code ?? 0;
  const known = `transform(assumeNotNull(${column}), [${own.map(({ values = [] }) => literal(values[0])).join(', ')}], [${own.map(({ code }) => code).join(', ')}], ${other})`;
  return `toUInt8(if(isNull(${column}), 0, ${known}))`;
}

/* ── lists ───────────────────────────────────────────────────────────────────────────────────────────── */

/** Uploads a file of ids, beside the same file inserted and joined by two statements with nothing reported. */
async function uploads(
  { stores, insight, list }: Bank,
  engines: readonly (number | undefined)[],
  customers: number,
  add: Add,
): Promise<void> {
  const { warehouse } = stores;
  const rows = Math.min(5_000_000, customers);
  const folder = await mkdtemp(join(tmpdir(), 'rapport-bench-list-'));
  const path = join(folder, 'list.csv');
  const id = await list('Uploaded');
  const table = stores.releases.newTableName('bench_upload');
  try {
    await writeIds(path, rows, customers);
    const uploaded = await measure(engines, () =>
      insight.lists.upload(
        id,
        createReadStream(path),
        { key: 'customer_id', column: 'customer_id' },
        systemActor,
      ),
    );
    const matched = uploaded.result.size;
    await warehouse.createTable({ name: table, columns: 'value String', orderBy: 'tuple()', spread: 'any' });
    const plain = await measure(engines, async () => {
      await warehouse.insertStream(
        `INSERT INTO ${warehouse.identifier(table)} (value) SETTINGS input_format_csv_skip_first_lines = 1 FORMAT CSV`,
        createReadStream(path),
        { maxSeconds: 3_600 },
      );
      const [row] = await warehouse.query(
        Type.Object({ n: Type.Integer() }),
        `SELECT uniqExact(cid) AS n FROM bench_customer WHERE customer_id IN (SELECT value FROM ${warehouse.identifier(table)})`,
        {},
        { maxSeconds: 3_600 },
      );
      if (row?.n !== matched) throw new Error(`The list has ${matched} customers, a join finds ${row?.n}.`);
    });
    add(`upload of a list of ${rows.toLocaleString('en')} ids`, uploaded.tookMs / 1000, 's', {
      against: against('an insert and a join', plain.tookMs / 1000, uploaded.tookMs / 1000),
      note: `${matched} customers; ${uploaded.cpuSeconds} s of CPU against ${plain.cpuSeconds}; peak ${uploaded.peakMiB} MiB`,
    });
  } finally {
    await insight.lists.remove(id, systemActor);
    await warehouse.drop(table);
    await rm(folder, { recursive: true });
  }
}

/** Ids in no order: nine in ten are customers', one in twenty nobody's, one in twenty stands twice. */
async function writeIds(path: string, rows: number, customers: number): Promise<void> {
  const random = seededRandom(3);
  const file = await open(path, 'w');
  try {
    let text = 'customer_id\n';
    let last = 'C0';
    for (let row = 0; row < rows; row++) {
      const drawn = random.next();
      if (drawn < 0.95)
        last = drawn < 0.9 ? `C${random.integer(customers)}` : `X${random.integer(customers)}`;
      text += `${last}\n`;
      if (text.length > 1_000_000 || row === rows - 1) {
        await file.write(text);
        text = '';
      }
    }
  } finally {
    await file.close();
  }
}

function against(name: string, value: number, ours: number): NonNullable<Figure['against']> {
  return { name, value: round(value), ratio: round(ours / value) };
}
