export interface RuleWindow {
  readonly size: number;
  readonly unit: 'days' | 'hours';
}

/** Reads `P7D` or `PT24H`; anything else counts as seven days, the usual rolling window. */
export function parseWindow(text: string): RuleWindow {
  const match = /^P(?:(\d+)D|T(\d+)H)$/.exec(text);
  if (match?.[1]) return { size: Number(match[1]), unit: 'days' };
  if (match?.[2]) return { size: Number(match[2]), unit: 'hours' };
  return { size: 7, unit: 'days' };
}

export const formatWindow = ({ size, unit }: RuleWindow): string =>
  unit === 'days' ? `P${size}D` : `PT${size}H`;
