import { customersMigrations } from '@rapport/customers';
import { type Approvals, createApprovals, createAudit, governanceMigrations } from '@rapport/governance';
import { type Actor, silentLog, systemActor, systemClock } from '@rapport/kernel';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TagDefinition } from './contract.ts';
import { createTags, type Tags, tagsMigrations } from './index.ts';

const user = (id: string, orgScope?: readonly string[]): Actor => ({
  kind: 'user',
  id,
  displayName: id,
  permissions: new Set(['tags.*', 'approvals.*']),
  orgScope,
});
const maker = user('usr_maker');
const checker = user('usr_checker');
const marketer = user('usr_marketer', ['B01']);

const tag = (id: string, over: Partial<TagDefinition> = {}): TagDefinition => ({
  id,
  title: { en: id },
  category: 'profile/person',
  valueType: 'text',
  definition: { kind: 'fact', from: 'customer', value: 'city' },
  ...over,
});

describe('the life of a tag', () => {
  let stores: TestStores;
  let tags: Tags;
  let approvals: Approvals;

  beforeAll(async () => {
    stores = await startTestStores([governanceMigrations, customersMigrations, tagsMigrations]);
    const audit = createAudit({ relational: stores.relational, clock: systemClock });
    approvals = createApprovals({ relational: stores.relational, audit, clock: systemClock, log: silentLog });
    tags = createTags({
      ...stores,
      clock: systemClock,
      log: silentLog,
      audit,
      approvals,
      customers: {
        find: async () => undefined,
        cidsOf: async () => new Map(),
        visible: async () => new Set(),
        scopeOf: async () => undefined,
      },
      manifests: async () => [],
    });
    approvals.onDecided((approval) => tags.workflow.onApprovalDecided(approval));
  });
  afterAll(() => stores?.stop());

  const approve = async (
    subjectKind: string,
    subjectId: string,
    actor = checker,
    decision: 'approved' | 'rejected' = 'approved',
  ) => {
    const approval = await approvals.ofSubject(subjectKind, subjectId);
    await approvals.decide(approval?.id ?? '', { decision, comment: 'seen' }, actor);
  };

  it('goes from a demand over design and review to publication, by two people', async () => {
    await tags.workflow.changeSettings({ requiresReview: true }, systemActor);
    const demand = {
      tagId: 'home_city',
      title: { en: 'Home city', 'zh-Hant': '居住城市' },
      department: 'Branch network',
      need: 'Invitations to branch events',
      expectedValue: 'Fewer wasted invitations',
    };
    const asked = await tags.workflow.demand(demand, marketer);
    expect(asked).toMatchObject({ status: 'demand', hasDefinition: false, actions: ['accept', 'decline'] });
    await expect(tags.workflow.demand(demand, marketer)).rejects.toMatchObject({ code: 'tags.exists' });
    await expect(tags.workflow.transition('home_city', { action: 'submit' }, maker)).rejects.toThrow(
      'has no definition yet',
    );
    await tags.create(tag('home_city'), maker);
    expect((await tags.workflow.lifecycle('home_city')).status).toBe('design');
    expect((await tags.workflow.palette(marketer))(await stored('home_city'))).toBe(false);
    expect((await tags.workflow.palette(maker))(await stored('home_city'))).toBe(true);
    await tags.workflow.transition('home_city', { action: 'submit', note: 'ready' }, maker);
    await expect(approve('tag', 'home_city', maker)).rejects.toMatchObject({
      code: 'governance.self_approval',
    });
    await approve('tag', 'home_city');
    const life = await tags.workflow.lifecycle('home_city');
    expect(life).toMatchObject({ status: 'published', by: 'usr_checker' });
    expect(life.steps.map(({ action, to }) => `${action} ${to}`)).toEqual([
      'demand demand',
      'accept design',
      'submit review',
      'approve published',
    ]);
    expect((await tags.workflow.palette(marketer))(await stored('home_city'))).toBe(true);
    await tags.workflow.transition('home_city', { action: 'monitor' }, maker);
    await expect(tags.workflow.transition('home_city', { action: 'submit' }, maker)).rejects.toThrow(
      'The tag home_city is monitored; from there it can unmonitor, retire, not submit.',
    );
  });

  it('publishes nothing that was changed after it was submitted', async () => {
    await tags.create(tag('late_change'), maker);
    await tags.workflow.transition('late_change', { action: 'submit' }, maker);
    await tags.replace(
      tag('late_change', { definition: { kind: 'fact', from: 'customer', value: 'language' } }),
      maker,
    );
    await approve('tag', 'late_change');
    expect((await tags.workflow.lifecycle('late_change')).status).toBe('design');
  });

  it('keeps a change of a published tag until somebody else has approved it', async () => {
    const changed = tag('home_city', {
      definition: { kind: 'fact', from: 'customer', value: 'upper(city)' },
    });
    const before = await tags.replace(changed, maker);
    expect(before.version).toBe(1);
    await approve('tag', 'home_city', checker, 'rejected');
    expect((await tags.get('home_city')).version).toBe(1);
    await tags.replace(changed, maker);
    await approve('tag', 'home_city');
    const after = await tags.get('home_city');
    expect(after).toMatchObject({ version: 2, definition: { value: 'upper(city)' } });
    // What it is called needs no review.
    await tags.replace({ ...changed, title: { en: 'City of residence' } }, maker);
    const versions = await tags.workflow.versions('home_city');
    expect(versions.map(({ version, changes }) => [version, changes.map(({ pointer }) => pointer)])).toEqual([
      [3, ['/title/en']],
      [2, ['/definition/value']],
      [1, []],
    ]);
    await tags.workflow.rollBack('home_city', 1, maker);
    expect((await tags.get('home_city')).definition).toMatchObject({ value: 'city' });
  });

  it('is not retired while it is used, and says by whom and what could replace it', async () => {
    await tags.workflow.changeSettings({ requiresReview: false }, systemActor);
    await tags.create(
      tag('city_upper', { definition: { kind: 'fact', from: 'customer', value: 'upper(city)' } }),
      maker,
    );
    await tags.create(
      tag('city_length', {
        valueType: 'number',
        definition: { kind: 'derived', expression: 'length(home_city)' },
      }),
      maker,
    );
    const refused: unknown = await tags.workflow
      .transition('home_city', { action: 'retire' }, maker)
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'tags.in_use',
      details: { uses: [{ id: 'city_length' }], replacements: [{ id: 'city_upper' }] },
    });
    await tags.remove('city_length', maker);
    const retired = await tags.workflow.transition(
      'home_city',
      { action: 'retire', note: 'city_upper instead', replacement: 'city_upper' },
      maker,
    );
    expect(retired).toMatchObject({ status: 'retired', replacement: 'city_upper', actions: ['revive'] });
  });

  it('of class C3 is used by those only whom it was granted, until the grant ends or is revoked', async () => {
    await tags.create(tag('health_note', { dataClass: 'C3' }), maker);
    const condition = {
      all: [{ always: true as const }, { not: { tag: 'health_note', op: 'known' as const } }],
    };
    expect(await tags.workflow.useFaults(condition, maker)).toEqual([]);
    expect(await tags.workflow.useFaults(condition, marketer)).toEqual([
      { pointer: '/all/1/not/tag', message: expect.stringContaining('needs a grant (class C3)') },
    ]);
    const request = { purpose: 'Care calls', orgUnit: 'B01', expiresAt: '2099-01-01T00:00:00.000Z' };
    await expect(
      tags.workflow.requestAccess(
        'health_note',
        { ...request, expiresAt: '2001-01-01T00:00:00.000Z' },
        marketer,
      ),
    ).rejects.toMatchObject({ code: 'tags.invalid' });
    const asked = await tags.workflow.requestAccess('health_note', request, marketer);
    expect(asked.state).toBe('requested');
    expect(await tags.workflow.useFaults(condition, marketer)).toHaveLength(1);
    await approve('tag_access', asked.id);
    expect(await tags.workflow.useFaults(condition, marketer)).toEqual([]);
    expect(await tags.workflow.useFaults(condition, user('usr_colleague', ['B01', 'B02']))).toEqual([]);
    expect(await tags.workflow.useFaults(condition, user('usr_stranger', ['B02']))).toHaveLength(1);
    expect((await tags.workflow.access({ tagId: 'health_note' }))[0]).toMatchObject({
      state: 'approved',
      decidedBy: 'usr_checker',
    });
    await tags.workflow.revokeAccess(asked.id, maker);
    expect(await tags.workflow.useFaults(condition, marketer)).toHaveLength(1);
  });

  it('stands in a taxonomy whose nodes move with their tags', async () => {
    const top = await tags.taxonomy.create(
      { name: 'insight', title: { en: 'Insight', 'zh-Hant': '洞察' } },
      maker,
    );
    const node = (await tags.taxonomy.tree()).find(({ path }) => path === 'profile/person');
    expect(node).toMatchObject({ level: 2, title: { en: 'Person' } });
    const versions = (await tags.workflow.versions('city_upper')).length;
    const moved = await tags.taxonomy.change(node?.id ?? '', { parentId: top.id }, maker);
    expect(moved).toMatchObject({ path: 'insight/person', level: 2 });
    expect((await tags.get('city_upper')).category).toBe('insight/person');
    expect((await tags.workflow.versions('city_upper')).length).toBe(versions + 1);
    expect((await tags.taxonomy.moves())[0]).toMatchObject({
      from: 'profile/person',
      to: 'insight/person',
      by: 'usr_maker',
    });
    await expect(tags.taxonomy.change(top.id, { parentId: moved.id }, maker)).rejects.toMatchObject({
      code: 'tags.category_cyclic',
    });
    await expect(tags.taxonomy.remove(top.id, maker)).rejects.toMatchObject({ code: 'tags.category_in_use' });
    const tree = await tags.taxonomy.tree();
    expect(tree.find(({ path }) => path === 'insight')?.tags).toBe(
      tree.find(({ path }) => path === 'insight/person')?.tags,
    );
    let parent = moved;
    for (const name of ['a', 'b', 'c', 'd'])
      parent = await tags.taxonomy.create({ parentId: parent.id, name, title: { en: name } }, maker);
    await expect(
      tags.taxonomy.create({ parentId: parent.id, name: 'e', title: { en: 'e' } }, maker),
    ).rejects.toThrow('at most 6 levels');
  });

  it('takes its values from a dictionary, and both go through a file', async () => {
    const yaml = `
taxonomy: [{ path: profile/life, title: { en: Life, zh-Hant: 生活 } }]
dictionaries:
  - id: yes_no
    title: { en: Yes or no }
    values: [{ value: 'y', title: { en: 'Yes', zh-Hant: 是 } }, { value: 'n', title: { en: 'No', zh-Hant: 否 } }]
tags:
  - id: has_car
    title: { en: Has a car }
    category: profile/life
    valueType: text
    dictionary: yes_no
    definition: { kind: fact, from: customer, value: "attributes['car']" }
`;
    expect((await tags.importYaml(yaml, {}, maker)).created).toEqual(['has_car']);
    expect((await tags.get('has_car')).values?.[0]?.title['zh-Hant']).toBe('是');
    expect((await tags.taxonomy.tree()).find(({ path }) => path === 'profile/life')?.title['zh-Hant']).toBe(
      '生活',
    );
    const exported = await tags.exportYaml();
    expect(exported).toContain('dictionary: yes_no');
    expect((await tags.importYaml(exported, {}, maker)).changed).toEqual([]);
    expect(await tags.diffYaml(exported)).toMatchObject({
      created: [],
      changed: [],
      missing: [],
      dictionaries: [],
    });
    const diff = await tags.diffYaml(
      exported.replace("attributes['car']", "attributes['cars']").replace('id: city_upper', 'id: city_lower'),
    );
    expect(diff).toMatchObject({
      created: [{ id: 'city_lower' }],
      changed: [
        {
          id: 'has_car',
          changes: [
            { pointer: '/definition/value', before: `"attributes['car']"`, after: `"attributes['cars']"` },
          ],
        },
      ],
      missing: [{ id: 'city_upper' }],
    });
    await expect(tags.dictionaries.remove('yes_no', maker)).rejects.toMatchObject({ code: 'tags.in_use' });
  });

  const stored = async (id: string) => {
    const { version } = await tags.get(id);
    return {
      definition: tag(id),
      version,
      createdAt: 0,
      updatedAt: 0,
      updatedBy: (await tags.get(id)).updatedBy,
      isRetired: false,
    };
  };
});
