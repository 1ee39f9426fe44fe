import { type Actor, bucketOf, fixedClock, silentLog } from '@rapport/kernel';
import { cidSetOf } from '@rapport/stores';
import { startTestHttp, type TestHttp, testActor } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CampaignsDeps } from './campaigns.deps.ts';
import { CAMPAIGN_STATES, EXIT_REASONS } from './contract.ts';
import {
  type Campaigns,
  campaignLineage,
  campaignsRoutes,
  createCampaigns,
  createOrchestrator,
} from './index.ts';
import { CUSTOMERS, checker, customerIdOf, EMAIL, maker, startWorld, type World } from './testing/world.ts';

const DAY = 86_400_000;
const branch: Actor = { ...testActor(['campaigns.*'], ['B1']), id: 'usr_branch' };

describe('campaigns on real stores', () => {
  let world: World;
  let web: TestHttp;
  let ids: World['ids'];
  let stores: World['stores'];
  let campaigns: Campaigns;
  let audiences: World['audiences'];
  let approvals: World['approvals'];
  let channels: World['channels'];
  let content: World['content'];
  let offers: World['offers'];
  let ledger: World['ledger'];
  let deps: CampaignsDeps;
  let clock: World['clock'];
  let draft: World['draft'];
  let approved: World['approved'];

  beforeAll(async () => {
    world = await startWorld();
    ({ ids, stores, campaigns, audiences, approvals, channels, content, offers, ledger, deps, clock } =
      world);
    ({ draft, approved } = world);
    web = await startTestHttp([campaignsRoutes(campaigns)]);
  });
  afterAll(async () => {
    await web?.stop();
    await stores?.stop();
  });

  const outbox = async (campaignId: string): Promise<{ cid: number; state: string }[]> =>
    (
      await stores.relational.pool.query<{ cid: number; state: string }>(
        'select m.cid, m.state from channels.message m where m.campaign_id = $1 order by m.cid',
        [campaignId],
      )
    ).rows;
  const sizesOf = async (campaignId: string): Promise<Record<string, number>> =>
    Object.fromEntries((await campaigns.setSizes(campaignId)).map((set) => [set.outcome, set.size]));

  describe('the five steps', () => {
    it('name everything that an empty draft misses, and let nobody submit it', async () => {
      const { id } = await campaigns.create({ name: 'Empty' }, maker);
      const { steps, submittable } = await campaigns.steps(id);
      expect(submittable).toBe(false);
      expect(steps.map((step) => [step.id, step.state, step.faults.map((fault) => fault.code)])).toEqual([
        ['analysis', 'missing', ['goal_missing', 'kpi_missing']],
        ['audience', 'missing', ['audience_missing']],
        ['content', 'missing', ['content_missing']],
        ['channel', 'missing', ['channel_missing']],
        ['measurement', 'missing', ['control_missing']],
      ]);
      await expect(campaigns.submit(id, maker)).rejects.toMatchObject({
        code: 'campaigns.incomplete',
        faults: { length: 6 },
      });
    });

    it.each([
      ['goal', '/goal'],
      ['kpi', '/kpi'],
      ['audience', '/audience'],
      ['control', '/control'],
      ['content', '/content'],
      ['channel', '/channel'],
    ] as const)('refuse a campaign without %s', async (member, pointer) => {
      const { [member]: _left, ...rest } = draft();
      const { id } = await campaigns.create({ ...rest, name: `Without ${member}` }, maker);
      await expect(campaigns.submit(id, maker)).rejects.toMatchObject({
        code: 'campaigns.incomplete',
        faults: [{ pointer }],
      });
    });

    it('check later steps again when an earlier one changes, and keep unaffected work', async () => {
      const { id } = await campaigns.create(draft(), maker);
      expect((await campaigns.steps(id)).steps.map((step) => step.state)).toEqual(Array(5).fill('ok'));
      clock.advance(60_000);
      const changed = await campaigns.change(
        id,
        draft({ audience: { condition: { tag: 'aum', op: '>=', value: 5_900 } } }),
        maker,
      );
      const { steps, audienceSize } = await campaigns.steps(id);
      expect(audienceSize).toBe(100);
      expect(steps.at(-1)).toMatchObject({ state: 'warning', faults: [{ code: 'control_small' }] });
      expect(changed.content).toEqual({ templateId: ids.template });
      const [analysis, audience] = steps;
      expect(analysis?.lastEditedAt).toBe(analysis?.firstEditedAt);
      expect(Date.parse(audience?.lastEditedAt ?? '') - Date.parse(audience?.firstEditedAt ?? '')).toBe(
        60_000,
      );
    });

    it('refuse a template that names an offer when the campaign makes none', async () => {
      const naming = await content.create(
        {
          name: 'Names an offer',
          channel: 'email',
          purpose: 'marketing',
          variants: [{ id: 'everyone', name: 'Everyone', subject: '{{ offer.name }}', body: EMAIL }],
        },
        maker,
      );
      await content.publish(naming.id, maker);
      const { id } = await campaigns.create(draft({ content: { templateId: naming.id } }), maker);
      const { steps, submittable } = await campaigns.steps(id);
      expect(submittable).toBe(false);
      expect(steps.flatMap((step) => step.faults)).toMatchObject([
        { code: 'template_faulty', pointer: '/content/templateId', severity: 'missing' },
      ]);
    });

    it('point at an unknown tag, template, offer and event', async () => {
      const { id } = await campaigns.create(
        draft({
          kpi: { event: 'no_such_event', within: 'P14D' },
          audience: { condition: { all: [{ tag: 'nope', op: '=', value: 1 }] } },
          content: { templateId: 'tpl_none', offerId: 'off_none' },
        }),
        maker,
      );
      const faults = (await campaigns.steps(id)).steps.flatMap((step) => step.faults);
      expect(faults.map((fault) => fault.pointer)).toEqual([
        '/kpi/event',
        '/audience/condition/all/0/tag',
        '/content/templateId',
        '/content/offerId',
      ]);
    });
  });

  it('forecasts a launch without sending or reserving anything', async () => {
    const { id } = await campaigns.create(draft(), maker);
    // Customer 2 has had three contacts this week: the cap is three.
    await ledger.reserve(
      [1, 2, 3].map((number) => ({
        cid: 2,
        channel: 'email',
        campaignId: 'cmp_other',
        deliveryId: `dlv_other_${number}`,
        at: clock.now() - number * 1000,
      })),
    );
    const run = await campaigns.dryRun(id, maker);
    expect(run).toMatchObject({ targeted: CUSTOMERS, unreachable: 600, noConsent: 50, suppressed: 9 });
    expect(
      run.ineligible +
        run.unsuitable +
        run.unreachable +
        run.noConsent +
        run.suppressed +
        run.control +
        run.capped +
        run.wouldBeSent,
    ).toBe(run.targeted);
    expect(run.capped).toBe(bucketOf(id, 'C2') < 1000 ? 0 : 1);
    expect(run.samples).toHaveLength(5);
    expect(run.samples[0]?.html).toContain(run.samples[0]?.customerId);
    expect(await outbox(id)).toHaveLength(0);
    expect(await ledger.contactsOf(2)).toHaveLength(3);
    expect(await campaigns.setSizes(id)).toHaveLength(0);
  });

  describe('approval', () => {
    it('is given by a second person only', async () => {
      const { id } = await campaigns.create(draft(), maker);
      const { approvalId = '' } = await campaigns.submit(id, maker);
      await expect(approvals.decide(approvalId, { decision: 'approved' }, maker)).rejects.toMatchObject({
        code: 'governance.self_approval',
      });
      await expect(campaigns.launch(id, maker)).rejects.toMatchObject({ code: 'campaigns.wrong_state' });
      await approvals.decide(approvalId, { decision: 'approved' }, checker);
      expect(await campaigns.get(id)).toMatchObject({ state: 'approved', approvedBy: 'usr_checker' });
    });

    it('is void after any edit', async () => {
      const id = await approved();
      const edited = await campaigns.change(id, draft({ control: { share: 0.2 } }), maker);
      expect(edited).toMatchObject({ state: 'draft' });
      expect(edited.approvalId).toBeUndefined();
      await expect(campaigns.launch(id, maker)).rejects.toMatchObject({ code: 'campaigns.wrong_state' });
    });

    it('of an older submission does not approve what was edited meanwhile', async () => {
      const { id } = await campaigns.create(draft(), maker);
      const { approvalId = '' } = await campaigns.submit(id, maker);
      await campaigns.change(id, draft({ name: 'Changed' }), maker);
      await expect(approvals.decide(approvalId, { decision: 'approved' }, checker)).rejects.toMatchObject({
        code: 'governance.already_decided',
      });
      expect((await campaigns.get(id)).state).toBe('draft');
    });

    it('is void when the template, the offer or an audience changed before the launch', async () => {
      const moving = await audiences.create(
        { name: 'Moving', condition: { tag: 'aum', op: '<', value: 100 } },
        maker,
      );
      const outer = await audiences.create({ name: 'Outer', condition: { audience: moving.id } }, maker);
      const id = await approved({ audience: { audienceId: outer.id } });
      await audiences.replace(
        moving.id,
        { name: 'Moving', condition: { tag: 'aum', op: '<', value: 5_000 }, version: moving.version },
        maker,
      );
      await expect(campaigns.launch(id, maker)).rejects.toMatchObject({
        code: 'campaigns.changed_since_approval',
      });
      expect((await campaigns.get(id)).state).toBe('draft');
      expect((await campaigns.timeline(id)).at(-1)).toMatchObject({
        action: 'void',
        to: 'draft',
        note: 'Changed since it was submitted: an audience that it builds on changed.',
      });
      expect(await outbox(id)).toHaveLength(0);
    });

    it('is rejected with a reason that the timeline keeps, and can be tried again', async () => {
      const { id } = await campaigns.create(draft(), maker);
      const { approvalId = '' } = await campaigns.submit(id, maker);
      await approvals.decide(approvalId, { decision: 'rejected', comment: 'Wrong rate' }, checker);
      expect((await campaigns.timeline(id)).at(-1)).toMatchObject({ to: 'rejected', note: 'Wrong rate' });
      await campaigns.change(id, draft({ name: 'Right rate' }), maker);
      expect((await campaigns.submit(id, maker)).state).toBe('in_review');
    });

    it('is taken over by the scheduler when nobody listened', async () => {
      const { id } = await campaigns.create(draft(), maker);
      const { approvalId = '' } = await campaigns.submit(id, maker);
      await stores.relational.pool.query(
        `update governance.approval a set state = 'approved', decided_by = 'usr_checker', decided_by_name = 'Checker',
           decided_at = $2 where a.id = $1`,
        [approvalId, new Date(clock.now())],
      );
      await campaigns.advance();
      expect((await campaigns.get(id)).state).toBe('approved');
    });
  });

  describe('the launch', () => {
    it('conserves: targeted = exits + control + queued, and the sets are disjoint', async () => {
      const id = await approved();
      const launched = await campaigns.launch(id, maker);
      expect(launched).toMatchObject({ state: 'running' });
      const sets = await campaigns.sets(id);
      const targeted = sets.find((set) => set.outcome === 'targeted');
      const parts = sets.filter((set) => set.outcome !== 'targeted');
      let union = cidSetOf([]);
      for (const part of parts) {
        expect(union.and(part.cids).size).toBe(0);
        union = union.or(part.cids);
      }
      expect(union.size).toBe(CUSTOMERS);
      expect(targeted?.cids.andNot(union).size).toBe(0);
      expect(parts.map((part) => part.outcome).sort()).toEqual([...EXIT_REASONS, 'control', 'queued'].sort());
    });

    it('draws the control group by the hash of the customer id, from those who are left after the exits', async () => {
      const id = await approved({ control: { share: 0.25, salt: 'spring' } });
      await campaigns.launch(id, maker);
      const sets = await campaigns.sets(id);
      const [control, queued] = ['control', 'queued'].map((outcome) =>
        sets.find((set) => set.outcome === outcome),
      );
      for (const cid of control?.cids.toArray() ?? [])
        expect(bucketOf('spring', customerIdOf(cid))).toBeLessThan(2_500);
      for (const cid of queued?.cids.toArray() ?? [])
        expect(bucketOf('spring', customerIdOf(cid))).toBeGreaterThanOrEqual(2_500);
      expect(control?.cids.has(10)).toBe(false);
    });

    it('leaves out, each for one reason, whom the offer does not fit or suit', async () => {
      const id = await approved({ content: { templateId: ids.template, offerId: ids.fund } });
      await campaigns.launch(id, maker);
      const sets = await campaigns.sets(id);
      const queued = sets.find((set) => set.outcome === 'queued');
      expect((await sizesOf(id)).ineligible).toBe(1_000);
      expect((await sizesOf(id)).unsuitable).toBeGreaterThan(1_900);
      for (const cid of queued?.cids.toArray() ?? []) {
        expect(cid).toBeLessThan(5_000);
        expect(cid % 7 === 0 ? 1 : (cid % 5) + 1).toBeGreaterThanOrEqual(3);
      }
    });

    it('expands the queued set into exactly one message each, and twice changes nothing', async () => {
      const id = await approved();
      await campaigns.launch(id, maker);
      await campaigns.advance();
      await campaigns.advance();
      const sets = await campaigns.sets(id);
      const queued = sets.find((set) => set.outcome === 'queued');
      expect((await outbox(id)).map((message) => message.cid)).toEqual([...(queued?.cids.toArray() ?? [])]);
      expect((await campaigns.get(id)).counts).toMatchObject({
        queued: queued?.size,
        expanded: queued?.size,
        messages: { queued: queued?.size },
      });
    });

    it('is the same after crashes between outbox and cursor as without any', async () => {
      const id = await approved();
      await campaigns.launch(id, maker);
      let calls = 0;
      const crashing = createCampaigns({
        ...deps,
        channels: {
          ...channels,
          async enqueue(batch) {
            const done = await channels.enqueue(batch);
            if (calls++ % 2 === 0) throw new Error('the process dies before the cursor is committed');
            return done;
          },
        },
      });
      for (let round = 0; round < 12; round++) await crashing.advance();
      const queued = (await campaigns.sets(id)).find((set) => set.outcome === 'queued');
      const messages = await outbox(id);
      expect(messages.map((message) => message.cid)).toEqual([...(queued?.cids.toArray() ?? [])]);
      expect((await campaigns.get(id)).counts?.expanded).toBe(queued?.size);
      expect(calls).toBeGreaterThan(3);
    });

    it('happens once, however many launch at the same moment', async () => {
      const id = await approved();
      const heard: string[] = [];
      const several = [createCampaigns(deps), createCampaigns(deps), createCampaigns(deps)];
      for (const each of several) each.onLaunched(async (campaign) => void heard.push(campaign.id));
      const answers = await Promise.all(several.map((each) => each.launch(id, maker)));
      expect(answers.map((campaign) => campaign.state)).toEqual(['running', 'running', 'running']);
      expect(heard).toEqual([id]);
      expect((await campaigns.timeline(id)).filter((entry) => entry.action === 'launch')).toHaveLength(1);
    });

    it('leaves out who converted in an earlier campaign, and only them', async () => {
      const parent = await approved({ control: { share: 0.5 }, audience: { audienceId: ids.rich } });
      await campaigns.launch(parent, maker);
      clock.advance(2 * DAY);
      const at = new Date(clock.now() - DAY).toISOString().replace('T', ' ').replace('Z', '');
      // 3001–3010 convert after the launch; 40 converts too, but was not targeted.
      await stores.warehouse.command(
        `insert into event__1 select number, 'deposit_opened', toDateTime64({at:String}, 3, 'UTC')
         from numbers(${CUSTOMERS}) where number between 3001 and 3010 or number = 40`,
        { at },
      );
      const followUp = await campaigns.createFollowUp(parent, { excludeConverted: true });
      expect(followUp).toMatchObject({ state: 'draft', parentCampaignId: parent });
      expect((await campaigns.createFollowUp(parent, { excludeConverted: true })).id).toBe(followUp.id);
      expect((await campaigns.steps(followUp.id)).audienceSize).toBe(3_000 - 10);
      await campaigns.change(
        followUp.id,
        {
          ...draft(),
          audience: { audienceId: ids.all, exclude: { convertedIn: [parent], audienceIds: [ids.vip] } },
        },
        maker,
      );
      expect((await campaigns.steps(followUp.id)).audienceSize).toBe(CUSTOMERS - 10 - 100);
    });

    it('reaches no customers beyond the org units of its maker', async () => {
      const id = await approved({}, branch);
      await campaigns.launch(id, maker);
      expect((await sizesOf(id)).targeted).toBe(CUSTOMERS / 4);
      const whole = await campaigns.create(draft(), maker);
      await expect(campaigns.change(whole.id, draft(), branch)).rejects.toMatchObject({
        code: 'campaigns.out_of_scope',
      });
    });
  });

  describe('on the way', () => {
    it('starts when it is due, and `now` means as soon as approved', async () => {
      const at = new Date(clock.now() + 3_600_000).toISOString();
      const later = await approved({ schedule: { startAt: at } });
      const now = await approved({ schedule: { startAt: 'now' } });
      const byHand = await approved();
      await campaigns.advance();
      const states = async (): Promise<string[]> =>
        Promise.all([later, now, byHand].map(async (id) => (await campaigns.get(id)).state));
      expect(await states()).toEqual(['scheduled', 'running', 'approved']);
      clock.advance(3_600_000);
      await campaigns.advance();
      expect(await states()).toEqual(['running', 'running', 'approved']);
    });

    it('pauses, resumes and stops, each as often as asked', async () => {
      const id = await approved();
      const finished: string[] = [];
      campaigns.onFinished(async (campaign) => void finished.push(campaign.id));
      await campaigns.launch(id, maker);
      await campaigns.pause(id, maker);
      await campaigns.advance();
      expect(await outbox(id)).toHaveLength(0);
      expect((await campaigns.pause(id, maker)).state).toBe('paused');
      await campaigns.resume(id, maker);
      await campaigns.advance();
      expect((await outbox(id)).length).toBeGreaterThan(4_000);
      const started = performance.now();
      const stopped = await campaigns.stop(id, maker, 'Wrong rate');
      expect(performance.now() - started).toBeLessThan(5_000);
      expect(stopped.state).toBe('stopped');
      expect((await campaigns.stop(id, maker)).state).toBe('stopped');
      expect(new Set((await outbox(id)).map((message) => message.state))).toEqual(new Set(['cancelled']));
      expect(finished).toEqual([id]);
      await expect(campaigns.resume(id, maker)).rejects.toMatchObject({ code: 'campaigns.wrong_state' });
    });

    it('queues nothing more once it is stopped in the middle of its expansion', async () => {
      const id = await approved();
      await campaigns.launch(id, maker);
      await Promise.all([campaigns.advance(), campaigns.stop(id, maker)]);
      await campaigns.advance();
      expect((await outbox(id)).filter((message) => message.state === 'queued')).toHaveLength(0);
    });

    it('finishes when the KPI window is over and no message is under way', async () => {
      const id = await approved({ audience: { audienceId: ids.vip } });
      await campaigns.launch(id, maker);
      await campaigns.advance();
      clock.advance(13 * DAY);
      await stores.relational.pool.query(
        `update channels.message m set state = 'sent' where m.campaign_id = $1`,
        [id],
      );
      await campaigns.advance();
      expect((await campaigns.get(id)).state).toBe('running');
      clock.advance(DAY);
      await campaigns.advance();
      const done = await campaigns.get(id);
      expect(done.state).toBe('finished');
      expect(done.timings.find((timing) => timing.state === 'running')?.seconds).toBe((14 * DAY) / 1000);
    });

    it('is driven by the orchestrator alone', async () => {
      const id = await approved({ audience: { audienceId: ids.vip }, schedule: { startAt: 'now' } });
      const orchestrator = createOrchestrator({ campaigns, log: silentLog, pauseMs: 10 });
      await orchestrator.start();
      for (let wait = 0; wait < 200 && (await outbox(id)).length === 0; wait++)
        await new Promise((resolve) => setTimeout(resolve, 25));
      await orchestrator.stop();
      expect((await outbox(id)).length).toBeGreaterThan(50);
    });
  });

  it('advises how small a lift it can detect, from what the audience did before', async () => {
    clock.advance(0);
    const now = fixedClock(Date.parse('2026-06-01T10:00:00Z'));
    const advising = createCampaigns({ ...deps, clock: now });
    const advice = await advising.advice(
      {
        audience: { audienceId: ids.all },
        controlShare: 0.2,
        kpi: { event: 'deposit_opened', within: 'P14D' },
      },
      maker,
    );
    expect(advice).toMatchObject({
      audienceSize: CUSTOMERS,
      treated: 4_800,
      control: 1_200,
      baseRate: 0.05,
      baseRateSource: 'history',
    });
    expect(advice.detectableAbsolute).toBeCloseTo(0.0209, 3);
    expect(advice.sentence.en).toContain('80 % power');
    await expect(advising.advice({ controlShare: 0.1 }, maker)).rejects.toMatchObject({
      code: 'campaigns.advice_incomplete',
    });
  });

  describe('a campaign file', () => {
    const file = (name: string, rate: string): string => `
name: ${name}
goal: { text: Move maturing deposits, objective: cross_sell }
kpi: { event: deposit_opened, within: P14D }
audience:
  saved: Rich
  exclude: { audiences: [Very rich] }
control: { share: 0.1 }
content:
  template:
    name: Deposit mail of ${name}
    channel: email
    purpose: marketing
    variants:
      - id: everyone
        name: Everyone
        subject: ${rate} for you
        body: |
          ${EMAIL}
  offer: Growth fund
channel: email
provider: Local mail
schedule: { startAt: now }
`;

    it('makes a complete campaign, and applied again the same one', async () => {
      const first = await campaigns.applyFile(file('From file', '3 %'), maker);
      expect(first.audience).toEqual({ audienceId: ids.rich, exclude: { audienceIds: [ids.vip] } });
      expect(first.content?.offerId).toBe(ids.fund);
      expect((await campaigns.steps(first.id)).submittable).toBe(true);
      const again = await campaigns.applyFile(file('From file', '3 %'), maker);
      expect(again.id).toBe(first.id);
      expect((await content.get(first.content?.templateId ?? '')).version).toBe(1);
      await campaigns.applyFile(file('From file', '4 %'), maker);
      expect((await content.get(first.content?.templateId ?? '')).version).toBe(2);
    });

    it('is refused with every fault and writes nothing', async () => {
      await expect(
        campaigns.applyFile('name: Bad\naudience: { saved: Nobody }\ncontent: { template: None }\n', maker),
      ).rejects.toMatchObject({
        code: 'campaigns.bad_file',
        faults: [{ pointer: '/audience/saved' }, { pointer: '/content/template' }],
      });
      await expect(campaigns.applyFile('name: Bad\ncolour: red\n', maker)).rejects.toMatchObject({
        code: 'campaigns.bad_file',
      });
      await expect(campaigns.applyFile('name: [', maker)).rejects.toMatchObject({
        code: 'campaigns.bad_file',
      });
      expect((await campaigns.list({ text: 'Bad' })).items).toHaveLength(0);
    });
  });

  it('speaks HTTP: make, read, edit, steps, dry run, submit, sets, timeline, delete', async () => {
    const ask = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, payload?: object) =>
      web.http.inject({ method, url: `/api/v1/campaigns${path}`, ...(payload ? { payload } : {}) });
    const made = await ask('POST', '', draft({ name: 'Over HTTP' }));
    expect(made.statusCode).toBe(201);
    const { id } = made.json();
    const stale = await ask('PUT', `/${id}`, { ...draft(), version: 7 });
    expect([stale.statusCode, stale.json().code]).toEqual([409, 'campaigns.conflict']);
    expect((await ask('PUT', `/${id}`, { ...draft({ name: 'Over HTTP' }), version: 1 })).statusCode).toBe(
      200,
    );
    expect((await ask('GET', `/${id}/steps`)).json()).toMatchObject({ submittable: true });
    expect((await ask('POST', `/${id}/dry-run`)).json().targeted).toBe(CUSTOMERS);
    expect(
      (await ask('POST', '/advice', { audienceSize: 10_000, controlShare: 0.1, baseRate: 0.02 })).statusCode,
    ).toBe(200);
    expect((await ask('POST', `/${id}/submit`, {})).json().state).toBe('in_review');
    expect((await ask('POST', `/${id}/withdraw`)).json().state).toBe('draft');
    expect((await ask('POST', `/${id}/pause`)).json().code).toBe('campaigns.wrong_state');
    expect((await ask('POST', `/${id}/stop`, { note: 'x' })).json().code).toBe('campaigns.wrong_state');
    const listed = (await ask('GET', '?text=over http&limit=1')).json();
    expect(listed.items[0].id).toBe(id);
    expect((await ask('GET', `/${id}/sets`)).json()).toEqual({ items: [] });
    const timeline = (await ask('GET', `/${id}/timeline`)).json();
    expect(timeline.items.map((entry: { action: string }) => entry.action)).toEqual([
      'create',
      'submit',
      'withdraw',
    ]);
    const copy = await ask('POST', `/${id}/clone`, { name: 'A copy' });
    expect(copy.json()).toMatchObject({ name: 'A copy', parentCampaignId: id, state: 'draft' });
    expect((await ask('DELETE', `/${id}`)).statusCode).toBe(204);
    expect((await ask('GET', `/${id}`)).statusCode).toBe(404);
    expect((await ask('GET', `/${copy.json().id}`)).statusCode).toBe(200);
  });

  it('tells the lineage from audience, template and offer through the campaign to its messages', async () => {
    const id = await approved({ content: { templateId: ids.template, offerId: ids.fund } });
    await campaigns.launch(id, maker);
    const { nodes, edges } = await campaignLineage({ relational: stores.relational, offers })();
    const into = edges.filter((edge) => edge.to === `campaign:${id}`).map((edge) => edge.from);
    expect(into.sort()).toEqual(
      [`audience:${ids.all}`, `template:${ids.template}`, `offer:${ids.fund}`].sort(),
    );
    expect(edges).toContainEqual({ from: 'tag:aum', to: `offer:${ids.fund}` });
    expect(edges).toContainEqual({ from: `campaign:${id}`, to: `message:${id}` });
    expect(nodes).toContainEqual({ id: `campaign:${id}`, kind: 'campaign', title: 'Autumn deposits' });
  });

  it('keeps an audience that it needs from being deleted', async () => {
    const needed = await audiences.create({ name: 'Needed', condition: { always: true } }, maker);
    const { id } = await campaigns.create(draft({ audience: { audienceId: needed.id } }), maker);
    await expect(audiences.remove(needed.id, {}, maker)).rejects.toMatchObject({ code: 'audiences.in_use' });
    await campaigns.remove(id, maker);
    await audiences.remove(needed.id, {}, maker);
  });

  it('audits every step and stays within the states of the table', async () => {
    const states = await stores.relational.pool.query<{ state: string }>(
      'select distinct c.state from campaigns.campaign c',
    );
    for (const { state } of states.rows) expect(CAMPAIGN_STATES).toContain(state);
    const actions = await stores.relational.pool.query<{ action: string }>(
      `select distinct a.action from governance.audit a where a.action like 'campaign.%' order by 1`,
    );
    expect(actions.rows.map((row) => row.action)).toEqual(
      expect.arrayContaining([
        'campaign.approved',
        'campaign.created',
        'campaign.launched',
        'campaign.stopped',
        'campaign.submitted',
        'campaign.voided',
      ]),
    );
  });
});
