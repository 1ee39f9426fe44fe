import { defineProblems } from '@rapport/kernel';

export const customersProblems = defineProblems('customers', {
  not_found: { status: 404, title: 'There is no such customer.' },
  invalid_cursor: { status: 400, title: 'The cursor is not one that this list gave.' },
  too_many: { status: 409, title: 'There are more customers than customer numbers.' },
  already_one: { status: 409, title: 'The two are one customer already.' },
  not_merged: { status: 409, title: 'There is no such merge, or it was undone already.' },
  known_distinct: { status: 409, title: 'Somebody decided that the two are not the same.' },
  conflicting_documents: { status: 409, title: 'The two have different identity documents.' },
  cluster_too_large: { status: 409, title: 'One customer would have too many records.' },
  invalid_rules: { status: 400, title: 'The matching rules have faults.' },
  invalid_pair: { status: 400, title: 'The two records are no pair to decide on.' },
  projection_failed: { status: 500, title: 'The canonical tables could not be built.' },
});
