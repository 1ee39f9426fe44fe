/** 需求 → 設計 → 評審 → 發布 → 監控 → 下線 */
export const TAG_STATUSES = ['demand', 'design', 'review', 'published', 'monitored', 'retired'] as const;
export type TagStatus = (typeof TAG_STATUSES)[number];

export const TAG_ACTIONS = [
  'accept',
  'decline',
  'submit',
  'withdraw',
  'reject',
  'approve',
  'monitor',
  'unmonitor',
  'retire',
  'revive',
] as const;
export type TagAction = (typeof TAG_ACTIONS)[number];

/** Where each action leads from each status; what is not here is refused. Drawn in docs/state-machines.md. */
export const TAG_TRANSITIONS: Readonly<Record<TagAction, Partial<Record<TagStatus, TagStatus>>>> = {
  accept: { demand: 'design' },
  decline: { demand: 'retired' },
  submit: { design: 'review' },
  withdraw: { review: 'design' },
  reject: { review: 'design' },
  approve: { review: 'published' },
  monitor: { published: 'monitored' },
  unmonitor: { monitored: 'published' },
  retire: { design: 'retired', published: 'retired', monitored: 'retired' },
  revive: { retired: 'design' },
};

/** Status after the action, `undefined` when it is refused. */
export const tagStep = (action: TagAction, status: TagStatus): TagStatus | undefined =>
  TAG_TRANSITIONS[action][status];

/** Actions that a tag of this status takes. */
export const actionsFrom = (status: TagStatus): TagAction[] =>
  TAG_ACTIONS.filter((action) => TAG_TRANSITIONS[action][status] !== undefined);

/** Whether everybody may build with the tag. */
export const isPublic = (status: TagStatus): boolean => status === 'published' || status === 'monitored';
