import { defineProblems } from '@rapport/kernel';

export const storesProblems = defineProblems('stores', {
  home_in_use: { status: 503, title: 'Another process already uses this data folder.' },
  engine_missing: { status: 503, title: 'An embedded engine is not installed for this platform.' },
  engine_down: { status: 503, title: 'A store does not answer.' },
  write_outcome_unknown: {
    status: 503,
    title: 'The connection to the store broke during a write; whether it was stored is not known.',
  },
  query_failed: { status: 500, title: 'The warehouse refused a statement.' },
  query_too_slow: { status: 503, title: 'The statement was given up because it took too long.' },
  query_too_large: { status: 503, title: 'The statement was given up because it needed too much memory.' },
  query_cancelled: { status: 503, title: 'The statement was cancelled.' },
  row_mismatch: { status: 500, title: 'The warehouse answered rows of another form than declared.' },
  bad_identifier: { status: 400, title: 'This cannot be the name of a table or column.' },
  bad_bitmap: { status: 500, title: 'These bytes are not a set of customer numbers.' },
  bad_key: { status: 500, title: 'This cannot be a key of the key-value store.' },
  too_much_contention: { status: 503, title: 'Too many writers change the same key.' },
  migration_failed: { status: 500, title: 'A migration failed.' },
  unknown_job_kind: { status: 500, title: 'No handler is defined for this kind of job.' },
  job_not_found: { status: 404, title: 'There is no such job.' },
  job_failed: { status: 500, title: 'The job failed.' },
  job_cancelled: { status: 409, title: 'The job was cancelled.' },
});
