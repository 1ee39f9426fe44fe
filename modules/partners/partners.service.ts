import { createHash } from 'node:crypto';
import type { ApprovalRequest, Audit } from '@rapport/governance';
import { type Actor, type Clock, defineProblems, newId, toIso } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import {
  type NewPartner,
  PARTNER_SCOPES,
  type PartnerOffer,
  type PartnerResult,
  type PartnerView,
  SMALLEST_GROUP,
} from './contract.ts';

export const partnersProblems = defineProblems('partners', {
  not_found: { status: 404, title: 'There is no such partner.' },
  name_taken: { status: 409, title: 'A partner of this name exists.' },
  not_listed: { status: 409, title: 'Only a listed partner may have a key.' },
  unknown_offer: { status: 422, title: 'There is no such offer.' },
  not_a_partner: { status: 403, title: 'This key belongs to no listed partner.' },
});

export interface PartnersDeps {
  readonly relational: Relational;
  readonly clock: Clock;
  readonly audit: Audit;
  readonly approvals: {
    request(request: ApprovalRequest): Promise<{ readonly id: string }>;
    onDecided(
      listener: (approval: { subjectKind: string; subjectId: string; state: string }) => Promise<void>,
    ): void;
  };
  readonly apiKeys: {
    createApiKey(
      key: { name: string; scopes: string[] },
      actor: Actor,
    ): Promise<{ readonly id: string; readonly secret: string }>;
    revokeApiKey(keyId: string, actor: Actor): Promise<void>;
  };
  /** The offer, or `undefined` when there is none of this id. */
  readonly findOffer: (offerId: string) => Promise<PartnerOffer | undefined>;
  /** Delivered and converted customers of every launched campaign that carried one of these offers. */
  readonly offerResults: (
    offerIds: readonly string[],
  ) => Promise<readonly { campaignId: string; offerId: string; delivered: number; converted: number }[]>;
}

export interface Partners {
  list(): Promise<PartnerView[]>;
  register(partner: NewPartner, actor: Actor): Promise<PartnerView>;
  /** Issues the partner's key; an earlier one stops at once. @throws partners.not_listed */
  issueKey(partnerId: string, actor: Actor): Promise<{ secret: string }>;
  /** Ends all access at once. */
  revoke(partnerId: string, actor: Actor): Promise<PartnerView>;
  /** The caller's own offers. @throws partners.not_a_partner */
  ownOffers(caller: Actor): Promise<PartnerOffer[]>;
  /** Aggregates of campaigns with the caller's own offers; groups below SMALLEST_GROUP are withheld. */
  ownResults(caller: Actor): Promise<PartnerResult[]>;
}

interface PartnerRow {
  readonly id: string;
  readonly name: string;
  readonly contact: string;
  readonly state: PartnerView['state'];
  readonly scopes: string[];
  readonly offer_ids: string[];
  readonly key_id: string | null;
  readonly created_at: Date;
}

const COLUMNS = 'p.id, p.name, p.contact, p.state, p.scopes, p.offer_ids, p.key_id, p.created_at';

/** Partners of the bank: registered, approved by a second person, then served their own offers and aggregates only. */
export function createPartners(deps: PartnersDeps): Partners {
  const { relational, audit, clock } = deps;

  const find = async (where: 'id' | 'key_id', value: string): Promise<PartnerRow | undefined> => {
    const column = where === 'id' ? 'p.id' : 'p.key_id';
    const found = await relational.pool.query<PartnerRow>(
      `select ${COLUMNS} from partners.partner p where ${column} = $1`,
      [value],
    );
    return found.rows[0];
  };
  const require = async (partnerId: string): Promise<PartnerRow> => {
    const row = await find('id', partnerId);
    if (!row) throw partnersProblems.not_found({ detail: `There is no partner ${partnerId}.` });
    return row;
  };
  const callerOf = async (caller: Actor): Promise<PartnerRow> => {
    const row = caller.kind === 'api_key' ? await find('key_id', caller.id) : undefined;
    if (row?.state !== 'listed') throw partnersProblems.not_a_partner();
    return row;
  };

  deps.approvals.onDecided(async ({ subjectKind, subjectId, state }) => {
    if (subjectKind !== 'partner' || state !== 'approved') return;
    await relational.pool.query(
      `update partners.partner p set state = 'listed' where p.id = $1 and p.state = 'in_review'`,
      [subjectId],
    );
  });

  return {
    async list() {
      const found = await relational.pool.query<PartnerRow>(
        `select ${COLUMNS} from partners.partner p order by p.name`,
      );
      return found.rows.map(present);
    },
    async register(partner, actor) {
      for (const offerId of partner.offerIds) {
        if (!(await deps.findOffer(offerId)))
          throw partnersProblems.unknown_offer({ detail: `There is no offer ${offerId}.` });
      }
      const inserted = await relational.pool.query<PartnerRow>(
        `insert into partners.partner as p (id, name, contact, state, scopes, offer_ids, created_at)
         values ($1, $2, $3, 'in_review', $4, $5, $6) on conflict (name) do nothing returning ${COLUMNS}`,
        [
          newId('ptn'),
          partner.name,
          partner.contact,
          partner.scopes,
          partner.offerIds,
          new Date(clock.now()),
        ],
      );
      const row = inserted.rows[0];
      if (!row) throw partnersProblems.name_taken({ detail: `A partner named ${partner.name} exists.` });
      await deps.approvals.request({
        subjectKind: 'partner',
        subjectId: row.id,
        title: `Partner ${row.name}`,
        contentHash: createHash('sha256')
          .update(JSON.stringify([row.name, row.contact, row.scopes, row.offer_ids]))
          .digest('hex'),
        requestedBy: actor,
      });
      await audit.record({
        actor,
        action: 'partner.registered',
        subject: row.id,
        details: { name: row.name, scopes: row.scopes },
      });
      return present(row);
    },
    async issueKey(partnerId, actor) {
      const row = await require(partnerId);
      if (row.state !== 'listed')
        throw partnersProblems.not_listed({ detail: `${row.name} is ${row.state}.` });
      const scopes = PARTNER_SCOPES.filter((scope) => row.scopes.includes(scope));
      const key = await deps.apiKeys.createApiKey({ name: `Partner ${row.name}`, scopes }, actor);
      await relational.pool.query('update partners.partner p set key_id = $2 where p.id = $1', [
        partnerId,
        key.id,
      ]);
      if (row.key_id !== null) await deps.apiKeys.revokeApiKey(row.key_id, actor);
      return { secret: key.secret };
    },
    async revoke(partnerId, actor) {
      const row = await require(partnerId);
      await relational.pool.query(
        `update partners.partner p set state = 'revoked', key_id = null where p.id = $1`,
        [partnerId],
      );
      if (row.key_id !== null) await deps.apiKeys.revokeApiKey(row.key_id, actor);
      await audit.record({ actor, action: 'partner.revoked', subject: partnerId });
      return present({ ...row, state: 'revoked', key_id: null });
    },
    async ownOffers(caller) {
      const row = await callerOf(caller);
      const offers = await Promise.all(row.offer_ids.map((offerId) => deps.findOffer(offerId)));
      return offers.filter((offer) => offer !== undefined);
    },
    async ownResults(caller) {
      const row = await callerOf(caller);
      const results = await deps.offerResults(row.offer_ids);
      return results.map(({ campaignId, offerId, delivered, converted }) => ({
        campaignId,
        offerId,
        ...(delivered < SMALLEST_GROUP ? {} : { delivered }),
        ...(delivered < SMALLEST_GROUP || converted < SMALLEST_GROUP ? {} : { converted }),
      }));
    },
  };
}

function present(row: PartnerRow): PartnerView {
  return {
    id: row.id,
    name: row.name,
    contact: row.contact,
    state: row.state,
    scopes: PARTNER_SCOPES.filter((scope) => row.scopes.includes(scope)),
    offerIds: row.offer_ids,
    hasKey: row.key_id !== null,
    createdAt: toIso(row.created_at.getTime()),
  };
}
