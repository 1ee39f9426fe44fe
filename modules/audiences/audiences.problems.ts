import { defineProblems } from '@rapport/kernel';

export const audiencesProblems = defineProblems('audiences', {
  not_found: { status: 404, title: 'There is no such audience.' },
  snapshot_not_found: { status: 404, title: 'There is no such snapshot.' },
  customer_not_found: { status: 404, title: 'There is no such customer.' },
  changed_meanwhile: { status: 409, title: 'Somebody changed this audience in the meantime.' },
  in_use: { status: 409, title: 'The audience is in use and cannot be deleted.' },
  bad_instant: { status: 422, title: 'A condition cannot be evaluated as of this instant.' },
  not_granted: { status: 403, title: 'The condition names what you have not been granted.' },
  whole_bank_only: { status: 403, title: 'This is done over the whole bank, of which you see a part.' },
  bad_cursor: { status: 400, title: 'This is not a cursor of this list.' },
  unknown_tag: { status: 422, title: 'There is no such tag with values.' },
  bad_list_file: { status: 422, title: 'This file cannot be read as a list.' },
  list_not_found: { status: 404, title: 'There is no such list.' },
  list_in_use: { status: 409, title: 'The list is in use and cannot be deleted.' },
  list_kind_not_loaded: { status: 422, title: 'No loaded source has such identities.' },
  bad_set: { status: 422, title: 'It is not clear which customers are meant.' },
  unknown_leaf: { status: 422, title: 'The condition has no such leaf.' },
  bad_seed: { status: 422, title: 'A look-alike cannot be learned from this seed.' },
  bad_policy: { status: 422, title: 'This refresh policy cannot be kept.' },
  nothing_to_list: { status: 422, title: 'There are no values to list for this name.' },
});
