import { createHash } from 'node:crypto';
import { type Condition, tagsIn } from '@rapport/conditions';
import type { ApprovalView } from '@rapport/governance/contract';
import { type Actor, newId, type ProblemFault, systemActor, toIso } from '@rapport/kernel';
import { Value } from 'typebox/value';
import { TagDefinition } from './contract.ts';
import { dependenciesOf } from './plan.ts';
import { actionsFrom, isPublic, type TagStatus, tagStep } from './tag-states.ts';
import { mustFind, type TagContext, usesOf } from './tags.context.ts';
import type { TagGraph } from './tags.lineage.ts';
import { tagsProblems } from './tags.problems.ts';
import type { StoredTag } from './tags.store.sql.ts';
import { changesOf, differences } from './tags.yaml.ts';
import type {
  FactorySettings,
  TagAccess,
  TagAccessRequest,
  TagDemand,
  TagLifecycle,
  TagStewardship,
  TagTransition,
  TagVersion,
} from './workflow.contract.ts';
import {
  createWorkflowStore,
  type StoredAccess,
  type StoredLifecycle,
  type WorkflowStore,
} from './workflow.store.sql.ts';

export interface TagWorkflow {
  readonly store: WorkflowStore;
  settings(): Promise<FactorySettings>;
  changeSettings(settings: FactorySettings, actor: Actor): Promise<FactorySettings>;
  /** @throws tags.exists when the id is taken */
  demand(demand: TagDemand, actor: Actor): Promise<TagLifecycle>;
  lifecycle(tagId: string): Promise<TagLifecycle>;
  lifecycles(): Promise<TagLifecycle[]>;
  /** @throws tags.not_found, tags.wrong_status, tags.in_use (with who uses it and what could replace it) */
  transition(tagId: string, step: TagTransition, actor: Actor): Promise<TagLifecycle>;
  setStewardship(tagId: string, values: TagStewardship, actor: Actor): Promise<TagLifecycle>;
  versions(tagId: string): Promise<TagVersion[]>;
  /** Makes an earlier version the newest. @throws tags.not_found */
  rollBack(tagId: string, version: number, actor: Actor): Promise<void>;
  requestAccess(tagId: string, request: TagAccessRequest, actor: Actor): Promise<TagAccess>;
  access(query: { tagId?: string; state?: TagAccess['state'] }): Promise<TagAccess[]>;
  /** @throws tags.not_found, tags.wrong_status */
  revokeAccess(accessId: string, actor: Actor): Promise<TagAccess>;
  /** Tags whose use this actor has not been granted: faults with the pointer of each. */
  useFaults(condition: Condition, actor: Actor): Promise<ProblemFault[]>;
  /** Which tags this actor may build with. */
  palette(actor: Actor): Promise<(tag: StoredTag) => boolean>;
  statuses(): Promise<(tagId: string) => TagStatus>;
  /** To be called when an approval was decided. */
  onApprovalDecided(approval: ApprovalView): Promise<void>;
  /** Whether a change must wait for its review; if so it is kept as a proposal and its review is asked for. */
  propose(before: StoredTag, after: TagDefinition, actor: Actor): Promise<boolean>;
  /** Where a new tag begins. */
  begin(tagId: string, actor: Actor): Promise<void>;
}

const SETTINGS = 'factory';

export function createWorkflow(
  context: TagContext,
  graph: TagGraph,
  apply: (definition: TagDefinition, actor: Actor) => Promise<void>,
): TagWorkflow {
  const { deps, store: tags } = context;
  const { clock } = deps;
  const store = createWorkflowStore(deps.relational);

  const settings = async (): Promise<FactorySettings> => {
    const value = await store.setting(SETTINGS);
    return {
      requiresReview:
        typeof value === 'object' && value !== null && Reflect.get(value, 'requiresReview') === true,
    };
  };

  const present = async (
    tagId: string,
    life: StoredLifecycle | undefined,
    isDefined: boolean,
  ): Promise<TagLifecycle> => {
    const status = life?.status ?? 'published';
    const steps = await store.steps(tagId);
    return {
      tagId,
      status,
      actions: actionsFrom(status).filter((action) => action !== 'submit' || isDefined),
      ...(life?.demand ? { demand: life.demand } : {}),
      ...(life?.steward === undefined ? {} : { steward: life.steward }),
      ...(life?.slaHours === undefined ? {} : { slaHours: life.slaHours }),
      isRestricted: life?.isRestricted ?? false,
      ...(life?.replacement === undefined ? {} : { replacement: life.replacement }),
      ...(life?.approvalId === undefined ? {} : { approvalId: life.approvalId }),
      hasDefinition: isDefined,
      ...(life ? { since: toIso(life.since), by: life.by } : {}),
      steps: steps.map(({ action, from, to, note, at, by }) => ({
        action,
        ...(from === undefined ? {} : { from }),
        to,
        ...(note === undefined ? {} : { note }),
        at: toIso(at),
        by,
      })),
    };
  };

  const lifecycle = async (tagId: string): Promise<TagLifecycle> => {
    const [life, all] = await Promise.all([store.lifecycle(tagId), tags.all()]);
    const isDefined = all.some(({ definition }) => definition.id === tagId);
    if (!life && !isDefined) throw tagsProblems.not_found({ detail: `There is no tag "${tagId}".` });
    return present(tagId, life, isDefined);
  };

  /** Other public tags that give the same type of value from the same columns or the same place of the taxonomy. */
  const replacementsOf = async (
    all: readonly StoredTag[],
    tagId: string,
  ): Promise<{ id: string; title: string }[]> => {
    const { definition } = mustFind(all, tagId);
    const lives = await store.lifecycles();
    const columns = new Set([...dependenciesOf(definition).columns, ...dependenciesOf(definition).tags]);
    return all
      .filter(
        (other) =>
          other.definition.id !== tagId &&
          other.definition.valueType === definition.valueType &&
          isPublic(lives.get(other.definition.id)?.status ?? 'published'),
      )
      .map((other) => {
        const reads = dependenciesOf(other.definition);
        const shared = [...reads.columns, ...reads.tags].filter((name) => columns.has(name)).length;
        const isNear = other.definition.category === definition.category;
        return { other, score: shared * 2 + (isNear ? 3 : 0) };
      })
      .filter(({ score }) => score >= 3)
      .toSorted((a, b) => b.score - a.score)
      .slice(0, 3)
      .map(({ other }) => ({ id: other.definition.id, title: other.definition.title.en }));
  };

  const refuseUsed = async (tagId: string): Promise<void> => {
    const uses = usesOf(await graph.full(), tagId);
    if (uses.length === 0) return;
    const replacements = await replacementsOf(await tags.all(), tagId);
    throw tagsProblems.in_use({
      detail: `The tag ${tagId} is used by ${uses
        .slice(0, 5)
        .map((use) => `${use.kind} ${use.title} (${use.id})`)
        .join(', ')}${uses.length > 5 ? ` and ${uses.length - 5} more` : ''}.${
        replacements.length > 0
          ? ` Put one of ${replacements.map(({ id }) => id).join(', ')} in its place first.`
          : ''
      }`,
      details: { uses, replacements },
    });
  };

  const mustMove = async (
    tagId: string,
    life: StoredLifecycle | undefined,
    action: Parameters<typeof tagStep>[0],
    actor: Actor,
    more: {
      note?: string | undefined;
      replacement?: string | undefined;
      approvalId?: string | undefined;
    } = {},
  ): Promise<void> => {
    const status = life?.status ?? 'published';
    const to = tagStep(action, status);
    if (to === undefined)
      throw tagsProblems.wrong_status({
        detail: `The tag ${tagId} is ${status}; from there it can ${actionsFrom(status).join(', ')}, not ${action}.`,
      });
    if (!life) await store.set(tagId, {}, { at: clock.now(), by: actor.id });
    const hasMoved = await store.move({
      tagId,
      action,
      from: status,
      to,
      at: clock.now(),
      by: actor.id,
      ...more,
    });
    if (!hasMoved)
      throw tagsProblems.wrong_status({ detail: `The tag ${tagId} was moved by somebody else; look again.` });
    await deps.audit.record({
      actor,
      action: `tag.${action}`,
      subject: tagId,
      details: { from: status, to, ...more },
    });
  };

  const requestReview = async (
    subjectKind: 'tag' | 'tag_access',
    subjectId: string,
    title: string,
    content: unknown,
    actor: Actor,
  ): Promise<string> => {
    if (!deps.approvals)
      throw tagsProblems.wrong_status({ detail: 'This installation has nobody who reviews tags.' });
    const { id } = await deps.approvals.request({
      subjectKind,
      subjectId,
      title,
      contentHash: hashOf(content),
      requestedBy: actor,
    });
    return id;
  };

  const presentAccess = (access: StoredAccess): TagAccess => ({
    id: access.id,
    tagId: access.tagId,
    state: access.state === 'approved' && access.expiresAt <= clock.now() ? 'expired' : access.state,
    purpose: access.purpose,
    requestedBy: access.requestedBy,
    ...(access.orgUnit === undefined ? {} : { orgUnit: access.orgUnit }),
    requestedAt: toIso(access.requestedAt),
    expiresAt: toIso(access.expiresAt),
    ...(access.decidedBy === undefined ? {} : { decidedBy: access.decidedBy }),
    ...(access.approvalId === undefined ? {} : { approvalId: access.approvalId }),
  });

  const isAuthor = (tag: StoredTag, life: StoredLifecycle | undefined, actor: Actor): boolean =>
    actor.kind === 'system' ||
    tag.updatedBy === actor.id ||
    life?.steward === actor.id ||
    life?.by === actor.id ||
    tag.definition.owner === actor.id;

  const byTag = async (): Promise<Map<string, StoredTag>> =>
    new Map((await tags.all()).map((tag) => [tag.definition.id, tag]));

  return {
    store,
    settings,
    async changeSettings(next, actor) {
      await store.setSetting(SETTINGS, next);
      await deps.audit.record({
        actor,
        action: 'tag.settings_changed',
        subject: 'tags',
        details: { ...next },
      });
      return settings();
    },
    async demand(demand, actor) {
      const [life, all] = await Promise.all([store.lifecycle(demand.tagId), tags.all()]);
      if (life || all.some(({ definition }) => definition.id === demand.tagId))
        throw tagsProblems.exists({
          detail: `There is a tag "${demand.tagId}" already; ask for its use instead.`,
        });
      await store.move({
        tagId: demand.tagId,
        action: 'demand',
        from: undefined,
        to: 'demand',
        at: clock.now(),
        by: actor.id,
        demand,
      });
      await deps.audit.record({
        actor,
        action: 'tag.demanded',
        subject: demand.tagId,
        details: { ...demand },
      });
      return lifecycle(demand.tagId);
    },
    lifecycle,
    async lifecycles() {
      const [lives, all] = await Promise.all([store.lifecycles(), byTag()]);
      const found = [...lives.values()].toSorted((a, b) => (a.tagId < b.tagId ? -1 : 1));
      return Promise.all(found.map((life) => present(life.tagId, life, all.has(life.tagId))));
    },
    async transition(tagId, { action, note, replacement }, actor) {
      const [life, all] = await Promise.all([store.lifecycle(tagId), byTag()]);
      const tag = all.get(tagId);
      if (!life && !tag) throw tagsProblems.not_found({ detail: `There is no tag "${tagId}".` });
      if (action === 'retire') await refuseUsed(tagId);
      if (action === 'submit') {
        if (!tag)
          throw tagsProblems.wrong_status({
            detail: `The tag ${tagId} has no definition yet; write one, then submit it.`,
          });
        if (tagStep('submit', life?.status ?? 'published') !== undefined) {
          const title = `Tag ${tag.definition.title.en} (${tagId})`;
          const approvalId = await requestReview('tag', tagId, title, tag.definition, actor);
          await mustMove(tagId, life, 'submit', actor, { note, approvalId });
          return lifecycle(tagId);
        }
      }
      if (action === 'withdraw' && life?.approvalId !== undefined)
        await deps.approvals?.withdraw(life.approvalId, actor);
      await mustMove(tagId, life, action, actor, { note, replacement });
      if (action === 'retire') {
        const { placements } = await deps.releases.current();
        if (placements.has(`tag/${tagId}`))
          await deps.releases.publish({ set: {}, remove: [`tag/${tagId}`], note: `tag ${tagId} retired` });
      }
      return lifecycle(tagId);
    },
    async setStewardship(tagId, values, actor) {
      mustFind(await tags.all(), tagId);
      await store.set(tagId, values, { at: clock.now(), by: actor.id });
      await deps.audit.record({
        actor,
        action: 'tag.stewardship_changed',
        subject: tagId,
        details: { ...values },
      });
      return lifecycle(tagId);
    },
    async versions(tagId) {
      mustFind(await tags.all(), tagId);
      const found = await store.versions(tagId);
      return found
        .map(({ version, document, at, by }, index) => {
          const before = found[index - 1]?.document;
          return {
            version,
            at: toIso(at),
            by,
            changes: before === undefined ? [] : changesOf(before, document),
          };
        })
        .toReversed();
    },
    async rollBack(tagId, version, actor) {
      mustFind(await tags.all(), tagId);
      const document = (await store.versions(tagId)).find((each) => each.version === version)?.document;
      if (!Value.Check(TagDefinition, document))
        throw tagsProblems.not_found({ detail: `The tag ${tagId} has no version ${version}.` });
      await apply(document, actor);
      await deps.audit.record({ actor, action: 'tag.rolled_back', subject: tagId, details: { version } });
    },
    async requestAccess(tagId, request, actor) {
      const tag = mustFind(await tags.all(), tagId);
      const expiresAt = Date.parse(request.expiresAt);
      if (expiresAt <= clock.now())
        throw tagsProblems.invalid({
          detail: `The use of ${tagId} would end before it begins: ${request.expiresAt}.`,
          faults: [{ pointer: '/expiresAt', message: 'It is in the past.' }],
        });
      const id = newId('tac');
      const title = `Use of ${tag.definition.title.en} (${tagId}): ${request.purpose}`;
      const approvalId = await requestReview(
        'tag_access',
        id,
        title.slice(0, 300),
        { tagId, ...request },
        actor,
      );
      const access: StoredAccess = {
        id,
        tagId,
        state: 'requested',
        purpose: request.purpose,
        requestedBy: actor.id,
        orgUnit: request.orgUnit,
        requestedAt: clock.now(),
        expiresAt,
        decidedBy: undefined,
        approvalId,
      };
      await store.requestAccess(access);
      await deps.audit.record({
        actor,
        action: 'tag.access_requested',
        subject: tagId,
        details: { id, ...request },
      });
      return presentAccess(access);
    },
    async access(query) {
      const state = query.state === 'expired' ? 'approved' : query.state;
      const found = await store.access({
        ...(query.tagId === undefined ? {} : { tagId: query.tagId }),
        ...(state === undefined ? {} : { state }),
      });
      return found
        .map(presentAccess)
        .filter((access) => query.state === undefined || access.state === query.state);
    },
    async revokeAccess(accessId, actor) {
      const found = await store.settleAccess(accessId, ['requested', 'approved'], 'revoked', actor.id);
      if (!found) throw tagsProblems.wrong_status({ detail: `There is no use ${accessId} to revoke.` });
      await deps.audit.record({
        actor,
        action: 'tag.access_revoked',
        subject: found.tagId,
        details: { accessId },
      });
      return presentAccess(found);
    },
    async useFaults(condition, actor) {
      const named = tagsIn(condition);
      if (named.length === 0 || actor.kind === 'system') return [];
      const [all, lives, grants] = await Promise.all([
        byTag(),
        store.lifecycles(),
        store.grants(clock.now()),
      ]);
      return named.flatMap((tagId) => {
        const tag = all.get(tagId);
        const life = lives.get(tagId);
        const mustBeGranted = tag?.definition.dataClass === 'C3' || life?.isRestricted === true;
        if (!tag || !mustBeGranted || isAuthor(tag, life, actor)) return [];
        const isGranted = grants.some(
          (grant) =>
            grant.tagId === tagId &&
            (grant.orgUnit === undefined
              ? grant.requestedBy === actor.id
              : actor.orgScope?.includes(grant.orgUnit) === true || grant.requestedBy === actor.id),
        );
        return isGranted
          ? []
          : pointersOf(condition, tagId).map((pointer) => ({
              pointer,
              message: `The tag "${tagId}" needs a grant${tag.definition.dataClass === 'C3' ? ' (class C3)' : ''}; ask for its use on the tag's page.`,
            }));
      });
    },
    async palette(actor) {
      const lives = await store.lifecycles();
      return (tag) => {
        const life = lives.get(tag.definition.id);
        const status = life?.status ?? 'published';
        return isPublic(status) || (status !== 'retired' && isAuthor(tag, life, actor));
      };
    },
    async statuses() {
      const lives = await store.lifecycles();
      return (tagId) => lives.get(tagId)?.status ?? 'published';
    },
    async onApprovalDecided(approval) {
      const decider: Actor = {
        ...systemActor,
        id: approval.decidedBy ?? systemActor.id,
        displayName: approval.decidedByName ?? systemActor.displayName,
      };
      if (approval.subjectKind === 'tag_access') {
        const to = approval.state === 'approved' ? 'approved' : 'refused';
        if (approval.state !== 'pending')
          await store.settleAccess(approval.subjectId, ['requested'], to, decider.id);
        return;
      }
      if (approval.subjectKind !== 'tag') return;
      const life = await store.lifecycle(approval.subjectId);
      if (!life || life.approvalId !== approval.id) return;
      if (life.proposal) {
        const { proposal } = life;
        await store.set(
          life.tagId,
          { proposal: null, approvalId: null },
          { at: clock.now(), by: decider.id },
        );
        if (approval.state === 'approved') await apply(proposal, decider);
        return;
      }
      if (life.status !== 'review') return;
      const tag = (await byTag()).get(life.tagId);
      const isSame = tag !== undefined && hashOf(tag.definition) === approval.contentHash;
      // What was changed after it was submitted has not been reviewed.
      const action = approval.state === 'approved' && isSame ? 'approve' : 'reject';
      await mustMove(life.tagId, life, action, decider, { note: approval.comment });
    },
    async propose(before, after, actor) {
      const { id } = after;
      const life = await store.lifecycle(id);
      if (!(await settings()).requiresReview || !isPublic(life?.status ?? 'published')) return false;
      const isMaterial = differences(before.definition, after).some((pointer) =>
        /^\/(definition|valueType|unit|dataClass)/.test(pointer),
      );
      if (!isMaterial) return false;
      const approvalId = await requestReview('tag', id, `Change of ${after.title.en} (${id})`, after, actor);
      await store.set(id, { proposal: after, approvalId }, { at: clock.now(), by: actor.id });
      await deps.audit.record({ actor, action: 'tag.change_proposed', subject: id, details: { approvalId } });
      return true;
    },
    async begin(tagId, actor) {
      const life = await store.lifecycle(tagId);
      if (life?.status === 'demand') {
        await mustMove(tagId, life, 'accept', actor);
        return;
      }
      if (life || !(await settings()).requiresReview) return;
      await store.move({
        tagId,
        action: 'design',
        from: undefined,
        to: 'design',
        at: clock.now(),
        by: actor.id,
      });
    },
  };
}

/** Pointers of the leaves that name a tag. */
function pointersOf(condition: Condition, tagId: string, at = ''): string[] {
  if ('all' in condition)
    return condition.all.flatMap((part, index) => pointersOf(part, tagId, `${at}/all/${index}`));
  if ('any' in condition)
    return condition.any.flatMap((part, index) => pointersOf(part, tagId, `${at}/any/${index}`));
  if ('not' in condition) return pointersOf(condition.not, tagId, `${at}/not`);
  return 'tag' in condition && condition.tag === tagId ? [`${at}/tag`] : [];
}

/** The same for the same content, whatever the order of its members. */
function hashOf(content: unknown): string {
  const ordered = JSON.stringify(content, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash('sha256').update(ordered).digest('hex');
}
