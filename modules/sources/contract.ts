// biome-ignore-all lint/suspicious/noTemplateCurlyInString: manifests name their settings in this form
import { Instant, LocalizedText, Page, Ratio } from '@rapport/kernel';
import { type Static, Type } from 'typebox';
import { ColumnType, SourceManifest, TableRole } from './manifest.schema.ts';

export {
  ConnectionBody,
  ConnectionSettings,
  ConnectionTest,
  ConnectionView,
} from './connection.schema.ts';
export {
  Arrival,
  COLUMN_TYPES,
  ColumnType,
  DATA_CLASSES,
  DataClass,
  DerivedTable,
  type FileFormat,
  FORMATS,
  FullColumn,
  ManifestColumn,
  ManifestTable,
  MapEntry,
  QualityRule,
  ROLES,
  SourceManifest,
  TableRole,
} from './manifest.schema.ts';

export {
  PushEvents,
  PushedEvents,
  StreamReplay,
  StreamReplayed,
  StreamView,
} from './streams.contract.ts';

/* ── loads ───────────────────────────────────────────────────────────────────────────────────────────── */

export const LOAD_STATES = ['queued', 'running', 'loaded', 'refused', 'failed'] as const;
export const LoadState = Type.Enum(LOAD_STATES, {
  description:
    '`loaded`: visible. `refused`: the data did not pass, `faults` say why, the data of before stays. `failed`: a fault of the platform; the job may be run again',
  examples: ['loaded'],
});
export type LoadState = (typeof LOAD_STATES)[number];

export const LoadFault = Type.Object(
  {
    code: Type.String({ description: 'Stable reason', examples: ['missing_column'] }),
    place: Type.String({
      description: 'Table, file and line, as far as known',
      examples: ['client (client.asc:1)'],
    }),
    message: Type.String({
      description: 'What is wrong, and what to do',
      examples: ['client.asc has no column "birth_number"; it has client_id, district_id.'],
    }),
  },
  { description: 'Why a load was refused' },
);
export type LoadFault = Static<typeof LoadFault>;

export const LoadFile = Type.Object(
  {
    file: Type.String({ description: 'Path under the folder', examples: ['client.asc'] }),
    bytes: Type.Integer({ description: 'Size', examples: [94820] }),
    sha256: Type.String({ description: 'SHA-256 of the content, hex', examples: ['9f86d081884c7d65'] }),
    records: Type.Integer({ description: 'Records read, without header and blank lines', examples: [5369] }),
  },
  { description: 'A file that was read' },
);
export type LoadFile = Static<typeof LoadFile>;

export const LoadTable = Type.Object(
  {
    table: Type.String({ description: 'Table name', examples: ['client'] }),
    derived: Type.Boolean({ description: 'Computed from other tables', examples: [false] }),
    read: Type.Integer({
      description: 'Records read; always loaded + quarantined + repeated',
      examples: [5369],
    }),
    loaded: Type.Integer({ description: 'Rows loaded', examples: [5368] }),
    quarantined: Type.Integer({ description: 'Records refused, those superseded included', examples: [1] }),
    superseded: Type.Integer({
      description: 'Of the quarantined: rows whose key another row won by `duplicates: first|last`',
      examples: [0],
    }),
    repeated: Type.Optional(
      Type.Integer({
        description: 'Append and upsert: records that stood there already, just as they came again',
        examples: [0],
      }),
    ),
    replaced: Type.Optional(
      Type.Integer({ description: 'Upsert: rows of before that others replaced', examples: [12] }),
    ),
    deleted: Type.Optional(
      Type.Integer({
        description: 'Upsert: of the loaded, records that say their key is gone',
        examples: [1],
      }),
    ),
    rows: Type.Optional(
      Type.Integer({ description: 'Append and upsert: rows of the table after the load', examples: [5368] }),
    ),
    bytes: Type.Integer({ description: 'Bytes read', examples: [94820] }),
    files: Type.Array(LoadFile, { description: 'Files read' }),
    skippedFiles: Type.Optional(
      Type.Array(Type.String(), {
        description: 'Append and upsert: files loaded before',
        examples: [['trans_0101.csv']],
      }),
    ),
  },
  { description: 'Reconciliation of one table' },
);
export type LoadTable = Static<typeof LoadTable>;

export const LoadQuality = Type.Object(
  {
    name: Type.String({ description: 'Rule', examples: ['amounts_are_positive'] }),
    passed: Type.Boolean({ description: 'Whether it holds', examples: [true] }),
    severity: Type.Union([Type.Literal('warn'), Type.Literal('block'), Type.Literal('fail')], {
      description: 'What failing means',
      examples: ['warn'],
    }),
    message: Type.String({ description: 'What was found', examples: ['0 of 49,102 rows fail amount >= 0.'] }),
    kind: Type.Optional(Type.String({ description: 'Kind of the rule', examples: ['range'] })),
    table: Type.Optional(Type.String({ description: 'Table it judges', examples: ['trans'] })),
    column: Type.Optional(Type.String({ description: 'Column it judges', examples: ['amount'] })),
    failing: Type.Optional(Type.Number({ description: 'Rows that fail it', examples: [0] })),
    checked: Type.Optional(Type.Number({ description: 'Rows it judged', examples: [49_102] })),
  },
  { description: 'Outcome of a quality rule' },
);
export type LoadQuality = Static<typeof LoadQuality>;

export const RoleRejection = Type.Object(
  {
    table: Type.String({ description: 'Role table', examples: ['transactions'] }),
    reason: Type.String({
      description: 'Why its rows did not reach the canonical table',
      examples: ['unknown_customer'],
    }),
    count: Type.Integer({ description: 'How many rows', examples: [2] }),
  },
  { description: 'Rows of a role table that the canonical tables refused' },
);
export type RoleRejection = Static<typeof RoleRejection>;

export const LoadView = Type.Object(
  {
    id: Type.String({ description: 'Load id', examples: ['lod_01j9z3'] }),
    sourceId: Type.String({ description: 'Source', examples: ['berka'] }),
    kind: Type.Union([Type.Literal('load'), Type.Literal('replay')], {
      description: 'A load of all files, or a replay of quarantined records',
      examples: ['load'],
    }),
    state: LoadState,
    jobId: Type.Optional(Type.String({ description: 'Job that does it', examples: ['job_01j9z3'] })),
    progress: Ratio('How far it is'),
    message: Type.String({ description: 'What it is doing', examples: ['trans: 3.1 of 5.4 MB'] }),
    requestedBy: Type.String({ description: 'Who asked for it', examples: ['usr_01j9z3'] }),
    startedAt: Instant('When it was asked for'),
    finishedAt: Type.Optional(Instant('When it ended')),
    release: Type.Optional(Type.Integer({ description: 'Release that made it visible', examples: [12] })),
    tables: Type.Array(LoadTable, { description: 'Reconciliation by table' }),
    quality: Type.Array(LoadQuality, { description: 'Outcomes of the quality rules' }),
    rejected: Type.Array(RoleRejection, { description: 'Role rows the canonical tables refused' }),
    faults: Type.Array(LoadFault, { description: 'Why it was refused; empty when loaded' }),
    notes: Type.Array(
      Type.String({ description: 'A remark', examples: ['client.asc: ignored column "x"'] }),
      {
        description: 'Remarks that refuse nothing',
      },
    ),
  },
  { description: 'One load' },
);
export type LoadView = Static<typeof LoadView>;
export const LoadPage = Page(LoadView, 'Loads, newest first');

export const LoadAccepted = Type.Object(
  {
    jobId: Type.String({ description: 'Job to follow', examples: ['job_01j9z3'] }),
    loadId: Type.String({ description: 'Load to follow', examples: ['lod_01j9z3'] }),
  },
  { description: 'The load was queued' },
);

/* ── sources ─────────────────────────────────────────────────────────────────────────────────────────── */

export const SourceTableSummary = Type.Object(
  {
    table: Type.String({ description: 'Table name', examples: ['client'] }),
    title: Type.Optional(LocalizedText),
    derived: Type.Boolean({ description: 'Computed from other tables', examples: [false] }),
    role: Type.Optional(TableRole),
    format: Type.Optional(Type.String({ description: 'File format', examples: ['csv'] })),
    path: Type.Optional(Type.String({ description: 'Files', examples: ['client.asc'] })),
    rows: Type.Optional(
      Type.Integer({ description: 'Rows visible now; absent before the first load', examples: [5369] }),
    ),
    columns: Type.Integer({
      description: 'Number of columns; of a derived table known after the first load',
      examples: [3],
    }),
  },
  { description: 'A table of a source' },
);
export type SourceTableSummary = Static<typeof SourceTableSummary>;

export const SourceView = Type.Object(
  {
    id: Type.String({ description: 'Source id', examples: ['berka'] }),
    title: LocalizedText,
    description: Type.Optional(LocalizedText),
    folder: Type.String({
      description: 'Where the files are, as the manifest says',
      examples: ['${RAPPORT_DATASETS}/berka'],
    }),
    version: Type.Integer({ description: 'Grows with every applied change of the manifest', examples: [3] }),
    updatedAt: Instant('When the manifest was applied'),
    updatedBy: Type.String({ description: 'Who applied it', examples: ['usr_01j9z3'] }),
    tables: Type.Array(SourceTableSummary, { description: 'Tables in the order of the manifest' }),
    lastLoad: Type.Optional(LoadView),
    openQuarantine: Type.Integer({ description: 'Records in quarantine now', examples: [1] }),
  },
  { description: 'A source' },
);
export type SourceView = Static<typeof SourceView>;
export const SourcePage = Page(SourceView, 'Sources by id');

export const SourceDetail = Type.Object(
  {
    source: SourceView,
    manifest: SourceManifest,
    yaml: Type.String({ description: 'The manifest as it was applied', examples: ['source: berka\n'] }),
  },
  { description: 'A source with its manifest' },
);
export type SourceDetail = Static<typeof SourceDetail>;

export const ApplyManifest = Type.Union(
  [
    SourceManifest,
    Type.Object(
      {
        yaml: Type.String({
          minLength: 1,
          description: 'The manifest as YAML text',
          examples: ['source: berka\n'],
        }),
        baseDir: Type.Optional(
          Type.String({
            minLength: 1,
            description:
              'Folder of the server where the manifest lies; its relative folder begins there. It must be under an allowed root',
            examples: ['/srv/bank'],
          }),
        ),
      },
      { additionalProperties: false, description: 'A manifest as YAML' },
    ),
  ],
  { description: 'A manifest, as JSON or as YAML text' },
);
export type ApplyManifest = Static<typeof ApplyManifest>;

export const ManifestApplied = Type.Object(
  {
    id: Type.String({ description: 'Source id', examples: ['berka'] }),
    version: Type.Integer({ description: 'Version of the manifest', examples: [1] }),
    changed: Type.Boolean({ description: 'Whether it differs from the version before', examples: [true] }),
  },
  { description: 'The manifest is in force' },
);
export type ManifestApplied = Static<typeof ManifestApplied>;

export const ColumnView = Type.Object(
  {
    name: Type.String({ description: 'Column', examples: ['amount'] }),
    type: Type.Union([ColumnType, Type.Literal('other')], { description: 'Type', examples: ['money'] }),
    engineType: Type.String({ description: 'Warehouse type', examples: ['Nullable(Int64)'] }),
    title: Type.Optional(LocalizedText),
    personal: Type.Boolean({ description: 'Personal data', examples: [false] }),
    currency: Type.Optional(Type.String({ description: 'Currency of a money column', examples: ['CZK'] })),
    scale: Type.Optional(Type.Integer({ description: 'Decimals of a money column', examples: [2] })),
    unknown: Type.Integer({ description: 'Rows without a value', examples: [0] }),
    distinct: Type.Integer({ description: 'Distinct values, about', examples: [4500] }),
    least: Type.Optional(
      Type.String({ description: 'Least value; absent for personal data', examples: ['1.00'] }),
    ),
    greatest: Type.Optional(
      Type.String({ description: 'Greatest value; absent for personal data', examples: ['87400.00'] }),
    ),
  },
  { description: 'A column with its statistics' },
);
export type ColumnView = Static<typeof ColumnView>;

export const SourceTableView = Type.Object(
  {
    sourceId: Type.String({ description: 'Source', examples: ['berka'] }),
    table: Type.String({ description: 'Table', examples: ['client'] }),
    title: Type.Optional(LocalizedText),
    derived: Type.Boolean({ description: 'Computed from other tables', examples: [false] }),
    role: Type.Optional(TableRole),
    rows: Type.Integer({ description: 'Rows', examples: [5369] }),
    columns: Type.Array(ColumnView, { description: 'Columns in order' }),
    sample: Type.Array(
      Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()]), {
        description: 'A row: column → text; personal data is `•••` unless the caller may see it',
        examples: [{ client_id: '1' }],
      }),
      { description: 'First rows' },
    ),
  },
  { description: 'A loaded table' },
);
export type SourceTableView = Static<typeof SourceTableView>;

/* ── quarantine ──────────────────────────────────────────────────────────────────────────────────────── */

export const RowFault = Type.Object(
  {
    field: Type.String({ description: 'Column; empty for the record as a whole', examples: ['amount'] }),
    value: Type.String({ description: 'The text found', examples: ['abc'] }),
    reason: Type.String({
      description: 'Stable reason (docs/sources.md lists them)',
      examples: ['not_an_amount'],
    }),
  },
  { description: 'One fault of a record' },
);
export type RowFault = Static<typeof RowFault>;

export const QuarantineRow = Type.Object(
  {
    loadId: Type.String({ description: 'Load that refused it', examples: ['lod_01j9z3'] }),
    table: Type.String({ description: 'Table', examples: ['loan'] }),
    file: Type.String({ description: 'File', examples: ['loan.asc'] }),
    line: Type.Integer({ description: 'Line on which the record begins, from 1', examples: [17] }),
    field: Type.String({ description: 'Column of the first fault', examples: ['amount'] }),
    value: Type.String({ description: 'Text of the first fault', examples: ['abc'] }),
    reason: Type.String({ description: 'First fault', examples: ['not_an_amount'] }),
    otherFaults: Type.Array(RowFault, { description: 'Further faults of the record' }),
    record: Type.String({
      description: 'The whole record as it stood in the file',
      examples: ['5314;1787;930705;abc'],
    }),
    at: Instant('When it was refused'),
    state: Type.Union([Type.Literal('open'), Type.Literal('replayed')], {
      description: '`replayed`: a later replay loaded it',
      examples: ['open'],
    }),
  },
  { description: 'A refused record' },
);
export type QuarantineRow = Static<typeof QuarantineRow>;

export const QuarantineSummary = Type.Object(
  {
    table: Type.String({ description: 'Table', examples: ['loan'] }),
    reason: Type.String({ description: 'Reason', examples: ['not_an_amount'] }),
    field: Type.String({ description: 'Column', examples: ['amount'] }),
    count: Type.Integer({ description: 'Open records', examples: [1] }),
  },
  { description: 'Open records by table, reason and column' },
);

export const QuarantinePage = Type.Object(
  {
    items: Type.Array(QuarantineRow, { description: 'Refused records by table, file and line' }),
    summary: Type.Array(QuarantineSummary, { description: 'All open records of the load, counted' }),
    nextCursor: Type.Optional(Type.String({ description: 'Absent on the last page', examples: ['NTA'] })),
  },
  { description: 'Quarantine of the last load' },
);
export type QuarantinePage = Static<typeof QuarantinePage>;

export const QuarantineQuery = Type.Object({
  table: Type.Optional(Type.String({ description: 'Only this table', examples: ['loan'] })),
  reason: Type.Optional(
    Type.String({ description: 'Only records with this fault', examples: ['not_an_amount'] }),
  ),
  state: Type.Optional(
    Type.Union([Type.Literal('open'), Type.Literal('replayed')], {
      description: 'Only in this state',
      examples: ['open'],
    }),
  ),
  loadId: Type.Optional(Type.String({ description: 'Another load than the last', examples: ['lod_01j9z3'] })),
  cursor: Type.Optional(Type.String({ description: 'Where the page before ended', examples: ['NTA'] })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 500, default: 50, description: 'Items a page', examples: [50] }),
  ),
});
export type QuarantineQuery = Static<typeof QuarantineQuery>;

export const ReplayRequest = Type.Object(
  {
    records: Type.Optional(
      Type.Array(
        Type.Object(
          {
            table: Type.String({ description: 'Table', examples: ['loan'] }),
            file: Type.String({ description: 'File', examples: ['loan.asc'] }),
            line: Type.Integer({ description: 'Line', examples: [17] }),
            record: Type.Optional(
              Type.String({
                description: 'The corrected record; absent = as it is',
                examples: ['5314;1787;930705;96396'],
              }),
            ),
          },
          { description: 'A record to replay' },
        ),
        { maxItems: 100_000, description: 'Which records; absent = all open ones (of `table`)' },
      ),
    ),
    table: Type.Optional(
      Type.String({ description: 'Only this table, when `records` is absent', examples: ['loan'] }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Read refused records again, corrected or by the changed manifest',
  },
);
export type ReplayRequest = Static<typeof ReplayRequest>;
