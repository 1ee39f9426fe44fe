import { defineProblems } from '@rapport/kernel';

export const campaignsProblems = defineProblems('campaigns', {
  not_found: { status: 404, title: 'There is no such campaign.' },
  conflict: { status: 409, title: 'The campaign was changed by someone else meanwhile.' },
  wrong_state: { status: 409, title: 'The campaign is not in a state that allows this.' },
  incomplete: { status: 422, title: 'The campaign is not complete yet.' },
  not_valid: { status: 422, title: 'The campaign cannot be saved as it is.' },
  not_approved: { status: 409, title: 'The campaign is not approved as it stands.' },
  changed_since_approval: { status: 409, title: 'Something changed since the approval, which is void now.' },
  out_of_scope: { status: 403, title: 'The campaign reaches customers beyond your org units.' },
  advice_incomplete: {
    status: 422,
    title: 'The advice needs a size or an audience, and a base rate or a KPI.',
  },
  bad_file: { status: 422, title: 'The campaign file cannot be applied.' },
});
