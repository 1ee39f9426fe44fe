export const DURATION_UNITS = ['minutes', 'hours', 'days', 'weeks', 'months', 'years'] as const;
export type DurationUnit = (typeof DURATION_UNITS)[number];
export interface DurationParts {
  readonly size: number;
  readonly unit: DurationUnit;
}

const forms: Readonly<Record<DurationUnit, readonly [string, string]>> = {
  minutes: ['PT', 'M'],
  hours: ['PT', 'H'],
  days: ['P', 'D'],
  weeks: ['P', 'W'],
  months: ['P', 'M'],
  years: ['P', 'Y'],
};

/** `{ size: 30, unit: 'days' }` as `P30D`. */
export function writeDuration({ size, unit }: DurationParts): string {
  const [before, after] = forms[unit];
  return `${before}${size}${after}`;
}

/** Reads a duration of one part; `undefined` for one of several parts, which is shown as text. */
export function readDuration(text: string): DurationParts | undefined {
  for (const unit of DURATION_UNITS) {
    const [before, after] = forms[unit];
    const match = new RegExp(`^${before}(\\d+)${after}$`).exec(text);
    if (match?.[1]) return { size: Number(match[1]), unit };
  }
  return undefined;
}
