import { ConditionBody } from '@rapport/conditions';
import { Instant, Page } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

export const TEMPLATE_CHANNELS = ['email', 'sms'] as const;
export const TemplateChannel = Type.Enum(TEMPLATE_CHANNELS, {
  description: 'Channel 渠道 the template is made for',
  examples: ['email'],
});
export type TemplateChannel = (typeof TEMPLATE_CHANNELS)[number];

export const PURPOSES = ['marketing', 'service'] as const;
export const Purpose = Type.Enum(PURPOSES, {
  description:
    'Marketing needs consent and a way to opt out; service messages (a due date, a fraud alert) do not',
  examples: ['marketing'],
});
export type Purpose = (typeof PURPOSES)[number];

const variantFields = {
  name: Type.String({
    minLength: 1,
    maxLength: 120,
    description: 'Name of the variant 變體',
    examples: ['Wealth customers'],
  }),
  when: Type.Optional(ConditionBody),
  language: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z]{2,3}(-[A-Za-z]{2,4})?$',
      description: 'Only for customers with this language; `zh` matches `zh-Hant` too',
      examples: ['zh-Hant'],
    }),
  ),
  subject: Type.Optional(
    Type.String({
      maxLength: 500,
      description: 'E-mail subject (Liquid); required for e-mail',
      examples: ['{{ customer.name }}, 3.1 % for you'],
    }),
  ),
  body: Type.String({
    minLength: 1,
    maxLength: 200_000,
    description: 'E-mail: MJML with Liquid; SMS: Liquid text',
    examples: [
      '{{ customer.salutation | default: "Dear customer" }}: 3.1 % p.a. until Friday. {{ sms_opt_out }}',
    ],
  }),
};

export const Variant = Type.Object(
  {
    id: Type.String({
      pattern: '^[A-Za-z0-9_-]{1,60}$',
      description: 'Id within the template; stays over versions',
      examples: ['wealth'],
    }),
    ...variantFields,
  },
  {
    description:
      'One text of a template; the first whose `when` and `language` fit is used, the last one is the fallback',
  },
);
export type Variant = Static<typeof Variant>;

export const TemplateBody = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 120,
      description: 'Name of the template 模板',
      examples: ['Term deposit, autumn'],
    }),
    channel: TemplateChannel,
    purpose: Purpose,
    variants: Type.Array(Variant, {
      minItems: 1,
      maxItems: 50,
      description: 'Tried in order; the last has neither `when` nor `language` and is the fallback',
      examples: [
        [{ id: 'everyone', name: 'Everyone', body: '{{ bank.name }}: 3.1 % p.a. {{ sms_opt_out }}' }],
      ],
    }),
  },
  { description: 'A template to create or to put in the place of the draft' },
);
export type TemplateBody = Static<typeof TemplateBody>;

export const TEMPLATE_STATES = ['draft', 'published'] as const;
export const TemplateView = Type.Object(
  {
    id: Type.String({ description: 'Template id', examples: ['tpl_01j9z3'] }),
    ...TemplateBody.properties,
    state: Type.Enum(TEMPLATE_STATES, {
      description: '`draft` when there are changes since the last published version',
      examples: ['published'],
    }),
    version: Type.Integer({ description: 'Last published version; 0 when none', examples: [3] }),
    createdAt: Instant('When it was made'),
    updatedAt: Instant('When the draft last changed'),
    publishedAt: Type.Optional(Instant('When the last version was published')),
  },
  { description: 'A template 模板' },
);
export type TemplateView = Static<typeof TemplateView>;

export const TemplateSummary = Type.Object(
  {
    id: TemplateView.properties.id,
    name: TemplateView.properties.name,
    channel: TemplateView.properties.channel,
    purpose: TemplateView.properties.purpose,
    state: TemplateView.properties.state,
    version: TemplateView.properties.version,
    variantCount: Type.Integer({ description: 'Number of variants', examples: [2] }),
    updatedAt: TemplateView.properties.updatedAt,
  },
  { description: 'A template in a list' },
);
export type TemplateSummary = Static<typeof TemplateSummary>;
export const TemplatePage = Page(TemplateSummary, 'Templates, newest first');

export const MergeFieldView = Type.Object(
  {
    field: Type.String({ description: 'Path as written in a template', examples: ['customer.city'] }),
    description: Type.String({ description: 'What it holds', examples: ['City the customer lives in'] }),
    type: Type.String({
      description: '`text`, `number`, `money`, `date`, `boolean`, `instant` or `list`',
      examples: ['text'],
    }),
    always: Type.Boolean({
      description: 'True when everyone has a value, so that no fallback is needed',
      examples: [false],
    }),
  },
  { description: 'One merge field' },
);
export type MergeFieldView = Static<typeof MergeFieldView>;
export const MergeFieldList = Type.Object(
  { items: Type.Array(MergeFieldView, { description: 'All merge fields, tags included' }) },
  { description: 'The merge vocabulary' },
);

export const FAULT_CODES = [
  'syntax',
  'unknown_field',
  'unknown_filter',
  'needs_fallback',
  'missing_unsubscribe',
  'missing_opt_out',
  'mjml',
  'dropped_liquid',
  'link_not_allowed',
  'condition',
] as const;
export const TemplateFault = Type.Object(
  {
    variantId: Type.String({ description: 'Variant the fault is in', examples: ['wealth'] }),
    part: Type.Enum(['subject', 'body', 'when'], {
      description: 'Part of the variant',
      examples: ['body'],
    }),
    line: Type.Integer({ minimum: 1, description: 'Line in that part', examples: [4] }),
    column: Type.Integer({ minimum: 1, description: 'Column in that line', examples: [12] }),
    code: Type.Enum(FAULT_CODES, { description: 'Kind of fault', examples: ['unknown_field'] }),
    field: Type.Optional(Type.String({ description: 'Merge field concerned', examples: ['customer.citty'] })),
    missing: Type.Optional(
      Type.Integer({ description: 'Customers of the audience without a value', examples: [1204] }),
    ),
    message: Type.String({
      description: 'What is wrong and what to do',
      examples: ['There is no merge field "customer.citty".'],
    }),
  },
  { description: 'Why a template can not be used' },
);
export type TemplateFault = Static<typeof TemplateFault>;

export const FieldUse = Type.Object(
  {
    field: Type.String({ description: 'Merge field', examples: ['customer.city'] }),
    uses: Type.Integer({ description: 'Number of places', examples: [2] }),
    hasFallback: Type.Boolean({
      description: 'Every place has `| default:` or stands behind an `if`',
      examples: [true],
    }),
    missing: Type.Optional(
      Type.Integer({ description: 'Customers of the audience without a value', examples: [1204] }),
    ),
  },
  { description: 'A merge field a template uses' },
);
export type FieldUse = Static<typeof FieldUse>;

export const CheckRequest = Type.Object(
  {
    templateId: Type.Optional(
      Type.String({ description: 'A stored template (its draft)', examples: ['tpl_01j9z3'] }),
    ),
    template: Type.Optional(TemplateBody),
    audienceId: Type.Optional(
      Type.String({
        description: 'Count missing values over this audience; without it, over all customers',
        examples: ['aud_01j9z3'],
      }),
    ),
    offerId: Type.Optional(
      Type.String({ description: 'Check `offer.*` against this offer', examples: ['off_01j9z3'] }),
    ),
  },
  { description: 'A template to check; give `templateId` or `template`' },
);
export type CheckRequest = Static<typeof CheckRequest>;

export const CheckResult = Type.Object(
  {
    ok: Type.Boolean({ description: 'No faults', examples: [false] }),
    faults: Type.Array(TemplateFault, { description: 'Every fault found' }),
    fields: Type.Array(FieldUse, { description: 'Merge fields used' }),
  },
  { description: 'What a check found' },
);
export type CheckResult = Static<typeof CheckResult>;

export const PreviewRequest = Type.Object(
  {
    templateId: Type.Optional(
      Type.String({ description: 'A stored template (its draft)', examples: ['tpl_01j9z3'] }),
    ),
    template: Type.Optional(TemplateBody),
    customerId: Type.String({ description: 'See it as this customer', examples: ['C0000042'] }),
    variantId: Type.Optional(
      Type.String({ description: 'Show this variant instead of the one chosen', examples: ['wealth'] }),
    ),
    offerId: Type.Optional(Type.String({ description: 'Offer for `offer.*`', examples: ['off_01j9z3'] })),
    campaignName: Type.Optional(
      Type.String({ description: 'For `campaign.name`', examples: ['Autumn deposits'] }),
    ),
  },
  { description: 'A template to preview; give `templateId` or `template`' },
);
export type PreviewRequest = Static<typeof PreviewRequest>;

export const SmsSize = Type.Object(
  {
    encoding: Type.Enum(['GSM-7', 'UCS-2'], {
      description: 'Encoding on the air',
      examples: ['UCS-2'],
    }),
    units: Type.Integer({ description: 'Septets or 16-bit units', examples: [64] }),
    segments: Type.Integer({ description: 'Messages billed', examples: [1] }),
  },
  { description: 'How long an SMS is' },
);
export type SmsSize = Static<typeof SmsSize>;

export const Preview = Type.Object(
  {
    variantId: Type.String({ description: 'Variant chosen', examples: ['wealth'] }),
    variantName: Type.String({ description: 'Its name', examples: ['Wealth customers'] }),
    subject: Type.Optional(
      Type.String({ description: 'E-mail subject', examples: ['Ms Lin, 3.1 % for you'] }),
    ),
    html: Type.Optional(
      Type.String({ description: 'E-mail as HTML', examples: ['<!doctype html><html>…</html>'] }),
    ),
    text: Type.String({
      description: 'Plain text: the SMS, or the e-mail’s alternative',
      examples: ['Ms Lin, 3.1 % p.a. until Friday.'],
    }),
    sms: Type.Optional(SmsSize),
    missing: Type.Array(Type.String(), {
      description: 'Merge fields this customer has no value for',
      examples: [['customer.city']],
    }),
  },
  { description: 'What this customer would get' },
);
export type Preview = Static<typeof Preview>;

export const MATERIAL_MIMES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;
const Mime = Type.Enum(MATERIAL_MIMES, {
  description: 'Media type; must fit the bytes',
  examples: ['image/png'],
});
export const MaterialView = Type.Object(
  {
    id: Type.String({ description: 'Material id', examples: ['mat_01j9z3'] }),
    name: Type.String({ description: 'File name', examples: ['autumn.png'] }),
    mime: Mime,
    sizeBytes: Type.Integer({ description: 'Size in bytes', examples: [48_211] }),
    url: Type.String({
      description: 'Where it is served',
      examples: ['/api/v1/materials/mat_01j9z3/content'],
    }),
    createdAt: Instant('When it was uploaded'),
  },
  { description: 'An image 素材; in a template: `{{ "mat_01j9z3" | material_url }}`' },
);
export type MaterialView = Static<typeof MaterialView>;
export const MaterialPage = Page(MaterialView, 'Materials, newest first');
export const NewMaterial = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200, description: 'File name', examples: ['autumn.png'] }),
    mime: Mime,
    contentBase64: Type.String({
      minLength: 4,
      maxLength: 3_000_000,
      description: 'Bytes, base64; at most 2 MiB',
      examples: ['iVBORw0KGgo='],
    }),
  },
  { description: 'An image to upload' },
);
export type NewMaterial = Static<typeof NewMaterial>;
