import { Instant, LocalizedText, Page } from '@rapport/kernel';
import { type Static, Type } from 'typebox';
import { TAG_ACTIONS, TAG_STATUSES } from './tag-states.ts';

export { actionsFrom, TAG_ACTIONS, TAG_STATUSES, type TagAction, type TagStatus } from './tag-states.ts';

const Id = Type.String({
  pattern: '^[a-z][a-z0-9_]{0,62}$',
  description: 'Tag id',
  examples: ['aum_daily_avg_month'],
});
const Words = (description: string, example: string, max = 1000) =>
  Type.String({ minLength: 1, maxLength: max, description, examples: [example] });

export const TagStatusName = Type.Enum(TAG_STATUSES, {
  description:
    'Where the tag stands: 需求 demand, 設計 design, 評審 review, 發布 published, 監控 monitored, 下線 retired',
  examples: ['published'],
});

export const TagDemand = Type.Object(
  {
    tagId: Id,
    title: LocalizedText,
    department: Words('Who needs it', 'Wealth management', 120),
    need: Words('What for', 'Find customers whose monthly average assets fall'),
    expectedValue: Words('What it is expected to bring', 'Keep 2 % more of the assets at risk'),
    neededBy: Type.Optional(
      Type.String({
        pattern: '^\\d{4}-\\d{2}-\\d{2}$',
        description: 'Day it is needed',
        examples: ['2026-09-30'],
      }),
    ),
    category: Type.Optional(
      Type.String({
        maxLength: 200,
        description: 'Where it would stand in the taxonomy',
        examples: ['asset/aum'],
      }),
    ),
  },
  { additionalProperties: false, description: 'A tag that somebody needs 標籤需求' },
);
export type TagDemand = Static<typeof TagDemand>;

export const TagLifecycle = Type.Object(
  {
    tagId: Id,
    status: TagStatusName,
    actions: Type.Array(Type.Enum(TAG_ACTIONS, { description: 'Action', examples: ['submit'] }), {
      description: 'What can be done next',
    }),
    demand: Type.Optional(TagDemand),
    steward: Type.Optional(Words('Who looks after its quality', 'usr_01j9z3', 120)),
    slaHours: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 8760,
        description: 'Values must be younger than this',
        examples: [26],
      }),
    ),
    isRestricted: Type.Boolean({ description: 'Whether its use must be granted', examples: [false] }),
    replacement: Type.Optional(Id),
    approvalId: Type.Optional(Type.String({ description: 'Pending review', examples: ['apr_01j9z3'] })),
    hasDefinition: Type.Boolean({ description: 'Whether it is designed', examples: [true] }),
    since: Type.Optional(Instant('When it came to this status')),
    by: Type.Optional(Type.String({ description: 'Who brought it there', examples: ['usr_01j9z3'] })),
    steps: Type.Array(
      Type.Object(
        {
          action: Type.String({ description: 'What was done', examples: ['submit'] }),
          from: Type.Optional(TagStatusName),
          to: TagStatusName,
          note: Type.Optional(Words('Why', 'Same as aum_band', 1000)),
          at: Instant('When'),
          by: Type.String({ description: 'Who', examples: ['usr_01j9z3'] }),
        },
        { description: 'A step' },
      ),
      { description: 'How it got there, oldest first' },
    ),
  },
  { description: 'Life of a tag' },
);
export type TagLifecycle = Static<typeof TagLifecycle>;

export const TagTransition = Type.Object(
  {
    action: Type.Enum(
      TAG_ACTIONS.filter((action) => action !== 'approve' && action !== 'reject'),
      { description: 'What to do; approving and rejecting is done in approvals', examples: ['submit'] },
    ),
    note: Type.Optional(Words('Why', 'Nobody uses it since May')),
    replacement: Type.Optional(Id),
  },
  { additionalProperties: false, description: 'A step in the life of a tag' },
);
export type TagTransition = Static<typeof TagTransition>;

export const TagStewardship = Type.Object(
  {
    steward: Type.Optional(Words('Who looks after its quality', 'usr_01j9z3', 120)),
    slaHours: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 8760,
        description: 'Values must be younger than this',
        examples: [26],
      }),
    ),
    isRestricted: Type.Optional(
      Type.Boolean({
        description: 'Whether its use must be granted; tags of class C3 always must',
        examples: [true],
      }),
    ),
  },
  { additionalProperties: false, description: 'Who answers for a tag and how' },
);
export type TagStewardship = Static<typeof TagStewardship>;

export const TagLifecycleList = Type.Object(
  {
    items: Type.Array(TagLifecycle, { description: 'Tags by id; those that were never moved are left out' }),
  },
  { description: 'Lives of tags' },
);

export const TagVersion = Type.Object(
  {
    version: Type.Integer({ minimum: 1, description: 'Version', examples: [3] }),
    at: Instant('When it was written'),
    by: Type.String({ description: 'Who wrote it', examples: ['usr_01j9z3'] }),
    changes: Type.Array(
      Type.Object(
        {
          pointer: Type.String({
            description: 'What differs from the version before',
            examples: ['/definition/within'],
          }),
          before: Type.Optional(Type.String({ description: 'As JSON', examples: ['"P30D"'] })),
          after: Type.Optional(Type.String({ description: 'As JSON', examples: ['"P90D"'] })),
        },
        { description: 'A difference' },
      ),
      { description: 'Differences from the version before' },
    ),
  },
  { description: 'A version of a definition' },
);
export type TagVersion = Static<typeof TagVersion>;
export const TagVersions = Type.Object(
  { items: Type.Array(TagVersion, { description: 'Versions, newest first' }) },
  { description: 'Versions of a tag' },
);

export const ACCESS_STATES = ['requested', 'approved', 'refused', 'revoked', 'expired'] as const;
export const TagAccessRequest = Type.Object(
  {
    purpose: Words('What it will be used for', 'Retention calls of the wealth desk'),
    orgUnit: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 60,
        description: 'Unit that gets it; absent = you alone',
        examples: ['B01'],
      }),
    ),
    expiresAt: Instant('When it ends'),
  },
  { additionalProperties: false, description: 'A request to use a tag' },
);
export type TagAccessRequest = Static<typeof TagAccessRequest>;
export const TagAccess = Type.Object(
  {
    id: Type.String({ description: 'Id', examples: ['tac_01j9z3'] }),
    tagId: Id,
    state: Type.Enum(ACCESS_STATES, { description: 'Where it stands', examples: ['approved'] }),
    purpose: Words('What it is used for', 'Retention calls of the wealth desk'),
    requestedBy: Type.String({ description: 'Who asked', examples: ['usr_01j9z3'] }),
    orgUnit: Type.Optional(Type.String({ description: 'Unit that has it', examples: ['B01'] })),
    requestedAt: Instant('When it was asked for'),
    expiresAt: Instant('When it ends'),
    decidedBy: Type.Optional(Type.String({ description: 'Who decided', examples: ['usr_01j9z4'] })),
    approvalId: Type.Optional(
      Type.String({ description: 'Approval that decides', examples: ['apr_01j9z3'] }),
    ),
  },
  { description: 'Use of a tag by somebody' },
);
export type TagAccess = Static<typeof TagAccess>;
export const TagAccessList = Type.Object(
  { items: Type.Array(TagAccess, { description: 'Newest first' }) },
  { description: 'Requests for tags' },
);
export const TagAccessQuery = Type.Object({
  tagId: Type.Optional(Id),
  state: Type.Optional(Type.Enum(ACCESS_STATES, { description: 'Only these', examples: ['requested'] })),
});

export const CategoryNode = Type.Object(
  {
    id: Type.String({ description: 'Node id', examples: ['cat_01j9z3'] }),
    path: Type.String({ description: 'Path in the taxonomy', examples: ['asset/aum'] }),
    parent: Type.Optional(Type.String({ description: 'Path above', examples: ['asset'] })),
    parentId: Type.Optional(Type.String({ description: 'Node above', examples: ['cat_01j9z2'] })),
    name: Type.String({ description: 'Last part of the path', examples: ['aum'] }),
    title: LocalizedText,
    owner: Type.Optional(Type.String({ description: 'Who answers for it', examples: ['Wealth data'] })),
    position: Type.Integer({ description: 'Order among siblings', examples: [0] }),
    level: Type.Integer({ minimum: 1, description: 'Depth, 1 = top', examples: [2] }),
    own: Type.Integer({ minimum: 0, description: 'Tags in the node itself', examples: [3] }),
    tags: Type.Integer({ minimum: 0, description: 'Tags here and below', examples: [4] }),
  },
  { description: 'A node of the taxonomy' },
);
export type CategoryNode = Static<typeof CategoryNode>;
export const CategoryTree = Type.Object(
  { items: Type.Array(CategoryNode, { description: 'Every node, parents before children, in order' }) },
  { description: 'The taxonomy of tags' },
);
const Slug = Type.String({
  pattern: '^[a-z0-9_]{1,40}$',
  description: 'Part of the path',
  examples: ['aum'],
});
export const NewCategory = Type.Object(
  {
    parentId: Type.Optional(
      Type.String({ description: 'Node above; absent = top', examples: ['cat_01j9z2'] }),
    ),
    name: Slug,
    title: LocalizedText,
    owner: Type.Optional(Words('Who answers for it', 'Wealth data', 120)),
    position: Type.Optional(Type.Integer({ minimum: 0, description: 'Order among siblings', examples: [0] })),
  },
  { additionalProperties: false, description: 'A new node' },
);
export type NewCategory = Static<typeof NewCategory>;
export const CategoryChange = Type.Object(
  {
    title: Type.Optional(LocalizedText),
    owner: Type.Optional(Words('Who answers for it', 'Wealth data', 120)),
    position: Type.Optional(Type.Integer({ minimum: 0, description: 'Order among siblings', examples: [0] })),
    name: Type.Optional(Slug),
    parentId: Type.Optional(
      Type.Union([Type.String(), Type.Null()], {
        description: 'Node to move it under; null = top',
        examples: ['cat_01j9z2'],
      }),
    ),
  },
  { additionalProperties: false, description: 'What to change; a new parent or name moves the tags below' },
);
export type CategoryChange = Static<typeof CategoryChange>;
export const CategoryMove = Type.Object(
  {
    from: Type.String({ description: 'Path before', examples: ['asset/aum'] }),
    to: Type.String({ description: 'Path after', examples: ['wealth/aum'] }),
    tags: Type.Integer({ minimum: 0, description: 'Tags that moved', examples: [4] }),
    at: Instant('When'),
    by: Type.String({ description: 'Who', examples: ['usr_01j9z3'] }),
  },
  { description: 'A move' },
);
export type CategoryMove = Static<typeof CategoryMove>;
export const CategoryMoves = Type.Object(
  { items: Type.Array(CategoryMove, { description: 'Newest first' }) },
  { description: 'Moves in the taxonomy' },
);

export const FactorySettings = Type.Object(
  {
    requiresReview: Type.Boolean({
      description: 'Whether a new tag or a changed computation must pass a review before it is published',
      examples: [false],
    }),
  },
  { additionalProperties: false, description: 'Rules of the tag factory' },
);
export type FactorySettings = Static<typeof FactorySettings>;
export const TagAccessPage = Page(TagAccess, 'Requests, newest first');
