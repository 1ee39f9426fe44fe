import type { CampaignSchedule } from '@rapport/campaigns/contract';
import { useQuery } from '@tanstack/react-query';
import { contactPolicyQuery, providersQuery } from '../../../api/channels.queries.ts';
import { useText } from '../../../i18n/i18n.ts';
import { useMay } from '../../../shell/session.ts';
import { InstantField } from '../../../ui/date-fields.tsx';
import { Form, Input, Radio, Segmented, Select, Switch } from '../../../ui/kit.ts';
import { side } from '../../../ui/metrics.ts';
import { Panel } from '../../../ui/page.tsx';
import { Answer } from '../../../ui/states.tsx';
import { formatRule } from '../rule-text.ts';
import type { StepProps } from './step-props.ts';

type Start = 'manual' | 'now' | 'at';

const startOf = (schedule: CampaignSchedule | undefined): Start =>
  schedule?.startAt === undefined ? 'manual' : schedule.startAt === 'now' ? 'now' : 'at';

/** 渠道選擇與投放: by which channel and provider, and when. */
export function ChannelStep({ draft, change }: StepProps) {
  const t = useText();
  const may = useMay();
  const providers = useQuery({ ...providersQuery, enabled: may('channels.read') });
  const policy = useQuery({ ...contactPolicyQuery, enabled: may('contact_policy.read') });
  const { schedule } = draft;
  const setSchedule = (next: CampaignSchedule): void =>
    change({ schedule: next.startAt === undefined && next.window === undefined ? undefined : next });
  const window = schedule?.window;
  return (
    <div className="split" style={side(360)}>
      <Panel title={t('campaigns.delivery.title')}>
        <Form layout="vertical" component="div">
          <Form.Item label={t('campaigns.channel')}>
            <Segmented<'email' | 'sms'>
              value={draft.channel ?? 'email'}
              onChange={(channel) => change({ channel, providerId: undefined })}
              options={(['email', 'sms'] as const).map((one) => ({
                value: one,
                label: t(`common.channel.${one}`),
              }))}
            />
          </Form.Item>
          <Form.Item label={t('campaigns.delivery.provider')} htmlFor="provider">
            <Select<string>
              allowClear
              id="provider"
              style={{ maxWidth: 380 }}
              placeholder={t('campaigns.delivery.defaultProvider')}
              value={draft.providerId}
              options={(providers.data?.items ?? [])
                .filter((one) => one.channel === (draft.channel ?? 'email') && one.enabled)
                .map((one) => ({ value: one.id, label: one.name }))}
              onChange={(providerId) => change({ providerId })}
            />
          </Form.Item>
          <Form.Item label={t('campaigns.delivery.start')}>
            <Radio.Group
              value={startOf(schedule)}
              onChange={(event) => {
                const start: Start = event.target.value;
                const { startAt: _old, ...rest } = schedule ?? {};
                setSchedule(
                  start === 'manual'
                    ? rest
                    : {
                        ...rest,
                        startAt: start === 'now' ? 'now' : new Date(Date.now() + 3_600_000).toISOString(),
                      },
                );
              }}
              options={[
                { value: 'manual', label: t('campaigns.delivery.manual') },
                { value: 'now', label: t('campaigns.delivery.now') },
                { value: 'at', label: t('campaigns.delivery.at') },
              ]}
            />
          </Form.Item>
          {startOf(schedule) === 'at' ? (
            <Form.Item label={t('campaigns.delivery.startAt')}>
              <InstantField
                label={t('campaigns.delivery.startAt')}
                value={schedule?.startAt}
                onChange={(startAt) => setSchedule({ ...schedule, startAt })}
              />
            </Form.Item>
          ) : null}
          <Form.Item label={t('campaigns.delivery.window')}>
            <div className="row gap-s">
              <Switch
                checked={window !== undefined}
                aria-label={t('campaigns.delivery.window')}
                onChange={(on) => {
                  const { window: _old, ...rest } = schedule ?? {};
                  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
                  setSchedule(on ? { ...rest, window: { from: '09:00', to: '20:00', zone } } : rest);
                }}
              />
              {window ? (
                <>
                  <Input
                    type="time"
                    style={{ width: 130 }}
                    aria-label={t('campaigns.delivery.windowFrom')}
                    value={window.from}
                    onChange={(event) =>
                      setSchedule({ ...schedule, window: { ...window, from: event.target.value } })
                    }
                  />
                  <span aria-hidden="true">–</span>
                  <Input
                    type="time"
                    style={{ width: 130 }}
                    aria-label={t('campaigns.delivery.windowTo')}
                    value={window.to}
                    onChange={(event) =>
                      setSchedule({ ...schedule, window: { ...window, to: event.target.value } })
                    }
                  />
                  <Input
                    style={{ width: 180 }}
                    aria-label={t('governance.policy.zone')}
                    value={window.zone}
                    onChange={(event) =>
                      setSchedule({ ...schedule, window: { ...window, zone: event.target.value } })
                    }
                  />
                </>
              ) : (
                <span className="faint">{t('campaigns.delivery.anyTime')}</span>
              )}
            </div>
          </Form.Item>
        </Form>
      </Panel>
      <Panel title={t('governance.policy.title')} note={t('campaigns.delivery.policyNote')}>
        <Answer query={policy} rows={2}>
          {(rules) => (
            <ul className="list-plain list-rows">
              {rules.rules.map((rule) => (
                <li key={rule.id}>{formatRule(rule, t)}</li>
              ))}
              {rules.quietHours ? (
                <li>
                  {t('governance.policy.quiet')}: {rules.quietHours.from}–{rules.quietHours.to} (
                  {rules.quietHours.zone})
                </li>
              ) : null}
              <li>
                {t(rules.consentModel === 'opt_in' ? 'governance.policy.optIn' : 'governance.policy.optOut')}
              </li>
            </ul>
          )}
        </Answer>
      </Panel>
    </div>
  );
}
