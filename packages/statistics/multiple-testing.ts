/**
 * Adjusted p-values that bound the expected share of false ones among what is called a finding: calling everything
 * below `q` a finding keeps that share at most `q`, for independent and for positively dependent tests.
 * @param pValues  in [0, 1], any order
 * @returns        same length and order
 * @source Benjamini & Hochberg 1995, JRSS B 57:289–300; dependence: Benjamini & Yekutieli 2001, Annals 29:1165–1188
 */
export function benjaminiHochberg(pValues: ArrayLike<number>): Float64Array {
  const order = ascending(pValues);
  const adjusted = new Float64Array(pValues.length);
  let least = 1;
  for (let rank = order.length; rank >= 1; rank--) {
    const index = order[rank - 1] ?? 0;
    least = Math.min(least, ((pValues[index] ?? 1) * order.length) / rank);
    adjusted[index] = least;
  }
  return adjusted;
}

/**
 * Adjusted p-values that bound the chance of even one false finding, whatever the dependence.
 * @param pValues  in [0, 1], any order
 * @returns        same length and order
 * @source Holm 1979, Scandinavian Journal of Statistics 6:65–70 (step down)
 */
export function holm(pValues: ArrayLike<number>): Float64Array {
  const order = ascending(pValues);
  const adjusted = new Float64Array(pValues.length);
  let greatest = 0;
  order.forEach((index, rank) => {
    greatest = Math.max(greatest, Math.min(1, (pValues[index] ?? 1) * (order.length - rank)));
    adjusted[index] = greatest;
  });
  return adjusted;
}

const ascending = (values: ArrayLike<number>): Uint32Array =>
  Uint32Array.from({ length: values.length }, (_, index) => index).sort(
    (a, b) => (values[a] ?? 1) - (values[b] ?? 1) || a - b,
  );
