import { defineProblems } from '@rapport/kernel';

export const modelsProblems = defineProblems('models', {
  not_found: { status: 404, title: 'There is no such model.' },
  exists: { status: 409, title: 'A model with this id exists already.' },
  unknown_feature: { status: 422, title: 'A feature is not a tag with values.' },
  feature_type: { status: 422, title: 'A feature has values a model cannot learn from.' },
  bad_label: { status: 422, title: 'The label cannot be read from the data.' },
  too_few: { status: 422, title: 'There are too few customers of one kind to learn from.' },
  not_trained: { status: 409, title: 'The model has not been trained yet.' },
  not_valid: { status: 422, title: 'The model is not valid.' },
});
