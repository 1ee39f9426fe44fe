import { isDeepStrictEqual } from 'node:util';
import type { Condition } from '@rapport/conditions';
import { type Actor, type Clock, newId, toIso } from '@rapport/kernel';
import type { Offer } from '@rapport/offers';
import type { CidSet, Relational, Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type {
  Decision,
  DecisionReplay,
  DecisionRequest,
  DecisionResponse,
  NewDecisionResponse,
} from './contract.ts';
import {
  type Candidate,
  DECISION_ENGINE,
  type DecisionInputs,
  type DecisionResult,
  decide,
} from './decide.ts';
import { decisionsProblems } from './decisions.problems.ts';

export interface DecisionsDeps {
  readonly relational: Relational;
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly clock: Clock;
  readonly offers: { active(): Promise<Offer[]> };
  /** Whether one customer fulfils a condition, and in words why (not). */
  readonly evaluate: (question: {
    condition: Condition;
    customerId: string;
    asOf: number;
    actor: Actor;
  }) => Promise<{ matches: boolean; because: string }>;
  /** A model's chance that the customer accepts the offer; `undefined` when no model covers it. */
  readonly score?: (
    customerId: string,
    offerId: string,
  ) => Promise<{ propensity: number; model: string } | undefined>;
}

/** A response as an event the platform saw; the same response always has the same `eventId`. */
export interface ResponseEvent {
  readonly eventId: string;
  readonly cid: number;
  readonly slot: string | undefined;
  readonly decisionId: string;
  readonly customerId: string;
  readonly offerId: string;
  readonly response: DecisionResponse['response'];
  readonly at: number;
}

export interface Decisions {
  /** @throws decisions.customer_not_found when there is none, or the caller may not see them */
  decide(request: DecisionRequest, actor: Actor): Promise<Decision>;
  /** @throws decisions.not_found */
  get(decisionId: string, actor: Actor): Promise<Decision>;
  /** Computes the stored inputs again. @throws decisions.not_found */
  replay(decisionId: string, actor: Actor): Promise<DecisionReplay>;
  /** Records what the customer did; a repetition changes nothing. @throws decisions.offer_not_decided */
  respond(decisionId: string, response: NewDecisionResponse, actor: Actor): Promise<Decision>;
  /**
   * Called after a response is committed, at least once for each: when a listener fails, so does the request, and its
   * repetition calls it again.
   */
  onResponse(listener: (event: ResponseEvent) => Promise<void>): void;
  /** Risk of an offer, R1–R5 as 1–5: the higher of its own and its product's; `undefined` when neither has one. */
  riskOf(offer: Pick<Offer, 'riskLevel' | 'productId'>): Promise<number | undefined>;
  /** Everybody who may not be offered something of this risk, as one set. */
  unsuitable(risk: number): Promise<CidSet>;
}

/** Decisions 決策: which offers fit one customer now, with stored inputs, reasons and responses. */
export function createDecisions(deps: DecisionsDeps): Decisions {
  const { relational, warehouse, releases, clock } = deps;
  const listeners: ((event: ResponseEvent) => Promise<void>)[] = [];

  const customerOf = async (
    customerId: string,
    actor: Actor,
  ): Promise<{ cid: number; risk: number | undefined; release: number }> => {
    const release = await releases.current();
    const table = release.placements.get('customer')?.table;
    const found = table
      ? await warehouse.query(
          CustomerRow,
          `select c.cid as cid, c.risk_level as risk_level, c.org_unit as org_unit from ${warehouse.identifier(table)} as c
           where c.customer_id = {customerId:String} limit 1`,
          { customerId },
        )
      : [];
    const row = found[0];
    const visible = row && (actor.orgScope === undefined || actor.orgScope.includes(row.org_unit));
    if (!visible)
      throw decisionsProblems.customer_not_found({
        detail: `There is no customer ${customerId} that you may see.`,
      });
    return { cid: row.cid, risk: row.risk_level ?? undefined, release: release.number };
  };

  let productRisks: { release: number; risks: ReadonlyMap<string, number> } | undefined;
  const productRisk = async (productId: string): Promise<number | undefined> => {
    const release = await releases.current();
    if (productRisks?.release !== release.number) {
      const table = release.placements.get('product')?.table;
      const rows = table
        ? await warehouse.query(
            ProductRow,
            `select p.product_id as product_id, max(p.risk_level) as risk_level from ${warehouse.identifier(table)} as p
             where p.risk_level is not null group by p.product_id`,
          )
        : [];
      productRisks = {
        release: release.number,
        risks: new Map(
          rows.flatMap((row) => (row.risk_level === null ? [] : [[row.product_id, row.risk_level]])),
        ),
      };
    }
    return productRisks.risks.get(productId);
  };
  const riskOf: Decisions['riskOf'] = async ({ riskLevel, productId }) => {
    const own = riskLevel === undefined ? undefined : Number(riskLevel.slice(1));
    const product = productId === undefined ? undefined : await productRisk(productId);
    if (own === undefined) return product;
    return product === undefined ? own : Math.max(own, product);
  };

  const priors = async (offerIds: readonly string[]): Promise<Map<string, Prior>> => {
    const found = await relational.pool.query<{ offer_id: string; answered: number; accepted: number }>(
      `select r.offer_id, count(distinct r.decision_id)::int as answered,
         count(distinct r.decision_id) filter (where r.response = 'accepted')::int as accepted
       from decisions.response r where r.offer_id = any($1) group by r.offer_id`,
      [offerIds],
    );
    return new Map(found.rows.map((row) => [row.offer_id, row]));
  };

  const candidateOf = async (
    offer: Offer,
    context: { customerId: string; at: number; prior: Prior | undefined; actor: Actor },
  ): Promise<Candidate> => {
    const { customerId, at, actor } = context;
    const [risk, eligibility, scored] = await Promise.all([
      riskOf(offer),
      offer.eligibility === undefined
        ? { matches: true, because: 'It is open to everybody.' }
        : deps.evaluate({ condition: offer.eligibility, customerId, asOf: at, actor }),
      deps.score?.(customerId, offer.id),
    ]);
    return {
      offerId: offer.id,
      version: offer.version,
      name: offer.name,
      ...(offer.landingUrl === undefined ? {} : { landingUrl: offer.landingUrl }),
      valueMinor: offer.valueMinor,
      ...(risk === undefined ? {} : { risk }),
      ...(offer.validFrom === undefined ? {} : { validFrom: Date.parse(offer.validFrom) }),
      ...(offer.validUntil === undefined ? {} : { validUntil: Date.parse(offer.validUntil) }),
      eligibility,
      propensity: scored
        ? { value: scored.propensity, source: 'model', detail: scored.model }
        : priorPropensity(context.prior),
    };
  };

  const find = async (decisionId: string, actor: Actor): Promise<DecisionRow> => {
    const found = await relational.pool.query<DecisionRow>(
      `select d.id, d.customer_id, d.cid, d.slot, d.at, d.engine, d.release::int as release, d.inputs, d.result
       from decisions.decision d where d.id = $1`,
      [decisionId],
    );
    const row = found.rows[0];
    if (!row) throw decisionsProblems.not_found({ detail: `There is no decision ${decisionId}.` });
    if (actor.orgScope !== undefined) await customerOf(row.customer_id, actor);
    return row;
  };
  const responsesOf = async (decisionId: string): Promise<DecisionResponse[]> => {
    const found = await relational.pool.query<{
      offer_id: string;
      response: DecisionResponse['response'];
      at: Date;
    }>(
      `select r.offer_id, r.response, r.at from decisions.response r where r.decision_id = $1 order by r.at, r.offer_id`,
      [decisionId],
    );
    return found.rows.map((row) => ({
      offerId: row.offer_id,
      response: row.response,
      at: toIso(row.at.getTime()),
    }));
  };
  const get: Decisions['get'] = async (decisionId, actor) => {
    const row = await find(decisionId, actor);
    return present(row, await responsesOf(decisionId));
  };

  return {
    get,
    riskOf,
    async decide({ customerId, slot, limit = 3 }, actor) {
      const at = clock.now();
      const { cid, risk, release } = await customerOf(customerId, actor);
      const active = await deps.offers.active();
      const prior = await priors(active.map((offer) => offer.id));
      const candidates = await Promise.all(
        active.map((offer) => candidateOf(offer, { customerId, at, prior: prior.get(offer.id), actor })),
      );
      const inputs: DecisionInputs = {
        at,
        limit,
        ...(risk === undefined ? {} : { customerRisk: risk }),
        candidates,
      };
      const row: DecisionRow = {
        id: newId('dec'),
        customer_id: customerId,
        cid,
        slot: slot ?? null,
        at: new Date(at),
        engine: DECISION_ENGINE,
        release,
        inputs,
        result: decide(inputs),
      };
      await relational.pool.query(
        `insert into decisions.decision (id, customer_id, cid, slot, at, engine, release, inputs, result)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [
          row.id,
          row.customer_id,
          row.cid,
          row.slot,
          row.at,
          row.engine,
          row.release,
          JSON.stringify(inputs),
          JSON.stringify(row.result),
        ],
      );
      return present(row, []);
    },
    async replay(decisionId, actor) {
      const row = await find(decisionId, actor);
      const again = decide(row.inputs);
      return {
        decisionId,
        identical: isDeepStrictEqual(asJson(again), asJson(row.result)),
        engine: DECISION_ENGINE,
        offers: [...again.offers],
        lost: [...again.lost],
      };
    },
    async respond(decisionId, { offerId, response, at }, actor) {
      const row = await find(decisionId, actor);
      if (!row.result.offers.some((offer) => offer.offerId === offerId)) {
        throw decisionsProblems.offer_not_decided({
          detail: `Decision ${decisionId} did not make offer ${offerId}; it made ${row.result.offers.map((offer) => offer.offerId).join(', ') || 'none'}.`,
        });
      }
      const when = at === undefined ? clock.now() : Date.parse(at);
      const recorded = await relational.pool.query<{ at: Date }>(
        `insert into decisions.response as r (decision_id, offer_id, response, at) values ($1, $2, $3, $4)
         on conflict (decision_id, offer_id, response) do update set at = r.at returning r.at`,
        [decisionId, offerId, response, new Date(when)],
      );
      const event: ResponseEvent = {
        eventId: `${decisionId}:${offerId}:${response}`,
        decisionId,
        customerId: row.customer_id,
        cid: row.cid,
        slot: row.slot ?? undefined,
        offerId,
        response,
        at: recorded.rows[0]?.at.getTime() ?? when,
      };
      for (const listener of listeners) await listener(event);
      return get(decisionId, actor);
    },
    onResponse(listener) {
      listeners.push(listener);
    },
    async unsuitable(risk) {
      const table = (await releases.current()).placements.get('customer')?.table;
      const from =
        table === undefined ? "null('cid UInt32, risk_level Nullable(UInt8)')" : warehouse.identifier(table);
      return warehouse.queryCids(
        `select groupBitmapState(c.cid) from ${from} as c where coalesce(c.risk_level, 1) < {risk:UInt8}`,
        { risk },
      );
    },
  };
}

interface Prior {
  readonly answered: number;
  readonly accepted: number;
}

/** One acceptance in twenty is what an offer starts from; every answer moves it. */
const PRIOR_ACCEPTED = 1;
const PRIOR_ANSWERED = 20;

/** Posterior mean of the acceptance rate under a Beta(1, 19) prior. */
function priorPropensity(prior: Prior | undefined): Candidate['propensity'] {
  const { answered, accepted } = prior ?? { answered: 0, accepted: 0 };
  return {
    value: (accepted + PRIOR_ACCEPTED) / (answered + PRIOR_ANSWERED),
    source: 'prior',
    detail: `${accepted} of ${answered} accepted`,
  };
}

interface DecisionRow {
  readonly id: string;
  readonly customer_id: string;
  readonly cid: number;
  readonly slot: string | null;
  readonly at: Date;
  readonly engine: string;
  readonly release: number;
  readonly inputs: DecisionInputs;
  readonly result: DecisionResult;
}

const CustomerRow = Type.Object({
  cid: Type.Integer(),
  risk_level: Type.Union([Type.Integer(), Type.Null()]),
  org_unit: Type.String(),
});
const ProductRow = Type.Object({
  product_id: Type.String(),
  risk_level: Type.Union([Type.Integer(), Type.Null()]),
});

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const RISKS = ['C1', 'C2', 'C3', 'C4', 'C5'] as const;

function present(row: DecisionRow, responses: DecisionResponse[]): Decision {
  const risk = row.inputs.customerRisk === undefined ? undefined : RISKS[row.inputs.customerRisk - 1];
  return {
    id: row.id,
    customerId: row.customer_id,
    ...(row.slot === null ? {} : { slot: row.slot }),
    at: toIso(row.at.getTime()),
    ...(risk === undefined ? {} : { customerRisk: risk }),
    offers: [...row.result.offers],
    lost: [...row.result.lost],
    engine: row.engine,
    release: row.release,
    responses,
  };
}
