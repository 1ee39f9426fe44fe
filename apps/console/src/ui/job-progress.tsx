import { useQuery } from '@tanstack/react-query';
import { Progress } from 'antd';
import { useEffect, useRef } from 'react';
import { isFinished, type Job, jobQuery } from '../api/jobs.queries.ts';
import { useText } from '../i18n/i18n.ts';
import { colors } from '../theme/tokens.ts';
import { ProblemView } from './states.tsx';

interface JobProgressProps {
  readonly jobId: string;
  readonly onFinished?: (job: Job) => void;
}

/** The live progress of a long work, until it is done or has failed. */
export function JobProgress({ jobId, onFinished }: JobProgressProps) {
  const t = useText();
  const query = useQuery(jobQuery(jobId));
  const told = useRef<string | undefined>(undefined);
  const job = query.data;
  useEffect(() => {
    if (job && isFinished(job) && told.current !== job.id) {
      told.current = job.id;
      onFinished?.(job);
    }
  }, [job, onFinished]);
  if (query.error && !job) return <ProblemView error={query.error} onRetry={() => void query.refetch()} />;
  const failed = job?.state === 'failed' || job?.state === 'cancelled';
  return (
    <div className="stack gap-xs" role="status" aria-live="polite">
      <div className="row between gap-s">
        <strong>{t(`common.job.${job?.state ?? 'queued'}`)}</strong>
        <span className="faint ellipsis">{job?.progress.message}</span>
      </div>
      <Progress
        percent={Math.round((job?.state === 'done' ? 1 : (job?.progress.share ?? 0)) * 100)}
        status={failed ? 'exception' : job?.state === 'done' ? 'success' : 'active'}
        strokeColor={failed ? colors.bad : colors.primary}
        aria-label={t('common.job.progress')}
      />
      {job?.error ? <div className="problem">{job.error}</div> : null}
    </div>
  );
}
