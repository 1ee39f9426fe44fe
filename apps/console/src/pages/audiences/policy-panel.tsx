import type { PolicyResult, RefreshPolicy } from '@rapport/audiences/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { policyQuery, setPolicy } from '../../api/audiences.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Facts, Num, When } from '../../ui/figures.tsx';
import { Button, Checkbox, Form, Input, InputNumber, Radio, Select } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer, ProblemView } from '../../ui/states.tsx';
import { MODES, type Mode, SCHEDULES, type Schedule, scheduleOf, tidyPolicy } from './growth-words.ts';

/** When the audience is evaluated and recorded, and when to warn. */
export function PolicyPanel({ audienceId }: { readonly audienceId: string }) {
  const t = useText();
  const policy = useQuery(policyQuery(audienceId));
  return (
    <Panel title={t('insight.policy.title')}>
      <Answer query={policy} rows={8}>
        {(data) => <PolicyForm key={JSON.stringify(data.policy)} audienceId={audienceId} result={data} />}
      </Answer>
    </Panel>
  );
}

const ZONES = ['Asia/Shanghai', 'Asia/Taipei', 'Asia/Hong_Kong', 'Asia/Macau', 'Asia/Singapore', 'UTC'];
const OPTIONS: readonly Schedule[] = ['daily', 'weekly', 'monthly', 'custom'];
const SHARES = ['growth', 'decline', 'turnover'] as const;

interface PolicyFormProps {
  readonly audienceId: string;
  readonly result: PolicyResult;
}

function PolicyForm({ audienceId, result }: PolicyFormProps) {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const queries = useQueryClient();
  const [policy, setDraft] = useState<RefreshPolicy>(result.policy);
  const [schedule, setSchedule] = useState<Schedule>(scheduleOf(result.policy.cron));
  const change = (part: Partial<RefreshPolicy>): void => setDraft({ ...policy, ...part });
  const next = tidyPolicy(policy);
  const save = useMutation({
    mutationFn: () => setPolicy(audienceId, next),
    onSuccess: (saved) => {
      queries.setQueryData(policyQuery(audienceId).queryKey, saved);
      notify.done(t('insight.policy.saved'));
    },
  });
  const mayWrite = may('audiences.write');
  return (
    <Form layout="vertical" disabled={!mayWrite} onFinish={() => save.mutate()}>
      <Form.Item label={t('insight.policy.mode')}>
        <Radio.Group
          value={policy.mode}
          onChange={(event) => {
            const mode: Mode | undefined = MODES.find((one) => one === event.target.value);
            if (mode) change({ mode });
          }}
        >
          <div className="stack gap-s">
            {MODES.map((mode) => (
              <Radio key={mode} value={mode}>
                {t(`insight.policy.${mode}`)}
                <div className="faint" style={{ fontSize: 13 }}>
                  {t(`insight.policy.${mode}Hint`)}
                </div>
              </Radio>
            ))}
          </div>
        </Radio.Group>
      </Form.Item>
      {policy.mode === 'schedule' ? (
        <>
          <Form.Item label={t('insight.policy.when')}>
            <Select<Schedule>
              aria-label={t('insight.policy.when')}
              value={schedule}
              options={OPTIONS.map((one) => ({ value: one, label: t(`insight.policy.${one}`) }))}
              onChange={(one) => {
                setSchedule(one);
                if (one !== 'custom') change({ cron: SCHEDULES[one] });
              }}
            />
          </Form.Item>
          {schedule === 'custom' ? (
            <Form.Item label={t('insight.policy.cron')}>
              <Input
                aria-label={t('insight.policy.cron')}
                style={{ fontFamily: 'var(--mono)' }}
                value={policy.cron ?? ''}
                onChange={(event) => change({ cron: event.target.value })}
              />
            </Form.Item>
          ) : null}
          <Form.Item label={t('insight.policy.timeZone')}>
            <Select<string>
              aria-label={t('insight.policy.timeZone')}
              value={policy.timeZone ?? 'Asia/Shanghai'}
              options={[...new Set([...ZONES, ...(policy.timeZone ? [policy.timeZone] : [])])].map(
                (zone) => ({
                  value: zone,
                  label: zone,
                }),
              )}
              onChange={(timeZone) => change({ timeZone })}
            />
          </Form.Item>
          <Form.Item>
            <Checkbox
              checked={policy.businessDays === true}
              onChange={(event) => change({ businessDays: event.target.checked })}
            >
              {t('insight.policy.businessDays')}
            </Checkbox>
          </Form.Item>
        </>
      ) : null}
      {policy.mode === 'frozen' ? null : (
        <Form.Item label={t('insight.policy.alerts')}>
          <div className="stack gap-s">
            {SHARES.map((one) => (
              <div key={one} className="row between gap-s">
                <span>{t(`insight.policy.${one}`)}</span>
                <InputNumber<number>
                  min={0}
                  max={one === 'decline' ? 100 : 100_000}
                  suffix="%"
                  style={{ width: 120 }}
                  aria-label={t(`insight.policy.${one}`)}
                  value={percentOf(policy.alert?.[one])}
                  onChange={(value) =>
                    change({ alert: { ...policy.alert, [one]: value === null ? undefined : value / 100 } })
                  }
                />
              </div>
            ))}
            <div className="row between gap-s">
              <span>{t('insight.policy.below')}</span>
              <InputNumber<number>
                min={0}
                precision={0}
                style={{ width: 120 }}
                aria-label={t('insight.policy.below')}
                value={policy.alert?.below ?? null}
                onChange={(value) => change({ alert: { ...policy.alert, below: value ?? undefined } })}
              />
            </div>
          </div>
        </Form.Item>
      )}
      <div className="stack gap-m">
        <Facts
          items={[
            result.nextAt
              ? { term: t('insight.policy.next'), value: <When at={result.nextAt} /> }
              : undefined,
            {
              term: t('insight.policy.last'),
              value: result.lastAt ? (
                <>
                  <When at={result.lastAt} /> · <Num value={result.lastSize} />
                </>
              ) : undefined,
            },
          ]}
        />
        {save.error ? <ProblemView error={save.error} /> : null}
        {mayWrite ? (
          <Button
            block
            type="primary"
            htmlType="submit"
            loading={save.isPending}
            disabled={JSON.stringify(next) === JSON.stringify(tidyPolicy(result.policy))}
          >
            {t('insight.policy.save')}
          </Button>
        ) : null}
      </div>
    </Form>
  );
}

const percentOf = (share: number | undefined): number | null =>
  share === undefined ? null : Math.round(share * 10_000) / 100;
