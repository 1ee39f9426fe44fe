/**
 * The same question as planted-lift.ts, asked of the whole platform: one demo bank is generated, loaded and tagged;
 * many campaigns with different control salts and outcome seeds are submitted, approved, launched and really sent to a
 * local SMTP server; what customers do is written to files and loaded; every campaign's report is read, and its
 * interval is held against the effect that was planted.
 *
 *   npx tsx scripts/planted-lift-platform.ts [--campaigns 100] [--customers 2000] [--seed 1] [--control 0.3]
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { CreateAudience } from '@rapport/audiences/contract';
import { generateDemoBank, planOf, plantedEffect, type Treated, writeResponses } from '@rapport/demo-bank';
import { type Actor, createLifecycle, createLog, systemActor, systemClock } from '@rapport/kernel';
import { runMigrations } from '@rapport/stores';
import { startSmtpSink, startTestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { compose } from '../apps/server/compose.ts';
import { readConfig } from '../apps/server/config.ts';
import { openSecrets } from '../apps/server/secrets.ts';

const { values } = parseArgs({
  options: {
    campaigns: { type: 'string', default: '100' },
    customers: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    control: { type: 'string', default: '0.3' },
  },
});
const options = {
  campaigns: Number(values.campaigns),
  customers: Number(values.customers),
  seed: Number(values.seed),
  controlShare: Number(values.control),
};
const AudienceFile = Type.Object({ audiences: Type.Array(CreateAudience) });
/** All campaigns have the same KPI event and overlapping windows; the product code tells their conversions apart. */
const productOf = (number: number): string => `DEP12-${number}`;
const user = (id: string): Actor => ({ ...systemActor, kind: 'user', id, displayName: id });
const [maker, checker] = [user('usr_maker'), user('usr_checker')];
/** Campaigns whose messages are under way at the same time. */
const AT_ONCE = 10;
const started = performance.now();
const say = (text: string): void =>
  console.log(`${((performance.now() - started) / 1000).toFixed(1).padStart(7)} s  ${text}`);

const stores = await startTestStores([], { runsJobs: false });
const log = createLog({ level: 'warn' });
const sink = await startSmtpSink();
const config = readConfig({ RAPPORT_HOME: stores.home, LOG_LEVEL: 'warn' }, process.cwd());
const platform = compose({
  stores,
  config,
  secrets: await openSecrets(stores.home),
  clock: systemClock,
  log,
  publicUrl: 'http://127.0.0.1:8080',
});
await runMigrations(stores, platform.migrations);
await stores.jobs.start();
const workers = createLifecycle(platform.workers, (name, error) =>
  log.warn({ err: error }, `${name} did not stop cleanly`),
);
await workers.start();

try {
  const dispatched = async (campaignId: string): Promise<void> => {
    for (;;) {
      const { counts } = await platform.campaigns.get(campaignId);
      const open = (counts?.messages.queued ?? 0) + (counts?.messages.sending ?? 0);
      if (counts && counts.expanded === counts.queued && open === 0) return;
      await sleep(200);
    }
  };
  const { sources, tags, audiences, campaigns, channels, customers, insights, approvals, policies } =
    platform;
  const folder = join(stores.home, 'demo');
  await mkdir(folder, { recursive: true });
  const truth = await generateDemoBank({ ...options, outDir: folder, asOf: systemClock.now() });
  for (const file of ['demo.source.yaml', 'responses.source.yaml']) {
    await sources.applyManifest(await readFile(join(folder, file), 'utf8'), {
      baseDir: folder,
      fileName: file,
    });
  }
  await sources.load('demo');
  await tags.importYaml(await readFile(join(folder, 'demo.tags.yaml'), 'utf8'), {}, systemActor);
  await stores.jobs.wait(await tags.refresh());
  say(`a bank of ${options.customers} customers is loaded and tagged`);

  await channels.providers.create(
    {
      kind: 'smtp',
      name: 'Local sink',
      ratePerSecond: 5000,
      enabled: true,
      settings: {
        host: sink.host,
        port: sink.port,
        secure: false,
        requireTls: false,
        fromAddress: 'service@bank.example',
        fromName: 'Demo Bank',
        connections: 10,
      },
    },
    maker,
  );
  // A hundred campaigns at once would run into any cap; the cap has its own tests.
  const { consentModel } = await policies.current();
  await policies.change({ rules: [], consentModel }, maker);
  const parsed: unknown = JSON.parse(await readFile(join(folder, 'demo.audiences.json'), 'utf8'));
  for (const audience of Value.Parse(AudienceFile, parsed).audiences) await audiences.create(audience, maker);
  const yaml = await readFile(join(folder, 'campaigns/deposit.campaign.yaml'), 'utf8');
  const template = await campaigns.applyFile(yaml, maker);

  const plan = planOf(truth);
  const launched: { id: string; number: number; treated: Treated[] }[] = [];
  let mails = 0;
  for (let number = 1; number <= options.campaigns; number++) {
    const draft = await campaigns.clone(template.id, { name: `Coverage ${number}` }, maker);
    const { name, purpose, goal, audience, content, channel } = draft;
    await campaigns.change(
      draft.id,
      {
        name,
        purpose,
        ...(goal ? { goal } : {}),
        ...(audience ? { audience } : {}),
        ...(content ? { content } : {}),
        ...(channel ? { channel } : {}),
        kpi: {
          event: 'deposit_opened',
          where: { property: 'product_id', op: '=', value: productOf(number) },
          within: 'P14D',
        },
        control: { share: options.controlShare, salt: `coverage-${options.seed}-${number}` },
      },
      maker,
    );
    const submitted = await campaigns.submit(draft.id, maker);
    await approvals.decide(submitted.approvalId ?? '', { decision: 'approved' }, checker);
    await campaigns.launch(draft.id, maker);
    launched.push({ id: draft.id, number, treated: [] });
    if (number % AT_ONCE === 0 || number === options.campaigns) {
      for (const each of launched.slice(-AT_ONCE)) await dispatched(each.id);
      mails += sink.mails.length;
      sink.clear();
      say(`${number} campaigns launched, ${mails} mails arrived at the SMTP server`);
    }
  }

  const reachedStates = new Set(['sent', 'delivered', 'opened', 'clicked']);
  for (const each of launched) {
    const campaign = await campaigns.get(each.id);
    const launchedAt = Date.parse(campaign.launchedAt ?? '');
    const sets = await campaigns.sets(each.id);
    const { groups } = await channels.outcomes(each.id);
    const reached = new Set(
      groups.filter((group) => reachedStates.has(group.state)).flatMap((group) => [...group.cids.toArray()]),
    );
    const cidsOf = (outcome: string): number[] =>
      sets.filter((set) => set.outcome === outcome).flatMap((set) => [...set.cids.toArray()]);
    const ids = await customers.idsOf([...cidsOf('queued'), ...cidsOf('control')]);
    each.treated = cidsOf('queued').map((cid) => ({
      customerId: ids.get(cid) ?? '',
      ...(reached.has(cid) ? { deliveredAt: launchedAt + 60_000 } : {}),
    }));
    await writeResponses(
      {
        plan,
        kind: 'rate',
        campaign: each.id,
        outcomeSeed: each.number,
        launchedAt,
        treated: each.treated,
        control: cidsOf('control').map((cid) => ids.get(cid) ?? ''),
        properties: { product_id: productOf(each.number) },
      },
      { events: join(folder, 'responses', `${each.id}.jsonl`) },
    );
  }
  await sources.load('demo_responses');
  say('what customers did is written and loaded');

  console.log(
    '\ncampaign  treated control delivered  planted    found      low     high  (points)  funnel difference',
  );
  const points = (share: number): string => (share * 100).toFixed(2).padStart(7);
  let [inside, differences, delivered] = [0, 0, 0];
  for (const each of launched) {
    const report = await insights.report(each.id, systemActor);
    const planted = plantedEffect({ plan, kind: 'rate', treated: each.treated });
    const { low = -1, high = 1 } = report.lift?.absoluteInterval ?? {};
    const isInside = low <= planted && planted <= high;
    if (isInside) inside++;
    differences += Math.abs(report.funnel.difference);
    delivered += report.funnel.delivered;
    console.log(
      `${String(each.number).padStart(8)} ${String(report.treated.customers).padStart(8)} ${String(report.control.customers).padStart(7)} ${String(report.funnel.delivered).padStart(9)}  ${points(planted)}  ${points(report.lift?.absolute ?? 0)}  ${points(low)}  ${points(high)}  ${isInside ? '         ' : 'outside  '} ${report.funnel.difference}`,
    );
  }
  const needed = Math.ceil(launched.length * 0.93);
  console.log(
    `\nThe planted effect lies inside the report's 95 % interval in ${inside} of ${launched.length} campaigns (at least ${needed} expected); funnels differ by ${differences} customers in all; ${delivered} messages delivered by the books, ${mails} mails received.`,
  );
  say('done');
  if (inside < needed || differences > 0 || delivered !== mails) process.exitCode = 1;
} finally {
  await workers.stop();
  await sink.stop();
  await stores.stop();
}
