import type { StatisticalDefinition, TagDefinition } from '@rapport/tags/contract';

type Where = StatisticalDefinition['where'];
type Aggregate = StatisticalDefinition['aggregate'];

const is = (property: string, value: string): Where => ({ property, op: '=', value });
const FILTERS: Readonly<Record<string, Where>> = {
  all: undefined,
  debit: is('direction', 'debit'),
  credit: is('direction', 'credit'),
  card: is('kind', 'card'),
  transfer: is('kind', 'transfer'),
  cash: is('kind', 'cash'),
  fee: is('kind', 'fee'),
  salary: is('kind', 'salary'),
  app: is('channel', 'app'),
  web: is('channel', 'web'),
  branch: is('channel', 'branch'),
  food: { property: 'mcc', op: 'in', value: ['5411', '5812', '5814'] },
  travel: { property: 'mcc', op: 'in', value: ['3000', '4111', '7011'] },
  large: { property: 'amount_minor', op: '>=', value: 1_000_000 },
};
const ALL = Object.keys(FILTERS);
const WEEK = 'P7D';
const MONTH = 'P30D';
const QUARTER = 'P90D';
const HALF = 'P180D';
const YEAR = 'P365D';

/** 200 statistics as a bank has them: aggregates × filters × windows, of which several share each part. */
export function benchTags(): TagDefinition[] {
  const tags: TagDefinition[] = [];
  const add = (
    what: string,
    valueType: TagDefinition['valueType'],
    aggregate: Aggregate,
    filters: readonly string[],
    windows: readonly (string | undefined)[],
  ): void => {
    for (const filter of filters)
      for (const within of windows) {
        const where = FILTERS[filter];
        const id = `${what}_${filter}_${(within ?? 'ever').toLowerCase()}`;
        tags.push({
          id,
          title: { en: id },
          category: 'bench/tags',
          valueType,
          definition: {
            kind: 'statistical',
            over: 'transaction',
            aggregate,
            ...(where === undefined ? {} : { where }),
            ...(within === undefined ? {} : { within }),
          },
        });
      }
  };
  const share = (filter: string): Aggregate => {
    const where = FILTERS[filter];
    return { ratio: { of: { aggregate: 'count', ...(where ? { where } : {}) }, to: { aggregate: 'count' } } };
  };
  add('count', 'number', 'count', ALL, [WEEK, MONTH, QUARTER, HALF, YEAR]);
  add('sum', 'money', { sum: 'amount_minor' }, ALL.slice(0, 12), [MONTH, QUARTER, HALF, YEAR]);
  add(
    'mean',
    'money',
    { avg: 'amount_minor' },
    ['all', 'debit', 'credit', 'card', 'food', 'app'],
    [MONTH, QUARTER, YEAR],
  );
  add(
    'largest',
    'money',
    { max: 'amount_minor' },
    ['all', 'debit', 'card', 'transfer', 'cash'],
    [MONTH, QUARTER, YEAR],
  );
  add('least', 'money', { min: 'amount_minor' }, ['debit', 'card'], [QUARTER, YEAR]);
  for (const filter of ['app', 'web', 'branch', 'card'])
    add(`share_${filter}`, 'number', share(filter), ['all', 'debit'], [MONTH, QUARTER]);
  add('growth', 'number', { change: 'count' }, ['all', 'card', 'app'], [MONTH, QUARTER]);
  add('growth_of_sum', 'number', { change: { sum: 'amount_minor' } }, ['debit', 'credit'], [MONTH]);
  add('latest', 'instant', { max: 'at' }, ['all', 'card', 'salary', 'branch'], [undefined]);
  add('last_kind', 'text', { last: 'kind' }, ['all', 'app'], [YEAR]);
  add('days_since', 'number', { recency: 'days' }, ['all', 'card', 'app', 'salary'], [YEAR]);
  add('merchants', 'number', { distinct: 'counterparty' }, ['card', 'food'], [MONTH, QUARTER]);
  add('channels', 'number', { distinct: 'channel' }, ['all', 'debit'], [MONTH, QUARTER]);
  add('favourite_channel', 'text', { top: 'channel' }, ['all', 'debit'], [QUARTER]);
  add('median', 'money', { percentile: { of: 'amount_minor', at: 0.5 } }, ['card'], [MONTH]);
  return tags;
}
