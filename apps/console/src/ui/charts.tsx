import { lazy, Suspense, useMemo } from 'react';
import { chartPalette, colors, fontFamily } from '../theme/tokens.ts';
import { useFormats } from './figures.tsx';
import { Loading } from './states.tsx';

// ECharts is large and most pages have no chart: it is fetched with the first one.
const EChart = lazy(async () => ({ default: (await import('./echart.tsx')).EChart }));

export const axisStyle = {
  axisLine: { lineStyle: { color: colors.lineStrong } },
  axisTick: { show: false },
  axisLabel: { color: colors.inkFaint, fontFamily, fontSize: 12 },
  splitLine: { lineStyle: { color: colors.line } },
};
export const chartBase = {
  color: [...chartPalette],
  textStyle: { fontFamily, color: colors.ink },
  animationDuration: 300,
  grid: { left: 4, right: 12, top: 16, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
};

export interface Series {
  readonly name: string;
  /** One value per category; `undefined` leaves a gap. */
  readonly values: readonly (number | undefined)[];
  /** Of lines: drawn dashed, as what is estimated or of another making. */
  readonly dashed?: boolean;
}

interface TrendProps {
  readonly label: string;
  readonly days: readonly string[];
  readonly series: readonly Series[];
  readonly format?: ((value: number) => string) | undefined;
  readonly height?: number;
  readonly area?: boolean;
  /** Days are the firsts of months and written as months. */
  readonly monthly?: boolean;
  /** The last value is of a time that is not over yet; it is drawn dashed. */
  readonly unfinished?: boolean;
}

/** Values over days as lines. */
export function TrendChart({
  label,
  days,
  series,
  format,
  height = 240,
  area,
  monthly,
  unfinished,
}: TrendProps) {
  const formats = useFormats();
  const option = useMemo(() => {
    const write = format ?? formats.compact;
    return {
      ...chartBase,
      grid: { ...chartBase.grid, top: series.length > 1 ? 36 : 16 },
      legend:
        series.length > 1 ? { top: 0, left: 0, icon: 'roundRect', itemHeight: 4, itemWidth: 16 } : undefined,
      tooltip: {
        trigger: 'axis',
        valueFormatter: (value: unknown) => (typeof value === 'number' ? write(value) : '—'),
      },
      xAxis: {
        type: 'category',
        data: days.map((day) => (monthly ? formats.month(day) : formats.day(day))),
        boundaryGap: false,
        ...axisStyle,
        splitLine: { show: false },
        axisLabel: { ...axisStyle.axisLabel, hideOverlap: true },
      },
      yAxis: {
        type: 'value',
        scale: true,
        splitNumber: 4,
        ...axisStyle,
        axisLine: { show: false },
        axisLabel: { ...axisStyle.axisLabel, formatter: (value: number) => write(value) },
      },
      series: series.flatMap((one, index) => {
        const line = {
          type: 'line',
          name: one.name,
          smooth: 0.2,
          symbol: 'circle',
          symbolSize: 5,
          showSymbol: days.length < 20,
          color: chartPalette[index % chartPalette.length],
          lineStyle: { width: 2.5, type: one.dashed ? 'dashed' : 'solid' },
          data: one.values.map((value, at) =>
            unfinished && at === one.values.length - 1 ? null : (value ?? null),
          ),
          ...(area && index === 0 ? { areaStyle: { opacity: 0.09 } } : {}),
        };
        if (!unfinished) return [line];
        const last = one.values.map((value, at) => (at < one.values.length - 2 ? null : (value ?? null)));
        return [line, { ...line, data: last, lineStyle: { width: 2, type: 'dashed' }, areaStyle: undefined }];
      }),
    };
  }, [days, series, format, formats, area, monthly, unfinished]);
  return (
    <Suspense fallback={<Loading rows={3} />}>
      <EChart option={option} height={height} label={label} />
    </Suspense>
  );
}

interface BarsProps {
  readonly label: string;
  readonly categories: readonly string[];
  readonly series: readonly Series[];
  readonly horizontal?: boolean;
  readonly stacked?: boolean;
  readonly format?: ((value: number) => string) | undefined;
  readonly height?: number;
}

/** Values per category as bars. */
export function BarsChart({
  label,
  categories,
  series,
  horizontal,
  stacked,
  format,
  height = 240,
}: BarsProps) {
  const formats = useFormats();
  const option = useMemo(() => {
    const write = format ?? formats.compact;
    const category = {
      type: 'category',
      data: [...categories],
      ...axisStyle,
      splitLine: { show: false },
      inverse: horizontal === true,
      axisLabel: { ...axisStyle.axisLabel, hideOverlap: true, width: 140, overflow: 'truncate' },
    };
    const value = {
      type: 'value',
      splitNumber: 4,
      ...axisStyle,
      axisLine: { show: false },
      axisLabel: { ...axisStyle.axisLabel, formatter: (amount: number) => write(amount) },
    };
    return {
      ...chartBase,
      grid: { ...chartBase.grid, top: series.length > 1 ? 36 : 16 },
      legend:
        series.length > 1 ? { top: 0, left: 0, icon: 'roundRect', itemHeight: 8, itemWidth: 12 } : undefined,
      tooltip: {
        trigger: 'axis',
        axisPointer: { type: 'shadow' },
        valueFormatter: (amount: unknown) => (typeof amount === 'number' ? write(amount) : '—'),
      },
      xAxis: horizontal ? value : category,
      yAxis: horizontal ? category : value,
      series: series.map((one) => ({
        type: 'bar',
        name: one.name,
        data: one.values.map((amount) => amount ?? null),
        barMaxWidth: horizontal ? 18 : 34,
        itemStyle: { borderRadius: horizontal ? [0, 4, 4, 0] : [4, 4, 0, 0] },
        ...(stacked ? { stack: 'all' } : {}),
      })),
    };
  }, [categories, series, horizontal, stacked, format, formats]);
  return (
    <Suspense fallback={<Loading rows={3} />}>
      <EChart option={option} height={height} label={label} />
    </Suspense>
  );
}

export interface Interval {
  readonly name: string;
  readonly low: number;
  readonly estimate: number;
  readonly high: number;
}

interface IntervalChartProps {
  readonly label: string;
  readonly intervals: readonly Interval[];
  readonly format: (value: number) => string;
}

/** Estimates with their intervals on one scale around a marked zero; drawn directly, it needs no chart engine. */
export function IntervalChart({ label, intervals, format }: IntervalChartProps) {
  const all = intervals.flatMap((interval) => [interval.low, interval.high, interval.estimate, 0]);
  const low = Math.min(...all);
  const high = Math.max(...all);
  const pad = (high - low || 1) * 0.12;
  const x = (value: number): number => ((value - low + pad) / (high - low + 2 * pad)) * 100;
  return (
    <div className="stack gap-m" role="img" aria-label={label}>
      {intervals.map((interval) => {
        const proven = interval.low > 0 || interval.high < 0;
        const tone = !proven ? colors.inkFaint : interval.estimate > 0 ? colors.primary : colors.bad;
        return (
          <div key={interval.name}>
            <div className="row between gap-s">
              <span>{interval.name}</span>
              <strong className="num" style={{ color: tone }}>
                {format(interval.estimate)}
              </strong>
            </div>
            <svg width="100%" height="34" aria-hidden="true">
              <line x1="0" x2="100%" y1="14" y2="14" stroke={colors.line} strokeWidth="1" />
              <line
                x1={`${x(0)}%`}
                x2={`${x(0)}%`}
                y1="2"
                y2="26"
                stroke={colors.lineStrong}
                strokeDasharray="3 3"
              />
              <line
                x1={`${x(interval.low)}%`}
                x2={`${x(interval.high)}%`}
                y1="14"
                y2="14"
                stroke={tone}
                strokeWidth="8"
                strokeOpacity="0.28"
                strokeLinecap="round"
              />
              <circle cx={`${x(interval.estimate)}%`} cy="14" r="6" fill={tone} />
              <text x={`${x(0)}%`} y="34" fontSize="11" textAnchor="middle" fill={colors.inkFaint}>
                0
              </text>
            </svg>
            <div className="row between faint num" style={{ fontSize: 12 }}>
              <span>{format(interval.low)}</span>
              <span>{format(interval.high)}</span>
            </div>
          </div>
        );
      })}
    </div>
  );
}

export interface FunnelStep {
  readonly name: string;
  readonly count: number;
  /** Who left before the next step, by reason; with the next count they add up to this one. */
  readonly exits: readonly { readonly reason: string; readonly count: number }[];
}

/** A funnel that conserves: under every step stand those who left it and why. */
export function FunnelChart({
  label,
  steps,
}: {
  readonly label: string;
  readonly steps: readonly FunnelStep[];
}) {
  const formats = useFormats();
  const top = Math.max(1, ...steps.map((step) => step.count));
  return (
    <ol className="list-plain stack gap-s" aria-label={label}>
      {steps.map((step) => (
        <li key={step.name}>
          <div className="row between gap-s">
            <span style={{ fontWeight: 500 }}>{step.name}</span>
            <span>
              <strong className="num">{formats.number(step.count)}</strong>{' '}
              <span className="faint num">{formats.percent(step.count / top)}</span>
            </span>
          </div>
          <div
            style={{
              height: 22,
              borderRadius: 6,
              background: colors.sunken,
              overflow: 'hidden',
              marginTop: 4,
            }}
          >
            <div
              style={{
                width: `${(step.count / top) * 100}%`,
                height: '100%',
                borderRadius: 6,
                background: colors.primary,
                opacity: 0.86,
              }}
            />
          </div>
          {step.exits.some((exit) => exit.count > 0) ? (
            <ul className="list-plain row gap-m" style={{ padding: '6px 0 2px 14px', fontSize: 13 }}>
              {step.exits
                .filter((exit) => exit.count > 0)
                .map((exit) => (
                  <li key={exit.reason} className="soft">
                    <span style={{ color: colors.bad }} className="num">
                      −{formats.number(exit.count)}
                    </span>{' '}
                    {exit.reason}
                  </li>
                ))}
            </ul>
          ) : null}
        </li>
      ))}
    </ol>
  );
}
