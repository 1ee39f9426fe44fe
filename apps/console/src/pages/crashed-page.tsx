import type { ErrorComponentProps } from '@tanstack/react-router';
import { ProblemView } from '../ui/states.tsx';

/** Shown in place of a page that failed to be drawn or fetched. */
export function CrashedPage({ error, reset }: ErrorComponentProps) {
  return (
    <div style={{ padding: 24 }}>
      <ProblemView error={error} onRetry={reset} />
    </div>
  );
}
