import type { AggregateName, ConditionLeaf, Operator, Value, ValueType } from '@rapport/conditions';
import { aggregateParts } from './aggregate.ts';
import type {
  VocabularyEvent,
  VocabularyOf,
  VocabularyOperator,
  VocabularyProperty,
  VocabularyTag,
} from './vocabulary.types.ts';

export type { VocabularyEvent, VocabularyOf, VocabularyOperator, VocabularyProperty, VocabularyTag };

/** How a value is entered: its type, what money is counted in, and which values are known. */
export interface ValueKind {
  readonly type: ValueType;
  readonly currency?: string | undefined;
  readonly currencyDigits?: number | undefined;
}

export const tagOf = (vocabulary: VocabularyOf, id: string): VocabularyTag | undefined =>
  vocabulary.tags.find((tag) => tag.id === id);

export const eventOf = (vocabulary: VocabularyOf, name: string): VocabularyEvent | undefined =>
  vocabulary.events.find((event) => event.name === name);

export const operatorOf = (vocabulary: VocabularyOf, op: Operator): VocabularyOperator | undefined =>
  vocabulary.operators.find((operator) => operator.op === op);

export const COUNT_OPERATORS: readonly Operator[] = ['>=', '<=', '=', '!=', '>', '<', 'between'];

/** What the aggregate of an event leaf is compared as. */
export function aggregatedKind(
  event: VocabularyEvent | undefined,
  aggregate: { readonly name: AggregateName; readonly property?: string | undefined },
): { readonly kind: ValueKind; readonly operators: readonly Operator[] } {
  if (aggregate.name === 'count' || aggregate.name === 'distinct') {
    return { kind: { type: 'number' }, operators: COUNT_OPERATORS };
  }
  const property = event?.properties.find((one) => one.name === aggregate.property);
  if (!property) return { kind: { type: 'number' }, operators: COUNT_OPERATORS };
  return { kind: property, operators: property.operators };
}

/** Whether a value has the shape that its operator takes. */
export function isFilled(shape: VocabularyOperator['value'], value: Value | undefined): boolean {
  switch (shape) {
    case 'none':
      return value === undefined;
    case 'one':
      return value !== undefined && !Array.isArray(value) && value !== '';
    case 'duration':
      return typeof value === 'string' && value !== '';
    case 'many':
      return Array.isArray(value) && value.length > 0;
    case 'pair':
      return Array.isArray(value) && value.length === 2;
  }
}

/** Whether a leaf says everything it must before it can be counted. */
export function isComplete(leaf: ConditionLeaf, vocabulary: VocabularyOf): boolean {
  if ('tag' in leaf || 'event' in leaf) {
    const shape = operatorOf(vocabulary, leaf.op)?.value ?? 'one';
    if ('event' in leaf && leaf.event === '') return false;
    if ('event' in leaf) {
      const aggregate = aggregateParts(leaf.aggregate);
      if (aggregate.name !== 'count' && !aggregate.property) return false;
    }
    return isFilled(shape, leaf.value);
  }
  if ('sequence' in leaf)
    return leaf.sequence.length >= 2 && leaf.sequence.every((step) => step.event !== '');
  if ('audience' in leaf) return leaf.audience !== '';
  if ('list' in leaf) return leaf.list !== '';
  if ('bucket' in leaf) return leaf.bucket.salt !== '' && leaf.bucket.from < leaf.bucket.to;
  return true;
}

/** A first operator that suits the type: comparisons for amounts, equality for words. */
export function firstOperator(operators: readonly Operator[], type: ValueType): Operator {
  const wished: readonly Operator[] =
    type === 'number' || type === 'money'
      ? ['>=', '=']
      : type === 'date' || type === 'instant'
        ? ['in last', 'after', '=']
        : type === 'list'
          ? ['contains', 'known']
          : type === 'boolean'
            ? ['=']
            : ['in', '='];
  return wished.find((op) => operators.includes(op)) ?? operators[0] ?? 'known';
}
