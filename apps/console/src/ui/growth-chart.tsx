import { lazy, Suspense, useMemo } from 'react';
import { colors } from '../theme/tokens.ts';
import { axisStyle, chartBase } from './charts.tsx';
import { useFormats } from './figures.tsx';
import { Loading } from './states.tsx';

const EChart = lazy(async () => ({ default: (await import('./echart.tsx')).EChart }));

export interface SizePoint {
  readonly at: string;
  readonly count: number;
  readonly entered?: number | undefined;
  readonly left?: number | undefined;
  /** Recorded then, or counted later as of then. */
  readonly isRecorded: boolean;
}

interface GrowthChartProps {
  readonly label: string;
  readonly points: readonly SizePoint[];
  readonly words: Readonly<Record<'recorded' | 'asOf' | 'entered' | 'left', string>>;
}

/** A size over time: one line over both kinds of points, and under it who came and who went. */
export function GrowthChart({ label, points, words }: GrowthChartProps) {
  const formats = useFormats();
  const option = useMemo(() => {
    const hasFlow = points.some((point) => (point.entered ?? 0) > 0 || (point.left ?? 0) > 0);
    const flow = (name: string, color: string, of: (point: SizePoint) => number | undefined) => ({
      type: 'bar',
      name,
      xAxisIndex: 1,
      yAxisIndex: 1,
      stack: 'flow',
      barMaxWidth: 14,
      itemStyle: { color, borderRadius: 2 },
      data: points.flatMap((point) => {
        const value = of(point);
        return value === undefined ? [] : [[point.at, value]];
      }),
    });
    const marks = (name: string, isRecorded: boolean) => ({
      type: 'scatter',
      name,
      symbolSize: 8,
      itemStyle: isRecorded
        ? { color: colors.primary }
        : { color: colors.surface, borderColor: colors.primary, borderWidth: 1.5 },
      data: points.filter((point) => point.isRecorded === isRecorded).map(({ at, count }) => [at, count]),
    });
    // Both parts share one scale, a little wider than the points, so that no bar is cut.
    const times = points.map(({ at }) => Date.parse(at));
    const [first, last] = [Math.min(...times), Math.max(...times)];
    const pad = Math.max((last - first) * 0.02, 3_600_000);
    const time = {
      type: 'time',
      min: first - pad,
      max: last + pad,
      ...axisStyle,
      splitLine: { show: false },
      axisLabel: { ...axisStyle.axisLabel, hideOverlap: true, formatter: (at: number) => formats.day(at) },
    };
    const amount = {
      type: 'value',
      ...axisStyle,
      axisLine: { show: false },
      axisLabel: {
        ...axisStyle.axisLabel,
        formatter: (value: number) => formats.compact(Math.abs(value)),
      },
    };
    const grid = { ...chartBase.grid, top: 36 };
    return {
      ...chartBase,
      legend: { top: 0, left: 0, itemHeight: 8, itemWidth: 14, data: legendOf(points, words, hasFlow) },
      tooltip: {
        trigger: 'axis',
        valueFormatter: (value: unknown) =>
          Array.isArray(value) && typeof value[1] === 'number'
            ? formats.number(Math.abs(value[1]))
            : typeof value === 'number'
              ? formats.number(Math.abs(value))
              : '—',
      },
      axisPointer: { link: [{ xAxisIndex: 'all' }], label: { formatter: dayLabel(formats.instant) } },
      grid: hasFlow
        ? [
            { ...grid, height: 170 },
            { ...grid, top: 250, height: 74 },
          ]
        : [grid],
      xAxis: hasFlow
        ? [
            { ...time, axisLabel: { show: false } },
            { ...time, gridIndex: 1 },
          ]
        : [time],
      yAxis: hasFlow
        ? [
            { ...amount, scale: true, splitNumber: 4 },
            { ...amount, gridIndex: 1, splitNumber: 2, minInterval: 1 },
          ]
        : [{ ...amount, scale: true, splitNumber: 4 }],
      series: [
        {
          type: 'line',
          silent: true,
          tooltip: { show: false },
          symbol: 'none',
          lineStyle: { width: 2, color: colors.primary, opacity: 0.5 },
          data: points.map(({ at, count }) => [at, count]),
        },
        marks(words.recorded, true),
        marks(words.asOf, false),
        ...(hasFlow
          ? [
              flow(words.entered, colors.good, (point) => point.entered),
              flow(words.left, colors.accent, (point) =>
                point.left === undefined ? undefined : -point.left,
              ),
            ]
          : []),
      ],
    };
  }, [points, words, formats]);
  return (
    <Suspense fallback={<Loading rows={5} />}>
      <EChart option={option} height={360} label={label} />
    </Suspense>
  );
}

const dayLabel =
  (write: (at: number) => string) =>
  ({ value }: { readonly value: unknown }): string =>
    typeof value === 'number' ? write(value) : '';

const legendOf = (
  points: readonly SizePoint[],
  words: GrowthChartProps['words'],
  hasFlow: boolean,
): string[] => [
  ...(points.some((point) => point.isRecorded) ? [words.recorded] : []),
  ...(points.some((point) => !point.isRecorded) ? [words.asOf] : []),
  ...(hasFlow ? [words.entered, words.left] : []),
];
