import { type Language, localized } from '@rapport/kernel';
import type { Offer } from '@rapport/offers/contract';
import type { MergeFieldView } from './contract.ts';
import type { MergeValue } from './liquid.ts';

const field = (name: string, type: string, description: string, always = false): MergeFieldView => ({
  field: name,
  type,
  description,
  always,
});

/** Merge fields that every installation has; tags add theirs. */
export const COMMON_FIELDS: readonly MergeFieldView[] = [
  field('customer.id', 'text', 'The bank’s id of the customer', true),
  field('customer.name', 'text', 'Full name'),
  field('customer.family_name', 'text', 'Family name'),
  field(
    'customer.salutation',
    'text',
    'Name as one is addressed: 林小姐, Mr Chen; without a known gender, the full name',
  ),
  field('customer.gender', 'text', '`female` or `male`'),
  field('customer.kind', 'text', '`retail` or `corporate`', true),
  field('customer.birth_date', 'date', 'Day of birth'),
  field('customer.opened_on', 'date', 'Customer since'),
  field('customer.city', 'text', 'City'),
  field('customer.language', 'text', 'Preferred language'),
  field('customer.org_unit', 'text', 'Code of the branch'),
  field('customer.org_unit_name', 'text', 'Name of the branch'),
  field('customer.rm', 'text', 'Relationship manager'),
  field('customer.risk_level', 'number', 'Risk tolerance, 1 to 5'),
  field('offer.id', 'text', 'Offer id', true),
  field('offer.name', 'text', 'Name of the offer, in the customer’s language', true),
  field('offer.description', 'text', 'What the customer gets, in the customer’s language'),
  field('offer.kind', 'text', '`rate`, `coupon`, `points`, `service` or `message`', true),
  field('offer.url', 'text', 'Where a click leads'),
  field('offer.valid_until', 'instant', 'No longer offered from then'),
  field('campaign.id', 'text', 'Campaign id', true),
  field('campaign.name', 'text', 'Campaign name', true),
  field('bank.name', 'text', 'Name of the bank', true),
  field(
    'unsubscribe_url',
    'text',
    'Link to the page where the customer opts out; required in marketing e-mail',
    true,
  ),
  field(
    'sms_opt_out',
    'text',
    'How to opt out by reply, in the customer’s language; required in marketing SMS',
    true,
  ),
];

/** A customer's language as one of ours: `zh-TW` and `zh-HK` are written in Traditional characters, other `zh` in Simplified. */
export function spokenLanguage(language: string | undefined): Language | undefined {
  if (language === undefined || language === '') return undefined;
  if (!/^zh\b/i.test(language)) return /^en\b/i.test(language) ? 'en' : undefined;
  return /hant|tw|hk|mo/i.test(language) ? 'zh-Hant' : 'zh-Hans';
}

/** What to write at the end of a marketing SMS. */
export function smsOptOut(language: string | undefined): string {
  const spoken = spokenLanguage(language);
  if (spoken === 'zh-Hant') return '退訂請回覆T';
  return spoken === 'zh-Hans' ? '拒收请回复T' : 'Reply STOP to opt out';
}

const HAN = /^\p{Script=Han}{2,}$/u;
/** Family names of two characters; any other Chinese name has one of one. */
const DOUBLE_NAMES = new Set([
  '歐陽',
  '欧阳',
  '司馬',
  '司马',
  '諸葛',
  '诸葛',
  '上官',
  '夏侯',
  '東方',
  '东方',
  '皇甫',
  '尉遲',
  '尉迟',
  '公孫',
  '公孙',
  '令狐',
  '司徒',
  '慕容',
  '端木',
]);

export function familyNameOf(name: string): string | undefined {
  const trimmed = name.trim();
  if (trimmed === '') return undefined;
  if (HAN.test(trimmed))
    return DOUBLE_NAMES.has(trimmed.slice(0, 2)) && trimmed.length > 2
      ? trimmed.slice(0, 2)
      : trimmed.slice(0, 1);
  return trimmed.split(/\s+/).at(-1);
}

/** How a customer is addressed; the full name where the gender is unknown, `undefined` where the name is. */
export function salutationOf(person: {
  name: string | undefined;
  gender: string | undefined;
  language: string | undefined;
}): string | undefined {
  if (person.name === undefined || person.name.trim() === '') return undefined;
  const family = familyNameOf(person.name);
  if (family === undefined || (person.gender !== 'female' && person.gender !== 'male'))
    return person.name.trim();
  const isFemale = person.gender === 'female';
  if (HAN.test(person.name.trim()))
    return `${family}${isFemale ? (spokenLanguage(person.language) === 'zh-Hans' ? '女士' : '小姐') : '先生'}`;
  return `${isFemale ? 'Ms' : 'Mr'} ${family}`;
}

/** `offer.*` as this customer reads it; what the offer does not say is absent. */
export function offerValues(offer: Offer, language: string | undefined): Record<string, MergeValue> {
  const spoken = spokenLanguage(language) ?? 'en';
  const { description, landingUrl, validUntil } = offer;
  return {
    id: offer.id,
    name: localized(offer.name, spoken),
    kind: offer.kind,
    ...(description === undefined ? {} : { description: localized(description, spoken) }),
    ...(landingUrl === undefined ? {} : { url: landingUrl }),
    ...(validUntil === undefined ? {} : { valid_until: validUntil }),
  };
}
