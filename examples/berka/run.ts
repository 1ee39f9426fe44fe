// `npm run example:berka [-- --keep]`: the whole loop on the Berka bank — load, figures, tags, an audience, a campaign
// that arrives at a local SMTP server, answers from a file, the report and the next draft.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSandboxInbox } from '@rapport/channels';
import { permissionsOf } from '@rapport/governance';
import { type Actor, bucketOf, silentLog, systemActor, systemClock } from '@rapport/kernel';
import { type RunningServer, startServer } from '@rapport/server';
import { checkFigures, printFigures, readFigures } from '../figures.ts';
import { checkFacts, missingData } from './facts.ts';
import { checkTagFigures } from './tag-figures.ts';

/** What the answers file holds: who takes a card anyway, and who only because of the campaign. */
const BASE_RATE = 0.06;
const PLANTED_LIFT = 0.06;

const absent = await missingData(process.env.RAPPORT_DATASETS);
if (absent !== undefined) {
  console.error(absent);
  process.exit(2);
}

const home = await mkdtemp(join(tmpdir(), 'rapport-berka-'));
const keep = process.argv.includes('--keep');
const server = await startServer({
  env: {
    ...process.env,
    RAPPORT_HOME: home,
    PORT: '0',
    LOG_LEVEL: 'error',
    RAPPORT_BANK_NAME: 'Berka Bank',
    RAPPORT_CURRENCY: 'CZK',
    RAPPORT_TIME_ZONE: 'Europe/Prague',
    RAPPORT_LANGUAGE: 'en',
  },
  withDemo: false,
  announce: () => undefined,
});
const inbox = createSandboxInbox({ directory: join(home, 'sandbox'), clock: systemClock, log: silentLog });
try {
  await run(server);
} finally {
  await inbox.stop();
  await server.stop();
  if (keep) console.log(`\nKept: RAPPORT_HOME=${home} npm start -- --empty`);
  else await rm(home, { recursive: true, force: true });
}

async function run({ platform, stores, url }: RunningServer): Promise<void> {
  const { sources, tags, audiences, campaigns, approvals, policies, channels, insights } = platform;
  const read = (name: string): Promise<string> => readFile(new URL(name, import.meta.url), 'utf8');

  heading('Load');
  await sources.applyManifest(await read('berka.source.yaml'), { fileName: 'berka.source.yaml' });
  const load = await sources.load('berka');
  if (load.state !== 'loaded')
    throw new Error(load.faults.map((fault) => `${fault.place}: ${fault.message}`).join('\n'));
  for (const { table, derived, read: rows, loaded, quarantined } of load.tables) {
    if (!derived)
      console.log(
        `${table.padEnd(14)} read ${count(rows)} = loaded ${count(loaded)} + quarantined ${count(quarantined)}`,
      );
  }
  for (const rule of load.quality.filter((each) => !each.passed)) console.log(`quality: ${rule.message}`);
  const { items: refused } = await sources.quarantine('berka', { limit: 5 }, systemActor);
  for (const row of refused) console.log(`quarantine: ${JSON.stringify(row)}`);

  heading('Published figures');
  const facts = await checkFacts(stores.warehouse, await stores.releases.current());
  for (const { name, expected, found, holds } of facts)
    console.log(`${holds ? '=' : '≠'} ${name}: ${found}${holds ? '' : `, expected ${expected}`}`);
  require(facts.every(({ holds }) => holds), 'A published figure differs.');

  heading('Tags');
  await tags.importYaml(await read('berka.tags.yaml'), {}, systemActor);
  await stores.jobs.wait(await tags.refresh());
  const figures = await checkTagFigures(stores.warehouse, await stores.releases.current());
  console.log(
    `${(await tags.list({})).items.length} tags; ${figures.filter(({ holds }) => holds).length} of ${figures.length} figures as the bank's tables say`,
  );
  require(figures.every(({ holds }) => holds), 'A tag differs from the tables of the bank.');

  heading('Audiences');
  const counts = await checkFigures(
    { platform, stores },
    'berka',
    await readFigures(new URL('counts.json', import.meta.url)),
  );
  require(printFigures(counts), 'An audience counts otherwise than the tables of the bank.');

  heading('Campaign');
  await inbox.start();
  await inbox.connect(channels.providers, url);
  // The bank of 1998 asked nobody for consent; a real one would load its ledger (role `consent`).
  const { rules, quietHours } = await policies.current();
  await policies.change(
    { rules, consentModel: 'opt_out', ...(quietHours ? { quietHours } : {}) },
    systemActor,
  );
  const [marketer, checker] = [await actor(platform, 'marketer'), await actor(platform, 'checker')];
  const draft = await campaigns.applyFile(await read('berka.campaign.yaml'), marketer);
  const condition = draft.audience?.condition;
  if (condition) {
    const { sentence } = await audiences.describe({ condition, language: 'en' });
    const { count: size, total } = await audiences.count({ condition }, marketer);
    console.log(`${sentence}: ${count(size)} of ${count(total)} customers`);
  }
  const advice = await campaigns.advice(
    { ...(draft.audience ? { audience: draft.audience } : {}), controlShare: 0.25, baseRate: BASE_RATE },
    marketer,
  );
  console.log(advice.sentence.en);
  const submitted = await campaigns.submit(draft.id, marketer);
  await approvals.decide(submitted.approvalId ?? '', { decision: 'approved' }, checker);
  await until(async () => {
    const { counts } = await campaigns.get(draft.id);
    return (
      counts !== undefined &&
      counts.expanded === counts.queued &&
      (counts.messages.queued ?? 0) + (counts.messages.sending ?? 0) === 0
    );
  });
  const launched = await campaigns.get(draft.id);
  const { items: arrived } = await inbox.list({ limit: 3 });
  console.log(
    `Sent ${JSON.stringify(launched.counts?.messages)}; the SMTP server has, for example, "${arrived[0]?.subject ?? ''}"`,
  );

  heading('Answers');
  const sets = await campaigns.sets(draft.id);
  const answers: string[] = [];
  for (const [outcome, rate] of [
    ['queued', BASE_RATE + PLANTED_LIFT],
    ['control', BASE_RATE],
  ] as const) {
    const cids = sets.filter((set) => set.outcome === outcome).flatMap((set) => [...set.cids.toArray()]);
    for (const customerId of (await platform.customers.idsOf(cids)).values()) {
      if (bucketOf('berka-answers', customerId) >= rate * 10_000) continue;
      answers.push(
        JSON.stringify({
          event_id: `card-${customerId}`,
          customer_id: customerId,
          name: 'card_issued',
          at: new Date().toISOString(),
        }),
      );
    }
  }
  await mkdir(join(home, 'responses'), { recursive: true });
  await writeFile(join(home, 'responses/cards.jsonl'), `${answers.join('\n')}\n`);
  await sources.applyManifest(await read('responses.source.yaml'), {
    baseDir: home,
    fileName: 'responses.source.yaml',
  });
  const answered = await sources.load('berka_responses');
  console.log(`${count(answered.tables[0]?.loaded ?? 0)} answers loaded`);

  heading('Report');
  const report = await insights.report(draft.id, marketer);
  console.log(report.narrative.en);
  const { targeted, control, delivered, exits, difference } = report.funnel;
  const left = exits.map(({ reason, customers }) => `${reason} ${count(customers)}`).join(', ') || 'no exits';
  console.log(
    `Targeted ${count(targeted)} = control ${count(control)} + delivered ${count(delivered)} + ${left}; difference ${difference}`,
  );
  console.log(`Planted: ${(PLANTED_LIFT * 100).toFixed(1)} points`);
  require(difference === 0, 'The funnel does not conserve.');
  const followUp = await insights.followUp(draft.id, { excludeConverted: true }, marketer);
  console.log(`Next draft: ${JSON.stringify(followUp)}`);
}

async function actor(platform: RunningServer['platform'], username: string): Promise<Actor> {
  const user = (await platform.identity.users()).find((each) => each.username === username);
  if (!user) throw new Error(`There is no user ${username}.`);
  return {
    kind: 'user',
    id: user.id,
    displayName: user.displayName,
    permissions: permissionsOf(user.roles),
    orgScope: undefined,
  };
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  for (let left = 600; left > 0; left--) {
    if (await isDone()) return;
    await sleep(200);
  }
  throw new Error('The campaign was not sent within two minutes.');
}

function require(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}

function heading(text: string): void {
  console.log(`\n── ${text}`);
}

function count(value: number): string {
  return value.toLocaleString('en');
}
