import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { itemsOf } from '../../api/paged.ts';
import {
  quarantineQuery,
  type RefusedRow,
  type RefusedSummary,
  replayQuarantine,
} from '../../api/sources.queries.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Num } from '../../ui/figures.tsx';
import { Button, Input, Modal } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';

interface QuarantinePanelProps {
  readonly sourceId: string;
  /** A replay was queued as this job. */
  readonly onReplay: (jobId: string) => void;
}

/** Refused records: where they stand, what is wrong with them, and a second try for them. */
export function QuarantinePanel({ sourceId, onReplay }: QuarantinePanelProps) {
  const t = useText();
  const dynamic = useDynamicText();
  const may = useMay();
  const notify = useNotify();
  const [filter, setFilter] = useState<{ table?: string; reason?: string }>({});
  const [correcting, setCorrecting] = useState<RefusedRow | undefined>(undefined);
  const rows = useInfiniteQuery(quarantineQuery(sourceId, filter));
  const replay = useMutation({
    mutationFn: () => replayQuarantine(sourceId, filter.table ? { table: filter.table } : {}),
    onSuccess: (accepted) => onReplay(accepted.jobId),
    onError: notify.problem,
  });
  const summary = rows.data?.pages[0]?.summary ?? [];
  const isChosen = (row: RefusedSummary) => filter.table === row.table && filter.reason === row.reason;
  return (
    <Panel
      flush
      title={t('sources.quarantine.title')}
      note={t('sources.quarantine.note')}
      actions={
        may('sources.load') && summary.length > 0 ? (
          <Button loading={replay.isPending} onClick={() => replay.mutate()}>
            {filter.table
              ? t('sources.quarantine.replayTable', { table: filter.table })
              : t('sources.quarantine.replayAll')}
          </Button>
        ) : null
      }
    >
      {summary.length > 0 ? (
        <div className="row gap-s" style={{ padding: '0 22px 14px' }}>
          {summary.map((row) => (
            <Button
              key={`${row.table}/${row.field}/${row.reason}`}
              size="small"
              type={isChosen(row) ? 'primary' : 'default'}
              aria-pressed={isChosen(row)}
              onClick={() => setFilter(isChosen(row) ? {} : { table: row.table, reason: row.reason })}
            >
              {row.table}
              {row.field ? `.${row.field}` : ''} · {dynamic(`sources.reason.${row.reason}`, row.reason)} ·{' '}
              <Num value={row.count} />
            </Button>
          ))}
        </div>
      ) : null}
      <Answer query={rows}>
        {(data) => (
          <>
            <DataTable<RefusedRow>
              label={t('sources.quarantine.title')}
              rows={itemsOf(data)}
              rowKey={(row) => `${row.table}/${row.file}/${row.line}/${row.reason}`}
              pageSize={100_000}
              empty={
                <Nothing title={t('sources.quarantine.empty')} hint={t('sources.quarantine.emptyHint')} />
              }
              expanded={(row) => (
                <div className="stack gap-s">
                  <pre style={{ margin: 0, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
                    {row.record}
                  </pre>
                  {row.otherFaults.map((fault) => (
                    <div key={`${fault.field}${fault.reason}`}>
                      <code>{fault.field}</code> {dynamic(`sources.reason.${fault.reason}`, fault.reason)}:{' '}
                      <code>{fault.value}</code>
                    </div>
                  ))}
                  {may('sources.load') && row.state === 'open' ? (
                    <div>
                      <Button size="small" onClick={() => setCorrecting(row)}>
                        {t('sources.quarantine.correct')}
                      </Button>
                    </div>
                  ) : null}
                </div>
              )}
              columns={[
                { title: t('sources.quarantine.file'), render: (_, row) => <code>{row.file}</code> },
                {
                  title: t('sources.quarantine.line'),
                  align: 'right',
                  render: (_, row) => <Num value={row.line} />,
                },
                { title: t('sources.quarantine.field'), render: (_, row) => <code>{row.field || '—'}</code> },
                { title: t('sources.quarantine.value'), render: (_, row) => <code>{row.value || '∅'}</code> },
                {
                  title: t('sources.quarantine.reason'),
                  render: (_, row) => dynamic(`sources.reason.${row.reason}`, row.reason),
                },
                {
                  title: t('common.state'),
                  render: (_, row) => (
                    <Badge tone={row.state === 'open' ? 'warn' : 'good'}>
                      {t(`sources.quarantine.state.${row.state}`)}
                    </Badge>
                  ),
                },
              ]}
            />
            <MoreButton query={rows} />
          </>
        )}
      </Answer>
      {correcting ? (
        <CorrectDialog
          sourceId={sourceId}
          row={correcting}
          onReplay={onReplay}
          onClose={() => setCorrecting(undefined)}
        />
      ) : null}
    </Panel>
  );
}

interface CorrectDialogProps extends QuarantinePanelProps {
  readonly row: RefusedRow;
  readonly onClose: () => void;
}

function CorrectDialog({ sourceId, row, onReplay, onClose }: CorrectDialogProps) {
  const t = useText();
  const [record, setRecord] = useState(row.record);
  const replay = useMutation({
    mutationFn: () =>
      replayQuarantine(sourceId, { records: [{ table: row.table, file: row.file, line: row.line, record }] }),
    onSuccess: (accepted) => {
      onReplay(accepted.jobId);
      onClose();
    },
  });
  return (
    <Modal
      open
      width={720}
      title={t('sources.quarantine.correctTitle', { file: row.file, line: row.line })}
      okText={t('sources.quarantine.replay')}
      onOk={() => replay.mutate()}
      onCancel={onClose}
      confirmLoading={replay.isPending}
    >
      <div className="stack gap-m">
        <Input.TextArea
          className="mono"
          rows={4}
          aria-label={t('sources.quarantine.record')}
          value={record}
          onChange={(event) => setRecord(event.target.value)}
        />
        {replay.error ? <ProblemView error={replay.error} /> : null}
      </div>
    </Modal>
  );
}
