import { defineProblems } from '@rapport/kernel';

export const customersProblems = defineProblems('customers', {
  not_found: { status: 404, title: 'There is no such customer.' },
  invalid_cursor: { status: 400, title: 'The cursor is not one that this list gave.' },
  too_many: { status: 409, title: 'There are more customers than customer numbers.' },
  projection_failed: { status: 500, title: 'The canonical tables could not be built.' },
});
