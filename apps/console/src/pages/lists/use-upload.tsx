import type { CustomerList } from '@rapport/audiences/contract';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useRef, useState } from 'react';
import { listQuery, uploadList } from '../../api/lists.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useFormats } from '../../ui/figures.tsx';
import { Button, Progress } from '../../ui/kit.ts';
import type { ChosenFile } from './file-picker.tsx';

interface ListUpload {
  /** Sends and matches a file; answers the list as it is then. Stopping rejects with an `AbortError`. */
  send(listId: string, chosen: ChosenFile): Promise<CustomerList>;
  /** How far the upload under way is. */
  readonly progress: ReactNode;
}

export const isStopped = (error: unknown): boolean =>
  error instanceof DOMException && error.name === 'AbortError';

export function useListUpload(): ListUpload {
  const t = useText();
  const formats = useFormats();
  const queries = useQueryClient();
  const stop = useRef<AbortController | undefined>(undefined);
  const [share, setShare] = useState<number | undefined>(undefined);
  return {
    send: async (listId, chosen) => {
      const control = new AbortController();
      stop.current = control;
      setShare(0);
      try {
        const list = await uploadList(listId, { ...chosen, signal: control.signal, onProgress: setShare });
        queries.setQueryData(listQuery(listId).queryKey, list);
        return list;
      } finally {
        setShare(undefined);
        await queries.invalidateQueries({ queryKey: ['lists'] });
        await queries.invalidateQueries({ queryKey: ['audiences'] });
      }
    },
    progress:
      share === undefined ? null : (
        <div className="stack gap-xs" role="status">
          <div className="row between gap-s">
            <span>
              {share < 1 ? t('lists.uploading', { share: formats.percent(share, 0) }) : t('lists.matching')}
            </span>
            <Button size="small" onClick={() => stop.current?.abort()}>
              {t('lists.cancelUpload')}
            </Button>
          </div>
          <Progress percent={Math.round(share * 100)} status="active" aria-label={t('common.job.progress')} />
        </div>
      ),
  };
}
