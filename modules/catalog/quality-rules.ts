import type { Audit } from '@rapport/governance';
import { type Actor, type Clock, newId, toIso } from '@rapport/kernel';
import {
  createQualityJudge,
  LoadRefused,
  type QualityTable,
  ruleColumn,
  ruleKind,
  type Sources,
} from '@rapport/sources';
import type { QualityRule } from '@rapport/sources/contract';
import type { Relational, Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { catalogProblems } from './catalog.problems.ts';
import type { NewRule, RuleOutcome, RuleView } from './contract.ts';
import type { Monitor } from './monitor.ts';

interface RuleRow {
  id: string;
  table_name: string;
  rule: QualityRule;
  enabled: boolean;
}

interface OutcomeRow {
  rule_key: string;
  at: Date;
  passed: boolean;
  load_id: string | null;
  outcome: { message: string; failing?: number; checked?: number };
}

const Counted = Type.Object({ n: Type.Integer() });
const HISTORY = 20;

export type QualityRules = ReturnType<typeof createQualityRules>;

/** Rules of manifests and rules made here, over any table, with how they went. */
export function createQualityRules(deps: {
  readonly relational: Relational;
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly clock: Clock;
  readonly audit: Audit;
  readonly sources: Pick<Sources, 'manifests' | 'tablesOf'>;
  readonly monitor: Monitor;
}) {
  const { warehouse, releases, clock, sources } = deps;
  const { pool } = deps.relational;
  const judge = createQualityJudge(warehouse);

  const stored = async (): Promise<RuleRow[]> => {
    const { rows } = await pool.query<RuleRow>(
      'select r.id, r.table_name, r.rule, r.enabled from catalog.rule r order by r.table_name, r.id',
    );
    return rows;
  };

  /** The table of a rule as the judge needs it: under the name that the rule uses. */
  const tableFor = async (logical: string, name: string): Promise<QualityTable | undefined> => {
    const release = await releases.current();
    const placement = release.placements.get(logical);
    if (!placement) return undefined;
    const known = (await sources.tablesOf(release)).get(logical);
    if (known) {
      return {
        name,
        physical: placement.table,
        rows: known.description.rows,
        columns: known.description.columns,
      };
    }
    const Row = Type.Object({ name: Type.String(), type: Type.String() });
    const columns = await warehouse.query(Row, `DESCRIBE TABLE ${warehouse.identifier(placement.table)}`);
    const [count] = await warehouse.query(
      Counted,
      `SELECT count() AS n FROM ${warehouse.identifier(placement.table)}`,
    );
    return {
      name,
      physical: placement.table,
      rows: count?.n ?? 0,
      columns: columns.map((column) => ({ name: column.name, type: typeOf(column.type) })),
    };
  };

  const nameOf = (logical: string): string => logical.split('/').at(-1) ?? logical;

  const evaluate = async (row: RuleRow, loadId: string | undefined): Promise<RuleOutcome | undefined> => {
    const table = await tableFor(row.table_name, nameOf(row.table_name));
    if (!table) return undefined;
    const [, sourceId = '', own = ''] = row.table_name.split('/');
    const outcome = await judge.judge(row.rule, {
      tables: [table],
      now: clock.now(),
      historyOf: async () =>
        row.table_name.startsWith('src/')
          ? (await deps.monitor.growth(sourceId, own))
              .map((load) => load.rows)
              .reverse()
              .slice(1)
          : [],
    });
    await pool.query(
      `insert into catalog.outcome (id, rule_key, table_name, load_id, at, passed, outcome) values ($1, $2, $3, $4, $5, $6, $7)`,
      [
        newId('out'),
        row.id,
        row.table_name,
        loadId ?? null,
        new Date(clock.now()),
        outcome.passed,
        JSON.stringify(outcome),
      ],
    );
    // What is published cannot be refused any more, so `fail` blocks.
    const severity = outcome.severity === 'fail' ? 'block' : outcome.severity;
    await deps.monitor.judged(row.id, row.table_name, outcome.passed, { ...outcome, severity });
    return {
      at: toIso(clock.now()),
      passed: outcome.passed,
      message: outcome.message,
      ...(outcome.failing === undefined ? {} : { failing: outcome.failing }),
      ...(outcome.checked === undefined ? {} : { checked: outcome.checked }),
    };
  };

  const outcomesOf = async (): Promise<Map<string, RuleOutcome[]>> => {
    const { rows } = await pool.query<OutcomeRow>(
      `select k.rule_key, k.at, k.passed, k.load_id, k.outcome from (
         select o.rule_key, o.at, o.passed, o.load_id, o.outcome,
           row_number() over (partition by o.rule_key order by o.at desc, o.id desc) as n
         from catalog.outcome o) k where k.n <= ${HISTORY} order by k.rule_key, k.n`,
    );
    const found = new Map<string, RuleOutcome[]>();
    for (const row of rows) {
      const outcome: RuleOutcome = {
        at: toIso(row.at.getTime()),
        passed: row.passed,
        message: row.outcome.message,
        ...(row.outcome.failing === undefined ? {} : { failing: row.outcome.failing }),
        ...(row.outcome.checked === undefined ? {} : { checked: row.outcome.checked }),
        ...(row.load_id === null ? {} : { loadId: row.load_id }),
      };
      const list = found.get(row.rule_key);
      if (list) list.push(outcome);
      else found.set(row.rule_key, [outcome]);
    }
    return found;
  };

  const list = async (table?: string): Promise<RuleView[]> => {
    const [manifests, rows, outcomes] = await Promise.all([sources.manifests(), stored(), outcomesOf()]);
    const view = (
      key: string,
      logical: string,
      rule: QualityRule,
      more: Pick<RuleView, 'origin' | 'enabled'> & { ruleId?: string },
    ): RuleView => {
      const history = outcomes.get(key) ?? [];
      const column = ruleColumn(rule);
      const [last] = history;
      return {
        key,
        ...more,
        name: rule.name,
        table: logical,
        ...(column === undefined ? {} : { column }),
        kind: ruleKind(rule),
        severity: rule.severity ?? 'fail',
        rule,
        ...(last ? { last } : {}),
        history,
      };
    };
    const all = [
      ...manifests.flatMap((manifest) =>
        (manifest.quality ?? []).map((rule) =>
          view(
            `${manifest.source} ${rule.name}`,
            'table' in rule ? `src/${manifest.source}/${rule.table}` : `src/${manifest.source}`,
            rule,
            { origin: 'manifest', enabled: true },
          ),
        ),
      ),
      ...rows.map((row) =>
        view(row.id, row.table_name, row.rule, { origin: 'console', enabled: row.enabled, ruleId: row.id }),
      ),
    ];
    const rank = (rule: RuleView): number => (rule.last === undefined ? 1 : rule.last.passed ? 2 : 0);
    return all
      .filter((rule) => table === undefined || rule.table === table)
      .toSorted((a, b) => rank(a) - rank(b) || (a.key < b.key ? -1 : 1));
  };

  return {
    list,

    /** Rules that do not hold, by table. */
    async failing(): Promise<Map<string, number>> {
      const found = new Map<string, number>();
      for (const rule of await list()) {
        if (rule.enabled && rule.last?.passed === false)
          found.set(rule.table, (found.get(rule.table) ?? 0) + 1);
      }
      return found;
    },

    /** Judges the rules made here over the tables of a source and over the canonical tables. */
    async afterLoad(sourceId: string, loadId: string): Promise<void> {
      for (const row of await stored()) {
        const isOwn = row.table_name.startsWith(`src/${sourceId}/`);
        if (row.enabled && (isOwn || !row.table_name.startsWith('src/'))) await evaluate(row, loadId);
      }
    },

    /** Makes a rule and judges it at once. @throws catalog.invalid_rule, catalog.table_not_found */
    async add(body: NewRule, actor: Actor): Promise<RuleView> {
      const table = await tableFor(body.table, nameOf(body.table));
      if (!table) {
        throw catalogProblems.table_not_found({
          detail: `There is no loaded table "${body.table}". Tables are named like src/<source>/<table>, or customer.`,
        });
      }
      const rule = 'table' in body.rule ? { ...body.rule, table: table.name } : body.rule;
      const row: RuleRow = { id: newId('rul'), table_name: body.table, rule, enabled: body.enabled ?? true };
      try {
        await judge.judge(rule, { tables: [table], now: clock.now(), historyOf: async () => [] });
      } catch (error) {
        if (!(error instanceof LoadRefused)) throw error;
        throw catalogProblems.invalid_rule({
          detail: `The rule ${rule.name} cannot be judged. ${error.faults.map((fault) => fault.message).join(' ')}`,
          faults: error.faults.map((fault) => ({ pointer: '/rule', message: fault.message })),
        });
      }
      await pool.query(
        `insert into catalog.rule (id, table_name, rule, enabled, created_by, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $6)`,
        [row.id, row.table_name, JSON.stringify(rule), row.enabled, actor.id, new Date(clock.now())],
      );
      await deps.audit.record({
        actor,
        action: 'quality_rule.added',
        subject: row.id,
        details: { table: body.table, name: rule.name },
      });
      if (row.enabled) await evaluate(row, undefined);
      const found = (await list()).find((candidate) => candidate.key === row.id);
      if (!found) throw catalogProblems.rule_not_found({ detail: `There is no rule ${row.id}.` });
      return found;
    },

    async remove(ruleId: string, actor: Actor): Promise<void> {
      const { rows } = await pool.query<{ table_name: string }>(
        'delete from catalog.rule r where r.id = $1 returning r.table_name',
        [ruleId],
      );
      const [row] = rows;
      if (!row) throw catalogProblems.rule_not_found({ detail: `There is no rule ${ruleId} made here.` });
      await deps.monitor.judged(ruleId, row.table_name, true, {
        name: ruleId,
        severity: 'warn',
        message: '',
      });
      await deps.audit.record({ actor, action: 'quality_rule.removed', subject: ruleId });
    },
  };
}

function typeOf(engineType: string): string {
  if (/Int/.test(engineType)) return 'integer';
  if (/Float|Decimal/.test(engineType)) return 'number';
  if (/DateTime/.test(engineType)) return 'instant';
  if (/Date/.test(engineType)) return 'date';
  if (/Bool/.test(engineType)) return 'boolean';
  return /^(LowCardinality\()?String/.test(engineType) ? 'text' : 'other';
}
