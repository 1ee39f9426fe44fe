import type { Duration } from '@rapport/kernel';
import type { ValueType } from './catalog.ts';
import type { Operator, PropertyAggregateName } from './condition.ts';

export type SimpleOperator = Exclude<
  Operator,
  'in' | 'not in' | 'between' | 'known' | 'unknown' | 'in last' | 'in next' | 'anniversary in next'
>;

/** One language's way of saying a condition; arguments are already in that language. */
export interface Words {
  readonly everybody: string;
  readonly nobody: string;
  readonly yes: string;
  readonly no: string;
  quote(text: string): string;
  and(parts: readonly string[]): string;
  or(parts: readonly string[]): string;
  brackets(text: string): string;
  not(text: string): string;
  compare(subject: string, op: SimpleOperator, value: string, type: ValueType): string;
  among(subject: string, values: readonly string[], inside: boolean): string;
  between(subject: string, from: string, to: string): string;
  known(subject: string): string;
  unknown(subject: string): string;
  window(subject: string, op: 'in last' | 'in next' | 'anniversary in next', duration: Duration): string;
  event(title: string): string;
  where(event: string, condition: string): string;
  happened(event: string, window: Duration | undefined): string;
  didNotHappen(event: string, window: Duration | undefined): string;
  times(
    event: string,
    window: Duration | undefined,
    count: { op: Operator; times: readonly string[] },
  ): string;
  aggregate(of: {
    name: PropertyAggregateName;
    property: string;
    event: string;
    window: Duration | undefined;
  }): string;
  sequence(steps: readonly string[], window: Duration): string;
  inAudience(name: string): string;
  notInAudience(name: string): string;
  onList(name: string): string;
  notOnList(name: string): string;
  inBucket(bucket: { salt: string; from: number; to: number }): string;
}

/** A duration's parts that are not zero, in calendar units. */
function units(
  duration: Duration,
): { count: number; unit: 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' }[] {
  const seconds = duration.ms / 1000;
  const parts = [
    { count: Math.floor(duration.months / 12), unit: 'year' },
    { count: duration.months % 12, unit: 'month' },
    { count: duration.days, unit: 'day' },
    { count: Math.floor(seconds / 3600), unit: 'hour' },
    { count: Math.floor(seconds / 60) % 60, unit: 'minute' },
    { count: seconds % 60, unit: 'second' },
  ] as const;
  return parts.filter((part) => part.count > 0);
}

const isTime = (type: ValueType): boolean => type === 'date' || type === 'instant';
const share = (from: number, to: number): string => `${(to - from) / 100}%`;

/* ── English ─────────────────────────────────────────────────────────────────────────────────────────── */

function englishDuration(duration: Duration): string {
  const parts = units(duration).map(({ count, unit }) => (count === 1 ? unit : `${count} ${unit}s`));
  // "the last day", but "the last 1 day and 2 hours" would be said "day and 2 hours": keep the one.
  return parts.length === 1
    ? parts.join('')
    : units(duration)
        .map(({ count, unit }) => `${count} ${unit}${count === 1 ? '' : 's'}`)
        .join(' ');
}

const englishWindow = (window: Duration | undefined): string =>
  window ? ` in the last ${englishDuration(window)}` : '';

function englishList(items: readonly string[], join: 'and' | 'or'): string {
  if (items.length <= 1) return items.join('');
  return `${items.slice(0, -1).join(', ')} ${join} ${items.at(-1) ?? ''}`;
}

const ENGLISH_OPERATORS: Readonly<Record<SimpleOperator, string>> = {
  '=': 'is',
  '!=': 'is not',
  '<': 'is less than',
  '<=': 'is at most',
  '>': 'is more than',
  '>=': 'is at least',
  contains: 'contains',
  'starts with': 'starts with',
  before: 'is before',
  after: 'is after',
};
const ENGLISH_TIME: Readonly<Partial<Record<SimpleOperator, string>>> = {
  '<': 'is before',
  '<=': 'is on or before',
  '>': 'is after',
  '>=': 'is on or after',
};
const ENGLISH_AGGREGATES: Readonly<Record<PropertyAggregateName, string>> = {
  sum: 'the total',
  avg: 'the average',
  min: 'the smallest',
  max: 'the largest',
  last: 'the latest',
  distinct: 'the number of different values of',
};

export const english: Words = {
  everybody: 'every customer',
  nobody: 'no customer',
  yes: 'yes',
  no: 'no',
  quote: (text) => `“${text}”`,
  and: (parts) => parts.join(' and '),
  or: (parts) => parts.join(' or '),
  brackets: (text) => `(${text})`,
  not: (text) => `not (${text})`,
  compare: (subject, op, value, type) => {
    if (type === 'boolean') return `${subject}: ${value}`;
    if (type === 'list') return `${subject} includes ${value}`;
    return `${subject} ${(isTime(type) ? ENGLISH_TIME[op] : undefined) ?? ENGLISH_OPERATORS[op]} ${value}`;
  },
  among: (subject, values, inside) =>
    values.length === 1
      ? `${subject} ${inside ? 'is' : 'is not'} ${values.join('')}`
      : `${subject} is ${inside ? '' : 'not '}one of ${englishList(values, 'or')}`,
  between: (subject, from, to) => `${subject} is from ${from} up to but not including ${to}`,
  known: (subject) => `${subject} is known`,
  unknown: (subject) => `${subject} is unknown`,
  window: (subject, op, duration) => {
    if (op === 'in last') return `${subject} is in the last ${englishDuration(duration)}`;
    if (op === 'in next') return `${subject} is in the next ${englishDuration(duration)}`;
    return `the anniversary of ${subject} is in the next ${englishDuration(duration)}`;
  },
  event: (title) => `“${title}”`,
  where: (event, condition) => `${event} (where ${condition})`,
  happened: (event, window) => `${event} happened${englishWindow(window)}`,
  didNotHappen: (event, window) => `${event} did not happen${englishWindow(window)}`,
  times: (event, window, { op, times }) => {
    const [first = '…', second = '…'] = times;
    const unit = first === '1' && times.length === 1 ? 'time' : 'times';
    const how: Partial<Record<Operator, string>> = {
      '=': `exactly ${first} ${unit}`,
      '!=': `any number of times but ${first}`,
      '<': `fewer than ${first} ${unit}`,
      '<=': `at most ${first} ${unit}`,
      '>': `more than ${first} ${unit}`,
      '>=': `at least ${first} ${unit}`,
      in: `${englishList(times, 'or')} times`,
      'not in': `any number of times but ${englishList(times, 'or')}`,
      between: `at least ${first} but fewer than ${second} times`,
      known: 'any number of times, even never',
      unknown: 'an unknown number of times (which never is so)',
    };
    return `${event} happened ${how[op] ?? `${op} ${first} times`}${englishWindow(window)}`;
  },
  aggregate: ({ name, property, event, window }) =>
    `${ENGLISH_AGGREGATES[name]} ${property} of ${event}${englishWindow(window)}`,
  sequence: (steps, window) => `${steps.join(', then ')}, all in the last ${englishDuration(window)}`,
  inAudience: (name) => `in the audience “${name}”`,
  notInAudience: (name) => `not in the audience “${name}”`,
  onList: (name) => `on the list “${name}”`,
  notOnList: (name) => `not on the list “${name}”`,
  inBucket: ({ salt, from, to }) =>
    `in the ${share(from, to)} share “${salt}” (buckets ${from} up to ${to} of 10,000)`,
};

/* ── Chinese ─────────────────────────────────────────────────────────────────────────────────────────── */

interface ChineseTerms {
  readonly units: Readonly<Record<ReturnType<typeof units>[number]['unit'], string>>;
  readonly operators: Readonly<Record<SimpleOperator, (value: string) => string>>;
  readonly time: Readonly<Partial<Record<SimpleOperator, (value: string) => string>>>;
  readonly times: Readonly<Partial<Record<Operator, (first: string, second: string, all: string) => string>>>;
  readonly aggregates: Readonly<Record<PropertyAggregateName, (event: string, property: string) => string>>;
  readonly text: Readonly<
    Record<
      | 'everybody'
      | 'nobody'
      | 'yes'
      | 'no'
      | 'open'
      | 'close'
      | 'not'
      | 'among'
      | 'notAmong'
      | 'one'
      | 'from'
      | 'to'
      | 'known'
      | 'unknown'
      | 'last'
      | 'next'
      | 'inside'
      | 'anniversary'
      | 'happened'
      | 'didNot'
      | 'of'
      | 'sequence'
      | 'audience'
      | 'notAudience'
      | 'list'
      | 'notList'
      | 'onList'
      | 'bucket'
      | 'buckets'
      | 'and'
      | 'or'
      | 'either',
      string
    >
  >;
}

const hant: ChineseTerms = {
  units: { year: '年', month: '個月', day: '天', hour: '小時', minute: '分鐘', second: '秒' },
  operators: {
    '=': (value) => `為${value}`,
    '!=': (value) => `不為${value}`,
    '<': (value) => `低於${value}`,
    '<=': (value) => `不高於${value}`,
    '>': (value) => `高於${value}`,
    '>=': (value) => `不低於${value}`,
    contains: (value) => `包含${value}`,
    'starts with': (value) => `以${value}開頭`,
    before: (value) => `早於${value}`,
    after: (value) => `晚於${value}`,
  },
  time: {
    '<': (value) => `早於${value}`,
    '<=': (value) => `不晚於${value}`,
    '>': (value) => `晚於${value}`,
    '>=': (value) => `不早於${value}`,
  },
  times: {
    '=': (first) => `恰好 ${first} 次`,
    '!=': (first) => `次數不為 ${first}`,
    '<': (first) => `少於 ${first} 次`,
    '<=': (first) => `至多 ${first} 次`,
    '>': (first) => `超過 ${first} 次`,
    '>=': (first) => `至少 ${first} 次`,
    in: (_first, _second, all) => `次數為 ${all}`,
    'not in': (_first, _second, all) => `次數不為 ${all}`,
    between: (first, second) => `至少 ${first} 次且少於 ${second} 次`,
    known: () => '次數不限',
    unknown: () => '次數未知（不會出現）',
  },
  aggregates: {
    sum: (event, property) => `${event}的${property}合計`,
    avg: (event, property) => `${event}的${property}平均值`,
    min: (event, property) => `${event}的${property}最小值`,
    max: (event, property) => `${event}的${property}最大值`,
    last: (event, property) => `最近一次${event}的${property}`,
    distinct: (event, property) => `${event}的不同${property}個數`,
  },
  text: {
    everybody: '所有客戶',
    nobody: '沒有任何客戶',
    yes: '是',
    no: '否',
    open: '「',
    close: '」',
    not: '並非',
    among: '屬於',
    notAmong: '不屬於',
    one: '之一',
    from: '介於',
    to: '（含）至',
    known: '有值',
    unknown: '未知',
    last: '最近',
    next: '未來',
    inside: '內',
    anniversary: '的週年日',
    happened: '發生過',
    didNot: '沒有發生',
    of: '的',
    sequence: '依次發生',
    audience: '屬於客群',
    notAudience: '不屬於客群',
    list: '在名單',
    notList: '不在名單',
    onList: '中',
    bucket: '落入分流',
    buckets: '桶',
    and: '，且',
    or: '，或',
    either: '或',
  },
};

const hans: ChineseTerms = {
  units: { year: '年', month: '个月', day: '天', hour: '小时', minute: '分钟', second: '秒' },
  operators: {
    '=': (value) => `为${value}`,
    '!=': (value) => `不为${value}`,
    '<': (value) => `低于${value}`,
    '<=': (value) => `不高于${value}`,
    '>': (value) => `高于${value}`,
    '>=': (value) => `不低于${value}`,
    contains: (value) => `包含${value}`,
    'starts with': (value) => `以${value}开头`,
    before: (value) => `早于${value}`,
    after: (value) => `晚于${value}`,
  },
  time: {
    '<': (value) => `早于${value}`,
    '<=': (value) => `不晚于${value}`,
    '>': (value) => `晚于${value}`,
    '>=': (value) => `不早于${value}`,
  },
  times: {
    '=': (first) => `恰好 ${first} 次`,
    '!=': (first) => `次数不为 ${first}`,
    '<': (first) => `少于 ${first} 次`,
    '<=': (first) => `至多 ${first} 次`,
    '>': (first) => `超过 ${first} 次`,
    '>=': (first) => `至少 ${first} 次`,
    in: (_first, _second, all) => `次数为 ${all}`,
    'not in': (_first, _second, all) => `次数不为 ${all}`,
    between: (first, second) => `至少 ${first} 次且少于 ${second} 次`,
    known: () => '次数不限',
    unknown: () => '次数未知（不会出现）',
  },
  aggregates: {
    sum: (event, property) => `${event}的${property}合计`,
    avg: (event, property) => `${event}的${property}平均值`,
    min: (event, property) => `${event}的${property}最小值`,
    max: (event, property) => `${event}的${property}最大值`,
    last: (event, property) => `最近一次${event}的${property}`,
    distinct: (event, property) => `${event}的不同${property}个数`,
  },
  text: {
    everybody: '所有客户',
    nobody: '没有任何客户',
    yes: '是',
    no: '否',
    open: '“',
    close: '”',
    not: '并非',
    among: '属于',
    notAmong: '不属于',
    one: '之一',
    from: '介于',
    to: '（含）至',
    known: '有值',
    unknown: '未知',
    last: '最近',
    next: '未来',
    inside: '内',
    anniversary: '的周年日',
    happened: '发生过',
    didNot: '没有发生',
    of: '的',
    sequence: '依次发生',
    audience: '属于客群',
    notAudience: '不属于客群',
    list: '在名单',
    notList: '不在名单',
    onList: '中',
    bucket: '落入分流',
    buckets: '桶',
    and: '，且',
    or: '，或',
    either: '或',
  },
};

/** Chinese words; the two scripts differ in characters, quotation marks and some terms, not in grammar. */
export function chinese(script: 'zh-Hant' | 'zh-Hans'): Words {
  const { units: unitNames, operators, time, times, aggregates, text } = script === 'zh-Hant' ? hant : hans;
  const quote = (name: string): string => `${text.open}${name}${text.close}`;
  const span = (duration: Duration): string =>
    units(duration)
      .map(({ count, unit }) => `${count} ${unitNames[unit]}`)
      .join(' ');
  const past = (window: Duration | undefined): string =>
    window ? `${text.last} ${span(window)}${text.inside}` : '';
  const list = (items: readonly string[]): string =>
    items.length <= 1
      ? items.join('')
      : `${items.slice(0, -1).join('、')}${text.either}${items.at(-1) ?? ''}`;
  /** A blank between a title and a number or Latin word, none before quotation marks and Chinese. */
  const spaced = (value: string): string =>
    /^[\p{L}\p{N}+-]/u.test(value) && !/^\p{Script=Han}/u.test(value) ? ` ${value}` : value;
  return {
    everybody: text.everybody,
    nobody: text.nobody,
    yes: text.yes,
    no: text.no,
    quote,
    and: (parts) => parts.join(text.and),
    or: (parts) => parts.join(text.or),
    brackets: (inner) => `（${inner}）`,
    not: (inner) => `${text.not}（${inner}）`,
    compare: (subject, op, value, type) => {
      if (type === 'boolean') return `${subject}：${value}`;
      return subject + ((isTime(type) ? time[op] : undefined) ?? operators[op])(spaced(value));
    },
    among: (subject, values, inside) =>
      values.length === 1
        ? subject + operators[inside ? '=' : '!='](spaced(values.join('')))
        : `${subject}${inside ? text.among : text.notAmong}${spaced(list(values))}${text.one}`,
    between: (subject, from, to) => `${subject}${text.from}${spaced(from)}${text.to}${spaced(to)}（不含）`,
    known: (subject) => subject + text.known,
    unknown: (subject) => subject + text.unknown,
    window: (subject, op, duration) => {
      const when = `${op === 'in last' ? text.last : text.next} ${span(duration)}${text.inside}`;
      return op === 'anniversary in next' ? `${subject}${text.anniversary}在${when}` : `${subject}在${when}`;
    },
    event: quote,
    where: (event, condition) => `${event}（${condition}）`,
    happened: (event, window) => `${past(window)}${text.happened}${event}`,
    didNotHappen: (event, window) => `${past(window)}${text.didNot}${event}`,
    times: (event, window, { op, times: counts }) => {
      const [first = '…', second = '…'] = counts;
      const how = times[op]?.(first, second, list(counts)) ?? `${op} ${first}`;
      return `${past(window)}${event}${how}`;
    },
    aggregate: ({ name, property, event, window }) => `${past(window)}${aggregates[name](event, property)}`,
    sequence: (steps, window) => `${past(window)}${text.sequence}${steps.join(' → ')}`,
    inAudience: (name) => text.audience + quote(name),
    notInAudience: (name) => text.notAudience + quote(name),
    onList: (name) => text.list + quote(name) + text.onList,
    notOnList: (name) => text.notList + quote(name) + text.onList,
    inBucket: ({ salt, from, to }) =>
      `${text.bucket}${quote(salt)}${text.of} ${share(from, to)}（${from} ≤ ${text.buckets} < ${to}）`,
  };
}
