import { type Aliases, createAliases } from './aliases.ts';
import type { Customers } from './customers.service.ts';
import { createIdentityViews, type IdentityViews } from './identity-views.ts';
import { derivePiiKeys } from './pii.ts';
import { createResolution, type Resolution, type ResolutionDeps } from './resolution.service.ts';
import { createUsers, type Users } from './users.service.ts';

/** Everything that makes a bank's records one customer each. */
export interface OneCustomer {
  readonly aliases: Aliases;
  readonly users: Users;
  readonly resolution: Resolution;
  /** What people see of it, for customers as `customers` finds them. */
  views(customers: Pick<Customers, 'find' | 'visible'>): IdentityViews;
}

export function createOneCustomer(deps: Omit<ResolutionDeps, 'stitchedTo'>): OneCustomer {
  const aliases = createAliases(deps);
  const users = createUsers({
    ...deps,
    aliases,
    keys: derivePiiKeys(deps.dataKey),
    sharedDevice: async () => (await resolution.store.rules()).rules.sharedDevice,
  });
  const resolution = createResolution({ ...deps, stitchedTo: (records) => users.stitchedTo(records) });
  return {
    aliases,
    users,
    resolution,
    views: (customers) =>
      createIdentityViews({ ...deps, customers, resolution, aliases, roleTables: deps.roleTables }),
  };
}
