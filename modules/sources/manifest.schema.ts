// biome-ignore-all lint/suspicious/noTemplateCurlyInString: manifests name their settings in this form
import { LocalizedText } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

const Name = (description: string, example: string) =>
  Type.String({ pattern: '^[a-z][a-z0-9_]{0,59}$', description, examples: [example] });

export const COLUMN_TYPES = ['text', 'integer', 'number', 'money', 'boolean', 'date', 'instant'] as const;
export const ColumnType = Type.Enum(COLUMN_TYPES, {
  description: 'What the values of the column are',
  examples: ['money'],
});
export type ColumnType = (typeof COLUMN_TYPES)[number];

export const FORMATS = ['csv', 'jsonl', 'parquet'] as const;
const Format = Type.Enum(FORMATS, { description: 'File format', examples: ['csv'] });
export type FileFormat = (typeof FORMATS)[number];

const Nulls = Type.Array(Type.String({ description: 'A marker', examples: ['?'] }), {
  description: 'Texts that mean "unknown"; compared before trimming and again after',
  examples: [['', '?']],
});
const Share = (description: string, example: number) =>
  Type.Number({ minimum: 0, maximum: 1, description, examples: [example] });

const fileSettings = {
  format: Type.Optional(Format),
  delimiter: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1,
      description: 'One ASCII character; default `,`',
      examples: [';'],
    }),
  ),
  quote: Type.Optional(
    Type.String({
      maxLength: 1,
      description: 'One ASCII character, doubled inside; `""` = none',
      examples: ['"'],
    }),
  ),
  header: Type.Optional(
    Type.Boolean({
      description: 'Whether the first record names the columns; default true',
      examples: [true],
    }),
  ),
  encoding: Type.Optional(
    Type.String({
      description: 'utf-8 (default, with or without BOM), gbk, gb18030, big5, latin1, utf-16le, …',
      examples: ['gb18030'],
    }),
  ),
  nulls: Type.Optional(Nulls),
  zone: Type.Optional(
    Type.String({ description: 'Time zone of local instants; default UTC', examples: ['Asia/Shanghai'] }),
  ),
  currency: Type.Optional(
    Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217 code of money columns', examples: ['CNY'] }),
  ),
  maxQuarantineShare: Type.Optional(
    Share('A load whose table has more refused records than this is refused as a whole; default 0.2', 0.2),
  ),
  maxUndecodableShare: Type.Optional(
    Share('Above this share of undecodable records the encoding is taken to be wrong; default 0.05', 0.05),
  ),
};

export const FullColumn = Type.Object(
  {
    type: ColumnType,
    from: Type.Optional(
      Type.String({
        description:
          'Name in the file: header name, `a.b` path in JSON lines, Parquet column; default: the own name',
        examples: ['客户号'],
      }),
    ),
    title: Type.Optional(LocalizedText),
    required: Type.Optional(
      Type.Boolean({ description: 'Refuse records without a value', examples: [true] }),
    ),
    personal: Type.Optional(
      Type.Boolean({
        description: 'Personal data: masked for callers without `customers.pii`',
        examples: [true],
      }),
    ),
    nulls: Type.Optional(Nulls),
    trim: Type.Optional(
      Type.Boolean({ description: 'Drop blanks around; default true except for text', examples: [true] }),
    ),
    digits: Type.Optional(
      Type.Boolean({
        description: 'Full-width digits and signs to ASCII; default true except for text',
        examples: [true],
      }),
    ),
    values: Type.Optional(
      Type.Array(Type.String({ description: 'An allowed text', examples: ['OWNER'] }), {
        minItems: 1,
        description: 'Allowed texts, compared as they stand in the file after trimming',
        examples: [['OWNER', 'DISPONENT']],
      }),
    ),
    min: Type.Optional(
      Type.Union([Type.Number(), Type.String()], {
        description: 'Least allowed: a number (money in major units), or an ISO date or instant',
        examples: [0],
      }),
    ),
    max: Type.Optional(
      Type.Union([Type.Number(), Type.String()], {
        description: 'Greatest allowed: a number (money in major units), or an ISO date or instant',
        examples: ['2030-01-01'],
      }),
    ),
    pattern: Type.Optional(
      Type.String({ description: 'RE2 expression the whole text must match', examples: ['[0-9]{11}'] }),
    ),
    scale: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 6,
        description: 'Money: decimals of the minor unit; default 2',
        examples: [2],
      }),
    ),
    decimal: Type.Optional(
      Type.Union([Type.Literal('.'), Type.Literal(',')], {
        description: 'Decimal sign; default `.`',
        examples: [','],
      }),
    ),
    thousands: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1,
        description: 'Thousands separator to drop',
        examples: [','],
      }),
    ),
    true: Type.Optional(
      Type.Array(Type.String(), {
        description: 'Words for true; default true, t, yes, y, 1, 是',
        examples: [['Y', '是']],
      }),
    ),
    false: Type.Optional(
      Type.Array(Type.String(), {
        description: 'Words for false; default false, f, no, n, 0, 否',
        examples: [['N', '否']],
      }),
    ),
    formats: Type.Optional(
      Type.Array(Type.String({ description: 'A format', examples: ['YYMMDD'] }), {
        minItems: 1,
        description:
          'Dates and instants: `ISO`, `epoch_s`, `epoch_ms`, or a pattern of YYYY YY MM M DD D hh h mm ss SSS Z and literals; the first that fits wins; default ISO',
        examples: [['YYYYMMDD', 'YYYY/MM/DD']],
      }),
    ),
    centuryFrom: Type.Optional(
      Type.Integer({
        minimum: 1900,
        maximum: 2200,
        description: 'Two-digit years lie in the hundred years from here; default 1970',
        examples: [1900],
      }),
    ),
    zone: Type.Optional(
      Type.String({ description: 'Time zone of local instants', examples: ['Europe/Prague'] }),
    ),
  },
  { additionalProperties: false, description: 'A column' },
);
export type FullColumn = Static<typeof FullColumn>;

export const ManifestColumn = Type.Union([ColumnType, FullColumn], {
  description: 'A column: its type, or everything about it',
  examples: ['integer', { type: 'date', formats: ['YYMMDD'], required: true }],
});

export const ROLES = [
  'customer',
  'identity',
  'account',
  'holding',
  'transaction',
  'event',
  'product',
  'org_unit',
  'consent',
] as const;
export const TableRole = Type.Enum(ROLES, {
  description: 'Which canonical table the rows become (docs/data-model.md)',
  examples: ['customer'],
});
export type TableRole = (typeof ROLES)[number];

export const MapEntry = Type.Union(
  [
    Type.String({ description: 'A column of this table', examples: ['client_id'] }),
    Type.Object(
      { value: Type.String({ description: 'The same text for every row', examples: ['CZK'] }) },
      { additionalProperties: false, description: 'A constant' },
    ),
    Type.Object(
      {
        from: Type.String({ description: 'A column of this table', examples: ['type'] }),
        values: Type.Record(Type.String(), Type.String(), {
          description: 'The text to deliver for each text found',
          examples: [{ PRIJEM: 'credit', VYDAJ: 'debit' }],
        }),
        otherwise: Type.Optional(
          Type.String({ description: 'For every other text; default: the text itself', examples: ['debit'] }),
        ),
      },
      { additionalProperties: false, description: 'A translation of texts' },
    ),
  ],
  { description: 'Where a canonical column comes from', examples: ['client_id', { value: 'CZK' }] },
);
export type MapEntry = Static<typeof MapEntry>;

const roleSettings = {
  role: Type.Optional(TableRole),
  map: Type.Optional(
    Type.Record(Type.String(), MapEntry, {
      description: 'Canonical column → where it comes from; columns of the same name map themselves',
      examples: [{ customer_id: 'client_id', currency: { value: 'CZK' } }],
    }),
  ),
  attributes: Type.Optional(
    Type.Union(
      [
        Type.Literal('all'),
        Type.Literal('none'),
        Type.Array(Type.String({ description: 'A column', examples: ['district_id'] })),
      ],
      {
        description:
          'Which unmapped columns become attributes (of an event: properties); default all but personal ones',
        examples: [['district_id']],
      },
    ),
  ),
};

const Key = Type.Array(Type.String({ description: 'A column', examples: ['client_id'] }), {
  minItems: 1,
  description: 'Columns that identify a row',
  examples: [['client_id']],
});

export const ManifestTable = Type.Object(
  {
    title: Type.Optional(LocalizedText),
    path: Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })], {
      description:
        'File under the folder, or a glob (`*`, `?`, `**`), or several; all are appended in name order',
      examples: ['client.asc', 'trans_*.csv'],
    }),
    ...fileSettings,
    columns: Type.Record(Type.String(), ManifestColumn, {
      description: 'Columns by name; without a header they stand in the order of the file',
      examples: [{ client_id: 'integer' }],
    }),
    extraColumns: Type.Optional(
      Type.Union([Type.Literal('ignore'), Type.Literal('refuse')], {
        description: 'What to do with file columns that are not listed; default ignore',
        examples: ['refuse'],
      }),
    ),
    key: Type.Optional(Key),
    duplicates: Type.Optional(
      Type.Union(
        [Type.Literal('quarantine'), Type.Literal('first'), Type.Literal('last'), Type.Literal('all')],
        {
          description:
            'Rows with a repeated key: `quarantine` the later ones (default), keep the `first` or the `last` (the others count as superseded, not as faults), or quarantine `all` of them',
          examples: ['last'],
        },
      ),
    ),
    references: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description: 'Column → `table` (its key) or `table.column` in which its value must exist',
        examples: [{ client_id: 'client' }],
      }),
    ),
    ...roleSettings,
  },
  { additionalProperties: false, description: 'A table read from files' },
);
export type ManifestTable = Static<typeof ManifestTable>;

export const DerivedTable = Type.Object(
  {
    title: Type.Optional(LocalizedText),
    sql: Type.String({
      minLength: 1,
      description:
        'One SELECT over the tables of this source and derived tables above; money is in minor units',
      examples: [
        "SELECT d.client_id, a.* FROM disp d JOIN account a USING account_id WHERE d.type = 'OWNER'",
      ],
    }),
    personal: Type.Optional(
      Type.Array(Type.String(), { description: 'Columns with personal data', examples: [['name']] }),
    ),
    key: Type.Optional(Key),
    ...roleSettings,
  },
  { additionalProperties: false, description: 'A table computed from the others' },
);
export type DerivedTable = Static<typeof DerivedTable>;

const Severity = Type.Optional(
  Type.Union([Type.Literal('warn'), Type.Literal('fail')], {
    description: '`fail` (default) refuses the load and keeps the data of before; `warn` only reports',
    examples: ['warn'],
  }),
);
export const QualityRule = Type.Union(
  [
    Type.Object(
      {
        name: Name('Rule name', 'amounts_are_positive'),
        table: Type.String({ description: 'Table of this source', examples: ['trans'] }),
        rows: Type.String({
          description: 'SQL condition that every row should meet',
          examples: ['amount >= 0'],
        }),
        maxFailing: Type.Optional(Share('Share of rows that may fail it; default 0', 0.01)),
        severity: Severity,
      },
      { additionalProperties: false, description: 'A rule on each row' },
    ),
    Type.Object(
      {
        name: Name('Rule name', 'enough_customers'),
        sql: Type.String({
          description: 'SELECT answering one number',
          examples: ['SELECT count() FROM client'],
        }),
        min: Type.Optional(Type.Number({ description: 'Least allowed', examples: [1] })),
        max: Type.Optional(Type.Number({ description: 'Greatest allowed', examples: [1_000_000] })),
        severity: Severity,
      },
      { additionalProperties: false, description: 'A rule on one number' },
    ),
  ],
  { description: 'A quality rule', examples: [{ name: 'positive', table: 'trans', rows: 'amount >= 0' }] },
);
export type QualityRule = Static<typeof QualityRule>;

export const SourceManifest = Type.Object(
  {
    source: Name('Source id', 'berka'),
    title: LocalizedText,
    description: Type.Optional(LocalizedText),
    folder: Type.String({
      minLength: 1,
      description: 'Where the files are: relative to the manifest or absolute; `${NAME}` is replaced',
      examples: ['${RAPPORT_DATASETS}/berka'],
    }),
    defaults: Type.Optional(
      Type.Object(fileSettings, { additionalProperties: false, description: 'Settings of all tables' }),
    ),
    tables: Type.Record(Type.String(), ManifestTable, { description: 'Tables by name', examples: [{}] }),
    derived: Type.Optional(
      Type.Record(Type.String(), DerivedTable, {
        description: 'Derived tables by name, computed in this order',
        examples: [{}],
      }),
    ),
    quality: Type.Optional(
      Type.Array(QualityRule, { description: 'Rules checked before anything becomes visible' }),
    ),
  },
  { additionalProperties: false, description: 'A source manifest (`*.source.yaml`), see docs/sources.md' },
);
export type SourceManifest = Static<typeof SourceManifest>;
