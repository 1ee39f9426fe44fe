import { defineProblems } from '@rapport/kernel';

export const offersProblems = defineProblems('offers', {
  not_found: { status: 404, title: 'There is no such offer.' },
  conflict: { status: 409, title: 'The offer was changed by someone else meanwhile.' },
  not_valid: { status: 422, title: 'The offer cannot be saved as it is.' },
  retired: { status: 409, title: 'A retired offer cannot be changed.' },
  mixed_currency: { status: 409, title: 'All active offers must state their value in one currency.' },
});
