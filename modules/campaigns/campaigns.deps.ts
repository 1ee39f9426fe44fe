import type { Audiences } from '@rapport/audiences';
import type { Channels } from '@rapport/channels';
import type { Content } from '@rapport/content';
import type { Customers } from '@rapport/customers';
import type { ContactLedger, Decisions } from '@rapport/decisions';
import type { Approvals, Audit } from '@rapport/governance';
import type { Clock, Log } from '@rapport/kernel';
import type { Offers } from '@rapport/offers';
import type { Relational, Releases, Warehouse } from '@rapport/stores';

/** Org units a question is limited to; `undefined` = the whole bank. */
export type OrgScope = readonly string[] | undefined;

/** What campaigns ask of audiences. */
export type CampaignAudiences = Pick<Audiences, 'find' | 'findByName' | 'faults' | 'resolve'>;

export interface CampaignsDeps {
  readonly relational: Relational;
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly approvals: Pick<Approvals, 'request' | 'get' | 'withdraw'>;
  readonly customers: Pick<Customers, 'idsOf'>;
  readonly audiences: CampaignAudiences;
  readonly content: Pick<
    Content,
    'list' | 'get' | 'create' | 'replace' | 'publish' | 'published' | 'check' | 'preview'
  >;
  readonly offers: Pick<Offers, 'list' | 'find' | 'create' | 'change' | 'activate'>;
  readonly decisions: Pick<Decisions, 'riskOf' | 'unsuitable'>;
  readonly contacts: Pick<ContactLedger, 'peek'>;
  readonly channels: Pick<Channels, 'enqueue' | 'cancel' | 'pause' | 'resume' | 'progress'> & {
    readonly consents: Pick<Channels['consents'], 'obstacles'>;
    readonly providers: Pick<Channels['providers'], 'list'>;
  };
}
