import { describe, expect, it } from 'vitest';
import { compileTemplate, type Engines } from './compiled-template.ts';
import type { TemplateBody, Variant } from './contract.ts';
import { createLiquid } from './liquid.ts';
import { smsSize } from './sms-size.ts';
import { checkTemplate } from './template-check.ts';
import { COMMON_FIELDS, familyNameOf, salutationOf, smsOptOut } from './vocabulary.ts';

const materialUrl = (id: string): string => `https://bank.example/m/${id}`;
const engines: Engines = {
  html: createLiquid({ escape: true, materialUrl }),
  plain: createLiquid({ escape: false, materialUrl }),
};
const sms = (body: string, more: Partial<Variant> = {}): TemplateBody => ({
  name: 'T',
  channel: 'sms',
  purpose: 'service',
  variants: [{ id: 'all', name: 'All', body, ...more }],
});
const email = (body: string, subject = 'Hello'): TemplateBody => ({
  name: 'T',
  channel: 'email',
  purpose: 'service',
  variants: [{ id: 'all', name: 'All', subject, body }],
});
const mjml = (inner: string): string =>
  `<mjml><mj-body><mj-section><mj-column>${inner}</mj-column></mj-section></mj-body></mjml>`;
const check = async (template: TemplateBody, missing: Record<string, number> = {}, linkHosts?: string[]) =>
  checkTemplate(await compileTemplate(template, engines), {
    vocabulary: [...COMMON_FIELDS, { field: 'tag.age', type: 'number', description: 'Age', always: false }],
    missingCount: async (field) => missing[field] ?? 0,
    conditionFaults: async () => [],
    linkHosts,
  });
const render = async (template: TemplateBody, scope: object) => {
  const [variant] = (await compileTemplate(template, engines)).variants;
  if (!variant) throw new Error('no variant');
  expect(variant.faults).toEqual([]);
  return variant.render(scope);
};

describe('checking a template', () => {
  it('names an unknown field with line, column and the nearest known one', async () => {
    const { faults } = await check(sms('Hello\n  {{ customer.citty }}'));
    expect(faults).toMatchObject([{ code: 'unknown_field', line: 2, column: 6, field: 'customer.citty' }]);
    expect(faults[0]?.message).toContain('Did you mean "customer.city"?');
  });

  it('refuses a field that someone lacks, unless there is a default or an if around it', async () => {
    const lacking = { 'customer.city': 12 };
    const faultsOf = async (body: string) => (await check(sms(body), lacking)).faults;
    expect(await faultsOf('{{ customer.city }}')).toMatchObject([{ code: 'needs_fallback', missing: 12 }]);
    expect(await faultsOf('{{ customer.city | upcase | default: "x" }}')).toHaveLength(1);
    expect(await faultsOf('{{ customer.city | default: "your city" | upcase }}')).toEqual([]);
    expect(await faultsOf('{% if customer.city %}{{ customer.city }}{% endif %}')).toEqual([]);
    expect(await faultsOf('{% if customer.city == "Taipei" %}{{ customer.city }}{% endif %}')).toEqual([]);
    expect(
      await faultsOf('{% if customer.city and tag.age > 3 %}{{ customer.city | upcase }}{% endif %}'),
    ).toEqual([]);
    expect(await faultsOf('{% if customer.city or tag.age %}{{ customer.city }}{% endif %}')).toHaveLength(1);
    expect(await faultsOf('{% if customer.city != "x" %}{{ customer.city }}{% endif %}')).toHaveLength(1);
    expect(await faultsOf('{% if customer.city %}a{% else %}{{ customer.city }}{% endif %}')).toHaveLength(1);
    expect(await faultsOf('{{ "from " | append: customer.city }}')).toHaveLength(1);
    expect(await faultsOf('{% assign c = customer.city | default: "x" %}{{ c }}')).toEqual([]);
    expect(await faultsOf('{% case customer.city %}{% when "a" %}A{% endcase %}')).toEqual([]);
    expect(await faultsOf('{% for c in customer.city %}{{ c }}{% endfor %}')).toHaveLength(1);
  });

  it('lets render exactly what it calls safe', async () => {
    const bodies = [
      '{{ customer.city | default: "x" }}',
      '{% if customer.city %}{{ customer.city }}{% else %}-{% endif %}',
      '{% if customer.city and tag.age > 3 %}{{ customer.city | upcase }}{% endif %}',
      '{% unless customer.city %}none{% endunless %}',
      '{% case customer.city %}{% when "a" %}A{% else %}B{% endcase %}',
      '{% assign c = customer.city | default: "x" %}{{ c }}',
      '{{ customer.city }}',
      '{{ "a" | append: customer.city }}',
      '{% if customer.city or true %}{{ customer.city }}{% endif %}',
    ];
    for (const body of bodies) {
      const isSafe = (await check(sms(body), { 'customer.city': 1 })).faults.length === 0;
      const renders = await render(sms(body), { customer: {}, tag: {} }).then(
        () => true,
        () => false,
      );
      expect([body, renders]).toEqual([body, isSafe]);
    }
  });

  it('refuses marketing without a way out', async () => {
    const marketing = (template: TemplateBody): TemplateBody => ({ ...template, purpose: 'marketing' });
    const codes = async (template: TemplateBody) =>
      (await check(marketing(template))).faults.map((fault) => fault.code);
    expect(await codes(sms('3.1 %'))).toEqual(['missing_opt_out']);
    expect(await codes(sms('3.1 % {{ sms_opt_out }}'))).toEqual([]);
    expect(await codes(sms('年利率 3.1%,退訂請回覆T'))).toEqual([]);
    expect(await codes(email(mjml('<mj-text>3.1 %</mj-text>')))).toEqual(['missing_unsubscribe']);
    expect(await codes(email(mjml('<mj-text><a href="{{ unsubscribe_url }}">x</a></mj-text>')))).toEqual([]);
  });

  it('refuses syntax errors, unknown filters, includes, raw, computed names and foreign links', async () => {
    const codes = async (template: TemplateBody, hosts?: string[]) =>
      (await check(template, {}, hosts)).faults.map((fault) => fault.code);
    expect(await codes(sms('{% if customer.city %}'))).toEqual(['syntax']);
    expect(await codes(sms('{{ customer.id | foo }}'))).toEqual(['unknown_filter']);
    expect(await codes(sms('{{ customer.id | raw }}'))).toEqual(['unknown_filter']);
    expect(await codes(sms('{% include "/etc/passwd" %}'))).toEqual(['syntax']);
    expect(await codes(email(mjml('<mj-include path="/etc/passwd" />')))).toEqual(['mjml']);
    expect(await codes(sms('{{ tag[customer.id] }}'))).toEqual(['unknown_field']);
    expect(await codes(sms('see https://evil.example/x'), ['bank.example'])).toEqual(['link_not_allowed']);
    expect(await codes(sms('see https://www.bank.example/x'), ['bank.example'])).toEqual([]);
    expect(
      await codes(email('<mjml><mj-body>{% if true %}<mj-section></mj-section>{% endif %}</mj-body></mjml>')),
    ).toEqual(['dropped_liquid', 'dropped_liquid']);
  });

  it('wants exactly one fallback, at the end', async () => {
    const two: TemplateBody = {
      ...sms('a'),
      variants: [
        { id: 'a', name: 'A', body: 'a' },
        { id: 'b', name: 'B', language: 'en', body: 'b' },
      ],
    };
    expect((await check(two)).faults).toHaveLength(2);
  });
});

describe('rendering', () => {
  const scope = {
    customer: { name: '<b>Lin & "Co"</b>', id: 'C1' },
    tag: { aum: 123_456_789 },
    unsubscribe_url: 'https://bank.example/u/t?a=1&b=2',
  };

  it('escapes merged values in HTML and leaves them alone in text and subject', async () => {
    const mail = await render(
      email(
        mjml('<mj-text>Dear {{ customer.name }}, <a href="{{ unsubscribe_url }}">stop</a></mj-text>'),
        'For {{ customer.name }}',
      ),
      scope,
    );
    expect(mail.subject).toBe('For <b>Lin & "Co"</b>');
    expect(mail.html).toContain('Dear &lt;b&gt;Lin &amp; &#34;Co&#34;&lt;/b&gt;,');
    expect(mail.html).toContain('href="https://bank.example/u/t?a=1&amp;b=2"');
    expect(mail.text).toContain('Dear <b>Lin & "Co"</b>, stop https://bank.example/u/t?a=1&b=2');
  });

  it('keeps a line break in a value out of the subject', async () => {
    const mail = await render(email(mjml('<mj-text>x</mj-text>'), 'Hi {{ customer.name }}'), {
      customer: { name: 'A\r\nBcc: all@example.org' },
    });
    expect(mail.subject).toBe('Hi A Bcc: all@example.org');
  });

  it('runs conditions and loops inside mj-text and mj-raw, also for the text part', async () => {
    const body = mjml(
      '<mj-text>{% if tag.aum > 5 %}rich & <b>"{{ tag.aum | money: "TWD" }}"</b>{% else %}poor{% endif %}</mj-text>' +
        '<mj-raw>{% if tag.aum < 5 %}<tr><td>small</td></tr>{% endif %}</mj-raw>',
    );
    const mail = await render(email(body), scope);
    expect(mail.html).toContain('rich & <b>"NT$1,234,567.89');
    expect(mail.html).not.toContain('small');
    expect(mail.text).toContain('1,234,567.89');
    expect(mail.text).not.toContain('poor');
  });

  it('stops a template that never ends', async () => {
    const body = '{% for a in (1..100000) %}{% for b in (1..100000) %}x{% endfor %}{% endfor %}';
    await expect(render(sms(body), {})).rejects.toThrow(/limit/);
  });

  it('does not reach the prototype of a value', async () => {
    expect((await render(sms('{{ customer.constructor | default: "none" }}'), scope)).text).toBe('none');
  });
});

describe('words', () => {
  it('counts SMS segments', () => {
    expect(smsSize('a'.repeat(160))).toEqual({ encoding: 'GSM-7', units: 160, segments: 1 });
    expect(smsSize('a'.repeat(161)).segments).toBe(2);
    expect(smsSize('€'.repeat(80)).segments).toBe(1);
    expect(smsSize(`${'a'.repeat(152)}€${'a'.repeat(152)}`)).toEqual({
      encoding: 'GSM-7',
      units: 306,
      segments: 3,
    });
    expect(smsSize('存'.repeat(70)).segments).toBe(1);
    expect(smsSize('存'.repeat(71))).toEqual({ encoding: 'UCS-2', units: 71, segments: 2 });
    expect(smsSize(`${'存'.repeat(66)}😀${'存'.repeat(66)}`).segments).toBe(3);
  });

  it('addresses people', () => {
    expect(salutationOf({ name: '林美玲', gender: 'female', language: 'zh-Hant' })).toBe('林小姐');
    expect(salutationOf({ name: '歐陽修', gender: 'male', language: 'zh-Hant' })).toBe('歐陽先生');
    expect(salutationOf({ name: 'Jan Novák', gender: 'male', language: 'en' })).toBe('Mr Novák');
    expect(salutationOf({ name: 'Jan Novák', gender: undefined, language: 'en' })).toBe('Jan Novák');
    expect(salutationOf({ name: undefined, gender: 'male', language: 'en' })).toBeUndefined();
    expect(familyNameOf('王')).toBe('王');
    expect(smsOptOut('zh-TW')).toBe('退訂請回覆T');
    expect(smsOptOut('zh-Hans')).toBe('拒收请回复T');
    expect(smsOptOut(undefined)).toBe('Reply STOP to opt out');
  });
});
