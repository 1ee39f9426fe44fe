import type { AudienceSnapshot, LookalikeRequest, Vocabulary } from '@rapport/audiences/contract';
import type { Condition } from '@rapport/conditions';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { snapshotsQuery, startLookalike } from '../../api/audiences.queries.ts';
import { isFinished, jobQuery } from '../../api/jobs.queries.ts';
import { listQuery } from '../../api/lists.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useFormats } from '../../ui/figures.tsx';
import { JobProgress } from '../../ui/job-progress.tsx';
import { Button, Collapse, Form, Input, InputNumber, Select, Switch } from '../../ui/kit.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';
import { conditionOfId } from './audience-search.ts';
import { LookalikeView } from './lookalike-view.tsx';
import { listIdOf } from './lookalike-words.ts';

interface LookalikePanelProps {
  /** `undefined` while something is missing in it. */
  readonly condition: Condition | undefined;
  readonly count: number | undefined;
  readonly name: string;
  readonly audienceId: string | undefined;
  readonly vocabulary: Vocabulary | undefined;
  readonly jobId: string | undefined;
  readonly onJob: (jobId: string | undefined) => void;
}

/** The customers most like the audience: asked for, made by a job, shown with how well it worked. */
export function LookalikePanel(props: LookalikePanelProps) {
  const t = useText();
  if (props.jobId !== undefined)
    return <LookalikeJob jobId={props.jobId} onAgain={() => props.onJob(undefined)} />;
  if (props.condition === undefined)
    return (
      <Panel>
        <Nothing title={t('audiences.incomplete')} />
      </Panel>
    );
  return props.audienceId === undefined ? (
    <LookalikeForm {...props} condition={props.condition} snapshots={[]} />
  ) : (
    <WithSnapshots {...props} condition={props.condition} audienceId={props.audienceId} />
  );
}

interface ReadyProps extends LookalikePanelProps {
  readonly condition: Condition;
}

function WithSnapshots(props: ReadyProps & { readonly audienceId: string }) {
  const snapshots = useInfiniteQuery(snapshotsQuery(props.audienceId));
  return <LookalikeForm {...props} snapshots={snapshots.data ? itemsOf(snapshots.data) : []} />;
}

const FEWEST_SEEDS = 100;
const NOW = 'now';
const EVERYBODY = 'everybody';
const TAG_ID = /^[a-z][a-z0-9_]{0,62}$/;

function LookalikeForm(props: ReadyProps & { readonly snapshots: readonly AudienceSnapshot[] }) {
  const { condition, count, name, audienceId, vocabulary, snapshots, onJob } = props;
  const t = useText();
  const formats = useFormats();
  const localized = useLocalized();
  const [listName, setListName] = useState<string | undefined>(undefined);
  const [seed, setSeed] = useState(NOW);
  const [within, setWithin] = useState(EVERYBODY);
  const [size, setSize] = useState<number | null>(null);
  const [excluded, setExcluded] = useState<string[]>([]);
  const [allowed, setAllowed] = useState<string[]>([]);
  const [scoreTag, setScoreTag] = useState<string | undefined>(undefined);
  const start = useMutation({
    mutationFn: (request: LookalikeRequest) => startLookalike(request),
    onSuccess: ({ jobId }) => onJob(jobId),
  });
  const called = listName ?? t('insight.lookalike.nameOf', { name });
  const seedSize = seed === NOW ? count : snapshots.find(({ id }) => id === seed)?.size;
  const isTooFew = seedSize !== undefined && seedSize < FEWEST_SEEDS;
  const wanted = size ?? seedSize;
  const isBadTag = scoreTag !== undefined && !TAG_ID.test(scoreTag);
  const tags = (vocabulary?.tags ?? []).map((tag) => ({ value: tag.id, label: localized(tag.title) }));
  const handleStart = (): void =>
    start.mutate({
      name: called.trim(),
      seed: seed === NOW ? { condition } : { snapshot: seed },
      ...(within === EVERYBODY ? {} : { within: conditionOfId(within) }),
      ...(wanted === undefined ? {} : { size: wanted }),
      ...(excluded.length > 0 ? { excludeTags: excluded } : {}),
      ...(allowed.length > 0 ? { allowProtected: allowed } : {}),
      ...(scoreTag === undefined ? {} : { scoreTag }),
    });
  return (
    <Panel title={t('insight.lookalike.title')} note={t('insight.lookalike.intro')}>
      <Form layout="vertical" onFinish={handleStart} style={{ maxWidth: 760 }}>
        <div className="grid" style={{ rowGap: 0 }}>
          <Form.Item label={t('insight.lookalike.name')}>
            <Input
              aria-label={t('insight.lookalike.name')}
              maxLength={200}
              value={called}
              onChange={(event) => setListName(event.target.value)}
            />
          </Form.Item>
          <Form.Item
            label={t('insight.lookalike.seed')}
            {...(isTooFew ? { validateStatus: 'error' as const, help: t('insight.lookalike.tooFew') } : {})}
          >
            <Select<string>
              aria-label={t('insight.lookalike.seed')}
              value={seed}
              onChange={setSeed}
              options={[
                {
                  value: NOW,
                  label: t('insight.lookalike.seedNow', {
                    count: count === undefined ? '…' : formats.number(count),
                  }),
                },
                ...snapshots.map((snapshot) => ({
                  value: snapshot.id,
                  label: t('insight.lookalike.seedSnapshot', {
                    at: formats.instant(snapshot.createdAt),
                    count: formats.number(snapshot.size),
                  }),
                })),
              ]}
            />
          </Form.Item>
          <Form.Item label={t('insight.lookalike.size')}>
            <InputNumber<number>
              min={1}
              precision={0}
              style={{ width: '100%' }}
              aria-label={t('insight.lookalike.size')}
              value={wanted ?? null}
              onChange={setSize}
            />
          </Form.Item>
          <Form.Item label={t('insight.lookalike.within')}>
            <Select<string>
              aria-label={t('insight.lookalike.within')}
              value={within}
              onChange={setWithin}
              showSearch={{ optionFilterProp: 'label' }}
              options={[
                { value: EVERYBODY, label: t('insight.profile.everybody') },
                ...(vocabulary?.audiences ?? [])
                  .filter(({ id }) => id !== audienceId)
                  .map(({ id, name: other }) => ({ value: id, label: other })),
              ]}
            />
          </Form.Item>
        </div>
        <Collapse
          ghost
          items={[
            {
              key: 'more',
              label: t('insight.lookalike.more'),
              children: (
                <>
                  <Form.Item label={t('insight.lookalike.exclude')}>
                    <Select<string[]>
                      mode="multiple"
                      aria-label={t('insight.lookalike.exclude')}
                      placeholder={t('insight.lookalike.excludeHint')}
                      showSearch={{ optionFilterProp: 'label' }}
                      value={excluded}
                      options={tags}
                      onChange={setExcluded}
                    />
                  </Form.Item>
                  <Form.Item
                    label={t('insight.lookalike.protected')}
                    extra={t('insight.lookalike.protectedHint')}
                  >
                    <Select<string[]>
                      mode="multiple"
                      aria-label={t('insight.lookalike.protected')}
                      placeholder={t('insight.lookalike.excludeHint')}
                      showSearch={{ optionFilterProp: 'label' }}
                      value={allowed}
                      options={tags}
                      onChange={setAllowed}
                    />
                  </Form.Item>
                  <div className="row gap-s">
                    <Switch
                      aria-label={t('insight.lookalike.keepScores')}
                      checked={scoreTag !== undefined}
                      onChange={(on) => setScoreTag(on ? 'lookalike_score' : undefined)}
                    />
                    <span>{t('insight.lookalike.keepScores')}</span>
                    {scoreTag === undefined ? null : (
                      <Input
                        style={{ width: 260 }}
                        aria-label={t('insight.lookalike.scoreTag')}
                        {...(isBadTag ? { status: 'error' as const } : {})}
                        value={scoreTag}
                        onChange={(event) => setScoreTag(event.target.value)}
                      />
                    )}
                    {isBadTag ? (
                      <span className="leaf-missing">{t('insight.lookalike.scoreTagBad')}</span>
                    ) : null}
                  </div>
                </>
              ),
            },
          ]}
        />
        <div className="stack gap-m" style={{ marginTop: 12 }}>
          {start.error ? <ProblemView error={start.error} /> : null}
          <div>
            <Button
              type="primary"
              htmlType="submit"
              loading={start.isPending}
              disabled={called.trim() === '' || isTooFew || isBadTag}
            >
              {t('insight.lookalike.start')}
            </Button>
          </div>
        </div>
      </Form>
    </Panel>
  );
}

function LookalikeJob({ jobId, onAgain }: { readonly jobId: string; readonly onAgain: () => void }) {
  const t = useText();
  const queries = useQueryClient();
  const job = useQuery(jobQuery(jobId));
  const listId = listIdOf(job.data?.result);
  const again = (
    <Button size="small" onClick={onAgain}>
      {t('insight.lookalike.again')}
    </Button>
  );
  if (job.data?.state === 'done' && listId !== undefined)
    return <LookalikeDone listId={listId} again={again} />;
  return (
    <Panel
      title={t('insight.lookalike.title')}
      actions={job.error || (job.data && isFinished(job.data)) ? again : null}
    >
      <JobProgress
        jobId={jobId}
        onFinished={() => {
          void queries.invalidateQueries({ queryKey: ['lists'] });
          void queries.invalidateQueries({ queryKey: ['audiences', 'vocabulary'] });
        }}
      />
    </Panel>
  );
}

function LookalikeDone({ listId, again }: { readonly listId: string; readonly again: ReactNode }) {
  const list = useQuery(listQuery(listId));
  return (
    <Answer query={list} rows={8}>
      {(data) =>
        data.lookalike ? <LookalikeView list={data} result={data.lookalike} actions={again} /> : null
      }
    </Answer>
  );
}
