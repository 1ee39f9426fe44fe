import { type Clock, newId, toIso } from '@rapport/kernel';
import {
  type DeliveredSample,
  type InspectedTable,
  type LoadInspection,
  type LoadInspector,
  sqlName,
} from '@rapport/sources';
import type { Relational, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { Alerts } from './alerts.ts';
import type { Blocks } from './blocks.ts';
import type { Dependant, DriftFindingView, DriftView, SchemaVersion } from './contract.ts';
import {
  type ColumnProfile,
  compareProfiles,
  type DriftFinding,
  shapesOf,
  type TableProfile,
} from './drift.ts';

const Figures = Type.Object({
  nulls: Type.Array(Type.Integer()),
  distinct: Type.Array(Type.Integer()),
  codes: Type.Array(Type.Array(Type.String())),
  least: Type.Array(Type.Union([Type.Number(), Type.Null()])),
  greatest: Type.Array(Type.Union([Type.Number(), Type.Null()])),
});
const Texts = Type.Object({ texts: Type.Array(Type.String()) });
const Refused = Type.Object({ field: Type.String(), reason: Type.String(), n: Type.Integer() });

/** A text column with at most this many values is a code list. */
const MAX_CODES = 60;
const SAMPLE_ROWS = 400;
const TYPE_REASONS = /^(not_a|not_an|not_allowed|pattern)/;

interface ProfileRow {
  id: string;
  load_id: string;
  at: Date;
  rows: string;
  profile: TableProfile;
}

interface DriftRow {
  id: string;
  source_id: string;
  table_name: string;
  load_id: string;
  at: Date;
  policy: string;
  refused: boolean;
  findings: DriftFindingView[];
}

export type Monitor = ReturnType<typeof createMonitor>;

/** Watches loads: what they bring is compared with what the last accepted one brought, and explained. */
export function createMonitor(deps: {
  readonly relational: Relational;
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  readonly alerts: Alerts;
  readonly blocks: Blocks;
  /** What uses a column of a source; wired to the lineage. */
  readonly dependantsOf: (column: {
    readonly sourceId: string;
    readonly table: string;
    readonly column: string;
  }) => Promise<readonly Dependant[]>;
}) {
  const { warehouse, clock, alerts, blocks } = deps;
  const { pool } = deps.relational;

  const lastAccepted = async (sourceId: string, table: string): Promise<ProfileRow | undefined> => {
    const { rows } = await pool.query<ProfileRow>(
      `select p.id, p.load_id, p.at, p.rows, p.profile from catalog.profile p
       where p.source_id = $1 and p.table_name = $2 and p.accepted order by p.at desc, p.id desc limit 1`,
      [sourceId, table],
    );
    return rows[0];
  };

  const volumes = async (sourceId: string, table: string): Promise<number[]> => {
    const { rows } = await pool.query<{ rows: string }>(
      `select p.rows from catalog.profile p
       where p.source_id = $1 and p.table_name = $2 and p.accepted order by p.at desc, p.id desc limit 30`,
      [sourceId, table],
    );
    return rows.map((row) => Number(row.rows));
  };

  const profileOf = async (load: LoadInspection, table: InspectedTable): Promise<TableProfile> => {
    const declared = load.source.tables.find((candidate) => candidate.name === table.name);
    const name = warehouse.identifier(table.physical);
    const each = (make: (column: InspectedTable['columns'][number], name: string) => string): string =>
      `[${table.columns.map((column) => make(column, sqlName(column.name))).join(', ')}]`;
    const isCode = (column: InspectedTable['columns'][number]): boolean =>
      column.type === 'text' && !column.personal;
    const isNumber = (type: string): boolean => type === 'integer' || type === 'number' || type === 'money';
    const [figures] = await warehouse.query(
      Figures,
      `SELECT ${each((column, own) => (column.type === 'text' ? `countIf(${own} = '')` : `countIf(isNull(${own}))`))} AS nulls,
  ${each((_, own) => `uniq(${own})`)} AS distinct,
  ${each((column, own) => (isCode(column) ? `groupUniqArray(${MAX_CODES + 1})(substring(${own}, 1, 60))` : `CAST([], 'Array(String)')`))} AS codes,
  ${each((column, own) => (isNumber(column.type) ? `toFloat64OrNull(toString(min(${own})))` : "CAST(NULL, 'Nullable(Float64)')"))} AS least,
  ${each((column, own) => (isNumber(column.type) ? `toFloat64OrNull(toString(max(${own})))` : "CAST(NULL, 'Nullable(Float64)')"))} AS greatest
FROM ${name}`,
      {},
      { maxSeconds: 1_800, signal: load.signal },
    );
    const samples = await warehouse.query(
      Texts,
      `SELECT ${each((_, own) => `ifNull(toString(${own}), '')`)} AS texts FROM ${name} LIMIT ${SAMPLE_ROWS}`,
    );
    const refused = new Map<string, Record<string, number>>();
    const read = table.reconciliation?.read ?? 0;
    if (table.faultTable !== undefined && read > 0 && (table.reconciliation?.quarantined ?? 0) > 0) {
      const rows = await warehouse.query(
        Refused,
        `SELECT fault.1 AS field, fault.3 AS reason, count() AS n FROM (SELECT arrayJoin(faults) AS fault FROM ${warehouse.identifier(table.faultTable)}) GROUP BY field, reason`,
      );
      for (const row of rows) {
        if (!TYPE_REASONS.test(row.reason)) continue;
        const known = refused.get(row.field) ?? {};
        known[row.reason] = row.n / read;
        refused.set(row.field, known);
      }
    }
    const columns = table.columns.map((column, index): ColumnProfile => {
      const from = declared?.columns.find((candidate) => candidate.name === column.name)?.from ?? column.name;
      const position = table.delivered?.indexOf(from);
      const codes = figures?.codes[index] ?? [];
      const [least, greatest] = [figures?.least[index], figures?.greatest[index]];
      return {
        name: column.name,
        from,
        type: column.type,
        ...(position === undefined || position === -1 ? {} : { position }),
        nullShare: table.rows === 0 ? 0 : (figures?.nulls[index] ?? 0) / table.rows,
        distinct: figures?.distinct[index] ?? 0,
        ...(isCode(column) && codes.length <= MAX_CODES && looksLikeCodes(codes.length, table.rows)
          ? { codes: codes.filter((code) => code !== '').sort() }
          : {}),
        shapes: shapesOf(samples.map((row) => row.texts[index] ?? '')),
        ...(least === null || least === undefined ? {} : { min: least }),
        ...(greatest === null || greatest === undefined ? {} : { max: greatest }),
        ...(refused.has(column.name) ? { refused: refused.get(column.name) ?? {} } : {}),
      };
    });
    const extra = (table.delivered ?? []).flatMap((from, position): ColumnProfile[] =>
      columns.some((column) => column.from === from) ? [] : [{ name: from, from, position }],
    );
    return { rows: table.rows, key: table.key, columns: [...columns, ...extra] };
  };

  const withDependants = async (
    sourceId: string,
    table: string,
    findings: readonly DriftFinding[],
  ): Promise<DriftFindingView[]> =>
    Promise.all(
      findings.map(async ({ isAddition: _, isStructural: __, codes, ...finding }) => ({
        ...finding,
        ...(codes ? { codes: [...codes] } : {}),
        dependants:
          finding.column === undefined || finding.kind === 'column_added'
            ? []
            : [...(await deps.dependantsOf({ sourceId, table, column: finding.column }))],
      })),
    );

  const keepDrift = async (drift: Omit<DriftView, 'id' | 'at'>): Promise<void> => {
    await pool.query(
      `insert into catalog.drift (id, source_id, table_name, load_id, at, policy, refused, findings)
       values ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [
        newId('dft'),
        drift.sourceId,
        drift.table,
        drift.loadId,
        new Date(clock.now()),
        drift.policy,
        drift.refused,
        JSON.stringify(drift.findings),
      ],
    );
  };

  const inspector: LoadInspector = {
    async inspect(load) {
      const policy = load.source.manifest.drift ?? 'warn';
      const faults: { code: string; place: string; message: string }[] = [];
      const notes: string[] = [];
      for (const table of load.tables) {
        if (load.kind === 'replay' && !table.reconciliation) continue;
        const profile = await profileOf(load, table);
        const before = await lastAccepted(load.source.id, table.name);
        await pool.query(
          `insert into catalog.profile (id, source_id, table_name, load_id, at, rows, profile, accepted)
           values ($1, $2, $3, $4, $5, $6, $7, false)`,
          [
            newId('prf'),
            load.source.id,
            table.name,
            load.loadId,
            new Date(clock.now()),
            table.rows,
            JSON.stringify(profile),
          ],
        );
        if (!before || load.kind === 'replay') continue;
        const found = compareProfiles(before.profile, profile, await volumes(load.source.id, table.name));
        if (found.length === 0) continue;
        const refusing = found.filter((finding) => refuses(policy, finding));
        const views = await withDependants(load.source.id, table.name, found);
        await keepDrift({
          sourceId: load.source.id,
          table: table.name,
          loadId: load.loadId,
          policy,
          refused: refusing.length > 0,
          findings: views,
        });
        for (const [index, finding] of found.entries()) {
          if (policy === 'accept additions' && finding.isAddition) continue;
          const view = views[index];
          const message = `${describe(finding)}${consequence(view?.dependants ?? [])} ${finding.advice}`;
          if (refusing.includes(finding)) {
            faults.push({ code: 'drift', place: placeOf(table.name, finding), message });
          } else {
            notes.push(`${placeOf(table.name, finding)}: ${message}`);
          }
        }
        const worth = found.filter((finding) => !(policy === 'accept additions' && finding.isAddition));
        if (worth.some((finding) => finding.kind !== 'column_moved')) {
          const words = worth
            .map((finding) => `${placeOf(table.name, finding)}: ${finding.message}`)
            .join(' ');
          await alerts.raise({
            kind: 'drift',
            severity: refusing.length > 0 ? 'critical' : 'warn',
            subject: `src/${load.source.id}/${table.name}`,
            cause: worth.map((finding) => `${finding.kind} ${finding.column ?? ''}`).join(', '),
            message: {
              en: `${load.source.id}: the delivery changed. ${words}`,
              'zh-Hant': `${load.source.id}：交付內容有變。${words}`,
              'zh-Hans': `${load.source.id}：交付内容有变。${words}`,
            },
            details: { loadId: load.loadId, refused: refusing.length > 0 },
          });
        }
      }
      for (const outcome of load.quality) {
        const table =
          outcome.table === undefined ? `src/${load.source.id}` : `src/${load.source.id}/${outcome.table}`;
        await pool.query(
          `insert into catalog.outcome (id, rule_key, table_name, load_id, at, passed, outcome) values ($1, $2, $3, $4, $5, $6, $7)`,
          [
            newId('out'),
            `${load.source.id} ${outcome.name}`,
            table,
            load.loadId,
            new Date(clock.now()),
            outcome.passed,
            JSON.stringify(outcome),
          ],
        );
      }
      return { faults, notes };
    },

    async explain(source, samples, faults) {
      const policy = source.manifest.drift ?? 'warn';
      const extra = new Map<string, string>();
      for (const sample of samples) {
        const before = await lastAccepted(source.id, sample.table.name);
        if (!before) continue;
        const found = compareProfiles(before.profile, sampleProfile(sample, before.profile), []).filter(
          (finding) =>
            finding.isStructural && finding.kind !== 'column_moved' && finding.kind !== 'new_codes',
        );
        if (found.length === 0) continue;
        const views = await withDependants(source.id, sample.table.name, found);
        await keepDrift({
          sourceId: source.id,
          table: sample.table.name,
          loadId: '',
          policy,
          refused: true,
          findings: views,
        });
        const words = found.map(
          (finding, index) =>
            `${describe(finding)}${consequence(views[index]?.dependants ?? [])} ${finding.advice}`,
        );
        extra.set(
          sample.table.name,
          ` Compared with the load of ${toIso(before.at.getTime()).slice(0, 10)}: ${words.join(' ')}`,
        );
        await alerts.raise({
          kind: 'drift',
          severity: 'critical',
          subject: `src/${source.id}/${sample.table.name}`,
          cause: found.map((finding) => `${finding.kind} ${finding.column ?? ''}`).join(', '),
          message: {
            en: `${source.id}: ${sample.file} has other columns; the data of before stays. ${words.join(' ')}`,
            'zh-Hant': `${source.id}：${sample.file} 的欄位變了，仍使用先前的資料。${words.join(' ')}`,
            'zh-Hans': `${source.id}：${sample.file} 的字段变了，仍使用先前的数据。${words.join(' ')}`,
          },
          details: { file: sample.file },
        });
      }
      return faults.map((fault) => {
        const table = fault.place.split(' ')[0] ?? '';
        const more =
          fault.code === 'missing_column' || fault.code === 'extra_column' ? extra.get(table) : undefined;
        return more === undefined ? fault : { ...fault, message: `${fault.message}${more}` };
      });
    },
  };

  return {
    inspector,

    /** The load became visible: what it brought is the measure of the next, and its rules begin and end blocks. */
    async accepted(sourceId: string, loadId: string): Promise<void> {
      await pool.query(
        'update catalog.profile p set accepted = true where p.source_id = $1 and p.load_id = $2',
        [sourceId, loadId],
      );
      await pool.query(
        `delete from catalog.profile p where p.source_id = $1 and p.id not in (
           select k.id from (select q.id, row_number() over (partition by q.table_name order by q.at desc, q.id desc) as n
             from catalog.profile q where q.source_id = $1) k where k.n <= 60)`,
        [sourceId],
      );
      const { rows } = await pool.query<{
        rule_key: string;
        table_name: string;
        passed: boolean;
        outcome: { name: string; severity: string; message: string; column?: string };
      }>(
        `select o.rule_key, o.table_name, o.passed, o.outcome from catalog.outcome o where o.load_id = $1 and o.rule_key like $2`,
        [loadId, `${sourceId} %`],
      );
      for (const row of rows) await judged(row.rule_key, row.table_name, row.passed, row.outcome);
    },

    async drifts(query: {
      sourceId?: string;
      cursor?: string;
      limit?: number;
    }): Promise<{ items: DriftView[]; nextCursor?: string }> {
      const limit = query.limit ?? 50;
      const { rows } = await pool.query<DriftRow>(
        `select d.id, d.source_id, d.table_name, d.load_id, d.at, d.policy, d.refused, d.findings from catalog.drift d
         where ($1::text is null or d.source_id = $1) and ($2::text is null or d.id < $2)
         order by d.id desc limit $3`,
        [query.sourceId ?? null, query.cursor ?? null, limit + 1],
      );
      const items = rows.slice(0, limit).map((row) => ({
        id: row.id,
        sourceId: row.source_id,
        table: row.table_name,
        loadId: row.load_id,
        at: toIso(row.at.getTime()),
        policy: row.policy,
        refused: row.refused,
        findings: row.findings,
      }));
      const last = items.at(-1);
      return { items, ...(rows.length > limit && last ? { nextCursor: last.id } : {}) };
    },

    /** Schemas of a table, newest first: one entry for each that differs from the one before. */
    async schemas(sourceId: string, table: string): Promise<SchemaVersion[]> {
      const { rows } = await pool.query<ProfileRow>(
        `select p.id, p.load_id, p.at, p.rows, p.profile from catalog.profile p
         where p.source_id = $1 and p.table_name = $2 and p.accepted order by p.at desc, p.id desc`,
        [sourceId, table],
      );
      const versions = rows.map(
        (row): SchemaVersion => ({
          loadId: row.load_id,
          at: toIso(row.at.getTime()),
          rows: Number(row.rows),
          columns: row.profile.columns.map(({ name, from, type }) => ({
            name,
            from,
            ...(type === undefined ? {} : { type }),
          })),
          key: [...row.profile.key],
        }),
      );
      const signature = (version: SchemaVersion | undefined): string =>
        version === undefined ? '' : JSON.stringify([version.columns, version.key]);
      return versions.filter((version, index) => signature(version) !== signature(versions[index + 1]));
    },

    async growth(sourceId: string, table: string): Promise<{ at: string; rows: number }[]> {
      const { rows } = await pool.query<{ at: Date; rows: string }>(
        `select p.at, p.rows from catalog.profile p
         where p.source_id = $1 and p.table_name = $2 and p.accepted order by p.at desc, p.id desc limit 60`,
        [sourceId, table],
      );
      return rows.map((row) => ({ at: toIso(row.at.getTime()), rows: Number(row.rows) })).reverse();
    },

    judged,
  };

  /** What a judgement means for blocks and alerts. */
  async function judged(
    ruleKey: string,
    table: string,
    passed: boolean,
    outcome: {
      readonly name: string;
      readonly severity: string;
      readonly message: string;
      readonly column?: string;
    },
  ): Promise<void> {
    if (passed) {
      await blocks.end('quality', ruleKey);
      await alerts.resolve('quality', table, ruleKey);
      return;
    }
    if (outcome.severity === 'block') {
      await blocks.begin({
        table,
        ...(outcome.column === undefined ? {} : { column: outcome.column }),
        because: 'quality',
        cause: ruleKey,
        message: `The rule ${outcome.name} fails: ${outcome.message} Tags over it keep their values until it holds, or until somebody releases it.`,
      });
    }
    await alerts.raise({
      kind: 'quality',
      severity: outcome.severity === 'warn' ? 'warn' : 'critical',
      subject: table,
      cause: ruleKey,
      message: {
        en: `${table}: the rule ${outcome.name} fails. ${outcome.message}`,
        'zh-Hant': `${table}：規則 ${outcome.name} 未通過。${outcome.message}`,
        'zh-Hans': `${table}：规则 ${outcome.name} 未通过。${outcome.message}`,
      },
      details: { rule: ruleKey, severity: outcome.severity },
    });
  }
}

/** A handful of values in a handful of rows says nothing of a code list. */
const looksLikeCodes = (codes: number, rows: number): boolean => rows >= 20 && codes <= rows / 4;

function refuses(policy: string, finding: DriftFinding): boolean {
  if (!finding.isStructural || finding.kind === 'column_moved') return false;
  if (policy === 'refuse') return true;
  return policy === 'accept additions' && !finding.isAddition;
}

const placeOf = (table: string, finding: DriftFinding): string =>
  finding.column === undefined ? table : `${table}.${finding.column}`;

const describe = (finding: DriftFinding): string =>
  finding.confidence === undefined
    ? finding.message
    : `${finding.message} (${Math.round(finding.confidence * 100)} % sure)`;

/** “ 14 tags and 3 audiences depend on it: aum, …” */
export function consequence(dependants: readonly Dependant[]): string {
  if (dependants.length === 0) return '';
  const kinds = new Map<string, Dependant[]>();
  for (const dependant of dependants) {
    const same = kinds.get(dependant.kind);
    if (same) same.push(dependant);
    else kinds.set(dependant.kind, [dependant]);
  }
  const parts = [...kinds].map(
    ([kind, list]) => `${list.length} ${kind}${list.length === 1 ? '' : kind.endsWith('s') ? '' : 's'}`,
  );
  const names = dependants.slice(0, 5).map((dependant) => dependant.id);
  const more = dependants.length > names.length ? ', …' : '';
  return ` ${parts.join(' and ')} depend${dependants.length === 1 ? 's' : ''} on it: ${names.join(', ')}${more}.`;
}

/** What the first records of a refused file say of its columns. */
function sampleProfile(sample: DeliveredSample, before: TableProfile): TableProfile {
  return {
    rows: before.rows,
    key: before.key,
    columns: sample.header.map((from, position): ColumnProfile => {
      const texts = sample.records.map((record) => record[position] ?? '');
      const column = sample.table.columns.find((candidate) => candidate.from === from);
      const codes = [...new Set(texts.filter((text) => text !== ''))];
      return {
        name: column?.name ?? from,
        from,
        position,
        ...(column ? { type: column.type } : {}),
        shapes: shapesOf(texts),
        ...(codes.length <= MAX_CODES && looksLikeCodes(codes.length, texts.length) ? { codes } : {}),
      };
    }),
  };
}
