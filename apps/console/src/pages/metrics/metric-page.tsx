import type { MetricCheck, MetricValue, MetricValues, MetricView } from '@rapport/metrics/contract';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import {
  checkMetric,
  metricQuery,
  metricTrendQuery,
  metricValuesQuery,
  metricVersionsQuery,
} from '../../api/metrics.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { TrendChart } from '../../ui/charts.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Facts, Figure, Meter, Num, useFormats, When } from '../../ui/figures.tsx';
import { Button, Segmented } from '../../ui/kit.ts';
import { side } from '../../ui/metrics.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, ProblemView } from '../../ui/states.tsx';
import { MetricNumber } from './metric-number.tsx';

export function MetricPage() {
  const t = useText();
  const localized = useLocalized();
  const { metricId } = useParams({ from: '/signed-in/insights/metrics/$metricId' });
  const metric = useQuery(metricQuery(metricId));
  const title = metric.data ? localized(metric.data.definition.title) : metricId;
  return (
    <Page
      title={title}
      intro={metric.data?.definition.description}
      crumbs={[{ label: t('metrics.title'), to: '/insights/metrics' }]}
    >
      <Answer query={metric} rows={10}>
        {(data) => (
          <div className="split" style={side(360)}>
            <div className="stack gap-m">
              <TrendPanel metric={data} />
              <PlacesPanel metric={data} />
            </div>
            <DefinitionPanel metric={data} />
          </div>
        )}
      </Answer>
    </Page>
  );
}

function TrendPanel({ metric }: { readonly metric: MetricView }) {
  const t = useText();
  const formats = useFormats();
  const { definition, latest } = metric;
  const trend = useQuery(metricTrendQuery(definition.id));
  const write = (value: number): string =>
    definition.format === 'money'
      ? formats.money(value, definition.unit ?? 'XXX', { compact: true })
      : definition.format === 'share'
        ? formats.percent(value, 1)
        : formats.compact(value);
  return (
    <Panel title={t('metrics.trend')}>
      <Figure
        label={latest ? t('metrics.asOf', { day: formats.day(latest.day) }) : t('metrics.noValue')}
        value={<MetricNumber definition={definition} value={latest?.value} />}
        note={latest ? t('metrics.known', { count: formats.number(latest.customers) }) : undefined}
      />
      <Answer query={trend} rows={5}>
        {({ items }) =>
          items.length > 1 ? (
            <TrendChart
              label={t('metrics.trend')}
              days={items.map((item) => item.day)}
              series={[{ name: t('metrics.value'), values: items.map((item) => item.value) }]}
              format={write}
              area
            />
          ) : (
            <p className="faint">{t('metrics.trendEmpty')}</p>
          )
        }
      </Answer>
    </Panel>
  );
}

function PlacesPanel({ metric }: { readonly metric: MetricView }) {
  const t = useText();
  const [grain, setGrain] = useState<'org_unit' | 'rm'>('org_unit');
  const values = useQuery(metricValuesQuery(metric.definition.id, grain));
  return (
    <Panel
      title={t('metrics.byGrain')}
      actions={
        <Segmented<'org_unit' | 'rm'>
          value={grain}
          onChange={setGrain}
          options={[
            { value: 'org_unit', label: t('metrics.grain.org_unit') },
            { value: 'rm', label: t('metrics.grain.rm') },
          ]}
        />
      }
    >
      <Answer query={values} rows={8}>
        {(data) => <Places metric={metric} values={data} />}
      </Answer>
    </Panel>
  );
}

function Places({ metric, values }: { readonly metric: MetricView; readonly values: MetricValues }) {
  const t = useText();
  const formats = useFormats();
  const { definition } = metric;
  const share = (item: MetricValue): number =>
    values.isAdditive && values.total !== undefined && values.total !== 0
      ? (item.value ?? 0) / values.total
      : 0;
  const total =
    definition.format === 'money'
      ? formats.money(values.total ?? 0, definition.unit ?? 'XXX')
      : formats.number(values.total ?? 0);
  return (
    <>
      <DataTable<MetricValue>
        label={t('metrics.byGrain')}
        rows={values.items}
        rowKey={(item) => item.key}
        columns={[
          {
            title: t('metrics.place'),
            render: (_, item) => (
              <span style={{ paddingInlineStart: ((item.depth ?? 1) - 1) * 20 }}>
                {item.key === '' ? <span className="faint">{t('metrics.none')}</span> : item.title}
              </span>
            ),
          },
          {
            title: t('metrics.value'),
            align: 'right',
            render: (_, item) => <MetricNumber definition={definition} value={item.value} />,
          },
          {
            title: t('metrics.customers'),
            align: 'right',
            render: (_, item) => <Num value={item.customers} />,
          },
          ...(values.isAdditive
            ? [
                {
                  title: t('metrics.shareOfTotal'),
                  width: 140,
                  render: (_: unknown, item: MetricValue) => (
                    <Meter share={share(item)} label={formats.percent(share(item), 1)} />
                  ),
                },
              ]
            : []),
        ]}
      />
      <p className="faint">{values.isAdditive ? t('metrics.adds', { total }) : t('metrics.addsNot')}</p>
    </>
  );
}

function DefinitionPanel({ metric }: { readonly metric: MetricView }) {
  const t = useText();
  const may = useMay();
  const { definition, latest } = metric;
  const versions = useQuery(metricVersionsQuery(definition.id));
  const check = useMutation({ mutationFn: (day: string) => checkMetric(definition.id, day) });
  const { measure } = definition;
  const calculation =
    measure.kind === 'sum'
      ? t('metrics.sumOf', { tag: measure.tag })
      : measure.kind === 'average'
        ? t('metrics.averageOf', { tag: measure.tag })
        : measure.kind === 'customers'
          ? t('metrics.countOf')
          : t('metrics.ratioOf', { numerator: measure.numerator, denominator: measure.denominator });
  return (
    <Panel title={t('metrics.definition')}>
      <div className="stack gap-m">
        <Facts
          items={[
            { term: t('metrics.measure'), value: calculation },
            { term: t('metrics.owner'), value: definition.owner },
            metric.usedBy.length > 0
              ? { term: t('metrics.usedBy'), value: metric.usedBy.join(', ') }
              : undefined,
          ]}
        />
        {measure.kind === 'customers' ? <pre>{JSON.stringify(measure.condition, null, 2)}</pre> : null}
        {latest && may('metrics.write') ? (
          <Button loading={check.isPending} onClick={() => check.mutate(latest.day)}>
            {t('metrics.check')}
          </Button>
        ) : null}
        {check.data ? <CheckResult check={check.data} /> : null}
        {check.error ? <ProblemView error={check.error} /> : null}
        <h3 className="panel-title">{t('metrics.versions')}</h3>
        <Answer query={versions} rows={2}>
          {({ items }) => (
            <ul className="list-plain stack gap-xs">
              {items.map((item) => (
                <li key={item.version} className="row between gap-s">
                  <span>{t('metrics.version', { version: item.version })}</span>
                  <When at={item.at} />
                </li>
              ))}
            </ul>
          )}
        </Answer>
      </div>
    </Panel>
  );
}

function CheckResult({ check }: { readonly check: MetricCheck }) {
  const t = useText();
  const formats = useFormats();
  const day = formats.day(check.day);
  return (
    <p role="status">
      {check.agrees
        ? t('metrics.checkAgrees', { day, cells: check.cells })
        : t('metrics.checkDiffers', { day, cells: check.cells, count: check.differing.length })}
    </p>
  );
}
