import { defineProblems } from '@rapport/kernel';

export const sourcesProblems = defineProblems('sources', {
  not_found: { status: 404, title: 'There is no such source.' },
  table_not_found: { status: 404, title: 'The source has no such table.' },
  not_loaded: { status: 409, title: 'The source was not loaded yet.' },
  load_not_found: { status: 404, title: 'There is no such load.' },
  invalid_manifest: { status: 422, title: 'The source manifest is not valid.' },
  folder_not_allowed: { status: 403, title: 'The folder of the source lies outside the allowed folders.' },
  variable_not_set: { status: 422, title: 'The manifest names a setting that has no value.' },
  connection_not_found: { status: 404, title: 'There is no such connection.' },
  stream_not_pushed: { status: 409, title: 'Events of this stream come through the stream store.' },
  invalid_connection: { status: 422, title: 'The connection is not valid.' },
  load_running: { status: 409, title: 'This source is being loaded already.' },
  load_refused: { status: 422, title: 'The data did not pass; the data of before stays.' },
  nothing_to_replay: { status: 409, title: 'No such record is in quarantine.' },
  structure_changed: { status: 409, title: 'The table has other columns now; load the source again.' },
  sql_not_allowed: { status: 422, title: 'This SQL is not allowed in a manifest.' },
});
