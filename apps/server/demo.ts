import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateAudience } from '@rapport/audiences/contract';
import { createSandboxInbox, signatureOf } from '@rapport/channels';
import type { Channel } from '@rapport/channels/contract';
import {
  type BankPlan,
  generateDemoBank,
  OFFER_KINDS,
  planOf,
  RESPONSE_MODELS,
  type Treated,
  type Truth,
  writeResponses,
} from '@rapport/demo-bank';
import { permissionsOf } from '@rapport/governance';
import {
  type Actor,
  type Clock,
  type Component,
  defineProblems,
  type Log,
  systemActor,
} from '@rapport/kernel';
import { NewModel } from '@rapport/models/contract';
import type { JobRun, Stores } from '@rapport/stores';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Platform } from './compose.ts';
import type { Config } from './config.ts';

export const demoProblems = defineProblems('demo', {
  not_a_demo: { status: 409, title: 'This installation holds no demo bank.' },
  not_launched: { status: 409, title: 'Only a launched campaign has customers who could respond.' },
  unknown_kpi: { status: 422, title: 'The demo bank has no planted effect for this KPI.' },
});

export const DemoOptions = Type.Object(
  {
    customers: Type.Integer({
      minimum: 100,
      maximum: 10_000_000,
      default: 20_000,
      description: 'Customers of the bank',
      examples: [20_000],
    }),
    seed: Type.Integer({
      minimum: 0,
      maximum: 4_294_967_295,
      default: 1,
      description: 'The same seed gives the same bank',
      examples: [1],
    }),
  },
  { description: 'Which demo bank to make' },
);
export type DemoOptions = Static<typeof DemoOptions>;

export const DemoResponseOptions = Type.Object(
  {
    campaignId: Type.String({ description: 'A launched campaign', examples: ['cmp_01j9z3'] }),
    outcomeSeed: Type.Optional(
      Type.Integer({ minimum: 0, default: 0, description: 'Draws other outcomes', examples: [0] }),
    ),
  },
  { description: 'Whose customers respond' },
);

const RECEIPTS_AT_ONCE = 500;
/** The campaign that a new demo bank has run already; the others are drafts. */
const FIRST_CAMPAIGN = 'deposit.campaign.yaml';

/**
 * The demo bank: generates it with planted effects, loads it as any bank would be loaded, and lets its customers
 * respond to campaigns according to what was planted.
 */
export function createDemo(deps: {
  readonly stores: Stores;
  readonly config: Config;
  readonly platform: Platform;
  readonly clock: Clock;
  readonly log: Log;
  /** Address of this server, where the sandbox answers receipts to. */
  readonly url: string;
}) {
  const { stores, config, platform, clock } = deps;
  const { sources, tags, audiences, campaigns, channels, identity, approvals, metrics, models } = platform;
  const folder = join(config.home, 'demo');
  const sandbox = createSandboxInbox({ directory: join(config.home, 'sandbox'), clock, log: deps.log });
  let opening: Promise<void> | undefined;

  /** Messages of a demo bank are really sent, but to a provider of our own that keeps them for reading. */
  const openSandbox = (): Promise<void> => {
    opening ??= sandbox.start().then(() => sandbox.connect(channels.providers, deps.url));
    return opening;
  };

  const user = async (username: string): Promise<Actor> => {
    const found = (await identity.users()).find((each) => each.username === username);
    return found
      ? {
          kind: 'user',
          id: found.id,
          displayName: found.displayName,
          permissions: permissionsOf(found.roles),
          orgScope: undefined,
        }
      : systemActor;
  };

  const create = async (run: JobRun<DemoOptions>): Promise<Record<string, unknown>> => {
    const { customers, seed } = run.payload;
    const step = (share: number, message: string) => run.report({ share, message });
    await openSandbox();
    await step(0, 'Generating the bank');
    const truth = await generateDemoBank({
      customers,
      seed,
      outDir: folder,
      asOf: clock.now(),
      onProgress: (share) => void step(share * 0.25, 'Generating the bank'),
    });
    await step(0.25, 'Loading the bank');
    for (const file of ['demo.source.yaml', 'responses.source.yaml']) {
      await sources.applyManifest(await readFile(join(folder, file), 'utf8'), {
        baseDir: folder,
        fileName: file,
      });
    }
    const load = await sources.load('demo');
    await step(0.55, 'Computing tags');
    await tags.importYaml(await readFile(join(folder, 'demo.tags.yaml'), 'utf8'), {}, systemActor);
    await stores.jobs.wait(await tags.refresh());
    const metricsFile = join(folder, 'demo.metrics.yaml');
    await metrics.importYaml(await readFile(metricsFile, 'utf8'), {}, systemActor);
    await metrics.keep();
    await step(0.7, 'Saving audiences');
    const marketer = await user('marketer');
    for (const audience of await demoAudiences(folder)) {
      if (!(await audiences.findByName(audience.name))) await audiences.create(audience, marketer);
    }
    await step(0.75, 'Running the first campaign');
    const first = await runFirstCampaign(marketer);
    for (const file of await readdir(join(folder, 'campaigns'))) {
      if (file !== FIRST_CAMPAIGN)
        await campaigns.applyFile(await readFile(join(folder, 'campaigns', file), 'utf8'), marketer);
    }
    await step(0.9, 'Letting customers respond');
    const responses = first.launchedAt === undefined ? undefined : await respondTo(first.id, 0);
    await step(0.95, 'Training the first model');
    const modelId = await trainModel();
    return {
      customers: truth.customers,
      transactions: truth.counts.transactions,
      load: load.id,
      campaignId: first.id,
      responses,
      modelId,
    };
  };

  const runFirstCampaign = async (marketer: Actor) => {
    const checker = await user('checker');
    const drafted = await campaigns.applyFile(
      await readFile(join(folder, 'campaigns', FIRST_CAMPAIGN), 'utf8'),
      marketer,
    );
    if (drafted.state !== 'draft') return campaigns.get(drafted.id);
    const submitted = await campaigns.submit(drafted.id, marketer);
    if (submitted.approvalId !== undefined)
      await approvals.decide(submitted.approvalId, { decision: 'approved', comment: 'Demo' }, checker);
    const approved = await campaigns.get(drafted.id);
    if (approved.state === 'approved') await campaigns.launch(drafted.id, marketer);
    await dispatched(drafted.id);
    return campaigns.get(drafted.id);
  };

  /** Waits until every message of the campaign is handed over, at most two minutes. */
  const dispatched = async (campaignId: string): Promise<void> => {
    const giveUpAt = clock.now() + 120_000;
    while (clock.now() < giveUpAt) {
      const { counts } = await campaigns.get(campaignId);
      const open = (counts?.messages.queued ?? 0) + (counts?.messages.sending ?? 0);
      if (counts && counts.expanded === counts.queued && open === 0) return;
      await sleep(250);
    }
  };

  const trainModel = async (): Promise<string> => {
    const definition: unknown = JSON.parse(await readFile(join(folder, 'demo.model.json'), 'utf8'));
    const model = await models.create(Value.Parse(NewModel, definition), systemActor);
    await stores.jobs.wait(await models.train(model.id, systemActor));
    await stores.jobs.wait(await models.score(model.id, systemActor));
    return model.id;
  };

  /** Writes what the campaign's customers do, treated and control alike, and loads it as a file of responses. */
  const respondTo = async (
    campaignId: string,
    outcomeSeed: number,
  ): Promise<{ events: number; receipts: number }> => {
    const truth = await readTruth(folder);
    const campaign = await campaigns.get(campaignId);
    if (campaign.launchedAt === undefined)
      throw demoProblems.not_launched({ detail: `${campaign.name} was not launched yet.` });
    const kind = OFFER_KINDS.find((each) => RESPONSE_MODELS[each].kpiEvent === campaign.kpi?.event);
    if (kind === undefined)
      throw demoProblems.unknown_kpi({ detail: `The KPI event is ${campaign.kpi?.event ?? 'not set'}.` });
    const plan: BankPlan = planOf(truth);
    const launchedAt = Date.parse(campaign.launchedAt);
    const { treated, control } = await arms(campaignId);
    await mkdir(join(folder, 'receipts'), { recursive: true });
    const written = await writeResponses(
      {
        plan,
        kind,
        campaign: campaignId,
        outcomeSeed,
        launchedAt,
        windowMs: Math.max(1_000, clock.now() - launchedAt),
        treated,
        control,
      },
      {
        events: join(folder, 'responses', `${campaignId}.jsonl`),
        receipts: join(folder, 'receipts', `${campaignId}.jsonl`),
      },
    );
    await takeReceipts(join(folder, 'receipts', `${campaignId}.jsonl`), campaign.channel ?? 'email');
    await sources.load('demo_responses');
    return written;
  };

  const arms = async (campaignId: string): Promise<{ treated: Treated[]; control: string[] }> => {
    const sets = await campaigns.sets(campaignId);
    const idsIn = async (outcome: string): Promise<string[]> => {
      const cids = sets.filter((set) => set.outcome === outcome).flatMap((set) => [...set.cids.toArray()]);
      const ids = await platform.customers.idsOf(cids);
      return cids.flatMap((cid) => ids.get(cid) ?? []);
    };
    const reached = await reachedBy(campaignId);
    const treated = (await idsIn('queued')).map(
      (customerId): Treated => ({ customerId, ...reached.get(customerId) }),
    );
    return { treated, control: await idsIn('control') };
  };

  /** When a message reached whom, by customer id. */
  const reachedBy = async (
    campaignId: string,
  ): Promise<Map<string, { deliveredAt: number; deliveryId: string }>> => {
    const reached = new Map<string, { deliveredAt: number; deliveryId: string }>();
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
      const page = await channels.deliveries(
        { campaignId, limit: 500, ...(cursor === undefined ? {} : { cursor }) },
        systemActor,
      );
      for (const { id, customerId, deliveredAt, sentAt } of page.items) {
        const at = deliveredAt ?? sentAt;
        if (at !== undefined) reached.set(customerId, { deliveredAt: Date.parse(at), deliveryId: id });
      }
      cursor = page.nextCursor;
    }
    return reached;
  };

  /** Hands the receipts of a file in as the provider would: signed, in batches. */
  const takeReceipts = async (path: string, channel: Channel): Promise<void> => {
    const provider = (await channels.providers.enabled()).find((each) => each.view.channel === channel);
    if (provider?.signingKey === undefined) return;
    const receipts = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
    for (let at = 0; at < receipts.length; at += RECEIPTS_AT_ONCE) {
      const body = Buffer.from(`{"receipts":[${receipts.slice(at, at + RECEIPTS_AT_ONCE).join(',')}]}`);
      const timestamp = String(Math.floor(clock.now() / 1000));
      await channels.receive(provider.view.id, {
        timestamp,
        signature: signatureOf(provider.signingKey, timestamp, body),
        body,
      });
    }
  };

  stores.jobs.define('demo.create', DemoOptions, create);
  stores.jobs.define('demo.respond', DemoResponseOptions, async (run) =>
    respondTo(run.payload.campaignId, run.payload.outcomeSeed ?? 0),
  );

  return {
    sandbox,
    /** Opens the sandbox again when this installation holds a demo bank; part of the server's life. */
    component: {
      name: 'demo sandbox',
      async start() {
        if (existsSync(join(folder, 'truth.json'))) await openSandbox();
      },
      stop: () => sandbox.stop(),
    } satisfies Component,
    /** Makes the demo bank unless the installation has sources already; tells its progress. */
    async ensure(announce: (line: string) => void, options: DemoOptions): Promise<void> {
      if ((await sources.list({ limit: 1 })).items.length > 0) return;
      const jobId = await stores.jobs.enqueue('demo.create', options, { singleton: 'demo' });
      let told = '';
      const telling = setInterval(() => {
        void stores.jobs.get(jobId).then((job) => {
          if (job && job.progress.message !== told) {
            told = job.progress.message;
            announce(`  ${told} …`);
          }
        });
      }, 200);
      try {
        announce(`Making a demo bank of ${options.customers.toLocaleString('en')} customers:`);
        await stores.jobs.wait(jobId);
      } catch (error) {
        announce(`The demo bank is not complete: ${error instanceof Error ? error.message : String(error)}`);
        announce('Make it again with: npx rapport demo create');
      } finally {
        clearInterval(telling);
      }
    },
  };
}

const AudienceFile = Type.Object({ audiences: Type.Array(CreateAudience) });

async function demoAudiences(folder: string): Promise<CreateAudience[]> {
  return Value.Parse(AudienceFile, JSON.parse(await readFile(join(folder, 'demo.audiences.json'), 'utf8')))
    .audiences;
}

async function readTruth(folder: string): Promise<Truth> {
  const text = await readFile(join(folder, 'truth.json'), 'utf8').catch(() => undefined);
  if (text === undefined) throw demoProblems.not_a_demo();
  return JSON.parse(text);
}
