import type { PropertyCondition } from '@rapport/conditions';
import { propertiesOf, readAggregate } from './aggregates.ts';
import type { StatisticalDefinition, TagDefinition } from './contract.ts';

/** What a ready-made tag takes on in a bank. */
export interface LibraryBank {
  /** Currency of amounts; `undefined` while nothing tells it. */
  readonly currency: string | undefined;
  /** Whether amounts of other currencies stand beside it, which must not be added to them. */
  readonly isMixed: boolean;
  readonly zone: string;
}

/** The ready-made tag as this bank would write it: money in its currency, days in its zone. */
export function forBank(tag: TagDefinition, bank: LibraryBank): TagDefinition {
  const unit = tag.valueType === 'money' ? bank.currency : tag.unit;
  const { definition } = tag;
  return {
    ...tag,
    ...(unit === undefined ? {} : { unit }),
    definition: definition.kind === 'statistical' ? statisticForBank(definition, bank) : definition,
  };
}

function statisticForBank(definition: StatisticalDefinition, bank: LibraryBank): StatisticalDefinition {
  const isAmount = /"(amount|balance)_minor"/.test(JSON.stringify(definition.aggregate));
  const currency: PropertyCondition | undefined =
    isAmount && bank.isMixed && bank.currency !== undefined && definition.over !== 'event'
      ? { property: 'currency', op: '=', value: bank.currency }
      : undefined;
  const where =
    currency === undefined
      ? definition.where
      : definition.where === undefined
        ? currency
        : { all: [definition.where, currency] };
  return {
    ...definition,
    ...(where === undefined ? {} : { where }),
    ...(bank.zone !== 'UTC' && namesDays(definition) ? { zone: bank.zone } : {}),
  };
}

/** Whether its value depends on where days and periods begin. */
function namesDays({ aggregate, where, window }: StatisticalDefinition): boolean {
  if (window !== undefined) return true;
  if (/"at_(hour|weekday|monthday|daypart)"/.test(JSON.stringify([aggregate, where]))) return true;
  return (
    typeof aggregate === 'object' &&
    ['recency', 'streak', 'trend', 'perPeriod', 'dailyAverage'].some((name) => Object.hasOwn(aggregate, name))
  );
}

/** A column that rows must know for a definition to mean anything, and codes of which one must be there. */
export interface NeededColumn {
  readonly property: string;
  readonly codes: readonly string[];
}

/** What a condition asks for; alternatives of `any` and what must not be are nobody's need. */
function neededIn(condition: PropertyCondition): NeededColumn[] {
  if ('all' in condition) return condition.all.flatMap(neededIn);
  if ('any' in condition || 'not' in condition) return [];
  const { property, op, value } = condition;
  if (op === 'unknown') return [];
  const codes =
    op === '=' && typeof value === 'string'
      ? [value]
      : op === 'in' && Array.isArray(value)
        ? value.filter((each) => typeof each === 'string')
        : [];
  return [{ property, codes }];
}

/** What a statistical tag asks for: in its aggregate, its condition and the first part of a ratio. */
export function neededBy({ where, aggregate }: StatisticalDefinition): NeededColumn[] {
  const parts = typeof aggregate === 'object' && 'ratio' in aggregate ? [aggregate.ratio.of.where] : [];
  return [
    ...propertiesOf(readAggregate(aggregate)).map(({ property }) => ({ property, codes: [] })),
    ...[where, ...parts].flatMap((each) => (each === undefined ? [] : neededIn(each))),
  ];
}
