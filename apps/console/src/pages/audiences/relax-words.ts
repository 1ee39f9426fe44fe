/** Within this share of the wanted size a proposal reaches it; the same as the server ranks by. */
const NEAR = 0.01;

export const reaches = ({ wanted }: { readonly wanted: number }, count: number): boolean =>
  Math.abs(count - wanted) <= Math.max(1, wanted * NEAR);
