import { Instant, Page } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

export const PARTNER_STATES = ['in_review', 'listed', 'revoked'] as const;
export const PARTNER_SCOPES = ['partner.offers', 'partner.results'] as const;

export const PartnerView = Type.Object(
  {
    id: Type.String({ description: 'Partner id', examples: ['ptn_01j9z3'] }),
    name: Type.String({ description: 'Name', examples: ['Harbour Coffee'] }),
    contact: Type.String({ description: 'Who answers for it', examples: ['api@coffee.example'] }),
    state: Type.Enum(PARTNER_STATES, { description: 'Where it stands', examples: ['listed'] }),
    scopes: Type.Array(Type.Enum(PARTNER_SCOPES), {
      description: 'What its key may read',
      examples: [['partner.offers']],
    }),
    offerIds: Type.Array(Type.String(), {
      description: 'Offers that are this partner’s',
      examples: [['off_01j9z3']],
    }),
    hasKey: Type.Boolean({ description: 'Whether a live key exists', examples: [true] }),
    createdAt: Instant('When it was registered'),
  },
  { description: 'A partner of the bank and its scoped access' },
);
export type PartnerView = Static<typeof PartnerView>;
export const PartnerPage = Page(PartnerView, 'Partners by name');

export const NewPartner = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 120, description: 'Name', examples: ['Harbour Coffee'] }),
    contact: Type.String({
      minLength: 3,
      maxLength: 200,
      description: 'Who answers for it',
      examples: ['api@coffee.example'],
    }),
    scopes: Type.Array(Type.Enum(PARTNER_SCOPES), {
      minItems: 1,
      description: 'What its key may read',
      examples: [['partner.offers']],
    }),
    offerIds: Type.Array(Type.String({ pattern: '^off_' }), {
      description: 'Offers that are this partner’s',
      examples: [['off_01j9z3']],
    }),
  },
  { description: 'A partner to register; it is listed once a second person approves' },
);
export type NewPartner = Static<typeof NewPartner>;

export const PartnerKey = Type.Object(
  { secret: Type.String({ description: 'Bearer secret, shown once', examples: ['rpk_3c9d…'] }) },
  { description: 'A key for the partner’s programs; an earlier key stops at once' },
);

export const PartnerOffer = Type.Object(
  {
    id: Type.String({ description: 'Offer id', examples: ['off_01j9z3'] }),
    name: Type.String({ description: 'Name in English', examples: ['Two for one'] }),
    state: Type.String({ description: 'Where it stands', examples: ['active'] }),
  },
  { description: 'One of the caller’s own offers' },
);
export type PartnerOffer = Static<typeof PartnerOffer>;
export const PartnerOfferList = Type.Object(
  { items: Type.Array(PartnerOffer, { description: 'Own offers' }) },
  { description: 'Own offers' },
);

/** A group smaller than this is not told to a partner. */
export const SMALLEST_GROUP = 20;

export const PartnerResult = Type.Object(
  {
    campaignId: Type.String({ description: 'Campaign id', examples: ['cmp_01j9z3'] }),
    offerId: Type.String({ description: 'Own offer it carried', examples: ['off_01j9z3'] }),
    delivered: Type.Optional(
      Type.Integer({ description: `Customers reached; absent below ${SMALLEST_GROUP}`, examples: [1800] }),
    ),
    converted: Type.Optional(
      Type.Integer({ description: `Of them converted; absent below ${SMALLEST_GROUP}`, examples: [96] }),
    ),
  },
  { description: 'What a campaign with one of the caller’s offers did, as aggregates only' },
);
export type PartnerResult = Static<typeof PartnerResult>;
export const PartnerResultList = Type.Object(
  { items: Type.Array(PartnerResult, { description: 'One per campaign' }) },
  { description: 'Results' },
);
