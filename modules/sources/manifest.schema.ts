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

export const FORMATS = ['csv', 'jsonl', 'parquet', 'fixed', 'xlsx', 'json'] as const;
const Format = Type.Enum(FORMATS, { description: 'File format', examples: ['csv'] });
export type FileFormat = (typeof FORMATS)[number];

export const COMPRESSIONS = ['auto', 'none', 'gzip', 'zstd', 'zip'] as const;
const Position = (description: string, example: number) =>
  Type.Integer({ minimum: 1, maximum: 100_000, description, examples: [example] });

/** A place in a fixed-width record: from 1, in the unit of the table. */
export const FixedField = Type.Object(
  {
    start: Position('First place, from 1', 1),
    width: Position('How many places', 8),
    decimals: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 9,
        description: 'Digits after the decimal point that is not written',
        examples: [2],
      }),
    ),
  },
  { additionalProperties: false, description: 'A field of a header or trailer record' },
);

export const FixedLayout = Type.Object(
  {
    unit: Type.Optional(
      Type.Union([Type.Literal('bytes'), Type.Literal('characters')], {
        description: 'What widths count: bytes of the encoding (default) or characters',
        examples: ['bytes'],
      }),
    ),
    type: Type.Optional(
      Type.Object(
        {
          start: Position('First place of the record type, from 1', 1),
          width: Position('Its width', 1),
          header: Type.Optional(Type.String({ description: 'Text of header records', examples: ['H'] })),
          detail: Type.Optional(
            Type.String({
              description: 'Text of the records to load; default: all that are neither header nor trailer',
              examples: ['D'],
            }),
          ),
          trailer: Type.Optional(Type.String({ description: 'Text of trailer records', examples: ['T'] })),
        },
        { additionalProperties: false, description: 'Where the record type stands' },
      ),
    ),
    headerLines: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 100, description: 'First lines to skip', examples: [1] }),
    ),
    trailerLines: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1,
        description: 'Last lines that are the trailer; without `type`',
        examples: [1],
      }),
    ),
    controls: Type.Optional(
      Type.Object(
        {
          count: Type.Optional(FixedField),
          sums: Type.Optional(
            Type.Record(Type.String(), FixedField, {
              description: 'Column → its control total in the trailer',
              examples: [{ amount: { start: 20, width: 15, decimals: 2 } }],
            }),
          ),
        },
        {
          additionalProperties: false,
          description: 'What the trailer says of the records; a file that does not agree is refused',
        },
      ),
    ),
  },
  { additionalProperties: false, description: 'Layout of a fixed-width file' },
);
export type FixedLayout = Static<typeof FixedLayout>;

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
  compression: Type.Optional(
    Type.Enum(COMPRESSIONS, {
      description: 'How files are packed; default auto: by the ending .gz, .zst or .zip (of one file)',
      examples: ['gzip'],
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

export const DATA_CLASSES = ['C1', 'C2', 'C3'] as const;
export const DataClass = Type.Enum(DATA_CLASSES, {
  description:
    'Class by JR/T 0171: C3 = what authenticates a person (passwords, card tracks, biometrics), C2 = what identifies or describes a person, C1 = internal',
  examples: ['C2'],
});
export type DataClass = (typeof DATA_CLASSES)[number];

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
    width: Type.Optional(
      Position('Fixed-width files: places of the field, in bytes or characters as the layout says', 20),
    ),
    start: Type.Optional(
      Position('Fixed-width files: first place, from 1; default: after the column before', 1),
    ),
    decimals: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 9,
        description: 'Fixed-width files: digits after the decimal point that is not written',
        examples: [2],
      }),
    ),
    sign: Type.Optional(
      Type.Union([Type.Literal('leading'), Type.Literal('trailing'), Type.Literal('overpunch')], {
        description:
          'Fixed-width files: where the sign stands; `trailing` = `+` or `-` behind the digits, `overpunch` = in the last digit ({ABC… positive, }JKL… negative)',
        examples: ['overpunch'],
      }),
    ),
    owner: Type.Optional(
      Type.String({ description: 'Who answers for the column', examples: ['dept:retail'] }),
    ),
    description: Type.Optional(LocalizedText),
    dataClass: Type.Optional(DataClass),
    unit: Type.Optional(Type.String({ description: 'Unit of the values', examples: ['days'] })),
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
  'relation',
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

const ConnectionName = Type.String({
  pattern: '^[a-z][a-z0-9_-]{0,59}$',
  description: 'Connection to read through; its address and secrets are kept apart from manifests',
  examples: ['lake'],
});

/** A table of a database that is read through a connection. */
export const Relation = Type.Object(
  {
    table: Type.String({
      pattern: '^[^."`]{1,64}([.][^."`]{1,64})?$',
      description: 'Table or view, with its schema',
      examples: ['public.customer'],
    }),
  },
  { additionalProperties: false, description: 'A table of a database' },
);
export type Relation = Static<typeof Relation>;

/** Events that are pushed to the platform or consumed from a topic. */
export const StreamSettings = Type.Object(
  {
    eventId: Type.String({
      description: 'Column with the id by which an event is taken once, however often it comes',
      examples: ['event_id'],
    }),
    lateAfter: Type.Optional(
      Type.String({
        pattern: '^P',
        description: 'Events older than this are taken and counted as late; default P1D',
        examples: ['P1D'],
      }),
    ),
    refuseAfter: Type.Optional(
      Type.String({
        pattern: '^P',
        description: 'Events older than this are put into quarantine; default P400D',
        examples: ['P400D'],
      }),
    ),
    subject: Type.Optional(
      Type.String({
        description:
          'Topic of the stream store (NATS JetStream) that others append to; default: pushed by HTTP only',
        examples: ['core.events'],
      }),
    ),
  },
  { additionalProperties: false, description: 'A stream of JSON events' },
);
export type StreamSettings = Static<typeof StreamSettings>;

const stewardship = {
  owner: Type.Optional(
    Type.String({ description: 'Who answers for the data', examples: ['Retail banking data'] }),
  ),
  steward: Type.Optional(
    Type.String({ description: 'Who looks after its quality', examples: ['ling.chen'] }),
  ),
  dataClass: Type.Optional(DataClass),
};

export const ManifestTable = Type.Object(
  {
    title: Type.Optional(LocalizedText),
    path: Type.Optional(
      Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })], {
        description:
          'File under the folder, or a glob (`*`, `?`, `**`), or several; all are appended in name order. Of a connection: an object key or glob (S3), or a path under its address (HTTP)',
        examples: ['client.asc', 'trans_*.csv'],
      }),
    ),
    connection: Type.Optional(ConnectionName),
    relation: Type.Optional(Relation),
    stream: Type.Optional(StreamSettings),
    ...stewardship,
    ...fileSettings,
    fixed: Type.Optional(FixedLayout),
    sheet: Type.Optional(
      Type.Union([Type.String(), Type.Integer({ minimum: 1 })], {
        description: 'Excel: name or place of the sheet, from 1; default the first',
        examples: ['客戶'],
      }),
    ),
    headerRow: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        description: 'Excel: row with the column names; default 1',
        examples: [3],
      }),
    ),
    merged: Type.Optional(
      Type.Union([Type.Literal('fill'), Type.Literal('first')], {
        description:
          'Excel: whether a merged value stands for all its cells (`fill`, default) or its first only',
        examples: ['fill'],
      }),
    ),
    rows: Type.Optional(
      Type.String({
        description: 'JSON: path of the array whose objects are the rows; default: the document itself',
        examples: ['data.items'],
      }),
    ),
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
    mode: Type.Optional(
      Type.Union([Type.Literal('full'), Type.Literal('append'), Type.Literal('upsert')], {
        description:
          'What a delivery is: all rows (`full`, default; it replaces those of before), further rows (`append`), or new and changed rows by key (`upsert`). Files that were loaded before are not read again',
        examples: ['append'],
      }),
    ),
    version: Type.Optional(
      Type.String({
        description:
          'Upsert: integer, number, date or instant column that says which row of a key is the newer one, so that late rows replace nothing newer; default: what is delivered later',
        examples: ['updated_at'],
      }),
    ),
    deletes: Type.Optional(
      Type.Object(
        {
          column: Type.String({ description: 'Column that says so', examples: ['op'] }),
          values: Type.Array(Type.String(), {
            minItems: 1,
            description: 'Its values in rows whose key is gone',
            examples: [['D']],
          }),
        },
        { additionalProperties: false, description: 'Upsert: rows that take the row of their key away' },
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
  Type.Union([Type.Literal('warn'), Type.Literal('block'), Type.Literal('fail')], {
    description:
      '`fail` (default) refuses the load and keeps the data of before; `block` publishes, but tags over the table or column keep their values until the rule holds again or somebody releases it; `warn` only reports',
    examples: ['block'],
  }),
);
const OnColumn = {
  name: Name('Rule name', 'phones_known'),
  table: Type.String({ description: 'Table of this source', examples: ['client'] }),
  maxFailing: Type.Optional(Share('Share of rows that may fail it; default 0', 0.01)),
  severity: Severity,
};
const Column = (description: string) => Type.String({ description, examples: ['balance'] });
export const QualityRule = Type.Union(
  [
    Type.Object(
      { ...OnColumn, notNull: Column('Column that should have a value') },
      { additionalProperties: false, description: 'Values are known' },
    ),
    Type.Object(
      {
        ...OnColumn,
        unique: Type.Array(Column('A column'), {
          minItems: 1,
          description: 'Columns that together should not repeat',
          examples: [['client_id']],
        }),
      },
      { additionalProperties: false, description: 'Values do not repeat' },
    ),
    Type.Object(
      {
        ...OnColumn,
        range: Type.Object(
          {
            column: Column('Number, money (in major units), date or instant'),
            min: Type.Optional(Type.Union([Type.Number(), Type.String()], { description: 'Least allowed' })),
            max: Type.Optional(
              Type.Union([Type.Number(), Type.String()], { description: 'Greatest allowed' }),
            ),
          },
          { additionalProperties: false, description: 'Limits', examples: [{ column: 'balance', min: 0 }] },
        ),
      },
      { additionalProperties: false, description: 'Known values lie between limits' },
    ),
    Type.Object(
      {
        ...OnColumn,
        pattern: Type.Object(
          {
            column: Column('Text column'),
            matches: Type.String({
              description: 'RE2 expression for the whole text',
              examples: ['[0-9]{11}'],
            }),
          },
          {
            additionalProperties: false,
            description: 'Expression',
            examples: [{ column: 'phone', matches: '[0-9]{11}' }],
          },
        ),
      },
      { additionalProperties: false, description: 'Known texts have a form' },
    ),
    Type.Object(
      {
        ...OnColumn,
        inSet: Type.Object(
          {
            column: Column('Text column'),
            values: Type.Array(Type.String({ description: 'A text', examples: ['CNY'] }), {
              minItems: 1,
              description: 'Allowed texts',
            }),
          },
          {
            additionalProperties: false,
            description: 'Allowed texts',
            examples: [{ column: 'currency', values: ['CNY', 'USD'] }],
          },
        ),
      },
      { additionalProperties: false, description: 'Known texts are among the allowed ones' },
    ),
    Type.Object(
      {
        ...OnColumn,
        refers: Type.Object(
          {
            column: Column('Column'),
            to: Type.String({ description: '`table.column` of this source', examples: ['client.client_id'] }),
          },
          {
            additionalProperties: false,
            description: 'Reference',
            examples: [{ column: 'client_id', to: 'client.client_id' }],
          },
        ),
      },
      { additionalProperties: false, description: 'Known values exist in another table' },
    ),
    Type.Object(
      {
        name: Name('Rule name', 'fresh'),
        table: Type.String({ description: 'Table of this source', examples: ['trans'] }),
        freshness: Type.Object(
          {
            column: Column('Date or instant column'),
            within: Type.String({
              pattern: '^P',
              description: 'The latest value should be no older than this when the load ends',
              examples: ['P2D'],
            }),
          },
          {
            additionalProperties: false,
            description: 'Freshness',
            examples: [{ column: 'at', within: 'P2D' }],
          },
        ),
        severity: Severity,
      },
      { additionalProperties: false, description: 'The latest value is recent' },
    ),
    Type.Object(
      {
        name: Name('Rule name', 'usual_volume'),
        table: Type.String({ description: 'Table of this source', examples: ['trans'] }),
        volume: Type.Object(
          {
            maxDeviation: Type.Optional(
              Type.Number({
                exclusiveMinimum: 0,
                description:
                  'Greatest distance from the median of the last 30 loads in robust standard deviations (1.4826 × MAD); default 6',
                examples: [6],
              }),
            ),
            minHistory: Type.Optional(
              Type.Integer({
                minimum: 3,
                maximum: 30,
                description: 'Loads needed before it judges; default 5',
                examples: [5],
              }),
            ),
          },
          { additionalProperties: false, description: 'Row count against history', examples: [{}] },
        ),
        severity: Severity,
      },
      { additionalProperties: false, description: 'The number of rows is usual' },
    ),
    Type.Object(
      {
        name: Name('Rule name', 'balances_add_up'),
        table: Type.String({ description: 'Table of this source', examples: ['account'] }),
        sum: Type.Object(
          {
            column: Column('Number or money column'),
            equals: Type.Union(
              [
                Type.Number(),
                Type.String({
                  description: '`table.column` of this source whose sum it is',
                  examples: ['control.total'],
                }),
              ],
              {
                description:
                  'The control total: a number (money in major units), or the sum of another column',
              },
            ),
            tolerance: Type.Optional(
              Type.Number({ minimum: 0, description: 'Allowed difference; default 0', examples: [0.01] }),
            ),
          },
          {
            additionalProperties: false,
            description: 'Control total',
            examples: [{ column: 'balance', equals: 'control.total' }],
          },
        ),
        severity: Severity,
      },
      { additionalProperties: false, description: 'A sum agrees with its control total' },
    ),
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

/** When the data of a source should be there. */
export const Arrival = Type.Object(
  {
    by: Type.String({
      pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$',
      description: 'Local time',
      examples: ['06:00'],
    }),
    zone: Type.Optional(
      Type.String({ description: "Time zone; default the bank's", examples: ['Asia/Taipei'] }),
    ),
    calendar: Type.Optional(
      Type.String({
        pattern: '^[A-Z]{2}$',
        description: 'Calendar of business days: CN, HK, TW; default: Monday to Friday',
        examples: ['TW'],
      }),
    ),
    every: Type.Optional(
      Type.Union([Type.Literal('day'), Type.Literal('business day'), Type.Literal('month')], {
        description:
          'On which days a load is due: each day, each business day (default), or the first business day of a month',
        examples: ['business day'],
      }),
    ),
    missingAfter: Type.Optional(
      Type.String({
        pattern: '^PT',
        description: 'Late becomes missing after this; default PT4H',
        examples: ['PT4H'],
      }),
    ),
    gate: Type.Optional(
      Type.Boolean({
        description: 'Whether tags over the source keep their values while it is late; default true',
        examples: [true],
      }),
    ),
  },
  { additionalProperties: false, description: 'When the data should be there' },
);
export type Arrival = Static<typeof Arrival>;

export const SourceManifest = Type.Object(
  {
    source: Name('Source id', 'berka'),
    title: LocalizedText,
    description: Type.Optional(LocalizedText),
    folder: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Where the files are: relative to the manifest or absolute; `${NAME}` is replaced; default `.`',
        examples: ['${RAPPORT_DATASETS}/berka'],
      }),
    ),
    connection: Type.Optional(ConnectionName),
    ...stewardship,
    drift: Type.Optional(
      Type.Union([Type.Literal('refuse'), Type.Literal('warn'), Type.Literal('accept additions')], {
        description:
          'When what is delivered differs from the load before: `refuse` any change of columns, keys, types or codes; `warn` (default) load what can be loaded and report; `accept additions` say nothing of new columns and codes, refuse the rest',
        examples: ['accept additions'],
      }),
    ),
    arrives: Type.Optional(Arrival),
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
