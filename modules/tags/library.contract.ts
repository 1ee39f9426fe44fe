import { LocalizedText } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

const Id = Type.String({
  pattern: '^[a-z][a-z0-9_]{0,62}$',
  description: 'Id of a ready-made tag',
  examples: ['lifecycle_stage'],
});
const ThemeId = Type.String({
  pattern: '^[a-z_]{1,40}$',
  description: 'Theme',
  examples: ['lifecycle'],
});
const Currency = Type.String({
  pattern: '^[A-Z]{3}$',
  description: 'Currency that amounts are in (ISO 4217)',
  examples: ['TWD'],
});
const Zone = Type.String({
  minLength: 1,
  maxLength: 60,
  description: 'IANA time zone that days, hours and months are cut in',
  examples: ['Asia/Taipei'],
});
const Reasons = Type.Array(Type.String(), {
  description: 'What the bank’s data lack for it',
  examples: [['No transaction has kind fee.']],
});

export const TagLibraryView = Type.Object(
  {
    currency: Type.Optional(Currency),
    zone: Zone,
    themes: Type.Array(
      Type.Object(
        {
          id: ThemeId,
          title: LocalizedText,
          tags: Type.Integer({ description: 'Tags of it', examples: [12] }),
          available: Type.Integer({ description: 'Tags that the bank has the data for', examples: [11] }),
          installed: Type.Integer({ description: 'Tags that are defined already', examples: [0] }),
        },
        { description: 'A theme' },
      ),
      { description: 'Themes' },
    ),
    items: Type.Array(
      Type.Object(
        {
          id: Id,
          theme: ThemeId,
          title: LocalizedText,
          description: Type.String({
            description: 'What it says and what it is for',
            examples: ['Bookings of the last 90 days.'],
          }),
          category: Type.String({ description: 'Path in the taxonomy', examples: ['lifecycle/stage/now'] }),
          kind: Type.String({ description: 'Kind of definition', examples: ['rule'] }),
          valueType: Type.String({ description: 'What the values are', examples: ['text'] }),
          owner: Type.String({
            description: 'Department that would answer for it',
            examples: ['Card business'],
          }),
          needs: Type.Array(Type.String(), {
            description: 'Canonical columns that it is made of, through the tags that it reads',
            examples: [['transaction.amount_minor', 'transaction.mcc']],
          }),
          reads: Type.Array(Id, { description: 'Tags that it reads; they are installed with it' }),
          available: Type.Boolean({ description: 'Whether the bank has the data', examples: [true] }),
          reasons: Reasons,
          installed: Type.Boolean({
            description: 'Whether a tag with this id is defined',
            examples: [false],
          }),
        },
        { description: 'A ready-made tag' },
      ),
      { description: 'Ready-made tags, by theme' },
    ),
  },
  { description: 'The library of ready-made tags' },
);
export type TagLibraryView = Static<typeof TagLibraryView>;

export const TagLibraryInstall = Type.Object(
  {
    ids: Type.Optional(
      Type.Array(Id, { maxItems: 1000, description: 'Tags to install, with all they read' }),
    ),
    themes: Type.Optional(
      Type.Array(ThemeId, {
        maxItems: 50,
        description: 'Themes to install; without ids and themes the whole library',
      }),
    ),
    dryRun: Type.Optional(
      Type.Boolean({ description: 'Only tell what would happen', default: false, examples: [true] }),
    ),
    withoutData: Type.Optional(
      Type.Boolean({
        description: 'Install also tags whose columns and codes the bank’s data do not hold yet',
        default: false,
        examples: [false],
      }),
    ),
    replace: Type.Optional(
      Type.Boolean({
        description: 'Replace tags of the same id that say something else; otherwise they stay',
        default: false,
        examples: [false],
      }),
    ),
    currency: Type.Optional(Currency),
    zone: Type.Optional(Zone),
  },
  { additionalProperties: false, description: 'What to install of the library' },
);
export type TagLibraryInstall = Static<typeof TagLibraryInstall>;

export const TagLibraryInstalled = Type.Object(
  {
    created: Type.Array(Id, { description: 'New tags' }),
    changed: Type.Array(Id, { description: 'Tags that were replaced' }),
    unchanged: Type.Array(Id, { description: 'Tags that were the same already' }),
    kept: Type.Array(Id, {
      description: 'Tags of the bank that have the same id and say something else; they stay',
    }),
    proposed: Type.Array(Id, { description: 'Changes that wait for a review' }),
    skipped: Type.Array(
      Type.Object({ id: Id, reasons: Reasons }, { description: 'A tag that was left out' }),
      { description: 'Tags that the bank has no data for' },
    ),
    applied: Type.Boolean({ description: 'False for a dry run', examples: [true] }),
    currency: Type.Optional(Currency),
    zone: Zone,
  },
  { description: 'What an installation did' },
);
export type TagLibraryInstalled = Static<typeof TagLibraryInstalled>;

const Day = (description: string) =>
  Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description, examples: ['2026-05-31'] });
const State = Type.Union(
  [
    Type.String({ description: 'Value', examples: ['mature'] }),
    Type.Null({ description: 'The value is not known' }),
  ],
  { description: 'Value of the tag; null = not known' },
);
const Customers = Type.Integer({ minimum: 0, description: 'Customers', examples: [120] });

export const TagTransitionQuery = Type.Object({
  from: Day('Day to begin with: the latest kept values of this day or before'),
  to: Type.Optional(Day('Day to end with; absent = the values of now')),
});
export type TagTransitionQuery = Static<typeof TagTransitionQuery>;
export const TagTransitionMatrix = Type.Object(
  {
    tagId: Id,
    from: Day('Day of the values that it begins with'),
    to: Type.Optional(Day('Day of the values that it ends with; absent = now')),
    states: Type.Array(State, { description: 'Columns, in the order of the tag’s dictionary' }),
    rows: Type.Array(
      Type.Object(
        {
          state: State,
          customers: Customers,
          to: Type.Array(Customers, { description: 'Customers by the state they ended in, as `states`' }),
          shares: Type.Array(Type.Number({ description: 'Share', examples: [0.84] }), {
            description: 'The same ÷ customers of the row; they add up to 1',
          }),
        },
        { description: 'Customers that began in a state' },
      ),
      { description: 'States that customers began in' },
    ),
    entered: Type.Array(Customers, {
      description: 'Customers that had no value at the beginning, by the state they ended in, as `states`',
    }),
  },
  { description: 'How customers moved between the values of a tag' },
);
export type TagTransitionMatrix = Static<typeof TagTransitionMatrix>;
