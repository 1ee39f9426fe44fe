import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { identitySummaryQuery, type Summary, startMatchRun } from '../../api/identity.queries.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { Ago, Figure, Num, useFormats } from '../../ui/figures.tsx';
import { JobProgress } from '../../ui/job-progress.tsx';
import { Alert, Dropdown, Tabs } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer } from '../../ui/states.tsx';
import { ReviewPanel } from './review-panel.tsx';
import { RulesPanel } from './rules-panel.tsx';

/** How far the bank's records are one customer each: runs, pairs to decide, and the rules. */
export function IdentityPage() {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const queries = useQueryClient();
  const [jobId, setJobId] = useState<string | undefined>(undefined);
  const summary = useQuery({
    ...identitySummaryQuery,
    // What was decided becomes visible within moments.
    refetchInterval: (query) => (query.state.data?.pending ? 2_000 : 30_000),
  });
  const run = useMutation({
    mutationFn: startMatchRun,
    onSuccess: (started) => setJobId(started.jobId),
    onError: notify.problem,
  });
  return (
    <Page
      title={t('identity.title')}
      intro={t('identity.intro')}
      actions={
        may('identity.write') ? (
          <Dropdown.Button
            type="primary"
            loading={run.isPending}
            onClick={() => run.mutate(false)}
            menu={{
              items: [{ key: 'full', label: t('identity.runFull') }],
              onClick: () => run.mutate(true),
            }}
          >
            {t('identity.run')}
          </Dropdown.Button>
        ) : null
      }
    >
      {jobId ? (
        <Panel>
          <JobProgress
            jobId={jobId}
            onFinished={() => {
              void queries.invalidateQueries({ queryKey: ['identity'] });
              void queries.invalidateQueries({ queryKey: ['customers'] });
            }}
          />
        </Panel>
      ) : null}
      <Answer query={summary} rows={3}>
        {(data) => <Glance summary={data} />}
      </Answer>
      <Tabs
        items={[
          {
            key: 'review',
            label: t('identity.review'),
            children: <ReviewPanel queue={summary.data?.queue ?? []} />,
          },
          { key: 'rules', label: t('identity.rules'), children: <RulesPanel /> },
        ]}
      />
    </Page>
  );
}

function Glance({ summary }: { readonly summary: Summary }) {
  const t = useText();
  const dynamic = useDynamicText();
  const formats = useFormats();
  const { lastRun } = summary;
  const open = summary.queue
    .filter(({ state }) => state === 'open')
    .reduce((sum, { pairs }) => sum + pairs, 0);
  return (
    <Panel>
      <div className="grid" style={cells(150)}>
        <Figure label={t('identity.toReview')} value={<Num value={open} />} />
        <Figure
          label={t('identity.mergedCustomers')}
          value={<Num value={summary.mergedCustomers} />}
          note={t('identity.merges', { count: summary.merges })}
        />
        <Figure label={t('identity.distinct')} value={<Num value={summary.distinct} />} />
        <Figure
          label={t('identity.lastRun')}
          value={
            lastRun ? (
              <Badge
                tone={lastRun.state === 'failed' ? 'bad' : lastRun.state === 'done' ? 'good' : 'info'}
                live={lastRun.state === 'running'}
              >
                {dynamic(`identity.runState.${lastRun.state}`, lastRun.state)}
              </Badge>
            ) : (
              t('identity.never')
            )
          }
          note={lastRun ? <Ago at={lastRun.finishedAt ?? lastRun.startedAt} /> : t('identity.neverHint')}
        />
        {lastRun?.figures.records === undefined ? null : (
          <Figure
            label={t('identity.compared')}
            value={<Num value={lastRun.figures.compared ?? 0} compact />}
            note={t('identity.ofRecords', {
              records: formats.number(lastRun.figures.records),
              time: formats.duration(lastRun.figures.tookMs ?? 0),
            })}
          />
        )}
      </div>
      {summary.pending > 0 ? (
        <Alert
          style={{ marginTop: 12 }}
          type="info"
          showIcon
          title={t('identity.pending', { count: summary.pending })}
        />
      ) : null}
      {lastRun?.error ? (
        <Alert style={{ marginTop: 12 }} type="error" showIcon title={lastRun.error} />
      ) : null}
      {(lastRun?.crowded.length ?? 0) > 0 ? (
        <p className="faint" style={{ marginTop: 12 }}>
          {t('identity.crowded')}{' '}
          {lastRun?.crowded
            .map(({ block, values, greatest }) => t('identity.crowdedBlock', { block, values, greatest }))
            .join(' · ')}
        </p>
      ) : null}
    </Panel>
  );
}
