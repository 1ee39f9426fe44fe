import { useMemo } from 'react';
import { chartPalette, colors } from '../theme/tokens.ts';
import { useFormats } from './figures.tsx';
import './overlap.css';
import { type OverlapRegion, upsetLayout } from './upset-layout.ts';
import { useNarrow } from './use-narrow.ts';
import { vennLayout } from './venn-layout.ts';

export interface OverlapSet {
  readonly name: string;
  readonly size: number;
}

interface OverlapChartProps {
  readonly label: string;
  readonly sets: readonly OverlapSet[];
  readonly regions: readonly OverlapRegion[];
  readonly chosen: OverlapRegion | undefined;
  readonly onChoose: (region: OverlapRegion) => void;
  /** What a region is called, for those who cannot see it. */
  readonly say: (region: OverlapRegion) => string;
}

const BARS = 150;
const ROW = 30;
const COLUMN = 40;
const MOST_COLUMNS = 32;

export const isSameRegion = (one: OverlapRegion | undefined, other: OverlapRegion): boolean =>
  one !== undefined && one.members.join() === other.members.join();

/** An UpSet plot whose columns can be chosen by click, or by arrow keys and Enter. */
export function UpsetChart({ label, sets, regions, chosen, onChoose, say }: OverlapChartProps) {
  const formats = useFormats();
  const narrow = useNarrow(600);
  const { columns, rest } = useMemo(() => upsetLayout(regions, MOST_COLUMNS), [regions]);
  const names = narrow ? 118 : 320;
  const width = Math.max(columns.length * COLUMN, 80);
  const height = BARS + 34 + sets.length * ROW + 8;
  const largest = Math.max(1, ...sets.map(({ size }) => size));
  const rowAt = (row: number): number => BARS + 34 + row * ROW + ROW / 2;
  return (
    <section
      className="upset"
      aria-label={label}
      style={{ gridTemplateColumns: `${names}px minmax(0, 1fr)` }}
    >
      <div className="upset-sets" style={{ paddingTop: BARS + 34 }}>
        {sets.map(({ name, size }, at) => (
          // Two sets may have one name.
          // biome-ignore lint/suspicious/noArrayIndexKey: sets keep their order
          <div key={at} style={{ height: ROW }} title={`${name} · ${formats.number(size)}`}>
            <span className="ellipsis">{name}</span>
            <span className="upset-size">
              <span style={{ width: `${(size / largest) * 100}%` }} />
            </span>
            <span className="num faint">{formats.compact(size)}</span>
          </div>
        ))}
      </div>
      <div className="upset-columns">
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is no drawing */}
        <svg width={width} height={height} role="group" aria-label={label}>
          {sets.map((_, row) =>
            row % 2 === 0 ? (
              <rect
                // biome-ignore lint/suspicious/noArrayIndexKey: rows keep their order
                key={row}
                x="0"
                y={rowAt(row) - ROW / 2}
                width={width}
                height={ROW}
                fill={colors.sunken}
              />
            ) : null,
          )}
          {columns.map((column, at) => {
            const x = at * COLUMN + COLUMN / 2;
            const bar = Math.max(2, column.height * BARS);
            const tone = isSameRegion(chosen, column.region) ? colors.accent : colors.primary;
            return (
              // biome-ignore lint/a11y/useSemanticElements: a button cannot stand inside a drawing
              <g
                key={column.region.members.join()}
                className="upset-column"
                role="button"
                tabIndex={0}
                aria-label={say(column.region)}
                aria-pressed={isSameRegion(chosen, column.region)}
                onClick={() => onChoose(column.region)}
                onKeyDown={(event) => {
                  if (event.key === 'Enter' || event.key === ' ') {
                    event.preventDefault();
                    onChoose(column.region);
                  }
                  const step = event.key === 'ArrowRight' ? 'nextElementSibling' : 'previousElementSibling';
                  const next = event.key.startsWith('Arrow') ? event.currentTarget[step] : null;
                  if (next instanceof SVGElement) next.focus();
                }}
              >
                <title>{say(column.region)}</title>
                <rect x={x - COLUMN / 2} y="0" width={COLUMN} height={height} fill="transparent" />
                <rect x={x - 11} y={BARS + 18 - bar} width="22" height={bar} rx="3" fill={tone} />
                <text x={x} y={BARS + 12 - bar} fontSize="11" textAnchor="middle" fill={colors.inkSoft}>
                  {formats.compact(column.region.size)}
                </text>
                {column.rows.length > 1 ? (
                  <line
                    x1={x}
                    x2={x}
                    y1={rowAt(column.from)}
                    y2={rowAt(column.to)}
                    stroke={tone}
                    strokeWidth="3"
                  />
                ) : null}
                {sets.map((_, row) => (
                  <circle
                    // biome-ignore lint/suspicious/noArrayIndexKey: rows keep their order
                    key={row}
                    cx={x}
                    cy={rowAt(row)}
                    r="6.5"
                    fill={column.rows.includes(row) ? tone : colors.line}
                  />
                ))}
              </g>
            );
          })}
        </svg>
        {rest.regions > 0 ? (
          <p className="faint num">
            + {formats.number(rest.regions)} · {formats.number(rest.size)}
          </p>
        ) : null}
      </div>
    </section>
  );
}

/** Two or three overlapping circles with the exact number in each region. */
export function VennChart({ label, sets, regions, chosen, onChoose, say }: OverlapChartProps) {
  const formats = useFormats();
  const { circles, labels, undrawn, height } = useMemo(
    () =>
      vennLayout(
        sets.map(({ size }) => size),
        regions,
      ),
    [sets, regions],
  );
  const pad = 3;
  return (
    <section className="venn" aria-label={label}>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is no drawing */}
      <svg viewBox={`${-pad} ${-pad} ${100 + 2 * pad} ${height + 2 * pad}`} role="group" aria-label={label}>
        {circles.map(({ x, y, r }, at) => (
          <circle
            // biome-ignore lint/suspicious/noArrayIndexKey: circles keep their order
            key={at}
            cx={x}
            cy={y}
            r={r}
            fill={chartPalette[at]}
            fillOpacity="0.2"
            stroke={chartPalette[at]}
            strokeWidth="0.6"
          />
        ))}
        {labels.map(({ region, x, y }) => (
          // biome-ignore lint/a11y/useSemanticElements: a button cannot stand inside a drawing
          <g
            key={region.members.join()}
            className="venn-label"
            role="button"
            tabIndex={0}
            aria-label={say(region)}
            aria-pressed={isSameRegion(chosen, region)}
            onClick={() => onChoose(region)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' && event.key !== ' ') return;
              event.preventDefault();
              onChoose(region);
            }}
          >
            <title>{say(region)}</title>
            <rect x={x - 8} y={y - 3.4} width="16" height="6" rx="3" />
            <text x={x} y={y + 1.2} fontSize="4" textAnchor="middle">
              {formats.compact(region.size)}
            </text>
          </g>
        ))}
      </svg>
      <ul className="list-plain venn-legend">
        {sets.map(({ name, size }, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: sets keep their order
          <li key={at}>
            <span style={{ background: chartPalette[at] }} />
            {name} <strong className="num">{formats.number(size)}</strong>
          </li>
        ))}
        {undrawn.map((region) => (
          <li key={region.members.join()}>
            <button type="button" className="link-button" onClick={() => onChoose(region)}>
              {say(region)}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
