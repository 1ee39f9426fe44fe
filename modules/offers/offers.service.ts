import type { Condition } from '@rapport/conditions';
import type { Audit } from '@rapport/governance';
import { type Actor, type Clock, newId, type ProblemFault, toIso } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import type { Offer, OfferChange, OfferDraft, OfferQuery, OfferState } from './contract.ts';
import { TRANSITIONS } from './offer-states.ts';
import { offersProblems } from './offers.problems.ts';

export interface OffersDeps {
  readonly relational: Relational;
  readonly audit: Audit;
  readonly clock: Clock;
  /** Faults of a condition against the current catalogue, with pointers into the condition; none when it is fine. */
  readonly checkCondition: (condition: Condition) => Promise<readonly ProblemFault[]>;
}

export interface Offers {
  list(query: OfferQuery): Promise<{ items: Offer[]; nextCursor?: string }>;
  /** The offer as it is now, or as it was in one of its versions; `undefined` when there is none. */
  find(offerId: string, version?: number): Promise<Offer | undefined>;
  /** @throws offers.not_found */
  get(offerId: string): Promise<Offer>;
  /** All offers that may be offered, by id. */
  active(): Promise<Offer[]>;
  create(draft: OfferDraft, actor: Actor): Promise<Offer>;
  /** @throws offers.not_found, offers.conflict, offers.retired, offers.not_valid, offers.mixed_currency */
  change(offerId: string, change: OfferChange, actor: Actor): Promise<Offer>;
  /** @throws offers.mixed_currency when another active offer states its value in another currency */
  activate(offerId: string, actor: Actor): Promise<Offer>;
  /** For good; decisions and campaigns that name it stay readable. */
  retire(offerId: string, actor: Actor): Promise<Offer>;
}

interface OfferRow {
  readonly id: string;
  readonly state: OfferState;
  readonly version: number;
  readonly created_at: Date;
  readonly created_by: string;
  readonly updated_at: Date;
  readonly document: OfferDraft;
}

const SELECT = `select o.id, o.state, o.version, o.created_at, o.created_by, o.updated_at, v.document
  from offers.offer o join offers.offer_version v on v.offer_id = o.id`;

/** Offers 權益: what the bank can give, with their value, risk, validity and who may have them. */
export function createOffers(deps: OffersDeps): Offers {
  const { relational, audit, clock } = deps;

  const find: Offers['find'] = async (offerId, version) => {
    const found = await relational.pool.query<OfferRow>(
      `${SELECT} and v.version = coalesce($2::int, o.version) where o.id = $1`,
      [offerId, version ?? null],
    );
    const row = found.rows[0];
    return row && present(version === undefined ? row : { ...row, version });
  };
  const get: Offers['get'] = async (offerId) => {
    const offer = await find(offerId);
    if (!offer) throw offersProblems.not_found({ detail: `There is no offer ${offerId}.` });
    return offer;
  };
  const check = async (draft: OfferDraft): Promise<void> => {
    const faults: ProblemFault[] = [];
    if (
      draft.validFrom !== undefined &&
      draft.validUntil !== undefined &&
      Date.parse(draft.validUntil) <= Date.parse(draft.validFrom)
    ) {
      faults.push({ pointer: '/validUntil', message: `must be later than validFrom (${draft.validFrom})` });
    }
    if (draft.eligibility !== undefined) {
      const found = await deps.checkCondition(draft.eligibility);
      faults.push(...found.map((fault) => ({ ...fault, pointer: `/eligibility${fault.pointer}` })));
    }
    if (faults.length === 0) return;
    throw offersProblems.not_valid({
      detail: faults.map((fault) => `${fault.pointer}: ${fault.message}`).join('; '),
      faults,
    });
  };

  const move = async (offerId: string, action: 'activate' | 'retire', actor: Actor): Promise<Offer> => {
    const moved = await relational.transaction(async (client) => {
      const offer = await lock(client, offerId);
      const to = TRANSITIONS[action][offer.state];
      if (to === undefined) {
        if (action === 'activate' && offer.state === 'retired')
          throw offersProblems.retired({ detail: `Offer ${offerId} is retired; make a new one.` });
        return undefined;
      }
      if (to === 'active') await oneCurrency(client, offerId, offer.currency);
      await client.query('update offers.offer o set state = $2, updated_at = $3 where o.id = $1', [
        offerId,
        to,
        new Date(clock.now()),
      ]);
      return to;
    });
    if (moved)
      await audit.record({
        actor,
        action: moved === 'active' ? 'offer.activated' : 'offer.retired',
        subject: offerId,
      });
    return get(offerId);
  };

  return {
    find,
    get,
    async list({ cursor, limit = 50, state }) {
      const found = await relational.pool.query<OfferRow>(
        `${SELECT} and v.version = o.version
         where ($1::text is null or o.id < $1) and ($2::text is null or o.state = $2) order by o.id desc limit $3`,
        [cursor ?? null, state ?? null, limit + 1],
      );
      const items = found.rows.slice(0, limit).map(present);
      const last = items.at(-1);
      return found.rows.length > limit && last ? { items, nextCursor: last.id } : { items };
    },
    async active() {
      const found = await relational.pool.query<OfferRow>(
        `${SELECT} and v.version = o.version where o.state = 'active' order by o.id`,
      );
      return found.rows.map(present);
    },
    async create(draft, actor) {
      await check(draft);
      const id = newId('off');
      const at = new Date(clock.now());
      await relational.transaction(async (client) => {
        await client.query(
          `insert into offers.offer (id, state, version, currency, created_at, created_by, updated_at)
           values ($1, 'draft', 1, $2, $3, $4, $3)`,
          [id, draft.currency, at, actor.id],
        );
        await client.query(
          `insert into offers.offer_version (offer_id, version, document, at, by) values ($1, 1, $2, $3, $4)`,
          [id, documentOf(draft), at, actor.id],
        );
      });
      await audit.record({ actor, action: 'offer.created', subject: id, details: { name: draft.name.en } });
      return get(id);
    },
    async change(offerId, change, actor) {
      await check(change);
      const version = await relational.transaction(async (client) => {
        const found = await client.query<{ state: OfferState; version: number }>(
          'select o.state, o.version from offers.offer o where o.id = $1 for update',
          [offerId],
        );
        const now = found.rows[0];
        if (!now) throw offersProblems.not_found({ detail: `There is no offer ${offerId}.` });
        if (now.state === 'retired')
          throw offersProblems.retired({ detail: `Offer ${offerId} is retired; make a new one.` });
        if (change.version !== undefined && change.version !== now.version) {
          throw offersProblems.conflict({
            detail: `You edited version ${change.version} of offer ${offerId}, it is at ${now.version} by now; read it again.`,
            details: { version: now.version },
          });
        }
        if (now.state === 'active') await oneCurrency(client, offerId, change.currency);
        const next = now.version + 1;
        const at = new Date(clock.now());
        await client.query(
          `insert into offers.offer_version (offer_id, version, document, at, by) values ($1, $2, $3, $4, $5)`,
          [offerId, next, documentOf(change), at, actor.id],
        );
        await client.query(
          'update offers.offer o set version = $2, currency = $3, updated_at = $4 where o.id = $1',
          [offerId, next, change.currency, at],
        );
        return next;
      });
      await audit.record({ actor, action: 'offer.changed', subject: offerId, details: { version } });
      return get(offerId);
    },
    activate: (offerId, actor) => move(offerId, 'activate', actor),
    retire: (offerId, actor) => move(offerId, 'retire', actor),
  };
}

type Client = Parameters<Parameters<Relational['transaction']>[0]>[0];

async function lock(client: Client, offerId: string): Promise<{ state: OfferState; currency: string }> {
  const found = await client.query<{ state: OfferState; currency: string }>(
    'select o.state, o.currency from offers.offer o where o.id = $1 for update',
    [offerId],
  );
  const row = found.rows[0];
  if (!row) throw offersProblems.not_found({ detail: `There is no offer ${offerId}.` });
  return row;
}

/**
 * Decisions compare chance × value over offers, which only means something in one currency. The advisory lock
 * keeps two activations at the same moment from letting two currencies in.
 */
async function oneCurrency(client: Client, offerId: string, currency: string): Promise<void> {
  await client.query(`select pg_advisory_xact_lock(hashtext('offers.currency'))`);
  const found = await client.query<{ id: string; currency: string }>(
    `select o.id, o.currency from offers.offer o
     where o.state = 'active' and o.id <> $1 and o.currency <> $2 order by o.id limit 1`,
    [offerId, currency],
  );
  const other = found.rows[0];
  if (!other) return;
  throw offersProblems.mixed_currency({
    detail: `Offer ${offerId} states its value in ${currency}, the active offer ${other.id} in ${other.currency}. State both in the bank’s reporting currency, or retire the other first.`,
  });
}

function documentOf(draft: OfferDraft): string {
  const { name, description, kind, productId, valueMinor, currency } = draft;
  const { riskLevel, validFrom, validUntil, landingUrl, eligibility } = draft;
  return JSON.stringify({
    name,
    description,
    kind,
    productId,
    valueMinor,
    currency,
    riskLevel,
    validFrom,
    validUntil,
    landingUrl,
    eligibility,
  });
}

function present(row: OfferRow): Offer {
  return {
    id: row.id,
    ...row.document,
    state: row.state,
    version: row.version,
    createdAt: toIso(row.created_at.getTime()),
    createdBy: row.created_by,
    updatedAt: toIso(row.updated_at.getTime()),
  };
}
