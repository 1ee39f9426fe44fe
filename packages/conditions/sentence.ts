import { type Duration, type Language, localized, parseDuration } from '@rapport/kernel';
import type { ConditionCatalog, Titled, ValueType } from './catalog.ts';
import { aggregateType } from './comparison.ts';
import {
  aggregateParts,
  type Condition,
  type EventLeaf,
  type Operator,
  type PropertyAggregateName,
  type PropertyCondition,
  type Scalar,
  type SequenceLeaf,
  type Value,
} from './condition.ts';
import { chinese, english, type Words } from './words.ts';

const WORDS: Readonly<Record<Language, Words>> = {
  en: english,
  'zh-Hant': chinese('zh-Hant'),
  'zh-Hans': chinese('zh-Hans'),
};

/**
 * A condition as a sentence that says to a marketer whom it selects. Names that the catalog does not know stand as
 * they are, so that a half-finished or outdated condition can be read too.
 */
export function describeCondition(
  condition: Condition,
  catalog: ConditionCatalog,
  language: Language,
): string {
  const telling: Telling = { catalog, language, words: WORDS[language] };
  const sentence = tell(telling, condition, 'top');
  return language === 'en' ? sentence.charAt(0).toUpperCase() + sentence.slice(1) : sentence;
}

interface Telling {
  readonly catalog: ConditionCatalog;
  readonly language: Language;
  readonly words: Words;
}

/** Where a part stands: inside another list it needs brackets to be read in the right order. */
type Place = 'top' | 'all' | 'any';

function tell(telling: Telling, condition: Condition, place: Place): string {
  const { catalog, words } = telling;
  if ('all' in condition) return tellMany(telling, condition.all, 'all', place, tell);
  if ('any' in condition) return tellMany(telling, condition.any, 'any', place, tell);
  if ('not' in condition) return tellNot(telling, condition.not, place);
  if ('tag' in condition) {
    const tag = catalog.tag(condition.tag);
    const subject = titleOf(telling, tag, condition.tag);
    return compare(telling, subject, {
      ...condition,
      type: tag?.type ?? guessType(condition.value),
      titled: tag,
    });
  }
  if ('event' in condition) return tellEvent(telling, condition);
  if ('sequence' in condition) return tellSequence(telling, condition);
  if ('audience' in condition)
    return words.inAudience(catalog.audienceTitle?.(condition.audience) ?? condition.audience);
  if ('list' in condition) return words.onList(listTitle(telling, condition.list));
  if ('bucket' in condition) return words.inBucket(condition.bucket);
  return words.everybody;
}

function tellNot(telling: Telling, inner: Condition, place: Place): string {
  const { catalog, words } = telling;
  if ('not' in inner) return tell(telling, inner.not, place);
  if ('audience' in inner)
    return words.notInAudience(catalog.audienceTitle?.(inner.audience) ?? inner.audience);
  if ('list' in inner) return words.notOnList(listTitle(telling, inner.list));
  if ('always' in inner) return words.nobody;
  return words.not(tell(telling, inner, 'top'));
}

const listTitle = ({ catalog, language }: Telling, id: string): string => {
  const title = catalog.list(id)?.title;
  return title ? localized(title, language) : id;
};

function tellMany<Part>(
  telling: Telling,
  parts: readonly Part[],
  join: 'all' | 'any',
  place: Place,
  tellPart: (telling: Telling, part: Part, place: Place) => string,
): string {
  const { words } = telling;
  if (parts.length === 0) return join === 'all' ? words.everybody : words.nobody;
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return tellPart(telling, only, place);
  const told = parts.map((part) => tellPart(telling, part, join));
  const joined = join === 'all' ? words.and(told) : words.or(told);
  return place === 'top' || place === join ? joined : words.brackets(joined);
}

interface Comparing {
  readonly op: Operator;
  readonly value?: Value;
  readonly type: ValueType;
  readonly titled: Titled | undefined;
}

function compare(telling: Telling, subject: string, { op, value, type, titled }: Comparing): string {
  const { words } = telling;
  const said = (scalar: Scalar | undefined): string => sayValue(telling, scalar, type, titled);
  const list = Array.isArray(value) ? value : [];
  switch (op) {
    case 'in':
    case 'not in':
      return words.among(subject, list.map(said), op === 'in');
    case 'between':
      return words.between(subject, said(list[0]), said(list[1]));
    case 'known':
      return words.known(subject);
    case 'unknown':
      return words.unknown(subject);
    case 'in last':
    case 'in next':
    case 'anniversary in next':
      return words.window(subject, op, durationOf(value));
    default:
      // For whoever is known, not yes is no.
      if (type === 'boolean' && typeof value === 'boolean')
        return words.compare(subject, '=', (op === '=') === value ? words.yes : words.no, type);
      return words.compare(subject, op, said(typeof value === 'object' ? undefined : value), type);
  }
}

function tellEvent(telling: Telling, leaf: EventLeaf): string {
  const { catalog, words } = telling;
  const entry = catalog.event(leaf.event);
  const event = withWhere(telling, leaf.event, leaf.where);
  const window = leaf.within === undefined ? undefined : durationOf(leaf.within);
  const aggregate = aggregateParts(leaf.aggregate);
  if (aggregate.name === 'count') return tellCount(telling, leaf, event, window);
  const property =
    entry && Object.hasOwn(entry.properties, aggregate.property)
      ? entry.properties[aggregate.property]
      : undefined;
  const subject = words.aggregate({
    name: aggregate.name,
    property: titleOf(telling, property, aggregate.property),
    event,
    window,
  });
  const titled = keepsUnit(aggregate.name) ? property : undefined;
  const type = aggregateType(aggregate.name, property?.type ?? guessType(leaf.value));
  // A mean of money is still read as money.
  const shown = aggregate.name === 'avg' && property?.type === 'money' ? 'money' : type;
  return compare(telling, subject, {
    op: leaf.op,
    ...(leaf.value === undefined ? {} : { value: leaf.value }),
    type: shown,
    titled,
  });
}

const keepsUnit = (name: PropertyAggregateName): boolean => name !== 'distinct';

function tellCount(telling: Telling, leaf: EventLeaf, event: string, window: Duration | undefined): string {
  const { words } = telling;
  const { op, value } = leaf;
  const number = typeof value === 'number' ? value : undefined;
  if ((op === '>=' && number === 1) || (op === '>' && number === 0)) return words.happened(event, window);
  if ((op === '<' && number === 1) || ((op === '=' || op === '<=') && number === 0))
    return words.didNotHappen(event, window);
  const list = Array.isArray(value) ? value.map((each) => sayNumber(Number(each))) : [];
  return words.times(event, window, { op, times: number === undefined ? list : [sayNumber(number)] });
}

function withWhere(telling: Telling, name: string, where: PropertyCondition | undefined): string {
  const entry = telling.catalog.event(name);
  const event = telling.words.event(titleOf(telling, entry, name));
  if (!where) return event;
  const tellProperty = (inner: Telling, condition: PropertyCondition, place: Place): string => {
    if ('all' in condition) return tellMany(inner, condition.all, 'all', place, tellProperty);
    if ('any' in condition) return tellMany(inner, condition.any, 'any', place, tellProperty);
    if ('not' in condition) return inner.words.not(tellProperty(inner, condition.not, 'top'));
    const property =
      entry && Object.hasOwn(entry.properties, condition.property)
        ? entry.properties[condition.property]
        : undefined;
    return compare(inner, titleOf(inner, property, condition.property), {
      ...condition,
      type: property?.type ?? guessType(condition.value),
      titled: property,
    });
  };
  return telling.words.where(event, tellProperty(telling, where, 'top'));
}

function tellSequence(telling: Telling, leaf: SequenceLeaf): string {
  const steps = leaf.sequence.map((step) => withWhere(telling, step.event, step.where));
  return telling.words.sequence(steps, durationOf(leaf.within));
}

/* ── values ──────────────────────────────────────────────────────────────────────────────────────────── */

const titleOf = ({ language }: Telling, titled: Titled | undefined, name: string): string =>
  titled ? localized(titled.title, language) : name;

const durationOf = (value: Value | undefined): Duration =>
  (typeof value === 'string' ? parseDuration(value) : undefined) ?? { months: 0, days: 0, ms: 0 };

function guessType(value: Value | undefined): ValueType {
  const first = Array.isArray(value) ? value[0] : value;
  if (typeof first === 'number') return 'number';
  return typeof first === 'boolean' ? 'boolean' : 'text';
}

function sayValue(
  telling: Telling,
  value: Scalar | undefined,
  type: ValueType,
  titled: Titled | undefined,
): string {
  const { language, words } = telling;
  if (value === undefined) return '…';
  if (typeof value === 'boolean') return value ? words.yes : words.no;
  const title = titled?.valueTitles?.[String(value)];
  if (title) return localized(title, language);
  if (typeof value === 'number') return type === 'money' ? sayMoney(value, titled) : sayNumber(value);
  if (type === 'instant') return `${value.slice(0, 10)} ${value.slice(11)}`;
  return type === 'date' ? value : words.quote(value);
}

const sayNumber = (value: number): string =>
  new Intl.NumberFormat('en-US', { maximumFractionDigits: 6 }).format(value);

function sayMoney(minor: number, titled: Titled | undefined): string {
  const digits = titled?.currencyDigits ?? 2;
  const major = minor / 10 ** digits;
  const text = new Intl.NumberFormat('en-US', {
    minimumFractionDigits: Number.isInteger(major) ? 0 : digits,
    maximumFractionDigits: Math.max(digits, 0),
  }).format(major);
  return titled?.currency === undefined ? text : `${titled.currency} ${text}`;
}
