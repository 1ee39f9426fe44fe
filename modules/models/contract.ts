import { ConditionBody, type PropertyCondition } from '@rapport/conditions';
import { Instant, Page, PageQuery, Ratio } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

const real = (description: string, example: number) => Type.Number({ description, examples: [example] });
const count = (description: string, example: number) =>
  Type.Integer({ minimum: 0, description, examples: [example] });

/** Checked against the catalogue when the model is made; the edge takes any object. */
const PropertyConditionBody = Type.Unsafe<PropertyCondition>(
  Type.Record(Type.String(), Type.Unknown(), {
    description: 'Only events for which this holds; see docs/conditions.md',
    examples: [{ property: 'amount', op: '>=', value: 1_000_000 }],
  }),
);

export const ModelLabel = Type.Union(
  [
    Type.Object(
      {
        kind: Type.Literal('event', { description: 'A later event', examples: ['event'] }),
        event: Type.String({
          minLength: 1,
          description: 'Event that makes a customer a positive',
          examples: ['deposit_opened'],
        }),
        where: Type.Optional(PropertyConditionBody),
        within: Type.String({
          pattern: '^P(\\d+[YMWD])*(T(\\d+[HMS])+)?$',
          description: 'How long after the as-of instant it counts',
          examples: ['P30D'],
        }),
      },
      { description: 'Did this event happen after the features were taken?' },
    ),
    Type.Object(
      {
        kind: Type.Literal('condition', { description: 'Membership', examples: ['condition'] }),
        condition: ConditionBody,
      },
      {
        description:
          'Is the customer in this condition now? (leaks when the condition uses the same tags as the features)',
      },
    ),
  ],
  {
    description: 'What is predicted',
    examples: [{ kind: 'event', event: 'deposit_opened', within: 'P30D' }],
  },
);
export type ModelLabel = Static<typeof ModelLabel>;

const definition = {
  name: Type.String({
    minLength: 1,
    maxLength: 200,
    description: 'Name of the model',
    examples: ['Term deposit propensity'],
  }),
  features: Type.Array(Type.String({ description: 'Tag id', examples: ['aum_month_avg'] }), {
    minItems: 1,
    maxItems: 200,
    description:
      'Tags to learn from; numbers as they are, texts and booleans as 0/1 columns, unknown as a column of its own',
    examples: [['aum_month_avg', 'age', 'risk_level']],
  }),
  label: ModelLabel,
  population: Type.Optional(ConditionBody),
  asOf: Type.Optional(
    Instant(
      'Instant after which the label is looked for; absent = the label’s window before the latest data',
    ),
  ),
  l2: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      default: 1,
      description: 'Weight of the penalty ½·l2·‖w‖² on standardised features',
      examples: [1],
    }),
  ),
  validationShare: Type.Optional(
    Type.Number({
      minimum: 0.05,
      maximum: 0.5,
      default: 0.3,
      description: 'Share of customers kept aside to judge the model, drawn by hash of the customer id',
      examples: [0.3],
    }),
  ),
};

export const NewModel = Type.Object(
  {
    id: Type.Optional(
      Type.String({
        pattern: '^[a-z][a-z0-9_]{1,50}$',
        description: 'Short id; the score becomes the tag `score_<id>`. Absent = made from the name',
        examples: ['deposit_propensity'],
      }),
    ),
    ...definition,
  },
  { description: 'A model to make' },
);
export type NewModel = Static<typeof NewModel>;

export const ModelCoefficient = Type.Object(
  {
    column: Type.String({ description: 'Column made of a feature', examples: ['aum_month_avg'] }),
    feature: Type.String({ description: 'Tag it comes from', examples: ['aum_month_avg'] }),
    mean: real('Training mean', 152_000),
    deviation: real('Training population deviation', 98_000),
    weight: real('Weight of the standardised column', 0.42),
  },
  { description: 'A coefficient' },
);
export type ModelCoefficient = Static<typeof ModelCoefficient>;

export const CalibrationRow = Type.Object(
  {
    from: real('Lowest score of the bin', 0.02),
    to: real('Highest score of the bin', 0.04),
    rows: count('Customers', 200),
    meanScore: real('Mean score', 0.03),
    rate: Ratio('Share of positives'),
  },
  { description: 'A tenth of the customers by score' },
);
export const LiftRow = Type.Object(
  {
    decile: Type.Integer({ description: '1 = best scored tenth', examples: [1] }),
    lift: real('Rate of positives over the overall rate', 3.1),
    capture: Ratio('Share of all positives in this tenth and those above'),
  },
  { description: 'A tenth of the customers by score' },
);

export const ModelMetrics = Type.Object(
  {
    rows: count('Customers judged', 6000),
    positives: count('Positives among them', 420),
    auc: Ratio('Area under the ROC curve'),
    aucSe: real('Standard error of it (DeLong)', 0.011),
    ks: Ratio('Kolmogorov–Smirnov distance'),
    logLoss: real('Mean negative log-likelihood', 0.24),
    brier: real('Mean squared error', 0.06),
    ece: Ratio('Expected calibration error over ten equal bins'),
    lift10: real('Lift of the best tenth', 3.1),
    capture10: Ratio('Share of positives in the best tenth'),
    calibration: Type.Array(CalibrationRow, { description: 'Calibration by tenth' }),
    lift: Type.Array(LiftRow, { description: 'Lift by tenth' }),
  },
  { description: 'How good the model is on customers it has not learned from' },
);
export type ModelMetrics = Static<typeof ModelMetrics>;

export const ModelCard = Type.Object(
  {
    version: count('Version, one a training', 2),
    trainedAt: Instant('When it was trained'),
    asOf: Instant('Instant after which the label was looked for'),
    release: count('Data release it was trained on', 17),
    trainRows: count('Customers learned from', 14_000),
    trainPositives: count('Positives among them', 980),
    iterations: count('Newton steps until convergence', 7),
    objective: real('Penalised negative log-likelihood reached', 3021.4),
    intercept: real('Intercept', -2.7),
    coefficients: Type.Array(ModelCoefficient, { description: 'Largest effect first' }),
    validation: ModelMetrics,
    caveats: Type.Array(
      Type.String({
        description: 'Caveat',
        examples: ['Tags hold today’s values, so they may know the future of the label.'],
      }),
      {
        description: 'What to bear in mind',
      },
    ),
  },
  { description: 'Evaluation card of one version' },
);
export type ModelCard = Static<typeof ModelCard>;

export const ModelView = Type.Object(
  {
    id: Type.String({ description: 'Model id', examples: ['deposit_propensity'] }),
    ...definition,
    l2: real('Weight of the penalty', 1),
    validationShare: Ratio('Share kept aside'),
    kind: Type.Literal('logistic', { description: 'Kind of model', examples: ['logistic'] }),
    state: Type.Enum(['draft', 'trained', 'scored'] as const, {
      description: 'How far it is',
      examples: ['trained'],
    }),
    scoreTag: Type.String({
      description: 'Tag that holds its scores',
      examples: ['score_deposit_propensity'],
    }),
    scoredAt: Type.Optional(Instant('When all customers were last scored')),
    scored: Type.Optional(count('Customers with a score', 20_000)),
    createdBy: Type.String({ description: 'Who made it', examples: ['usr_01j9z3'] }),
    createdAt: Instant('When it was made'),
    card: Type.Optional(ModelCard),
  },
  { description: 'A model' },
);
export type ModelView = Static<typeof ModelView>;
export const ModelPage = Page(ModelView, 'Models, newest first');
export const ModelQuery = PageQuery;

export const ModelJob = Type.Object(
  { jobId: Type.String({ description: 'Job to watch at /jobs/{id}', examples: ['job_01j9z3'] }) },
  { description: 'Work that was started' },
);
