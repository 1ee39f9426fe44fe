/** Customers in exactly these sets, by their positions. */
export interface OverlapRegion {
  readonly members: readonly number[];
  readonly size: number;
}

export interface UpsetColumn {
  readonly region: OverlapRegion;
  /** Of the highest bar, 0–1. */
  readonly height: number;
  /** Rows with a dot, uppermost first. */
  readonly rows: readonly number[];
  /** Its dots are joined by a line from here to there; the same row when there is one dot. */
  readonly from: number;
  readonly to: number;
}

export interface UpsetLayout {
  readonly columns: readonly UpsetColumn[];
  /** Regions beyond those shown, together. */
  readonly rest: { readonly regions: number; readonly size: number };
}

/**
 * Columns of an UpSet plot: a bar for each region, largest first, over dots that say which sets it lies in.
 * @source Lex et al. 2014, IEEE TVCG 20:1983–1992
 */
export function upsetLayout(regions: readonly OverlapRegion[], mostColumns: number): UpsetLayout {
  const filled = regions.filter(({ size }) => size > 0).sort((a, b) => b.size - a.size);
  const shown = filled.slice(0, mostColumns);
  const hidden = filled.slice(mostColumns);
  const highest = shown[0]?.size ?? 1;
  return {
    columns: shown.map((region) => {
      const rows = [...region.members].sort((a, b) => a - b);
      return { region, height: region.size / highest, rows, from: rows[0] ?? 0, to: rows.at(-1) ?? 0 };
    }),
    rest: { regions: hidden.length, size: hidden.reduce((sum, { size }) => sum + size, 0) },
  };
}
