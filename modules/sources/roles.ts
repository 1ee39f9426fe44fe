import type { TableRole } from './manifest.schema.ts';

export type RoleValue = 'text' | 'date' | 'instant' | 'money' | 'level' | 'boolean' | 'share';

export interface RoleColumn {
  readonly name: string;
  readonly value: RoleValue;
  /** A table without it cannot play the role. */
  readonly needed?: boolean;
}

const text = (name: string): RoleColumn => ({ name, value: 'text' });
const needed = (name: string, value: RoleValue = 'text'): RoleColumn => ({ name, value, needed: true });
const date = (name: string): RoleColumn => ({ name, value: 'date' });
const money = (name: string): RoleColumn => ({ name, value: 'money' });

/** What each role delivers, in canonical order (docs/data-model.md, “Roles”). */
export const ROLE_COLUMNS: Readonly<Record<TableRole, readonly RoleColumn[]>> = {
  customer: [
    needed('customer_id'),
    text('kind'),
    text('gender'),
    date('birth_date'),
    date('opened_on'),
    text('org_unit'),
    text('rm'),
    { name: 'risk_level', value: 'level' },
    text('city'),
    text('language'),
    text('name'),
    text('phone'),
    text('email'),
    text('address'),
    text('id_document'),
  ],
  identity: [needed('customer_id'), needed('kind'), needed('value')],
  account: [
    needed('customer_id'),
    needed('account_id'),
    text('kind'),
    date('opened_on'),
    date('closed_on'),
    text('currency'),
    money('balance_minor'),
    text('org_unit'),
  ],
  holding: [
    needed('customer_id'),
    needed('holding_id'),
    text('product_id'),
    text('kind'),
    date('since'),
    date('until'),
    money('amount_minor'),
    text('currency'),
    text('status'),
  ],
  transaction: [
    needed('customer_id'),
    needed('transaction_id'),
    text('account_id'),
    needed('at', 'instant'),
    needed('amount_minor', 'money'),
    needed('direction'),
    text('currency'),
    text('kind'),
    text('channel'),
    text('mcc'),
    text('counterparty'),
    money('balance_minor'),
  ],
  event: [needed('customer_id'), text('event_id'), needed('name'), needed('at', 'instant')],
  product: [needed('product_id'), text('name'), text('kind'), { name: 'risk_level', value: 'level' }],
  org_unit: [needed('code'), text('parent'), text('name'), text('level')],
  relation: [
    needed('from_id'),
    needed('to_id'),
    needed('kind'),
    { name: 'share', value: 'share' },
    date('since'),
    date('until'),
  ],
  consent: [
    needed('customer_id'),
    needed('channel'),
    text('purpose'),
    needed('granted', 'boolean'),
    needed('at', 'instant'),
    text('evidence'),
  ],
};

/** Where a role keeps the columns that have no canonical home. */
export const REST_COLUMN: Readonly<Partial<Record<TableRole, string>>> = {
  customer: 'attributes',
  account: 'attributes',
  holding: 'attributes',
  transaction: 'attributes',
  event: 'properties',
  product: 'attributes',
};

/** Columns of the role `customer` and `identity` that are personal data whatever the manifest says. */
export const PERSONAL_ROLE_COLUMNS: Readonly<Partial<Record<TableRole, readonly string[]>>> = {
  customer: ['name', 'phone', 'email', 'address', 'id_document'],
  identity: ['value'],
};
