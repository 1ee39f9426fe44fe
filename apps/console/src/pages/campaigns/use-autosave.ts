import type { Campaign, CampaignChange } from '@rapport/campaigns/contract';
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { campaignQuery, changeCampaign } from '../../api/campaigns.queries.ts';

export type SaveState = 'saved' | 'waiting' | 'saving' | 'problem';

interface Autosave {
  readonly state: SaveState;
  readonly error: unknown;
  /** Saves what is not saved yet and answers once the server has it. */
  flush(): Promise<void>;
}

const QUIET_MS = 700;

/**
 * Saves a draft when the hand rests. One save is under way at a time and each names the version it was made from,
 * so a change by somebody else is never overwritten unseen.
 */
export function useAutosave(campaign: Campaign, draft: CampaignChange): Autosave {
  const queries = useQueryClient();
  const [state, setState] = useState<SaveState>('saved');
  const [error, setError] = useState<unknown>(undefined);
  const version = useRef(campaign.version);
  const saved = useRef(JSON.stringify(draft));
  const latest = useRef(draft);
  const running = useRef<Promise<void> | undefined>(undefined);
  latest.current = draft;

  const saveOnce = useCallback(async (): Promise<void> => {
    const text = JSON.stringify(latest.current);
    if (text === saved.current) return;
    setState('saving');
    const stored = await changeCampaign(campaign.id, { ...latest.current, version: version.current });
    version.current = stored.version;
    saved.current = text;
    queries.setQueryData(campaignQuery(campaign.id).queryKey, stored);
    await queries.invalidateQueries({ queryKey: ['campaigns', 'one', campaign.id, 'steps'] });
  }, [campaign.id, queries]);

  const flush = useCallback(async (): Promise<void> => {
    try {
      while (running.current) await running.current;
      if (JSON.stringify(latest.current) !== saved.current) {
        running.current = saveOnce().finally(() => {
          running.current = undefined;
        });
        await running.current;
      }
      setError(undefined);
      setState(JSON.stringify(latest.current) === saved.current ? 'saved' : 'waiting');
    } catch (problem) {
      setError(problem);
      setState('problem');
      throw problem;
    }
  }, [saveOnce]);

  const text = JSON.stringify(draft);
  useEffect(() => {
    if (text === saved.current) return;
    setState('waiting');
    const timer = setTimeout(() => {
      // The problem is shown on the page; there is nobody else to tell.
      flush().catch(() => undefined);
    }, QUIET_MS);
    return () => clearTimeout(timer);
  }, [text, flush]);

  // What was typed last is not lost by leaving the page.
  useEffect(
    () => () => {
      flush().catch(() => undefined);
    },
    [flush],
  );

  return { state, error, flush };
}
