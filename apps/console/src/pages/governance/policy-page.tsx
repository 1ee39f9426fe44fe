import type { ContactPolicy, ContactPolicyChange, ContactRule } from '@rapport/decisions/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { contactPolicyQuery, saveContactPolicy } from '../../api/channels.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { When } from '../../ui/figures.tsx';
import { AddIcon, RemoveIcon } from '../../ui/icons.ts';
import { Button, Input, InputNumber, Radio, Select, Switch } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';
import { formatWindow, parseWindow } from './rule-window.ts';

export function PolicyPage() {
  const t = useText();
  const policy = useQuery(contactPolicyQuery);
  return (
    <Page title={t('governance.policy.title')} intro={t('governance.policy.intro')}>
      <Answer query={policy}>{(data) => <PolicyForm key={data.version} policy={data} />}</Answer>
    </Page>
  );
}

const CHANNELS = ['any', 'email', 'sms'] as const;

function PolicyForm({ policy }: { readonly policy: ContactPolicy }) {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const queries = useQueryClient();
  const readOnly = !may('contact_policy.write');
  const [draft, setDraft] = useState<ContactPolicyChange>({
    rules: policy.rules,
    consentModel: policy.consentModel,
    ...(policy.quietHours ? { quietHours: policy.quietHours } : {}),
  });
  const save = useMutation({
    mutationFn: () => saveContactPolicy({ ...draft, version: policy.version }),
    onSuccess: (saved) => {
      queries.setQueryData(contactPolicyQuery.queryKey, saved);
      notify.done(t('common.saved'));
    },
  });
  const setRule = (index: number, rule: ContactRule): void =>
    setDraft({ ...draft, rules: draft.rules.map((old, at) => (at === index ? rule : old)) });
  const quiet = draft.quietHours;
  return (
    <div className="stack gap-l">
      <Panel
        title={t('governance.policy.caps')}
        note={t('governance.policy.capsNote')}
        actions={
          readOnly ? null : (
            <Button
              icon={<AddIcon />}
              onClick={() =>
                setDraft({
                  ...draft,
                  rules: [
                    ...draft.rules,
                    {
                      id: `rule_${draft.rules.length + 1}`,
                      channel: 'any',
                      max: 3,
                      window: 'P7D',
                      purpose: 'marketing',
                    },
                  ],
                })
              }
            >
              {t('governance.policy.addRule')}
            </Button>
          )
        }
      >
        {draft.rules.length === 0 ? <Nothing title={t('governance.policy.noRules')} /> : null}
        <ul className="list-plain list-rows">
          {draft.rules.map((rule, index) => {
            const window = parseWindow(rule.window);
            return (
              // Rules are edited in place; an id being typed is no stable key.
              // biome-ignore lint/suspicious/noArrayIndexKey: position is the identity while editing
              <li key={index} className="row gap-s">
                <Input
                  style={{ width: 160 }}
                  disabled={readOnly}
                  aria-label={t('governance.policy.ruleName')}
                  value={rule.id}
                  onChange={(event) => setRule(index, { ...rule, id: event.target.value })}
                />
                <span>{t('governance.policy.atMost')}</span>
                <InputNumber
                  min={0}
                  max={1000}
                  style={{ width: 80 }}
                  disabled={readOnly}
                  aria-label={t('governance.policy.max')}
                  value={rule.max}
                  onChange={(max) => setRule(index, { ...rule, max: max ?? 0 })}
                />
                <Select<ContactRule['channel']>
                  style={{ width: 150 }}
                  disabled={readOnly}
                  aria-label={t('governance.policy.channel')}
                  value={rule.channel}
                  options={CHANNELS.map((channel) => ({
                    value: channel,
                    label: t(`common.channel.${channel}`),
                  }))}
                  onChange={(channel) => setRule(index, { ...rule, channel })}
                />
                <span>{t('governance.policy.inEvery')}</span>
                <InputNumber
                  min={1}
                  style={{ width: 80 }}
                  disabled={readOnly}
                  aria-label={t('governance.policy.window')}
                  value={window.size}
                  onChange={(size) =>
                    setRule(index, { ...rule, window: formatWindow({ ...window, size: size ?? 1 }) })
                  }
                />
                <Select<'days' | 'hours'>
                  style={{ width: 110 }}
                  disabled={readOnly}
                  aria-label={t('governance.policy.unit')}
                  value={window.unit}
                  options={[
                    { value: 'days', label: t('governance.policy.days') },
                    { value: 'hours', label: t('governance.policy.hours') },
                  ]}
                  onChange={(unit) => setRule(index, { ...rule, window: formatWindow({ ...window, unit }) })}
                />
                {readOnly ? null : (
                  <Button
                    type="text"
                    icon={<RemoveIcon />}
                    aria-label={t('governance.policy.removeRule', { name: rule.id })}
                    onClick={() => setDraft({ ...draft, rules: draft.rules.filter((_, at) => at !== index) })}
                  />
                )}
              </li>
            );
          })}
        </ul>
      </Panel>
      <Panel title={t('governance.policy.quiet')} note={t('governance.policy.quietNote')}>
        <div className="row gap-m">
          <Switch
            disabled={readOnly}
            checked={quiet !== undefined}
            aria-label={t('governance.policy.quiet')}
            onChange={(on) => {
              const { quietHours: _dropped, ...rest } = draft;
              setDraft(
                on
                  ? {
                      ...rest,
                      quietHours: {
                        from: '21:00',
                        to: '08:00',
                        zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
                      },
                    }
                  : rest,
              );
            }}
          />
          {quiet ? (
            <>
              <Input
                type="time"
                style={{ width: 130 }}
                disabled={readOnly}
                aria-label={t('governance.policy.quietFrom')}
                value={quiet.from}
                onChange={(event) =>
                  setDraft({ ...draft, quietHours: { ...quiet, from: event.target.value } })
                }
              />
              <span aria-hidden="true">–</span>
              <Input
                type="time"
                style={{ width: 130 }}
                disabled={readOnly}
                aria-label={t('governance.policy.quietTo')}
                value={quiet.to}
                onChange={(event) => setDraft({ ...draft, quietHours: { ...quiet, to: event.target.value } })}
              />
              <Input
                style={{ width: 180 }}
                disabled={readOnly}
                aria-label={t('governance.policy.zone')}
                value={quiet.zone}
                onChange={(event) =>
                  setDraft({ ...draft, quietHours: { ...quiet, zone: event.target.value } })
                }
              />
            </>
          ) : (
            <span className="soft">{t('governance.policy.noQuiet')}</span>
          )}
        </div>
      </Panel>
      <Panel title={t('governance.policy.consent')}>
        <Radio.Group
          disabled={readOnly}
          value={draft.consentModel}
          onChange={(event) => setDraft({ ...draft, consentModel: event.target.value })}
          options={[
            { value: 'opt_in', label: t('governance.policy.optIn') },
            { value: 'opt_out', label: t('governance.policy.optOut') },
          ]}
        />
      </Panel>
      {save.error ? <ProblemView error={save.error} /> : null}
      <div className="row gap-m">
        {readOnly ? null : (
          <Button type="primary" loading={save.isPending} onClick={() => save.mutate()}>
            {t('common.save')}
          </Button>
        )}
        <span className="faint">
          {t('governance.policy.version', { version: policy.version })}
          {new Date(policy.changedAt).getTime() > 0 ? (
            <>
              {' '}
              · <When at={policy.changedAt} />
            </>
          ) : null}
        </span>
      </div>
    </div>
  );
}
