import { isZone } from '@rapport/decisions';
import { parseDuration } from '@rapport/kernel';
import type { StepEdits } from './campaigns.store.sql.ts';
import { contentHash } from './content-hash.ts';
import type { CampaignDraft, CampaignStep, StepFault, StepId } from './contract.ts';
import { STEP_IDS } from './contract.ts';
import type { PlanFacts } from './plan.ts';

/** Which members of a campaign are worked on in which step. */
const STEP_MEMBERS: Readonly<Record<StepId, readonly (keyof CampaignDraft)[]>> = {
  analysis: ['goal', 'kpi'],
  audience: ['audience'],
  content: ['content'],
  channel: ['channel', 'providerId', 'schedule', 'purpose'],
  measurement: ['control'],
};

/** Fewer customers than this in control give no usable interval. */
const SMALL_CONTROL = 100;

/**
 * The five guided steps with what each still misses. A later step is checked again whenever an earlier one changes,
 * because the faults are computed from the whole campaign each time; nothing that was entered is thrown away.
 * @param size  customers targeted now, when known
 */
export function stepsOf(
  document: CampaignDraft,
  facts: PlanFacts,
  edits: StepEdits,
  size: number | undefined,
): CampaignStep[] {
  const faults: Record<StepId, StepFault[]> = {
    analysis: analysisFaults(document, facts),
    audience: audienceFaults(document, facts, size),
    content: contentFaults(document, facts),
    channel: channelFaults(document, facts),
    measurement: measurementFaults(document, size),
  };
  return STEP_IDS.map((id) => {
    const own = faults[id];
    const edit = edits[id];
    return {
      id,
      state: own.some((fault) => fault.severity === 'missing')
        ? 'missing'
        : own.length > 0
          ? 'warning'
          : 'ok',
      faults: own,
      ...(edit
        ? {
            firstEditedAt: new Date(edit.first).toISOString(),
            lastEditedAt: new Date(edit.last).toISOString(),
          }
        : {}),
    };
  });
}

/** Notes which steps an edit worked on. */
export function editedSteps(
  before: CampaignDraft | undefined,
  after: CampaignDraft,
  edits: StepEdits,
  at: number,
): StepEdits {
  const next: Partial<Record<StepId, { first: number; last: number }>> = { ...edits };
  for (const id of STEP_IDS) {
    const part = (document: CampaignDraft | undefined): string =>
      contentHash(STEP_MEMBERS[id].map((member) => document?.[member] ?? null));
    if (part(before) !== part(after)) next[id] = { first: edits[id]?.first ?? at, last: at };
  }
  return next;
}

const missing = (pointer: string, code: string, message: string): StepFault => ({
  pointer,
  code,
  severity: 'missing',
  message,
});
const warning = (pointer: string, code: string, message: string): StepFault => ({
  pointer,
  code,
  severity: 'warning',
  message,
});

function analysisFaults({ goal, kpi }: CampaignDraft, facts: PlanFacts): StepFault[] {
  const faults: StepFault[] = [];
  if (!goal?.text.trim())
    faults.push(missing('/goal', 'goal_missing', 'There is no goal. Say what the campaign is to achieve.'));
  if (!kpi) {
    faults.push(missing('/kpi', 'kpi_missing', 'There is no KPI. Choose the event that counts as success.'));
    return faults;
  }
  const within = parseDuration(kpi.within);
  if (!within || (within.months === 0 && within.days === 0 && within.ms === 0)) {
    faults.push(
      missing('/kpi/within', 'kpi_window', `“${kpi.within}” is no length of time; write P14D for 14 days.`),
    );
    return faults;
  }
  faults.push(
    ...facts.kpiFaults.map((fault) => missing(`/kpi${fault.pointer}`, 'kpi_not_valid', fault.message)),
  );
  return faults;
}

function audienceFaults(
  { audience }: CampaignDraft,
  facts: PlanFacts,
  size: number | undefined,
): StepFault[] {
  if (!audience || (audience.audienceId === undefined && audience.condition === undefined)) {
    return [
      missing('/audience', 'audience_missing', 'There is no audience. Choose one or build a condition.'),
    ];
  }
  const faults: StepFault[] = [];
  if (audience.audienceId !== undefined && audience.condition !== undefined) {
    faults.push(
      missing(
        '/audience',
        'audience_twice',
        'There is both a saved audience and a condition; keep one of them.',
      ),
    );
  }
  if (audience.audienceId !== undefined && !facts.audience) {
    faults.push(
      missing('/audience/audienceId', 'audience_unknown', `There is no audience ${audience.audienceId}.`),
    );
  }
  const base = audience.audienceId === undefined ? '/audience/condition' : '/audience/audienceId';
  faults.push(
    ...facts.conditionFaults.map((fault) =>
      missing(`${base}${fault.pointer}`, 'condition_not_valid', fault.message),
    ),
  );
  (audience.exclude?.audienceIds ?? []).forEach((id, index) => {
    if (facts.excludedAudiences.some((found) => found.id === id)) return;
    faults.push(
      missing(`/audience/exclude/audienceIds/${index}`, 'audience_unknown', `There is no audience ${id}.`),
    );
  });
  (audience.exclude?.convertedIn ?? []).forEach((id, index) => {
    if (facts.convertedIn.some((found) => found.campaignId === id)) return;
    faults.push(
      missing(
        `/audience/exclude/convertedIn/${index}`,
        'campaign_unknown',
        `There is no launched campaign ${id} whose converted customers could be left out.`,
      ),
    );
  });
  if (size === 0)
    faults.push(warning('/audience', 'audience_empty', 'Nobody is in this audience at present.'));
  return faults;
}

function contentFaults(document: CampaignDraft, facts: PlanFacts): StepFault[] {
  const { content } = document;
  if (!content)
    return [missing('/content', 'content_missing', 'There is no content. Choose or write a template.')];
  const faults: StepFault[] = [];
  const { template, offer } = facts;
  if (!template) {
    faults.push(
      missing('/content/templateId', 'template_unknown', `There is no template ${content.templateId}.`),
    );
  } else {
    if (template.version === 0)
      faults.push(
        missing(
          '/content/templateId',
          'template_unpublished',
          `Template “${template.name}” was never published; publish it.`,
        ),
      );
    if (template.version > 0 && template.changed) {
      faults.push(
        warning(
          '/content/templateId',
          'template_changed',
          `Template “${template.name}” has changes that are not published; version ${template.version} will be sent.`,
        ),
      );
    }
    const purpose = document.purpose ?? 'marketing';
    if (template.purpose !== purpose) {
      faults.push(
        missing(
          '/content/templateId',
          'template_purpose',
          `Template “${template.name}” is for ${template.purpose}, the campaign for ${purpose}.`,
        ),
      );
    }
    faults.push(
      ...facts.templateFaults.map((fault) =>
        missing(`/content/templateId${fault.pointer}`, 'template_faulty', fault.message),
      ),
    );
  }
  if (content.offerId !== undefined) faults.push(...offerFaults(content.offerId, offer, facts.now));
  return faults;
}

function offerFaults(offerId: string, offer: PlanFacts['offer'], now: number): StepFault[] {
  const at = '/content/offerId';
  if (!offer) return [missing(at, 'offer_unknown', `There is no offer ${offerId}.`)];
  const faults: StepFault[] = [];
  if (!offer.active)
    faults.push(missing(at, 'offer_not_active', `Offer “${offer.name}” is not active; activate it.`));
  if (offer.validUntil !== undefined && offer.validUntil <= now) {
    faults.push(
      missing(
        at,
        'offer_expired',
        `Offer “${offer.name}” ended on ${new Date(offer.validUntil).toISOString()}.`,
      ),
    );
  }
  if (offer.validFrom !== undefined && offer.validFrom > now) {
    faults.push(
      warning(
        at,
        'offer_not_yet_valid',
        `Offer “${offer.name}” only begins on ${new Date(offer.validFrom).toISOString()}.`,
      ),
    );
  }
  return faults;
}

function channelFaults(document: CampaignDraft, facts: PlanFacts): StepFault[] {
  const { channel, schedule } = document;
  if (!channel) return [missing('/channel', 'channel_missing', 'There is no channel. Choose e-mail or SMS.')];
  const faults: StepFault[] = [];
  if (facts.template && facts.template.channel !== channel) {
    faults.push(
      missing(
        '/channel',
        'channel_mismatch',
        `The template is for ${facts.template.channel}, the campaign goes out by ${channel}.`,
      ),
    );
  }
  if (facts.providerFault !== undefined) {
    const at = document.providerId === undefined ? '/channel' : '/providerId';
    faults.push(missing(at, 'provider_not_ready', facts.providerFault));
  }
  const window = schedule?.window;
  if (window && window.from === window.to)
    faults.push(missing('/schedule/window/to', 'window_empty', 'The sending window has no length.'));
  if (window && !isZone(window.zone))
    faults.push(
      missing('/schedule/window/zone', 'zone_unknown', `“${window.zone}” is not a known IANA time zone.`),
    );
  const startAt = schedule?.startAt;
  if (startAt !== undefined && startAt !== 'now' && Date.parse(startAt) <= facts.now) {
    faults.push(
      warning(
        '/schedule/startAt',
        'start_past',
        'The start lies in the past: it starts once it is approved.',
      ),
    );
  }
  return faults;
}

function measurementFaults(
  { control, purpose = 'marketing' }: CampaignDraft,
  size: number | undefined,
): StepFault[] {
  if (!control) {
    return [
      missing('/control', 'control_missing', 'There is no control plan. Say which share is held back.'),
    ];
  }
  if (control.share === 0) {
    return purpose === 'service'
      ? []
      : [
          warning(
            '/control/share',
            'control_none',
            'Without a control group nobody can tell what it caused.',
          ),
        ];
  }
  if (control.share >= 1)
    return [missing('/control/share', 'control_all', 'Everybody is held back; nobody would get a message.')];
  if (size !== undefined && size * control.share < SMALL_CONTROL) {
    return [
      warning(
        '/control/share',
        'control_small',
        `Only about ${Math.round(size * control.share)} customers are held back; ask for advice on the share.`,
      ),
    ];
  }
  return [];
}
