import type { ExplainResult } from '@rapport/audiences/contract';
import type { ReactNode } from 'react';
import { useText } from '../../i18n/i18n.ts';
import { Badge } from '../../ui/badge.tsx';
import { Meter, Num, Percent, useFormats } from '../../ui/figures.tsx';
import { Spin } from '../../ui/kit.ts';
import { ProblemView } from '../../ui/states.tsx';

interface AudienceTotalProps {
  readonly result: ExplainResult | undefined;
  readonly counting: boolean;
  readonly incomplete: boolean;
  readonly error: unknown;
  /** Customers there would be if what is dragged were dropped where it hovers. */
  readonly ifDropped?: number | undefined;
  /** What can be asked about the count: another instant, another size. */
  readonly controls?: ReactNode;
}

/** The live count: how many, of how many, in how long, and the condition in words. */
export function AudienceTotal({
  result,
  counting,
  incomplete,
  error,
  ifDropped,
  controls,
}: AudienceTotalProps) {
  const t = useText();
  const formats = useFormats();
  const share = result && result.total > 0 ? result.count / result.total : 0;
  const sentence = result?.nodes[0]?.sentence;
  return (
    <section className="panel" aria-label={t('audiences.total')}>
      {error ? <ProblemView error={error} /> : null}
      <div className="row gap-l" aria-live="polite" style={error ? { display: 'none' } : undefined}>
        <div style={{ minWidth: 'min(290px, 100%)' }}>
          <div className="figure-label row gap-s">
            {t('audiences.total')} {counting ? <Spin size="small" /> : null}
          </div>
          {/* Beside the count, so that nothing moves under the hand that drags. */}
          <div className="row gap-s">
            <span
              className="figure-value"
              data-testid="audience-count"
              style={{ opacity: counting ? 0.5 : 1 }}
            >
              <Num value={incomplete ? undefined : result?.count} />
            </span>
            {ifDropped === undefined ? null : (
              <Badge tone="accent" live>
                {t('audiences.ifDropped', { count: formats.number(ifDropped) })}
              </Badge>
            )}
          </div>
          <div className="figure-note">
            {result && !incomplete ? (
              <>
                {t('audiences.of')} <Num value={result.total} /> · <Percent ratio={share} /> ·{' '}
                {t('common.took', { time: formats.duration(result.tookMs) })}
              </>
            ) : (
              t('audiences.completeFirst')
            )}
          </div>
        </div>
        <div className="grow stack gap-s" style={{ minWidth: 240 }}>
          <Meter share={incomplete ? 0 : share} label={t('audiences.shareOfAll')} />
          <p className="soft">{incomplete ? t('audiences.incomplete') : sentence}</p>
        </div>
      </div>
      {controls ? <div className="row between gap-m total-controls">{controls}</div> : null}
    </section>
  );
}
