import type { TagQuality, TagQualityPoint, TagView } from '@rapport/tags/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { changeTagQuality, tagQualityQuery } from '../../api/tags.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { BarsChart, TrendChart } from '../../ui/charts.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Ago, Figure, Num, Percent, useFormats, When } from '../../ui/figures.tsx';
import { Alert, Button, InputNumber, Modal } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';
import { VerdictBadge } from './badges.tsx';
import { useValueText } from './value-text.ts';

/** Coverage, drift and freshness of a tag over its refreshes. */
export function QualityTab({ tag }: { readonly tag: TagView }) {
  const quality = useQuery(tagQualityQuery(tag.id));
  return <Answer query={quality}>{(data) => <Quality tag={tag} quality={data} />}</Answer>;
}

function Quality({ tag, quality }: { readonly tag: TagView; readonly quality: TagQuality }) {
  const t = useText();
  const localized = useLocalized();
  const formats = useFormats();
  const [editing, setEditing] = useState(false);
  const may = useMay();
  const accept = useQualityChange(tag.id);
  const latest = quality.history[0];
  if (!latest)
    return (
      <Panel>
        <Nothing title={t('tags.neverRefreshed')} />
      </Panel>
    );
  const oldest = quality.history.toReversed();
  const days = oldest.map(({ at }) => at);
  const series = (read: (point: TagQualityPoint) => number | undefined): (number | undefined)[] =>
    oldest.map((point) => read(point));
  return (
    <div className="stack gap-m">
      <Panel
        title={t('market.quality')}
        actions={
          may('tags.write') ? (
            <>
              <Button onClick={() => setEditing(true)}>{t('market.q.thresholds')}</Button>
              <Button
                loading={accept.isPending}
                disabled={quality.baseline?.refreshId === latest.refreshId}
                onClick={() => accept.mutate({ baseline: latest.refreshId })}
              >
                {t('market.q.accept')}
              </Button>
            </>
          ) : null
        }
      >
        <div className="stack gap-m">
          <div className="grid" style={cells(140)}>
            <Figure
              label={t('market.quality')}
              value={<VerdictBadge verdict={quality.verdict} />}
              note={quality.alerts ? t('market.q.alertsOn') : t('market.q.alertsOff')}
            />
            <Figure label={t('tags.coverage')} value={<Percent ratio={latest.coverage} />} />
            <Figure
              label={t('market.q.psiBefore')}
              value={<Num value={rounded(latest.psiBefore)} />}
              note={t('market.q.psiNote', {
                warn: quality.thresholds.driftWarn,
                bad: quality.thresholds.driftBad,
              })}
            />
            <Figure
              label={t('market.q.psiBaseline')}
              value={<Num value={rounded(latest.psiBaseline)} />}
              note={
                quality.baseline ? (
                  <>
                    {quality.baseline.isChosen ? t('market.q.chosen') : t('market.q.first')}{' '}
                    <Ago at={quality.baseline.at} />
                  </>
                ) : undefined
              }
            />
            <Figure
              label={t('market.q.age')}
              value={<Ago at={latest.at} />}
              note={t('market.q.ageNote', { hours: quality.thresholds.maxAgeHours })}
            />
          </div>
          {quality.findings.length === 0 ? (
            <Alert type="success" showIcon title={t('market.q.nothingOff')} />
          ) : (
            quality.findings.map((finding) => (
              <Alert
                key={`${finding.check} ${finding.against ?? ''}`}
                showIcon
                type={finding.severity === 'bad' ? 'error' : 'warning'}
                title={localized(finding.message)}
              />
            ))
          )}
        </div>
      </Panel>
      {quality.bins.length > 0 ? <DriftPanel tag={tag} quality={quality} /> : null}
      {quality.history.length > 1 ? (
        <div className="grid" style={cells(320)}>
          <Panel title={t('tags.coverage')}>
            <TrendChart
              label={t('tags.coverage')}
              days={days}
              series={[{ name: t('tags.coverage'), values: series(({ coverage }) => coverage) }]}
              format={(value) => formats.percent(value)}
              height={190}
              area
            />
          </Panel>
          <Panel title={t('market.q.psi')}>
            <TrendChart
              label={t('market.q.psi')}
              days={days}
              series={[
                { name: t('market.q.psiBaseline'), values: series(({ psiBaseline }) => psiBaseline) },
                { name: t('market.q.psiBefore'), values: series(({ psiBefore }) => psiBefore) },
              ]}
              format={(value) => formats.number(value, { maximumFractionDigits: 3 })}
              height={190}
            />
          </Panel>
        </div>
      ) : null}
      <History tag={tag} quality={quality} />
      {editing ? <ThresholdsModal tag={tag} quality={quality} onClose={() => setEditing(false)} /> : null}
    </div>
  );
}

const rounded = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : Math.round(value * 1000) / 1000;

/** Where the spread differs from the baseline. */
function DriftPanel({ tag, quality }: { readonly tag: TagView; readonly quality: TagQuality }) {
  const t = useText();
  const formats = useFormats();
  const write = useValueText(tag);
  const nameOf = (bin: TagQuality['bins'][number]): string => {
    if (bin.value !== undefined) return write.value(bin.value);
    if (bin.from === undefined && bin.to === undefined) return t('market.q.others');
    if (bin.from === undefined) return `≤ ${write.number(bin.to ?? 0)}`;
    if (bin.to === undefined) return `> ${write.number(bin.from)}`;
    return `${write.number(bin.from)} – ${write.number(bin.to)}`;
  };
  return (
    <Panel title={t('market.q.spread')} note={t('market.q.spreadNote')}>
      <BarsChart
        label={t('market.q.spread')}
        categories={quality.bins.map(nameOf)}
        series={[
          { name: t('market.q.baseline'), values: quality.bins.map(({ before }) => before) },
          { name: t('market.q.now'), values: quality.bins.map(({ now }) => now) },
        ]}
        format={(value) => formats.percent(value)}
        height={260}
      />
    </Panel>
  );
}

function History({ tag, quality }: { readonly tag: TagView; readonly quality: TagQuality }) {
  const t = useText();
  const localized = useLocalized();
  const write = useValueText(tag);
  const may = useMay();
  const change = useQualityChange(tag.id);
  return (
    <Panel flush title={t('market.q.history')}>
      <DataTable<TagQualityPoint>
        label={t('market.q.history')}
        rows={quality.history}
        rowKey={(point) => point.refreshId}
        pageSize={15}
        columns={[
          { title: t('tags.refreshed'), render: (_, point) => <When at={point.at} /> },
          { title: t('market.quality'), render: (_, point) => <VerdictBadge verdict={point.verdict} /> },
          {
            title: t('tags.coverage'),
            align: 'right',
            render: (_, point) => <Percent ratio={point.coverage} />,
          },
          { title: t('tags.distinct'), align: 'right', render: (_, point) => <Num value={point.distinct} /> },
          {
            title: t('tags.quantile.median'),
            align: 'right',
            render: (_, point) => (point.median === undefined ? '—' : write.number(point.median)),
          },
          {
            title: t('market.q.psiBefore'),
            align: 'right',
            render: (_, point) => <Num value={rounded(point.psiBefore)} />,
          },
          {
            title: t('market.q.psiBaseline'),
            align: 'right',
            render: (_, point) => <Num value={rounded(point.psiBaseline)} />,
          },
          {
            title: t('market.q.findings'),
            render: (_, point) => (
              <span className="faint">
                {point.findings.map(({ message }) => localized(message)).join(' ')}
              </span>
            ),
          },
          {
            title: t('common.version'),
            align: 'right',
            render: (_, point) => <Num value={point.definitionVersion} />,
          },
          {
            title: '',
            render: (_, point) =>
              quality.baseline?.refreshId === point.refreshId ? (
                <span className="faint">{t('market.q.baseline')}</span>
              ) : may('tags.write') ? (
                <Button size="small" type="text" onClick={() => change.mutate({ baseline: point.refreshId })}>
                  {t('market.q.makeBaseline')}
                </Button>
              ) : null,
          },
        ]}
      />
    </Panel>
  );
}

function useQualityChange(tagId: string) {
  const t = useText();
  const notify = useNotify();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Parameters<typeof changeTagQuality>[1]) => changeTagQuality(tagId, body),
    onSuccess: async (next) => {
      queries.setQueryData(tagQualityQuery(tagId).queryKey, next);
      notify.done(t('common.saved'));
      await queries.invalidateQueries({ queryKey: ['tags', 'list'] });
    },
    onError: notify.problem,
  });
}

const FIELDS = [
  { name: 'minCoverage', percent: true },
  { name: 'coverageChange', percent: true },
  { name: 'driftWarn', percent: false },
  { name: 'driftBad', percent: false },
  { name: 'unlisted', percent: true },
  { name: 'maxAgeHours', percent: false },
] as const;

function ThresholdsModal({
  tag,
  quality,
  onClose,
}: {
  readonly tag: TagView;
  readonly quality: TagQuality;
  readonly onClose: () => void;
}) {
  const t = useText();
  const [own, setOwn] = useState(quality.own);
  const change = useQualityChange(tag.id);
  return (
    <Modal
      open
      title={t('market.q.thresholds')}
      okText={t('common.save')}
      cancelText={t('common.cancel')}
      confirmLoading={change.isPending}
      onCancel={onClose}
      onOk={() => change.mutate({ thresholds: own }, { onSuccess: onClose })}
    >
      <div className="stack gap-m">
        <p className="faint">{t('market.q.thresholdsHint')}</p>
        {FIELDS.map(({ name, percent }) => {
          const scale = percent ? 100 : 1;
          const value = own[name];
          return (
            <div key={name} className="row between gap-m">
              <span>{t(`market.q.threshold.${name}`)}</span>
              <InputNumber
                aria-label={t(`market.q.threshold.${name}`)}
                min={0}
                style={{ width: 150 }}
                suffix={percent ? '%' : undefined}
                placeholder={String(quality.thresholds[name] * scale)}
                value={value === undefined ? null : value * scale}
                onChange={(next) => {
                  const { [name]: _, ...rest } = own;
                  setOwn(next === null ? rest : { ...rest, [name]: Number(next) / scale });
                }}
              />
            </div>
          );
        })}
        {change.error ? <ProblemView error={change.error} /> : null}
      </div>
    </Modal>
  );
}
