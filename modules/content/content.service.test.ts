import { createHttp, mountRoutes } from '@rapport/http';
import { fixedClock, silentLog } from '@rapport/kernel';
import type { Offer } from '@rapport/offers/contract';
import { startTestStores, type TestStores, testActor } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentMigrations } from './content.migrations.ts';
import { contentRoutes } from './content.routes.ts';
import { createContent } from './content.service.ts';
import type { Content, ContentDeps, RenderRequest } from './content.ts';
import type { TemplateBody } from './contract.ts';
import type { MergeValue } from './liquid.ts';
import { createMaterials } from './materials.service.ts';

const PEOPLE: readonly Readonly<Record<string, MergeValue>>[] = [
  {
    'customer.name': '林美玲',
    'customer.gender': 'female',
    'customer.language': 'zh-TW',
    'customer.city': '臺北',
    'tag.aum': 900,
  },
  { 'customer.name': 'Jan Novák', 'customer.gender': 'male', 'customer.language': 'en', 'tag.aum': 100 },
  { 'customer.name': 'Eva', 'tag.aum': 700 },
];
const OFFER: Offer = {
  id: 'off_a',
  name: { en: 'Deposit', 'zh-Hant': '定存' },
  kind: 'rate',
  valueMinor: 1,
  currency: 'TWD',
  state: 'active',
  version: 1,
  createdAt: '2026-11-01T00:00:00.000Z',
  createdBy: 'usr_a',
  updatedAt: '2026-11-01T00:00:00.000Z',
};
const idOf = (cid: number): string => `C${cid}`;
const lacking = (field: string): number => PEOPLE.filter((person) => person[field] === undefined).length;

let stores: TestStores;
let content: Content;
let http: Awaited<ReturnType<typeof createHttp>>;
const actor = testActor();
const asked: string[][] = [];
beforeAll(async () => {
  stores = await startTestStores([contentMigrations]);
  const clock = fixedClock(Date.parse('2026-11-23T09:00:00Z'));
  const audit = { record: async () => undefined };
  const profiles: ContentDeps['profiles'] = {
    async values(cids, fields) {
      asked.push([...fields]);
      const known = cids.filter((cid) => PEOPLE[cid] !== undefined);
      return new Map(
        known.map((cid) => [
          cid,
          new Map(Object.entries(PEOPLE[cid] ?? {}).filter(([field]) => fields.includes(field))),
        ]),
      );
    },
    find: async (ids) =>
      ids.flatMap((id) => PEOPLE.flatMap((_, cid) => (idOf(cid) === id ? [{ cid, customerId: id }] : []))),
    tagFields: async () => [{ field: 'tag.aum', type: 'number', description: 'AUM', always: false }],
    missingCount: async (field) => lacking(field),
    customerCount: async () => PEOPLE.length,
  };
  content = createContent({
    relational: stores.relational,
    clock,
    audit,
    profiles,
    offers: { find: async (id) => (id === OFFER.id ? OFFER : undefined) },
    conditions: {
      faults: async (condition) =>
        'tag' in condition && condition.tag !== 'aum'
          ? [{ pointer: '/tag', message: `There is no tag "${condition.tag}".` }]
          : [],
      matching: async (condition, recipients) =>
        new Set(
          recipients
            .filter(
              ({ cid }) => 'tag' in condition && Number(PEOPLE[cid]?.['tag.aum']) >= Number(condition.value),
            )
            .map(({ cid }) => cid),
        ),
    },
    bank: { name: 'Harbour Bank' },
    publicUrl: 'https://rapport.bank.example',
  });
  http = await createHttp({ log: silentLog, version: 'test', authenticate: async () => actor });
  await mountRoutes(
    http,
    contentRoutes(content, createMaterials({ relational: stores.relational, clock, audit })),
  );
}, 60_000);
afterAll(async () => {
  await http.close();
  await stores.stop();
});

const template = (more: Partial<TemplateBody> = {}): TemplateBody => ({
  name: 'Deposit',
  channel: 'sms',
  purpose: 'marketing',
  variants: [
    {
      id: 'rich',
      name: 'Rich',
      when: { tag: 'aum', op: '>=', value: 500 },
      language: 'zh',
      body: '{{ customer.salutation }} {{ offer.name }} VIP {{ sms_opt_out }}',
    },
    { id: 'chinese', name: 'Chinese', language: 'zh', body: '{{ offer.name }} {{ sms_opt_out }}' },
    {
      id: 'all',
      name: 'Everyone',
      body: '{{ customer.salutation | default: "Dear customer" }}: {{ offer.name }}. {{ sms_opt_out }}',
    },
  ],
  ...more,
});
const request = (
  cid: number,
  more: Partial<RenderRequest> & { templateId: string; version: number },
): RenderRequest => ({
  recipient: { cid, customerId: idOf(cid) },
  campaign: { id: 'cmp_a', name: 'Autumn' },
  unsubscribeUrl: 'https://rapport.bank.example/u/x',
  offerId: 'off_a',
  ...more,
});

describe('templates', () => {
  it('are drafts until published, and versions never change', async () => {
    const created = (
      await http.inject({ method: 'POST', url: '/api/v1/templates', payload: template() })
    ).json();
    expect(created).toMatchObject({ state: 'draft', version: 0 });
    const published = (
      await http.inject({ method: 'POST', url: `/api/v1/templates/${created.id}/publish` })
    ).json();
    expect(published).toMatchObject({ state: 'published', version: 1 });
    const edited = (
      await http.inject({
        method: 'PUT',
        url: `/api/v1/templates/${created.id}`,
        payload: template({ variants: [{ id: 'all', name: 'All', body: 'New {{ sms_opt_out }}' }] }),
      })
    ).json();
    expect(edited).toMatchObject({ state: 'draft', version: 1 });
    const [first] = await content.render([request(1, { templateId: created.id, version: 1 })]);
    expect(first).toMatchObject({
      ok: true,
      variantId: 'all',
      text: 'Mr Novák: Deposit. Reply STOP to opt out',
    });
    await http.inject({ method: 'POST', url: `/api/v1/templates/${created.id}/publish` });
    const [second] = await content.render([request(1, { templateId: created.id, version: 2 })]);
    expect(second).toMatchObject({ ok: true, text: 'New Reply STOP to opt out' });
    expect((await http.inject({ method: 'DELETE', url: `/api/v1/templates/${created.id}` })).statusCode).toBe(
      204,
    );
    expect((await http.inject({ url: `/api/v1/templates/${created.id}` })).statusCode).toBe(404);
    expect(await content.render([request(1, { templateId: created.id, version: 1 })])).toMatchObject([
      { ok: true },
    ]);
  });

  it('with faults are not published, and every fault is named', async () => {
    const faulty = template({
      variants: [
        { id: 'a', name: 'A', when: { tag: 'none', op: 'known' }, body: '{{ customer.nam }}' },
        { id: 'all', name: 'All', body: 'x' },
      ],
    });
    const { id } = await content.create(faulty, actor);
    const refused = await http.inject({ method: 'POST', url: `/api/v1/templates/${id}/publish` });
    expect(refused.statusCode).toBe(422);
    expect(refused.json().faults.map((fault: { pointer: string }) => fault.pointer)).toEqual([
      '/variants/a/body:1:1',
      '/variants/a/when:1:1',
      '/variants/a/body:1:4',
      '/variants/all/body:1:1',
    ]);
    const check = (
      await http.inject({ method: 'POST', url: '/api/v1/templates/check', payload: { templateId: id } })
    ).json();
    expect(check.ok).toBe(false);
  });

  it('tell how many customers lack a value', async () => {
    const result = await content.check({
      template: template({
        variants: [
          {
            id: 'all',
            name: 'All',
            body: '{{ customer.city }} {{ customer.family_name }} {{ offer.url }} {{ sms_opt_out }}',
          },
        ],
      }),
      offerId: 'off_a',
    });
    expect(result.faults).toMatchObject([
      { code: 'needs_fallback', field: 'customer.city', missing: 2 },
      { code: 'needs_fallback', field: 'offer.url', missing: 3 },
    ]);
    expect(result.fields).toContainEqual({
      field: 'customer.family_name',
      uses: 1,
      hasFallback: false,
      missing: 0,
    });
  });

  it('list page by page', async () => {
    const ids = new Set<string>();
    for (let cursor = ''; ; ) {
      const page = (await http.inject({ url: `/api/v1/templates?limit=2${cursor}` })).json();
      for (const item of page.items) ids.add(item.id);
      if (page.nextCursor === undefined) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(ids.size).toBe((await content.list({ limit: 500 })).length);
  });
});

describe('rendering in bulk', () => {
  it('takes the first variant that fits each customer, and asks for the data once', async () => {
    const { id } = await content.create(template(), actor);
    await content.publish(id, actor);
    asked.length = 0;
    const results = await content.render(
      [0, 1, 2, 9].map((cid) => request(cid, { templateId: id, version: 1 })),
    );
    expect(results).toMatchObject([
      {
        ok: true,
        variantId: 'rich',
        text: '林小姐 定存 VIP 退訂請回覆T',
        sms: { encoding: 'UCS-2', segments: 1 },
      },
      { ok: true, variantId: 'all', text: 'Mr Novák: Deposit. Reply STOP to opt out' },
      { ok: true, variantId: 'all', text: 'Eva: Deposit. Reply STOP to opt out' },
      { ok: false, reason: 'customer_not_found' },
    ]);
    expect(asked).toHaveLength(1);
  });

  it('lets one message fail without harming the others', async () => {
    const { id } = await content.create(
      template({ variants: [{ id: 'all', name: 'All', body: '{{ customer.city }} {{ sms_opt_out }}' }] }),
      actor,
    );
    await content.publish(id, actor);
    const results = await content.render([
      request(0, { templateId: id, version: 1 }),
      request(1, { templateId: id, version: 1 }),
      request(0, { templateId: id, version: 7 }),
      request(0, { templateId: id, version: 1, variantId: 'none' }),
      request(0, { templateId: id, version: 1, offerId: 'off_none' }),
    ]);
    expect(results.map((result) => (result.ok ? result.text : result.reason))).toEqual([
      '臺北 退訂請回覆T',
      'missing_value',
      'template_not_found',
      'variant_not_found',
      'offer_not_found',
    ]);
  });

  it('fills in a thousand mails a second and more', async () => {
    const body = `<mjml><mj-body><mj-section><mj-column>${'<mj-text>Dear {{ customer.salutation | default: "customer" }}, {{ offer.name }} {% if tag.aum > 500 %}VIP{% endif %}</mj-text>'.repeat(10)}<mj-button href="{{ unsubscribe_url }}">x</mj-button></mj-column></mj-section></mj-body></mjml>`;
    const { id } = await content.create(
      template({ channel: 'email', variants: [{ id: 'all', name: 'All', subject: 'Hi', body }] }),
      actor,
    );
    await content.publish(id, actor);
    await content.render([request(0, { templateId: id, version: 1 })]);
    const startedAt = performance.now();
    const results = await content.render(
      Array.from({ length: 1_000 }, (_, index) => request(index % 3, { templateId: id, version: 1 })),
    );
    const perSecond = Math.round(1_000 / ((performance.now() - startedAt) / 1000));
    expect(results.every((result) => result.ok)).toBe(true);
    console.log(`rendered ${perSecond} mails/s`);
    expect(perSecond).toBeGreaterThan(300);
  });
});

describe('previews', () => {
  it('show what the customer would get, and what is missing', async () => {
    const preview = (
      await http.inject({
        method: 'POST',
        url: '/api/v1/templates/preview',
        payload: { template: template(), customerId: 'C0', offerId: 'off_a' },
      })
    ).json();
    expect(preview).toEqual({
      variantId: 'rich',
      variantName: 'Rich',
      text: '林小姐 定存 VIP 退訂請回覆T',
      sms: { encoding: 'UCS-2', units: 17, segments: 1 },
      missing: [],
    });
    const other = (
      await http.inject({
        method: 'POST',
        url: '/api/v1/templates/preview',
        payload: { template: template(), customerId: 'C1', variantId: 'rich' },
      })
    ).json();
    expect(other).toMatchObject({ code: 'content.render_failed', missing: ['offer.name'] });
    const nobody = await http.inject({
      method: 'POST',
      url: '/api/v1/templates/preview',
      payload: { template: template(), customerId: 'C77' },
    });
    expect(nobody.statusCode).toBe(404);
  });
});

describe('materials', () => {
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );

  it('are served as they were uploaded, to anyone, and kept once', async () => {
    const upload = { name: 'a.png', mime: 'image/png', contentBase64: png.toString('base64') };
    const first = await http.inject({ method: 'POST', url: '/api/v1/materials', payload: upload });
    expect(first.statusCode).toBe(201);
    expect((await http.inject({ method: 'POST', url: '/api/v1/materials', payload: upload })).json().id).toBe(
      first.json().id,
    );
    const served = await http.inject({ url: first.json().url });
    expect(served.headers['content-type']).toBe('image/png');
    expect(served.rawPayload).toEqual(png);
    expect((await http.inject({ url: '/api/v1/materials' })).json().items).toHaveLength(1);
  });

  it('that are no images are refused', async () => {
    const script = Buffer.from('<svg onload="alert(1)"/>').toString('base64');
    const refused = await http.inject({
      method: 'POST',
      url: '/api/v1/materials',
      payload: { name: 'a.png', mime: 'image/png', contentBase64: script },
    });
    expect(refused.statusCode).toBe(415);
  });
});
