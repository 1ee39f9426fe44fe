import type { Audiences } from '@rapport/audiences';
import type { Condition } from '@rapport/conditions';
import { type ContentDeps, familyNameOf, type MergeValue, salutationOf } from '@rapport/content';
import type { CustomerRecord, Customers } from '@rapport/customers';
import type { Warehouse } from '@rapport/stores';
import type { Tags } from '@rapport/tags';

const CUSTOMER_FIELDS: Readonly<Record<string, (customer: CustomerRecord) => MergeValue>> = {
  'customer.id': (customer) => customer.customerId,
  'customer.name': (customer) => customer.name,
  'customer.family_name': (customer) =>
    customer.name === undefined ? undefined : familyNameOf(customer.name),
  'customer.salutation': (customer) => salutationOf(customer),
  'customer.gender': (customer) => customer.gender,
  'customer.kind': (customer) => customer.kind,
  'customer.birth_date': (customer) => customer.birthDate,
  'customer.opened_on': (customer) => customer.openedOn,
  'customer.city': (customer) => customer.city,
  'customer.language': (customer) => customer.language,
  'customer.org_unit': (customer) => customer.orgUnit,
  'customer.org_unit_name': (customer) => customer.orgUnitName,
  'customer.rm': (customer) => customer.rm,
  'customer.risk_level': (customer) => customer.riskLevel,
};

/** How many customers lack a field is asked of the warehouse, so it must be a column: this one, of this table. */
const COLUMNS: Readonly<Record<string, { readonly logical: string; readonly known: string }>> = {
  'customer.name': { logical: 'customer_pii', known: "name_cipher != ''" },
  'customer.family_name': { logical: 'customer_pii', known: "name_cipher != ''" },
  'customer.salutation': { logical: 'customer_pii', known: "name_cipher != ''" },
  'customer.gender': { logical: 'customer', known: "gender != ''" },
  'customer.birth_date': { logical: 'customer', known: 'birth_date IS NOT NULL' },
  'customer.opened_on': { logical: 'customer', known: 'opened_on IS NOT NULL' },
  'customer.city': { logical: 'customer', known: "city != ''" },
  'customer.language': { logical: 'customer', known: "language != ''" },
  'customer.org_unit': { logical: 'customer', known: "org_unit != ''" },
  'customer.org_unit_name': { logical: 'customer', known: "org_unit != ''" },
  'customer.rm': { logical: 'customer', known: "rm != ''" },
  'customer.risk_level': { logical: 'customer', known: 'risk_level IS NOT NULL' },
};

const EVERYBODY: Condition = { always: true };

/** Customers and tags as templates see them. */
export function contentProfiles(deps: {
  readonly customers: Pick<Customers, 'recordsOf' | 'find'>;
  readonly tags: Pick<Tags, 'valuesOf' | 'catalog'>;
  readonly audiences: Pick<Audiences, 'resolve'>;
  readonly warehouse: Pick<Warehouse, 'queryCids' | 'identifier'>;
  readonly placementOf: (logical: string) => Promise<string | undefined>;
}): ContentDeps['profiles'] {
  const { customers, tags, audiences, warehouse } = deps;
  const whoever = (audienceId: string | undefined) =>
    audiences.resolve(audienceId === undefined ? EVERYBODY : { audience: audienceId });

  return {
    async values(cids, fields) {
      const tagIds = fields.filter((field) => field.startsWith('tag.')).map((field) => field.slice(4));
      const readers = fields.flatMap((field) => {
        const reader = CUSTOMER_FIELDS[field];
        return reader ? [[field, reader] as const] : [];
      });
      const [records, tagValues] = await Promise.all([
        readers.length > 0 ? customers.recordsOf(cids) : [],
        tagIds.length > 0 ? tags.valuesOf(cids, tagIds) : new Map(),
      ]);
      const values = new Map<number, Map<string, MergeValue>>(cids.map((cid) => [cid, new Map()]));
      for (const record of records) {
        for (const [field, reader] of readers) values.get(record.cid)?.set(field, reader(record));
      }
      for (const [cid, byTag] of tagValues) {
        for (const [tagId, value] of byTag) values.get(cid)?.set(`tag.${tagId}`, value);
      }
      return values;
    },
    async find(customerIds, actor) {
      const found = await Promise.all(customerIds.map((customerId) => customers.find(customerId, actor)));
      return found.filter((customer) => customer !== undefined);
    },
    async tagFields() {
      const catalog = await tags.catalog();
      return catalog.tagIds().flatMap((id) => {
        const tag = catalog.tag(id);
        return tag ? [{ field: `tag.${id}`, type: tag.type, description: tag.title.en, always: false }] : [];
      });
    },
    async missingCount(field, audienceId) {
      const { cids } = await whoever(audienceId);
      if (field.startsWith('tag.')) {
        const known = await audiences.resolve({ tag: field.slice(4), op: 'known' });
        return cids.andNot(known.cids).size;
      }
      const column = COLUMNS[field];
      if (!column) return field === 'customer.id' || field === 'customer.kind' ? 0 : cids.size;
      const table = await deps.placementOf(column.logical);
      if (table === undefined) return cids.size;
      const known = await warehouse.queryCids(
        `SELECT groupBitmapState(cid) FROM ${warehouse.identifier(table)} WHERE ${column.known}`,
      );
      return cids.andNot(known).size;
    },
    async customerCount(audienceId) {
      return (await whoever(audienceId)).cids.size;
    },
  };
}
