import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { decidePairs, type Pair, reviewsQuery, type Summary } from '../../api/identity.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Num } from '../../ui/figures.tsx';
import { Button, Segmented, Select } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { type Decision, decisionOfKey, stepOfKey } from './keys.ts';
import { PairCard } from './pair-card.tsx';

const STATES = ['open', 'later', 'merged', 'distinct'] as const;
type State = (typeof STATES)[number];

/** Pairs that a person should decide, one at a time, by hand or by keys. */
export function ReviewPanel({ queue }: { readonly queue: Summary['queue'] }) {
  const t = useText();
  const dynamic = useDynamicText();
  const may = useMay();
  const notify = useNotify();
  const queries = useQueryClient();
  const [state, setState] = useState<State>('open');
  const [rule, setRule] = useState<string | undefined>(undefined);
  const [at, setAt] = useState(0);
  const pairs = useInfiniteQuery(reviewsQuery({ state, ...(rule === undefined ? {} : { rule }) }));
  const items = pairs.data ? itemsOf(pairs.data) : [];
  const place = Math.max(0, Math.min(at, items.length - 1));
  const current = items[place];
  const isUndecided = state === 'open' || state === 'later';
  const decide = useMutation({
    mutationFn: ({ pair, decision }: { pair: Pair; decision: Decision }) =>
      decidePairs({ decision, pairs: [{ a: pair.a, b: pair.b }] }),
    onSuccess: async (decided, { decision }) => {
      const refused = decided.refused[0];
      if (refused) {
        notify.problem(new Error(dynamic(`identity.because.${refused.because}`, refused.because)));
      } else if (decided.approvalId !== undefined) {
        notify.done(t('identity.waitsForApproval'));
      } else {
        notify.done(t(`identity.done.${decision}`));
      }
      await queries.invalidateQueries({ queryKey: ['identity'] });
    },
    onError: notify.problem,
  });
  const mayDecide = may('identity.write') && isUndecided;
  const choose = (decision: Decision): void => {
    if (current && mayDecide && !decide.isPending) decide.mutate({ pair: current, decision });
  };
  useKeys((key) => {
    const decision = decisionOfKey(key);
    const step = stepOfKey(key);
    if (decision) choose(decision);
    else if (step !== 0 && items.length > 0) {
      setAt(Math.max(0, Math.min(place + step, items.length - 1)));
      // Reading on before the end is reached keeps the keys working.
      if (place + step >= items.length - 2 && pairs.hasNextPage) void pairs.fetchNextPage();
    } else return false;
    return true;
  });
  const rules = [...new Set(queue.filter((each) => each.state === state).map((each) => each.rule))];
  return (
    <Panel
      title={t('identity.review')}
      note={t('identity.reviewNote')}
      actions={
        <>
          <Select
            allowClear
            style={{ minWidth: 180 }}
            placeholder={t('identity.anyRule')}
            aria-label={t('identity.rule')}
            value={rule ?? null}
            onChange={(chosen: string | null) => {
              setRule(chosen ?? undefined);
              setAt(0);
            }}
            options={rules.map((value) => ({ value, label: dynamic(`identity.ruleName.${value}`, value) }))}
          />
          <Segmented<State>
            aria-label={t('common.state')}
            value={state}
            onChange={(chosen) => {
              setState(chosen);
              setRule(undefined);
              setAt(0);
            }}
            options={STATES.map((value) => ({
              value,
              label: `${t(`identity.state.${value}`)} ${queue
                .filter((each) => each.state === value)
                .reduce((sum, each) => sum + each.pairs, 0)}`,
            }))}
          />
        </>
      }
    >
      <Answer
        query={pairs}
        rows={8}
        isEmpty={(data) => itemsOf(data).length === 0}
        empty={
          <Nothing
            title={t('identity.empty')}
            hint={state === 'open' ? t('identity.emptyHint') : undefined}
          />
        }
      >
        {() =>
          current ? (
            <div className="stack gap-m">
              <div className="row between gap-s">
                <span className="faint">
                  {t('identity.place', { at: place + 1 })} <Num value={items.length} />
                  {pairs.hasNextPage ? '+' : ''}
                </span>
                <div className="row gap-s">
                  <Button disabled={place === 0} onClick={() => setAt(place - 1)}>
                    {t('identity.previous')} <kbd>K</kbd>
                  </Button>
                  <Button disabled={place >= items.length - 1} onClick={() => setAt(place + 1)}>
                    {t('identity.next')} <kbd>J</kbd>
                  </Button>
                </div>
              </div>
              <PairCard pair={current} />
              {mayDecide ? (
                <div className="row gap-s">
                  <Button type="primary" loading={decide.isPending} onClick={() => choose('merge')}>
                    {t('identity.decide.merge')} <kbd>M</kbd>
                  </Button>
                  <Button disabled={decide.isPending} onClick={() => choose('distinct')}>
                    {t('identity.decide.distinct')} <kbd>X</kbd>
                  </Button>
                  {state === 'open' ? (
                    <Button disabled={decide.isPending} onClick={() => choose('later')}>
                      {t('identity.decide.later')} <kbd>L</kbd>
                    </Button>
                  ) : null}
                </div>
              ) : state === 'merged' ? (
                <p className="faint">
                  {t('identity.unmergeHint')}{' '}
                  <Link
                    to="/customers/$customerId"
                    params={{ customerId: current.sides[0]?.customerId ?? '' }}
                  >
                    {current.sides[0]?.customerId}
                  </Link>
                </p>
              ) : null}
              <MoreButton query={pairs} />
            </div>
          ) : null
        }
      </Answer>
    </Panel>
  );
}

/** Calls back for keys pressed outside fields; answering true takes the key. */
function useKeys(handle: (key: string) => boolean): void {
  const latest = useRef(handle);
  latest.current = handle;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const { target } = event;
      if (target instanceof Element && target.closest('input, textarea, [contenteditable], [role=dialog]'))
        return;
      if (latest.current(event.key)) event.preventDefault();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}
