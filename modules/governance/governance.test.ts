import { fixedClock, type Problem, silentLog, systemActor } from '@rapport/kernel';
import { startTestStores } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Role } from './contract.ts';
import { createApprovals, createAudit, createIdentity, governanceMigrations, subtree } from './index.ts';

const PASSWORD = 'correct horse battery';

async function setup() {
  const stores = await startTestStores([governanceMigrations]);
  const clock = fixedClock(Date.UTC(2026, 10, 23));
  const audit = createAudit({ relational: stores.relational, clock });
  const identity = createIdentity({
    relational: stores.relational,
    audit,
    clock,
    orgUnits: async () => [
      { code: 'HO', name: 'Head office', level: 'head_office' },
      { code: 'B1', parent: 'HO', name: 'Branch 1', level: 'branch' },
      { code: 'S1', parent: 'B1', name: 'Outlet 1', level: 'outlet' },
    ],
  });
  const approvals = createApprovals({ relational: stores.relational, audit, clock, log: silentLog });
  let made = 0;
  const newActor = async (roles: Role[], orgUnit?: string) => {
    made += 1;
    const username = `user${made}`;
    await identity.createUser(
      { username, displayName: username, password: PASSWORD, roles, ...(orgUnit ? { orgUnit } : {}) },
      systemActor,
    );
    const session = await identity.signIn(username, PASSWORD);
    const actor = await identity.authenticate(session.token);
    if (!actor) throw new Error('signed in, yet nobody');
    return { username, session, actor };
  };
  return { stores, clock, audit, identity, approvals, newActor };
}

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no problem',
    (error: Problem) => error.code,
  );

describe('governance', () => {
  let world: Awaited<ReturnType<typeof setup>>;
  beforeAll(async () => {
    world = await setup();
  });
  afterAll(async () => {
    await world.stores.stop();
  });

  it('signs a user in, knows them by their token, and forgets them when they sign out', async () => {
    const { session, actor } = await world.newActor(['marketer']);
    expect(actor.permissions.has('audiences.*')).toBe(true);
    expect(actor.orgScope).toBeUndefined();
    await world.identity.signOut(session.token);
    expect(await world.identity.authenticate(session.token)).toBeUndefined();
  });

  it('limits a branch user to the units below the branch', async () => {
    const { actor } = await world.newActor(['marketer'], 'B1');
    expect(actor.orgScope).toEqual(['B1', 'S1']);
  });

  it('locks a username for a minute after five wrong passwords, then lets it in again', async () => {
    const { username } = await world.newActor(['analyst']);
    for (let attempt = 0; attempt < 5; attempt++) {
      expect(await codeOf(world.identity.signIn(username, 'wrong password'))).toBe(
        'governance.wrong_credentials',
      );
    }
    expect(await codeOf(world.identity.signIn(username, PASSWORD))).toBe('governance.locked_out');
    world.clock.advance(61_000);
    expect(await codeOf(world.identity.signIn(username, PASSWORD))).toBe('no problem');
  });

  it('ends every session of a user whose roles change', async () => {
    const admin = await world.newActor(['administrator']);
    const other = await world.newActor(['checker']);
    await world.identity.setUserRoles(other.actor.id, ['analyst'], admin.actor);
    expect(await world.identity.authenticate(other.session.token)).toBeUndefined();
  });

  it('gives an API key at most what its maker holds, and ends it when it is revoked', async () => {
    const { actor } = await world.newActor(['marketer']);
    expect(
      await codeOf(world.identity.createApiKey({ name: 'too much', scopes: ['users.write'] }, actor)),
    ).toBe('governance.scope_too_wide');
    const key = await world.identity.createApiKey({ name: 'feed', scopes: ['audiences.read'] }, actor);
    expect((await world.identity.authenticate(key.secret))?.permissions).toEqual(new Set(['audiences.read']));
    await world.identity.revokeApiKey(key.id, actor);
    expect(await world.identity.authenticate(key.secret)).toBeUndefined();
  });

  it('does not let a maker approve their own work, nor anybody decide twice', async () => {
    const maker = await world.newActor(['administrator']);
    const checker = await world.newActor(['checker']);
    const approval = await world.approvals.request({
      subjectKind: 'campaign',
      subjectId: 'cmp_x',
      title: 'X',
      contentHash: 'h',
      requestedBy: maker.actor,
    });
    expect(await codeOf(world.approvals.decide(approval.id, { decision: 'approved' }, maker.actor))).toBe(
      'governance.self_approval',
    );
    expect(await codeOf(world.approvals.decide(approval.id, { decision: 'rejected' }, checker.actor))).toBe(
      'governance.comment_required',
    );
    expect((await world.approvals.decide(approval.id, { decision: 'approved' }, checker.actor)).state).toBe(
      'approved',
    );
    expect(await codeOf(world.approvals.decide(approval.id, { decision: 'approved' }, checker.actor))).toBe(
      'governance.already_decided',
    );
  });

  it('withdraws an older pending approval when the subject is submitted again', async () => {
    const maker = await world.newActor(['administrator']);
    const request = { subjectKind: 'campaign', subjectId: 'cmp_y', title: 'Y', requestedBy: maker.actor };
    const first = await world.approvals.request({ ...request, contentHash: '1' });
    const second = await world.approvals.request({ ...request, contentHash: '2' });
    expect((await world.approvals.get(first.id))?.state).toBe('withdrawn');
    expect((await world.approvals.ofSubject('campaign', 'cmp_y'))?.id).toBe(second.id);
  });

  it('chains audit entries without gaps under concurrency and finds the first one that was altered', async () => {
    await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        world.audit.record({ actor: systemActor, action: 'test.done', subject: `s${index}` }),
      ),
    );
    const check = await world.audit.verify();
    expect(check.intact).toBe(true);
    const victim = check.entries - 20;
    await expect(
      world.stores.relational.pool.query('update governance.audit a set subject = $1 where a.id = $2', [
        'forged',
        victim,
      ]),
    ).rejects.toThrow('append-only');
    await world.stores.relational.pool.query(
      'alter table governance.audit disable trigger audit_append_only',
    );
    await world.stores.relational.pool.query('update governance.audit a set subject = $1 where a.id = $2', [
      'forged',
      victim,
    ]);
    expect(await world.audit.verify()).toMatchObject({ intact: false, brokenAt: victim });
  });
});

describe('subtree', () => {
  it('holds every unit below the root, also when the tree has a cycle', () => {
    const unit = (code: string, parent?: string) => ({
      code,
      name: code,
      level: 'branch',
      ...(parent ? { parent } : {}),
    });
    expect(subtree('A', [unit('A', 'C'), unit('B', 'A'), unit('C', 'B'), unit('D')])).toEqual([
      'A',
      'B',
      'C',
    ]);
  });
});
