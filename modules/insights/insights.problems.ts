import { defineProblems } from '@rapport/kernel';

export const insightsProblems = defineProblems('insights', {
  not_launched: { status: 409, title: 'The campaign has not been launched yet.' },
});
