import type { Language } from '@rapport/kernel';

/** What a finding says, in numbers, and the condition of its customers in words. */
export interface FindingFacts {
  /** Such as `Risk tolerance is C4`, in the language asked for. */
  readonly trait: string;
  readonly audienceShare: number;
  readonly baseShare: number;
  /** What the base is called; absent when it is all customers. */
  readonly baseName?: string;
}

/**
 * A finding as a sentence that compares and claims no cause: how many times as many, and both shares.
 */
export function sayFinding(facts: FindingFacts, language: Language): string {
  const { trait, audienceShare, baseShare, baseName } = facts;
  const [here, there] = [sayShare(audienceShare), sayShare(baseShare)];
  const times = baseShare > 0 ? audienceShare / baseShare : Number.POSITIVE_INFINITY;
  if (language === 'en') {
    const base = baseName ? `in “${baseName}”` : 'among all customers';
    const shares = `${here} against ${there} ${base}`;
    if (audienceShare === 0) return `${trait}: nobody here, ${there} ${base}`;
    if (times === Number.POSITIVE_INFINITY) return `${trait}: ${here} here, nobody ${base}`;
    if (times >= 1.1) return `${trait}: ${sayTimes(times)} times as common (${shares})`;
    if (times <= 0.9) return `${trait}: only ${sayTimes(times)} times as common (${shares})`;
    return `${trait}: ${audienceShare > baseShare ? 'somewhat more' : 'somewhat less'} common (${shares})`;
  }
  const hant = language === 'zh-Hant';
  const base = baseName ? `「${baseName}」` : hant ? '全體客戶' : '全体客户';
  const quoted = hant || !baseName ? base : `“${baseName}”`;
  const shares = `（本客群 ${here}，${quoted} ${there}）`;
  const none = hant ? '中沒有' : '中没有';
  if (audienceShare === 0) return `${trait}：本客群${none}（${quoted} ${there}）`;
  if (times === Number.POSITIVE_INFINITY)
    return `${trait}：${hant ? '佔' : '占'}本客群 ${here}，${quoted}${none}`;
  const share = hant ? '佔比' : '占比';
  if (times >= 1.1)
    return `${trait}：${share}${hant ? '為' : '为'}${quoted}的 ${sayTimes(times)} 倍${shares}`;
  if (times <= 0.9)
    return `${trait}：${share}${hant ? '僅為' : '仅为'}${quoted}的 ${sayTimes(times)} 倍${shares}`;
  return `${trait}：${share}略${audienceShare > baseShare ? '高' : '低'}${shares}`;
}

/** `38%`, `4.2%`, `0.07%`: as many digits as tell it apart from nothing. */
export function sayShare(share: number): string {
  const percent = share * 100;
  if (percent === 0) return '0%';
  const digits = percent >= 10 ? 0 : percent >= 1 ? 1 : 2;
  const text = percent.toFixed(digits);
  if (Number(text) === 0) return '<0.01%';
  return share < 1 && Number(text) >= 100 ? '>99.5%' : `${text}%`;
}

const sayTimes = (times: number): string =>
  times >= 10
    ? times.toFixed(0)
    : times >= 1
      ? times.toFixed(1)
      : times >= 0.1
        ? times.toFixed(1)
        : times.toFixed(2);
