import { Instant, LocalizedText, Page, Ratio } from '@rapport/kernel';
import { DataClass, QualityRule } from '@rapport/sources/contract';
import { type Static, Type } from 'typebox';

const text = (description: string, example: string) => Type.String({ description, examples: [example] });
const integer = (description: string, example: number) => Type.Integer({ description, examples: [example] });
const optional = Type.Optional;

/* ── alerts ──────────────────────────────────────────────────────────────────────────────────────────── */

export const AlertSeverity = Type.Union(
  [Type.Literal('info'), Type.Literal('warn'), Type.Literal('critical')],
  {
    description: 'How urgent it is',
    examples: ['critical'],
  },
);
export const AlertState = Type.Union(
  [Type.Literal('open'), Type.Literal('acknowledged'), Type.Literal('resolved')],
  { description: '`resolved`: its cause is gone', examples: ['open'] },
);
export const AlertView = Type.Object(
  {
    id: text('Alert', 'alt_01j9z3'),
    kind: text('Kind: quality, drift, arrival, load, stream, tag', 'quality'),
    severity: AlertSeverity,
    subject: text('What it is about', 'src/core/client'),
    message: LocalizedText,
    details: Type.Record(Type.String(), Type.Unknown(), {
      description: 'Figures',
      examples: [{ failing: 3 }],
    }),
    state: AlertState,
    raisedAt: Instant('When it was first seen'),
    lastSeenAt: Instant('When it was last seen'),
    seen: integer('How often it was seen', 1),
    acknowledgedAt: optional(Instant('When somebody took it')),
    acknowledgedBy: optional(text('Who took it', 'Ling Chen')),
    note: optional(text('What they said', 'Core bank redelivers at 09:00')),
    resolvedAt: optional(Instant('When its cause was gone')),
  },
  { description: 'An alert' },
);
export type AlertView = Static<typeof AlertView>;
export const AlertPage = Type.Object(
  {
    items: Type.Array(AlertView, { description: 'Alerts, newest first' }),
    nextCursor: optional(text('Absent on the last page', 'alt_01j9z3')),
    open: Type.Object(
      {
        info: integer('Open, for information', 0),
        warn: integer('Open warnings', 1),
        critical: integer('Open and critical', 0),
      },
      { description: 'Alerts nobody took yet' },
    ),
  },
  { description: 'Alerts' },
);
export type AlertPage = Static<typeof AlertPage>;

/* ── blocks ──────────────────────────────────────────────────────────────────────────────────────────── */

export const BlockView = Type.Object(
  {
    id: text('Block', 'blk_01j9z3'),
    table: text('Table', 'src/core/account'),
    column: optional(text('Column; absent: the whole table', 'balance')),
    because: Type.Union([Type.Literal('quality'), Type.Literal('arrival'), Type.Literal('freeze')], {
      description: 'Why',
      examples: ['quality'],
    }),
    cause: text('Rule, day or freeze', 'core balances_known'),
    message: text('What is wrong and what to do', '12 of 900 rows of account fail “balance is known”.'),
    since: Instant('When it began'),
    endedAt: optional(Instant('When it ended')),
    releasedBy: optional(text('Who released it', 'Ling Chen')),
    releaseReason: optional(text('Why', 'The rows are test accounts')),
  },
  { description: 'A table or column whose tags keep their values' },
);
export type BlockView = Static<typeof BlockView>;
export const Reason = Type.Object(
  {
    reason: Type.String({
      minLength: 3,
      maxLength: 500,
      description: 'Why, for the audit',
      examples: ['Test accounts only'],
    }),
  },
  { additionalProperties: false, description: 'A reason' },
);

/* ── drift ───────────────────────────────────────────────────────────────────────────────────────────── */

export const Dependant = Type.Object(
  {
    kind: text('Kind: tag, audience, campaign, …', 'tag'),
    id: text('Its id', 'aum'),
    name: optional(text('Its name', 'AUM')),
  },
  { description: 'What depends on a column' },
);
export type Dependant = Static<typeof Dependant>;
export const DriftFindingView = Type.Object(
  {
    kind: text(
      'column_added, column_removed, column_renamed, column_moved, type_changed, new_codes, nulls_changed, volume_out_of_range or key_changed',
      'column_renamed',
    ),
    column: optional(text('Column', 'phone')),
    message: text('What it was and is', '"phone" is gone and "mobile" is new'),
    advice: text('What to do', 'Set `from: mobile`'),
    renamedTo: optional(text('Name it seems to have now', 'mobile')),
    confidence: optional(Ratio('How sure the guess is')),
    codes: optional(Type.Array(Type.String(), { description: 'New codes', examples: [['PRIVATE']] })),
    dependants: Type.Array(Dependant, { description: 'What depends on the column' }),
  },
  { description: 'One difference from the load before' },
);
export type DriftFindingView = Static<typeof DriftFindingView>;
export const DriftView = Type.Object(
  {
    id: text('Drift', 'dft_01j9z3'),
    sourceId: text('Source', 'core'),
    table: text('Table', 'client'),
    loadId: text('Load that brought it', 'lod_01j9z3'),
    at: Instant('When'),
    policy: text('Policy of the source', 'warn'),
    refused: Type.Boolean({ description: 'Whether the load was refused for it', examples: [false] }),
    findings: Type.Array(DriftFindingView, { description: 'Differences' }),
  },
  { description: 'What changed in a delivery' },
);
export type DriftView = Static<typeof DriftView>;
export const DriftPage = Page(DriftView, 'Drift, newest first');

export const SchemaVersion = Type.Object(
  {
    loadId: text('Load', 'lod_01j9z3'),
    at: Instant('When it was loaded'),
    rows: integer('Rows', 5369),
    columns: Type.Array(
      Type.Object(
        {
          name: text('Column', 'phone'),
          from: text('Name in the file', '手机'),
          type: optional(text('Type', 'text')),
        },
        { description: 'A column' },
      ),
      { description: 'Columns as delivered' },
    ),
    key: Type.Array(Type.String(), { description: 'Key', examples: [['client_id']] }),
  },
  { description: 'The schema of one accepted load' },
);
export type SchemaVersion = Static<typeof SchemaVersion>;

/* ── quality ─────────────────────────────────────────────────────────────────────────────────────────── */

export const RuleOutcome = Type.Object(
  {
    at: Instant('When'),
    passed: Type.Boolean({ description: 'Whether it held', examples: [true] }),
    message: text('What was found', '0 of 900 rows fail “phone is known”.'),
    failing: optional(Type.Number({ description: 'Rows that fail', examples: [0] })),
    checked: optional(Type.Number({ description: 'Rows judged', examples: [900] })),
    loadId: optional(text('Load', 'lod_01j9z3')),
  },
  { description: 'One judgement' },
);
export type RuleOutcome = Static<typeof RuleOutcome>;
export const RuleView = Type.Object(
  {
    key: text('Rule', 'core phones_known'),
    ruleId: optional(text('Id of a rule made here', 'rul_01j9z3')),
    origin: Type.Union([Type.Literal('manifest'), Type.Literal('console')], {
      description: 'Where it is written',
      examples: ['manifest'],
    }),
    name: text('Name', 'phones_known'),
    table: text('Table it judges', 'src/core/client'),
    column: optional(text('Column it judges', 'phone')),
    kind: text('Kind', 'notNull'),
    severity: Type.Union([Type.Literal('warn'), Type.Literal('block'), Type.Literal('fail')], {
      description: 'What failing means',
      examples: ['block'],
    }),
    enabled: Type.Boolean({ description: 'Whether it is judged', examples: [true] }),
    rule: QualityRule,
    last: optional(RuleOutcome),
    history: Type.Array(RuleOutcome, { description: 'The last judgements, newest first' }),
  },
  { description: 'A quality rule and how it went' },
);
export type RuleView = Static<typeof RuleView>;
export const QualityBoard = Type.Object(
  {
    rules: Type.Array(RuleView, { description: 'Rules, failing ones first' }),
    blocks: Type.Array(BlockView, { description: 'What is blocked, then what was' }),
    scores: Type.Array(
      Type.Object(
        {
          table: text('Table', 'src/core/client'),
          completeness: Ratio('Share of the cells that have a value, weighted by importance'),
          passing: optional(Ratio('Share of its rules that held')),
        },
        { description: 'Score of a table' },
      ),
      { description: 'Scores of the customer tables' },
    ),
  },
  { description: 'Quality of the data' },
);
export type QualityBoard = Static<typeof QualityBoard>;
export const NewRule = Type.Object(
  {
    table: text('Logical name of the table: `src/<source>/<table>` or a canonical one', 'src/core/client'),
    rule: QualityRule,
    enabled: optional(Type.Boolean({ description: 'Default true', examples: [true] })),
  },
  { additionalProperties: false, description: 'A quality rule' },
);
export type NewRule = Static<typeof NewRule>;

/* ── arrivals ────────────────────────────────────────────────────────────────────────────────────────── */

export const ArrivalState = Type.Union(
  [
    Type.Literal('waiting'),
    Type.Literal('arrived'),
    Type.Literal('late'),
    Type.Literal('missing'),
    Type.Literal('released'),
  ],
  { description: '`released`: the gate was opened by hand', examples: ['arrived'] },
);
export type ArrivalState = Static<typeof ArrivalState>;
export const ArrivalView = Type.Object(
  {
    sourceId: text('Source', 'core'),
    businessDay: text('Day on which it is due', '2026-11-25'),
    dueAt: Instant('By when'),
    state: ArrivalState,
    arrivedAt: optional(Instant('When it came')),
    loadId: optional(text('Load', 'lod_01j9z3')),
    releasedBy: optional(text('Who opened the gate', 'Ling Chen')),
    releaseReason: optional(text('Why', 'Public holiday at the deliverer')),
  },
  { description: 'Data of one day of one source' },
);
export type ArrivalView = Static<typeof ArrivalView>;
export const FreezeView = Type.Object(
  {
    id: text('Freeze', 'frz_01j9z3'),
    from: Instant('From'),
    to: Instant('To'),
    sources: Type.Array(Type.String(), { description: 'Sources; empty: all', examples: [['core']] }),
    reason: text('Why', 'Month-end close'),
    createdBy: text('Who', 'Ling Chen'),
  },
  { description: 'A time in which tags keep their values' },
);
export type FreezeView = Static<typeof FreezeView>;
export const NewFreeze = Type.Object(
  {
    from: Instant('From'),
    to: Instant('To'),
    sources: optional(
      Type.Array(Type.String(), { description: 'Sources; absent: all', examples: [['core']] }),
    ),
    reason: Type.String({ minLength: 3, maxLength: 500, description: 'Why', examples: ['Month-end close'] }),
  },
  { additionalProperties: false, description: 'A freeze' },
);
export type NewFreeze = Static<typeof NewFreeze>;
export const ArrivalBoard = Type.Object(
  {
    days: Type.Array(Type.String(), { description: 'Days, newest first', examples: [['2026-11-25']] }),
    latest: optional(
      Type.Object(
        {
          day: text('Day', '2026-11-25'),
          due: integer('Sources due', 3),
          arrived: integer('Of these arrived', 2),
          complete: Type.Boolean({ description: 'Whether all arrived or were released', examples: [false] }),
        },
        { description: 'The newest day' },
      ),
    ),
    sources: Type.Array(
      Type.Object(
        {
          sourceId: text('Source', 'core'),
          title: LocalizedText,
          by: text('Local time', '06:00'),
          zone: text('Time zone', 'Asia/Taipei'),
          every: text('On which days', 'business day'),
          calendar: optional(text('Calendar', 'TW')),
          gate: Type.Boolean({ description: 'Whether tags wait for it', examples: [true] }),
          days: Type.Array(ArrivalView, { description: 'By day, newest first' }),
        },
        { description: 'A source that is expected' },
      ),
      { description: 'Sources' },
    ),
    freezes: Type.Array(FreezeView, { description: 'Freezes to come or going on' }),
  },
  { description: 'Arrivals by source and day' },
);
export type ArrivalBoard = Static<typeof ArrivalBoard>;

/* ── catalogue ───────────────────────────────────────────────────────────────────────────────────────── */

export const TABLE_KINDS = ['source', 'derived', 'canonical'] as const;
export const CatalogEntry = Type.Object(
  {
    table: text('Logical name', 'src/core/client'),
    kind: Type.Enum(TABLE_KINDS, { description: 'Kind', examples: ['source'] }),
    title: optional(LocalizedText),
    sourceId: optional(text('Source', 'core')),
    role: optional(text('Role', 'customer')),
    owner: optional(text('Owner', 'Retail data')),
    steward: optional(text('Steward', 'ling.chen')),
    dataClass: optional(DataClass),
    rows: optional(integer('Rows', 5369)),
    columns: integer('Columns', 12),
    loadedAt: optional(Instant('When it was last loaded')),
    failingRules: integer('Rules that do not hold', 0),
    blocked: Type.Boolean({ description: 'Whether tags over it are held back', examples: [false] }),
    matches: Type.Array(Type.String(), {
      description: 'Columns and words that a search found',
      examples: [['phone']],
    }),
  },
  { description: 'A table of the catalogue' },
);
export type CatalogEntry = Static<typeof CatalogEntry>;
export const CatalogList = Type.Object(
  { items: Type.Array(CatalogEntry, { description: 'Tables; of a search the best first' }) },
  { description: 'The catalogue' },
);

export const ValueShare = Type.Object(
  { value: text('Value, masked by its class', 'CNY'), rows: integer('Rows', 900) },
  { description: 'A frequent value' },
);
export const CatalogColumn = Type.Object(
  {
    name: text('Column', 'phone'),
    type: text('Type', 'text'),
    engineType: text('Warehouse type', 'String'),
    title: optional(LocalizedText),
    description: optional(LocalizedText),
    owner: optional(text('Owner', 'Retail data')),
    unit: optional(text('Unit', 'days')),
    dataClass: optional(DataClass),
    suggested: optional(
      Type.Object(
        {
          dataClass: DataClass,
          what: text('What it seems to hold', 'phone'),
          share: Ratio('Share of the values that look like it'),
          by: text('values or name', 'values'),
        },
        { description: 'Class suggested by JR/T 0171' },
      ),
    ),
    personal: Type.Boolean({ description: 'Masked for callers without `customers.pii`', examples: [true] }),
    unknown: integer('Rows without a value', 12),
    distinct: integer('Distinct values, about', 5300),
    least: optional(text('Least value', '0.00')),
    greatest: optional(text('Greatest value', '99.00')),
    top: Type.Array(ValueShare, { description: 'Most frequent values' }),
    histogram: Type.Array(
      Type.Object(
        { from: text('From', '0'), to: text('To, exclusive', '10'), rows: integer('Rows', 5) },
        { description: 'A bar' },
      ),
      { description: 'Bars of equal width, of numbers, money, dates and instants' },
    ),
    words: Type.Array(Type.String(), { description: 'Glossary words', examples: [['AUM']] }),
    blocked: Type.Boolean({ description: 'Whether tags over it are held back', examples: [false] }),
  },
  { description: 'A column of the catalogue' },
);
export type CatalogColumn = Static<typeof CatalogColumn>;
export const CatalogTable = Type.Object(
  {
    entry: CatalogEntry,
    description: optional(LocalizedText),
    columns: Type.Array(CatalogColumn, { description: 'Columns' }),
    growth: Type.Array(
      Type.Object({ at: Instant('When'), rows: integer('Rows', 5369) }, { description: 'A load' }),
      { description: 'Rows after the last loads, oldest first' },
    ),
    sla: optional(
      Type.Object(
        {
          by: text('Due by', '06:00'),
          every: text('On which days', 'business day'),
          state: optional(ArrivalState),
        },
        { description: 'When it should be there' },
      ),
    ),
    usage: Type.Object(
      { reads: integer('Reads in 30 days', 12), readers: integer('People who read', 3) },
      { description: 'Use' },
    ),
    rules: Type.Array(RuleView, { description: 'Quality rules' }),
    sample: Type.Array(Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()])), {
      description: 'First rows, masked by class',
      examples: [[{ id: '1' }]],
    }),
  },
  { description: 'A table with its columns' },
);
export type CatalogTable = Static<typeof CatalogTable>;

export const NotePatch = Type.Object(
  {
    owner: optional(
      Type.Union([Type.String({ maxLength: 200 }), Type.Null()], {
        description: 'Owner',
        examples: ['Retail data'],
      }),
    ),
    steward: optional(
      Type.Union([Type.String({ maxLength: 200 }), Type.Null()], {
        description: 'Steward',
        examples: ['ling.chen'],
      }),
    ),
    description: optional(Type.Union([LocalizedText, Type.Null()], { description: 'Description' })),
    dataClass: optional(Type.Union([DataClass, Type.Null()], { description: 'Class', examples: ['C2'] })),
  },
  { additionalProperties: false, description: 'What people say of a table or column; null clears' },
);
export type NotePatch = Static<typeof NotePatch>;

export const AccessEntry = Type.Object(
  {
    id: text('Entry', '17'),
    at: Instant('When'),
    actorId: text('Who', 'usr_01j9z3'),
    actorName: text('Name', 'Ling Chen'),
    how: text('profile, sql, export, evidence, sample', 'sample'),
    table: text('Table', 'src/core/client'),
    columns: Type.Array(Type.String(), { description: 'Columns', examples: [['phone']] }),
    rows: optional(integer('Rows', 20)),
    purpose: optional(text('What for', 'campaign check')),
  },
  { description: 'Somebody read data' },
);
export type AccessEntry = Static<typeof AccessEntry>;
export const AccessPage = Page(AccessEntry, 'Reads, newest first');

export const WordView = Type.Object(
  {
    id: text('Word', 'wrd_01j9z3'),
    term: LocalizedText,
    meaning: LocalizedText,
    columns: Type.Array(Type.String(), {
      description: '`table.column` it explains',
      examples: [['customer.kind']],
    }),
  },
  { description: 'A word of the glossary' },
);
export type WordView = Static<typeof WordView>;
export const NewWord = Type.Object(
  {
    term: LocalizedText,
    meaning: LocalizedText,
    columns: optional(
      Type.Array(Type.String(), { description: '`table.column` it explains', examples: [['customer.kind']] }),
    ),
  },
  { additionalProperties: false, description: 'A word of the glossary' },
);
export type NewWord = Static<typeof NewWord>;

export const CompletenessView = Type.Object(
  {
    customerId: text('Customer', '10023'),
    score: Ratio('Weighted share of the fields that are known'),
    missing: Type.Array(Type.String(), {
      description: 'Fields without a value, the most important first',
      examples: [['phone']],
    }),
  },
  { description: 'How complete what we know of a customer is' },
);
export type CompletenessView = Static<typeof CompletenessView>;
