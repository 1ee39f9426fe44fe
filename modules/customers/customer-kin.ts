import type { Placement, Warehouse } from '@rapport/stores';
import { type Static, Type } from 'typebox';
import type { CustomerProfile, ProfileRelation } from './contract.ts';
import type { CustomerCard } from './customer-card.ts';
import { decryptPii, maskName, type PiiKeys } from './pii.ts';
import { POINT_READ } from './timeline.ts';

export interface KinRequest {
  readonly placements: ReadonlyMap<string, Placement>;
  readonly cid: number;
  readonly own: string;
  /** Numbers of the bank ids that are this customer, its own first. */
  readonly records: readonly number[];
  readonly relations: CustomerCard['relations'];
  readonly households: CustomerCard['households'];
  /** The customer that a number is now. */
  readonly customerOf: (number: number) => Promise<number>;
  /** Org units the caller may see; undefined = all. */
  readonly scope: readonly string[] | undefined;
  readonly isClear: boolean;
}

const OtherRow = Type.Object({
  cid: Type.Integer(),
  customer_id: Type.String(),
  kind: Type.String(),
  org_unit: Type.String(),
  name_cipher: Type.String(),
});
const BankIdRow = Type.Object({ record: Type.Integer(), customer_id: Type.String() });

/** The bank ids of a customer and the people and enterprises around it, as far as the caller may see them. */
export function createKin(deps: { readonly warehouse: Warehouse; readonly keys: PiiKeys }) {
  const { warehouse, keys } = deps;

  /** Only merged customers need be asked for. */
  const bankIds = async ({ placements, own, records }: KinRequest): Promise<string[]> => {
    const table = placements.get('record')?.table;
    if (records.length < 2 || table === undefined) return [own];
    const rows = await warehouse.query(
      BankIdRow,
      `SELECT record, customer_id FROM ${warehouse.identifier(table)} WHERE record IN {records:Array(UInt32)}`,
      { records: [...records] },
      POINT_READ,
    );
    const idOf = new Map(rows.map((row) => [row.record, row.customer_id]));
    return records.flatMap((record) => idOf.get(record) ?? []);
  };

  const others = async (
    { placements }: KinRequest,
    cids: ReadonlySet<number>,
  ): Promise<ReadonlyMap<number, Static<typeof OtherRow>>> => {
    const [customer, pii] = ['customer', 'customer_pii'].map((name) => placements.get(name)?.table);
    if (cids.size === 0 || !customer || !pii) return new Map();
    const rows = await warehouse.query(
      OtherRow,
      `SELECT c.cid AS cid, c.customer_id AS customer_id, c.kind AS kind, c.org_unit AS org_unit, p.name_cipher AS name_cipher FROM (SELECT cid, customer_id, kind, org_unit FROM ${warehouse.identifier(customer)} WHERE cid IN {cids:Array(UInt32)}) AS c LEFT JOIN (SELECT cid, name_cipher FROM ${warehouse.identifier(pii)} WHERE cid IN {cids:Array(UInt32)}) AS p ON c.cid = p.cid`,
      { cids: [...cids] },
      POINT_READ,
    );
    return new Map(rows.map((row) => [row.cid, row]));
  };

  return {
    async of(
      request: KinRequest,
    ): Promise<Pick<CustomerProfile, 'records' | 'household' | 'relations' | 'hiddenRelations'>> {
      const { cid, customerOf, scope, isClear } = request;
      // A household was found for records as they were then; those that were merged since are one member.
      const members = new Set<number>();
      for (const number of request.households.flatMap((household) => household.others)) {
        members.add(await customerOf(number));
      }
      members.delete(cid);
      const [records, known] = await Promise.all([
        bankIds(request),
        others(request, new Set([...members, ...request.relations.map((each) => each.other_cid)])),
      ]);
      const seen = (number: number) => {
        const row = known.get(number);
        if (!row || (scope && !scope.includes(row.org_unit))) return undefined;
        const name = decryptPii(keys, 'name', row.cid, row.name_cipher);
        return {
          customerId: row.customer_id,
          kind: row.kind,
          ...(name === undefined ? {} : { name: isClear ? name : maskName(name) }),
        };
      };
      const existing = (numbers: readonly number[]): number =>
        numbers.filter((number) => known.has(number)).length;
      const visible = [...members].flatMap((number) => seen(number) ?? []);
      const relations = request.relations.flatMap((row): ProfileRelation[] => {
        const other = seen(row.other_cid);
        if (!other) return [];
        return [
          {
            ...other,
            relation: row.kind,
            direction: row.direction,
            ...(row.share === null ? {} : { share: row.share }),
            ...(row.since === null ? {} : { since: row.since }),
            ...(row.until === null ? {} : { until: row.until }),
            source: row.source,
          },
        ];
      });
      return {
        records,
        ...(members.size === 0
          ? {}
          : {
              household: {
                because: request.households[0]?.because ?? '',
                members: visible.toSorted((a, b) => (a.customerId < b.customerId ? -1 : 1)),
                hidden: existing([...members]) - visible.length,
              },
            }),
        relations,
        hiddenRelations: existing(request.relations.map((each) => each.other_cid)) - relations.length,
      };
    },
  };
}
