import type { CampaignKpi } from '@rapport/campaigns/contract';
import type { Condition } from '@rapport/conditions';
import { useQuery } from '@tanstack/react-query';
import { countQuery, vocabularyQuery } from '../../../api/audiences.queries.ts';
import { DurationField } from '../../../builder/duration-field.tsx';
import { PropertyFilter } from '../../../builder/property-filter.tsx';
import { eventOf } from '../../../builder/vocabulary.ts';
import { useText } from '../../../i18n/i18n.ts';
import { useWords } from '../../../i18n/words.ts';
import { Figure, Num, Percent } from '../../../ui/figures.tsx';
import { Form, Input, Select } from '../../../ui/kit.ts';
import { cells, side } from '../../../ui/metrics.ts';
import { Panel } from '../../../ui/page.tsx';
import { Answer, Nothing } from '../../../ui/states.tsx';
import type { StepProps } from './step-props.ts';

const OBJECTIVES = [
  'acquisition',
  'activation',
  'cross_sell',
  'retention',
  'win_back',
  'aum_growth',
  'service',
] as const;

/** 用戶分析: what is to be achieved, and how success is seen. */
export function AnalysisStep({ draft, change }: StepProps) {
  const t = useText();
  const words = useWords();
  const vocabulary = useQuery(vocabularyQuery);
  const { goal, kpi } = draft;
  const event = vocabulary.data && kpi ? eventOf(vocabulary.data, kpi.event) : undefined;
  return (
    <div className="split" style={side(360)}>
      <Panel title={t('campaigns.analysis.title')}>
        <Form layout="vertical" component="div">
          <Form.Item label={t('campaigns.analysis.goal')} htmlFor="goal-text">
            <Input.TextArea
              id="goal-text"
              rows={2}
              placeholder={t('campaigns.analysis.goalHint')}
              value={goal?.text ?? ''}
              onChange={(typed) =>
                change({
                  goal: typed.target.value
                    ? { objective: goal?.objective ?? 'cross_sell', text: typed.target.value }
                    : undefined,
                })
              }
            />
          </Form.Item>
          <div className="grid" style={cells(220)}>
            <Form.Item label={t('campaigns.objective')} htmlFor="objective">
              <Select
                id="objective"
                value={goal?.objective}
                disabled={!goal}
                options={OBJECTIVES.map((one) => ({ value: one, label: t(`campaigns.objectives.${one}`) }))}
                onChange={(objective) => change({ goal: { text: goal?.text ?? '', objective } })}
              />
            </Form.Item>
            <Form.Item label={t('campaigns.purpose')} htmlFor="purpose">
              <Select
                id="purpose"
                value={draft.purpose ?? 'marketing'}
                options={(['marketing', 'service'] as const).map((one) => ({
                  value: one,
                  label: t(`common.purpose.${one}`),
                }))}
                onChange={(purpose) => change({ purpose })}
              />
            </Form.Item>
            <Form.Item label={t('campaigns.analysis.kpi')} htmlFor="kpi-event">
              <Select<string>
                id="kpi-event"
                showSearch={{ optionFilterProp: 'label' }}
                placeholder={t('builder.chooseEvent')}
                value={kpi?.event}
                loading={vocabulary.isPending}
                options={vocabulary.data?.events.map((one) => ({
                  value: one.name,
                  label: words.event(one.name, one.title),
                }))}
                onChange={(name) => change({ kpi: { event: name, within: kpi?.within ?? 'P14D' } })}
              />
            </Form.Item>
            {kpi ? (
              <Form.Item label={t('campaigns.analysis.window')}>
                <DurationField
                  label={t('campaigns.analysis.window')}
                  value={kpi.within}
                  onChange={(within) => change({ kpi: { ...kpi, within: within ?? 'P14D' } })}
                />
              </Form.Item>
            ) : null}
          </div>
          {kpi && event && vocabulary.data ? (
            <PropertyFilter
              vocabulary={vocabulary.data}
              event={event}
              where={kpi.where}
              onChange={(where) => change({ kpi: { ...kpi, where } })}
            />
          ) : null}
        </Form>
      </Panel>
      <Panel title={t('campaigns.analysis.today')} note={t('campaigns.analysis.todayNote')}>
        {kpi ? <WhoDoesItAnyway kpi={kpi} /> : <Nothing title={t('campaigns.analysis.chooseKpi')} />}
      </Panel>
    </div>
  );
}

/** How many customers did the KPI event in the last window of the same length, without any campaign. */
function WhoDoesItAnyway({ kpi }: { readonly kpi: CampaignKpi }) {
  const t = useText();
  const condition: Condition = {
    event: kpi.event,
    within: kpi.within,
    op: '>=',
    value: 1,
    ...(kpi.where ? { where: kpi.where } : {}),
  };
  const count = useQuery(countQuery(condition));
  return (
    <Answer query={count} rows={2}>
      {(result) => (
        <Figure
          label={t('campaigns.analysis.didIt')}
          value={<Num value={result.count} />}
          note={
            <>
              <Percent ratio={result.total === 0 ? 0 : result.count / result.total} digits={2} />{' '}
              {t('campaigns.analysis.ofAll')}
            </>
          }
        />
      )}
    </Answer>
  );
}
