import type { Audit } from '@rapport/governance';
import { type Actor, type Clock, newId, Problem } from '@rapport/kernel';
import { foreignTables, lexicalFault } from '@rapport/sources';
import type { Relational } from '@rapport/stores';
import { Type } from 'typebox';
import type {
  SavedQuery,
  SaveQuery,
  WorkbenchRequest,
  WorkbenchResult,
  WorkbenchRunPage,
  WorkbenchTables,
} from './contract.ts';
import {
  bindGoverned,
  type Governed,
  type GovernedDeps,
  governedTables,
  namesIn,
  pseudonymKeys,
} from './governed-tables.ts';
import { workbenchProblems } from './workbench.problems.ts';
import { createWorkbenchStore } from './workbench.store.sql.ts';

export interface WorkbenchDeps extends GovernedDeps {
  readonly relational: Pick<Relational, 'pool'>;
  readonly clock: Clock;
  readonly audit: Pick<Audit, 'record'>;
  readonly limits?: Partial<WorkbenchLimits>;
  /** Takes what was read by whom into the access log. */
  readonly onRead?: (
    reads: readonly { table: string; columns: readonly string[] }[],
    purpose: 'run' | 'export',
    actor: Actor,
  ) => Promise<void>;
}

export interface WorkbenchLimits {
  /** A query may take so long, seconds. */
  readonly seconds: number;
  /** A query may read so many rows, by the engine's own estimate. */
  readonly rows: number;
  /** Memory of a query, bytes. */
  readonly bytes: number;
  /** Query time of one caller a day, milliseconds. */
  readonly dailyMs: number;
  /** Rows of an export. */
  readonly exportRows: number;
}

const LIMITS: WorkbenchLimits = {
  seconds: 60,
  rows: 2_000_000_000,
  bytes: 4 * 1024 ** 3,
  dailyMs: 30 * 60_000,
  exportRows: 1_000_000,
};

export interface Workbench {
  tables(actor: Actor): Promise<WorkbenchTables>;
  /**
   * @throws workbench.not_allowed, workbench.failed, workbench.too_much, workbench.budget_spent, workbench.busy,
   *   workbench.no_data
   */
  run(request: WorkbenchRequest, actor: Actor, signal?: AbortSignal): Promise<WorkbenchResult>;
  /** The whole answer as CSV, recorded in the audit trail before the first byte. @throws as `run` */
  exportCsv(sql: string, actor: Actor): Promise<AsyncIterable<string>>;
  /** A Jupyter notebook that asks the same question through the API. */
  notebook(sql: string, publicUrl: string): string;
  saved(actor: Actor): Promise<SavedQuery[]>;
  save(query: SaveQuery, actor: Actor): Promise<SavedQuery>;
  /** @throws workbench.not_found also for queries of others, workbench.changed_meanwhile */
  change(id: string, query: SaveQuery, actor: Actor): Promise<SavedQuery>;
  /** @throws workbench.not_found */
  remove(id: string, actor: Actor): Promise<void>;
  /** The caller's runs; of everybody for those who may read the audit trail. */
  runs(query: { cursor?: string; limit?: number }, actor: Actor): Promise<WorkbenchRunPage>;
}

const AnyRow = Type.Record(Type.String(), Type.Unknown());
const Described = Type.Object({ name: Type.String(), type: Type.String() });
const Explained = Type.Object({ explain: Type.String() });
const Estimated = Type.Object({ rows: Type.Integer() });
const Database = Type.Object({ name: Type.String() });

/** The governed SQL workbench: read-only, the caller's rows and columns, budgeted, recorded. */
export function createWorkbench(deps: WorkbenchDeps): Workbench {
  const { warehouse, clock, audit } = deps;
  const limits: WorkbenchLimits = { ...LIMITS, ...deps.limits };
  const store = createWorkbenchStore(deps.relational);
  const running = new Set<string>();
  const keys = pseudonymKeys(deps.pseudonymKey);

  interface Checked {
    readonly sql: string;
    readonly governed: Governed;
    readonly columns: readonly { name: string; type: string }[];
    readonly reads: readonly { table: string; columns: string[] }[];
    readonly estimatedRows: number;
  }

  /** Lets nothing through but a SELECT over the caller's own view of the tables. */
  const check = async (sql: string, actor: Actor): Promise<Checked> => {
    const fault = lexicalFault(sql);
    if (fault) throw workbenchProblems.not_allowed({ detail: `This SQL is not allowed: ${fault}.` });
    const governed = await governedTables(deps, actor, sql);
    if (!governed) throw workbenchProblems.no_data({ detail: 'No source has delivered customers yet.' });
    const bound = bindGoverned(sql, governed);
    const words = namesIn(sql);
    const beneath = bound.physical.find((table) => words.has(table));
    if (beneath !== undefined)
      throw workbenchProblems.not_allowed({
        detail: `"${beneath}" cannot be read directly; ask ${[...governed.tables.keys()].join(', ')}.`,
      });
    const hidden = [...governed.tables.values()].flatMap(({ view }) =>
      view.columns.filter((column) => column.access === 'hidden' && words.has(column.name)),
    );
    if (hidden[0])
      throw workbenchProblems.not_allowed({
        detail: `${hidden.map((column) => column.name).join(', ')} is class C3; ask for access to it.`,
      });
    try {
      const [tree, [database], columns] = await Promise.all([
        warehouse.query(Explained, `SELECT explain FROM (EXPLAIN QUERY TREE ${bound.sql})`, governed.params),
        warehouse.query(Database, 'SELECT currentDatabase() AS name'),
        warehouse.query(Described, `DESCRIBE (${bound.sql})`, governed.params),
      ]);
      const lines = tree.flatMap((row) => row.explain.split('\n'));
      const foreign = foreignTables(
        lines,
        database?.name ?? '',
        bound.physical.map((physical) => ({ name: physical, physical, columns: [] })),
      );
      if (foreign.length > 0)
        throw workbenchProblems.not_allowed({
          detail: `It reads ${foreign.join(', ')}; only tables of the workbench may be read.`,
        });
      const repeated = columns.find(
        (column, at) => columns.findIndex((other) => other.name === column.name) !== at,
      );
      if (repeated)
        throw workbenchProblems.not_allowed({
          detail: `Two columns are named "${repeated.name}"; give one of them another name by AS.`,
        });
      const estimate = await warehouse.query(Estimated, `EXPLAIN ESTIMATE ${bound.sql}`, governed.params);
      const estimatedRows = estimate.reduce((sum, row) => sum + row.rows, 0);
      if (estimatedRows > limits.rows)
        throw workbenchProblems.too_much({
          detail: `It would read about ${estimatedRows} rows; a query may read ${limits.rows}. Narrow it, by cid or by time.`,
          details: { estimatedRows, limit: limits.rows },
        });
      const reads = bound.used.map((table) => ({
        table,
        columns: (governed.tables.get(table)?.view.columns ?? [])
          .map((column) => column.name)
          .filter((name) => words.has(name) || sql.includes('*')),
      }));
      return { sql: bound.sql, governed, columns, reads, estimatedRows };
    } catch (error) {
      throw asRefusal(error, keys);
    }
  };

  /** One query of a caller at a time, within the day's budget, written down whatever becomes of it. */
  const recorded = async <Result extends { rows: number }>(
    purpose: 'run' | 'export',
    sql: string,
    actor: Actor,
    work: (runId: string) => Promise<Result>,
  ): Promise<Result> => {
    const spent = await store.spentToday(actor.id, startOfDay(clock.now()));
    if (spent >= limits.dailyMs)
      throw workbenchProblems.budget_spent({
        detail: `You have used ${Math.round(spent / 1000)} s of query time today; a day has ${Math.round(limits.dailyMs / 1000)} s. It starts anew at midnight UTC.`,
        details: { spentMs: spent, dailyMs: limits.dailyMs },
      });
    if (running.has(actor.id))
      throw workbenchProblems.busy({ detail: 'Wait for your running query, or cancel it.' });
    running.add(actor.id);
    const runId = newId('run');
    const started = performance.now();
    await store.begin({ id: runId, actor, purpose, sql, at: new Date(clock.now()) });
    const end = (state: string, rows?: number, error?: string): Promise<void> =>
      store.end(runId, { state, tookMs: Math.round(performance.now() - started), rows, error });
    try {
      const result = await work(runId);
      await end('done', result.rows);
      return result;
    } catch (error) {
      const isCancelled = error instanceof Problem && error.code === 'stores.query_cancelled';
      const isRefused = error instanceof Problem && error.code === 'workbench.not_allowed';
      const message = error instanceof Error ? error.message.slice(0, 1_000) : String(error);
      await end(isCancelled ? 'cancelled' : isRefused ? 'refused' : 'failed', undefined, message);
      throw error;
    } finally {
      running.delete(actor.id);
    }
  };

  const settings = (rows: number) => ({
    limit: rows,
    max_memory_usage: limits.bytes,
    readonly: 2,
    max_threads: 2,
  });

  return {
    async tables(actor) {
      const governed = await governedTables(deps, actor);
      return {
        items: governed ? [...governed.tables.values()].map(({ view }) => view) : [],
        isScoped: governed?.isScoped ?? false,
      };
    },

    async run(request, actor, signal) {
      const limit = request.limit ?? 1_000;
      const started = performance.now();
      const result = await recorded('run', request.sql, actor, async (runId) => {
        const checked = await check(request.sql, actor);
        await store.reads(runId, checked.reads);
        await deps.onRead?.(checked.reads, 'run', actor);
        try {
          const rows = await warehouse.query(AnyRow, checked.sql, checked.governed.params, {
            maxSeconds: limits.seconds,
            settings: settings(limit + 1),
            ...(signal ? { signal } : {}),
          });
          return { runId, checked, answered: rows, rows: Math.min(rows.length, limit) };
        } catch (error) {
          throw asRefusal(error, keys);
        }
      });
      return {
        runId: result.runId,
        columns: [...result.checked.columns],
        rows: result.answered
          .slice(0, limit)
          .map((row) => result.checked.columns.map(({ name, type }) => shownValue(row[name], type))),
        isComplete: result.answered.length <= limit,
        tookMs: Math.round(performance.now() - started),
        estimatedRows: result.checked.estimatedRows,
        reads: result.checked.reads.map(({ table, columns }) => ({ table, columns })),
        release: result.checked.governed.release,
        budget: {
          spentMs: await store.spentToday(actor.id, startOfDay(clock.now())),
          dailyMs: limits.dailyMs,
        },
      };
    },

    async exportCsv(sql, actor) {
      const { runId, checked } = await recorded('export', sql, actor, async (runId) => {
        const found = await check(sql, actor);
        await store.reads(runId, found.reads);
        await audit.record({
          actor,
          action: 'workbench.exported',
          subject: runId,
          details: { sql: sql.slice(0, 4_000), reads: found.reads },
        });
        await deps.onRead?.(found.reads, 'export', actor);
        return { runId, checked: found, rows: 0 };
      });
      const started = performance.now();
      let rows = 0;
      const batches = warehouse.stream(AnyRow, checked.sql, checked.governed.params, {
        maxSeconds: limits.seconds * 5,
        settings: settings(limits.exportRows),
      });
      const counted = (async function* () {
        let state = 'failed';
        try {
          for await (const batch of batches) {
            rows += batch.length;
            yield batch;
          }
          state = 'done';
        } finally {
          await store.end(runId, { state, tookMs: Math.round(performance.now() - started), rows });
        }
      })();
      return csv(checked.columns, counted);
    },

    notebook: (sql, publicUrl) => JSON.stringify(notebookOf(sql, publicUrl), null, 1),

    saved: (actor) => store.saved(actor),
    async save(query, actor) {
      const id = newId('qry');
      await store.insert(id, query, actor, new Date(clock.now()));
      await audit.record({
        actor,
        action: 'workbench.query_saved',
        subject: id,
        details: { name: query.name },
      });
      return requireSaved(id, actor);
    },
    async change(id, query, actor) {
      const before = await requireMine(id, actor);
      if (!(await store.replace(id, query, new Date(clock.now()))))
        throw workbenchProblems.changed_meanwhile({
          detail: `"${before.name}" is at version ${before.version}; read it again and repeat the change.`,
        });
      await audit.record({
        actor,
        action: 'workbench.query_changed',
        subject: id,
        details: { name: query.name },
      });
      return requireSaved(id, actor);
    },
    async remove(id, actor) {
      await requireMine(id, actor);
      await store.remove(id);
      await audit.record({ actor, action: 'workbench.query_deleted', subject: id });
    },
    runs: (query, actor) => store.runs(query, actor),
  };

  async function requireSaved(id: string, actor: Actor): Promise<SavedQuery> {
    const found = (await store.saved(actor)).find((query) => query.id === id);
    if (!found) throw workbenchProblems.not_found({ detail: `There is no saved query ${id}.` });
    return found;
  }
  async function requireMine(id: string, actor: Actor): Promise<SavedQuery> {
    const found = await requireSaved(id, actor);
    if (!found.isMine)
      throw workbenchProblems.not_found({ detail: `The query ${id} is not yours to change.` });
    return found;
  }
}

/** What the engine says, without the statement that we made around the caller's, and without keys. */
function asRefusal(error: unknown, keys: readonly string[]): unknown {
  if (!(error instanceof Problem) || !error.code.startsWith('stores.')) return error;
  if (error.code === 'stores.query_cancelled') return error;
  const message = keys.reduce((text, key) => text.replaceAll(key, '…'), error.message);
  // The engine repeats the statement behind these words.
  const told = (message.split(/ — in |[.:,]? in scope |[.:]? While /i)[0] ?? '')
    .replaceAll(/\s+/g, ' ')
    .slice(0, 500);
  if (error.code === 'stores.query_too_slow' || error.code === 'stores.query_too_large')
    return workbenchProblems.too_much({ detail: told, cause: error });
  return workbenchProblems.failed({ detail: told, cause: error });
}

const startOfDay = (at: number): Date => new Date(Math.floor(at / 86_400_000) * 86_400_000);

/** 64-bit integers travel as text and become numbers where those are exact. */
function shownValue(value: unknown, type: string): unknown {
  if (typeof value !== 'string' || !/^(Nullable\()?U?Int(64|128|256)\)?$/.test(type)) return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

async function* csv(
  columns: readonly { name: string; type: string }[],
  batches: AsyncIterable<Record<string, unknown>[]>,
): AsyncIterable<string> {
  yield `\uFEFF${columns.map((column) => csvField(column.name)).join(',')}\r\n`;
  for await (const rows of batches)
    yield rows.map((row) => `${columns.map((column) => csvField(row[column.name])).join(',')}\r\n`).join('');
}

/**
 * A text that a spreadsheet would run as a formula gets an apostrophe in front.
 * @source RFC 4180; OWASP, CSV Injection
 */
function csvField(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** @source Jupyter notebook format 4.5 */
function notebookOf(sql: string, publicUrl: string): object {
  const cell = (type: 'code' | 'markdown', id: string, text: string): object => ({
    cell_type: type,
    id,
    metadata: {},
    source: text.split(/(?<=\n)/),
    ...(type === 'code' ? { execution_count: null, outputs: [] } : {}),
  });
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { language_info: { name: 'python' } },
    cells: [
      cell('markdown', 'about', 'Asks the governed workbench of Rapport; set RAPPORT_API_KEY first.\n'),
      cell(
        'code',
        'ask',
        `import json, os, urllib.request\n\nsql = ${JSON.stringify(sql)}\nrequest = urllib.request.Request(\n    ${JSON.stringify(`${publicUrl}/api/v1/workbench/run`)},\n    data=json.dumps({"sql": sql, "limit": 10000}).encode(),\n    headers={"content-type": "application/json", "authorization": "Bearer " + os.environ["RAPPORT_API_KEY"]},\n)\nanswer = json.load(urllib.request.urlopen(request))\n`,
      ),
      cell(
        'code',
        'frame',
        'import pandas as pd\n\nframe = pd.DataFrame(answer["rows"], columns=[column["name"] for column in answer["columns"]])\nframe\n',
      ),
    ],
  };
}
