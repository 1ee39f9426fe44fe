import type { Pair } from '../../api/identity.queries.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { Badge } from '../../ui/badge.tsx';
import { CustomerLink } from '../../ui/customer-link.tsx';
import { Percent, When } from '../../ui/figures.tsx';
import { fieldPairs } from './compare.ts';
import './identity.css';

/** Two records side by side, what differs marked, and how much each field speaks for one person. */
export function PairCard({ pair }: { readonly pair: Pair }) {
  const t = useText();
  const dynamic = useDynamicText();
  const [left, right] = pair.sides;
  if (!left || !right) return null;
  const bitsOf = new Map<string, Pair['evidence'][number]>(pair.evidence.map((each) => [each.field, each]));
  const rows = fieldPairs(left.fields, right.fields);
  const shown = new Set(rows.map(({ field }) => field));
  // Documents and devices are compared but never shown.
  const unseen = pair.evidence.filter(({ field }) => !shown.has(field));
  const greatest = Math.max(1, ...pair.evidence.map(({ bits }) => Math.abs(bits)));
  const fieldName = (field: string): string => dynamic(`identity.field.${field}`, field);
  return (
    <div className="stack gap-s">
      <div className="row gap-s">
        <strong>
          {t('identity.probability')} <Percent ratio={pair.probability} digits={1} />
        </strong>
        <Badge tone="info">{dynamic(`identity.ruleName.${pair.rule}`, pair.rule)}</Badge>
        {pair.blockedBy ? (
          <Badge tone="warn">{dynamic(`identity.because.${pair.blockedBy}`, pair.blockedBy)}</Badge>
        ) : null}
        <span className="faint">
          {t('identity.likeThis', { merged: pair.likeThis.merged, distinct: pair.likeThis.distinct })}
        </span>
        {pair.decidedAt ? (
          <span className="faint">
            {pair.decidedBy} · <When at={pair.decidedAt} />
          </span>
        ) : null}
      </div>
      <div className="table-wrap">
        <table className="compare">
          <thead>
            <tr>
              <th scope="col">{t('identity.fieldTitle')}</th>
              {[left, right].map((side) => (
                <th scope="col" key={side.record}>
                  <CustomerLink customerId={side.bankId} />
                  <div className="faint">{side.sources.join(', ')}</div>
                </th>
              ))}
              <th scope="col">{t('identity.evidence')}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.field} data-likeness={row.likeness}>
                <th scope="row">{fieldName(row.field)}</th>
                <td>{row.left ?? '—'}</td>
                <td>{row.right ?? '—'}</td>
                <td>
                  <Evidence evidence={bitsOf.get(row.field)} greatest={greatest} />
                </td>
              </tr>
            ))}
            {unseen.map((each) => (
              <tr key={each.field}>
                <th scope="row">{fieldName(each.field)}</th>
                <td colSpan={2} className="faint">
                  {t('identity.notShown')}
                </td>
                <td>
                  <Evidence evidence={each} greatest={greatest} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** A bar to the right speaks for one person, one to the left for two; its length is the weight in bits. */
function Evidence({
  evidence,
  greatest,
}: {
  readonly evidence: Pair['evidence'][number] | undefined;
  readonly greatest: number;
}) {
  const t = useText();
  const dynamic = useDynamicText();
  if (!evidence) return <span className="faint">{t('identity.notCompared')}</span>;
  const share = Math.min(1, Math.abs(evidence.bits) / greatest);
  const isFor = evidence.bits >= 0;
  const style: Record<string, string> = { '--share': `${Math.round(share * 50)}%` };
  return (
    <div className="weight">
      <span className="weight-bar" data-for={isFor} style={style} aria-hidden="true" />
      <span className="num">
        {isFor ? '+' : '−'}
        {Math.abs(evidence.bits).toFixed(1)}
      </span>
      <span className="faint">{dynamic(`identity.likeness.${evidence.likeness}`, evidence.likeness)}</span>
    </div>
  );
}
