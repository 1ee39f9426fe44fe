import type { DriftView } from '@rapport/catalog/contract';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { driftQuery } from '../../api/catalog.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { Badge } from '../../ui/badge.tsx';
import { useFormats, When } from '../../ui/figures.tsx';
import { MoreButton } from '../../ui/more-button.tsx';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { CatalogFrame } from './catalog-frame.tsx';

/** What changed in deliveries, and what it reaches. */
export function DriftPage() {
  const t = useText();
  const drift = useInfiniteQuery(driftQuery);
  return (
    <CatalogFrame>
      <Answer
        query={drift}
        rows={8}
        isEmpty={(data) => itemsOf(data).length === 0}
        empty={
          <Panel>
            <Nothing title={t('catalog.noDrift')} hint={t('catalog.noDriftHint')} />
          </Panel>
        }
      >
        {(data) => (
          <div className="stack gap-m">
            {itemsOf(data).map((each) => (
              <DriftPanel key={each.id} drift={each} />
            ))}
            <MoreButton query={drift} />
          </div>
        )}
      </Answer>
    </CatalogFrame>
  );
}

function DriftPanel({ drift }: { readonly drift: DriftView }) {
  const t = useText();
  const dynamic = useDynamicText();
  const formats = useFormats();
  return (
    <Panel
      title={
        <Link to="/catalog/table" search={{ name: `src/${drift.sourceId}/${drift.table}` }}>
          <code>
            {drift.sourceId}/{drift.table}
          </code>
        </Link>
      }
      note={<When at={drift.at} />}
      actions={
        drift.refused ? (
          <Badge tone="bad">{t('catalog.refused')}</Badge>
        ) : (
          <Badge tone="calm">{t('catalog.accepted')}</Badge>
        )
      }
    >
      <ul className="list-plain list-rows">
        {drift.findings.map((finding) => (
          <li key={`${finding.kind} ${finding.column ?? ''}`} className="stack gap-xs">
            <span className="row gap-s">
              <Badge tone={drift.refused ? 'bad' : 'warn'}>
                {dynamic(`catalog.driftKind.${finding.kind}`, finding.kind)}
              </Badge>
              {finding.column ? <code>{finding.column}</code> : null}
              {finding.renamedTo ? (
                <span>
                  → <code>{finding.renamedTo}</code>
                </span>
              ) : null}
              {finding.confidence === undefined ? null : (
                <span className="faint">
                  {t('catalog.sure', { share: formats.percent(finding.confidence, 0) })}
                </span>
              )}
            </span>
            <span>{finding.message}</span>
            <span className="faint">{finding.advice}</span>
            {finding.codes && finding.codes.length > 0 ? (
              <span className="faint">
                {t('catalog.newCodes')}: {finding.codes.join(', ')}
              </span>
            ) : null}
            {finding.dependants.length > 0 ? (
              <details>
                <summary className="faint">
                  {t('catalog.dependants', { shown: finding.dependants.length })}
                </summary>
                <ul className="list-plain row gap-s" style={{ paddingTop: 6 }}>
                  {finding.dependants.map((dependant) => (
                    <li key={`${dependant.kind} ${dependant.id}`}>
                      <Badge tone="calm">
                        {dynamic(`tags.lineage.kind.${dependant.kind}`, dependant.kind)}:{' '}
                        {dependant.name ?? dependant.id}
                      </Badge>
                    </li>
                  ))}
                </ul>
              </details>
            ) : null}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
