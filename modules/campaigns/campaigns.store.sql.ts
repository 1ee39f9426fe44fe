import { type Actor, toIso } from '@rapport/kernel';
import { type CidSet, cidSetFromBytes, type Relational } from '@rapport/stores';
import { type CampaignAction, stepOf } from './campaign-states.ts';
import { campaignsProblems } from './campaigns.problems.ts';
import type {
  Campaign,
  CampaignDraft,
  CampaignState,
  SetOutcome,
  StepId,
  TimelineEntry,
} from './contract.ts';
import type { FrozenPlan } from './plan.ts';

export type StepEdits = Partial<Record<StepId, { readonly first: number; readonly last: number }>>;

/** A campaign as it is stored. */
export interface CampaignRow {
  readonly id: string;
  readonly name: string;
  readonly state: CampaignState;
  readonly version: number;
  readonly document: CampaignDraft;
  readonly step_edits: StepEdits;
  readonly org_scope: string[] | null;
  readonly parent_campaign_id: string | null;
  readonly created_by: string;
  readonly created_by_name: string;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly submitted_by: string | null;
  readonly submitted_at: Date | null;
  readonly approval_id: string | null;
  readonly approved_by: string | null;
  readonly approved_at: Date | null;
  readonly content_hash: string | null;
  readonly frozen: FrozenPlan | null;
  readonly launched_at: Date | null;
  readonly release: number | null;
  readonly finished_at: Date | null;
}

export interface TransitionRow {
  readonly campaign_id: string;
  readonly at: Date;
  readonly from_state: CampaignState | null;
  readonly to_state: CampaignState;
  readonly action: string;
  readonly actor_id: string;
  readonly actor_name: string;
  readonly note: string | null;
}

export interface SetRow {
  readonly wave: number;
  readonly node: string;
  readonly outcome: SetOutcome;
  readonly size: number;
}

export interface ExpansionRow {
  readonly cursor: number | null;
  readonly expanded: number;
  readonly done: boolean;
}

export type Client = Parameters<Parameters<Relational['transaction']>[0]>[0];
type Queryable = Pick<Client, 'query'>;

const COLUMNS = `c.id, c.name, c.state, c.version, c.document, c.step_edits, c.org_scope, c.parent_campaign_id,
  c.created_by, c.created_by_name, c.created_at, c.updated_at, c.submitted_by, c.submitted_at, c.approval_id,
  c.approved_by, c.approved_at, c.content_hash, c.frozen, c.launched_at, c.release::int as release, c.finished_at`;

export async function findCampaign(db: Queryable, campaignId: string): Promise<CampaignRow | undefined> {
  const found = await db.query<CampaignRow>(`select ${COLUMNS} from campaigns.campaign c where c.id = $1`, [
    campaignId,
  ]);
  return found.rows[0];
}

/** Reads a campaign and keeps others from changing it until the transaction ends. @throws campaigns.not_found */
export async function lockCampaign(client: Client, campaignId: string): Promise<CampaignRow> {
  const found = await client.query<CampaignRow>(
    `select ${COLUMNS} from campaigns.campaign c where c.id = $1 for update`,
    [campaignId],
  );
  const row = found.rows[0];
  if (!row) throw campaignsProblems.not_found({ detail: `There is no campaign ${campaignId}.` });
  return row;
}

export async function listCampaigns(
  db: Queryable,
  query: {
    readonly state?: CampaignState;
    readonly text?: string;
    readonly before?: string;
    readonly limit: number;
  },
): Promise<CampaignRow[]> {
  const found = await db.query<CampaignRow>(
    `select ${COLUMNS} from campaigns.campaign c
     where ($1::text is null or c.state = $1) and ($2::text is null or position(lower($2) in lower(c.name)) > 0)
       and ($3::text is null or c.id < $3) order by c.id desc limit $4`,
    [query.state ?? null, query.text ?? null, query.before ?? null, query.limit],
  );
  return found.rows;
}

export async function campaignsInStates(
  db: Queryable,
  states: readonly CampaignState[],
): Promise<CampaignRow[]> {
  const found = await db.query<CampaignRow>(
    `select ${COLUMNS} from campaigns.campaign c where c.state = any($1) order by c.id`,
    [states],
  );
  return found.rows;
}

/** The latest campaign of exactly this name. */
export async function latestByName(db: Queryable, name: string): Promise<CampaignRow | undefined> {
  const found = await db.query<CampaignRow>(
    `select ${COLUMNS} from campaigns.campaign c where c.name = $1 order by c.id desc limit 1`,
    [name],
  );
  return found.rows[0];
}

export async function insertCampaign(
  client: Client,
  campaign: {
    readonly id: string;
    readonly document: CampaignDraft;
    readonly stepEdits: StepEdits;
    readonly parentId: string | undefined;
    readonly actor: Actor;
    readonly at: Date;
  },
): Promise<void> {
  const { id, document, stepEdits, parentId, actor, at } = campaign;
  await client.query(
    `insert into campaigns.campaign (id, name, state, version, document, step_edits, org_scope, parent_campaign_id,
       created_by, created_by_name, created_at, updated_at)
     values ($1, $2, 'draft', 1, $3, $4, $5, $6, $7, $8, $9, $9)`,
    [
      id,
      document.name,
      JSON.stringify(document),
      JSON.stringify(stepEdits),
      actor.orgScope ?? null,
      parentId ?? null,
      actor.id,
      actor.displayName,
      at,
    ],
  );
  await client.query(
    `insert into campaigns.transition (campaign_id, number, at, from_state, to_state, action, actor_id, actor_name)
     values ($1, 1, $2, null, 'draft', 'create', $3, $4)`,
    [id, at, actor.id, actor.displayName],
  );
}

export interface Move {
  readonly action: CampaignAction;
  readonly actor: Actor;
  readonly at: Date;
  readonly note?: string | undefined;
}

/**
 * Moves a locked campaign along the transition table and writes the timeline.
 * @returns the state afterwards and whether it changed; an action that has happened already changes nothing
 * @throws campaigns.wrong_state when the table does not know the move
 */
export async function moveCampaign(
  client: Client,
  row: Pick<CampaignRow, 'id' | 'state'>,
  move: Move,
): Promise<{ readonly state: CampaignState; readonly moved: boolean }> {
  const step = stepOf(move.action, row.state);
  if (step.kind === 'done') return { state: row.state, moved: false };
  if (step.kind === 'refused') {
    throw campaignsProblems.wrong_state({
      detail: `Campaign ${row.id} is ${row.state}; “${move.action}” needs it to be ${step.from.join(' or ')}.`,
      details: { state: row.state, allowed: step.from },
    });
  }
  await client.query('update campaigns.campaign c set state = $2, updated_at = $3 where c.id = $1', [
    row.id,
    step.to,
    move.at,
  ]);
  if (step.to === row.state) return { state: step.to, moved: false };
  await client.query(
    `insert into campaigns.transition (campaign_id, number, at, from_state, to_state, action, actor_id, actor_name, note)
     select $1, coalesce(max(t.number), 0) + 1, $2, $3, $4, $5, $6, $7, $8 from campaigns.transition t where t.campaign_id = $1`,
    [
      row.id,
      move.at,
      row.state,
      step.to,
      move.action,
      move.actor.id,
      move.actor.displayName,
      move.note ?? null,
    ],
  );
  return { state: step.to, moved: true };
}

export async function transitionsOf(db: Queryable, campaignIds: readonly string[]): Promise<TransitionRow[]> {
  const found = await db.query<TransitionRow>(
    `select t.campaign_id, t.at, t.from_state, t.to_state, t.action, t.actor_id, t.actor_name, t.note
     from campaigns.transition t where t.campaign_id = any($1) order by t.campaign_id, t.number`,
    [campaignIds],
  );
  return found.rows;
}

export async function insertSet(
  client: Client,
  set: {
    readonly campaignId: string;
    readonly wave: number;
    readonly node: string;
    readonly outcome: SetOutcome;
    readonly cids: CidSet;
  },
): Promise<void> {
  await client.query(
    `insert into campaigns.journey_set (campaign_id, wave, node, outcome, cids, size) values ($1, $2, $3, $4, $5, $6)`,
    [set.campaignId, set.wave, set.node, set.outcome, Buffer.from(set.cids.toBytes()), set.cids.size],
  );
}

export async function setSizes(db: Queryable, campaignId: string): Promise<SetRow[]> {
  const found = await db.query<SetRow>(
    `select s.wave, s.node, s.outcome, s.size from campaigns.journey_set s where s.campaign_id = $1
     order by s.wave, s.node, s.outcome`,
    [campaignId],
  );
  return found.rows;
}

export async function readSets(
  db: Queryable,
  campaignId: string,
  outcomes?: readonly SetOutcome[],
): Promise<(SetRow & { readonly cids: CidSet })[]> {
  const found = await db.query<SetRow & { cids: Buffer }>(
    `select s.wave, s.node, s.outcome, s.size, s.cids from campaigns.journey_set s
     where s.campaign_id = $1 and ($2::text[] is null or s.outcome = any($2)) order by s.wave, s.node, s.outcome`,
    [campaignId, outcomes ?? null],
  );
  return found.rows.map((row) => ({ ...row, cids: cidSetFromBytes(row.cids) }));
}

/* ── how a stored campaign is shown ──────────────────────────────────────────────────────────────────── */

const iso = (at: Date): string => toIso(at.getTime());

/** A stored campaign with its cycle times up to `nowMs`. */
export function presentCampaign(
  row: CampaignRow,
  transitions: readonly TransitionRow[],
  nowMs: number,
): Campaign {
  return {
    id: row.id,
    ...row.document,
    mode: row.document.mode ?? 'batch',
    purpose: row.document.purpose ?? 'marketing',
    state: row.state,
    version: row.version,
    ...(row.parent_campaign_id === null ? {} : { parentCampaignId: row.parent_campaign_id }),
    createdBy: row.created_by,
    createdByName: row.created_by_name,
    createdAt: iso(row.created_at),
    updatedAt: iso(row.updated_at),
    ...(row.submitted_by === null ? {} : { submittedBy: row.submitted_by }),
    ...(row.submitted_at === null ? {} : { submittedAt: iso(row.submitted_at) }),
    ...(row.approval_id === null ? {} : { approvalId: row.approval_id }),
    ...(row.approved_by === null ? {} : { approvedBy: row.approved_by }),
    ...(row.approved_at === null ? {} : { approvedAt: iso(row.approved_at) }),
    ...(row.content_hash === null ? {} : { contentHash: row.content_hash }),
    ...(row.launched_at === null ? {} : { launchedAt: iso(row.launched_at) }),
    ...(row.release === null ? {} : { release: row.release }),
    ...(row.finished_at === null ? {} : { finishedAt: iso(row.finished_at) }),
    timings: timingsOf(
      transitions.filter((transition) => transition.campaign_id === row.id),
      nowMs,
    ),
  };
}

/** Time spent in each state, all visits together; the last state counts up to `nowMs` unless it is terminal. */
export function timingsOf(transitions: readonly TransitionRow[], nowMs: number): Campaign['timings'] {
  const spent = new Map<CampaignState, { seconds: number; visits: number }>();
  transitions.forEach((transition, index) => {
    const next = transitions[index + 1];
    const terminal = transition.to_state === 'finished' || transition.to_state === 'stopped';
    const until = next ? next.at.getTime() : terminal ? transition.at.getTime() : nowMs;
    const known = spent.get(transition.to_state) ?? { seconds: 0, visits: 0 };
    spent.set(transition.to_state, {
      seconds: known.seconds + Math.max(0, until - transition.at.getTime()) / 1000,
      visits: known.visits + 1,
    });
  });
  return [...spent].map(([state, { seconds, visits }]) => ({ state, seconds, visits }));
}

export function presentTransition(row: TransitionRow): TimelineEntry {
  return {
    at: iso(row.at),
    ...(row.from_state === null ? {} : { from: row.from_state }),
    to: row.to_state,
    action: row.action,
    actorId: row.actor_id,
    actorName: row.actor_name,
    ...(row.note === null ? {} : { note: row.note }),
  };
}
