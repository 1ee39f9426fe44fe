import { defineProblems } from '@rapport/kernel';

export const metricsProblems = defineProblems('metrics', {
  not_found: { status: 404, title: 'There is no such metric.' },
  exists: { status: 409, title: 'There is a metric with this id already.' },
  changed_meanwhile: { status: 409, title: 'Somebody changed this metric in the meantime.' },
  in_use: { status: 409, title: 'Other metrics are calculated from this one.' },
  invalid: { status: 422, title: 'The definition of the metric is not valid.' },
  invalid_file: { status: 422, title: 'The file of metrics cannot be read.' },
  no_data: { status: 409, title: 'There is nothing to compute the metric from yet.' },
  not_kept: { status: 404, title: 'No values of that day are kept.' },
  unknown_key: { status: 404, title: 'There is nothing with this key at this grain.' },
});
