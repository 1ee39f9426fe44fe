import type { UseQueryResult } from '@tanstack/react-query';
import { Button, Skeleton } from 'antd';
import type { ReactNode } from 'react';
import { ApiProblem } from '../api/client.ts';
import { useText } from '../i18n/i18n.ts';

/** What a page shows while its answer is on the way. */
export function Loading({ rows = 4 }: { readonly rows?: number }) {
  const t = useText();
  return (
    <div role="status" aria-label={t('common.loading')} aria-busy="true" style={{ padding: 8 }}>
      <Skeleton active title={false} paragraph={{ rows }} />
    </div>
  );
}

/** A refusal in the server's own words: title, detail, every fault and the code to look up. */
export function ProblemView({
  error,
  onRetry,
}: {
  readonly error: unknown;
  readonly onRetry?: (() => void) | undefined;
}) {
  const t = useText();
  const problem = error instanceof ApiProblem ? error.problem : undefined;
  const title =
    problem?.code === 'console.unreachable'
      ? t('common.problem.unreachable')
      : (problem?.title ?? t('common.problem.unexpected'));
  const detail = problem?.detail ?? (error instanceof Error ? error.message : String(error));
  const faults = problem?.faults ?? [];
  return (
    <div className="problem stack gap-xs" role="alert">
      <strong>{title}</strong>
      {detail !== title ? <div>{detail}</div> : null}
      {faults.length > 0 ? (
        <ul>
          {faults.map((fault) => (
            <li key={`${fault.pointer} ${fault.message}`}>
              <code>{fault.pointer}</code> {fault.message}
            </li>
          ))}
        </ul>
      ) : null}
      <div className="row gap-s" style={{ marginTop: 4 }}>
        {onRetry ? (
          <Button size="small" onClick={onRetry}>
            {t('common.retry')}
          </Button>
        ) : null}
        {problem ? <code className="faint">{problem.code}</code> : null}
      </div>
    </div>
  );
}

interface NothingProps {
  readonly title: string;
  readonly hint?: ReactNode;
  readonly action?: ReactNode;
}

/** Nothing here yet, and what to do about it. */
export function Nothing({ title, hint, action }: NothingProps) {
  return (
    <div className="state">
      <svg width="72" height="44" viewBox="0 0 72 44" aria-hidden="true">
        <path
          d="M6 30c14 0 16-20 30-20 9 0 11 8 11 12"
          fill="none"
          stroke="var(--line-strong)"
          strokeWidth="3"
          strokeLinecap="round"
        />
        <path
          d="M66 14C52 14 50 34 36 34c-9 0-11-8-11-12"
          fill="none"
          stroke="var(--accent)"
          strokeOpacity="0.45"
          strokeWidth="3"
          strokeLinecap="round"
        />
      </svg>
      <div className="state-title">{title}</div>
      {hint ? <div style={{ maxWidth: '52ch' }}>{hint}</div> : null}
      {action ? <div style={{ marginTop: 8 }}>{action}</div> : null}
    </div>
  );
}

interface AnswerProps<Data> {
  readonly query: Pick<UseQueryResult<Data>, 'data' | 'error' | 'isPending' | 'refetch'>;
  readonly rows?: number;
  readonly isEmpty?: (data: Data) => boolean;
  readonly empty?: ReactNode;
  readonly children: (data: Data) => ReactNode;
}

/** The four states of an answer: loading, problem, empty, content. Stale content stays while a refetch fails. */
export function Answer<Data>({ query, rows, isEmpty, empty, children }: AnswerProps<Data>) {
  if (query.data !== undefined) {
    if (empty !== undefined && isEmpty?.(query.data)) return empty;
    return children(query.data);
  }
  if (query.error) return <ProblemView error={query.error} onRetry={() => void query.refetch()} />;
  return rows === undefined ? <Loading /> : <Loading rows={rows} />;
}
