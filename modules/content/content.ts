import type { Condition } from '@rapport/conditions';
import type { AuditRecord } from '@rapport/governance';
import type { Actor, Clock } from '@rapport/kernel';
import type { Offer } from '@rapport/offers/contract';
import type { Relational } from '@rapport/stores';
import type {
  CheckResult,
  MergeFieldView,
  Preview,
  PreviewRequest,
  SmsSize,
  TemplateBody,
  TemplateView,
} from './contract.ts';
import type { MergeValue } from './liquid.ts';

/** A customer, by dense number and by the bank's id. */
export interface Recipient {
  readonly cid: number;
  readonly customerId: string;
}

/** Values by merge field (`customer.city`, `tag.age`); a field without a value is absent. */
export type MergeValues = ReadonlyMap<string, MergeValue>;

export interface ContentDeps {
  readonly relational: Pick<Relational, 'pool' | 'transaction'>;
  readonly clock: Clock;
  readonly audit: { record(entry: AuditRecord): Promise<void> };
  /** Customers and tags as templates see them. */
  readonly profiles: {
    /** Values of `customer.*` and `tag.*` fields, for many customers at once, by cid. */
    values(cids: readonly number[], fields: readonly string[]): Promise<ReadonlyMap<number, MergeValues>>;
    /** Dense numbers of bank ids the actor may see; unknown ones are absent. */
    find(customerIds: readonly string[], actor: Actor): Promise<readonly Recipient[]>;
    /** The `tag.*` fields, of every tag there is. */
    tagFields(): Promise<readonly MergeFieldView[]>;
    /** Customers of the audience (all customers without one) that have no value for the field. */
    missingCount(field: string, audienceId: string | undefined): Promise<number>;
    /** Customers of the audience, or all. */
    customerCount(audienceId: string | undefined): Promise<number>;
  };
  readonly offers: { find(offerId: string): Promise<Offer | undefined> };
  readonly conditions: {
    faults(condition: Condition): Promise<readonly { pointer: string; message: string }[]>;
    /** Which of the customers the condition holds for, by cid (the predicate reader). */
    matching(condition: Condition, recipients: readonly Recipient[]): Promise<ReadonlySet<number>>;
  };
  readonly bank: { readonly name: string };
  /** Where the platform is reached from outside, without a slash at the end. */
  readonly publicUrl: string;
  /** Hosts that links in templates may lead to; `undefined` = any. */
  readonly linkHosts?: readonly string[] | undefined;
}

export interface RenderRequest {
  readonly recipient: Recipient;
  readonly templateId: string;
  readonly version: number;
  /** Fixed at launch; without it the first variant that fits is taken. */
  readonly variantId?: string | undefined;
  readonly offerId?: string | undefined;
  readonly campaign: { readonly id: string; readonly name: string };
  readonly unsubscribeUrl: string;
}

export type RenderResult =
  | {
      readonly ok: true;
      readonly variantId: string;
      readonly subject?: string;
      readonly html?: string;
      readonly text: string;
      readonly sms?: SmsSize;
    }
  | {
      readonly ok: false;
      readonly reason:
        | 'template_not_found'
        | 'variant_not_found'
        | 'offer_not_found'
        | 'customer_not_found'
        | 'missing_value'
        | 'render_failed';
      readonly detail: string;
    };

export interface PublishedTemplate extends TemplateBody {
  readonly id: string;
  readonly version: number;
}

export interface Content {
  list(query: { channel?: TemplateBody['channel']; limit: number; before?: string }): Promise<TemplateView[]>;
  get(templateId: string): Promise<TemplateView>;
  create(template: TemplateBody, actor: Actor): Promise<TemplateView>;
  replace(templateId: string, template: TemplateBody, actor: Actor): Promise<TemplateView>;
  remove(templateId: string, actor: Actor): Promise<void>;
  /** Freezes the draft as the next version. @throws content.template_faulty with every fault */
  publish(templateId: string, actor: Actor): Promise<TemplateView>;
  /** A published version (the last one without `version`). @throws content.template_not_found */
  published(templateId: string, version?: number): Promise<PublishedTemplate>;
  fields(): Promise<MergeFieldView[]>;
  /** @throws content.template_not_found, content.template_missing */
  check(request: {
    templateId?: string;
    version?: number;
    template?: TemplateBody;
    audienceId?: string;
    offerId?: string;
  }): Promise<CheckResult>;
  preview(request: PreviewRequest, actor: Actor): Promise<Preview>;
  /** Many messages at once, array in, array out; one that can not be filled in does not harm the others. */
  render(requests: readonly RenderRequest[]): Promise<RenderResult[]>;
}
