import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { refreshTags } from '../../api/tags.queries.ts';
import { JobProgress } from '../../ui/job-progress.tsx';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';

interface Refresh {
  start(): void;
  readonly isStarting: boolean;
  /** The progress of the refresh that was started here. */
  readonly progress: ReactNode;
}

/** Computes tags again (all, or these) and shows how far it is. */
export function useTagRefresh(tagIds?: readonly string[]): Refresh {
  const notify = useNotify();
  const queries = useQueryClient();
  const [jobId, setJobId] = useState<string | undefined>(undefined);
  const refresh = useMutation({
    mutationFn: () => refreshTags(tagIds),
    onSuccess: (started) => setJobId(started.jobId),
    onError: notify.problem,
  });
  return {
    start: () => refresh.mutate(),
    isStarting: refresh.isPending,
    progress: jobId ? (
      <Panel>
        <JobProgress
          key={jobId}
          jobId={jobId}
          onFinished={() => void queries.invalidateQueries({ queryKey: ['tags'] })}
        />
      </Panel>
    ) : null,
  };
}
