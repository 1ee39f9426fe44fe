import { newId } from '@rapport/kernel';
import type { Offer } from '@rapport/offers/contract';
import {
  type CompiledTemplate,
  type CompiledVariant,
  compileTemplate,
  type Engines,
} from './compiled-template.ts';
import { contentProblems } from './content.problems.ts';
import type { Content, ContentDeps, MergeValues, Recipient, RenderRequest, RenderResult } from './content.ts';
import type { MergeFieldView, TemplateBody, TemplateView } from './contract.ts';
import { createLiquid, type MergeValue } from './liquid.ts';
import { smsSize } from './sms-size.ts';
import { checkTemplate, isAllowedHost } from './template-check.ts';
import { createTemplateStore } from './templates.store.sql.ts';
import {
  COMMON_FIELDS,
  familyNameOf,
  offerValues,
  salutationOf,
  smsOptOut,
  spokenLanguage,
} from './vocabulary.ts';

const CACHED_VERSIONS = 200;

/** Templates: definitions and versions, checks before launch, previews, and rendering in bulk at dispatch. */
export function createContent(deps: ContentDeps): Content {
  const { clock, audit, profiles, offers, conditions } = deps;
  const store = createTemplateStore(deps.relational);
  const materialUrl = (id: string): string =>
    `${deps.publicUrl}/api/v1/materials/${encodeURIComponent(id)}/content`;
  const engines: Engines = {
    html: createLiquid({ escape: true, materialUrl }),
    plain: createLiquid({ escape: false, materialUrl }),
  };
  /** Published versions never change, so their compiled form may be kept. */
  const compiledVersions = new Map<string, Promise<CompiledTemplate | undefined>>();

  const get = async (templateId: string): Promise<TemplateView> => {
    const found = await store.get(templateId);
    if (!found) throw contentProblems.template_not_found({ detail: `There is no template ${templateId}.` });
    return found;
  };
  const fields = async (): Promise<MergeFieldView[]> => [...COMMON_FIELDS, ...(await profiles.tagFields())];
  const bodyOf = async (request: {
    templateId?: string;
    version?: number;
    template?: TemplateBody;
  }): Promise<TemplateBody> => {
    if (request.template) return request.template;
    if (request.templateId === undefined) throw contentProblems.template_missing();
    return request.version === undefined
      ? get(request.templateId)
      : published(request.templateId, request.version);
  };
  const published = async (templateId: string, version?: number) => {
    const found = await store.version(templateId, version);
    if (!found) {
      const which = version === undefined ? 'a published version' : `version ${version}`;
      throw contentProblems.template_not_found({
        detail: `Template ${templateId} has no ${which.replace(/^a /, '')}.`,
      });
    }
    return { ...found, id: templateId };
  };
  const check: Content['check'] = async (request) => {
    const compiled = await compileTemplate(await bodyOf(request), engines);
    const { faults, fields: uses } = await checkTemplate(compiled, {
      vocabulary: await fields(),
      missingCount: (field) => missingCount(deps, field, request),
      conditionFaults: (condition) => conditions.faults(condition),
      linkHosts: deps.linkHosts,
    });
    return { ok: faults.length === 0, faults, fields: uses };
  };
  const compiledVersion = (templateId: string, version: number): Promise<CompiledTemplate | undefined> => {
    const key = `${templateId}@${version}`;
    const known = compiledVersions.get(key);
    if (known) return known;
    const compiling = store
      .version(templateId, version)
      .then((body) => (body ? compileTemplate(body, engines) : undefined));
    compiledVersions.set(key, compiling);
    const forget = (): boolean => compiledVersions.delete(key);
    compiling.then((compiled) => compiled ?? forget(), forget);
    const oldest = compiledVersions.keys().next().value;
    if (compiledVersions.size > CACHED_VERSIONS && oldest !== undefined) compiledVersions.delete(oldest);
    return compiling;
  };

  return {
    list: store.list,
    get,
    fields,
    published,
    check,
    async create(template, actor) {
      const created = await store.insert(newId('tpl'), template, new Date(clock.now()));
      if (!created) throw new Error('the insert answered no row');
      await audit.record({
        actor,
        action: 'template.created',
        subject: created.id,
        details: { name: template.name },
      });
      return created;
    },
    async replace(templateId, template, actor) {
      const replaced = await store.replace(templateId, template, new Date(clock.now()));
      if (!replaced)
        throw contentProblems.template_not_found({ detail: `There is no template ${templateId}.` });
      await audit.record({
        actor,
        action: 'template.changed',
        subject: templateId,
        details: { name: template.name },
      });
      return replaced;
    },
    async remove(templateId, actor) {
      if (!(await store.remove(templateId, new Date(clock.now())))) {
        throw contentProblems.template_not_found({ detail: `There is no template ${templateId}.` });
      }
      await audit.record({ actor, action: 'template.removed', subject: templateId });
    },
    async publish(templateId, actor) {
      for (let attempt = 0; attempt < 5; attempt++) {
        const draft = await get(templateId);
        if (draft.state === 'published') return draft;
        const { faults } = await check({ template: draft });
        // A value that someone lacks is judged against the audience at launch; here only what is wrong for everyone.
        const serious = faults.filter((fault) => fault.code !== 'needs_fallback');
        if (serious.length > 0) {
          throw contentProblems.template_faulty({
            detail: `Template "${draft.name}" has ${serious.length} fault${serious.length === 1 ? '' : 's'}.`,
            faults: serious.map((fault) => ({
              pointer: `/variants/${fault.variantId}/${fault.part}:${fault.line}:${fault.column}`,
              message: fault.message,
            })),
          });
        }
        const done = await store.publish(draft, new Date(clock.now()), actor.id);
        if (!done) continue;
        await audit.record({
          actor,
          action: 'template.published',
          subject: templateId,
          details: { version: done.version },
        });
        return done;
      }
      throw contentProblems.template_changing({
        detail: `Template ${templateId} keeps changing; try again.`,
      });
    },
    async preview(request, actor) {
      const compiled = await compileTemplate(await bodyOf(request), engines);
      const [recipient] = await profiles.find([request.customerId], actor);
      if (!recipient)
        throw contentProblems.customer_not_found({
          detail: `There is no customer ${request.customerId} you may see.`,
        });
      const result = await previewOf(compiled, recipient, request);
      return result;
    },
    async render(requests) {
      const results = new Array<RenderResult | undefined>(requests.length);
      const groups = new Map<string, { request: RenderRequest; index: number }[]>();
      for (const [index, request] of requests.entries()) {
        const key = `${request.templateId}@${request.version}`;
        groups.set(key, [...(groups.get(key) ?? []), { request, index }]);
      }
      for (const group of groups.values()) await renderGroup(group, results);
      return results.map(
        (result) => result ?? { ok: false, reason: 'render_failed', detail: 'The message was not rendered.' },
      );
    },
  };

  async function previewOf(
    compiled: CompiledTemplate,
    recipient: Recipient,
    request: { variantId?: string; offerId?: string; campaignName?: string },
  ) {
    const basics = await profiles.values([recipient.cid], ['customer.language']);
    const language = textOf(basics.get(recipient.cid)?.get('customer.language'));
    const chosen =
      request.variantId ??
      (await choose(compiled, [recipient], new Map([[recipient.cid, language]]))).get(recipient.cid);
    const variant = compiled.variants.find((candidate) => candidate.variant.id === chosen);
    if (!variant)
      throw contentProblems.variant_not_found({ detail: `There is no variant "${chosen ?? ''}".` });
    const offer = request.offerId === undefined ? undefined : await offers.find(request.offerId);
    const values = await profiles.values([recipient.cid], withBases(variant.fields));
    const scope = scopeOf({
      values: values.get(recipient.cid),
      recipient,
      offer,
      campaign: { id: 'cmp_preview', name: request.campaignName ?? 'Campaign' },
      unsubscribeUrl: `${deps.publicUrl}/u/preview`,
      bankName: deps.bank.name,
    });
    const missing = variant.fields.filter((field) => readPath(scope, field) === undefined);
    if (variant.faults.length > 0) throw faultyVariant(variant);
    try {
      const parts = variant.render(scope);
      const sms = compiled.template.channel === 'sms' ? { sms: smsSize(parts.text) } : {};
      return { variantId: variant.variant.id, variantName: variant.variant.name, ...parts, ...sms, missing };
    } catch (cause) {
      throw contentProblems.render_failed({
        detail: cause instanceof Error ? cause.message : String(cause),
        details: { missing },
        cause,
      });
    }
  }

  async function renderGroup(
    group: readonly { request: RenderRequest; index: number }[],
    results: (RenderResult | undefined)[],
  ): Promise<void> {
    const first = group[0]?.request;
    if (!first) return;
    const compiled = await compiledVersion(first.templateId, first.version);
    if (!compiled) {
      const detail = `There is no version ${first.version} of template ${first.templateId}.`;
      for (const { index } of group) results[index] = { ok: false, reason: 'template_not_found', detail };
      return;
    }
    const recipients = group.map(({ request }) => request.recipient);
    const cids = [...new Set(recipients.map((recipient) => recipient.cid))];
    const needed = new Set(compiled.variants.flatMap((variant) => variant.fields));
    const values = await profiles.values(cids, withBases([...needed]));
    const open = group
      .filter(({ request }) => request.variantId === undefined)
      .map(({ request }) => request.recipient);
    const languages = new Map(cids.map((cid) => [cid, textOf(values.get(cid)?.get('customer.language'))]));
    const chosen = await choose(compiled, open, languages);
    const offerValues = new Map<string, Offer | undefined>();
    for (const { request } of group) {
      if (request.offerId === undefined || offerValues.has(request.offerId)) continue;
      offerValues.set(request.offerId, await offers.find(request.offerId));
    }
    for (const { request, index } of group) {
      const { recipient, offerId } = request;
      const variantId = request.variantId ?? chosen.get(recipient.cid);
      const variant = compiled.variants.find((candidate) => candidate.variant.id === variantId);
      const offer = offerId === undefined ? undefined : offerValues.get(offerId);
      results[index] = renderOne({ compiled, request, variant, offer, values: values.get(recipient.cid) });
    }
  }

  function renderOne(one: {
    compiled: CompiledTemplate;
    request: RenderRequest;
    variant: CompiledVariant | undefined;
    offer: Offer | undefined;
    values: MergeValues | undefined;
  }): RenderResult {
    const { compiled, request, variant, offer, values } = one;
    if (!variant)
      return {
        ok: false,
        reason: 'variant_not_found',
        detail: `There is no variant "${request.variantId ?? ''}".`,
      };
    if (request.offerId !== undefined && !offer)
      return { ok: false, reason: 'offer_not_found', detail: `There is no offer ${request.offerId}.` };
    if (!values)
      return { ok: false, reason: 'customer_not_found', detail: 'The customer is no longer there.' };
    if (variant.faults.length > 0)
      return { ok: false, reason: 'render_failed', detail: faultyVariant(variant).message };
    const scope = scopeOf({ ...request, values, offer, bankName: deps.bank.name });
    try {
      const parts = variant.render(scope);
      const strange = foreignLink(parts.html ?? parts.text);
      if (strange !== undefined)
        return {
          ok: false,
          reason: 'render_failed',
          detail: `A link leads to ${strange}, which is not allowed.`,
        };
      const sms = compiled.template.channel === 'sms' ? { sms: smsSize(parts.text) } : {};
      return { ok: true, variantId: variant.variant.id, ...parts, ...sms };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      return {
        ok: false,
        reason: detail.startsWith('undefined variable') ? 'missing_value' : 'render_failed',
        detail,
      };
    }
  }

  /** A merged value could bring a link of its own; it must lead where the template's links may. */
  function foreignLink(content: string): string | undefined {
    if (deps.linkHosts === undefined) return undefined;
    const own = new URL(deps.publicUrl).hostname;
    for (const match of content.matchAll(/(?:href="|\s|^)https?:\/\/([^/\s"'<>?#:]+)/gi)) {
      const host = match[1] ?? '';
      if (host !== own && !isAllowedHost(host, deps.linkHosts)) return host;
    }
    return undefined;
  }

  /** First variant whose language and condition fit, else the last. One evaluation a condition, for all at once. */
  async function choose(
    compiled: CompiledTemplate,
    recipients: readonly Recipient[],
    languages: ReadonlyMap<number, string | undefined>,
  ): Promise<Map<number, string>> {
    const chosen = new Map<number, string>();
    let open = [...recipients];
    for (const { variant } of compiled.variants) {
      if (open.length === 0) break;
      const speaking = open.filter(({ cid }) => speaks(languages.get(cid), variant.language));
      const fitting =
        variant.when === undefined ? undefined : await conditions.matching(variant.when, speaking);
      for (const { cid } of speaking)
        if (fitting === undefined || fitting.has(cid)) chosen.set(cid, variant.id);
      open = open.filter(({ cid }) => !chosen.has(cid));
    }
    const fallback = compiled.variants.at(-1);
    if (fallback) for (const { cid } of open) chosen.set(cid, fallback.variant.id);
    return chosen;
  }
}

/** `zh` fits `zh-Hant`, not the other way round; `zh-TW` is `zh-Hant`. */
function speaks(language: string | undefined, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  if (language === undefined) return false;
  const [has, wants] = [language.toLowerCase(), wanted.toLowerCase()];
  if (has === wants || has.startsWith(`${wants}-`)) return true;
  return (
    wants.includes('-') && spokenLanguage(has) !== undefined && spokenLanguage(has) === spokenLanguage(wants)
  );
}

const faultyVariant = (variant: CompiledVariant) =>
  contentProblems.template_faulty({
    detail: variant.faults
      .map((fault) => `${fault.part} ${fault.line}:${fault.column} ${fault.message}`)
      .join(' '),
    faults: variant.faults.map((fault) => ({
      pointer: `/variants/${fault.variantId}/${fault.part}:${fault.line}:${fault.column}`,
      message: fault.message,
    })),
  });

/** Fields that are made from others. */
const BASES: Readonly<Record<string, readonly string[]>> = {
  'customer.family_name': ['customer.name'],
  'customer.salutation': ['customer.name', 'customer.gender'],
};

const DERIVED = new Set([...Object.keys(BASES), 'customer.id']);

function withBases(fields: readonly string[]): string[] {
  const needed = new Set<string>(['customer.language']);
  for (const field of fields) {
    if (!/^(customer|tag)\./.test(field)) continue;
    for (const base of BASES[field] ?? (DERIVED.has(field) ? [] : [field])) needed.add(base);
  }
  return [...needed];
}

/** Whoever has no name has no salutation either; everything else is counted where it is kept. */
async function missingCount(
  deps: ContentDeps,
  field: string,
  request: { readonly audienceId?: string; readonly offerId?: string },
): Promise<number> {
  if (field.startsWith('offer.')) {
    const offer = request.offerId === undefined ? undefined : await deps.offers.find(request.offerId);
    if (!offer || offerValues(offer, undefined)[field.slice('offer.'.length)] !== undefined) return 0;
    return deps.profiles.customerCount(request.audienceId);
  }
  return deps.profiles.missingCount(BASES[field]?.[0] ?? field, request.audienceId);
}

function scopeOf(input: {
  readonly values: MergeValues | undefined;
  readonly recipient: Recipient;
  readonly offer: Offer | undefined;
  readonly campaign: { readonly id: string; readonly name: string };
  readonly unsubscribeUrl: string;
  readonly bankName: string;
}): Record<string, unknown> {
  const customer: Record<string, MergeValue> = {};
  const tag: Record<string, MergeValue> = {};
  for (const [field, value] of input.values ?? []) {
    if (value === undefined || value === '') continue;
    if (field.startsWith('customer.')) customer[field.slice(9)] = value;
    if (field.startsWith('tag.')) tag[field.slice(4)] = value;
  }
  const name = textOf(customer.name);
  const language = textOf(customer.language);
  customer.id = input.recipient.customerId;
  const family = name === undefined ? undefined : familyNameOf(name);
  const salutation = salutationOf({ name, gender: textOf(customer.gender), language });
  if (family !== undefined) customer.family_name = family;
  if (salutation !== undefined) customer.salutation = salutation;
  return {
    customer,
    tag,
    offer: input.offer ? offerValues(input.offer, language) : {},
    campaign: { id: input.campaign.id, name: input.campaign.name },
    bank: { name: input.bankName },
    unsubscribe_url: input.unsubscribeUrl,
    sms_opt_out: smsOptOut(language),
  };
}

const textOf = (value: MergeValue): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

function readPath(scope: Record<string, unknown>, field: string): unknown {
  const dot = field.indexOf('.');
  if (dot < 0) return scope[field];
  const group = scope[field.slice(0, dot)];
  return typeof group === 'object' && group !== null
    ? Object.entries(group).find(([key]) => key === field.slice(dot + 1))?.[1]
    : undefined;
}
