import { Instant, Page } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

export const AuditEntry = Type.Object(
  {
    id: Type.Integer({ description: 'Place in the chain, from 1 without gaps', examples: [42] }),
    at: Instant('When it happened'),
    actorId: Type.String({ description: 'Who did it', examples: ['usr_01j9z3'] }),
    actorName: Type.String({ description: 'Their name at that time', examples: ['Chen Wei'] }),
    action: Type.String({ description: '`<noun>.<verb>`', examples: ['campaign.submitted'] }),
    subject: Type.String({ description: 'Id of what it was done to', examples: ['cmp_01j9z3'] }),
    details: Type.Record(Type.String(), Type.Unknown(), {
      description: 'What changed',
      examples: [{ controlShare: 0.1 }],
    }),
    hash: Type.String({
      description: 'SHA-256 over this entry and the hash before it, hex',
      examples: ['9f86d081884c7d65'],
    }),
  },
  { description: 'One entry of the hash-chained audit trail' },
);
export type AuditEntry = Static<typeof AuditEntry>;
export const AuditPage = Page(AuditEntry, 'Audit entries, newest first');

export const AuditCheck = Type.Object(
  {
    intact: Type.Boolean({ description: 'Whether every hash fits', examples: [true] }),
    entries: Type.Integer({ description: 'Entries read', examples: [1200] }),
    brokenAt: Type.Optional(
      Type.Integer({ description: 'First entry whose hash does not fit', examples: [17] }),
    ),
  },
  { description: 'Result of verifying the audit chain' },
);

export const ROLES = [
  'administrator',
  'marketer',
  'analyst',
  'checker',
  'relationship_manager',
  'executive',
] as const;
export const Role = Type.Enum(ROLES, {
  description: 'What a user may do',
  examples: ['marketer'],
});
export type Role = (typeof ROLES)[number];

export const UserView = Type.Object(
  {
    id: Type.String({ description: 'User id', examples: ['usr_01j9z3'] }),
    username: Type.String({ description: 'Name to sign in with', examples: ['marketer'] }),
    displayName: Type.String({ description: 'Name shown to others', examples: ['Chen Wei'] }),
    roles: Type.Array(Role, { description: 'Roles held', examples: [['marketer']] }),
    orgUnit: Type.Optional(
      Type.String({
        description: 'Org unit whose subtree the user sees; absent = whole bank',
        examples: ['B01'],
      }),
    ),
    active: Type.Boolean({ description: 'May sign in', examples: [true] }),
  },
  { description: 'A user' },
);
export type UserView = Static<typeof UserView>;
export const UserPage = Page(UserView, 'Users by username');

export const NewUser = Type.Object(
  {
    username: Type.String({
      minLength: 2,
      maxLength: 60,
      pattern: '^[a-z0-9._-]+$',
      description: 'Name to sign in with',
      examples: ['chen.wei'],
    }),
    displayName: Type.String({
      minLength: 1,
      maxLength: 120,
      description: 'Name shown to others',
      examples: ['Chen Wei'],
    }),
    password: Type.String({
      minLength: 10,
      maxLength: 200,
      description: 'At least 10 characters',
      examples: ['correct horse battery'],
    }),
    roles: Type.Array(Role, { minItems: 1, description: 'Roles held', examples: [['marketer']] }),
    orgUnit: Type.Optional(
      Type.String({ description: 'Org unit whose subtree the user sees', examples: ['B01'] }),
    ),
  },
  { description: 'A user to create' },
);
export type NewUser = Static<typeof NewUser>;

export const SignIn = Type.Object(
  {
    username: Type.String({ description: 'Name to sign in with', examples: ['marketer'] }),
    password: Type.String({ description: 'Password', examples: ['correct horse battery'] }),
  },
  { description: 'Credentials' },
);

export const SessionView = Type.Object(
  {
    user: UserView,
    permissions: Type.Array(Type.String(), {
      description: 'What the user may do',
      examples: [['audiences.*']],
    }),
    expiresAt: Instant('When the session ends'),
  },
  { description: 'Who is signed in' },
);
export type SessionView = Static<typeof SessionView>;

export const NewSession = Type.Object(
  {
    ...SessionView.properties,
    token: Type.String({ description: 'Bearer token for programs', examples: ['rps_5f2c…'] }),
  },
  { description: 'A new session; browsers also get it as a cookie' },
);
export type NewSession = Static<typeof NewSession>;

export const ApiKeyView = Type.Object(
  {
    id: Type.String({ description: 'Key id', examples: ['key_01j9z3'] }),
    name: Type.String({ description: 'What it is for', examples: ['Core banking feed'] }),
    scopes: Type.Array(Type.String(), {
      description: 'Permissions it carries',
      examples: [['customers.read']],
    }),
    createdAt: Instant('When it was made'),
    revokedAt: Type.Optional(Instant('When it was revoked')),
  },
  { description: 'An API key, without its secret' },
);
export type ApiKeyView = Static<typeof ApiKeyView>;
export const ApiKeyPage = Page(ApiKeyView, 'API keys, newest first');
export const NewApiKey = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 120,
      description: 'What it is for',
      examples: ['Core banking feed'],
    }),
    scopes: Type.Array(Type.String({ pattern: '^[a-z_]+\\.([a-z_]+|\\*)$' }), {
      minItems: 1,
      description: 'Permissions it carries; at most your own',
      examples: [['customers.read']],
    }),
  },
  { description: 'An API key to make' },
);
export type NewApiKey = Static<typeof NewApiKey>;
export const CreatedApiKey = Type.Object(
  { ...ApiKeyView.properties, secret: Type.String({ description: 'Shown once', examples: ['rpk_3c9d…'] }) },
  { description: 'A new API key with its secret' },
);

export const APPROVAL_STATES = ['pending', 'approved', 'rejected', 'withdrawn'] as const;
export const ApprovalView = Type.Object(
  {
    id: Type.String({ description: 'Approval id', examples: ['apr_01j9z3'] }),
    subjectKind: Type.String({ description: 'What kind of thing is to be approved', examples: ['campaign'] }),
    subjectId: Type.String({ description: 'Which one', examples: ['cmp_01j9z3'] }),
    title: Type.String({
      description: 'What the checker sees in the list',
      examples: ['Term deposit, autumn'],
    }),
    contentHash: Type.String({
      description: 'Hash of exactly what is approved',
      examples: ['9f86d081884c7d65'],
    }),
    state: Type.Enum(APPROVAL_STATES, { description: 'Where it stands', examples: ['pending'] }),
    requestedBy: Type.String({ description: 'Maker (user id)', examples: ['usr_01j9z3'] }),
    requestedByName: Type.String({ description: 'Name of the maker', examples: ['Chen Wei'] }),
    requestedAt: Instant('When it was submitted'),
    decidedBy: Type.Optional(Type.String({ description: 'Checker (user id)', examples: ['usr_01j9z4'] })),
    decidedByName: Type.Optional(Type.String({ description: 'Name of the checker', examples: ['Lin Mei'] })),
    decidedAt: Type.Optional(Instant('When it was decided')),
    comment: Type.Optional(Type.String({ description: 'Why', examples: ['Copy names the total cost.'] })),
  },
  { description: 'A maker–checker approval' },
);
export type ApprovalView = Static<typeof ApprovalView>;
export const ApprovalPage = Page(ApprovalView, 'Approvals, newest first');
export const ApprovalDecision = Type.Object(
  {
    decision: Type.Union([Type.Literal('approved'), Type.Literal('rejected')], {
      description: 'The checker’s word',
      examples: ['approved'],
    }),
    comment: Type.Optional(
      Type.String({
        maxLength: 2000,
        description: 'Why; required to reject',
        examples: ['Copy names the total cost.'],
      }),
    ),
  },
  { description: 'A decision on an approval' },
);
export type ApprovalDecision = Static<typeof ApprovalDecision>;

export const OrgUnitView = Type.Object(
  {
    code: Type.String({ description: 'Org unit code', examples: ['B01'] }),
    parent: Type.Optional(Type.String({ description: 'Code of the unit above', examples: ['HO'] })),
    name: Type.String({ description: 'Name', examples: ['Harbour branch'] }),
    level: Type.String({
      description: '`head_office`, `branch`, `sub_branch` or `outlet`',
      examples: ['branch'],
    }),
  },
  { description: 'An org unit 機構' },
);
export type OrgUnitView = Static<typeof OrgUnitView>;
export const OrgUnitList = Type.Object(
  { items: Type.Array(OrgUnitView, { description: 'All units the caller may see' }) },
  { description: 'Org units' },
);
