import type { Scalar, TagEntry } from '@rapport/conditions';
import { type Language, localized } from '@rapport/kernel';
import type { CodedBucket } from './coded-tag.ts';

const WORDS: Readonly<
  Record<Language, { unknown: string; other: string; yes: string; no: string; known: string }>
> = {
  en: { unknown: 'Unknown', other: 'Others', yes: 'Yes', no: 'No', known: 'Known' },
  'zh-Hant': { unknown: '未知', other: '其他', yes: '是', no: '否', known: '有值' },
  'zh-Hans': { unknown: '未知', other: '其他', yes: '是', no: '否', known: '有值' },
};
const SHOWN = 3;

/** A bucket as a chart names it: `C4`, `≥ 500,000`, `30 – 40`. */
export function bucketLabel(entry: TagEntry, bucket: CodedBucket | 'unknown', language: Language): string {
  const words = WORDS[language];
  if (bucket === 'unknown') return words.unknown;
  if (bucket.isOther) return words.other;
  const say = (value: Scalar): string => sayValue(entry, value, language);
  const { from, to, values = [] } = bucket;
  if (from !== undefined && to !== undefined) return `${say(from)} – ${say(to)}`;
  if (from !== undefined) return `≥ ${say(from)}`;
  if (to !== undefined) return `< ${say(to)}`;
  if (values.length === 0) return words.known;
  const shown = values.slice(0, SHOWN).map(say).join(', ');
  return values.length > SHOWN ? `${shown}, …` : shown;
}

function sayValue(entry: TagEntry, value: Scalar, language: Language): string {
  if (typeof value === 'boolean') return value ? WORDS[language].yes : WORDS[language].no;
  const title = entry.valueTitles?.[String(value)];
  if (title) return localized(title, language);
  if (typeof value === 'string')
    return entry.type === 'instant' ? value.slice(0, 16).replace('T', ' ') : value;
  const digits = entry.type === 'money' ? (entry.currencyDigits ?? 2) : 0;
  const amount = value / 10 ** digits;
  return new Intl.NumberFormat('en-US', {
    maximumFractionDigits: entry.type === 'money' ? 0 : 2,
    maximumSignificantDigits: Math.abs(amount) < 1 ? 3 : 12,
  }).format(amount);
}
