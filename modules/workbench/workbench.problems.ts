import { defineProblems } from '@rapport/kernel';

export const workbenchProblems = defineProblems('workbench', {
  not_allowed: { status: 422, title: 'This SQL is not allowed.' },
  not_found: { status: 404, title: 'There is no such saved query.' },
  changed_meanwhile: { status: 409, title: 'Somebody changed this query in the meantime.' },
  no_data: { status: 409, title: 'There is no data to ask yet.' },
  failed: { status: 422, title: 'The warehouse cannot answer this SQL.' },
  too_much: { status: 422, title: 'The query would read more than a query may.' },
  budget_spent: { status: 429, title: 'The query time of today is spent.' },
  busy: { status: 429, title: 'Another query of yours is still running.' },
});
