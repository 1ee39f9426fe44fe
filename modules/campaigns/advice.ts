import type { Condition } from '@rapport/conditions';
import type { Actor, Clock } from '@rapport/kernel';
import { detectableLift } from '@rapport/statistics';
import type { CampaignAudiences } from './campaigns.deps.ts';
import { campaignsProblems } from './campaigns.problems.ts';
import type { Advice, AdviceRequest, CampaignAudience } from './contract.ts';
import { kpiCondition } from './plan.ts';

/**
 * How small a lift a campaign of this size can detect. Where no base rate is given, it is the share of the audience
 * that had the KPI event in the last window of the KPI's length, up to now.
 * @throws campaigns.advice_incomplete when neither a size nor an audience, or neither a base rate nor a KPI is given
 */
export async function adviceFor(
  deps: { readonly clock: Clock; readonly audiences: CampaignAudiences },
  request: AdviceRequest,
  actor: Actor,
): Promise<Advice> {
  const { controlShare, power = 0.8, alpha = 0.05 } = request;
  const at = { asOf: deps.clock.now(), orgScope: actor.orgScope };
  const condition = request.audience && (await conditionOf(deps.audiences, request.audience));
  const sizeOf = async (wanted: Condition): Promise<number> =>
    (await deps.audiences.resolve(wanted, at)).cids.size;
  const measured = condition && (await sizeOf(condition));
  const audienceSize = request.audienceSize ?? measured;
  if (audienceSize === undefined) {
    throw campaignsProblems.advice_incomplete({ detail: 'Give `audienceSize`, or an `audience` to count.' });
  }
  let baseRate = request.baseRate;
  if (baseRate === undefined) {
    if (!condition || !measured || !request.kpi) {
      throw campaignsProblems.advice_incomplete({
        detail:
          'Give a `baseRate`, or an `audience` with customers in it and a `kpi`, so that the rate can be measured in the past.',
      });
    }
    baseRate = (await sizeOf({ all: [condition, kpiCondition(request.kpi)] })) / measured;
  }
  const control = Math.round(audienceSize * controlShare);
  const treated = audienceSize - control;
  const lift = detectableLift({ treated, control, baseRate, power, alpha });
  return {
    audienceSize,
    treated,
    control,
    baseRate,
    baseRateSource: request.baseRate === undefined ? 'history' : 'given',
    ...(lift ? { detectableAbsolute: lift.absolute } : {}),
    ...(lift?.relative === undefined ? {} : { detectableRelative: lift.relative }),
    power,
    alpha,
    sentence: sentenceOf({ lift: lift?.absolute, treated, control, baseRate, power }),
  };
}

async function conditionOf(
  audiences: CampaignAudiences,
  audience: CampaignAudience,
): Promise<Condition | undefined> {
  const find = async (audienceId: string): Promise<Condition> => {
    const found = await audiences.find(audienceId);
    if (!found) throw campaignsProblems.advice_incomplete({ detail: `There is no audience ${audienceId}.` });
    return found.condition;
  };
  const base = audience.audienceId === undefined ? audience.condition : await find(audience.audienceId);
  const excluded = await Promise.all((audience.exclude?.audienceIds ?? []).map(find));
  if (base === undefined || excluded.length === 0) return base;
  return { all: [base, { not: { any: excluded } }] };
}

function sentenceOf(found: {
  lift: number | undefined;
  treated: number;
  control: number;
  baseRate: number;
  power: number;
}): Advice['sentence'] {
  const { lift, treated, control, baseRate, power } = found;
  const points = (share: number): string => (share * 100).toFixed(2);
  const chance = Math.round(power * 100);
  if (lift === undefined) {
    return {
      en: `With ${treated} contacted and ${control} in control, no lift can be detected; hold back more customers or target more.`,
      'zh-Hant': `觸達 ${treated} 人、對照組 ${control} 人時無法檢測任何提升；請擴大客群或提高對照組比例。`,
      'zh-Hans': `触达 ${treated} 人、对照组 ${control} 人时无法检测任何提升；请扩大客群或提高对照组比例。`,
    };
  }
  return {
    en: `With ${treated} contacted and ${control} in control, this audience can detect a lift of ${points(lift)} points over ${points(baseRate)} % with ${chance} % power.`,
    'zh-Hant': `觸達 ${treated} 人、對照組 ${control} 人，在 ${points(baseRate)}% 的基準上可檢測到 ${points(lift)} 個百分點的提升（檢定力 ${chance}%）。`,
    'zh-Hans': `触达 ${treated} 人、对照组 ${control} 人，在 ${points(baseRate)}% 的基准上可检测到 ${points(lift)} 个百分点的提升（检验效能 ${chance}%）。`,
  };
}
