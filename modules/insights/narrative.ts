import type { EpochMs, LocalizedText } from '@rapport/kernel';
import type { CampaignReport, ReportWarning } from './contract.ts';
import type { Estimate } from './report.ts';

/** A share as percent, with as many decimals as it takes to show two digits: `5.9 %`, `0.42 %`. */
export function percent(share: number): string {
  const value = share * 100;
  const decimals = value === 0 || Math.abs(value) >= 1 ? 1 : Math.abs(value) >= 0.1 ? 2 : 3;
  return `${clean(value.toFixed(decimals))} %`;
}

/** A difference of rates in percentage points. */
export function points(difference: number): string {
  const value = difference * 100;
  const decimals = value === 0 || Math.abs(value) >= 1 ? 1 : Math.abs(value) >= 0.1 ? 2 : 3;
  return clean(value.toFixed(decimals));
}

export const whole = (value: number): string =>
  clean(Math.round(value).toString()).replace(/\B(?=(\d{3})+$)/g, ',');

/** No “−0.0”, and a real minus sign. */
const clean = (text: string): string => (/^-0(\.0*)?$/.test(text) ? text.slice(1) : text.replace('-', '−'));

/** The result in a sentence of each language; every number in it is a figure of the report, rounded. */
export function narrativeOf({ treated, control, lift }: Estimate): Required<LocalizedText> {
  const facts = [
    whole(treated.customers),
    percent(treated.rate),
    whole(control.customers),
    percent(control.rate),
  ] as const;
  const [n1, r1, n2, r2] = facts;
  if (treated.customers === 0) {
    return {
      en: 'Nobody was treated.',
      'zh-Hant': '沒有任何客戶被觸達。',
      'zh-Hans': '没有任何客户被触达。',
    };
  }
  if (!lift) {
    return {
      en: `Of ${n1} treated customers ${r1} converted; without a control group nobody can tell what the campaign caused.`,
      'zh-Hant': `${n1} 位觸達客戶中有 ${r1} 轉化；沒有對照組，無法得知活動帶來了什麼。`,
      'zh-Hans': `${n1} 位触达客户中有 ${r1} 转化；没有对照组，无法得知活动带来了什么。`,
    };
  }
  const difference = points(lift.absolute);
  const [low, high] = [points(lift.absoluteInterval.low ?? -1), points(lift.absoluteInterval.high ?? 1)];
  const caused = whole(lift.incremental);
  const [few, many] = [
    whole(lift.incrementalInterval.low ?? -treated.customers),
    whole(lift.incrementalInterval.high ?? treated.customers),
  ];
  const start = {
    en: `Of ${n1} treated customers ${r1} converted, of ${n2} in control ${r2}: a difference of ${difference} points (95 % interval ${low} to ${high})`,
    'zh-Hant': `${n1} 位觸達客戶的轉化率為 ${r1}，${n2} 位對照客戶為 ${r2}：相差 ${difference} 個百分點（95 % 區間 ${low} 至 ${high}）`,
    'zh-Hans': `${n1} 位触达客户的转化率为 ${r1}，${n2} 位对照客户为 ${r2}：相差 ${difference} 个百分点（95 % 区间 ${low} 至 ${high}）`,
  };
  if (!lift.significant) {
    return {
      en: `${start.en}; that can be chance.`,
      'zh-Hant': `${start['zh-Hant']}；這可能只是偶然。`,
      'zh-Hans': `${start['zh-Hans']}；这可能只是偶然。`,
    };
  }
  return lift.absolute > 0
    ? {
        en: `${start.en}. The campaign caused about ${caused} conversions (${few} to ${many}).`,
        'zh-Hant': `${start['zh-Hant']}。活動帶來約 ${caused} 次增量轉化（${few} 至 ${many}）。`,
        'zh-Hans': `${start['zh-Hans']}。活动带来约 ${caused} 次增量转化（${few} 至 ${many}）。`,
      }
    : {
        en: `${start.en}. The campaign cost about ${whole(-lift.incremental)} conversions (${whole(-(lift.incrementalInterval.high ?? 0))} to ${whole(-(lift.incrementalInterval.low ?? 0))}).`,
        'zh-Hant': `${start['zh-Hant']}。活動損失約 ${whole(-lift.incremental)} 次轉化（${whole(-(lift.incrementalInterval.high ?? 0))} 至 ${whole(-(lift.incrementalInterval.low ?? 0))}）。`,
        'zh-Hans': `${start['zh-Hans']}。活动损失约 ${whole(-lift.incremental)} 次转化（${whole(-(lift.incrementalInterval.high ?? 0))} 至 ${whole(-(lift.incrementalInterval.low ?? 0))}）。`,
      };
}

/** What the reader has to bear in mind. */
export function warningsOf(input: {
  readonly estimate: Estimate;
  readonly isLaunched: boolean;
  readonly isOver: boolean;
  /** Somebody treated is still waiting for a message. */
  readonly isSending: boolean;
  readonly plannedControlShare: number;
  readonly window: { readonly until: EpochMs } | undefined;
  readonly now: EpochMs;
  readonly delivered: number;
}): ReportWarning[] {
  const { estimate, window, now } = input;
  const { treated, control, lift, sampleRatio, detectable } = estimate;
  const warnings: ReportWarning[] = [];
  const warn = (code: ReportWarning['code'], en: string, hant: string, hans: string): void => {
    warnings.push({ code, text: { en, 'zh-Hant': hant, 'zh-Hans': hans } });
  };
  if (!input.isLaunched) {
    warn('not_launched', 'The campaign has not been launched yet.', '活動尚未啟動。', '活动尚未启动。');
    return warnings;
  }
  if (control.customers === 0) {
    warn(
      'no_control',
      'There is no control group, so nothing can be said about what the campaign caused.',
      '沒有對照組，無法判斷活動帶來的效果。',
      '没有对照组，无法判断活动带来的效果。',
    );
  }
  if (!sampleRatio.ok) {
    const [planned, found] = [
      percent(input.plannedControlShare),
      percent(control.customers / (treated.customers + control.customers)),
    ];
    warn(
      'sample_ratio',
      `The control group should hold ${planned} of the customers but holds ${found}; do not trust the comparison before this is explained.`,
      `對照組應佔 ${planned}，實際為 ${found}；在查明原因之前請勿相信此比較。`,
      `对照组应占 ${planned}，实际为 ${found}；在查明原因之前请勿相信此比较。`,
    );
  }
  if (input.isSending)
    warn('not_finished', 'Messages are still being sent.', '訊息仍在發送中。', '消息仍在发送中。');
  if (window && now < window.until) {
    const day = new Date(window.until).toISOString().slice(0, 10);
    warn(
      'window_open',
      `The window is open until ${day}; figures will still grow.`,
      `觀察期至 ${day} 結束，數字仍會增長。`,
      `观察期至 ${day} 结束，数字仍会增长。`,
    );
  }
  if (treated.conversions + control.conversions === 0) {
    warn(
      'no_conversions',
      'No conversion was seen so far; is the source of the KPI event loaded?',
      '目前沒有任何轉化；KPI 事件的數據源是否已載入？',
      '目前没有任何转化；KPI 事件的数据源是否已加载？',
    );
  } else if (lift && !lift.significant && detectable) {
    warn(
      'underpowered',
      `Arms of this size only find a lift of ${points(detectable.absolute)} points or more with 80 % power.`,
      `此規模只能以 80 % 的把握發現 ${points(detectable.absolute)} 個百分點以上的提升。`,
      `此规模只能以 80 % 的把握发现 ${points(detectable.absolute)} 个百分点以上的提升。`,
    );
  }
  if (input.isOver && treated.customers > 0 && input.delivered / treated.customers < 0.8) {
    const share = percent(input.delivered / treated.customers);
    warn(
      'low_delivery',
      `Only ${share} of the treated were reached; the lift counts all of them and is thinner for it.`,
      `僅觸達了 ${share} 的實驗組客戶；提升按全部實驗組計算，因此被稀釋。`,
      `仅触达了 ${share} 的实验组客户；提升按全部实验组计算，因此被稀释。`,
    );
  }
  return warnings;
}

/** Numbers of a report as a reader would look them up: for CSV and for the test of the sentence. */
export function figuresOf(report: CampaignReport): readonly [string, string | number][] {
  const { lift, value, treated, control } = report;
  return [
    ['campaign_id', report.campaignId],
    ['name', report.name],
    ['launched_at', report.launchedAt ?? ''],
    ['kpi_event', report.kpi?.event ?? ''],
    ['window_until', report.kpi?.until ?? ''],
    ['targeted', report.funnel.targeted],
    ...report.funnel.exits.map((exit): [string, number] => [`exit_${exit.reason}`, exit.customers]),
    ['delivered', report.funnel.delivered],
    ['funnel_difference', report.funnel.difference],
    ['treated', treated.customers],
    ['control', control.customers],
    ['treated_conversions', treated.conversions],
    ['control_conversions', control.conversions],
    ['treated_rate', treated.rate],
    ['control_rate', control.rate],
    ['lift_absolute', lift?.absolute ?? ''],
    ['lift_absolute_low', lift?.absoluteInterval.low ?? ''],
    ['lift_absolute_high', lift?.absoluteInterval.high ?? ''],
    ['lift_relative', lift?.relative ?? ''],
    ['p_value', lift?.pValue ?? ''],
    ['incremental_conversions', lift?.incremental ?? ''],
    ['incremental_low', lift?.incrementalInterval.low ?? ''],
    ['incremental_high', lift?.incrementalInterval.high ?? ''],
    ['incremental_amount_minor', value?.incrementalMinor ?? ''],
    ['incremental_amount_low', value?.incrementalInterval.low ?? ''],
    ['incremental_amount_high', value?.incrementalInterval.high ?? ''],
    ['sample_ratio_p', report.sampleRatio.pValue],
  ];
}
