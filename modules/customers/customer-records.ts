import type { Actor } from '@rapport/kernel';
import type { Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { OrgUnits } from './org-units.ts';
import { decryptPii, identityHash, type PiiKeys } from './pii.ts';

/** What is known of a customer, the name in clear; absent means unknown. For content and dispatch only. */
export interface CustomerRecord {
  readonly cid: number;
  readonly customerId: string;
  readonly kind: string;
  readonly name: string | undefined;
  readonly gender: string | undefined;
  readonly birthDate: string | undefined;
  readonly openedOn: string | undefined;
  readonly orgUnit: string | undefined;
  readonly orgUnitName: string | undefined;
  readonly rm: string | undefined;
  readonly riskLevel: number | undefined;
  readonly city: string | undefined;
  readonly language: string | undefined;
}

export interface CustomerRecords {
  /** Records of these customers, in the order of cid; unknown numbers are left out. */
  recordsOf(cids: readonly number[]): Promise<CustomerRecord[]>;
  /** Which of these customers lie within the actor's org scope. */
  visible(actor: Actor, cids: readonly number[]): Promise<ReadonlySet<number>>;
  /** The customer with this phone number, e-mail address or other identity, if exactly one has it. */
  findByIdentity(kind: string, value: string): Promise<{ cid: number; customerId: string } | undefined>;
}

const OptionalText = Type.Union([Type.String(), Type.Null()]);
const RecordRow = Type.Object({
  cid: Type.Integer(),
  customer_id: Type.String(),
  kind: Type.String(),
  gender: Type.String(),
  birth_date: OptionalText,
  opened_on: OptionalText,
  org_unit: Type.String(),
  rm: Type.String(),
  risk_level: Type.Union([Type.Integer(), Type.Null()]),
  city: Type.String(),
  language: Type.String(),
});
const NameRow = Type.Object({ cid: Type.Integer(), name_cipher: Type.String() });
const CidRow = Type.Object({ cid: Type.Integer() });
const RefRow = Type.Object({ cid: Type.Integer(), customer_id: Type.String() });
/** Customers a statement names at most. */
const CHUNK = 10_000;

/** Bulk reads of customers for the modules that write to them. */
export function createCustomerRecords(deps: {
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly orgUnits: Pick<OrgUnits, 'names' | 'scopeOf'>;
  readonly keys: PiiKeys;
}): CustomerRecords {
  const { warehouse, releases, orgUnits, keys } = deps;
  const tableOf = async (logical: string): Promise<string | undefined> => {
    const placement = (await releases.current()).placements.get(logical);
    return placement && warehouse.identifier(placement.table);
  };
  const chunks = <Item>(items: readonly Item[]): (readonly Item[])[] =>
    Array.from({ length: Math.ceil(items.length / CHUNK) }, (_, at) =>
      items.slice(at * CHUNK, (at + 1) * CHUNK),
    );

  return {
    async recordsOf(cids) {
      const [customer, pii, unitNames] = await Promise.all([
        tableOf('customer'),
        tableOf('customer_pii'),
        orgUnits.names(),
      ]);
      if (!customer) return [];
      const records: CustomerRecord[] = [];
      for (const chunk of chunks(cids)) {
        const list = { cids: [...chunk] };
        const [rows, names] = await Promise.all([
          warehouse.query(
            RecordRow,
            `SELECT c.cid AS cid, c.customer_id AS customer_id, c.kind AS kind, c.gender AS gender, toString(c.birth_date) AS birth_date, toString(c.opened_on) AS opened_on, c.org_unit AS org_unit, c.rm AS rm, c.risk_level AS risk_level, c.city AS city, c.language AS language FROM ${customer} AS c WHERE c.cid IN {cids:Array(UInt32)} ORDER BY c.cid`,
            list,
          ),
          pii
            ? warehouse.query(
                NameRow,
                `SELECT p.cid AS cid, p.name_cipher AS name_cipher FROM ${pii} AS p WHERE p.cid IN {cids:Array(UInt32)}`,
                list,
              )
            : [],
        ]);
        const nameOf = new Map(
          names.map((row) => [row.cid, decryptPii(keys, 'name', row.cid, row.name_cipher)]),
        );
        for (const row of rows) {
          const orgUnit = known(row.org_unit);
          records.push({
            cid: row.cid,
            customerId: row.customer_id,
            kind: row.kind,
            name: nameOf.get(row.cid),
            gender: known(row.gender),
            birthDate: row.birth_date ?? undefined,
            openedOn: row.opened_on ?? undefined,
            orgUnit,
            orgUnitName: orgUnit && unitNames.get(orgUnit),
            rm: known(row.rm),
            riskLevel: row.risk_level ?? undefined,
            city: known(row.city),
            language: known(row.language),
          });
        }
      }
      return records;
    },
    async visible(actor, cids) {
      const scope = await orgUnits.scopeOf(actor);
      if (scope === undefined) return new Set(cids);
      const customer = await tableOf('customer');
      if (!customer) return new Set();
      const seen = new Set<number>();
      for (const chunk of chunks(cids)) {
        const rows = await warehouse.query(
          CidRow,
          `SELECT c.cid AS cid FROM ${customer} AS c WHERE c.cid IN {cids:Array(UInt32)} AND c.org_unit IN {scope:Array(String)}`,
          { cids: [...chunk], scope: [...scope] },
        );
        for (const row of rows) seen.add(row.cid);
      }
      return seen;
    },
    async findByIdentity(kind, value) {
      const [customer, identity] = await Promise.all([tableOf('customer'), tableOf('identity')]);
      if (!customer || !identity) return undefined;
      const rows = await warehouse.query(
        RefRow,
        `SELECT c.cid AS cid, c.customer_id AS customer_id FROM ${customer} AS c WHERE c.cid IN (SELECT i.cid FROM ${identity} AS i WHERE i.value_hash = {hash:String}) LIMIT 2`,
        { hash: identityHash(keys, kind, value) },
      );
      const [row] = rows;
      return rows.length === 1 && row ? { cid: row.cid, customerId: row.customer_id } : undefined;
    },
  };
}

const known = (text: string): string | undefined => (text === '' ? undefined : text);
