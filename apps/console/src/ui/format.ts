import type { Language } from '@rapport/kernel';

/** How the bank writes figures: language by the user, currency and time zone by the bank. */
export interface BankLocale {
  readonly language: Language;
  readonly timeZone: string;
}

const tags: Readonly<Record<Language, string>> = { en: 'en-GB', 'zh-Hant': 'zh-HK', 'zh-Hans': 'zh-CN' };

export interface Formats {
  number(value: number, options?: Intl.NumberFormatOptions): string;
  compact(value: number): string;
  percent(ratio: number, digits?: number): string;
  /** A change as a share, with its sign. */
  change(ratio: number): string;
  /** Percentage points of a difference between two ratios, with its sign. */
  points(difference: number, digits?: number): string;
  money(amountMinor: number, currency: string, options?: { compact?: boolean }): string;
  day(date: string | number | Date): string;
  /** Month and year of a calendar day. */
  month(date: string): string;
  instant(at: string | number | Date): string;
  ago(at: string | number | Date, now: number): string;
  bytes(size: number): string;
  duration(ms: number): string;
}

/** Formatters of one locale; `Intl` objects are costly to make and are kept. */
export function createFormats({ language, timeZone }: BankLocale): Formats {
  const tag = tags[language];
  const numbers = memo((options: Intl.NumberFormatOptions) => new Intl.NumberFormat(tag, options));
  const dates = memo((options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(tag, options));
  const relative = new Intl.RelativeTimeFormat(tag, { numeric: 'auto' });
  const minorDigits = memo(
    (options: Intl.NumberFormatOptions) =>
      new Intl.NumberFormat(tag, options).resolvedOptions().maximumFractionDigits ?? 2,
  );
  const calendarDay: Intl.DateTimeFormatOptions = { year: 'numeric', month: 'short', day: 'numeric' };

  return {
    number: (value, options = {}) => numbers(options).format(value),
    compact: (value) => numbers({ notation: 'compact', maximumFractionDigits: 1 }).format(value),
    percent: (ratio, digits = 1) =>
      numbers({ style: 'percent', minimumFractionDigits: 0, maximumFractionDigits: digits }).format(ratio),
    change: (ratio) =>
      numbers({ style: 'percent', maximumFractionDigits: 1, signDisplay: 'exceptZero' }).format(ratio),
    points: (difference, digits = 2) =>
      `${numbers({ minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: 'exceptZero' }).format(difference * 100)} pp`,
    money: (amountMinor, currency, options = {}) => {
      const style = { style: 'currency', currency, currencyDisplay: 'narrowSymbol' } as const;
      const digits = minorDigits(style);
      const amount = amountMinor / 10 ** digits;
      if (options.compact)
        return numbers({ ...style, notation: 'compact', maximumFractionDigits: 1 }).format(amount);
      return numbers(style).format(amount);
    },
    // A calendar day belongs to no zone: `2026-11-02` is that day everywhere.
    day: (date) =>
      typeof date === 'string' && date.length === 10
        ? dates({ ...calendarDay, timeZone: 'UTC' }).format(new Date(`${date}T00:00:00Z`))
        : dates({ ...calendarDay, timeZone }).format(new Date(date)),
    month: (date) =>
      dates({ year: 'numeric', month: 'short', timeZone: 'UTC' }).format(new Date(`${date}T00:00:00Z`)),
    instant: (at) =>
      dates({ ...calendarDay, hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone }).format(
        new Date(at),
      ),
    ago: (at, now) => {
      const seconds = (new Date(at).getTime() - now) / 1000;
      const [unit, size] = unitOf(Math.abs(seconds));
      return relative.format(Math.round(seconds / size), unit);
    },
    bytes: (size) => {
      const step = size < 1024 ? 0 : size < 1024 ** 2 ? 1 : size < 1024 ** 3 ? 2 : 3;
      const unit = (['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const)[step] ?? 'byte';
      return numbers({ style: 'unit', unit, maximumFractionDigits: 1 }).format(size / 1024 ** step);
    },
    duration: (ms) =>
      ms < 1000
        ? numbers({ style: 'unit', unit: 'millisecond', maximumFractionDigits: 0 }).format(ms)
        : numbers({ style: 'unit', unit: 'second', maximumFractionDigits: 1 }).format(ms / 1000),
  };
}

function unitOf(seconds: number): readonly [Intl.RelativeTimeFormatUnit, number] {
  if (seconds < 60) return ['second', 1];
  if (seconds < 3600) return ['minute', 60];
  if (seconds < 86_400) return ['hour', 3600];
  if (seconds < 86_400 * 45) return ['day', 86_400];
  return ['month', 86_400 * 30.44];
}

function memo<Options extends object, Made>(make: (options: Options) => Made): (options: Options) => Made {
  const made = new Map<string, Made>();
  return (options) => {
    const key = JSON.stringify(options);
    const known = made.get(key);
    if (known !== undefined) return known;
    const fresh = make(options);
    made.set(key, fresh);
    return fresh;
  };
}
