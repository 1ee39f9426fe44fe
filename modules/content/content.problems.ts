import { defineProblems } from '@rapport/kernel';

export const contentProblems = defineProblems('content', {
  template_not_found: { status: 404, title: 'There is no such template.' },
  template_faulty: { status: 422, title: 'The template has faults.' },
  template_changing: { status: 409, title: 'The template is being changed; try again.' },
  template_missing: { status: 400, title: 'Name a template or give one.' },
  variant_not_found: { status: 404, title: 'There is no such variant in this template.' },
  customer_not_found: { status: 404, title: 'There is no such customer.' },
  render_failed: { status: 422, title: 'The template could not be filled in.' },
  material_not_found: { status: 404, title: 'There is no such material.' },
  material_too_large: { status: 413, title: 'The image is too large.' },
  material_refused: { status: 415, title: 'This is not an image of the type it claims to be.' },
});
