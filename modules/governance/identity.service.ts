import { type Actor, type Clock, mayDo, newId, toIso } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import argon2 from 'argon2';
import type {
  ApiKeyView,
  NewApiKey,
  NewSession,
  NewUser,
  OrgUnitView,
  Role,
  SessionView,
  UserView,
} from './contract.ts';
import { ROLES } from './contract.ts';
import { governanceProblems } from './governance.problems.ts';
import type { Audit } from './governance.ts';
import { permissionsOf } from './permissions.ts';
import { hashOfSecret, newSecret } from './secrets.ts';

const SESSION_MS = 12 * 3_600_000;
const MAX_FAILURES = 5;
const LOCK_MS = 60_000;
const ORG_TREE_TTL_MS = 10_000;

interface UserRow {
  readonly id: string;
  readonly username: string;
  readonly display_name: string;
  readonly password_hash: string;
  readonly roles: string[];
  readonly org_unit: string | null;
  readonly active: boolean;
  readonly failed_sign_ins: number;
  readonly locked_until: Date | null;
}

interface ApiKeyRow {
  readonly id: string;
  readonly name: string;
  readonly scopes: string[];
  readonly created_at: Date;
  readonly revoked_at: Date | null;
}

export interface Identity {
  /** @throws governance.wrong_credentials, governance.locked_out */
  signIn(username: string, password: string): Promise<NewSession>;
  signOut(token: string): Promise<void>;
  /** Who holds this session token or API key secret; `undefined` when nobody does (any more). */
  authenticate(secret: string): Promise<Actor | undefined>;
  session(token: string): Promise<SessionView | undefined>;
  createUser(user: NewUser, actor: Actor): Promise<UserView>;
  setUserActive(userId: string, active: boolean, actor: Actor): Promise<UserView>;
  /** Changing roles signs the user out everywhere, so a removed permission is gone at once. */
  setUserRoles(userId: string, roles: readonly Role[], actor: Actor): Promise<UserView>;
  users(): Promise<UserView[]>;
  createApiKey(key: NewApiKey, actor: Actor): Promise<ApiKeyView & { secret: string }>;
  revokeApiKey(keyId: string, actor: Actor): Promise<void>;
  apiKeys(): Promise<ApiKeyView[]>;
}

/** Users, sessions and API keys. */
export function createIdentity(deps: {
  readonly relational: Relational;
  readonly audit: Audit;
  readonly clock: Clock;
  /** The bank's org tree, to turn a user's unit into the units below it. */
  readonly orgUnits: () => Promise<readonly OrgUnitView[]>;
}): Identity {
  const { relational, audit, clock } = deps;
  let orgTree: { at: number; units: readonly OrgUnitView[] } | undefined;

  const unknownUserHash = argon2.hash(newSecret('nobody'));

  const now = (): Date => new Date(clock.now());
  const findUser = async (where: 'id' | 'username', value: string): Promise<UserRow | undefined> => {
    const found = await relational.pool.query<UserRow>(
      `select u.id, u.username, u.display_name, u.password_hash, u.roles, u.org_unit, u.active, u.failed_sign_ins, u.locked_until
       from governance.app_user u where ${where === 'id' ? 'u.id' : 'u.username'} = $1`,
      [value],
    );
    return found.rows[0];
  };
  const orgScopeOf = async (orgUnit: string | null): Promise<readonly string[] | undefined> => {
    if (orgUnit === null) return undefined;
    if (!orgTree || clock.now() - orgTree.at > ORG_TREE_TTL_MS)
      orgTree = { at: clock.now(), units: await deps.orgUnits() };
    return subtree(orgUnit, orgTree.units);
  };
  const actorOf = async (user: UserRow): Promise<Actor> => ({
    kind: 'user',
    id: user.id,
    displayName: user.display_name,
    permissions: permissionsOf(rolesOf(user)),
    orgScope: await orgScopeOf(user.org_unit),
  });
  const sessionUser = async (token: string): Promise<{ user: UserRow; expiresAt: Date } | undefined> => {
    const found = await relational.pool.query<UserRow & { expires_at: Date }>(
      `select u.id, u.username, u.display_name, u.password_hash, u.roles, u.org_unit, u.active, u.failed_sign_ins, u.locked_until, s.expires_at
       from governance.session s join governance.app_user u on u.id = s.user_id
       where s.token_hash = $1 and s.expires_at > $2 and u.active`,
      [hashOfSecret(token), now()],
    );
    const row = found.rows[0];
    return row && { user: row, expiresAt: row.expires_at };
  };
  const keepOneAdministrator = async (user: UserRow): Promise<void> => {
    if (!user.roles.includes('administrator') || !user.active) return;
    const found = await relational.pool.query<{ n: number }>(
      `select count(*)::int as n from governance.app_user u where u.active and 'administrator' = any (u.roles) and u.id <> $1`,
      [user.id],
    );
    if ((found.rows[0]?.n ?? 0) === 0) throw governanceProblems.last_administrator();
  };
  const requireUser = async (userId: string): Promise<UserRow> => {
    const user = await findUser('id', userId);
    if (!user) throw governanceProblems.user_not_found({ detail: `There is no user ${userId}.` });
    return user;
  };

  return {
    async signIn(username, password) {
      const user = await findUser('username', username);
      if (user?.locked_until && user.locked_until > now()) {
        throw governanceProblems.locked_out({
          detail: `Try again after ${toIso(user.locked_until.getTime())}.`,
        });
      }
      // An unknown user costs the same time as a wrong password, so names cannot be probed.
      const matches = await argon2.verify(user?.password_hash ?? (await unknownUserHash), password);
      if (!user?.active || !matches) {
        if (user) {
          await relational.pool.query(
            `update governance.app_user u set failed_sign_ins = u.failed_sign_ins + 1,
               locked_until = case when u.failed_sign_ins + 1 >= $2 then $3::timestamptz else u.locked_until end where u.id = $1`,
            [user.id, MAX_FAILURES, new Date(clock.now() + LOCK_MS)],
          );
        }
        throw governanceProblems.wrong_credentials();
      }
      const token = newSecret('rps');
      const expiresAt = new Date(clock.now() + SESSION_MS);
      await relational.transaction(async (client) => {
        await client.query(
          'update governance.app_user u set failed_sign_ins = 0, locked_until = null where u.id = $1',
          [user.id],
        );
        await client.query('delete from governance.session s where s.expires_at < $1', [now()]);
        await client.query(
          'insert into governance.session (token_hash, user_id, created_at, expires_at) values ($1, $2, $3, $4)',
          [hashOfSecret(token), user.id, now(), expiresAt],
        );
      });
      const actor = await actorOf(user);
      await audit.record({ actor, action: 'session.created', subject: user.id });
      return { token, ...presentSession(user, actor, expiresAt) };
    },
    async signOut(token) {
      await relational.pool.query('delete from governance.session s where s.token_hash = $1', [
        hashOfSecret(token),
      ]);
    },
    async authenticate(secret) {
      if (secret.startsWith('rpk_')) {
        const found = await relational.pool.query<{
          id: string;
          name: string;
          scopes: string[];
          org_unit: string | null;
        }>(
          `select k.id, k.name, k.scopes, u.org_unit from governance.api_key k join governance.app_user u on u.id = k.owner_id
           where k.secret_hash = $1 and k.revoked_at is null and u.active`,
          [hashOfSecret(secret)],
        );
        const key = found.rows[0];
        if (!key) return undefined;
        return {
          kind: 'api_key',
          id: key.id,
          displayName: key.name,
          permissions: new Set(key.scopes),
          orgScope: await orgScopeOf(key.org_unit),
        };
      }
      const session = await sessionUser(secret);
      return session && actorOf(session.user);
    },
    async session(token) {
      const session = await sessionUser(token);
      return session && presentSession(session.user, await actorOf(session.user), session.expiresAt);
    },
    async createUser(user, actor) {
      const inserted = await relational.pool.query<UserRow>(
        `insert into governance.app_user as u (id, username, display_name, password_hash, roles, org_unit, created_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (username) do nothing
         returning u.id, u.username, u.display_name, u.password_hash, u.roles, u.org_unit, u.active, u.failed_sign_ins, u.locked_until`,
        [
          newId('usr'),
          user.username,
          user.displayName,
          await argon2.hash(user.password),
          user.roles,
          user.orgUnit ?? null,
          now(),
        ],
      );
      const row = inserted.rows[0];
      if (!row)
        throw governanceProblems.username_taken({ detail: `The username ${user.username} is taken.` });
      await audit.record({
        actor,
        action: 'user.created',
        subject: row.id,
        details: { username: user.username, roles: user.roles },
      });
      return presentUser(row);
    },
    async setUserActive(userId, active, actor) {
      const user = await requireUser(userId);
      if (!active) await keepOneAdministrator(user);
      await relational.transaction(async (client) => {
        await client.query('update governance.app_user u set active = $2 where u.id = $1', [userId, active]);
        if (!active) await client.query('delete from governance.session s where s.user_id = $1', [userId]);
      });
      await audit.record({ actor, action: active ? 'user.activated' : 'user.deactivated', subject: userId });
      return presentUser({ ...user, active });
    },
    async setUserRoles(userId, roles, actor) {
      const user = await requireUser(userId);
      if (!roles.includes('administrator')) await keepOneAdministrator(user);
      await relational.transaction(async (client) => {
        await client.query('update governance.app_user u set roles = $2 where u.id = $1', [userId, roles]);
        await client.query('delete from governance.session s where s.user_id = $1', [userId]);
      });
      await audit.record({
        actor,
        action: 'user.roles_changed',
        subject: userId,
        details: { before: user.roles, after: roles },
      });
      return presentUser({ ...user, roles: [...roles] });
    },
    async users() {
      const found = await relational.pool.query<UserRow>(
        `select u.id, u.username, u.display_name, u.password_hash, u.roles, u.org_unit, u.active, u.failed_sign_ins, u.locked_until
         from governance.app_user u order by u.username`,
      );
      return found.rows.map(presentUser);
    },
    async createApiKey({ name, scopes }, actor) {
      const tooWide = scopes.filter((scope) => !mayDo(actor, scope));
      if (tooWide.length > 0)
        throw governanceProblems.scope_too_wide({ detail: `You do not hold ${tooWide.join(', ')}.` });
      const secret = newSecret('rpk');
      const row: ApiKeyRow = { id: newId('key'), name, scopes, created_at: now(), revoked_at: null };
      await relational.pool.query(
        'insert into governance.api_key (id, name, secret_hash, scopes, owner_id, created_at) values ($1, $2, $3, $4, $5, $6)',
        [row.id, name, hashOfSecret(secret), scopes, actor.id, row.created_at],
      );
      await audit.record({ actor, action: 'api_key.created', subject: row.id, details: { name, scopes } });
      return { ...presentKey(row), secret };
    },
    async revokeApiKey(keyId, actor) {
      const revoked = await relational.pool.query(
        'update governance.api_key k set revoked_at = coalesce(k.revoked_at, $2) where k.id = $1',
        [keyId, now()],
      );
      if (revoked.rowCount === 0)
        throw governanceProblems.api_key_not_found({ detail: `There is no API key ${keyId}.` });
      await audit.record({ actor, action: 'api_key.revoked', subject: keyId });
    },
    async apiKeys() {
      const found = await relational.pool.query<ApiKeyRow>(
        'select k.id, k.name, k.scopes, k.created_at, k.revoked_at from governance.api_key k order by k.created_at desc',
      );
      return found.rows.map(presentKey);
    },
  };
}

/** The codes of a unit and of every unit below it; just the unit itself when the tree does not know it. */
export function subtree(root: string, units: readonly OrgUnitView[]): string[] {
  const children = new Map<string, string[]>();
  for (const unit of units) {
    if (unit.parent !== undefined)
      children.set(unit.parent, [...(children.get(unit.parent) ?? []), unit.code]);
  }
  const codes = new Set([root]);
  for (const code of codes) for (const child of children.get(code) ?? []) codes.add(child);
  return [...codes];
}

const rolesOf = (user: UserRow): Role[] => ROLES.filter((role) => user.roles.includes(role));

function presentUser(user: UserRow): UserView {
  return {
    id: user.id,
    username: user.username,
    displayName: user.display_name,
    roles: rolesOf(user),
    ...(user.org_unit === null ? {} : { orgUnit: user.org_unit }),
    active: user.active,
  };
}

function presentSession(user: UserRow, actor: Actor, expiresAt: Date): SessionView {
  return {
    user: presentUser(user),
    permissions: [...actor.permissions],
    expiresAt: toIso(expiresAt.getTime()),
  };
}

function presentKey(key: ApiKeyRow): ApiKeyView {
  return {
    id: key.id,
    name: key.name,
    scopes: key.scopes,
    createdAt: toIso(key.created_at.getTime()),
    ...(key.revoked_at === null ? {} : { revokedAt: toIso(key.revoked_at.getTime()) }),
  };
}
