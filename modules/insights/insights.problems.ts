import { defineProblems } from '@rapport/kernel';

export const insightsProblems = defineProblems('insights', {
  not_launched: { status: 409, title: 'The campaign has not been launched yet.' },
  no_stages: { status: 404, title: 'There is no such tag of stages.' },
});
