import { defineProblems } from '@rapport/kernel';

export const catalogProblems = defineProblems('catalog', {
  table_not_found: { status: 404, title: 'The catalogue has no such table.' },
  column_not_found: { status: 404, title: 'The table has no such column.' },
  rule_not_found: { status: 404, title: 'There is no such quality rule.' },
  invalid_rule: { status: 422, title: 'The quality rule cannot be judged.' },
  alert_not_found: { status: 404, title: 'There is no such alert.' },
  arrival_not_found: { status: 404, title: 'Nothing was due from this source on that day.' },
  already_arrived: { status: 409, title: 'The data of that day arrived already; nothing is held back.' },
  block_not_found: { status: 404, title: 'There is no such block, or it has ended.' },
  invalid_freeze: { status: 422, title: 'The freeze must end after it begins.' },
  freeze_not_found: { status: 404, title: 'There is no such freeze, or it has ended.' },
  word_not_found: { status: 404, title: 'The glossary has no such word.' },
  frozen: { status: 409, title: 'Loads of this source are held back during a freeze.' },
});
