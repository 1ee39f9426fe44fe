import type { MatchReport } from '@rapport/audiences/contract';
import { useText } from '../../i18n/i18n.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { Figure, Num, Percent, useFormats } from '../../ui/figures.tsx';
import { cells } from '../../ui/metrics.ts';
import { Panel } from '../../ui/page.tsx';
import { matchParts, matchRate } from './match-parts.ts';

/** What became of every row of the last upload. */
export function MatchReportView({ report }: { readonly report: MatchReport }) {
  const t = useText();
  const formats = useFormats();
  const parts = matchParts(report);
  return (
    <>
      <Panel title={t('lists.report.title')} note={t('lists.report.note')}>
        <div className="stack gap-m">
          <div className="grid" style={cells(150)}>
            <Figure
              label={t('lists.report.customers')}
              value={<Num value={report.customers} />}
              note={
                report.sameCustomer > 0
                  ? t('lists.report.sameCustomer', { count: formats.number(report.sameCustomer) })
                  : undefined
              }
            />
            <Figure
              label={t('lists.match')}
              value={<Percent ratio={matchRate(report)} />}
              note={t(`lists.key.${report.key}`)}
            />
            <Figure
              label={t('lists.report.rows')}
              value={<Num value={report.rows} />}
              note={
                <>
                  {report.file} · {formats.bytes(report.bytes)} ·{' '}
                  {t('common.took', { time: formats.duration(report.tookMs) })} ·{' '}
                  {t('lists.report.speed', { rows: formats.compact(report.rowsPerSecond) })}
                </>
              }
            />
          </div>
          <div
            className="match-bar"
            role="img"
            aria-label={parts.map(({ part, count }) => `${t(`lists.report.${part}`)} ${count}`).join(', ')}
          >
            {parts.map(({ part, share }) => (
              <span key={part} data-part={part} style={{ flexGrow: share }} />
            ))}
          </div>
          <ul className="list-plain match-legend">
            {parts.map(({ part, count, share }) => (
              <li key={part} data-part={part}>
                <span>{t(`lists.report.${part}`)}</span>
                <strong>
                  <Num value={count} />
                </strong>
                <span className="faint">
                  <Percent ratio={share} />
                </span>
              </li>
            ))}
          </ul>
        </div>
      </Panel>
      {report.examples.length > 0 ? (
        <Panel flush title={t('lists.report.examples')} note={t('lists.report.examplesNote')}>
          <DataTable
            label={t('lists.report.examples')}
            rows={report.examples}
            rowKey={(row) => String(row.line)}
            columns={[
              { title: t('lists.report.line'), render: (_, row) => <Num value={row.line} /> },
              { title: t('lists.report.value'), render: (_, row) => <code>{row.value}</code> },
              { title: t('lists.report.reason'), render: (_, row) => t(`lists.report.${row.reason}`) },
            ]}
          />
        </Panel>
      ) : null}
    </>
  );
}
