import { type ConditionCatalog, checkCondition, compileCids } from '@rapport/conditions';
import type { Audit } from '@rapport/governance';
import { type Actor, type Clock, type EpochMs, type ProblemFault, toIso } from '@rapport/kernel';
import { calibration, classifierMetrics, liftDeciles } from '@rapport/statistics';
import type { Jobs, Placement, Relational, Release, Releases, Warehouse } from '@rapport/stores';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { ModelCard, type ModelMetrics, type ModelView, NewModel } from './contract.ts';
import { featureSources, isHeldOut, isSampled, MOST_ROWS, readCustomers, readLabel } from './dataset.ts';
import { Encoding, encodeRows, learnEncoding, type RawRow } from './encoding.ts';
import { fitLogistic, probability } from './logistic.ts';
import { modelsProblems } from './models.problems.ts';

export interface ModelsDeps {
  readonly relational: Relational;
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly jobs: Jobs;
  readonly clock: Clock;
  readonly audit: Audit;
  readonly catalog: () => Promise<ConditionCatalog>;
  /** Makes a table of scores the values of a tag that people can use like any other. */
  readonly publishScores: (scores: ScoreTag) => Promise<Release>;
}

export interface ScoreTag {
  readonly tagId: string;
  readonly modelId: string;
  readonly title: string;
  readonly description: string;
  readonly placement: Placement & { readonly column: string };
  readonly note: string;
}

export interface Models {
  list(query: { cursor?: string; limit?: number }): Promise<{ items: ModelView[]; nextCursor?: string }>;
  /** @throws models.not_found */
  get(modelId: string): Promise<ModelView>;
  /** @throws models.exists, models.not_valid, models.unknown_feature */
  create(model: NewModel, actor: Actor): Promise<ModelView>;
  /** Starts training; a new version with its card stands when the job is done. */
  train(modelId: string, actor: Actor): Promise<string>;
  /** Judges the current version again on the customers kept aside, on the current data. @throws models.not_trained */
  evaluate(modelId: string, actor: Actor): Promise<string>;
  /** Scores all customers with the current version into its tag. @throws models.not_trained */
  score(modelId: string, actor: Actor): Promise<string>;
  /** The current version’s chance for one set of raw tag values, in the order of the model’s features. */
  predict(modelId: string, raw: RawRow): Promise<number>;
}

interface ModelRow {
  readonly id: string;
  readonly definition: NewModel;
  readonly version: number;
  readonly scored_version: number | null;
  readonly scored_at: Date | null;
  readonly scored: string | null;
  readonly created_by: string;
  readonly created_at: Date;
  readonly card: unknown;
}

const Payload = Type.Object({ modelId: Type.String() });
const Weights = Type.Array(Type.Number());
/** Fewer positives or negatives than this teach nothing reliable. */
const FEWEST = 20;
const DEFAULTS = { l2: 1, validationShare: 0.3 } as const;
const SELECT = `select m.id, m.definition, m.version, m.scored_version, m.scored_at, m.scored, m.created_by, m.created_at, v.card
  from models.model m left join models.version v on v.model_id = m.id and v.version = m.version`;

/** Models 模型: learn from tags, judge on customers kept aside, score everybody into a tag. */
export function createModels(deps: ModelsDeps): Models {
  const { relational, warehouse, releases, jobs, clock, audit } = deps;

  const find = async (modelId: string): Promise<ModelRow> => {
    const found = await relational.pool.query<ModelRow>(`${SELECT} where m.id = $1`, [modelId]);
    const row = found.rows[0];
    if (!row) throw modelsProblems.not_found({ detail: `There is no model ${modelId}.` });
    return row;
  };
  const current = async (modelId: string): Promise<TrainedVersion> => {
    const found = await relational.pool.query<{
      encoding: unknown;
      weights: unknown;
      intercept: number;
      version: number;
      card: unknown;
    }>(
      `select v.encoding, v.weights, v.intercept, v.version, v.card from models.version v
       join models.model m on m.id = v.model_id and m.version = v.version where m.id = $1`,
      [modelId],
    );
    const row = found.rows[0];
    if (!row) throw modelsProblems.not_trained({ detail: `Train model ${modelId} first.` });
    return {
      version: row.version,
      intercept: row.intercept,
      encoding: Value.Parse(Encoding, row.encoding),
      weights: Value.Parse(Weights, row.weights),
      card: Value.Parse(ModelCard, row.card),
    };
  };

  const dataset = async (model: ModelRow, signal: AbortSignal): Promise<Dataset> => {
    const { definition } = model;
    const [release, catalog] = [await releases.current(), await deps.catalog()];
    const sources = featureSources(definition.features, catalog);
    const asked = definition.asOf === undefined ? undefined : Date.parse(definition.asOf);
    const { positives, asOf } = await readLabel(warehouse, catalog, definition.label, {
      asOf: asked,
      now: clock.now(),
    });
    const population =
      definition.population && compileCids(definition.population, catalog, { now: clock.now() });
    const members = population && (await warehouse.queryCids(population.sql, population.params));
    const total = members?.size ?? (await countCustomers(catalog));
    const share = definition.validationShare ?? DEFAULTS.validationShare;
    const [train, validation]: [LabelledRows, LabelledRows] = [emptyRows(), emptyRows()];
    for await (const batch of readCustomers(warehouse, catalog, definition.features, signal)) {
      for (const { cid, customerId, raw } of batch) {
        if ((members && !members.has(cid)) || !isSampled(model.id, customerId, total)) continue;
        const rows = isHeldOut(model.id, customerId, share) ? validation : train;
        rows.raw.push(raw);
        rows.labels.push(positives.has(cid) ? 1 : 0);
      }
    }
    for (const [name, rows] of [
      ['to learn from', train],
      ['kept aside', validation],
    ] as const) {
      const found = rows.labels.reduce((sum, label) => sum + label, 0);
      if (found >= FEWEST && rows.labels.length - found >= FEWEST) continue;
      throw modelsProblems.too_few({
        detail: `Of the ${rows.labels.length} customers ${name}, ${found} are positive; at least ${FEWEST} of each kind are needed.`,
      });
    }
    return { train, validation, asOf, release: release.number, sources, sampled: total > MOST_ROWS };
  };

  const countCustomers = async (catalog: ConditionCatalog): Promise<number> => {
    const [row] = await warehouse.query(
      Type.Object({ n: Type.Integer() }),
      `SELECT count() AS n FROM ${warehouse.identifier(catalog.customers)}`,
    );
    return row?.n ?? 0;
  };

  const train = async (modelId: string, signal: AbortSignal): Promise<ModelCard> => {
    const model = await find(modelId);
    const data = await dataset(model, signal);
    const encoding = learnEncoding(data.sources, data.train.raw, data.asOf);
    const values = encodeRows(encoding, data.train.raw);
    const fit = await fitLogistic(
      {
        rows: data.train.raw.length,
        columns: encoding.columns.length,
        values,
        labels: Uint8Array.from(data.train.labels),
      },
      model.definition.l2 ?? DEFAULTS.l2,
      signal,
    );
    const at = clock.now();
    return relational.transaction(async (client) => {
      const locked = await client.query<{ version: number }>(
        'select m.version from models.model m where m.id = $1 for update',
        [modelId],
      );
      const version = (locked.rows[0]?.version ?? 0) + 1;
      const card: ModelCard = {
        version,
        trainedAt: toIso(at),
        asOf: toIso(data.asOf),
        release: data.release,
        trainRows: data.train.labels.length,
        trainPositives: data.train.labels.reduce((sum, label) => sum + label, 0),
        iterations: fit.iterations,
        objective: fit.objective,
        intercept: fit.intercept,
        coefficients: encoding.columns
          .map((column, index) => ({ ...column, weight: fit.weights[index] ?? 0 }))
          .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)),
        validation: judge(encoding, [...fit.weights], fit.intercept, data.validation),
        caveats: caveatsOf(model, data, fit.converged),
      };
      await client.query(
        `insert into models.version (model_id, version, encoding, weights, intercept, card, created_at) values ($1, $2, $3, $4, $5, $6, $7)`,
        [
          modelId,
          version,
          JSON.stringify(encoding),
          JSON.stringify([...fit.weights]),
          fit.intercept,
          JSON.stringify(card),
          new Date(at),
        ],
      );
      await client.query('update models.model m set version = $2 where m.id = $1', [modelId, version]);
      return card;
    });
  };

  const evaluate = async (modelId: string, signal: AbortSignal): Promise<ModelMetrics> => {
    const trained = await current(modelId);
    const { validation } = await dataset(await find(modelId), signal);
    const metrics = judge(trained.encoding, trained.weights, trained.intercept, validation);
    const card: ModelCard = { ...trained.card, validation: metrics };
    await relational.pool.query(
      'update models.version v set card = $3 where v.model_id = $1 and v.version = $2',
      [modelId, trained.version, JSON.stringify(card)],
    );
    return metrics;
  };

  /** Idempotent: a run that died left only an unpublished table, which the sweep of releases drops. */
  const score = async (
    modelId: string,
    signal: AbortSignal,
  ): Promise<{ scored: number; release: number }> => {
    const model = await find(modelId);
    const trained = await current(modelId);
    const catalog = await deps.catalog();
    const tagId = scoreTagOf(modelId);
    const table = releases.newTableName(tagId);
    await warehouse.createTable({
      name: table,
      columns: 'cid UInt32, value Nullable(Float64)',
      orderBy: 'cid',
      spread: 'cid',
    });
    let scored = 0;
    const bytes = async function* (): AsyncGenerator<Uint8Array> {
      for await (const batch of readCustomers(warehouse, catalog, model.definition.features, signal)) {
        const values = encodeRows(
          trained.encoding,
          batch.map((row) => row.raw),
        );
        const block = Buffer.allocUnsafe(batch.length * ROW_BYTES);
        batch.forEach(({ cid }, row) => {
          block.writeUInt32LE(cid, row * ROW_BYTES);
          block.writeUInt8(0, row * ROW_BYTES + 4);
          block.writeDoubleLE(
            probability(trained.weights, trained.intercept, values, row),
            row * ROW_BYTES + 5,
          );
        });
        scored += batch.length;
        if (block.length > 0) yield block;
      }
    };
    await warehouse.insertStream(
      `INSERT INTO ${warehouse.identifier(table)} (cid, value) FORMAT RowBinary`,
      bytes(),
      {
        maxSeconds: 3_600,
        signal,
      },
    );
    const release = await deps.publishScores({
      tagId,
      modelId,
      title: model.definition.name,
      description: `Chance by model ${modelId}, version ${trained.version}`,
      placement: { table, column: 'value' },
      note: `model ${modelId} version ${trained.version}`,
    });
    await relational.pool.query(
      'update models.model m set scored_version = $2, scored_at = $3, scored = $4 where m.id = $1',
      [modelId, trained.version, new Date(clock.now()), scored],
    );
    return { scored, release: release.number };
  };

  jobs.define('model.train', Payload, ({ payload, signal }) => train(payload.modelId, signal), {
    retries: 1,
  });
  jobs.define('model.evaluate', Payload, ({ payload, signal }) => evaluate(payload.modelId, signal), {
    retries: 1,
  });
  jobs.define('model.score', Payload, ({ payload, signal }) => score(payload.modelId, signal), {
    retries: 2,
  });

  const start = async (
    verb: 'train' | 'evaluate' | 'score',
    modelId: string,
    actor: Actor,
  ): Promise<string> => {
    await find(modelId);
    if (verb !== 'train') await current(modelId);
    await audit.record({ actor, action: `model.${verb}`, subject: modelId });
    return jobs.enqueue(`model.${verb}`, { modelId }, { subject: modelId, singleton: `model/${modelId}` });
  };

  return {
    async list({ cursor, limit = 50 }) {
      const found = await relational.pool.query<ModelRow>(
        `${SELECT} where $1::text is null or (m.created_at, m.id) < (select b.created_at, b.id from models.model b where b.id = $1)
         order by m.created_at desc, m.id desc limit $2`,
        [cursor ?? null, limit + 1],
      );
      const items = found.rows.slice(0, limit).map(present);
      const last = items.at(-1);
      return found.rows.length > limit && last ? { items, nextCursor: last.id } : { items };
    },
    get: async (modelId) => present(await find(modelId)),
    async create(model, actor) {
      const catalog = await deps.catalog();
      featureSources(model.features, catalog);
      refuse(faultsOf(model, catalog));
      const id = model.id ?? idFrom(model.name);
      const made = await relational.pool.query(
        `insert into models.model (id, definition, created_by, created_at) values ($1, $2, $3, $4) on conflict (id) do nothing`,
        [id, JSON.stringify({ ...model, id }), actor.id, new Date(clock.now())],
      );
      if (made.rowCount === 0) {
        throw modelsProblems.exists({ detail: `There is a model ${id} already; choose another id.` });
      }
      await audit.record({ actor, action: 'model.created', subject: id, details: { name: model.name } });
      return present(await find(id));
    },
    train: (modelId, actor) => start('train', modelId, actor),
    evaluate: (modelId, actor) => start('evaluate', modelId, actor),
    score: (modelId, actor) => start('score', modelId, actor),
    async predict(modelId, raw) {
      const trained = await current(modelId);
      return probability(trained.weights, trained.intercept, encodeRows(trained.encoding, [raw]), 0);
    },
  };
}

interface TrainedVersion {
  readonly version: number;
  readonly encoding: Encoding;
  readonly weights: readonly number[];
  readonly intercept: number;
  readonly card: ModelCard;
}

interface LabelledRows {
  readonly raw: RawRow[];
  readonly labels: number[];
}

interface Dataset {
  readonly train: LabelledRows;
  readonly validation: LabelledRows;
  readonly asOf: EpochMs;
  readonly release: number;
  readonly sources: ReturnType<typeof featureSources>;
  readonly sampled: boolean;
}

/** cid, null mark, score */
const ROW_BYTES = 13;
const emptyRows = (): LabelledRows => ({ raw: [], labels: [] });
export const scoreTagOf = (modelId: string): string => `score_${modelId}`;

/** A short id from a name: its ASCII words, or `model` when it has none. */
function idFrom(name: string): string {
  const words =
    name
      .toLowerCase()
      .match(/[a-z0-9]+/g)
      ?.join('_') ?? '';
  return /^[a-z]/.test(words) && words.length > 1
    ? words.slice(0, 50)
    : `model_${words}`.slice(0, 50).replace(/_$/, '');
}

function faultsOf(model: NewModel, catalog: ConditionCatalog): ProblemFault[] {
  const check = (value: unknown, place: string): ProblemFault[] => {
    const { faults } = checkCondition(value, catalog);
    return faults.map((fault) => ({ ...fault, pointer: `${place}${fault.pointer}` }));
  };
  const { label } = model;
  return [
    ...(model.population ? check(model.population, '/population') : []),
    ...(label.kind === 'condition' ? check(label.condition, '/label/condition') : []),
    ...(label.kind === 'event'
      ? check(
          { event: label.event, ...(label.where ? { where: label.where } : {}), op: '>=', value: 1 },
          '/label',
        )
      : []),
  ];
}

function refuse(faults: readonly ProblemFault[]): void {
  if (faults.length === 0) return;
  throw modelsProblems.not_valid({
    detail: faults.map((fault) => `${fault.pointer}: ${fault.message}`).join('; '),
    faults,
  });
}

function judge(
  encoding: Encoding,
  weights: readonly number[],
  intercept: number,
  rows: LabelledRows,
): ModelMetrics {
  const values = encodeRows(encoding, rows.raw);
  const scores = rows.raw.map((_, row) => probability(weights, intercept, values, row));
  const metrics = classifierMetrics(rows.labels, scores);
  return {
    rows: metrics.rows,
    positives: metrics.positives,
    auc: metrics.auc,
    aucSe: metrics.aucSe,
    ks: metrics.ks,
    logLoss: metrics.logLoss,
    brier: metrics.brier,
    ece: metrics.ece10,
    lift10: metrics.lift10,
    capture10: metrics.capture10,
    calibration: calibration(rows.labels, scores, 10),
    lift: liftDeciles(rows.labels, scores).map(({ decile, lift, capture }) => ({ decile, lift, capture })),
  };
}

function caveatsOf(model: ModelRow, data: Dataset, converged: boolean): string[] {
  return [
    'Tags hold the values of their last refresh. Where that is later than the as-of instant, a tag may know the outcome; the measured accuracy is then too good.',
    ...(model.definition.label.kind === 'condition'
      ? ['The label is a condition on the present; it describes who is alike, not who will act.']
      : []),
    ...(data.sampled ? [`Learned from a sample of about ${MOST_ROWS} customers drawn by hash.`] : []),
    ...(converged ? [] : ['The search stopped before it converged.']),
  ];
}

type StoredCard = Static<typeof ModelCard>;

function present(row: ModelRow): ModelView {
  const card: StoredCard | undefined = row.card === null ? undefined : Value.Parse(ModelCard, row.card);
  const { definition } = row;
  return {
    ...Value.Parse(NewModel, definition),
    id: row.id,
    l2: definition.l2 ?? DEFAULTS.l2,
    validationShare: definition.validationShare ?? DEFAULTS.validationShare,
    kind: 'logistic',
    state: row.scored_version !== null ? 'scored' : card ? 'trained' : 'draft',
    scoreTag: scoreTagOf(row.id),
    ...(row.scored_at === null ? {} : { scoredAt: toIso(row.scored_at.getTime()) }),
    ...(row.scored === null ? {} : { scored: Number(row.scored) }),
    createdBy: row.created_by,
    createdAt: toIso(row.created_at.getTime()),
    ...(card ? { card } : {}),
  };
}
