import type { TagLifecycle, TagView } from '@rapport/tags/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { setTagStewardship, tagLifecycleQuery } from '../../api/tags.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Field } from '../../ui/field.tsx';
import { Facts } from '../../ui/figures.tsx';
import { Button, Checkbox, Input, InputNumber } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer } from '../../ui/states.tsx';
import { StatusBadge } from './badges.tsx';
import { LifeActions } from './life-actions.tsx';
import { Accesses, LifeSteps } from './workflow-page.tsx';

/** Where a tag stands, who looks after it, and who may use it. */
export function LifeTab({ tag }: { readonly tag: TagView }) {
  const t = useText();
  const life = useQuery(tagLifecycleQuery(tag.id));
  return (
    <Answer query={life}>
      {(data) => (
        <div className="stack gap-m">
          <Panel title={t('market.workflow.steps')} actions={<LifeActions life={data} />}>
            <div className="stack gap-m">
              <Facts
                items={[
                  { term: t('market.statusTitle'), value: <StatusBadge status={data.status} /> },
                  data.approvalId
                    ? {
                        term: t('market.workflow.review'),
                        value: <Link to="/approvals">{t('market.workflow.decide')}</Link>,
                      }
                    : undefined,
                  data.replacement
                    ? {
                        term: t('market.replacement'),
                        value: (
                          <Link to="/tags/$tagId" params={{ tagId: data.replacement }}>
                            {data.replacement}
                          </Link>
                        ),
                      }
                    : undefined,
                ]}
              />
              <LifeSteps life={data} />
            </div>
          </Panel>
          <Stewardship key={JSON.stringify(data)} life={data} isSensitive={tag.dataClass === 'C3'} />
          <Accesses tagId={tag.id} />
        </div>
      )}
    </Answer>
  );
}

function Stewardship({ life, isSensitive }: { readonly life: TagLifecycle; readonly isSensitive: boolean }) {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const queries = useQueryClient();
  const [steward, setSteward] = useState(life.steward ?? '');
  const [slaHours, setSlaHours] = useState(life.slaHours);
  const [isRestricted, setRestricted] = useState(life.isRestricted);
  const save = useMutation({
    mutationFn: () =>
      setTagStewardship(life.tagId, {
        ...(steward.trim() ? { steward: steward.trim() } : {}),
        ...(slaHours === undefined ? {} : { slaHours }),
        isRestricted,
      }),
    onSuccess: async () => {
      notify.done(t('common.saved'));
      await queries.invalidateQueries({ queryKey: ['tags'] });
    },
    onError: notify.problem,
  });
  const mayWrite = may('tags.write');
  return (
    <Panel title={t('market.s.title')}>
      <div className="stack gap-m" style={{ maxWidth: 520 }}>
        <Field label={t('market.s.steward')}>
          <Input disabled={!mayWrite} value={steward} onChange={({ target }) => setSteward(target.value)} />
        </Field>
        <Field label={t('market.q.threshold.maxAgeHours')}>
          <InputNumber
            disabled={!mayWrite}
            min={1}
            max={8760}
            value={slaHours ?? null}
            onChange={(next) => setSlaHours(next ?? undefined)}
          />
        </Field>
        <Checkbox
          disabled={!mayWrite || isSensitive}
          checked={isRestricted || isSensitive}
          onChange={({ target }) => setRestricted(target.checked)}
        >
          {t('market.s.restricted')}
        </Checkbox>
        {isSensitive ? <span className="faint">{t('market.s.sensitive')}</span> : null}
        {mayWrite ? (
          <div>
            <Button loading={save.isPending} onClick={() => save.mutate()}>
              {t('common.save')}
            </Button>
          </div>
        ) : null}
      </div>
    </Panel>
  );
}
