import type { Routes } from '@rapport/http';
import { Type } from 'typebox';
import {
  CustomerPage,
  CustomerProfile,
  CustomerQuery,
  OrgUnitItems,
  TimelinePage,
  TimelineQuery,
} from './contract.ts';
import type { Customers } from './customers.service.ts';

const CustomerParams = Type.Object({
  customerId: Type.String({ minLength: 1, description: 'The bank’s customer id', examples: ['C00001234'] }),
});

export function customersRoutes(customers: Customers): Routes {
  return (http) => {
    http.get(
      '/customers',
      {
        config: { permission: 'customers.read' },
        schema: {
          operationId: 'listCustomers',
          summary: 'Find customers by id, phone or e-mail',
          tags: ['customers'],
          querystring: CustomerQuery,
          response: { 200: CustomerPage },
        },
      },
      async (request) => {
        const { q, ...query } = request.query;
        return customers.search({ ...query, ...(q === undefined ? {} : { text: q }) }, request.actor);
      },
    );
    http.get(
      '/customers/:customerId',
      {
        config: { permission: 'customers.read' },
        schema: {
          operationId: 'getCustomer',
          summary: 'Customer 360',
          tags: ['customers'],
          params: CustomerParams,
          response: { 200: CustomerProfile },
        },
      },
      async (request) => customers.get360(request.params.customerId, request.actor),
    );
    http.get(
      '/customers/:customerId/timeline',
      {
        config: { permission: 'customers.read' },
        schema: {
          operationId: 'listCustomerTimeline',
          summary: 'Transactions, events and contacts of a customer, newest first',
          tags: ['customers'],
          params: CustomerParams,
          querystring: TimelineQuery,
          response: { 200: TimelinePage },
        },
      },
      async (request) => customers.timeline(request.params.customerId, request.query, request.actor),
    );
    http.get(
      '/org-units',
      {
        config: { permission: 'customers.read' },
        schema: {
          operationId: 'listOrgUnits',
          summary: 'Branches and other units of the bank',
          tags: ['customers'],
          response: { 200: OrgUnitItems },
        },
      },
      async (request) => ({ items: await customers.orgUnits(request.actor) }),
    );
  };
}
