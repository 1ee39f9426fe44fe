import { App } from 'antd';
import { useMemo } from 'react';
import { ApiProblem } from '../api/client.ts';
import { useText } from '../i18n/i18n.ts';

export interface Notify {
  done(text: string): void;
  /** Says why something did not work, in the server's words. */
  problem(error: unknown): void;
}

/** Short messages at the edge of the window. */
export function useNotify(): Notify {
  const { message, notification } = App.useApp();
  const t = useText();
  return useMemo(
    () => ({
      done: (text) => void message.success(text),
      problem: (error) => {
        const problem = error instanceof ApiProblem ? error.problem : undefined;
        const faults = (problem?.faults ?? [])
          .map((fault) => `${fault.pointer}: ${fault.message}`)
          .join('\n');
        const detail = problem?.detail ?? (error instanceof Error ? error.message : String(error));
        notification.error({
          title: problem?.title ?? t('common.problem.unexpected'),
          description: faults && !detail.includes(faults) ? `${detail}\n${faults}` : detail,
          duration: 8,
          style: { whiteSpace: 'pre-line' },
        });
      },
    }),
    [message, notification, t],
  );
}
