/** Twice this far from 100, in doublings, a bar reaches its edge: TGI 12.5 or 800. */
const DOUBLINGS = 3;

/** Where a TGI bar begins and ends, in % of its track, on a scale where half and twice are equally far from 100. */
export function tgiBar(tgi: number): { readonly from: number; readonly to: number } {
  const doublings = tgi <= 0 ? -DOUBLINGS : Math.log2(tgi / 100);
  const end = 50 + (Math.max(-DOUBLINGS, Math.min(DOUBLINGS, doublings)) / DOUBLINGS) * 50;
  return { from: Math.min(50, end), to: Math.max(50, end) };
}
