import { Instant, Page } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

const Sql = Type.String({
  minLength: 1,
  maxLength: 100_000,
  description: 'One SELECT over the tables of the workbench',
  examples: ['SELECT city, count() AS customers FROM customer GROUP BY city ORDER BY customers DESC'],
});

export const WorkbenchRequest = Type.Object(
  {
    sql: Sql,
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        default: 1_000,
        description: 'Rows answered at most',
        examples: [1000],
      }),
    ),
  },
  { description: 'A question in SQL' },
);
export type WorkbenchRequest = Static<typeof WorkbenchRequest>;
export const WorkbenchExportRequest = Type.Object({ sql: Sql }, { description: 'What to export' });

export const WorkbenchColumn = Type.Object(
  {
    name: Type.String({ description: 'Column', examples: ['city'] }),
    type: Type.String({ description: 'Warehouse type', examples: ['LowCardinality(String)'] }),
  },
  { description: 'A column of an answer' },
);
export const WorkbenchResult = Type.Object(
  {
    runId: Type.String({ description: 'Run, as in the history', examples: ['run_01j9z3'] }),
    columns: Type.Array(WorkbenchColumn, { description: 'Columns in order' }),
    rows: Type.Array(
      Type.Array(
        Type.Unknown({ description: 'A value; integers beyond 2^53 are text', examples: ['Taipei'] }),
      ),
      { description: 'Rows, each in the order of the columns' },
    ),
    isComplete: Type.Boolean({
      description: 'False when there are more rows than the limit',
      examples: [true],
    }),
    tookMs: Type.Integer({ description: 'Milliseconds', examples: [42] }),
    estimatedRows: Type.Integer({ description: 'Rows the warehouse had to read', examples: [20000] }),
    reads: Type.Array(
      Type.Object({
        table: Type.String({ description: 'Table', examples: ['customer'] }),
        columns: Type.Array(Type.String({ description: 'Column', examples: ['city'] }), {
          description: 'Columns read',
        }),
      }),
      { description: 'What was read, as recorded in the access log' },
    ),
    release: Type.Integer({ description: 'Data release it was read from', examples: [42] }),
    budget: Type.Object(
      {
        spentMs: Type.Integer({ description: 'Query time of today so far', examples: [1200] }),
        dailyMs: Type.Integer({ description: 'Query time a day', examples: [1800000] }),
      },
      { description: 'The caller’s budget of today' },
    ),
  },
  { description: 'An answer' },
);
export type WorkbenchResult = Static<typeof WorkbenchResult>;

export const WorkbenchTable = Type.Object(
  {
    name: Type.String({ description: 'Name in SQL', examples: ['customer'] }),
    kind: Type.Enum(['canonical', 'tags', 'metric', 'audience'], {
      description: 'What it is',
      examples: ['canonical'],
    }),
    title: Type.String({ description: 'What people call it', examples: ['Customers'] }),
    columns: Type.Array(
      Type.Object({
        name: Type.String({ description: 'Column', examples: ['account_id'] }),
        type: Type.String({ description: 'Warehouse type', examples: ['String'] }),
        dataClass: Type.String({ description: '`C1`, `C2` or `C3`', examples: ['C3'] }),
        access: Type.Enum(['clear', 'pseudonym', 'hidden'], {
          description: 'How this caller sees it: `pseudonym` still joins, but tells nothing',
          examples: ['pseudonym'],
        }),
      }),
      { description: 'Columns' },
    ),
  },
  { description: 'A table of the workbench' },
);
export type WorkbenchTable = Static<typeof WorkbenchTable>;
export const WorkbenchTables = Type.Object(
  {
    items: Type.Array(WorkbenchTable, { description: 'Tables this caller may ask' }),
    isScoped: Type.Boolean({
      description: 'Whether only customers of the caller’s org units are in them',
      examples: [false],
    }),
  },
  { description: 'What can be asked' },
);
export type WorkbenchTables = Static<typeof WorkbenchTables>;

export const SaveQuery = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200, description: 'Name', examples: ['Deposits by city'] }),
    description: Type.Optional(
      Type.String({ maxLength: 2_000, description: 'What it is for', examples: ['For the monthly review'] }),
    ),
    sql: Sql,
    shared: Type.Optional(
      Type.Boolean({ default: false, description: 'Whether others see it', examples: [true] }),
    ),
    version: Type.Optional(Type.Integer({ description: 'Version the change was made from', examples: [2] })),
  },
  { description: 'A query to keep' },
);
export type SaveQuery = Static<typeof SaveQuery>;

export const SavedQuery = Type.Object(
  {
    id: Type.String({ description: 'Query', examples: ['qry_01j9z3'] }),
    name: Type.String({ description: 'Name', examples: ['Deposits by city'] }),
    description: Type.String({ description: 'What it is for', examples: ['For the monthly review'] }),
    sql: Sql,
    shared: Type.Boolean({ description: 'Whether others see it', examples: [true] }),
    owner: Type.String({ description: 'User', examples: ['usr_01j9z3'] }),
    ownerName: Type.String({ description: 'Who that is', examples: ['Analyst'] }),
    isMine: Type.Boolean({ description: 'Whether the caller may change it', examples: [true] }),
    version: Type.Integer({ description: 'Version', examples: [2] }),
    updatedAt: Instant('Last changed'),
  },
  { description: 'A kept query' },
);
export type SavedQuery = Static<typeof SavedQuery>;
export const SavedQueries = Type.Object(
  { items: Type.Array(SavedQuery, { description: 'The caller’s and shared ones, newest first' }) },
  { description: 'Kept queries' },
);
export type SavedQueries = Static<typeof SavedQueries>;

export const WorkbenchRun = Type.Object(
  {
    id: Type.String({ description: 'Run', examples: ['run_01j9z3'] }),
    byName: Type.String({ description: 'Who asked', examples: ['Analyst'] }),
    purpose: Type.Enum(['run', 'export'], { description: 'What for', examples: ['run'] }),
    sql: Sql,
    state: Type.Enum(['running', 'done', 'refused', 'failed', 'cancelled'], {
      description: 'How it went',
      examples: ['done'],
    }),
    startedAt: Instant('When'),
    tookMs: Type.Optional(Type.Integer({ description: 'Milliseconds', examples: [42] })),
    rows: Type.Optional(Type.Integer({ description: 'Rows answered', examples: [12] })),
    error: Type.Optional(
      Type.String({ description: 'Why not', examples: ['the function "file" is not allowed'] }),
    ),
  },
  { description: 'A query that was run' },
);
export type WorkbenchRun = Static<typeof WorkbenchRun>;
export const WorkbenchRunPage = Page(WorkbenchRun, 'Runs, newest first');
export type WorkbenchRunPage = Static<typeof WorkbenchRunPage>;
