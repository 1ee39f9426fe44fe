import type { MatchReport } from '@rapport/audiences/contract';

export const MATCH_PARTS = ['matched', 'duplicates', 'ambiguous', 'unmatched', 'invalid', 'empty'] as const;
export type MatchPart = (typeof MATCH_PARTS)[number];

/** What became of the rows, as shares of all; together they are 1, since every row is in one part. */
export function matchParts(
  report: Readonly<Record<MatchPart | 'rows', number>>,
): readonly { readonly part: MatchPart; readonly count: number; readonly share: number }[] {
  return MATCH_PARTS.map((part) => ({
    part,
    count: report[part],
    share: report.rows === 0 ? 0 : report[part] / report.rows,
  }));
}

/** Share of the different, readable values that belong to exactly one customer; `undefined` when there are none. */
export function matchRate(report: MatchReport | undefined): number | undefined {
  if (!report) return undefined;
  const values = report.matched + report.ambiguous + report.unmatched + report.invalid;
  return values === 0 ? undefined : report.matched / values;
}
