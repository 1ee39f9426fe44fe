import type { Condition } from '@rapport/conditions';
import { type Actor, Problem } from '@rapport/kernel';
import type { Offer } from '@rapport/offers';
import { type CidSet, cidSetOf } from '@rapport/stores';
import type { CampaignsDeps } from './campaigns.deps.ts';
import type { CampaignChannel, CampaignPurpose, DryRunSample } from './contract.ts';

/** What is known about a template before it is used. */
export interface TemplateFacts {
  readonly id: string;
  readonly name: string;
  readonly channel: CampaignChannel;
  readonly purpose: CampaignPurpose;
  /** Last published version; 0 when there is none. */
  readonly version: number;
  /** The draft has changes that are not published. */
  readonly changed: boolean;
}

export interface OfferFacts {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly active: boolean;
  readonly validFrom?: number;
  readonly validUntil?: number;
  readonly eligibility?: Condition;
  /** R1–R5 as 1–5, its product's risk included; absent when it is no investment. */
  readonly risk?: number;
}

/** Customers whom a channel cannot or may not reach now; the sets may overlap. */
export interface Contactability {
  readonly unreachable: CidSet;
  readonly noConsent: CidSet;
  readonly suppressed: CidSet;
}

/** What other modules know about the parts of a campaign. */
export interface LookUps {
  template(templateId: string): Promise<TemplateFacts | undefined>;
  /** Faults of a published version for these customers (all customers without an audience) and this offer. */
  templateFaults(
    template: Pick<TemplateFacts, 'id' | 'version'>,
    audienceId: string | undefined,
    offerId: string | undefined,
  ): Promise<{ pointer: string; message: string }[]>;
  sample(question: {
    readonly template: Pick<TemplateFacts, 'id' | 'version'>;
    readonly offerId: string | undefined;
    readonly campaignName: string;
    readonly customerId: string;
    readonly actor: Actor;
  }): Promise<DryRunSample>;
  offer(offerId: string): Promise<OfferFacts | undefined>;
  factsOfOffer(offer: Offer): Promise<OfferFacts>;
  /** What keeps a channel from sending, in words; `undefined` when it can. */
  providerFault(channel: CampaignChannel, providerId: string | undefined): Promise<string | undefined>;
  contactability(
    cids: CidSet,
    question: { readonly channel: CampaignChannel; readonly purpose: CampaignPurpose },
  ): Promise<Contactability>;
  /** Bank ids of dense numbers, in the same order. */
  customerIds(cids: readonly number[]): Promise<string[]>;
  /** How many of these the contact policy would withhold if they were contacted now; nothing is reserved. */
  cappedCount(
    cids: CidSet,
    question: { readonly channel: CampaignChannel; readonly purpose: CampaignPurpose; readonly at: number },
  ): Promise<number>;
}

/** Customers asked about at once. */
const GROUP = 10_000;

export function createLookUps(
  deps: Pick<
    CampaignsDeps,
    'warehouse' | 'releases' | 'customers' | 'content' | 'offers' | 'decisions' | 'contacts' | 'channels'
  >,
): LookUps {
  const { warehouse, releases, customers, content, offers, decisions, contacts, channels } = deps;

  const factsOfOffer: LookUps['factsOfOffer'] = async (offer) => {
    const risk = await decisions.riskOf(offer);
    return {
      id: offer.id,
      name: offer.name.en,
      version: offer.version,
      active: offer.state === 'active',
      ...(offer.validFrom === undefined ? {} : { validFrom: Date.parse(offer.validFrom) }),
      ...(offer.validUntil === undefined ? {} : { validUntil: Date.parse(offer.validUntil) }),
      ...(offer.eligibility === undefined ? {} : { eligibility: offer.eligibility }),
      ...(risk === undefined ? {} : { risk }),
    };
  };
  const customerIds: LookUps['customerIds'] = async (cids) => {
    const ids = await customers.idsOf(cids);
    return cids.map((cid) => {
      const id = ids.get(cid);
      if (id === undefined) throw new Error(`customer number ${cid} has no customer id`);
      return id;
    });
  };
  const withAddress = async (channel: CampaignChannel): Promise<CidSet> => {
    const table = (await releases.current()).placements.get('customer_pii')?.table;
    if (table === undefined) return cidSetOf([]);
    const column = channel === 'email' ? 'email_cipher' : 'phone_cipher';
    return warehouse.queryCids(
      `select groupBitmapState(p.cid) from ${warehouse.identifier(table)} as p where p.${column} != ''`,
    );
  };

  return {
    factsOfOffer,
    customerIds,
    async template(templateId) {
      const found = await orAbsent(content.get(templateId));
      return (
        found && {
          id: found.id,
          name: found.name,
          channel: found.channel,
          purpose: found.purpose,
          version: found.version,
          changed: found.state === 'draft',
        }
      );
    },
    async templateFaults({ id, version }, audienceId, offerId) {
      const { faults, fields } = await content.check({
        templateId: id,
        version,
        ...(audienceId === undefined ? {} : { audienceId }),
        ...(offerId === undefined ? {} : { offerId }),
      });
      // A field that every offer has is fine for content, but there is no offer here to have it.
      const offerless = fields.filter(
        ({ field, hasFallback }) => offerId === undefined && field.startsWith('offer.') && !hasFallback,
      );
      return [
        ...faults.map((fault) => ({
          pointer: `/variants/${fault.variantId}/${fault.part}:${fault.line}:${fault.column}`,
          message: fault.message,
        })),
        ...offerless.map(({ field }) => ({
          pointer: '',
          message: `The template names {{ ${field} }}, but the campaign makes no offer. Choose an offer, or give the field a \`| default:\`.`,
        })),
      ];
    },
    async sample({ template, offerId, campaignName, customerId, actor }) {
      const body = await content.published(template.id, template.version);
      const { variantId, subject, html, text, missing } = await content.preview(
        { template: body, customerId, campaignName, ...(offerId === undefined ? {} : { offerId }) },
        actor,
      );
      return {
        customerId,
        variantId,
        ...(subject === undefined ? {} : { subject }),
        ...(html === undefined ? {} : { html }),
        text,
        missing,
      };
    },
    async offer(offerId) {
      const found = await offers.find(offerId);
      return found && factsOfOffer(found);
    },
    async providerFault(channel, providerId) {
      const all = await channels.providers.list();
      if (providerId !== undefined) {
        const chosen = all.find((provider) => provider.id === providerId);
        if (!chosen) return `There is no provider ${providerId}.`;
        if (chosen.channel !== channel)
          return `Provider “${chosen.name}” sends ${chosen.channel}, not ${channel}.`;
        return chosen.enabled ? undefined : `Provider “${chosen.name}” is switched off.`;
      }
      return all.some((provider) => provider.channel === channel && provider.enabled)
        ? undefined
        : `No provider for ${channel} is switched on; set one up under channels.`;
    },
    async contactability(cids, { channel, purpose }) {
      const reachable = cids.and(await withAddress(channel));
      const noConsent: number[] = [];
      const suppressed: number[] = [];
      for (const group of groupsOf(reachable)) {
        const ids = await customerIds(group);
        const obstacles = await channels.consents.obstacles(ids, channel, purpose);
        group.forEach((cid, index) => {
          const obstacle = obstacles.get(ids[index] ?? '');
          if (obstacle === undefined) return;
          (isConsentObstacle(obstacle) ? noConsent : suppressed).push(cid);
        });
      }
      return {
        unreachable: cids.andNot(reachable),
        noConsent: cidSetOf(noConsent),
        suppressed: cidSetOf(suppressed),
      };
    },
    async cappedCount(cids, question) {
      let capped = 0;
      for (const group of groupsOf(cids)) {
        const outcomes = await contacts.peek(
          group.map((cid) => ({ cid, campaignId: 'dry-run', deliveryId: `dry-run/${cid}`, ...question })),
        );
        capped += outcomes.filter(({ outcome }) => outcome === 'withheld').length;
      }
      return capped;
    },
  };
}

/** Consent refused and consent never given are both “no consent”; every other obstacle is a suppression. */
function isConsentObstacle(obstacle: string): boolean {
  const reason = obstacle.slice(obstacle.indexOf(':') + 1);
  return reason === 'no_consent' || reason === 'opted_out';
}

function* groupsOf(cids: CidSet): Generator<number[]> {
  for (let after: number | undefined; ; ) {
    const group = cids.slice(after, GROUP);
    if (group.length === 0) return;
    yield [...group];
    after = group[group.length - 1];
  }
}

/** The value, or `undefined` where the owner says that there is no such thing. */
async function orAbsent<Value>(found: Promise<Value>): Promise<Value | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return undefined;
    throw error;
  }
}
