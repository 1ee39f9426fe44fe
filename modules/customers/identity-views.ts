import type { Audit } from '@rapport/governance';
import { type Actor, type Clock, mayDo, toIso } from '@rapport/kernel';
import type { RoleTable } from '@rapport/sources';
import type { Release, Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { Aliases } from './aliases.ts';
import { customersProblems } from './customers.problems.ts';
import type { Customers } from './customers.service.ts';
import type { CustomerIdentityView, ReviewPair, ReviewQuery } from './identity-contract.ts';
import { likenessOf, MATCH_FIELDS } from './match-rules.ts';
import { createNormaliser } from './normalise.ts';
import { masked, presentProvenance, qualityOf, readCandidates } from './provenance.ts';
import { patternOfText, type Resolution } from './resolution.service.ts';
import { candidateRows, inOrder } from './survivorship.ts';

export interface IdentityViews {
  reviews(query: ReviewQuery, actor: Actor): Promise<{ items: ReviewPair[]; nextCursor?: string }>;
  ofCustomer(customerId: string, actor: Actor): Promise<CustomerIdentityView>;
  /** Number of a bank id's record the actor may see. @throws customers.not_found */
  recordOf(bankId: string, actor: Actor): Promise<number>;
  /** The actor must see both customers of every pair. @throws customers.not_found */
  mustSee(pairs: readonly { a: number; b: number }[], actor: Actor): Promise<void>;
}

const RecordRow = Type.Object({ record: Type.Integer(), cid: Type.Integer(), customer_id: Type.String() });
const SHOWN = [
  'name',
  'birth_date',
  'gender',
  'phone',
  'email',
  'address',
  'city',
  'org_unit',
  'opened_on',
  'rm',
] as const;
const SideRow = Type.Object({
  customer_id: Type.String(),
  sources: Type.Array(Type.String()),
  values: Type.Array(Type.String()),
});

/** What people see of identity: the review queue side by side, and whence a customer's fields came. */
export function createIdentityViews(deps: {
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly clock: Clock;
  readonly audit: Pick<Audit, 'record'>;
  readonly customers: Pick<Customers, 'find' | 'visible'>;
  readonly resolution: Resolution;
  readonly aliases: Aliases;
  readonly roleTables: (release: Release) => Promise<readonly RoleTable[]>;
}): IdentityViews {
  const { warehouse, releases, clock, audit, customers, resolution, aliases } = deps;
  const { store } = resolution;

  const records = async (numbers: readonly number[]) => {
    const table = (await releases.current()).placements.get('record')?.table;
    if (!table || numbers.length === 0) return new Map<number, { cid: number; bankId: string }>();
    const rows = await warehouse.query(
      RecordRow,
      `SELECT record, cid, customer_id FROM ${warehouse.identifier(table)} WHERE record IN {records:Array(UInt32)}`,
      { records: [...new Set(numbers)] },
    );
    return new Map(rows.map((row) => [row.record, { cid: row.cid, bankId: row.customer_id }]));
  };

  const customerTables = async (): Promise<RoleTable[]> => {
    const { rules } = await store.rules();
    const tables = await deps.roleTables(await releases.current());
    return inOrder(
      tables.filter((table) => table.role === 'customer'),
      rules.survivorship?.sources,
    );
  };

  const sidesOf = async (bankIds: readonly string[], isClear: boolean) => {
    const tables = await customerTables();
    const found = new Map<string, { fields: Record<string, string>; sources: string[] }>();
    if (tables.length === 0 || bankIds.length === 0) return found;
    const values = SHOWN.map((field) => `argMinIf(t_${field}, (ord, _file, _line), t_${field} != '')`);
    const texts = SHOWN.map((field) => `ifNull(toString(${field}), '') AS t_${field}`);
    const rows = await warehouse.query(
      SideRow,
      `SELECT customer_id, groupUniqArray(source) AS sources, [${values.join(', ')}] AS values FROM (SELECT ord, _file, _line, customer_id, source, ${texts.join(', ')} FROM (${candidateRows(tables, 'customer_id IN {ids:Array(String)}')})) GROUP BY customer_id`,
      { ids: [...new Set(bankIds)] },
    );
    for (const row of rows) {
      const fields: Record<string, string> = {};
      SHOWN.forEach((field, at) => {
        const value = row.values[at] ?? '';
        if (value !== '') fields[field] = isClear ? value : masked(field, value);
      });
      found.set(row.customer_id, { fields, sources: [...row.sources].sort() });
    }
    return found;
  };

  const mustFind = async (customerId: string, actor: Actor) => {
    const found = await customers.find(customerId, actor);
    if (!found) {
      throw customersProblems.not_found({
        detail: `There is no customer ${customerId} among those you may see.`,
      });
    }
    return found;
  };

  return {
    async recordOf(bankId, actor) {
      await mustFind(bankId, actor);
      const table = (await releases.current()).placements.get('record')?.table ?? '';
      const [row] = await warehouse.query(
        RecordRow,
        `SELECT record, cid, customer_id FROM ${warehouse.identifier(table)} WHERE customer_id = {bankId:String}`,
        { bankId },
      );
      if (!row) throw customersProblems.not_found({ detail: `There is no bank id ${bankId}.` });
      return row.record;
    },

    async mustSee(pairs, actor) {
      if (actor.orgScope === undefined) return;
      const known = await records(pairs.flatMap(({ a, b }) => [a, b]));
      const cids = [...known.values()].map(({ cid }) => cid);
      const visible = await customers.visible(actor, cids);
      for (const { a, b } of pairs) {
        for (const each of [a, b]) {
          if (!visible.has(known.get(each)?.cid ?? 0)) {
            throw customersProblems.not_found({ detail: `Record ${each} is not among those you may see.` });
          }
        }
      }
    },

    async reviews(query, actor) {
      const limit = query.limit ?? 20;
      const isClear = mayDo(actor, 'customers.pii');
      const items: StoredPairs = [];
      let after = query.cursor === undefined ? undefined : decode(query.cursor);
      let isMore = true;
      // Of a branch's queue many pairs may be others': read on until the page is full.
      for (let round = 0; round < 20 && items.length < limit && isMore; round++) {
        const batch = await store.pairs({
          state: query.state ?? 'open',
          ...(query.rule === undefined ? {} : { rule: query.rule }),
          ...(query.minProbability === undefined ? {} : { minProbability: query.minProbability }),
          ...(after ? { after } : {}),
          limit: limit + 1,
        });
        const known = await records(batch.flatMap(({ a, b }) => [a, b]));
        const visible =
          actor.orgScope === undefined
            ? undefined
            : await customers.visible(
                actor,
                [...known.values()].map(({ cid }) => cid),
              );
        isMore = batch.length > limit;
        for (const pair of batch.slice(0, limit)) {
          if (items.length >= limit) {
            isMore = true;
            break;
          }
          after = { probability: pair.probability, a: pair.a, b: pair.b };
          const [left, right] = [known.get(pair.a), known.get(pair.b)];
          if (!left || !right || (visible && !(visible.has(left.cid) && visible.has(right.cid)))) continue;
          items.push({ pair, left, right });
        }
      }
      const bankIds = items.flatMap(({ left, right }) => [left.bankId, right.bankId]);
      const [sides, names] = await Promise.all([
        sidesOf(bankIds, isClear),
        records(items.flatMap(({ left, right }) => [left.cid, right.cid])),
      ]);
      if (isClear && items.length > 0) {
        await audit.record({
          actor,
          action: 'customer.pii_listed',
          subject: 'identity_review',
          details: { count: bankIds.length, first: bankIds[0], last: bankIds.at(-1) },
        });
      }
      const shown: ReviewPair[] = [];
      for (const { pair, left, right } of items) {
        const pattern = patternOfText(pair.pattern);
        shown.push({
          a: pair.a,
          b: pair.b,
          state: pair.state === 'gone' ? 'open' : pair.state,
          probability: pair.probability,
          rule: pair.rule,
          ...(pair.blockedBy === undefined ? {} : { blockedBy: pair.blockedBy }),
          evidence: MATCH_FIELDS.flatMap((field) => {
            const level = pattern[field];
            return level === undefined
              ? []
              : [
                  {
                    field,
                    likeness: likenessOf(field, level),
                    bits: Math.round((pair.weights[field] ?? 0) * 10) / 10,
                  },
                ];
          }),
          sides: [
            { record: pair.a, ...left },
            { record: pair.b, ...right },
          ].map(({ record, cid, bankId }) => ({
            record,
            bankId,
            customerId: names.get(cid)?.bankId ?? bankId,
            fields: sides.get(bankId)?.fields ?? {},
            sources: sides.get(bankId)?.sources ?? [],
          })),
          likeThis: await store.decisionsLike(pair.pattern),
          foundAt: toIso(pair.foundAt),
          ...(pair.decidedAt === undefined ? {} : { decidedAt: toIso(pair.decidedAt) }),
          ...(pair.decidedBy === undefined ? {} : { decidedBy: pair.decidedBy }),
        });
      }
      return {
        items: shown,
        ...(isMore && after ? { nextCursor: encode(after) } : {}),
      };
    },

    async ofCustomer(customerId, actor) {
      const { cid, customerId: own } = await mustFind(customerId, actor);
      const isClear = mayDo(actor, 'customers.pii');
      const members = await aliases.recordsOf(cid);
      const known = await records(members);
      const { rules } = await store.rules();
      const [tables, state, events] = await Promise.all([
        customerTables(),
        store.state(),
        store.eventsOf(members),
      ]);
      const candidates = await readCandidates({
        warehouse,
        tables,
        customerIds: [...known.values()].map(({ bankId }) => bankId),
        survivorship: rules.survivorship,
      });
      const others = await records(events.flatMap(({ a, b }) => [a, b]));
      const physicals = new Map(tables.map((table) => [`${table.sourceId} ${table.table}`, table.physical]));
      const normaliser = createNormaliser({ country: rules.country });
      if (isClear) {
        await audit.record({
          actor,
          action: 'customer.pii_read',
          subject: own,
          details: { view: 'identity' },
        });
      }
      return {
        customerId: own,
        records: members.flatMap((record) => {
          const one = known.get(record);
          return one ? [{ record, bankId: one.bankId, isOwn: record === cid }] : [];
        }),
        history: events.map((event) => ({
          id: event.id,
          kind: event.kind,
          bankIds: [event.a, event.b].map((record) => others.get(record)?.bankId ?? String(record)),
          rule: event.rule,
          ...(event.probability === undefined ? {} : { probability: event.probability }),
          evidence: Object.fromEntries(
            Object.entries(event.weights ?? {}).map(([field, bits]) => [field, Math.round(bits * 10) / 10]),
          ),
          ...(event.reason === undefined ? {} : { reason: event.reason }),
          by: event.actorName,
          at: toIso(event.at),
          holds: event.kind === 'merge' && state.links.has(event.id),
        })),
        provenance: presentProvenance(candidates, {
          survivorship: rules.survivorship,
          isClear,
          loadedAt: ({ source, table }) => instantOf(physicals.get(`${source} ${table}`) ?? ''),
        }),
        quality: qualityOf(candidates, {
          isFirm: candidates.get('kind')?.[0]?.value === 'corporate',
          today: toIso(clock.now()).slice(0, 10),
          normalised: (field, value) => {
            switch (field) {
              case 'name':
                return normaliser.name(value);
              case 'phone':
                return normaliser.phone(value);
              case 'email':
                return normaliser.email(value);
              case 'address':
                return normaliser.address(value);
              default:
                return value;
            }
          },
        }),
      };
    },
  };
}

type StoredPairs = {
  pair: Awaited<ReturnType<Resolution['store']['pairs']>>[number];
  left: { cid: number; bankId: string };
  right: { cid: number; bankId: string };
}[];

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** When a physical table was made: its name ends in a ULID. */
function instantOf(physical: string): string | undefined {
  const ulid = /__([0-9a-z]{26})$/.exec(physical)?.[1];
  if (ulid === undefined) return undefined;
  return toIso([...ulid.slice(0, 10)].reduce((time, letter) => time * 32 + ALPHABET.indexOf(letter), 0));
}

function encode(place: { probability: number; a: number; b: number }): string {
  return Buffer.from(`${place.probability} ${place.a} ${place.b}`).toString('base64url');
}

function decode(cursor: string): { probability: number; a: number; b: number } {
  const [probability, a, b] = Buffer.from(cursor, 'base64url').toString('utf8').split(' ').map(Number);
  if (
    probability === undefined ||
    a === undefined ||
    b === undefined ||
    ![probability, a, b].every(Number.isFinite)
  ) {
    throw customersProblems.invalid_cursor({ detail: `"${cursor}" is no cursor of the review queue.` });
  }
  return { probability, a, b };
}
