import type { AudienceFacts } from '@rapport/audiences';
import { audiencesIn, type Condition } from '@rapport/conditions';
import type { Clock, ProblemFault } from '@rapport/kernel';
import type { CampaignAudiences } from './campaigns.deps.ts';
import { contentHash } from './content-hash.ts';
import type { CampaignDraft, CampaignKpi } from './contract.ts';
import type { LookUps, OfferFacts, TemplateFacts } from './look-ups.ts';

/** What was looked up about a campaign's parts; what is absent was not named or was not found. */
export interface PlanFacts {
  readonly now: number;
  /** The condition to target: of the saved audience, or the campaign's own. */
  readonly condition?: Condition;
  readonly audience?: AudienceFacts;
  readonly conditionFaults: readonly ProblemFault[];
  readonly kpiFaults: readonly ProblemFault[];
  readonly excludedAudiences: readonly AudienceFacts[];
  readonly convertedIn: readonly ConvertedIn[];
  readonly template?: TemplateFacts;
  readonly templateFaults: readonly { pointer: string; message: string }[];
  readonly offer?: OfferFacts;
  readonly providerFault?: string;
}

/** An earlier campaign whose converted customers are left out. */
export interface ConvertedIn {
  readonly campaignId: string;
  readonly kpi: CampaignKpi;
  readonly launchedAt: number;
}

/** What exactly is approved and later launched, beside the campaign's own words. */
export interface FrozenPlan {
  readonly condition: Condition;
  readonly excluded: readonly AudienceFacts[];
  readonly template: { readonly id: string; readonly version: number };
  readonly offer?: OfferFacts;
}

export interface PlanReader {
  /** Looks up everything that a draft names. */
  facts(document: CampaignDraft): Promise<PlanFacts>;
  /** The plan as it stands with its hash, or `undefined` while the audience or the published template is missing. */
  freeze(document: CampaignDraft): Promise<{ plan: FrozenPlan; hash: string } | undefined>;
}

export function createPlanReader(deps: {
  readonly clock: Clock;
  readonly audiences: CampaignAudiences;
  readonly lookUps: LookUps;
  readonly launched: (campaignIds: readonly string[]) => Promise<readonly ConvertedIn[]>;
}): PlanReader {
  const { audiences, lookUps } = deps;

  const lookUp = async (document: CampaignDraft) => {
    const { audience, content } = document;
    const [saved, template, offer, excludedAudiences, convertedIn] = await Promise.all([
      audience?.audienceId === undefined ? undefined : audiences.find(audience.audienceId),
      content && lookUps.template(content.templateId),
      content?.offerId === undefined ? undefined : lookUps.offer(content.offerId),
      Promise.all((audience?.exclude?.audienceIds ?? []).map((id) => audiences.find(id))),
      deps.launched(audience?.exclude?.convertedIn ?? []),
    ]);
    const condition = audience?.audienceId === undefined ? audience?.condition : saved?.condition;
    return {
      ...(condition === undefined ? {} : { condition }),
      ...(saved ? { audience: saved } : {}),
      ...(template ? { template } : {}),
      ...(offer ? { offer } : {}),
      excludedAudiences: excludedAudiences.filter((found) => found !== undefined),
      convertedIn,
    };
  };

  return {
    async facts(document) {
      const found = await lookUp(document);
      const { template } = found;
      const [conditionFaults, kpiFaults, templateFaults, providerFault] = await Promise.all([
        found.condition === undefined ? [] : audiences.faults(found.condition),
        document.kpi === undefined ? [] : audiences.faults(kpiCondition(document.kpi)),
        template === undefined || template.version === 0
          ? []
          : lookUps.templateFaults(template, document.audience?.audienceId, document.content?.offerId),
        document.channel === undefined
          ? undefined
          : lookUps.providerFault(document.channel, document.providerId),
      ]);
      return {
        now: deps.clock.now(),
        ...found,
        conditionFaults,
        kpiFaults,
        templateFaults,
        ...(providerFault === undefined ? {} : { providerFault }),
      };
    },
    async freeze(document) {
      const { condition, template, offer, excludedAudiences } = await lookUp(document);
      if (condition === undefined || template === undefined || template.version === 0) return undefined;
      const plan: FrozenPlan = {
        condition,
        excluded: excludedAudiences,
        template: { id: template.id, version: template.version },
        ...(offer ? { offer } : {}),
      };
      const named = await namedAudiences(
        [condition, ...excludedAudiences.map((audience) => audience.condition), offer?.eligibility],
        audiences,
      );
      return { plan, hash: contentHash({ document, plan, named }) };
    },
  };
}

/** The KPI as a condition: the event at least once in the window before the instant of evaluation. */
export function kpiCondition(kpi: CampaignKpi, within: string = kpi.within): Condition {
  return {
    event: kpi.event,
    ...(kpi.where === undefined ? {} : { where: kpi.where }),
    within,
    op: '>=',
    value: 1,
  };
}

/** Conditions of all audiences that conditions name, directly or through one another. */
async function namedAudiences(
  conditions: readonly (Condition | undefined)[],
  audiences: CampaignAudiences,
): Promise<Record<string, Condition>> {
  const named: Record<string, Condition> = {};
  const open = conditions.flatMap((condition) => (condition ? idsIn(condition) : []));
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (named[id] !== undefined) continue;
    const found = await audiences.find(id);
    if (!found) continue;
    named[id] = found.condition;
    open.push(...idsIn(found.condition));
  }
  return named;
}

const idsIn = (condition: Condition): string[] => audiencesIn(condition).map((place) => place.id);
