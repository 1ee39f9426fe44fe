import { audiencesIn } from '@rapport/conditions';
import { type Actor, newId, Problem, systemActor } from '@rapport/kernel';
import type { CidSet } from '@rapport/stores';
import { adviceFor } from './advice.ts';
import { kpiWindowEnd, splitTargeted, type TargetPlan, targetedCustomers } from './audience-plan.ts';
import { applyCampaignFile } from './campaign-file.ts';
import type { CampaignAction } from './campaign-states.ts';
import type { CampaignsDeps } from './campaigns.deps.ts';
import { campaignsProblems } from './campaigns.problems.ts';
import {
  type CampaignRow,
  type Client,
  campaignsInStates,
  findCampaign,
  insertCampaign,
  insertSet,
  listCampaigns,
  lockCampaign,
  moveCampaign,
  presentCampaign,
  presentTransition,
  readSets,
  type SetRow,
  setSizes,
  transitionsOf,
} from './campaigns.store.sql.ts';
import {
  type Advice,
  type AdviceRequest,
  type Campaign,
  type CampaignChange,
  type CampaignCounts,
  type CampaignDraft,
  type CampaignQuery,
  type CampaignSteps,
  type DryRun,
  EXIT_REASONS,
  type StepFault,
  type TimelineEntry,
} from './contract.ts';
import { createExpansion, JOURNEY_NODE, JOURNEY_WAVE } from './expansion.ts';
import { createLookUps } from './look-ups.ts';
import { type ConvertedIn, createPlanReader, type FrozenPlan } from './plan.ts';
import { editedSteps, stepsOf } from './steps.ts';

export interface CampaignSet extends SetRow {
  readonly cids: CidSet;
}

export type CampaignListener = (campaign: Campaign) => Promise<void>;

/** What campaigns do for people and programs. */
export interface Campaigns {
  list(query: CampaignQuery): Promise<{ items: Campaign[]; nextCursor?: string }>;
  /** @throws campaigns.not_found */
  get(campaignId: string): Promise<Campaign>;
  create(draft: CampaignDraft, actor: Actor): Promise<Campaign>;
  /** Replaces the document; whatever was submitted or approved of it is void. @throws campaigns.conflict, campaigns.wrong_state */
  change(campaignId: string, change: CampaignChange, actor: Actor): Promise<Campaign>;
  /** Only drafts and rejected campaigns. */
  remove(campaignId: string, actor: Actor): Promise<void>;
  /** A draft with the same content, linked to the original. */
  clone(
    campaignId: string,
    options: { name?: string; excludeConverted?: boolean },
    actor: Actor,
  ): Promise<Campaign>;
  /** The one follow-up draft of a campaign; called again while it is a draft, it answers the same one. */
  createFollowUp(
    campaignId: string,
    options: { excludeConverted: boolean },
    actor?: Actor,
  ): Promise<Campaign>;
  steps(campaignId: string): Promise<CampaignSteps>;
  advice(request: AdviceRequest, actor: Actor): Promise<Advice>;
  /** What a launch would do now; sends and reserves nothing. @throws campaigns.incomplete without audience or channel */
  dryRun(campaignId: string, actor: Actor): Promise<DryRun>;
  /** @throws campaigns.incomplete with every fault */
  submit(campaignId: string, actor: Actor): Promise<Campaign>;
  withdraw(campaignId: string, actor: Actor): Promise<Campaign>;
  /** Freezes the audience and begins to run. @throws campaigns.not_approved, campaigns.changed_since_approval */
  launch(campaignId: string, actor: Actor): Promise<Campaign>;
  pause(campaignId: string, actor: Actor, note?: string): Promise<Campaign>;
  resume(campaignId: string, actor: Actor): Promise<Campaign>;
  /** For good: queued messages are cancelled. */
  stop(campaignId: string, actor: Actor, note?: string): Promise<Campaign>;
  /** The journey sets themselves; none before the launch. */
  sets(campaignId: string): Promise<CampaignSet[]>;
  setSizes(campaignId: string): Promise<SetRow[]>;
  timeline(campaignId: string): Promise<TimelineEntry[]>;
  /** Makes or updates a campaign from the text of a `*.campaign.yaml` (docs/campaigns.md). @throws campaigns.bad_file */
  applyFile(yaml: string, actor: Actor): Promise<Campaign>;
  /** Takes over the decision of an approval; what is not of a campaign, or void, is ignored. */
  onApprovalDecided(approval: { id: string; subjectKind: string; subjectId: string }): Promise<void>;
  /** Campaigns that are not over and name this audience; audiences ask before they delete one. */
  usagesOfAudience(audienceId: string): Promise<{ kind: string; id: string; title: string }[]>;
  onLaunched(listener: CampaignListener): void;
  /** Called when a campaign finished or was stopped. */
  onFinished(listener: CampaignListener): void;
  /** One round of the scheduler over all campaigns; see `createOrchestrator`. */
  advance(): Promise<void>;
}

/** Campaigns 營銷活動 in batch mode: draft, check, approve, launch as sets, expand into the outbox, finish. */
export function createCampaigns(deps: CampaignsDeps): Campaigns {
  const { relational, clock, audit, approvals, audiences, channels, log } = deps;
  const launchedListeners: CampaignListener[] = [];
  const finishedListeners: CampaignListener[] = [];
  const held = new Set<string>();
  const troubles = new Map<string, string>();
  const lookUps = createLookUps(deps);
  const planning = { ...deps, lookUps };
  const expansion = createExpansion({ ...deps, customerIds: lookUps.customerIds });
  const plans = createPlanReader({
    ...planning,
    launched: async (campaignIds) => {
      const found = await Promise.all(campaignIds.map((id) => findCampaign(relational.pool, id)));
      return found.flatMap((row) => (row ? convertedOf(row) : []));
    },
  });

  const read = async (campaignId: string): Promise<CampaignRow> => {
    const row = await findCampaign(relational.pool, campaignId);
    if (!row) throw campaignsProblems.not_found({ detail: `There is no campaign ${campaignId}.` });
    return row;
  };
  const present = async (row: CampaignRow): Promise<Campaign> => {
    const shown = presentCampaign(row, await transitionsOf(relational.pool, [row.id]), clock.now());
    return row.launched_at === null ? shown : { ...shown, counts: await countsOf(row.id) };
  };
  const countsOf = async (campaignId: string): Promise<CampaignCounts> => {
    const [sizes, expanded, messages] = await Promise.all([
      setSizes(relational.pool, campaignId),
      expansion.expanded(campaignId),
      channels.progress(campaignId),
    ]);
    const size = (outcome: string): number =>
      sizes.filter((set) => set.outcome === outcome).reduce((sum, set) => sum + set.size, 0);
    return {
      targeted: size('targeted'),
      exits: Object.fromEntries(EXIT_REASONS.map((reason) => [reason, size(reason)])),
      control: size('control'),
      queued: size('queued'),
      expanded,
      messages: { ...messages },
    };
  };
  /** Messages that are still to be handed over, or in the middle of it. */
  const openCount = async (campaignId: string): Promise<number> => {
    const { queued, sending } = await channels.progress(campaignId);
    return queued + sending;
  };
  const get: Campaigns['get'] = async (campaignId) => present(await read(campaignId));

  /** Changes a locked campaign in one transaction; `work` may write more than the move. */
  const move = async (
    campaignId: string,
    step: { action: CampaignAction; actor: Actor; note?: string | undefined },
    work?: (client: Client, row: CampaignRow) => Promise<void>,
  ): Promise<boolean> => {
    const at = new Date(clock.now());
    const { moved, from } = await relational.transaction(async (client) => {
      const row = await lockCampaign(client, campaignId);
      const result = await moveCampaign(client, row, { ...step, at });
      if (result.moved) await work?.(client, row);
      return { moved: result.moved, from: row.state };
    });
    if (moved) {
      await audit.record({
        actor: step.actor,
        action: `campaign.${PAST[step.action]}`,
        subject: campaignId,
        details: { from, ...(step.note === undefined ? {} : { note: step.note }) },
      });
    }
    return moved;
  };
  const tell = async (listeners: readonly CampaignListener[], campaignId: string): Promise<void> => {
    const campaign = await get(campaignId);
    for (const listener of listeners) {
      try {
        await listener(campaign);
      } catch (error) {
        log.error({ err: error, campaignId }, 'a campaign listener failed');
      }
    }
  };

  const insert = async (document: CampaignDraft, actor: Actor, parentId?: string): Promise<Campaign> => {
    const id = newId('cmp');
    const at = clock.now();
    const clean = documentOf(document);
    await relational.transaction((client) =>
      insertCampaign(client, {
        id,
        document: clean,
        stepEdits: editedSteps(undefined, clean, {}, at),
        parentId,
        actor,
        at: new Date(at),
      }),
    );
    await audit.record({
      actor,
      action: 'campaign.created',
      subject: id,
      details: { name: clean.name, ...(parentId === undefined ? {} : { parentCampaignId: parentId }) },
    });
    return get(id);
  };
  const clone: Campaigns['clone'] = async (campaignId, { name, excludeConverted }, actor) => {
    const row = await read(campaignId);
    return insert(copyOf(row, name, excludeConverted === true), actor, campaignId);
  };

  const targetPlan = async (
    plan: Pick<FrozenPlan, 'condition' | 'excluded'>,
    document: CampaignDraft,
  ): Promise<TargetPlan> => {
    const ids = document.audience?.exclude?.convertedIn ?? [];
    const earlier = await Promise.all(
      ids.map(async (id) => {
        const [row, sets] = await Promise.all([
          findCampaign(relational.pool, id),
          readSets(relational.pool, id, ['targeted']),
        ]);
        const targeted = sets[0]?.cids;
        return row && targeted ? convertedOf(row).map((converted) => ({ ...converted, targeted })) : [];
      }),
    );
    return { condition: plan.condition, excluded: plan.excluded, convertedIn: earlier.flat() };
  };

  const stepsFor = async (row: CampaignRow): Promise<CampaignSteps> => {
    const facts = await plans.facts(row.document);
    const size =
      facts.condition === undefined || facts.conditionFaults.length > 0
        ? undefined
        : (
            await targetedCustomers(
              audiences,
              await targetPlan(
                { condition: facts.condition, excluded: facts.excludedAudiences },
                row.document,
              ),
              { asOf: facts.now, orgScope: row.org_scope ?? undefined },
            )
          ).cids.size;
    const steps = stepsOf(row.document, facts, row.step_edits, size);
    return {
      steps,
      submittable: steps.every((step) => step.state !== 'missing'),
      ...(size === undefined ? {} : { audienceSize: size }),
    };
  };
  const incomplete = (campaignId: string, faults: readonly StepFault[]): Problem =>
    campaignsProblems.incomplete({
      detail: `Campaign ${campaignId}: ${faults.map((fault) => fault.message).join(' ')}`,
      faults: faults.map(({ pointer, message }) => ({ pointer, message })),
    });

  /** Leads a campaign whose approved parts changed back to its draft. */
  const voidApproval = async (campaignId: string, note: string): Promise<void> => {
    await move(campaignId, { action: 'void', actor: systemActor, note }, clearApproval);
  };
  /** The plan exactly as it was submitted. @throws campaigns.changed_since_approval, after voiding it */
  const approvedPlan = async (row: CampaignRow): Promise<FrozenPlan> => {
    const frozen = await plans.freeze(row.document);
    if (frozen && frozen.hash === row.content_hash) return frozen.plan;
    const what = frozen ? changedParts(row.frozen, frozen.plan) : 'its audience or template is gone';
    await voidApproval(row.id, `Changed since it was submitted: ${what}.`);
    throw campaignsProblems.changed_since_approval({
      detail: `Campaign ${row.id} is a draft again, because ${what}. Check it and submit it again.`,
    });
  };

  const launch: Campaigns['launch'] = async (campaignId, actor) => {
    const row = await read(campaignId);
    if (row.state === 'running' || row.state === 'paused' || row.state === 'finished') return present(row);
    if (row.state !== 'approved' && row.state !== 'scheduled') {
      throw campaignsProblems.wrong_state({
        detail: `Campaign ${campaignId} is ${row.state}; only an approved campaign can be launched.`,
        details: { state: row.state, allowed: ['approved', 'scheduled'] },
      });
    }
    const approval = row.approval_id === null ? undefined : await approvals.get(row.approval_id);
    if (approval?.state !== 'approved' || approval.contentHash !== row.content_hash) {
      throw campaignsProblems.not_approved({
        detail: `Campaign ${campaignId} has no approval of exactly what would be sent.`,
      });
    }
    const plan = await approvedPlan(row);
    const asOf = clock.now();
    const target = await targetPlan(plan, row.document);
    const { cids, release } = await targetedCustomers(audiences, target, {
      asOf,
      orgScope: row.org_scope ?? undefined,
    });
    const sets = await splitTargeted(planning, cids, {
      campaignId,
      document: row.document,
      offer: plan.offer,
      asOf,
    });
    const launched = await move(campaignId, { action: 'launch', actor }, async (client, locked) => {
      if (locked.version !== row.version || locked.content_hash !== row.content_hash) {
        throw campaignsProblems.conflict({ detail: `Campaign ${campaignId} was changed during the launch.` });
      }
      const place = { campaignId, wave: JOURNEY_WAVE, node: JOURNEY_NODE };
      await insertSet(client, { ...place, outcome: 'targeted', cids: sets.targeted });
      for (const reason of EXIT_REASONS)
        await insertSet(client, { ...place, outcome: reason, cids: sets.exits[reason] });
      await insertSet(client, { ...place, outcome: 'control', cids: sets.control });
      await insertSet(client, { ...place, outcome: 'queued', cids: sets.queued });
      await expansion.open(client, campaignId);
      await client.query(
        'update campaigns.campaign c set launched_at = $2, release = $3, frozen = $4 where c.id = $1',
        [campaignId, new Date(asOf), release, JSON.stringify(plan)],
      );
    });
    if (launched) await tell(launchedListeners, campaignId);
    return get(campaignId);
  };

  const applyDecision = async (row: CampaignRow): Promise<void> => {
    const approval = row.approval_id === null ? undefined : await approvals.get(row.approval_id);
    if (!approval || row.state !== 'in_review' || approval.contentHash !== row.content_hash) return;
    const actor: Actor = {
      ...systemActor,
      kind: 'user',
      id: approval.decidedBy ?? systemActor.id,
      displayName: approval.decidedByName ?? systemActor.displayName,
      permissions: new Set(),
    };
    if (approval.state === 'rejected') {
      await move(row.id, { action: 'reject', actor, note: approval.comment });
    } else if (approval.state === 'withdrawn') {
      await move(row.id, { action: 'withdraw', actor: systemActor }, clearApproval);
    } else if (approval.state === 'approved') {
      await move(row.id, { action: 'approve', actor, note: approval.comment }, async (client, locked) => {
        if (locked.approval_id !== approval.id) {
          throw campaignsProblems.conflict({ detail: `Campaign ${row.id} was submitted again meanwhile.` });
        }
        await client.query(
          'update campaigns.campaign c set approved_by = $2, approved_at = $3 where c.id = $1',
          [row.id, approval.decidedBy ?? null, approval.decidedAt ?? new Date(clock.now())],
        );
      });
    }
  };

  const finish = async (row: CampaignRow): Promise<void> => {
    const { launched_at: launchedAt } = row;
    const within = row.document.kpi?.within;
    if (launchedAt === null || within === undefined) return;
    if (clock.now() < kpiWindowEnd(launchedAt.getTime(), within)) return;
    if (!(await expansion.isDone(row.id)) || (await openCount(row.id)) > 0) return;
    const finished = await move(row.id, { action: 'finish', actor: systemActor }, end);
    if (finished) await tell(finishedListeners, row.id);
  };
  const end = async (client: Client, row: CampaignRow): Promise<void> => {
    await client.query('update campaigns.campaign c set finished_at = $2 where c.id = $1', [
      row.id,
      new Date(clock.now()),
    ]);
  };

  const advanceOne = async (row: CampaignRow): Promise<void> => {
    const startAt = row.document.schedule?.startAt;
    switch (row.state) {
      case 'in_review':
        return applyDecision(row);
      case 'approved':
        if (startAt === undefined) return;
        if (startAt === 'now' || Date.parse(startAt) <= clock.now()) await launch(row.id, systemActor);
        else await move(row.id, { action: 'schedule', actor: systemActor });
        return;
      case 'scheduled':
        if (startAt === undefined || startAt === 'now' || Date.parse(startAt) <= clock.now())
          await launch(row.id, systemActor);
        return;
      case 'running':
        if (held.delete(row.id)) await channels.resume(row.id);
        await expansion.advance(row);
        return finish(row);
      case 'paused':
        if (!held.has(row.id)) await channels.pause(row.id);
        held.add(row.id);
        return;
      case 'stopped':
        if (row.launched_at !== null && (await openCount(row.id)) > 0) await channels.cancel(row.id);
        return;
      default:
        return;
    }
  };

  const change: Campaigns['change'] = async (campaignId, edited, actor) => {
    const at = clock.now();
    const document = documentOf(edited);
    const before = await relational.transaction(async (client) => {
      const row = await lockCampaign(client, campaignId);
      mayChange(row, actor);
      if (edited.version !== undefined && edited.version !== row.version) {
        throw campaignsProblems.conflict({
          detail: `You edited version ${edited.version} of campaign ${campaignId}, it is at ${row.version} by now; read it again.`,
          details: { version: row.version },
        });
      }
      await moveCampaign(client, row, { action: 'edit', actor, at: new Date(at) });
      await client.query(
        `update campaigns.campaign c set name = $2, document = $3, step_edits = $4, version = c.version + 1,
           org_scope = $5, updated_at = $6 where c.id = $1`,
        [
          campaignId,
          document.name,
          JSON.stringify(document),
          JSON.stringify(editedSteps(row.document, document, row.step_edits, at)),
          actor.orgScope ?? row.org_scope,
          new Date(at),
        ],
      );
      await clearApproval(client, row);
      return row;
    });
    if (before.state === 'in_review' && before.approval_id !== null)
      await withdrawApproval(before.approval_id, actor);
    await audit.record({
      actor,
      action: 'campaign.changed',
      subject: campaignId,
      details: { version: before.version + 1, ...(before.state === 'draft' ? {} : { voided: before.state }) },
    });
    return get(campaignId);
  };

  return {
    get,
    clone,
    launch,
    async list({ state, text, cursor, limit = 50 }) {
      const rows = await listCampaigns(relational.pool, {
        limit: limit + 1,
        ...(state === undefined ? {} : { state }),
        ...(text === undefined ? {} : { text }),
        ...(cursor === undefined ? {} : { before: cursor }),
      });
      const shown = rows.slice(0, limit);
      const transitions = await transitionsOf(
        relational.pool,
        shown.map((row) => row.id),
      );
      const items = shown.map((row) => presentCampaign(row, transitions, clock.now()));
      const last = items.at(-1);
      return rows.length > limit && last ? { items, nextCursor: last.id } : { items };
    },
    create: (draft, actor) => insert(draft, actor),
    change,
    async remove(campaignId, actor) {
      await relational.transaction(async (client) => {
        const row = await lockCampaign(client, campaignId);
        mayChange(row, actor);
        if (row.state !== 'draft' && row.state !== 'rejected') {
          throw campaignsProblems.wrong_state({
            detail: `Campaign ${campaignId} is ${row.state}; only drafts and rejected campaigns can be deleted.`,
            details: { state: row.state, allowed: ['draft', 'rejected'] },
          });
        }
        await client.query('delete from campaigns.campaign c where c.id = $1', [campaignId]);
      });
      await audit.record({ actor, action: 'campaign.deleted', subject: campaignId });
    },
    async createFollowUp(campaignId, { excludeConverted }, actor = systemActor) {
      const found = await relational.pool.query<{ id: string }>(
        `select c.id from campaigns.campaign c where c.parent_campaign_id = $1 and c.state = 'draft'
           and ($2::boolean = (coalesce(c.document #> '{audience,exclude,convertedIn}', '[]'::jsonb) ? $1))
         order by c.id desc limit 1`,
        [campaignId, excludeConverted],
      );
      const existing = found.rows[0];
      if (existing) return get(existing.id);
      const row = await read(campaignId);
      // The draft belongs to whom the original belongs to: the same customers may be reached, no more.
      const owner: Actor = { ...actor, orgScope: row.org_scope ?? actor.orgScope };
      return insert(copyOf(row, `${row.name} · follow-up`, excludeConverted), owner, campaignId);
    },
    async steps(campaignId) {
      return stepsFor(await read(campaignId));
    },
    advice: (request, actor) => adviceFor(planning, request, actor),
    async dryRun(campaignId, actor) {
      const row = await read(campaignId);
      const facts = await plans.facts(row.document);
      const { channel } = row.document;
      if (facts.condition === undefined || facts.conditionFaults.length > 0 || channel === undefined) {
        throw incomplete(
          campaignId,
          stepsOf(row.document, facts, row.step_edits, undefined)
            .filter((step) => step.id === 'audience' || step.id === 'channel')
            .flatMap((step) => step.faults.filter((fault) => fault.severity === 'missing')),
        );
      }
      const asOf = facts.now;
      const target = await targetPlan(
        { condition: facts.condition, excluded: facts.excludedAudiences },
        row.document,
      );
      const { cids, release } = await targetedCustomers(audiences, target, {
        asOf,
        orgScope: row.org_scope ?? undefined,
      });
      const sets = await splitTargeted(planning, cids, {
        campaignId,
        document: row.document,
        offer: facts.offer,
        asOf,
      });
      const purpose = row.document.purpose ?? 'marketing';
      const capped = await lookUps.cappedCount(sets.queued, { channel, purpose, at: asOf });
      const { samples, faults } = await samplesOf(row, facts.template, sets.queued, actor);
      const contentFaults = stepsOf(row.document, facts, row.step_edits, undefined).find(
        (step) => step.id === 'content',
      );
      return {
        at: new Date(asOf).toISOString(),
        release,
        targeted: sets.targeted.size,
        ineligible: sets.exits.ineligible.size,
        unsuitable: sets.exits.unsuitable.size,
        unreachable: sets.exits.unreachable.size,
        noConsent: sets.exits.no_consent.size,
        suppressed: sets.exits.suppressed.size,
        control: sets.control.size,
        capped,
        wouldBeSent: sets.queued.size - capped,
        samples,
        contentFaults: [...(contentFaults?.faults ?? []), ...faults],
      };
    },
    async submit(campaignId, actor) {
      const row = await read(campaignId);
      mayChange(row, actor);
      if (row.state === 'in_review') return present(row);
      if (row.state !== 'draft') {
        throw campaignsProblems.wrong_state({
          detail: `Campaign ${campaignId} is ${row.state}; only a draft can be submitted.`,
          details: { state: row.state, allowed: ['draft'] },
        });
      }
      const { steps, submittable } = await stepsFor(row);
      if (!submittable) {
        throw incomplete(
          campaignId,
          steps.flatMap((step) => step.faults.filter((fault) => fault.severity === 'missing')),
        );
      }
      const frozen = await plans.freeze(row.document);
      if (!frozen) throw incomplete(campaignId, []);
      const approval = await approvals.request({
        subjectKind: 'campaign',
        subjectId: campaignId,
        title: row.name,
        contentHash: frozen.hash,
        requestedBy: actor,
      });
      await move(campaignId, { action: 'submit', actor }, async (client, locked) => {
        if (locked.version !== row.version) {
          throw campaignsProblems.conflict({
            detail: `Campaign ${campaignId} was changed while it was submitted; submit it again.`,
          });
        }
        await client.query(
          `update campaigns.campaign c set submitted_by = $2, submitted_at = $3, approval_id = $4, content_hash = $5,
             frozen = $6, approved_by = null, approved_at = null where c.id = $1`,
          [
            campaignId,
            actor.id,
            new Date(clock.now()),
            approval.id,
            frozen.hash,
            JSON.stringify(frozen.plan),
          ],
        );
      });
      return get(campaignId);
    },
    async withdraw(campaignId, actor) {
      const row = await read(campaignId);
      mayChange(row, actor);
      const moved = await move(campaignId, { action: 'withdraw', actor }, clearApproval);
      if (moved && row.state === 'in_review' && row.approval_id !== null)
        await withdrawApproval(row.approval_id, actor);
      return get(campaignId);
    },
    async pause(campaignId, actor, note) {
      await move(campaignId, { action: 'pause', actor, note });
      await channels.pause(campaignId);
      held.add(campaignId);
      return get(campaignId);
    },
    async resume(campaignId, actor) {
      mayChange(await read(campaignId), actor);
      await move(campaignId, { action: 'resume', actor });
      await channels.resume(campaignId);
      held.delete(campaignId);
      return get(campaignId);
    },
    async stop(campaignId, actor, note) {
      const stopped = await move(campaignId, { action: 'stop', actor, note }, end);
      await channels.cancel(campaignId);
      if (stopped) await tell(finishedListeners, campaignId);
      return get(campaignId);
    },
    async sets(campaignId) {
      await read(campaignId);
      return readSets(relational.pool, campaignId);
    },
    async setSizes(campaignId) {
      await read(campaignId);
      return setSizes(relational.pool, campaignId);
    },
    async timeline(campaignId) {
      await read(campaignId);
      return (await transitionsOf(relational.pool, [campaignId])).map(presentTransition);
    },
    async applyFile(yaml, actor) {
      return applyCampaignFile({ ...deps, create: insert, change }, yaml, actor);
    },
    async onApprovalDecided({ id, subjectKind, subjectId }) {
      if (subjectKind !== 'campaign') return;
      const row = await findCampaign(relational.pool, subjectId);
      if (row?.approval_id !== id) return;
      await applyDecision(row);
    },
    async usagesOfAudience(audienceId) {
      const rows = await campaignsInStates(relational.pool, OPEN_STATES);
      return rows
        .filter(({ document: { audience } }) => {
          if (audience?.audienceId === audienceId) return true;
          if (audience?.exclude?.audienceIds?.includes(audienceId)) return true;
          return (
            audience?.condition !== undefined &&
            audiencesIn(audience.condition).some((place) => place.id === audienceId)
          );
        })
        .map((row) => ({ kind: 'campaign', id: row.id, title: row.name }));
    },
    onLaunched(listener) {
      launchedListeners.push(listener);
    },
    onFinished(listener) {
      finishedListeners.push(listener);
    },
    async advance() {
      const rows = await campaignsInStates(relational.pool, [
        'in_review',
        'approved',
        'scheduled',
        'running',
        'paused',
        'stopped',
      ]);
      for (const row of rows) {
        try {
          await advanceOne(row);
          troubles.delete(row.id);
        } catch (error) {
          // One campaign's trouble is its own; the next round tries again, and tells only what is new.
          const trouble = error instanceof Error ? error.message : String(error);
          if (troubles.get(row.id) === trouble) continue;
          troubles.set(row.id, trouble);
          const level = error instanceof Problem && error.status < 500 ? 'warn' : 'error';
          log[level](
            { err: error, campaignId: row.id, state: row.state },
            'a campaign could not be advanced',
          );
        }
      }
    },
  };

  async function withdrawApproval(approvalId: string, actor: Actor): Promise<void> {
    try {
      await approvals.withdraw(approvalId, actor);
    } catch (error) {
      // Decided in this very moment: without the campaign pointing at it the decision has no effect.
      if (!(error instanceof Problem)) throw error;
    }
  }

  async function samplesOf(
    row: CampaignRow,
    template: { id: string; version: number } | undefined,
    queued: CidSet,
    actor: Actor,
  ): Promise<{ samples: DryRun['samples']; faults: StepFault[] }> {
    if (!template || template.version === 0) return { samples: [], faults: [] };
    const all = queued.toArray();
    const count = Math.min(SAMPLES, all.length);
    const cids = Array.from(
      { length: count },
      (_, index) => all[Math.floor((index * all.length) / count)] ?? 0,
    );
    const samples: DryRun['samples'] = [];
    const faults: StepFault[] = [];
    for (const customerId of await lookUps.customerIds(cids)) {
      try {
        samples.push(
          await lookUps.sample({
            template,
            offerId: row.document.content?.offerId,
            campaignName: row.name,
            customerId,
            actor,
          }),
        );
      } catch (error) {
        if (!(error instanceof Problem) || error.status >= 500) throw error;
        faults.push({
          pointer: '/content/templateId',
          code: 'sample_failed',
          severity: 'missing',
          message: `Customer ${customerId}: ${error.message}`,
        });
      }
    }
    return { samples, faults };
  }
}

const SAMPLES = 5;
/** A campaign that was launched has its customers in sets of its own; before, it needs its audiences. */
const OPEN_STATES = ['draft', 'in_review', 'approved', 'rejected', 'scheduled'] as const;

/** Action names in the audit trail. */
const PAST: Readonly<Record<CampaignAction, string>> = {
  edit: 'changed',
  submit: 'submitted',
  withdraw: 'withdrawn',
  approve: 'approved',
  reject: 'rejected',
  void: 'voided',
  schedule: 'scheduled',
  launch: 'launched',
  pause: 'paused',
  resume: 'resumed',
  stop: 'stopped',
  finish: 'finished',
};

async function clearApproval(client: Client, row: Pick<CampaignRow, 'id'>): Promise<void> {
  await client.query(
    `update campaigns.campaign c set submitted_by = null, submitted_at = null, approval_id = null, approved_by = null,
       approved_at = null, content_hash = null, frozen = null where c.id = $1`,
    [row.id],
  );
}

/** Whoever sees only some org units may not change a campaign that reaches customers beyond them. */
function mayChange(row: CampaignRow, actor: Actor): void {
  if (actor.orgScope === undefined) return;
  const scope = new Set(actor.orgScope);
  if (row.org_scope?.every((unit) => scope.has(unit))) return;
  throw campaignsProblems.out_of_scope({
    detail: `Campaign ${row.id} was made for ${row.org_scope?.join(', ') ?? 'the whole bank'}; copy it to make your own.`,
  });
}

function convertedOf(row: CampaignRow): ConvertedIn[] {
  const { kpi } = row.document;
  return row.launched_at === null || kpi === undefined
    ? []
    : [{ campaignId: row.id, kpi, launchedAt: row.launched_at.getTime() }];
}

/** A copy's draft: new name, no fixed start, a control group of its own, and who converted left out if wished. */
function copyOf(row: CampaignRow, name: string | undefined, excludeConverted: boolean): CampaignDraft {
  const { document } = row;
  const { exclude } = document.audience ?? {};
  const convertedIn = excludeConverted ? [...(exclude?.convertedIn ?? []), row.id] : exclude?.convertedIn;
  return {
    ...document,
    name: name ?? `${document.name} · copy`,
    ...(document.audience
      ? {
          audience: {
            ...document.audience,
            ...(exclude || convertedIn
              ? {
                  exclude: { ...exclude, ...(convertedIn ? { convertedIn: [...new Set(convertedIn)] } : {}) },
                }
              : {}),
          },
        }
      : {}),
    ...(document.control ? { control: { share: document.control.share } } : {}),
    ...(document.schedule?.window ? { schedule: { window: document.schedule.window } } : { schedule: {} }),
  };
}

function changedParts(before: FrozenPlan | null, after: FrozenPlan): string {
  const differs = (part: (plan: FrozenPlan) => unknown): boolean =>
    before === null || JSON.stringify(part(before)) !== JSON.stringify(part(after));
  const parts = [
    differs((plan) => [plan.condition, plan.excluded]) ? 'the audience' : undefined,
    differs((plan) => plan.template) ? 'the template' : undefined,
    differs((plan) => plan.offer ?? null) ? 'the offer' : undefined,
  ].filter((part) => part !== undefined);
  return parts.length > 0 ? `${parts.join(' and ')} changed` : 'an audience that it builds on changed';
}

/** The document without what does not belong to it (such as the version of an edit). */
function documentOf(draft: CampaignDraft): CampaignDraft {
  const { name, mode, purpose, goal, kpi, audience, control, content, channel, providerId, schedule } = draft;
  return {
    name,
    mode: mode ?? 'batch',
    purpose: purpose ?? 'marketing',
    ...(goal === undefined ? {} : { goal }),
    ...(kpi === undefined ? {} : { kpi }),
    ...(audience === undefined ? {} : { audience }),
    ...(control === undefined ? {} : { control }),
    ...(content === undefined ? {} : { content }),
    ...(channel === undefined ? {} : { channel }),
    ...(providerId === undefined ? {} : { providerId }),
    ...(schedule === undefined ? {} : { schedule }),
  };
}
