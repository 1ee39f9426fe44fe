// `npm run bench:identity [-- records]`: records of people with every fault of life, matched by the default rules and
// joined; how many pairs and people are right against the truth that the generator knows.
import { createMatcher, DEFAULT_RULES, joinRecords, type Link } from '@rapport/customers/matching';
import { labelledPeople } from '@rapport/demo-bank';
import type { Warehouse } from '@rapport/stores';
import { startTestStores } from '@rapport/testkit';
import { type Figure, measure, report, round, sizesOr } from './harness.ts';

const figures: Figure[] = [];
const stores = await startTestStores();
const verbose = process.env.RAPPORT_BENCH_VERBOSE === '1';
try {
  for (const size of sizesOr([10_000, 100_000, 1_000_000])) {
    const people = await load(stores.warehouse, size);
    const matcher = createMatcher({
      warehouse: stores.warehouse,
      newTableName: stores.releases.newTableName,
    });
    const { tookMs, cpuSeconds, peakMiB, result } = await measure(
      [stores.enginePids().warehouse],
      async () => {
        const matched = await matcher.match({
          records: 'SELECT record, kind, name, birth_date, gender, address, city FROM bench_person',
          identities: 'SELECT record, kind, value FROM bench_identity',
          rules: DEFAULT_RULES,
        });
        const joined = joinRecords({
          links: matched.merge,
          existing: [],
          documents: matched.documents,
          distinct: [],
          maxSize: DEFAULT_RULES.maxCluster,
        });
        return { matched, joined };
      },
    );
    const { matched, joined } = result;
    const automatic = quality(joined.kept, people);
    // What a person who decides every question rightly would reach.
    const helped = quality(
      [...joined.kept, ...matched.review.filter(({ a, b }) => people[a] === people[b])],
      people,
    );
    const add = (name: string, value: number, unit: string, note?: string): void => {
      figures.push({ name, value: round(value), unit, size, ...(note ? { note } : {}) });
    };
    add('pairs, precision', automatic.pairs.precision, 'share');
    add('pairs, recall', automatic.pairs.recall, 'share', `${automatic.pairs.truth} true pairs`);
    add('pairs, F1', automatic.pairs.f1, 'share');
    add(
      'people, precision',
      automatic.people.precision,
      'share',
      'groups of records that are exactly one person',
    );
    add('people, recall', automatic.people.recall, 'share', 'people whose records are exactly one group');
    add('pairs, recall with all reviews decided rightly', helped.pairs.recall, 'share');
    add(
      'review queue',
      matched.review.length,
      'pairs',
      `${round((100 * matched.review.filter(({ a, b }) => people[a] === people[b]).length) / Math.max(1, matched.review.length))} % of them one person`,
    );
    add('pairs compared', matched.compared, 'pairs', `${round(matched.compared / size)} a record`);
    add('time', tookMs / 1000, 's');
    add('CPU time', cpuSeconds, 's');
    add('memory of process and engine, greatest', peakMiB, 'MiB');
    if (verbose) explain(matched, joined.kept, people);
  }
} finally {
  await stores.stop();
}
report('identity', figures);

function explain(
  matched: Awaited<ReturnType<ReturnType<typeof createMatcher>['match']>>,
  kept: readonly (Link & { pattern: unknown; probability: number; rule: string })[],
  people: readonly number[],
): void {
  console.log(JSON.stringify(matched.model), JSON.stringify(matched.crowded));
  const tally = (pairs: typeof kept): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const { pattern, rule, probability } of pairs) {
      const key = `${rule} ${probability.toFixed(3)} ${JSON.stringify(pattern)}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return new Map([...counts].sort((a, b) => b[1] - a[1]).slice(0, 15));
  };
  console.log('wrong', tally(kept.filter(({ a, b }) => people[a] !== people[b])));
  console.log('in review, right', tally(matched.review.filter(({ a, b }) => people[a] === people[b])));
}

interface Quality {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly truth: number;
}

/** Pairs within groups against pairs within people, and groups that are exactly a person. */
function quality(links: readonly Link[], people: readonly number[]): { pairs: Quality; people: Quality } {
  const groupOf = Array.from({ length: people.length }, (_, record) => record);
  const find = (x: number): number => {
    let at = x;
    while (groupOf[at] !== at) {
      groupOf[at] = groupOf[groupOf[at] ?? at] ?? at;
      at = groupOf[at] ?? at;
    }
    return at;
  };
  for (const { a, b } of links) groupOf[find(a)] = find(b);
  const both = new Map<string, number>();
  const groups = new Map<number, number>();
  const persons = new Map<number, number>();
  for (let record = 1; record < people.length; record++) {
    const [group, person] = [find(record), people[record] ?? 0];
    const key = `${group} ${person}`;
    both.set(key, (both.get(key) ?? 0) + 1);
    groups.set(group, (groups.get(group) ?? 0) + 1);
    persons.set(person, (persons.get(person) ?? 0) + 1);
  }
  const pairsIn = (sizes: Iterable<number>): number =>
    [...sizes].reduce((sum, size) => sum + (size * (size - 1)) / 2, 0);
  const [right, found, truth] = [pairsIn(both.values()), pairsIn(groups.values()), pairsIn(persons.values())];
  let exact = 0;
  for (const [key, size] of both) {
    const [group = 0, person = 0] = key.split(' ').map(Number);
    if (groups.get(group) === size && persons.get(person) === size) exact++;
  }
  const of = (hits: number, all: number, wanted: number): Quality => {
    const precision = all === 0 ? 1 : hits / all;
    const recall = wanted === 0 ? 1 : hits / wanted;
    return {
      precision,
      recall,
      f1: (2 * precision * recall) / Math.max(1e-9, precision + recall),
      truth: wanted,
    };
  };
  return { pairs: of(right, found, truth), people: of(exact, groups.size, persons.size) };
}

/** Writes the records as role tables would deliver them; answers the person of each record. */
async function load(warehouse: Warehouse, size: number): Promise<readonly number[]> {
  const people = new Array<number>(size + 1).fill(0);
  await warehouse.drop('bench_person', 'bench_identity');
  await warehouse.createTable({
    name: 'bench_person',
    columns:
      'record UInt32, kind String, name String, birth_date Nullable(Date32), gender String, address String, city String, phone String, email String, document String, device String',
    orderBy: 'record',
    spread: 'copy',
  });
  async function* lines(): AsyncGenerator<Uint8Array> {
    let block: string[] = [];
    for (const one of labelledPeople(size, 20_26)) {
      people[one.record] = one.person;
      block.push(
        [
          one.record,
          'retail',
          one.name,
          one.birthDate || '\\N',
          one.gender,
          one.address,
          '',
          one.phone,
          one.email,
          one.document,
          one.device,
        ].join('\t'),
      );
      if (block.length >= 20_000) {
        yield Buffer.from(`${block.join('\n')}\n`);
        block = [];
      }
    }
    yield Buffer.from(block.length > 0 ? `${block.join('\n')}\n` : '');
  }
  await warehouse.insertStream('INSERT INTO bench_person FORMAT TabSeparated', lines());
  await warehouse.createView(
    'bench_identity',
    "SELECT record, kv.1 AS kind, kv.2 AS value FROM (SELECT record, arrayJoin([('phone', phone), ('email', email), ('id_document', document), ('device', device)]) AS kv FROM bench_person) WHERE kv.2 != ''",
  );
  return people;
}
