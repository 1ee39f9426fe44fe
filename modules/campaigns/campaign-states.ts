import type { CampaignState } from './contract.ts';

export const CAMPAIGN_ACTIONS = [
  'edit',
  'submit',
  'withdraw',
  'approve',
  'reject',
  'void',
  'schedule',
  'launch',
  'pause',
  'resume',
  'stop',
  'finish',
] as const;
export type CampaignAction = (typeof CAMPAIGN_ACTIONS)[number];

/** Where each action leads from each state; what is not here is refused. Drawn in docs/state-machines.md. */
export const TRANSITIONS: Readonly<Record<CampaignAction, Partial<Record<CampaignState, CampaignState>>>> = {
  edit: { draft: 'draft', in_review: 'draft', approved: 'draft', rejected: 'draft', scheduled: 'draft' },
  submit: { draft: 'in_review' },
  withdraw: { in_review: 'draft', approved: 'draft', rejected: 'draft', scheduled: 'draft' },
  approve: { in_review: 'approved' },
  reject: { in_review: 'rejected' },
  void: { in_review: 'draft', approved: 'draft', scheduled: 'draft' },
  schedule: { approved: 'scheduled' },
  launch: { approved: 'running', scheduled: 'running' },
  pause: { running: 'paused' },
  resume: { paused: 'running' },
  stop: { approved: 'stopped', scheduled: 'stopped', running: 'stopped', paused: 'stopped' },
  finish: { running: 'finished' },
};

/** States in which an action has happened already: repeating it changes nothing and is no error. */
const DONE: Partial<Record<CampaignAction, readonly CampaignState[]>> = {
  submit: ['in_review'],
  withdraw: ['draft'],
  approve: ['approved', 'scheduled', 'running', 'paused', 'finished'],
  reject: ['rejected'],
  schedule: ['scheduled', 'running', 'paused', 'finished'],
  launch: ['running', 'paused', 'finished'],
  pause: ['paused'],
  resume: ['running'],
  stop: ['stopped'],
  finish: ['finished'],
};

export type Step =
  | { readonly kind: 'move'; readonly to: CampaignState }
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly from: readonly CampaignState[] };

/** What an action does to a campaign in this state; a refusal names the states that would allow it. */
export function stepOf(action: CampaignAction, state: CampaignState): Step {
  const to = TRANSITIONS[action][state];
  if (to !== undefined) return { kind: 'move', to };
  if (DONE[action]?.includes(state)) return { kind: 'done' };
  return { kind: 'refused', from: statesBefore(action) };
}

/** Whether a campaign in this state never changes again. */
export const isTerminal = (state: CampaignState): boolean => state === 'finished' || state === 'stopped';

function statesBefore(action: CampaignAction): CampaignState[] {
  const from: CampaignState[] = [];
  for (const state of [
    'draft',
    'in_review',
    'approved',
    'rejected',
    'scheduled',
    'running',
    'paused',
    'finished',
    'stopped',
  ] as const) {
    if (TRANSITIONS[action][state] !== undefined) from.push(state);
  }
  return from;
}
