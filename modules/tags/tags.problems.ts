import { defineProblems } from '@rapport/kernel';

export const tagsProblems = defineProblems('tags', {
  not_found: { status: 404, title: 'There is no such tag.' },
  invalid: { status: 422, title: 'The definition of the tag does not work.' },
  exists: { status: 409, title: 'There is a tag with this id already.' },
  in_use: { status: 409, title: 'The tag is used and cannot be deleted.' },
  wrong_status: { status: 409, title: 'The tag does not stand where this can be done.' },
  not_granted: { status: 403, title: 'The use of a tag has not been granted.' },
  category_in_use: { status: 409, title: 'The category still has tags or categories.' },
  no_category: { status: 404, title: 'There is no such category.' },
  category_cyclic: { status: 422, title: 'A category cannot stand below itself.' },
  category_exists: { status: 409, title: 'There is such a category already.' },
  cyclic: { status: 422, title: 'Tags depend on each other in a circle.' },
  refresh_not_found: { status: 404, title: 'There is no such refresh.' },
  no_data: { status: 409, title: 'There are no customers yet; load a source first.' },
  not_computed: { status: 409, title: 'The tag has no values yet.' },
  not_manual: { status: 409, title: 'The values of this tag are computed and cannot be set by hand.' },
  of_model: { status: 409, title: 'The values of this tag are given and explained by its model.' },
  unknown_customer: { status: 404, title: 'There is no such customer.' },
  unknown_node: { status: 404, title: 'There is no such node in the lineage.' },
  invalid_file: { status: 422, title: 'The file is not a tags file.' },
});
