import type { Routes } from '@rapport/http';
import { PageQuery } from '@rapport/kernel';
import { Type } from 'typebox';
import type { ApprovalsService } from './approvals.service.ts';
import type { AuditTrail } from './audit.service.ts';
import {
  APPROVAL_STATES,
  ApiKeyPage,
  ApprovalDecision,
  ApprovalPage,
  ApprovalView,
  AuditCheck,
  AuditPage,
  CreatedApiKey,
  NewApiKey,
  NewSession,
  NewUser,
  Role,
  SessionView,
  SignIn,
  UserPage,
  UserView,
} from './contract.ts';
import { governanceProblems } from './governance.problems.ts';
import type { Identity } from './identity.service.ts';

export const SESSION_COOKIE = 'rapport_session';

const ById = (description: string, example: string) =>
  Type.Object({ id: Type.String({ description, examples: [example] }) });

/** Sessions, users, API keys, approvals and the audit trail. */
export function governanceRoutes(deps: {
  readonly identity: Identity;
  readonly approvals: ApprovalsService;
  readonly audit: AuditTrail;
  /** Whether cookies are only sent over HTTPS. */
  readonly secureCookies: boolean;
}): Routes {
  const { identity, approvals, audit } = deps;
  return (http) => {
    http.post(
      '/session',
      {
        config: { permission: 'public' },
        schema: {
          operationId: 'signIn',
          summary: 'Sign in',
          tags: ['session'],
          body: SignIn,
          response: { 201: NewSession },
        },
      },
      async (request, reply) => {
        const session = await identity.signIn(request.body.username, request.body.password);
        reply.setCookie(SESSION_COOKIE, session.token, {
          path: '/',
          httpOnly: true,
          sameSite: 'strict',
          secure: deps.secureCookies,
          expires: new Date(session.expiresAt),
        });
        return reply.code(201).send(session);
      },
    );
    http.get(
      '/session',
      {
        config: { permission: 'public' },
        schema: {
          operationId: 'readSession',
          summary: 'Who is signed in',
          tags: ['session'],
          response: { 200: SessionView },
        },
      },
      async (request) => {
        const token = tokenOf(request);
        const session = token === undefined ? undefined : await identity.session(token);
        if (!session)
          throw governanceProblems.wrong_credentials({ detail: 'There is no valid session; sign in.' });
        return session;
      },
    );
    http.delete(
      '/session',
      {
        config: { permission: 'public' },
        schema: {
          operationId: 'signOut',
          summary: 'Sign out',
          tags: ['session'],
          response: { 204: Type.Null({ description: 'Signed out' }) },
        },
      },
      async (request, reply) => {
        const token = tokenOf(request);
        if (token !== undefined) await identity.signOut(token);
        return reply.clearCookie(SESSION_COOKIE, { path: '/' }).code(204).send(null);
      },
    );

    http.get(
      '/users',
      {
        config: { permission: 'users.read' },
        schema: {
          operationId: 'listUsers',
          summary: 'All users',
          tags: ['users'],
          response: { 200: UserPage },
        },
      },
      async () => ({ items: await identity.users() }),
    );
    http.post(
      '/users',
      {
        config: { permission: 'users.write' },
        schema: {
          operationId: 'createUser',
          summary: 'Create a user',
          tags: ['users'],
          body: NewUser,
          response: { 201: UserView },
        },
      },
      async (request, reply) => reply.code(201).send(await identity.createUser(request.body, request.actor)),
    );
    http.patch(
      '/users/:id',
      {
        config: { permission: 'users.write' },
        schema: {
          operationId: 'changeUser',
          summary: 'Change roles, or sign-in',
          tags: ['users'],
          params: ById('User id', 'usr_01j9z3'),
          body: Type.Object(
            {
              active: Type.Optional(Type.Boolean({ description: 'May sign in', examples: [false] })),
              roles: Type.Optional(
                Type.Array(Role, { minItems: 1, description: 'Roles held', examples: [['analyst']] }),
              ),
            },
            { description: 'What to change' },
          ),
          response: { 200: UserView },
        },
      },
      async (request) => {
        const { active, roles } = request.body;
        let user = roles ? await identity.setUserRoles(request.params.id, roles, request.actor) : undefined;
        if (active !== undefined)
          user = await identity.setUserActive(request.params.id, active, request.actor);
        if (user) return user;
        const unchanged = (await identity.users()).find((each) => each.id === request.params.id);
        if (!unchanged)
          throw governanceProblems.user_not_found({ detail: `There is no user ${request.params.id}.` });
        return unchanged;
      },
    );

    http.get(
      '/api-keys',
      {
        config: { permission: 'api_keys.read' },
        schema: {
          operationId: 'listApiKeys',
          summary: 'All API keys',
          tags: ['users'],
          response: { 200: ApiKeyPage },
        },
      },
      async () => ({ items: await identity.apiKeys() }),
    );
    http.post(
      '/api-keys',
      {
        config: { permission: 'api_keys.write' },
        schema: {
          operationId: 'createApiKey',
          summary: 'Make an API key',
          tags: ['users'],
          body: NewApiKey,
          response: { 201: CreatedApiKey },
        },
      },
      async (request, reply) =>
        reply.code(201).send(await identity.createApiKey(request.body, request.actor)),
    );
    http.delete(
      '/api-keys/:id',
      {
        config: { permission: 'api_keys.write' },
        schema: {
          operationId: 'revokeApiKey',
          summary: 'Revoke an API key',
          tags: ['users'],
          params: ById('Key id', 'key_01j9z3'),
          response: { 204: Type.Null({ description: 'Revoked' }) },
        },
      },
      async (request, reply) => {
        await identity.revokeApiKey(request.params.id, request.actor);
        return reply.code(204).send(null);
      },
    );

    http.get(
      '/approvals',
      {
        config: { permission: 'approvals.read' },
        schema: {
          operationId: 'listApprovals',
          summary: 'Approvals, newest first',
          tags: ['approvals'],
          querystring: Type.Object({
            ...PageQuery.properties,
            state: Type.Optional(
              Type.Enum(APPROVAL_STATES, { description: 'Only these', examples: ['pending'] }),
            ),
          }),
          response: { 200: ApprovalPage },
        },
      },
      async (request) => {
        const { state, cursor, limit = 50 } = request.query;
        const items = await approvals.list({
          limit: limit + 1,
          ...(state === undefined ? {} : { state }),
          ...(cursor === undefined ? {} : { before: cursor }),
        });
        return page(items, limit, (item) => item.id);
      },
    );
    http.get(
      '/approvals/:id',
      {
        config: { permission: 'approvals.read' },
        schema: {
          operationId: 'readApproval',
          summary: 'One approval',
          tags: ['approvals'],
          params: ById('Approval id', 'apr_01j9z3'),
          response: { 200: ApprovalView },
        },
      },
      async (request) => {
        const approval = await approvals.get(request.params.id);
        if (!approval)
          throw governanceProblems.approval_not_found({
            detail: `There is no approval ${request.params.id}.`,
          });
        return approval;
      },
    );
    http.post(
      '/approvals/:id/decision',
      {
        config: { permission: 'approvals.decide' },
        schema: {
          operationId: 'decideApproval',
          summary: 'Approve or reject',
          tags: ['approvals'],
          params: ById('Approval id', 'apr_01j9z3'),
          body: ApprovalDecision,
          response: { 200: ApprovalView },
        },
      },
      async (request) => approvals.decide(request.params.id, request.body, request.actor),
    );

    http.get(
      '/audit',
      {
        config: { permission: 'audit.read' },
        schema: {
          operationId: 'listAudit',
          summary: 'Who did what, newest first',
          tags: ['audit'],
          querystring: Type.Object({
            ...PageQuery.properties,
            subject: Type.Optional(
              Type.String({ description: 'Only about this id', examples: ['cmp_01j9z3'] }),
            ),
            actorId: Type.Optional(
              Type.String({ description: 'Only by this user or key', examples: ['usr_01j9z3'] }),
            ),
          }),
          response: { 200: AuditPage },
        },
      },
      async (request) => {
        const { cursor, limit = 50, subject, actorId } = request.query;
        const before = cursor === undefined ? undefined : Number.parseInt(cursor, 10);
        const items = await audit.list({
          limit: limit + 1,
          ...(before === undefined || Number.isNaN(before) ? {} : { before }),
          ...(subject ? { subject } : {}),
          ...(actorId ? { actorId } : {}),
        });
        return page(items, limit, (item) => String(item.id));
      },
    );
    http.get(
      '/audit/check',
      {
        config: { permission: 'audit.read' },
        schema: {
          operationId: 'verifyAudit',
          summary: 'Verify the hash chain',
          tags: ['audit'],
          response: { 200: AuditCheck },
        },
      },
      async () => audit.verify(),
    );
  };
}

/** The bearer token or session cookie a request carries. */
export function tokenOf(request: {
  headers: { authorization?: string | undefined };
  cookies: Record<string, string | undefined>;
}): string | undefined {
  const [scheme, token] = (request.headers.authorization ?? '').split(' ');
  if (scheme?.toLowerCase() === 'bearer' && token) return token;
  return request.cookies[SESSION_COOKIE];
}

function page<Item>(
  items: Item[],
  limit: number,
  cursorOf: (item: Item) => string,
): { items: Item[]; nextCursor?: string } {
  const last = items[limit - 1];
  return items.length > limit && last !== undefined
    ? { items: items.slice(0, limit), nextCursor: cursorOf(last) }
    : { items };
}
