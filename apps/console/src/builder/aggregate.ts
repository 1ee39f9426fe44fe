import type { Aggregate, AggregateName } from '@rapport/conditions';

export interface AggregateParts {
  readonly name: AggregateName;
  readonly property?: string | undefined;
}

/** The aggregate's name and property; `count` when absent. */
export function aggregateParts(aggregate: Aggregate | undefined): AggregateParts {
  if (aggregate === undefined || aggregate === 'count') return { name: 'count' };
  if ('sum' in aggregate) return { name: 'sum', property: aggregate.sum };
  if ('avg' in aggregate) return { name: 'avg', property: aggregate.avg };
  if ('min' in aggregate) return { name: 'min', property: aggregate.min };
  if ('max' in aggregate) return { name: 'max', property: aggregate.max };
  if ('last' in aggregate) return { name: 'last', property: aggregate.last };
  return { name: 'distinct', property: aggregate.distinct };
}

export function aggregateFrom({ name, property = '' }: AggregateParts): Aggregate | undefined {
  switch (name) {
    case 'count':
      return undefined;
    case 'sum':
      return { sum: property };
    case 'avg':
      return { avg: property };
    case 'min':
      return { min: property };
    case 'max':
      return { max: property };
    case 'last':
      return { last: property };
    case 'distinct':
      return { distinct: property };
  }
}
