import { useFormats } from './figures.tsx';
import { tgiBar } from './tgi.ts';
import './insight.css';

interface ShareBarsProps {
  readonly audienceShare: number;
  readonly baseShare: number;
  readonly audienceLabel: string;
  readonly baseLabel: string;
}

/** Two shares of one thing, one below the other on the same scale. */
export function ShareBars({ audienceShare, baseShare, audienceLabel, baseLabel }: ShareBarsProps) {
  const formats = useFormats();
  const row = (label: string, share: number, kind: 'audience' | 'base') => (
    <div className="share-row">
      <span className="faint">{label}</span>
      <span className="share-track" aria-hidden="true">
        <span data-kind={kind} style={{ width: `${Math.max(0, Math.min(1, share)) * 100}%` }} />
      </span>
      <span className="num">{formats.percent(share)}</span>
    </div>
  );
  return (
    <div className="share-bars">
      {row(audienceLabel, audienceShare, 'audience')}
      {row(baseLabel, baseShare, 'base')}
    </div>
  );
}

/** How over- or under-represented something is, around a line at 100. */
export function TgiBar({ tgi, strong }: { readonly tgi: number | undefined; readonly strong: boolean }) {
  const formats = useFormats();
  if (tgi === undefined) return <span className="faint">—</span>;
  const { from, to } = tgiBar(tgi);
  return (
    <span className="tgi" data-side={tgi >= 100 ? 'over' : 'under'} data-strong={strong}>
      <span className="tgi-track" aria-hidden="true">
        <span style={{ left: `${from}%`, width: `${to - from}%` }} />
      </span>
      <span className="num">{formats.number(tgi, { maximumFractionDigits: 0 })}</span>
    </span>
  );
}
