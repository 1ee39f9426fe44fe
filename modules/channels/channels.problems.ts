import { defineProblems } from '@rapport/kernel';

export const channelsProblems = defineProblems('channels', {
  provider_not_found: { status: 404, title: 'There is no such provider.' },
  provider_kind_fixed: { status: 409, title: 'The kind of a provider can not change.' },
  provider_unsuitable: { status: 422, title: 'The provider can not be used like this.' },
  delivery_not_found: { status: 404, title: 'There is no such delivery.' },
  customer_not_found: { status: 404, title: 'There is no such customer.' },
  suppression_not_found: { status: 404, title: 'There is no such suppression.' },
  stop_not_found: { status: 404, title: 'There is no such emergency stop in force.' },
  bad_signature: { status: 401, title: 'The signature does not fit.' },
  stale_signature: { status: 401, title: 'The signature is too old.' },
  bad_receipts: { status: 400, title: 'The receipts do not have the documented form.' },
  bad_link: { status: 404, title: 'This link is not one of ours.' },
  sandbox_message_not_found: { status: 404, title: 'There is no such message in the sandbox.' },
});
