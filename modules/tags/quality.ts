import type { LocalizedText } from '@rapport/kernel';
import type { TagDefinition } from './contract.ts';
import { changeOfSpread, type Spread } from './drift.ts';
import type { QualityCheck, QualityFinding, QualityThresholds, QualityVerdict } from './quality.contract.ts';

export const USUAL_THRESHOLDS: QualityThresholds = {
  minCoverage: 0,
  coverageChange: 0.05,
  driftWarn: 0.1,
  driftBad: 0.25,
  unlisted: 0.01,
  maxAgeHours: 48,
};
/** With fewer known values an index says nothing. */
const LEAST_KNOWN = 100;

export interface Measured extends Spread {
  readonly customers: number;
}

export interface Judgement {
  readonly psiBefore: number | undefined;
  readonly psiBaseline: number | undefined;
  readonly findings: readonly QualityFinding[];
}

/** What the values of a refresh are like, by themselves and beside those of before and of the baseline. */
export function judgeValues(judged: {
  readonly tag: TagDefinition;
  readonly thresholds: QualityThresholds;
  readonly now: Measured;
  readonly before: Measured | undefined;
  readonly baseline: Measured | undefined;
}): Judgement {
  const { tag, thresholds, now } = judged;
  const findings: QualityFinding[] = [];
  const found = coverageOf(now);
  const lost = judged.before !== undefined && judged.before.known > 0 && now.known === 0;
  if (lost) findings.push(finding('coverage', 'bad', 0, undefined, 'before', TEXT.lost()));
  else if (found < thresholds.minCoverage && now.customers > 0)
    findings.push(
      finding(
        'coverage',
        'bad',
        found,
        thresholds.minCoverage,
        undefined,
        TEXT.below(found, thresholds.minCoverage),
      ),
    );
  const psi = { before: undefined, baseline: undefined } as Record<Against, number | undefined>;
  for (const against of ['before', 'baseline'] as const) {
    const other = judged[against];
    if (!other) continue;
    const moved = found - coverageOf(other);
    if (!lost && Math.abs(moved) > thresholds.coverageChange && now.customers > 0) {
      const isBad = moved < -2 * thresholds.coverageChange;
      findings.push(
        finding(
          'coverage',
          isBad ? 'bad' : 'warn',
          found,
          coverageOf(other),
          against,
          TEXT.moved(coverageOf(other), found, against),
        ),
      );
    }
    const change = changeOfSpread(tag.valueType, other, now);
    if (!change) continue;
    psi[against] = change.psi;
    if (Math.min(now.known, other.known) < LEAST_KNOWN || change.psi <= change.noise) continue;
    if (change.psi < thresholds.driftWarn) continue;
    const isBad = change.psi >= thresholds.driftBad;
    const limit = isBad ? thresholds.driftBad : thresholds.driftWarn;
    findings.push(
      finding('drift', isBad ? 'bad' : 'warn', change.psi, limit, against, TEXT.drift(change.psi, against)),
    );
  }
  const unlisted = unlistedOf(tag, now);
  if (unlisted && unlisted.share > thresholds.unlisted)
    findings.push(
      finding(
        'values',
        unlisted.share > 10 * thresholds.unlisted ? 'bad' : 'warn',
        unlisted.share,
        thresholds.unlisted,
        undefined,
        TEXT.unlisted(unlisted.share, unlisted.values),
      ),
    );
  return { psiBefore: psi.before, psiBaseline: psi.baseline, findings };
}

/** What holds whatever the values are: they could not be computed, or are old. */
export function judgeAge(judged: {
  readonly fault: string | undefined;
  readonly refreshedAt: number | undefined;
  readonly now: number;
  readonly maxAgeHours: number;
}): QualityFinding[] {
  const findings: QualityFinding[] = [];
  if (judged.fault !== undefined)
    findings.push(finding('refresh', 'bad', undefined, undefined, undefined, TEXT.failed(judged.fault)));
  if (judged.refreshedAt !== undefined) {
    const hours = (judged.now - judged.refreshedAt) / 3_600_000;
    if (hours > judged.maxAgeHours)
      findings.push(
        finding(
          'freshness',
          hours > 2 * judged.maxAgeHours ? 'bad' : 'warn',
          hours,
          judged.maxAgeHours,
          undefined,
          TEXT.old(hours, judged.maxAgeHours),
        ),
      );
  }
  return findings;
}

export const verdictOf = (findings: readonly QualityFinding[], hasValues: boolean): QualityVerdict => {
  if (findings.some(({ severity }) => severity === 'bad')) return 'bad';
  if (!hasValues) return 'unknown';
  return findings.length > 0 ? 'warn' : 'good';
};

type Against = 'before' | 'baseline';

function finding(
  check: QualityCheck,
  severity: 'warn' | 'bad',
  value: number | undefined,
  limit: number | undefined,
  against: Against | undefined,
  message: LocalizedText,
): QualityFinding {
  return {
    check,
    severity,
    ...(value === undefined ? {} : { value }),
    ...(limit === undefined ? {} : { limit }),
    ...(against === undefined ? {} : { against }),
    message,
  };
}

export const coverageOf = ({ known, customers }: { known: number; customers: number }): number =>
  customers === 0 ? 0 : known / customers;

/** Values that the dictionary does not have, as far as the most frequent ones tell. */
function unlistedOf(tag: TagDefinition, now: Measured): { share: number; values: string[] } | undefined {
  const listed = tag.values;
  if (!listed || listed.length === 0 || now.known === 0) return undefined;
  const known = new Set(listed.map(({ value }) => JSON.stringify(value)));
  const strange = now.distribution.top.filter(({ value }) => !known.has(JSON.stringify(value)));
  if (strange.length === 0) return undefined;
  return {
    share: Math.min(1, strange.reduce((sum, { customers }) => sum + customers, 0) / now.known),
    values: strange.slice(0, 5).map(({ value }) => String(value)),
  };
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const hoursText = (hours: number): string => (hours >= 100 ? String(Math.round(hours)) : hours.toFixed(1));
const AGAINST: Readonly<Record<Against, LocalizedText>> = {
  before: { en: 'the refresh before', 'zh-Hant': '上一次刷新', 'zh-Hans': '上一次刷新' },
  baseline: { en: 'the baseline', 'zh-Hant': '基準', 'zh-Hans': '基准' },
};
const TEXT = {
  lost: (): LocalizedText => ({
    en: 'No customer has a value any more.',
    'zh-Hant': '已沒有任何客戶有值。',
    'zh-Hans': '已没有任何客户有值。',
  }),
  below: (found: number, limit: number): LocalizedText => ({
    en: `Coverage is ${percent(found)}; it should be at least ${percent(limit)}.`,
    'zh-Hant': `覆蓋率為 ${percent(found)}，應不低於 ${percent(limit)}。`,
    'zh-Hans': `覆盖率为 ${percent(found)}，应不低于 ${percent(limit)}。`,
  }),
  moved: (was: number, is: number, against: Against): LocalizedText => ({
    en: `Coverage went from ${percent(was)} to ${percent(is)} since ${AGAINST[against].en}.`,
    'zh-Hant': `與${AGAINST[against]['zh-Hant']}相比，覆蓋率由 ${percent(was)} 變為 ${percent(is)}。`,
    'zh-Hans': `与${AGAINST[against]['zh-Hans']}相比，覆盖率由 ${percent(was)} 变为 ${percent(is)}。`,
  }),
  drift: (psi: number, against: Against): LocalizedText => ({
    en: `The values spread otherwise than at ${AGAINST[against].en} (PSI ${psi.toFixed(2)}).`,
    'zh-Hant': `與${AGAINST[against]['zh-Hant']}相比，值的分佈有偏移（PSI ${psi.toFixed(2)}）。`,
    'zh-Hans': `与${AGAINST[against]['zh-Hans']}相比，值的分布有偏移（PSI ${psi.toFixed(2)}）。`,
  }),
  unlisted: (share: number, values: readonly string[]): LocalizedText => ({
    en: `${percent(share)} have values that the dictionary does not list: ${values.join(', ')}.`,
    'zh-Hant': `${percent(share)} 的值不在字典中：${values.join('、')}。`,
    'zh-Hans': `${percent(share)} 的值不在字典中：${values.join('、')}。`,
  }),
  failed: (error: string): LocalizedText => ({
    en: `The last refresh could not compute it, the values of before stay: ${error}`,
    'zh-Hant': `上次刷新未能計算，仍使用先前的值：${error}`,
    'zh-Hans': `上次刷新未能计算，仍使用先前的值：${error}`,
  }),
  old: (hours: number, limit: number): LocalizedText => ({
    en: `The values are ${hoursText(hours)} hours old; they should be younger than ${limit}.`,
    'zh-Hant': `值已有 ${hoursText(hours)} 小時，應在 ${limit} 小時之內。`,
    'zh-Hans': `值已有 ${hoursText(hours)} 小时，应在 ${limit} 小时之内。`,
  }),
};
