import { defineProblems } from '@rapport/kernel';

export const governanceProblems = defineProblems('governance', {
  wrong_credentials: { status: 401, title: 'The username or password is not right.' },
  locked_out: { status: 429, title: 'Too many failed sign-ins; wait before trying again.' },
  user_not_found: { status: 404, title: 'There is no such user.' },
  username_taken: { status: 409, title: 'This username is taken.' },
  last_administrator: { status: 409, title: 'The last active administrator must stay.' },
  scope_too_wide: { status: 403, title: 'An API key cannot carry a permission that you do not hold.' },
  api_key_not_found: { status: 404, title: 'There is no such API key.' },
  approval_not_found: { status: 404, title: 'There is no such approval.' },
  self_approval: { status: 403, title: 'The maker may not be the checker.' },
  already_decided: { status: 409, title: 'This approval is already decided.' },
  comment_required: { status: 400, title: 'A rejection needs a comment.' },
  idempotency_mismatch: { status: 422, title: 'This Idempotency-Key was used for a different request.' },
  idempotency_in_progress: { status: 409, title: 'The request with this Idempotency-Key is still running.' },
});
