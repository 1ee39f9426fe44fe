import type { MetricImportResult, MetricView } from '@rapport/metrics/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { exportMetrics, importMetrics, metricsQuery } from '../../api/metrics.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { CodeEditor } from '../../ui/code-editor.tsx';
import { saveBlob } from '../../ui/download.ts';
import { Figure, useFormats } from '../../ui/figures.tsx';
import { Button, Modal } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';
import { MetricNumber } from './metric-number.tsx';

export function MetricsPage() {
  const t = useText();
  const may = useMay();
  const metrics = useQuery(metricsQuery);
  const [isImporting, setImporting] = useState(false);
  const save = useMutation({
    mutationFn: exportMetrics,
    onSuccess: (file) => saveBlob(file, 'bank.metrics.yaml'),
  });
  const actions = (
    <>
      <Button loading={save.isPending} onClick={() => save.mutate()}>
        {t('metrics.export')}
      </Button>
      {may('metrics.write') ? (
        <Button type="primary" onClick={() => setImporting(true)}>
          {t('metrics.import')}
        </Button>
      ) : null}
    </>
  );
  return (
    <Page title={t('metrics.title')} intro={t('metrics.intro')} actions={actions}>
      <Answer
        query={metrics}
        rows={8}
        isEmpty={({ items }) => items.length === 0}
        empty={
          <Panel>
            <Nothing title={t('metrics.empty')} hint={t('metrics.emptyHint')} />
          </Panel>
        }
      >
        {({ items }) => (
          <div className="grid" style={cells(260)}>
            {items.map((metric) => (
              <MetricCard key={metric.definition.id} metric={metric} />
            ))}
          </div>
        )}
      </Answer>
      {isImporting ? <ImportDialog onClose={() => setImporting(false)} /> : null}
    </Page>
  );
}

function MetricCard({ metric }: { readonly metric: MetricView }) {
  const t = useText();
  const localized = useLocalized();
  const formats = useFormats();
  const { definition, latest } = metric;
  const change =
    latest?.value !== undefined && latest.before !== undefined && latest.before !== 0
      ? latest.value / latest.before - 1
      : undefined;
  return (
    <Panel>
      <Link
        to="/insights/metrics/$metricId"
        params={{ metricId: definition.id }}
        style={{ color: 'inherit' }}
      >
        <Figure
          label={localized(definition.title)}
          value={<MetricNumber definition={definition} value={latest?.value} compact />}
          note={
            latest ? (
              <span className="row gap-s">
                {change === undefined ? null : (
                  <Badge tone={change >= 0 ? 'good' : 'bad'}>
                    <span className="num">{formats.change(change)}</span>
                  </Badge>
                )}
                {t('metrics.asOf', { day: formats.day(latest.day) })}
              </span>
            ) : (
              t('metrics.noValue')
            )
          }
        />
      </Link>
    </Panel>
  );
}

function ImportDialog({ onClose }: { readonly onClose: () => void }) {
  const t = useText();
  const queries = useQueryClient();
  const [yaml, setYaml] = useState('metrics:\n');
  const send = useMutation({
    mutationFn: (dryRun: boolean) => importMetrics(yaml, dryRun),
    onSuccess: async (result) => {
      if (!result.applied) return;
      await queries.invalidateQueries({ queryKey: ['metrics'] });
      onClose();
    },
  });
  return (
    <Modal
      open
      width={760}
      title={t('metrics.import')}
      okText={t('metrics.apply')}
      confirmLoading={send.isPending}
      onCancel={onClose}
      onOk={() => send.mutate(false)}
    >
      <div className="stack gap-m">
        <CodeEditor language="yaml" label={t('metrics.yaml')} value={yaml} onChange={setYaml} height={360} />
        <div className="row gap-m">
          <Button onClick={() => send.mutate(true)}>{t('metrics.dryRun')}</Button>
          {send.data ? <Changes result={send.data} /> : null}
        </div>
        {send.error ? <ProblemView error={send.error} /> : null}
      </div>
    </Modal>
  );
}

function Changes({ result }: { readonly result: MetricImportResult }) {
  const t = useText();
  const list = (ids: readonly string[]): string => (ids.length === 0 ? '—' : ids.join(', '));
  return (
    <span role="status">
      {t('metrics.changes', {
        created: list(result.created),
        changed: list(result.changed),
        unchanged: list(result.unchanged),
      })}
    </span>
  );
}
