import { defineProblems } from '@rapport/kernel';

export const decisionsProblems = defineProblems('decisions', {
  not_found: { status: 404, title: 'There is no such decision.' },
  customer_not_found: { status: 404, title: 'There is no such customer.' },
  offer_not_decided: { status: 422, title: 'The response names an offer that this decision did not make.' },
  policy_conflict: { status: 409, title: 'The contact policy was changed by someone else meanwhile.' },
  policy_not_valid: { status: 422, title: 'The contact policy cannot be saved as it is.' },
});
