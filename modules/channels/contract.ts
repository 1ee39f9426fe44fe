import { Instant, Page, PageQuery } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

export const CHANNELS = ['email', 'sms'] as const;
export const Channel = Type.Enum(CHANNELS, { description: 'Channel 渠道', examples: ['email'] });
export type Channel = (typeof CHANNELS)[number];

export const DELIVERY_PURPOSES = ['marketing', 'service'] as const;
export const DeliveryPurpose = Type.Enum(DELIVERY_PURPOSES, {
  description: 'Marketing needs consent; service does not',
  examples: ['marketing'],
});
export type DeliveryPurpose = (typeof DELIVERY_PURPOSES)[number];

/* ── providers ───────────────────────────────────────────────────────────────────────────────────────── */

export const SmtpSettings = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      maxLength: 253,
      description: 'SMTP host',
      examples: ['smtp.bank.example'],
    }),
    port: Type.Integer({ minimum: 1, maximum: 65_535, description: 'SMTP port', examples: [587] }),
    secure: Type.Boolean({ description: 'TLS from the first byte (port 465)', examples: [false] }),
    requireTls: Type.Optional(
      Type.Boolean({
        description: 'Refuse to send without STARTTLS; default true unless the host is this machine',
        examples: [true],
      }),
    ),
    username: Type.Optional(
      Type.String({ maxLength: 200, description: 'User to sign in as', examples: ['rapport'] }),
    ),
    fromAddress: Type.String({
      minLength: 3,
      maxLength: 254,
      pattern: '^[^\\s@<>]+@[^\\s@<>]+$',
      description: 'Sender address',
      examples: ['service@bank.example'],
    }),
    fromName: Type.String({
      maxLength: 120,
      pattern: '^[^\\r\\n]*$',
      description: 'Sender name',
      examples: ['Harbour Bank'],
    }),
    replyTo: Type.Optional(
      Type.String({
        maxLength: 254,
        pattern: '^[^\\s@<>]+@[^\\s@<>]+$',
        description: 'Reply address',
        examples: ['hello@bank.example'],
      }),
    ),
    connections: Type.Integer({
      minimum: 1,
      maximum: 100,
      description: 'Pooled connections at most',
      examples: [5],
    }),
  },
  { description: 'How to reach an SMTP server' },
);
export type SmtpSettings = Static<typeof SmtpSettings>;

export const SmsHttpSettings = Type.Object(
  {
    url: Type.String({
      minLength: 8,
      maxLength: 2000,
      pattern: '^https?://',
      description: 'Address of the provider’s send endpoint',
      examples: ['https://sms.example/v1/messages'],
    }),
    sender: Type.String({
      minLength: 1,
      maxLength: 40,
      description: 'Sender id or number shown',
      examples: ['HARBOUR'],
    }),
    timeoutMs: Type.Integer({
      minimum: 100,
      maximum: 120_000,
      description: 'Milliseconds to wait for the answer',
      examples: [10_000],
    }),
    idempotent: Type.Boolean({
      description:
        'The provider drops a repeated Idempotency-Key; then a lost answer is asked for again with the same key, otherwise the message becomes `unknown`',
      examples: [true],
    }),
    connections: Type.Integer({
      minimum: 1,
      maximum: 256,
      description: 'Requests in flight at most',
      examples: [16],
    }),
  },
  { description: 'How to reach an SMS provider over signed HTTP (docs/channels.md)' },
);
export type SmsHttpSettings = Static<typeof SmsHttpSettings>;

const providerCommon = {
  name: Type.String({
    minLength: 1,
    maxLength: 120,
    description: 'Name of the provider',
    examples: ['Mail gateway 1'],
  }),
  ratePerSecond: Type.Number({
    minimum: 0.1,
    maximum: 100_000,
    description: 'Messages a second at most',
    examples: [50],
  }),
  enabled: Type.Boolean({ description: 'Whether messages are sent by it', examples: [true] }),
};
const secretsNote = 'Kept encrypted and never shown again';

export const ProviderBody = Type.Union(
  [
    Type.Object(
      {
        kind: Type.Literal('smtp', { description: 'E-mail by SMTP', examples: ['smtp'] }),
        ...providerCommon,
        settings: SmtpSettings,
        secrets: Type.Optional(
          Type.Object(
            {
              password: Type.Optional(
                Type.String({ maxLength: 1000, description: 'SMTP password', examples: ['correct horse'] }),
              ),
              signingKey: Type.Optional(
                Type.String({
                  minLength: 16,
                  maxLength: 1000,
                  description: 'Key that receipts are signed with',
                  examples: ['k3y-of-at-least-16'],
                }),
              ),
            },
            { description: secretsNote },
          ),
        ),
      },
      { description: 'An SMTP provider' },
    ),
    Type.Object(
      {
        kind: Type.Literal('sms_http', { description: 'SMS by signed HTTP', examples: ['sms_http'] }),
        ...providerCommon,
        settings: SmsHttpSettings,
        secrets: Type.Optional(
          Type.Object(
            {
              signingKey: Type.Optional(
                Type.String({
                  minLength: 16,
                  maxLength: 1000,
                  description: 'Key that requests and receipts are signed with',
                  examples: ['k3y-of-at-least-16'],
                }),
              ),
            },
            { description: secretsNote },
          ),
        ),
      },
      { description: 'An SMS provider' },
    ),
  ],
  { description: 'A provider to create or replace; secrets left out are kept' },
);
export type ProviderBody = Static<typeof ProviderBody>;

export const ProviderView = Type.Object(
  {
    id: Type.String({ description: 'Provider id', examples: ['prv_01j9z3'] }),
    channel: Channel,
    kind: Type.Enum(['smtp', 'sms_http'], {
      description: 'Adapter',
      examples: ['smtp'],
    }),
    ...providerCommon,
    settings: Type.Union([SmtpSettings, SmsHttpSettings], { description: 'Settings of the adapter' }),
    hasPassword: Type.Boolean({ description: 'A password is stored', examples: [true] }),
    hasSigningKey: Type.Boolean({ description: 'A signing key is stored', examples: [true] }),
    receiptsUrl: Type.String({
      description: 'Where the provider sends receipts',
      examples: ['/api/v1/receipts/prv_01j9z3'],
    }),
    createdAt: Instant('When it was made'),
  },
  { description: 'A provider, without its secrets' },
);
export type ProviderView = Static<typeof ProviderView>;
export const ProviderList = Type.Object(
  { items: Type.Array(ProviderView, { description: 'All providers' }) },
  { description: 'Providers' },
);

export const ProviderTest = Type.Object(
  {
    ok: Type.Boolean({ description: 'The provider answered as it should', examples: [true] }),
    detail: Type.String({ description: 'What it answered', examples: ['Connected and signed in.'] }),
    tookMs: Type.Number({ description: 'Milliseconds', examples: [41] }),
  },
  { description: 'Result of trying a provider; nothing is sent to a customer' },
);
export type ProviderTest = Static<typeof ProviderTest>;

/* ── deliveries ──────────────────────────────────────────────────────────────────────────────────────── */

export const DELIVERY_STATES = [
  'queued',
  'sending',
  'sent',
  'delivered',
  'opened',
  'clicked',
  'bounced',
  'failed',
  'suppressed',
  'expired',
  'cancelled',
  'unknown',
] as const;
export const DeliveryState = Type.Enum(DELIVERY_STATES, {
  description: 'Where the message stands',
  examples: ['delivered'],
});
export type DeliveryState = (typeof DELIVERY_STATES)[number];

export const DeliveryView = Type.Object(
  {
    id: Type.String({ description: 'Delivery id', examples: ['dlv_01j9z3'] }),
    campaignId: Type.String({ description: 'Campaign', examples: ['cmp_01j9z3'] }),
    node: Type.String({ description: 'Node of the campaign', examples: ['send'] }),
    wave: Type.Integer({ description: 'Wave 波次', examples: [1] }),
    channel: Channel,
    purpose: DeliveryPurpose,
    customerId: Type.String({ description: 'Customer', examples: ['C0000042'] }),
    templateId: Type.String({ description: 'Template', examples: ['tpl_01j9z3'] }),
    templateVersion: Type.Integer({ description: 'Version of the template', examples: [3] }),
    variantId: Type.Optional(Type.String({ description: 'Variant sent', examples: ['wealth'] })),
    offerId: Type.Optional(Type.String({ description: 'Offer made', examples: ['off_01j9z3'] })),
    state: DeliveryState,
    reason: Type.Optional(
      Type.String({ description: 'Why it ended without being sent, or failed', examples: ['no_consent'] }),
    ),
    detail: Type.Optional(
      Type.String({ description: 'What the provider said', examples: ['550 no such user'] }),
    ),
    attempts: Type.Integer({ description: 'Hand-overs to the provider', examples: [1] }),
    providerId: Type.Optional(Type.String({ description: 'Provider used', examples: ['prv_01j9z3'] })),
    providerMessageId: Type.Optional(
      Type.String({ description: 'The provider’s id of it', examples: ['<dlv_01j9z3@bank.example>'] }),
    ),
    notBefore: Type.Optional(Instant('Not sent before')),
    expiresAt: Type.Optional(Instant('Not sent after')),
    queuedAt: Instant('When it was queued'),
    sentAt: Type.Optional(Instant('When the provider took it')),
    deliveredAt: Type.Optional(Instant('When the provider delivered it')),
    openedAt: Type.Optional(Instant('When it was first opened')),
    clickedAt: Type.Optional(Instant('When a link was first clicked')),
    endedAt: Type.Optional(Instant('When it bounced, failed, or was withheld')),
  },
  { description: 'A message and what became of it 觸達記錄; no address is kept' },
);
export type DeliveryView = Static<typeof DeliveryView>;
export const DeliveryPage = Page(DeliveryView, 'Deliveries, newest first');

export const DeliveryQuery = Type.Object({
  ...PageQuery.properties,
  campaignId: Type.Optional(Type.String({ description: 'Of this campaign', examples: ['cmp_01j9z3'] })),
  state: Type.Optional(DeliveryState),
  customerId: Type.Optional(Type.String({ description: 'To this customer', examples: ['C0000042'] })),
});
export type DeliveryQuery = Static<typeof DeliveryQuery>;

/* ── consent and suppression ─────────────────────────────────────────────────────────────────────────── */

export const ConsentBody = Type.Object(
  {
    customerId: Type.String({ description: 'Customer', examples: ['C0000042'] }),
    channel: Channel,
    purpose: DeliveryPurpose,
    granted: Type.Boolean({ description: 'True = may contact', examples: [true] }),
    at: Type.Optional(Instant('When the customer said so; default now')),
    evidence: Type.String({
      minLength: 1,
      maxLength: 2000,
      description: 'Where the proof is',
      examples: ['Form 12, branch B01, scan 9931'],
    }),
  },
  { description: 'A consent 授權 given or withdrawn' },
);
export type ConsentBody = Static<typeof ConsentBody>;

export const ConsentView = Type.Object(
  {
    id: Type.String({ description: 'Ledger entry', examples: ['cns_01j9z3'] }),
    ...ConsentBody.properties,
    at: Instant('When the customer said so'),
    source: Type.String({
      description: '`api`, `source`, `unsubscribe`, `reply` or `receipt`',
      examples: ['unsubscribe'],
    }),
    recordedAt: Instant('When it was written down here'),
  },
  { description: 'An entry of the consent ledger; the latest by `at` counts' },
);
export type ConsentView = Static<typeof ConsentView>;
export const ConsentPage = Page(ConsentView, 'Consent ledger, newest first');
export const ConsentQuery = Type.Object({
  ...PageQuery.properties,
  customerId: Type.Optional(Type.String({ description: 'Of this customer', examples: ['C0000042'] })),
});
export type ConsentQuery = Static<typeof ConsentQuery>;

export const SuppressionBody = Type.Object(
  {
    customerId: Type.String({ description: 'Customer', examples: ['C0000042'] }),
    channel: Type.Enum([...CHANNELS, '*'], {
      description: 'Channel, or `*` for all',
      examples: ['*'],
    }),
    appliesTo: Type.Enum(['marketing', 'all'], {
      description: '`all` stops service messages too',
      examples: ['marketing'],
    }),
    reason: Type.String({
      minLength: 1,
      maxLength: 60,
      pattern: '^[a-z0-9_]+$',
      description: 'Reason code',
      examples: ['complaint'],
    }),
    until: Type.Optional(Instant('Ends by itself then; absent = for good')),
  },
  { description: 'A customer not to be contacted 屏蔽' },
);
export type SuppressionBody = Static<typeof SuppressionBody>;
export const SuppressionView = Type.Object(
  {
    id: Type.String({ description: 'Suppression id', examples: ['sup_01j9z3'] }),
    ...SuppressionBody.properties,
    source: Type.String({ description: 'Who put it there', examples: ['usr_01j9z3'] }),
    createdAt: Instant('Since when'),
  },
  { description: 'A suppression' },
);
export type SuppressionView = Static<typeof SuppressionView>;
export const SuppressionPage = Page(SuppressionView, 'Suppressions, newest first');

/* ── emergency stop ──────────────────────────────────────────────────────────────────────────────────── */

export const StopScope = Type.Union(
  [
    Type.Object(
      { kind: Type.Literal('global', { description: 'Everything', examples: ['global'] }) },
      { description: 'All messages' },
    ),
    Type.Object(
      {
        kind: Type.Literal('channel', { description: 'One channel', examples: ['channel'] }),
        channel: Channel,
      },
      { description: 'All messages of a channel' },
    ),
    Type.Object(
      {
        kind: Type.Literal('campaign', { description: 'One campaign', examples: ['campaign'] }),
        campaignId: Type.String({ description: 'Campaign', examples: ['cmp_01j9z3'] }),
      },
      { description: 'All messages of a campaign' },
    ),
  ],
  { description: 'What stops', examples: [{ kind: 'global' }] },
);
export type StopScope = Static<typeof StopScope>;

export const EmergencyStopBody = Type.Object(
  {
    scope: StopScope,
    reason: Type.String({
      minLength: 1,
      maxLength: 500,
      description: 'Why',
      examples: ['Wrong rate in the copy'],
    }),
  },
  { description: 'An emergency stop; hand-overs cease within a second' },
);
export type EmergencyStopBody = Static<typeof EmergencyStopBody>;
export const EmergencyStopView = Type.Object(
  {
    id: Type.String({ description: 'Stop id', examples: ['stp_01j9z3'] }),
    ...EmergencyStopBody.properties,
    startedBy: Type.String({ description: 'Who stopped', examples: ['usr_01j9z3'] }),
    startedAt: Instant('Since when'),
    liftedAt: Type.Optional(Instant('When it was lifted; messages still queued go on')),
  },
  { description: 'An emergency stop' },
);
export type EmergencyStopView = Static<typeof EmergencyStopView>;
export const EmergencyStopList = Type.Object(
  { items: Type.Array(EmergencyStopView, { description: 'Stops in force first, then lifted ones' }) },
  { description: 'Emergency stops' },
);

/* ── receipts ────────────────────────────────────────────────────────────────────────────────────────── */

export const RECEIPT_KINDS = ['delivered', 'bounced', 'failed', 'opened', 'clicked', 'replied'] as const;
export const Receipt = Type.Object(
  {
    id: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'The provider’s id of this receipt; a repeated one is ignored',
      examples: ['rcp-88412'],
    }),
    kind: Type.Enum(RECEIPT_KINDS, { description: 'What happened', examples: ['delivered'] }),
    deliveryId: Type.Optional(
      Type.String({ maxLength: 100, description: 'Our id (the idempotency key)', examples: ['dlv_01j9z3'] }),
    ),
    providerMessageId: Type.Optional(
      Type.String({ maxLength: 300, description: 'The provider’s id of the message', examples: ['m-5521'] }),
    ),
    from: Type.Optional(
      Type.String({
        maxLength: 254,
        description: 'Address that replied, when the message is not named',
        examples: ['+886912000111'],
      }),
    ),
    at: Instant('When it happened'),
    permanent: Type.Optional(
      Type.Boolean({
        description: 'A bounce that will never go away; the address is suppressed',
        examples: [true],
      }),
    ),
    detail: Type.Optional(
      Type.String({ maxLength: 500, description: 'What the network said', examples: ['unknown subscriber'] }),
    ),
    text: Type.Optional(Type.String({ maxLength: 2000, description: 'Text of a reply', examples: ['STOP'] })),
  },
  { description: 'A receipt 回執' },
);
export type Receipt = Static<typeof Receipt>;
export const ReceiptBatch = Type.Object(
  { receipts: Type.Array(Receipt, { minItems: 1, maxItems: 1000, description: 'Receipts' }) },
  { description: 'Receipts of one provider, signed (docs/channels.md)' },
);
export type ReceiptBatch = Static<typeof ReceiptBatch>;
export const ReceiptResult = Type.Object(
  {
    accepted: Type.Integer({ description: 'New receipts applied', examples: [2] }),
    repeated: Type.Integer({ description: 'Seen before, ignored', examples: [0] }),
    unmatched: Type.Integer({ description: 'Kept, but no such message is known', examples: [0] }),
  },
  { description: 'What was done with the receipts' },
);
export type ReceiptResult = Static<typeof ReceiptResult>;

/* ── sandbox ─────────────────────────────────────────────────────────────────────────────────────────── */

export const SandboxMessageView = Type.Object(
  {
    id: Type.String({ description: 'Sandbox message id', examples: ['sbx_01j9z3'] }),
    channel: Channel,
    to: Type.String({ description: 'Receiver', examples: ['lin@example.org'] }),
    from: Type.String({ description: 'Sender', examples: ['service@bank.example'] }),
    subject: Type.Optional(Type.String({ description: 'E-mail subject', examples: ['3.1 % for you'] })),
    receivedAt: Instant('When it came in'),
    deliveryId: Type.Optional(
      Type.String({ description: 'Delivery it belongs to', examples: ['dlv_01j9z3'] }),
    ),
  },
  { description: 'A message that the sandbox took in the place of the world' },
);
export type SandboxMessageView = Static<typeof SandboxMessageView>;
export const SandboxMessagePage = Page(SandboxMessageView, 'Sandbox messages, newest first');
export const SandboxMessage = Type.Object(
  {
    ...SandboxMessageView.properties,
    html: Type.Optional(Type.String({ description: 'HTML part', examples: ['<html>…</html>'] })),
    text: Type.String({ description: 'Plain text part', examples: ['3.1 % p.a. until Friday.'] }),
    headers: Type.Record(Type.String(), Type.String(), {
      description: 'Headers',
      examples: [{ 'list-unsubscribe': '<https://…>' }],
    }),
  },
  { description: 'A sandbox message in full' },
);
export type SandboxMessage = Static<typeof SandboxMessage>;
