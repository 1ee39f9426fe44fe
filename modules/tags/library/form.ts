import type { PropertyCondition } from '@rapport/conditions';
import type { LocalizedText } from '@rapport/kernel';
import type { RuleDefinition, StatisticalDefinition, TagDefinition, TagValue } from '../contract.ts';

/** What ready-made tags are written with, so that each stands in a few lines and says the same as its YAML. */

/** English, traditional and simplified Chinese. */
export type Titles = readonly [en: string, hant: string, hans: string];
export type Definition = TagDefinition['definition'];
type Condition = RuleDefinition['cases'][number]['when'];

/** Tags of one subject. Money has no unit and days have no zone yet: both are the bank's, see `forBank`. */
export interface LibraryTheme {
  readonly id: string;
  readonly title: LocalizedText;
  readonly tags: readonly TagDefinition[];
}

export const localized = ([en, hant, hans]: Titles): LocalizedText => ({
  en,
  'zh-Hant': hant,
  'zh-Hans': hans,
});

export interface More {
  readonly unit?: string;
  readonly values?: TagDefinition['values'];
  readonly dataClass?: TagDefinition['dataClass'];
}
export type LibraryTag = Omit<TagDefinition, 'owner'>;

/** A tag; `description` says what is counted and what it is for. */
export const tag = (
  id: string,
  titles: Titles,
  category: string,
  valueType: TagDefinition['valueType'],
  definition: Definition,
  description: string,
  more: More = {},
): LibraryTag => ({ id, title: localized(titles), description, category, valueType, ...more, definition });

/** A theme: `owner` is the department that would answer for its tags. */
export const theme = (
  id: string,
  titles: Titles,
  owner: string,
  tags: readonly (LibraryTag | readonly LibraryTag[])[],
): LibraryTheme => ({
  id,
  title: localized(titles),
  tags: tags.flat().map(({ definition, ...rest }) => ({ dataClass: 'C2', ...rest, owner, definition })),
});

export const value = (name: TagValue, ...titles: Titles): { value: TagValue; title: LocalizedText } => ({
  value: name,
  title: localized(titles),
});
export const YES_NO = [value(true, 'Yes', '是', '是'), value(false, 'No', '否', '否')];

/** `Money in` and 90: `Money in, 90 days`, `近90天入賬金額`. */
export const inDays = ([en, hant, hans]: Titles, days: number): Titles => [
  `${en}, ${days} days`,
  `近${days}天${hant}`,
  `近${days}天${hans}`,
];

export const fact = (
  from: 'customer' | 'account' | 'holding' | 'identity',
  expression: string,
  more: { where?: string; pick?: 'first' | 'last' | 'min' | 'max' | 'list' } = {},
): Definition => ({ kind: 'fact', from, value: expression, ...more });

export type Over = Partial<Pick<StatisticalDefinition, 'where' | 'within' | 'offset' | 'window' | 'event'>>;
export const over = (
  table: StatisticalDefinition['over'],
  aggregate: StatisticalDefinition['aggregate'],
  more: Over = {},
): Definition => ({ kind: 'statistical', over: table, aggregate, ...more });
export const bookings = (aggregate: StatisticalDefinition['aggregate'], more: Over = {}): Definition =>
  over('transaction', aggregate, more);
export const events = (
  event: string,
  aggregate: StatisticalDefinition['aggregate'],
  more: Over = {},
): Definition => over('event', aggregate, { event, ...more });
export const lastDays = (days: number): { within: string } => ({ within: `P${days}D` });

/** Share of the rows of the tag for which a condition holds. */
export const shareOf = (where: PropertyCondition): StatisticalDefinition['aggregate'] => ({
  ratio: { of: { aggregate: 'count', where }, to: { aggregate: 'count' } },
});

export const is = (property: string, code: string | readonly string[]): PropertyCondition =>
  typeof code === 'string' ? { property, op: '=', value: code } : { property, op: 'in', value: [...code] };
export const both = (...all: PropertyCondition[]): PropertyCondition => ({ all });
export const derived = (expression: string): Definition => ({ kind: 'derived', expression });
export const rule = (
  cases: readonly (readonly [when: Condition, value: TagValue])[],
  otherwise?: TagValue,
): Definition => ({
  kind: 'rule',
  cases: cases.map(([when, each]) => ({ when, value: each })),
  ...(otherwise === undefined ? {} : { otherwise }),
});
/** Yes or no of every customer, whatever is unknown. */
export const whether = (when: Condition): Definition => rule([[when, true]], false);
export const than = (tagId: string, op: '=' | '<' | '<=' | '>' | '>=', limit: TagValue): Condition => ({
  tag: tagId,
  op,
  value: limit,
});
/** The first band whose lower end the number reaches, highest first; below them all `otherwise`. */
export const bands = (
  tagId: string,
  steps: readonly (readonly [from: number, value: TagValue])[],
  otherwise?: TagValue,
): Definition =>
  rule([
    ...steps.map(([from, each]) => [than(tagId, '>=', from), each] as const),
    ...(otherwise === undefined ? [] : [[{ tag: tagId, op: 'known' }, otherwise] as const]),
  ]);
