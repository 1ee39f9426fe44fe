import { defineProblems } from '@rapport/kernel';

export const conditionProblems = defineProblems('conditions', {
  invalid: { status: 422, title: 'The condition cannot be used as it is.' },
});
